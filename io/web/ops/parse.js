// @ts-check
// Reads the Prometheus text of /metrics, and keeps what the page shows.

/** A core's number above this is a mistake of the text. */
export const MAX_CORES = 256;
/** Most reasons kept of a labelled counter; the rest are one, called `other`. */
export const MAX_REASONS = 64;

/** @type {Record<string, string>} */
const PLAIN = {
  chat_messages_posted_total: "posted",
  consumer_messages_processed_total: "processed",
  consumer_lag_seconds: "lag",
  process_start_time_seconds: "started",
  rookery_connections_max: "room",
  rookery_core_busy_seconds_total: "busy",
  rookery_deliveries_total: "deliveries",
  rookery_http_connections: "http",
  rookery_lag_limit_seconds: "limit",
  rookery_mesh_depth: "mesh",
  rookery_mesh_stalls_total: "stalls",
  rookery_websocket_connections: "sockets",
};
/** @type {Record<string, string>} */
const HISTOGRAMS = {
  consumer_broadcast_duration_seconds: "broadcast",
  consumer_db_duration_seconds: "database",
  consumer_processing_duration_seconds: "processing",
  rookery_delivery_duration_seconds: "delivery",
};
/** @type {Record<string, string>} */
const LABELLED = { rookery_connections_closed_total: "closes", rookery_refusals_total: "refusals" };

/**
 * @typedef {{ buckets: Map<number, number>, sum: number, count: number }} Histogram  summed over cores
 * @typedef {{
 *   cores: number, version?: string, plain: Record<string, number[]>, histograms: Record<string, Histogram>,
 *   closes: Map<string, number>, refusals: Map<string, number>,
 * }} Snapshot  what is missing in `plain` and `histograms` was not reported
 */

const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

/** @param {string} text */
const labelsOf = (text) => {
  /** @type {Record<string, string>} */
  const labels = {};
  for (const [, name, value] of text.matchAll(LABEL)) labels[name] = value.replace(/\\(.)/g, (_, c) => (c === "n" ? "\n" : c));
  return labels;
};

/** @param {Map<any, number>} map @param {any} key @param {number} value */
const add = (map, key, value) => map.set(key, (map.get(key) ?? 0) + value);

/** @param {string} text @returns {Snapshot} */
export function parse(text) {
  /** @type {Snapshot} */
  const snapshot = { cores: 0, plain: {}, histograms: {}, closes: new Map(), refusals: new Map() };
  for (const line of text.split("\n")) {
    if (line && line[0] !== "#") readLine(line, snapshot);
  }
  return snapshot;
}

/** @param {string} line @param {Snapshot} snapshot */
function readLine(line, snapshot) {
  const brace = line.indexOf("{");
  const end = brace < 0 ? line.indexOf(" ") : line.lastIndexOf("}") + 1;
  const name = line.slice(0, brace < 0 ? end : brace);
  const [, base, part] = /^(.*_seconds)_(bucket|sum|count)$/.exec(name) ?? [];
  const plain = PLAIN[name];
  const histogram = base && HISTOGRAMS[base];
  const reasons = LABELLED[name];
  if (!plain && !histogram && !reasons && name !== "rookery_build_info") return;
  const labels = labelsOf(line.slice(brace + 1, end));
  const value = number(line.slice(end).trim().split(" ")[0]);
  const core = Number(labels.core ?? 0);
  if (!(core >= 0 && core < MAX_CORES) || Number.isNaN(value)) return;
  if (plain) {
    (snapshot.plain[plain] ??= [])[core] = value;
    snapshot.cores = Math.max(snapshot.cores, core + 1);
  } else if (histogram) {
    readHistogram((snapshot.histograms[histogram] ??= { buckets: new Map(), sum: 0, count: 0 }), part, labels, value);
  } else if (reasons) {
    const map = snapshot[/** @type {"closes" | "refusals"} */ (reasons)];
    const key = labels.code ?? labels.reason ?? "other";
    add(map, map.size < MAX_REASONS || map.has(key) ? key : "other", value);
  } else {
    snapshot.version = labels.version;
  }
}

/** @param {Histogram} histogram @param {string} part @param {Record<string, string>} labels @param {number} value */
function readHistogram(histogram, part, labels, value) {
  if (part === "bucket") add(histogram.buckets, number(labels.le), value);
  else histogram[/** @type {"sum" | "count"} */ (part)] += value;
}

/** @param {string} text */
const number = (text) => (text === "+Inf" ? Infinity : text === "-Inf" ? -Infinity : Number(text));
