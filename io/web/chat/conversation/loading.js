// @ts-check
// Pages of a timeline, one at a time each way; a page that fails waits for the user to ask again.

import { isProblem } from "../errors.js";

const KEEP_ROWS = 1000;
/** Rows in memory; beyond, those far from the view are forgotten. */
const MAX_ROWS = 2600;

/**
 * @param {import("../../client/rookery.js").Timeline} timeline
 * @param {() => void} changed
 */
export function createLoading(timeline, changed) {
  /** @type {Set<string>} */
  const under = new Set();
  /** What was not loaded: all of it, the next page each way, and what is missing in holes, by the keys of their rows. */
  const faults = { first: false, older: false, newer: false, gaps: /** @type {Set<string>} */ (new Set()) };

  /** @param {"first" | "older" | "newer"} what */
  function missing(what) {
    faults[what] = true;
    changed();
  }

  /** Whether it came. @param {string} what @param {() => Promise<void>} load */
  async function once(what, load) {
    if (under.has(what)) return false;
    under.add(what);
    changed();
    try {
      await load();
      return true;
    } catch (problem) {
      if (!isProblem(problem)) throw problem;
      return false;
    } finally {
      under.delete(what);
      changed();
    }
  }

  return {
    faults,
    get busy() {
      return under.size > 0;
    },
    get jumping() {
      return under.has("jump");
    },
    missing,
    /** @param {"older" | "newer"} where */
    async page(where) {
      if (faults[where] || under.has("jump") || under.has(where)) return;
      if (!(await once(where, () => (where === "older" ? timeline.loadOlder() : timeline.loadNewer())))) missing(where);
    },
    /** What was not loaded may be asked for again. */
    again() {
      faults.first = faults.older = faults.newer = false;
      faults.gaps.clear();
      changed();
    },
    /** @param {number} seq */
    around: (seq) => once("jump", () => timeline.loadAround(seq)),
    latest: () => once("jump", () => timeline.loadLatest()),
    /** @param {import("../../client/rookery.js").GapRow} gap */
    async fill(gap) {
      if (under.has(gap.key)) return;
      faults.gaps.delete(gap.key);
      if (!(await once(gap.key, () => timeline.fill(gap)))) faults.gaps.add(gap.key);
    },
    /** @param {number} seq What is near it stays. */
    trim(seq) {
      if (timeline.rows.length > MAX_ROWS && seq > 0) timeline.trim(seq, KEEP_ROWS);
    },
  };
}
