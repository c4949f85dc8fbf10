// @ts-check
// The field to write in: it grows with its text, keeps drafts, counts near the limit, and edits.

import { icon } from "../look/icons.js";
import { h, setAttribute, setText } from "./dom.js";
import { draft, setDraft } from "./drafts.js";
import { sentenceFor } from "./errors.js";
import { bytes } from "./format.js";
import { sentence } from "./text.js";
import { dropUnsaved, keepUnsaved, lastUnsaved, unsaved } from "./unsaved.js";
import * as words from "./words.js";

const MAX_BYTES = 4096;
const COUNT_FROM_BYTES = 3600;
/** No character has fewer bytes than code units, nor more than three times as many. */
const LONGEST_UTF8 = 3;

const touch = matchMedia("(pointer: coarse)");

/** @typedef {import("../client/rookery.js").Message} Message */

/**
 * @param {import("./main.js").App} app @param {import("../client/rookery.js").Chat} chat
 * @param {{ sent: () => void, editing: (id: string | null) => void, editLast: () => boolean }} to
 */
export function createComposer(app, chat, to) {
  const field = h("textarea", { rows: 1, dir: "auto", id: "composer", autocomplete: "off", spellcheck: true, enterKeyHint: touch.matches ? "enter" : "send" });
  // Grows by the text behind the field, which stands in the same cell: nothing is measured.
  const grow = h("div", { className: "grow" }, field);
  const counter = h("span", { className: "counter figure", hidden: true, id: "composer-left" });
  const sign = { send: icon("send"), save: icon("check") };
  const button = h("button", { type: "submit", className: "send" }, sign.send);
  const box = h("form", { className: "composer-box", noValidate: true }, grow, counter, button);
  const was = h("span", { className: "was" });
  const does = h("b");
  const why = h("span", { className: "why", role: "alert", hidden: true });
  const cancel = h("button", { type: "button", className: "cancel", onclick: () => stop() }, h("kbd", { className: "key" }, words.composer.escape), ` ${words.composer.toCancel}`);
  const again = h("button", { type: "button", className: "link-button", onclick: () => start(/** @type {Message} */ (lastUnsaved(chat.id)?.message)) }, words.composer.editAgain);
  const edit = h("div", { className: "edit-bar", hidden: true }, h("p", {}, does, was, why), cancel, again);
  const ended = h("p", { className: "composer-ended", hidden: true });
  const element = h("div", { className: "composer" }, edit, box, ended);

  /** @type {Message | null} */
  let editing = null;
  let gone = false;

  function changed() {
    grow.dataset.text = field.value;
    const blank = !field.value.trim();
    const over = count();
    setAttribute(button, "aria-disabled", blank || over ? "true" : null);
    box.classList.toggle("ready", !blank && !over);
  }

  /** Whether the text is too long. */
  function count() {
    const { length } = field.value;
    const used = length * LONGEST_UTF8 < COUNT_FROM_BYTES ? 0 : bytes(field.value.trim());
    const over = used > MAX_BYTES;
    counter.hidden = used < COUNT_FROM_BYTES;
    box.classList.toggle("over", over);
    setAttribute(field, "aria-invalid", over ? "true" : null);
    setAttribute(field, "aria-describedby", counter.hidden ? null : counter.id);
    if (!counter.hidden) {
      const left = MAX_BYTES - used;
      setText(counter, over ? words.composer.over(-left) : words.composer.left(left));
      setAttribute(counter, "aria-label", over ? words.composer.overLabel(-left) : words.composer.leftLabel(left));
    }
    return over;
  }

  /** @param {string} text */
  function put(text) {
    field.value = text;
    changed();
    field.setSelectionRange(text.length, text.length);
  }

  function submit() {
    const text = field.value.trim();
    if (!text || button.getAttribute("aria-disabled")) return;
    if (editing) return save(text);
    put("");
    setDraft(chat.id, "");
    chat.send(text);
    to.sent();
  }

  /** @param {string} text */
  function save(text) {
    const message = /** @type {Message} */ (editing);
    stop();
    if (text === message.content) return;
    const before = field.value;
    chat.edit(message.message_id, text).catch((problem) => {
      keepUnsaved(chat.id, message, text, sentenceFor(problem));
      if (gone) app.toast(words.composer.notSaved);
      // Who has gone on to something else is not interrupted.
      else if (!editing && field.value === before && document.activeElement === field) start(message);
      else mode();
    });
  }

  /** @param {Message} message */
  function start(message) {
    keepEdit();
    editing = message;
    mode();
    to.editing(message.message_id);
    put(unsaved(message.message_id)?.text ?? message.content);
    field.focus();
  }

  function stop() {
    if (!editing) return false;
    dropUnsaved(editing.message_id);
    editing = null;
    mode();
    to.editing(null);
    put(draft(chat.id));
    field.focus();
    return true;
  }

  /** What was changed in an edit is kept where one leaves it without a word. */
  function keepEdit() {
    const text = field.value.trim();
    if (!editing || !text || text === (unsaved(editing.message_id)?.text ?? editing.content)) return;
    keepUnsaved(chat.id, editing, text, "");
  }

  function mode() {
    const left = editing ? unsaved(editing.message_id) : lastUnsaved(chat.id);
    edit.hidden = !editing && (!left || Boolean(chat.removal));
    setText(does, editing ? words.composer.editing : words.composer.notSaved);
    setText(was, (editing ? editing.content : left?.text) ?? "");
    setText(why, left?.why ?? "");
    why.hidden = !left?.why;
    cancel.hidden = !editing;
    again.hidden = Boolean(editing);
    button.replaceChildren(editing ? sign.save : sign.send);
    setAttribute(button, "aria-label", editing ? words.composer.saveEdit : words.composer.send);
    box.classList.toggle("edits", Boolean(editing));
  }

  field.addEventListener("input", () => {
    changed();
    if (editing) return;
    setDraft(chat.id, field.value);
    if (field.value.trim()) chat.type();
  });
  box.addEventListener("submit", (/** @type {Event} */ event) => {
    event.preventDefault();
    submit();
    field.focus();
  });
  box.addEventListener("pointerdown", (/** @type {Event} */ event) => {
    if (event.target === box || event.target === grow) {
      event.preventDefault();
      field.focus();
    }
  });
  field.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.isComposing || event.keyCode === 229) return;
    const plain = !event.shiftKey && !event.ctrlKey && !event.altKey && !event.metaKey;
    if (event.key === "Enter" && (plain ? !touch.matches : event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      submit();
    } else if (event.key === "ArrowUp" && plain && !field.value && !editing) {
      if (to.editLast()) event.preventDefault();
    } else if (event.key === "Escape" && stop()) {
      event.preventDefault();
      event.stopPropagation();
    }
  });

  function update() {
    const called = app.title(chat);
    const label = words.composer.label(called);
    setAttribute(field, "placeholder", label);
    setAttribute(field, "aria-label", label);
    const { removal } = chat;
    box.hidden = Boolean(removal);
    ended.hidden = !removal;
    if (removal) {
      if (!stop()) mode();
      ended.replaceChildren(sentence(farewell(app, removal)));
    }
  }

  /** A draft may have been written in another tab. */
  function drafted() {
    const text = draft(chat.id);
    if (!editing && field.value !== text) put(text);
  }

  window.addEventListener("drafts", drafted);
  mode();
  put(draft(chat.id));
  update();

  return {
    element,
    update,
    edit: start,
    /** @param {string} text */
    insert(text) {
      field.focus();
      field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
      field.dispatchEvent(new Event("input"));
    },
    focus: () => field.focus(),
    /** On touch the keyboard would cover what one came to read. */
    focusFirst() {
      if (!touch.matches) field.focus({ preventScroll: true });
    },
    destroy() {
      gone = true;
      window.removeEventListener("drafts", drafted);
      keepEdit();
    },
  };
}

/** @param {import("./main.js").App} app @param {import("../client/rookery.js").Removal} removal */
function farewell(app, { by, reason }) {
  const { composer } = words;
  const own = by === app.client.me?.user_id;
  if (reason === "left") return composer.youLeft;
  if (reason === "deleted") return own ? composer.youDeletedChat : by ? composer.chatDeletedBy(app.name(by)) : composer.chatDeleted;
  return own ? composer.youLeft : by ? composer.removedBy(app.name(by)) : composer.removed;
}
