import { freshId } from "./clock.js";
import { Problem, offline, pauseAfter } from "./problem.js";

/** Messages that wait, all chats together; beyond it they fail at once. */
const OUTBOX_MESSAGES = 1_000;
/** Older ones are not sent without being asked for again, as the server may not recognise them as repeats. Milliseconds. */
const KEPT_FOR = 24 * 3_600_000;
/** What is acknowledged stays shown until its own event comes; that came before where this time passes. Milliseconds. */
const ECHO_WITHIN = 10_000;
/** The pause after a refusal that names none. Seconds. */
const PAUSE = 1;

/**
 * @typedef {object} Entry
 * @property {string} chat_id
 * @property {string} client_id
 * @property {string} content
 * @property {number} created
 * @property {Problem} [problem] why it failed
 * @property {unknown} [acked] the timer for its own event
 * @property {import("../rookery.js").PendingRow} [row]
 */

/** Messages of one's own that are not confirmed. Of each chat one is under way at a time, so that they keep their order. */
export class Outbox {
  #clock;
  #storage;
  #send;
  #changed;
  #key = "";
  /** @type {Map<string, Map<string, Entry>>} by chat and `client_id`, in the order of sending */
  #chats = new Map();
  #count = 0;
  /** @type {Map<string, Entry | null>} what is to be stored, or no longer */
  #unwritten = new Map();
  /** @type {Map<string, string>} by chat, the `client_id` of what is under way */
  #flying = new Map();
  #open = false;
  /** @type {unknown} */
  #pause;

  /**
   * @param {import("../rookery.js").Clock} clock
   * @param {import("../rookery.js").Options["storage"]} storage
   * @param {(frame: object) => boolean} send
   * @param {(chatId: string) => void} changed
   */
  constructor(clock, storage, send, changed) {
    this.#clock = clock;
    this.#storage = storage;
    this.#send = send;
    this.#changed = changed;
  }

  /** @param {string} userId whose messages these are */
  load(userId) {
    const key = `rookery.outbox.${userId}`;
    if (key === this.#key) return;
    this.#write();
    this.clear();
    this.#key = key;
    for (const entry of this.#stored()) {
      const old = this.#clock.now() - entry.created > KEPT_FOR;
      this.#put({ ...entry, problem: old ? offline("it waited for too long") : undefined });
    }
  }

  /** Forgets all, where nobody is logged in any more. */
  clear() {
    this.close();
    for (const entries of this.#chats.values()) for (const entry of entries.values()) this.#forget(entry);
  }

  erase() {
    this.clear();
    this.#unwritten.clear();
    if (this.#key) this.#storage?.removeItem(this.#key);
    this.#key = "";
  }

  /**
   * @param {string} chatId
   * @param {string} content
   */
  add(chatId, content) {
    const entry = { chat_id: chatId, client_id: freshId(), content, created: this.#clock.now() };
    const full = this.#count >= OUTBOX_MESSAGES;
    this.#put(full ? { ...entry, problem: new Problem(0, { code: "outbox_full", detail: "too many messages wait" }) } : entry);
    // A copy, which has nothing but what is to be kept.
    if (!full) this.#store({ ...entry }, true);
    this.#pump(chatId);
    this.#changed(chatId);
    return this.#row(this.#get(chatId, entry.client_id) ?? entry);
  }

  /**
   * @param {string} chatId
   * @param {string} clientId
   */
  retry(chatId, clientId) {
    const entry = this.#get(chatId, clientId);
    if (!entry?.problem) return;
    this.#forget(entry);
    this.#put({ ...entry, problem: undefined, row: undefined });
    this.#pump(chatId);
    this.#changed(chatId);
  }

  /**
   * Takes a message out, as it is confirmed or given up. Whether it was there.
   * @param {string} chatId
   * @param {string | undefined} clientId
   */
  take(chatId, clientId) {
    const entry = clientId && this.#get(chatId, clientId);
    if (!entry) return false;
    this.#forget(entry);
    this.#store(entry, false);
    this.#landed(chatId, entry);
    return true;
  }

  /**
   * @param {string} clientId
   * @param {(chatId: string) => boolean} seen whether the message's own event came before
   */
  ack(clientId, seen) {
    const entry = this.#find(clientId);
    if (!entry) return;
    const { chat_id: chatId } = entry;
    if (seen(chatId)) return void this.take(chatId, clientId);
    this.#clock.clearTimeout(entry.acked);
    entry.acked = this.#clock.setTimeout(() => this.take(chatId, clientId), ECHO_WITHIN);
    this.#store(entry, false);
    this.#landed(chatId, entry);
  }

  /** @param {any} error */
  refuse(error) {
    const entry = this.#find(error.client_id);
    if (!entry) return;
    const problem = new Problem(0, error);
    this.#rest(entry);
    if (problem.retryAfter !== undefined || problem.code === "unavailable") {
      this.#wait(pauseAfter(problem, PAUSE));
    } else {
      entry.problem = problem;
      this.#pump(entry.chat_id);
    }
    this.#changed(entry.chat_id);
  }

  /** Sends all again. */
  open() {
    this.#open = true;
    this.#flying.clear();
    for (const chatId of this.#chats.keys()) {
      this.#pump(chatId);
      this.#changed(chatId);
    }
  }

  /** The connection is gone. */
  close() {
    this.#open = false;
    this.#clock.clearTimeout(this.#pause);
    this.#pause = undefined;
    for (const chatId of this.#chats.keys()) this.#changed(chatId);
  }

  /**
   * @param {string} chatId
   * @returns {import("../rookery.js").PendingRow[]}
   */
  rows(chatId) {
    return Array.from(this.#chats.get(chatId)?.values() ?? [], (entry) => this.#row(entry));
  }

  /**
   * @param {Entry} entry
   * @returns {import("../rookery.js").PendingRow}
   */
  #row(entry) {
    const { client_id, content, created, problem, row } = entry;
    const status = problem ? "failed" : this.#open && !this.#pause ? "sending" : "waiting";
    if (row?.status === status) return row;
    return (entry.row = { kind: "pending", key: client_id, client_id, content, created, status, problem });
  }

  /** @param {number} seconds */
  #wait(seconds) {
    this.#clock.clearTimeout(this.#pause);
    this.#pause = this.#clock.setTimeout(() => {
      this.#pause = undefined;
      for (const chatId of this.#chats.keys()) {
        this.#pump(chatId);
        this.#changed(chatId);
      }
    }, seconds * 1_000);
  }

  /** @param {string} chatId */
  #pump(chatId) {
    if (!this.#open || this.#pause || this.#flying.has(chatId)) return;
    for (const { problem, acked, client_id, content } of this.#chats.get(chatId)?.values() ?? []) {
      if (problem || acked) continue;
      if (this.#send({ type: "send", chat_id: chatId, content, client_id })) this.#flying.set(chatId, client_id);
      return;
    }
  }

  /**
   * @param {string} chatId
   * @param {Entry} entry
   */
  #landed(chatId, entry) {
    this.#rest(entry);
    this.#pump(chatId);
    this.#changed(chatId);
  }

  /**
   * It is under way no more.
   * @param {Entry} entry
   */
  #rest({ chat_id: chatId, client_id }) {
    if (this.#flying.get(chatId) === client_id) this.#flying.delete(chatId);
  }

  /** @param {Entry} entry */
  #put(entry) {
    const entries = this.#chats.get(entry.chat_id) ?? new Map();
    this.#chats.set(entry.chat_id, entries.set(entry.client_id, entry));
    this.#count += 1;
  }

  /** @param {Entry} entry */
  #forget(entry) {
    const entries = this.#chats.get(entry.chat_id);
    if (!entries?.delete(entry.client_id)) return;
    this.#clock.clearTimeout(entry.acked);
    this.#count -= 1;
    if (!entries.size) this.#chats.delete(entry.chat_id);
  }

  /**
   * @param {string} chatId
   * @param {string} clientId
   */
  #get(chatId, clientId) {
    return this.#chats.get(chatId)?.get(clientId);
  }

  /** @param {string} clientId */
  #find(clientId) {
    for (const entries of this.#chats.values()) {
      const entry = entries.get(clientId);
      if (entry) return entry;
    }
  }

  /** @returns {Entry[]} */
  #stored() {
    try {
      return JSON.parse(this.#storage?.getItem(this.#key) || "[]");
    } catch {
      return [];
    }
  }

  /**
   * Keeps a message over a reload, or no longer. Once for all of one turn, and it reads before it writes, as another tab keeps
   * its messages in the same place.
   * @param {Entry} entry
   * @param {boolean} keep
   */
  #store(entry, keep) {
    if (!this.#storage) return;
    if (!this.#unwritten.size) queueMicrotask(() => this.#write());
    this.#unwritten.set(entry.client_id, keep ? entry : null);
  }

  #write() {
    if (!this.#unwritten.size) return;
    const all = this.#stored().filter(({ client_id }) => !this.#unwritten.has(client_id));
    for (const entry of this.#unwritten.values()) if (entry) all.push(entry);
    this.#unwritten.clear();
    try {
      if (all.length) this.#storage?.setItem(this.#key, JSON.stringify(all));
      else this.#storage?.removeItem(this.#key);
    } catch {
      // Storage is full: the message is sent all the same, but would not outlive the page.
    }
  }
}
