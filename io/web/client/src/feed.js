import { Chat } from "./chat.js";
import { messageOf } from "./messages.js";
import { Problem, pauseAfter } from "./problem.js";
import * as shapes from "./shapes.js";

/** Chats of one message: at most 56 bytes each, of 64 KiB. */
const RESUME_CHATS = 1_000;
/** Chats of one page of the list. */
const LIST_PAGE = 200;
/** Events of one page. */
const EVENTS_PAGE = 1_000;
/** Events of one chat that wait for those before them; beyond it they are read from the server instead. */
const HELD_EVENTS = 5_000;
/** Chats that one is no longer in, and that are kept. */
const ENDED_CHATS = 100;
/** Messages that are told at once; of more, the newest. */
const MESSAGES_TOLD = 1_000;
/** The pause after a read that failed. Seconds. */
const PAUSE = 2;

/** Brings each chat's events in order, and keeps the list of chats. */
export class Feed {
  #core;
  /** @type {Map<string, Chat>} */
  #chats = new Map();
  /** @type {Chat[] | null} */
  #sorted = null;
  #rank = 0;
  /** Goes up with each connection: what was asked for in an earlier one is out of date. */
  #connection = 0;
  #resuming = 0;
  /** Events that are known to be still to come. */
  #missing = 0;
  /** @type {Set<Chat>} */
  #ended = new Set();
  /** @type {Set<Chat>} */
  #filling = new Set();
  loaded = false;
  /** Whether the list is being read. */
  listing = false;
  /** @type {object} */
  settings = {};

  /** @param {import("./core.js").Core} core */
  constructor(core) {
    this.#core = core;
  }

  get chats() {
    if (!this.loaded) return null;
    this.#sorted ??= [...this.#chats.values()].filter(({ removal, known }) => !removal && known).sort((a, b) => b.rank - a.rank);
    return this.#sorted;
  }

  /** @param {string} id */
  get(id) {
    return this.#chats.get(id);
  }

  /** Forgets all, as another user logs in. */
  clear() {
    this.lost();
    this.#chats.clear();
    this.#ended.clear();
    this.loaded = this.listing = false;
    this.settings = {};
    this.#resuming = 0;
    this.moved();
  }

  /** The connection is gone. */
  lost() {
    this.#connection += 1;
    for (const chat of this.#chats.values()) chat.lost();
  }

  /** An order, a name, a count or a last message has changed. */
  moved() {
    this.#sorted = null;
    this.#core.emitter.mark("chats", this, () => this.chats ?? []);
  }

  /** @param {any} frame from the server */
  receive(frame) {
    const { type, chat_id: id } = frame;
    const chat = id && this.#chats.get(id);
    const { connection, outbox, presence } = this.#core;
    switch (type) {
      case "ready":
        return this.#ready();
      case "resumed":
        return chat && this.#resumed(chat, frame);
      case "read":
        return chat?.read(frame);
      case "typing":
        return chat?.typist(frame.user_id);
      case "presence":
        return presence.set(frame);
      case "ack":
        return outbox.ack(frame.client_id, (chatId) => this.#chats.get(chatId)?.timeline.has(frame.message_id) ?? false);
      case "settings_changed":
        return this.configure(frame.settings);
      case "error":
        if (frame.limit === "chats-resumed") return connection.lose(undefined, new Problem(0, frame).retryAfter);
        if (frame.client_id) return this.#refused(frame);
        if (chat && frame.code === "not_found") return presence.unfollow(chat);
        // What it is about is not said: a mark, or who is there. Typing is over by then.
        if (chat && frame.limit !== "typing-rate" && frame.retry_after >= 0) chat.askLater(new Problem(0, frame));
        return;
      default:
        if (id && frame.seq) this.#event(chat ?? this.#join(frame), frame);
    }
  }

  /** @param {object} settings */
  configure(settings) {
    this.settings = settings;
    this.#core.emitter.mark("settings", this, () => this.settings);
  }

  /**
   * Takes a chat that a call has given.
   * @param {any} info
   */
  adopt(info) {
    const chat = this.#chats.get(info.chat_id) ?? this.#make(info.chat_id, info.last_seq);
    this.#readmit(chat);
    chat.inform(info);
    return chat;
  }

  /** Live, once nothing is missing any more. */
  settle() {
    if (this.listing) return;
    if (this.#resuming || this.#filling.size) this.#core.connection.behind(this.#missing);
    else this.#core.connection.live();
  }

  /**
   * One is not in the chat any more. These do not stay for ever.
   * @param {Chat} chat
   */
  end(chat) {
    this.#caughtUp(chat);
    this.#ended.add(chat);
    const [oldest] = this.#ended;
    if (this.#ended.size > ENDED_CHATS) {
      this.#ended.delete(oldest);
      this.#chats.delete(oldest.id);
      this.#core.outbox.prune((id) => this.#chats.has(id));
    }
    this.settle();
  }

  /** @param {any} error about a message */
  #refused(error) {
    const { outbox } = this.#core;
    outbox.refuse(error);
    // Until the list is there, nobody knows which chats there are.
    if (!this.listing) outbox.prune((id) => this.#chats.has(id));
  }

  #ready() {
    const { connection, outbox, presence } = this.#core;
    const connected = ++this.#connection;
    connection.ready();
    const known = [...this.#chats.values()].filter(({ removal }) => !removal);
    for (const chat of this.#chats.values()) chat.drop();
    this.#filling.clear();
    this.#resuming = known.length;
    this.#missing = 0;
    this.listing = true;
    for (let i = 0; i === 0 || i < known.length; i += RESUME_CHATS) {
      const some = known.slice(i, i + RESUME_CHATS);
      for (const chat of some) chat.resuming = true;
      connection.send({ type: "resume", chats: Object.fromEntries(some.map(({ id, has }) => [id, has])) });
    }
    outbox.open();
    presence.ask();
    for (const chat of known) if (chat.stale) this.#anew(chat);
    this.#again(connected, () => this.#list(connected));
    this.#again(connected, async () => this.configure(await this.#core.http.call(shapes.object, "GET", "/me/settings")));
  }

  /**
   * Repeats what fails, as long as the connection is the same.
   * @param {number} connected
   * @param {() => Promise<void>} work
   */
  async #again(connected, work) {
    try {
      await work();
    } catch (/** @type {any} */ problem) {
      if (connected !== this.#connection) return;
      this.#core.clock.setTimeout(() => {
        if (connected === this.#connection) this.#again(connected, work);
      }, pauseAfter(problem, PAUSE) * 1_000);
    }
  }

  /** @param {number} connected */
  async #list(connected) {
    const rank = ++this.#rank;
    let place = 0;
    /** @type {string | undefined} */
    let path = `/chats?limit=${LIST_PAGE}`;
    while (path) {
      const { items, next } = await this.#core.http.page(shapes.chats, path);
      if (connected !== this.#connection) return;
      for (const entry of items) {
        const chat = this.#chats.get(entry.chat_id) ?? this.#make(entry.chat_id, entry.last_seq);
        if (chat.removal) {
          if (chat.has >= entry.last_seq) continue;
          // One was added again while away, and has not asked for what was missed.
          this.#readmit(chat);
          chat.jump(entry.last_seq, true);
          this.#anew(chat);
        }
        // One that has moved since stands further up already.
        if (chat.has <= entry.last_seq) chat.rank = rank - place / 1e6;
        place += 1;
        chat.list(entry);
      }
      this.loaded = true;
      this.moved();
      path = next;
    }
    this.listing = false;
    for (const chat of this.#chats.values()) {
      if (chat.resuming) this.#missing += chat.lastSeq - chat.has;
      if (!chat.known) this.#anew(chat);
    }
    this.#core.outbox.prune((id) => this.#chats.has(id));
    this.settle();
  }

  /**
   * @param {string} id
   * @param {number} has
   */
  #make(id, has) {
    const chat = new Chat(this.#core, id);
    chat.has = has;
    chat.rank = ++this.#rank;
    this.#chats.set(id, chat);
    return chat;
  }

  /** @param {Chat} chat */
  #readmit(chat) {
    this.#ended.delete(chat);
    chat.removal = null;
  }

  /**
   * A chat that is not known: one has just joined it.
   * @param {any} event
   */
  #join({ type, user_id, chat_id, seq }) {
    if (type === "chat_deleted" || (type === "member_removed" && user_id === this.#core.me)) return;
    const chat = this.#make(chat_id, seq - 1);
    if (type !== "chat_created" && !this.listing) this.#anew(chat);
    return chat;
  }

  /**
   * @param {Chat | undefined} chat
   * @param {any} event
   */
  #event(chat, event) {
    if (!chat || event.seq <= chat.has) return;
    if (event.type === "chat_deleted") return chat.end({ by: event.by, reason: "deleted" });
    // One is in the chat again, unless this only tells of the end that is known already.
    if (chat.removal && !(event.type === "member_removed" && event.user_id === this.#core.me)) this.#readmit(chat);
    if (event.seq === chat.has + 1) {
      this.#apply(chat, event);
      return this.#drain(chat);
    }
    chat.ahead = Math.max(chat.ahead, event.seq);
    if (chat.held.size < HELD_EVENTS) chat.held.set(event.seq, event);
    if (!chat.resuming) this.#fill(chat);
  }

  /**
   * @param {Chat} chat
   * @param {any} event
   */
  #apply(chat, event) {
    const { type, user_id, by, sender_id } = event;
    const { emitter, me } = this.#core;
    chat.apply(event);
    if (event.seq > chat.listedSeq) chat.rank = ++this.#rank;
    if (type === "message" && sender_id !== me && !chat.resuming && !event.deleted) {
      emitter.mark("message", event, () => ({ chat, message: messageOf(event) }), MESSAGES_TOLD);
    }
    if (type === "member_removed" && user_id === me) chat.end({ by, reason: by === me ? "left" : "removed" });
    if (chat.resuming && this.#missing) {
      this.#missing -= 1;
      this.settle();
    }
    this.moved();
  }

  /** @param {Chat} chat */
  #drain(chat) {
    for (let event; (event = chat.held.get(chat.has + 1)); ) {
      chat.held.delete(event.seq);
      this.#apply(chat, event);
    }
  }

  /**
   * Reads what is missing up to the highest event that has come.
   * @param {Chat} chat
   */
  #fill(chat) {
    if (this.#filling.has(chat)) return;
    this.#filling.add(chat);
    const connected = this.#connection;
    this.#again(connected, async () => {
      while (chat.hasHole && connected === this.#connection) await this.#fillPage(chat, connected);
      if (connected !== this.#connection) return;
      this.#filling.delete(chat);
      this.settle();
    });
  }

  /**
   * @param {Chat} chat
   * @param {number} connected
   */
  async #fillPage(chat, connected) {
    const { has } = chat;
    /** @type {any[]} */
    let events = [];
    let stale = false;
    try {
      events = await this.#core.http.call(shapes.events, "GET", `/chats/${chat.id}/events?after=${has}&limit=${EVENTS_PAGE}`);
    } catch (/** @type {any} */ problem) {
      if (problem.status === 404 && connected === this.#connection) return chat.end({ by: null, reason: "removed" });
      if (problem.status !== 410) throw problem;
      stale = true;
    }
    if (connected !== this.#connection) return;
    for (const event of events) this.#event(chat, event);
    if (chat.has > has || !chat.hasHole) return;
    // What lies between can't be had, or is not for this user to see. An event that has come, and is not held, would be.
    const held = chat.held.size > 0;
    chat.jump(held ? Math.min(...chat.held.keys()) - 1 : chat.ahead, stale || !held);
    if (chat.stale) this.#anew(chat);
    this.#drain(chat);
  }

  /**
   * @param {Chat} chat
   * @param {any} frame
   */
  #resumed(chat, { recovered, seq }) {
    if (!chat.resuming) return;
    this.#caughtUp(chat);
    if (!recovered && !seq) return chat.end({ by: null, reason: "removed" });
    if (!recovered || seq > chat.has) chat.jump(seq, !recovered);
    if (!recovered || chat.stale) this.#anew(chat);
    for (const held of chat.held.keys()) if (held <= chat.has) chat.held.delete(held);
    this.#drain(chat);
    if (chat.hasHole) this.#fill(chat);
    this.moved();
    this.settle();
  }

  /** @param {Chat} chat */
  #caughtUp(chat) {
    if (!chat.resuming) return;
    chat.resuming = false;
    this.#resuming -= 1;
    if (!this.listing) this.#missing = Math.max(0, this.#missing - Math.max(0, chat.lastSeq - chat.has));
  }

  /**
   * Reads a chat of which not all events come.
   * @param {Chat} chat
   */
  #anew(chat) {
    return this.#again(this.#connection, async () => {
      try {
        await chat.renew();
      } catch (/** @type {any} */ problem) {
        if (problem.status !== 404) throw problem;
        chat.end({ by: null, reason: "removed" });
      }
    });
  }
}
