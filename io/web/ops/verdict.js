// @ts-check
// The one sentence that says how the engine is: the first that holds.
import { duration, listed, number, percent, seconds, time } from "./words.js";

/** Below this many in 5 minutes a slow reader is a phone with a bad line, and no news. */
export const SLOW_READERS = 5;

/**
 * @typedef {{
 *   cores: number, silent: number, last: number, lag: number, limit: number, median: number,
 *   hot: number[], hotBusy: number, waiting: number[], mesh: number, slow: number,
 * }} State  `silent`: seconds without an answer beyond what is usual, or 0; `mesh`: of the first that waits
 * @typedef {{ key: string, tone: "danger" | "warn" | "ok" | "wait", text: string, means: string }} Verdict
 *   the same `key`: the same state, whatever its figures
 */

/** @param {State} s @returns {Verdict} */
export function verdict(s) {
  const through = Number.isNaN(s.lag) ? "" : `Posts still go through, lag is ${seconds(s.lag)} s.`;
  if (s.silent > 0) {
    return { key: "silent", tone: "danger", text: `No answer for ${duration(s.silent)}. Last figures are from ${time(s.last)}.`, means: "The server is down, or cannot be reached from here." };
  }
  if (s.lag > s.limit) {
    return { key: "lag", tone: "danger", text: `Lag is ${seconds(s.lag)} s, over the limit: new messages are refused.`, means: "What was accepted is kept, and arrives late." };
  }
  if (s.hot.length === 1) {
    const times = s.hotBusy / s.median;
    const more = s.cores > 1 && times >= 1.05 && times < Infinity ? `, ${number(times, 1)} times the median` : "";
    return { key: `hot ${s.hot}`, tone: "warn", text: `Core ${s.hot} is hot: ${percent(s.hotBusy)} busy${more}.`, means: through };
  }
  if (s.hot.length) {
    const which = s.hot.length === s.cores ? `${s.cores === 2 ? "Both" : `All ${s.cores}`} cores` : `Cores ${listed(s.hot)}`;
    return { key: `hot ${s.hot}`, tone: "warn", text: `${which} are hot.`, means: through };
  }
  if (s.waiting.length) {
    // The metric tells who waits; for whom is certain only where there is one other.
    const other = s.cores === 2 ? `core ${1 - s.waiting[0]}` : "another core";
    const depth = s.mesh === 0 ? "a ring to it was full" : `${number(s.mesh)} ${s.mesh === 1 ? "batch" : "batches"} in its mesh`;
    return { key: `mesh ${s.waiting[0]}`, tone: "warn", text: `Core ${s.waiting[0]} waits for ${other}: ${depth}.`, means: "Some messages arrive late." };
  }
  if (s.slow >= SLOW_READERS) {
    return { key: "slow", tone: "warn", text: `Slow readers: ${number(s.slow)} closed in 5 min.`, means: "They come back, and get what they missed." };
  }
  if (Number.isNaN(s.median)) return { key: "start", tone: "wait", text: "Waiting for the first figures.", means: "" };
  const who = s.cores === 1 ? "The core is calm." : s.cores === 2 ? "Both cores are calm." : `All ${s.cores} cores are calm.`;
  return { key: "calm", tone: "ok", text: `${who} ${s.cores === 1 ? "It is" : "Median"} ${percent(s.median)} busy.`, means: through.replace("still ", "") };
}
