import { malformed } from "./problem.js";

/**
 * A text with no half of a character: none can be sent, and one would have all of a message refused.
 * @param {string} text
 */
const wellFormed = (text) => text.replace(/\p{Surrogate}/gu, "\ufffd");

/** @param {unknown} value */
export const json = (value) => JSON.stringify(value, (_, one) => (typeof one === "string" ? wellFormed(one) : one));

/**
 * A text as it stands in a query.
 * @param {string} text
 */
export const escape = (text) => encodeURIComponent(wellFormed(String(text)));

/**
 * An id, or an emoji, as one part of a path: some would make it another path, however they are written.
 * @param {string} text
 */
export function part(text) {
  if (/^\.{0,2}$/.test(text)) throw malformed(`“${text}” can't be part of a path`);
  return escape(text);
}
