// @ts-check
// Sentences that name somebody: parts, so that a name can stand in a `<bdi>`. `text.js` draws them, `plain` joins them.

/** @typedef {string | { name: string }} Part Text, or the name of somebody or of a chat. */
/** @typedef {string | typeof YOU} Who A name, or the reader. */

export const YOU = Symbol("you");

/** @param {TemplateStringsArray} texts @param {...(string | Part)} parts @returns {Part[]} */
export const say = (texts, ...parts) =>
  texts.flatMap((text, i) => (i < parts.length ? [text, parts[i]] : [text])).filter((part) => part !== "");

/** @param {string} name @returns {Part} */
export const named = (name) => ({ name });

/** @param {Who} who @returns {Part} */
export const subject = (who) => (typeof who === "symbol" ? "You" : named(who));

/** @param {Who} who @returns {Part} */
export const object = (who) => (typeof who === "symbol" ? "you" : named(who));

const rightToLeft = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]|[\ud802-\ud803\ud83a-\ud83b]/;

/** A name in the midst of plain text, which it does not turn round. @param {string} name */
export const isolate = (name) => (rightToLeft.test(name) ? `\u2068${name}\u2069` : name);

/** The same sentence as a string, for labels, titles and what is read aloud. @param {string | Part[]} sentence */
export const plain = (sentence) =>
  typeof sentence === "string"
    ? sentence
    : sentence.map((part) => (typeof part === "string" ? part : isolate(part.name))).join("");
