// Reads the Prometheus text of /metrics, and keeps what the page shows.

/** A core's number from here on is a mistake of the text. */
const MAX_CORES = 256;
/** Most reasons kept of a counter with a label; the rest are one, called `other`. */
export const MAX_REASONS = 64;

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
const HISTOGRAMS = {
  consumer_broadcast_duration_seconds: "broadcast",
  consumer_db_duration_seconds: "database",
  consumer_processing_duration_seconds: "processing",
  rookery_delivery_duration_seconds: "delivery",
};
const REASONS = { rookery_connections_closed_total: "closes", rookery_refusals_total: "refusals" };

const number = (text) => Number(text?.replace("Inf", "Infinity") || NaN);
const add = (map, key, value) => map.set(key, (map.get(key) ?? 0) + value);

/**
 * `plain`: values by core; `histograms`: `{buckets, sum, count}` of all cores, buckets by their upper bound. What is not in
 * them was not reported. `closes` and `refusals`: counts by reason.
 */
export function parse(text) {
  const snapshot = { cores: 0, version: "", plain: {}, histograms: {}, closes: new Map(), refusals: new Map() };
  for (const line of text.split("\n")) {
    const [, name, labels, value] = /^(\w+)(?:\{(.*)\})? +(\S+)/.exec(line) ?? [];
    if (name) read(snapshot, name, labels ?? "", number(value));
  }
  return snapshot;
}

function read(snapshot, name, labels, value) {
  const [, base, part] = /(.*)_(bucket|sum|count)$/.exec(name) ?? [];
  const plain = PLAIN[name];
  const histogram = HISTOGRAMS[base];
  const reasons = snapshot[REASONS[name]];
  const label = (key) => new RegExp(`(?:^|,)${key}="([^"]*)"`).exec(labels)?.[1];
  if (name === "rookery_build_info") snapshot.version = label("version");
  if (!(plain || histogram || reasons) || Number.isNaN(value)) return;
  if (plain) {
    const core = Number(label("core") ?? 0);
    if (!(core < MAX_CORES)) return;
    (snapshot.plain[plain] ??= [])[core] = value;
    snapshot.cores = Math.max(snapshot.cores, core + 1);
  } else if (histogram) {
    const into = (snapshot.histograms[histogram] ??= { buckets: new Map(), sum: 0, count: 0 });
    if (part === "bucket") add(into.buckets, number(label("le")), value);
    else into[part] += value;
  } else {
    const reason = label("code") ?? label("reason");
    add(reasons, reasons.has(reason) || reasons.size < MAX_REASONS ? reason : "other", value);
  }
}
