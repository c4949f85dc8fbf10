/** Events about members and settings that are kept while answers are on their way; beyond it these answers are out of date. */
const RECENT_EVENTS = 1_000;

/**
 * When an answer was asked for: how things stood then.
 * @typedef {{ epoch: number, seq: number, from: number }} Mark
 */

/** A chat's name, settings, members and roles, as far as they are known. */
export class Details {
  /** @type {any} the chat as `GET /chats/{chat_id}` gives it, of which parts may not be known yet */
  info = {};
  /** @type {Set<string>} */
  members = new Set();
  /** Whether these are all. */
  complete = false;
  /** The last member of the pages that were read. */
  after = "";
  loaded = false;
  /** Whether events were missed since it was loaded. */
  outdated = false;
  /** Events up to this one are in it. */
  #seq = 0;
  /** @type {Set<string>} members who came by an event, and whose page was not read yet */
  #early = new Set();
  /** Answers that are on their way, and events since the first of them was asked for. */
  #asked = 0;
  /** @type {any[]} */
  #recent = [];
  /** Goes up where answers that are on their way don't fit any more. */
  #epoch = 0;

  /** @returns {Mark} */
  get #mark() {
    return { epoch: this.#epoch, seq: this.#seq, from: this.#recent.length };
  }

  /**
   * Asks for something of this, and keeps the events that come meanwhile.
   * @template T
   * @param {(mark: Mark) => Promise<T>} ask
   */
  async asking(ask) {
    this.#asked += 1;
    try {
      return await ask(this.#mark);
    } finally {
      this.#asked -= 1;
      if (!this.#asked) this.#recent = [];
    }
  }

  /**
   * The chat as the server has it, with what came since; nothing where it is older than that.
   * @param {any} info
   * @param {Mark} [mark]
   */
  take(info, mark) {
    const seq = info.last_seq;
    const fits = seq >= this.#seq || (mark?.epoch === this.#epoch && seq >= mark.seq);
    if (!fits) return;
    const whole = info.members.length >= info.member_count;
    // An answer has the first members alone. Of a chat of which events come, these keep the others as they are.
    if (whole || !this.loaded || this.outdated) this.#restart(info.members, whole);
    this.info = info;
    this.#seq = seq;
    this.loaded = true;
    this.outdated = false;
    for (const event of this.#recent) if (event.seq > seq) this.#amend(event);
  }

  /**
   * The chat as a list has it.
   * @param {any} entry
   */
  list({ name, direct, last_seq }) {
    if (last_seq >= this.#seq) this.info = { ...this.info, name, direct };
  }

  /**
   * The next page of members, with what came since. Whether it was that.
   * @param {string[]} members
   * @param {boolean} last
   * @param {Mark} mark
   */
  add(members, last, mark) {
    if (mark.epoch !== this.#epoch) return false;
    this.#page(members, last);
    for (const event of this.#recent.slice(mark.from)) this.#count(event);
    return true;
  }

  /**
   * Events up to this one will not come.
   * @param {number} seq
   */
  miss(seq) {
    this.#epoch += 1;
    this.#recent = [];
    this.#seq = seq;
    this.complete = false;
    this.outdated = this.loaded;
  }

  /**
   * Whether the event is about any of this.
   * @param {any} event
   */
  apply(event) {
    if (!CONCERNS.has(event.type)) return false;
    if (this.#asked) this.#remember(event);
    if (event.seq > this.#seq) this.#amend(event);
    // Members who are known are as of the events, not as of an answer: it does not have them all.
    else this.#count(event);
    return true;
  }

  /** @param {any} event that comes next */
  #amend(event) {
    const { type, seq, user_id: userId } = event;
    this.#seq = seq;
    this.#count(event);
    if (type === "chat_created") {
      // A direct chat has no name.
      this.info = { name: "", ...event, ...this.info };
    } else if (type === "chat_changed") {
      for (const field of ["name", "description", "members_may_add", "history"]) {
        if (event[field] !== undefined) this.info = { ...this.info, [field]: event[field] };
      }
    } else if (type === "role_changed") {
      this.#role(userId, event.role);
    } else {
      const more = type === "member_added" ? 1 : -1;
      if (more < 0) this.#role(userId, "member");
      if (this.info.member_count) this.info = { ...this.info, member_count: this.info.member_count + more };
    }
  }

  /**
   * Who is a member after an event: the same, also where it is counted twice.
   * @param {any} event
   */
  #count({ type, user_id: userId, members, member_count }) {
    if (type === "chat_created" && !this.loaded) this.#restart(members, members.length >= member_count);
    if (type === "member_removed") this.#leave(userId);
    if (type !== "member_added" || !(this.complete || this.loaded)) return;
    // Who is there already, by an answer, is put behind those whose events have come.
    this.members.delete(userId);
    this.members.add(userId);
    if (!this.complete) this.#early.add(userId);
  }

  /** @param {string} userId */
  #leave(userId) {
    // Pages go on behind somebody who is a member.
    if (userId === this.after) {
      const read = [...this.members].filter((id) => !this.#early.has(id));
      this.after = read[read.indexOf(userId) - 1] ?? "";
    }
    this.members.delete(userId);
    this.#early.delete(userId);
  }

  /**
   * The first members, and no others.
   * @param {string[]} members
   * @param {boolean} whole
   */
  #restart(members, whole) {
    this.#epoch += 1;
    this.members = new Set();
    this.#early.clear();
    this.after = "";
    this.#page(members, whole);
  }

  /**
   * @param {string[]} members
   * @param {boolean} last
   */
  #page(members, last) {
    for (const id of members) {
      // They stand where they joined.
      if (this.#early.delete(id)) this.members.delete(id);
      this.members.add(id);
    }
    this.after = members[members.length - 1] ?? this.after;
    this.complete = last;
    if (last) this.#early.clear();
  }

  /** @param {any} event */
  #remember(event) {
    this.#recent.push(event);
    if (this.#recent.length <= RECENT_EVENTS) return;
    this.#epoch += 1;
    this.#recent = [];
  }

  /**
   * @param {string} userId
   * @param {string} role
   */
  #role(userId, role) {
    const { [userId]: _, ...roles } = this.info.roles ?? {};
    this.info = { ...this.info, roles: role === "admin" ? { ...roles, [userId]: role } : roles };
  }
}

const CONCERNS = new Set(["chat_created", "chat_changed", "member_added", "member_removed", "role_changed"]);
