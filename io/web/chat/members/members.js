// @ts-check
// The panel beside a chat: who is in it, what one may do with them, and with the chat.

import { h, setText } from "../dom.js";
import { number } from "../format.js";
import { wide } from "../platform.js";
import { bdi } from "../text.js";
import * as words from "../words.js";
import { icon } from "../../look/icons.js";
import { createDirect } from "./direct.js";
import { createFoot } from "./foot.js";
import { createPeople } from "./people.js";

/** Times such as `Seen 25 minutes ago` are drawn anew as often, in milliseconds. */
const TICK = 60_000;

/** @param {import("../main.js").App} app @param {import("../../client/rookery.js").Chat} chat */
export function create(app, chat) {
  const { client } = app;
  const count = h("span", { class: "members-count" });
  const title = h("h2", { tabIndex: -1 }, bdi(chat.direct ? words.members.person : words.members.title), " ", count);
  const close = h("button", { type: "button", class: "icon-button", "aria-label": words.common.close, onclick: () => app.closeMembers() }, icon("close"));
  const foot = createFoot(app, chat);
  const draw = () => update();
  const schedule = () => app.frame(draw);
  const content = (chat.direct ? createDirect : createPeople)(app, chat, { attempt: foot.attempt, schedule });
  const body = h("div", { class: "members-body" }, content.element);
  const element = h("div", { class: "members" }, h("header", { class: "members-head" }, title, close), body, foot.element);
  let entered = false;
  let gone = false;

  function update() {
    if (gone) return;
    foot.update(content.known);
    // Who is not in a chat any more is not told who is.
    body.hidden = Boolean(chat.removal);
    setText(count, chat.direct || chat.removal || !chat.memberCount ? "" : number(chat.memberCount));
    if (!chat.removal) content.update();
  }

  const offs = [
    client.on("chat", (changed) => {
      if (changed === chat) schedule();
    }),
    client.on("presence", schedule),
    client.on("users", schedule),
    client.on("state", schedule),
  ];
  window.addEventListener("settings", schedule);
  const ticking = setInterval(schedule, TICK);
  update();

  return {
    element,
    update,

    /** Of a panel that has just come over the page, the title; later the row where one was. */
    focus() {
      const first = !entered && !wide.matches;
      entered = true;
      if (first || !content.focus()) title.focus();
    },

    destroy() {
      gone = true;
      for (const off of offs) off();
      window.removeEventListener("settings", schedule);
      clearInterval(ticking);
      content.destroy();
    },
  };
}
