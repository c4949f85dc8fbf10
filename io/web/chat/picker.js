// @ts-check
// The emoji picker: 48 common ones in a grid, and a field that takes any.

import { h } from "./dom.js";
import { isEmoji } from "./format.js";
import { closeMenu } from "./menu.js";
import { narrow } from "./platform.js";
import * as words from "./words.js";

/** Columns of the grid; the arrows up and down go by these. */
const COLUMNS = 8;

const common = [
  "👍", "❤️", "😂", "🎉", "😮", "😢", "🙏", "👀",
  "👎", "🔥", "👏", "✅", "💯", "🤔", "😍", "😅",
  "🙌", "💪", "🤝", "👋", "🚀", "⭐", "✨", "💡",
  "😀", "😊", "😉", "😎", "🥳", "🤩", "🤗", "🙂",
  "😐", "🙄", "😬", "😴", "😭", "😡", "😱", "🤯",
  "🌿", "🌞", "🌧️", "☕", "🍕", "🍰", "⏰", "❌",
];

/** Bytes of an emoji that the server takes. */
const EMOJI_BYTES = 32;
/** Kept between the picker and the edge of the window, in pixels. */
const MARGIN = 8;

/** @type {{ close: (giveBack: boolean) => void } | null} */
let shown = null;

/**
 * Opens the picker beside its anchor. `used` are shown as chosen already. Resolved with what was chosen, if anything was.
 * @param {any} _app @param {{ anchor: HTMLElement, pick?: (emoji: string) => void, used?: readonly string[] }} options
 * @returns {Promise<string | null>}
 */
export async function open(_app, { anchor, pick, used = [] }) {
  const emoji = await show(anchor, used);
  if (emoji) pick?.(emoji);
  return emoji;
}

/** @param {HTMLElement} opener @param {readonly string[]} used @returns {Promise<string | null>} */
function show(opener, used) {
  closeMenu();
  shown?.close(false);
  return new Promise((resolve) => {
    const element = build(used, (emoji) => finish(emoji, true));
    const outside = (/** @type {Event} */ event) => {
      if (!element.contains(/** @type {Node} */ (event.target))) finish(null, false);
    };
    const away = () => {
      // The keyboard of a phone changes the window's height while one types here.
      if (!element.contains(document.activeElement)) finish(null, false);
    };
    /** @param {string | null} emoji @param {boolean} giveBack */
    function finish(emoji, giveBack) {
      if (!element.isConnected) return;
      shown = null;
      document.removeEventListener("pointerdown", outside, true);
      removeEventListener("resize", away);
      const focused = element.contains(document.activeElement);
      element.remove();
      expanded(opener, false);
      if (giveBack || focused) opener.focus({ preventScroll: true });
      resolve(emoji);
    }
    shown = { close: (giveBack) => finish(null, giveBack) };
    element.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Escape") {
        event.preventDefault();
        finish(null, true);
      }
      // Letters that mean something on a message mean nothing here.
      event.stopPropagation();
    });
    (opener.closest("dialog") ?? document.body).append(element);
    element.showPopover?.();
    expanded(opener, true);
    place(element, opener);
    element.querySelector("button")?.focus();
    document.addEventListener("pointerdown", outside, true);
    addEventListener("resize", away);
  });
}

/** @param {HTMLElement} opener @param {boolean} shown */
function expanded(opener, shown) {
  if (opener.hasAttribute("aria-haspopup")) opener.setAttribute("aria-expanded", String(shown));
}

/** @param {HTMLElement} element @param {HTMLElement} opener */
function place(element, opener) {
  element.classList.toggle("sheet", narrow.matches);
  if (narrow.matches) return;
  const around = opener.getBoundingClientRect();
  const { width, height } = element.getBoundingClientRect();
  const below = around.bottom + 4;
  const top = below + height > innerHeight - MARGIN ? around.top - height - 4 : below;
  const middle = around.left + around.width / 2 - width / 2;
  element.style.left = `${Math.max(MARGIN, Math.min(middle, innerWidth - width - MARGIN))}px`;
  element.style.top = `${Math.max(MARGIN, Math.min(top, innerHeight - height - MARGIN))}px`;
}

/** @param {readonly string[]} used @param {(emoji: string) => void} choose @returns {HTMLElement} */
function build(used, choose) {
  const grid = h("div", { class: "picker-grid", role: "group", "aria-label": words.picker.title });
  common.forEach((emoji, i) => {
    grid.append(
      h("button", {
        type: "button", class: "picker-emoji", tabIndex: i === 0 ? 0 : -1,
        "aria-pressed": used.includes(emoji) ? "true" : undefined,
        onclick: () => choose(emoji),
      }, emoji),
    );
  });
  grid.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (moveInGrid(grid, event)) event.preventDefault();
  });
  return h("div", { class: "picker", role: "dialog", "aria-label": words.picker.title, popover: "manual" }, grid, any(choose));
}

/** The field for whatever is not among them. @param {(emoji: string) => void} choose */
function any(choose) {
  const error = h("p", { class: "field-error", id: "picker-error", role: "alert", hidden: true });
  const input = h("input", {
    class: "input", type: "text", id: "picker-any", placeholder: words.picker.anyHint, autocomplete: "off",
    enterKeyHint: "done", "aria-label": words.picker.any, "aria-describedby": "picker-error",
  });
  const form = h(
    "form",
    { class: "picker-any", noValidate: true },
    input,
    h("button", { class: "button", type: "submit" }, words.picker.add),
    error,
  );
  form.addEventListener("submit", (/** @type {Event} */ event) => {
    event.preventDefault();
    const emoji = input.value.trim();
    if (isEmoji(emoji) && new TextEncoder().encode(emoji).length <= EMOJI_BYTES) {
      choose(emoji);
      return;
    }
    error.hidden = false;
    error.textContent = words.picker.notEmoji;
    input.setAttribute("aria-invalid", "true");
    input.focus();
  });
  return form;
}

/** @param {HTMLElement} grid @param {KeyboardEvent} event */
function moveInGrid(grid, event) {
  const buttons = /** @type {HTMLButtonElement[]} */ ([...grid.children]);
  const at = buttons.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
  const mirrored = getComputedStyle(grid).direction === "rtl" ? -1 : 1;
  /** @type {Record<string, number>} */
  const steps = {
    ArrowRight: at + mirrored, ArrowLeft: at - mirrored, ArrowDown: at + COLUMNS, ArrowUp: at - COLUMNS,
    Home: 0, End: buttons.length - 1,
  };
  const to = buttons[steps[event.key] ?? -1];
  if (!to) return event.key in steps;
  for (const button of buttons) button.tabIndex = button === to ? 0 : -1;
  to.focus();
  return true;
}
