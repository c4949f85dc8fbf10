// @ts-check
// The rows of the panel. Only those near the view are in the page, as a chat may have 100,000 members.

import { avatar, setAvatar, setPresence } from "../avatar.js";
import { h, setAttribute, setText } from "../dom.js";
import { format } from "../format.js";
import { bdi } from "../text.js";
import * as words from "../words.js";
import { icon } from "../../look/icons.js";

/** Heights of rows, as in the style sheet, in rem. */
const ROW_REM = 2.875;
const HEAD_REM = 2.25;
/** Rows in the page before it is known how high the view is. */
const FIRST = 40;
/** Rows in the page beyond each end of the view. */
const BEYOND = 12;
/** More members are asked for as one comes this near to the end, in rows. */
const NEAR_END = 40;

/** @typedef {{ key: string, id: string | null, label: string }} Item A member, or the head of a group. */

/**
 * @param {import("../main.js").App} app @param {import("../../client/rookery.js").Chat} chat
 * @param {{ menu: (id: string, anchor: HTMLElement, at?: { x: number, y: number }) => void, end: () => void }} options
 */
export function createList(app, chat, { menu, end }) {
  const list = h("ul", { class: "members-list" });
  const element = h("div", {}, list);
  /** @type {Item[]} */
  let items = [];
  /** @type {Map<string, ReturnType<typeof createRow>>} */
  const rows = new Map();
  /** @type {string | null} The row that Tab comes to. */
  let current = null;

  const scroller = () => /** @type {HTMLElement | null} */ (element.closest(".members-body"));

  /** @param {number} from @param {number} to Heights are added up: there are but three heads. */
  const height = (from, to) => {
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const heads = items.slice(from, to).filter((item) => item.id === null).length;
    return (heads * HEAD_REM + (to - from - heads) * ROW_REM) * rem;
  };

  /** The items that are to be in the page. @returns {[number, number]} */
  const range = () => {
    const pane = scroller();
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    if (!pane) return [0, Math.min(items.length, FIRST)];
    const above = pane.scrollTop - element.offsetTop;
    const first = Math.floor(above / (ROW_REM * rem)) - BEYOND;
    const last = Math.ceil((above + pane.clientHeight) / (ROW_REM * rem)) + BEYOND;
    return [Math.max(0, Math.min(first, items.length)), Math.max(0, Math.min(items.length, last))];
  };

  const draw = () => {
    const [from, to] = range();
    const wanted = new Map(items.slice(from, to).map((item) => [item.key, item]));
    const focused = rows.get(keyOf(document.activeElement));
    // The focus would be lost with its row: that stays, unless its member is gone.
    const held = focused && items.some((item) => rows.get(item.key) === focused);
    for (const [key, row] of rows) {
      if (!wanted.has(key) && !(held && row === focused)) {
        row.element.remove();
        rows.delete(key);
      }
    }
    /** @type {Element | null} */
    let before = null;
    for (const item of wanted.values()) {
      let row = rows.get(item.key);
      if (!row) rows.set(item.key, (row = createRow(app, item, chat)));
      row.update(item);
      const place = /** @type {Element | null} */ (before ? before.nextElementSibling : list.firstElementChild);
      if (place !== row.element) list.insertBefore(row.element, place);
      before = row.element;
    }
    list.style.paddingBlockStart = `${height(0, from)}px`;
    list.style.paddingBlockEnd = `${height(to, items.length)}px`;
    const people = items.filter((item) => item.id !== null);
    // Of a list that is in the page in part, these say where one is.
    for (const [place, item] of people.entries()) {
      const row = rows.get(item.key);
      if (!row) continue;
      setAttribute(row.element, "aria-posinset", place + 1);
      setAttribute(row.element, "aria-setsize", people.length);
    }
    if (!people.some((item) => item.key === current)) current = people.find((item) => rows.get(item.key)?.button)?.key ?? null;
    for (const [key, row] of rows) if (row.button) row.button.tabIndex = key === current ? 0 : -1;
    if (focused && !held) rows.get(current ?? "")?.button?.focus();
    if (items.length - to < NEAR_END) end();
  };

  /** @param {Element | null} target */
  const keyOf = (target) => /** @type {HTMLElement | null} */ (target?.closest?.("[data-key]"))?.dataset.key ?? "";

  /** @param {number} at @param {1 | -1} by */
  const go = (at, by) => {
    const me = app.client.me?.user_id;
    let to = at;
    while (items[to] && (items[to].id === null || items[to].id === me)) to += by;
    if (!items[to]) return;
    current = items[to].key;
    const pane = scroller();
    if (pane && !rows.has(current)) pane.scrollTop = element.offsetTop + height(0, to) - pane.clientHeight / 2;
    draw();
    rows.get(current)?.button?.focus();
  };

  list.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const at = items.findIndex((item) => item.key === keyOf(document.activeElement));
    /** @type {Record<string, [number, 1 | -1]>} */
    const moves = { ArrowDown: [at + 1, 1], ArrowUp: [at - 1, -1], Home: [0, 1], End: [items.length - 1, -1] };
    const move = moves[event.key];
    if (!move || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    go(...move);
  });
  list.addEventListener("click", (/** @type {MouseEvent} */ event) => open(event));
  list.addEventListener("contextmenu", (/** @type {MouseEvent} */ event) => {
    if (open(event, { x: event.clientX, y: event.clientY })) event.preventDefault();
  });

  /** @param {MouseEvent} event @param {{ x: number, y: number }} [at] */
  function open(event, at) {
    const key = keyOf(/** @type {Element} */ (event.target));
    const button = rows.get(key)?.button;
    if (!button) return false;
    current = key;
    menu(key, button, at);
    return true;
  }

  const scrolled = () => app.frame(draw);

  return {
    element,

    /** @param {import("./roster.js").Group[]} groups */
    show(groups) {
      scroller()?.addEventListener("scroll", scrolled, { passive: true });
      items = groups.flatMap(({ kind, label, ids }) => [
        { key: kind, id: null, label },
        ...ids.map((id) => ({ key: id, id, label: "" })),
      ]);
      draw();
    },

    /** Whether there is a row to focus. */
    focus() {
      const button = current ? rows.get(current)?.button : null;
      button?.focus();
      return Boolean(button);
    },

    destroy() {
      scroller()?.removeEventListener("scroll", scrolled);
    },
  };
}

/** @param {import("../main.js").App} app @param {Item} item @param {import("../../client/rookery.js").Chat} chat */
function createRow(app, item, chat) {
  if (item.id === null) {
    const label = h("h3", {});
    const element = h("li", { class: "members-group", "data-key": item.key }, label);
    return { element, button: null, update: (/** @type {Item} */ next) => setText(label, next.label) };
  }
  const { id } = item;
  const me = id === app.client.me?.user_id;
  const picture = avatar(id, app.name(id));
  const name = bdi("");
  const under = h("span", { class: "member-under" });
  const role = h("span", { class: "member-role" }, bdi(words.members.admin));
  const content = [picture, h("span", { class: "member-text" }, h("span", { class: "member-name" }, name), under), role];
  const button = me ? null : h("button", { type: "button", class: "member", "aria-haspopup": "menu", "aria-expanded": "false", tabIndex: -1 }, ...content, icon("more", "member-more"));
  const element = h("li", { class: "members-row", "data-key": item.key }, button ?? h("div", { class: "member" }, ...content));
  return {
    element,
    button,
    update() {
      const presence = app.client.presence(id);
      setAvatar(picture, id, app.name(id));
      setPresence(picture, presence);
      setText(name, app.name(id));
      const seen = presence && !presence.online && presence.last_seen ? format.seen(presence.last_seen) : "";
      const text = me ? words.members.you : seen;
      if (under.textContent !== text) under.replaceChildren(bdi(text));
      under.hidden = !text;
      setAttribute(role, "hidden", !chat.admins.has(id));
    },
  };
}
