// What the client relies on in what a server says. What stands before one may say other things: a captive portal, for instance.

/** @typedef {(value: any) => boolean} Shape */

/** @type {Shape} */
const text = (value) => typeof value === "string";
/** @type {Shape} */
const flag = (value) => typeof value === "boolean";
/** @type {Shape} */
const count = (value) => Number.isSafeInteger(value) && value >= 0;
/** @type {(fits: Shape) => Shape} */
const optional = (fits) => (value) => value === undefined || value === null || fits(value);

/** @type {(fields?: Record<string, Shape>) => Shape} */
const record = (fields = {}) => {
  const entries = Object.entries(fields);
  return (value) => value !== null && typeof value === "object" && !Array.isArray(value) && entries.every(([name, fits]) => fits(value[name]));
};

/** @type {(fits: Shape) => Shape} */
const list = (fits) => (value) => Array.isArray(value) && value.every(fits);

/** @type {Shape} */
export const nothing = (value) => value === null;
export const ids = list(text);
export const object = record();
export const user = record({ user_id: text, username: text });
export const users = list(user);
export const login = record({ user_id: text, token: text });
export const ticket = record({ ticket: text });
export const about = record({ name: text, auth: text, registration: text });
export const sessions = list(record({ session_id: text, name: text }));
export const blocks = list(record({ user_id: text }));

const message = {
  message_id: text,
  seq: count,
  sender_id: text,
  content: text,
  created_at: text,
  reactions: optional(list(record({ emoji: text, users: list(text) }))),
};
export const messages = list(record(message));
/** What a change of a message is answered with: a deletion and a reaction with nothing. */
export const changed = optional(record(message));

export const chat = record({ chat_id: text, last_seq: count, members: list(text), member_count: count, roles: optional(object) });
export const chats = list(record({ chat_id: text, name: text, last_seq: count, last_message: optional(record(message)), unread: count, read_seq: count }));

const event = { type: text, chat_id: text, seq: count };
const ofMessage = { ...event, message_id: text };
const ofMember = { ...event, user_id: text };
const reaction = { ...ofMessage, emoji: text, user_id: text };

/** @type {Map<string, Shape>} by type */
const EVENTS = new Map([
  ["message", record({ ...event, ...message })],
  ["message_edited", record({ ...ofMessage, content: text })],
  ["message_deleted", record(ofMessage)],
  ["messages_erased", record(ofMember)],
  ["reaction_added", record(reaction)],
  ["reaction_removed", record(reaction)],
  ["chat_created", record({ ...event, name: text, members: list(text), member_count: count })],
  ["member_added", record(ofMember)],
  ["member_removed", record(ofMember)],
  ["role_changed", record({ ...ofMember, role: text })],
]);

/** @type {Map<string, Shape>} what comes without a `seq` of its own, by type */
const FRAMES = new Map([
  ["ready", record({ user_id: text })],
  ["resumed", record({ chat_id: text, recovered: flag, seq: optional(count) })],
  ["read", record({ chat_id: text, seq: count, unread: count, last_seq: count })],
  ["typing", record({ chat_id: text, user_id: text })],
  ["presence", record({ user_id: text, online: flag })],
  ["ack", record({ message_id: text, client_id: optional(text) })],
  ["settings_changed", record({ settings: object })],
  ["error", record({ code: text, chat_id: optional(text), client_id: optional(text) })],
]);

const typed = record({ type: text });
const anyEvent = record(event);

/** Those of a type that is not known are taken, too: a newer server may have more. @type {Shape} */
const isEvent = (value) => typed(value) && (EVENTS.get(value.type) ?? anyEvent)(value);
export const events = list(isEvent);

/** @type {Shape} */
export const frame = (value) => typed(value) && (FRAMES.get(value.type) ?? (value.seq === undefined && !EVENTS.has(value.type) ? typed : isEvent))(value);
