// What people write: links, emoji, both directions, and what wants to be markup.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { LiveServer } from "../../client/testing/live.js";
import { account } from "./support/account.js";
import { eventually } from "./support/eventually.js";
import { PATIENCE_MS } from "./support/browser.js";
import { Person } from "./support/person.js";

const HOSTILE = JSON.parse(readFileSync(new URL("hostile.json", import.meta.url), "utf8"));
const REACTION_BYTES = 32;
/** Reactions of one user to one message. */
const REACTIONS = 10;

let server;
/** Nobody waits for passwords there. */
let trusting;
before(async () => {
  server = await LiveServer.start(process.env.ROOKERY_BINARY);
  trusting = await LiveServer.start(process.env.ROOKERY_BINARY, ["--auth", "trust"]);
});
after(async () => {
  await server?.stop();
  await trusting?.stop();
});

test("links are recognised, and nothing else becomes markup", { timeout: 120_000 }, async () => {
  const ann = await Person.at(server.url, "ann");
  await ann.signUp();
  await account(server.url, "ben");
  await ann.startDirect("ben");
  await ann.write("See https://example.com/a_(b)?q=1#c, www.example.org. Or <a href='https://x.example'>this</a>, javascript:alert(1)");
  const links = ann.feed.getByRole("link");
  await links.first().waitFor();
  assert.deepEqual(await links.allInnerTexts(), ["https://example.com/a_(b)?q=1#c", "www.example.org", "https://x.example"]);
  for (const link of await links.all()) {
    assert.match(await link.getAttribute("href"), /^https?:\/\//);
    assert.equal(await link.getAttribute("target"), "_blank");
    assert.equal(await link.getAttribute("rel"), "noopener noreferrer nofollow");
  }
  await ann.write("One\nand  another **not bold** `code` # no heading");
  await ann.reads("One\nand  another **not bold** `code` # no heading");
  await ann.isAccessible();
});

test("emoji alone are large, and each script runs its own way", { timeout: 120_000 }, async () => {
  const ann = await Person.at(server.url, "ann-rtl");
  await ann.signUp();
  const maryam = await account(server.url, "maryam");
  await maryam.call("PATCH", "/me", { display_name: "مريم" });
  const cem = await account(server.url, "cem-ltr");
  await ann.startGroup("قهوة at four", "maryam", "cem-ltr");
  await ann.write("🐦‍⬛🎉", "مرحبا بالعالم, Ann", "Hello مريم, how are you?", "\u202eevil\u202c and on", "👩‍👩‍👧‍👦 family");
  await ann.reads("🐦‍⬛🎉", "مرحبا بالعالم, Ann", "Hello مريم, how are you?", "\u202eevil\u202c and on", "👩‍👩‍👧‍👦 family");
  const of = (text, property) => ann.message(text).locator(".content").evaluate((content, name) => getComputedStyle(content)[name], property);
  // A row that is drawn anew as it is confirmed has no style for a moment.
  const isLarge = async () => assert.ok(parseFloat(await of("🐦‍⬛🎉", "fontSize")) >= 2 * parseFloat(await of("family", "fontSize")));
  await eventually(isLarge, PATIENCE_MS);
  assert.equal(await of("مرحبا", "direction"), "rtl");
  assert.equal(await of("how are you?", "direction"), "ltr");
  const { chat_id: chat } = (await maryam.call("GET", "/chats"))[0];
  await maryam.call("POST", `/chats/${chat}/messages`, { content: "أهلا!" });
  await cem.call("POST", `/chats/${chat}/messages`, { content: "Hi" });
  await ann.reads("أهلا!", "Hi");
  await ann.isAccessible();

  // The whole page the other way round, as a translation would have it.
  await ann.page.evaluate(() => (document.documentElement.dir = "rtl"));
  await ann.isAccessible();
  const over = await ann.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(over <= 0, `${over} px to the side`);
  const chats = await ann.list.boundingBox();
  const main = await ann.page.getByRole("main").boundingBox();
  assert.ok(chats.x > main.x, "the list is at the right");
  const label = await ann.page.evaluate(() => getComputedStyle(document.querySelector(".about bdi")).unicodeBidi);
  assert.equal(label, "isolate");
});

test("what wants to be markup shows as text in messages and reactions", { timeout: 180_000 }, async () => {
  assert.ok(HOSTILE.length >= 40);
  const ann = await Person.at(server.url, "ann-hostile");
  await ann.signUp();
  const mallory = await account(server.url, "mallory");
  await ann.startDirect("mallory");
  const { chat_id: chat } = (await mallory.call("GET", "/chats"))[0];
  for (const content of HOSTILE) {
    await mallory.call("POST", `/chats/${chat}/messages`, { content });
    await eventually(async () => assert.equal((await ann.page.locator("article .content").last().textContent()), content.trim()), PATIENCE_MS);
  }
  await isUnharmed(ann);
  await ann.isAccessible();

  const short = HOSTILE.filter((text) => Buffer.byteLength(text) <= REACTION_BYTES && !/\p{Cc}/u.test(text) && text.trim());
  for (let i = 0; i < short.length; i += REACTIONS) {
    const { message_id: id } = await mallory.call("POST", `/chats/${chat}/messages`, { content: `reactions ${i}` });
    const these = short.slice(i, i + REACTIONS);
    for (const emoji of these) await mallory.call("PUT", `/chats/${chat}/messages/${id}/reactions/${encodeURIComponent(emoji)}`);
    const message = ann.message(`reactions ${i}`);
    const more = message.getByRole("button", { name: /^Show \d+ more reactions$/ });
    await message.getByRole("button").first().waitFor();
    if (these.length > 9) await more.click();
    await eventually(async () => assert.deepEqual(await message.locator(".reaction .sign").allTextContents(), these), PATIENCE_MS);
  }
  await isUnharmed(ann);
  await ann.isAccessible();
});

test("what wants to be markup shows as text in names of chats and of people", { timeout: 240_000 }, async () => {
  const call = async (user, method, path, body) => {
    const headers = { "content-type": "application/json", ...(user && { cookie: `user_id=${user}` }) };
    const reply = await fetch(trusting.url + path, { method, headers, body: JSON.stringify(body) });
    return reply.ok ? reply.json().catch(() => ({})) : null;
  };
  const register = (username) => call(null, "POST", "/users", { username, password: "" });
  const { user_id: me } = await register("ann");
  const people = [];
  for (const [i, text] of HOSTILE.entries()) {
    // A name that is not allowed is refused, and one of its own stands in.
    const user = (await register(text)) ?? (await register(`hostile-${i}`));
    const named = await call(user.user_id, "PATCH", "/me", { display_name: text.slice(0, 64) });
    people.push({ id: user.user_id, name: named?.display_name || user.username });
  }
  const names = [];
  for (const [i, { id }] of people.entries()) {
    const chat = await call(me, "POST", "/chats", { name: HOSTILE[i], members: [id] });
    if (!chat) continue;
    names.push(HOSTILE[i].trim());
    await call(id, "POST", `/chats/${chat.chat_id}/messages`, { content: "hello" });
  }
  const everybody = await call(me, "POST", "/chats", { name: "Everybody", members: people.map(({ id }) => id) });
  assert.ok(everybody && names.length >= 20 && people.filter(({ name }) => !name.startsWith("hostile-")).length >= 20);

  const ann = await Person.at(trusting.url, "ann");
  await ann.open();
  await ann.page.getByText("No passwords here: anybody can be anybody.").waitFor();
  await ann.isAccessible();
  await ann.field("Username").fill("ann");
  await ann.button("Log in").click();
  await ann.list.waitFor();
  await eventually(async () => assert.deepEqual((await ann.page.locator(".chats .called").allTextContents()).sort(), [...names, "Everybody"].sort()), PATIENCE_MS);
  await isUnharmed(ann);
  await ann.isAccessible();

  await ann.go("Everybody");
  for (const { id } of people) await call(id, "POST", `/chats/${everybody.chat_id}/messages`, { content: "hello to all" });
  const last = people.at(-1);
  await eventually(async () => assert.equal(await ann.page.locator("article .name > bdi").last().textContent(), last.name), PATIENCE_MS);
  const members = ann.page.getByRole("complementary", { name: "Members" });
  const filter = members.getByRole("searchbox", { name: "Filter by name" });
  for (const text of ["<", "\"", "javascript"]) {
    await filter.fill(text);
    await isUnharmed(ann);
  }
  await ann.isAccessible();

  const dialog = await ann.pick();
  for (const text of ["<img", "javascript", "\"><"]) {
    await dialog.getByRole("combobox").fill(text);
    await dialog.getByRole("option").or(dialog.getByText(/^Nobody is called/)).first().waitFor();
    await isUnharmed(ann);
  }
  await ann.isAccessible();
  await ann.page.keyboard.press("Escape");

  // Where a name stands in a sentence: the header, a question, a toast, the settings.
  const name = names.find((one) => one.startsWith("<img"));
  await ann.list.getByRole("link").filter({ has: ann.page.getByText(name, { exact: true }) }).first().click();
  await ann.page.getByRole("heading", { level: 1, name }).waitFor();
  await members.getByRole("button", { name: "Leave chat" }).click();
  const sure = ann.page.getByRole("alertdialog");
  await sure.getByText(`Leave “${name}”?`).waitFor();
  await isUnharmed(ann);
  await ann.isAccessible();
  await sure.getByRole("button", { name: "Cancel" }).click();
  await members.getByRole("button", { name: "Mute this chat" }).click();
  await ann.page.getByRole("region", { name: "Notice" }).getByText(`${name} is muted.`).waitFor();
  await members.getByRole("button", { name: "Chat settings" }).click();
  await ann.dialog("Chat settings").waitFor();
  assert.equal(await ann.dialog("Chat settings").getByLabel("Name").inputValue(), name);
  await isUnharmed(ann);
  await ann.isAccessible();
});

/** What the page places by script, by its selector, and with which properties: lengths in pixels, all of them. */
const PLACED = {
  ".feed": ["padding-block-start", "padding-block-end"],
  ".turn": ["inset-block-start"],
  ".hoverbar": ["inset-inline-start", "inset-block-start"],
  ".members-list": ["padding-block-start", "padding-block-end"],
  ".menu, .picker": ["left", "top"],
};

/** Nothing that was written has become an element that does something, and nothing of it ran. */
async function isUnharmed(person) {
  const found = await person.page.evaluate((placed) => {
    const isPlaced = (element) => {
      const [, properties] = Object.entries(placed).find(([selector]) => element.matches(selector)) ?? [];
      const lengths = ({ style }) => [...style].every((name) => properties.includes(name) && /^-?[\d.]+px$/.test(style.getPropertyValue(name)));
      return Boolean(properties) && lengths(element) && !element.parentElement.closest("bdi, .content, .called, .preview");
    };
    const acts = (element) => [...element.attributes].some(({ name }) => (name === "style" ? !isPlaced(element) : /^on|^srcdoc$/i.test(name)));
    const strange = [...document.body.querySelectorAll("*")].filter((element) => acts(element) || element.matches("script, link, img, iframe, object, embed, style, base, meta, math, video, audio, marquee, foreignObject"));
    const links = [...document.links].filter((link) => !["http:", "https:"].includes(link.protocol));
    return { elements: [...strange, ...links].map((element) => element.outerHTML), ran: globalThis.ran ?? null };
  }, PLACED);
  assert.deepEqual(found, { elements: [], ran: null });
}
