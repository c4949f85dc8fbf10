import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "../../ops/parse.js";
import { difference, HOLE, MEASURED, median, quantile, RESTART, Store } from "../../ops/samples.js";

const metrics = (cores, { posted = 0, busy = 0, buckets = [0, 0, 0], started = 1, more = "" } = {}) =>
  Array.from({ length: cores }, (_, core) => `
chat_messages_posted_total{core="${core}"} ${posted}
consumer_messages_processed_total{core="${core}"} ${posted}
rookery_core_busy_seconds_total{core="${core}"} ${busy}
rookery_delivery_duration_seconds_bucket{core="${core}",le="0.001"} ${buckets[0]}
rookery_delivery_duration_seconds_bucket{core="${core}",le="10"} ${buckets[1]}
rookery_delivery_duration_seconds_bucket{core="${core}",le="+Inf"} ${buckets[2]}
rookery_delivery_duration_seconds_sum{core="${core}"} 0.5
rookery_delivery_duration_seconds_count{core="${core}"} ${buckets[2]}`).join("\n") + `\nprocess_start_time_seconds{core="0"} ${started}\n${more}`;

test("the text of /metrics is read by core, and histograms over all of them", () => {
  const snapshot = parse(`# HELP chat_messages_posted_total Messages accepted.
# TYPE chat_messages_posted_total counter
chat_messages_posted_total{core="0"} 6000
chat_messages_posted_total{core="1"} 1.5e3 1796066647
consumer_db_duration_seconds_bucket{core="0",le="0.001"} 3
consumer_db_duration_seconds_bucket{core="1",le="0.001"} 4
consumer_db_duration_seconds_bucket{core="1",le="+Inf"} 5
consumer_db_duration_seconds_sum{core="0"} 0.25
consumer_db_duration_seconds_sum{core="1"} 0.5
consumer_db_duration_seconds_count{core="0"} 3
rookery_append_duration_seconds_count{core="0"} 9
rookery_connections_closed_total{core="0",code="1001"} 2
rookery_connections_closed_total{code="1001",core="1"} 3
rookery_refusals_total{core="1",reason="not_found"} 7
rookery_build_info{core="0",version="0.1.0"} 1
`);
  assert.equal(snapshot.cores, 2);
  assert.equal(snapshot.version, "0.1.0");
  assert.deepEqual(snapshot.plain, { posted: [6000, 1500] });
  assert.deepEqual(snapshot.histograms, { database: { buckets: new Map([[0.001, 7], [Infinity, 5]]), sum: 0.75, count: 3 } });
  assert.deepEqual([snapshot.closes, snapshot.refusals], [new Map([["1001", 5]]), new Map([["not_found", 7]])]);
});

test("what is not the text of /metrics has no cores", () => {
  for (const text of ["", "<!doctype html><p>no</p>", "consumer_lag_seconds{core=\"0\"} NaN", "consumer_lag_seconds{core=\"9999\"} 1"]) {
    assert.equal(parse(text).cores, 0, text);
  }
});

test("reasons have a bound, and what is beyond it is counted together", () => {
  const lines = Array.from({ length: 100 }, (_, i) => `rookery_refusals_total{core="0",reason="r${i}"} 1`);
  const { refusals } = parse(lines.join("\n"));
  assert.equal(refusals.size, 65);
  assert.equal(refusals.get("other"), 36);
});

test("a quantile is linear within its bucket", () => {
  const buckets = [[Infinity, 100], [0.002, 90], [0.001, 50]];
  assert.equal(quantile(buckets, 0.25), 0.0005);
  assert.equal(quantile(buckets, 0.5), 0.001);
  assert.equal(quantile(buckets, 0.7), 0.0015);
});

test("above the last bucket a quantile is only known to be above", () => {
  assert.equal(quantile([[10, 5], [Infinity, 10]], 0.99), Infinity);
  assert.equal(quantile([[10, 0], [Infinity, 0]], 0.5), NaN);
  assert.equal(quantile([], 0.5), NaN);
});

test("a median passes over what was not reported", () => {
  assert.equal(median([3, NaN, 1, 2]), 2);
  assert.equal(median([1, 4]), 2.5);
  assert.equal(median([]), NaN);
});

test("rates and quantiles come from differences", () => {
  const before = parse(metrics(2, { posted: 1000, busy: 5, buckets: [100, 100, 100] }));
  const after = parse(metrics(2, { posted: 1100, busy: 6, buckets: [200, 200, 200] }));
  const { totals, cores, restart } = difference(before, after, 10, 2);
  assert.equal(restart, false);
  assert.deepEqual(cores.busy, [0.5, 0.5]);
  assert.deepEqual(cores.posts, [50, 50]);
  assert.equal(totals.in, 100);
  assert.equal(totals.p50, 0.5);
  assert.equal(totals.p99, 0.99);
});

test("means are milliseconds, and what is neither database nor broadcast is the rest", () => {
  const spent = (kind, seconds, count) => `consumer_${kind}_duration_seconds_sum{core="0"} ${seconds}\nconsumer_${kind}_duration_seconds_count{core="0"} ${count}\n`;
  const at = (...seconds) => parse(metrics(1, { more: ["db", "broadcast", "processing"].map((kind, i) => spent(kind, seconds[i], 10 * seconds[2])).join("") }));
  const { totals } = difference(at(1, 1, 10), at(1.25, 1.5, 11), 10, 1);
  assert.deepEqual([totals.database, totals.broadcast, totals.rest], [25, 50, 25]);
});

test("a counter that fell is a restart: no rate, and no spike", () => {
  const before = parse(metrics(2, { posted: 1000, busy: 5, buckets: [100, 100, 100] }));
  const reborn = parse(metrics(2, { posted: 10, busy: 1, buckets: [5, 5, 5] }));
  const { restart, totals, cores } = difference(before, reborn, 10, 1);
  assert.equal(restart, true);
  assert.deepEqual([totals.in, totals.out, totals.p99], [NaN, NaN, NaN]);
  assert.equal(cores.busy, undefined);
});

test("a restart that has counted further already is told by when it started", () => {
  const [before, after] = [1, 2].map((started) => parse(metrics(1, { posted: 10 * started, started })));
  assert.equal(difference(before, after, 10, 1).restart, true);
});

test("other cores than before are a restart", () => {
  assert.equal(difference(parse(metrics(2)), parse(metrics(3)), 10, 1).restart, true);
});

test("a metric that is missing is no 0", () => {
  const { totals, cores } = difference(parse(metrics(1, { posted: 1 })), parse(metrics(1, { posted: 2 })), 10, 1);
  assert.deepEqual([totals.lag, totals.sockets, totals.rest, totals.database], [NaN, NaN, NaN, NaN]);
  assert.equal(cores.mesh, undefined);
});

test("a reason that is met for the first time was 0 before", () => {
  const after = parse(metrics(1, { more: `rookery_connections_closed_total{core="0",code="4008"} 3` }));
  assert.deepEqual(difference(parse(metrics(1)), after, 10, 1).closes, [["4008", 3]]);
});

const sample = (at, cores, busy = 0.5) => ({
  at, restart: false, totals: { in: at }, closes: [["1001", 2]], refusals: [],
  cores: { busy: Array(cores).fill(busy) },
});

test("the store keeps as many samples as it has room for, of 64 cores too", () => {
  const store = new Store(64, 10);
  for (let at = 0; at < 25; at += 1) store.push(sample(at, 64, at / 100));
  const slots = store.slots(0);
  assert.deepEqual(slots.map((slot) => store.times[slot]), [15, 16, 17, 18, 19, 20, 21, 22, 23, 24]);
  assert.deepEqual([...store.row("busy", slots[9])], Array(64).fill(Math.fround(0.24)));
  assert.ok(store.row("mesh", slots[0]).every(Number.isNaN));
  assert.deepEqual(store.counts("closes", slots), [["1001", 20]]);
  assert.deepEqual(store.counts("closes", store.slots(22, 23)), [["1001", 4]]);
});

test("15 minutes of 64 cores take 1.5 MB", () => {
  const store = new Store(64);
  const columns = [store.times, store.kinds, ...Object.values(store.totals), ...Object.values(store.perCore)];
  assert.ok(columns.reduce((all, column) => all + column.byteLength, 0) < 1_500_000);
});

test("a hole and a restart are told from a measurement", () => {
  const store = new Store(1, 4);
  store.push(sample(1, 1));
  store.hole(2);
  store.push({ ...sample(3, 1), restart: true });
  assert.deepEqual([...store.kinds].slice(0, 3), [MEASURED, HOLE, RESTART]);
  assert.ok(Number.isNaN(store.totals.in[1]));
  assert.ok(Number.isNaN(store.row("busy", 1)[0]));
  assert.deepEqual(store.counts("closes", store.slots(2, 2)), [["1001", 0]]);
});
