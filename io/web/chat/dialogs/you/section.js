// @ts-check
// A part of a dialog below a line, with a title of its own.

import { h } from "../../dom.js";
import { bdi } from "../../text.js";

let ids = 0;

/** @param {string | null} title @param {...(Node | null | false)} content @returns {HTMLElement} */
export function section(title, ...content) {
  if (!title) return h("div", { class: "section" }, ...content);
  const id = `section-${++ids}`;
  return h("section", { class: "section", "aria-labelledby": id }, h("h3", { id, tabIndex: -1 }, bdi(title)), ...content);
}
