// @ts-check
// How far one has seen a chat. Without the page, so that it can be tested alone.

/** @typedef {import("./items.js").Item} Item */

/**
 * The seq of the last row in view, but none behind a hole in which something is unread: nobody has seen that.
 * @param {readonly Item[]} items @param {{ first: number, last: number }} visible @param {number} read What is read already.
 */
export function seenIn(items, { first, last }, read) {
  for (let i = last; i >= first; i--) {
    const { kind, seq, folded } = items[i];
    if (kind !== "message" && kind !== "event") continue;
    const to = folded.at(-1)?.seq ?? seq;
    if (to <= read) return to;
    const hole = items.find((item) => item.kind === "gap" && item.row.before > read + 1);
    return hole ? Math.min(to, hole.row.after) : to;
  }
  return 0;
}
