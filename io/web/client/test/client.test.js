// Plays the server's side of each exchange against the client.
import assert from "node:assert/strict";
import { test } from "node:test";
import { WebSocket } from "ws";
import { Client } from "../rookery.js";
import { perform, view } from "../testing/adapter.js";
import { memoryStorage } from "../testing/client.js";
import { FakeClock, settled } from "../testing/clock.js";
import { Names, anyTime, exchanges } from "../testing/script.js";
import { ScriptedServer } from "../testing/server.js";

const ANY_TIME = anyTime();

for (const exchange of exchanges()) {
  test(exchange.name, { timeout: 20_000 }, async () => {
    const server = new ScriptedServer();
    const url = await server.listen();
    const play = new Play(exchange, server, url);
    try {
      await play.begin();
      for (const [i, step] of exchange.steps.entries()) {
        await play.step(step).catch((error) => {
          throw new Error(`${exchange.file}, step ${i}: ${JSON.stringify(step).slice(0, 300)}: ${error.message}`, { cause: error });
        });
      }
      await play.end();
    } finally {
      play.client.disconnect();
      server.close();
    }
  });
}

class Play {
  #names = new Names();
  #clock = new FakeClock();
  #storage = memoryStorage();
  #doing = [];

  constructor(exchange, server, url) {
    this.exchange = exchange;
    this.server = server;
    for (const user of exchange.users) {
      for (const of of ["name", "password", "token"]) this.#names.set(`${user}.${of}`, `${user}'s ${of}`);
    }
    this.token = exchange.begins === "logged out" ? undefined : this.#names.fill("$ann.token");
    this.url = url;
    this.client = this.#begun();
  }

  /** A client, with what one before it has stored. */
  #begun() {
    return new Client({ url: this.url, token: this.token, WebSocket, storage: this.#storage, clock: this.#clock });
  }

  async begin() {
    this.#answerAnyTime();
    if (this.exchange.begins !== "logged out") await this.client.restore();
  }

  async end() {
    await settled();
    clearInterval(this.timer);
    this.#dropAnyTime();
    await Promise.all(this.#doing);
    assert.deepEqual(this.server.rest, [], "the client did what stands in no step");
  }

  async step(step) {
    for (const name of step.fresh ?? []) this.#names.forget(name);
    if (step.by) return;
    if (step.http) await this.#answer(step);
    if (step.open) await this.#open(step);
    if (step.client) await this.server.take(({ kind, frame }) => kind === "frame" && this.#names.match(step.client, frame), "this message");
    if (step.server) this.server.send(this.#names.fill(step.server));
    if (step.close) this.server.hangUp(step.close);
    if (step.passes) await this.#clock.pass(step.passes * 1_000);
    // A login has to have come about first.
    if (step.do === "connect") await Promise.all(this.#doing);
    if (step.do === "reload") await this.#reload();
    else if (step.do) this.#do(step);
    if (step.shows) await this.#shows(step.shows);
  }

  async #answer({ http, answer }) {
    const asked = await this.server.take((thing) => this.#asks(http, thing), `${http.method} ${http.path}`);
    ScriptedServer.answer(asked, this.#names.fill(answer));
  }

  #asks({ method, path, body }, thing) {
    if (thing.kind !== "http" || thing.method !== method || !this.#names.matchPath(path, thing.path)) return false;
    return body === undefined || this.#names.match(body, thing.body);
  }

  async #open({ open, status }) {
    const opened = await this.server.take(({ kind, path }) => kind === "open" && this.#names.matchPath(open, path), open);
    if (status) this.server.refuse(opened, status);
    else this.server.accept(opened);
  }

  async #reload() {
    await settled();
    this.client.disconnect();
    this.client = this.#begun();
    await this.client.restore();
  }

  #do(step) {
    const { fails, ...rest } = this.#names.fill(step);
    const login = { username: this.#names.fill("$ann.name"), password: this.#names.fill("$ann.password") };
    const done = perform(this.client, { ...login, ...rest });
    this.#doing.push(fails ? assert.rejects(done, { code: fails }) : done);
    done.catch(() => {});
  }

  async #shows(expected) {
    const end = Date.now() + 2_000;
    for (;;) {
      const shown = view(this.client, this.#names.fill(expected));
      if (this.#names.match(expected, shown)) return;
      if (Date.now() > end) assert.deepEqual(shown, this.#names.fill(expected));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  #answerAnyTime() {
    this.timer = setInterval(() => this.#dropAnyTime(), 5);
    this.timer.unref();
  }

  #dropAnyTime() {
    this.server.drop((thing) => {
      const step = ANY_TIME.find(({ http }) => this.#asks(http, thing));
      if (step) ScriptedServer.answer(thing, this.#names.fill(step.answer));
      return step !== undefined;
    });
  }
}
