// What a caller gives does no harm, whatever it is.
import assert from "node:assert/strict";
import { test } from "node:test";
import { liveClient } from "../testing/client.js";
import { settled } from "../testing/clock.js";

const malformed = { name: "Problem", code: "malformed_request" };

test("an id that would make another path asks for nothing", async () => {
  const { server, client, chat } = await liveClient();
  const before = server.requests.length;
  for (const id of ["", ".", ".."]) {
    await assert.rejects(client.direct(id), malformed);
    await assert.rejects(client.block(id), malformed);
    await assert.rejects(client.unblock(id), malformed);
    await assert.rejects(client.endSession(id), malformed);
    await assert.rejects(chat.removeMember(id), malformed);
    await assert.rejects(chat.setRole(id, "admin"), malformed);
    await assert.rejects(chat.edit(id, "x"), malformed);
    await assert.rejects(chat.remove(id), malformed);
    await assert.rejects(chat.react(id, "x"), malformed);
    await assert.rejects(chat.react("id", id), malformed);
    await assert.rejects(chat.unreact("id", id), malformed);
  }
  assert.deepEqual(server.requests.slice(before), []);
  client.disconnect();
});

test("ids and emoji are one part of a path, and of a query", async () => {
  const { server, client, chat } = await liveClient();
  server.answers.set("PUT", () => new Response(null, { status: 204 }));
  server.answers.set("DELETE", () => new Response(null, { status: 204 }));
  const id = "../../me?x=1#y";
  const escaped = "..%2F..%2Fme%3Fx%3D1%23y";
  const before = server.requests.length;
  await client.block(id);
  await client.unblock(id);
  await client.endSession(id);
  await chat.removeMember(id);
  await chat.remove(id);
  await chat.react(id, id);
  await chat.react("id", "\ud83d");
  assert.deepEqual(server.requests.slice(before), [
    `PUT /me/blocks/${escaped}`,
    `DELETE /me/blocks/${escaped}`,
    `DELETE /sessions/${escaped}`,
    `DELETE /chat/members/${escaped}`,
    `DELETE /chat/messages/${escaped}`,
    `PUT /chat/messages/${escaped}/reactions/${escaped}`,
    "PUT /chat/messages/id/reactions/%EF%BF%BD",
  ]);
  client.user("a&ids=b");
  await settled();
  assert.equal(client.user("a&ids=b").user_id, "a&ids=b");
  client.disconnect();
});

test("half a character is sent as the sign for what can't be shown", async () => {
  const { server, client, chat } = await liveClient();
  const bodies = [];
  server.answers.set("POST /chats", (body) => bodies.push(body) && new Response("{}", { status: 500 }));
  chat.send("a\ud83db \ud83d\ude00 \\ud83d");
  await client.createChat({ name: "\ude00", members: [] }).catch(() => {});
  assert.equal(server.received.find(({ type }) => type === "send").content, "a\ufffdb \ud83d\ude00 \\ud83d");
  assert.equal(bodies[0].name, "\ufffd");
  server.answers.set("GET /users", () => new Response("[]"));
  assert.deepEqual(await client.search("\ud83d"), []);
  client.disconnect();
});

test("a place that is none marks nothing as read", async () => {
  const { server, client, chat } = await liveClient({ before: (model) => model.say() });
  for (const seq of [Number.NaN, undefined, -1, 0, 1.5, -Infinity]) {
    chat.markRead(seq);
    assert.deepEqual([chat.readSeq, chat.unread], [1, 1], String(seq));
  }
  assert.deepEqual(server.received.filter(({ type }) => type === "read"), []);
  chat.markRead(Infinity);
  assert.deepEqual([chat.readSeq, chat.unread], [2, 0]);
  client.disconnect();
});

test("a place that is none shows the nearest one that is", async () => {
  const { server, client, chat } = await liveClient({ before: (model) => Array.from({ length: 200 }, () => model.say()) });
  const seqs = () => chat.timeline.rows.filter(({ kind }) => kind === "message").map(({ seq }) => seq);
  for (const seq of [-5, 0, Number.NaN, undefined, -Infinity]) {
    await chat.timeline.loadAround(seq);
    assert.equal(seqs()[0], 2, String(seq));
  }
  for (const seq of [1e9, Infinity]) {
    await chat.timeline.loadAround(seq);
    assert.equal(seqs().at(-1), server.lastSeq, String(seq));
  }
  await chat.timeline.loadAround(100.5);
  assert.ok(seqs().includes(100) && seqs().includes(101));
  client.disconnect();
});
