/** How long somebody is shown as typing: nothing says that they have stopped. Milliseconds. */
const SHOWN_FOR = 6_000;
/** People who are shown at a time. */
const TYPISTS = 32;

/** Who types in a chat. */
export class Typists {
  #clock;
  #changed;
  /** @type {Map<string, unknown>} users and when they end */
  #timers = new Map();

  /**
   * @param {import("../rookery.js").Clock} clock
   * @param {() => void} changed
   */
  constructor(clock, changed) {
    this.#clock = clock;
    this.#changed = changed;
  }

  get list() {
    return [...this.#timers.keys()];
  }

  /** @param {string} userId */
  add(userId) {
    if (this.#timers.size >= TYPISTS && !this.#timers.has(userId)) return;
    this.#clock.clearTimeout(this.#timers.get(userId));
    this.#timers.set(userId, this.#clock.setTimeout(() => this.remove(userId), SHOWN_FOR));
    this.#changed();
  }

  /** Nobody is heard any more. */
  clear() {
    for (const userId of this.#timers.keys()) this.remove(userId);
  }

  /** @param {string} userId who has said something, or not for long */
  remove(userId) {
    if (!this.#timers.has(userId)) return;
    this.#clock.clearTimeout(this.#timers.get(userId));
    this.#timers.delete(userId);
    this.#changed();
  }
}
