// @ts-check
// Numbers as the reader writes them, and the word that goes with a number.

/** The languages of the reader, most wanted first. */
export const languages = () => {
  const wanted = globalThis.navigator?.languages;
  return wanted?.length ? [...wanted] : ["en-GB"];
};

// A page may be opened by a browser that names a language which Intl does not know.
const usable = (/** @type {string[]} */ wanted) => {
  try {
    return Intl.getCanonicalLocales(wanted);
  } catch {
    return ["en-GB"];
  }
};

export const locales = usable(languages());

const numbers = new Intl.NumberFormat(locales);
const plurals = new Intl.PluralRules("en");

/** @param {number} value */
export const number = (value) => numbers.format(value);

/** `1 member`, `9 members`. @param {number} value @param {string} one @param {string} other */
export const count = (value, one, other) => `${number(value)} ${plurals.select(value) === "one" ? one : other}`;

/** What a badge shows: 1 to `99+`. @param {number} value */
export const badge = (value) => (value > 99 ? `${number(99)}+` : number(value));
