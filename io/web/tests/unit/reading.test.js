import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { createReading } from "../../chat/conversation/reading.js";

let focused;
beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout"] });
  focused = true;
  globalThis.window = Object.assign(new EventTarget(), { setTimeout: (...args) => setTimeout(...args) });
  globalThis.document = Object.assign(new EventTarget(), { visibilityState: "visible", hasFocus: () => focused });
});
afterEach(() => {
  mock.timers.reset();
  delete globalThis.window;
  delete globalThis.document;
});

/** A chat that is read up to 5, and a view whose last row the test moves. */
function set() {
  const marks = [];
  const chat = { readSeq: 5, markRead: (seq) => seq > chat.readSeq && marks.push((chat.readSeq = seq)) };
  const view = { seq: 0 };
  const reading = createReading(chat, () => view.seq);
  const at = (seq, milliseconds) => {
    view.seq = seq;
    reading.check();
    mock.timers.tick(milliseconds);
  };
  return { marks, reading, at };
}

test("a row is read once it was looked at for half a second", () => {
  const { marks, at } = set();
  at(10, 499);
  assert.deepEqual(marks, []);
  at(10, 1);
  assert.deepEqual(marks, [10]);
});

test("who scrolls down and back up at once goes on reading where they are", () => {
  const { marks, at } = set();
  at(90, 200);
  at(40, 300);
  assert.deepEqual(marks, [], "90 was not looked at");
  at(40, 500);
  for (const seq of [50, 60, 70]) at(seq, 500);
  assert.deepEqual(marks, [40, 50, 60, 70]);
});

test("nothing is read in a window that nobody looks at, and half a second begins when they come back", () => {
  const { marks, at, reading } = set();
  at(10, 300);
  focused = false;
  at(10, 1000);
  assert.deepEqual(marks, []);
  focused = true;
  window.dispatchEvent(new Event("focus"));
  mock.timers.tick(499);
  assert.deepEqual(marks, []);
  mock.timers.tick(1);
  assert.deepEqual(marks, [10]);
  at(20, 300);
  focused = false;
  mock.timers.tick(100);
  focused = true;
  window.dispatchEvent(new Event("focus"));
  mock.timers.tick(499);
  assert.deepEqual(marks, [10], "they were away in between");
  mock.timers.tick(1);
  assert.deepEqual(marks, [10, 20]);
  reading.destroy();
});
