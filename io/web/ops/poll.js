// @ts-check
// Asks for /metrics at a steady pace: never two at once, and not while nobody looks.
import { parse } from "./parse.js";

/** From this many cores on a worker parses. */
const WORKER_CORES = 16;
/** Above this many cores every 2 seconds. */
const SLOW_CORES = 32;
/** An answer that takes longer is none. */
const TIMEOUT_MS = 10_000;

/** @typedef {import("./parse.js").Snapshot} Snapshot */

/** @param {(snapshot: Snapshot, monotonic: number) => void} answered @param {() => void} failed called at each try in vain */
export function poll(answered, failed) {
  let cores = 0;
  let busy = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const parser = new Parser();

  const ask = async () => {
    if (busy || document.hidden) return;
    busy = true;
    const begun = performance.now();
    try {
      const reply = await fetch("/metrics", { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
      if (!reply.ok) throw new Error(String(reply.status));
      const body = await reply.arrayBuffer();
      const middle = (begun + performance.now()) / 2;
      const snapshot = await parser.parse(body, cores);
      if (!snapshot.cores) throw new Error("no metrics");
      cores = snapshot.cores;
      answered(snapshot, middle / 1000);
    } catch {
      failed();
    }
    busy = false;
    clearTimeout(timer);
    if (!document.hidden) timer = setTimeout(ask, Math.max(0, begun + 1000 * interval(cores) - performance.now()));
  };
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    ask();
  });
  ask();
}

/** Seconds from one look to the next. @param {number} cores */
export const interval = (cores) => (cores > SLOW_CORES ? 2 : 1);

class Parser {
  /** @type {Worker | undefined} */
  worker;
  broken = false;

  /** @param {ArrayBuffer} body @param {number} cores as last known @returns {Promise<Snapshot>} */
  async parse(body, cores) {
    if (cores >= WORKER_CORES && !this.broken) {
      try {
        return await this.remote(body.slice(0));
      } catch {
        this.broken = true;
        this.worker?.terminate();
      }
    }
    return parse(new TextDecoder().decode(body));
  }

  /** @param {ArrayBuffer} body @returns {Promise<Snapshot>} */
  remote(body) {
    const worker = (this.worker ??= new Worker(/** @type {string} */ (workerUrl()), { type: "module" }));
    return new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = reject;
      worker.postMessage(body, [body]);
    });
  }
}

// The page's policy admits no other script, and this one has no say in which it is.
const workerUrl = () => {
  const constant = () => new URL("./worker.js", import.meta.url).href;
  const types = /** @type {any} */ (globalThis).trustedTypes;
  return types ? types.createPolicy("worker", { createScriptURL: constant }).createScriptURL("") : constant();
};
