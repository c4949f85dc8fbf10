import assert from "node:assert/strict";
import { test } from "node:test";
import { follow } from "../../chat/follow.js";

/** Chats, and which of them are followed. */
function set(many) {
  const followed = new Set();
  const chats = Array.from({ length: many }, (_, i) => ({ follow: () => followed.add(i), unfollow: () => followed.delete(i) }));
  return { chats, followed: () => [...followed].sort((a, b) => a - b) };
}

const upTo = (many, from = 0) => Array.from({ length: many }, (_, i) => from + i);

test("a chat is followed as long as one view wants it", () => {
  const { chats, followed } = set(1);
  const [first, second] = [follow(chats[0]), follow(chats[0], { open: true })];
  first();
  first();
  assert.deepEqual(followed(), [0]);
  second();
  assert.deepEqual(followed(), []);
});

test("with more chats than the server tells of, those that come later wait for their turn", () => {
  const { chats, followed } = set(20);
  const releases = chats.map((chat) => follow(chat));
  assert.deepEqual(followed(), upTo(16));
  releases[3]();
  releases[5]();
  assert.deepEqual(followed(), upTo(18).filter((i) => i !== 3 && i !== 5));
  releases.forEach((release) => release());
  assert.deepEqual(followed(), []);
});

test("the open chat is always followed, and what it took comes back", () => {
  const { chats, followed } = set(20);
  const releases = chats.map((chat) => follow(chat));
  const close = follow(chats[19], { open: true });
  assert.deepEqual(followed(), [...upTo(15), 19]);
  close();
  assert.deepEqual(followed(), upTo(16));
  releases.forEach((release) => release());
});
