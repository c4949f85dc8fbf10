// @ts-check
// Muting a chat, with a way back.

import * as words from "./words.js";

/**
 * @param {import("./main.js").App} app @param {import("../client/rookery.js").Chat} chat @param {boolean} muted
 * @param {import("./attempt.js").Attempt} attempt @returns {Promise<boolean>}
 */
export const setMuted = (app, chat, muted, attempt) =>
  attempt(async () => {
    await app.change({ muted: { [chat.id]: muted || null } });
    const said = muted ? words.members.muted : words.members.unmuted;
    const undo = () => void setMuted(app, chat, !muted, attempt);
    app.toast(words.plain(said(app.title(chat))), { label: words.common.undo, run: undo });
  });
