// One Chromium for a test file, and pages in it that are watched: what goes wrong in one fails the test.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach } from "node:test";
import { chromium } from "playwright-core";

const BINARY = process.env.CHROMIUM ?? "/usr/bin/chromium";
/** How long anything that a person waits for may take, in milliseconds: the machine may have much else to do. */
export const PATIENCE_MS = 20_000;

/** A folder for a picture of each page at the end of each test, and for what a screen reader finds in it. */
const PICTURES = process.env.BROWSER_PICTURES;

/** @type {Promise<import("playwright-core").Browser> | undefined} */
let browser;
/** @type {Watched[]} */
const open = [];

after(async () => (await browser)?.close());
afterEach(async (t) => {
  const pages = open.splice(0);
  if (PICTURES) for (const [i, { page }] of pages.entries()) await picture(page, `${t.name.replaceAll(/\W+/g, "-")}-${i + 1}`);
  const faults = pages.flatMap((page) => page.faults());
  await Promise.all(pages.map((page) => page.context.close()));
  assert.deepEqual(faults, [], "nothing went wrong in the pages");
});

async function picture(page, name) {
  await page.screenshot({ path: join(PICTURES, `${name}.png`) });
  await writeFile(join(PICTURES, `${name}.txt`), await page.locator("body").ariaSnapshot());
}

/** A window of one's own, with cookies and storage of its own. */
export async function openWindow(origin, options = {}) {
  browser ??= chromium.launch({ executablePath: BINARY, args: ["--disable-dev-shm-usage"], chromiumSandbox: false });
  const context = await (await browser).newContext({ baseURL: origin, locale: "en-GB", viewport: { width: 1360, height: 850 }, ...options });
  context.setDefaultTimeout(PATIENCE_MS);
  await context.addInitScript(watchLayout);
  const page = await context.newPage();
  const watched = new Watched(context, page, origin);
  open.push(watched);
  return watched;
}

/** Runs in the page: what moves without anybody's doing is noted. */
function watchLayout() {
  globalThis.layoutShifts = [];
  const rect = ({ x, y, width, height }) => [x, y, width, height].map(Math.round).join(" ");
  const note = (list) => {
    for (const { hadRecentInput, value, sources } of list.getEntries()) {
      if (hadRecentInput) continue;
      const moved = sources.map(({ node, previousRect, currentRect }) => `${(node?.outerHTML ?? node?.textContent ?? "gone").slice(0, 160)} from ${rect(previousRect)} to ${rect(currentRect)}`);
      globalThis.layoutShifts.push({ value, moved });
    }
  };
  new PerformanceObserver(note).observe({ type: "layout-shift", buffered: true });
}

class Watched {
  #faults = [];
  /** @type {RegExp[]} */
  #expected = [];

  constructor(context, page, origin) {
    this.context = context;
    this.page = page;
    page.on("console", (said) => {
      if (said.type() === "error" || said.type() === "warning") this.#faults.push(`console: ${said.text()} (${said.location().url})`);
    });
    page.on("pageerror", (error) => this.#faults.push(`thrown: ${error.name} ${error.message} ${error.stack}`));
    page.on("dialog", (dialog) => {
      this.#faults.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    context.on("request", (request) => {
      if (new URL(request.url()).host !== new URL(origin).host) this.#faults.push(`request: ${request.url()}`);
    });
  }

  /** What the console may say: a browser reports each refusal and each connection that fails there. */
  expects(pattern) {
    this.#expected.push(pattern);
  }

  faults() {
    return this.#faults.filter((fault) => !this.#expected.some((pattern) => pattern.test(fault)));
  }
}
