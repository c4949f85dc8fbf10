// @ts-check
// One row of a conversation: an article with what stands above it, its bubble, its reactions and its state.

import { icon } from "../../look/icons.js";
import { avatar } from "../avatar.js";
import { clone, h, setAttribute } from "../dom.js";
import { tell } from "../events.js";
import { format, number } from "../format.js";
import { bdi, content, sentence, time } from "../text.js";
import * as words from "../words.js";

/** More chips than this are folded. */
const MAX_CHIPS = 8;
/** A message that is under way for less is not said to be. */
export const SENDING_AFTER_MS = 400;

/** @typedef {import("./items.js").Item} Item */

/**
 * @typedef {object} Look What an article depends on besides its item.
 * @property {import("../main.js").App} app
 * @property {import("../../client/rookery.js").Chat} chat
 * @property {string | null} editing The `message_id` that is being edited.
 * @property {Set<string>} unfolded Keys of rows whose reactions are all shown.
 * @property {number} created When the chat was made, in milliseconds; 0 if that is not known.
 */

/** @param {Item} item @param {Look} look @returns {HTMLElement} */
export function build(item, look) {
  const article = clone("row");
  article.dataset.key = item.key;
  update(article, item, look);
  return article;
}

/** Makes an article what its item says. @param {HTMLElement} article @param {Item} item @param {Look} look */
export function update(article, item, look) {
  setAttribute(article, "aria-posinset", position(item));
  article.classList.toggle("starts", item.first);
  const parts = [...above(item, look)];
  if (item.kind === "event") parts.push(h("p", { className: "event" }, sentence(tell(look.app, item.row.event, item))));
  else if (item.kind === "gap" && !item.failed) parts.push(note("hole", words.message.gap, words.message.load, "fill"));
  else if (item.kind === "gap") parts.push(note("hole", words.failure.notLoaded, words.common.tryAgain, "fill"));
  else if (item.kind === "fault") parts.push(note("hole", words.failure.notLoaded, words.common.tryAgain, "reload"));
  else parts.push(message(article, item, look));
  const focused = heldFocus(article);
  article.replaceChildren(...parts);
  if (focused) (/** @type {HTMLElement | null} */ (article.querySelector(focused)) ?? article).focus({ preventScroll: true });
  if (item.kind === "event") article.setAttribute("aria-label", article.textContent ?? "");
}

/** How to find again what has the focus within an article. @param {HTMLElement} article */
function heldFocus(article) {
  const focused = /** @type {HTMLElement | null} */ (document.activeElement);
  if (!focused || focused === article || !article.contains(focused)) return null;
  const { emoji, does } = focused.dataset;
  return emoji ? `[data-emoji="${CSS.escape(emoji)}"]` : `[data-does="${does ?? ""}"]`;
}

/** @param {Item} item */
const position = (item) => (Number.isSafeInteger(item.seq) && item.kind !== "pending" ? Math.max(1, item.seq) : null);

/** @param {string} className @param {string} text @param {string} verb @param {string} does */
const note = (className, text, verb, does) =>
  h("p", { className }, bdi(text), " ", h("button", { className: "link-button", type: "button", "data-does": does }, verb));

/** @param {Item} item @param {Look} look @returns {Iterable<Node>} */
function* above(item, look) {
  if (item.began && look.created) yield h("p", { className: "event" }, bdi(words.message.began(format.date(look.created))));
  if (item.dayStart && item.time) yield h("p", { className: "day" }, h("span", {}, bdi(format.day(item.time))));
  if (item.fresh) yield h("p", { className: "fresh" }, bdi(words.message.newMessages(item.fresh)));
}

/** @param {HTMLElement} article @param {Item} item @param {Look} look */
function message(article, item, look) {
  const { app } = look;
  const own = item.sender === app.client.me?.user_id;
  const { row } = item;
  const name = own ? words.common.you : app.name(item.sender);
  const deleted = Boolean(row.message?.deleted);
  const failed = row.kind === "pending" && row.status === "failed";
  const box = h("div", { className: `message${own ? " own" : ""}${item.first ? " first" : ""}${item.last ? " last" : ""}` });
  if (!own && item.first) box.append(avatar(item.sender, app.name(item.sender)), nameLine(item, app));
  const bubble = deleted ? grave(item.key) : said(item, look, failed);
  box.append(bubble);
  const chips = deleted ? null : reactions(item, look);
  if (chips) box.append(chips);
  const state = own ? stateLine(item) : null;
  if (state) box.append(state);
  article.setAttribute("aria-label", words.message.label(name, format.time(item.time)));
  const told = [bubble.id, chips?.id, state?.id].filter(Boolean).join(" ");
  article.setAttribute("aria-describedby", told);
  return box;
}

/** @param {Item} item @param {import("../main.js").App} app */
function nameLine(item, app) {
  return h("p", { className: "name" }, bdi(app.name(item.sender)), " ", time(item.time, format.time));
}

/** @param {string} key */
const grave = (key) => h("div", { className: "bubble deleted", id: `t-${key}` }, icon("bin"), bdi(words.message.deleted));

/** @param {Item} item @param {Look} look @param {boolean} failed */
function said(item, look, failed) {
  const { row } = item;
  const text = content(row.kind === "pending" ? row.content : row.message.content);
  const big = text.classList.contains("emoji");
  if (row.message?.edited_at) {
    const edited = bdi(words.message.edited, { className: "edited", title: words.message.editedAt(format.full(row.message.edited_at)) });
    text.append(" ", edited);
  }
  const editing = row.message && row.message.message_id === look.editing;
  const states = `${big && !failed ? " bare" : ""}${failed ? " failed" : ""}${row.kind === "pending" && !failed ? " pending" : ""}${editing ? " editing" : ""}`;
  return h("div", { className: `bubble${states}`, id: `t-${item.key}` }, text);
}

/** Which of a message's reactions are chips. @template T @param {T[]} all @param {boolean} unfolded */
export const shownOf = (all, unfolded) => (unfolded ? all : all.slice(0, MAX_CHIPS));

/** @param {Item} item @param {Look} look */
function reactions(item, look) {
  const { app } = look;
  const all = item.row.message?.reactions?.filter((/** @type {any} */ reaction) => reaction.users.length) ?? [];
  if (!all.length) return null;
  const shown = shownOf(all, look.unfolded.has(item.key));
  const me = app.client.me?.user_id;
  const chips = h("div", { className: "reactions", id: `r-${item.key}` });
  for (const { emoji, users } of shown) {
    const names = users.slice(0, 20).map((/** @type {string} */ id) => (id === me ? words.common.you : words.isolate(app.name(id)))).join(", ");
    const chip = h(
      "button",
      { className: "reaction", type: "button", tabIndex: -1, title: names, "data-emoji": emoji, "aria-pressed": String(users.includes(me)), "aria-label": `${words.message.reaction(emoji, users.length)}: ${names}` },
      h("span", { className: "sign" }, emoji),
      " ",
      h("span", { className: "figure" }, number(users.length)),
    );
    chips.append(chip);
  }
  if (shown.length < all.length) {
    const hidden = all.length - shown.length;
    chips.append(h("button", { className: "reaction", type: "button", tabIndex: -1, "data-does": "unfold", "aria-label": words.message.showReactions(hidden) }, words.message.hiddenReactions(hidden)));
  }
  return chips;
}

/** The tick of an own message stands under the last of its group; what is not confirmed says so each. @param {Item} item */
function stateLine(item) {
  const { row } = item;
  const id = `s-${item.key}`;
  if (row.kind === "message") {
    if (!item.last) return null;
    const tick = icon("check", "small");
    return h("p", { className: "state", id }, tick, h("span", { className: "visually-hidden" }, `${words.message.sent}, `), time(item.time, format.time));
  }
  if (row.status === "failed") {
    return h(
      "p",
      { className: "state failed", id },
      icon("alert", "small"),
      bdi(why(row.problem)),
      h("button", { className: "link-button", type: "button", tabIndex: -1, "data-does": "retry" }, words.message.tryAgain),
      h("button", { className: "link-button quiet", type: "button", tabIndex: -1, "data-does": "discard" }, words.message.discard),
    );
  }
  const waits = row.status === "waiting";
  const late = waits || Date.now() - row.created >= SENDING_AFTER_MS;
  if (!late && !item.last) return null;
  return h("p", { className: `state${late ? "" : " early"}`, id }, icon("clock", "small"), bdi(waits ? words.message.waiting : words.message.sending));
}

/** @param {any} problem */
function why(problem) {
  if (problem?.status === 404 || problem?.code === "not_found") return words.message.notMember;
  if (problem?.code === "blocked") return words.message.notSentBlocked;
  if (problem?.status === 503 || problem?.retryAfter) return words.message.notSentBusy(problem.retryAfter ?? 1);
  return words.message.notSent;
}
