import { Problem, malformed, offline } from "./problem.js";
import { json } from "./text.js";

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
    const address = this.#resolve(path);
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
      response = await this.#fetch(address, {
        method,
        headers,
        body: body && json(body),
        credentials: this.#cookie ? "include" : "omit",
        // The API has none, and what is followed may have a password in it.
        redirect: "manual",
        signal: abort.signal,
      });
      text = await response.text();
    } catch (error) {
      throw offline(String(error));
    } finally {
      this.#clock.clearTimeout(timer);
    }
    if (isRedirect(response)) throw offline(`${method} ${path} was led elsewhere: ${response.headers.get("location") ?? "where is not seen here"}`);
    const answer = parse(response, text);
    const { ok, status } = response;
    if (ok ? answer === undefined : isForeign(method, status, answer)) throw offline(`what answered ${method} ${path} with ${status} is not the server`);
    if (ok) return { status, headers: response.headers, body: answer };
    const problem = new Problem(status, answer, this.#retryAfter(response.headers));
    if (problem.code === "unauthenticated") {
      this.forgetCookie();
      this.onUnauthenticated();
    }
    throw problem;
  }

  /**
   * Where a path leads: the login goes nowhere else.
   * @param {string} path
   */
  #resolve(path) {
    try {
      const address = new URL(path, this.url);
      if (address.origin === this.url.origin) return String(address);
    } catch {
      // It is none at all.
    }
    throw malformed(`“${path}” is no path of this server`);
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
   * The body of an answer, which has to be as the API has it.
   * @param {import("./shapes.js").Shape} fits
   * @param {string} method
   * @param {string} path
   * @param {object} [body]
   * @returns {Promise<any>}
   */
  async call(fits, method, path, body) {
    return (await this.#ask(fits, method, path, body)).body;
  }

  /**
   * One page of a list, and where the next one is.
   * @param {import("./shapes.js").Shape} fits
   * @param {string} path
   * @returns {Promise<{ items: any[], next?: string }>}
   */
  async page(fits, path) {
    const { headers, body } = await this.#ask(fits, "GET", path);
    const next = /<([^>]*)>;\s*rel="?next/.exec(headers.get("link") ?? "")?.[1];
    return { items: body, next };
  }

  /**
   * @param {import("./shapes.js").Shape} fits
   * @param {string} method
   * @param {string} path
   * @param {object} [body]
   * @returns {Promise<{ headers: Headers, body: any }>}
   */
  async #ask(fits, method, path, body) {
    const answer = await this.request(method, path, body);
    if (!fits(answer.body)) throw offline(`what answered ${method} ${path} is not the server`);
    return answer;
  }
}

/** Where pages may not see where an answer leads, its status is 0. @param {Response} response */
const isRedirect = ({ type, redirected, status }) => type === "opaqueredirect" || redirected || (status >= 300 && status < 400);

/**
 * Whether a refusal is not the server's, which says why. Who stands before it says that it is away (5xx), or is asked too often.
 * @param {string} method
 * @param {number} status
 * @param {any} answer
 */
const isForeign = (method, status, answer) => method !== "HEAD" && status < 500 && status !== 429 && typeof answer?.code !== "string";

/**
 * What JSON says, or else plain text, which is for operators; `undefined` where it is neither, as the page of a proxy.
 * @param {Response} response
 * @param {string} text
 */
function parse({ headers }, text) {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return headers.get("content-type")?.startsWith("text/plain") ? text : undefined;
  }
}
