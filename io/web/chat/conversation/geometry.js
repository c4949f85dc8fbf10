// @ts-check
// Where rows stand: heights that were measured, or the mean of them, summed up. Without the page, so that it can be tested alone.

/** Browsers draw nothing far beyond this. */
const MAX_UNLOADED_PX = 8_000_000;
/** Heights kept, also of rows that are not loaded now. */
const MAX_HEIGHTS = 12_000;
const FIRST_MEAN_PX = 48;

/** @typedef {{ key: string, seq: number }} Placed */

export class Geometry {
  /** @type {readonly Placed[]} */
  items = [];
  /** Pixels that stand for what is not loaded. */
  above = 0;
  below = 0;
  /** @type {Map<string, number>} */
  #heights = new Map();
  #offsets = new Float64Array(1);
  #stale = true;
  #sum = 0;
  /** @type {Map<string, number> | null} */
  #indexes = null;

  /** @param {readonly Placed[]} items */
  setItems(items) {
    this.items = items;
    this.#indexes = null;
    this.#stale = true;
    if (this.#heights.size > MAX_HEIGHTS) this.#forget();
  }

  #forget() {
    for (const key of [...this.#heights.keys()]) {
      if (this.indexOf(key) < 0) this.#drop(key);
    }
  }

  /** @param {string} key */
  #drop(key) {
    this.#sum -= this.#heights.get(key) ?? 0;
    this.#heights.delete(key);
  }

  /** Whether that is news. @param {string} key @param {number} height */
  measured(key, height) {
    const before = this.#heights.get(key);
    if (before === height) return false;
    this.#sum += height - (before ?? 0);
    this.#heights.set(key, height);
    this.#stale = true;
    return true;
  }

  /** @param {string} key */
  knows(key) {
    return this.#heights.has(key);
  }

  /** All heights are void: the width has changed. */
  reset() {
    const mean = this.mean;
    this.#heights.clear();
    this.#sum = 0;
    this.#firstMean = mean;
    this.#stale = true;
  }

  #firstMean = FIRST_MEAN_PX;

  get mean() {
    return this.#heights.size ? this.#sum / this.#heights.size : this.#firstMean;
  }

  #refresh() {
    if (!this.#stale) return;
    this.#stale = false;
    const many = this.items.length;
    if (this.#offsets.length < many + 1) this.#offsets = new Float64Array(Math.ceil((many + 1) * 1.5));
    const mean = Math.round(this.mean);
    let offset = 0;
    for (let i = 0; i < many; i++) {
      this.#offsets[i] = offset;
      offset += this.#heights.get(this.items[i].key) ?? mean;
    }
    this.#offsets[many] = offset;
  }

  /** From the first loaded row to the row `index`. @param {number} index */
  offset(index) {
    this.#refresh();
    return this.#offsets[index];
  }

  get loaded() {
    return this.offset(this.items.length);
  }

  /** @param {string} key */
  indexOf(key) {
    if (!this.#indexes) {
      this.#indexes = new Map();
      for (let i = 0; i < this.items.length; i++) this.#indexes.set(this.items[i].key, i);
    }
    return this.#indexes.get(key) ?? -1;
  }

  /** The row that covers a place, counted from the first loaded row. @param {number} px */
  indexAt(px) {
    this.#refresh();
    let low = 0;
    let high = this.items.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#offsets[middle + 1] > px) high = middle;
      else low = middle + 1;
    }
    return Math.min(low, Math.max(0, this.items.length - 1));
  }

  /** The first row with at least this `seq`, or the last one. @param {number} seq */
  indexOfSeq(seq) {
    let low = 0;
    let high = this.items.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.items[middle].seq >= seq) high = middle;
      else low = middle + 1;
    }
    return Math.min(low, Math.max(0, this.items.length - 1));
  }

  /**
   * How many pixels stand for events that are not loaded. `seq` is dense, so a share of it is a share of the room.
   * @param {number} older events before the first row @param {number} newer events behind the last
   * @param {number} span events from the first to the last row
   */
  unloaded(older, newer, span) {
    if (older + newer === 0) return { above: 0, below: 0 };
    const rows = span > 0 ? Math.min(1, this.items.length / span) : 1;
    const perEvent = Math.min(this.mean * rows, MAX_UNLOADED_PX / (older + newer));
    return { above: Math.round(older * perEvent), below: Math.round(newer * perEvent) };
  }
}
