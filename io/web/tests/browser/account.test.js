// One's own account: its password, the places where one is logged in, and its end.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { LiveServer } from "../../client/testing/live.js";
import { account } from "./support/account.js";
import { eventually } from "./support/eventually.js";
import { PATIENCE_MS } from "./support/browser.js";
import { hasFocus } from "./support/focus.js";
import { PASSWORD, Person } from "./support/person.js";

const NEW_PASSWORD = "another horse, another staple";
/** Browsers report each refusal, and a connection that a login does not open any more. */
const REFUSED = /status of 4(01|03|04|09|22)|WebSocket connection to/;

let server;
before(async () => (server = await LiveServer.start(process.env.ROOKERY_BINARY)));
after(() => server?.stop());

test("a password is changed by who knows it, and other sessions end", { timeout: 120_000 }, async () => {
  const ann = await Person.at(server.url, "ann");
  await ann.signUp();
  await account(server.url, "ben");
  await ann.startDirect("ben");
  const elsewhere = await loggedInElsewhere("ann");
  await elsewhere.go("ben");
  for (const one of [ann, elsewhere]) one.watched.expects(REFUSED);

  await ann.button("You and your settings").click();
  const you = ann.dialog("You");
  await you.getByRole("button", { name: "End all others" }).waitFor();
  const change = you.getByRole("button", { name: "Change password" });
  assert.ok(await change.isDisabled(), "there is nothing to send");
  await ann.field("Current password").fill("not their password");
  await ann.field("New password").fill("short");
  await change.click();
  await you.getByText("Use at least 8 characters.").waitFor();
  await ann.field("New password").fill(NEW_PASSWORD);
  await change.click();
  await you.getByText("This is not your current password.").waitFor();
  await hasFocus(ann.field("Current password"));
  await ann.isAccessible();
  await ann.field("Current password").fill(PASSWORD);
  await ann.field("New password").fill("password1");
  await change.click();
  await you.getByText("Many people have this password. Choose another.").waitFor();
  await ann.field("New password").fill(NEW_PASSWORD);
  await change.click();
  await you.getByRole("status").getByText("Changed. Other sessions have ended.").waitFor();
  assert.equal(await ann.field("New password").inputValue(), "");
  await you.getByRole("button", { name: "End all others" }).waitFor({ state: "detached" });
  await ann.isAccessible();
  await ann.page.keyboard.press("Escape");
  await ann.write("still here");
  await ann.message("still here").getByText("Sent").waitFor();

  await elsewhere.banner("Your login has ended.").waitFor();
  await elsewhere.isAccessible();
  await elsewhere.button("Log in").click();
  await elsewhere.banner("Your login has ended.").waitFor();
  await elsewhere.field("Password").fill(PASSWORD);
  await elsewhere.button("Log in").click();
  await elsewhere.page.getByText("Wrong username or password.").waitFor();
  await elsewhere.isAccessible();
  await elsewhere.field("Password").fill(NEW_PASSWORD);
  await elsewhere.button("Log in").click();
  await elsewhere.reads("still here");
  await elsewhere.write("here too");
  await ann.reads("still here", "here too");
});

test("sessions are ended one by one, and all others at once", { timeout: 120_000 }, async () => {
  const ann = await Person.at(server.url, "ann-sessions");
  await ann.signUp();
  const elsewhere = [];
  for (let i = 0; i < 3; i++) elsewhere.push(await loggedInElsewhere("ann-sessions"));
  for (const one of elsewhere) one.watched.expects(REFUSED);

  await ann.button("You and your settings").click();
  const sessions = ann.dialog("You").getByRole("region", { name: "Sessions" });
  const rows = sessions.getByRole("listitem");
  await eventually(async () => assert.equal(await rows.count(), 4), PATIENCE_MS);
  await rows.first().getByText(/^This device, since/).waitFor();
  assert.equal(await rows.first().getByRole("button").count(), 0, "this one ends by logging out");
  await rows.nth(1).getByRole("button", { name: /^End / }).click();
  const one = ann.page.getByRole("alertdialog", { name: "End this session?" });
  await one.getByText("That device is logged out at once.").waitFor();
  await hasFocus(one.getByRole("button", { name: "Cancel" }));
  await ann.isAccessible();
  await one.getByRole("button", { name: "Cancel" }).click();
  await hasFocus(rows.nth(1).getByRole("button"));
  await rows.nth(1).getByRole("button").click();
  await one.getByRole("button", { name: "End session" }).click();
  await eventually(async () => assert.equal(await rows.count(), 3), PATIENCE_MS);
  // The newest is the first of the others.
  const [, , newest] = elsewhere;
  await newest.list.getByText("Your login has ended.").waitFor();
  for (const other of elsewhere.slice(0, 2)) await other.list.getByText("Connected").waitFor();

  await sessions.getByRole("button", { name: "End all others" }).click();
  const all = ann.page.getByRole("alertdialog", { name: "End all other sessions?" });
  await all.getByText("Those devices are logged out at once.").waitFor();
  await ann.isAccessible();
  await all.getByRole("button", { name: "End all others" }).click();
  for (const other of elsewhere) await other.list.getByText("Your login has ended.").waitFor();
  await eventually(async () => assert.equal(await rows.count(), 1), PATIENCE_MS);
  await ann.isAccessible();
  await ann.page.keyboard.press("Escape");
  await ann.list.getByText("Connected").waitFor();
});

test("an account that is deleted takes with it what was said, and keeps its name for a while", { timeout: 120_000 }, async () => {
  const ann = await Person.at(server.url, "ann-deleted");
  const ben = await Person.at(server.url, "ben-stays");
  for (const one of [ann, ben]) one.watched.expects(REFUSED);
  await Promise.all([ann.signUp(), ben.signUp()]);
  await account(server.url, "cem-stays");
  await ann.startGroup("Flat 4B", "ben-stays", "cem-stays");
  await ann.write("said in the group");
  await ann.startDirect("ben-stays");
  await ann.write("said to ben alone");
  await ben.go("ann-deleted");
  await ben.reads("said to ben alone");
  await ben.write("kept");
  await ann.reads("said to ben alone", "kept");
  await ben.go("Flat 4B");
  await ben.reads("said in the group");

  await ann.button("You and your settings").click();
  await ann.dialog("You").getByRole("button", { name: "Delete account" }).click();
  const sure = ann.page.getByRole("alertdialog", { name: "Delete your account?" });
  await sure.getByText("You leave all your chats, and all that you said is deleted. Nothing brings it back.").waitFor();
  await hasFocus(sure.getByRole("button", { name: "Cancel" }));
  await ann.isAccessible();
  await sure.getByRole("button", { name: "Cancel" }).click();
  await hasFocus(ann.dialog("You").getByRole("button", { name: "Delete account" }));
  await ann.dialog("You").getByRole("button", { name: "Delete account" }).click();
  const remove = sure.getByRole("button", { name: "Delete account" });
  await remove.click();
  await sure.getByText("Type a password.").waitFor();
  await sure.getByLabel("Current password", { exact: true }).fill("not their password");
  await remove.click();
  await sure.getByText("This is not your current password.").waitFor();
  await ann.isAccessible();
  await sure.getByLabel("Current password", { exact: true }).fill(PASSWORD);
  await remove.click();
  await ann.page.getByRole("tab", { name: "Log in" }).waitFor();
  assert.equal(new URL(ann.page.url()).hash, "", "nothing of a chat stays in the address");

  // Ben sees what they said go, then them, who have no name by then; and is admin now, who was there before Cem.
  await ben.feed.getByText("Message deleted").waitFor();
  await ben.feed.getByText("Deleted account left", { exact: true }).waitFor();
  const members = ben.page.getByRole("complementary", { name: "Members" });
  await members.getByRole("listitem").filter({ hasText: "ben-stays" }).getByText("Admin").waitFor();
  await ben.page.getByText(/^2 members/).waitFor();
  assert.equal(await ben.message("said in the group").count(), 0);
  await ben.isAccessible();
  await ben.page.reload();
  await ben.feed.getByText("Deleted account left", { exact: true }).waitFor();
  await ben.row("Deleted account").click();
  await ben.sees("Deleted account");
  await ben.message("kept").waitFor();
  await ben.feed.getByText("Message deleted").waitFor();
  await ben.write("anybody there?");
  await ben.message("anybody there?").getByText("Not sent: you cannot write to this person.").waitFor();
  await ben.isAccessible();

  await ann.fillLogin("ann-deleted", PASSWORD);
  await ann.button("Log in").click();
  await ann.page.getByText("Wrong username or password.").waitFor();
  await ann.page.getByRole("tab", { name: "Sign up" }).click();
  await ann.button("Sign up").click();
  await ann.page.getByText("This name is taken. Try another.").waitFor();
});

/** The same person in another window. */
async function loggedInElsewhere(name) {
  const person = await Person.at(server.url, name);
  await person.open();
  await person.logIn();
  await person.list.getByText("Connected").waitFor();
  return person;
}
