// @ts-check
// The virtual list: what is near the view is in the page, two spacers stand for the rest, and what one reads stays where it is.
// All geometry comes from one ResizeObserver and one look at `scrollTop` a frame.

import { read, write } from "../frame.js";
import { h } from "../dom.js";
import { Geometry } from "./geometry.js";
import { afterBurst, rowsNear } from "./range.js";
import { Rows } from "./rows.js";
import { Scrolling } from "./scrolling.js";

/** Nearer to the end than this is at the end. */
const END_PX = 80;

/** @typedef {import("./geometry.js").Placed} Placed */
/** @typedef {{ key: string, seq: number, delta: number, share?: number, far?: boolean }} Anchor
 * A row, and its distance from the top of the view; `far` where no loaded row is in view. */

/**
 * @template {Placed} T
 * @typedef {object} Options
 * @property {(item: T) => HTMLElement} build
 * @property {(element: HTMLElement, item: T) => void} update
 * @property {(item: T) => boolean} passes Whether a row may go though it has the focus, as what it stood for is over.
 * @property {() => { older: number, newer: number, span: number }} unloaded Events outside of the items.
 * @property {(where: "older" | "newer" | "around", seq?: number) => void} need
 * @property {() => void} moved After each frame in which the view, or what is in it, has changed.
 */

/** @template {Placed} T */
export class List {
  geometry = new Geometry();
  element = h("div", { className: "messages", tabIndex: -1 });
  /** @type {readonly T[]} */
  #items = [];
  /** @type {readonly T[] | null} */
  #next = null;
  /** A row in the page, and where it is in the whole of it. */
  #pin = { key: "", at: 0 };
  #top = 0;
  #view = 0;
  #width = 0;
  /** @type {Anchor | null} `null` is the end. */
  #anchor = null;
  #scrolled = false;
  #scrolling;
  #fill = 0;
  /** The page's own scroll offset, as it was last seen. */
  #real = 0;
  #options;
  #observer;
  /** @type {Rows<T>} */
  #rows;

  /** @param {Options<T>} options */
  constructor(options) {
    this.#options = options;
    this.#observer = new ResizeObserver((entries) => this.#measured(entries));
    this.#rows = new Rows(this.geometry, this.#observer, options);
    this.element.append(this.feed);
    this.#observer.observe(this.element);
    const scrolled = () => {
      this.#scrolled = true;
      this.#ask();
    };
    this.#scrolling = new Scrolling(this.element, { scrolled, rested: () => this.#ask() });
  }

  destroy() {
    this.#observer.disconnect();
    this.#scrolling.destroy();
  }

  get feed() {
    return this.#rows.feed;
  }

  get items() {
    return this.#items;
  }

  get atEnd() {
    return this.#anchor === null;
  }

  get view() {
    return this.#view;
  }

  /** How far the view is from the end, in pixels. */
  get fromEnd() {
    return this.#total - this.#view - this.#top;
  }

  get #total() {
    return this.#base + this.geometry.loaded + this.geometry.below;
  }

  /** Where the first loaded row stands. */
  get #base() {
    return this.geometry.above + this.#fill;
  }

  /** @param {string} key */
  row(key) {
    return this.#rows.element(key);
  }

  /** The rows from the first to the last that stand in the view with at least half of their height. */
  get visible() {
    const top = this.#top - this.#base;
    const { geometry } = this;
    if (!this.#items.length || top + this.#view < 0 || top > geometry.loaded) return null;
    const half = (/** @type {number} */ index) => (geometry.offset(index) + geometry.offset(index + 1)) / 2;
    let first = geometry.indexAt(Math.max(0, top));
    let last = geometry.indexAt(top + this.#view);
    if (half(first) < top && first < last) first++;
    if (half(last) > top + this.#view && last > first) last--;
    return { first, last };
  }

  /** Where one is, to come back to later; `null` at the end. @returns {Anchor | null} */
  get place() {
    return this.#anchor && !this.#anchor.far ? { ...this.#anchor } : null;
  }

  /** @param {readonly T[]} items */
  setItems(items) {
    this.#next = items;
    this.#ask();
  }

  /** Draws a row anew though its item is the same, as after names came. */
  refresh() {
    this.#rows.refresh();
  }

  /** Goes to the end, at once. */
  toEnd() {
    this.#anchor = null;
    this.#scrolled = false;
    this.#ask();
  }

  /** Shows a row `share` of the view below its top. @param {number} seq @param {number} share */
  toSeq(seq, share) {
    this.#anchor = { key: "", seq, delta: 0, share };
    this.#scrolled = false;
    this.#ask();
  }

  /** @param {Anchor} place */
  toPlace(place) {
    this.#anchor = { ...place };
    this.#scrolled = false;
    this.#ask();
  }

  /** Moves as little as possible to show a row whole. @param {string} key */
  reveal(key) {
    const index = this.geometry.indexOf(key);
    if (index < 0) return;
    const base = this.#base;
    const from = base + this.geometry.offset(index);
    const to = base + this.geometry.offset(index + 1);
    const { key: name, seq } = this.#items[index];
    if (from < this.#top) this.#anchor = { key: name, seq, delta: 0 };
    else if (to > this.#top + this.#view) this.#anchor = { key: name, seq, delta: this.#view - (to - from) };
    this.#ask();
  }

  #ask() {
    read(this.#look);
    write(this.#draw);
  }

  #look = () => {
    this.#real = this.element.scrollTop;
    if (this.#scrolled && Math.abs(this.#real - this.#top) >= 1) this.#follow(this.#real);
    this.#scrolled = false;
  };

  /** The user has scrolled: what they look at now is what stays. @param {number} top */
  #follow(top) {
    const upwards = top < this.#top;
    this.#top = top;
    const { newer } = this.#options.unloaded();
    if (newer === 0 && this.fromEnd <= (upwards ? 0 : END_PX)) this.#anchor = null;
    else this.#anchor = this.#firstInView();
  }

  /** @returns {Anchor | null} */
  #firstInView() {
    const base = this.#base;
    const many = this.#items.length;
    if (!many) return null;
    let index = this.geometry.indexAt(Math.max(0, this.#top - base));
    if (base + this.geometry.offset(index) < this.#top && index + 1 < many) index++;
    const { key, seq } = this.#items[index];
    const far = this.#top > base + this.geometry.loaded || this.#top + this.#view < base;
    return { key, seq, delta: base + this.geometry.offset(index) - this.#top, far };
  }

  #draw = () => {
    if (!this.#view) return;
    this.#take();
    this.#place();
    this.#settle();
    this.#range();
    this.#scroll();
    // At the end, the heights of new rows come in this frame, and the offset goes in with them: to set it lays out all anew.
    if (!this.atEnd || this.#rows.allMeasured || this.#rows.changed.size) this.#pull();
    this.#wants();
    this.#options.moved();
  };

  /** On touch, rows that go above wait for the finger to be up: to move the list would stop its momentum. */
  get #mustWait() {
    const { byTouch, touching, moving } = this.#scrolling;
    if (!this.#next || !byTouch || !(touching || moving) || !this.#items.length || !this.#next.length) return false;
    return this.#next[0].seq < this.#items[0].seq && this.geometry.indexOf(this.#next[0].key) < 0;
  }

  #take() {
    if (!this.#next || this.#mustWait) return;
    const anchored = this.#anchor && this.geometry.indexOf(this.#anchor.key);
    // A row that goes away hands its place to its neighbour.
    if (this.#anchor && anchored !== null && anchored >= 0) this.#anchor.seq = this.#items[anchored].seq;
    this.#items = this.#next;
    this.#next = null;
    this.geometry.setItems(this.#items);
  }

  /** At the very end, and where one has scrolled and rests near it, the end is what one looks at. */
  #settle() {
    const near = this.#scrolling.takeRested() ? END_PX : 1;
    if (this.#scrolling.moving || this.#anchor === null || this.#anchor.key === "" || this.#anchor.far || !this.#rows.allMeasured) return;
    if (this.#options.unloaded().newer === 0 && this.fromEnd <= near) this.#anchor = null;
  }

  /** Where the anchor is now, and with it the spacers and the scroll offset. */
  #place() {
    const { geometry } = this;
    // Amid what is not loaded, the scroll bar is all that one sees.
    if (this.#anchor?.far) return;
    const { older, newer, span } = this.#options.unloaded();
    const estimate = geometry.unloaded(older, newer, span);
    geometry.below = estimate.below;
    this.#fill = older + newer ? 0 : Math.max(0, this.#view - geometry.loaded);
    const index = this.#anchorIndex();
    if (this.#anchor === null || index < 0) {
      const kept = this.#anchor === null ? geometry.indexOf(this.#pin.key) : -1;
      this.#guess(kept < 0 ? 0 : this.#pin.at - geometry.offset(kept), older, estimate.above);
      if (this.#anchor === null) this.#top = Math.max(0, this.#total - this.#view);
      return;
    }
    const offset = geometry.offset(index);
    this.#guess(this.#scrolling.moving ? this.#top + this.#anchor.delta - offset : 0, older, estimate.above);
    const most = Math.max(0, this.#total - this.#view);
    this.#top = Math.min(most, Math.max(0, this.#base + offset - this.#anchor.delta));
  }

  /**
   * What stands above: where that can be, so much that the loaded rows stay where they are and `scrollTop` needs no change;
   * else what is estimated, as at rest and after a jump.
   * @param {number} stable @param {number} older @param {number} estimate
   */
  #guess(stable, older, estimate) {
    this.geometry.above = older > 0 && stable > this.#view ? stable : estimate;
  }

  #anchorIndex() {
    if (!this.#anchor || !this.#items.length) return -1;
    if (this.#anchor.share !== undefined) {
      this.#anchor.delta = Math.round(this.#view * this.#anchor.share);
      this.#anchor.share = undefined;
    }
    const index = this.geometry.indexOf(this.#anchor.key);
    if (index >= 0) return index;
    const near = this.geometry.indexOfSeq(this.#anchor.seq);
    this.#anchor.key = this.#items[near].key;
    return near;
  }

  /** Which rows are in the page: the view and one screen each way. */
  #range() {
    const { geometry } = this;
    const top = this.#top - this.#base;
    const [from, end] = rowsNear(geometry, top, this.#view);
    const start = this.atEnd ? afterBurst(from, this.#items.length, this.#rows.unbuilt(this.#items, from, end)) : from;
    const isAbove = (/** @type {number} */ index) => geometry.offset(index + 1) <= top;
    if (this.#rows.show(this.#items, start, end, this.#base, isAbove)) this.#ask();
  }

  /** What stands for the rest goes into the page. */
  #scroll() {
    const { geometry } = this;
    const { first, last } = this.#rows;
    this.#rows.pad(this.#base + geometry.offset(first), geometry.loaded - geometry.offset(last) + geometry.below);
    const pinned = this.#items[last - 1];
    if (pinned) this.#pin = { key: pinned.key, at: geometry.above + geometry.offset(last - 1) };
  }

  #pull() {
    if (Math.abs(this.#real - this.#top) < 1) return;
    this.#real = this.#top;
    // Beyond the end where that is the anchor: the browser knows it to the last pixel.
    this.element.scrollTop = this.#anchor === null ? this.#top + this.#view : this.#top;
  }

  /** @param {ResizeObserverEntry[]} entries */
  #measured(entries) {
    let news = false;
    for (const entry of entries) {
      const box = entry.borderBoxSize[0];
      if (entry.target === this.element) {
        news = this.#resized(box.inlineSize, box.blockSize) || news;
        continue;
      }
      const key = this.#rows.placed(entry.target);
      if (key) news = this.geometry.measured(key, box.blockSize) || news;
    }
    if (!news) return;
    // In the frame of the change, before it is painted: nothing is seen to move. The layout is fresh, so this reads for free.
    this.#look();
    this.#rows.changed.clear();
    this.#rows.flow(this.#items);
    this.#place();
    this.#scroll();
    this.#pull();
    this.#ask();
  }

  /** @param {number} width @param {number} height */
  #resized(width, height) {
    if (width === this.#width && height === this.#view) return false;
    if (this.#width && width !== this.#width) this.geometry.reset();
    this.#width = width;
    this.#view = height;
    return true;
  }

  /** What must be loaded, from two screens before the edge on. */
  #wants() {
    const { geometry } = this;
    const { older, newer } = this.#options.unloaded();
    if (!this.#view || (!this.#items.length && !older && !newer)) return;
    const first = this.#base;
    const last = first + geometry.loaded;
    const far = 1.5 * this.#view;
    if (older && this.#top + this.#view < first - far) return this.#wantsFar(this.#top / Math.max(1, first));
    if (newer && this.#top > last + far) return this.#wantsFar(null);
    if (older && this.#top < first + 2 * this.#view) this.#options.need("older");
    if (newer && this.#top + this.#view > last - 2 * this.#view) this.#options.need("newer");
  }

  /** The thumb was dragged to a place that is not loaded: once it rests there, that place is. @param {number | null} share of what is above */
  #wantsFar(share) {
    if (this.#scrolling.moving || this.#scrolling.touching) return;
    const { older, newer, span } = this.#options.unloaded();
    const below = this.#top - (this.#base + this.geometry.loaded);
    const seq = share === null ? older + span + (below / Math.max(1, this.geometry.below)) * newer : share * older;
    this.#options.need("around", Math.max(1, Math.round(seq)));
  }
}
