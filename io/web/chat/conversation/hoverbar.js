// @ts-check
// The bar beside the bubble under the pointer, and the long press that stands for it on touch.

import { icon } from "../../look/icons.js";
import { h, on, setAttribute, setText } from "../dom.js";
import * as words from "../words.js";

const PRESS_MS = 400;
const REST_MS = 150;
const GAP_PX = 8;
/** A finger that moves further than this scrolls. */
const SLIP_PX = 10;

/**
 * @param {import("../main.js").App} app
 * @param {{ body: HTMLElement, feed: HTMLElement, scroller: HTMLElement, itemOf: (element: Element) => import("./items.js").Item | undefined,
 *   actions: ReturnType<typeof import("./actions.js").createActions> }} parts
 */
export function createHoverBar(app, { body, feed, scroller, itemOf, actions }) {
  const quick = [0, 1, 2].map(() => h("button", { type: "button", tabIndex: -1, className: "sign" }));
  const more = h("button", { type: "button", tabIndex: -1, className: "icon-button", "aria-label": words.message.moreReactions, title: words.message.react }, icon("smile"));
  const menu = h("button", { type: "button", tabIndex: -1, className: "icon-button", "aria-label": words.message.menu, title: words.common.more }, icon("more"));
  const bar = h("div", { className: "hoverbar", hidden: true, role: "group", "aria-label": words.message.actions }, ...quick, more, menu);
  body.append(bar);

  /** @type {HTMLElement | null} */
  let article = null;
  /** @type {{ inline: number, block: number } | null} */
  let place = null;

  const measure = () => {
    place = null;
    const bubble = article?.querySelector(".bubble");
    if (!bubble) return;
    const [pane, box] = [body.getBoundingClientRect(), bubble.getBoundingClientRect()];
    const rtl = getComputedStyle(body).direction === "rtl";
    const own = bubble.parentElement?.classList.contains("own");
    const width = 5 * 36 + 8;
    // Own bubbles stand at the inline end, so the middle of the pane is before them.
    const left = own !== rtl ? box.left - pane.left - GAP_PX - width : box.right - pane.left + GAP_PX;
    const beside = left >= GAP_PX && left + width <= pane.width - GAP_PX;
    const edge = own !== rtl ? box.left - pane.left : box.right - pane.left - width;
    const x = beside ? left : Math.min(Math.max(GAP_PX, edge), pane.width - width - GAP_PX);
    const y = beside ? box.top - pane.top + Math.min(0, (box.height - 44) / 2) : box.top - pane.top - 44;
    place = { inline: rtl ? pane.width - x - width : x, block: Math.min(Math.max(4, y), pane.height - 48) };
  };

  const draw = () => {
    const item = article && itemOf(article);
    if (!place || !item || item.kind !== "message" || item.row.message.deleted) return hide();
    bar.hidden = false;
    bar.style.insetInlineStart = `${place.inline}px`;
    bar.style.insetBlockStart = `${place.block}px`;
    const live = actions.mayReact(item);
    quick.forEach((button, i) => {
      const emoji = app.settings.reactions[i] ?? "";
      setText(button, emoji);
      setAttribute(button, "aria-label", words.message.reactWith(emoji));
      button.hidden = !live;
    });
    more.hidden = !live;
  };

  const hide = () => {
    article = null;
    bar.hidden = true;
  };

  /** Where the mouse is, while it is over the list. @type {{ x: number, y: number } | null} */
  let mouse = null;
  let rest = 0;

  /** @param {HTMLElement | null} match */
  const show = (match) => {
    if (!match || match === article) return;
    article = match;
    app.read(measure);
    app.frame(draw);
  };

  on(feed, "pointermove", "article", (event, match) => {
    if (event.pointerType !== "mouse") return;
    mouse = { x: event.clientX, y: event.clientY };
    show(match);
  });
  const leave = () => {
    mouse = null;
    hide();
  };
  const scrolled = () => {
    hide();
    clearTimeout(rest);
    rest = window.setTimeout(() => {
      const under = mouse && document.elementFromPoint(mouse.x, mouse.y);
      if (under && feed.contains(under)) show(under.closest("article"));
    }, REST_MS);
  };
  body.addEventListener("pointerleave", leave);
  scroller.addEventListener("scroll", scrolled, { passive: true });

  // The bar lies over the list: a wheel on it means the list.
  bar.addEventListener("wheel", (/** @type {WheelEvent} */ event) => scroller.scrollBy(0, event.deltaY), { passive: true });

  const current = () => (article ? itemOf(article) : undefined);
  bar.addEventListener("click", (/** @type {MouseEvent} */ event) => {
    const item = current();
    const target = /** @type {Element} */ (event.target).closest("button");
    if (!item || !target) return;
    if (target === more) void actions.pick(item, more);
    else if (target === menu) void actions.menu(item, { anchor: menu, reactions: false });
    else void actions.react(item, target.textContent ?? "");
  });

  let pressed = 0;
  let from = { x: 0, y: 0 };
  const release = () => clearTimeout(pressed);
  on(feed, "pointerdown", "article", (event, match) => {
    release();
    if (event.pointerType === "mouse" || /** @type {Element} */ (event.target).closest("a, button")) return;
    from = { x: event.clientX, y: event.clientY };
    pressed = window.setTimeout(() => {
      const item = itemOf(match);
      if (item) void actions.menu(item, { anchor: match, x: from.x, y: from.y });
    }, PRESS_MS);
  });
  feed.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
    if (Math.hypot(event.clientX - from.x, event.clientY - from.y) > SLIP_PX) release();
  });
  for (const type of ["pointerup", "pointercancel"]) feed.addEventListener(type, release);

  return {
    destroy() {
      clearTimeout(rest);
      release();
    },
  };
}
