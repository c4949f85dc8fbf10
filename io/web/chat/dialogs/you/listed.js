// @ts-check
// A section whose list is loaded, and again after each change.

import { createAttempt } from "../../attempt.js";
import { h } from "../../dom.js";
import { loadInto } from "../../loading.js";
import { section } from "./section.js";

/**
 * @template T
 * @param {string} title @param {import("../dialog.js").Dialog} dialog
 * @param {{ begun: Promise<T>, ask: () => Promise<T>, draw: (value: T) => Node[], rows: number }} options
 *   `begun` is the first answer, which has been asked for; `rows` how many its skeleton has.
 */
export function createListed(title, dialog, { begun, ask, draw, rows }) {
  const place = h("div", { class: "rows" });
  const { element: error, attempt } = createAttempt();
  const element = section(title, place, error);
  const load = (next = ask) => loadInto(place, next, draw, rows);
  /** @type {Promise<T> | null} */
  let first = begun;
  void load(() => {
    const answer = first ?? ask();
    first = null;
    return answer;
  });

  return {
    element,
    attempt,
    load: () => load(),
    /** Loads it after something was done in it: the row that had the focus is gone. */
    async changed() {
      await load();
      if (!dialog.signal.aborted) element.querySelector("h3")?.focus();
    },
  };
}
