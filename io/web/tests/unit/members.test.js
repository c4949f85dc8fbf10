import assert from "node:assert/strict";
import { test } from "node:test";
import { noteFor } from "../../chat/members/note.js";
import { createRoster } from "../../chat/members/roster.js";
import { plain } from "../../chat/words.js";

/** Members of whom some have names, and the names that were asked for. */
function set(members, names) {
  const asked = [];
  let tell = () => {};
  const client = {
    on: (_event, listener) => ((tell = listener), () => {}),
    user: (id) => (asked.push(id), names[id] === undefined ? undefined : { username: names[id] }),
    presence: () => undefined,
  };
  const app = { client, name: (id) => names[id] ?? "…" };
  const learn = (id, name) => ((names[id] = name), tell([id]));
  return { roster: createRoster(app, { members, memberCount: members.length }), asked, learn };
}

const found = (roster, filter) => roster.groups(filter).flatMap(({ ids }) => ids);

test("who has no name yet is not found by the sign that stands for it, and is still to come", () => {
  const { roster, learn } = set(["1", "2"], { 1: "ada" });
  for (const filter of ["…", "ben"]) assert.deepEqual(found(roster, filter), []);
  assert.equal(roster.unnamed, true);
  learn("2", "ben");
  assert.deepEqual(found(roster, "ben"), ["2"]);
  assert.equal(roster.unnamed, false);
  learn("2", "bea");
  assert.deepEqual([found(roster, "ben"), found(roster, "bea")], [[], ["2"]]);
});

test("names that are known are not asked for again at each look: the client keeps fewer than a room may have", () => {
  const members = Array.from({ length: 500 }, (_, i) => `${i}`);
  const { roster, asked } = set(members, Object.fromEntries(members.map((id) => [id, `user ${id}`])));
  for (const filter of ["", "user", "user 4", "nobody"]) roster.groups(filter);
  assert.equal(asked.length, members.length);
});

test("nobody is said to be missing before all were looked at", () => {
  const state = { failed: false, busy: false, filter: "ze", found: false, complete: true, looked: 5000 };
  const note = (more) => plain(noteFor({ ...state, ...more }));
  assert.equal(note({}), "Nobody here is called “ze”.");
  assert.equal(note({ busy: true }), "Loading more members");
  assert.equal(note({ busy: true, failed: true }), "Not loaded.");
  assert.match(note({ complete: false }), /^Nobody among the first 5.?000 members is called “ze”\.$/);
  assert.match(note({ complete: false, found: true }), /^Found among the first 5.?000 members\.$/);
  assert.equal(note({ found: true }), "");
  assert.equal(note({ filter: "", complete: false }), "");
});
