/**
 * @typedef {import("../rookery.js").Message} Message
 * @typedef {import("../rookery.js").ChatEvent} ChatEvent
 * @typedef {{ seq: number, key: string, message?: Message, event?: ChatEvent, row: import("../rookery.js").Row | null }} Item
 */

/** Messages and events of a conversation, by seq. */
export class Items {
  /** @type {Item[]} */
  list = [];
  /** @type {Map<string, Item>} by message */
  #index = new Map();

  get last() {
    return this.list[this.list.length - 1];
  }

  /** @param {string} messageId */
  of(messageId) {
    return this.#index.get(messageId);
  }

  /** @param {number} seq */
  has(seq) {
    return this.list[this.find(seq)]?.seq === seq;
  }

  /**
   * The place of the first one at or behind `seq`.
   * @param {number} seq
   */
  find(seq) {
    let low = 0;
    let high = this.list.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.list[middle].seq < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * Those behind `after` and up to `to`.
   * @param {number} after
   * @param {number} to
   */
  between(after, to) {
    return this.list.slice(this.find(after + 1), this.find(to + 1));
  }

  /**
   * Puts in one that is not there.
   * @param {Item} item
   */
  insert(item) {
    this.list.splice(this.find(item.seq), 0, item);
    if (item.message) this.#index.set(item.message.message_id, item);
  }

  /**
   * Puts in many that are not there.
   * @param {Item[]} items
   */
  merge(items) {
    this.list = [...this.list, ...items].sort((a, b) => a.seq - b.seq);
    for (const item of items) if (item.message) this.#index.set(item.message.message_id, item);
  }

  /**
   * Forgets all before one place, and from another one on.
   * @param {number} from
   * @param {number} to
   */
  keep(from, to) {
    const gone = [...this.list.splice(to), ...this.list.splice(0, Math.max(from, 0))];
    for (const { message } of gone) if (message) this.#index.delete(message.message_id);
  }
}
