// @ts-check
// The question before an account is deleted: it wants the password.

import { h } from "../dom.js";
import { complain, field, submitter } from "../form.js";
import { bdi, sentence } from "../text.js";
import * as words from "../words.js";
import { openDialog } from "./dialog.js";

/** Whether it was done. @param {import("../main.js").App} app @returns {Promise<boolean>} */
export async function open(app) {
  const cancel = h("button", { type: "button", class: "button" }, bdi(words.common.cancel));
  const dialog = openDialog(app, {
    title: words.ask.deleteAccount,
    className: "confirm",
    role: "alertdialog",
    closable: false,
    cover: false,
    content: (dialog) => {
      cancel.addEventListener("click", () => dialog.close(false));
      const why = h("p", { class: "dialog-text", id: "delete-account-why" }, sentence(words.ask.deleteAccountWhy));
      dialog.element.setAttribute("aria-describedby", why.id);
      const password = field(words.you.currentPassword, { type: "password", autocomplete: "current-password" }, { reveal: true });
      const button = h("button", { type: "submit", class: "button danger" });
      const form = h("form", { class: "stack", noValidate: true }, why, password.element, h("div", { class: "dialog-foot" }, cancel, button));
      const sending = submitter({
        form, button,
        fields: { old: password },
        label: () => words.ask.deleteAccountVerb,
        busy: () => words.ask.deleting,
        check: () => complain([[password, !password.input.value && words.refused.passwordMissing]]),
        send: async () => {
          await app.client.deleteAccount(password.input.value);
          dialog.close(true);
        },
      });
      dialog.signal.addEventListener("abort", sending.stop);
      return [form];
    },
    focus: () => cancel,
  });
  return (await dialog.closed) === true;
}
