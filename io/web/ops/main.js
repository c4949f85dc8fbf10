// /ops: looks at the counters, keeps 15 minutes of them, and shows what they say.
import { makeCharts } from "./charts.js";
import { Cores } from "./cores.js";
import { interval, poll } from "./poll.js";
import { difference, Store } from "./samples.js";
import { drawReasons, drawTiles } from "./summary.js";
import { lasting, Speaker, verdict, Watch } from "./verdict.js";
import { duration, time, write } from "./words.js";

/** After this many seconds without an answer there is a hole in the lines; after those nothing of it is counted. */
const HOLE = 5, FORGOTTEN = 60;
const COLOURS = ["accent", "b0", "b1", "b2", "b3", "ink", "ink3", "line", "newink", "newline", "other", "part0", "part1", "part2", "surface", "track"];
const SHAPES = { danger: "✕ ", warn: "▲ " };

const [sentence, means, spoken, about, pause, pinned, verdictBox] =
  ["sentence", "means", "spoken", "about", "pause", "pinned", "verdict"].map((id) => document.getElementById(id));
const now = () => Date.now() / 1000;
const monotonic = () => performance.now() / 1000;
const charts = makeCharts();
const theme = matchMedia("(prefers-color-scheme: dark)");

let snapshot, store, watch, cores;
/** Seconds that are shown, and the time at which the picture stands still. */
let span = Number(document.querySelector("#window :checked").value), paused;
/** When the last answer came, and by the clock; from when on silence counts, as it does not ask while hidden. */
let heard = 0, heardAt = 0, listening = monotonic();
let state = {};
const speaker = new Speaker();
/** Whether the last answer had no figures. */
let strange = false;
let queued = false;
let colours = palette();

/** The colours of the style sheet, resolved for the theme that holds. */
function palette() {
  const probe = document.body.appendChild(document.createElement("i"));
  const style = getComputedStyle(probe);
  probe.style.forcedColorAdjust = "none";
  const found = COLOURS.map((name) => {
    probe.style.color = `var(--${name})`;
    return [name, style.color];
  });
  const dark = style.colorScheme === "light dark" ? theme.matches : style.colorScheme === "dark";
  const font = style.fontFamily;
  probe.remove();
  return { ...Object.fromEntries(found), dark, font };
}

function answered(next, at) {
  const passed = at - heard;
  const clock = now();
  if (store?.cores !== next.cores) {
    store = new Store(next.cores);
    watch = new Watch(next.cores);
    cores?.observer.disconnect();
    stop();
    cores = new Cores(next.cores, () => refresh(true));
  }
  if (passed > HOLE * interval(next.cores) && store.written) store.hole(heardAt + 0.5);
  if (snapshot && passed < FORGOTTEN) {
    const sample = difference(snapshot, next, clock, passed);
    store.push(sample);
    if (!sample.restart) watch.update(clock, sample.cores.busy ?? [], sample.cores.mesh ?? [], sample.cores.stalls ?? []);
  }
  snapshot = next;
  heard = at;
  heardAt = clock;
  refresh();
}

/** Lets the picture stand still as it was at that time, or go on. */
function stop(at) {
  paused = at;
  write(pause, paused ? "Resume" : "Pause");
  refresh(true);
}

/** Draws in the next frame, all at once; `always`: while paused too, what stood there in another way. */
function refresh(always) {
  if (queued || (paused && !always)) return;
  queued = true;
  requestAnimationFrame(() => {
    queued = false;
    draw();
  });
}

/** Seconds without an answer, if they are more than a late one explains. */
function silence() {
  const passed = monotonic() - Math.max(listening, heard);
  return passed > 3 * interval(store?.cores) ? passed : 0;
}

function draw() {
  const silent = silence();
  const latest = store?.slots(0, paused).at(-1);
  if (!paused) drawVerdict(silent, latest);
  if (latest === undefined) return;
  const { plain, histograms, version } = snapshot;
  const to = paused ?? (silent ? now() : store.times[latest]);
  const view = {
    store, to, from: to - span, pins: cores.lines, limit: plain.limit?.[0],
    slots: store.slots(to - span - 2 * interval(store.cores), to),
    reported: new Set(Object.keys({ ...plain, ...histograms })),
  };
  const started = plain.started?.[0];
  write(about, [`${store.cores} ${store.cores === 1 ? "core" : "cores"}`, started && `up ${duration(now() - started)}`, version && `version ${version}`, paused && `paused at ${time(paused)}`].filter(Boolean).join(", "));
  drawTiles(view, latest, plain.room?.[0]);
  drawReasons(view);
  cores.draw(store, latest, watch, { to, span, colours, paused });
  pinned.hidden = !cores.pins.length;
  for (const chart of charts) if (!chart.panel.hidden) chart.draw(view, colours);
}

function drawVerdict(silent, latest) {
  const hot = watch?.which((core) => watch.isHot(core)) ?? [];
  const waiting = watch?.which((core) => watch.waits(core)) ?? [];
  const figure = (name, core) => store?.row(name, latest)[core];
  const slow = store?.counts("closes", store.slots(now() - 300)).find(([reason]) => reason === "4008")?.[1];
  const [tone, key, text, meaning] = verdict({
    cores: latest >= 0 ? store.cores : 0, silent, strange, last: heardAt, hot, waiting, slow,
    lag: store?.totals.lag[latest], limit: snapshot?.plain.limit?.[0], median: watch?.median,
    busy: figure("busy", hot[0]), mesh: figure("mesh", waiting[0]),
  });
  if (key !== state.key) state = { key, since: now() };
  const since = key.startsWith("hot") ? watch.hotSince(hot) : state.since;
  verdictBox.dataset.tone = tone;
  write(sentence, text);
  write(means, lasting(tone, silent, now() - since, meaning));
  document.title = `${SHAPES[tone] ?? ""}Rookery engine`;
  write(spoken, speaker.say(tone, key, text, monotonic()));
}

document.getElementById("window").onchange = ({ target }) => {
  span = Number(target.value);
  refresh(true);
};
pause.onclick = () => stop(paused ? undefined : heardAt);
theme.onchange = () => {
  colours = palette();
  refresh(true);
};
document.addEventListener("visibilitychange", () => (listening = monotonic()));
// While a request hangs nobody else notices the silence.
setInterval(() => !document.hidden && silence() && refresh(), 1000);
poll(answered, (empty) => {
  strange = empty;
  refresh();
});

// At the address for operators there is no chat.
fetch("/about").then((reply) => reply.ok && reply.json()).catch(() => {}).then((found) => {
  const link = document.getElementById("chat");
  if (found?.name) link.classList.remove("unknown");
  else link.remove();
});
