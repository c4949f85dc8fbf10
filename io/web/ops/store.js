// @ts-check
// The last 15 minutes, in arrays whose size is fixed when the number of cores is known.
import { CORE_FIELDS, TOTALS } from "./rates.js";
import { MAX_REASONS } from "./parse.js";

/** Samples kept: 15 minutes at one a second. */
export const SAMPLES = 900;
/** What a sample is: a measurement, or a hole in the time line. */
export const MEASURED = 0, HOLE = 1, RESTART = 2;

export class Store {
  /** @param {number} cores */
  constructor(cores, samples = SAMPLES) {
    this.cores = cores;
    this.samples = samples;
    this.times = new Float64Array(samples);
    this.kinds = new Uint8Array(samples);
    this.totals = Object.fromEntries(TOTALS.map((name) => [name, new Float32Array(samples)]));
    this.perCore = Object.fromEntries(CORE_FIELDS.map((name) => [name, new Float32Array(samples * cores)]));
    /** @type {Record<"closes" | "refusals", Map<string, Uint32Array>>} */
    this.reasons = { closes: new Map(), refusals: new Map() };
    /** How many were ever written; the latest is one below. */
    this.written = 0;
  }

  /** @param {import("./rates.js").Sample} sample */
  push(sample) {
    const slot = this.next(sample.at, sample.restart ? RESTART : MEASURED);
    for (const name of TOTALS) this.totals[name][slot] = sample.totals[name] ?? NaN;
    for (const name of CORE_FIELDS) {
      const values = sample.cores[name];
      for (let core = 0; core < this.cores; core += 1) this.perCore[name][slot * this.cores + core] = values[core] ?? NaN;
    }
    for (const kind of /** @type {const} */ (["closes", "refusals"])) this.count(this.reasons[kind], sample[kind], slot);
  }

  /** Marks that nothing is known from the sample before to the next. @param {number} at */
  hole(at) {
    const slot = this.next(at, HOLE);
    for (const column of Object.values(this.totals)) column[slot] = NaN;
    for (const column of Object.values(this.perCore)) column.fill(NaN, slot * this.cores, (slot + 1) * this.cores);
  }

  /** @param {number} at @param {number} kind */
  next(at, kind) {
    const slot = this.written % this.samples;
    this.written += 1;
    this.times[slot] = at;
    this.kinds[slot] = kind;
    for (const map of Object.values(this.reasons)) for (const column of map.values()) column[slot] = 0;
    return slot;
  }

  /** @param {Map<string, Uint32Array>} columns @param {Map<string, number>} counts @param {number} slot */
  count(columns, counts, slot) {
    for (const [reason, n] of counts) {
      const name = columns.has(reason) || columns.size < MAX_REASONS ? reason : "other";
      let column = columns.get(name);
      if (!column) columns.set(name, (column = new Uint32Array(this.samples)));
      column[slot] += n;
    }
  }

  /** The slots from `from` to `to` (seconds, both included), oldest first. @param {number} from @param {number} to */
  slots(from, to) {
    const found = [];
    for (let i = Math.max(0, this.written - this.samples); i < this.written; i += 1) {
      const slot = i % this.samples;
      if (this.times[slot] >= from && this.times[slot] <= to) found.push(slot);
    }
    return found;
  }

  /** @param {string} name @param {number} slot @param {number} core */
  core(name, slot, core) {
    return this.perCore[name][slot * this.cores + core];
  }

  /** The figures of all cores at one time. @param {string} name @param {number} slot */
  row(name, slot) {
    return this.perCore[name].subarray(slot * this.cores, (slot + 1) * this.cores);
  }

  /** How often each reason was met in these slots, the most frequent first. @param {"closes" | "refusals"} kind @param {number[]} slots */
  counts(kind, slots) {
    return [...this.reasons[kind]]
      .map(([reason, column]) => ({ reason, count: slots.reduce((all, slot) => all + column[slot], 0) }))
      .sort((a, b) => b.count - a.count || (a.reason < b.reason ? -1 : 1));
  }
}
