// @ts-check
// What a search has found, as a listbox: chats first, then people. The field keeps the focus, one option is active.

import { avatar, setPresence } from "../avatar.js";
import { h } from "../dom.js";
import { bdi, sentence } from "../text.js";
import * as words from "../words.js";

/** @typedef {import("./finder.js").Found} Found */
/** @typedef {import("../../client/rookery.js").User} User */

let ids = 0;

/**
 * @param {import("../main.js").App} app
 * @param {{ pick: (user: User) => void, go: (chat: string) => void, again: () => void,
 *   changed: (active: string | null) => void }} options
 */
export function createResults(app, { pick, go, again, changed }) {
  const id = `results-${++ids}`;
  const list = h("div", { class: "results-list", role: "listbox", id, "aria-label": words.search.results });
  const note = h("p", { class: "results-note" });
  const element = h("div", { class: "results" }, list, note);
  /** @type {{ element: HTMLElement, key: string, run: (() => void) | null }[]} */
  let options = [];
  /** @type {string | null} */
  let active = null;

  const activate = (/** @type {string | null} */ key) => {
    active = key;
    let shown = null;
    for (const option of options) {
      const mine = option.key === key;
      option.element.setAttribute("aria-selected", String(mine));
      if (mine) {
        shown = option.element.id;
        option.element.scrollIntoView({ block: "nearest" });
      }
    }
    changed(shown);
  };

  /** @param {string} key @param {Node} picture @param {string} name @param {string} under @param {string} text @param {(() => void) | null} run */
  const row = (key, picture, name, under, text, run) => {
    const option = h(
      "div",
      { class: "result", role: "option", id: `${id}-${key}`, "aria-selected": "false", "aria-disabled": run ? undefined : "true" },
      picture,
      h("span", { class: "result-text" }, h("span", { class: "result-name" }, marked(name, text)), under && h("span", { class: "result-under" }, bdi(under))),
      run ? h("kbd", { class: "result-key", "aria-hidden": "true" }, words.common.enter) : h("span", { class: "result-state" }, bdi(words.search.member)),
    );
    option.addEventListener("click", () => run?.());
    options.push({ element: option, key, run });
    return option;
  };

  // The field keeps the focus, and a phone its keyboard.
  list.addEventListener("mousedown", (/** @type {Event} */ event) => event.preventDefault());

  return {
    element,
    listId: id,

    /** @param {Found} found @param {{ hint: boolean }} state */
    show(found, { hint }) {
      options = [];
      const groups = [
        group(`${id}-chats`, words.search.chats, found.chats.map((chat) => {
          const name = app.title(chat);
          const who = chat.other?.user_id;
          const picture = avatar(who ?? chat.id, name, { group: !chat.direct });
          if (who) setPresence(picture, app.client.presence(who));
          const members = chat.direct || !chat.memberCount ? "" : words.header.members(chat.memberCount);
          return row(chat.id, picture, name, members, found.text, () => go(chat.id));
        })),
        group(`${id}-people`, words.search.people, found.people.map(({ user, member }) => {
          const name = user.display_name || user.username;
          const picture = avatar(user.user_id, name);
          setPresence(picture, app.client.presence(user.user_id));
          const under = user.display_name ? user.username : "";
          return row(user.user_id, picture, name, under, found.text, member ? null : () => pick(user));
        })),
      ];
      list.replaceChildren(...groups.filter((each) => each !== null));
      list.setAttribute("aria-busy", String(!found.complete));
      draw(note, found, hint && options.length === 0, again);
      const first = options.find((option) => option.run)?.key ?? null;
      const kept = options.some((option) => option.key === active && option.run);
      // With nothing typed, Enter must not open whatever is first.
      activate(found.text ? (kept ? active : first) : null);
    },

    /** @param {1 | -1} by */
    move(by) {
      const usable = options.filter((option) => option.run);
      if (usable.length === 0) return;
      const at = usable.findIndex((option) => option.key === active);
      const next = at < 0 ? (by > 0 ? 0 : usable.length - 1) : (at + by + usable.length) % usable.length;
      activate(usable[next].key);
    },

    /** Runs the active option. Whether there was one. */
    choose() {
      const option = options.find((each) => each.key === active);
      option?.run?.();
      return Boolean(option?.run);
    },
  };
}

/** @param {string} id @param {string} title @param {HTMLElement[]} rows */
function group(id, title, rows) {
  if (rows.length === 0) return null;
  return h(
    "div",
    { role: "group", "aria-labelledby": id, class: "result-group" },
    h("div", { class: "result-title", id, role: "presentation" }, bdi(title)),
    ...rows,
  );
}

/** @param {HTMLElement} note @param {Found} found @param {boolean} hint @param {() => void} again */
function draw(note, found, hint, again) {
  const empty = found.complete && found.text && found.chats.length + found.people.length === 0;
  /** @type {string | import("../words.js").Part[] | null} */
  let text = hint && !found.text ? words.search.hint : null;
  if (empty) text = words.search.nobody(found.text);
  if (found.failed) text = words.failure.notLoaded;
  note.hidden = text === null;
  note.replaceChildren(text === null ? "" : sentence(text));
  if (found.failed) {
    note.append(" ", h("button", { type: "button", class: "link-button", onclick: again }, bdi(words.common.tryAgain)));
  }
}

/** The name, with what was typed in bold. @param {string} name @param {string} text */
function marked(name, text) {
  const at = text ? name.toLocaleLowerCase().indexOf(text.toLocaleLowerCase()) : -1;
  const element = document.createElement("bdi");
  // Letters may change their number with their case: then nothing is marked.
  if (at < 0 || name.length !== name.toLocaleLowerCase().length) {
    element.textContent = name;
    return element;
  }
  const bold = h("b", {}, name.slice(at, at + text.length));
  element.append(name.slice(0, at), bold, name.slice(at + text.length));
  return element;
}
