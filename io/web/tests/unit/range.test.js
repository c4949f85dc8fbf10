import assert from "node:assert/strict";
import { test } from "node:test";
import { Geometry } from "../../chat/conversation/geometry.js";
import { afterBurst, rowsNear } from "../../chat/conversation/range.js";

/** Rows of one height. */
function rows(many, height) {
  const geometry = new Geometry();
  geometry.setItems(Array.from({ length: many }, (_, i) => ({ key: String(i), seq: i + 1 })));
  for (let i = 0; i < many; i++) geometry.measured(String(i), height);
  return geometry;
}

test("what is in view is in the page, and a screen each way", () => {
  assert.deepEqual(rowsNear(rows(1_000, 10), 5_000, 600), [440, 621]);
});

test("there are 60 rows at least, where so many are loaded, also at the ends", () => {
  const geometry = rows(1_000, 100);
  for (const top of [0, 300, 50_000, 99_400]) {
    const [start, end] = rowsNear(geometry, top, 600);
    assert.ok(end - start >= 60 && start >= 0 && end <= 1_000, `${start} to ${end} at ${top}`);
    assert.ok(start * 100 <= top && end * 100 >= Math.min(100_000, top + 600), "what is in view is among them");
  }
  assert.deepEqual(rowsNear(rows(7, 100), 0, 600), [0, 7]);
  assert.deepEqual(rowsNear(rows(0, 100), 0, 600), [0, 0]);
});

test("there are 200 rows at most, around the middle of the view", () => {
  assert.deepEqual(rowsNear(rows(1_000, 5), 2_500, 600), [460, 660]);
});

test("of a burst the last 60 are built", () => {
  assert.equal(afterBurst(300, 480, 100), 300);
  assert.equal(afterBurst(300, 480, 101), 420);
});
