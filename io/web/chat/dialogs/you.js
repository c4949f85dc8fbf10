// @ts-check
// You: what others call you, how the page looks and notifies, sessions, password, blocks, and the ways out.

import { createAttempt } from "../attempt.js";
import { avatar, setAvatar } from "../avatar.js";
import { h } from "../dom.js";
import { field, submitter } from "../form.js";
import { bdi, sentence } from "../text.js";
import * as words from "../words.js";
import { openDialog } from "./dialog.js";
import { blocks } from "./you/blocks.js";
import { notifications } from "./you/notifications.js";
import { password } from "./you/password.js";
import { section } from "./you/section.js";
import { sessions } from "./you/sessions.js";

/** @typedef {import("../main.js").App} App */

/** The dialog waits no longer than this for what it shows, in milliseconds. */
const QUICK = 120;

/** @param {App} app @returns {Promise<void>} */
export async function open(app) {
  const { client } = app;
  const begun = { sessions: client.sessions(), blocks: client.blocks() };
  const lists = Promise.allSettled(Object.values(begun));
  const trust = (await client.about().catch(() => null))?.auth === "trust";
  // What comes at once is there from the first moment, and moves nothing.
  await Promise.race([lists, new Promise((late) => setTimeout(late, QUICK))]);
  const dialog = openDialog(app, {
    title: words.you.title,
    className: "you",
    content: (dialog) => [
      who(app, dialog),
      displayName(app, dialog),
      theme(app),
      notifications(app),
      !trust && sessions(app, dialog, begun.sessions),
      !trust && password(app, dialog),
      blocks(app, dialog, begun.blocks),
      exits(app, dialog, trust),
    ],
  });
  const next = await dialog.closed;
  if (next === "keys") await app.open("keys");
  // Whoever logs in next has other chats.
  if (!app.client.me) app.go("#", { replace: true });
}

/** @param {App} app @param {import("./dialog.js").Dialog} dialog */
function who(app, dialog) {
  const picture = avatar("", "");
  const name = h("p", { class: "you-name" });
  const username = h("p", { class: "you-username" });
  const draw = () => {
    const { me } = app.client;
    if (!me) return;
    setAvatar(picture, me.user_id, me.display_name || me.username);
    name.replaceChildren(bdi(me.display_name || me.username));
    username.hidden = !me.display_name;
    username.replaceChildren(bdi(me.username));
  };
  draw();
  dialog.signal.addEventListener("abort", app.client.on("me", draw));
  return h("div", { class: "you-who" }, picture, h("div", {}, name, username));
}

/** @param {App} app @param {import("./dialog.js").Dialog} dialog */
function displayName(app, dialog) {
  const { client } = app;
  const name = field(
    words.you.displayName,
    { type: "text", name: "display-name", autocomplete: "nickname", value: client.me?.display_name ?? "" },
    { hint: words.you.displayNameHint },
  );
  const button = h("button", { type: "submit", class: "button" });
  const done = h("p", { class: "form-done", role: "status" });
  const form = h("form", { class: "row-form", noValidate: true }, name.element, button, done);
  const changed = () => name.input.value.trim() !== (client.me?.display_name ?? "");
  const draw = () => {
    button.disabled = !changed();
  };
  name.input.addEventListener("input", () => {
    done.replaceChildren();
    draw();
  });
  const sending = submitter({
    form, button,
    fields: { display_name: name },
    label: () => words.common.save,
    busy: () => words.common.saving,
    check: changed,
    send: async () => {
      await client.setDisplayName(name.input.value.trim() || null);
      done.replaceChildren(sentence(words.common.saved));
      // A button that is off gives its focus away.
      name.input.focus();
      draw();
    },
  });
  dialog.signal.addEventListener("abort", sending.stop);
  draw();
  return form;
}

/** @param {App} app */
function theme(app) {
  const { element: error, attempt } = createAttempt();
  const choices = Object.entries(words.you.themes).map(([value, label]) =>
    h(
      "label",
      { class: "segment" },
      h("input", {
        type: "radio", name: "theme", value, checked: app.settings.theme === value,
        onchange: () => void attempt(() => app.change({ theme: value === "system" ? null : value })),
      }),
      bdi(label),
    ),
  );
  return h("fieldset", { class: "themes" }, h("legend", { class: "field-label" }, bdi(words.you.theme)), h("div", { class: "segments" }, ...choices), error);
}

/** Whether a message still waits to be sent. @param {App} app */
const unsent = (app) => (app.client.chats ?? []).some((chat) => chat.timeline.rows.at(-1)?.kind === "pending");

/** @param {App} app @param {import("./dialog.js").Dialog} dialog @param {boolean} trust */
function exits(app, dialog, trust) {
  const { element: error, attempt } = createAttempt();
  const logOut = async () => {
    const { ask } = words;
    const sure = !unsent(app) || (await app.open("confirm", { title: ask.logOut, why: [ask.logOutWhy], verb: ask.logOutVerb }));
    if (sure && (await attempt(() => app.client.logOut()))) dialog.close();
  };
  const deleteAccount = async () => {
    if (await app.open("delete-account")) dialog.close();
  };
  return section(
    null,
    h(
      "div",
      { class: "you-exits" },
      h("button", { type: "button", class: "button", onclick: () => dialog.close("keys") }, bdi(words.you.keys)),
      h("button", { type: "button", class: "button", onclick: logOut }, bdi(words.you.logOut)),
      !trust && h("button", { type: "button", class: "link-button danger", onclick: deleteAccount }, bdi(words.you.deleteAccount)),
    ),
    error,
  );
}
