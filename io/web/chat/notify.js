// @ts-check
// Notifications of the browser, the title of the page and its icon.

import { shorten } from "./format.js";
import * as words from "./words.js";

/** @typedef {import("./main.js").App} App */
/** @typedef {import("../client/rookery.js").Chat} Chat */
/** @typedef {import("../client/rookery.js").Message} Message */

/** Graphemes of a message that a notification shows. */
const SHOWN = 120;

export const supported = () => "Notification" in globalThis;
export const allowed = () => supported() && Notification.permission === "granted";

/** Whether this browser is to notify. @param {App} app */
export const wanted = (app) => app.local.get("notify") === true;

/** @param {App} app @param {boolean} on */
export const setWanted = (app, on) => (on ? app.local.set("notify", true) : app.local.remove("notify"));

const icons = {
  read: new URL("../look/favicon.svg", import.meta.url).href,
  unread: new URL("../look/favicon-unread.svg", import.meta.url).href,
};

/** Names are waited for no longer than this, in milliseconds. */
const NAMES = 1500;

/** @param {App} app @param {string} id @returns {Promise<void>} */
function nameKnown(app, id) {
  if (app.client.user(id) !== undefined) return Promise.resolve();
  return new Promise((known) => {
    const done = () => {
      stop();
      clearTimeout(timer);
      known();
    };
    const stop = app.client.on("users", (ids) => {
      if (ids.includes(id)) done();
    });
    const timer = setTimeout(done, NAMES);
  });
}

/** @param {App} app */
export function create(app) {
  const link = /** @type {HTMLLinkElement | null} */ (document.querySelector("link[rel=icon]"));

  /** Whether somebody looks at this chat now. @param {Chat} chat */
  const looked = (chat) => app.route.chat === chat.id && !document.hidden && document.hasFocus();

  return {
    /** @param {Chat} chat @param {Message} message */
    async message(chat, message) {
      if (!wanted(app) || !allowed() || app.settings.muted[chat.id] || looked(chat)) return;
      await nameKnown(app, message.sender_id);
      const text = shorten(message.content.replaceAll(/\s+/g, " ").trim(), SHOWN);
      try {
        const shown = new Notification(words.plain([{ name: app.title(chat) }]), {
          body: words.spoken.message(app.name(message.sender_id), text),
          tag: chat.id,
          icon: icons.unread,
        });
        shown.onclick = () => {
          window.focus();
          app.go(`#c/${chat.id}`);
          shown.close();
        };
      } catch {
        // Browsers of phones notify by service workers alone, and throw here.
      }
    },

    /** How many chats have something new. @param {number} chats */
    unread(chats) {
      const title = words.title(chats);
      if (document.title !== title) document.title = title;
      const href = chats > 0 ? icons.unread : icons.read;
      if (link && link.href !== href) link.href = href;
    },
  };
}
