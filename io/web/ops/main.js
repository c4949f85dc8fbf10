// @ts-check
// /ops: looks at the counters, keeps 15 minutes of them, and shows what they say.
import { Chart, SPECS } from "./charts.js";
import { palette } from "./colours.js";
import { Cores } from "./cores.js";
import { Watch } from "./hot.js";
import { interval, poll } from "./poll.js";
import { difference } from "./rates.js";
import { Store } from "./store.js";
import { drawReasons, drawTiles } from "./summary.js";
import { verdict } from "./verdict.js";
import { duration } from "./words.js";

/** Seconds between two answers from which on there is a hole in the lines; and from which on nothing is counted. */
const HOLE = 5, FORGOTTEN = 60;
/** The screen reader is told of a new state at most this often. */
const SPEAK_MS = 10_000;

/** @param {string} id */
const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
/** @param {Node} node @param {string} text */
const write = (node, text) => {
  if (node.textContent !== text) node.textContent = text;
};
const now = () => Date.now() / 1000;

/** @type {import("./parse.js").Snapshot | undefined} */
let snapshot;
/** @type {{ store: Store, watch: Watch, cores: Cores } | undefined} */
let engine;
/** Seconds that are shown. */
let span = 300;
/** Monotonic seconds of the last answer, and the time of day. */
let heard = NaN, heardAt = NaN;
/** From when on silence counts: while the page was hidden it did not ask. */
let listening = performance.now() / 1000;
let pausedAt = NaN;
let colours = palette();
let state = { key: "", since: now() };
let spoken = { key: "", at: -Infinity };
let queued = false;
const charts = SPECS.map((spec) => new Chart(spec));

poll((next, monotonic) => {
  const at = now();
  const before = snapshot;
  const passed = monotonic - heard;
  if (!engine || engine.store.cores !== next.cores) begin(next.cores);
  const { store, watch } = /** @type {NonNullable<typeof engine>} */ (engine);
  if (before && passed < FORGOTTEN) {
    if (passed > HOLE * interval(next.cores)) store.hole(heardAt + 0.5);
    const sample = difference(before, next, at, passed);
    store.push(sample);
    watch.update(at, store.row("busy", (store.written - 1) % store.samples), sample.cores.mesh, sample.cores.stalls);
  } else if (store.written) {
    store.hole(heardAt + 0.5);
  }
  snapshot = next;
  heard = monotonic;
  heardAt = at;
  refresh();
}, refresh);

/** @param {number} count */
function begin(count) {
  engine = { store: new Store(count), watch: new Watch(count), cores: new Cores(count, () => refresh(true)) };
}

/** Draws in the next frame, all at once. @param {boolean} [always] also while paused: what was there, in another way */
function refresh(always = false) {
  if (queued || (!always && !Number.isNaN(pausedAt))) return;
  queued = true;
  requestAnimationFrame(() => {
    queued = false;
    draw();
  });
}

function draw() {
  const paused = !Number.isNaN(pausedAt);
  const silent = silence();
  if (!paused) drawVerdict(silent);
  if (!engine || !snapshot) return;
  const { store, watch, cores } = engine;
  const latest = lastSlot(store);
  if (latest < 0) return;
  const to = paused ? pausedAt : silent ? now() : store.times[latest];
  const view = {
    store, to, from: to - span, limit: snapshot.plain.limit?.[0] ?? NaN, pins: cores.lines,
    slots: store.slots(to - span - 2 * interval(store.cores), to),
    reported: new Set([...Object.keys(snapshot.plain), ...Object.keys(snapshot.histograms)]),
  };
  if (!paused) drawTiles(view, latest, snapshot.plain.room?.[0] ?? NaN);
  cores.draw(store, latest, watch, { to, paused, window: span, colours, heading: `Busy, last ${span / 60} min` });
  byId("pinned").hidden = !cores.pins.length;
  for (const chart of charts) if (!chart.panel.hidden) chart.draw(view, colours);
  drawReasons({ ...view, slots: view.slots.filter((slot) => store.times[slot] > view.from) });
  drawAbout();
}

/** The slot of the last sample up to what is shown. @param {Store} store */
const lastSlot = (store) => store.slots(0, Number.isNaN(pausedAt) ? Infinity : pausedAt).at(-1) ?? -1;

/** Seconds without an answer, once they are more than a late one explains. */
function silence() {
  const since = Math.max(listening, heard || 0);
  const seconds = performance.now() / 1000 - since;
  return seconds > 3 * interval(engine?.store.cores ?? 1) ? seconds : 0;
}

/** @param {number} silent */
function drawVerdict(silent) {
  const store = engine?.store;
  const watch = engine?.watch;
  const latest = store ? lastSlot(store) : -1;
  const hot = watch?.which((core) => watch.isHot(core)) ?? [];
  const waiting = watch?.which((core) => watch.mesh[core].active) ?? [];
  const figure = (/** @type {string} */ name, /** @type {number} */ core) => (store && latest >= 0 ? store.core(name, latest, core) : NaN);
  const says = verdict({
    cores: store?.cores ?? 0, silent, last: heardAt, hot, waiting,
    lag: store && latest >= 0 ? store.totals.lag[latest] : NaN,
    limit: snapshot?.plain.limit?.[0] ?? NaN,
    median: watch?.median ?? NaN,
    hotBusy: figure("busy", hot[0]),
    mesh: figure("mesh", waiting[0]),
    slow: store?.counts("closes", store.slots(now() - 300, Infinity)).find(({ reason }) => reason === "4008")?.count ?? 0,
  });
  if (says.key !== state.key) state = { key: says.key, since: now() };
  const since = hot.length && watch && says.key.startsWith("hot") ? Math.min(...hot.map((core) => watch.hotSince(core))) : state.since;
  byId("verdict").dataset.tone = says.tone;
  write(byId("sentence"), says.text);
  const long = says.tone === "wait" || silent ? "" : `for ${duration(now() - since)}. `;
  write(byId("means"), long + says.means);
  const title = `${{ danger: "✕ ", warn: "▲ " }[/** @type {string} */ (says.tone)] ?? ""}Rookery engine`;
  if (document.title !== title) document.title = title;
  if (says.key !== spoken.key && performance.now() - spoken.at > SPEAK_MS) {
    spoken = { key: says.key, at: performance.now() };
    write(byId("spoken"), says.text);
  }
}

function drawAbout() {
  if (!snapshot) return;
  const started = snapshot.plain.started?.[0];
  const parts = [
    `${snapshot.cores} ${snapshot.cores === 1 ? "core" : "cores"}`,
    ...(started ? [`up ${duration(now() - started)}`] : []),
    ...(snapshot.version ? [`version ${snapshot.version}`] : []),
  ];
  write(byId("about"), parts.join(", "));
}

byId("window").addEventListener("change", (event) => {
  span = Number(/** @type {HTMLInputElement} */ (event.target).value);
  refresh(true);
});
byId("pause").addEventListener("click", () => {
  const paused = Number.isNaN(pausedAt);
  pausedAt = paused ? (engine && engine.store.written ? engine.store.times[lastSlot(engine.store)] : now()) : NaN;
  write(byId("pause"), paused ? "Resume" : "Pause");
  refresh(true);
});
document.addEventListener("visibilitychange", () => (listening = performance.now() / 1000));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  colours = palette();
  refresh(true);
});
// While a request hangs nobody else notices the silence.
setInterval(() => {
  if (!document.hidden && silence()) refresh();
}, 1000);

// At the address for operators there is no chat.
fetch("/about").then((reply) => (reply.ok ? reply.json() : undefined)).catch(() => undefined).then((about) => {
  const link = byId("chat");
  if (about?.name) link.classList.remove("unknown");
  else link.remove();
});
