// Asks for /metrics at a steady pace: never two at once, and not while nobody looks.
import { parse } from "./parse.js";

/** From this many cores on a worker parses; above that many it asks every 2 seconds. */
const WORKER_CORES = 16, SLOW_CORES = 32;
/** An answer that takes longer is none. */
const TIMEOUT_MS = 10_000;

/** Seconds from one look to the next. */
export const interval = (cores) => (cores > SLOW_CORES ? 2 : 1);

/** Calls `answered` with a snapshot and its monotonic time in seconds, or `failed` with whether there was an answer without figures. */
export function poll(answered, failed) {
  let cores = 0, busy = false, broken = false, timer, worker;

  const read = async (body) => {
    if (cores < WORKER_CORES || broken) return parse(new TextDecoder().decode(body));
    // Until it answers: one that cannot work is asked only once.
    broken = true;
    worker ??= new Worker(workerUrl(), { type: "module" });
    const snapshot = await new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = reject;
      worker.postMessage(body, [body]);
    });
    broken = false;
    return snapshot;
  };
  const ask = async () => {
    if (busy || document.hidden) return;
    busy = true;
    const begun = performance.now();
    let empty = false;
    try {
      const reply = await fetch("/metrics", { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
      const body = await reply.arrayBuffer();
      const middle = (begun + performance.now()) / 2000;
      const snapshot = reply.ok && (await read(body));
      empty = reply.ok && !snapshot.cores;
      if (!snapshot?.cores) throw Error("no metrics");
      cores = snapshot.cores;
      answered(snapshot, middle);
    } catch {
      failed(empty);
    }
    busy = false;
    clearTimeout(timer);
    timer = setTimeout(ask, Math.max(0, begun + 1000 * interval(cores) - performance.now()));
  };
  document.addEventListener("visibilitychange", ask);
  ask();
}

// The page's policy admits no script by name but this one.
const workerUrl = () => {
  const createScriptURL = () => new URL("./worker.js", import.meta.url).href;
  return globalThis.trustedTypes?.createPolicy("worker", { createScriptURL }).createScriptURL("") ?? createScriptURL();
};
