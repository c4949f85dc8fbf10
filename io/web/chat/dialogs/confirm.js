// @ts-check
// A question before something that does not come back: the verb is on the button, the focus on Cancel.

import { h } from "../dom.js";
import { sentence } from "../text.js";
import * as words from "../words.js";
import { openDialog } from "./dialog.js";

/** @typedef {import("../words.js").Part} Part */

/**
 * Whether the answer is yes.
 * @param {import("../main.js").App} app
 * @param {{ title: string | Part[], why?: (string | Part[])[], verb: string }} options
 * @returns {Promise<boolean>}
 */
export async function open(app, { title, why = [], verb }) {
  const id = `why-${Date.now()}`;
  const cancel = h("button", { type: "button", class: "button" }, words.common.cancel);
  const dialog = openDialog(app, {
    title,
    className: "confirm",
    role: "alertdialog",
    closable: false,
    cover: false,
    content: (dialog) => {
      dialog.element.setAttribute("aria-describedby", id);
      cancel.addEventListener("click", () => dialog.close(false));
      // As one piece: apart, sentences would change places where the page runs from right to left.
      const text = h("p", { id, class: "dialog-text" }, sentence(why.flatMap((line, i) => [i ? " " : "", line].flat())));
      const yes = h("button", { type: "button", class: "button danger", onclick: () => dialog.close(true) }, verb);
      return [text, h("div", { class: "dialog-foot" }, cancel, yes)];
    },
    focus: () => cancel,
  });
  return (await dialog.closed) === true;
}
