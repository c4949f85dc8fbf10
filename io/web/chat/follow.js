// @ts-check
// The presence of a chat's members, which several views may want at the same time, and of more chats than the server tells of.

/** @typedef {import("../client/rookery.js").Chat} Chat */

/** Chats of which the server tells one connection. */
const MAX_FOLLOWED = 16;

/** Who wants it how often, in the order of asking; `open` counts the views that show the chat itself. @type {Map<Chat, { views: number, open: number }>} */
const wants = new Map();
/** @type {Set<Chat>} */
const followed = new Set();

/** The open chat comes first, then those that asked first; the others wait until one of them is let go. */
function settle() {
  const order = [...wants].sort(([, a], [, b]) => Number(b.open > 0) - Number(a.open > 0)).map(([chat]) => chat);
  const chosen = new Set(order.slice(0, MAX_FOLLOWED));
  for (const chat of followed) {
    if (chosen.has(chat)) continue;
    followed.delete(chat);
    chat.unfollow();
  }
  for (const chat of chosen) {
    if (followed.has(chat)) continue;
    followed.add(chat);
    chat.follow();
  }
}

/** Asks for it, until the function that is returned is called. @param {Chat} chat @param {{ open?: boolean }} [how] */
export function follow(chat, { open = false } = {}) {
  /** @param {number} by */
  const count = (by) => {
    const { views, open: opened } = wants.get(chat) ?? { views: 0, open: 0 };
    if (views + by > 0) wants.set(chat, { views: views + by, open: opened + (open ? by : 0) });
    else wants.delete(chat);
    settle();
  };
  count(1);
  let released = false;
  return () => {
    if (released) return;
    released = true;
    count(-1);
  };
}
