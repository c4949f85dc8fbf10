import { closeAction } from "./problem.js";
import * as shapes from "./shapes.js";
import { json } from "./text.js";

/** @typedef {import("../rookery.js").State} State */

// All in milliseconds.
const READY_WITHIN = 35_000;
const SILENCE = 25_000;
const PONG_WITHIN = 10_000;
const LONGEST_PAUSE = 30_000;
const PENALTY = 5_000;

/** The WebSocket: opened again whenever it is lost. */
export class Connection {
  /** @type {State} */
  state = { phase: "idle" };
  #clock;
  #WebSocket;
  #owner;
  /** @type {globalThis.WebSocket | null} */
  #socket = null;
  #failures = 0;
  #heard = 0;
  /** @type {unknown} */
  #timer;
  /** @type {unknown} */
  #watch;

  /**
   * @param {import("../rookery.js").Clock} clock
   * @param {typeof globalThis.WebSocket} WebSocket
   * @param {{ address(): Promise<string>, frame(frame: any): void, refused(): void, changed(): void, lost(): void }} owner
   */
  constructor(clock, WebSocket, owner) {
    this.#clock = clock;
    this.#WebSocket = WebSocket;
    this.#owner = owner;
  }

  get up() {
    return this.state.phase === "live" || this.state.phase === "behind";
  }

  get #wanted() {
    return this.up || this.state.phase === "connecting" || this.state.phase === "offline";
  }

  connect() {
    if (this.#wanted) return;
    this.#failures = 0;
    globalThis.addEventListener?.("online", this.#online);
    this.#open();
  }

  /** @param {State} state why there is no connection from here on */
  end(state) {
    globalThis.removeEventListener?.("online", this.#online);
    this.#drop();
    this.#set(state);
  }

  retryNow() {
    if (this.state.phase === "offline") this.#open();
  }

  /** @param {object} frame */
  send(frame) {
    if (this.up) this.#socket?.send(json(frame));
    return this.up;
  }

  /** The server holds events from here on. */
  ready() {
    this.#clock.clearTimeout(this.#timer);
    this.#set({ phase: "behind", missing: 0 });
    this.#listen();
  }

  /** @param {number} missing events */
  behind(missing) {
    if (this.state.phase === "behind") this.#set({ phase: "behind", missing });
  }

  live() {
    if (this.state.phase !== "behind") return;
    this.#failures = 0;
    this.#set({ phase: "live" });
  }

  /**
   * The connection is no good: another one, after a pause.
   * @param {number} [code] the close code
   * @param {number} [retryAfter] seconds
   */
  lose(code, retryAfter = 0) {
    if (!this.#wanted) return;
    this.#drop();
    const action = code === undefined ? "retry" : closeAction(code);
    if (action === "login") return this.end({ phase: "ended", code });
    if (action === "stop") return this.end({ phase: "stopped", code: code ?? 0 });
    const most = Math.min(LONGEST_PAUSE, 1_000 * 2 ** this.#failures++);
    const least = Math.max(retryAfter * 1_000, code === 4029 ? PENALTY : 0);
    const pause = least + this.#clock.random() * most;
    this.#timer = this.#clock.setTimeout(() => this.#open(), pause);
    this.#set({ phase: "offline", retryAt: this.#clock.now() + pause, code });
  }

  async #open() {
    this.#drop();
    /** @type {State} */
    const state = { phase: "connecting", attempt: this.#failures + 1 };
    this.#set(state);
    this.#timer = this.#clock.setTimeout(() => this.lose(), READY_WITHIN);
    let socket;
    try {
      const address = await this.#owner.address();
      if (this.state !== state) return;
      socket = new this.#WebSocket(address, ["rookery.v1.batch"]);
    } catch (/** @type {any} */ problem) {
      if (this.state === state) this.lose(undefined, problem.retryAfter);
      return;
    }
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      this.#heard = this.#clock.now();
      for (const line of String(data).split("\n")) {
        // A frame may have made us give up this socket, and the rest is no longer for us.
        if (line && this.#socket === socket) this.#receive(line);
      }
    };
    socket.onerror = () => {};
    socket.onclose = ({ code }) => {
      // A page is not told why a handshake failed: it may be for want of a login.
      if (this.state === state) this.#owner.refused();
      this.lose(code);
    };
  }

  /** @param {string} line */
  #receive(line) {
    let frame;
    try {
      frame = JSON.parse(line);
    } catch {
      // It is none, and no shape fits.
    }
    if (shapes.frame(frame)) this.#owner.frame(frame);
    // It may come again at once.
    else this.lose(undefined, PENALTY / 1_000);
  }

  #drop() {
    this.#clock.clearTimeout(this.#timer);
    this.#clock.clearTimeout(this.#watch);
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onmessage = socket.onclose = null;
    socket.close();
    this.#owner.lost();
  }

  /** Asks for a sign of life where there was none for a while. */
  #listen() {
    const silent = this.#clock.now() - this.#heard;
    if (silent >= SILENCE) return this.#probe(PONG_WITHIN);
    this.#watch = this.#clock.setTimeout(() => this.#listen(), SILENCE - silent);
  }

  /** @param {number} within milliseconds */
  #probe(within) {
    this.#heard = 0;
    this.#clock.clearTimeout(this.#watch);
    this.send({ type: "ping" });
    this.#watch = this.#clock.setTimeout(() => {
      if (!this.#heard) this.lose();
      else this.#listen();
    }, within);
  }

  // The network is another one, maybe: what waits tries at once, and what is open has to show that it lives.
  #online = () => {
    if (this.up) this.#probe(PONG_WITHIN / 2);
    else if (this.#wanted) this.#open();
  };

  /** @param {State} state */
  #set(state) {
    this.state = state;
    this.#owner.changed();
  }
}
