// Whatever happens in whatever order, what is shown is what the server has.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Client } from "../rookery.js";
import { FakeClock, settled } from "../testing/clock.js";
import { ModelServer, randomFrom } from "../testing/model.js";
import { forEachSeed } from "../testing/seeds.js";

const STEPS = 120;

test("a timeline shows what the server has, whatever happened", { timeout: 120_000 }, () => forEachSeed(play));

async function play(seed) {
  const random = randomFrom(seed);
  const pick = (list) => list[Math.floor(random() * list.length)];
  const server = new ModelServer();
  server.resumeEvents = pick([10, 30, 1_000]);
  server.turns = () => pick([1, 2, 5, 20]);
  server.fate = (open) => (open ? pick(["take", "take", "ack first", "refuse"]) : pick(["take", "lose"]));
  const sent = [];
  const clock = new FakeClock(random);
  const client = new Client({ url: server.url, token: "t", fetch: server.fetch, WebSocket: server.WebSocket, clock });
  for (let i = 0; i < pick([0, 5, 200]); i++) server.say(pick([server.me, server.other]));
  await client.restore();
  client.connect();
  while (client.state.phase !== "live") await settled();
  const chat = client.chat(server.chatId);
  const { timeline } = chat;
  const loading = [];
  const load = (promise) => loading.push(promise.catch(() => {}));
  const aMessage = () => pick(server.messages)?.message_id;
  const now = () => new Date(clock.now()).toISOString();
  const steps = [
    () => server.say(),
    () => server.say(server.me),
    () => server.say(server.third),
    () => aMessage() && server.push({ type: "message_edited", message_id: aMessage(), content: `Edit ${server.lastSeq}`, edited_at: now() }),
    () => aMessage() && server.push({ type: "message_deleted", message_id: aMessage(), by: server.other, deleted_at: now() }),
    () => aMessage() && server.push({ type: "reaction_added", message_id: aMessage(), emoji: pick(["a", "b"]), user_id: pick([server.me, server.other]) }),
    () => aMessage() && server.push({ type: "reaction_removed", message_id: aMessage(), emoji: pick(["a", "b"]), user_id: pick([server.me, server.other]) }),
    () => server.push({ type: pick(["member_added", "member_removed"]), user_id: server.third, by: server.other }),
    () => random() < 0.1 && server.push({ type: "messages_erased", user_id: server.third, deleted_at: now() }),
    () => sent.push(chat.send(`Own ${sent.length}`).content),
    () => sent.push(chat.send(`Own ${sent.length}`).content),
    () => load(timeline.loadLatest()),
    () => load(timeline.loadOlder()),
    () => load(timeline.loadNewer()),
    () => random() < 0.3 && load(timeline.loadAround(1 + Math.floor(random() * server.lastSeq))),
    () => {
      const gap = timeline.rows.find(({ kind }) => kind === "gap");
      if (gap) load(timeline.fill(gap));
    },
    () => timeline.trim(Math.floor(random() * server.lastSeq), pick([10, 40])),
    () => random() < 0.3 && server.breakOff(),
    () => clock.pass(1_000),
    () => chat.markRead(Math.floor(random() * chat.lastSeq)),
    () => settled(1),
    () => settled(3),
    () => void timeline.rows,
  ];
  for (let i = 0; i < STEPS; i++) {
    await pick(steps)();
    look(timeline);
  }
  for (let i = 0; i < 80; i++) {
    // The last list has the right number of unread messages, whatever was not loaded as they were marked.
    if (i === 60) server.breakOff();
    await clock.pass(1_000);
    await settled(40);
  }
  await Promise.all(loading);
  const own = server.events.filter(({ type, client_id }) => type === "message" && client_id).map(({ content }) => content);
  assert.deepEqual(own, sent, "what was sent has come once, and in order");
  assert.deepEqual(timeline.rows.filter(({ kind }) => kind === "pending"), [], "nothing waits");
  assert.equal(client.state.phase, "live");
  assert.equal(chat.has, server.lastSeq);
  compare(server, timeline.rows, "what is loaded");
  await loadAll(timeline);
  compare(server, timeline.rows, "all");
  const shown = timeline.rows.filter(({ kind }) => kind === "message").length;
  assert.equal(shown, server.messages.length);
  assert.equal(chat.unread, server.unread, "unread");
  assert.deepEqual(plain(chat.lastMessage), plain(server.entry.last_message));
  client.disconnect();
}

async function loadAll(timeline) {
  await timeline.loadLatest();
  for (let i = 0; i < 100 && timeline.hasNewer; i++) await timeline.loadNewer();
  for (let i = 0; i < 100 && timeline.hasOlder; i++) await timeline.loadOlder();
  for (let i = 0; i < 100; i++) {
    const gap = timeline.rows.find(({ kind }) => kind === "gap");
    if (!gap) return;
    await timeline.fill(gap);
  }
  throw new Error("it never ends");
}

/** Rows are in order, and their keys their own, at any time. */
function look(timeline) {
  const { rows } = timeline;
  assert.equal(new Set(rows.map(({ key }) => key)).size, rows.length, "keys");
  let last = 0;
  for (const row of rows) {
    if (row.kind === "pending") continue;
    if (row.kind === "gap") {
      assert.ok(row.after >= last && row.before > row.after + 1, "a gap in its place, with something missing");
      last = row.before - 1;
    } else {
      assert.ok(row.seq > last, `${row.seq} behind ${last}`);
      last = row.seq;
    }
  }
}

function compare(server, rows, what) {
  const messages = new Map(server.messages.map((message) => [message.seq, message]));
  let next;
  for (const row of rows) {
    if (row.kind === "gap") {
      next = row.before;
    } else if (row.kind === "message") {
      assert.deepEqual(plain(row.message), plain(messages.get(row.seq)), `${what}: message ${row.seq}`);
    }
    if (row.kind === "gap") continue;
    // Nothing that is shown is left out between two rows.
    for (let seq = next ?? row.seq; seq < row.seq; seq++) assert.ok(!messages.has(seq), `${what}: message ${seq} is left out before ${row.seq}`);
    next = row.seq + 1;
  }
}

/** Times are as they came, and empty lists of reactions are none. */
function plain(message) {
  if (!message) return message;
  const { deleted_at, edited_at, created_at, reactions, ...rest } = message;
  return { ...rest, reactions: reactions?.length ? reactions : undefined };
}
