import assert from "node:assert/strict";
import { test } from "node:test";
import { seenIn } from "../../chat/conversation/seen.js";

const message = (seq) => ({ kind: "message", seq, folded: [] });
const gap = (after, before) => ({ kind: "gap", seq: after + 0.5, row: { after, before }, folded: [] });
const pending = { kind: "pending", seq: Number.MAX_SAFE_INTEGER, folded: [] };
const all = (items) => ({ first: 0, last: items.length - 1 });

test("one has seen up to the last row in view, and not what is only known to be behind it", () => {
  const items = [message(1), message(2), message(3)];
  assert.equal(seenIn(items, { first: 0, last: 1 }, 0), 2);
  assert.equal(seenIn(items, all(items), 0), 3);
});

test("events that are told in one line are seen with it, and what is not sent yet has no place among them", () => {
  const items = [message(1), { kind: "event", seq: 2, folded: [{ seq: 3 }, { seq: 4 }] }, pending];
  assert.equal(seenIn(items, all(items), 0), 4);
  assert.equal(seenIn([pending], { first: 0, last: 0 }, 0), 0);
});

test("what is missing in a hole was not seen, at the end or before what came later", () => {
  const end = [message(9), message(10), gap(10, 111)];
  assert.equal(seenIn(end, all(end), 9), 10);
  assert.equal(seenIn(end, { first: 2, last: 2 }, 9), 0);
  const amid = [...end, message(111), pending];
  assert.equal(seenIn(amid, all(amid), 9), 10);
  assert.equal(seenIn(amid, { first: 3, last: 4 }, 10), 10);
});

test("a hole in which all is read elsewhere hides nothing", () => {
  const items = [message(10), gap(10, 111), message(111), message(112)];
  assert.equal(seenIn(items, all(items), 110), 112);
  assert.equal(seenIn(items, all(items), 109), 10);
});

test("a row that says that nothing was loaded is no message", () => {
  assert.equal(seenIn([{ kind: "fault", seq: 0, folded: [] }], { first: 0, last: 0 }, 0), 0);
});
