/** @typedef {{ from: number, to: number }} Range both inclusive; empty where `to` is `from - 1` */

/** The events of a chat that are loaded, as ranges in order, which neither overlap nor touch. */
export class Ranges {
  /** @type {Range[]} */
  list = [];

  get first() {
    return this.list[0];
  }

  get last() {
    return this.list[this.list.length - 1];
  }

  /**
   * @param {number} from
   * @param {number} to
   */
  add(from, to) {
    const apart = [];
    for (const range of this.list) {
      if (range.to < from - 1 || range.from > to + 1) {
        apart.push(range);
        continue;
      }
      from = Math.min(from, range.from);
      to = Math.max(to, range.to);
    }
    this.list = [...apart, { from, to }].sort((a, b) => a.from - b.from);
  }

  /**
   * Keeps what lies between the two, both inclusive.
   * @param {number} from
   * @param {number} to
   */
  clip(from, to) {
    this.list = this.list
      .filter((range) => range.from <= to && range.to >= from)
      .map((range) => ({ from: Math.max(from, range.from), to: Math.min(to, range.to) }));
  }
}
