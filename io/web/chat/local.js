// @ts-check
// `localStorage` that never throws: pages may be forbidden to have one, and it may be full.

/** @returns {Storage | null} */
function find() {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}

export const storage = find();
const OURS = "rookery.";

/** @param {string} key @returns {any} */
export function get(key) {
  try {
    return JSON.parse(storage?.getItem(OURS + key) ?? "null");
  } catch {
    return null;
  }
}

/** @param {string} key @param {unknown} value */
export function set(key, value) {
  try {
    storage?.setItem(OURS + key, JSON.stringify(value));
  } catch {
    // Full: what is kept here is a convenience.
  }
}

/** @param {string} key */
export function remove(key) {
  storage?.removeItem(OURS + key);
}

/** Tells of each key that another tab changes. @param {(key: string) => void} listener */
export function watch(listener) {
  window.addEventListener("storage", ({ key }) => {
    if (key?.startsWith(OURS)) listener(key.slice(OURS.length));
  });
}

/** Forgets what belongs to the user, as at a log-out. */
export function clear() {
  for (const key of Object.keys(storage ?? {})) if (key.startsWith(OURS)) storage?.removeItem(key);
}
