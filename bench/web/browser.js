// A Chromium whose pages tell how long their tasks take and what moves in them.
import { createRequire } from "node:module";

const { chromium } = createRequire(new URL("../../io/web/tests/package.json", import.meta.url))("playwright-core");

/** The performance observer reports no shorter tasks. Milliseconds. */
export const SHORTEST_TASK_MS = 50;
/** Loads with nothing in the browser's cache, of which the median counts. */
const LOADS = 5;
/** After this much silence a page counts as loaded. Milliseconds. */
const SETTLED_MS = 800;

export const BARS = { longestTask: 100, firstContentfulPaint: 500, layoutShift: 0 };

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--enable-precise-memory-info"],
  });
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Runs in the page, before its own scripts. */
function observe() {
  const seen = (globalThis.seen = { tasks: [], shift: 0, moved: [], frames: 0 });
  const place = ({ x, y, width, height }) => `${width} × ${height} at ${x}, ${y}`;
  const named = (node) => (node ? `${node.nodeName.toLowerCase()} of #${node.parentElement?.closest("[id]")?.id}, ${node.textContent.trim().slice(0, 40)}` : "what is gone");
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) seen.tasks.push(entry.duration);
  }).observe({ type: "longtask", buffered: true });
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      if (entry.hadRecentInput) continue;
      seen.shift += entry.value;
      seen.moved.push(...entry.sources.map((it) => `${named(it.node)}: from ${place(it.previousRect)} to ${place(it.currentRect)}`));
    }
  }).observe({ type: "layout-shift", buffered: true });
  const frame = () => {
    seen.frames += 1;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}

/** A window of its own, with nothing in its cache. `login`: `{ username, password }`, if somebody is to be logged in. */
export async function openPage(browser, url, path, { login, ready }) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: "en-GB" });
  await context.addInitScript(observe);
  if (login) {
    const reply = await context.request.post(`${url}/login`, { data: login });
    if (!reply.ok()) throw new Error(await reply.text());
  }
  const page = await context.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(error));
  await page.goto(url + path);
  await page.waitForSelector(ready);
  await pause(SETTLED_MS);
  const close = async () => {
    await context.close();
    if (faults.length) throw faults[0];
  };
  return { page, close };
}

/** First contentful paint, and how much moved, over several loads. */
export async function loads(browser, url, path, options) {
  const paints = [];
  let shift = 0;
  const moved = [];
  for (let i = 0; i < LOADS; i++) {
    const { page, close } = await openPage(browser, url, path, options);
    const found = await page.evaluate(() => [performance.getEntriesByName("first-contentful-paint")[0].startTime, globalThis.seen.shift, globalThis.seen.moved]);
    paints.push(found[0]);
    shift = Math.max(shift, found[1]);
    moved.push(...found[2]);
    await close();
  }
  paints.sort((a, b) => a - b);
  return [
    { what: `${path}: first contentful paint, median of ${LOADS}`, value: paints[LOADS >> 1], unit: "ms", max: BARS.firstContentfulPaint },
    { what: `${path}: layout shift on load, at most`, value: shift, unit: "", max: BARS.layoutShift, moved },
  ];
}

/** What happened in the page while `work` went on. */
export async function during(page, work) {
  await page.evaluate(() => Object.assign(globalThis.seen, { tasks: [], shift: 0, frames: 0 }));
  const begun = performance.now();
  await work();
  const seconds = (performance.now() - begun) / 1000;
  const { tasks, shift, frames } = await page.evaluate(() => globalThis.seen);
  return [
    { what: `longest task (0: none of ${SHORTEST_TASK_MS} ms)`, value: Math.max(0, ...tasks), unit: "ms", max: BARS.longestTask },
    { what: `tasks of ${SHORTEST_TASK_MS} ms and more`, value: tasks.length, unit: "" },
    { what: "frames drawn", value: frames / seconds, unit: "/s" },
    { what: "layout shift meanwhile", value: shift, unit: "" },
  ];
}

/** Elements and the heap of scripts, after what nobody holds is gone. */
export async function size(page) {
  const session = await page.context().newCDPSession(page);
  await session.send("HeapProfiler.collectGarbage");
  const heap = await page.evaluate(() => performance.memory.usedJSHeapSize);
  await session.detach();
  return { nodes: await page.evaluate(() => document.querySelectorAll("*").length), heap: heap / 1e6 };
}
