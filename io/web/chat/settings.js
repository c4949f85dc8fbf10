// @ts-check
// The user's settings, which the server keeps, as this page reads them; the theme also in the browser, for the first paint.

/**
 * @typedef {object} Settings
 * @property {"system" | "light" | "dark"} theme
 * @property {Record<string, boolean>} muted By the ids of chats.
 * @property {string[]} reactions The three last used, the latest first.
 */

const FIRST_REACTIONS = ["👍", "🎉", "👀"];

/** @param {any} raw @returns {Settings} */
function read(raw) {
  const usable = Array.isArray(raw?.reactions) ? raw.reactions.filter((/** @type {unknown} */ emoji) => typeof emoji === "string") : [];
  return {
    theme: raw?.theme === "light" || raw?.theme === "dark" ? raw.theme : "system",
    muted: raw?.muted && typeof raw.muted === "object" ? raw.muted : {},
    reactions: [...new Set([...usable, ...FIRST_REACTIONS])].slice(0, 3),
  };
}

/** @param {Settings["theme"]} theme */
function paint(theme) {
  const root = document.documentElement;
  if (theme === "system") delete root.dataset.theme;
  else root.dataset.theme = theme;
  try {
    if (theme === "system") localStorage.removeItem("theme");
    else localStorage.setItem("theme", theme);
  } catch {
    // No storage: the next load begins as the system has it.
  }
  const side = getComputedStyle(root).getPropertyValue("color-scheme") === "dark" ? "#0D1215" : "#EEEBE4";
  for (const meta of document.querySelectorAll("meta[name=theme-color]")) {
    const own = meta.getAttribute("media")?.includes("dark") ? "#0D1215" : "#EEEBE4";
    meta.setAttribute("content", theme === "system" ? own : side);
  }
}

/** Gives the app its `settings` and `change`. @param {import("./main.js").App} app */
export function createSettings(app) {
  const { client } = app;
  const update = (/** @type {object} */ raw) => {
    const before = app.settings.theme;
    app.settings = read(raw);
    if (before !== app.settings.theme && client.me) paint(app.settings.theme);
    window.dispatchEvent(new Event("settings"));
  };
  app.settings = read(client.settings);
  client.on("settings", update);
  app.change = async (patch) => {
    const before = client.settings;
    update(merge(before, patch));
    try {
      await client.changeSettings(patch);
    } catch (problem) {
      update(client.settings);
      throw problem;
    }
  };
}

/** RFC 7396. @param {any} target @param {any} patch @returns {any} */
function merge(target, patch) {
  if (!patch || typeof patch !== "object" || Array.isArray(patch)) return patch;
  const merged = target && typeof target === "object" && !Array.isArray(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = merge(merged[key], value);
  }
  return merged;
}
