import assert from "node:assert/strict";
import { test } from "node:test";
import { Client } from "../rookery.js";
import { liveClient, memoryStorage } from "../testing/client.js";
import { FakeClock, settled } from "../testing/clock.js";

const sends = (server) => server.received.filter(({ type }) => type === "send");
const pending = (chat) => chat.timeline.rows.filter(({ kind }) => kind === "pending");

function deliver(server, ...frames) {
  for (const socket of server.sockets) socket.deliver(...frames);
}

test("messages of a chat go one after another, and keep their keys", async () => {
  const { server, client, chat } = await liveClient();
  await chat.timeline.loadLatest();
  const rows = ["a", "b", "c"].map((content) => chat.send(content));
  assert.deepEqual(pending(chat), rows);
  for (const { client_id, content } of rows) {
    assert.equal(sends(server).at(-1).client_id, client_id);
    const { message_id } = server.say(server.me, { content, client_id });
    deliver(server, { type: "ack", message_id, client_id });
  }
  assert.equal(sends(server).length, 3);
  assert.deepEqual(pending(chat), []);
  assert.deepEqual(chat.timeline.rows.slice(1).map(({ kind, key }) => [kind, key]), rows.map(({ key }) => ["message", key]));
  client.disconnect();
});

test("what is acknowledged and has come before is not shown twice, and what never comes goes", async () => {
  const { server, clock, client, chat } = await liveClient();
  await chat.timeline.loadLatest();
  const { message_id } = server.say(server.me);
  const one = chat.send("came before");
  deliver(server, { type: "ack", message_id, client_id: one.client_id });
  assert.deepEqual(pending(chat), []);
  const two = chat.send("never comes");
  deliver(server, { type: "ack", message_id: "11111111-1111-4111-8111-111111111111", client_id: two.client_id });
  assert.deepEqual(pending(chat), [two]);
  await clock.pass(10_000);
  assert.deepEqual(pending(chat), []);
  client.disconnect();
});

test("what is refused for a while is sent again, and what is refused for good fails, with its reason", async () => {
  const { server, clock, client, chat } = await liveClient();
  const one = chat.send("one");
  const two = chat.send("two");
  deliver(server, { type: "error", code: "unavailable", client_id: one.client_id, retry_after: 3 });
  assert.deepEqual(pending(chat).map(({ status }) => status), ["waiting", "waiting"]);
  await clock.pass(2_999);
  assert.equal(sends(server).length, 1);
  await clock.pass(1);
  assert.deepEqual(sends(server).map(({ client_id }) => client_id), [one.client_id, one.client_id]);
  deliver(server, { type: "error", code: "blocked", detail: "no", client_id: one.client_id });
  assert.deepEqual(pending(chat).map(({ status }) => status), ["failed", "sending"]);
  assert.equal(pending(chat)[0].problem.code, "blocked");
  // The one behind it goes on.
  assert.equal(sends(server).at(-1).client_id, two.client_id);
  chat.retry(one.client_id);
  assert.deepEqual(pending(chat).map(({ client_id }) => client_id), [two.client_id, one.client_id]);
  chat.discard(one.client_id);
  chat.discard(two.client_id);
  assert.deepEqual(pending(chat), []);
  client.disconnect();
});

test("what is tried again goes out at once, with the same id, and is not kept once it is acknowledged", async () => {
  const storage = memoryStorage();
  const { server, client, chat } = await liveClient({ storage });
  const kept = () => [...storage.items.values()].flatMap((text) => JSON.parse(text)).map(({ client_id }) => client_id);
  const { client_id } = chat.send("one");
  deliver(server, { type: "error", code: "blocked", client_id });
  await settled(1);
  assert.deepEqual(kept(), [client_id]);
  chat.retry(client_id);
  assert.deepEqual(sends(server).map((frame) => frame.client_id), [client_id, client_id]);
  deliver(server, { type: "ack", message_id: "11111111-1111-4111-8111-111111111111", client_id });
  await settled(1);
  assert.deepEqual(kept(), []);
  client.disconnect();
});

test("after a reconnect all goes out again, with the same ids", async () => {
  const { server, clock, client, chat } = await liveClient();
  const row = chat.send("one");
  server.breakOff();
  assert.equal(pending(chat)[0].status, "waiting");
  chat.send("two");
  await clock.pass(500);
  while (client.state.phase !== "live") await settled();
  assert.deepEqual(sends(server).map(({ client_id }) => client_id), [row.client_id, row.client_id]);
  client.disconnect();
});

test("what waits outlives the page, also beside another tab's; a log-out ends it", async () => {
  const storage = memoryStorage();
  const { server, client, chat } = await liveClient({ storage });
  client.disconnect();
  const row = chat.send("one");
  await settled(1);
  const key = [...storage.items.keys()][0];
  storage.setItem(key, JSON.stringify([...JSON.parse(storage.getItem(key)), { ...row, chat_id: chat.id, client_id: "another tab's", content: "two" }]));
  chat.send("three");
  await settled(1);
  assert.deepEqual(JSON.parse(storage.getItem(key)).map(({ content }) => content), ["one", "two", "three"]);

  const later = new Client({ url: server.url, token: "t", fetch: server.fetch, WebSocket: server.WebSocket, storage });
  await later.restore();
  later.connect();
  while (later.state.phase !== "live") await settled();
  const again = later.chat(chat.id);
  assert.deepEqual(pending(again).map(({ content }) => content), ["one", "two", "three"]);
  assert.equal(sends(server)[0].client_id, row.client_id);
  // Its history has the message already: the first try had come about.
  server.say(server.me, { client_id: row.client_id, content: "one" });
  await again.timeline.loadLatest();
  assert.deepEqual(pending(again).map(({ content }) => content), ["two", "three"]);
  await settled(1);
  assert.deepEqual(JSON.parse(storage.getItem(key)).map(({ content }) => content), ["two", "three"]);
  await later.logOut();
  assert.equal(storage.items.size, 0);
});

test("what is older than a day is not sent by itself", async () => {
  const storage = memoryStorage();
  const first = await liveClient({ storage });
  first.client.disconnect();
  first.chat.send("old");
  await settled(1);
  const [key] = storage.items.keys();
  storage.setItem(key, storage.getItem(key).replace(/"created":\d+/, '"created":0'));
  const client = new Client({ url: first.server.url, token: "t", fetch: first.server.fetch, WebSocket: first.server.WebSocket, storage });
  await client.restore();
  client.connect();
  while (client.state.phase !== "live") await settled();
  const [row] = pending(client.chat(first.chat.id));
  assert.equal(row.status, "failed");
  assert.deepEqual(sends(first.server), []);
  client.disconnect();
});

test("there is an end to what waits", async () => {
  const { client, chat } = await liveClient();
  client.disconnect();
  for (let i = 0; i < 1_000; i++) assert.equal(chat.send("x").status, "waiting");
  const row = chat.send("one too many");
  assert.equal(row.status, "failed");
  assert.equal(row.problem.code, "outbox_full");
  chat.retry(row.client_id);
  assert.equal(pending(chat).at(-1).status, "failed", "there is no room yet");
  for (let i = 0; i < 1_500; i++) assert.equal(chat.send("x").status, "failed");
  assert.equal(pending(chat).length, 2_000);
  for (const { client_id } of pending(chat).slice(-1_000)) if (client_id !== row.client_id) chat.discard(client_id);
  chat.discard(pending(chat)[0].client_id);
  chat.retry(row.client_id);
  assert.equal(pending(chat).at(-1).status, "waiting");
});

test("what was refused is not sent by itself after a reload, and says still why", async () => {
  const storage = memoryStorage();
  const { server, client, chat } = await liveClient({ storage });
  const [one, two] = [chat.send("one"), chat.send("two")];
  deliver(server, { type: "error", code: "out_of_bounds", detail: "no", client_id: one.client_id, errors: [{ field: "content", code: "blank", detail: "" }] });
  await settled(1);
  client.disconnect();
  const before = sends(server).length;
  const later = await again(server, storage);
  const rows = pending(later.chat(chat.id));
  assert.deepEqual(rows.map(({ content, status }) => [content, status]), [["one", "failed"], ["two", "sending"]]);
  assert.deepEqual([rows[0].problem.code, rows[0].problem.detail, rows[0].problem.errors[0].code], ["out_of_bounds", "no", "blank"]);
  assert.deepEqual(sends(server).slice(before).map(({ client_id }) => client_id), [two.client_id]);
  // What is tried again is kept as what waits.
  later.chat(chat.id).retry(one.client_id);
  later.disconnect();
  await settled(1);
  const last = await again(server, storage);
  assert.deepEqual(pending(last.chat(chat.id)).map(({ status }) => status), ["sending", "sending"]);
  for (const { client_id } of [one, two]) last.chat(chat.id).discard(client_id);
  await settled(1);
  assert.equal(storage.items.size, 0);
  last.disconnect();
});

test("what failed in a chat that the user is not in any more is not kept: nothing would show it", async () => {
  const storage = memoryStorage();
  const { server, client } = await liveClient({ storage });
  client.disconnect();
  const chat_id = "11111111-1111-4111-8111-111111111111";
  const kept = (client_id, more) => ({ chat_id, client_id, content: "x", created: 1_800_000_000_000, ...more });
  const key = `rookery.outbox.${server.me}`;
  storage.setItem(key, JSON.stringify([kept("refused", { problem: { status: 0, code: "not_found" } }), kept("waits")]));
  const later = await again(server, storage);
  assert.equal(sends(server).at(-1).client_id, "waits");
  await settled(1);
  assert.deepEqual(JSON.parse(storage.getItem(key)).map(({ client_id }) => client_id), ["waits"]);
  deliver(server, { type: "error", code: "not_found", client_id: "waits" });
  await settled(1);
  assert.equal(storage.items.size, 0);
  later.disconnect();
});

test("what others have written in the storage does no harm", async () => {
  const storage = memoryStorage();
  const { server, client, chat } = await liveClient({ storage });
  client.disconnect();
  const row = chat.send("one");
  await settled(1);
  const [key] = storage.items.keys();
  const whole = JSON.parse(storage.getItem(key));
  for (const text of ["{}", "5", "null", "[", JSON.stringify([null, 7, {}, { ...row, created: "x" }])]) {
    storage.setItem(key, text);
    const later = await again(server, storage);
    assert.deepEqual(pending(later.chat(chat.id)), [], text);
    later.disconnect();
  }
  storage.setItem(key, JSON.stringify([null, ...whole]));
  const later = await again(server, storage);
  assert.deepEqual(pending(later.chat(chat.id)).map(({ content }) => content), ["one"]);
  later.disconnect();
  const left = later.chat(chat.id);
  await later.logOut();
  left.send("of nobody");
  await settled(1);
  assert.equal(storage.items.size, 0);
});

test("what is acknowledged stays shown until its event can have come", async () => {
  const { server, clock, client, chat } = await liveClient();
  const row = chat.send("one");
  deliver(server, { type: "ack", message_id: "11111111-1111-4111-8111-111111111111", client_id: row.client_id });
  server.silent = true;
  server.breakOff();
  for (let i = 0; i < 60; i++) await clock.pass(1_000);
  assert.deepEqual(pending(chat).map(({ content }) => content), ["one"]);
  server.silent = false;
  server.say(server.me, { content: "one", client_id: row.client_id });
  while (client.state.phase !== "live") await clock.pass(1_000);
  assert.deepEqual(pending(chat), []);
  assert.equal(chat.lastMessage.content, "one");
  client.disconnect();
});

test("what has waited for a day is not sent by itself, also where the page stayed open", async () => {
  const { server, clock, client, chat } = await liveClient();
  const row = chat.send("one");
  server.silent = true;
  server.breakOff();
  await clock.pass(24 * 3_600_000 + 1);
  server.silent = false;
  while (client.state.phase !== "live") await clock.pass(1_000);
  assert.equal(sends(server).length, 1);
  assert.equal(pending(chat)[0].status, "failed");
  chat.retry(row.client_id);
  assert.equal(sends(server).length, 2);
  server.breakOff();
  while (client.state.phase !== "live") await clock.pass(1_000);
  assert.equal(sends(server).length, 3, "from then on it waits anew");
  client.disconnect();
});

test("a client that is disconnected does nothing any more", async () => {
  const { server, clock, client, chat } = await liveClient();
  const row = chat.send("one");
  deliver(server, { type: "ack", message_id: "11111111-1111-4111-8111-111111111111", client_id: row.client_id });
  deliver(server, { type: "typing", chat_id: chat.id, user_id: server.other });
  deliver(server, { type: "error", code: "unavailable", chat_id: chat.id, retry_after: 1 });
  client.disconnect();
  server.refusals.set("/users", { status: 503 });
  client.user(server.other);
  await clock.pass(60_000);
  assert.equal(clock.next, Infinity);
  assert.equal(server.requests.filter((request) => request === "GET /users").length, 1);
});

/** The page after a reload, live. */
async function again(server, storage) {
  const clock = new FakeClock();
  const client = new Client({ url: server.url, token: "t", fetch: server.fetch, WebSocket: server.WebSocket, storage, clock });
  await client.restore();
  client.connect();
  while (client.state.phase !== "live") await settled();
  return client;
}
