// @ts-check
// Avatars: a letter on a colour. People are circles, groups rounded squares.

import { h, setText } from "./dom.js";
import { avatarColour, initial } from "./format.js";
import * as words from "./words.js";

/** What somebody is called: by what they chose, or else their username. @param {{ username?: string, display_name?: string } | null | undefined} user */
export const nameOf = (user) => (user === null ? words.common.nobody : user?.display_name || user?.username || "");

/** @param {string} id @param {string} name @param {{ group?: boolean, className?: string }} [options] */
export function avatar(id, name, { group = false, className = "" } = {}) {
  const element = h("span", { class: `avatar ${className}`.trim(), "aria-hidden": "true" }, h("span", { class: "letter" }));
  setAvatar(element, id, name, group);
  return element;
}

/** Makes an avatar that of somebody else. @param {HTMLElement} element @param {string} id @param {string} name */
export function setAvatar(element, id, name, group = false) {
  const tint = `tint${avatarColour(id)}`;
  if (!element.classList.contains(tint)) {
    element.classList.remove(...[...element.classList].filter((part) => part.startsWith("tint")));
    element.classList.add(tint);
  }
  element.classList.toggle("group", group);
  let letter = element.querySelector(".letter");
  if (!letter) element.prepend((letter = h("span", { class: "letter" })));
  setText(letter, initial(name));
}

/** A full dot, a hollow ring, or nothing where it is unknown. @param {HTMLElement} element @param {{ online: boolean } | undefined} presence */
export function setPresence(element, presence) {
  let dot = element.querySelector(".presence");
  if (!presence) {
    dot?.remove();
    return;
  }
  if (!dot) element.append((dot = h("span", { class: "presence" })));
  dot.classList.toggle("offline", !presence.online);
}
