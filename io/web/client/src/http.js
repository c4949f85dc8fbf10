import { Problem, offline } from "./problem.js";

/** After this time no answer is waited for; the server gives up after 30 s itself. Milliseconds. */
const ANSWER_WITHIN = 40_000;

/** A cookie that begins and ends with the one that carries the login, which no script can read. */
const USER_COOKIE = /(?:^|; )user_id=./;

/** Calls of the API, with the login. */
export class Http {
  #fetch;
  #clock;
  #cookie;
  /** @type {string | null} */
  token;
  /** Of the caller: what trust mode goes by where there are no cookies. */
  userId = "";
  /** Told when a call is refused for want of a login. */
  onUnauthenticated = () => {};

  /**
   * @param {{ url: URL, cookie: boolean, token?: string, fetch?: typeof globalThis.fetch, clock: import("../rookery.js").Clock }} options
   */
  constructor({ url, cookie, token, fetch = globalThis.fetch, clock }) {
    this.url = url;
    this.#cookie = cookie;
    this.token = cookie ? null : token ?? null;
    this.#fetch = fetch.bind(globalThis);
    this.#clock = clock;
  }

  get byTicket() {
    return !this.#cookie;
  }

  /** Whether scripts see the cookies that come with a call. */
  get #seesCookies() {
    return this.#cookie && globalThis.document !== undefined && this.url.origin === globalThis.location?.origin;
  }

  /** Whether somebody may be logged in: one who sees that nobody is need not be refused. */
  get mayBeLoggedIn() {
    if (!this.#cookie) return this.token !== null;
    return !this.#seesCookies || USER_COOKIE.test(document.cookie);
  }

  /** The login by cookie is over. The server takes its cookies back at a log-out alone. */
  forgetCookie() {
    if (this.#seesCookies) document.cookie = "user_id=; Path=/; Max-Age=0";
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {object} [body]
   */
  async request(method, path, body) {
    /** @type {Record<string, string>} */
    const headers = {};
    if (body) headers["content-type"] = "application/json";
    if (this.token) headers.authorization = `Bearer ${this.token}`;
    // Pages can't set this one; in Node it stands for the cookie that trust mode reads.
    if (this.token && this.userId) headers.cookie = `user_id=${this.userId}`;
    const abort = new AbortController();
    const timer = this.#clock.setTimeout(() => abort.abort(), ANSWER_WITHIN);
    let response, text;
    try {
      response = await this.#fetch(String(new URL(path, this.url)), {
        method,
        headers,
        body: body && JSON.stringify(body),
        credentials: this.#cookie ? "include" : "omit",
        signal: abort.signal,
      });
      text = await response.text();
    } catch (error) {
      throw offline(String(error));
    } finally {
      this.#clock.clearTimeout(timer);
    }
    const answer = parse(text);
    if (response.ok) return { status: response.status, headers: response.headers, body: answer };
    const problem = new Problem(response.status, answer, this.#retryAfter(response.headers));
    if (problem.code === "unauthenticated") {
      this.forgetCookie();
      this.onUnauthenticated();
    }
    throw problem;
  }

  /**
   * Seconds, which may be given as a date: servers don't, but what stands before them does.
   * @param {Headers} headers
   */
  #retryAfter(headers) {
    const given = headers.get("retry-after") ?? "";
    if (/^\s*\d+\s*$/.test(given)) return Number(given);
    if (!/^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(given)) return undefined;
    // The clock of whoever gave the date, where it may be seen, as this one may go wrong.
    const now = Date.parse(headers.get("date") ?? "") || this.#clock.now();
    const seconds = Math.ceil((Date.parse(given) - now) / 1_000);
    return Number.isNaN(seconds) ? undefined : Math.max(seconds, 0);
  }

  /**
   * The body of an answer.
   * @param {string} method
   * @param {string} path
   * @param {object} [body]
   * @returns {Promise<any>}
   */
  async call(method, path, body) {
    return (await this.request(method, path, body)).body;
  }

  /**
   * One page of a list, and where the next one is.
   * @param {string} path
   * @returns {Promise<{ items: any[], next?: string }>}
   */
  async page(path) {
    const { headers, body } = await this.request("GET", path);
    const next = /<([^>]*)>;\s*rel="?next/.exec(headers.get("link") ?? "")?.[1];
    return { items: /** @type {any[]} */ (body), next };
  }
}

/** @param {string} text */
function parse(text) {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    // A proxy's page, for instance.
    return null;
  }
}
