// All of it with a keyboard alone: no pointer is used here.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { LiveServer } from "../../client/testing/live.js";
import { account } from "./support/account.js";
import { eventually } from "./support/eventually.js";
import { PATIENCE_MS } from "./support/browser.js";
import { hasFocus } from "./support/focus.js";
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

test("each key of the help does what it says", { timeout: 180_000 }, async () => {
  const people = [];
  for (const name of ["pat", "quinn", "ruth", "sam"]) people.push(await account(server.url, name));
  const [{ id: patId }, ...others] = people;
  const [quinn, ruth, sam] = others;
  const chats = [];
  for (const other of others) chats.push((await other.call("POST", `/direct/${patId}`)).chat_id);
  const [withQuinn] = chats;
  for (let i = 1; i <= 40; i++) await quinn.call("POST", `/chats/${withQuinn}/messages`, { content: `line ${i}` });
  for (const [i, other] of [ruth, sam].entries()) await other.call("POST", `/chats/${chats[i + 1]}/messages`, { content: "hello" });

  const pat = await Person.at(server.url, "pat");
  const { page } = pat;
  const keys = page.keyboard;
  await pat.context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await pat.open();
  await pat.logIn();
  // In the list: Sam, Ruth, Quinn. Ruth's is read.
  await pat.row("ruth").focus();
  await keys.press("Enter");
  await pat.sees("ruth");
  await pat.allRead("ruth");
  await keys.press("Alt+ArrowUp");
  await pat.sees("sam");
  await pat.allRead("sam");
  await keys.press("Alt+ArrowDown");
  await pat.sees("ruth");
  await sam.call("POST", `/chats/${chats[2]}/messages`, { content: "and again" });
  await pat.unread("sam", 1);
  await keys.press("Alt+ArrowDown");
  await pat.sees("quinn");
  await keys.press("Alt+Shift+ArrowUp");
  await pat.sees("sam");

  await keys.press("Alt+ArrowDown");
  await keys.press("Alt+ArrowDown");
  await pat.sees("quinn");
  await regions(pat);
  await skips(pat);
  await onMessages(pat);
  await composing(pat);
  await escape(pat);
});

/** From region to region, in both directions. */
async function regions(pat) {
  const members = pat.page.getByRole("complementary", { name: "Members" });
  await hasFocus(pat.composer);
  await pat.page.keyboard.press("F6");
  await hasFocus(members.getByRole("heading", { level: 2 }));
  await pat.page.keyboard.press("F6");
  // Where one was in the list, one is again.
  await hasFocus(pat.row("ruth"));
  await pat.page.keyboard.press("Shift+F6");
  await hasFocus(members.getByRole("heading", { level: 2 }));
  await pat.page.keyboard.press("F6");
}

/** What Tab finds first are the ways past the list. */
async function skips(pat) {
  const { page } = pat;
  const skip = (name) => page.getByRole("button", { name, exact: true });
  const toFirst = async (name) => {
    await pat.row("ruth").focus();
    for (let i = 0; i < 9 && !(await skip(name).evaluate((button) => button === document.activeElement)); i++) await page.keyboard.press("Shift+Tab");
    await hasFocus(skip(name));
  };
  await toFirst("Skip to composer");
  await eventually(async () => assert.ok((await skip("Skip to composer").boundingBox()).y >= 0, "it is seen"), PATIENCE_MS);
  await pat.isAccessible();
  await page.keyboard.press("Enter");
  await hasFocus(pat.composer);
  await toFirst("Skip to messages");
  await page.keyboard.press("Enter");
  await hasFocus(pat.feed.getByRole("article"));
}

async function onMessages(pat) {
  const { page } = pat;
  const keys = page.keyboard;
  await keys.press("Home");
  await hasFocus(pat.message("line 1").first());
  await keys.press("ArrowDown");
  await hasFocus(pat.message("line 2").first());
  await keys.press("2");
  await pat.message("line 2").getByRole("button", { name: "🎉, 1 reaction: You" }).waitFor();
  await keys.press("3");
  await pat.message("line 2").getByRole("button", { name: "👀, 1 reaction: You" }).waitFor();
  await keys.press("c");
  await page.getByRole("region", { name: "Notice" }).getByText("Copied.").waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), "line 2");
  await hasFocus(pat.message("line 2").first());
  await keys.press("ContextMenu");
  await page.getByRole("menu", { name: "Message actions" }).waitFor();
  await keys.press("Escape");
  await hasFocus(pat.message("line 2").first());
  await keys.press("End");
  await hasFocus(pat.message("line 40"));
  await keys.press("F6");
  await keys.type("mine");
  await keys.press("Enter");
  await pat.message("mine").getByText("Sent").waitFor();
  await keys.press("Shift+F6");
  await keys.press("End");
  await hasFocus(pat.message("mine"));
  await keys.press("e");
  await page.getByText("Editing your message").waitFor();
  await hasFocus(pat.composer);
  assert.equal(await pat.composer.inputValue(), "mine");
  await keys.press("Escape");
}

/** A word that is still being put together is not sent by the key that ends it. */
async function composing(pat) {
  const input = await pat.context.newCDPSession(pat.page);
  await hasFocus(pat.composer);
  await input.send("Input.imeSetComposition", { text: "にほん", selectionStart: 3, selectionEnd: 3 });
  // Such a key is the input method's: it comes with what it is, and with a code of its own.
  await input.send("Input.dispatchKeyEvent", { type: "rawKeyDown", key: "Enter", code: "Enter", windowsVirtualKeyCode: 229 });
  await input.send("Input.dispatchKeyEvent", { type: "keyUp", key: "Enter", code: "Enter", windowsVirtualKeyCode: 229 });
  assert.equal(await pat.composer.inputValue(), "にほん");
  await input.send("Input.insertText", { text: "日本" });
  await pat.page.keyboard.press("Enter");
  await pat.message("日本").getByText("Sent").waitFor();
  await input.detach();
}

/** What is nearest closes; then it is the way to the latest. */
async function escape(pat) {
  const { page } = pat;
  const keys = page.keyboard;
  await page.setViewportSize({ width: 1000, height: 600 });
  const members = page.getByRole("complementary", { name: "Members" });
  // The page has taken note of its width once the panel is gone.
  await members.waitFor({ state: "hidden" });
  const about = page.getByRole("main").getByRole("button", { name: "About", exact: true });
  await about.focus();
  await keys.press("Enter");
  await members.waitFor();
  await hasFocus(members.getByRole("heading", { level: 2 }));
  await pat.isAccessible();
  await keys.press("Escape");
  await members.waitFor({ state: "hidden" });
  await hasFocus(about);
  await pat.composer.focus();
  await keys.press("Shift+F6");
  await keys.press("Home");
  await hasFocus(pat.message("line 1").first());
  const latest = page.getByRole("button", { name: "Jump to latest" });
  await latest.waitFor();
  await keys.press("Escape");
  await latest.waitFor({ state: "hidden" });
  await pat.message("日本").waitFor();
}
