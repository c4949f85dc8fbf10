// @ts-check
// Which rows of a list are in the page: those in view and one screen each way.

const MIN_ROWS = 60;
const MAX_ROWS = 200;
/** More new rows than this in one frame are a burst: only the last `MIN_ROWS` are built. */
const BURST_ROWS = 100;

/**
 * From the first row to the one behind the last.
 * @param {import("./geometry.js").Geometry} geometry @param {number} top Where the view begins, counted from the first row.
 * @param {number} view Its height. @returns {[number, number]}
 */
export function rowsNear(geometry, top, view) {
  const many = geometry.items.length;
  let start = geometry.indexAt(top - view);
  let end = Math.min(many, geometry.indexAt(top + 2 * view) + 1);
  const spare = MIN_ROWS - (end - start);
  if (spare > 0) {
    end = Math.min(many, end + Math.ceil(spare / 2));
    start = Math.max(0, end - MIN_ROWS);
    end = Math.min(many, start + Math.max(MIN_ROWS, end - start));
  }
  if (end - start > MAX_ROWS) {
    const middle = geometry.indexAt(top + view / 2);
    start = Math.max(start, middle - MAX_ROWS / 2);
    end = Math.min(end, start + MAX_ROWS);
  }
  return [start, end];
}

/** Where to begin at the end of a list, where so many rows are new. @param {number} start @param {number} many @param {number} unbuilt */
export const afterBurst = (start, many, unbuilt) => (unbuilt > BURST_ROWS ? Math.max(0, many - MIN_ROWS) : start);
