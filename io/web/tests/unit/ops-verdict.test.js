import assert from "node:assert/strict";
import { test } from "node:test";
import { Speaker, lasting, verdict, Watch } from "../../ops/verdict.js";

/** Feeds seconds of the same figures, from `at` on; answers when it stopped. */
const feed = (watch, at, seconds, busy, mesh = [], stalls = []) => {
  for (let i = 0; i < seconds; i += 1) watch.update(at + i, busy, mesh, stalls);
  return at + seconds;
};
const calm = (cores) => Array(cores).fill(0.4);
const hotAt = (cores, core, share) => calm(cores).map((busy, i) => (i === core ? share : busy));

test("a core is hot from its third sample of 85% on", () => {
  const watch = new Watch(16);
  let at = feed(watch, 0, 5, calm(16));
  at = feed(watch, at, 2, hotAt(16, 5, 0.9));
  assert.equal(watch.isHot(5), false);
  feed(watch, at, 1, hotAt(16, 5, 0.85));
  assert.deepEqual(watch.which((core) => watch.isHot(core)), [5]);
  assert.equal(watch.hotSince([5]), 5);
});

test("two samples of 85% and one below it begin anew", () => {
  const watch = new Watch(1);
  let at = 0;
  for (let i = 0; i < 5; i += 1) {
    at = feed(watch, at, 2, [0.9]);
    at = feed(watch, at, 1, [0.84]);
  }
  assert.equal(watch.isHot(0), false);
});

test("a core is hot after 10 s of 60% and 1.6 times the median", () => {
  const watch = new Watch(16);
  const at = feed(watch, 0, 10, hotAt(16, 9, 0.65));
  assert.equal(watch.isHot(9), false);
  feed(watch, at, 1, hotAt(16, 9, 0.65));
  assert.equal(watch.isHot(9), true);
});

test("far above the median, but below 60%, is not hot; nor 60% among equals", () => {
  const watch = new Watch(4);
  const at = feed(watch, 0, 30, [0.05, 0.05, 0.05, 0.55]);
  feed(watch, at, 30, [0.7, 0.7, 0.7, 0.72]);
  assert.deepEqual(watch.which((core) => watch.isHot(core)), []);
});

test("hot is over after 5 s below 75%, not before", () => {
  const watch = new Watch(1);
  let at = feed(watch, 0, 10, [0.95]);
  at = feed(watch, at, 60, [0.8]);
  assert.equal(watch.isHot(0), true);
  at = feed(watch, at, 5, [0.7]);
  assert.equal(watch.isHot(0), true);
  at = feed(watch, at, 1, [0.76]);
  at = feed(watch, at, 5, [0.7]);
  assert.equal(watch.isHot(0), true);
  feed(watch, at, 1, [0.7]);
  assert.equal(watch.isHot(0), false);
});

test("hot by the median is over below 1.4 times of it", () => {
  const watch = new Watch(16);
  let at = feed(watch, 0, 12, hotAt(16, 3, 0.7));
  at = feed(watch, at, 30, hotAt(16, 3, 0.58));
  assert.equal(watch.isHot(3), true);
  feed(watch, at, 6, hotAt(16, 3, 0.54));
  assert.equal(watch.isHot(3), false);
});

test("a core without a figure keeps its state", () => {
  const watch = new Watch(2);
  const at = feed(watch, 0, 5, [0.9, 0.9]);
  feed(watch, at, 60, [NaN, 0.1]);
  assert.deepEqual([watch.isHot(0), watch.isHot(1)], [true, false]);
});

test("a core waits after 10 s with batches in its mesh, or at once when it stalls", () => {
  const watch = new Watch(2);
  const at = feed(watch, 0, 10, calm(2), [3, 0], [0, 0]);
  assert.equal(watch.waits(0), false);
  feed(watch, at, 1, calm(2), [3, 0], [0, 1]);
  assert.deepEqual([watch.waits(0), watch.waits(1)], [true, true]);
});

test("64 cores, every one by itself", () => {
  const watch = new Watch(64);
  feed(watch, 0, 20, hotAt(64, 63, 0.99));
  assert.deepEqual(watch.which((core) => watch.isHot(core)), [63]);
  assert.equal(watch.median, 0.4);
});

const quiet = { cores: 16, silent: 0, last: 1e9, lag: 0.21, limit: 1, median: 0.42, hot: [], waiting: [], slow: 0 };
const says = (state) => verdict({ ...quiet, ...state }).slice(0, 3);

test("the first that holds is said", () => {
  const all = { silent: 4, lag: 1.3, hot: [5], busy: 0.94, waiting: [3], mesh: 14, slow: 27 };
  assert.match(says(all)[2], /^No answer for 4 s\. Last figures are from \d\d:\d\d:\d\d\.$/);
  assert.deepEqual(says({ ...all, silent: 0 }), ["danger", "lag", "Lag is 1.3 s, over the limit: new messages are refused."]);
  assert.deepEqual(says({ ...all, silent: 0, lag: 0.2 }), ["warn", "hot 5", "Core 5 is hot: 94% busy, 2.2 times the median."]);
  assert.deepEqual(says({ waiting: [3], mesh: 14, slow: 27 }), ["warn", "mesh 3", "Core 3 waits for another core: 14 batches in its mesh."]);
  assert.deepEqual(says({ slow: 27 }), ["warn", "slow", "Slow readers: 27 closed in 5 min."]);
  assert.deepEqual(says({}), ["ok", "calm", "All 16 cores are calm. Median 42% busy."]);
});

test("several hot cores are named, many are counted", () => {
  assert.equal(says({ hot: [5, 9] })[2], "Cores 5 and 9 are hot.");
  assert.equal(says({ hot: [0, 1, 2, 3, 4, 5] })[2], "Cores 0, 1, 2 and 3 more are hot.");
  assert.equal(says({ cores: 2, hot: [0, 1] })[2], "Both cores are hot.");
});

test("of two cores it is certain for which one waits", () => {
  assert.equal(says({ cores: 2, waiting: [1], mesh: 1 })[2], "Core 1 waits for core 0: 1 batch in its mesh.");
});

test("a core that found the mesh full is no sentence about how deep it is", () => {
  assert.equal(says({ cores: 2, waiting: [0], mesh: 0 })[2], "Core 0 waited for core 1: the mesh between them was full.");
  assert.equal(says({ waiting: [3], mesh: NaN })[2], "Core 3 waited for another core: the mesh between them was full.");
});

test("what follows the sentence is a sentence, too", () => {
  assert.equal(lasting("warn", false, 10, "Some messages arrive late."), " For 10 s. Some messages arrive late.");
  assert.equal(lasting("danger", true, 10, "The server is down."), " The server is down.");
  assert.equal(lasting("wait", false, 10, ""), " ");
});

test("an answer without figures is told from none", () => {
  const [tone, key, text, meaning] = verdict({ ...quiet, silent: 4, strange: true });
  assert.deepEqual([tone, key], ["danger", "strange"]);
  assert.match(text, /^No figures for 4 s\. Last figures are from \d\d:\d\d:\d\d\.$/);
  assert.equal(meaning, "Something answers here, but not with the counters of this server.");
});

test("a state is spoken at most every 10 s, and what holds no more is not left there to be read", () => {
  const speaker = new Speaker();
  assert.equal(speaker.say("ok", "calm", "Calm.", 0), "Calm.");
  assert.equal(speaker.say("ok", "calm", "Calm, by other figures.", 5), "Calm.");
  assert.equal(speaker.say("danger", "silent", "No answer for 3 s.", 11), "No answer for 3 s.");
  assert.equal(speaker.say("wait", "wait", "Waiting.", 13), "");
  assert.equal(speaker.say("ok", "calm", "Calm again.", 15), "");
  assert.equal(speaker.say("ok", "calm", "Calm again.", 21.5), "Calm again.");
});

test("one core has no median, and few slow readers are no news", () => {
  assert.equal(says({ cores: 1, hot: [0], busy: 0.94, median: 0.94 })[2], "Core 0 is hot: 94% busy.");
  assert.equal(says({ cores: 4, hot: [3], busy: 0.49, median: 0.38 })[2], "Core 3 cools down: 49% busy.");
  assert.equal(says({ cores: 1, slow: 4 })[2], "The core is calm. It is 42% busy.");
});

test("nothing is said of what is not reported", () => {
  assert.deepEqual(says({ cores: undefined, lag: undefined, limit: undefined, median: undefined }), ["wait", "wait", "Waiting for the first figures."]);
  assert.equal(says({ lag: 5, limit: undefined })[1], "calm");
  assert.equal(verdict({ ...quiet, lag: NaN })[3], "");
  assert.equal(says({ silent: 9, last: 0 })[2], "No answer for 9 s. There are no figures yet.");
});
