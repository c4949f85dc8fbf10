// @ts-check
// What was written and not sent, by chat: in memory, and in the browser so that it survives a reload.

import * as local from "./local.js";

const SAVE_MS = 300;
const PREFIX = "draft.";

/** @type {Map<string, string>} */
const drafts = new Map();
let timer = 0;
/** @type {Set<string>} */
const unsaved = new Set();

/** @param {string} chat */
export function draft(chat) {
  let text = drafts.get(chat);
  if (text === undefined) {
    const kept = local.get(PREFIX + chat);
    drafts.set(chat, (text = typeof kept === "string" ? kept : ""));
  }
  return text;
}

/** @param {string} chat @param {string} text */
export function setDraft(chat, text) {
  if (draft(chat) === text) return;
  drafts.set(chat, text);
  unsaved.add(chat);
  clearTimeout(timer);
  timer = window.setTimeout(save, SAVE_MS);
  window.dispatchEvent(new Event("drafts"));
}

function save() {
  clearTimeout(timer);
  for (const chat of unsaved) {
    const text = drafts.get(chat);
    if (text?.trim()) local.set(PREFIX + chat, text);
    else local.remove(PREFIX + chat);
  }
  unsaved.clear();
}

/** What another tab has kept holds here, too, unless more was written here since. @param {string} key */
function takeOver(key) {
  const chat = key.slice(PREFIX.length);
  if (!key.startsWith(PREFIX) || unsaved.has(chat)) return;
  drafts.delete(chat);
  window.dispatchEvent(new Event("drafts"));
}

/** At a log-out nothing of them stays. */
export function forgetDrafts() {
  clearTimeout(timer);
  unsaved.clear();
  drafts.clear();
}

window.addEventListener("pagehide", save);
local.watch(takeOver);
