// @ts-check
// One open chat: its head, its messages, what is new in it, and the field to write in.

import { createComposer } from "../composer.js";
import { h, on, setAttribute, setText } from "../dom.js";
import { follow } from "../follow.js";
import { format, untilMidnight } from "../format.js";
import { setSentence } from "../text.js";
import * as words from "../words.js";
import { createActions } from "./actions.js";
import { build, SENDING_AFTER_MS, update } from "./article.js";
import { createBanner } from "./banner.js";
import { createGoing } from "./going.js";
import { createHeader } from "./header.js";
import { createHoverBar } from "./hoverbar.js";
import { Items } from "./items.js";
import { createKeys } from "./keys.js";
import { List } from "./list.js";
import { createLoading } from "./loading.js";
import { createPills } from "./pills.js";
import { createReading } from "./reading.js";
import { seenIn } from "./seen.js";

const SKELETON_MS = 120;
const FAR_SCREENS = 1.5;

/** @typedef {import("./items.js").Item} Item */

/** @param {import("../main.js").App} app @param {import("../../client/rookery.js").Chat} chat */
export function create(app, chat) {
  const { client } = app;
  const { timeline } = chat;
  const items = new Items();
  let waiting = false;
  let late = 0;
  let gone = false;
  let began = 0;
  /** @type {import("./article.js").Look} */
  const look = { app, chat, editing: null, unfolded: new Set(), created: 0 };

  /** @type {List<Item>} */
  const list = new List({
    build: (item) => build(item, look),
    update: (element, item) => update(element, item, look),
    passes: ({ kind }) => kind !== "message" && kind !== "event",
    unloaded,
    need,
    moved,
  });
  const loading = createLoading(timeline, () => dirty());
  const header = createHeader(app, chat);
  const banner = createBanner(app);
  const going = createGoing(app, chat, { list, loading, render });
  const latest = () => void going.latest();
  const pills = createPills({ latest, fresh: () => void going.toDivider() });
  const typing = h("p", { className: "typing", "aria-hidden": "true" });
  const empty = h("p", { className: "empty", hidden: true });
  const skeleton = h("div", { className: "bones", hidden: true, "aria-hidden": "true" }, ...skeletons());
  const body = h("div", { className: "body" }, list.element, skeleton, empty, banner.element, ...pills.elements);
  const composer = createComposer(app, chat, { sent: latest, editing: edited, editLast });
  const element = h("main", { className: "conversation", id: "conversation" }, header.element, body, typing, composer.element);

  const itemOf = (/** @type {Element} */ article) => list.items[list.geometry.indexOf(/** @type {HTMLElement} */ (article).dataset.key ?? "")];
  const actions = createActions(app, chat, { edit: (message) => composer.edit(message) });
  const hover = createHoverBar(app, { body, feed: list.feed, scroller: list.element, itemOf, actions });
  const keys = createKeys(app, { list, actions, composer, latest: going.latest, itemOf });
  const reading = createReading(chat, seen);

  function unloaded() {
    const known = list.items.length ? list.items : [];
    const first = known.find((item) => item.kind !== "fault");
    const last = known.findLast((item) => item.kind === "message" || item.kind === "event");
    if (!first || !last || !Number.isSafeInteger(first.seq)) return { older: 0, newer: 0, span: 0 };
    const newer = timeline.hasNewer ? Math.max(1, timeline.lastSeq - last.seq) : 0;
    return { older: timeline.hasOlder ? Math.max(1, first.seq - 1) : 0, newer, span: Math.max(1, last.seq - first.seq + 1) };
  }

  /** Asks again for what did not come. */
  function reload() {
    const { first } = loading.faults;
    loading.again();
    void chat.load().catch(() => {});
    if (first) void open();
  }

  /** @param {"older" | "newer" | "around"} where @param {number} [seq] */
  function need(where, seq = 0) {
    if (!going.opened) return;
    if (where === "around") void going.toDragged(seq);
    else void loading.page(where);
  }

  function dirty() {
    if (waiting || gone) return;
    waiting = true;
    app.frame(draw);
  }

  function draw() {
    waiting = false;
    if (!gone) render();
  }

  function render() {
    const today = new Date().setHours(0, 0, 0, 0);
    look.created = chat.createdAt ? Date.parse(chat.createdAt) : 0;
    const around = { me: client.me?.user_id ?? "", began: !timeline.hasOlder, divider: going.divider, faults: loading.faults, today };
    const made = items.make(timeline.rows, around);
    list.setItems(made);
    setAttribute(list.feed, "aria-busy", loading.busy ? "true" : null);
    // There is no feed without an article in it.
    setAttribute(list.feed, "role", made.length ? "feed" : null);
    setAttribute(list.feed, "aria-label", made.length ? words.message.messages : null);
    const bare = going.opened && made.length === 0 && !timeline.hasOlder;
    empty.hidden = !bare;
    if (bare) setText(empty, words.message.empty);
    bones(bare);
    alarm();
  }

  /** In place of rows that are not there yet, at first and where the thumb was dragged to. @param {boolean} bare */
  function bones(bare) {
    const lost = list.items.length === 0 ? !bare && Date.now() - began >= SKELETON_MS : list.view > 0 && list.visible === null;
    if (skeleton.hidden === lost) skeleton.hidden = !lost;
  }

  /** @type {Set<string>} */
  const failed = new Set();
  /** Sends that failed are spoken; those that take long are shown so when it is time. */
  function alarm() {
    let wait = Infinity;
    for (let i = timeline.rows.length - 1; i >= 0; i--) {
      const row = timeline.rows[i];
      if (row.kind !== "pending") break;
      if (row.status === "failed" && !failed.has(row.key)) {
        failed.add(row.key);
        app.alert(words.spoken.notSent(row.content));
      } else if (row.status === "sending") {
        failed.delete(row.key);
        const left = row.created + SENDING_AFTER_MS - Date.now();
        if (left > 0) wait = Math.min(wait, left);
      }
    }
    if (wait === Infinity || late) return;
    late = window.setTimeout(() => {
      late = 0;
      for (const item of list.items) if (item.kind === "pending") redraw(item);
    }, wait + 1);
  }

  /** @param {Item} item */
  function redraw(item) {
    const row = list.row(item.key);
    if (row) update(row, item, look);
  }

  function seen() {
    const visible = going.opened ? list.visible : null;
    return visible ? seenIn(list.items, visible, chat.readSeq) : 0;
  }

  function moved() {
    reading.check();
    const visible = list.visible;
    const far = list.fromEnd > FAR_SCREENS * list.view || timeline.hasNewer;
    const below = !list.atEnd && chat.unread > 0;
    pills.latest(going.opened && list.items.length > 0 && (far || below), list.atEnd ? 0 : chat.unread);
    sinceWhen(visible);
    if (visible) loading.trim(list.atEnd ? timeline.lastSeq : list.items[visible.last].seq);
    keys.rove(visible);
    bones(!empty.hidden);
  }

  /** Whether the line before what is new is above the view. @param {{ first: number, last: number } | null} visible */
  function sinceWhen(visible) {
    const { divider } = going;
    if (!divider || !visible || list.atEnd || !chat.unread) return pills.fresh(false, 0, "");
    const at = list.geometry.indexOfSeq(divider.after + 1);
    const above = visible.first > at || (at === 0 && timeline.hasOlder);
    pills.fresh(above, divider.many, format.time(list.items[at].time));
  }

  async function open() {
    began = Date.now();
    setTimeout(dirty, SKELETON_MS + 1);
    await going.open();
    dirty();
  }

  /** @param {string | null} id */
  function edited(id) {
    const before = look.editing;
    look.editing = id;
    for (const item of list.items) {
      const message = item.row.message;
      if (message && (message.message_id === id || message.message_id === before)) redraw(item);
    }
    dirty();
  }

  /** Whether there was one to edit. */
  function editLast() {
    const last = list.items.findLast((item) => item.kind === "message" && item.sender === client.me?.user_id && !item.row.message.deleted);
    if (!last) return false;
    actions.edit(last);
    list.reveal(last.key);
    return true;
  }

  on(list.feed, "click", "[data-emoji], [data-does]", (_event, match) => {
    const article = /** @type {HTMLElement} */ (match.closest("article"));
    const item = itemOf(article);
    if (!item) return;
    const { emoji, does } = match.dataset;
    if (emoji) return void actions.react(item, emoji);
    if (does === "retry") actions.retry(item);
    else if (does === "discard") actions.discard(item);
    else if (does === "fill") void loading.fill(item.row);
    else if (does === "reload") reload();
    else if (does === "unfold") {
      look.unfolded.add(item.key);
      redraw(item);
    }
  });

  function about() {
    const called = app.title(chat);
    setAttribute(element, "aria-label", called);
    header.update();
    composer.update();
    typists();
  }

  function typists() {
    const me = client.me?.user_id;
    const who = chat.typing.filter((id) => id !== me).map((id) => app.who(id));
    const before = typing.dataset.who ?? "";
    const now = who.map(String).join("\n");
    if (before === now) return;
    typing.dataset.who = now;
    if (!who.length) return typing.replaceChildren();
    const text = h("span");
    setSentence(text, words.composer.typing(who));
    typing.replaceChildren(text, h("span", { className: "dots" }, h("i"), h("i"), h("i")));
  }

  const named = () => {
    about();
    list.refresh();
  };
  /** @param {import("../../client/rookery.js").Chat} changed */
  const ours = (changed) => changed === chat;
  let away = Boolean(chat.removal);
  /** Who is added back sees again who is there: that ended as they left. */
  const changed = () => {
    if (away && !chat.removal) chat.follow();
    away = Boolean(chat.removal);
    app.frame(about);
  };
  const offs = [
    client.on("timeline", (changed) => ours(changed) && dirty()),
    client.on("chat", (one) => ours(one) && changed()),
    client.on("typing", (changed) => ours(changed) && app.frame(typists)),
    client.on("chats", () => app.frame(about)),
    client.on("presence", () => app.frame(header.update)),
    client.on("state", ({ phase }) => {
      app.frame(header.update);
      if (phase === "live") reload();
    }),
    client.on("users", () => app.frame(named)),
  ];
  const midnight = () => {
    dirty();
    night = window.setTimeout(midnight, untilMidnight());
  };
  let night = window.setTimeout(midnight, untilMidnight());

  const unfollow = follow(chat, { open: true });
  about();
  void chat.load().catch(() => {});
  void open();

  return {
    element,
    chat,
    composer,
    header,
    toMessage: going.toMessage,
    latest: going.latest,
    get atEnd() {
      return list.atEnd;
    },
    /** Gives the focus to the message that had it last. */
    focusMessages: () => keys.focus(),
    destroy() {
      gone = true;
      going.leave();
      unfollow();
      for (const off of offs) off();
      clearTimeout(night);
      clearTimeout(late);
      for (const part of [list, banner, reading, composer, hover]) part.destroy();
    },
  };
}

/** Rows in the real geometry, for what is not there yet. */
function skeletons() {
  return Array.from({ length: 7 }, (_, i) => h("p", { className: `bone b${i}` }, h("i"), h("i")));
}
