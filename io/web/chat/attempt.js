// @ts-check
// Something is done at once, without a form; what went wrong is said in a line beside it, until the next try.

import { h } from "./dom.js";
import { isProblem, sentenceFor } from "./errors.js";
import { bdi } from "./text.js";
import { icon } from "../look/icons.js";

/** @typedef {(work: () => Promise<unknown>) => Promise<boolean>} Attempt Whether it was done. */

/** @returns {{ element: HTMLElement, attempt: Attempt }} */
export function createAttempt(className = "") {
  const element = h("p", { class: `field-error ${className}`.trim(), role: "alert", hidden: true });
  return {
    element,
    async attempt(work) {
      element.hidden = true;
      try {
        await work();
        return true;
      } catch (problem) {
        if (!isProblem(problem)) throw problem;
        element.hidden = false;
        element.replaceChildren(icon("alert", "small"), bdi(sentenceFor(problem)));
        return false;
      }
    },
  };
}
