// @ts-check
// Whom the user has blocked, each with a way back.

import { createAttempt } from "../../attempt.js";
import { avatar, setAvatar } from "../../avatar.js";
import { h } from "../../dom.js";
import { loadInto } from "../../loading.js";
import { bdi } from "../../text.js";
import * as words from "../../words.js";
import { section } from "./section.js";

/**
 * @param {import("../../main.js").App} app @param {import("../dialog.js").Dialog} dialog
 * @param {Promise<string[]>} begun The first answer, which has been asked for.
 */
export function blocks(app, dialog, begun) {
  const { client } = app;
  /** @type {Promise<string[]> | null} */
  let first = begun;
  const ask = () => {
    const answer = first ?? client.blocks();
    first = null;
    return answer;
  };
  const list = h("div", { class: "rows" });
  const { element: error, attempt } = createAttempt();
  const element = section(words.you.blocked, list, error);
  /** @type {Map<string, () => void>} */
  const names = new Map();

  /** @param {string} id */
  const unblock = async (id) => {
    if (!(await attempt(() => client.unblock(id)))) return;
    app.announce(words.plain(words.members.unblocked(app.name(id))));
    window.dispatchEvent(new Event("blocks"));
    await load();
    if (!dialog.signal.aborted) element.querySelector("h3")?.focus();
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

  const load = () =>
    loadInto(
      list,
      ask,
      (ids) => {
        names.clear();
        return ids.length ? [h("ul", {}, ...ids.map(row))] : [h("p", { class: "row-under" }, bdi(words.you.nobodyBlocked))];
      },
      1,
    );

  const stop = client.on("users", (ids) => {
    for (const id of ids) names.get(id)?.();
  });
  dialog.signal.addEventListener("abort", stop);
  void load();
  return element;
}
