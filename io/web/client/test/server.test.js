// Plays the client's side of each exchange against a live server: at ROOKERY_URL, or started from ROOKERY_BINARY.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { LiveServer } from "../testing/live.js";
import { Names, anyTime, exchanges } from "../testing/script.js";
import { Socket } from "../testing/socket.js";

const { ROOKERY_URL: url, ROOKERY_BINARY: binary } = process.env;
const run = `${Date.now().toString(36)}`;
/** Servers that were started, by their flags. */
const started = new Map();

after(() => Promise.all([...started.values()].map((server) => server.stop())));

for (const [i, exchange] of [...exchanges(), { name: "What may be asked for at any time", file: "parts/any-time.json", users: ["ann"], steps: anyTime() }].entries()) {
  const own = exchange.flags || exchange.restart;
  const skip = !binary && (own ? `needs a server started with ${exchange.flags?.join(" ") ?? "a process of its own"}: set ROOKERY_BINARY` : !url && "set ROOKERY_URL");
  test(exchange.name, { skip, timeout: 30_000 }, async () => {
    const server = own || !url ? await start(exchange.flags ?? []) : undefined;
    const play = new Play(exchange, server, `${run}${i}`);
    try {
      await play.begin();
      for (const [at, step] of exchange.steps.entries()) {
        await play.step(step).catch((error) => {
          throw new Error(`${exchange.file}, step ${at}: ${JSON.stringify(step).slice(0, 300)}: ${error.message}`, { cause: error });
        });
      }
    } finally {
      play.end();
    }
  });
}

async function start(flags) {
  const key = flags.join(" ");
  if (!started.has(key)) started.set(key, await LiveServer.start(binary, flags));
  return started.get(key);
}

class Play {
  #names = new Names();
  /** Logins by whom they are of: `ann`, `ann/phone`. */
  #tokens = new Map();
  /** @type {Map<string, Socket[]>} */
  #sockets = new Map();

  constructor(exchange, server, suffix) {
    this.exchange = exchange;
    this.server = server;
    this.url = server?.url ?? url;
    this.suffix = suffix;
  }

  async begin() {
    for (const user of this.exchange.users) {
      const account = { username: `${user}${this.suffix}`, password: `a password of ${this.suffix}` };
      const { body } = await this.#request("POST", "/users", account);
      this.#names.set(user, body.user_id);
      this.#names.set(`${user}.name`, account.username);
      this.#names.set(`${user}.password`, account.password);
      if (user !== "ann" || this.exchange.begins !== "logged out") this.#names.set(`${user}.token`, await this.#token(user));
    }
  }

  end() {
    for (const sockets of this.#sockets.values()) sockets.forEach((socket) => socket.end());
  }

  async step(step) {
    const by = step.by ?? "ann";
    for (const name of step.fresh ?? []) this.#names.forget(name);
    if (step.http) await this.#ask(step, by);
    if (step.open) await this.#open(step, by);
    for (let i = 0; i < step.opens; i++) await this.#connect(by, `/ws/connect/${this.#names.fill(`$${by.split("/")[0]}`)}`);
    if (step.client) this.#socket(by).send(this.#names.fill(step.client));
    if (step.server) await this.#socket(by).take((frame) => this.#names.match(step.server, frame));
    if (step.close) await this.#close(step);
    if (step.passes) await new Promise((resolve) => setTimeout(resolve, Math.min(step.passes, 2) * 1_000));
    if (step.never) await this.#never(step);
  }

  async #ask({ http, answer }, by) {
    const { method, path, body } = this.#names.fill(http);
    const end = Date.now() + 3_000;
    for (;;) {
      const given = await this.#request(method, path, body, path === "/login" ? undefined : await this.#token(by));
      if (path === "/login" && given.body.token) this.#tokens.set(by, given.body.token);
      if (this.#names.match(answer, given)) return;
      // What others did may take a moment until it is seen everywhere; a change is asked for once.
      if (method !== "GET" || Date.now() > end) assert.fail(`the answer was ${JSON.stringify(given)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async #open({ open, status = 101 }, by) {
    const socket = await this.#connect(by, this.#names.fill(open), false);
    assert.equal(socket.status, status);
  }

  async #connect(by, path, login = true) {
    const socket = await Socket.open(this.url, path, login ? await this.#token(by) : undefined);
    this.#sockets.set(by, [...(this.#sockets.get(by) ?? []), socket]);
    return socket;
  }

  #socket(by) {
    return this.#sockets.get(by).at(-1);
  }

  async #close({ close, provoked }) {
    const socket = this.#socket("ann");
    if (close === 1012) await this.server.restart();
    if (close === 1012 || provoked) assert.equal(await socket.closed(), close);
    else socket.end();
  }

  async #never({ never, within }) {
    const came = await this.#socket("ann").take((frame) => new Names().match(this.#names.fill(never), frame), within * 1_000).catch(() => undefined);
    assert.equal(came, undefined, "this came");
  }

  /** The login of a user, made as it is needed. */
  async #token(by) {
    if (!this.#tokens.has(by)) {
      const user = by.split("/")[0];
      const login = { username: this.#names.fill(`$${user}.name`), password: this.#names.fill(`$${user}.password`) };
      this.#tokens.set(by, (await this.#request("POST", "/login", login)).body.token);
    }
    return this.#tokens.get(by);
  }

  async #request(method, path, body, token) {
    const headers = {};
    if (body) headers["content-type"] = "application/json";
    if (token) headers.authorization = `Bearer ${token}`;
    if (this.exchange.origin) headers.origin = this.exchange.origin;
    const response = await fetch(`${this.url}${path}`, { method, headers, body: body && JSON.stringify(body) });
    const text = await response.text();
    return { status: response.status, headers: Object.fromEntries(response.headers), body: text ? JSON.parse(text) : undefined };
  }
}
