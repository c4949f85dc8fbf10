// @ts-check
// How a list is being scrolled: whether it moves, and whether a finger is on it.

/** After this long without a scroll, a list is at rest. */
const REST_MS = 150;

export class Scrolling {
  /** Whether a finger is on the list. */
  touching = false;
  /** Whether it was a finger that scrolled last. */
  byTouch = false;
  #timer = 0;
  #rested = false;
  #changed;

  /** @param {HTMLElement} element @param {{ scrolled: () => void, rested: () => void }} changed */
  constructor(element, changed) {
    this.#changed = changed;
    const touched = (/** @type {TouchEvent} */ event) => {
      this.byTouch = true;
      this.touching = event.touches.length > 0;
      if (!this.touching) this.#restSoon();
    };
    for (const type of ["touchstart", "touchend", "touchcancel"]) {
      element.addEventListener(type, /** @type {any} */ (touched), { passive: true });
    }
    element.addEventListener("wheel", () => (this.byTouch = false), { passive: true });
    element.addEventListener("scroll", () => {
      this.#restSoon();
      changed.scrolled();
    }, { passive: true });
  }

  get moving() {
    return this.#timer !== 0;
  }

  /** Whether it has come to rest since this was asked last. */
  takeRested() {
    const rested = this.#rested;
    this.#rested = false;
    return rested;
  }

  destroy() {
    clearTimeout(this.#timer);
  }

  #restSoon() {
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => {
      this.#timer = 0;
      this.#rested = true;
      this.#changed.rested();
    }, REST_MS);
  }
}
