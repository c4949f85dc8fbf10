// @ts-check
// In a chat of two, the panel is about the other one.

import { avatar, setAvatar, setPresence } from "../avatar.js";
import { h, setText } from "../dom.js";
import { isProblem } from "../errors.js";
import { format } from "../format.js";
import { bdi } from "../text.js";
import * as words from "../words.js";
import { icon } from "../../look/icons.js";

/**
 * @param {import("../main.js").App} app @param {import("../../client/rookery.js").Chat} chat
 * @param {{ attempt: import("../attempt.js").Attempt }} panel
 */
export function createDirect(app, chat, { attempt }) {
  const { client } = app;
  const id = chat.other?.user_id ?? "";
  const picture = avatar(id, app.title(chat));
  const name = h("p", { class: "person-name" });
  const username = h("p", { class: "person-under" });
  const seen = h("p", { class: "person-under" });
  const button = h("button", { type: "button", class: "foot-line", hidden: true, onclick: () => void toggle() });
  const element = h("div", { class: "person" }, picture, name, username, seen, button);
  /** @type {boolean | null} `null` until it is known. */
  let blocked = null;
  let gone = false;

  const drawBlocked = () => {
    button.hidden = blocked === null;
    button.classList.toggle("danger", blocked === false);
    button.replaceChildren(icon("block"), bdi(blocked ? words.members.unblock : words.members.block));
  };

  /** @param {boolean} next @returns {Promise<boolean>} */
  const set = (next) =>
    attempt(async () => {
      await (next ? client.block(id) : client.unblock(id));
      blocked = next;
      drawBlocked();
      const said = next ? words.members.blocked : words.members.unblocked;
      app.toast(words.plain(said(app.title(chat))), { label: words.common.undo, run: () => void set(!next) });
    });

  const toggle = async () => {
    const { ask } = words;
    if (!blocked && !(await app.open("confirm", { title: ask.block(app.title(chat)), why: [ask.blockWhy], verb: ask.blockVerb }))) return;
    await set(!blocked);
  };

  /** Without an answer there is nothing to offer. */
  const ask = async () => {
    try {
      const all = await client.blocks();
      if (gone) return;
      blocked = all.includes(id);
      drawBlocked();
    } catch (problem) {
      if (!isProblem(problem)) throw problem;
    }
  };
  // What is taken back in the settings is taken back here.
  const again = () => void ask();
  window.addEventListener("blocks", again);
  again();

  return {
    element,
    known: true,
    update() {
      const presence = client.presence(id);
      const called = client.user(id)?.username ?? chat.other?.username ?? "";
      const title = app.title(chat);
      setAvatar(picture, id, title);
      setPresence(picture, presence);
      if (name.textContent !== title) name.replaceChildren(bdi(title));
      const under = called === title ? "" : called;
      username.hidden = !under;
      setText(username, under);
      const offline = presence && !presence.online && (presence.last_seen ? format.seen(presence.last_seen) : words.presence.offline);
      setText(seen, presence?.online ? words.presence.online : offline || "");
    },
    focus: () => false,

    destroy() {
      gone = true;
      window.removeEventListener("blocks", again);
    },
  };
}
