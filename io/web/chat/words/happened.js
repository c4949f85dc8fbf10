// @ts-check
// What happened in a chat.

import { count } from "../numbers.js";
import { named, object, say, subject } from "./sentence.js";

/** @typedef {import("./sentence.js").Part} Part */
/** @typedef {import("./sentence.js").Who} Who */

/** @param {Who[]} names @param {number} others @returns {Part[]} */
const several = (names, others) => {
  const more = others > 0 ? count(others, "other", "others") : "";
  /** @type {Part[]} */
  const all = [...names.map(object), ...(more ? [more] : [])];
  return all.flatMap((part, i) => (i === 0 ? [part] : [i === all.length - 1 ? " and " : ", ", part]));
};

/** What happened in a chat. Several by one person are folded: `others` of them are not named. */
export const happened = {
  created: "The chat began",
  /** @param {Who} by @param {Who} who */
  added: (by, who, others = 0) => [...say`${subject(by)} added `, ...several([who], others)],
  /** @param {Who} who */
  joined: (who, others = 0) => [subject(who), ...(others ? [` and ${count(others, "other", "others")}`] : []), " joined"],
  /** @param {Who} who */
  left: (who) => say`${subject(who)} left`,
  /** @param {Who} by @param {Who} who */
  removed: (by, who, others = 0) => [...say`${subject(by)} removed `, ...several([who], others)],
  /** @param {Who} by @param {Who} who */
  madeAdmin: (by, who) => say`${subject(by)} made ${object(who)} an admin`,
  /** @param {Who} by @param {Who} who */
  madeMember: (by, who) => say`${subject(by)} made ${object(who)} a member`,
  /** @param {Who} who */
  becameAdmin: (who) => say`${subject(who)} became admin`,
  /** @param {Who} who @param {Who} by */
  succeeded: (who, by) => say`${subject(who)} became admin, as ${object(by)} left`,
  /** @param {Who} by @param {string} name */
  renamed: (by, name) => say`${subject(by)} renamed the chat to “${named(name)}”`,
  /** @param {Who} by */
  described: (by) => say`${subject(by)} changed the description`,
  /** @param {Who} by @param {boolean} all */
  mayAdd: (by, all) => [subject(by), all ? " let all members add people" : " let only admins add people"],
  /** @param {Who} by @param {boolean} all */
  history: (by, all) => [
    subject(by),
    all ? " let new members see the whole chat" : " let new members see only what comes after they join",
  ],
  /** @param {Who} who */
  erased: (who) => say`${subject(who)} deleted their account`,
  changed: "The chat was changed",
};
