/** Chats of which one WebSocket follows the presence; with more, the one followed first is left. */
const CHATS_FOLLOWED = 16;

/** Who is online, of the chats that are followed. */
export class Presences {
  #core;
  /** @type {Map<string, import("../rookery.js").Presence>} bounded by the chats that are followed, 256 members each */
  #users = new Map();
  /** @type {Set<import("./chat.js").Chat>} */
  #chats = new Set();

  /** @param {import("./core.js").Core} core */
  constructor(core) {
    this.#core = core;
  }

  /** @param {string} userId */
  of(userId) {
    return this.#core.connection.up ? this.#users.get(userId) : undefined;
  }

  /** @param {any} frame */
  set({ user_id: id, online, last_seen }) {
    this.#users.set(id, { online, last_seen });
    this.#core.emitter.mark("presence", id);
  }

  /** @param {import("./chat.js").Chat} chat */
  follow(chat) {
    if (this.#chats.has(chat)) return;
    if (this.#chats.size >= CHATS_FOLLOWED) this.unfollow(/** @type {any} */ (this.#chats.values().next().value));
    this.#chats.add(chat);
    this.#core.connection.send({ type: "presence", chat_id: chat.id });
  }

  /** @param {import("./chat.js").Chat} chat */
  unfollow(chat) {
    if (!this.#chats.delete(chat)) return;
    this.#core.connection.send({ type: "presence", chat_id: chat.id, follow: false });
    const others = [...this.#chats];
    for (const id of this.#users.keys()) {
      if (!others.some((other) => other.involves(id))) this.#users.delete(id);
    }
  }

  /** Asks again, as a connection's end ends this. */
  ask() {
    this.#users.clear();
    for (const chat of this.#chats) this.again(chat);
  }

  /** @param {import("./chat.js").Chat} chat of which it was refused */
  again(chat) {
    if (this.#chats.has(chat)) this.#core.connection.send({ type: "presence", chat_id: chat.id });
  }

  clear() {
    this.#users.clear();
    this.#chats.clear();
  }
}
