import { isShown } from "./messages.js";
import * as shapes from "./shapes.js";

/**
 * @typedef {import("../rookery.js").Message} Message
 * @typedef {import("../rookery.js").ChatEvent} ChatEvent
 * @typedef {{ messages: Message[], events: ChatEvent[], from: number, to: number }} Part all that is shown between two events, these included
 */

/** Messages of one page. */
const PAGE = 50;
/** The most events that a page of the server has. */
const EVENTS_PAGE = 1_000;

/** Reads a chat's conversation from the server. */
export class History {
  #http;
  #chatId;
  /** Events up to this one are too old for the server to give. */
  #tooOld = -1;

  /**
   * @param {import("./http.js").Http} http
   * @param {string} chatId
   */
  constructor(http, chatId) {
    this.#http = http;
    this.#chatId = chatId;
  }

  /**
   * The newest page of what lies between the two, both exclusive.
   * @param {number} before
   * @param {number} floor
   * @returns {Promise<Part>}
   */
  async before(before, floor) {
    const { items, next } = await this.messages(`before=${before}&limit=${PAGE}`);
    const messages = items.reverse().filter(({ seq }) => seq > floor);
    const whole = !next || messages.length < items.length || !items.length;
    return this.#whole(messages, whole ? floor + 1 : messages[0].seq, before - 1);
  }

  /**
   * The oldest page of what lies behind `after`, up to `ceiling`.
   * @param {number} after
   * @param {number} ceiling
   * @returns {Promise<Part>}
   */
  async after(after, ceiling) {
    const { items, next } = await this.messages(`after=${after}&limit=${PAGE}`);
    const messages = items.filter(({ seq }) => seq <= ceiling);
    const whole = !next || messages.length < items.length || !items.length;
    return this.#whole(messages, after + 1, whole ? ceiling : messages[messages.length - 1].seq);
  }

  /**
   * @param {string} query
   * @returns {Promise<{ items: Message[], next?: string }>}
   */
  messages(query) {
    return this.#http.page(shapes.messages, `/chats/${this.#chatId}/messages?${query}`);
  }

  /**
   * Adds the events that history does not show.
   * @param {Message[]} messages in order
   * @param {number} from
   * @param {number} to
   */
  async #whole(messages, from, to) {
    const ends = [from - 1, ...messages.map(({ seq }) => seq), to + 1];
    const holes = ends.slice(1).flatMap((seq, i) => (seq > ends[i] + 1 ? [ends[i] + 1, seq - 1] : []));
    const events = holes.length ? await this.#events(holes[0] - 1, holes[holes.length - 1]) : [];
    return { messages, events, from, to };
  }

  /**
   * @param {number} after
   * @param {number} to
   */
  async #events(after, to) {
    /** @type {ChatEvent[]} */
    const shown = [];
    try {
      while (after < to && after > this.#tooOld) {
        const limit = Math.min(EVENTS_PAGE, to - after);
        const events = await this.#http.call(shapes.events, "GET", `/chats/${this.#chatId}/events?after=${after}&limit=${limit}`);
        shown.push(...events.filter((/** @type {ChatEvent} */ event) => event.seq <= to && isShown(event)));
        after = events[events.length - 1]?.seq ?? to;
      }
    } catch (/** @type {any} */ problem) {
      if (problem.status !== 410) throw problem;
      this.#tooOld = Math.max(this.#tooOld, after);
    }
    return shown;
  }
}
