import { randomUUID } from "node:crypto";

const ORIGIN = "http://model";

/** A server in memory with one chat, kept as a list of events: what a client shows is compared with it. */
export class ModelServer {
  url = ORIGIN;
  me = randomUUID();
  other = randomUUID();
  third = randomUUID();
  chatId = randomUUID();
  /** @type {any[]} by seq, from 1 on */
  events = [];
  readSeq = 1;
  /** In the order of joining. */
  members = [this.me, this.other];
  /** @type {Record<string, string>} of those who are not just members */
  roles = {};
  name = "Model";
  /** As of `--resume-events`. */
  resumeEvents = 1_000;
  sockets = new Set();
  /** What the client has sent. */
  received = [];
  /** Requests that are refused, by what their path has in it. */
  refusals = new Map();
  requests = [];
  /** Answers to other requests, by method and the end of their path. */
  answers = new Map();
  /** More chats for the list, in which nothing happens. */
  others = [];
  /** Takes a message of the client's: `take`, `refuse` for a while, or `lose` it. Without it, none is answered. */
  fate = null;
  /** Messages by their `client_id`. */
  known = new Map();
  /** Whether connections stay without an answer. */
  silent = false;
  /** How long answers take, in turns. */
  turns = () => 1;

  constructor() {
    this.push({ type: "chat_created", name: "Model", members: [this.me, this.other, this.third], member_count: 3 });
    const server = this;
    /** As browsers have it. */
    this.WebSocket = class {
      constructor(url) {
        this.url = url;
        server.sockets.add(this);
        if (!server.silent) setImmediate(() => this.deliver({ type: "ready", user_id: server.me }));
      }

      deliver(...frames) {
        if (server.sockets.has(this)) this.onmessage?.({ data: frames.map((frame) => JSON.stringify(frame)).join("\n") });
      }

      send(text) {
        server.#sent(this, JSON.parse(text));
      }

      close() {
        server.sockets.delete(this);
      }
    };
  }

  get lastSeq() {
    return this.events.length;
  }

  push(event) {
    const seq = this.lastSeq + 1;
    const whole = { chat_id: this.chatId, seq, created_at: new Date(1_700_000_000_000 + seq).toISOString(), ...event };
    this.events.push(whole);
    if (event.sender_id === this.me) this.readSeq = seq;
    this.#change(event);
    for (const socket of this.sockets) {
      if (socket.resumed) socket.deliver(whole);
      else (socket.waiting ??= []).push(whole);
    }
    return whole;
  }

  say(sender = this.other, more = {}) {
    return this.push({ type: "message", message_id: randomUUID(), sender_id: sender, content: `Message ${this.lastSeq + 1}`, ...more });
  }

  /** What a chat is, after an event. */
  #change({ type, user_id: user, role, name }) {
    if (type === "chat_changed") this.name = name;
    if (type === "member_added" || type === "member_removed") this.members = this.members.filter((id) => id !== user);
    if (type === "member_added") this.members.push(user);
    if (type === "member_removed" || role === "member") delete this.roles[user];
    else if (type === "role_changed") this.roles[user] = role;
  }

  /** The connection breaks. */
  breakOff(code = 1006) {
    for (const socket of [...this.sockets]) {
      this.sockets.delete(socket);
      socket.onclose?.({ code });
    }
  }

  /** Messages as they stand. */
  get messages() {
    const messages = new Map();
    for (const event of this.events) {
      const { type, message_id: id, emoji, user_id: user } = event;
      const message = messages.get(id);
      if (type === "message") messages.set(id, { ...event });
      else if (type === "messages_erased") {
        for (const one of messages.values()) if (one.sender_id === user && !one.deleted) erase(one, user);
      } else if (!message || message.deleted) continue;
      else if (type === "message_edited") Object.assign(message, { content: event.content, edited_at: event.edited_at });
      else if (type === "message_deleted") erase(message, event.by);
      else if (type === "reaction_added") {
        message.reactions ??= [];
        const reaction = message.reactions.find((one) => one.emoji === emoji);
        if (!reaction) message.reactions.push({ emoji, users: [user] });
        else if (!reaction.users.includes(user)) reaction.users.push(user);
      } else if (type === "reaction_removed") {
        for (const one of message.reactions ?? []) if (one.emoji === emoji) one.users = one.users.filter((id) => id !== user);
        message.reactions = message.reactions?.filter(({ users }) => users.length);
      }
    }
    return [...messages.values()].map(({ type, ...message }) => message);
  }

  get unread() {
    return this.events.filter(({ type, seq, sender_id }) => type === "message" && seq > this.readSeq && sender_id !== this.me).length;
  }

  get entry() {
    const messages = this.messages;
    return {
      chat_id: this.chatId,
      name: this.name,
      last_seq: this.lastSeq,
      last_message: messages[messages.length - 1] ?? null,
      unread: this.unread,
      read_seq: this.readSeq,
    };
  }

  fetch = async (address, { method, body }) => {
    const { pathname, searchParams: query } = new URL(address);
    const path = pathname.replace(`/chats/${this.chatId}`, "/chat");
    this.requests.push(`${method} ${path}`);
    const [, own] = [...this.answers].find(([what]) => `${method} ${path}`.startsWith(what)) ?? [];
    if (own) return own(body && JSON.parse(body));
    // The answer is made now, and comes later: events may come in between.
    const answer = this.#answer(method, path, query, body ? JSON.parse(body) : {});
    for (let turns = this.turns(); turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve));
    return new Response(answer.status === 204 ? null : JSON.stringify(answer.body), {
      status: answer.status ?? 200,
      headers: { "content-type": "application/json", ...answer.headers },
    });
  };

  #answer(method, path, query, body) {
    const number = (name) => Number(query.get(name));
    for (const [part, { status, code = "refused", retry }] of this.refusals) {
      if (path.includes(part)) return { status, body: { status, code }, headers: retry && { "retry-after": String(retry) } };
    }
    switch (`${method} ${path}`) {
      case "GET /me":
        return { body: { user_id: this.me, username: "me" } };
      case "POST /ws-ticket":
        return { body: { ticket: randomUUID() } };
      case "GET /me/settings":
        return { body: {} };
      case "GET /users":
        return { body: query.get("ids").split(",").map((id) => ({ user_id: id, username: `user ${id}` })) };
      case "GET /chats":
        return this.#list(number("cursor"), number("limit"));
      case "GET /chat":
        return { body: this.#info };
      case "GET /chat/members":
        return this.#someMembers(query.get("after"), number("limit"));
      case "POST /chat/members":
        this.push({ type: "member_added", user_id: body.user_id, by: this.me });
        return { body: this.#info };
      case "GET /chat/messages":
        return this.#page(query, number);
      case "GET /chat/events":
        if (this.lastSeq - number("after") > this.resumeEvents) return { status: 410, body: { code: "too_far_behind" } };
        return { body: this.events.slice(number("after"), number("after") + number("limit")) };
      case `PUT /chat/members/${path.slice(14)}`:
        this.push({ type: "role_changed", user_id: path.slice(14), role: body.role, by: this.me });
        return { body: this.#info };
      default:
        return method === "GET" ? { status: 404, body: { code: "not_found" } } : { status: 204, body };
    }
  }

  /** With the first 100 members. */
  get #info() {
    const { chatId, name, members, roles, lastSeq } = this;
    return { chat_id: chatId, name, members: members.slice(0, 100), member_count: members.length, roles: { ...roles }, last_seq: lastSeq };
  }

  #someMembers(after, limit) {
    const from = this.members.indexOf(after) + 1;
    const some = this.members.slice(from, from + limit);
    const next = from + limit < this.members.length;
    return { body: some, headers: next && { link: `</chats/${this.chatId}/members?limit=${limit}&after=${some.at(-1)}>; rel="next"` } };
  }

  #list(cursor, limit) {
    const list = [this.entry, ...this.others];
    const next = cursor + limit;
    return { body: list.slice(cursor, next), headers: next < list.length && { link: `</chats?limit=${limit}&cursor=${next}>; rel="next"` } };
  }

  #page(query, number) {
    const limit = number("limit");
    const messages = this.messages;
    const some = query.has("after")
      ? messages.filter(({ seq }) => seq > number("after"))
      : messages.filter(({ seq }) => seq < number("before")).reverse();
    return { body: some.slice(0, limit), headers: some.length > limit ? { link: '</more>; rel="next"' } : {} };
  }

  #sent(socket, frame) {
    this.received.push(frame);
    if (frame.type === "send" && this.fate) setImmediate(() => this.#taken(socket, frame));
    if (frame.type === "read") this.readSeq = Math.max(this.readSeq, frame.seq);
    if (frame.type === "resume") setImmediate(() => this.#resume(socket, frame.chats));
  }

  #taken(socket, { content, client_id }) {
    // What was sent on a connection that broke may or may not have come.
    const fate = this.fate(this.sockets.has(socket));
    if (fate === "lose") return;
    if (fate === "refuse") return socket.deliver({ type: "error", code: "too_many_requests", client_id, retry_after: 1 });
    const message_id = this.known.get(client_id) ?? randomUUID();
    const ack = { type: "ack", message_id, client_id };
    if (fate === "ack first") socket.deliver(ack);
    if (!this.known.has(client_id)) this.say(this.me, { content, client_id, message_id });
    this.known.set(client_id, message_id);
    if (fate !== "ack first") socket.deliver(ack);
  }

  #resume(socket, chats) {
    const seq = this.lastSeq;
    const has = chats[this.chatId];
    socket.resumed = true;
    if (has === undefined) return socket.deliver(...(socket.waiting ?? []));
    const recovered = has <= seq && seq - has <= this.resumeEvents;
    socket.deliver(...(recovered ? this.#missed(has) : []), { type: "resumed", chat_id: this.chatId, recovered, seq });
  }

  /** A message comes as it stands now, and an edit of which a later event took the content without it. */
  #missed(has) {
    const messages = new Map(this.messages.map((message) => [message.message_id, message]));
    return this.events.slice(has).map((event) => {
      const now = messages.get(event.message_id);
      if (event.type === "message") {
        const { reactions, ...message } = now;
        return { ...event, ...message };
      }
      if (event.type === "message_edited" && event.content !== now.content) return { ...event, content: "", superseded: true };
      return event;
    });
  }
}

function erase(message, by) {
  Object.assign(message, { content: "", deleted: true, deleted_by: by });
  delete message.reactions;
}

/** Numbers that look random, and are the same for the same seed (mulberry32). */
export function randomFrom(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
