/** @type {import("../rookery.js").Clock} */
export const systemClock = {
  now: () => Date.now(),
  random: () => Math.random(),
  setTimeout: (callback, milliseconds) => setTimeout(callback, milliseconds),
  clearTimeout: (timer) => clearTimeout(/** @type {any} */ (timer)),
};

/** An id that nobody else makes; `randomUUID` is missing on pages without TLS. */
export function freshId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
