// A group over time: its name, who leads it, who leaves it, and who comes back.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { LiveServer } from "../../client/testing/live.js";
import { account } from "./support/account.js";
import { Person } from "./support/person.js";

let server;
before(async () => (server = await LiveServer.start(process.env.ROOKERY_BINARY)));
after(() => server?.stop());

test("a group is renamed, its roles change, its last admin leaves and is added back", { timeout: 180_000 }, async () => {
  const ann = await Person.at(server.url, "ann");
  const ben = await Person.at(server.url, "ben");
  await Promise.all([ann.signUp(), ben.signUp()]);
  await account(server.url, "cem");
  await ann.startGroup("Flat 4B", "ben", "cem");
  await ann.write("Who has the keys?");
  await ben.go("Flat 4B");
  await ben.reads("Who has the keys?");

  await rename(ann, ben);
  await roles(ann, ben);
  await leaving(ann, ben);
  await comingBack(ann, ben);
});

const members = ({ page }) => page.getByRole("complementary", { name: "Members" });
const settings = (person) => members(person).getByRole("button", { name: "Chat settings" });

async function rename(ann, ben) {
  assert.equal(await settings(ben).isVisible(), false, "that is for admins");
  await settings(ann).click();
  const dialog = ann.dialog("Chat settings");
  await dialog.getByLabel("Name").fill(" ");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.getByText("Type a name for the group.").waitFor();
  await ann.isAccessible();
  await dialog.getByLabel("Name").fill("Flat 5");
  await dialog.getByLabel("Description").fill("Keys, bins and bread");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.waitFor({ state: "hidden" });
  for (const one of [ann, ben]) {
    await one.sees("Flat 5");
    await one.row("Flat 5").waitFor();
    await one.page.getByRole("heading", { level: 1, name: "Flat 5" }).waitFor();
    await members(one).getByText("Keys, bins and bread").waitFor();
  }
  assert.equal(await ben.composer.getAttribute("placeholder"), "Message Flat 5");
  await ann.feed.getByText("You renamed the chat to “Flat 5”").waitFor();
  await ben.feed.getByText("ann renamed the chat to “Flat 5”").waitFor();
}

async function roles(ann, ben) {
  await role(ann, "ben", "Make admin");
  await ben.feed.getByText("ann made you an admin").waitFor();
  await settings(ben).waitFor();
  await members(ann).getByRole("button", { name: /ben.*Admin/ }).waitFor();
  await ben.isAccessible();
  await role(ann, "ben", "Make member");
  await ben.feed.getByText("ann made you a member").waitFor();
  await settings(ben).waitFor({ state: "hidden" });
  await members(ann).getByRole("button", { name: /ben.*Admin/ }).waitFor({ state: "hidden" });
  await members(ben).getByRole("button", { name: "ann" }).click();
  const menu = ben.page.getByRole("menu", { name: "Actions for ann" });
  await menu.waitFor();
  assert.deepEqual(await menu.getByRole("menuitem").allInnerTexts(), ["Message"], "a member gives no roles");
  await ben.page.keyboard.press("Escape");
}

async function role(person, name, item) {
  await members(person).getByRole("button", { name }).click();
  await person.page.getByRole("menuitem", { name: item }).click();
}

async function leaving(ann, ben) {
  await members(ann).getByRole("button", { name: "Leave chat" }).click();
  const sure = ann.page.getByRole("alertdialog", { name: "Leave “Flat 5”?" });
  await sure.getByText("You see it again only if somebody adds you. ben becomes admin.").waitFor();
  await ann.isAccessible();
  await sure.getByRole("button", { name: "Leave chat" }).click();
  await ann.page.getByText("You left this chat.").waitFor();
  await ann.row("Flat 5").waitFor({ state: "detached" });
  await members(ann).getByText("cem").waitFor({ state: "hidden" });
  assert.equal(await ann.composer.count(), 0);
  await ann.isAccessible();
  await ben.feed.getByText("ann left", { exact: true }).waitFor();
  await members(ben).getByRole("listitem").filter({ hasText: "ben" }).getByText("Admin").waitFor();
  await settings(ben).waitFor();
  await ben.page.getByText(/^2 members/).waitFor();
}

async function comingBack(ann, ben) {
  await members(ben).getByRole("button", { name: "Add people" }).click();
  const dialog = ben.dialog("Add people");
  await dialog.getByRole("combobox").fill("an");
  await dialog.getByRole("option", { name: "ann" }).click();
  await ben.isAccessible();
  await dialog.getByRole("button", { name: "Add", exact: true }).click();
  await dialog.waitFor({ state: "hidden" });
  await ben.feed.getByText("You added ann").waitFor();
  await ann.row("Flat 5").waitFor();
  await ann.page.getByText("You left this chat.").waitFor({ state: "hidden" });
  await ann.write("Back again");
  for (const one of [ann, ben]) {
    await one.reads("Who has the keys?", "Back again");
    await members(one).getByText("cem").waitFor();
    await one.page.getByText("3 members, 2 online").waitFor();
  }
  assert.equal(await settings(ann).isVisible(), false, "who comes back is a member");
  await ann.isAccessible();
}
