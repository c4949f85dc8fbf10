// @ts-check
// Which pane is shown, by the hash: `#` the list, `#c/ID` a chat, `#c/ID/SEQ` a message in it, `#c/ID/members`.

/**
 * @typedef {object} Route
 * @property {string | null} chat
 * @property {number | null} seq
 * @property {boolean} members
 */

const CHAT = /^#c\/([0-9a-f-]{36})(?:\/(?:(\d{1,15})|(members)))?$/i;

/** @param {string} hash @returns {Route} */
export function parse(hash) {
  const [, chat = null, seq, members] = CHAT.exec(hash) ?? [];
  return { chat, seq: seq ? Number(seq) : null, members: members === "members" };
}

/** Gives the app its `route` and `go`; `routed` is dispatched on the window after each change. @param {import("./main.js").App} app */
export function createRouter(app) {
  const update = () => {
    app.route = parse(location.hash);
    window.dispatchEvent(new Event("routed"));
  };
  app.route = parse(location.hash);
  app.go = (hash, { replace = false } = {}) => {
    const next = hash.startsWith("#") ? hash : `#${hash}`;
    if (next === (location.hash || "#")) return;
    history[replace ? "replaceState" : "pushState"](null, "", next === "#" ? location.pathname : next);
    update();
  };
  window.addEventListener("popstate", update);
  window.addEventListener("hashchange", update);
}
