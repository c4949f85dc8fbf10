// @ts-check
// Finds chats and people for what was typed: chats at once, people 150 ms after the last key; older answers are thrown away.

import { isProblem } from "../errors.js";
import { fold } from "../format.js";

/** @typedef {import("../../client/rookery.js").Chat} Chat */
/** @typedef {import("../../client/rookery.js").User} User */
/** @typedef {{ user: User, member: boolean }} Person */
/** @typedef {{ text: string, chats: Chat[], people: Person[], failed: boolean, complete: boolean }} Found */

/** A pause after the last key, in milliseconds. */
const PAUSE = 150;
/** Chats that are shown at most. */
const MAX_CHATS = 8;

/**
 * @param {import("../main.js").App} app
 * @param {{ member: (id: string) => boolean, hidden: (id: string) => boolean, chats: () => boolean, show: (found: Found) => void }} options
 */
export function createFinder(app, { member, hidden, chats, show }) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let asked = 0;
  /** @type {User[]} */
  let people = [];

  /** @param {string} text */
  const chatsFor = (text) => {
    if (!chats()) return [];
    const wanted = fold(text);
    return (app.client.chats ?? []).filter((chat) => fold(app.title(chat)).includes(wanted)).slice(0, MAX_CHATS);
  };

  /** @param {string} text */
  const known = (text) => {
    // What the last answer still holds is shown until the next one comes.
    const wanted = fold(text);
    return people
      .filter((user) => !hidden(user.user_id) && [user.username, user.display_name ?? ""].some((name) => fold(name).startsWith(wanted)))
      .map((user) => ({ user, member: member(user.user_id) }));
  };

  /** @param {string} text @param {number} mine */
  const ask = async (text, mine) => {
    try {
      const found = await app.client.search(text);
      if (mine !== asked) return;
      people = found;
      const shown = found.filter((user) => !hidden(user.user_id)).map((user) => ({ user, member: member(user.user_id) }));
      show({ text, chats: chatsFor(text), people: shown, failed: false, complete: true });
    } catch (problem) {
      if (mine !== asked) return;
      if (!isProblem(problem)) throw problem;
      show({ text, chats: chatsFor(text), people: [], failed: true, complete: true });
    }
  };

  return {
    /** @param {string} typed */
    find(typed) {
      const text = typed.trim();
      const mine = ++asked;
      clearTimeout(timer);
      if (!text) {
        people = [];
        show({ text, chats: chatsFor(text), people: [], failed: false, complete: true });
        return;
      }
      show({ text, chats: chatsFor(text), people: known(text), failed: false, complete: false });
      timer = setTimeout(() => void ask(text, mine), PAUSE);
    },
    stop() {
      asked++;
      clearTimeout(timer);
    },
  };
}
