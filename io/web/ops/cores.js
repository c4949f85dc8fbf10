// The table of cores: order, figures, what is hot, what one has pinned.
import { coreColour } from "./axes.js";
import { Strips } from "./strips.js";
import { number, percent, write } from "./words.js";

/** Lines that one may pin; one more takes the place of the oldest. */
const MAX_PINS = 8;
/** Hottest first: the order is made anew this often, so that one can read it. */
const SORT_MS = 5000;
const FIGURES = ["connections", "posts", "deliveries", "mesh"];

const clone = (id) => document.getElementById(id).content.firstElementChild.cloneNode(true);
const coreOf = ({ target }) => {
  const core = target.closest("[data-core]")?.dataset.core;
  return core && Number(core);
};

export class Cores {
  pins = [];
  sorted = 0;

  /** `changed` is called when other cores are to be shown as lines. */
  constructor(count, changed) {
    this.changed = changed;
    this.heat = count > 32;
    this.box = document.getElementById("tables");
    this.box.dataset.size = count <= 16 ? "large" : this.heat ? "small" : "middle";
    this.strips = new Strips(document.getElementById("strips"));
    this.order = [...Array(count).keys()];
    this.rows = this.order.map((core) => this.row(core));
    this.tables = this.heat ? [clone("table"), clone("table")] : [clone("table")];
    if (this.heat) for (const th of this.tables.flatMap((table) => [...table.querySelectorAll("[data-short]")])) th.textContent = th.dataset.short;
    this.more = clone("more");
    this.box.replaceChildren(...this.tables);
    this.arrange();
    this.listen();
    this.observer = new ResizeObserver(() => this.measure());
    this.observer.observe(this.box);
  }

  row(core) {
    const row = clone("row");
    const [button, hot, strip, ...cells] = ["button", ".hot", ".strip", ".busy", ...FIGURES.map((name) => `.${name}`)].map((part) => row.querySelector(part));
    button.textContent = core;
    button.ariaLabel = `Core ${core}`;
    button.tabIndex = core ? -1 : 0;
    row.dataset.core = core;
    return { row, button, hot, strip, cells };
  }

  listen() {
    this.box.onclick = (event) => {
      const sort = event.target.closest("[data-sort]");
      const core = coreOf(event);
      if (sort) this.sortBy(sort.dataset.sort);
      else if (core >= 0) this.pin(core);
    };
    this.box.onpointerover = (event) => this.hover(event.pointerType === "mouse" ? coreOf(event) : undefined);
    this.box.onpointerleave = () => this.hover();
    this.box.onkeydown = (event) => {
      const last = this.order.length - 1;
      const place = this.order.indexOf(coreOf(event));
      const next = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: last }[event.key];
      if (place >= 0 && next !== undefined) {
        event.preventDefault();
        this.enter(this.order[Math.max(0, Math.min(last, next))]).focus();
      } else if (event.key === "Escape") {
        this.pins = [];
        this.showPins();
      }
    };
  }

  /** Where Tab enters the table from now on. */
  enter(core) {
    for (const { button } of this.rows) button.tabIndex = -1;
    this.rows[core].button.tabIndex = 0;
    return this.rows[core].button;
  }

  pin(core) {
    this.pins = this.pins.includes(core) ? this.pins.filter((other) => other !== core) : [...this.pins, core].slice(-MAX_PINS);
    this.enter(core);
    this.showPins();
  }

  hover(core) {
    const other = core !== this.over;
    this.over = core;
    if (other && this.pins.length) this.changed();
  }

  showPins() {
    this.rows.forEach(({ row, button }, core) => {
      button.ariaPressed = this.pins.includes(core);
      row.style.setProperty("--pin", coreColour(core, this.colours?.dark));
    });
    this.placeMore();
    this.measure();
    this.changed();
  }

  /** A phone has the rest of the figures below the core that one has pinned last. */
  placeMore() {
    if (this.pins.length) this.rows[this.pins.at(-1)].row.after(this.more);
    else this.more.remove();
  }

  /** The cores that are shown as lines. */
  get lines() {
    return this.pins.length && this.over >= 0 && !this.pins.includes(this.over) ? [...this.pins, this.over] : this.pins;
  }

  sortBy(what) {
    this.by = what;
    this.sorted = 0;
    for (const button of this.box.querySelectorAll("[data-sort]")) {
      button.parentElement.ariaSort = button.dataset.sort !== what ? "none" : what === "busy" ? "descending" : "ascending";
    }
    this.changed();
  }

  sort(busy) {
    const now = performance.now();
    if (this.sorted && (now - this.sorted < SORT_MS || this.over >= 0 || this.box.contains(document.activeElement))) return;
    this.sorted = now;
    const order = [...this.rows.keys()];
    if (this.by === "busy") order.sort((a, b) => (busy[b] || 0) - (busy[a] || 0));
    if (`${order}` === `${this.order}`) return;
    this.order = order;
    this.arrange();
    this.measure();
  }

  arrange() {
    const focused = document.activeElement;
    const half = Math.ceil(this.order.length / this.tables.length);
    this.tables.forEach((table, i) => table.tBodies[0].replaceChildren(...this.order.slice(i * half, (i + 1) * half).map((core) => this.rows[core].row)));
    this.placeMore();
    focused?.focus();
  }

  /** Tells the canvas where the strips are. */
  measure() {
    const box = this.box.getBoundingClientRect();
    const space = this.heat ? 1 : 3;
    const places = this.rows.map(({ strip }) => {
      const cell = strip.getBoundingClientRect();
      return { x: cell.left - box.left, y: cell.top - box.top + space, height: cell.height - 2 * space };
    });
    this.strips.layout(box.width, box.height, places, this.rows[0].strip.clientWidth);
    this.paint?.();
  }

  draw(store, slot, watch, { to, span, colours, paused }) {
    const themed = this.colours !== colours;
    const busy = store.row("busy", slot);
    this.colours = colours;
    this.paint = () => this.strips.draw(store, to, span, colours, this.heat);
    if (themed) this.showPins();
    this.sort(busy);
    const figures = FIGURES.map((name) => store.row(name, slot));
    this.rows.forEach(({ row, hot, cells }, core) => {
      write(cells[0], percent(busy[core]));
      figures.forEach((values, i) => write(cells[i + 1], number(values[core])));
      if (paused) return;
      row.classList.toggle("is-hot", watch.isHot(core));
      hot.hidden = !watch.isHot(core);
      cells[4].classList.toggle("amber", watch.waits(core));
    });
    for (const table of this.tables) write(table.querySelector("th.strip"), `Busy, last ${span / 60} min`);
    const [connections, posts, deliveries, mesh] = figures.map((values) => number(values[this.pins.at(-1)] ?? NaN));
    write(this.more.firstChild, `${connections} connected, ${posts} posts/s, ${deliveries} deliveries/s, mesh ${mesh}`);
    this.paint();
  }
}
