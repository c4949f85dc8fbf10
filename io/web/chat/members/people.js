// @ts-check
// The members of a group: who may be added, a filter, and the list, of which more is loaded as one scrolls.

import { h, setText } from "../dom.js";
import { isProblem } from "../errors.js";
import { skeleton } from "../loading.js";
import { bdi, sentence, unturned } from "../text.js";
import * as words from "../words.js";
import { icon } from "../../look/icons.js";
import { createList } from "./list.js";
import { noteFor } from "./note.js";
import { createRoster } from "./roster.js";
import { memberMenu } from "./row-menu.js";

/** A filter is shown from so many members on. */
const FILTER_FROM = 30;
/** Members who are loaded to be filtered, at most. */
const MAX_FILTERED = 5000;
/** Who is online, and names, are waited for this long before everybody is shown without them, in milliseconds. */
const PATIENCE = 3000;
/** Nothing is shown for a wait that is shorter, in milliseconds. */
const SKELETON_AFTER = 120;
/** Of so many members, the first that came, the server tells who is online. */
const FOLLOWED = 256;
/** States in which it comes. */
const COMING = ["connecting", "behind", "live"];

/**
 * @param {import("../main.js").App} app @param {import("../../client/rookery.js").Chat} chat
 * @param {{ attempt: import("../attempt.js").Attempt, schedule: () => void }} panel
 */
export function createPeople(app, chat, { attempt, schedule }) {
  let filterText = "";
  let loading = false;
  let failed = false;
  let gone = false;
  let drawn = false;
  /** When the first load ended. */
  let loaded = 0;
  const began = Date.now();
  const roster = createRoster(app, chat);

  const description = h("p", { class: "members-description", dir: "auto", hidden: true });
  const add = h(
    "button",
    { type: "button", class: "members-add", hidden: true, onclick: () => app.open("search", { add: chat }) },
    h("span", { class: "members-plus" }, icon("add")),
    bdi(words.members.add),
  );
  const filter = h("input", {
    class: "input members-filter", type: "search", "aria-label": words.members.filter, placeholder: words.members.filter,
    autocomplete: "off", hidden: true,
    oninput: () => {
      filterText = filter.value.trim();
      schedule();
      void loadForFilter();
    },
  });
  const list = createList(app, chat, {
    menu: (id, anchor, at) => memberMenu(app, chat, id, anchor, at, attempt),
    end: () => void more(),
  });
  const note = h("div", { class: "members-note", hidden: true });
  const bones = skeleton(6, "members-bones");
  // Apart from what it stands for: that comes in one step, and is moved by nothing.
  const content = h("div", { hidden: true }, description, add, filter, list.element, note);
  const element = h("div", {}, bones, content);

  /** @param {() => Promise<unknown>} work */
  async function load(work) {
    if (loading || gone) return;
    loading = true;
    failed = false;
    schedule();
    try {
      await work();
    } catch (problem) {
      if (!isProblem(problem)) throw problem;
      failed = true;
    } finally {
      loading = false;
      loaded ||= Date.now();
      schedule();
      if (!drawn) setTimeout(schedule, PATIENCE);
    }
  }

  const page = () => load(() => chat.loadMembers());

  async function more() {
    if (!chat.membersComplete && !failed && !chat.removal) await page();
  }

  /** Whether a filter has been through all whom it looks at. */
  const searched = () => chat.membersComplete || chat.members.length >= MAX_FILTERED;

  /** A filter looks through all who are not loaded yet, a page at a time. */
  async function loadForFilter() {
    while (filterText && !searched() && !failed && !loading && !gone && !chat.removal) await more();
  }

  /** Whether who is online, and what they are called, is about to be known: the order goes by both. */
  function waits() {
    if (!loaded) return true;
    const { client } = app;
    const unknown = chat.members.some((id, i) => client.user(id) === undefined || (i < FOLLOWED && !client.presence(id)));
    return unknown && COMING.includes(client.state.phase) && Date.now() - loaded < PATIENCE;
  }

  /** @param {import("./roster.js").Group[]} groups */
  function drawNote(groups) {
    const busy = loading || (filterText !== "" && (!searched() || roster.unnamed));
    const text = noteFor({ failed, busy, filter: filterText, found: groups.length > 0, complete: chat.membersComplete, looked: MAX_FILTERED });
    const key = words.plain(text);
    if (note.dataset.key === key) return;
    note.dataset.key = key;
    note.hidden = key === "";
    note.replaceChildren(sentence(text));
    if (failed) note.append(" ", h("button", { type: "button", class: "link-button", onclick: retry }, bdi(words.common.tryAgain)));
  }

  async function retry() {
    await page();
    await loadForFilter();
  }

  // What did not come for want of a connection comes with the next.
  const stop = app.client.on("state", ({ phase }) => {
    if (phase === "live" && failed) void retry();
  });

  void load(() => chat.load());
  setTimeout(schedule, SKELETON_AFTER);

  return {
    element,

    /** Whether it is known what the user may do. */
    get known() {
      return loaded > 0;
    },

    update() {
      drawn ||= !waits();
      bones.hidden = drawn || Date.now() - began < SKELETON_AFTER;
      content.hidden = !drawn;
      if (!drawn) return;
      const admin = chat.admins.has(app.client.me?.user_id ?? "");
      description.hidden = !chat.description;
      setText(description, unturned(chat.description));
      add.hidden = !(admin || chat.membersMayAdd) || chat.members.length === 0;
      filter.hidden = chat.memberCount < FILTER_FROM && !filterText;
      const groups = roster.groups(filterText);
      list.show(groups);
      drawNote(groups);
      // The list may have begun anew.
      void loadForFilter();
    },

    focus: () => list.focus(),

    destroy() {
      gone = true;
      stop();
      roster.destroy();
      list.destroy();
    },
  };
}
