// @ts-check
// The rows of the list that are in the page. A new row is measured out of the flow, unseen, and takes its place in the same frame,
// when its height is known: so no other row is ever moved to make room by a guess.

import { h } from "../dom.js";

const FRAME_MS = 6;

/** @typedef {import("./geometry.js").Placed} Placed */

/** @template {Placed} T */
export class Rows {
  feed = h("div", { className: "feed" });
  /** The rows that are in the page, by their indexes. */
  start = 0;
  end = 0;
  /** Those of them that are in the flow. */
  first = 0;
  last = 0;
  /** Rows above the view that were drawn anew: their heights may have changed. @type {Set<string>} */
  changed = new Set();
  /** @type {Map<string, { element: HTMLElement, item: T, aside: boolean }>} */
  #rows = new Map();
  /** @type {WeakMap<Element, string>} */
  #keys = new WeakMap();
  #padding = { paddingBlockStart: -1, paddingBlockEnd: -1 };
  #geometry;
  #observer;
  #options;

  /**
   * @param {import("./geometry.js").Geometry} geometry @param {ResizeObserver} observer
   * @param {{ build: (item: T) => HTMLElement, update: (element: HTMLElement, item: T) => void, passes: (item: T) => boolean }} options
   */
  constructor(geometry, observer, options) {
    this.#geometry = geometry;
    this.#observer = observer;
    this.#options = options;
  }

  /** @param {string} key */
  element(key) {
    return this.#rows.get(key)?.element;
  }

  get allMeasured() {
    return this.end - this.start === this.last - this.first;
  }

  /** Draws all anew though their items are the same, as after names came. */
  refresh() {
    for (const row of this.#rows.values()) this.#options.update(row.element, row.item);
  }

  /** How many are not in the page. @param {readonly T[]} items @param {number} start @param {number} end */
  unbuilt(items, start, end) {
    let many = 0;
    for (let i = start; i < end; i++) if (!this.#rows.has(items[i].key)) many++;
    return many;
  }

  /**
   * Puts these rows into the page, and takes others out. Whether there is more to do in the next frame.
   * @param {readonly T[]} items @param {number} start @param {number} end @param {number} base Where the first item stands.
   * @param {(index: number) => boolean} isAbove Whether a row stands above the view.
   */
  show(items, start, end, base, isAbove) {
    this.changed.clear();
    const wanted = new Set();
    for (let i = start; i < end; i++) wanted.add(items[i].key);
    const focused = this.#focusedKey();
    const heir = focused && this.#heir(focused, wanted);
    this.#drop(wanted, heir ? undefined : focused);
    this.#adrift(focused, wanted, base);
    this.start = this.#put(items, start, end, isAbove);
    this.end = end;
    this.flow(items);
    // A row that had to be moved has lost its focus.
    if (heir) heir.focus({ preventScroll: true });
    else if (focused && !this.#focusedKey()) this.element(focused)?.focus({ preventScroll: true });
    return this.start > start || this.changed.size > 0;
  }

  /** What gets the focus of a row that goes: the row behind or before it, else the list. @param {string} focused @param {Set<string>} wanted */
  #heir(focused, wanted) {
    const row = this.#rows.get(focused);
    if (!row || this.#geometry.indexOf(focused) >= 0 || !this.#options.passes(row.item)) return null;
    const { nextElementSibling: next, previousElementSibling: before } = row.element;
    const stays = [next, before].find((one) => one && wanted.has(this.#keys.get(one) ?? ""));
    return /** @type {HTMLElement} */ (stays ?? this.feed.parentElement);
  }

  /** @param {Set<string>} wanted @param {string | undefined} focused */
  #drop(wanted, focused) {
    for (const [key, row] of this.#rows) {
      if (wanted.has(key) || key === focused) continue;
      this.#observer.unobserve(row.element);
      row.element.remove();
      this.#rows.delete(key);
    }
  }

  /**
   * From the end, since that is where a reader of a busy chat looks; what takes too long, and is above all that is there, comes
   * in the next frame. The index of the first row that is in the page.
   * @param {readonly T[]} items @param {number} start @param {number} end @param {(index: number) => boolean} isAbove
   */
  #put(items, start, end, isAbove) {
    const began = performance.now();
    let oldest = end;
    for (let i = start; i < end && oldest === end; i++) if (this.#rows.has(items[i].key)) oldest = i;
    let next = null;
    for (let i = end - 1; i >= start; i--) {
      const item = items[i];
      let row = this.#rows.get(item.key);
      if (!row) {
        if (next && i < oldest && isAbove(i) && performance.now() - began > FRAME_MS) return i + 1;
        row = this.#build(item);
      } else if (row.item !== item) {
        row.item = item;
        this.#options.update(row.element, item);
        if (isAbove(i)) this.changed.add(item.key);
      }
      if (row.element.nextSibling !== next || !row.element.parentNode) this.feed.insertBefore(row.element, next);
      next = row.element;
    }
    return start;
  }

  /** @param {T} item */
  #build(item) {
    const row = { element: this.#options.build(item), item, aside: false };
    this.#rows.set(item.key, row);
    this.#keys.set(row.element, item.key);
    this.#observer.observe(row.element);
    return row;
  }

  /** Rows at either end that are not measured stand aside; between others they would leave a hole. @param {readonly T[]} items */
  flow(items) {
    const { start, end } = this;
    const known = (/** @type {number} */ index) => this.#geometry.knows(items[index].key);
    let first = start;
    let last = end;
    while (first < last && (!known(first) || this.changed.has(items[first].key))) first++;
    while (last > first && !known(last - 1)) last--;
    for (let i = start; i < end; i++) {
      const row = this.#rows.get(items[i].key);
      const aside = i < first || i >= last;
      if (!row || row.aside === aside) continue;
      row.aside = aside;
      row.element.classList.toggle("aside", aside);
    }
    this.first = first;
    this.last = last;
  }

  #focusedKey() {
    const focused = document.activeElement?.closest(".feed > *");
    return focused && this.feed.contains(focused) ? this.#keys.get(focused) : undefined;
  }

  /**
   * A focused row stays in the page though it is far away: beside the others, so that these don't move.
   * @param {string | undefined} focused @param {Set<string>} wanted @param {number} base
   */
  #adrift(focused, wanted, base) {
    for (const [key, { element }] of this.#rows) {
      const far = key === focused && !wanted.has(key);
      element.classList.toggle("adrift", far);
      if (far) element.style.insetBlockStart = `${base + this.#geometry.offset(Math.max(0, this.#geometry.indexOf(key)))}px`;
      else if (element.style.insetBlockStart) element.style.insetBlockStart = "";
    }
  }

  /** The key of a row whose height counts. @param {Element} element */
  placed(element) {
    return element.isConnected && !element.classList.contains("adrift") ? this.#keys.get(element) : undefined;
  }

  /**
   * What stands for the rows that are not in the flow. It is padding: as elements, it would move the feed about, which counts as a
   * shift of the layout.
   * @param {number} above @param {number} below
   */
  pad(above, below) {
    this.#pad("paddingBlockStart", above);
    this.#pad("paddingBlockEnd", below);
  }

  /** @param {"paddingBlockStart" | "paddingBlockEnd"} side @param {number} px */
  #pad(side, px) {
    if (this.#padding[side] === px) return;
    this.#padding[side] = px;
    this.feed.style[side] = `${Math.max(0, px)}px`;
  }
}
