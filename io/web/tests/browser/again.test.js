// Faults that outsiders found, each looked for where it was seen.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { LiveServer } from "../../client/testing/live.js";
import { account } from "./support/account.js";
import { openWindow, PATIENCE_MS } from "./support/browser.js";
import { eventually } from "./support/eventually.js";
import { PASSWORD, Person } from "./support/person.js";

let server;
before(async () => (server = await LiveServer.start(process.env.ROOKERY_BINARY)));
after(() => server?.stop());

/** Somebody who is logged in, at a chat with somebody else, whose part is played over the API. */
async function inGroup(name, other) {
  const own = await account(server.url, name);
  const mate = await account(server.url, other);
  const { chat_id: chat } = await own.call("POST", "/chats", { name: `Group of ${name}`, members: [mate.id] });
  const person = await Person.at(server.url, name);
  await person.open(`/#c/${chat}`);
  await person.logIn();
  await person.sees(`Group of ${name}`);
  return { person, own, mate, chat };
}

/** Another tab of the same browser. */
async function anotherTab(person) {
  const page = await person.context.newPage();
  await page.goto(person.page.url());
  return new Person(person.name, person.origin, { ...person.watched, context: person.context, page });
}

test("a page that is loaded while the server fails comes up by itself", { timeout: 120_000 }, async () => {
  const { person: ann, chat } = await inGroup("ann", "ben");
  ann.watched.expects(/net::ERR_FAILED|status of 503/);
  const fails = [
    (route) => route.abort(),
    (route) => route.fulfill({ status: 503, headers: { "retry-after": "1", "content-type": "application/problem+json" }, body: '{"status":503,"code":"unavailable","detail":"x"}' }),
  ];
  for (const [i, fail] of fails.entries()) {
    let left = 2;
    await ann.page.route(/\/me$/, (route) => (left-- > 0 ? fail(route) : route.continue()));
    await ann.page.goto("about:blank");
    await ann.open(`/#c/${chat}`);
    await ann.page.getByRole("main").getByText(i ? "The server is busy. Next try in" : "No connection. Next try in").waitFor();
    await ann.isAccessible();
    await ann.sees("Group of ann");
    await ann.page.unrouteAll();
  }
});

test("a draft is the same in each tab", { timeout: 120_000 }, async () => {
  const { person: cem } = await inGroup("cem", "dana");
  const tab = await anotherTab(cem);
  await tab.sees("Group of cem");
  await cem.composer.pressSequentially("first");
  const has = (where, text) => eventually(async () => assert.equal(await where.composer.inputValue(), text), PATIENCE_MS);
  await has(tab, "first");
  await tab.composer.pressSequentially(" and second");
  await has(cem, "first and second");
  await tab.composer.press("Enter");
  await cem.message("first and second").waitFor();
  await has(cem, "");
  await cem.page.reload();
  await cem.message("first and second").waitFor();
  assert.equal(await cem.composer.inputValue(), "");
});

test("who logs out in one tab leaves nothing in the others", { timeout: 120_000 }, async () => {
  const { person: emil } = await inGroup("emil", "fay");
  emil.watched.expects(/status of 401|WebSocket connection to/);
  await emil.write("a secret");
  const tab = await anotherTab(emil);
  await tab.message("a secret").waitFor();
  await tab.composer.pressSequentially("a thought");
  await emil.logOut();
  await tab.page.getByRole("tab", { name: "Log in" }).waitFor();
  assert.doesNotMatch(await tab.page.locator("body").innerText(), /secret|fay|Group|thought/);
  assert.equal(await tab.page.evaluate(() => JSON.stringify(localStorage)), "{}");
  await tab.logIn();
  await tab.go("Group of emil");
  assert.equal(await tab.composer.inputValue(), "");
});

test("one skips only to what is there", { timeout: 60_000 }, async () => {
  const { person: gus } = await inGroup("gus", "hal");
  await gus.open("/");
  await gus.row("Group of gus").waitFor();
  for (const name of ["Skip to messages", "Skip to composer"]) assert.equal(await gus.button(name).count(), 0, name);
  await gus.go("Group of gus");
  for (const name of ["Skip to messages", "Skip to composer"]) assert.equal(await gus.button(name).count(), 1, name);
});

test("all questions before something that does not come back are told alike", { timeout: 60_000 }, async () => {
  const ida = await Person.at(server.url, "ida");
  await ida.signUp();
  await ida.button("You and your settings").click();
  await ida.dialog("You").getByRole("button", { name: "Delete account" }).click();
  await ida.page.getByRole("alertdialog", { name: "Delete your account?" }).waitFor();
  await ida.isAccessible();
});

test("a description does not turn its letters round", { timeout: 60_000 }, async () => {
  const { person: jon, own, chat } = await inGroup("jon", "kim");
  await own.call("PATCH", `/chats/${chat}`, { description: "see \u202egpj.exe\u202c, مرحبا\u200f, and \u2067more\u2069" });
  const shown = jon.page.getByRole("complementary", { name: "Members" }).getByText("gpj.exe");
  await shown.waitFor();
  assert.equal(await shown.textContent(), "see gpj.exe\u202c, مرحبا\u200f, and \u2067more\u2069");
});

test("who deletes their account has no name any more, for those who see it", { timeout: 60_000 }, async () => {
  const { person: lea, own, mate: max } = await inGroup("lea", "max");
  const { chat_id: direct } = await max.call("POST", `/direct/${own.id}`);
  await max.call("POST", `/chats/${direct}/messages`, { content: "between us" });
  await lea.row("max").waitFor();
  await max.call("DELETE", "/me", { password: PASSWORD });
  await lea.page.getByText("Deleted account left").first().waitFor();
  await lea.row("Deleted account").waitFor();
  // What was said aloud before was true by then.
  await eventually(async () => assert.doesNotMatch(await lea.page.locator("#app").innerText(), /\bmax\b/), PATIENCE_MS);
});

test("what is on the screen is read, also where much more is below it", { timeout: 60_000 }, async () => {
  const { person: ned, mate: oda, chat } = await inGroup("ned", "oda");
  await ned.open("/");
  for (let i = 1; i <= 56; i++) await oda.call("POST", `/chats/${chat}/messages`, { content: `line ${i}` });
  await ned.unread("Group of ned", 56);
  await ned.go("Group of ned");
  await ned.row("Group of ned", "\\b[234]\\d unread").waitFor();
});

test("/ops tells an answer without figures from none", { timeout: 60_000 }, async () => {
  const { page } = await openWindow(server.url);
  await page.route("/metrics", (route) => route.fulfill({ status: 200, contentType: "text/html", body: "<h1>Hello</h1>" }));
  await page.goto("/ops");
  const verdict = page.getByRole("region", { name: "Verdict" });
  await verdict.getByText("Something answers here, but not with the counters of this server.").waitFor();
  await page.unrouteAll();
  await verdict.getByText(/ For \d+ s\. /).waitFor();
  assert.doesNotMatch(await page.getByRole("status").textContent(), /^No /);
});
