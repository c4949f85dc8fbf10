// The charts: one uPlot each, with one time axis and one cursor.
import { coreColour, linearTicks, logTicks, timeTicks } from "./axes.js";
import { MEASURED, median, RESTART } from "./samples.js";
import { millis, number, percent, seconds, time, write } from "./words.js";

/** Labels nearer to each other than this many pixels are one. */
const LABEL_GAP = 14;
const DASH = [5, 4];
/** The highest bound of the histograms, in milliseconds. */
const TOP_MS = 10_000;

// `null` is a gap, `undefined` is passed over: in that second nothing was there to measure.
const point = (kind, value) => (kind === MEASURED ? (value === value ? value : undefined) : null);
const column = ({ store, slots }, name, factor = 1) => slots.map((slot) => point(store.kinds[slot], store.totals[name][slot] * factor));
const stacked = (below, above) => below.map((value, i) => (above[i] ? value + above[i] : value));

/**
 * `needs`: the metric; `lines`: name, colour and dashes or fill of each, those that begin with `-` without a label;
 * `values`: a list for each line; `show`: a value as text.
 */
const SPECS = {
  throughput: {
    needs: "posted", show: (value) => number(value, value < 10 ? 2 : 1),
    lines: (c) => [["in", c.accent], ["out", c.other, DASH]],
    values: (view) => [column(view, "in", 1e-3), column(view, "out", 1e-3)],
  },
  lag: { needs: "lag", show: seconds, lines: (c) => [["lag", c.accent]], values: (view) => [column(view, "lag")] },
  processing: {
    needs: "processing", show: millis,
    lines: (c) => [["rest", c.surface, , c.part2], ["-broadcast", c.surface, , c.part1], ["-database", c.surface, , c.part0]],
    values: (view) => {
      const database = column(view, "database");
      const both = stacked(database, column(view, "broadcast"));
      return [stacked(both, column(view, "rest")), both, database];
    },
  },
  delivery: {
    needs: "delivery", show: (value) => millis(value < TOP_MS ? value : Infinity),
    lines: (c) => [["p50", c.accent], ["p99", c.other]],
    values: (view) => ["p50", "p99"].map((name) => column(view, name).map((value) => value && Math.min(value, TOP_MS))),
  },
  pinned: {
    needs: "busy", show: percent,
    lines: (c, pins) => [["-most", c.line], ["-least", c.line], ...pins.map((core) => [`${core}`, coreColour(core, c.dark), (core >> 3) % 2 ? DASH : []])],
    values: ({ store, slots, pins }) => {
      const from = (pick) => slots.map((slot) => point(store.kinds[slot], pick(store.row("busy", slot))));
      return [from((row) => Math.max(...row)), from((row) => Math.min(...row)), ...pins.map((core) => from((row) => row[core]))];
    },
  },
};

class Chart {
  constructor(id) {
    this.id = id;
    this.spec = SPECS[id];
    this.panel = document.getElementById(id);
    [this.box, this.note, this.unit] = [".plot", ".note", ".unit"].map((part) => this.panel.querySelector(part));
    this.title = this.panel.querySelector("h2").textContent;
    this.unitText = this.unit.textContent;
    this.box.ariaLabel = this.title;
    new ResizeObserver(() => this.plot?.setSize(this.size())).observe(this.box);
  }

  size() {
    return { width: this.box.clientWidth, height: this.box.clientHeight };
  }

  draw(view, colours) {
    const lines = this.spec.lines(colours, view.pins);
    const shape = JSON.stringify([lines, colours]);
    this.view = view;
    this.lines = lines;
    this.limit = this.id === "lag" ? view.limit : NaN;
    this.values = this.spec.values(view);
    const known = this.values.flat().filter((value) => value != null);
    this.scale(known);
    this.say(known);
    const data = [view.slots.map((slot) => view.store.times[slot]), ...this.values.map((list) => (this.log ? list.map((value) => value && Math.log10(value)) : list))];
    if (shape === this.shape) {
      this.plot.setData(data);
    } else {
      this.plot?.destroy();
      this.plot = new uPlot(this.options(lines, colours), data, this.box);
    }
    this.shape = shape;
  }

  scale(known) {
    if (this.id === "delivery") {
      const [p50, p99] = this.values.map((list) => median(list.filter((value) => value > 0)));
      // Back at half of that, so that it does not go to and fro.
      this.log = p99 / p50 > (this.log ? 10 : 20);
    }
    const most = Math.max(0, ...known, this.limit || 0);
    this.ticks = this.log ? logTicks(Math.min(...known.filter((value) => value > 0)), most) : linearTicks(this.id === "pinned" ? 1 : most);
  }

  say(known) {
    const note = !this.view.reported.has(this.spec.needs) ? "not reported" : known.length ? "" : "nothing in this time";
    const now = this.lines.filter(([name]) => name[0] !== "-").map(([name], i, { length }) => `${name} ${this.spec.show(this.last(this.lines.length - length + i) ?? NaN)}`);
    write(this.note, note);
    this.box.ariaLabel = `${this.title}, ${this.unitText}: ${note || now.join(", ")}`;
  }

  /** The last that is known of a line. */
  last(i) {
    return this.values[i].findLast((value) => value !== undefined);
  }

  options(lines, c) {
    const axis = { stroke: c.ink3, font: `12px ${c.font}`, ticks: { show: false }, gap: 6 };
    const times = () => timeTicks(Math.round(this.view.to - this.view.from), this.box.clientWidth < 420);
    const labels = () => this.ticks.map((tick) => (this.log ? number(10 ** tick, 3, 0) : this.id === "pinned" ? percent(tick) : number(tick, 4, 0)));
    return {
      ...this.size(),
      padding: [10, 52, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false }, sync: { key: "ops" }, points: { size: 7, fill: (_, i) => lines[i - 1][3] ?? lines[i - 1][1] } },
      scales: { x: { time: false, range: () => [this.view.from, this.view.to] }, y: { range: () => [this.ticks[0], this.ticks.at(-1)] } },
      axes: [
        { ...axis, size: 24, grid: { show: false }, splits: () => times().map((before) => this.view.to - before), values: () => times().map(timeLabel) },
        { ...axis, size: 44, grid: { stroke: c.line, width: 1 }, splits: () => this.ticks, values: labels },
      ],
      series: [{}, ...lines.map(([, stroke, dash, fill]) => ({ stroke, dash, fill, width: fill ? 1 : 1.75, points: { show: false } }))],
      bands: this.id === "pinned" ? [{ series: [1, 2], fill: c.line }] : [],
      hooks: { drawClear: [(plot) => this.marks(plot, c)], draw: [(plot) => this.ends(plot, c)], setCursor: [(plot) => this.read(plot)] },
    };
  }

  /** The limit, and where the server began anew. */
  marks(plot, c) {
    const { ctx, bbox } = plot;
    const dpr = devicePixelRatio;
    const line = (dash, colour, x, y, width, height) => {
      ctx.strokeStyle = colour;
      ctx.lineWidth = 1.5 * dpr;
      ctx.setLineDash(dash.map((length) => length * dpr));
      ctx.beginPath();
      ctx.moveTo(x, y);
      ctx.lineTo(x + width, y + height);
      ctx.stroke();
    };
    const { store, slots, from } = this.view;
    ctx.save();
    for (const slot of slots) {
      if (store.kinds[slot] === RESTART && store.times[slot] > from) line([1, 3], c.ink3, plot.valToPos(store.times[slot], "x", true), bbox.top, 0, bbox.height);
    }
    if (this.limit > 0) line(DASH, c.newline, bbox.left, plot.valToPos(this.limit, "y", true), bbox.width, 0);
    ctx.restore();
  }

  /** The last value of each line at its end, or the core's number. */
  ends({ ctx, bbox, valToPos }, c) {
    const dpr = devicePixelRatio;
    const taken = [];
    const write = (text, value, colour, weight) => {
      const y = valToPos(value, "y", true);
      if (taken.some((other) => Math.abs(other - y) < LABEL_GAP * dpr)) return;
      taken.push(y);
      ctx.font = `${weight} ${12 * dpr}px ${c.font}`;
      ctx.fillStyle = colour;
      ctx.fillText(text, bbox.left + bbox.width + 6 * dpr, y);
    };
    ctx.save();
    ctx.textBaseline = "middle";
    ctx.textAlign = "start";
    this.lines.forEach(([name, colour], i) => {
      const value = this.last(i);
      if (name[0] === "-" || value == null) return;
      const pinned = this.id === "pinned";
      write(pinned ? name : this.spec.show(value), this.log ? Math.log10(value) : value, pinned ? colour : c.ink, 600);
    });
    if (this.limit > 0) write("limit", this.limit, c.newink, 400);
    ctx.restore();
  }

  /** What the cursor points at, beside the names of the lines. */
  read({ cursor: { idx }, data }) {
    write(this.unit, idx == null ? this.unitText : time(data[0][idx]));
    const values = this.values.map((list) => list[idx]);
    for (const item of this.panel.querySelectorAll("[data-line]")) {
      const i = this.lines.findIndex(([name]) => name.endsWith(item.dataset.line));
      const below = this.id === "processing" ? values[i + 1] ?? 0 : 0;
      write(item, idx == null ? "" : ` ${this.spec.show(values[i] == null ? NaN : values[i] - below)}`);
    }
  }
}

const timeLabel = (before) => (before === 0 ? "now" : before % 60 ? `−${before} s` : `−${before / 60} min`);

export const makeCharts = () => Object.keys(SPECS).map((id) => new Chart(id));
