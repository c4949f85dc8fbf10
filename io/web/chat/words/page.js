// @ts-check
// Words that are said in many places, and the name of the page.

import { badge, count, number } from "../numbers.js";
import { isolate } from "./sentence.js";

export const product = "Rookery";

/** @param {number} unread */
export const title = (unread) => (unread > 0 ? `(${badge(unread)}) ${product}` : product);

export const common = {
  cancel: "Cancel",
  close: "Close",
  save: "Save",
  saving: "Saving…",
  saved: "Saved.",
  tryAgain: "Try again",
  undo: "Undo",
  more: "More",
  you: "You",
  nobody: "Deleted account",
  enter: "Enter",
  notice: "Notice",
};

export const skip = {
  messages: "Skip to messages",
  composer: "Skip to composer",
};

/** What could not be done, where no form is to blame. */
export const failure = {
  notLoaded: "Not loaded.",
  /** @param {number} seconds */
  notLoadedYet: (seconds) => `Not loaded. Next try in ${number(seconds)} s.`,
  /** @param {number} seconds */
  busy: (seconds) => `The server is busy. Next try in ${number(seconds)} s.`,
  /** @param {number} seconds */
  busyWait: (seconds) => `The server is busy. Try again in ${number(seconds)} s.`,
  /** @param {number} seconds */
  tooFast: (seconds) => `Too much at once. Wait ${number(seconds)} s.`,
  offline: "No connection. Try again when you are back.",
  noChat: "This chat does not exist, or you are not in it.",
  notAdmin: "Only an admin of this chat may do that.",
  lastAdmin: "A chat has an admin. Make somebody else admin first.",
  direct: "A chat of two stays as it is.",
  blocked: "You cannot write to this person.",
  tooManyBlocks: `You have blocked ${number(1000)} people. Unblock somebody first.`,
  tooManyReactions: "This message takes no more reactions.",
  messageDeleted: "This message was deleted.",
  unknownMember: "One of them is not here any more.",
  tooManyChats: "That is too many chats. Leave one first.",
  notDone: "Not done. Try again.",
  loginEnded: "Your login has ended. Log in.",
};

/** What is read aloud, and what notifications say. */
export const spoken = {
  /** @param {string} name @param {string} text */
  message: (name, text) => `${isolate(name)}: ${text}`,
  /** @param {number} many */
  burst: (many) => count(many, "new message", "new messages"),
  /** @param {string} chat @param {number} unread */
  chat: (chat, unread) => `${isolate(chat)}: ${number(unread)} unread`,
  /** @param {string} text */
  notSent: (text) => `Not sent: ${text}`,
};
