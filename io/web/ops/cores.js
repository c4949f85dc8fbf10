// @ts-check
// The table of cores: order, figures, what is hot, what one has pinned.
import { coreColour } from "./colours.js";
import { barCount, Strips } from "./strips.js";
import { NONE, number, percent, whole } from "./words.js";

/** Lines that one may pin. */
const MAX_PINS = 8;
/** Hottest first: the order is made anew this often, so that one can read it. */
const SORT_MS = 5000;
const FIGURES = /** @type {const} */ (["connections", "posts", "deliveries", "mesh"]);

/** @param {string} tag @param {Record<string, string>} [attributes] @param {...(Node | string)} children */
const element = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
};
/** @param {Node} node @param {string} text */
const write = (node, text) => {
  if (node.textContent !== text) node.textContent = text;
};
/** @param {string} id */
const template = (id) => /** @type {HTMLElement} */ (/** @type {HTMLTemplateElement} */ (document.getElementById(id)).content.firstElementChild?.cloneNode(true));

/** @typedef {{ tr: HTMLElement, button: HTMLElement, strip: HTMLElement, hot: HTMLElement, cells: Record<string, HTMLElement> }} Row */

export class Cores {
  /** @param {number} count @param {() => void} changed what is shown of the cores in charts */
  constructor(count, changed) {
    this.changed = changed;
    this.box = /** @type {HTMLElement} */ (document.getElementById("tables"));
    this.strips = new Strips(/** @type {HTMLCanvasElement} */ (document.getElementById("strips")));
    this.box.dataset.size = count <= 16 ? "large" : count <= 32 ? "middle" : "small";
    this.heat = count > 32;
    const halves = this.heat ? 2 : 1;
    this.rows = Array.from({ length: count }, (_, core) => this.row(core));
    this.order = this.rows.map((_, core) => core);
    this.perTable = Math.ceil(count / halves);
    this.tables = Array.from({ length: halves }, () => template("table"));
    if (this.heat) for (const th of this.tables.flatMap((table) => [...table.querySelectorAll("[data-short]")])) th.textContent = th.getAttribute("data-short");
    this.box.replaceChildren(...this.tables);
    this.hottest = false;
    this.sorted = 0;
    /** @type {number[]} */
    this.pins = [];
    /** @type {number | undefined} */
    this.over = undefined;
    this.more = element("tr", { class: "more" }, element("td", { colspan: "3" }));
    this.arrange();
    this.listen();
    new ResizeObserver(() => this.measure()).observe(this.box);
  }

  /** @param {number} core */
  row(core) {
    const tr = template("row");
    const button = /** @type {HTMLElement} */ (tr.querySelector("button"));
    button.textContent = String(core);
    button.setAttribute("aria-label", `Core ${core}`);
    button.tabIndex = core ? -1 : 0;
    tr.dataset.core = String(core);
    const cells = Object.fromEntries(["busy", ...FIGURES].map((name) => [name, /** @type {HTMLElement} */ (tr.querySelector(`.${name}`))]));
    return { tr, button, cells, strip: /** @type {HTMLElement} */ (tr.querySelector(".strip")), hot: /** @type {HTMLElement} */ (tr.querySelector(".hot")) };
  }

  listen() {
    const coreOf = (/** @type {Event} */ event) => {
      const row = /** @type {Element} */ (event.target).closest("tr[data-core]");
      return row ? Number(/** @type {HTMLElement} */ (row).dataset.core) : undefined;
    };
    this.box.addEventListener("click", (event) => {
      const sort = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest("[data-sort]"));
      const core = coreOf(event);
      if (sort) this.sortBy(sort.dataset.sort === "busy");
      else if (core !== undefined) this.pin(core);
    });
    this.box.addEventListener("pointerover", (event) => this.hover(event.pointerType === "mouse" ? coreOf(event) : undefined));
    this.box.addEventListener("pointerleave", () => this.hover(undefined));
    this.box.addEventListener("keydown", (event) => this.key(event, coreOf(event)));
  }

  /** @param {KeyboardEvent} event @param {number | undefined} core */
  key(event, core) {
    if (core === undefined) return;
    const place = this.order.indexOf(core);
    const next = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: this.order.length - 1 }[event.key];
    if (next !== undefined) {
      event.preventDefault();
      this.focus(this.order[Math.max(0, Math.min(this.order.length - 1, next))]);
    } else if (event.key === "Escape" && this.pins.length) {
      this.pins = [];
      this.showPins();
    }
  }

  /** @param {number} core */
  focus(core) {
    for (const row of this.rows) row.button.tabIndex = -1;
    this.rows[core].button.tabIndex = 0;
    this.rows[core].button.focus();
  }

  /** @param {number} core */
  pin(core) {
    this.pins = this.pins.includes(core) ? this.pins.filter((other) => other !== core) : [...this.pins, core].slice(-MAX_PINS);
    for (const row of this.rows) row.button.tabIndex = -1;
    this.rows[core].button.tabIndex = 0;
    this.showPins();
  }

  /** @param {number | undefined} core */
  hover(core) {
    if (core === this.over) return;
    this.over = core;
    if (this.pins.length) this.changed();
  }

  showPins(dark = this.colours?.dark) {
    this.rows.forEach(({ tr, button }, core) => {
      const pinned = this.pins.includes(core);
      button.setAttribute("aria-pressed", String(pinned));
      if (pinned) tr.style.setProperty("--pin", coreColour(core, dark));
      else tr.style.removeProperty("--pin");
    });
    const last = this.pins.at(-1);
    if (last === undefined) this.more.remove();
    else this.rows[last].tr.after(this.more);
    this.measure();
    this.changed();
  }

  /** The cores that a chart shows as lines. */
  get lines() {
    return this.over === undefined || !this.pins.length || this.pins.includes(this.over) ? this.pins : [...this.pins, this.over];
  }

  /** @param {boolean} hottest */
  sortBy(hottest) {
    this.hottest = hottest;
    this.sorted = 0;
    for (const button of this.box.querySelectorAll("[data-sort]")) {
      const by = /** @type {HTMLElement} */ (button).dataset.sort === "busy";
      const th = /** @type {HTMLElement} */ (button.parentElement);
      if (by === hottest) th.setAttribute("aria-sort", hottest ? "descending" : "ascending");
      else th.removeAttribute("aria-sort");
    }
    if (this.busy) this.sort(this.busy);
    this.changed();
  }

  /** @param {ArrayLike<number>} busy */
  sort(busy) {
    const now = performance.now();
    if (this.sorted && (now - this.sorted < SORT_MS || this.over !== undefined || this.box.contains(document.activeElement))) return;
    this.sorted = now;
    const order = this.rows.map((_, core) => core);
    if (this.hottest) order.sort((a, b) => (busy[b] || 0) - (busy[a] || 0));
    if (order.every((core, i) => core === this.order[i])) return;
    this.order = order;
    this.arrange();
    this.measure();
  }

  arrange() {
    this.tables.forEach((table, i) => {
      const body = /** @type {HTMLElement} */ (table.querySelector("tbody"));
      body.replaceChildren(...this.order.slice(i * this.perTable, (i + 1) * this.perTable).map((core) => this.rows[core].tr));
    });
    const last = this.pins.at(-1);
    if (last !== undefined) this.rows[last].tr.after(this.more);
  }

  /** Gives the strips whole pixels, and tells the canvas where they are. */
  measure() {
    if (!this.window) return;
    const width = Strips.width(this.rows[0].strip.clientWidth, barCount(this.window));
    const box = this.box.getBoundingClientRect();
    const places = this.rows.map(({ strip }) => {
      const cell = strip.getBoundingClientRect();
      const space = this.heat ? 1 : 3;
      return { x: cell.left - box.left, y: cell.top - box.top + space, height: cell.height - 2 * space };
    });
    this.strips.layout(box.width, box.height, places, width);
    if (this.latest) this.paint();
  }

  /**
   * @param {import("./store.js").Store} store @param {number} slot the latest @param {import("./hot.js").Watch} watch
   * @param {{ to: number, paused: boolean, window: number, colours: any, heading: string }} view
   */
  draw(store, slot, watch, { to, paused, window, colours, heading }) {
    const themed = this.colours && this.colours.dark !== colours.dark;
    const measured = this.window === window;
    this.latest = { store, to };
    this.colours = colours;
    this.window = window;
    this.busy = store.row("busy", slot);
    if (themed) this.showPins();
    this.sort(this.busy);
    this.rows.forEach((row, core) => {
      this.figures(row, core, store, slot);
      if (!paused) this.warn(row, core, watch);
    });
    for (const table of this.tables) write(/** @type {Node} */ (table.querySelector("th.strip")), heading);
    const last = this.pins.at(-1);
    if (last !== undefined) write(/** @type {Node} */ (this.more.firstChild), this.sentence(store, slot, last));
    if (measured) this.paint();
    else this.measure();
  }

  paint() {
    const { store, to } = /** @type {NonNullable<typeof this.latest>} */ (this.latest);
    this.strips.draw(store, to, /** @type {number} */ (this.window), this.colours, this.heat);
  }

  /** @param {Row} row @param {number} core @param {import("./store.js").Store} store @param {number} slot */
  figures({ cells }, core, store, slot) {
    write(cells.busy, percent(store.core("busy", slot, core)));
    for (const name of FIGURES) write(cells[name], whole(store.core(name, slot, core)));
  }

  /** @param {Row} row @param {number} core @param {import("./hot.js").Watch} watch */
  warn({ tr, hot, cells }, core, watch) {
    tr.classList.toggle("is-hot", watch.isHot(core));
    hot.hidden = !watch.isHot(core);
    cells.mesh.classList.toggle("amber", watch.mesh[core].active);
  }

  /** The figures for which a phone has no columns. @param {import("./store.js").Store} store @param {number} slot @param {number} core */
  sentence(store, slot, core) {
    const [connections, posts, deliveries, mesh] = FIGURES.map((name) => store.core(name, slot, core)).map((value) => (Number.isNaN(value) ? NONE : number(value)));
    return `${connections} connected, ${posts} posts/s, ${deliveries} deliveries/s, mesh ${mesh}`;
  }
}
