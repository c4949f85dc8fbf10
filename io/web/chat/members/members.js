// @ts-check
// The panel beside a chat: who is in it, what one may do with them, and with the chat.

import { h, setText } from "../dom.js";
import { isProblem } from "../errors.js";
import { number } from "../format.js";
import { bdi } from "../text.js";
import * as words from "../words.js";
import { icon } from "../../look/icons.js";
import { createDirect } from "./direct.js";
import { createFoot } from "./foot.js";
import { createList } from "./list.js";
import { createRoster } from "./roster.js";
import { memberMenu } from "./row-menu.js";

/** A filter is shown from so many members on. */
const FILTER_FROM = 30;
/** Members who are loaded to be filtered, at most. */
const MAX_FILTERED = 5000;
/** Times such as `Seen 25 minutes ago` are drawn anew as often, in milliseconds. */
const TICK = 60_000;
/** Who is online is waited for this long before everybody is shown without it, in milliseconds. */
const PRESENCE = 400;

const wide = matchMedia("(min-width: 1280px)");

/** @param {import("../main.js").App} app @param {import("../../client/rookery.js").Chat} chat */
export function create(app, chat) {
  return new Panel(app, chat);
}

class Panel {
  /** @param {import("../main.js").App} app @param {import("../../client/rookery.js").Chat} chat */
  constructor(app, chat) {
    this.app = app;
    this.chat = chat;
    this.filterText = "";
    this.loading = false;
    this.failed = false;
    this.complete = false;
    this.entered = false;
    this.gone = false;
    this.began = Date.now();
    this.roster = createRoster(app, chat);
    this.draw = () => this.update();
    this.schedule = () => app.frame(this.draw);

    this.count = h("span", { class: "members-count" });
    this.title = h("h2", { tabIndex: -1 }, bdi(chat.direct ? words.members.person : words.members.title), " ", this.count);
    const close = h("button", { type: "button", class: "icon-button", "aria-label": words.common.close, onclick: () => app.closeMembers() }, icon("close"));
    this.foot = createFoot(app, chat);
    this.body = h("div", { class: "members-body" });
    this.element = h("div", { class: "members" }, h("header", { class: "members-head" }, this.title, close), this.body, this.foot.element);
    if (chat.direct) this.person();
    else this.people();

    const { client } = app;
    const mine = (/** @type {unknown} */ changed) => changed === chat && this.schedule();
    this.offs = [
      client.on("chat", mine),
      client.on("presence", () => this.schedule()),
      client.on("users", () => this.schedule()),
      client.on("state", () => this.schedule()),
    ];
    window.addEventListener("settings", this.schedule);
    this.ticking = setInterval(this.schedule, TICK);
    this.update();
    void this.load(() => chat.load());
  }

  person() {
    this.direct = createDirect(this.app, this.chat);
    this.body.append(this.direct.element);
  }

  people() {
    const { app, chat } = this;
    this.description = h("p", { class: "members-description", dir: "auto", hidden: true });
    this.add = h(
      "button",
      { type: "button", class: "members-add", hidden: true, onclick: () => app.open("search", { add: chat }) },
      h("span", { class: "members-plus" }, icon("add")),
      bdi(words.members.add),
    );
    this.filter = h("input", {
      class: "input members-filter", type: "search", "aria-label": words.members.filter, placeholder: words.members.filter, autocomplete: "off", hidden: true,
      oninput: () => {
        this.filterText = this.filter.value.trim();
        this.schedule();
        void this.loadForFilter();
      },
    });
    this.list = createList(app, chat, {
      menu: (id, anchor, at) => memberMenu(app, chat, id, anchor, at),
      end: () => void this.more(),
    });
    this.note = h("div", { class: "members-note", hidden: true });
    this.body.append(this.description, this.add, this.filter, this.list.element, this.note);
  }

  /** @param {() => Promise<unknown>} work */
  async load(work) {
    if (this.loading) return;
    this.loading = true;
    this.failed = false;
    this.schedule();
    try {
      await work();
    } catch (problem) {
      if (!isProblem(problem)) throw problem;
      this.failed = true;
    } finally {
      this.loading = false;
      this.schedule();
      // Presence comes a moment after the members; without it they are shown then.
      setTimeout(this.schedule, PRESENCE);
    }
  }

  async more() {
    if (this.complete || this.failed || this.chat.removal) return;
    await this.load(async () => {
      this.complete = await this.chat.loadMembers();
    });
  }

  /** A filter looks through all who are not loaded yet, a page at a time. */
  async loadForFilter() {
    while (this.filterText && !this.complete && !this.failed && !this.loading && !this.gone && this.chat.members.length < MAX_FILTERED) await this.more();
  }

  update() {
    if (this.gone) return;
    const { app, chat } = this;
    this.foot.update();
    // Who is not in a chat any more is not told who is.
    this.body.hidden = Boolean(chat.removal);
    if (chat.removal) {
      setText(this.count, "");
      return;
    }
    if (this.direct) {
      this.direct.update();
      return;
    }
    const admin = chat.admins.has(app.client.me?.user_id ?? "");
    setText(this.count, chat.memberCount ? number(chat.memberCount) : "");
    this.description.hidden = !chat.description;
    setText(this.description, chat.description);
    this.add.hidden = Boolean(chat.removal) || !(admin || chat.membersMayAdd) || chat.members.length === 0;
    this.filter.hidden = chat.memberCount < FILTER_FROM && !this.filterText;
    const groups = this.roster.groups(this.filterText);
    this.list.show(this.waits(groups) ? null : groups, Date.now() - this.began);
    this.drawNote(groups);
  }

  /** Whether who is online is about to be known. @param {import("./roster.js").Group[]} groups */
  waits(groups) {
    if (this.chat.members.length === 0) return !this.failed;
    const unknown = groups.length === 1 && groups[0].kind === "unknown" && !this.filterText;
    if (unknown && this.app.client.state.phase === "live" && !this.list.drawn) return Date.now() - this.began < PRESENCE;
    return false;
  }

  /** @param {import("./roster.js").Group[]} groups */
  drawNote(groups) {
    const nobody = this.filterText && groups.length === 0 && !this.loading;
    const key = this.failed ? "failed" : nobody ? `nobody ${this.filterText}` : this.loading && this.list.drawn ? "loading" : "";
    if (this.note.dataset.key === key) return;
    this.note.dataset.key = key;
    this.note.hidden = key === "";
    if (this.failed) {
      const again = h("button", { type: "button", class: "link-button", onclick: () => this.load(() => this.chat.loadMembers().then((all) => (this.complete = all))) }, bdi(words.common.tryAgain));
      this.note.replaceChildren(bdi(words.failure.notLoaded), " ", again);
    } else if (nobody) {
      this.note.replaceChildren(bdi(words.plain(words.members.noneMatch(this.filterText))));
    } else {
      this.note.replaceChildren(bdi(key ? words.members.loadingMore : ""));
    }
  }

  /** Of a panel that has just come over the page, the title; later the row where one was. */
  focus() {
    const first = !this.entered && !wide.matches;
    this.entered = true;
    if (first || !this.list?.focus()) this.title.focus();
  }

  destroy() {
    this.gone = true;
    for (const off of this.offs) off();
    this.roster.destroy();
    window.removeEventListener("settings", this.schedule);
    clearInterval(this.ticking);
    this.list?.destroy();
    this.direct?.destroy();
  }
}
