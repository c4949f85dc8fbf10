// @ts-check
// Toasts: bottom centre, one at a time, five seconds, for as long as they are hovered or focused.

import { h } from "./dom.js";
import { sentence } from "./text.js";
import * as words from "./words.js";

/** @typedef {import("./words.js").Part} Part */

/** How long a toast is shown, in milliseconds. */
const SHOWN = 5000;

/** @param {import("./main.js").App} app */
export function create(app) {
  const element = h("section", { class: "toast", popover: "manual", hidden: true, "aria-label": words.common.notice });
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  const hide = () => {
    clearTimeout(timer);
    element.hidden = true;
    element.replaceChildren();
    document.body.append(element);
  };
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(() => (element.matches(":hover, :focus-within") ? wait() : hide()), SHOWN);
  };

  return {
    element,
    /** @param {string | Part[]} text @param {{ label: string, run: () => void }} [action] */
    show(text, action) {
      const run = () => {
        hide();
        action?.run();
      };
      element.replaceChildren(
        h("p", { class: "toast-text" }, sentence(text)),
        ...(action ? [h("button", { type: "button", class: "link-button", onclick: run }, action.label)] : []),
      );
      element.hidden = false;
      // Within an open dialog, as nothing outside of it can be reached, and again on top of what was opened since.
      const dialogs = document.querySelectorAll("dialog:modal");
      (dialogs[dialogs.length - 1] ?? document.body).append(element);
      element.showPopover?.();
      app.announce(words.plain(text));
      wait();
    },
  };
}
