// @ts-check
// What the user has read: the last row that was half in view for a while, in a window that they look at.

const LOOKED_MS = 500;

/**
 * @param {import("../../client/rookery.js").Chat} chat
 * @param {() => number} seen The seq of the last row in view, or 0.
 */
export function createReading(chat, seen) {
  let candidate = 0;
  let timer = 0;

  const looking = () => document.visibilityState === "visible" && document.hasFocus();

  function done() {
    timer = 0;
    if (looking() && seen() >= candidate) chat.markRead(candidate);
    // Who has gone back up meanwhile reads on from there.
    check();
  }

  function check() {
    if (timer) return;
    const now = seen();
    if (now <= chat.readSeq || !looking()) return;
    candidate = now;
    timer = window.setTimeout(done, LOOKED_MS);
  }

  /** Only from now on is it looked at. */
  const back = () => {
    clearTimeout(timer);
    timer = 0;
    check();
  };
  window.addEventListener("focus", back);
  document.addEventListener("visibilitychange", back);

  return {
    check,
    destroy() {
      clearTimeout(timer);
      window.removeEventListener("focus", back);
      document.removeEventListener("visibilitychange", back);
    },
  };
}
