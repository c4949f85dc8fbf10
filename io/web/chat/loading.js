// @ts-check
// A part that is loaded: a skeleton after 120 ms, then the content, or what went wrong and how to try again.

import { countdown } from "./countdown.js";
import { h } from "./dom.js";
import { isProblem } from "./errors.js";
import { bdi } from "./text.js";
import * as words from "./words.js";

/** Nothing is shown for a load that is quicker, in milliseconds. */
const SKELETON_AFTER = 120;

/** Rows in the geometry of those that come. @param {number} rows @param {string} [className] */
export function skeleton(rows, className = "") {
  const element = h("div", { class: `skeletons ${className}`.trim(), "aria-hidden": "true" });
  for (let i = 0; i < rows; i++) element.append(h("div", { class: "skeleton" }, h("span"), h("span")));
  return element;
}

/**
 * Loads into a place, and again when asked to, or when a busy server says.
 * @template T
 * @param {HTMLElement} place @param {() => Promise<T>} load @param {(value: T) => Node[]} draw @param {number} rows
 */
export async function loadInto(place, load, draw, rows) {
  place.setAttribute("aria-busy", "true");
  const timer = setTimeout(() => place.replaceChildren(skeleton(rows)), SKELETON_AFTER);
  try {
    const value = await load();
    clearTimeout(timer);
    place.replaceChildren(...draw(value));
  } catch (problem) {
    clearTimeout(timer);
    if (!isProblem(problem)) throw problem;
    fail(place, /** @type {any} */ (problem).retryAfter, () => void loadInto(place, load, draw, rows));
  } finally {
    place.removeAttribute("aria-busy");
  }
}

/** @param {HTMLElement} place @param {number | undefined} wait In seconds. @param {() => void} again */
function fail(place, wait, again) {
  const text = bdi(words.failure.notLoaded);
  let stop = () => {};
  const retry = () => {
    stop();
    // A dialog may have been closed meanwhile.
    if (place.isConnected) again();
  };
  const button = h("button", { type: "button", class: "link-button", onclick: retry }, bdi(words.common.tryAgain));
  place.replaceChildren(h("p", { class: "not-loaded" }, text, " ", button));
  if (wait) stop = countdown(wait, (left) => (text.textContent = words.failure.busy(left)), retry);
}
