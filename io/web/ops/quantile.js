// @ts-check

/**
 * The quantile `q`, linear within its bucket; `Infinity` above the last bound, `NaN` of nothing.
 * @param {[number, number][]} buckets pairs of upper bound, and how many are not above it
 * @param {number} q
 */
export function quantile(buckets, q) {
  const sorted = [...buckets].sort((a, b) => a[0] - b[0]);
  const total = sorted.at(-1)?.[1] ?? 0;
  if (!(total > 0)) return NaN;
  const rank = q * total;
  let low = 0;
  let below = 0;
  for (const [bound, upTo] of sorted) {
    if (upTo >= rank && upTo > below) return bound === Infinity ? Infinity : low + ((bound - low) * (rank - below)) / (upTo - below);
    low = bound;
    below = Math.max(below, upTo);
  }
  return Infinity;
}

/** The middle of the values that are numbers. @param {Iterable<number>} values */
export function median(values) {
  const sorted = [...values].filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
