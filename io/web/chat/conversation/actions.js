// @ts-check
// What can be done with a message, by its menu, by keys, by the hover bar and by chips.

import { attempting } from "../attempt.js";
import * as words from "../words.js";

/** @typedef {import("./items.js").Item} Item */

/**
 * @param {import("../main.js").App} app @param {import("../../client/rookery.js").Chat} chat
 * @param {{ edit: (message: import("../../client/rookery.js").Message) => void }} to
 */
export function createActions(app, chat, to) {
  const me = () => app.client.me?.user_id;
  /** @param {Item} item */
  const alive = (item) => item.kind === "message" && !item.row.message.deleted && !chat.removal;
  /** @param {Item} item */
  const mayEdit = (item) => alive(item) && item.sender === me();
  /** @param {Item} item */
  const mayDelete = (item) => alive(item) && (item.sender === me() || (!chat.direct && chat.admins.has(me() ?? "")));
  /** @param {Item} item */
  const mayCopy = (item) => item.kind === "pending" || (item.kind === "message" && !item.row.message.deleted);

  /** @param {Item} item */
  const failed = (item) => item.kind === "pending" && item.row.status === "failed";

  const attempt = attempting((text) => app.toast(text));

  const actions = {
    mayReact: alive,

    /** @param {Item} item */
    edit(item) {
      if (mayEdit(item)) to.edit(item.row.message);
    },

    /** Sends one that failed again. @param {Item} item */
    retry(item) {
      if (failed(item)) chat.retry(item.row.client_id);
    },

    /** Gives up one that failed. @param {Item} item */
    discard(item) {
      if (failed(item)) chat.discard(item.row.client_id);
    },

    /** @param {Item} item */
    async remove(item) {
      if (failed(item)) return actions.discard(item);
      if (!mayDelete(item)) return;
      const { ask } = words;
      const sure = await app.open("confirm", { title: ask.deleteMessage, why: [ask.deleteMessageWhy], verb: ask.delete });
      if (sure) await attempt(() => chat.remove(item.row.message.message_id));
    },

    /** @param {Item} item */
    async copy(item) {
      if (!mayCopy(item)) return;
      const copied = await copyText(item.kind === "pending" ? item.row.content : item.row.message.content);
      app.toast(copied ? words.message.copied : words.failure.notDone);
    },

    /** Adds one's reaction, or takes it back. @param {Item} item @param {string} emoji */
    async react(item, emoji) {
      if (!alive(item)) return;
      const { message_id, reactions = [] } = item.row.message;
      const mine = reactions.find((/** @type {any} */ one) => one.emoji === emoji)?.users.includes(me());
      if (!mine) remember(app, emoji);
      await attempt(() => (mine ? chat.unreact(message_id, emoji) : chat.react(message_id, emoji)));
    },

    /** @param {Item} item @param {HTMLElement} anchor */
    async pick(item, anchor) {
      if (!alive(item)) return;
      const used = item.row.message.reactions?.filter((/** @type {any} */ one) => one.users.includes(me())).map((/** @type {any} */ one) => one.emoji);
      (await import("../picker.js")).open(app, { anchor, used, pick: (emoji) => void actions.react(item, emoji) });
    },

    /** @param {Item} item @param {{ anchor: HTMLElement, x?: number, y?: number, reactions?: boolean }} at */
    async menu(item, { anchor, x, y, reactions = true }) {
      const { message } = words;
      const items = [
        failed(item) && { label: message.tryAgain, icon: "send", run: () => actions.retry(item) },
        mayEdit(item) && { label: message.edit, icon: "edit", key: "E", run: () => actions.edit(item) },
        mayCopy(item) && { label: message.copy, icon: "copy", key: "C", run: () => actions.copy(item) },
        mayDelete(item) && { label: message.delete, icon: "bin", key: "Del", danger: true, run: () => actions.remove(item) },
        failed(item) && { label: message.discard, icon: "bin", key: "Del", danger: true, run: () => actions.discard(item) },
      ].filter((one) => one !== false);
      if (!items.length) return;
      const pick = (/** @type {string} */ emoji) => void (emoji ? actions.react(item, emoji) : actions.pick(item, anchor));
      const row = reactions && alive(item) ? { emoji: app.settings.reactions, pick } : {};
      await (await import("../menu.js")).open(app, { anchor, x, y, label: message.actions, items, ...row });
    },
  };
  return actions;
}

/** The three reactions last used. @param {import("../main.js").App} app @param {string} emoji */
function remember(app, emoji) {
  const { reactions } = app.settings;
  if (reactions[0] === emoji) return;
  app.change({ reactions: [emoji, ...reactions.filter((one) => one !== emoji)].slice(0, 3) }).catch(() => {});
}

/** Pages without TLS have no clipboard of their own, but may copy what is selected. Whether it was done. @param {string} text */
async function copyText(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text).then(() => true, () => false);
  const field = document.createElement("textarea");
  const before = /** @type {HTMLElement | null} */ (document.activeElement);
  field.value = text;
  field.className = "visually-hidden";
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  before?.focus({ preventScroll: true });
  return copied;
}
