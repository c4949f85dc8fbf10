// @ts-check
// A popup menu: beside its opener, or a sheet at the foot of a narrow screen.

import { h } from "./dom.js";
import { icon } from "../look/icons.js";
import { narrow } from "./platform.js";
import { bdi } from "./text.js";
import * as words from "./words.js";

/**
 * @typedef {object} Item
 * @property {string} label
 * @property {string} [icon]
 * @property {string} [text] Shown in place of an icon and the label, as emoji are in a row.
 * @property {string} [key] The key that does the same.
 * @property {boolean} [bare] Shown by its icon alone.
 * @property {boolean} [danger]
 * @property {boolean} [checked] Of one that is switched on or off.
 * @property {() => void} run
 */

/**
 * @typedef {object} Options
 * @property {string} label
 * @property {(Item | null)[]} items `null` is a line.
 * @property {HTMLElement} [anchor] What it opens beside, and what the focus goes back to.
 * @property {number} [x] With `y`: where it opens instead.
 * @property {number} [y]
 * @property {readonly string[]} [emoji] A first row, to choose from.
 * @property {(emoji: string) => void} [pick] Told of the choice; `""` asks for more.
 */

/** Kept between a menu and the edge of the window, in pixels. */
const MARGIN = 8;
/** A pause after which letters begin a new word, in milliseconds. */
const TYPING = 700;

/** @type {Menu | null} */
let shown = null;

class Menu {
  /**
   * @param {HTMLElement} opener
   * @param {Item[]} row
   * @param {{ x: number, y: number } | null} at
   * @param {Options} options
   * @param {() => void} closed
   */
  constructor(opener, row, at, { label, items }, closed) {
    this.opener = opener;
    this.at = at;
    this.closed = closed;
    this.typed = "";
    this.typedAt = 0;
    this.element = h(
      "div",
      { class: "menu", role: "menu", "aria-label": label, popover: "manual", tabIndex: -1 },
      row.length > 0 && h("div", { class: "menu-row", role: "group" }, ...row.map((item) => this.button(item))),
      ...items.map((item) => (item ? this.button(item) : h("div", { class: "menu-line", role: "separator" }))),
    );
    this.element.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.key(event));
    this.outside = (/** @type {Event} */ event) => {
      const target = /** @type {Node} */ (event.target);
      // A click on the button that opened it closes it by itself.
      const mine = this.element.contains(target) || (!this.at && this.opener.contains(target));
      if (!mine) this.close(false);
    };
    this.away = () => this.close(false);
  }

  /** @param {Item} item */
  button(item) {
    const role = item.checked === undefined ? "menuitem" : "menuitemcheckbox";
    const content = item.text
      ? [bdi(item.text)]
      : [
          item.icon ? icon(item.icon) : null,
          item.bare ? null : h("span", { class: "menu-label" }, bdi(item.label)),
          item.key ? h("kbd", { class: "key", "aria-hidden": "true" }, item.key) : null,
          item.checked ? icon("check", "small") : null,
        ];
    return h(
      "button",
      {
        type: "button", role, tabIndex: -1,
        class: item.danger ? "menu-item danger" : "menu-item",
        "aria-label": item.text || item.bare ? item.label : undefined,
        title: item.text || item.bare ? item.label : undefined,
        "aria-checked": item.checked === undefined ? undefined : String(item.checked),
        onclick: () => {
          this.close(true);
          item.run();
        },
      },
      ...content,
    );
  }

  /** @returns {HTMLElement[]} */
  get buttons() {
    return [...this.element.querySelectorAll("button")];
  }

  show() {
    // Whatever stands outside an open modal dialog cannot be reached, and all of a page belongs to a landmark.
    (this.opener.closest("dialog, main, nav, aside") ?? document.body).append(this.element);
    this.element.showPopover?.();
    this.expanded(true);
    this.place();
    this.buttons[0]?.focus();
    document.addEventListener("pointerdown", this.outside, true);
    addEventListener("resize", this.away);
    addEventListener("blur", this.away);
  }

  /** Of a button that opens a menu; a message, which has one too, may not say so. @param {boolean} expanded */
  expanded(expanded) {
    if (this.opener.hasAttribute("aria-haspopup")) this.opener.setAttribute("aria-expanded", String(expanded));
  }

  place() {
    this.element.classList.toggle("sheet", narrow.matches);
    if (narrow.matches) return;
    const around = this.at
      ? { left: this.at.x, right: this.at.x, top: this.at.y, bottom: this.at.y }
      : this.opener.getBoundingClientRect();
    const { width, height } = this.element.getBoundingClientRect();
    const mirrored = getComputedStyle(this.opener).direction === "rtl";
    // Menus of buttons end where their button ends, those of a point begin there.
    const alignEnd = this.at ? mirrored : !mirrored;
    const left = alignEnd ? around.right - width : around.left;
    const below = around.bottom + (this.at ? 0 : 4);
    const top = below + height > innerHeight - MARGIN ? around.top - height - (this.at ? 0 : 4) : below;
    const { style } = this.element;
    style.left = `${Math.max(MARGIN, Math.min(left, innerWidth - width - MARGIN))}px`;
    style.top = `${Math.max(MARGIN, Math.min(top, innerHeight - height - MARGIN))}px`;
  }

  /** @param {boolean} giveBack Whether the focus goes back to the opener. */
  close(giveBack) {
    if (shown !== this) return;
    shown = null;
    document.removeEventListener("pointerdown", this.outside, true);
    removeEventListener("resize", this.away);
    removeEventListener("blur", this.away);
    const focused = this.element.contains(document.activeElement);
    this.element.remove();
    this.expanded(false);
    if (giveBack || focused) this.opener.focus({ preventScroll: true });
    this.closed();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const handled = this.move(event);
    if (!handled) return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {KeyboardEvent} event */
  move(event) {
    const { buttons } = this;
    const at = buttons.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const step = (/** @type {number} */ by) => buttons[(at + by + buttons.length) % buttons.length]?.focus();
    const mirrored = getComputedStyle(this.element).direction === "rtl" ? -1 : 1;
    switch (event.key) {
      case "ArrowDown": step(1); return true;
      case "ArrowUp": step(at < 0 ? 0 : -1); return true;
      case "ArrowRight": step(mirrored); return true;
      case "ArrowLeft": step(-mirrored); return true;
      case "Home": buttons[0]?.focus(); return true;
      case "End": buttons.at(-1)?.focus(); return true;
      case "Escape": this.close(true); return true;
      case "Tab": this.close(true); return false;
      case "Enter": case " ": event.stopPropagation(); return false;
      default: return this.type(event, at);
    }
  }

  /** A letter goes to the next item that begins with it. @param {KeyboardEvent} event @param {number} at */
  type(event, at) {
    if (event.key.length !== 1 || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return false;
    this.typed = event.timeStamp - this.typedAt > TYPING ? event.key : this.typed + event.key;
    this.typedAt = event.timeStamp;
    const { buttons } = this;
    const first = this.typed.length === 1 ? at + 1 : at;
    for (let i = 0; i < buttons.length; i++) {
      const button = buttons[(Math.max(first, 0) + i) % buttons.length];
      if (button.textContent?.toLocaleLowerCase().startsWith(this.typed.toLocaleLowerCase())) {
        button.focus();
        break;
      }
    }
    return true;
  }
}

/**
 * Opens a menu; a second time from the same anchor, it closes it. Set `aria-haspopup="menu"` on the anchor.
 * Resolved when it is closed.
 * @param {any} _app @param {Options} options @returns {Promise<void>}
 */
export function open(_app, options) {
  const { anchor, x, y, emoji = [], pick } = options;
  const opener = anchor ?? /** @type {HTMLElement} */ (document.activeElement ?? document.body);
  const at = x !== undefined && y !== undefined ? { x, y } : null;
  const again = shown?.opener === opener && !at;
  closeMenu();
  if (again) return Promise.resolve();
  const row = pick ? emojiRow(emoji, pick) : [];
  return new Promise((closed) => {
    shown = new Menu(opener, row, at, options, closed);
    shown.show();
  });
}

/** @param {readonly string[]} emoji @param {(emoji: string) => void} pick @returns {Item[]} */
const emojiRow = (emoji, pick) => [
  ...emoji.map((text) => ({ text, label: words.message.reactWith(text), run: () => pick(text) })),
  { icon: "smile", label: words.message.moreReactions, bare: true, run: () => pick("") },
];

/** Closes the menu that is open. Whether there was one. */
export function closeMenu() {
  if (!shown) return false;
  shown.close(true);
  return true;
}
