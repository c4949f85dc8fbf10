// What happened between two looks at the counters, and the last 15 minutes of it.
import { MAX_REASONS } from "./parse.js";

/** Samples kept: 15 minutes at one a second. */
const SAMPLES = 900;
const CORE_FIELDS = ["busy", "connections", "posts", "deliveries", "mesh", "stalls"];
const TOTALS = ["in", "out", "lag", "database", "broadcast", "rest", "p50", "p99", "sockets", "http"];
/** What a sample is: a measurement, or a hole in the lines, maybe since the server began anew. */
export const MEASURED = 0, HOLE = 1, RESTART = 2;

/** The quantile `q` of cumulative `[bound, count]` pairs, linear within a bucket; `Infinity` above the last bound, `NaN` of nothing. */
export function quantile(buckets, q) {
  const sorted = [...buckets].sort((a, b) => a[0] - b[0]);
  const rank = q * sorted.at(-1)?.[1];
  let low = 0, below = 0;
  if (!(rank > 0)) return NaN;
  for (const [bound, upTo] of sorted) {
    if (upTo >= rank) return bound === Infinity ? bound : low + ((bound - low) * (rank - below)) / (upTo - below);
    low = bound;
    below = upTo;
  }
  return NaN;
}

/** The middle of those values that are numbers. */
export function median(values) {
  const sorted = [...values].filter((value) => value === value).sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}

const sum = (values) => (values ? values.reduce((a, b) => a + b, 0) : NaN);

/** Whether a counter fell between the two snapshots, or the server says that it began anew. */
function restarted(before, after) {
  const fell = (name) => before.plain[name]?.some((value, core) => after.plain[name]?.[core] < value);
  return before.cores !== after.cores || before.plain.started?.[0] !== after.plain.started?.[0] ||
    ["posted", "processed", "busy", "deliveries", "stalls"].some(fell) ||
    Object.keys(before.histograms).some((name) => after.histograms[name]?.count < before.histograms[name].count);
}

/** The sample at `at`, `seconds` after the snapshot before; `NaN` where nothing was reported, or nothing was there to measure. */
export function difference(before, after, at, seconds) {
  const restart = restarted(before, after);
  const { plain, histograms } = after;
  const old = restart ? { plain: {}, histograms: {} } : before;
  const rates = (name) => old.plain[name] && plain[name]?.map((value, core) => (value - old.plain[name][core]) / seconds);
  const mean = (name) => {
    const count = histograms[name]?.count - old.histograms[name]?.count;
    return count > 0 ? ((histograms[name].sum - old.histograms[name].sum) / count) * 1000 : NaN;
  };
  // A reason is reported from its first time on: until then it was 0.
  const grown = (kind) => [...after[kind]].map(([reason, n]) => [reason, restart ? 0 : Math.max(0, n - (before[kind].get(reason) ?? 0))]);
  const earlier = old.histograms.delivery?.buckets;
  const delivered = earlier ? [...(histograms.delivery?.buckets ?? [])].map(([bound, n]) => [bound, n - (earlier.get(bound) ?? 0)]) : [];
  const posts = rates("posted");
  const database = mean("database"), broadcast = mean("broadcast");
  return {
    at, restart, closes: grown("closes"), refusals: grown("refusals"),
    cores: {
      busy: rates("busy")?.map((share) => Math.min(1, share)),
      connections: plain.sockets?.map((n, core) => n + (plain.http?.[core] ?? 0)),
      posts,
      deliveries: rates("deliveries"),
      mesh: plain.mesh,
      stalls: rates("stalls"),
    },
    totals: {
      in: sum(posts), out: sum(rates("processed")),
      lag: plain.lag ? Math.max(...plain.lag) : NaN,
      database, broadcast, rest: Math.max(0, mean("processing") - (database || 0) - (broadcast || 0)),
      p50: quantile(delivered, 0.5) * 1000, p99: quantile(delivered, 0.99) * 1000,
      sockets: sum(plain.sockets), http: sum(plain.http),
    },
  };
}

/** Holds the samples, in arrays whose size is fixed once the number of cores is known. */
export class Store {
  /** How many were ever written; the latest is one below. */
  written = 0;
  reasons = { closes: new Map(), refusals: new Map() };

  constructor(cores, samples = SAMPLES) {
    const columns = (names, size) => Object.fromEntries(names.map((name) => [name, new Float32Array(size)]));
    this.cores = cores;
    this.samples = samples;
    this.times = new Float64Array(samples);
    this.kinds = new Uint8Array(samples);
    this.totals = columns(TOTALS, samples);
    this.perCore = columns(CORE_FIELDS, samples * cores);
  }

  push({ at, restart, cores, totals, closes, refusals }) {
    const slot = this.next(at, restart ? RESTART : MEASURED);
    for (const name of TOTALS) this.totals[name][slot] = totals[name];
    for (const name of CORE_FIELDS) this.row(name, slot).forEach((_, core, row) => (row[core] = cores[name]?.[core] ?? NaN));
    this.count(this.reasons.closes, closes, slot);
    this.count(this.reasons.refusals, refusals, slot);
  }

  /** Marks that nothing is known from the sample before to the next. */
  hole(at) {
    const slot = this.next(at, HOLE);
    for (const name of TOTALS) this.totals[name][slot] = NaN;
    for (const name of CORE_FIELDS) this.row(name, slot).fill(NaN);
  }

  next(at, kind) {
    const slot = this.written % this.samples;
    this.written += 1;
    this.times[slot] = at;
    this.kinds[slot] = kind;
    for (const kept of Object.values(this.reasons)) for (const column of kept.values()) column[slot] = 0;
    return slot;
  }

  count(kept, counts, slot) {
    for (const [reason, n] of counts) {
      const name = kept.has(reason) || kept.size < MAX_REASONS ? reason : "other";
      if (!kept.has(name)) kept.set(name, new Uint32Array(this.samples));
      kept.get(name)[slot] += n;
    }
  }

  /** The slots from one time to another, oldest first. */
  slots(from, to = Infinity) {
    const found = [];
    for (let i = Math.max(0, this.written - this.samples); i < this.written; i += 1) {
      const slot = i % this.samples;
      if (this.times[slot] >= from && this.times[slot] <= to) found.push(slot);
    }
    return found;
  }

  /** The figures of all cores at one time. */
  row(name, slot) {
    return this.perCore[name].subarray(slot * this.cores, (slot + 1) * this.cores);
  }

  /** `[reason, count]` in these slots, the most frequent first. */
  counts(kind, slots) {
    return [...this.reasons[kind]]
      .map(([reason, column]) => [reason, slots.reduce((all, slot) => all + column[slot], 0)])
      .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  }
}
