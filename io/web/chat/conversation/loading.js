// @ts-check
// Pages of a timeline, one at a time each way; a page that fails waits for the user to ask again.

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
  const faults = { older: false, newer: false };

  /** Whether it came. @param {string} what @param {() => Promise<void>} load */
  async function once(what, load) {
    if (under.has(what)) return false;
    under.add(what);
    changed();
    try {
      await load();
      return true;
    } catch {
      if (what === "older" || what === "newer") faults[what] = true;
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
    /** @param {"older" | "newer"} where */
    page(where) {
      if (faults[where] || under.has("jump") || under.has(where)) return;
      void once(where, () => (where === "older" ? timeline.loadOlder() : timeline.loadNewer()));
    },
    again() {
      faults.older = faults.newer = false;
      changed();
    },
    /** @param {number} seq */
    around: (seq) => once("jump", () => timeline.loadAround(seq)),
    latest: () => once("jump", () => timeline.loadLatest()),
    /** @param {import("../../client/rookery.js").GapRow} gap */
    fill: (gap) => once(gap.key, () => timeline.fill(gap)),
    /** @param {number} seq What is near it stays. */
    trim(seq) {
      if (timeline.rows.length > MAX_ROWS && seq > 0) timeline.trim(seq, KEEP_ROWS);
    },
  };
}
