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

  /**
   * The chat as the server has it; nothing where that is older than what is known.
   * @param {any} info
   */
  take(info) {
    if (info.last_seq < this.#seq && !this.outdated) return;
    this.info = info;
    this.#seq = info.last_seq;
    this.loaded = true;
    this.outdated = false;
    this.members = new Set();
    this.add(info.members, info.members.length >= info.member_count);
  }

  /**
   * The chat as a list has it.
   * @param {any} entry
   */
  list({ name, direct, last_seq }) {
    if (!this.loaded || this.#seq < last_seq) this.info = { ...this.info, name, direct };
  }

  /**
   * The next page of members.
   * @param {string[]} members
   * @param {boolean} last
   */
  add(members, last) {
    for (const id of members) this.members.add(id);
    this.after = members[members.length - 1] ?? this.after;
    this.complete = last;
  }

  /**
   * Whether the event is about any of this.
   * @param {any} event
   */
  apply(event) {
    const { type, seq, user_id: userId } = event;
    if (seq <= this.#seq) return false;
    if (type === "chat_created") {
      // A direct chat has no name.
      this.info = { name: "", ...event, ...this.info };
      this.add(event.members, event.members.length >= event.member_count);
    } else if (type === "chat_changed") {
      for (const field of ["name", "description", "members_may_add", "history"]) {
        if (event[field] !== undefined) this.info = { ...this.info, [field]: event[field] };
      }
    } else if (type === "member_added") {
      // Of a list that is not complete, they come with its last page.
      if (this.complete) this.members.add(userId);
      this.#count(1);
    } else if (type === "member_removed") {
      this.members.delete(userId);
      this.#role(userId, "member");
      this.#count(-1);
    } else if (type === "role_changed") {
      this.#role(userId, event.role);
    } else {
      return false;
    }
    if (this.loaded) this.#seq = seq;
    return true;
  }

  /** @param {number} more members */
  #count(more) {
    if (this.info.member_count) this.info = { ...this.info, member_count: this.info.member_count + more };
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
