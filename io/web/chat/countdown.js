// @ts-check
// Seconds that run down, as in `Try again in 24 s`.

/**
 * Calls `show` at once and each second with what is left, then `done`. Returns how to stop it.
 * @param {number} seconds @param {(left: number) => void} show @param {() => void} [done]
 */
export function countdown(seconds, show, done) {
  const end = Date.now() + seconds * 1000;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const tick = () => {
    // By the clock, as timers of a hidden page come late.
    const left = Math.ceil((end - Date.now()) / 1000);
    if (left <= 0) {
      done?.();
      return;
    }
    show(left);
    timer = setTimeout(tick, Math.max(50, (end - Date.now()) % 1000 || 1000));
  };
  tick();
  return () => clearTimeout(timer);
}
