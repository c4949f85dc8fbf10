/** Up to where a chat is read, and how many messages lie behind that. */
export class Reading {
  seq = 0;
  unread = 0;
  /** Messages up to this one are in `unread`. */
  #counted = 0;
  /** @type {number[]} messages of others that came while the list is read, which may not have them */
  #recent = [];

  /** The list is about to be read, or was. */
  restart() {
    this.#recent = [];
  }

  /** The server has lost events. */
  recount() {
    this.#counted = 0;
  }

  /**
   * What the list says; whether it knows of what was read here.
   * @param {any} entry
   * @param {number} has
   */
  list({ last_seq, unread, read_seq }, has) {
    if (read_seq < this.seq) return false;
    this.seq = read_seq;
    this.unread = unread + this.#recent.filter((seq) => seq > last_seq).length;
    this.#counted = Math.max(last_seq, has);
    return true;
  }

  /**
   * Another device has read it.
   * @param {any} frame
   * @param {number} has
   */
  hear({ seq, unread }, has) {
    if (seq < this.seq) return;
    this.seq = seq;
    this.unread = unread;
    this.#counted = Math.max(this.#counted, has);
  }

  /**
   * A message has come.
   * @param {number} seq
   * @param {boolean} own
   * @param {boolean} listing
   */
  count(seq, own, listing) {
    if (own) {
      // Who writes has read what came before.
      if (seq > this.seq && seq > this.#counted) this.unread = 0;
      this.seq = Math.max(this.seq, seq);
    } else if (seq > this.#counted) {
      if (seq > this.seq) this.unread += 1;
      if (listing) this.#recent.push(seq);
    }
  }
}
