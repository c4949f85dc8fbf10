// @ts-check
// The head of a conversation: whom one talks with, who is there, and what can be opened from here.

import { icon } from "../../look/icons.js";
import { attempting } from "../attempt.js";
import { avatar, setAvatar, setPresence } from "../avatar.js";
import { h, setAttribute, setText } from "../dom.js";
import { format } from "../format.js";
import { setMuted } from "../mute.js";
import { badge } from "../numbers.js";
import { setSentence } from "../text.js";
import * as words from "../words.js";

/** @param {import("../main.js").App} app @param {import("../../client/rookery.js").Chat} chat */
export function createHeader(app, chat) {
  const panel = chat.direct ? words.members.person : words.header.showMembers;
  const count = h("bdi", { className: "badge", hidden: true, "aria-hidden": "true" });
  const back = h("button", { type: "button", className: "back icon-button", onclick: () => app.go("#") }, icon("back"), count);
  const face = avatar(chat.id, "", { group: !chat.direct });
  const name = h("bdi");
  const about = h("p", { className: "about" });
  const opens = h("button", { type: "button", title: panel, onclick: () => members() }, name);
  const title = h("div", { className: "title" }, face, h("div", { className: "names" }, h("h1", {}, opens), about));
  const search = h("button", { type: "button", className: "find icon-button", "aria-label": words.header.search, title: words.header.search, onclick: () => app.open("search") }, icon("search"));
  const people = h("button", { type: "button", className: "icon-button", "aria-label": panel, title: panel, onclick: () => members() }, icon("people"));
  const more = h("button", { type: "button", className: "icon-button", "aria-label": words.header.more, title: words.common.more, "aria-haspopup": "menu", onclick: () => menu() }, icon("more"));
  const element = h("header", { className: "head" }, back, title, search, people, more);

  const members = () => window.dispatchEvent(new Event("members"));

  const attempt = attempting((text) => app.toast(text));

  async function menu() {
    const muted = Boolean(app.settings.muted[chat.id]);
    const items = [
      { label: panel, icon: chat.direct ? "info" : "people", run: members },
      { label: muted ? words.members.unmute : words.members.mute, icon: muted ? "bell" : "mute", run: () => void setMuted(app, chat, !muted, attempt) },
    ];
    await (await import("../menu.js")).open(app, { anchor: more, label: words.header.more, items });
  }

  function update() {
    const called = app.title(chat);
    setText(name, called);
    setAvatar(face, chat.other?.user_id ?? chat.id, called);
    const presence = chat.other ? app.client.presence(chat.other.user_id) : undefined;
    setPresence(face, presence);
    const said = chat.other ? seen(presence) : crowd(app, chat);
    // The line is kept free where nothing is known, so that the name stays where it is.
    setSentence(about, said || "\u00a0");
    const unread = (app.client.chats ?? []).filter((one) => one !== chat && one.unread > 0 && !app.settings.muted[one.id]).length;
    count.hidden = unread === 0;
    setText(count, badge(unread));
    setAttribute(back, "aria-label", words.list.back(unread));
  }

  return {
    element,
    update,
    /** @param {boolean} open */
    setMembers: (open) => setAttribute(people, "aria-pressed", String(open)),
  };
}

/** @param {import("../../client/rookery.js").Presence | undefined} presence */
function seen(presence) {
  if (!presence) return "";
  if (presence.online) return words.presence.online;
  return presence.last_seen ? format.seen(presence.last_seen) : words.presence.offline;
}

/** Who is there is said only where it is known of all. @param {import("../main.js").App} app @param {import("../../client/rookery.js").Chat} chat */
function crowd(app, chat) {
  const { members, memberCount } = chat;
  if (!memberCount) return "";
  const me = app.client.me?.user_id;
  const known = members.length >= memberCount && app.client.state.phase === "live";
  let online = 0;
  for (const id of known ? members : []) {
    const presence = app.client.presence(id);
    if (presence?.online || id === me) online++;
  }
  return known && online > 0 ? words.header.membersOnline(memberCount, online) : words.header.members(memberCount);
}
