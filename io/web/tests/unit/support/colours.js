// The colours of style sheets, and how far they stand out from each other, as WCAG 2 has it.
import { readdirSync, readFileSync } from "node:fs";

const WEB = new URL("../../../", import.meta.url);
export const THEMES = ["light", "dark"];

export const sheet = (path) => readFileSync(new URL(path, WEB), "utf8").replaceAll(/\/\*.*?\*\//gs, "");

/** All style sheets of the pages. @returns {Record<string, string>} */
export function sheets() {
  const paths = ["look", "chat", "ops"].flatMap((folder) => readdirSync(new URL(`${folder}/`, WEB), { recursive: true }).map((name) => `${folder}/${name}`));
  return Object.fromEntries(paths.filter((path) => path.endsWith(".css") && !path.includes("/uplot/")).map((path) => [path, sheet(path)]));
}

/** Selectors and declarations, also those within at-rules. @returns {{ selector: string, body: string }[]} */
export const rules = (css) => [...css.matchAll(/([^{}]+)\{([^{}]*)\}/g)].map(([, selector, body]) => ({ selector: selector.trim(), body }));

/** Colours by name, light and dark. @returns {Record<string, [string, string]>} */
export function colours(css) {
  const found = css.matchAll(/--([\w-]+): (?:light-dark\((#\w{6}), (#\w{6})\)|(#\w{6}));/g);
  return Object.fromEntries([...found].map(([, name, light, dark, both]) => [name, [light ?? both, dark ?? both]]));
}

function luminance(colour) {
  const [r, g, b] = [1, 3, 5].map((i) => Number.parseInt(colour.slice(i, i + 2), 16) / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

export function contrast(a, b) {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}
