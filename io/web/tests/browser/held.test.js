// What is held up: chats that are opened without a connection, messages that are missing or not sent, edits that are not saved.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { LiveServer } from "../../client/testing/live.js";
import { account } from "./support/account.js";
import { onALineOfTheirOwn } from "./support/away.js";
import { PATIENCE_MS } from "./support/browser.js";
import { eventually } from "./support/eventually.js";
import { hasFocus } from "./support/focus.js";
import { Person } from "./support/person.js";

/** Browsers report each refusal. */
const GONE = /status of 410/;
/** Events of a chat that one gets who comes back: fewer than are missed below. */
const RESUME_EVENTS = 20;
/** A finger needs as much, in pixels. */
const TARGET_PX = 44;

let server;
before(async () => (server = await LiveServer.start(process.env.ROOKERY_BINARY, ["--resume-events", `${RESUME_EVENTS}`])));
after(() => server?.stop());

/** Somebody new, who may come back to events that are too far back. */
async function cutOff(name) {
  const { person, line } = await onALineOfTheirOwn(server, name);
  person.watched.expects(GONE);
  const me = await person.page.evaluate(async () => (await (await fetch("/me")).json()).user_id);
  return { person, line, me };
}

/** A chat that somebody makes, with messages. */
async function chatWith(maker, name, members, ...texts) {
  const { chat_id: id } = await maker.call("POST", "/chats", { name, members });
  for (const content of texts) await maker.call("POST", `/chats/${id}/messages`, { content });
  return id;
}

test("a chat that is opened without a connection says so, and comes with the next", { timeout: 120_000 }, async () => {
  const ann = await account(server.url, "ann-opened");
  const { person: ben, line, me } = await cutOff("ben-opened");
  await chatWith(ann, "Fresh", [me], "in Fresh");
  await chatWith(ann, "Other", [me], "in Other");
  await ben.row("Other").waitFor();
  await ben.row("Fresh").waitFor();

  line.cut();
  await ben.list.getByText("Not connected").waitFor();
  await ben.go("Fresh");
  const lost = ben.feed.getByRole("article").filter({ hasText: "Not loaded." });
  await lost.waitFor();
  await ben.isAccessible();
  await ben.write("written meanwhile");
  await ben.message("written meanwhile").getByText("Waits for the connection").waitFor();
  await lost.waitFor();
  // By keys as well: nothing comes, and it is said again.
  await ben.page.keyboard.press("Shift+F6");
  await ben.page.keyboard.press("Home");
  await hasFocus(lost);
  await ben.page.keyboard.press("Enter");
  await lost.waitFor();

  line.mend();
  await ben.banner(/^No connection/).waitFor({ state: "hidden" });
  await ben.reads("in Fresh", "written meanwhile");
  assert.equal(await lost.count(), 0);
  await ben.go("Other");
  await ben.reads("in Other");
});

test("a first page that a busy server refuses is asked for again where one says so", { timeout: 60_000 }, async () => {
  const ann = await account(server.url, "ann-busy");
  const { person: ben, me } = await cutOff("ben-busy");
  await chatWith(ann, "Busy", [me], "in Busy");
  await ben.row("Busy").waitFor();
  await ben.page.route("**/messages?*", (route) => route.fulfill({ status: 503 }));
  await ben.go("Busy");
  await ben.button("Try again").waitFor();
  await ben.page.unrouteAll();
  await ben.button("Try again").click();
  await ben.reads("in Busy");
  await ben.allRead("Busy");
});

test("what is missing is not read before it was seen", { timeout: 120_000 }, async () => {
  const ann = await account(server.url, "ann-hole");
  const { person: ben, line, me } = await cutOff("ben-hole");
  const chat = await chatWith(ann, "Hole", [me], "before");
  await ben.go("Hole");
  await ben.reads("before");
  await ben.allRead("Hole");
  line.cut();
  await ben.banner(/^No connection/).waitFor();
  const missed = Array.from({ length: 3 * RESUME_EVENTS }, (_, i) => `missed ${i + 1}`);
  for (const content of missed) await ann.call("POST", `/chats/${chat}/messages`, { content });
  line.mend();
  await ben.feed.getByText("Some messages are not loaded").waitFor();
  await ben.unread("Hole", missed.length);
  // What comes behind them is seen, and they are not.
  await ann.call("POST", `/chats/${chat}/messages`, { content: "the latest" });
  await ben.message("the latest").waitFor();
  await new Promise((looked) => setTimeout(looked, 2000));
  await ben.unread("Hole", missed.length + 1);
  await ben.isAccessible();

  const load = ben.button("Load");
  while (await load.count()) {
    const before = (await ben.texts()).length;
    await load.focus();
    await load.press("Enter");
    await eventually(async () => assert.ok((await load.count()) === 0 || (await ben.texts()).length > before), PATIENCE_MS);
    await hasFocus(ben.feed.getByRole("article"));
  }
  await ben.page.keyboard.press("End");
  await ben.reads(...missed.slice(-5), "the latest");
  await ben.allRead("Hole");
});

test("a message that is refused is sent again or given up by keys", { timeout: 120_000 }, async () => {
  const ben = await account(server.url, "ben-failed");
  const ann = await Person.at(server.url, "ann-failed");
  await ann.signUp();
  await ann.startDirect("ben-failed");
  await ann.write("hello");
  await ann.message("hello").getByText("Sent").waitFor();
  const me = await ann.page.evaluate(async () => (await (await fetch("/me")).json()).user_id);
  await ben.call("PUT", `/me/blocks/${me}`);
  await ann.write("first", "second", "third");
  for (const text of ["first", "second", "third"]) await ann.message(text).getByText("Not sent: you cannot write to this person.").waitFor();
  await ann.isAccessible();

  const keys = ann.page.keyboard;
  const button = (text, name) => ann.message(text).getByRole("button", { name });
  await keys.press("Shift+F6");
  await hasFocus(ann.message("third"));
  await keys.press("ArrowRight");
  await hasFocus(button("third", "Try again"));
  await keys.press("ArrowRight");
  await hasFocus(button("third", "Discard"));
  await ann.isAccessible();
  await keys.press("Enter");
  await ann.message("third").waitFor({ state: "detached" });
  await hasFocus(ann.message("second"));
  await keys.press("Enter");
  const menu = ann.page.getByRole("menu", { name: "Message actions" });
  await menu.getByRole("menuitem", { name: "Discard" }).waitFor();
  await ann.isAccessible();
  await ben.call("DELETE", `/me/blocks/${me}`);
  await hasFocus(menu.getByRole("menuitem", { name: "Try again" }));
  await keys.press("Enter");
  // Once it is sent it stands before those that are not.
  await ann.reads("hello", "second", "first");
  await keys.press("End");
  await hasFocus(ann.message("first"));
  await keys.press("Delete");
  await ann.reads("hello", "second");
  await hasFocus(ann.message("second"));
});

test("reactions are reached by keys, those that are folded too", { timeout: 60_000 }, async () => {
  const ben = await account(server.url, "ben-chips");
  const ann = await Person.at(server.url, "ann-chips");
  await ann.signUp();
  await ann.startDirect("ben-chips");
  await ann.write("look");
  await ann.message("look").getByText("Sent").waitFor();
  const [{ chat_id: chat, last_message: { message_id: id } }] = await ben.call("GET", "/chats");
  const all = ["👍", "🎉", "👀", "😀", "🐦", "🔥", "🌱", "🍎", "🍊"];
  for (const emoji of all) await ben.call("PUT", `/chats/${chat}/messages/${id}/reactions/${encodeURIComponent(emoji)}`);
  const more = ann.message("look").getByRole("button", { name: "Show 1 more reaction" });
  await more.waitFor();

  const keys = ann.page.keyboard;
  await keys.press("Shift+F6");
  await hasFocus(ann.message("look"));
  await keys.press("ArrowLeft");
  await hasFocus(more);
  await keys.press("Enter");
  await more.waitFor({ state: "detached" });
  await ann.message("look").getByRole("button", { name: /^🍊/ }).waitFor();
  await hasFocus(ann.message("look"));
  await keys.press("ArrowRight");
  await keys.press("ArrowRight");
  const second = ann.message("look").getByRole("button", { name: /^🎉/ });
  await hasFocus(second);
  await keys.press("Enter");
  await ann.message("look").getByRole("button", { name: /^🎉, 2 reactions/, pressed: true }).waitFor();
  await hasFocus(second);
  await keys.press("Escape");
  await hasFocus(ann.message("look"));
  await ann.isAccessible();
});

test("an edit without a connection is kept, and saved with the next", { timeout: 120_000 }, async () => {
  await account(server.url, "ben-edit");
  const { person: ann, line } = await cutOff("ann-edit");
  await ann.startDirect("ben-edit");
  await ann.write("short");
  await ann.message("short").getByText("Sent").waitFor();
  await ann.composer.fill("a draft");
  line.cut();
  await ann.banner(/^No connection/).waitFor();

  await ann.menu("short", "Edit");
  await ann.composer.fill("long, and long to write");
  await ann.composer.press("Enter");
  await ann.page.getByText("No connection. Try again when you are back.").waitFor();
  assert.equal(await ann.composer.inputValue(), "long, and long to write");
  await ann.isAccessible();
  // Who goes elsewhere meanwhile finds it again.
  await ann.composer.fill("longer still");
  await ann.page.evaluate(() => (location.hash = ""));
  await ann.composer.waitFor({ state: "detached" });
  await ann.go("ben-edit");
  await ann.page.getByText("Your edit was not saved.").waitFor();
  assert.equal(await ann.composer.inputValue(), "a draft");
  await ann.isAccessible();

  line.mend();
  await ann.banner(/^No connection/).waitFor({ state: "hidden" });
  await ann.button("Edit again").click();
  assert.equal(await ann.composer.inputValue(), "longer still");
  await ann.composer.press("Enter");
  await ann.reads("longer still");
  await ann.message("longer still").getByText("edited").waitFor();
  assert.equal(await ann.composer.inputValue(), "a draft");
  await ann.page.getByText("Your edit was not saved.").waitFor({ state: "hidden" });
});

test("fingers have room on a phone", { timeout: 60_000 }, async () => {
  const ben = await account(server.url, "ben-touch");
  const ann = await Person.at(server.url, "ann-touch", { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  await ann.signUp();
  const me = await ann.page.evaluate(async () => (await (await fetch("/me")).json()).user_id);
  const { chat_id: chat } = await ben.call("POST", `/direct/${me}`);
  const { message_id: id } = await ben.call("POST", `/chats/${chat}/messages`, { content: "look" });
  for (const emoji of ["👍", "🎉"]) await ben.call("PUT", `/chats/${chat}/messages/${id}/reactions/${encodeURIComponent(emoji)}`);
  await ann.row("ben-touch").tap();
  await ann.reads("look");
  await ben.call("PUT", `/me/blocks/${me}`);
  await ann.composer.fill("not to be sent");
  await ann.button("Send").tap();
  await ann.button("Try again").waitFor();
  for (const target of await ann.feed.getByRole("button").all()) {
    const { name, width, height } = await target.evaluate(reach);
    assert.ok(width >= TARGET_PX && height >= TARGET_PX, `${name} is ${width} × ${height}`);
  }
  await ann.isAccessible();
});

/** Runs in the page: how far from its middle a button is hit. */
function reach(button) {
  button.scrollIntoView({ block: "center" });
  const { left, top, width, height } = button.getBoundingClientRect();
  const [x, y] = [left + width / 2, top + height / 2];
  const hit = (dx, dy) => button.contains(document.elementFromPoint(x + dx, y + dy));
  const far = (dx, dy) => {
    let px = 0;
    while (px < 200 && hit(dx * (px + 1), dy * (px + 1))) px++;
    return px;
  };
  return { name: button.textContent, width: far(-1, 0) + far(1, 0) + 1, height: far(0, -1) + far(0, 1) + 1 };
}
