// @ts-check
// New chat and search: a combobox over the chats and people that one may mean; picked people become chips.
// With `add` it looks for people who are to join that chat.

import { h } from "../dom.js";
import { isProblem, sentenceFor } from "../errors.js";
import { complain, field } from "../form.js";
import { bytes } from "../format.js";
import { bdi, sentence } from "../text.js";
import * as words from "../words.js";
import { openDialog } from "./dialog.js";
import { createFinder } from "./finder.js";
import { createResults } from "./results.js";

/** @typedef {import("../main.js").App} App */
/** @typedef {import("../../client/rookery.js").User} User */

/** People who are picked at a time. */
const MAX_PICKED = 100;
/** The bound of the server, in bytes. */
const NAME_BYTES = 128;
/** A pause after typing before the number of results is read aloud, in milliseconds. */
const SPEAK = 500;

/** @param {App} app @param {{ add?: import("../../client/rookery.js").Chat }} [options] @returns {Promise<void>} */
export async function open(app, { add } = {}) {
  /** @type {Search | undefined} */
  let search;
  const dialog = openDialog(app, {
    title: add ? words.search.addTitle : words.search.title,
    className: "search",
    content: (dialog) => (search = new Search(app, dialog, add)).parts,
    focus: () => search?.input,
  });
  const hash = await dialog.closed;
  if (hash) app.go(hash);
}

class Search {
  /** @param {App} app @param {import("./dialog.js").Dialog} dialog @param {import("../../client/rookery.js").Chat} [chat] */
  constructor(app, dialog, chat) {
    this.app = app;
    this.dialog = dialog;
    this.chat = chat;
    /** @type {User[]} */
    this.picked = [];
    this.busy = false;
    this.label = chat ? words.search.addLabel : words.search.label;

    this.results = createResults(app, {
      pick: (user) => this.pick(user),
      go: (id) => dialog.close(`#c/${id}`),
      again: () => this.finder.find(this.input.value),
      changed: (active) => this.describe(active),
    });
    this.finder = createFinder(app, {
      member: (id) => chat?.members.includes(id) ?? false,
      hidden: (id) => id === app.client.me?.user_id || this.picked.some((user) => user.user_id === id),
      chats: () => !chat && this.picked.length === 0,
      show: (found) => this.show(found),
    });
    dialog.signal.addEventListener("abort", () => {
      this.finder.stop();
      clearTimeout(this.speaking);
    });

    this.input = h("input", {
      class: "chips-input", type: "text", role: "combobox", autocomplete: "off", autocapitalize: "none", enterKeyHint: "go",
      placeholder: this.label, "aria-label": this.label, "aria-controls": this.results.listId,
      "aria-expanded": "true", "aria-autocomplete": "list",
    });
    this.input.spellcheck = false;
    this.chips = h("div", { class: "chips", role: "group", "aria-label": words.search.picked, hidden: true });
    this.box = h("div", { class: "input chips-box" }, this.chips, this.input);
    this.name = field(words.search.groupName, { type: "text", autocomplete: "off", name: "group" });
    this.name.element.hidden = true;
    this.error = h("p", { class: "field-error", role: "alert", hidden: true });
    this.button = h("button", { type: "submit", class: "button primary" });
    const cancel = h("button", { type: "button", class: "button", onclick: () => dialog.close() }, bdi(words.common.cancel));
    this.form = h(
      "form",
      { class: "search-form", noValidate: true },
      this.box, this.results.element, this.name.element, this.error,
      h("div", { class: "dialog-foot" }, cancel, this.button),
    );
    this.parts = [this.form];
    this.listen();
    this.draw();
    this.finder.find("");
  }

  listen() {
    this.input.addEventListener("input", () => this.finder.find(this.input.value));
    this.input.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.key(event));
    this.box.addEventListener("mousedown", (/** @type {MouseEvent} */ event) => {
      // The whole box is the field, as far as the eye can tell.
      if (event.target === this.box || event.target === this.chips) {
        event.preventDefault();
        this.input.focus();
      }
    });
    this.form.addEventListener("submit", (/** @type {Event} */ event) => {
      event.preventDefault();
      void this.submit();
    });
  }

  /** @param {import("./finder.js").Found} found */
  show(found) {
    const many = found.chats.length + found.people.length;
    this.results.show(found, { hint: this.picked.length === 0 });
    this.input.setAttribute("aria-expanded", String(many > 0));
    clearTimeout(this.speaking);
    if (!found.text || found.failed) return;
    this.speaking = setTimeout(() => {
      this.app.announce(many ? words.search.found(many) : words.plain(words.search.nobody(found.text)));
    }, SPEAK);
  }

  /** @param {string | null} active */
  describe(active) {
    if (active) this.input.setAttribute("aria-activedescendant", active);
    else this.input.removeAttribute("aria-activedescendant");
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.isComposing) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      this.results.move(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (!this.results.choose() && this.picked.length) void this.submit();
    } else if (event.key === "Backspace" && !this.input.value && this.picked.length) {
      event.preventDefault();
      this.unpick(this.picked[this.picked.length - 1]);
    }
  }

  clear() {
    this.input.value = "";
    this.finder.find("");
  }

  /** @param {User} user */
  pick(user) {
    if (this.picked.length >= MAX_PICKED) return;
    this.picked.push(user);
    this.draw();
    this.clear();
    this.input.focus();
  }

  /** @param {User} user */
  unpick(user) {
    this.picked = this.picked.filter((each) => each !== user);
    this.draw();
    this.finder.find(this.input.value);
    this.input.focus();
  }

  /** The button and the name go by how many are picked. */
  draw() {
    const group = !this.chat && this.picked.length > 1;
    this.chips.hidden = this.picked.length === 0;
    this.chips.replaceChildren(
      ...this.picked.map((user) => {
        const name = user.display_name || user.username;
        return h("button", {
          type: "button", class: "chip", "aria-label": words.search.unpick(name), onclick: () => this.unpick(user),
        }, bdi(name), h("span", { class: "chip-x", "aria-hidden": "true" }, "×"));
      }),
    );
    this.input.placeholder = this.picked.length ? "" : this.label;
    this.name.element.hidden = !group;
    this.error.hidden = true;
    this.button.disabled = this.picked.length === 0;
    this.rest();
  }

  rest() {
    const group = this.picked.length > 1 ? words.search.startGroup : words.search.startChat;
    this.button.replaceChildren(bdi(this.chat ? words.search.add : group));
    this.button.removeAttribute("aria-disabled");
    this.busy = false;
  }

  async submit() {
    if (this.busy || this.picked.length === 0) return;
    const name = this.name.input.value.trim();
    if (!this.name.element.hidden) {
      const fault =
        (!name && words.refused.chatNameMissing) || (bytes(name) > NAME_BYTES && words.refused.chatNameTooLong);
      if (!complain([[this.name, fault]])) return;
    }
    this.busy = true;
    this.error.hidden = true;
    this.button.setAttribute("aria-disabled", "true");
    this.button.replaceChildren(bdi(this.chat ? words.search.adding : words.search.starting));
    try {
      if (this.chat) await this.add(this.chat);
      else await this.start(name);
    } catch (problem) {
      this.rest();
      this.fail(problem);
    }
  }

  /** @param {string} name */
  async start(name) {
    const { client } = this.app;
    const ids = this.picked.map((user) => user.user_id);
    const chat = ids.length === 1 ? await client.direct(ids[0]) : await client.createChat({ name, members: ids });
    this.dialog.close(`#c/${chat.id}`);
  }

  /** Whoever could not be added stays picked. @param {import("../../client/rookery.js").Chat} chat */
  async add(chat) {
    for (const user of [...this.picked]) {
      await chat.addMember(user.user_id);
      this.picked = this.picked.filter((each) => each !== user);
    }
    this.dialog.close();
  }

  /** @param {unknown} problem */
  fail(problem) {
    if (!isProblem(problem)) throw problem;
    const left = this.picked[0];
    this.draw();
    const why = sentenceFor(problem);
    this.error.hidden = false;
    this.error.replaceChildren(
      this.chat && left ? sentence([...words.search.notAdded(left.display_name || left.username), " ", why]) : bdi(why),
    );
  }
}
