// How the page comes up: under its policy, at rest from the first paint on, with what was there before.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { LiveServer } from "../../client/testing/live.js";
import { account } from "./support/account.js";
import { openWindow } from "./support/browser.js";
import { inParts } from "./support/parts.js";
import { Person } from "./support/person.js";

/** For so long after the last answer something may still move, in milliseconds: the browser tells of it a little later. */
const LATE_MS = 1_000;

let server;
before(async () => (server = await LiveServer.start(process.env.ROOKERY_BINARY)));
after(() => server?.stop());

test("a chat comes up without anything that jumps, and with what was written before", { timeout: 120_000 }, async () => {
  const ann = await Person.at(server.url, "ann");
  await ann.signUp();
  const ben = await account(server.url, "ben");
  await ann.startDirect("ben");
  const { chat_id: chat } = (await ben.call("GET", "/chats"))[0];
  for (let i = 1; i <= 60; i++) await ben.call("POST", `/chats/${chat}/messages`, { content: `line ${i} ${"and more ".repeat(i % 12)}` });
  await ann.message("line 60").waitFor();
  await ann.allRead("ben");
  await ann.composer.pressSequentially("a draft");
  await ann.startGroup("Flat 4B", "ben", (await account(server.url, "cem"), "cem"));
  await ann.row("ben", "Draft: a draft").waitFor();
  await ann.isAccessible();
  await ann.go("ben");

  for (const width of [1360, 390]) {
    await ann.page.setViewportSize({ width, height: 850 });
    await ann.page.reload();
    await ann.message("line 60").waitFor();
    assert.equal(await ann.composer.inputValue(), "a draft");
    if (width > 390) await ann.row("Flat 4B").waitFor();
    // Presence and names come last.
    await ann.page.getByRole("main").getByText("Offline", { exact: true }).or(ann.page.getByRole("main").getByText(/^Seen/)).first().waitFor();
    await ann.page.waitForTimeout(LATE_MS);
    assert.deepEqual(await ann.page.evaluate(() => globalThis.layoutShifts), [], `nothing moves at ${width} px`);
    await ann.isAccessible();
  }
});

test("nothing of /ops moves while the page itself comes in parts", { timeout: 60_000 }, async () => {
  const slow = await inParts(server.url, "</section>|</header>");
  const { page } = await openWindow(slow.url);
  try {
    await page.goto("/ops");
    await page.getByRole("region", { name: "Verdict" }).getByText(/calm|hot/).first().waitFor();
    await page.waitForTimeout(LATE_MS);
    assert.deepEqual(await page.evaluate(() => globalThis.layoutShifts), []);
  } finally {
    slow.close();
  }
});

test("pages come with a policy that lets nothing else in", { timeout: 60_000 }, async () => {
  const ann = await Person.at(server.url, "ann-policy");
  for (const path of ["/", "/ops"]) {
    const reply = await ann.page.goto(path);
    const policy = reply.headers()["content-security-policy"];
    assert.match(policy, /^default-src 'none'; /);
    assert.doesNotMatch(policy, /unsafe-|https?:|\*/);
    const ran = await ann.page.evaluate(() => {
      const script = document.createElement("script");
      try {
        script.text = "globalThis.ran = 1";
      } catch (error) {
        return error.name;
      }
      document.head.append(script);
      return globalThis.ran ?? "nothing";
    });
    assert.equal(ran, "TypeError", "trusted types are wanted");
  }
  ann.watched.expects(/TrustedScript|Trusted Type/);
});

test("a chat that is not there is said not to be", { timeout: 60_000 }, async () => {
  const ann = await Person.at(server.url, "ann-nowhere");
  await ann.signUp();
  await ann.page.goto(`/#c/${crypto.randomUUID()}`);
  await ann.page.getByText("This chat does not exist, or you are not in it.").waitFor();
  await ann.isAccessible();
  await ann.page.setViewportSize({ width: 390, height: 844 });
  await ann.isAccessible();
  await ann.button("Back to the chats").click();
  await ann.list.waitFor();
});
