// @ts-check
// The strips of all cores, on one canvas: a bar each for 2 seconds, right is now.

/** Seconds that one bar stands for. @param {number} window in seconds */
export const barSeconds = (window) => (window > 300 ? 6 : 2);
/** @param {number} window */
export const barCount = (window) => window / barSeconds(window);

/** @param {number} share */
const band = (share) => (share < 0.3 ? "b0" : share < 0.5 ? "b1" : share < 0.7 ? "b2" : share < 0.85 ? "b3" : "newline");

/** @typedef {{ x: number, y: number, height: number }} Place  of a core's strip, in CSS pixels */

export class Strips {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    /** @type {(Place | undefined)[]} */
    this.places = [];
    this.key = "";
    this.until = 0;
  }

  /** The width that a strip takes, whole pixels to a bar. @param {number} room in CSS pixels @param {number} bars */
  static width(room, bars) {
    return (Math.max(1, Math.floor((room * devicePixelRatio) / bars)) * bars) / devicePixelRatio;
  }

  /** @param {number} width @param {number} height @param {(Place | undefined)[]} places by core @param {number} strip its width */
  layout(width, height, places, strip) {
    this.places = places;
    this.strip = Math.round(strip * devicePixelRatio);
    this.canvas.width = Math.round(width * devicePixelRatio);
    this.canvas.height = Math.round(height * devicePixelRatio);
    this.key = "";
  }

  /** @param {import("./store.js").Store} store @param {number} to @param {number} window @param {Record<string, any>} colours @param {boolean} heat */
  draw(store, to, window, colours, heat) {
    const step = barSeconds(window);
    const count = barCount(window);
    const until = Math.floor(to / step);
    const key = `${window} ${colours.dark} ${heat}`;
    const moved = key === this.key && until >= this.until ? Math.min(count, until - this.until) : count;
    if (moved && moved < count) this.shift(moved, count);
    // The last bar but one is drawn again too: its second half came after it was drawn last.
    this.paint(store, until, step, count, Math.min(count, moved + 2), colours, heat);
    this.key = key;
    this.until = until;
  }

  /** @param {number} bars @param {number} count */
  shift(bars, count) {
    const by = ((this.strip ?? 0) / count) * bars;
    for (const x of new Set(this.places.flatMap((place) => (place ? [Math.round(place.x * devicePixelRatio)] : [])))) {
      const width = (this.strip ?? 0) - by;
      this.context.drawImage(this.canvas, x + by, 0, width, this.canvas.height, x, 0, width, this.canvas.height);
    }
  }

  /** Draws the last `fresh` bars. @param {import("./store.js").Store} store @param {number} until @param {number} step @param {number} count @param {number} fresh @param {Record<string, any>} colours @param {boolean} heat */
  paint(store, until, step, count, fresh, colours, heat) {
    const slots = store.slots((until - fresh + 1) * step, (until + 1) * step - 1e-6);
    const bar = (this.strip ?? 0) / count;
    const gap = bar > 1 ? Math.ceil(bar / 4) : 0;
    this.places.forEach((place, core) => {
      if (!place) return;
      const y = Math.round(place.y * devicePixelRatio);
      const height = Math.round(place.height * devicePixelRatio);
      const right = Math.round(place.x * devicePixelRatio) + (this.strip ?? 0);
      this.fill(colours.track, right - fresh * bar, y, fresh * bar, height);
      for (const [i, share] of means(store, slots, core, step, until)) {
        const tall = heat ? height : Math.max(1, Math.round(share * height));
        this.fill(colours[band(share)], right - (i + 1) * bar, y + height - tall, bar, tall);
        // A thin line between bars, fainter where they are thin themselves.
        this.context.globalAlpha = bar > 2 ? 0.75 : 0.4;
        this.fill(colours.track, right - i * bar - gap, y + height - tall, gap, tall);
        this.context.globalAlpha = 1;
      }
    });
  }

  /** @param {string} colour @param {number} x @param {number} y @param {number} width @param {number} height */
  fill(colour, x, y, width, height) {
    this.context.fillStyle = colour;
    this.context.fillRect(x, y, width, height);
  }
}

/**
 * The mean busy share of each bar, by how many bars ago it was.
 * @param {import("./store.js").Store} store @param {number[]} slots @param {number} core @param {number} step @param {number} until
 */
function means(store, slots, core, step, until) {
  /** @type {Map<number, number>} */
  const found = new Map();
  let bar = NaN;
  let total = 0;
  let n = 0;
  for (const slot of slots) {
    const share = store.core("busy", slot, core);
    if (Number.isNaN(share)) continue;
    const ago = until - Math.floor(store.times[slot] / step);
    if (ago !== bar) total = n = 0;
    // A sample also stands for the time before it: with one in 2 s a bar may have none of its own.
    if (bar - ago === 2) found.set(ago + 1, share);
    bar = ago;
    total += share;
    n += 1;
    found.set(ago, total / n);
  }
  return found;
}
