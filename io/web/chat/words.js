// @ts-check
// Every word that the page says, by the part that says it. A label has no full stop, a sentence has one.

/** @typedef {import("./words/sentence.js").Part} Part */
/** @typedef {import("./words/sentence.js").Who} Who */

export { YOU, isolate, plain } from "./words/sentence.js";
export * from "./words/conversation.js";
export * from "./words/dialogs.js";
export * from "./words/happened.js";
export * from "./words/list.js";
export * from "./words/login.js";
export * from "./words/page.js";
