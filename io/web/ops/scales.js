// @ts-check
// Where the ticks of an axis stand.

/** Steps of which three or fewer reach `most`. @param {number} most */
export function niceStep(most) {
  if (!(most > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(most / 3));
  return power * ([1, 2, 2.5, 5, 10].find((step) => step * power * 3 >= most * (1 - 1e-9)) ?? 10);
}

/** Ticks from 0 to the first step that is not below `most`. @param {number} most */
export function linearTicks(most) {
  const step = niceStep(most);
  return Array.from({ length: Math.max(1, Math.ceil(most / step - 1e-9)) + 1 }, (_, i) => i * step);
}

/** Powers of ten around both, as exponents; at most four steps. @param {number} least @param {number} most */
export function logTicks(least, most) {
  const low = Math.floor(Math.log10(least) + 1e-9);
  const high = Math.max(low + 1, Math.ceil(Math.log10(most) - 1e-9));
  return Array.from({ length: high - low + 1 }, (_, i) => low + i);
}

/** Seconds before now at which the time axis is marked. @param {number} window @param {boolean} narrow */
export function timeTicks(window, narrow) {
  const step = (window / (window === 60 ? 4 : 5)) * (narrow ? 2 : 1);
  return Array.from({ length: Math.floor(window / step) + 1 }, (_, i) => i * step).reverse();
}
