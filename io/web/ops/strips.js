// The strips of all cores, on one canvas: a bar for 2 seconds, right is now.

/** Seconds that one bar stands for: so many that bars of whole pixels, one at least, fill most of the room. */
export const barSeconds = (span, room) =>
  [2, 4, 6, 10, 12, 20, 30].find((step) => Math.floor((room * step) / span) * (span / step) > 0.75 * room) ?? 60;

const band = (share) => (share < 0.3 ? "b0" : share < 0.5 ? "b1" : share < 0.7 ? "b2" : share < 0.85 ? "b3" : "newline");

/** The mean busy share of each bar of a core, by how many bars ago it was. */
export function means(store, slots, core, step, until) {
  const found = new Map();
  let bar, all, n;
  for (const slot of slots) {
    const share = store.row("busy", slot)[core];
    if (!(share >= 0)) continue;
    const ago = until - Math.floor(store.times[slot] / step);
    if (ago !== bar) all = n = 0;
    // A sample also stands for the time before it: with one in 2 s a bar may have none of its own.
    if (bar - ago === 2) found.set(ago + 1, share);
    bar = ago;
    found.set(ago, (all += share) / (n += 1));
  }
  return found;
}

export class Strips {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
  }

  /** `places`: `{x, y, height}` of each core, `room`: the width of each, all in CSS pixels. */
  layout(width, height, places, room) {
    const dpr = devicePixelRatio;
    this.canvas.width = width * dpr;
    this.canvas.height = height * dpr;
    this.room = Math.max(60, room * dpr);
    this.places = places.map((place) => ({ x: Math.round(place.x * dpr), y: Math.round(place.y * dpr), height: Math.round(place.height * dpr) }));
    this.shape = "";
  }

  draw(store, to, span, colours, heat) {
    const step = barSeconds(span, this.room);
    const count = span / step;
    const until = Math.floor(to / step);
    const shape = JSON.stringify([span, colours]);
    this.bar = Math.floor(this.room / count);
    const moved = shape === this.shape && until >= this.until ? until - this.until : count;
    if (moved && moved < count) this.shift(moved * this.bar, count * this.bar);
    // The last two are drawn again: more of their time has come.
    this.paint(store, until, step, count, Math.min(count, moved + 2), colours, heat);
    this.shape = shape;
    this.until = until;
  }

  shift(by, width) {
    this.context.globalAlpha = 1;
    for (const x of new Set(this.places.map((place) => place.x))) {
      this.context.drawImage(this.canvas, x + by, 0, width - by, this.canvas.height, x, 0, width - by, this.canvas.height);
    }
  }

  paint(store, until, step, count, fresh, colours, heat) {
    const { context, bar } = this;
    const fill = (colour, x, y, width, height, alpha = 1) => {
      context.globalAlpha = alpha;
      context.fillStyle = colour;
      context.fillRect(x, y, width, height);
    };
    const slots = store.slots((until - fresh + 1) * step, (until + 1) * step - 1e-6);
    const gap = bar > 1 ? Math.ceil(bar / 4) : 0;
    this.places.forEach(({ x, y, height }, core) => {
      const right = x + count * bar;
      fill(colours.track, right - fresh * bar, y, fresh * bar, height);
      for (const [ago, share] of means(store, slots, core, step, until)) {
        const tall = heat ? height : Math.max(1, Math.round(share * height));
        const top = y + height - tall;
        fill(colours[band(share)], right - (ago + 1) * bar, top, bar, tall);
        // Between bars a thin line, fainter where they are thin themselves.
        fill(colours.track, right - ago * bar - gap, top, gap, tall, bar > 2 ? 0.75 : 0.4);
      }
    });
  }
}
