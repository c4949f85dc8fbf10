import { amend, isShown, messageOf } from "./messages.js";
import { Timeline } from "./timeline.js";

/**
 * @typedef {import("../rookery.js").Message} Message
 * @typedef {import("../rookery.js").ChatEvent} ChatEvent
 * @typedef {import("../rookery.js").Removal} Removal
 */

/** How long somebody is shown as typing, how often one's own typing is told, and marks of what was read. Milliseconds. */
const TYPING_SHOWN = 6_000;
const TYPING_EVERY = 3_000;
const MARK_EVERY = 1_000;
/** People who are shown as typing at a time. */
const TYPING_USERS = 32;
/** Members of one page. */
const MEMBERS_PAGE = 100;

export class Chat {
  #core;
  /** @type {any} the chat as `GET /chats/{chat_id}` gives it, of which parts may not be known yet */
  #info = {};
  /** Events up to this one are in what is known of the chat. */
  #infoSeq = 0;
  /** @type {any} the chat in the last list */
  #listed = null;
  #loaded = false;
  /** Whether events were missed since it was loaded. */
  #outdated = false;
  /** @type {Set<string>} */
  #members = new Set();
  /** The last member of the pages that were read; nothing once these are all. */
  #membersAfter = "";
  #allMembers = false;
  /** @type {Message | null} */
  #last = null;
  /** Unread messages are counted up to this event. */
  #counted = 0;
  /** @type {number[]} messages of others that came while the list is read, which may not count them */
  #uncounted = [];
  /** @type {Map<string, unknown>} users and when they end */
  #typists = new Map();
  #typed = -Infinity;
  #marked = -Infinity;
  /** @type {unknown} */
  #markTimer;

  /** Events up to this one have come. */
  has = 0;
  /** @type {Map<number, ChatEvent>} events that wait for those before them */
  held = new Map();
  /** Whether a `resumed` is to come. */
  resuming = false;
  /** The order in the list. */
  rank = 0;
  readSeq = 0;
  unread = 0;
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
    const id = other_user_id ?? [...this.#members].find((member) => member !== this.#core.me);
    return id ? { user_id: id, username: other_username, display_name: other_display_name } : null;
  }

  get members() {
    return [...this.#members];
  }

  get memberCount() {
    return this.#info.member_count ?? this.#members.size;
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

  /** Events up to this one are in the last list. */
  get listedSeq() {
    return this.#listed?.last_seq ?? 0;
  }

  get lastMessage() {
    return this.#last && this.timeline.show(this.#last);
  }

  get typing() {
    return [...this.#typists.keys()];
  }

  /** Whether enough is known to show it in a list. */
  get known() {
    return this.#loaded || this.#listed !== null || this.#info.name !== undefined;
  }

  async load() {
    if (!this.#loaded || this.#outdated) this.inform(await this.#call("GET", ""));
  }

  async loadMembers() {
    await this.load();
    if (this.#allMembers) return true;
    const after = this.#membersAfter && `&after=${this.#membersAfter}`;
    const { items, next } = await this.#core.http.page(`/chats/${this.id}/members?limit=${MEMBERS_PAGE}${after}`);
    for (const id of items) this.#members.add(id);
    this.#membersAfter = items[items.length - 1] ?? this.#membersAfter;
    this.#allMembers = !next;
    this.#core.emitter.mark("chat", this);
    return this.#allMembers;
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
    return this.#change(messageId, { type: "message_edited", content, edited_at }, "PATCH", "", { content });
  }

  /** @param {string} messageId */
  remove(messageId) {
    return this.#change(messageId, { type: "message_deleted", by: this.#core.me, deleted_at: this.#now() }, "DELETE", "");
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
    seq = Math.min(seq, this.lastSeq);
    if (seq <= this.readSeq) return;
    // Where not all is loaded, what is loaded is taken off; the next list has the right number.
    const read = this.timeline.othersBetween(this.readSeq, seq);
    this.readSeq = seq;
    this.unread = seq >= this.lastSeq ? 0 : this.timeline.unreadBehind(seq) ?? Math.max(0, this.unread - read);
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
    this.inform(await this.#call("POST", "/members", { user_id: userId }));
  }

  /** @param {string} userId */
  async removeMember(userId) {
    await this.#call("DELETE", `/members/${userId}`);
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
    this.inform(await this.#call("PUT", `/members/${userId}`, { role }));
  }

  /** @param {object} settings */
  async change(settings) {
    this.inform(await this.#call("PATCH", "", settings));
  }

  async delete() {
    await this.#call("DELETE", "");
    this.end({ by: this.#core.me, reason: "deleted" });
  }

  // What follows is for the other parts of the client.

  /**
   * Takes the chat as the server has it.
   * @param {any} info
   */
  inform(info) {
    if (info.last_seq < this.#infoSeq && !this.#outdated) return;
    const { members, member_count } = info;
    this.#info = info;
    this.#infoSeq = info.last_seq;
    this.#loaded = true;
    this.#outdated = false;
    this.#members = new Set(members);
    this.#membersAfter = members[members.length - 1] ?? "";
    this.#allMembers = members.length >= member_count;
    this.lastActivity ||= Date.parse(info.created_at);
    this.#changed();
  }

  /**
   * Takes the chat as a list has it.
   * @param {any} entry
   */
  list(entry) {
    const { name, direct, last_seq, last_message, unread, read_seq } = entry;
    this.#listed = entry;
    // What is loaded has all that events have changed since.
    if (this.#infoSeq < last_seq || !this.#loaded) this.#info = { ...this.#info, name, direct };
    if (last_seq >= this.has) {
      this.#last = last_message;
      if (this.lastEvent && this.lastEvent.seq < last_seq) this.lastEvent = null;
    }
    this.#active(last_message?.created_at);
    if (read_seq >= this.readSeq) {
      this.readSeq = read_seq;
      this.unread = unread + this.#uncounted.filter((seq) => seq > last_seq).length;
      this.#counted = Math.max(last_seq, this.has);
    } else {
      this.#sendMark();
    }
    this.#changed();
  }

  /** The list is about to be read, or was. */
  recount() {
    this.#uncounted = [];
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
    if (isShown(event)) this.lastEvent = event;
    if (seq > this.#infoSeq) this.#learn(event);
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
      this.#infoSeq = this.#counted = 0;
    }
    this.timeline.jump(seq, stale);
    this.has = seq;
    this.#outdated ||= stale;
    if (this.#listed) this.list(this.#listed);
  }

  /** Whether it has to be read anew. */
  get stale() {
    return this.#outdated || this.timeline.stale;
  }

  /** Reads the chat anew, and what is shown of it. */
  async renew() {
    await this.load();
    await this.timeline.refresh();
  }

  /** @param {Removal} removal */
  end(removal) {
    if (this.removal) return;
    this.removal = removal;
    this.held.clear();
    this.#core.presence.unfollow(this);
    if (removal.reason === "deleted") this.timeline.clear();
    this.#changed();
    this.#core.feed.end(this);
  }

  /**
   * Another device has read the chat.
   * @param {any} frame
   */
  read({ seq, unread }) {
    if (seq < this.readSeq) return;
    this.readSeq = seq;
    this.unread = unread;
    this.#counted = Math.max(this.#counted, this.has);
    this.#changed();
  }

  /** @param {string} userId */
  typist(userId) {
    const { clock } = this.#core;
    clock.clearTimeout(this.#typists.get(userId));
    if (this.#typists.size >= TYPING_USERS && !this.#typists.has(userId)) return;
    this.#typists.set(userId, clock.setTimeout(() => this.#rests(userId), TYPING_SHOWN));
    this.#core.emitter.mark("typing", this);
  }

  /** @param {string} userId */
  involves(userId) {
    return this.#members.has(userId) || this.#listed?.other_user_id === userId;
  }

  /** @param {string} userId */
  #rests(userId) {
    if (!this.#typists.has(userId)) return;
    this.#core.clock.clearTimeout(this.#typists.get(userId));
    this.#typists.delete(userId);
    this.#core.emitter.mark("typing", this);
  }

  /** @param {any} event */
  #message(event) {
    const { seq, sender_id } = event;
    if (!this.#last || seq > this.#last.seq) {
      this.#last = messageOf(event);
      this.lastEvent = null;
    }
    this.#rests(sender_id);
    if (sender_id === this.#core.me) {
      if (seq > this.readSeq) {
        this.readSeq = seq;
        if (seq > this.#counted) this.unread = 0;
      }
    } else if (seq > this.#counted) {
      if (seq > this.readSeq) this.unread += 1;
      if (this.#core.feed.listing) this.#uncounted.push(seq);
    }
  }

  /**
   * Settings, members and roles.
   * @param {any} event
   */
  #learn(event) {
    const { type, user_id } = event;
    const info = this.#info;
    if (type === "chat_created") {
      // A direct chat has no name.
      this.#info = { name: "", ...event, ...info };
      for (const id of event.members) this.#members.add(id);
      this.#allMembers = event.members.length >= event.member_count;
    } else if (type === "chat_changed") {
      const { name, description, members_may_add, history } = event;
      const changed = Object.entries({ name, description, members_may_add, history }).filter(([, value]) => value !== undefined);
      this.#info = { ...info, ...Object.fromEntries(changed) };
    } else if (type === "member_added") {
      if (this.#allMembers) this.#members.add(user_id);
      if (info.member_count) this.#info = { ...info, member_count: info.member_count + 1 };
    } else if (type === "member_removed") {
      this.#role(user_id, "member");
      this.#members.delete(user_id);
      if (info.member_count) this.#info = { ...this.#info, member_count: info.member_count - 1 };
    } else if (type === "role_changed") {
      this.#role(user_id, event.role);
    } else {
      return;
    }
    if (this.#loaded) this.#infoSeq = event.seq;
    this.#core.emitter.mark("chat", this);
  }

  /**
   * @param {string} userId
   * @param {string} role
   */
  #role(userId, role) {
    const { [userId]: _, ...roles } = this.#info.roles ?? {};
    this.#info = { ...this.#info, roles: role === "admin" ? { ...roles, [userId]: role } : roles };
  }

  /** @param {string | undefined} time */
  #active(time) {
    if (time) this.lastActivity = Math.max(this.lastActivity, Date.parse(time));
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
    const path = `/reactions/${encodeURIComponent(emoji)}`;
    return this.#change(messageId, { type, emoji, user_id: this.#core.me }, method, path);
  }

  /**
   * Shows a change of a message at once, and asks the server for it.
   * @param {string} messageId
   * @param {object} event
   * @param {string} method
   * @param {string} path
   * @param {object} [body]
   */
  async #change(messageId, event, method, path, body) {
    const change = (/** @type {Message} */ message) => amend(message, event);
    const undo = this.timeline.preview(messageId, change);
    this.#core.feed.moved();
    try {
      await this.#call(method, `/messages/${messageId}${path}`, body);
      this.timeline.settle(messageId, change);
      if (this.#last?.message_id === messageId) this.#last = change(this.#last);
    } finally {
      undo();
      this.#core.feed.moved();
    }
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {object} [body]
   */
  #call(method, path, body) {
    return this.#core.http.call(method, `/chats/${this.id}${path}`, body);
  }
}
