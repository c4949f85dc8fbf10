import { freshId, systemClock } from "./clock.js";
import { Connection } from "./connection.js";
import { Emitter } from "./emitter.js";
import { Feed } from "./feed.js";
import { Http } from "./http.js";
import { Outbox } from "./outbox.js";
import { Presences } from "./presence.js";
import { Problem } from "./problem.js";
import * as shapes from "./shapes.js";
import { escape, part } from "./text.js";
import { Users } from "./users.js";

/** @typedef {import("../rookery.js").User} User */

export class Client {
  /** @type {import("./core.js").Core} */
  #core;
  #users;
  #url;
  /** @type {User | null} */
  #me = null;
  /** The chat that is being made, so that a second try does not make another. */
  #making = { what: "", id: "" };

  /** @param {import("../rookery.js").Options} [options] */
  constructor({ url, credentials, token, WebSocket = globalThis.WebSocket, fetch, storage, clock = systemClock } = {}) {
    const own = globalThis.location?.origin;
    const base = new URL(url ?? own);
    const cookie = (credentials ?? (base.origin === own ? "cookie" : "token")) === "cookie";
    this.#url = base;
    const core = /** @type {import("./core.js").Core} */ ({ clock, me: "" });
    this.#core = core;
    core.http = new Http({ url: base, cookie, token, fetch, clock });
    core.emitter = new Emitter(clock);
    core.feed = new Feed(core);
    core.presence = new Presences(core);
    core.outbox = new Outbox(clock, storage, {
      send: (frame) => core.connection.send(frame),
      changed: (chatId) => core.feed.get(chatId)?.timeline.changed(),
      live: () => this.state.phase === "live",
    });
    core.connection = new Connection(clock, WebSocket, {
      address: () => this.#address(),
      frame: (frame) => core.feed.receive(frame),
      refused: () => void core.http.request("GET", "/me").catch(() => {}),
      changed: () => core.emitter.mark("state", this, () => this.state),
      lost: () => {
        core.feed.lost();
        core.outbox.close();
      },
    });
    core.http.onUnauthenticated = () => {
      if (core.me) core.connection.end({ phase: "ended" });
    };
    this.#users = core.users = new Users(core);
  }

  get me() {
    return this.#me;
  }

  get state() {
    return this.#core.connection.state;
  }

  get settings() {
    return this.#core.feed.settings;
  }

  get token() {
    return this.#core.http.token;
  }

  get chats() {
    return this.#core.feed.chats;
  }

  /**
   * @param {string} event
   * @param {(value: any) => void} listener
   */
  on(event, listener) {
    return this.#core.emitter.on(event, listener);
  }

  about() {
    return this.#call(shapes.about, "GET", "/about");
  }

  /** @param {{ username: string, password: string, invite?: string }} account */
  signUp(account) {
    return this.#call(shapes.user, "POST", "/users", account);
  }

  /** @param {{ username: string, password?: string, device?: string }} login */
  async logIn(login) {
    const { http, connection } = this.#core;
    const { user_id, token } = await this.#call(shapes.login, "POST", "/login", login);
    if (http.byTicket) http.token = token;
    http.userId = user_id;
    // The connection goes on with this login, before the one that it has runs out.
    if (user_id === this.#core.me) connection.send({ type: "auth", token });
    return this.#welcome(await this.#call(shapes.user, "GET", "/me"));
  }

  async restore() {
    const { http, me } = this.#core;
    try {
      if (http.mayBeLoggedIn) return this.#welcome(await this.#call(shapes.user, "GET", "/me"));
    } catch (/** @type {any} */ problem) {
      if (problem.status !== 401) throw problem;
    }
    // Another page of the browser may have logged out: then it is over here, too.
    if (me) this.#leave();
    return null;
  }

  /** @param {{ all?: boolean }} [options] */
  async logOut({ all = false } = {}) {
    try {
      await this.#call(shapes.nothing, "POST", `/logout${all ? "?all=true" : ""}`);
    } catch (/** @type {any} */ problem) {
      // The login is over in these cases, too.
      if (problem.status !== 401 && problem.code !== "logout_not_recorded") throw problem;
    }
    this.#leave();
  }

  connect() {
    if (!this.#core.me) throw new Problem(401, { code: "unauthenticated", detail: "nobody is logged in" });
    this.#core.connection.connect();
  }

  disconnect() {
    this.#core.connection.end({ phase: "idle" });
  }

  retryNow() {
    this.#core.connection.retryNow();
  }

  /** @param {string} id */
  chat(id) {
    return this.#core.feed.get(id);
  }

  /** @param {{ name: string, members: string[] }} chat */
  async createChat({ name, members }) {
    const what = JSON.stringify([name, members]);
    if (this.#making.what !== what) this.#making = { what, id: freshId() };
    const info = await this.#call(shapes.chat, "POST", "/chats", { name, members, client_id: this.#making.id });
    this.#making.what = "";
    return this.#core.feed.adopt(info);
  }

  /** @param {string} userId */
  async direct(userId) {
    return this.#core.feed.adopt(await this.#call(shapes.chat, "POST", `/direct/${part(userId)}`));
  }

  /** @param {string} id */
  user(id) {
    return this.#users.get(id);
  }

  /** @param {string} prefix */
  async search(prefix) {
    const users = await this.#call(shapes.users, "GET", `/users?prefix=${escape(prefix)}`);
    for (const user of users) this.#users.put(user);
    return users;
  }

  /** @param {string} userId */
  presence(userId) {
    return this.#core.presence.of(userId);
  }

  /** @param {string | null} name */
  async setDisplayName(name) {
    return this.#welcome(await this.#call(shapes.user, "PATCH", "/me", { display_name: name }));
  }

  /**
   * @param {string} old
   * @param {string} password
   */
  async changePassword(old, password) {
    await this.#call(shapes.nothing, "PUT", "/me/password", { old, new: password });
  }

  sessions() {
    return this.#call(shapes.sessions, "GET", "/sessions");
  }

  /** @param {string} sessionId */
  async endSession(sessionId) {
    await this.#call(shapes.nothing, "DELETE", `/sessions/${part(sessionId)}`);
  }

  /** @param {string} [password] */
  async deleteAccount(password) {
    await this.#call(shapes.nothing, "DELETE", "/me", password === undefined ? undefined : { password });
    this.#leave();
  }

  async blocks() {
    const blocks = await this.#call(shapes.blocks, "GET", "/me/blocks");
    return blocks.map((/** @type {any} */ { user_id }) => user_id);
  }

  /** @param {string} userId */
  async block(userId) {
    await this.#call(shapes.nothing, "PUT", `/me/blocks/${part(userId)}`);
  }

  /** @param {string} userId */
  async unblock(userId) {
    await this.#call(shapes.nothing, "DELETE", `/me/blocks/${part(userId)}`);
  }

  /** @param {object} patch */
  async changeSettings(patch) {
    this.#core.feed.configure(await this.#call(shapes.object, "PATCH", "/me/settings", patch));
    return this.settings;
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {object} [body]
   */
  request(method, path, body) {
    return this.#core.http.request(method, path, body);
  }

  /**
   * @param {import("./shapes.js").Shape} fits
   * @param {string} method
   * @param {string} path
   * @param {object} [body]
   */
  #call(fits, method, path, body) {
    return this.#core.http.call(fits, method, path, body);
  }

  /** Where to connect: with a ticket, where the login is no cookie. */
  async #address() {
    const { http, me } = this.#core;
    const address = new URL(`/ws/connect/${me}?resume=1`, this.#url);
    address.protocol = address.protocol.replace("http", "ws");
    if (http.byTicket) address.searchParams.set("ticket", (await this.#call(shapes.ticket, "POST", "/ws-ticket")).ticket);
    return String(address);
  }

  /** @param {User} user who is logged in */
  #welcome(user) {
    const core = this.#core;
    if (core.me !== user.user_id) {
      if (core.me) core.connection.end({ phase: "idle" });
      core.feed.clear();
      core.presence.clear();
      this.#users.clear();
      core.me = core.http.userId = user.user_id;
      core.outbox.load(user.user_id);
    }
    this.#me = user;
    this.#users.put(user);
    core.emitter.mark("me", this, () => this.me);
    return user;
  }

  /** Nobody is logged in any more. */
  #leave() {
    const core = this.#core;
    core.connection.end({ phase: "idle" });
    core.outbox.erase();
    core.feed.clear();
    core.presence.clear();
    this.#users.clear();
    core.me = core.http.userId = "";
    core.http.token = null;
    core.http.forgetCookie();
    this.#me = null;
    core.emitter.mark("me", this, () => this.me);
  }
}
