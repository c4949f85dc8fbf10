import assert from "node:assert/strict";
import { test } from "node:test";
import { createRoster } from "../../chat/members/roster.js";

/** @param {Record<string, boolean | null>} people Whether they are online. */
function roster(people, memberCount = Object.keys(people).length) {
  const app = {
    name: (id) => id,
    client: {
      on: () => () => {},
      user: (id) => ({ username: id }),
      presence: (id) => (people[id] === null ? undefined : { online: people[id] }),
    },
  };
  return createRoster(app, { members: Object.keys(people), memberCount });
}

const told = (groups) => groups.map(({ label, ids }) => [label, ...ids]);

test("members are online or offline, each by name", () => {
  const groups = roster({ dana: false, ben: true, Ada: true, chidi: false }).groups("");
  assert.deepEqual(told(groups), [["Online, 2", "Ada", "ben"], ["Offline, 2", "chidi", "dana"]]);
});

test("nobody is guessed to be offline", () => {
  assert.deepEqual(told(roster({ ada: true, ben: null }).groups("")), [["Online, 1", "ada"], ["Others, 1", "ben"]]);
  assert.deepEqual(told(roster({ ada: null, ben: null }).groups("")), [["Everybody, 2", "ada", "ben"]]);
});

test("a number is told only where all are loaded", () => {
  const groups = roster({ ada: true, ben: false, cai: null }, 1000).groups("");
  assert.deepEqual(told(groups), [["Online", "ada"], ["Offline", "ben"], ["Others, 998", "cai"]]);
});

test("a filter looks for a part of a name in whatever case", () => {
  assert.deepEqual(told(roster({ ada: true, ben: true, adam: false }).groups("AD")), [["Online, 1", "ada"], ["Offline, 1", "adam"]]);
  assert.deepEqual(roster({ ada: true }).groups("x"), []);
});
