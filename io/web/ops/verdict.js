// Which cores are hot or wait for others, and the one sentence that says how the engine is.
import { median } from "./samples.js";
import { duration, listed, number, percent, seconds, time } from "./words.js";

const LEVEL_ON = 0.85, LEVEL_OFF = 0.75, LEVEL_SAMPLES = 3;
const RATIO_ON = 1.6, RATIO_OFF = 1.4, RATIO_BUSY = 0.6, RATIO_IDLE = 0.5, RATIO_SECONDS = 10;
const OFF_SECONDS = 5, MESH_SECONDS = 10;
/** Fewer in 5 minutes are phones with a bad line, and no news. */
const SLOW_READERS = 5;

/** A new state is spoken at most this often. */
const SPEAK_SECONDS = 10;

/** A state that begins once its condition has held long enough, and ends once its end has: so nothing flickers. */
class Latch {
  active = false;
  samples = 0;

  step(at, begins, ends, enough) {
    if (!(this.active ? ends : begins)) {
      this.samples = 0;
      return;
    }
    if (!this.samples) this.turned = at;
    this.samples += 1;
    if (this.active ? at - this.turned < OFF_SECONDS : !enough(at - this.turned, this.samples)) return;
    this.active = !this.active;
    this.since = this.turned;
    this.samples = 0;
  }
}

/** Watches the cores, sample by sample. */
export class Watch {
  median = NaN;

  constructor(cores) {
    this.cores = Array.from({ length: cores }, () => ({ level: new Latch(), ratio: new Latch(), mesh: new Latch() }));
  }

  /** Takes the next sample; a core without a figure keeps its state. */
  update(at, busy, mesh, stalls) {
    this.median = median(busy);
    this.cores.forEach((core, i) => {
      const share = busy[i];
      const times = share / this.median;
      const waits = mesh[i] > 0 || stalls[i] > 0;
      if (share >= 0) {
        core.level.step(at, share >= LEVEL_ON, share < LEVEL_OFF, (_, samples) => samples >= LEVEL_SAMPLES);
        core.ratio.step(at, share >= RATIO_BUSY && times >= RATIO_ON, times < RATIO_OFF || share < RATIO_IDLE, (held) => held >= RATIO_SECONDS);
      }
      core.mesh.step(at, waits, !waits, (held) => stalls[i] > 0 || held >= MESH_SECONDS);
    });
  }

  isHot(i) {
    return this.cores[i].level.active || this.cores[i].ratio.active;
  }

  waits(i) {
    return this.cores[i].mesh.active;
  }

  /** The cores of which this holds. */
  which(holds) {
    return [...this.cores.keys()].filter(holds);
  }

  /** When the first of these cores became hot. */
  hotSince(hot) {
    return Math.min(...hot.flatMap((i) => [this.cores[i].level, this.cores[i].ratio]).filter((latch) => latch.active).map((latch) => latch.since));
  }
}

/** What follows the sentence: for how many seconds it has held, where it does not tell that itself, and what it means. */
export const lasting = (tone, silent, held, meaning) => (silent || tone === "wait" ? " " : ` For ${duration(held)}. `) + meaning;

/** What a screen reader is told: a new state at most every 10 s, and none that holds no more. */
export class Speaker {
  text = "";
  at = -Infinity;

  say(tone, key, text, at) {
    if (key === this.key) return this.text;
    // What cannot be said yet takes the place of nothing else: the old state is over.
    this.text = "";
    if (tone === "wait" || at - this.at <= SPEAK_SECONDS) {
      this.key = undefined;
      return this.text;
    }
    Object.assign(this, { key, text, at });
    return text;
  }
}

/**
 * The first that holds, as `[tone, key, sentence, what it means for people]`: the same key is the same state, whatever its
 * figures. `silent`: seconds without an answer beyond what is usual, or 0;
 * `strange`: there are answers, without figures. `busy`, `mesh`: of the first core that is hot, that waits.
 */
export function verdict({ cores, silent, last, lag, limit, median, hot, busy, waiting, mesh, slow, strange }) {
  const through = lag >= 0 ? `Posts still go through, lag is ${seconds(lag)} s.` : "";
  const all = cores === 2 ? "Both cores" : `All ${cores} cores`;
  if (silent) {
    const before = `for ${duration(silent)}. ${last ? `Last figures are from ${time(last)}.` : "There are no figures yet."}`;
    if (strange) return ["danger", "strange", `No figures ${before}`, "Something answers here, but not with the counters of this server."];
    return ["danger", "silent", `No answer ${before}`, "The server is down, or cannot be reached from here."];
  }
  if (lag > limit) return ["danger", "lag", `Lag is ${seconds(lag)} s, over the limit: new messages are refused.`, "What was accepted is kept, and arrives late."];
  if (hot.length && median >= 0) {
    const times = busy / median;
    const more = times >= 1.05 && times < Infinity ? `, ${number(times, 1)} times the median` : "";
    const cools = busy < LEVEL_OFF && times < RATIO_OFF;
    const one = cools ? `Core ${hot[0]} cools down: ${percent(busy)} busy.` : `Core ${hot[0]} is hot: ${percent(busy)} busy${more}.`;
    return ["warn", `hot ${hot}`, hot.length === 1 ? one : `${hot.length === cores ? all : `Cores ${listed(hot)}`} are hot.`, through];
  }
  if (waiting.length) {
    // The metric tells who waits; for whom is certain only where there is one other.
    const other = cores === 2 ? `core ${1 - waiting[0]}` : "another core";
    const does = mesh > 0 ? `waits for ${other}: ${number(mesh)} ${mesh === 1 ? "batch" : "batches"} in its mesh` : `waited for ${other}: the mesh between them was full`;
    return ["warn", `mesh ${waiting[0]}`, `Core ${waiting[0]} ${does}.`, "Some messages arrive late."];
  }
  if (slow >= SLOW_READERS) return ["warn", "slow", `Slow readers: ${number(slow)} closed in 5 min.`, "They come back, and get what they missed."];
  if (!(median >= 0)) return ["wait", "wait", cores ? "How busy the cores are is not reported." : "Waiting for the first figures.", ""];
  const calm = cores === 1 ? "The core is calm. It is" : `${all} are calm. Median`;
  return ["ok", "calm", `${calm} ${percent(median)} busy.`, through.replace("still ", "")];
}
