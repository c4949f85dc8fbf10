// Who may sign up: whoever has an invite, or nobody.
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { freePort, LiveServer } from "../../client/testing/live.js";
import { PASSWORD, Person } from "./support/person.js";

const OPERATOR = "an operator's token of 32 signs, or more".replaceAll(/[^a-z0-9]/g, "-");
/** A refused registration is an answer, and browsers report it all the same. */
const REFUSED = /status of 40[139]/;

let folder;
let admin;
let server;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "rookery-operator-"));
  const file = join(folder, "token");
  await writeFile(file, OPERATOR, { mode: 0o600 });
  const port = await freePort();
  admin = `http://127.0.0.1:${port}`;
  server = await LiveServer.start(process.env.ROOKERY_BINARY, ["--admin-listen", `127.0.0.1:${port}`, "--operator-token-file", file, "--registration", "invite"]);
});
after(async () => {
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

test("who has an invite signs up with it, once", { timeout: 120_000 }, async () => {
  const ann = await Person.at(server.url, "ann");
  ann.watched.expects(REFUSED);
  const invite = await operator("POST", "/invites", {});
  await ann.open();
  await ann.button("Log in").waitFor();
  assert.equal(await ann.field("Invite").count(), 0, "a login wants none");
  await ann.page.getByRole("tab", { name: "Sign up" }).click();
  await ann.field("Invite").waitFor();
  await ann.isAccessible();
  await ann.fillLogin();
  await ann.button("Sign up").click();
  await ann.page.getByText("Type your invite.").waitFor();
  await ann.field("Invite").fill("made up");
  await ann.button("Sign up").click();
  await ann.page.getByText("This invite was used, or is too old. Ask for another.").waitFor();
  assert.equal(await ann.field("Invite").getAttribute("aria-invalid"), "true");
  assert.equal(await ann.field("Username").inputValue(), "ann", "what was typed stays");
  await ann.isAccessible();
  await ann.field("Invite").fill(` ${invite.invite} `);
  await ann.button("Sign up").click();
  await ann.list.getByText("Connected").waitFor();

  const ben = await Person.at(server.url, "ben");
  ben.watched.expects(REFUSED);
  await ben.open();
  await ben.page.getByRole("tab", { name: "Sign up" }).click();
  await ben.fillLogin();
  await ben.field("Invite").fill(invite.invite);
  await ben.button("Sign up").click();
  await ben.page.getByText("This invite was used, or is too old. Ask for another.").waitFor();
});

test("where nobody may sign up, one logs in, and is told", { timeout: 120_000 }, async () => {
  await operator("POST", "/users", { username: "cem", password: PASSWORD });
  server.flags = server.flags.map((flag) => (flag === "invite" ? "closed" : flag));
  await server.restart();
  const cem = await Person.at(server.url, "cem");
  await cem.open();
  await cem.page.getByText("This server takes no new accounts.").waitFor();
  assert.equal(await cem.page.getByRole("tab").count(), 0);
  assert.equal(await cem.page.getByRole("button", { name: "Sign up" }).count(), 0);
  await cem.isAccessible();
  await cem.logIn();
  await cem.list.getByText("Connected").waitFor();
});

/** What an operator does, at an address of theirs. */
async function operator(method, path, body) {
  const headers = { "content-type": "application/json", authorization: `Bearer ${OPERATOR}` };
  const reply = await fetch(admin + path, { method, headers, body: JSON.stringify(body) });
  assert.ok(reply.ok, `${method} ${path}: ${reply.status}`);
  return reply.json();
}
