// All of it with a keyboard alone: no pointer is used here.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { LiveServer } from "../../client/testing/live.js";
import { account } from "./support/account.js";
import { eventually } from "./support/eventually.js";
import { PATIENCE_MS } from "./support/browser.js";
import { PASSWORD, Person } from "./support/person.js";

let server;
before(async () => (server = await LiveServer.start(process.env.ROOKERY_BINARY)));
after(() => server?.stop());

test("one logs in, finds a chat, writes, edits, reacts and deletes by keys", { timeout: 180_000 }, async () => {
  const people = [];
  for (const name of ["ann", "ben", "cem"]) people.push(await account(server.url, name));
  const [{ id: annId }, ben, cem] = people;
  const { chat_id: chat } = await ben.call("POST", `/direct/${annId}`);
  await ben.call("POST", `/chats/${chat}/messages`, { content: "from ben" });
  const { chat_id: other } = await cem.call("POST", `/direct/${annId}`);
  await cem.call("POST", `/chats/${other}/messages`, { content: "from cem" });

  const ann = await Person.at(server.url, "ann");
  const { page } = ann;
  const keys = page.keyboard;
  await ann.open();
  await hasFocus(ann.field("Username"));
  await keys.type("ann");
  await keys.press("Tab");
  await hasFocus(ann.field("Password"));
  await keys.type(PASSWORD);
  await keys.press("Tab");
  await hasFocus(ann.button("Show the password"));
  await keys.press("Tab");
  await hasFocus(ann.button("Log in"));
  await keys.press("Enter");
  await ann.row("cem").waitFor();

  // The list is one stop of Tab; arrows move in it.
  await keys.press("F6");
  await hasFocus(ann.row("cem"));
  await keys.press("ArrowDown");
  await hasFocus(ann.row("ben"));
  await keys.press("Enter");
  await ann.sees("ben");
  await hasFocus(ann.composer);
  await keys.type("Hello ben");
  await keys.press("Shift+Enter");
  await keys.type("and so on");
  await keys.press("Enter");
  await ann.reads("from ben", "Hello ben\nand so on");
  await hasFocus(ann.composer);

  await ann.message("Hello ben").getByText("Sent").waitFor();
  await keys.press("ArrowUp");
  await page.getByText("Editing your message").waitFor();
  await keys.press("Escape");
  await page.getByText("Editing your message").waitFor({ state: "hidden" });
  await keys.press("ArrowUp");
  await keys.press("Control+A");
  await keys.type("Hello, Ben");
  await keys.press("Enter");
  await ann.message("Hello, Ben").getByText("edited").waitFor();

  // Messages: their menu, reactions, and the question before one is deleted.
  await keys.press("Shift+F6");
  await hasFocus(ann.message("Hello, Ben"));
  await ann.isAccessible();
  await keys.press("ArrowUp");
  await hasFocus(ann.message("from ben"));
  await keys.press("1");
  await ann.message("from ben").getByRole("button", { name: "👍, 1 reaction: You" }).waitFor();
  await keys.press("+");
  await ann.dialog("Choose an emoji").waitFor();
  await keys.press("ArrowRight");
  await keys.press("Escape");
  await hasFocus(ann.message("from ben"));
  await keys.press("End");
  await hasFocus(ann.message("Hello, Ben"));
  await keys.press("Enter");
  const menu = page.getByRole("menu", { name: "Message actions" });
  await menu.waitFor();
  await ann.isAccessible();
  await keys.press("End");
  await hasFocus(menu.getByRole("menuitem", { name: "Delete" }));
  await keys.press("Escape");
  await hasFocus(ann.message("Hello, Ben"));
  await keys.press("Delete");
  const sure = page.getByRole("alertdialog", { name: "Delete this message?" });
  await hasFocus(sure.getByRole("button", { name: "Cancel" }));
  await keys.press("Tab");
  await hasFocus(sure.getByRole("button", { name: "Delete" }));
  await keys.press("Enter");
  await ann.feed.getByText("Message deleted").waitFor();
  await keys.press("?");
  await ann.dialog("Keys").waitFor();
  await ann.isAccessible();
  await keys.press("Escape");
  await keys.press("h");
  await hasFocus(ann.composer);
  assert.equal(await ann.composer.inputValue(), "h");

  // From chat to chat, and to a new one.
  await keys.press("Alt+ArrowDown");
  await eventually(async () => assert.match(await page.getByRole("main").getAttribute("aria-label"), /cem/), PATIENCE_MS);
  await ann.allRead("cem");
  await keys.press("Control+K");
  await hasFocus(ann.dialog("New chat").getByRole("combobox"));
  await keys.type("be");
  await ann.dialog("New chat").getByRole("option", { name: "ben" }).first().waitFor();
  await ann.isAccessible();
  await keys.press("Enter");
  await ann.sees("ben");
  await hasFocus(ann.composer);
  assert.equal(await ann.composer.inputValue(), "h", "what was written there is still there");
  await keys.press("Control+K");
  await hasFocus(ann.dialog("New chat").getByRole("combobox"));
  await keys.press("Escape");
  await hasFocus(ann.composer);
});

test("one signs up, and starts a group by keys", { timeout: 120_000 }, async () => {
  for (const name of ["kim", "lea"]) await account(server.url, name);
  const dan = await Person.at(server.url, "dan");
  const keys = dan.page.keyboard;
  await dan.open();
  await hasFocus(dan.field("Username"));
  await keys.press("Shift+Tab");
  await hasFocus(dan.page.getByRole("tab", { name: "Log in" }));
  await keys.press("ArrowRight");
  await hasFocus(dan.page.getByRole("tab", { name: "Sign up" }));
  await keys.press("Tab");
  await keys.type("dan");
  await keys.press("Tab");
  await keys.type(PASSWORD);
  await keys.press("Enter");
  await dan.list.waitFor();
  await keys.press("Control+K");
  const dialog = dan.dialog("New chat");
  for (const name of ["kim", "lea"]) {
    await hasFocus(dialog.getByRole("combobox"));
    await keys.type(name);
    await dialog.getByRole("option", { name, selected: true }).waitFor();
    await keys.press("Enter");
    await dialog.getByRole("button", { name: `Remove ${name}` }).waitFor();
  }
  await dan.isAccessible();
  await keys.press("Tab");
  await hasFocus(dialog.getByLabel("Name of the group"));
  await keys.type("By keys");
  await keys.press("Enter");
  await dan.sees("By keys");
  await hasFocus(dan.composer);
});

/** @param {import("playwright-core").Locator} locator */
async function hasFocus(locator) {
  await locator.first().waitFor();
  await eventually(async () => {
    const focused = await locator.evaluateAll((all) => (all.includes(document.activeElement) ? "" : document.activeElement.outerHTML.slice(0, 200)));
    assert.equal(focused, "", `${locator} has the focus`);
  }, PATIENCE_MS);
}
