// @ts-check
// The keys, and what they do.

import { h } from "../dom.js";
import { mac } from "../platform.js";
import { bdi } from "../text.js";
import * as words from "../words.js";
import { openDialog } from "./dialog.js";
import { section } from "./you/section.js";

/** @param {import("../main.js").App} app @returns {Promise<void>} */
export async function open(app) {
  const groups = /** @type {const} */ (["everywhere", "inComposer", "onMessage"]);
  await openDialog(app, {
    title: words.keys.title,
    className: "keys",
    content: () => groups.map((group) => section(words.keys[group], table(group))),
  }).closed;
}

/** @param {string} group */
function table(group) {
  const rows = words.keys.rows.filter((row) => row.group === group);
  return h("dl", { class: "keys-list" }, ...rows.map((row) => h("div", { class: "keys-row" }, h("dt", {}, ...combinations(row.keys)), h("dd", {}, bdi(row.does)))));
}

/** @param {string[][]} all */
const combinations = (all) =>
  all.map((keys) => h("span", { class: "keys-together" }, ...keys.map((key) => h("kbd", { class: "key" }, key === "mod" ? (mac ? words.keys.modMac : words.keys.mod) : key))));
