// Takes the pictures of the README, from a server of its own:
//   ROOKERY_BINARY=target/release/rookery ROOKERY_BENCH=target/release/rookery-bench node take.js [FOLDER]
// with what io/web/tests/package.json names. Debian: chromium, fonts-inter, fonts-noto-color-emoji, and pngquant to make them smaller.
import { execFileSync, spawn } from "node:child_process";
import { mkdir, readdir, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { LiveServer } from "../../client/testing/live.js";
import { fill, retell } from "./fill.js";
import { chats, lastSeen, NOW, PASSWORD, READER, room } from "./story.js";

const here = dirname(fileURLToPath(import.meta.url));
const folder = resolve(process.argv[2] ?? join(here, "../../../../docs/images"));
const only = process.env.ONLY?.split(",");
const wanted = (name) => !only || only.some((part) => name.includes(part));
const MAX_BYTES = 200_000;
const DESKTOP = { viewport: { width: 1440, height: 900 } };
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };
/** So long somebody is shown as typing. */
const TYPING_MS = 6_500;
/** Of the minute that the picture of /ops shows, in seconds: a little load, then much of it for one core. */
const CALM_SECONDS = 45;
const BUSY_SECONDS = 22;
const PATIENCE_MS = 20_000;

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function open(browser, url, options) {
  const context = await browser.newContext({ locale: "en-GB", timezoneId: "UTC", reducedMotion: "reduce", ...options });
  const page = await context.newPage();
  page.on("pageerror", (error) => console.error(error));
  return { context, page, close: () => context.close() };
}

/** A page at the story's evening, with its reader logged in. */
async function evening(browser, { url, story }, options) {
  const opened = await open(browser, url, options);
  const { context, page } = opened;
  await page.clock.setFixedTime(NOW);
  // The pause before the next try is random.
  await page.addInitScript(() => (Math.random = () => 0.9));
  let socket;
  await context.routeWebSocket(/\/ws\//, (route) => {
    if (opened.adrift) return route.close();
    socket = route;
    const say = (frame) => JSON.stringify(retell(JSON.parse(frame), story.times, lastSeen));
    route.connectToServer().onMessage((text) => route.send(String(text).trim().split("\n").map(say).join("\n")));
  });
  await context.route(/\/(chats|users|me|direct)\b/, async (route) => {
    if (opened.adrift) return route.abort();
    const response = await route.fetch();
    const json = await response.json().catch(() => undefined);
    await (json === undefined ? route.fulfill({ response }) : route.fulfill({ response, json: retell(json, story.times, lastSeen) }));
  });
  await context.request.post(`${url}/login`, { data: { username: story.clients[READER].me.username, password: PASSWORD } });
  opened.cut = async () => {
    opened.adrift = true;
    await socket.close();
  };
  await page.goto(url);
  await page.waitForSelector("a.chat");
  const { draft, direct } = chats.find((chat) => chat.draft);
  await page.evaluate(([chat, text]) => localStorage.setItem(`rookery.draft.${chat}`, JSON.stringify(text)), [story.chats[direct], draft]);
  await page.reload();
  await page.waitForSelector("a.chat");
  return opened;
}

async function enter(page, story) {
  await page.locator(`a.chat[data-chat="${story.chats[room.name]}"]`).click();
  await page.waitForSelector("article.turn");
  await page.waitForFunction(() => /online/.test(document.querySelector("main")?.textContent ?? ""));
}

async function type(story) {
  const typists = [...room.types.map((username) => [username, room.name]), ...chats.filter((chat) => chat.types).map(({ direct }) => [direct, direct])];
  for (const [username, name] of typists) story.clients[username].chat(story.chats[name]).type();
  await pause(700);
}

async function save(page, name) {
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${name}.png`);
  await page.screenshot({ path, caret: "initial" });
  try {
    execFileSync("pngquant", ["--force", "--skip-if-larger", "--quality", "90-100", "--speed", "1", "--strip", "--output", path, path], { stdio: "pipe" });
  } catch (error) {
    // Without pngquant, or where it can't do it well enough, the picture stays as it is.
    if (error.code !== "ENOENT" && error.status !== 98 && error.status !== 99) throw error;
  }
  console.log(`${name}.png ${(await stat(path)).size}`);
}

async function serving(take, flags) {
  const server = await LiveServer.start(process.env.ROOKERY_BINARY, flags);
  try {
    await take(server);
  } finally {
    await server.stop();
  }
}

/** Each picture has a server of its own, as what one looks at is read from then on. */
const told = (take) =>
  serving(async (server) => {
    server.story = await fill(server.url);
    try {
      await take(server);
    } finally {
      for (const client of Object.values(server.story.clients)) client.disconnect();
    }
  });

async function login(browser, server) {
  const { page, close } = await open(browser, server.url, { viewport: { width: 1280, height: 800 } });
  await page.goto(server.url);
  await page.locator("input[name=username]:visible").fill("yusuf");
  await page.locator("input[name=password]:visible").fill("battery staple");
  await pause(300);
  await save(page, "login");
  await close();
}

/** What somebody sees who comes back to four new messages, and answers. */
async function answer(page) {
  await page.locator("#composer").fill("I’ll bring mine, and the long rope.");
  await page.locator("button.send").click();
  await page.waitForFunction(() => document.querySelector("article:last-of-type .own .state time"));
}

async function desktop(browser, server, colorScheme) {
  const { story } = server;
  const { page, close } = await evening(browser, server, { ...DESKTOP, colorScheme });
  await enter(page, story);
  await page.waitForSelector("aside");
  if (colorScheme === "light") {
    await answer(page);
    await page.locator("#composer").fill("Who has a car seat left?");
    await page.getByText("Booked for eight people").hover();
  } else {
    await page.locator(".messages").hover();
    await page.mouse.wheel(0, -4000);
    await pause(400);
    const own = page.locator("article", { hasText: "Works for me" });
    await own.focus();
    await page.keyboard.press("e");
    await page.locator("#composer").fill("Works for me. It opens at half past six, and the bus stops right outside.");
  }
  await type(story);
  await save(page, `chat-desktop-${colorScheme}`);
  await close();
}

async function phone(browser, server, colorScheme) {
  const { story } = server;
  const opened = await evening(browser, server, { ...PHONE, colorScheme });
  const { page } = opened;
  await type(story);
  if (colorScheme === "dark") await save(page, "list-phone-dark");
  await enter(page, story);
  await answer(page);
  if (colorScheme === "dark") {
    await opened.cut();
    await page.locator("#composer").fill("I am at the desk.");
    await page.locator("button.send").click();
    await pause(TYPING_MS);
  } else {
    await type(story);
  }
  await page.locator("#composer").blur();
  await save(page, `chat-phone-${colorScheme}`);
  await opened.close();
}

/** What clients get wrong all day: so that refusals have something to count. */
async function mistakes(url, second) {
  const ask = (path, options) => fetch(url + path, options);
  await ask("/no-such-page");
  if (second % 2) await ask("/me");
  if (second % 5 === 0) await ask("/users", { method: "POST", headers: { "content-type": "application/json" }, body: "{" });
}

/** Calm cores, until one of them has much to do, as many write to one room. */
async function ops(browser, server) {
  const loads = [];
  const load = (...flags) => loads.push(spawn(process.env.ROOKERY_BENCH, [...flags, "--url", server.url, "--duration", "300"], { stdio: "ignore" }));
  const { page, close } = await open(browser, server.url, DESKTOP);
  try {
    await page.goto(`${server.url}/ops`);
    await page.getByLabel("1 min", { exact: true }).check();
    load("rooms", "--rooms", "2000", "--rate", "4000");
    await pause(CALM_SECONDS * 1000);
    load("hot-room", "--listeners", "0", "--senders", "32", "--in-flight", "256");
    for (let second = 0; second < BUSY_SECONDS; second++) {
      await mistakes(server.url, second);
      await pause(1000);
    }
    const hot = page.locator("#verdict[data-tone=warn]").waitFor({ timeout: PATIENCE_MS });
    await hot.catch(() => console.error("No core became hot: take the pictures of /ops again, on a machine that has nothing else to do."));
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      await pause(500);
      await save(page, `ops-${colorScheme}`);
    }
    await close();
  } finally {
    for (const process of loads) process.kill();
  }
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu"],
  env: { ...process.env, FONTCONFIG_FILE: join(here, "fonts.conf") },
});
try {
  if (wanted("login")) await serving((server) => login(browser, server));
  for (const [take, name] of [[desktop, "chat-desktop"], [phone, "chat-phone"]]) {
    for (const scheme of ["light", "dark"]) if (wanted(`${name}-${scheme}`)) await told((server) => take(browser, server, scheme));
  }
  if (wanted("ops")) await serving((server) => ops(browser, server), ["--auth", "trust", "--shards", "4"]);
} finally {
  await browser.close();
}
const large = [];
for (const name of await readdir(folder)) if ((await stat(join(folder, name))).size > MAX_BYTES) large.push(name);
if (large.length) {
  console.error(`above ${MAX_BYTES} bytes: ${large.join(", ")}`);
  process.exitCode = 1;
}
