import { History } from "./history.js";
import { Items } from "./items.js";
import { Latest } from "./latest.js";
import { amend, isShown, messageOf } from "./messages.js";
import { Ranges } from "./ranges.js";

/**
 * @typedef {import("../rookery.js").Row} Row
 * @typedef {import("../rookery.js").GapRow} GapRow
 * @typedef {import("../rookery.js").Message} Message
 * @typedef {import("../rookery.js").ChatEvent} ChatEvent
 * @typedef {import("./items.js").Item} Item
 * @typedef {import("./history.js").Part} Part
 */

/** Messages that are read again at a time. */
const STALE_MESSAGES = 100;
/** Rows that are kept where nobody trims; beyond it the oldest go, so many at once. */
const TIMELINE_ROWS = 5_000;
const TRIMMED_ROWS = 1_000;
/** Events that are kept while pages are on their way, to be applied to these; beyond it the pages are dropped. */
const RECENT_EVENTS = 10_000;

/** The part of a chat's conversation that is loaded. */
export class Timeline {
  #chat;
  #core;
  #history;
  #items = new Items();
  #ranges = new Ranges();
  #latest = new Latest();
  /** @type {Row[] | null} */
  #rows = null;
  /** @type {Map<string, GapRow>} */
  #gaps = new Map();
  /** @type {Map<string, ((message: Message) => Message)[]>} what is shown before the server has said yes */
  #overlays = new Map();
  /** @type {Map<string, Promise<void>>} */
  #loading = new Map();
  /** @type {[ChatEvent, string | undefined][]} */
  #recent = [];
  #tracked = 0;
  /** Goes up where what is loaded is thrown away. */
  #generation = 0;
  /** Goes up where pages on their way may be older than what is known. */
  #epoch = 0;
  /** Rows up to this one may have been changed by events that never came. */
  #staleTo = 0;

  /**
   * @param {import("./chat.js").Chat} chat
   * @param {import("./core.js").Core} core
   */
  constructor(chat, core) {
    this.#chat = chat;
    this.#core = core;
    this.#history = new History(core.http, chat.id);
  }

  get rows() {
    return (this.#rows ??= this.#build());
  }

  get hasOlder() {
    const { first } = this.#ranges;
    return first ? first.from > 1 : this.lastSeq > 0;
  }

  get hasNewer() {
    const { last } = this.#ranges;
    return last !== undefined && last.to < this.#chat.has;
  }

  get lastSeq() {
    return this.#chat.lastSeq;
  }

  /** Whether rows have to be read again: see `jump`. */
  get stale() {
    return this.#staleTo > 0;
  }

  loadLatest() {
    return this.#once("latest", async () => {
      const { last } = this.#ranges;
      if (last && last.to >= this.#chat.has) return;
      const kept = this.#latest.upTo(this.#chat.has);
      if (kept) return this.#show(kept);
      await this.#load(async (has) => [await this.#history.before(has + 1, 0)], () => true, true);
    });
  }

  loadOlder() {
    const { first } = this.#ranges;
    if (!first) return this.loadLatest();
    if (first.from <= 1) return Promise.resolve();
    const valid = () => this.#ranges.first?.from === first.from;
    return this.#once("older", () => this.#load(async () => [await this.#history.before(first.from, 0)], valid));
  }

  loadNewer() {
    const { last } = this.#ranges;
    if (!last) return this.loadLatest();
    const { to } = last;
    const valid = () => this.#ranges.last?.to === to;
    return this.#once("newer", () => this.#load(async (has) => (to < has ? [await this.#history.after(to, has)] : []), valid));
  }

  /** @param {number} seq */
  loadAround(seq) {
    const both = (/** @type {number} */ has) => {
      const middle = Math.max(0, Math.min(Math.floor(seq) || 0, has));
      return Promise.all([this.#history.before(middle + 1, 0), this.#history.after(middle, has)]);
    };
    return this.#once(`around ${seq}`, () => this.#load(both, () => true, true));
  }

  /** @param {GapRow} gap */
  fill({ after, before, key }) {
    const valid = () => this.#ranges.list.some((range) => range.from === before);
    return this.#once(key, () => this.#load(async () => [await this.#history.before(before, after)], valid));
  }

  /**
   * @param {number} seq
   * @param {number} keep
   */
  trim(seq, keep) {
    const middle = this.#items.find(seq);
    keep = Math.max(0, Math.floor(keep) || 0);
    this.#keep(middle - keep, middle + keep + 1);
  }

  /**
   * An event that comes next.
   * @param {ChatEvent} event
   * @param {string} [key] of the row that it confirms
   */
  apply(event, key) {
    if (this.#tracked) this.#remember(event, key);
    this.#follow(event, key);
    this.changed();
  }

  /**
   * Events up to `seq` are not known, and will not come: what is loaded stays, and is read again.
   * @param {number} seq
   * @param {boolean} stale whether events were missed that may have changed it
   */
  jump(seq, stale) {
    const { last } = this.#ranges;
    this.#epoch += 1;
    this.#latest.forget();
    if (!last) return;
    if (last.to >= this.#chat.has) this.#ranges.add(seq + 1, seq);
    if (stale) this.#staleTo = this.#items.last?.seq ?? 0;
    this.changed();
  }

  /**
   * The server has lost what comes behind `seq`.
   * @param {number} seq
   */
  cut(seq) {
    this.#epoch += 1;
    this.#latest.forget();
    this.#items.keep(0, this.#items.find(seq + 1));
    this.#ranges.clip(1, seq);
    this.changed();
  }

  /** Forgets all. */
  clear() {
    this.#generation += 1;
    this.#reset();
    this.#latest.forget();
    this.changed();
  }

  /** Reads again what may have been changed by events that never came, from the newest on. */
  refresh() {
    return this.#once("refresh", async () => {
      while (this.#staleTo > 0) {
        const to = this.#staleTo;
        let rest = 0;
        const read = async () => {
          const { items, next } = await this.#history.messages(`before=${to + 1}&limit=${STALE_MESSAGES}`);
          const lowest = items[items.length - 1]?.seq ?? 0;
          rest = next && lowest > (this.#items.list[0]?.seq ?? Infinity) ? lowest - 1 : 0;
          const known = items.filter(({ message_id }) => this.#items.of(message_id));
          return known.length ? [{ messages: known, events: [], from: known[0].seq, to: known[0].seq }] : [];
        };
        if (await this.#load(read, () => this.#staleTo === to)) this.#staleTo = rest;
      }
    });
  }

  /**
   * Shows a change at once; the function that is returned takes it back.
   * @param {string} messageId
   * @param {(message: Message) => Message} change
   */
  preview(messageId, change) {
    const put = (/** @type {((message: Message) => Message)[]} */ changes) => {
      if (changes.length) this.#overlays.set(messageId, changes);
      else this.#overlays.delete(messageId);
      this.#touch(this.#items.of(messageId));
      this.changed();
    };
    put([...(this.#overlays.get(messageId) ?? []), change]);
    return () => put((this.#overlays.get(messageId) ?? []).filter((one) => one !== change));
  }

  /**
   * What the server has said of a message, without an event.
   * @param {string} messageId
   * @param {(message: Message) => Message} change
   */
  settle(messageId, change) {
    const item = this.#items.of(messageId);
    if (item?.message) item.message = change(item.message);
    this.#touch(item);
  }

  /**
   * A message with what is shown before the server has said yes.
   * @param {Message} message
   */
  show(message) {
    return (this.#overlays.get(message.message_id) ?? []).reduce((shown, change) => change(shown), message);
  }

  /** @param {string} messageId */
  has(messageId) {
    return this.#items.of(messageId) !== undefined;
  }

  /**
   * How many messages of others lie behind `seq`; nothing where they are not all loaded.
   * @param {number} seq
   */
  unreadBehind(seq) {
    const { last } = this.#ranges;
    if (!last || last.from > seq + 1 || last.to < this.lastSeq) return undefined;
    return this.othersBetween(seq, Infinity);
  }

  /**
   * Messages of others that are loaded, behind `after` and up to `to`.
   * @param {number} after
   * @param {number} to
   */
  othersBetween(after, to) {
    return this.#items.between(after, to).filter(({ message }) => message && message.sender_id !== this.#core.me).length;
  }

  /** The last message of what is loaded. */
  get lastMessage() {
    return this.#items.list.findLast(({ message }) => message)?.message ?? null;
  }

  changed() {
    this.#rows = null;
    this.#core.emitter.mark("timeline", this.#chat);
  }

  #build() {
    /** @type {Row[]} */
    const rows = [];
    const gaps = new Map();
    const items = this.#items.list;
    let at = 0;
    this.#ranges.list.forEach((range, index, ranges) => {
      const before = ranges[index - 1];
      if (before) {
        const key = `gap ${before.to} ${range.from}`;
        const gap = this.#gaps.get(key) ?? { kind: "gap", key, after: before.to, before: range.from };
        gaps.set(key, gap);
        rows.push(gap);
      }
      for (; at < items.length && items[at].seq <= range.to; at++) rows.push(this.#row(items[at]));
    });
    this.#gaps = gaps;
    rows.push(...this.#core.outbox.rows(this.#chat.id));
    return rows;
  }

  /** @param {Item} item */
  #row(item) {
    const { seq, key, message, event } = item;
    item.row ??= message
      ? { kind: "message", key, seq, message: this.show(message) }
      : { kind: "event", key, seq, event: /** @type {ChatEvent} */ (event) };
    return item.row;
  }

  /** @param {Item | undefined} item */
  #touch(item) {
    if (item) item.row = null;
  }

  /**
   * @param {ChatEvent} event
   * @param {string} [key]
   */
  #follow(event, key) {
    const { seq } = event;
    this.#amend(event);
    this.#latest.follow(seq, itemOf(event, key));
    const { last } = this.#ranges;
    if (!last || last.to < seq - 1) return;
    last.to = Math.max(last.to, seq);
    // What a page brought is as new as its event, or newer.
    if (this.#items.has(seq)) return;
    const item = itemOf(event, key);
    if (item) this.#items.insert(item);
    if (this.#items.list.length > TIMELINE_ROWS) this.#keep(TRIMMED_ROWS, Infinity);
  }

  /** @param {any} event */
  #amend(event) {
    if (event.type === "messages_erased") {
      for (const item of [...this.#items.list, ...this.#latest.items]) this.#change(item, event);
    } else if (event.type !== "message" && event.message_id) {
      this.#change(this.#items.of(event.message_id), event);
      this.#change(this.#latest.items.find(({ message }) => message?.message_id === event.message_id), event);
    }
  }

  /**
   * @param {Item | undefined} item
   * @param {ChatEvent} event
   */
  #change(item, event) {
    if (!item?.message) return;
    const message = amend(item.message, event);
    if (message === item.message) return;
    item.message = message;
    item.row = null;
  }

  /**
   * @param {ChatEvent} event
   * @param {string} [key]
   */
  #remember(event, key) {
    this.#recent.push([event, key]);
    if (this.#recent.length <= RECENT_EVENTS) return;
    this.#epoch += 1;
    this.#recent = [];
  }

  /**
   * @param {number} from
   * @param {number} to behind the last one
   */
  #keep(from, to) {
    const { list } = this.#items;
    if (from <= 0 && to >= list.length) return;
    const low = from > 0 ? list[Math.min(from, list.length - 1)]?.seq : 1;
    const high = to < list.length ? list[Math.max(to - 1, 0)]?.seq : Infinity;
    if (to < list.length) this.#keepLatest();
    this.#items.keep(from, to);
    this.#ranges.clip(low, high);
    this.changed();
  }

  /** The end is about to go from what is shown. */
  #keepLatest() {
    const { last } = this.#ranges;
    if (last && last.to >= this.#chat.has) this.#latest.keep(this.#items.list, last);
  }

  /** Shows what was kept, alone. @param {{ items: Item[], from: number, to: number }} kept */
  #show({ items, from, to }) {
    this.#generation += 1;
    this.#reset();
    this.#items.merge(items);
    this.#ranges.add(from, to);
    this.#latest.forget();
    this.changed();
  }

  #reset() {
    this.#items = new Items();
    this.#ranges.list = [];
    this.#staleTo = 0;
  }

  /**
   * What is under way is not begun a second time.
   * @param {string} name
   * @param {() => Promise<unknown>} work
   */
  #once(name, work) {
    let promise = this.#loading.get(name);
    if (!promise) {
      promise = work()
        .then(() => {})
        .finally(() => this.#loading.delete(name));
      this.#loading.set(name, promise);
    }
    return promise;
  }

  /**
   * Puts in what `read` gives, and applies what came meanwhile. Whether there was a place for it.
   * @param {(has: number) => Promise<Part[]>} read
   * @param {() => boolean} valid
   * @param {boolean} [alone]
   */
  async #load(read, valid, alone = false) {
    const generation = this.#generation;
    this.#tracked += 1;
    try {
      let epoch, start, parts;
      do {
        epoch = this.#epoch;
        start = this.#recent.length;
        parts = await read(this.#chat.has);
        if (generation !== this.#generation || !valid()) return false;
      } while (epoch !== this.#epoch);
      if (alone) {
        this.#generation += 1;
        this.#keepLatest();
        this.#reset();
      }
      for (const part of parts) this.#put(part);
      for (const [event, key] of this.#recent.slice(start)) this.#follow(event, key);
      this.changed();
      return true;
    } finally {
      this.#tracked -= 1;
      if (!this.#tracked) this.#recent = [];
    }
  }

  /** @param {Part} part */
  #put({ messages, events, from, to }) {
    const added = [];
    for (const message of messages) {
      const known = this.#items.of(message.message_id);
      if (known) {
        known.message = message;
        known.row = null;
        continue;
      }
      const key = this.#chat.confirm(message) ?? String(message.seq);
      added.push({ seq: message.seq, key, message, row: null });
    }
    for (const event of events) {
      if (!this.#items.has(event.seq)) added.push({ seq: event.seq, key: String(event.seq), event, row: null });
    }
    this.#items.merge(added);
    this.#ranges.add(from, to);
  }
}

/**
 * What is shown of an event; nothing of one that changes what is there.
 * @param {ChatEvent} event
 * @param {string} [key]
 * @returns {Item | undefined}
 */
function itemOf(event, key) {
  const { seq } = event;
  if (event.type === "message") return { seq, key: key ?? String(seq), message: messageOf(event), row: null };
  return isShown(event) ? { seq, key: String(seq), event, row: null } : undefined;
}
