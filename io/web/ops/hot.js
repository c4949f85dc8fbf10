// @ts-check
// Which cores are hot, and which wait for others: with hysteresis, so that nothing flickers.
import { median } from "./quantile.js";

const LEVEL_ON = 0.85, LEVEL_OFF = 0.75, LEVEL_SAMPLES = 3;
const RATIO_ON = 1.6, RATIO_OFF = 1.4, RATIO_BUSY = 0.6, RATIO_IDLE = 0.5, RATIO_SECONDS = 10;
const OFF_SECONDS = 5;
const MESH_SECONDS = 10;

/** A condition that begins once `on` has held long enough, and ends once `off` has. */
class Latch {
  active = false;
  /** When it began, in seconds. */
  since = NaN;
  /** When what would change it began, and how many samples ago. */
  turning = NaN;
  samples = 0;

  /** @param {number} at @param {boolean} changes @param {(seconds: number, samples: number) => boolean} enough */
  step(at, changes, enough) {
    if (!changes) {
      this.turning = NaN;
      this.samples = 0;
      return;
    }
    if (!this.samples) this.turning = at;
    this.samples += 1;
    if (!enough(at - this.turning, this.samples)) return;
    this.active = !this.active;
    this.since = this.active ? this.turning : NaN;
    this.samples = 0;
  }
}

export class Watch {
  /** @param {number} cores */
  constructor(cores) {
    const latches = () => Array.from({ length: cores }, () => new Latch());
    this.level = latches();
    this.ratio = latches();
    this.mesh = latches();
    this.median = NaN;
  }

  /**
   * Takes the next sample; a core without a figure keeps its state.
   * @param {number} at @param {ArrayLike<number>} busy @param {ArrayLike<number>} mesh @param {ArrayLike<number>} stalls
   */
  update(at, busy, mesh, stalls) {
    this.median = median(Array.from(busy));
    const calm = (/** @type {number} */ seconds) => seconds >= OFF_SECONDS;
    this.level.forEach((level, core) => {
      const share = busy[core];
      if (!Number.isNaN(share)) {
        const times = share / this.median;
        const ratio = this.ratio[core];
        if (level.active) level.step(at, share < LEVEL_OFF, calm);
        else level.step(at, share >= LEVEL_ON, (_, samples) => samples >= LEVEL_SAMPLES);
        if (ratio.active) ratio.step(at, times < RATIO_OFF || share < RATIO_IDLE, calm);
        else ratio.step(at, share >= RATIO_BUSY && times >= RATIO_ON, (seconds) => seconds >= RATIO_SECONDS);
      }
      const waits = this.mesh[core];
      if (waits.active) waits.step(at, !(mesh[core] > 0 || stalls[core] > 0), calm);
      else waits.step(at, mesh[core] > 0 || stalls[core] > 0, (seconds) => stalls[core] > 0 || seconds >= MESH_SECONDS);
    });
  }

  /** @param {number} core */
  isHot(core) {
    return this.level[core].active || this.ratio[core].active;
  }

  /** @param {number} core */
  hotSince(core) {
    return Math.min(...[this.level[core], this.ratio[core]].filter((latch) => latch.active).map((latch) => latch.since));
  }

  /** The cores of which this holds. @param {(core: number) => boolean} holds */
  which(holds) {
    return this.level.map((_, core) => core).filter(holds);
  }
}
