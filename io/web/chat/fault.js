// @ts-check
// In place of all else, where what is needed did not come: it is asked for again by itself.

import { countdown } from "./countdown.js";
import { h, setText } from "./dom.js";
import { bdi } from "./text.js";
import * as words from "./words.js";

/** The pause before the next try is by chance, up to twice as long each time, from the first to the longest; in seconds. */
const FIRST = 1;
const LONGEST = 30;
/** A pause is at least so long, in seconds. */
const LEAST = 1;

/** @param {any} problem @returns {(seconds: number) => string} */
function sentence(problem) {
  if (problem?.status === 0) return words.banner.offline;
  return problem?.status === 429 || problem?.status === 503 ? words.failure.busy : words.failure.notLoadedYet;
}

/** @param {import("./main.js").App} app @param {() => void} again */
export function createFault(app, again) {
  const text = bdi("");
  const retry = h("button", { className: "link-button", type: "button", onclick: () => now() }, words.common.tryAgain);
  const element = h("main", { className: "fault" }, h("p", {}, text, " ", retry));
  let stop = () => {};
  let pause = FIRST;

  function now() {
    stop();
    setText(text, words.banner.connecting);
    again();
  }
  window.addEventListener("online", now);

  return {
    element,

    /** @param {any} problem What went wrong, this time. */
    tell(problem) {
      stop();
      const say = sentence(problem);
      const wait = (problem?.retryAfter ?? 0) + LEAST + Math.random() * pause;
      if (pause === FIRST) app.announce(say(Math.ceil(wait)));
      pause = Math.min(LONGEST, 2 * pause);
      stop = countdown(wait, (left) => setText(text, say(left)), now);
    },

    destroy() {
      stop();
      window.removeEventListener("online", now);
    },
  };
}
