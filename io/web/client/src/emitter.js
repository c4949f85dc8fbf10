/** Gathers what changed, and tells listeners of it once, after whatever made the changes has ended. */
export class Emitter {
  #clock;
  /** @type {Map<string, Set<(value: any) => void>>} */
  #listeners = new Map();
  /** @type {Map<string, Map<unknown, any>>} */
  #due = new Map();
  #flushing = false;

  /** @param {import("../rookery.js").Clock} clock */
  constructor(clock) {
    this.#clock = clock;
  }

  /**
   * @param {string} event
   * @param {(value: any) => void} listener
   */
  on(event, listener) {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners.add(listener));
    return () => void listeners.delete(listener);
  }

  /**
   * Tells of `key` once, however often it is marked before the flush.
   * @param {string} event
   * @param {unknown} key
   * @param {() => any} [read] gives the value when it is told
   * @param {number} [most] keys that are kept, the newest: for those that are not things of which there is a bounded number
   */
  mark(event, key, read = () => key, most = Infinity) {
    if (!this.#listeners.get(event)?.size) return;
    const values = this.#due.get(event) ?? new Map();
    this.#due.set(event, values.set(key, read));
    if (values.size > most) values.delete(values.keys().next().value);
    if (this.#flushing) return;
    this.#flushing = true;
    this.#clock.setTimeout(() => this.#flush(), 0);
  }

  #flush() {
    const due = this.#due;
    this.#due = new Map();
    this.#flushing = false;
    for (const [event, values] of due) {
      for (const read of values.values()) {
        const value = read();
        for (const listener of [...(this.#listeners.get(event) ?? [])]) call(listener, value);
      }
    }
  }
}

/**
 * A listener that throws must not keep others from being told.
 * @param {(value: any) => void} listener
 * @param {any} value
 */
function call(listener, value) {
  try {
    listener(value);
  } catch (error) {
    console.error(error);
  }
}
