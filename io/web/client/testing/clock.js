/** Time that passes when it is told to. What is to happen at once does, in a turn of its own. */
export class FakeClock {
  #now = 1_800_000_000_000;
  #timers = new Set();

  constructor(random = () => 0.5) {
    this.random = random;
  }

  now = () => this.#now;

  setTimeout = (callback, milliseconds) => {
    const timer = { callback, at: this.#now + milliseconds };
    this.#timers.add(timer);
    if (milliseconds <= 0) setImmediate(() => this.#timers.delete(timer) && callback());
    return timer;
  };

  clearTimeout = (timer) => void this.#timers.delete(timer);

  /** The next timer that waits, in milliseconds from now. */
  get next() {
    return Math.min(...[...this.#timers].map(({ at }) => at)) - this.#now;
  }

  /** Runs what is due on the way, in order, and lets promises settle after each. */
  async pass(milliseconds) {
    const end = this.#now + milliseconds;
    await settled();
    for (;;) {
      const due = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.#timers.delete(due);
      this.#now = Math.max(this.#now, due.at);
      due.callback();
      await settled();
    }
    this.#now = end;
  }
}

/** Lets what waits for a turn of its own, or for promises, have it. */
export async function settled(turns = 5) {
  for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
}
