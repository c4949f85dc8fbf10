// @ts-check
// The foot of the panel: mute, settings, leave.

import { createAttempt } from "../attempt.js";
import { h, setAttribute } from "../dom.js";
import { setMuted } from "../mute.js";
import { bdi } from "../text.js";
import * as words from "../words.js";
import { icon } from "../../look/icons.js";

/** @param {import("../main.js").App} app @param {import("../../client/rookery.js").Chat} chat */
export function createFoot(app, chat) {
  const mute = line("mute", words.members.mute, () => void setMuted(app, chat, !isMuted(), attempt));
  const settings = line("settings", words.members.settings, () => void app.open("chat", { chat }));
  const leave = line("leave", words.members.leave, () => void askToLeave());
  leave.classList.add("danger");
  const { element: error, attempt } = createAttempt("members-error");
  const element = h("footer", { class: "members-foot" }, error, mute, settings, leave);

  const isMuted = () => app.settings.muted[chat.id] === true;

  async function askToLeave() {
    const next = successor(app, chat);
    const why = [words.ask.leaveWhy, ...(next ? [words.ask.handOver(app.name(next))] : [])];
    if (!(await app.open("confirm", { title: words.ask.leave(chat.name), why, verb: words.ask.leaveVerb }))) return;
    await attempt(() => chat.leave());
  }

  return {
    element,
    attempt,
    /** @param {boolean} known Whether it is known what the user may do: a line that came later would move the others. */
    update(known) {
      const muted = isMuted();
      if (mute.dataset.muted !== String(muted)) {
        mute.dataset.muted = String(muted);
        mute.replaceChildren(icon(muted ? "bell" : "mute"), bdi(muted ? words.members.unmute : words.members.mute));
      }
      setAttribute(element, "hidden", !known || Boolean(chat.removal));
      setAttribute(settings, "hidden", chat.direct || !chat.admins.has(app.client.me?.user_id ?? ""));
      setAttribute(leave, "hidden", chat.direct);
    },
  };
}

/** @param {string} name @param {string} label @param {() => void} run @returns {HTMLElement} */
const line = (name, label, run) => h("button", { type: "button", class: "foot-line", onclick: run }, icon(name), bdi(label));

/**
 * Who becomes admin as the last one leaves: the member of longest standing.
 * @param {import("../main.js").App} app @param {import("../../client/rookery.js").Chat} chat
 */
function successor(app, chat) {
  const me = app.client.me?.user_id ?? "";
  if (!chat.admins.has(me) || chat.admins.size > 1) return null;
  return chat.members.find((id) => id !== me) ?? null;
}
