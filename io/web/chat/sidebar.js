// @ts-check
// The list of chats: the order of the server, what was said last, what is new, who types.

import { icon } from "../look/icons.js";
import { avatar, setPresence } from "./avatar.js";
import { clone, h, on, rove, setText } from "./dom.js";
import { untilMidnight } from "./format.js";
import { mac } from "./platform.js";
import * as words from "./words.js";
import { createRow } from "./sidebar-row.js";
import { createNearness } from "./sidebar-near.js";

const SORT_MS = 250;
const SKELETON_MS = 120;
/** Rows in the page at first, and how many more come as one scrolls. */
const PAGE_ROWS = 100;

/** @param {import("./main.js").App} app */
export function createSidebar(app) {
  const { client } = app;
  const list = h("ul", { className: "chats" });
  const bones = h("div", { className: "bones", hidden: true, "aria-hidden": "true" }, ...Array.from({ length: 9 }, (_, i) => h("p", { className: `bone b${i}` }, h("i"), h("i"))));
  const empty = h("div", { className: "empty", hidden: true }, h("p", {}, words.list.none), h("button", { type: "button", className: "button primary", onclick: () => app.open("search") }, words.list.newChat));
  const end = h("div", { className: "list-end" });
  const pane = h("div", { className: "pane" }, list, bones, empty, end);
  const me = createMe(app);
  const heading = h("h1", { className: "visually-hidden" }, words.list.chats);
  const element = h("nav", { className: "sidebar", "aria-label": words.list.chats, id: "chats" }, heading, ...top(app), pane, me.element);

  /** @type {Map<string, ReturnType<typeof createRow>>} */
  const rows = new Map();
  /** @type {string[]} */
  let order = [];
  let most = PAGE_ROWS;
  let sortedAt = 0;
  let timer = 0;
  let pointed = false;
  let gone = false;
  /** @type {string | null} */
  let current = null;
  const began = Date.now();
  const near = createNearness(pane);

  const held = () => pointed || list.contains(document.activeElement);

  /** The order to show: while the list is pointed at or has the focus, that of before, with new chats first. */
  function sort() {
    const wanted = (client.chats ?? []).map((chat) => chat.id);
    const due = sortedAt + SORT_MS - Date.now();
    const first = order.length === 0 && wanted.length > 0;
    if (!first && (held() || due > 0)) {
      if (due > 0 && !held()) timer ||= window.setTimeout(again, due);
      const there = new Set(wanted);
      const kept = order.filter((id) => there.has(id));
      const known = new Set(kept);
      return [...wanted.filter((id) => !known.has(id)), ...kept];
    }
    sortedAt = Date.now();
    return wanted;
  }

  function again() {
    timer = 0;
    app.frame(draw);
  }

  function draw() {
    if (gone) return;
    const { chats } = client;
    bones.hidden = chats !== null || Date.now() - began < SKELETON_MS;
    empty.hidden = chats === null || chats.length > 0;
    heading.hidden = app.route.chat !== null;
    if (chats) place(chats);
    me.update();
  }

  /** @param {readonly import("../client/rookery.js").Chat[]} chats */
  function place(chats) {
    order = sort();
    const byId = new Map(chats.map((chat) => [chat.id, chat]));
    const shown = new Set(order.slice(0, most));
    for (const [id, row] of rows) {
      if (shown.has(id)) continue;
      near.leave(row.element);
      row.element.remove();
      rows.delete(id);
    }
    let next = null;
    for (const id of [...shown].reverse()) {
      const chat = /** @type {import("../client/rookery.js").Chat} */ (byId.get(id));
      let row = rows.get(id);
      if (!row) {
        rows.set(id, (row = createRow(app, chat)));
        if (chat.direct) near.watch(row.element, chat);
      }
      row.update();
      if (row.element.nextSibling !== next || !row.element.parentNode) list.insertBefore(row.element, next);
      next = row.element;
    }
    stops();
  }

  /** Tab goes to the chat that had the focus last, else to the open one. */
  function stops() {
    const id = current !== null && rows.has(current) ? current : app.route.chat;
    const row = rows.get(id ?? "") ?? rows.get(order[0]);
    rove([...rows.values()].map((one) => one.link), row?.link ?? null);
  }

  list.addEventListener("pointerenter", (/** @type {PointerEvent} */ event) => {
    pointed = event.pointerType === "mouse";
  });
  const free = () => {
    pointed = false;
    again();
  };
  list.addEventListener("pointerleave", free);
  list.addEventListener("focusout", () => setTimeout(again));
  on(list, "focusin", "a", (_event, match) => {
    current = match.dataset.chat ?? null;
    stops();
  });
  on(list, "click", "a", (event, match) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    app.go(`#c/${match.dataset.chat}`);
  });
  list.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const at = order.indexOf(current ?? "");
    const last = Math.min(order.length, most) - 1;
    /** @type {Record<string, number>} */
    const steps = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: last };
    const to = steps[event.key];
    if (to === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    rows.get(order[Math.min(Math.max(0, to), last)])?.link.focus();
  });
  const more = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting) || most >= order.length) return;
    most += PAGE_ROWS;
    again();
  }, { root: pane, rootMargin: "600px" });
  more.observe(end);

  const redraw = () => app.frame(draw);
  // `17:36` becomes `Fri`.
  const midnight = () => {
    redraw();
    night = window.setTimeout(midnight, untilMidnight() + 1000);
  };
  let night = window.setTimeout(midnight, untilMidnight() + 1000);
  const offs = [
    ...["chats", "chat", "typing", "presence", "users", "state", "me", "timeline"].map((name) => client.on(/** @type {any} */ (name), redraw)),
  ];
  const events = ["drafts", "settings", "routed"];
  for (const name of events) window.addEventListener(name, redraw);
  setTimeout(redraw, SKELETON_MS + 1);
  redraw();

  return {
    element,
    get order() {
      return order;
    },
    focus() {
      (list.querySelector("a[tabindex='0']") ?? element.querySelector("button"))?.focus();
    },
    destroy() {
      gone = true;
      for (const off of offs) off();
      for (const name of events) window.removeEventListener(name, redraw);
      near.destroy();
      more.disconnect();
      clearTimeout(timer);
      clearTimeout(night);
    },
  };
}

/** The mark, and the way to search. @param {import("./main.js").App} app */
function top(app) {
  const compose = h("button", { type: "button", className: "icon-button", "aria-label": words.list.newChat, title: words.list.newChat, onclick: () => app.open("search") }, icon("compose"));
  const search = h(
    "button",
    { type: "button", className: "search-field", onclick: () => app.open("search") },
    icon("search"),
    h("span", { className: "label" }, words.list.search),
    h("kbd", { className: "key", "aria-hidden": "true" }, mac ? words.list.shortcutMac : words.list.shortcut),
  );
  return [h("div", { className: "brand" }, clone("mark"), h("span", { className: "product" }, words.product), compose), search];
}

/** Who is logged in, and how the connection is. @param {import("./main.js").App} app */
function createMe(app) {
  const { client } = app;
  const name = h("bdi");
  const state = h("span", { className: "about" });
  /** @type {HTMLElement | null} */
  let face = null;
  const names = h("span", { className: "names" }, h("b", {}, name), state);
  const gear = h("button", { type: "button", className: "icon-button", "aria-label": words.list.settings, title: words.list.settings, onclick: () => app.open("you") }, icon("settings"));
  const element = h("div", { className: "me" }, names, gear);

  function update() {
    const { me } = client;
    if (!me) return;
    const called = me.display_name || me.username;
    if (name.textContent !== called || !face) {
      face?.remove();
      face = avatar(me.user_id, called);
      element.prepend(face);
      setText(name, called);
    }
    const { phase } = client.state;
    const { banner } = words;
    const said = phase === "live" ? banner.connected : phase === "behind" ? banner.catchingUp : phase === "connecting" || phase === "idle" ? banner.connectingState : banner.notConnected;
    setText(state, said);
    setPresence(face, { online: phase === "live" || phase === "behind" });
  }
  return { element, update };
}
