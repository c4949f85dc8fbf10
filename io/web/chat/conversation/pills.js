// @ts-check
// The two ways out of the middle of a conversation: down to the latest, up to the first that is new.

import { icon } from "../../look/icons.js";
import { h, setText } from "../dom.js";
import { badge } from "../numbers.js";
import { setSentence } from "../text.js";
import * as words from "../words.js";

/** @param {{ latest: () => void, fresh: () => void }} to */
export function createPills(to) {
  const count = h("bdi", { className: "badge", "aria-hidden": "true" });
  const label = h("span", { className: "label" }, words.message.jumpToLatest);
  // What is seen and what is heard are both text: a label would have to hold the badge as it is written.
  const spoken = h("span", { className: "visually-hidden" });
  const latest = h("button", { type: "button", className: "pill latest", hidden: true, onclick: to.latest }, icon("down"), label, count, spoken);
  const since = h("span");
  const fresh = h("button", { type: "button", className: "pill fresh-above", hidden: true, onclick: to.fresh }, icon("up"), since);
  return {
    elements: [fresh, latest],
    /** @param {boolean} shown @param {number} unread */
    latest(shown, unread) {
      if (latest.hidden === shown) latest.hidden = !shown;
      if (!shown) return;
      count.hidden = unread === 0;
      setText(count, badge(unread));
      setText(spoken, unread ? `, ${words.message.newMessages(unread)}` : "");
    },
    /** @param {boolean} shown @param {number} many @param {string} time */
    fresh(shown, many, time) {
      if (fresh.hidden === shown) fresh.hidden = !shown;
      if (shown) setSentence(since, words.message.newSince(many, time));
    },
  };
}
