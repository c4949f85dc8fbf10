import assert from "node:assert/strict";
import { test } from "node:test";
import { tell } from "../../chat/events.js";
import { Items } from "../../chat/conversation/items.js";
import * as words from "../../chat/words.js";

const names = { ann: "Ann", ben: "Ben", me: "Me" };
const app = { name: (id) => names[id], who: (id) => (id === "me" ? words.YOU : names[id]) };
const AROUND = { me: "me", began: true, divider: null, faults: { first: false, older: false, newer: false, gaps: new Set() }, today: 0 };

/** The lines of a conversation in which this happened. */
function told(...events) {
  const rows = events.map((event, i) => ({ kind: "event", key: `${i}`, seq: i + 1, event: { seq: i + 1, created_at: "2026-11-27T16:36:00Z", ...event } }));
  return new Items().make(rows, AROUND).map(({ row, folded, gone }) => words.plain(tell(app, row.event, { folded, gone })));
}

const left = (id) => ({ type: "member_removed", user_id: id, by: id });
const joined = (id) => ({ type: "member_added", user_id: id, by: id });
const role = (id, by, role = "admin") => ({ type: "role_changed", user_id: id, by, role });

test("who becomes admin because the last one left was made so by nobody", () => {
  assert.deepEqual(told(left("ann"), role("me", "ann")), ["Ann left", "You became admin, as Ann left"]);
  assert.deepEqual(told(left("me"), joined("me"), left("me"), role("ben", "me"), joined("me")).slice(2), ["You left", "Ben became admin, as you left", "You joined"]);
});

test("an admin who is there makes others admin, also where they were away before", () => {
  assert.deepEqual(told(role("ben", "ann")), ["Ann made Ben an admin"]);
  assert.deepEqual(told(left("ann"), joined("ann"), role("me", "ann"), role("ben", "ann", "member")).slice(2), ["Ann made you an admin", "Ann made Ben a member"]);
  assert.deepEqual(told(left("ann"), role("ben", "ben")), ["Ann left", "Ben became admin"]);
});

test("where it is not known whether who did it is there, only what is certain is told", () => {
  assert.equal(words.plain(tell(app, role("ben", "ann"), { gone: null })), "Ben became admin");
});
