import assert from "node:assert/strict";
import { test } from "node:test";
import { liveClient } from "../testing/client.js";
import { settled } from "../testing/clock.js";
import { randomFrom } from "../testing/model.js";

const live = async (client) => {
  while (client.state.phase !== "live") await settled();
};

test("events are applied in order, each once, in whatever order they come", async () => {
  for (let seed = 1; seed <= 50; seed++) {
    const random = randomFrom(seed);
    const { server, client, chat } = await liveClient();
    await chat.timeline.loadLatest();
    const [socket] = server.sockets;
    socket.resumed = false;
    for (let i = 0; i < 30; i++) server.say();
    const shuffled = server.events.slice(1).flatMap((event) => (random() < 0.2 ? [event, event] : [event]));
    shuffled.sort(() => random() - 0.5);
    for (const event of shuffled) {
      socket.deliver(event);
      if (random() < 0.1) await settled(1);
    }
    await settled();
    assert.equal(chat.has, 31);
    assert.deepEqual(chat.timeline.rows.map(({ seq }) => seq), server.events.map(({ seq }) => seq));
    client.disconnect();
  }
});

test("of more events than wait for those before them, the rest is read", async () => {
  const { server, client, chat } = await liveClient({ before: (model) => (model.resumeEvents = 100_000) });
  await chat.timeline.loadLatest();
  const [socket] = server.sockets;
  socket.resumed = false;
  for (let i = 0; i < 7_500; i++) server.say();
  server.turns = () => 3;
  for (const event of server.events.slice(2)) socket.deliver(event);
  assert.equal(chat.held.size, 5_000);
  for (let i = 0; i < 200 && chat.has < server.lastSeq; i++) await settled();
  assert.equal(chat.has, 7_501);
  assert.equal(chat.held.size, 0);
  const seqs = chat.timeline.rows.map(({ seq }) => seq);
  assert.deepEqual(seqs, Array.from(seqs, (_, i) => 7_501 - seqs.length + 1 + i));
  assert.equal(chat.lastMessage.seq, 7_501);
  client.disconnect();
});

test("where the rest can't be had, a gap says so", async () => {
  const { server, client, chat } = await liveClient({ before: (model) => (model.resumeEvents = 100) });
  await chat.timeline.loadLatest();
  const [socket] = server.sockets;
  socket.resumed = false;
  for (let i = 0; i < 5_500; i++) server.say();
  for (const event of server.events.slice(2)) socket.deliver(event);
  for (let i = 0; i < 200 && chat.has < server.lastSeq; i++) await settled();
  assert.equal(chat.has, 5_501);
  socket.resumed = true;
  server.say();
  const rows = chat.timeline.rows.map(({ kind, seq }) => seq ?? kind);
  assert.equal(rows.filter((row) => row === "gap").length, 1);
  assert.deepEqual(rows.slice(-3), [5_002, "gap", 5_502].slice(-rows.length));
  client.disconnect();
});

test("it is not live as long as events of before are missing", async () => {
  const { server, clock, client, chat } = await liveClient();
  server.breakOff();
  for (let i = 0; i < 5; i++) server.say();
  server.silent = true;
  await clock.pass(500);
  while (!server.sockets.size) await settled(1);
  const [socket] = server.sockets;
  // One overtakes another one behind those that are given again.
  const deliver = socket.deliver.bind(socket);
  socket.deliver = (...frames) => {
    const some = frames.filter(({ type, seq }) => type !== "message" || seq !== 5);
    deliver(...some.map((frame) => (frame.type === "resumed" ? { ...frame, seq: 4 } : frame)));
  };
  server.answers.set("GET /chat/events", () => new Response("{}", { status: 503 }));
  deliver({ type: "ready", user_id: server.me });
  await settled(50);
  assert.equal(client.state.phase, "behind");
  server.answers.clear();
  await clock.pass(2_000);
  await live(client);
  assert.equal(chat.has, 6);
  client.disconnect();
});

test("unread is what the server says, then one more for each message of another", async () => {
  const { server, clock, client, chat } = await liveClient({ before: (model) => [1, 2, 3].forEach(() => model.say()) });
  assert.equal(chat.unread, 3);
  server.say();
  server.push({ type: "message_edited", message_id: server.events[1].message_id, content: "x", edited_at: "" });
  assert.equal(chat.unread, 4);
  // Of what is not loaded the client can't tell how many are others'.
  chat.markRead(chat.lastSeq);
  assert.equal(chat.unread, 0);
  server.readSeq = chat.readSeq;
  await chat.timeline.loadLatest();
  for (let i = 0; i < 5; i++) server.say();
  chat.markRead(chat.lastSeq - 2);
  assert.equal(chat.unread, 2);
  chat.markRead(1);
  assert.equal(chat.unread, 2, "a mark never goes down");
  server.say(server.me);
  assert.equal(chat.unread, 0, "who writes has read");
  const marks = server.received.filter(({ type }) => type === "read");
  assert.equal(marks.length, 1, "at most one a second");
  await clock.pass(1_000);
  assert.equal(server.received.filter(({ type }) => type === "read").length, 2);
  client.disconnect();
});

test("marks of other devices count unless they are lower; one's own is sent again after a reconnect", async () => {
  const { server, clock, client, chat } = await liveClient({ before: (model) => [1, 2, 3].forEach(() => model.say()) });
  const [socket] = server.sockets;
  socket.deliver({ type: "read", chat_id: chat.id, seq: 3, unread: 1, last_seq: 4 });
  assert.deepEqual([chat.readSeq, chat.unread], [3, 1]);
  socket.deliver({ type: "read", chat_id: chat.id, seq: 2, unread: 2, last_seq: 4 });
  assert.deepEqual([chat.readSeq, chat.unread], [3, 1]);
  server.breakOff();
  chat.markRead(4);
  server.say();
  server.say();
  await clock.pass(1_000);
  await live(client);
  assert.deepEqual([chat.readSeq, chat.unread], [4, 2], "the list has a lower mark, so what came counts");
  assert.equal(server.received.filter(({ type }) => type === "read").at(-1).seq, 4);
  client.disconnect();
});

test("a mark counts messages that are still to come, and none that came behind what it counted", async () => {
  const { server, client, chat } = await liveClient({ before: (model) => [1, 2, 3].forEach(() => model.say()) });
  const [socket] = server.sockets;
  socket.deliver({ type: "read", chat_id: chat.id, seq: 4, unread: 2, last_seq: 6 });
  assert.equal(chat.unread, 2);
  [5, 6, 7].forEach(() => server.say());
  assert.equal(chat.unread, 3, "two of them were counted before they came");
  socket.deliver({ type: "read", chat_id: chat.id, seq: 5, unread: 1, last_seq: 6 });
  assert.equal(chat.unread, 2, "one came behind what was counted");
  client.disconnect();
});

test("what is missed while away counts once, whether the list or the events come first", async () => {
  for (const turns of [1, 2, 30]) {
    const { server, clock, client, chat } = await liveClient();
    server.breakOff();
    for (let i = 0; i < 4; i++) server.say();
    server.turns = () => turns;
    await clock.pass(500);
    while (client.state.phase !== "live") {
      if (client.state.phase === "behind" && server.lastSeq < 8) server.say();
      await settled(1);
    }
    await settled();
    assert.equal(chat.unread, server.unread, `answers that take ${turns} turns`);
    client.disconnect();
  }
});

test("what the server has lost is forgotten", async () => {
  const { server, clock, client, chat } = await liveClient({ before: (model) => [1, 2, 3].forEach(() => model.say()) });
  await chat.timeline.loadLatest();
  server.breakOff();
  server.events.length = 2;
  await clock.pass(500);
  await live(client);
  server.say();
  assert.deepEqual(chat.timeline.rows.map(({ seq }) => seq), [1, 2, 3]);
  assert.equal(chat.timeline.rows[2].message.content, "Message 3");
  assert.equal(chat.lastMessage.seq, 3);
  client.disconnect();
});

test("who was removed, and added again while they were away, is in the chat again", async () => {
  const { server, clock, client, chat } = await liveClient({ before: (model) => model.say() });
  await chat.timeline.loadLatest();
  server.push({ type: "member_removed", user_id: server.me, by: server.other });
  assert.deepEqual(client.chats, []);
  server.breakOff();
  server.say();
  server.push({ type: "member_added", user_id: server.me, by: server.other });
  await clock.pass(500);
  await live(client);
  server.say();
  assert.deepEqual(client.chats, [chat]);
  assert.equal(chat.removal, null);
  assert.deepEqual(chat.timeline.rows.map(({ kind, seq }) => seq ?? kind), [1, 2, 3, "gap", 6]);
  await chat.timeline.fill(chat.timeline.rows[3]);
  assert.deepEqual(chat.timeline.rows.map(({ seq }) => seq), [1, 2, 3, 4, 5, 6]);
  client.disconnect();
});

test("where too many chats are resumed, the client connects again after a while", async () => {
  const { server, clock, client } = await liveClient();
  const [socket] = server.sockets;
  socket.deliver({ type: "error", code: "too_many_requests", limit: "chats-resumed", retry_after: 10 });
  assert.deepEqual(client.state, { phase: "offline", retryAt: clock.now() + 10_500, code: undefined });
  client.disconnect();
});

test("a list or settings that fail are asked for again", async () => {
  const { server, clock, client } = await liveClient();
  server.refusals.set("/chats", { status: 503, retry: 4 });
  server.breakOff();
  await clock.pass(500);
  await settled(20);
  assert.equal(client.state.phase, "behind");
  server.refusals.clear();
  await clock.pass(4_000);
  await live(client);
  client.disconnect();
});

test("all pages of the list are read, and all chats resumed, in as many messages as it takes", async () => {
  const others = Array.from({ length: 2_500 }, (_, i) => ({
    chat_id: `00000000-0000-4000-8000-${String(i).padStart(12, "0")}`,
    name: `Chat ${i}`,
    last_seq: 9_007_199_254_740_991,
    last_message: null,
    unread: 0,
    read_seq: 1,
  }));
  const { server, clock, client, chat } = await liveClient({ before: (model) => (model.others = others) });
  assert.deepEqual(client.chats.map(({ id }) => id), [chat.id, ...others.map(({ chat_id }) => chat_id)]);
  server.received = [];
  server.breakOff();
  await clock.pass(500);
  await settled(10);
  const resumes = server.received.filter(({ type }) => type === "resume");
  assert.deepEqual(resumes.map(({ chats }) => Object.keys(chats).length), [1_000, 1_000, 501]);
  assert.ok(resumes.every((frame) => JSON.stringify(frame).length < 65_536));
  for (const { chat_id } of others) for (const socket of server.sockets) socket.deliver({ type: "resumed", chat_id, recovered: true, seq: 1 });
  await live(client);
  client.disconnect();
});

test("the chat that moved last stands first", async () => {
  const { server, client, chat } = await liveClient({
    before: (model) => (model.others = [{ chat_id: "00000000-0000-4000-8000-000000000000", name: "Quiet", last_seq: 4, last_message: null, unread: 0, read_seq: 1 }]),
  });
  const names = () => client.chats.map(({ name }) => name);
  assert.deepEqual(names(), ["Model", "Quiet"]);
  const [socket] = server.sockets;
  socket.deliver({ type: "message", chat_id: "00000000-0000-4000-8000-000000000000", seq: 5, message_id: "m", sender_id: server.other, content: "x", created_at: "2026-01-01T00:00:00.000Z" });
  assert.deepEqual(names(), ["Quiet", "Model"]);
  server.say();
  assert.deepEqual(names(), ["Model", "Quiet"]);
  assert.equal(chat.lastMessage.seq, 2);
  client.disconnect();
});

test("typing is told at most once in 3 seconds, and shown for 6, or until a message comes", async () => {
  const { server, clock, client, chat } = await liveClient();
  const [socket] = server.sockets;
  const told = () => server.received.filter(({ type }) => type === "typing").length;
  chat.type();
  chat.type();
  assert.equal(told(), 1);
  await clock.pass(3_000);
  chat.type();
  assert.equal(told(), 2);
  socket.deliver({ type: "typing", chat_id: chat.id, user_id: server.other });
  assert.deepEqual(chat.typing, [server.other]);
  await clock.pass(5_999);
  assert.deepEqual(chat.typing, [server.other]);
  await clock.pass(1);
  assert.deepEqual(chat.typing, []);
  socket.deliver({ type: "typing", chat_id: chat.id, user_id: server.other });
  server.say();
  assert.deepEqual(chat.typing, []);
  client.disconnect();
});

test("nobody types where the connection, or the chat, is gone", async () => {
  const { server, clock, client, chat } = await liveClient();
  const told = [];
  client.on("typing", (one) => told.push(one));
  const types = () => [...server.sockets].at(-1).deliver({ type: "typing", chat_id: chat.id, user_id: server.other });
  types();
  await settled();
  server.breakOff();
  assert.deepEqual(chat.typing, []);
  await settled();
  assert.deepEqual(told, [chat, chat]);
  await clock.pass(500);
  await live(client);
  types();
  assert.deepEqual(chat.typing, [server.other]);
  [...server.sockets].at(-1).deliver({ type: "chat_deleted", chat_id: chat.id, seq: chat.has + 1, by: server.other });
  assert.deepEqual(chat.typing, []);
  client.disconnect();
});

test("users are asked for in batches, once, and one who is gone is null", async () => {
  const { server, client } = await liveClient();
  const ids = Array.from({ length: 150 }, (_, i) => `00000000-0000-4000-8000-${String(i).padStart(12, "0")}`);
  const told = [];
  client.on("users", (some) => told.push(...some));
  for (const id of ids) assert.equal(client.user(id), undefined);
  await settled(20);
  for (const id of ids) assert.equal(client.user(id).user_id, id);
  assert.equal(server.requests.filter((request) => request === "GET /users").length, 2);
  for (const id of ids) assert.ok(told.includes(id));
  client.disconnect();
});

test("a name that was given while users were asked for is not taken back by an older answer", async () => {
  const { server, clock, client } = await liveClient();
  let answer;
  server.answers.set("GET /users", () => new Promise((resolve) => (answer = resolve)));
  client.user(server.other);
  await settled();
  const older = answer;
  await clock.pass(1);
  const user = (username) => new Response(JSON.stringify([{ user_id: server.other, username }]));
  const searched = client.search("new");
  await settled();
  answer(user("new"));
  await searched;
  older(user("old"));
  await settled();
  assert.equal(client.user(server.other).username, "new");
  client.disconnect();
});

test("who has deleted their account has no name any more", async () => {
  const before = (model) => {
    const listed = model.entry;
    Object.defineProperty(model, "entry", { value: { ...listed, direct: true, other_user_id: model.other, other_username: "ben" } });
  };
  const { server, client, chat } = await liveClient({ before });
  client.user(server.other);
  await settled();
  assert.equal(client.user(server.other).user_id, server.other);
  assert.equal(chat.other.username, "ben");
  const told = [];
  client.on("users", (some) => told.push(...some));
  server.push({ type: "messages_erased", user_id: server.other, deleted_at: "2026-11-27T16:36:00Z" });
  await settled();
  assert.equal(client.user(server.other), null);
  const nameless = { user_id: server.other, username: undefined, display_name: undefined };
  assert.deepEqual(chat.other, nameless);
  // A list that was on its way has the name still.
  chat.list(server.entry);
  assert.deepEqual(chat.other, nameless);
  assert.ok(told.includes(server.other));
  client.disconnect();
});

test("a mark, and a wish to know who is there, come again where they were refused for a while", async () => {
  const { server, clock, client, chat } = await liveClient({ before: (model) => model.say() });
  const [socket] = server.sockets;
  const sent = () => server.received.filter(({ type }) => type === "read" || type === "presence").map(({ type }) => type);
  socket.deliver({ type: "error", code: "too_many_requests", chat_id: chat.id, retry_after: 3, limit: "typing-rate" });
  await clock.pass(4_000);
  assert.deepEqual(sent(), []);
  chat.markRead(2);
  chat.follow();
  await clock.pass(2_000);
  assert.deepEqual(sent(), ["read", "presence"]);
  socket.deliver({ type: "error", code: "unavailable", chat_id: chat.id, retry_after: 3, limit: "marks-waiting" });
  await clock.pass(2_900);
  assert.equal(sent().length, 2);
  await clock.pass(100);
  assert.deepEqual(sent(), ["read", "presence", "read", "presence"]);
  client.disconnect();
});

test("what is no number marks nothing", async () => {
  const { server, client, chat } = await liveClient({ before: (model) => model.say() });
  chat.markRead(Number.NaN);
  chat.markRead(undefined);
  assert.deepEqual([chat.readSeq, chat.unread], [1, 1]);
  assert.deepEqual(server.received.filter(({ type }) => type === "read"), []);
  client.disconnect();
});

test("one event costs the same, however much is loaded", async () => {
  const loaded = async () => {
    const { server, client, chat } = await liveClient();
    await chat.timeline.loadLatest();
    const [socket] = server.sockets;
    const event = (seq) => ({ type: "message", chat_id: chat.id, seq, message_id: `m${seq}`, sender_id: server.other, content: "x", created_at: "2026-01-01T00:00:00.000Z" });
    const time = (from, to) => {
      const start = performance.now();
      for (let seq = from; seq < to; seq++) socket.deliver(event(seq));
      return performance.now() - start;
    };
    // Of several the least: the machine may have much else to do.
    const least = (from) => Math.min(...Array.from({ length: 8 }, (_, i) => time(from + 50 * i, from + 50 * (i + 1))));
    time(2, 100);
    const few = least(100);
    time(500, 4_400);
    const many = least(4_400);
    time(4_800, 20_000);
    const { rows } = chat.timeline;
    client.disconnect();
    return { few, many, rows };
  };
  // Code that runs for the first time is slower.
  await loaded();
  const { few, many, rows } = await loaded();
  assert.ok(many < 4 * few, `50 events took ${few} ms where little was loaded, and ${many} ms where much was`);
  assert.ok(rows.length <= 5_000, "and there is an end to it");
});
