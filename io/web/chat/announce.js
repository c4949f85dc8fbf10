// @ts-check
// What screen readers are told: one polite element, at most once a second, and one that interrupts.

const polite = document.createElement("div");
polite.className = "visually-hidden";
polite.setAttribute("aria-live", "polite");
const assertive = document.createElement("div");
assertive.className = "visually-hidden";
assertive.setAttribute("role", "alert");

export const elements = [polite, assertive];

const EVERY_MS = 1000;
/** Sentences that wait; older ones are dropped, as they are stale by then. */
const MAX_WAITING = 4;
/** @type {string[]} */
const waiting = [];
let timer = 0;

function speak() {
  timer = 0;
  const text = waiting.shift();
  if (text === undefined) return;
  say(polite, text);
  timer = window.setTimeout(speak, EVERY_MS);
}

/** The same words twice would not be read again: a new node is. @param {Element} element @param {string} text */
function say(element, text) {
  element.replaceChildren(Object.assign(document.createElement("p"), { textContent: text }));
}

/** @param {string} text */
export function announce(text) {
  if (waiting.at(-1) === text) return;
  waiting.push(text);
  if (waiting.length > MAX_WAITING) waiting.shift();
  if (!timer) speak();
}

/** @param {string} text */
export function alert(text) {
  say(assertive, text);
}
