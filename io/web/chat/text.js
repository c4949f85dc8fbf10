// @ts-check
// Draws sentences, names, times and what people wrote: always as text, each turned its own way.

import { h } from "./dom.js";
import { emojiOnly, format } from "./format.js";
import { pieces } from "./links.js";

/** @typedef {import("./words.js").Part} Part */

/** A `<bdi>`, which neither turns its surroundings nor is turned by them. @param {string} text @param {import("./dom.js").Props} [props] */
export const bdi = (text, props) => h("bdi", props, text);

/** A sentence as one `<bdi>`, each name in it as another. @param {string | Part[]} sentence @returns {HTMLElement} */
export function sentence(sentence) {
  if (typeof sentence === "string") return bdi(sentence);
  const element = document.createElement("bdi");
  // The words are English, also where a name from right to left comes first.
  element.dir = "ltr";
  for (const part of sentence) element.append(typeof part === "string" ? part : bdi(part.name));
  return element;
}

/** Replaces what an element shows, unless it shows it already. @param {Element} element @param {string | Part[]} words */
export function setSentence(element, words) {
  const next = sentence(words);
  const shown = element.firstElementChild;
  if (element.childNodes.length === 1 && shown?.isEqualNode(next)) return;
  element.replaceChildren(next);
}

/**
 * A `<time>` with the full form as its title.
 * @param {string | number} when
 * @param {(when: string | number) => string} [shown]
 */
export function time(when, shown = format.short) {
  const element = document.createElement("time");
  element.dateTime = new Date(when).toISOString();
  element.title = format.full(when);
  element.append(bdi(shown(when)));
  return element;
}

/** What somebody wrote about something, as it is: nothing makes letters run against their script. @param {string} text */
export const unturned = (text) => text.replaceAll(/[\u202d\u202e]/g, "");

/** What somebody wrote, with its links, in the direction of each of its paragraphs. @param {string} content */
export function content(content) {
  const element = document.createElement("div");
  element.className = emojiOnly(content) ? "content emoji" : "content";
  element.dir = "auto";
  for (const { text, href, title } of pieces(content)) {
    if (href === undefined) {
      element.append(text);
      continue;
    }
    const link = document.createElement("a");
    link.href = href;
    link.target = "_blank";
    link.rel = "noopener noreferrer nofollow";
    if (title) link.title = title;
    link.textContent = text;
    element.append(link);
  }
  return element;
}
