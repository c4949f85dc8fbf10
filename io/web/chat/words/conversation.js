// @ts-check
// Words of a conversation: its head, its messages, the field to write in.

import { count, number } from "../numbers.js";
import { isolate, named, say, subject } from "./sentence.js";

/** @typedef {import("./sentence.js").Part} Part */
/** @typedef {import("./sentence.js").Who} Who */

export const header = {
  /** @param {number} members */
  members: (members) => count(members, "member", "members"),
  /** @param {number} members @param {number} online */
  membersOnline: (members, online) => `${count(members, "member", "members")}, ${number(online)} online`,
  showMembers: "Members",
  search: "Search",
  more: "More about this chat",
};

export const message = {
  sending: "Sending…",
  waiting: "Waits for the connection",
  notSent: "Not sent",
  sent: "Sent",
  tryAgain: "Try again",
  discard: "Discard",
  edited: "edited",
  /** @param {string} when */
  editedAt: (when) => `Edited ${when}`,
  deleted: "Message deleted",
  notMember: "Not sent: you are not a member any more.",
  notSentBlocked: "Not sent: you cannot write to this person.",
  /** @param {number} seconds */
  notSentBusy: (seconds) => `Not sent: the server is busy. Try again in ${number(seconds)} s.`,
  /** @param {string} name @param {string} time */
  label: (name, time) => `${isolate(name)}, ${time}`,
  edit: "Edit",
  delete: "Delete",
  copy: "Copy",
  copied: "Copied.",
  react: "React",
  moreReactions: "More reactions",
  actions: "Message actions",
  menu: "More actions",
  /** @param {string} emoji */
  reactWith: (emoji) => `React with ${emoji}`,
  /** @param {string} emoji @param {number} times */
  reaction: (emoji, times) => `${emoji}, ${count(times, "reaction", "reactions")}`,
  /** @param {number} hidden */
  hiddenReactions: (hidden) => `+${number(hidden)}`,
  /** @param {number} hidden */
  showReactions: (hidden) => `Show ${count(hidden, "more reaction", "more reactions")}`,
  messages: "Messages",
  /** @param {number} unread */
  newMessages: (unread) => count(unread, "new message", "new messages"),
  /** @param {number} unread @param {string} time */
  newSince: (unread, time) => `${number(unread)} new since ${time}`,
  jumpToLatest: "Jump to latest",
  gap: "Some messages are not loaded",
  load: "Load",
  today: "Today",
  yesterday: "Yesterday",
  /** @param {string} date */
  began: (date) => `This is where the chat began, on ${date}.`,
  empty: "No messages yet. Say hello.",
};

/** @param {Who[]} names @returns {Part[]} */
const typists = (names) => {
  if (names.length > 2) return ["Several people are typing"];
  if (names.length === 2) return say`${subject(names[0])} and ${subject(names[1])} are typing`;
  return names.length === 1 ? say`${subject(names[0])} is typing` : [];
};

export const composer = {
  /** @param {string} chat */
  label: (chat) => `Message ${isolate(chat)}`,
  send: "Send",
  saveEdit: "Save the edit",
  editing: "Editing your message",
  escape: "Esc",
  toCancel: "to cancel",
  notSaved: "Your edit was not saved.",
  editAgain: "Edit again",
  /** @param {number} bytes */
  left: (bytes) => `${number(bytes)} left`,
  /** @param {number} bytes */
  leftLabel: (bytes) => `${count(bytes, "byte", "bytes")} left`,
  /** @param {number} bytes */
  over: (bytes) => `Too long by ${number(bytes)}`,
  /** @param {number} bytes */
  overLabel: (bytes) => `Too long by ${count(bytes, "byte", "bytes")}`,
  youLeft: "You left this chat.",
  /** @param {string} by */
  removedBy: (by) => say`${named(by)} removed you from this chat.`,
  removed: "You were removed from this chat.",
  /** @param {string} by */
  chatDeletedBy: (by) => say`${named(by)} deleted this chat.`,
  youDeletedChat: "You deleted this chat.",
  chatDeleted: "This chat was deleted.",
  typing: typists,
};

export const picker = {
  title: "Choose an emoji",
  any: "Any emoji",
  anyHint: "Type or paste one.",
  add: "React",
  notEmoji: "This is not one emoji.",
};
