/** Seqs of messages that are kept in mind. More than these on their way at once, and fewer are shown as unread. */
const RECENT_MAX = 256;

/** Up to where a chat is read, and how many messages lie behind that. */
export class Reading {
  seq = 0;
  unread = 0;
  /** Messages up to this one are in `unread`. */
  #counted = 0;
  /** @type {number[]} the newest messages of others, which what the server counts may not have */
  #recent = [];

  /** The server has lost events. */
  recount() {
    this.#counted = 0;
    this.#recent = [];
  }

  /**
   * What the list says; whether it knows of what was read here.
   * @param {any} entry
   * @param {number} has
   */
  list({ last_seq, unread, read_seq }, has) {
    if (read_seq < this.seq) return false;
    this.seq = read_seq;
    this.#take(unread, last_seq, has);
    return true;
  }

  /**
   * Another device has read it.
   * @param {any} frame
   * @param {number} has
   */
  hear({ seq, unread, last_seq }, has) {
    if (seq < this.seq) return;
    this.seq = seq;
    this.#take(unread, last_seq, has);
  }

  /**
   * The server has counted up to an event, which may not have come, or others may have come behind it.
   * @param {number} unread
   * @param {number} lastSeq
   * @param {number} has
   */
  #take(unread, lastSeq, has) {
    this.unread = unread + this.#recent.filter((seq) => seq > lastSeq).length;
    this.#counted = Math.max(lastSeq, has);
  }

  /**
   * A message has come.
   * @param {number} seq
   * @param {boolean} own
   */
  count(seq, own) {
    if (own) {
      // Who writes has read what came before.
      if (seq > this.seq && seq > this.#counted) this.unread = 0;
      this.seq = Math.max(this.seq, seq);
    } else if (seq > this.#counted) {
      if (seq > this.seq) this.unread += 1;
      this.#recent.push(seq);
      if (this.#recent.length > RECENT_MAX) this.#recent.shift();
    }
  }
}
