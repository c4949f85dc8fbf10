/** What is tried again by itself waits for so long at least, whatever it is told. Seconds. */
const SHORTEST_PAUSE = 1;
/** The longest wait that a server can ask for: timers count milliseconds in 32 bits, and what is more ends at once. Seconds. */
const LONGEST_WAIT = 86_400;

const STOPS = new Set([1002, 1003, 1007, 1008, 1009, 4030]);

/**
 * What is to be done about a close code.
 * @param {number} code
 * @returns {import("../rookery.js").CloseAction}
 */
export function closeAction(code) {
  if (code === 4001) return "login";
  return STOPS.has(code) ? "stop" : "retry";
}

/** A refusal, by HTTP or by the WebSocket. */
export class Problem extends Error {
  /**
   * @param {number} status
   * @param {any} [body]
   * @param {number} [retryAfter] seconds
   */
  constructor(status, body, retryAfter = body?.retry_after) {
    super(body?.detail || body?.title || body?.code || `status ${status}`);
    this.name = "Problem";
    this.status = status;
    /** @type {string} */
    this.code = body?.code || "unknown";
    this.detail = this.message;
    this.retryAfter = typeof retryAfter === "number" && retryAfter >= 0 ? Math.min(retryAfter, LONGEST_WAIT) : undefined;
    /** @type {string | undefined} */
    this.limit = body?.limit;
    /** @type {{ field: string, code: string, detail: string }[]} */
    this.errors = Array.isArray(body?.errors) ? body.errors : [];
    /** @type {string[]} */
    this.userIds = Array.isArray(body?.user_ids) ? body.user_ids : [];
  }
}

/**
 * How long to wait before something is tried again by itself. Seconds.
 * @param {any} problem
 * @param {number} otherwise where the problem does not say
 */
export const pauseAfter = (problem, otherwise) => Math.max(problem.retryAfter ?? otherwise, SHORTEST_PAUSE);

/** @param {string} detail */
export const offline = (detail) => new Problem(0, { code: "offline", detail });

/** @param {string} detail of what was not asked for, as it can't be */
export const malformed = (detail) => new Problem(0, { code: "malformed_request", detail });
