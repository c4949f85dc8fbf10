// @ts-check
// The charts: one uPlot each, with one time axis and one cursor.
import { isDashed, coreColour } from "./colours.js";
import { MEASURED, RESTART } from "./store.js";
import { linearTicks, logTicks, timeTicks } from "./scales.js";
import { median } from "./quantile.js";
import { NONE, millis, number, percent, seconds, time } from "./words.js";

/** @typedef {{ store: import("./store.js").Store, slots: number[], from: number, to: number, limit: number, reported: Set<string>, pins: number[] }} View */
/** @typedef {{ label: string, colour: string, dash?: number[], fill?: string, end?: boolean }} Line */
/**
 * @typedef {{
 *   id: string, needs: string, lines: (view: View | undefined, colours: any) => Line[],
 *   values: (view: View) => any[][], show: (value: number) => string, log?: boolean, limit?: boolean, band?: boolean, most?: number,
 * }} Spec  `values`: one list a line, in the order of `lines`; `null` is a gap, `undefined` is passed over
 */

const LABEL_GAP = 14;
const DASH = [5, 4];
/** The highest bound of the histograms, in milliseconds. */
const TOP_MS = 10_000;

/** @param {View} view @param {string} name @param {number} [factor] */
const column = ({ store, slots }, name, factor = 1) => slots.map((slot) => point(store.kinds[slot], store.totals[name][slot] * factor));

/** @param {number} kind @param {number} value */
const point = (kind, value) => (kind !== MEASURED ? null : Number.isNaN(value) ? undefined : Math.min(value, Number.MAX_VALUE));

/** @param {any[]} a @param {any[]} b */
const onTop = (a, b) => a.map((value, i) => (value == null || b[i] == null ? value : value + b[i]));

/** @type {Spec[]} */
export const SPECS = [
  {
    id: "throughput", needs: "posted", show: (value) => number(value, value < 9.95 ? 2 : 1),
    lines: (_, c) => [{ label: "in", colour: c.accent }, { label: "out", colour: c.other, dash: DASH }],
    values: (view) => [column(view, "in", 1e-3), column(view, "out", 1e-3)],
  },
  { id: "lag", needs: "lag", limit: true, show: seconds, lines: (_, c) => [{ label: "lag", colour: c.accent }], values: (view) => [column(view, "lag")] },
  {
    id: "processing", needs: "processing", show: millis,
    lines: (_, c) => ["rest", "broadcast", "database"].map((label, i) => ({ label, colour: c.surface, fill: c[`part${2 - i}`], end: i === 0 })),
    values: (view) => {
      const database = column(view, "database");
      const broadcast = onTop(database, column(view, "broadcast"));
      return [onTop(broadcast, column(view, "rest")), broadcast, database];
    },
  },
  {
    id: "delivery", needs: "delivery", log: true, show: (value) => (value >= TOP_MS ? millis(Infinity) : millis(value)),
    lines: (_, c) => [{ label: "p50", colour: c.accent }, { label: "p99", colour: c.other }],
    values: (view) => ["p50", "p99"].map((name) => column(view, name).map((value) => (value > TOP_MS ? TOP_MS : value))),
  },
  {
    id: "pinned", needs: "busy", band: true, show: percent, most: 1,
    lines: (view, c) => [
      { label: "most", colour: c.line, end: false }, { label: "least", colour: c.line, end: false },
      ...(view?.pins ?? []).map((core) => ({ label: String(core), colour: coreColour(core, c.dark), dash: isDashed(core) ? DASH : undefined })),
    ],
    values: (view) => {
      const { store, slots } = view;
      const over = (/** @type {(row: number[]) => number} */ pick) => slots.map((slot) => point(store.kinds[slot], pick([...store.row("busy", slot)])));
      return [over((row) => Math.max(...row)), over((row) => Math.min(...row)),
        ...view.pins.map((core) => slots.map((slot) => point(store.kinds[slot], store.core("busy", slot, core))))];
    },
  },
];

export class Chart {
  /** @param {Spec} spec */
  constructor(spec) {
    this.spec = spec;
    this.panel = /** @type {HTMLElement} */ (document.getElementById(spec.id));
    this.box = /** @type {HTMLElement} */ (this.panel.querySelector(".plot"));
    this.note = /** @type {HTMLElement} */ (this.panel.querySelector(".note"));
    this.unit = /** @type {HTMLElement} */ (this.panel.querySelector(".unit"));
    this.unitText = this.unit.textContent ?? "";
    /** @type {any} */
    this.plot = undefined;
    this.ticks = [0, 1];
    this.logarithmic = false;
    this.shape = "";
    new ResizeObserver(() => this.plot?.setSize(this.size())).observe(this.box);
  }

  size() {
    return { width: this.box.clientWidth, height: this.box.clientHeight };
  }

  /** @param {View} view @param {any} colours */
  draw(view, colours) {
    this.view = view;
    const lines = this.spec.lines(view, colours);
    const shape = JSON.stringify([lines, colours.dark]);
    if (shape !== this.shape) {
      this.plot?.destroy();
      this.plot = undefined;
      this.shape = shape;
    }
    this.lines = lines;
    this.values = this.spec.values(view);
    const known = this.values.flat().filter((value) => value != null);
    this.say(view, known.length);
    this.scale(known);
    const data = [view.slots.map((slot) => view.store.times[slot]), ...this.values.map((list) => (this.logarithmic ? list.map((v) => (v > 0 ? Math.log10(v) : v && undefined)) : list))];
    if (this.plot) this.plot.setData(data);
    else this.plot = new /** @type {any} */ (globalThis).uPlot(this.options(lines, colours), data, this.box);
  }

  /** @param {View} view @param {number} points */
  say(view, points) {
    const text = !view.reported.has(this.spec.needs) ? "not reported" : points ? "" : "nothing in this time";
    if (this.note.textContent !== text) this.note.textContent = text;
    const parts = (this.lines ?? []).map((line, i) => line.end === false ? "" : `${line.label} ${this.shown(this.last(i))}`).filter(Boolean);
    this.box.setAttribute("aria-label", `${this.panel.querySelector("h2")?.textContent}, ${this.unitText}: ${text || parts.join(", ")}`);
  }

  /** @param {number[]} known */
  scale(known) {
    const { spec, view } = this;
    const most = Math.max(0, ...known, spec.limit && view && view.limit > 0 ? view.limit : 0, spec.most ?? 0);
    if (spec.log) {
      const ratio = median(this.values?.[1].filter((v) => v > 0) ?? []) / median(this.values?.[0].filter((v) => v > 0) ?? []);
      // Twice as far back as there, so that it does not go to and fro.
      this.logarithmic = ratio > (this.logarithmic ? 10 : 20);
    }
    this.ticks = this.logarithmic ? logTicks(Math.min(...known.filter((v) => v > 0)), most) : linearTicks(most);
  }

  /** @param {number | null | undefined} value */
  shown(value) {
    return value == null ? NONE : this.spec.show(value);
  }

  /** The last that is known of a line. @param {number} i */
  last(i) {
    return this.values?.[i].findLast((value) => value !== undefined);
  }

  /** @param {Line[]} lines @param {any} c */
  options(lines, c) {
    const font = `12px ${c.font}`;
    const axis = { stroke: c.ink3, font, ticks: { show: false }, gap: 6 };
    return {
      ...this.size(),
      padding: [10, 52, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, sync: { key: "ops" }, points: { size: 7, stroke: c.surface, width: 2, fill: (/** @type {any} */ _, /** @type {number} */ i) => lines[i - 1].fill ?? lines[i - 1].colour } },
      scales: { x: { time: false, range: () => [this.view?.from, this.view?.to] }, y: { range: () => [this.ticks[0], this.ticks.at(-1)] } },
      axes: [
        { ...axis, size: 24, grid: { show: false }, splits: () => this.times().map((before) => (this.view?.to ?? 0) - before), values: () => this.times().map(timeLabel) },
        { ...axis, size: 44, grid: { stroke: c.line, width: 1 }, splits: () => this.ticks, values: () => this.tickLabels() },
      ],
      series: [{}, ...lines.map((line) => ({ stroke: line.colour, width: line.fill ? 1 : 1.75, dash: line.dash, fill: line.fill, points: { show: false } }))],
      bands: this.spec.band ? [{ series: [1, 2], fill: c.line }] : undefined,
      hooks: {
        drawClear: [(/** @type {any} */ u) => this.marks(u, c)],
        draw: [(/** @type {any} */ u) => this.ends(u, c)],
        setCursor: [(/** @type {any} */ u) => this.read(u.cursor.idx)],
      },
    };
  }

  times() {
    const { from, to } = this.view ?? { from: 0, to: 300 };
    return timeTicks(Math.round(to - from), this.box.clientWidth < 420);
  }

  tickLabels() {
    if (this.logarithmic) return this.ticks.map((power) => number(10 ** power, Math.max(0, -power)));
    if (this.spec.id === "pinned") return this.ticks.map(percent);
    return this.ticks.map((tick) => number(tick, 4, { minimumFractionDigits: 0 }));
  }

  /** The limit, and where the server began anew. @param {any} u @param {any} c */
  marks(u, c) {
    const { view, spec } = this;
    if (!view) return;
    const { ctx, bbox } = u;
    const line = (/** @type {number[]} */ dash, /** @type {string} */ colour, /** @type {number} */ x0, /** @type {number} */ y0, /** @type {number} */ x1, /** @type {number} */ y1) => {
      ctx.strokeStyle = colour;
      ctx.lineWidth = 1.5 * devicePixelRatio;
      ctx.setLineDash(dash.map((length) => length * devicePixelRatio));
      ctx.beginPath();
      ctx.moveTo(x0, y0);
      ctx.lineTo(x1, y1);
      ctx.stroke();
    };
    ctx.save();
    for (const slot of view.slots) {
      const x = u.valToPos(view.store.times[slot], "x", true);
      if (view.store.kinds[slot] === RESTART && x >= bbox.left) line([1, 3], c.ink3, x, bbox.top, x, bbox.top + bbox.height);
    }
    if (spec.limit && view.limit > 0) {
      const y = u.valToPos(view.limit, "y", true);
      line(DASH, c.newline, bbox.left, y, bbox.left + bbox.width, y);
    }
    ctx.restore();
  }

  /** The last value of each line at its end. @param {any} u @param {any} c */
  ends(u, c) {
    const { ctx, bbox } = u;
    /** @type {number[]} */
    const taken = [];
    const write = (/** @type {string} */ text, /** @type {number} */ value, /** @type {string} */ colour, weight = 600) => {
      const y = u.valToPos(value, "y", true);
      if (taken.some((other) => Math.abs(other - y) < LABEL_GAP * devicePixelRatio)) return;
      taken.push(y);
      ctx.font = `${weight} ${12 * devicePixelRatio}px ${c.font}`;
      ctx.fillStyle = colour;
      ctx.fillText(text, bbox.left + bbox.width + 6 * devicePixelRatio, y);
    };
    ctx.save();
    ctx.textBaseline = "middle";
    ctx.textAlign = "start";
    this.lines?.forEach((line, i) => {
      const value = this.last(i);
      if (value == null || line.end === false) return;
      write(this.spec.band ? line.label : this.shown(value), this.logarithmic ? Math.log10(value) : value, this.spec.band ? line.colour : c.ink);
    });
    if (this.spec.limit && this.view && this.view.limit > 0) write("limit", this.view.limit, c.newink, 400);
    ctx.restore();
  }

  /** What the cursor points at, beside the names of the lines. @param {number | null | undefined} i */
  read(i) {
    const at = i == null ? undefined : this.plot?.data[0][i];
    this.unit.textContent = at ? time(at) : this.unitText;
    for (const item of /** @type {NodeListOf<HTMLElement>} */ (this.panel.querySelectorAll("[data-line]"))) {
      const n = (this.lines ?? []).findIndex((line) => line.label === item.dataset.line);
      const own = at && this.spec.id === "processing" ? this.part(n, /** @type {number} */ (i)) : this.values?.[n]?.[i ?? -1];
      item.textContent = at ? ` ${this.shown(own)}` : "";
    }
  }

  /** A part of the stack alone. @param {number} n @param {number} i */
  part(n, i) {
    const [upper, lower] = [this.values?.[n][i], this.values?.[n + 1]?.[i] ?? 0];
    return upper == null ? upper : upper - lower;
  }
}

/** @param {number} before */
const timeLabel = (before) => (before === 0 ? "now" : before % 60 ? `−${number(before)} s` : `−${number(before / 60)} min`);
