// @ts-check
// What happened between two looks at the counters.
import { quantile } from "./quantile.js";

/** The figures of a core, in the order in which the store keeps them. */
export const CORE_FIELDS = /** @type {const} */ (["busy", "connections", "posts", "deliveries", "mesh", "stalls"]);
/** The figures of all cores together. */
export const TOTALS = /** @type {const} */ (["in", "out", "lag", "database", "broadcast", "rest", "p50", "p99", "sockets", "http"]);

/**
 * @typedef {import("./parse.js").Snapshot} Snapshot
 * @typedef {{
 *   at: number, restart: boolean, totals: Record<string, number>, cores: Record<string, number[]>,
 *   closes: Map<string, number>, refusals: Map<string, number>,
 * }} Sample  `NaN` where nothing was reported, or nothing happened that could be measured
 */

/** @param {number[] | undefined} values */
export const sum = (values) => (values ? values.reduce((a, b) => a + b, 0) : NaN);
/** @param {number[] | undefined} values */
export const most = (values) => (values ? Math.max(...values.filter((v) => v >= 0)) : NaN);

/** Whether the server began anew between the two: a counter fell, or it says so. @param {Snapshot} before @param {Snapshot} after */
export function restarted(before, after) {
  if (before.cores !== after.cores || before.plain.started?.[0] !== after.plain.started?.[0]) return true;
  const fell = (/** @type {string} */ name) => before.plain[name]?.some((value, core) => after.plain[name]?.[core] < value);
  if (["posted", "processed", "busy", "deliveries", "stalls"].some(fell)) return true;
  return Object.keys(before.histograms).some((name) => after.histograms[name]?.count < before.histograms[name].count);
}

/**
 * The sample at `at` (seconds), `seconds` after the snapshot before.
 * @param {Snapshot} before @param {Snapshot} after @param {number} at @param {number} seconds @returns {Sample}
 */
export function difference(before, after, at, seconds) {
  const restart = restarted(before, after);
  const b = restart ? { ...before, plain: {}, histograms: {} } : before;
  const plain = after.plain;
  const rates = (/** @type {string} */ name) => rate(b.plain[name], plain[name], seconds);
  const sockets = plain.sockets;
  const http = plain.http;
  const cores = {
    busy: rates("busy")?.map((share) => Math.min(1, share)),
    connections: sockets && sockets.map((n, core) => n + (http?.[core] ?? 0)),
    posts: rates("posted"),
    deliveries: rates("deliveries"),
    mesh: plain.mesh,
    stalls: rates("stalls")?.map((perSecond) => perSecond * seconds),
  };
  const delivered = buckets(b.histograms.delivery, after.histograms.delivery);
  const processing = mean(b.histograms.processing, after.histograms.processing);
  const database = mean(b.histograms.database, after.histograms.database);
  const broadcast = mean(b.histograms.broadcast, after.histograms.broadcast);
  const totals = {
    in: sum(cores.posts),
    out: sum(rates("processed")),
    lag: most(plain.lag),
    database,
    broadcast,
    rest: Math.max(0, processing - (database || 0) - (broadcast || 0)),
    p50: quantile(delivered, 0.5) * 1000,
    p99: quantile(delivered, 0.99) * 1000,
    sockets: sum(sockets),
    http: sum(http),
  };
  return {
    at, restart, totals,
    cores: Object.fromEntries(Object.entries(cores).map(([name, values]) => [name, values ?? []])),
    closes: grown(before.closes, after.closes, restart),
    refusals: grown(before.refusals, after.refusals, restart),
  };
}

/** @param {number[] | undefined} before @param {number[] | undefined} after @param {number} seconds */
const rate = (before, after, seconds) =>
  before && after && after.map((value, core) => (value - before[core]) / seconds);

/** Mean milliseconds. @param {import("./parse.js").Histogram} [before] @param {import("./parse.js").Histogram} [after] */
const mean = (before, after) =>
  before && after && after.count > before.count ? ((after.sum - before.sum) / (after.count - before.count)) * 1000 : NaN;

/** Those that fell into each bucket or below it, by bound. @param {import("./parse.js").Histogram} [before] @param {import("./parse.js").Histogram} [after] */
const buckets = (before, after) =>
  before && after ? [...after.buckets].map(([bound, n]) => /** @type {[number, number]} */ ([bound, n - (before.buckets.get(bound) ?? 0)])) : [];

// A reason is first reported when it first happens: until then it was 0.
/** @param {Map<string, number>} before @param {Map<string, number>} after @param {boolean} restart */
const grown = (before, after, restart) =>
  new Map([...after].map(([reason, n]) => [reason, Math.max(0, n - (restart ? 0 : before.get(reason) ?? 0))]));
