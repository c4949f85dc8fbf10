// @ts-check
// Whom the user has blocked, each with a way back.

import { avatar, setAvatar } from "../../avatar.js";
import { h } from "../../dom.js";
import { bdi } from "../../text.js";
import * as words from "../../words.js";
import { createListed } from "./listed.js";

/**
 * @param {import("../../main.js").App} app @param {import("../dialog.js").Dialog} dialog
 * @param {Promise<string[]>} begun The first answer, which has been asked for.
 */
export function blocks(app, dialog, begun) {
  const { client } = app;
  /** @type {Map<string, () => void>} */
  const names = new Map();

  /** @param {string} id */
  const unblock = async (id) => {
    if (!(await list.attempt(() => client.unblock(id)))) return;
    app.announce(words.plain(words.members.unblocked(app.name(id))));
    window.dispatchEvent(new Event("blocks"));
    await list.changed();
  };

  /** @param {string} id */
  const row = (id) => {
    const picture = avatar(id, app.name(id), { className: "small" });
    const name = h("p", { class: "row-name" });
    const button = h("button", { type: "button", class: "link-button", onclick: () => unblock(id) }, bdi(words.you.unblock));
    const draw = () => {
      setAvatar(picture, id, app.name(id));
      name.replaceChildren(bdi(app.name(id)));
      button.setAttribute("aria-label", words.you.unblockLabel(app.name(id)));
    };
    draw();
    names.set(id, draw);
    return h("li", { class: "row" }, picture, h("div", { class: "row-text" }, name), button);
  };

  const list = createListed(words.you.blocked, dialog, {
    begun,
    ask: () => client.blocks(),
    draw: (ids) => {
      names.clear();
      return ids.length ? [h("ul", {}, ...ids.map(row))] : [h("p", { class: "row-under" }, bdi(words.you.nobodyBlocked))];
    },
    rows: 1,
  });

  const stop = client.on("users", (ids) => {
    for (const id of ids) names.get(id)?.();
  });
  dialog.signal.addEventListener("abort", stop);
  return list.element;
}
