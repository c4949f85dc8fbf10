import { freshId } from "./clock.js";
import { Problem, offline, pauseAfter } from "./problem.js";

/** Messages that wait, all chats together; beyond it they fail at once, and as many are shown so. */
const OUTBOX_MESSAGES = 1_000;
const SHOWN_MESSAGES = 2 * OUTBOX_MESSAGES;
const FULL = "outbox_full";
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
 * @property {number} [asked] when it was asked for again
 * @property {unknown} [acked] the timer for its own event
 * @property {import("../rookery.js").PendingRow} [row]
 */

/** @typedef {Pick<Entry, "chat_id" | "client_id" | "content" | "created"> & { problem?: object }} Kept what is stored of a message */

/** Messages of one's own that are not confirmed. Of each chat one is under way at a time, so that they keep their order. */
export class Outbox {
  #clock;
  #storage;
  #send;
  #changed;
  #live;
  #key = "";
  /** @type {Map<string, Map<string, Entry>>} by chat and `client_id`, in the order of sending */
  #chats = new Map();
  #count = 0;
  /** @type {Map<string, Kept | null>} what is to be stored, or no longer */
  #unwritten = new Map();
  /** @type {Map<string, string>} by chat, the `client_id` of what is under way */
  #flying = new Map();
  #open = false;
  /** @type {unknown} */
  #pause;

  /**
   * @param {import("../rookery.js").Clock} clock
   * @param {import("../rookery.js").Options["storage"]} storage
   * @param {{ send(frame: object): boolean, changed(chatId: string): void, live(): boolean }} owner
   */
  constructor(clock, storage, { send, changed, live }) {
    this.#clock = clock;
    this.#storage = storage;
    this.#send = send;
    this.#changed = changed;
    this.#live = live;
  }

  /** @param {string} userId whose messages these are */
  load(userId) {
    const key = `rookery.outbox.${userId}`;
    if (key === this.#key) return;
    this.#write();
    this.clear();
    this.#key = key;
    for (const { problem, ...kept } of this.#stored()) {
      const entry = { ...kept, problem: problem && revive(problem) };
      if (!problem) this.#isOld(entry);
      this.#put(entry);
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
    /** @type {Entry} */
    const entry = { chat_id: chatId, client_id: freshId(), content, created: this.#clock.now() };
    if (this.#count < OUTBOX_MESSAGES) this.#keep(entry);
    else entry.problem = new Problem(0, { code: FULL, detail: "too many messages wait" });
    if (this.#count < SHOWN_MESSAGES) this.#put(entry);
    this.#pump(chatId);
    this.#changed(chatId);
    return this.#row(entry);
  }

  /**
   * @param {string} chatId
   * @param {string} clientId
   */
  retry(chatId, clientId) {
    const entry = this.#get(chatId, clientId);
    if (!entry?.problem) return;
    if (entry.problem.code === FULL && this.#count > OUTBOX_MESSAGES) return;
    this.#forget(entry);
    const again = { ...entry, problem: undefined, row: undefined, asked: this.#clock.now() };
    this.#put(again);
    this.#keep(again);
    this.#pump(chatId);
    this.#changed(chatId);
  }

  /**
   * Forgets what failed in chats that are known no more: nothing shows it.
   * @param {(chatId: string) => boolean} known
   */
  prune(known) {
    for (const [chatId, entries] of this.#chats) {
      if (known(chatId)) continue;
      for (const entry of entries.values()) if (entry.problem) this.take(chatId, entry.client_id);
    }
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
    this.#store(clientId, null);
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
    this.#echo(entry);
    this.#store(clientId, null);
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
      this.#keep(entry);
      this.#pump(entry.chat_id);
    }
    this.#changed(entry.chat_id);
  }

  /** Sends all again. */
  open() {
    this.#open = true;
    this.#flying.clear();
    for (const [chatId, entries] of this.#chats) {
      for (const entry of entries.values()) if (entry.acked) this.#echo(entry);
      this.#pump(chatId);
      this.#changed(chatId);
    }
  }

  /** The connection is gone. */
  close() {
    this.#open = false;
    this.#clock.clearTimeout(this.#pause);
    this.#pause = undefined;
    for (const [chatId, entries] of this.#chats) {
      for (const { acked } of entries.values()) this.#clock.clearTimeout(acked);
      this.#changed(chatId);
    }
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

  /**
   * Waits for its own event, which does not come while the client is behind, nor where there is no connection.
   * @param {Entry} entry
   */
  #echo(entry) {
    entry.acked = this.#clock.setTimeout(() => {
      if (this.#live()) this.take(entry.chat_id, entry.client_id);
      else this.#echo(entry);
    }, ECHO_WITHIN);
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
    for (const entry of this.#chats.get(chatId)?.values() ?? []) {
      const { problem, acked, client_id, content } = entry;
      if (problem || acked || this.#isOld(entry)) continue;
      if (this.#send({ type: "send", chat_id: chatId, content, client_id })) this.#flying.set(chatId, client_id);
      return;
    }
  }

  /**
   * Whether it has waited for too long, and has failed so.
   * @param {Entry} entry
   */
  #isOld(entry) {
    if (this.#clock.now() - (entry.asked ?? entry.created) <= KEPT_FOR) return false;
    entry.problem = offline("it waited for too long");
    return true;
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

  /** @returns {Kept[]} */
  #stored() {
    try {
      return JSON.parse(this.#storage?.getItem(this.#key) || "[]").filter(isKept);
    } catch {
      // Others may have written there.
      return [];
    }
  }

  /**
   * Keeps a message over a reload, and why it failed, or else it would go out by itself then.
   * @param {Entry} entry
   */
  #keep({ chat_id, client_id, content, created, problem }) {
    const why = problem && { status: problem.status, code: problem.code, detail: problem.detail, limit: problem.limit, errors: problem.errors };
    this.#store(client_id, { chat_id, client_id, content, created, problem: why });
  }

  /**
   * Stores a message, or no longer. Once for all of one turn, and it reads before it writes, as another tab keeps its messages in
   * the same place.
   * @param {string} clientId
   * @param {Kept | null} kept
   */
  #store(clientId, kept) {
    // Without a key nobody is logged in.
    if (!this.#storage || !this.#key) return;
    if (!this.#unwritten.size) queueMicrotask(() => this.#write());
    this.#unwritten.set(clientId, kept);
  }

  #write() {
    if (!this.#unwritten.size) return;
    const stored = new Map(this.#stored().map((kept) => [kept.client_id, kept]));
    for (const [clientId, kept] of this.#unwritten) {
      if (kept) stored.set(clientId, kept);
      else stored.delete(clientId);
    }
    const all = [...stored.values()];
    this.#unwritten.clear();
    try {
      if (all.length) this.#storage?.setItem(this.#key, JSON.stringify(all));
      else this.#storage?.removeItem(this.#key);
    } catch {
      // Storage is full: the message is sent all the same, but would not outlive the page.
    }
  }
}

/** @param {any} problem as it was stored */
const revive = ({ status, ...body }) => new Problem(status, body);

/** @param {any} kept */
const isKept = (kept) => typeof kept?.chat_id === "string" && typeof kept.client_id === "string" && typeof kept.content === "string" && kept.created >= 0;
