// What a user changes is shown at once, and is what the server has in the end.
import assert from "node:assert/strict";
import { test } from "node:test";
import { liveClient } from "../testing/client.js";
import { settled } from "../testing/clock.js";

const json = (status, body) => new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json" } });
const at = (seconds) => new Date(1_800_000_000_000 + seconds * 1_000).toISOString();

async function withMessage() {
  const all = await liveClient({ before: (model) => model.say(model.me) });
  await all.chat.timeline.loadLatest();
  const { message } = all.chat.timeline.rows[1];
  /** Requests that wait for their answers. */
  const asked = [];
  for (const method of ["PATCH", "DELETE", "PUT"]) {
    all.server.answers.set(`${method} /chat/messages`, (body) => new Promise((resolve) => asked.push({ method, body, resolve })));
  }
  const shown = () => all.chat.timeline.rows[1].message;
  return { ...all, message, id: message.message_id, asked, shown };
}

test("an edit is shown at once, also in the list, and is a new row alone", async () => {
  const { server, client, chat, message, id, asked, shown } = await withMessage();
  const [first, row] = chat.timeline.rows;
  const done = chat.edit(id, "New");
  assert.equal(shown().content, "New");
  assert.equal(chat.lastMessage.content, "New");
  assert.equal(chat.timeline.rows[0], first);
  assert.notEqual(chat.timeline.rows[1], row);
  assert.equal(chat.timeline.rows[1].key, row.key);
  await settled();
  asked[0].resolve(json(200, { ...message, content: "New", edited_at: at(1) }));
  await done;
  assert.equal(shown().content, "New");
  server.push({ type: "message_edited", message_id: id, content: "New", by: server.me, edited_at: at(1) });
  assert.equal(shown().edited_at, at(1));
  client.disconnect();
});

test("what is refused is taken back, and what came meanwhile stays", async () => {
  const { server, client, chat, message, id, asked, shown } = await withMessage();
  const edit = chat.edit(id, "New");
  await settled();
  server.push({ type: "reaction_added", message_id: id, emoji: "👍", user_id: server.other });
  assert.deepEqual([shown().content, shown().reactions.length], ["New", 1]);
  asked[0].resolve(json(403, { status: 403, code: "not_author" }));
  await assert.rejects(edit, { status: 403, code: "not_author" });
  assert.deepEqual([shown().content, shown().reactions.length, shown().edited_at], [message.content, 1, undefined]);
  const remove = chat.remove(id);
  assert.equal(shown().deleted, true);
  await settled();
  asked[1].resolve(json(503, { status: 503, code: "unavailable" }));
  await assert.rejects(remove, { code: "unavailable" });
  assert.equal(shown().deleted, undefined);
  client.disconnect();
});

test("an answer that comes after a later event does not undo it", async () => {
  const { server, client, chat, message, id, asked, shown } = await withMessage();
  const done = chat.edit(id, "Mine");
  await settled();
  server.push({ type: "message_edited", message_id: id, content: "Mine", by: server.me, edited_at: at(1) });
  server.push({ type: "message_edited", message_id: id, content: "From my phone", by: server.me, edited_at: at(2) });
  asked[0].resolve(json(200, { ...message, content: "Mine", edited_at: at(1) }));
  await done;
  assert.equal(shown().content, "From my phone");
  client.disconnect();
});

test("changes of one message are asked for one after another", async () => {
  const { client, chat, id, asked, shown } = await withMessage();
  const react = chat.react(id, "👍");
  const unreact = chat.unreact(id, "👍");
  const remove = chat.remove(id);
  assert.equal(shown().deleted, true);
  for (const [i, method] of ["PUT", "DELETE", "DELETE"].entries()) {
    await settled();
    assert.equal(asked.length, i + 1);
    assert.equal(asked[i].method, method);
    asked[i].resolve(new Response(null, { status: 204 }));
  }
  await Promise.all([react, unreact, remove]);
  assert.equal(shown().deleted, true);
  client.disconnect();
});

test("members, roles and settings follow their events", async () => {
  const { server, client, chat } = await liveClient();
  await chat.load();
  assert.deepEqual(chat.members, [server.me, server.other]);
  server.push({ type: "member_added", user_id: server.third, by: server.other });
  server.push({ type: "role_changed", user_id: server.third, role: "admin", by: server.other });
  server.push({ type: "chat_changed", name: "New name", members_may_add: false, by: server.other });
  assert.deepEqual([chat.memberCount, chat.members.length, [...chat.admins]], [3, 3, [server.third]]);
  assert.deepEqual([chat.name, chat.membersMayAdd, chat.lastEvent.type], ["New name", false, "chat_changed"]);
  server.push({ type: "member_removed", user_id: server.third, by: server.third });
  assert.deepEqual([chat.memberCount, chat.members.length, chat.admins.size], [2, 2, 0]);
  client.disconnect();
});

test("only 16 chats are followed", async () => {
  const others = Array.from({ length: 20 }, (_, i) => ({ chat_id: `00000000-0000-4000-8000-${String(i).padStart(12, "0")}`, name: "x", last_seq: 1, last_message: null, unread: 0, read_seq: 1 }));
  const { server, client } = await liveClient({ before: (model) => (model.others = others) });
  for (const { chat_id } of others) client.chat(chat_id).follow();
  const frames = server.received.filter(({ type }) => type === "presence");
  assert.equal(frames.filter(({ follow }) => follow === false).length, 4);
  assert.equal(frames.filter(({ follow }) => follow !== false).length, 20);
  client.disconnect();
});
