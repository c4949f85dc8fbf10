// What one sets for oneself: whom one does not hear, which chats are quiet, how the page looks, what one has half written.
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

test("whom one blocks cannot write, until one takes it back", { timeout: 120_000 }, async () => {
  const ann = await Person.at(server.url, "ann");
  const ben = await Person.at(server.url, "ben");
  await Promise.all([ann.signUp(), ben.signUp()]);
  ben.watched.expects(/status of 403/);
  await ann.startDirect("ben");
  await ann.write("Hello");
  await ben.go("ann");
  await ben.reads("Hello");
  const panel = ann.page.getByRole("complementary", { name: "Members" });
  const notice = ann.page.getByRole("region", { name: "Notice" });

  await panel.getByRole("button", { name: "Block", exact: true }).click();
  const sure = ann.page.getByRole("alertdialog", { name: "Block ben?" });
  await sure.getByText("They cannot write to you here any more. They are not told.").waitFor();
  await ann.isAccessible();
  await sure.getByRole("button", { name: "Block" }).click();
  await notice.getByText("ben is blocked.").waitFor();
  await panel.getByRole("button", { name: "Unblock" }).waitFor();
  await ann.isAccessible();

  await ben.write("Why?");
  await ben.message("Why?").getByText("Not sent: you cannot write to this person.").waitFor();
  await ben.act("Hello", "React with 👍");
  await ben.page.getByRole("region", { name: "Notice" }).getByText("You cannot write to this person.").waitFor();
  await ben.message("Hello").getByRole("button", { name: /👍, 1 reaction/ }).waitFor({ state: "hidden" });
  await ben.isAccessible();
  await ann.write("I may write");
  await ben.message("I may write").waitFor();
  await ann.reads("Hello", "I may write");

  await ann.button("You and your settings").click();
  const blocked = ann.dialog("You").getByRole("region", { name: "Blocked people" });
  await blocked.getByRole("button", { name: "Unblock ben" }).click();
  await blocked.getByText("You have blocked nobody.").waitFor();
  await ann.isAccessible();
  await ann.page.keyboard.press("Escape");
  await panel.getByRole("button", { name: "Block", exact: true }).waitFor();
  await ben.message("Why?").getByRole("button", { name: "Try again" }).click();
  await ann.message("Why?").waitFor();
  await ben.message("Why?").getByText(/^Not sent/).waitFor({ state: "hidden" });

  // Taken back at once, where it was said.
  await panel.getByRole("button", { name: "Block", exact: true }).click();
  await sure.getByRole("button", { name: "Block" }).click();
  await notice.getByRole("button", { name: "Undo" }).click();
  await notice.getByText("ben is not blocked any more.").waitFor();
  await ben.write("Thank you");
  await ann.message("Thank you").waitFor();
});

test("a chat is muted wherever one is logged in, a theme that was chosen and a draft stay", { timeout: 120_000 }, async () => {
  const ann = await Person.at(server.url, "ann-quiet");
  await ann.signUp();
  const ben = await account(server.url, "ben-loud");
  await account(server.url, "cem-calm");
  await ann.startDirect("ben-loud");
  const { chat_id: chat } = (await ben.call("GET", "/chats"))[0];
  await ann.composer.pressSequentially("half a sentence");
  await ann.button("More about this chat").click();
  await ann.isAccessible();
  await ann.page.getByRole("menuitem", { name: "Mute this chat" }).click();
  await ann.page.getByRole("region", { name: "Notice" }).getByText("ben-loud is muted.").waitFor();
  await ann.startDirect("cem-calm");
  await ann.row("ben-loud", "Muted.*Draft: half a sentence").waitFor();
  await ben.call("POST", `/chats/${chat}/messages`, { content: "LOUD" });
  await ann.unread("ben-loud", 1);
  assert.equal(await ann.page.title(), "Rookery", "what is muted is not counted");

  const ground = ({ page }) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await ann.page.emulateMedia({ colorScheme: "light" });
  const light = await ground(ann);
  await ann.button("You and your settings").click();
  const theme = ann.dialog("You").getByRole("group", { name: "Theme" });
  assert.ok(await theme.getByRole("radio", { name: "System" }).isChecked());
  await theme.getByRole("radio", { name: "Dark" }).click();
  await eventually(async () => assert.notEqual(await ground(ann), light), PATIENCE_MS);
  const dark = await ground(ann);
  await ann.isAccessible();
  await ann.page.emulateMedia({ colorScheme: "light" });
  assert.equal(await ground(ann), dark, "whatever the system has");

  // The first paint has it, and knows nothing of the server yet.
  await ann.page.route("**/assets/**/chat/main.js", (route) => route.abort());
  ann.watched.expects(/net::ERR_FAILED/);
  await ann.page.reload();
  assert.equal(await ground(ann), dark);
  await ann.page.unroute("**/assets/**/chat/main.js");
  await ann.page.reload();
  await ann.row("ben-loud", "Muted.*1 unread.*Draft: half a sentence|Muted.*Draft: half a sentence.*1 unread").waitFor();
  assert.equal(await ground(ann), dark);
  await ann.go("ben-loud");
  assert.equal(await ann.composer.inputValue(), "half a sentence");

  const elsewhere = await Person.at(server.url, "ann-quiet", { colorScheme: "light" });
  await elsewhere.open();
  await elsewhere.logIn();
  await elsewhere.row("ben-loud", "Muted").waitFor();
  await eventually(async () => assert.equal(await ground(elsewhere), dark), PATIENCE_MS);
  await ann.button("Unmute this chat").click();
  for (const one of [ann, elsewhere]) await eventually(async () => assert.equal(await one.row("ben-loud", "Muted").count(), 0), PATIENCE_MS);
  await ann.button("You and your settings").click();
  await theme.getByRole("radio", { name: "System" }).click();
  for (const one of [ann, elsewhere]) await eventually(async () => assert.equal(await ground(one), light), PATIENCE_MS);
});
