// @ts-check
// What all dialogs share: `showModal()`, a title, a way out, and focus that goes back to where it came from.

import { h } from "../dom.js";
import { icon } from "../../look/icons.js";
import { narrow } from "../platform.js";
import { sentence } from "../text.js";
import * as words from "../words.js";

/** @typedef {import("../words.js").Part} Part */

/** Waits no longer than this for the browser to go back, in milliseconds. */
const BACK = 300;

let ids = 0;

/**
 * @typedef {object} Dialog
 * @property {HTMLDialogElement} element
 * @property {HTMLElement} body Where the content goes.
 * @property {(value?: any) => void} close
 * @property {Promise<any>} closed What was chosen: `undefined` where it was closed without a choice.
 * @property {AbortSignal} signal Aborted when the dialog is closed: for listeners and timers.
 */

/**
 * Opens a modal dialog. `focus` finds the first focus in it; otherwise it is the title.
 * @param {import("../main.js").App} app
 * @param {{ title: string | Part[], className?: string, role?: string, closable?: boolean, cover?: boolean,
 *   content: (dialog: Dialog) => (Node | null | false)[], focus?: (dialog: Dialog) => HTMLElement | null | undefined }} options
 * @returns {Dialog}
 */
export function openDialog(app, { title, className = "", role, closable = true, cover = true, content, focus }) {
  const opener = /** @type {HTMLElement | null} */ (document.activeElement);
  const id = `dialog-${++ids}`;
  const ending = new AbortController();
  /** @type {(value: any) => void} */
  let resolve = () => {};
  /** @type {any} */
  let chosen;

  const body = h("div", { class: "dialog-body" });
  /** @type {HTMLDialogElement} */
  const element = h(
    "dialog",
    { class: `dialog ${cover ? "cover" : ""} ${className}`.trim(), "aria-labelledby": id, role },
    h(
      "div",
      { class: "dialog-head" },
      h("h2", { id, tabIndex: -1 }, sentence(title)),
      closable &&
        h("button", { type: "button", class: "icon-button", "aria-label": words.common.close, onclick: () => element.close() }, icon("close")),
    ),
    body,
  );

  /** @type {Dialog} */
  const dialog = {
    element,
    body,
    signal: ending.signal,
    closed: new Promise((done) => (resolve = done)),
    close(value) {
      chosen = value;
      if (element.open) element.close();
    },
  };

  body.append(...content(dialog).filter((node) => node instanceof Node));
  document.body.append(element);
  element.showModal();
  // Without a better place, reading begins at the title, and not at the way out.
  (focus?.(dialog) ?? element.querySelector("h2"))?.focus();

  // Nothing of somebody stays on the screen once they are logged out.
  const stop = app.client.on("me", (me) => {
    if (!me) dialog.close();
  });
  ending.signal.addEventListener("abort", stop);

  const back = backCloses(element, narrow.matches && cover);
  closeByBackdrop(element);
  element.addEventListener("keydown", (event) => {
    // The page's own Esc closes the nearest too: that is this one.
    if (event.key === "Escape" && !event.isComposing) event.stopPropagation();
  });
  element.addEventListener(
    "close",
    async () => {
      ending.abort();
      keepToast(element);
      element.remove();
      giveBack(opener);
      await back();
      resolve(chosen);
    },
    { once: true },
  );
  return dialog;
}

// The browser gives the focus back; but what was done may have taken the opener away. Then one is where its place was.
/** @param {HTMLElement | null} opener */
function giveBack(opener) {
  if (document.activeElement && document.activeElement !== document.body) return;
  const place = opener?.isConnected && opener !== document.body ? opener : document.querySelector("main");
  if (!place) return;
  if (place !== opener && !place.hasAttribute("tabindex")) place.tabIndex = -1;
  place.focus({ preventScroll: true });
}

// A toast that was shown in a dialog outlives it.
/** @param {HTMLElement} element */
function keepToast(element) {
  const toast = element.querySelector(".toast");
  if (!toast) return;
  document.body.append(toast);
  /** @type {any} */ (toast).showPopover?.();
}

// A press that begins on a field and ends beside the dialog selects text, and closes nothing.
/** @param {HTMLDialogElement} element */
function closeByBackdrop(element) {
  let pressed = false;
  element.addEventListener("pointerdown", (event) => {
    pressed = event.target === element && outside(element, event);
  });
  element.addEventListener("click", (event) => {
    if (pressed && event.target === element && outside(element, event)) element.close();
    pressed = false;
  });
}

/** @param {HTMLDialogElement} element @param {MouseEvent} event */
function outside(element, { clientX, clientY }) {
  const { left, right, top, bottom } = element.getBoundingClientRect();
  return clientX < left || clientX > right || clientY < top || clientY > bottom;
}

/**
 * Going back closes a dialog; one that covers the screen is a step of its own, as a page is.
 * Returns what is to be done once it is closed.
 * @param {HTMLDialogElement} element @param {boolean} covers @returns {() => Promise<void>}
 */
function backCloses(element, covers) {
  const depth = (history.state?.dialog ?? 0) + (covers ? 1 : 0);
  if (covers) history.pushState({ ...history.state, dialog: depth }, "");
  const shown = () => covers && (history.state?.dialog ?? 0) >= depth;
  const moved = () => {
    if (!shown()) element.close();
  };
  addEventListener("popstate", moved);
  return async () => {
    removeEventListener("popstate", moved);
    if (!shown()) return;
    await new Promise((done) => {
      addEventListener("popstate", done, { once: true });
      setTimeout(done, BACK);
      history.back();
    });
  };
}
