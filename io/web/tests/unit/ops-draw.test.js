import assert from "node:assert/strict";
import { test } from "node:test";
import { coreColour, linearTicks, logTicks, timeTicks } from "../../ops/axes.js";
import { Store } from "../../ops/samples.js";
import { barSeconds, means } from "../../ops/strips.js";
import { duration, listed, millis, number, percent, reasonName } from "../../ops/words.js";
import { colours, contrast, sheet } from "./support/colours.js";

test("the lines of all 64 cores stand out from what they are drawn on", () => {
  const [light, dark] = colours(sheet("look/tokens.css")).surface;
  for (let core = 0; core < 64; core += 1) {
    assert.ok(contrast(coreColour(core, false), light) >= 3.7, `core ${core} ${coreColour(core, false)}`);
    assert.ok(contrast(coreColour(core, true), dark) >= 4.9, `core ${core} ${coreColour(core, true)}`);
  }
  assert.equal(new Set(Array.from({ length: 64 }, (_, core) => coreColour(core, false))).size, 64);
});

test("an axis begins at 0, has two to four ticks, and reaches the most", () => {
  for (const most of [0, 1e-7, 0.3, 1, 4.1, 16, 63, 64.9, 9999, 1e6]) {
    const ticks = linearTicks(most);
    assert.ok(ticks[0] === 0 && ticks.at(-1) >= most && ticks.length >= 2 && ticks.length <= 4, `${most}: ${ticks}`);
  }
  assert.deepEqual(linearTicks(16), [0, 10, 20]);
  assert.deepEqual(linearTicks(1), [0, 0.5, 1]);
});

test("a logarithmic axis has the powers of ten around its values", () => {
  assert.deepEqual(logTicks(0.3, 90), [-1, 0, 1, 2]);
  assert.deepEqual(logTicks(0.04, 250), [-2, 0, 2, 4]);
  assert.deepEqual(logTicks(1, 1), [0, 1]);
});

test("the time axis is marked from now backwards, less often where it is narrow", () => {
  assert.deepEqual(timeTicks(300, false), [0, 60, 120, 180, 240, 300]);
  assert.deepEqual(timeTicks(300, true), [0, 120, 240]);
  assert.deepEqual(timeTicks(60, false), [0, 15, 30, 45, 60]);
});

test("a bar is the mean of its time, and one without a sample takes the next one's", () => {
  const store = new Store(1, 10);
  for (const [at, busy] of [[0, 0.2], [1, 0.4], [2.1, 0.6], [6.2, 0.8]]) {
    store.push({ at, totals: {}, closes: [], refusals: [], cores: { busy: [busy] } });
  }
  const bars = [...means(store, store.slots(0), 0, 2, 3)].map(([ago, share]) => [ago, Number(share.toFixed(3))]);
  assert.deepEqual(bars, [[3, 0.3], [2, 0.6], [1, 0.8], [0, 0.8]]);
});

test("bars are whole pixels, and fill most of their room", () => {
  for (const span of [60, 300, 900]) {
    for (let room = 60; room < 1500; room += 7) {
      const count = span / barSeconds(span, room);
      const width = Math.floor(room / count);
      assert.ok(Number.isInteger(count) && width >= 1 && width * count > room / 2, `${span} s in ${room}: ${count}`);
    }
  }
  assert.deepEqual([barSeconds(60, 332), barSeconds(300, 332), barSeconds(900, 332), barSeconds(300, 270)], [2, 2, 6, 4]);
});

test("words", () => {
  assert.equal(millis(Infinity), `> ${number(10)} s`);
  assert.deepEqual([number(NaN), percent(NaN), number(undefined)], ["–", "–", "–"]);
  assert.deepEqual([59, 150, 7500, 367920].map(duration), ["59 s", "2 min", "2 h 5 min", "4 d 06:12"]);
  assert.deepEqual([[5, 9], [1, 2, 3]].map(listed), ["5 and 9", "1, 2 and 3"]);
  assert.deepEqual(["4008", "too_many_requests", "2999", "other"].map(reasonName), ["Slow reader", "Too many requests", "2999", "Other"]);
});
