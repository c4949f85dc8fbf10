// @ts-check
// The letter and the colour of a person or a group, and the dot that says whether they are here.

import { h, setText } from "./dom.js";
import { avatarColour, initial } from "./format.js";
import * as words from "./words.js";

/**
 * @param {string} id @param {string} name @param {{ group?: boolean, className?: string }} [options]
 * @returns {HTMLElement}
 */
export function avatar(id, name, { group = false, className = "" } = {}) {
  const element = h("span", { className: `avatar ${group ? "group " : ""}${className}` });
  element.append(h("span", { "aria-hidden": "true" }));
  setAvatar(element, id, name);
  return element;
}

/** To find a grapheme takes long, and the same names come again and again. @type {Map<string, string>} */
const initials = new Map();
const MAX_INITIALS = 2_000;

/** @param {string} name */
function letter(name) {
  let found = initials.get(name);
  if (found === undefined) {
    if (initials.size >= MAX_INITIALS) initials.clear();
    initials.set(name, (found = initial(name)));
  }
  return found;
}

/** @param {HTMLElement} element @param {string} id @param {string} name */
export function setAvatar(element, id, name) {
  const tint = `tint${avatarColour(id)}`;
  if (!element.classList.contains(tint)) {
    for (const old of [...element.classList]) if (old.startsWith("tint")) element.classList.remove(old);
    element.classList.add(tint);
  }
  setText(/** @type {Element} */ (element.firstElementChild), letter(name));
}

/** No dot where nothing is known. @param {HTMLElement} element @param {import("../client/rookery.js").Presence | undefined} presence */
export function setPresence(element, presence) {
  let dot = element.querySelector(".presence");
  if (!presence) return void dot?.remove();
  if (!dot) element.append((dot = h("span", { className: "presence" }, h("span", { className: "visually-hidden" }))));
  /** @type {Element} */ (dot).classList.toggle("offline", !presence.online);
  setText(/** @type {Element} */ (/** @type {Element} */ (dot).firstElementChild), presence.online ? words.presence.online : words.presence.offline);
}
