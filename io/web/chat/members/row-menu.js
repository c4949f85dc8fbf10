// @ts-check
// What one may do with a member: write to them; admins also give roles, and remove.

import { open as openMenu } from "../menu.js";
import * as words from "../words.js";

/**
 * @param {import("../main.js").App} app @param {import("../../client/rookery.js").Chat} chat
 * @param {string} id @param {HTMLElement} anchor @param {{ x: number, y: number } | undefined} at
 * @param {import("../attempt.js").Attempt} run
 */
export function memberMenu(app, chat, id, anchor, at, run) {
  const name = app.name(id);
  const admin = chat.admins.has(app.client.me?.user_id ?? "") && !chat.removal;

  const write = () => run(async () => app.go(`#c/${(await app.client.direct(id)).id}`));
  const role = (/** @type {"admin" | "member"} */ next) => () => run(() => chat.setRole(id, next));
  const remove = async () => {
    const { ask } = words;
    const sure = await app.open("confirm", { title: ask.remove(name, chat.name), why: [ask.removeWhy], verb: ask.removeVerb });
    if (sure) await run(() => chat.removeMember(id));
  };

  const roles = chat.admins.has(id)
    ? { label: words.members.makeMember, icon: "people", run: role("member") }
    : { label: words.members.makeAdmin, icon: "people", run: role("admin") };
  openMenu(app, {
    anchor,
    ...at,
    label: words.members.menu(name),
    items: [
      { label: words.members.message, icon: "compose", run: write },
      ...(admin ? [roles, null, { label: words.members.remove, icon: "close", danger: true, run: remove }] : []),
    ],
  });
}
