// Members, roles and names are what the server has, whatever happens while they are read.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { liveClient } from "../testing/client.js";
import { settled } from "../testing/clock.js";
import { randomFrom } from "../testing/model.js";
import { forEachSeed } from "../testing/seeds.js";

const STEPS = 80;

/** A chat of so many members. */
const room = (count) => (model) => {
  while (model.members.length < count) model.members.push(randomUUID());
};

/** Loads all members, as a panel does that is scrolled down. */
async function loadAll(chat) {
  while (!(await chat.loadMembers()));
}

test("what an admin does leaves the members that are loaded as they are", async () => {
  const { server, client, chat } = await liveClient({ before: room(250) });
  await loadAll(chat);
  assert.deepEqual([chat.members, chat.membersComplete], [server.members, true]);
  const added = randomUUID();
  await chat.addMember(added);
  await chat.setRole(server.members[5], "admin");
  assert.deepEqual([chat.members, chat.membersComplete, chat.memberCount], [server.members, true, 251]);
  assert.deepEqual([...chat.admins], [server.members[5]]);
  assert.equal(chat.members.at(-1), added);
  client.disconnect();
});

test("where not all are loaded, who joins is there at once, and the next page goes on where the last one ended", async () => {
  const { server, client, chat } = await liveClient({ before: room(250) });
  assert.equal(await chat.loadMembers(), false);
  assert.equal(chat.members.length, 200);
  server.push({ type: "member_added", user_id: randomUUID(), by: server.me });
  server.push({ type: "member_removed", user_id: server.members[199], by: server.me });
  await chat.setRole(server.members[5], "admin");
  assert.deepEqual([chat.members.length, chat.membersComplete, chat.memberCount], [200, false, 250]);
  assert.equal(await chat.loadMembers(), true);
  assert.deepEqual(chat.members, server.members);
  assert.equal(server.requests.filter((request) => request === "GET /chat/members").length, 2);
  client.disconnect();
});

test("a page that is on its way as the chat begins anew is not taken for the one that follows", async () => {
  const { server, clock, client, chat } = await liveClient({ before: room(350) });
  await chat.loadMembers();
  server.resumeEvents = 3;
  server.turns = () => 200;
  const page = chat.loadMembers();
  assert.equal(chat.loadMembers(), page, "one page is on its way at a time");
  await settled(1);
  server.breakOff();
  for (let i = 0; i < 5; i++) server.push({ type: "member_added", user_id: randomUUID(), by: server.other });
  server.push({ type: "member_removed", user_id: server.members[7], by: server.other });
  server.turns = () => 1;
  await clock.pass(500);
  while (client.state.phase !== "live" || chat.stale) await settled();
  assert.deepEqual([chat.members, chat.membersComplete], [server.members.slice(0, 100), false]);
  await page;
  assert.deepEqual(chat.members, server.members.slice(0, 200));
  await loadAll(chat);
  assert.deepEqual(chat.members, server.members);
  client.disconnect();
});

test("who was away for longer than events are kept is not told that the members are all there", async () => {
  const { server, clock, client, chat } = await liveClient({ before: room(250) });
  await loadAll(chat);
  const told = [];
  client.on("chat", () => told.push(chat.membersComplete));
  server.breakOff();
  server.resumeEvents = 1;
  for (let i = 0; i < 3; i++) server.push({ type: "member_added", user_id: randomUUID(), by: server.other });
  await clock.pass(500);
  while (client.state.phase !== "live" || chat.stale) await settled();
  await settled();
  assert.equal(told.at(-1), false);
  assert.equal(chat.membersComplete, false);
  await loadAll(chat);
  assert.deepEqual(chat.members, server.members);
  client.disconnect();
});

test("an answer that is always out of date is given up", async () => {
  const { server, client, chat } = await liveClient();
  const old = { chat_id: chat.id, name: "Old", members: [], member_count: 0, last_seq: 0 };
  server.push({ type: "chat_changed", name: "New", by: server.other });
  let asked = 0;
  server.answers.set("GET /chat", async () => {
    asked += 1;
    return new Response(JSON.stringify(old));
  });
  await assert.rejects(chat.load(), { code: "offline" });
  assert.equal(asked, 3);
  assert.equal(chat.name, "New");
  client.disconnect();
});

test("members, roles and the name are what the server has in the end, whatever happened", { timeout: 120_000 }, () => forEachSeed(play));

async function play(seed) {
  const random = randomFrom(seed);
  const pick = (list) => list[Math.floor(random() * list.length)];
  const { server, clock, client, chat } = await liveClient({ random, before: room(pick([3, 95, 150, 320])) });
  server.resumeEvents = pick([5, 1_000]);
  server.turns = () => pick([1, 2, 5, 20, 60]);
  const loading = [];
  const load = (promise) => loading.push(promise.catch(() => {}));
  const left = [];
  const aMember = () => pick(server.members.slice(1));
  const remove = () => {
    const user = aMember();
    if (!user) return;
    left.push(user);
    server.push({ type: "member_removed", user_id: user, by: server.other });
  };
  const join = () => {
    const back = random() < 0.5 ? left.pop() : undefined;
    server.push({ type: "member_added", user_id: back ?? randomUUID(), by: server.other });
  };
  const steps = [
    remove,
    join,
    join,
    () => server.push({ type: "chat_changed", name: `Name ${server.lastSeq}`, by: server.other }),
    () => aMember() && server.push({ type: "role_changed", user_id: aMember(), role: pick(["admin", "member"]), by: server.other }),
    () => load(chat.load()),
    () => load(chat.loadMembers()),
    () => load(chat.loadMembers()),
    () => aMember() && load(chat.setRole(aMember(), pick(["admin", "member"]))),
    () => load(chat.addMember(randomUUID())),
    () => random() < 0.2 && server.breakOff(),
    () => clock.pass(1_000),
    () => settled(pick([1, 3, 30])),
  ];
  for (let i = 0; i < STEPS; i++) await pick(steps)();
  for (let i = 0; i < 20 || client.state.phase !== "live" || chat.stale; i++) {
    await clock.pass(1_000);
    await settled(40);
  }
  await Promise.all(loading);
  await loadAll(chat);
  const { members, roles, name } = server;
  assert.deepEqual([...chat.members].sort(), [...members].sort());
  assert.deepEqual(chat.members, members, "in the order of joining");
  assert.deepEqual([chat.memberCount, chat.name, [...chat.admins].sort()], [members.length, name, Object.keys(roles).sort()]);
  client.disconnect();
}
