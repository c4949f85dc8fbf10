// @ts-check
// A new password: the old one, the new one, one button.

import { h } from "../../dom.js";
import { complain, field, submitter } from "../../form.js";
import { sentence } from "../../text.js";
import * as words from "../../words.js";
import { section } from "./section.js";

/** Characters that the server wants. */
const SHORTEST = 8;

/** @param {import("../../main.js").App} app @param {import("../dialog.js").Dialog} dialog */
export function password(app, dialog) {
  const old = field(words.you.currentPassword, { type: "password", autocomplete: "current-password", name: "old" }, { reveal: true });
  const next = field(
    words.you.newPassword,
    { type: "password", autocomplete: "new-password", name: "new" },
    { reveal: true, hint: `${words.login.passwordHint} ${words.you.passwordNote}` },
  );
  // Password managers want to know whose password it is.
  const username = h("input", { type: "text", autocomplete: "username", hidden: true, readOnly: true, value: app.client.me?.username ?? "", "aria-hidden": "true", tabIndex: -1 });
  const button = h("button", { type: "submit", class: "button" });
  const done = h("p", { class: "form-done", role: "status" });
  const form = h("form", { class: "stack", noValidate: true }, username, old.element, next.element, h("div", { class: "form-foot" }, done, button));
  const filled = () => {
    button.disabled = !old.input.value || !next.input.value;
  };
  form.addEventListener("input", () => {
    done.replaceChildren();
    filled();
  });

  const sending = submitter({
    form, button,
    fields: { old, new: next },
    label: () => words.you.changePassword,
    busy: () => words.you.changing,
    check: () =>
      complain([
        [old, !old.input.value && words.refused.passwordMissing],
        [next, [...next.input.value].length < SHORTEST && words.refused.passwordTooShort],
      ]),
    // Here the failed tries are about the old password.
    reword: (found) => (found.field === null ? { ...found, field: "old" } : found),
    send: async () => {
      await app.client.changePassword(old.input.value, next.input.value);
      old.input.value = "";
      next.input.value = "";
      old.input.focus();
      filled();
      done.replaceChildren(sentence(words.you.passwordChanged));
      dialog.element.dispatchEvent(new Event("sessions"));
    },
  });
  dialog.signal.addEventListener("abort", sending.stop);
  filled();
  return section(words.you.password, form);
}
