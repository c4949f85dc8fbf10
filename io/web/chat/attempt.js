// @ts-check
// Something is done at once, without a form; what went wrong is said.

import { h } from "./dom.js";
import { isProblem, sentenceFor } from "./errors.js";
import { bdi } from "./text.js";
import { icon } from "../look/icons.js";

/** @typedef {(work: () => Promise<unknown>) => Promise<boolean>} Attempt Whether it was done. */

/** @param {(text: string) => void} say @returns {Attempt} */
export const attempting = (say) => async (work) => {
  try {
    await work();
    return true;
  } catch (problem) {
    if (!isProblem(problem)) throw problem;
    say(sentenceFor(problem));
    return false;
  }
};

/** Says it in a line, until the next try. @returns {{ element: HTMLElement, attempt: Attempt }} */
export function createAttempt(className = "") {
  const element = h("p", { class: `field-error ${className}`.trim(), role: "alert", hidden: true });
  const attempt = attempting((text) => {
    element.hidden = false;
    element.replaceChildren(icon("alert", "small"), bdi(text));
  });
  return {
    element,
    attempt(work) {
      element.hidden = true;
      return attempt(work);
    },
  };
}
