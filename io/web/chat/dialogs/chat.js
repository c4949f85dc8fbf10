// @ts-check
// The settings of a chat, for its admins.

import { createAttempt } from "../attempt.js";
import { h } from "../dom.js";
import { isProblem, sentenceFor } from "../errors.js";
import { complain, field, submitter } from "../form.js";
import { bytes } from "../format.js";
import { bdi } from "../text.js";
import * as words from "../words.js";
import { openDialog } from "./dialog.js";
import { section } from "./you/section.js";

/** Bounds of the server, in bytes. */
const NAME_BYTES = 128;
const DESCRIPTION_BYTES = 1024;

/** @typedef {import("../../client/rookery.js").Chat} Chat */

/** @param {import("../main.js").App} app @param {{ chat: Chat }} options @returns {Promise<void>} */
export async function open(app, { chat }) {
  try {
    await chat.load();
  } catch (problem) {
    if (!isProblem(problem)) throw problem;
    app.toast(sentenceFor(problem));
    return;
  }
  await openDialog(app, {
    title: words.members.settings,
    className: "chat-settings",
    content: (dialog) => [settings(chat, dialog), deletion(app, chat, dialog)],
  }).closed;
}

/** @param {Chat} chat @param {import("./dialog.js").Dialog} dialog */
function settings(chat, dialog) {
  const name = field(words.members.chatName, { type: "text", autocomplete: "off", value: chat.name });
  const description = field(words.members.description, { rows: 3, value: chat.description, dir: "auto" }, { tag: "textarea" });
  const mayAdd = check(words.members.mayAdd, chat.membersMayAdd);
  const history = check(words.members.history, chat.history === "all");
  const button = h("button", { type: "submit", class: "button primary" });
  const cancel = h("button", { type: "button", class: "button", onclick: () => dialog.close() }, bdi(words.common.cancel));
  const form = h(
    "form",
    { class: "stack", noValidate: true },
    name.element, description.element, h("div", {}, mayAdd.element, history.element),
    h("div", { class: "dialog-foot" }, cancel, button),
  );

  /** What differs from what the chat has. */
  const changes = () => {
    const wanted = { name: name.input.value.trim(), description: description.input.value.trim() };
    return {
      ...(wanted.name !== chat.name && { name: wanted.name }),
      ...(wanted.description !== chat.description && { description: wanted.description }),
      ...(mayAdd.input.checked !== chat.membersMayAdd && { members_may_add: mayAdd.input.checked }),
      ...(history.input.checked !== (chat.history === "all") && { history: /** @type {"all" | "joined"} */ (history.input.checked ? "all" : "joined") }),
    };
  };

  const sending = submitter({
    form, button,
    fields: { name, description },
    label: () => words.common.save,
    busy: () => words.common.saving,
    check: () =>
      complain([
        [name, (!name.input.value.trim() && words.refused.chatNameMissing) || (bytes(name.input.value.trim()) > NAME_BYTES && words.refused.chatNameTooLong)],
        [description, bytes(description.input.value.trim()) > DESCRIPTION_BYTES && words.refused.descriptionTooLong],
      ]),
    send: async () => {
      const patch = changes();
      if (Object.keys(patch).length) await chat.change(patch);
      dialog.close();
    },
  });
  dialog.signal.addEventListener("abort", sending.stop);
  return form;
}

/** A switch that is sent with the form. @param {string} label @param {boolean} checked */
function check(label, checked) {
  const input = h("input", { type: "checkbox", role: "switch", class: "switch-input", checked });
  return { element: h("label", { class: "switch-row" }, bdi(label), h("span", { class: "switch-box" }, input, h("span", { class: "switch", "aria-hidden": "true" }))), input };
}

/** @param {import("../main.js").App} app @param {Chat} chat @param {import("./dialog.js").Dialog} dialog */
function deletion(app, chat, dialog) {
  const { element: error, attempt } = createAttempt();
  const remove = async () => {
    const { ask } = words;
    const sure = await app.open("confirm", { title: ask.deleteChat(chat.name), why: [ask.deleteChatWhy], verb: ask.deleteChatVerb });
    if (sure && (await attempt(() => chat.delete()))) dialog.close();
  };
  return section(null, h("button", { type: "button", class: "link-button danger", onclick: remove }, bdi(words.members.deleteChat)), error);
}
