// Signing up, logging in and out, and what is said when it is refused.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { LiveServer } from "../../client/testing/live.js";
import { PASSWORD, Person } from "./support/person.js";

/** A refused login is an answer as good as any, and browsers report it all the same. */
const REFUSED = /Failed to load resource: the server responded with a status of 4(01|09|22|29|00)/;

let server;
before(async () => (server = await LiveServer.start(process.env.ROOKERY_BINARY, ["--login-rate", "3"])));
after(() => server?.stop());

test("one signs up, logs out, and logs in again", { timeout: 120_000 }, async () => {
  const ann = await Person.at(server.url, "ann");
  await ann.open();
  await ann.button("Log in").waitFor();
  await ann.isAccessible();
  await ann.page.getByRole("tab", { name: "Sign up" }).click();
  await ann.isAccessible();
  await ann.signUp();
  await ann.list.getByText("No chats yet. Find somebody to talk to.").waitFor();
  await ann.isAccessible();
  await ann.page.reload();
  await ann.list.waitFor();
  await ann.button("You and your settings").click();
  await ann.dialog("You").getByText(/^This device, since/).waitFor();
  await ann.isAccessible();
  await ann.page.keyboard.press("Escape");
  await ann.logOut();
  await ann.page.reload();
  await ann.button("Log in").waitFor();
  assert.deepEqual(await ann.page.evaluate(() => Object.keys(localStorage)), [], "nothing of them stays");
  await ann.logIn();
});

test("what is wrong with a login or a registration is said at its field, and what was typed stays", { timeout: 120_000 }, async () => {
  const ann = await Person.at(server.url, "mistaken");
  ann.watched.expects(REFUSED);
  await ann.signUp();
  await ann.logOut();
  await ann.fillLogin("mistaken", "not their password");
  await ann.button("Log in").click();
  await refused(ann, "Password", "Wrong username or password.");
  assert.equal(await ann.field("Username").inputValue(), "mistaken");
  await ann.isAccessible();

  await ann.page.getByRole("tab", { name: "Sign up" }).click();
  for (const [username, password, label, why] of [
    ["", PASSWORD, "Username", "Type a username."],
    [" mistaken", PASSWORD, "Username", "Leave no blank at the start or end."],
    ["n".repeat(65), PASSWORD, "Username", "This name is too long."],
    ["somebody", "short", "Password", "Use at least 8 characters."],
    ["somebody", "password1", "Password", "Many people have this password. Choose another."],
    ["mistaken", PASSWORD, "Username", "This name is taken. Try another."],
  ]) {
    await ann.fillLogin(username, password);
    await ann.button("Sign up").click();
    await refused(ann, label, why);
  }
  await ann.isAccessible();
});

test("too many tries are counted down", { timeout: 120_000 }, async () => {
  const guest = await Person.at(server.url, "guessed");
  guest.watched.expects(REFUSED);
  await guest.signUp();
  await guest.logOut();
  const waiting = guest.page.getByRole("button", { name: /^Try again in \d+ s$/ });
  for (let tries = 0; tries < 10 && !(await waiting.isVisible()); tries++) {
    await guest.fillLogin("guessed", `guess ${tries} of theirs`);
    await guest.button("Log in").click();
    await guest.button("Log in").or(waiting).waitFor();
  }
  await waiting.waitFor();
  await refused(guest, "Password", /^Too many tries\. Wait \d+ s\.$/);
  await guest.isAccessible();
});

/** The field says why, has the focus, and is known as wrong to whoever does not see it. */
async function refused(person, label, why) {
  const field = person.field(label);
  await person.page.getByText(why).filter({ visible: true }).waitFor();
  assert.equal(await field.getAttribute("aria-invalid"), "true");
  assert.ok(await field.evaluate((element) => element === document.activeElement), `${label} has the focus`);
  const described = await field.evaluate((element) => element.getAttribute("aria-describedby").split(" ").map((id) => document.getElementById(id).textContent).join(" "));
  if (why instanceof RegExp) assert.match(described, new RegExp(why.source.replace(/^\^|\$$/g, "")));
  else assert.ok(described.includes(why), described);
}
