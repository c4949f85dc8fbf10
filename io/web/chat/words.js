// @ts-check
// Every word that the page says. A label has no full stop, a sentence has one.
// What names somebody comes as parts, so that a name can stand in a `<bdi>`: `text.js` draws them, `plain` joins them.

import { badge, count, number } from "./numbers.js";

/** @typedef {string | { name: string }} Part Text, or the name of somebody or of a chat. */
/** @typedef {string | typeof YOU} Who A name, or the reader. */

export const YOU = Symbol("you");

/** @param {TemplateStringsArray} texts @param {...(string | Part)} parts @returns {Part[]} */
const say = (texts, ...parts) =>
  texts.flatMap((text, i) => (i < parts.length ? [text, parts[i]] : [text])).filter((part) => part !== "");

/** @param {string} name @returns {Part} */
const named = (name) => ({ name });

/** @param {Who} who @returns {Part} */
const subject = (who) => (typeof who === "symbol" ? "You" : named(who));

/** @param {Who} who @returns {Part} */
const object = (who) => (typeof who === "symbol" ? "you" : named(who));

const rightToLeft = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]|[\ud802-\ud803\ud83a-\ud83b]/;

/** A name in the midst of plain text, which it does not turn round. @param {string} name */
export const isolate = (name) => (rightToLeft.test(name) ? `\u2068${name}\u2069` : name);

/** The same sentence as a string, for labels, titles and what is read aloud. @param {string | Part[]} sentence */
export const plain = (sentence) =>
  typeof sentence === "string"
    ? sentence
    : sentence.map((part) => (typeof part === "string" ? part : isolate(part.name))).join("");

export const product = "Rookery";

/** @param {number} unread */
export const title = (unread) => (unread > 0 ? `(${badge(unread)}) ${product}` : product);

export const common = {
  cancel: "Cancel",
  close: "Close",
  save: "Save",
  saving: "Saving…",
  saved: "Saved.",
  back: "Back",
  tryAgain: "Try again",
  undo: "Undo",
  more: "More",
  loading: "Loading",
  you: "You",
  nobody: "Deleted account",
  enter: "Enter",
  notice: "Notice",
};

export const login = {
  logIn: "Log in",
  signUp: "Sign up",
  loggingIn: "Logging in…",
  signingUp: "Signing up…",
  tabs: "Log in or sign up",
  username: "Username",
  password: "Password",
  invite: "Invite",
  inviteHint: "Whoever runs this server gives you one.",
  passwordHint: "At least 8 characters.",
  show: "Show",
  hide: "Hide",
  showPassword: "Show the password",
  hidePassword: "Hide the password",
  headline: "Say it once. It stays said.",
  promise: "A sent message is kept. If the connection drops, what you write waits, and goes out when you are back.",
  forgot: "Forgot your password? Ask whoever runs this server.",
  trust: "No passwords here: anybody can be anybody.",
  closed: "This server takes no new accounts.",
  /** @param {number} seconds */
  tryAgainIn: (seconds) => `Try again in ${number(seconds)} s`,
};

/** Why a login, a registration or another form was refused. */
export const refused = {
  wrongCredentials: "Wrong username or password.",
  unknownUser: "Nobody has this name.",
  nameTaken: "This name is taken. Try another.",
  /** @param {number} seconds */
  tooManyTries: (seconds) => `Too many tries. Wait ${number(seconds)} s.`,
  nameMissing: "Type a username.",
  nameTooLong: "This name is too long.",
  nameBlankEdges: "Leave no blank at the start or end.",
  nameCharacters: "Use letters, digits and signs like - and _, without blanks.",
  nameDirections: "Use letters of one direction of writing alone.",
  passwordMissing: "Type a password.",
  passwordTooShort: "Use at least 8 characters.",
  passwordTooLong: "This password is too long.",
  passwordCharacters: "This password has characters that do not show. Use others.",
  passwordCommon: "Many people have this password. Choose another.",
  passwordIsName: "Choose a password that is not your username.",
  passwordWrong: "This is not your current password.",
  inviteMissing: "Type your invite.",
  inviteInvalid: "This invite was used, or is too old. Ask for another.",
  chatNameMissing: "Type a name for the group.",
  chatNameTooLong: "This name is too long.",
  chatNameCharacters: "A name is one line, without signs that turn its direction.",
  descriptionTooLong: "This description is too long.",
  displayNameTooLong: "This name is too long.",
  displayNameCharacters: "A name is one line, without signs that turn its direction.",
};

/** What could not be done, where no form is to blame. */
export const failure = {
  notLoaded: "Not loaded.",
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
  loadingOlder: "Loading older messages",
  today: "Today",
  yesterday: "Yesterday",
  /** @param {string} date */
  began: (date) => `This is where the chat began, on ${date}.`,
  empty: "No messages yet. Say hello.",
};

/** @param {Who[]} names @param {number} others @returns {Part[]} */
const several = (names, others) => {
  const more = others > 0 ? count(others, "other", "others") : "";
  /** @type {Part[]} */
  const all = [...names.map(object), ...(more ? [more] : [])];
  return all.flatMap((part, i) => (i === 0 ? [part] : [i === all.length - 1 ? " and " : ", ", part]));
};

/** What happened in a chat. Several by one person are folded: `others` of them are not named. */
export const happened = {
  created: "The chat began",
  /** @param {Who} by @param {Who} who */
  added: (by, who, others = 0) => [...say`${subject(by)} added `, ...several([who], others)],
  /** @param {Who} who */
  joined: (who, others = 0) => [subject(who), ...(others ? [` and ${count(others, "other", "others")}`] : []), " joined"],
  /** @param {Who} who */
  left: (who) => say`${subject(who)} left`,
  /** @param {Who} by @param {Who} who */
  removed: (by, who, others = 0) => [...say`${subject(by)} removed `, ...several([who], others)],
  /** @param {Who} by @param {Who} who */
  madeAdmin: (by, who) => say`${subject(by)} made ${object(who)} an admin`,
  /** @param {Who} by @param {Who} who */
  madeMember: (by, who) => say`${subject(by)} made ${object(who)} a member`,
  /** @param {Who} who */
  becameAdmin: (who) => say`${subject(who)} became admin`,
  /** @param {Who} by @param {string} name */
  renamed: (by, name) => say`${subject(by)} renamed the chat to “${named(name)}”`,
  /** @param {Who} by */
  described: (by) => say`${subject(by)} changed the description`,
  /** @param {Who} by @param {boolean} all */
  mayAdd: (by, all) => [subject(by), all ? " let all members add people" : " let only admins add people"],
  /** @param {Who} by @param {boolean} all */
  history: (by, all) => [
    subject(by),
    all ? " let new members see the whole chat" : " let new members see only what comes after they join",
  ],
  /** @param {Who} who */
  erased: (who) => say`${subject(who)} deleted their account`,
  changed: "The chat was changed",
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
  cancelEdit: "Cancel the edit",
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

export const header = {
  /** @param {number} members */
  members: (members) => count(members, "member", "members"),
  /** @param {number} members @param {number} online */
  membersOnline: (members, online) => `${count(members, "member", "members")}, ${number(online)} online`,
  showMembers: "Members",
  search: "Search",
  more: "More about this chat",
  /** @param {string} chat */
  about: (chat) => `About ${isolate(chat)}`,
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

export const picker = {
  title: "Choose an emoji",
  any: "Any emoji",
  anyHint: "Type or paste one.",
  add: "React",
  notEmoji: "This is not one emoji.",
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

export const skip = {
  messages: "Skip to messages",
  composer: "Skip to composer",
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
