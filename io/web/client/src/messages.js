/**
 * @typedef {import("../rookery.js").Message} Message
 * @typedef {import("../rookery.js").ChatEvent} ChatEvent
 */

/** Events that are shown in a conversation; all else changes what is there. */
const SHOWN = new Set(["member_added", "member_removed", "role_changed", "chat_changed", "chat_created"]);

/** @param {ChatEvent} event */
export const isShown = (event) => SHOWN.has(event.type);

/**
 * The message of an event.
 * @param {any} event
 * @returns {Message}
 */
export function messageOf({ type, ...message }) {
  return message;
}

/**
 * A message after an event that is about it; the same object where nothing changes.
 * @param {Message} message
 * @param {any} event
 * @returns {Message}
 */
export function amend(message, event) {
  if (message.deleted) return message;
  switch (event.type) {
    case "message_edited":
      // A later event took this content, so there is none to show.
      return event.superseded ? message : { ...message, content: event.content, edited_at: event.edited_at };
    case "message_deleted":
      return erase(message, event.by, event.deleted_at);
    case "messages_erased":
      return message.sender_id === event.user_id && message.seq < event.seq ? erase(message, event.user_id, event.deleted_at) : message;
    case "reaction_added":
      return react(message, event.emoji, event.user_id);
    case "reaction_removed":
      return unreact(message, event.emoji, event.user_id);
    default:
      return message;
  }
}

/**
 * A message after an edit was answered, unless its event, or a later one, came before the answer.
 * @param {Message} message
 * @param {Message} answer
 */
export function newer(message, { content, edited_at }) {
  if (message.deleted || !edited_at || (message.edited_at ?? "") >= edited_at) return message;
  return { ...message, content, edited_at };
}

/**
 * @param {Message} message
 * @param {string} by
 * @param {string} at
 * @returns {Message}
 */
function erase({ reactions, ...message }, by, at) {
  return { ...message, content: "", deleted: true, deleted_at: at, deleted_by: by };
}

/**
 * @param {Message} message
 * @param {string} emoji
 * @param {string} userId
 */
function react(message, emoji, userId) {
  const reactions = message.reactions ?? [];
  const reaction = reactions.find((one) => one.emoji === emoji);
  if (!reaction) return { ...message, reactions: [...reactions, { emoji, users: [userId] }] };
  if (reaction.users.includes(userId)) return message;
  const more = { emoji, users: [...reaction.users, userId] };
  return { ...message, reactions: reactions.map((one) => (one === reaction ? more : one)) };
}

/**
 * @param {Message} message
 * @param {string} emoji
 * @param {string} userId
 */
function unreact(message, emoji, userId) {
  const reactions = (message.reactions ?? [])
    .map((one) => (one.emoji === emoji ? { emoji, users: one.users.filter((id) => id !== userId) } : one))
    .filter((one) => one.users.length);
  return { ...message, reactions };
}
