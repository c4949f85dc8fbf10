// @ts-check
// Edits that could not be saved, or were left amid them, by chat: what was typed is not lost. In memory alone.

/** Edits that are kept in all; beyond it the oldest go. */
const MAX_EDITS = 50;

/** @typedef {{ chat: string, message: import("../client/rookery.js").Message, text: string, why: string }} Unsaved
 * `why` is what to say of it; empty where nothing went wrong. */

/** @type {Map<string, Unsaved>} By message, the latest last. */
const edits = new Map();

/** @param {string} id Of a message. */
export const unsaved = (id) => edits.get(id);

/** @param {string} chat */
export const lastUnsaved = (chat) => [...edits.values()].findLast((edit) => edit.chat === chat);

/** @param {string} chat @param {import("../client/rookery.js").Message} message @param {string} text @param {string} why */
export function keepUnsaved(chat, message, text, why) {
  edits.delete(message.message_id);
  edits.set(message.message_id, { chat, message, text, why });
  if (edits.size > MAX_EDITS) edits.delete(/** @type {string} */ (edits.keys().next().value));
}

/** @param {string} id Of a message. */
export function dropUnsaved(id) {
  edits.delete(id);
}

/** At a log-out nothing of them stays. */
export function forgetUnsaved() {
  edits.clear();
}
