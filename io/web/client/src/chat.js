import { Details } from "./details.js";
import { amend, isShown, messageOf, newer } from "./messages.js";
import { offline, pauseAfter } from "./problem.js";
import { Reading } from "./reading.js";
import * as shapes from "./shapes.js";
import { part } from "./text.js";
import { Timeline } from "./timeline.js";
import { Typists } from "./typists.js";

/**
 * @typedef {import("../rookery.js").Message} Message
 * @typedef {import("../rookery.js").ChatEvent} ChatEvent
 * @typedef {import("../rookery.js").Removal} Removal
 */

/** How often one's own typing is told, and what was read. Milliseconds. */
const TYPING_EVERY = 3_000;
const MARK_EVERY = 1_000;
/** Members of one page. */
const MEMBERS_PAGE = 100;
/** How often a chat is read before it is given up, where each answer is out of date as it comes. */
const READS = 3;

export class Chat {
  #core;
  #details = new Details();
  #reading = new Reading();
  #typists;
  /** @type {any} the chat in the last list */
  #listed = null;
  /** @type {Message | null} */
  #last = null;
  /** @type {Map<string, Promise<any>>} by message, the last change that was asked for */
  #changing = new Map();
  /** @type {Promise<boolean> | null} the page of members that is on its way */
  #paging = null;
  #typed = -Infinity;
  #marked = -Infinity;
  /** @type {unknown} */
  #markTimer;
  /** @type {unknown} */
  #askTimer;

  /** Events up to this one have come. */
  has = 0;
  /** @type {Map<number, ChatEvent>} events that wait for those before them */
  held = new Map();
  /** The highest event that has come: those up to it are missing where they are not held. */
  ahead = 0;
  /** Whether a `resumed` is to come. */
  resuming = false;
  /** The order in the list. */
  rank = 0;
  lastActivity = 0;
  /** @type {ChatEvent | null} */
  lastEvent = null;
  /** @type {Removal | null} */
  removal = null;

  /**
   * @param {import("./core.js").Core} core
   * @param {string} id
   */
  constructor(core, id) {
    this.#core = core;
    this.id = id;
    this.timeline = new Timeline(this, core);
    this.#typists = new Typists(core.clock, () => core.emitter.mark("typing", this));
  }

  get #info() {
    return this.#details.info;
  }

  get name() {
    return this.#info.name ?? "";
  }

  get description() {
    return this.#info.description ?? "";
  }

  get direct() {
    return this.#info.direct === true;
  }

  get other() {
    if (!this.direct) return null;
    const { other_user_id, other_username, other_display_name } = this.#listed ?? {};
    const id = other_user_id ?? this.members.find((member) => member !== this.#core.me);
    if (!id) return null;
    // A list that was on its way as they deleted their account has the name still.
    if (this.#core.users.isGone(id)) return { user_id: id, username: undefined, display_name: undefined };
    return { user_id: id, username: other_username, display_name: other_display_name };
  }

  get members() {
    return [...this.#details.members];
  }

  get membersComplete() {
    return this.#details.complete;
  }

  get memberCount() {
    return this.#info.member_count ?? this.#details.members.size;
  }

  get admins() {
    return new Set(Object.keys(this.#info.roles ?? {}));
  }

  get membersMayAdd() {
    return this.#info.members_may_add ?? true;
  }

  /** @returns {"all" | "joined"} */
  get history() {
    return this.#info.history ?? "all";
  }

  /** @returns {string | null} */
  get createdAt() {
    return this.#info.created_at ?? null;
  }

  get lastSeq() {
    return Math.max(this.has, this.listedSeq);
  }

  get lastMessage() {
    return this.#last && this.timeline.show(this.#last);
  }

  get readSeq() {
    return this.#reading.seq;
  }

  get unread() {
    return this.#reading.unread;
  }

  get typing() {
    return this.#typists.list;
  }

  async load() {
    for (let reads = 0; !this.#details.loaded || this.#details.outdated; reads++) {
      if (reads === READS) throw offline("what was read is out of date");
      await this.#ask("GET", "");
    }
  }

  loadMembers() {
    this.#paging ??= this.#loadMembers().finally(() => (this.#paging = null));
    return this.#paging;
  }

  /** @param {string} content */
  send(content) {
    return this.#core.outbox.add(this.id, content);
  }

  /** @param {string} clientId */
  retry(clientId) {
    this.#core.outbox.retry(this.id, clientId);
  }

  /** @param {string} clientId */
  discard(clientId) {
    this.#core.outbox.take(this.id, clientId);
  }

  /**
   * @param {string} messageId
   * @param {string} content
   */
  edit(messageId, content) {
    const edited_at = this.#now();
    return this.#change(messageId, { type: "message_edited", content, edited_at }, "PATCH", () => "", { content });
  }

  /** @param {string} messageId */
  remove(messageId) {
    return this.#change(messageId, { type: "message_deleted", by: this.#core.me, deleted_at: this.#now() }, "DELETE");
  }

  /**
   * @param {string} messageId
   * @param {string} emoji
   */
  react(messageId, emoji) {
    return this.#reaction("reaction_added", messageId, emoji, "PUT");
  }

  /**
   * @param {string} messageId
   * @param {string} emoji
   */
  unreact(messageId, emoji) {
    return this.#reaction("reaction_removed", messageId, emoji, "DELETE");
  }

  /** @param {number} seq */
  markRead(seq) {
    const reading = this.#reading;
    seq = Math.min(seq, this.lastSeq);
    if (!Number.isInteger(seq) || seq <= reading.seq) return;
    // Where not all is loaded, what is loaded is taken off; the next list has the right number.
    const read = this.timeline.othersBetween(reading.seq, seq);
    reading.seq = seq;
    reading.unread = seq >= this.lastSeq ? 0 : this.timeline.unreadBehind(seq) ?? Math.max(0, reading.unread - read);
    this.#changed();
    this.#sendMark();
  }

  type() {
    const { clock, connection } = this.#core;
    if (clock.now() - this.#typed < TYPING_EVERY) return;
    if (connection.send({ type: "typing", chat_id: this.id })) this.#typed = clock.now();
  }

  follow() {
    this.#core.presence.follow(this);
  }

  unfollow() {
    this.#core.presence.unfollow(this);
  }

  /** @param {string} userId */
  async addMember(userId) {
    await this.#ask("POST", "/members", { user_id: userId });
  }

  /** @param {string} userId */
  async removeMember(userId) {
    await this.#call(shapes.nothing, "DELETE", `/members/${part(userId)}`);
  }

  async leave() {
    await this.removeMember(this.#core.me);
    this.end({ by: this.#core.me, reason: "left" });
  }

  /**
   * @param {string} userId
   * @param {"admin" | "member"} role
   */
  async setRole(userId, role) {
    await this.#ask("PUT", `/members/${part(userId)}`, { role });
  }

  /** @param {object} settings */
  async change(settings) {
    await this.#ask("PATCH", "", settings);
  }

  async delete() {
    await this.#call(shapes.nothing, "DELETE", "");
    this.end({ by: this.#core.me, reason: "deleted" });
  }

  // What follows is for the other parts of the client.

  /** Events up to this one are in the last list. */
  get listedSeq() {
    return this.#listed?.last_seq ?? 0;
  }

  /** Whether enough is known to show it in a list. */
  get known() {
    return this.#info.name !== undefined;
  }

  /** Whether it has to be read anew. */
  get stale() {
    return this.#details.outdated || this.timeline.stale;
  }

  /** Reads the chat anew, and what is shown of it. */
  async renew() {
    await this.load();
    await this.timeline.refresh();
  }

  /**
   * Takes the chat as the server has it.
   * @param {any} info
   * @param {import("./details.js").Mark} [mark]
   */
  inform(info, mark) {
    this.#details.take(info, mark);
    this.#active(info.created_at);
    this.#changed();
  }

  /**
   * Takes the chat as a list has it.
   * @param {any} entry
   */
  list(entry) {
    const { last_seq, last_message } = entry;
    this.#listed = entry;
    this.#details.list(entry);
    if (last_seq >= this.has) {
      this.#last = last_message;
      if (this.lastEvent && this.lastEvent.seq < last_seq) this.lastEvent = null;
    }
    this.#active(last_message?.created_at);
    if (!this.#reading.list(entry, this.has)) this.#sendMark();
    this.#changed();
  }

  /**
   * The event that comes next.
   * @param {any} event
   */
  apply(event) {
    const { seq, type } = event;
    this.has = seq;
    const key = type === "message" ? this.confirm(event) : undefined;
    if (type === "message") this.#message(event);
    else if (this.#last && (event.message_id === this.#last.message_id || type === "messages_erased")) this.#last = amend(this.#last, event);
    if (type === "messages_erased") {
      this.#core.users.gone(event.user_id);
      this.#core.emitter.mark("chat", this);
    }
    if (isShown(event)) this.lastEvent = event;
    if (this.#details.apply(event)) this.#core.emitter.mark("chat", this);
    this.#active(event.created_at ?? event.edited_at ?? event.deleted_at);
    this.timeline.apply(event, key);
  }

  /**
   * A message of one's own takes the place of the one that was shown before. Its row's key, where there was one.
   * @param {Message} message
   */
  confirm({ sender_id, client_id }) {
    return sender_id === this.#core.me && this.#core.outbox.take(this.id, client_id) ? client_id : undefined;
  }

  /**
   * Events up to `seq` will not come.
   * @param {number} seq
   * @param {boolean} stale whether there may be some
   */
  jump(seq, stale) {
    if (seq < this.has) {
      this.timeline.cut(seq);
      if (this.#last && this.#last.seq > seq) this.#last = this.timeline.lastMessage;
      if (this.lastEvent && this.lastEvent.seq > seq) this.lastEvent = null;
      this.#reading.recount();
    }
    this.timeline.jump(seq, stale);
    // Who was away is not shown all that was said, but members and names are as they are now.
    if (stale || seq !== this.has) this.#details.miss(seq);
    this.has = seq;
    if (this.#listed) this.list(this.#listed);
  }

  /** Whether events are missing before one that has come. */
  get hasHole() {
    return this.ahead > this.has;
  }

  /** Forgets what waits: it comes again, or is of no use. */
  drop() {
    this.held.clear();
    this.ahead = 0;
  }

  /**
   * What was told, and asked for, was refused for a while: it comes again then.
   * @param {import("./problem.js").Problem} problem
   */
  askLater(problem) {
    const { clock, presence } = this.#core;
    clock.clearTimeout(this.#askTimer);
    this.#askTimer = clock.setTimeout(() => {
      if (this.#marked > -Infinity) this.#sendMark();
      presence.again(this);
    }, pauseAfter(problem, MARK_EVERY / 1_000) * 1_000);
  }

  /** What others do now is not heard any more. */
  lost() {
    this.#core.clock.clearTimeout(this.#askTimer);
    this.#typists.clear();
  }

  /** @param {Removal} removal */
  end(removal) {
    if (this.removal) return;
    this.removal = removal;
    this.drop();
    this.lost();
    this.unfollow();
    if (removal.reason === "deleted") this.timeline.clear();
    this.#changed();
    this.#core.feed.end(this);
  }

  /**
   * Another device has read the chat.
   * @param {any} frame
   */
  read(frame) {
    this.#reading.hear(frame, this.has);
    this.#changed();
  }

  /** @param {string} userId */
  typist(userId) {
    this.#typists.add(userId);
  }

  /** @param {string} userId */
  involves(userId) {
    return this.#details.members.has(userId) || this.#listed?.other_user_id === userId;
  }

  /** @param {any} event */
  #message(event) {
    const { seq, sender_id } = event;
    if (!this.#last || seq > this.#last.seq) {
      this.#last = messageOf(event);
      this.lastEvent = null;
    }
    this.#typists.remove(sender_id);
    this.#reading.count(seq, sender_id === this.#core.me);
  }

  /** @param {string | undefined} time */
  #active(time) {
    const at = Date.parse(time ?? "");
    if (at > this.lastActivity) this.lastActivity = at;
  }

  async #loadMembers() {
    const details = this.#details;
    for (let added = false; !added; ) {
      await this.load();
      if (details.complete) break;
      added = await details.asking(async (mark) => {
        const after = details.after && `&after=${details.after}`;
        const { items, next } = await this.#core.http.page(shapes.ids, `/chats/${this.id}/members?limit=${MEMBERS_PAGE}${after}`);
        return details.add(items, !next, mark);
      });
    }
    this.#core.emitter.mark("chat", this);
    return details.complete;
  }

  #sendMark() {
    const { clock, connection } = this.#core;
    if (this.#markTimer) return;
    const wait = Math.max(0, this.#marked + MARK_EVERY - clock.now());
    const send = () => {
      this.#markTimer = undefined;
      if (connection.send({ type: "read", chat_id: this.id, seq: this.readSeq })) this.#marked = clock.now();
    };
    if (wait) this.#markTimer = clock.setTimeout(send, wait);
    else send();
  }

  #changed() {
    this.#core.emitter.mark("chat", this);
    this.#core.feed.moved();
  }

  #now() {
    return new Date(this.#core.clock.now()).toISOString();
  }

  /**
   * @param {string} type
   * @param {string} messageId
   * @param {string} emoji
   * @param {string} method
   */
  #reaction(type, messageId, emoji, method) {
    return this.#change(messageId, { type, emoji, user_id: this.#core.me }, method, () => `/reactions/${part(emoji)}`);
  }

  /**
   * Shows a change of a message at once, and asks the server for it.
   * @param {string} messageId
   * @param {object} event
   * @param {string} method
   * @param {() => string} [path]
   * @param {object} [body]
   */
  async #change(messageId, event, method, path = () => "", body = undefined) {
    const change = (/** @type {Message} */ message) => amend(message, event);
    const undo = this.timeline.preview(messageId, change);
    this.#core.feed.moved();
    // Changes of one message go one after another, or they might come about in another order.
    const before = this.#changing.get(messageId);
    const asked = (async () => {
      await before?.catch(() => {});
      return this.#call(shapes.changed, method, `/messages/${part(messageId)}${path()}`, body);
    })();
    this.#changing.set(messageId, asked);
    try {
      const answer = await asked;
      const settled = answer ? (/** @type {Message} */ message) => newer(message, answer) : change;
      this.timeline.settle(messageId, settled);
      if (this.#last?.message_id === messageId) this.#last = settled(this.#last);
    } finally {
      if (this.#changing.get(messageId) === asked) this.#changing.delete(messageId);
      undo();
      this.#core.feed.moved();
    }
  }

  /**
   * A call that gives the chat.
   * @param {string} method
   * @param {string} path
   * @param {object} [body]
   */
  #ask(method, path, body) {
    return this.#details.asking(async (mark) => this.inform(await this.#call(shapes.chat, method, path, body), mark));
  }

  /**
   * @param {import("./shapes.js").Shape} fits
   * @param {string} method
   * @param {string} path
   * @param {object} [body]
   */
  #call(fits, method, path, body) {
    return this.#core.http.call(fits, method, `/chats/${this.id}${path}`, body);
  }
}
