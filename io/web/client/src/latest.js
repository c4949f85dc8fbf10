/**
 * @typedef {import("./items.js").Item} Item
 * @typedef {import("./ranges.js").Range} Range
 */

/** Messages and events that are kept of a chat's end. */
const LATEST_ITEMS = 100;

/** The end of a chat, kept where what is shown does not reach it any more, so that one is back there at once. */
export class Latest {
  /** @type {Item[]} */
  items = [];
  #from = 0;
  /** Events up to this one are in it; nothing is kept where it is below 0. */
  #to = -1;

  /**
   * Keeps the last of these.
   * @param {Item[]} items
   * @param {Range} range which they are the end of
   */
  keep(items, { from, to }) {
    this.items = items.slice(-LATEST_ITEMS).filter(({ seq }) => seq >= from);
    for (const item of this.items) item.row = null;
    this.#from = items.length > LATEST_ITEMS ? Math.max(from, items[items.length - LATEST_ITEMS].seq) : from;
    this.#to = to;
  }

  /**
   * The event that comes next, and what is shown of it.
   * @param {number} seq
   * @param {Item | undefined} item
   */
  follow(seq, item) {
    if (this.#to !== seq - 1) return;
    this.#to = seq;
    if (!item) return;
    this.items.push(item);
    if (this.items.length <= LATEST_ITEMS) return;
    this.items.shift();
    this.#from = this.items[0].seq;
  }

  /**
   * What is kept, if that is all up to this event.
   * @param {number} has
   */
  upTo(has) {
    return this.#to >= has ? { items: this.items, from: this.#from, to: this.#to } : null;
  }

  forget() {
    this.items = [];
    this.#to = -1;
  }
}
