// @ts-check
// Words of the panel of members, and of dialogs.

import { count, number } from "../numbers.js";
import { isolate, named, say } from "./sentence.js";

export const members = {
  title: "Members",
  online: "Online",
  offline: "Offline",
  everybody: "Everybody",
  others: "Others",
  /** @param {string} group @param {number} size */
  group: (group, size) => `${group}, ${number(size)}`,
  admin: "Admin",
  you: "You",
  add: "Add people",
  filter: "Filter by name",
  /** @param {string} text */
  noneMatch: (text) => say`Nobody here is called “${named(text)}”.`,
  /** @param {string} text @param {number} many */
  noneAmong: (text, many) => say`Nobody among the first ${number(many)} members is called “${named(text)}”.`,
  /** @param {number} many */
  foundAmong: (many) => `Found among the first ${number(many)} members.`,
  loadingMore: "Loading more members",
  makeAdmin: "Make admin",
  makeMember: "Make member",
  remove: "Remove",
  message: "Message",
  block: "Block",
  unblock: "Unblock",
  /** @param {string} name */
  menu: (name) => `Actions for ${isolate(name)}`,
  mute: "Mute this chat",
  unmute: "Unmute this chat",
  leave: "Leave chat",
  deleteChat: "Delete chat",
  settings: "Chat settings",
  chatName: "Name",
  description: "Description",
  mayAdd: "All members may add people",
  history: "New members see earlier messages",
  /** @param {string} name */
  muted: (name) => say`${named(name)} is muted.`,
  /** @param {string} name */
  unmuted: (name) => say`${named(name)} is not muted any more.`,
  /** @param {string} name */
  blocked: (name) => say`${named(name)} is blocked.`,
  /** @param {string} name */
  unblocked: (name) => say`${named(name)} is not blocked any more.`,
  person: "About",
};

export const search = {
  title: "New chat",
  addTitle: "Add people",
  label: "Search chats and people",
  addLabel: "Search people",
  hint: "Type the beginning of a name.",
  chats: "Chats",
  people: "People",
  results: "Results",
  picked: "Picked people",
  /** @param {string} name */
  unpick: (name) => `Remove ${isolate(name)}`,
  groupName: "Name of the group",
  startChat: "Start chat",
  startGroup: "Start group",
  starting: "Starting…",
  add: "Add",
  adding: "Adding…",
  member: "Member",
  /** @param {string} text */
  nobody: (text) => say`Nobody is called “${named(text)}”.`,
  /** @param {number} results */
  found: (results) => (results === 0 ? "No results" : count(results, "result", "results")),
  /** @param {string} name */
  notAdded: (name) => say`${named(name)} was not added.`,
};

/** Questions before something that does not come back. */
export const ask = {
  deleteMessage: "Delete this message?",
  deleteMessageWhy: "Everybody sees that it was deleted.",
  delete: "Delete",
  /** @param {string} chat */
  leave: (chat) => say`Leave “${named(chat)}”?`,
  leaveWhy: "You see it again only if somebody adds you.",
  /** @param {string} name */
  handOver: (name) => say`${named(name)} becomes admin.`,
  leaveVerb: "Leave chat",
  /** @param {string} name @param {string} chat */
  remove: (name, chat) => say`Remove ${named(name)} from “${named(chat)}”?`,
  removeWhy: "They see it again only if somebody adds them.",
  removeVerb: "Remove",
  endSession: "End this session?",
  endSessionWhy: "That device is logged out at once.",
  endSessionVerb: "End session",
  endOthers: "End all other sessions?",
  endOthersWhy: "Those devices are logged out at once.",
  endOthersVerb: "End all others",
  /** @param {string} chat */
  deleteChat: (chat) => say`Delete “${named(chat)}”?`,
  deleteChatWhy: "It goes for everybody, with all that was said in it. Nothing brings it back.",
  deleteChatVerb: "Delete chat",
  /** @param {string} name */
  block: (name) => say`Block ${named(name)}?`,
  blockWhy: "They cannot write to you here any more. They are not told.",
  blockVerb: "Block",
  logOut: "Log out?",
  logOutWhy: "Messages that are not sent yet are lost.",
  logOutVerb: "Log out",
  deleteAccount: "Delete your account?",
  deleteAccountWhy: "You leave all your chats, and all that you said is deleted. Nothing brings it back.",
  deleteAccountVerb: "Delete account",
  deleting: "Deleting…",
};

export const you = {
  title: "You",
  displayName: "Display name",
  displayNameHint: "Others see it in place of your username.",
  theme: "Theme",
  themes: { system: "System", light: "Light", dark: "Dark" },
  notifications: "Notify me about new messages",
  notificationsBlocked: "Your browser blocks notifications for this page.",
  notificationsMissing: "This browser has no notifications.",
  sessions: "Sessions",
  /** @param {string} date */
  thisDevice: (date) => `This device, since ${date}`,
  /** @param {string} date @param {string} address */
  since: (date, address) => (address ? `Since ${date}, from ${address}` : `Since ${date}`),
  end: "End",
  /** @param {string} device */
  endLabel: (device) => `End ${isolate(device)}`,
  endOthers: "End all others",
  noSessions: "No sessions are listed.",
  /** @param {number} sessions */
  allSessions: (sessions) => `Show all ${number(sessions)}`,
  password: "Password",
  currentPassword: "Current password",
  newPassword: "New password",
  changePassword: "Change password",
  changing: "Changing…",
  passwordNote: "Other sessions end.",
  passwordChanged: "Changed. Other sessions have ended.",
  blocked: "Blocked people",
  nobodyBlocked: "You have blocked nobody.",
  unblock: "Unblock",
  /** @param {string} name */
  unblockLabel: (name) => `Unblock ${isolate(name)}`,
  keys: "Keys",
  logOut: "Log out",
  deleteAccount: "Delete account",
  sessionEnded: "Ended.",
};

/** The keys help: groups of what is pressed and what it does. */
export const keys = {
  title: "Keys",
  everywhere: "Everywhere",
  onMessage: "On a message",
  inComposer: "While you write",
  mod: "Ctrl",
  modMac: "⌘",
  /** @type {{ group: "everywhere" | "inComposer" | "onMessage", keys: string[][], does: string }[]} */
  rows: [
    { group: "everywhere", keys: [["mod", "K"]], does: "Search, new chat" },
    { group: "everywhere", keys: [["Alt", "↑"], ["Alt", "↓"]], does: "Previous, next chat" },
    { group: "everywhere", keys: [["Alt", "Shift", "↑"], ["Alt", "Shift", "↓"]], does: "Previous, next unread chat" },
    { group: "everywhere", keys: [["F6"], ["Shift", "F6"]], does: "Next, previous region" },
    { group: "everywhere", keys: [["Esc"]], does: "Close the nearest; else jump to the latest" },
    { group: "inComposer", keys: [["Enter"]], does: "Send" },
    { group: "inComposer", keys: [["Shift", "Enter"]], does: "New line" },
    { group: "inComposer", keys: [["↑"]], does: "Edit your last message, if nothing is written" },
    { group: "onMessage", keys: [["↑"], ["↓"], ["Home"], ["End"]], does: "Move; End is the latest" },
    { group: "onMessage", keys: [["←"], ["→"]], does: "Its buttons and reactions" },
    { group: "onMessage", keys: [["Enter"]], does: "Its menu" },
    { group: "onMessage", keys: [["E"]], does: "Edit" },
    { group: "onMessage", keys: [["Delete"]], does: "Delete" },
    { group: "onMessage", keys: [["C"]], does: "Copy" },
    { group: "onMessage", keys: [["+"]], does: "React" },
    { group: "onMessage", keys: [["1"], ["2"], ["3"]], does: "React as you last did" },
    { group: "onMessage", keys: [["?"]], does: "Show these keys" },
  ],
};
