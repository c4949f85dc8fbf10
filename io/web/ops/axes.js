// Colours of cores, and where the ticks of an axis stand.

const LIGHT = [0.53, 0.45, 0.58], DARK = [0.76, 0.84, 0.685];

/** The colour of core i, of up to 64: evenly spread hues, three lightnesses. */
export function coreColour(i, dark) {
  const lightness = (dark ? DARK : LIGHT)[(i >> 3) % 3];
  const hue = ((205 + 137.508 * i) * Math.PI) / 180;
  // Less chroma until a screen can show it.
  for (let chroma = 0.13; ; chroma -= 0.005) {
    const rgb = linear(lightness, chroma * Math.cos(hue), chroma * Math.sin(hue));
    if (rgb.every((part) => part >= 0 && part <= 1)) return `#${rgb.map(hex).join("")}`;
  }
}

/** Oklab to linear sRGB. */
function linear(lightness, a, b) {
  const l = (lightness + 0.39634 * a + 0.2158 * b) ** 3;
  const m = (lightness - 0.10556 * a - 0.06385 * b) ** 3;
  const s = (lightness - 0.08948 * a - 1.29149 * b) ** 3;
  return [4.07674 * l - 3.30771 * m + 0.23097 * s, -1.268438 * l + 2.609757 * m - 0.341319 * s, -0.004196 * l - 0.703419 * m + 1.707615 * s];
}

const hex = (part) => Math.round(255 * (part <= 0.0031308 ? 12.92 * part : 1.055 * part ** (1 / 2.4) - 0.055)).toString(16).padStart(2, "0");

/** Ticks from 0 to the first that is not below `most`: three or four. */
export function linearTicks(most) {
  const power = 10 ** Math.floor(Math.log10(most / 3 || 1));
  const step = power * [1, 2, 2.5, 5, 10].find((n) => n * power * 3.000001 >= most);
  return Array.from({ length: Math.max(1, Math.ceil(most / step - 1e-6)) + 1 }, (_, i) => i * step);
}

/** Exponents of powers of ten, from at most the least to at least the most: two to four. */
export function logTicks(least, most) {
  const low = Math.floor(Math.log10(least));
  const high = Math.max(low + 1, Math.ceil(Math.log10(most)));
  const step = Math.ceil((high - low) / 3);
  return Array.from({ length: Math.ceil((high - low) / step) + 1 }, (_, i) => low + i * step);
}

/** Seconds before now at which the time axis is marked. */
export function timeTicks(span, narrow) {
  const step = (span / (span > 60 ? 5 : 4)) * (narrow ? 2 : 1);
  return Array.from({ length: Math.floor(span / step) + 1 }, (_, i) => i * step);
}
