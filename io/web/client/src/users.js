import { pauseAfter } from "./problem.js";
import * as shapes from "./shapes.js";
import { escape } from "./text.js";

/**
 * @typedef {import("../rookery.js").User} User
 * @typedef {{ user: User | null, at: number }} Known
 */

/** Users that are kept; the ones not asked for the longest go. */
const USERS = 5_000;
/** Users of one request. */
const BATCH = 100;
/** After this time a user is asked for again when they are shown. Milliseconds. */
const FRESH_FOR = 5 * 60_000;
/** The pause after a request that failed. Seconds. */
const PAUSE = 5;
const AWAY = ["idle", "ended", "stopped"];

/** Names of users, asked for in batches. */
export class Users {
  #core;
  /** @type {Map<string, Known>} */
  #known = new Map();
  /** @type {Set<string>} */
  #wanted = new Set();
  /** @type {Set<string>} loaded since listeners were told */
  #fresh = new Set();
  #asking = false;

  /** @param {import("./core.js").Core} core */
  constructor(core) {
    this.#core = core;
  }

  /** @param {string} id */
  get(id) {
    const known = this.#known.get(id);
    if (known) {
      this.#known.delete(id);
      this.#known.set(id, known);
    }
    if (!known || this.#core.clock.now() - known.at > FRESH_FOR) this.#want(id);
    return known?.user;
  }

  /** @param {User} user */
  put(user) {
    this.#set(user.user_id, user);
    this.#told([user.user_id]);
  }

  /** They have deleted their account. @param {string} id */
  gone(id) {
    this.#set(id, null);
    this.#told([id]);
  }

  /** @param {string} id */
  isGone(id) {
    return this.#known.get(id)?.user === null;
  }

  clear() {
    this.#known.clear();
    this.#wanted.clear();
  }

  /** @param {string} id */
  #want(id) {
    if (this.#wanted.size >= USERS) return;
    this.#wanted.add(id);
    this.#later(0);
  }

  /** @param {number} seconds */
  #later(seconds) {
    if (this.#asking || !this.#core.me) return;
    this.#asking = true;
    this.#core.clock.setTimeout(() => this.#ask(), seconds * 1_000);
  }

  async #ask() {
    const ids = [...this.#wanted].slice(0, BATCH);
    const asked = this.#core.clock.now();
    let pause = 0;
    try {
      /** @type {User[]} */
      const users = ids.length ? await this.#core.http.call(shapes.users, "GET", `/users?ids=${ids.map(escape).join()}`) : [];
      const found = new Map(users.map((user) => [user.user_id, user]));
      for (const id of ids) {
        this.#wanted.delete(id);
        // What was given meanwhile is newer.
        if (!(/** @type {any} */ (this.#known.get(id))?.at > asked)) this.#set(id, found.get(id) ?? null);
      }
      if (ids.length) this.#told(ids);
    } catch (/** @type {any} */ problem) {
      pause = pauseAfter(problem, PAUSE);
      // An id that is none would hold up all others for ever, and where nobody is connected nobody waits.
      const refused = problem.status >= 400 && problem.status < 429;
      if (refused || AWAY.includes(this.#core.connection.state.phase)) ids.forEach((id) => this.#wanted.delete(id));
    }
    this.#asking = false;
    // What was refused may be wanted again at once, by whoever draws it.
    if (pause || this.#wanted.size) this.#later(pause);
  }

  /**
   * @param {string} id
   * @param {User | null} user
   */
  #set(id, user) {
    this.#known.delete(id);
    this.#known.set(id, { user, at: this.#core.clock.now() });
    if (this.#known.size > USERS) this.#known.delete(/** @type {string} */ (this.#known.keys().next().value));
  }

  /** @param {string[]} ids */
  #told(ids) {
    if (this.#fresh.size > USERS) this.#fresh.clear();
    for (const id of ids) this.#fresh.add(id);
    this.#core.emitter.mark("users", this, () => {
      const fresh = [...this.#fresh];
      this.#fresh.clear();
      return fresh;
    });
  }
}
