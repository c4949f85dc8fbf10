import assert from "node:assert/strict";
import { test } from "node:test";
import { createActions } from "../../chat/conversation/actions.js";
import { shownOf } from "../../chat/conversation/article.js";

/** @param {string[]} reactions Those last used. */
function set(reactions) {
  const app = {
    client: { me: { user_id: "me" } },
    settings: { reactions },
    change: async (patch) => Object.assign(app.settings, patch),
  };
  const chat = { react: async () => {}, unreact: async () => {} };
  const actions = createActions(app, chat, { edit: () => {} });
  const item = { kind: "message", row: { message: { message_id: "m", reactions: [] } } };
  return { react: (emoji) => actions.react(item, emoji), used: () => app.settings.reactions };
}

test("the reactions that are offered are the three last used, one that was among them too", async () => {
  const { react, used } = set(["👍", "🎉", "👀"]);
  await react("👀");
  assert.deepEqual(used(), ["👀", "👍", "🎉"]);
  await react("🌱");
  assert.deepEqual(used(), ["🌱", "👀", "👍"]);
  await react("🌱");
  assert.deepEqual(used(), ["🌱", "👀", "👍"]);
});

test("more than eight reactions are folded", () => {
  const many = (count) => Array.from({ length: count }, (_, i) => i);
  assert.equal(shownOf(many(8), false).length, 8);
  assert.equal(shownOf(many(9), false).length, 8);
  assert.equal(shownOf(many(9), true).length, 9);
});

test("one that was not sent is sent again or given up, also by the key that deletes", async () => {
  const done = [];
  const chat = { retry: (id) => done.push(["retry", id]), discard: (id) => done.push(["discard", id]) };
  const actions = createActions({ client: { me: { user_id: "me" } } }, chat, { edit: () => {} });
  const pending = (status) => ({ kind: "pending", row: { status, client_id: status } });
  for (const act of [actions.retry, actions.discard, actions.remove]) for (const status of ["failed", "sending", "waiting"]) await act(pending(status));
  assert.deepEqual(done, [["retry", "failed"], ["discard", "failed"], ["discard", "failed"]]);
});
