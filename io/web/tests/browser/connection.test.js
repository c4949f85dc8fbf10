// Connections that break and servers that die: nothing is lost, nothing is doubled, and the page says so.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { LiveServer } from "../../client/testing/live.js";
import { account } from "./support/account.js";
import { NO_CONNECTION, onALineOfTheirOwn } from "./support/away.js";
import { eventually } from "./support/eventually.js";
import { PATIENCE_MS } from "./support/browser.js";
import { PASSWORD, Person } from "./support/person.js";

/** Events of a chat that one gets who comes back: fewer than are missed below. */
const RESUME_EVENTS = 20;

let server;
before(async () => (server = await LiveServer.start(process.env.ROOKERY_BINARY, ["--resume-events", `${RESUME_EVENTS}`])));
after(() => server?.stop());

test("who was offline comes back to exactly what they missed", { timeout: 120_000 }, async () => {
  const ann = await Person.at(server.url, "ann");
  await ann.signUp();
  const { person: ben, line } = await onALineOfTheirOwn(server, "ben");
  await ann.startDirect("ben");
  await ann.write("before");
  await ben.go("ann");
  await ben.reads("before");

  line.cut();
  await ben.banner(/^No connection\. Next try in \d+ s\.$/).waitFor();
  await ben.isAccessible();
  await ann.write("one", "two", "three");
  await ben.write("from the train");
  await ben.message("from the train").getByText("Waits for the connection").waitFor();
  await ben.composer.fill("half a");
  await ben.isAccessible();
  await ann.menu("two", "Edit");
  await ann.composer.fill("two and a half");
  await ann.composer.press("Enter");
  await ann.message("two and a half").getByText("edited").waitFor();
  await ann.menu("three", "Delete");
  await ann.page.getByRole("alertdialog").getByRole("button", { name: "Delete" }).click();
  await ann.feed.getByText("Message deleted").waitFor();

  line.mend();
  await ben.button("Try now").click();
  for (const one of [ann, ben]) await one.reads("before", "one", "two and a half", "from the train");
  await ben.feed.getByText("Message deleted").waitFor();
  await ben.button("Try now").waitFor({ state: "hidden" });
  assert.equal(await ben.composer.inputValue(), "half a");
  await ben.composer.press("Enter");
  await ann.reads("from the train", "half a");
  await ben.isAccessible();
});

test("who was away for long comes back to an unread count, and to all of it", { timeout: 120_000 }, async () => {
  const { person: ben, line } = await onALineOfTheirOwn(server, "ben-away");
  // What is left behind is asked for, and answered with that it is gone.
  ben.watched.expects(/status of 410/);
  const ann = await account(server.url, "ann-busy");
  const [{ user_id: id }] = await ann.call("GET", "/users?prefix=ben-away");
  const { chat_id: chat } = await ann.call("POST", "/chats", { name: "Busy", members: [id] });
  await ben.row("Busy").waitFor();
  line.cut();
  await eventually(async () => assert.equal(await ben.list.getByText("Not connected").count(), 1), PATIENCE_MS);
  const missed = Array.from({ length: 5 * RESUME_EVENTS }, (_, i) => `said ${i + 1}`);
  for (const content of missed) await ann.call("POST", `/chats/${chat}/messages`, { content });
  line.mend();
  await ben.unread("Busy", missed.length);
  await ben.go("Busy");
  await ben.feed.getByText(`${missed.length} new messages`).waitFor();
  await ben.isAccessible();
  await ben.button("Jump to latest", { exact: false }).click();
  await ben.reads(...missed.slice(-5));
  await ben.allRead("Busy");
  assert.deepEqual(await readUp(ben, missed.length), missed);
});

/** All messages of a chat, read from the latest up to the first. */
async function readUp(person, many) {
  const seen = new Map();
  await eventually(async () => {
    const rows = await person.page.locator("article[aria-posinset]:has(.content)").evaluateAll((all) => all.map((row) => [Number(row.ariaPosInSet), row.querySelector(".content").textContent]));
    for (const [place, text] of rows) seen.set(place, text);
    await person.page.locator("article[aria-posinset]").first().evaluate((row) => row.scrollIntoView({ block: "end" }));
    assert.equal(seen.size, many);
  }, PATIENCE_MS);
  return [...seen].sort(([a], [b]) => a - b).map(([, text]) => text);
}

test("what was not loaded for want of a connection comes with the next", { timeout: 60_000 }, async () => {
  const { person: ann, line } = await onALineOfTheirOwn(server, "ann-late");
  // Before the page fetches it by itself, soon after the chats are shown.
  await ann.page.route("**/members/members.js", (route) => route.abort());
  for (const name of ["ben-late", "cem-late"]) await account(server.url, name);
  await ann.startGroup("Late", "ben-late", "cem-late");
  const members = ann.page.getByRole("complementary", { name: "Members" });
  await members.waitFor();
  assert.equal(await members.getByText("ben-late").count(), 0);
  await ann.page.unroute("**/members/members.js");
  line.cut();
  await ann.banner(/^No connection/).waitFor();
  line.mend();
  await members.getByText("ben-late").waitFor();
});

test("a server that is killed while people write loses nothing and doubles nothing", { timeout: 180_000 }, async () => {
  const ann = await Person.at(server.url, "ann-killed");
  const ben = await Person.at(server.url, "ben-killed");
  for (const one of [ann, ben]) one.watched.expects(NO_CONNECTION);
  await Promise.all([ann.signUp(), ben.signUp()]);
  await ann.startDirect("ben-killed");
  await ann.write("first");
  await ben.go("ann-killed");
  await ben.reads("first");

  // Some of these are on their way as it dies, and none knows how far they came.
  const burst = Array.from({ length: 12 }, (_, i) => `ann ${i}`);
  const writing = ann.write(...burst);
  await eventually(async () => assert.ok((await ben.texts()).length > 4), PATIENCE_MS);
  await ben.composer.pressSequentially("half a sen");
  await server.end("SIGKILL");
  await writing;
  await ben.composer.pressSequentially("tence");
  await ben.composer.press("Enter");
  for (const one of [ann, ben]) await one.banner(/^No connection\. Next try in \d+ s\.$/).waitFor();
  await ben.message("half a sentence").getByText("Waits for the connection").waitFor();
  await ann.isAccessible();
  await ben.composer.fill("a draft");

  await server.begin();
  const read = async (one) => (await one.texts()).sort();
  const all = ["first", "half a sentence", ...burst].sort();
  for (const one of [ann, ben]) await eventually(async () => assert.deepEqual(await read(one), all), 2 * PATIENCE_MS);
  assert.deepEqual(await ann.texts(), await ben.texts(), "in the same order");
  for (const one of [ann, ben]) await one.banner(/^No connection/).waitFor({ state: "hidden" });
  assert.equal(await ben.composer.inputValue(), "a draft");

  await ben.page.reload();
  await ben.reads(...(await ann.texts()));
  assert.equal(await ben.composer.inputValue(), "a draft", "drafts survive a reload");
  await ben.go("ann-killed");
  await ben.isAccessible();
});

test("a server that is restarted ends no login, and one that ends says so", { timeout: 120_000 }, async () => {
  const ann = await Person.at(server.url, "ann-restart");
  ann.watched.expects(NO_CONNECTION);
  // The page asks who is logged in once more: that the login has ended is known by the answer alone.
  ann.watched.expects(/status of 401/);
  await ann.signUp();
  await ann.list.getByText("Connected").waitFor();
  await server.restart();
  await ann.list.getByText("Connected").waitFor();

  const other = await Person.at(server.url, "ann-restart");
  await other.open();
  await other.logIn();
  await other.button("You and your settings").click();
  await other.button("End all others").click();
  await other.isAccessible();
  await other.page.getByRole("alertdialog").getByRole("button", { name: "End all others" }).click();
  await ann.list.getByText("Your login has ended.").waitFor();
  await ann.isAccessible();
  await ann.list.getByRole("button", { name: "Log in" }).click();
  await ann.page.getByRole("main").getByText("Your login has ended.").waitFor();
  assert.equal(await ann.field("Username").inputValue(), "ann-restart");
  await ann.isAccessible();
  await ann.field("Password").fill(PASSWORD);
  await ann.button("Log in").click();
  await ann.list.getByText("Connected").waitFor();
});
