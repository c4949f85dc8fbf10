// @ts-check
// Words of the list of chats, of the connection, and of who is there.

import { count, number } from "../numbers.js";
import { named, say } from "./sentence.js";

export const list = {
  chats: "Chats",
  search: "Search chats and people",
  shortcut: "Ctrl K",
  shortcutMac: "⌘ K",
  newChat: "New chat",
  none: "No chats yet. Find somebody to talk to.",
  typing: "typing",
  /** @param {string} name */
  somebodyTypes: (name) => say`${named(name)} is typing`,
  draft: "Draft:",
  notSent: "Not sent",
  you: "You:",
  /** @param {string} name */
  by: (name) => say`${named(name)}:`,
  /** @param {number} unread */
  unread: (unread) => `${number(unread)} unread`,
  muted: "Muted",
  noMessages: "No messages yet",
  /** @param {number} unread */
  back: (unread) => (unread > 0 ? `Back to the chats, ${count(unread, "chat", "chats")} unread` : "Back to the chats"),
  settings: "You and your settings",
  chooseChat: "Choose a chat, or find somebody to talk to.",
};

export const banner = {
  connecting: "Connecting…",
  /** @param {number} seconds */
  offline: (seconds) => `No connection. Next try in ${number(seconds)} s.`,
  tryNow: "Try now",
  /** @param {number} missing */
  behind: (missing) => `Catching up. ${count(missing, "message", "messages")} to go.`,
  behindUnknown: "Catching up.",
  restarts: "The server restarts. Back in a moment.",
  ended: "Your login has ended.",
  logIn: "Log in",
  /** @param {number} seconds */
  tooMany: (seconds) => `Too many messages. Wait ${number(seconds)} s.`,
  replaced: "Rookery is open in too many places, so this one has stopped.",
  stopped: "The connection has stopped.",
  reload: "Reload",
  connected: "Connected",
  catchingUp: "Catching up",
  notConnected: "Not connected",
  connectingState: "Connecting",
};

export const presence = {
  online: "Online",
  offline: "Offline",
  seenNow: "Seen just now",
  /** @param {number} minutes */
  seenMinutes: (minutes) => `Seen ${count(minutes, "minute", "minutes")} ago`,
  /** @param {string} time */
  seenAt: (time) => `Seen at ${time}`,
  seenYesterday: "Seen yesterday",
  /** @param {string} day */
  seenOn: (day) => `Seen on ${day}`,
};
