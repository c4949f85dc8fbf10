import assert from "node:assert/strict";
import { test } from "node:test";
import { createGoing } from "../../chat/conversation/going.js";
import { Items } from "../../chat/conversation/items.js";
import { createLoading } from "../../chat/conversation/loading.js";
import { Problem } from "../../client/rookery.js";

const row = (seq) => ({ kind: "message", key: `${seq}`, seq, message: { sender_id: "ben", created_at: "2026-03-03T12:00:00Z" } });

/** A conversation over a line that the test cuts; `rows` are in memory already. */
function set({ rows = [], unread = 0, lastSeq = 100, hasNewer = false, route = { seq: null } } = {}) {
  const line = { cut: true, asked: 0 };
  const timeline = {
    rows, lastSeq, hasNewer, hasOlder: true,
    load(...seqs) {
      line.asked++;
      if (line.cut) throw new Problem(0, { code: "offline" });
      timeline.rows = seqs.map(row);
      timeline.hasNewer = false;
    },
    loadLatest: async () => timeline.load(99, 100),
    loadAround: async (seq) => timeline.load(seq, seq + 1),
    loadOlder: async () => timeline.load(1, 2),
    loadNewer: async () => timeline.load(99, 100),
    fill: async () => timeline.load(1, 2, 3),
  };
  const items = new Items();
  const list = { items: [], place: null, went: [], toEnd: () => list.went.push("end"), toSeq: (seq) => list.went.push(seq) };
  const loading = createLoading(timeline, () => {});
  const render = () => (list.items = items.make(timeline.rows, { me: "ann", began: true, divider: null, faults: loading.faults, today: 0 }));
  const toasts = [];
  const app = { route, frame: () => {}, toast: (text, action) => toasts.push([text, action]) };
  const chat = { id: `${Math.random()}`, unread, readSeq: lastSeq - unread, timeline };
  const going = createGoing(app, chat, { list, loading, render });
  const shown = () => (render(), list.items.map(({ kind }) => kind));
  return { line, list, loading, going, shown, toasts, timeline };
}

for (const [where, options] of Object.entries({ "at its end": {}, "at what is new": { unread: 4 }, "at a message": { route: { seq: 50 } } })) {
  test(`a chat that is opened ${where} without a connection says so, and opens once there is one`, async () => {
    const { line, list, loading, going, shown, toasts } = set(options);
    await going.open();
    assert.deepEqual(shown(), ["fault"]);
    assert.equal(loading.faults.first, true);
    assert.deepEqual(toasts, [], "the row says it");
    line.cut = false;
    loading.again();
    await going.open();
    assert.deepEqual(shown(), ["message", "message"]);
    assert.equal(list.went.at(-1), options.route ? 50 : options.unread ? 97 : "end");
  });
}

test("what is not sent yet stands below the row that says so", async () => {
  const { going, shown } = set({ rows: [{ kind: "pending", key: "p", created: 1, status: "waiting" }] });
  await going.open();
  assert.deepEqual(shown(), ["fault", "pending"]);
});

test("a place that does not come is told beside what one sees, with a way to try again", async () => {
  const { line, list, going, shown, toasts } = set({ rows: [row(1), row(2)], hasNewer: true });
  await going.latest();
  await going.toMessage(50);
  assert.deepEqual(shown(), ["message", "message"]);
  assert.equal(toasts.length, 2);
  assert.deepEqual(list.went, []);
  line.cut = false;
  await toasts[0][1].run();
  await new Promise(setImmediate);
  assert.deepEqual(list.went, ["end"]);
});

test("where the thumb was dragged to and nothing comes, one is back at the edge, and asks no more by oneself", async () => {
  const { line, list, loading, going, shown } = set({ rows: [row(50), row(51)] });
  shown();
  await going.toDragged(10);
  assert.equal(loading.faults.older, true);
  assert.deepEqual(shown(), ["fault", "message", "message"]);
  await loading.page("older");
  assert.equal(line.asked, 1);
  assert.equal(list.went.at(-1), 0);
  await going.toDragged(90);
  assert.equal(loading.faults.newer, true);
  assert.equal(list.went.at(-1), Infinity);
});

test("a hole that could not be filled says so until it is tried again", async () => {
  const gap = { kind: "gap", key: "gap 2 9", after: 2, before: 9 };
  const { line, list, loading, shown } = set({ rows: [row(1), row(2), gap, row(9)] });
  await loading.fill(gap);
  shown();
  assert.equal(list.items[2].failed, true);
  line.cut = false;
  await loading.fill(gap);
  assert.deepEqual(shown(), ["message", "message", "message"]);
  assert.equal(loading.faults.gaps.size, 0);
});
