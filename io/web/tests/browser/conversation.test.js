// What two people do with each other: each sees what the other did.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { LiveServer } from "../../client/testing/live.js";
import { account } from "./support/account.js";
import { Person } from "./support/person.js";

let server;
before(async () => (server = await LiveServer.start(process.env.ROOKERY_BINARY)));
after(() => server?.stop());

test("two people sign up, and talk in a chat of two and in a group", { timeout: 180_000 }, async () => {
  const ann = await Person.at(server.url, "ann");
  const ben = await Person.at(server.url, "ben");
  await Promise.all([ann.signUp(), ben.signUp()]);
  await account(server.url, "cem");

  await ann.startDirect("ben");
  await ann.isAccessible();
  await ann.write("Hello, Ben", "How are you?");
  await ben.unread("ann", 2);
  await ben.isAccessible();
  assert.equal(await ben.page.title(), "(1) Rookery");
  await ben.go("ann");
  await ben.reads("Hello, Ben", "How are you?");
  await ben.feed.getByText("2 new messages").waitFor();
  await ben.allRead("ann");
  assert.equal(await ben.page.title(), "Rookery");
  await ben.isAccessible();

  await ben.composer.pressSequentially("Very w");
  await ann.page.getByText("ben is typing").first().waitFor();
  await ann.isAccessible();
  await ben.composer.pressSequentially("ell");
  await ben.composer.press("Enter");
  await ann.reads("Hello, Ben", "How are you?", "Very well");
  await ann.page.getByText("Online").first().waitFor();

  await ann.startGroup("Flat 4B", "ben", "cem");
  await ann.write("Who has the keys?");
  await ben.unread("Flat 4B", 1);
  await ben.go("Flat 4B");
  await ben.write("I do");
  for (const one of [ann, ben]) await one.reads("Who has the keys?", "I do");
  await ann.page.getByText("3 members, 2 online").waitFor();
  await ann.isAccessible();

  await act(ann, ben);
  await removal(ann, ben);
});

/** An edit, a reaction and a deletion, each seen by the other. */
async function act(ann, ben) {
  await ann.menu("Who has the keys?", "Edit");
  await ann.page.getByText("Editing your message").waitFor();
  await ann.isAccessible();
  await ann.composer.fill("Who has my keys?");
  await ann.button("Save the edit").click();
  await ben.message("Who has my keys?").getByText("edited").waitFor();

  await ben.act("Who has my keys?", "React with 🎉");
  await ann.message("Who has my keys?").getByRole("button", { name: "🎉, 1 reaction: ben" }).click();
  const both = ben.message("Who has my keys?").getByRole("button", { name: /^🎉, 2 reactions/ });
  await both.waitFor();
  await ben.isAccessible();
  await both.click();
  await ann.message("Who has my keys?").getByRole("button", { name: "🎉, 1 reaction: You" }).waitFor();
  await ben.act("Who has my keys?", "More reactions");
  await ben.isAccessible();
  await ben.dialog("Choose an emoji").getByRole("button", { name: "🐦" }).or(ben.page.getByLabel("Any emoji")).first().waitFor();
  await ben.page.getByLabel("Any emoji").fill("🐦‍⬛");
  await ben.page.getByLabel("Any emoji").press("Enter");
  await ann.message("Who has my keys?").getByRole("button", { name: "🐦‍⬛, 1 reaction: ben" }).waitFor();

  await ben.menu("I do", "Delete");
  const sure = ben.page.getByRole("alertdialog", { name: "Delete this message?" });
  await sure.waitFor();
  await ben.isAccessible();
  await sure.getByRole("button", { name: "Delete" }).click();
  await ann.feed.getByText("Message deleted").waitFor();
  assert.equal(await ann.message("I do").count(), 0);
  await ann.isAccessible();
}

/** One is made admin, another is removed: the room leaves their list. */
async function removal(ann, ben) {
  const members = ann.page.getByRole("complementary", { name: "Members" });
  await members.getByRole("button", { name: /cem/ }).click();
  await ann.isAccessible();
  await ann.page.getByRole("menuitem", { name: "Make admin" }).click();
  await members.getByRole("button", { name: /cem.*Admin/ }).waitFor();
  await ben.feed.getByText("ann made cem an admin").waitFor();

  await members.getByRole("button", { name: /ben/ }).click();
  await ann.page.getByRole("menuitem", { name: "Remove" }).click();
  const sure = ann.page.getByRole("alertdialog", { name: "Remove ben from “Flat 4B”?" });
  await sure.waitFor();
  await ann.isAccessible();
  await sure.getByRole("button", { name: "Remove" }).click();
  await ben.page.getByText("ann removed you from this chat.").waitFor();
  await ben.row("Flat 4B").waitFor({ state: "detached" });
  await ben.isAccessible();
  await ann.feed.getByText("You removed ben").waitFor();
}
