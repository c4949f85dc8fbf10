// Faults that were there once, each looked for where it was seen.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { LiveServer } from "../../client/testing/live.js";
import { account } from "./support/account.js";
import { Person } from "./support/person.js";

/** Loads with nothing in the browser's cache. */
const LOADS = 10;
/** How late a reply comes, where it comes late, in milliseconds: a skeleton is seen by then. */
const LATE_MS = 250;
/** Replies that a chat is made of; each is late in another half of the loads. */
const REPLIES = [/\/me$/, /\/chats\?/, /\/chats\/[0-9a-f-]+$/, /\/messages\?/, /\/users\?/];

let server;
before(async () => (server = await LiveServer.start(process.env.ROOKERY_BINARY)));
after(() => server?.stop());

test("a chat that is opened by its address moves nothing, whichever reply comes late", { timeout: 180_000 }, async () => {
  const people = await Promise.all(["ann", "ben", "cem", "dana"].map((name) => account(server.url, name)));
  const members = people.map(({ id }) => id);
  const chats = [];
  // One of them an admin, and one not: the lines of the panel go by that.
  for (const admin of people.slice(0, 2)) {
    const { chat_id: chat } = await admin.call("POST", "/chats", { name: "Flat 4B", members: members.filter((id) => id !== admin.id) });
    await admin.call("PATCH", `/chats/${chat}`, { description: "Of this and that" });
    for (let i = 1; i <= 30; i++) await people[i % 4].call("POST", `/chats/${chat}/messages`, { content: `line ${i} ${"and more ".repeat(i % 12)}` });
    chats.push(chat);
  }
  const ann = await Person.at(server.url, "ann");
  await ann.open();
  await ann.logIn();
  const storageState = await ann.context.storageState();
  await ann.context.close();

  for (let load = 0; load < LOADS; load++) {
    const again = await Person.at(server.url, "ann", { storageState });
    for (const [i, reply] of REPLIES.entries()) {
      if ((load >> i) % 2) await again.page.route(reply, (route) => setTimeout(() => void route.continue().catch(() => {}), LATE_MS));
    }
    await again.open(`/#c/${chats[load % 2]}`);
    await again.message("line 30").waitFor();
    const panel = again.page.getByRole("complementary", { name: "Members" });
    for (const text of ["Online, 1", "dana", "Mute this chat"]) await panel.getByText(text).waitFor();
    await again.page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
    const late = REPLIES.filter((_, i) => (load >> i) % 2).join(", ");
    assert.deepEqual(await again.page.evaluate(() => globalThis.layoutShifts), [], `nothing moves with these late: ${late || "none"}`);
    await again.context.close();
  }
});
