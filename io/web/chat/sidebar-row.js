// @ts-check
// One chat in the list. It is drawn in place, and only where what it shows has changed.

import { icon } from "../look/icons.js";
import { avatar, setAvatar, setPresence } from "./avatar.js";
import { clone, h, refs, setAttribute, setText } from "./dom.js";
import { draft } from "./drafts.js";
import { tell } from "./events.js";
import { badge, format } from "./format.js";
import { sentence } from "./text.js";
import * as words from "./words.js";

/** Of a long message, only this much is ever seen here. */
const PREVIEW_UNITS = 160;

/** @param {import("./main.js").App} app @param {import("../client/rookery.js").Chat} chat */
export function createRow(app, chat) {
  const element = clone("chat");
  const part = refs(element);
  const { link, name, time, preview, count, unread, muted } = part;
  const face = avatar(chat.id, "", { group: !chat.direct });
  link.prepend(face);
  link.href = `#c/${chat.id}`;
  link.dataset.chat = chat.id;
  muted.append(icon("mute", "small"), h("span", { className: "visually-hidden" }, words.list.muted));
  let drawn = "";

  function update() {
    const { settings } = app;
    const called = app.title(chat);
    const quiet = Boolean(settings.muted[chat.id]);
    setAttribute(link, "aria-current", app.route.chat === chat.id ? "page" : null);
    setPresence(face, chat.other ? app.client.presence(chat.other.user_id) : undefined);
    const shown = shows(app, chat);
    const sign = [called, quiet, chat.unread, chat.lastActivity, new Date().getDate(), shown.sign].join("\n");
    if (sign === drawn) return;
    drawn = sign;
    setText(name, called);
    setAvatar(face, chat.other?.user_id ?? chat.id, called);
    setText(time, chat.lastActivity ? format.short(chat.lastActivity) : "");
    if (chat.lastActivity) {
      time.dateTime = new Date(chat.lastActivity).toISOString();
      time.title = format.full(chat.lastActivity);
    }
    muted.hidden = !quiet;
    link.classList.toggle("unread", chat.unread > 0 && !quiet);
    count.hidden = chat.unread === 0;
    count.classList.toggle("muted", quiet);
    if (chat.unread) {
      setText(unread, badge(chat.unread));
      setText(part.words, words.list.unread(chat.unread));
    }
    preview.replaceChildren(...shown.nodes());
  }

  return { element, link, update };
}

/**
 * What stands under the name: who types, else a draft, else what was said or happened last.
 * @param {import("./main.js").App} app @param {import("../client/rookery.js").Chat} chat
 * @returns {{ sign: string, nodes: () => Node[] }}
 */
function shows(app, chat) {
  const me = app.client.me?.user_id;
  const typists = chat.typing.filter((id) => id !== me);
  if (typists.length) {
    const who = chat.direct ? words.list.typing : typists.length === 1 ? words.list.somebodyTypes(app.name(typists[0])) : words.composer.typing(typists.map((id) => app.name(id)));
    return { sign: `t${words.plain(who)}`, nodes: () => [h("span", { className: "accent" }, sentence(who), dots())] };
  }
  const last = chat.timeline.rows.at(-1);
  const pending = last?.kind === "pending" ? last : null;
  if (pending?.status === "failed") {
    return { sign: `f${pending.key}`, nodes: () => [h("span", { className: "failed" }, icon("alert", "small"), words.list.notSent)] };
  }
  const written = app.route.chat === chat.id ? "" : draft(chat.id).trim();
  if (written) {
    return { sign: `d${written}`, nodes: () => [h("span", { className: "accent" }, icon("edit", "small"), h("bdi", {}, words.list.draft)), " ", line(written)] };
  }
  if (pending) return { sign: `p${pending.key}`, nodes: () => [h("bdi", {}, words.list.you), " ", line(pending.content)] };
  return said(app, chat, me);
}

/** @param {import("./main.js").App} app @param {import("../client/rookery.js").Chat} chat @param {string | undefined} me */
function said(app, chat, me) {
  const { lastMessage, lastEvent } = chat;
  if (lastEvent && lastEvent.seq > (lastMessage?.seq ?? 0) && lastEvent.type !== "chat_created") {
    const told = tell(app, lastEvent, { gone: left(chat, lastEvent.by) });
    return { sign: `e${words.plain(told)}`, nodes: () => [sentence(told)] };
  }
  if (!lastMessage) return { sign: "", nodes: () => [h("bdi", {}, words.list.noMessages)] };
  if (lastMessage.deleted) return { sign: "x", nodes: () => [h("bdi", {}, words.message.deleted)] };
  const own = lastMessage.sender_id === me;
  const by = own ? words.list.you : chat.direct ? null : words.list.by(app.name(lastMessage.sender_id));
  return {
    sign: `m${by ? words.plain(by) : ""} ${lastMessage.content}`,
    nodes: () => [...(by ? [sentence(by), " "] : []), line(lastMessage.content)],
  };
}

/** Whether somebody is not in the chat any more; `null` where that is not known. @param {import("../client/rookery.js").Chat} chat @param {any} id */
const left = ({ members, membersComplete }, id) => !members.includes(id) && (membersComplete || null);

/** The text alone gives the preview its direction, so that it is cut at its own end. @param {string} text */
const line = (text) => document.createTextNode(text.slice(0, PREVIEW_UNITS).replace(/\s+/g, " "));

const dots = () => h("span", { className: "dots", "aria-hidden": "true" }, h("i"), h("i"), h("i"));
