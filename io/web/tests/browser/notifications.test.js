// Notifications of the browser: where one wants them, of what one does not look at, and the way from one to its chat.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { LiveServer } from "../../client/testing/live.js";
import { account } from "./support/account.js";
import { eventually } from "./support/eventually.js";
import { PATIENCE_MS } from "./support/browser.js";
import { Person } from "./support/person.js";

let server;
before(async () => (server = await LiveServer.start(process.env.ROOKERY_BINARY)));
after(() => server?.stop());

test("one is notified of other chats, unless they are muted, and a click goes there", { timeout: 120_000 }, async () => {
  const ann = await Person.at(server.url, "ann");
  await ann.context.grantPermissions(["notifications"]);
  await ann.context.addInitScript(collectNotifications);
  await ann.signUp();
  const ben = await account(server.url, "ben");
  await ben.call("PATCH", "/me", { display_name: "Ben of the Birds" });
  await ann.startGroup("Flat 4B", "ben", (await account(server.url, "cem"), "cem"));
  const { chat_id: group } = (await ben.call("GET", "/chats"))[0];
  await ann.startDirect("ben");
  const { chat_id: direct } = (await ben.call("GET", "/chats")).find((chat) => chat.direct);
  const say = (chat, content) => ben.call("POST", `/chats/${chat}/messages`, { content });

  await say(group, "before it was wanted");
  await ann.row("Flat 4B", "before it was wanted").waitFor();
  await ann.button("You and your settings").click();
  const toggle = ann.dialog("You").getByRole("switch", { name: "Notify me about new messages" });
  await isChecked(toggle, false);
  await toggle.click();
  await isChecked(toggle, true);
  await ann.isAccessible();
  await ann.page.keyboard.press("Escape");

  // In the chat that one looks at, in another, in one that is muted: each is there before the next.
  await say(direct, "seen as it comes");
  await ann.message("seen as it comes").waitFor();
  await say(group, `Who has\n the  keys? ${"x".repeat(200)}`);
  await ann.row("Flat 4B", "Who has the keys").waitFor();
  await ann.go("Flat 4B");
  await ann.button("Mute this chat").click();
  await ann.row("Flat 4B", "Muted").waitFor();
  await ann.isAccessible();
  await ann.go("Ben of the Birds");
  await say(group, "said in a muted chat");
  await ann.row("Flat 4B", "said in a muted chat").waitFor();
  await ann.go("Flat 4B");
  await say(direct, "Only for you");
  await notified(ann, [
    { title: "Flat 4B", body: /^Ben of the Birds: Who has the keys\? x+…$/, tag: group },
    { title: "Ben of the Birds", body: /^Ben of the Birds: Only for you$/, tag: direct },
  ]);

  await ann.page.evaluate(() => globalThis.notifications.at(-1).dispatchEvent(new Event("click")));
  await ann.sees("Ben of the Birds");
  await ann.message("Only for you").waitFor();
  await ann.allRead("Ben of the Birds");
  await ann.isAccessible();

  await ann.page.reload();
  await ann.button("You and your settings").click();
  await isChecked(toggle, true);
  await toggle.click();
  await isChecked(toggle, false);
});

test("a browser that blocks notifications is said to", { timeout: 60_000 }, async () => {
  const ann = await Person.at(server.url, "ann-blocked");
  await ann.context.grantPermissions([]);
  await ann.signUp();
  await ann.button("You and your settings").click();
  const toggle = ann.dialog("You").getByRole("switch", { name: "Notify me about new messages" });
  await toggle.click();
  await ann.dialog("You").getByText("Your browser blocks notifications for this page.").waitFor();
  await isChecked(toggle, false);
  await ann.isAccessible();
});

/** Runs in the page: notifications are real, and kept to be looked at and clicked. */
function collectNotifications() {
  const shown = [];
  globalThis.notifications = shown;
  globalThis.Notification = class extends Notification {
    constructor(title, options) {
      super(title, options);
      shown.push(this);
    }
  };
}

/** Was notified of these, and of nothing else. */
async function notified({ page }, expected) {
  const all = () => page.evaluate(() => globalThis.notifications.map(({ title, body, tag }) => ({ title, body, tag })));
  await eventually(async () => assert.ok((await all()).length >= expected.length), PATIENCE_MS);
  const shown = await all();
  assert.deepEqual(shown.map(({ title, tag }) => ({ title, tag })), expected.map(({ title, tag }) => ({ title, tag })));
  for (const [i, { body }] of expected.entries()) assert.match(shown[i].body, body);
}

const isChecked = (toggle, checked) => eventually(async () => assert.equal(await toggle.getAttribute("aria-checked"), `${checked}`), PATIENCE_MS);
