import assert from "node:assert/strict";
import { test } from "node:test";
import { dropUnsaved, forgetUnsaved, keepUnsaved, lastUnsaved, unsaved } from "../../chat/unsaved.js";

const message = (id) => ({ message_id: id, content: "old" });

test("what was typed in an edit that was not saved is kept until it is saved or given up", () => {
  keepUnsaved("a", message("1"), "first", "No connection.");
  keepUnsaved("a", message("2"), "second", "");
  keepUnsaved("a", message("1"), "first again", "");
  keepUnsaved("b", message("3"), "elsewhere", "");
  assert.equal(unsaved("1").text, "first again");
  assert.equal(lastUnsaved("a").text, "first again");
  dropUnsaved("1");
  assert.equal(lastUnsaved("a").text, "second");
  forgetUnsaved();
  assert.equal(lastUnsaved("a"), undefined);
});

test("edits that are kept have a bound", () => {
  for (let i = 0; i < 60; i++) keepUnsaved("a", message(`${i}`), `text ${i}`, "");
  assert.equal(unsaved("9"), undefined);
  assert.equal(unsaved("10").text, "text 10");
  forgetUnsaved();
});
