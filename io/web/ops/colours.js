// @ts-check
// The colour of core i, of which there are up to 64: evenly spread hues, three lightnesses.

const LIGHT = [0.53, 0.45, 0.58], DARK = [0.76, 0.84, 0.68];

/** @param {number} core @param {boolean} dark */
export function coreColour(core, dark) {
  const lightness = (dark ? DARK : LIGHT)[Math.floor(core / 8) % 3];
  const hue = (((205 + 137.508 * core) % 360) * Math.PI) / 180;
  // Less chroma until the screen can show it.
  for (let chroma = 0.13; chroma > 0; chroma -= 0.005) {
    const rgb = fromOklch(lightness, chroma, hue);
    if (rgb.every((part) => part >= 0 && part <= 1)) return hex(rgb);
  }
  return hex(fromOklch(lightness, 0, hue));
}

/** @param {number} core */
export const isDashed = (core) => Math.floor(core / 8) % 2 === 1;

/** Linear sRGB. @param {number} lightness @param {number} chroma @param {number} hue in radians */
function fromOklch(lightness, chroma, hue) {
  const a = chroma * Math.cos(hue);
  const b = chroma * Math.sin(hue);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
}

/** @param {number[]} linear */
const hex = (linear) =>
  "#" + linear.map((part) => Math.round(255 * (part <= 0.0031308 ? 12.92 * part : 1.055 * part ** (1 / 2.4) - 0.055)).toString(16).padStart(2, "0")).join("");

/** A colour of the style sheet, resolved for the theme that holds. */
export function palette() {
  const probe = document.body.appendChild(document.createElement("i"));
  probe.hidden = true;
  const style = getComputedStyle(probe);
  const names = ["accent", "b0", "b1", "b2", "b3", "ink", "ink3", "line", "newink", "newline", "other", "part0", "part1", "part2", "surface", "track"];
  const colours = names.map((name) => {
    probe.style.color = `var(--${name})`;
    return [name, style.color];
  });
  const dark = style.colorScheme === "dark" || (style.colorScheme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  const font = style.fontFamily;
  probe.remove();
  return { ...Object.fromEntries(colours), dark, font };
}
