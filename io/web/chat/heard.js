// @ts-check
// Messages as they come in: what of them is read aloud, and what the browser notifies of.

import { shorten } from "./format.js";
import * as words from "./words.js";

const BURST_MS = 2000;
/** More than this in `BURST_MS` are counted, not read. */
const BURST = 3;
const OTHERS_MS = 30_000;
const SPOKEN_GRAPHEMES = 300;
/** Chats of which it is kept in mind when they were spoken of; beyond it the one of longest ago is forgotten. */
const MAX_SPOKEN = 200;

/** @param {import("./main.js").App} app */
export function createHeard(app) {
  const { client } = app;
  /** @type {string[]} */
  let sentences = [];
  let many = 0;
  let timer = 0;
  let flushedAt = 0;
  /** When each of the other chats was last spoken of. @type {Map<string, number>} */
  const spoken = new Map();

  function flush() {
    timer = 0;
    flushedAt = Date.now();
    if (many > BURST) app.announce(words.spoken.burst(many));
    else for (const sentence of sentences) app.announce(sentence);
    sentences = [];
    many = 0;
  }

  /** @param {import("../client/rookery.js").Message} message */
  function here(message) {
    many++;
    if (sentences.length < BURST) sentences.push(words.spoken.message(app.name(message.sender_id), shorten(message.content, SPOKEN_GRAPHEMES)));
    // The first is read at once; those behind it wait to see whether they are many.
    const pause = Math.max(0, flushedAt + BURST_MS - Date.now());
    timer ||= window.setTimeout(flush, pause);
  }

  /** @param {import("../client/rookery.js").Chat} chat */
  function elsewhere(chat) {
    if (app.settings.muted[chat.id]) return;
    const before = spoken.get(chat.id) ?? -Infinity;
    if (Date.now() - before < OTHERS_MS) return;
    spoken.delete(chat.id);
    spoken.set(chat.id, Date.now());
    if (spoken.size > MAX_SPOKEN) spoken.delete(/** @type {string} */ (spoken.keys().next().value));
    app.announce(words.spoken.chat(app.title(chat), chat.unread));
  }

  const off = client.on("message", ({ chat, message }) => {
    if (app.route.chat === chat.id) here(message);
    else elsewhere(chat);
    app.notify?.message(chat, message);
  });
  return {
    destroy() {
      off();
      clearTimeout(timer);
    },
  };
}
