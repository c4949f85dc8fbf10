// @ts-check
// The panes: the list, a conversation, its members. Which of them are seen goes by the hash and by the width.

import { createBanner } from "./conversation/banner.js";
import { create as createConversation } from "./conversation/conversation.js";
import { h, setAttribute } from "./dom.js";
import { createHeard } from "./heard.js";
import { createKeys } from "./keys.js";
import { wide } from "./platform.js";
import { createSidebar } from "./sidebar.js";
import * as words from "./words.js";

/** @param {import("./main.js").App} app */
export function create(app) {
  const { client } = app;
  const sidebar = createSidebar(app);
  const title = h("h1", { className: "visually-hidden" }, words.list.chats);
  const back = h("button", { type: "button", className: "link-button", onclick: () => app.go("#", { replace: true }) }, words.list.back(0));
  const blank = h("main", { className: "conversation blank", id: "conversation" }, title, h("p", { className: "empty" }), back);
  const aside = h("aside", { className: "members-pane", "aria-label": words.members.title, hidden: true });
  const veil = h("div", { className: "veil", hidden: true, onclick: () => app.closeMembers() });
  const skips = [skip(words.skip.messages, () => shown?.focusMessages()), skip(words.skip.composer, () => shown?.composer.focus())];
  const element = h("div", { className: "shell" }, ...skips, sidebar.element, blank, veil, aside);

  /** @type {ReturnType<typeof createConversation> | null} */
  let shown = null;
  /** @type {{ element: HTMLElement, update: () => void, focus: () => void, destroy: () => void } | null} */
  let members = null;
  /** @type {Element} */
  let main = blank;
  /** Where no chat is open, the list says what is wrong with the connection; where one is to come, its place does. @type {ReturnType<typeof createBanner> | null} */
  let banner = null;
  let opening = 0;
  /** @type {HTMLElement | null} */
  let opener = null;

  /** @param {Element} next */
  function swap(next) {
    if (next === main) return;
    main.replaceWith(next);
    main = next;
  }

  function leave() {
    shown?.destroy();
    shown = null;
    dropMembers();
  }

  function route() {
    const { chat: id, seq } = app.route;
    element.classList.toggle("in-chat", id !== null);
    if (shown && shown.chat.id === id) {
      if (seq) void shown.toMessage(seq);
      showMembers();
      return;
    }
    leave();
    const chat = id ? app.chat(id) : undefined;
    for (const part of skips) part.hidden = !chat;
    if (chat) {
      dropBanner();
      shown = createConversation(app, chat);
      swap(shown.element);
      shown.composer.focusFirst();
    } else nothing(id);
    showMembers();
  }

  /** No chat is open, or none that there is. @param {string | null} id */
  function nothing(id) {
    const text = /** @type {Element} */ (blank.querySelector(".empty"));
    const unknown = id !== null && client.chats !== null;
    // The list has the title of the view where it is seen without a chat, and is the way out of here where there is room.
    title.hidden = id === null;
    back.hidden = !unknown;
    text.textContent = id === null ? words.list.chooseChat : unknown ? words.failure.noChat : "";
    setAttribute(blank, "aria-label", words.list.chats);
    swap(blank);
    banner ??= createBanner(app);
    if (id === null) sidebar.element.querySelector(".pane")?.before(banner.element);
    else blank.append(banner.element);
  }

  function dropBanner() {
    banner?.destroy();
    banner?.element.remove();
    banner = null;
  }

  /** The panel stays open beside the chat where there is room; elsewhere it is a place of its own, which Back leaves. */
  const wantsMembers = () => Boolean(shown) && (wide.matches ? app.local.get("members") !== false : app.route.members);

  function dropMembers() {
    opening++;
    members?.destroy();
    members = null;
    aside.replaceChildren();
  }

  async function showMembers() {
    const open = wantsMembers();
    aside.hidden = !open;
    const modal = open && !wide.matches;
    veil.hidden = !modal;
    setAttribute(element, "data-members", open ? (modal ? "over" : "beside") : null);
    for (const part of [sidebar.element, main]) /** @type {HTMLElement} */ (part).inert = modal;
    shown?.header.setMembers(open);
    if (!open) {
      const had = aside.contains(document.activeElement);
      dropMembers();
      if (had) opener?.focus();
      return;
    }
    if (members || !shown) return;
    const turn = ++opening;
    // Without a connection it is tried again with the next.
    const module = await import("./members/members.js").catch(() => null);
    if (!module || turn !== opening || !shown) return;
    members = module.create(app, shown.chat);
    aside.replaceChildren(members.element);
    if (modal) members.focus();
  }

  function toggle() {
    opener = /** @type {HTMLElement | null} */ (document.activeElement);
    if (wide.matches) {
      app.local.set("members", !wantsMembers());
      void showMembers();
    } else if (app.route.members) app.closeMembers();
    else app.go(`#c/${app.route.chat}/members`);
  }

  app.closeMembers = () => {
    if (wide.matches) {
      app.local.set("members", false);
      void showMembers();
    } else if (app.route.members) history.back();
  };

  const heard = createHeard(app);
  const keys = createKeys(app, {
    element,
    sidebar,
    current: () => shown,
    membersOpen: () => !aside.hidden,
    focusMembers: () => members?.focus(),
  });

  const arrived = () => {
    const { chat } = app.route;
    if (chat !== (shown?.chat.id ?? null)) route();
    count();
  };
  const count = () => app.notify?.unread((client.chats ?? []).filter((chat) => chat.unread > 0 && !app.settings.muted[chat.id]).length);
  /** Titles and notifications; what does not come without a connection is asked for again with the next. */
  async function notifier() {
    const module = app.notify ? null : await import("./notify.js").catch(() => null);
    if (module) app.notify ??= module.create(app);
    count();
  }
  const live = () => {
    if (client.state.phase !== "live") return;
    if (!members) void showMembers();
    if (!app.notify) void notifier();
  };
  const offs = [client.on("chats", arrived), client.on("state", live)];
  /** @type {[EventTarget, string, () => void][]} */
  const listeners = [[window, "routed", route], [window, "members", toggle], [wide, "change", () => void showMembers()], [window, "settings", count]];
  for (const [target, name, listener] of listeners) target.addEventListener(name, listener);
  void notifier();
  route();

  return {
    element,
    destroy() {
      leave();
      dropBanner();
      sidebar.destroy();
      heard.destroy();
      keys.destroy();
      for (const off of offs) off();
      for (const [target, name, listener] of listeners) target.removeEventListener(name, listener);
      app.notify?.unread(0);
    },
  };
}

/** @param {string} text @param {() => void} run */
const skip = (text, run) => h("button", { type: "button", className: "skip", onclick: run }, text);
