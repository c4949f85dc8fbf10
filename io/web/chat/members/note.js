// @ts-check
// What stands below the members: nobody is said to be missing before all were looked at.

import * as words from "../words.js";

/**
 * @param {object} state
 * @param {boolean} state.failed
 * @param {boolean} state.busy Members, or their names, are to come.
 * @param {string} state.filter
 * @param {boolean} state.found Whether anybody is shown.
 * @param {boolean} state.complete Whether all members are loaded.
 * @param {number} state.looked Members whom a filter looks through, at most.
 * @returns {string | import("../words/sentence.js").Part[]}
 */
export function noteFor({ failed, busy, filter, found, complete, looked }) {
  const { members } = words;
  if (failed) return words.failure.notLoaded;
  if (busy) return members.loadingMore;
  if (!filter || (found && complete)) return "";
  if (complete) return members.noneMatch(filter);
  return found ? members.foundAmong(looked) : members.noneAmong(filter, looked);
}
