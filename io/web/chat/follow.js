// @ts-check
// The presence of a chat's members, which several views may want at the same time.

/** @typedef {import("../client/rookery.js").Chat} Chat */

/** @type {Map<Chat, number>} */
const wants = new Map();

/** Asks for it, until the function that is returned is called. @param {Chat} chat */
export function follow(chat) {
  const many = wants.get(chat) ?? 0;
  wants.set(chat, many + 1);
  if (many === 0) chat.follow();
  let released = false;
  return () => {
    if (released) return;
    released = true;
    const left = (wants.get(chat) ?? 1) - 1;
    if (left > 0) return void wants.set(chat, left);
    wants.delete(chat);
    chat.unfollow();
  };
}
