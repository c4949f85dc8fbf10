import assert from "node:assert/strict";
import { test } from "node:test";
import {
  avatarColour, badge, bytes, emojiOnly, formatter, graphemes, initial, isEmoji, shorten, untilMidnight,
} from "../../chat/format.js";

const british = formatter(["en-GB"], "Europe/Berlin");
const now = Date.parse("2026-11-27T16:36:00Z");

test("a time is as short as its distance allows", () => {
  assert.equal(british.short("2026-11-27T16:36:00Z", now), "17:36");
  assert.equal(british.short("2026-11-26T23:00:00Z", now), "00:00");
  assert.equal(british.short("2026-11-26T22:59:59Z", now), "Thu");
  assert.equal(british.short("2026-11-21T12:00:00Z", now), "Sat");
  assert.equal(british.short("2026-11-20T12:00:00Z", now), "20 Nov");
  assert.equal(british.short("2025-11-22T12:00:00Z", now), "22 Nov 2025");
});

test("a clock that is ahead makes no weekday of tomorrow", () => {
  assert.equal(british.short("2026-11-28T12:00:00Z", now), "28 Nov");
  assert.equal(british.seen("2026-11-27T16:37:00Z", now), "Seen just now");
});

test("days have their names for a week", () => {
  assert.equal(british.day("2026-11-27T00:00:00Z", now), "Today");
  assert.equal(british.day("2026-11-26T12:00:00Z", now), "Yesterday");
  assert.equal(british.day("2026-11-23T12:00:00Z", now), "Monday");
  assert.equal(british.day("2026-03-03T12:00:00Z", now), "3 March");
  assert.equal(british.day("2025-03-03T12:00:00Z", now), "3 March 2025");
});

test("yesterday is yesterday also where a day has 25 hours", () => {
  const after = Date.parse("2026-10-25T23:30:00Z");
  assert.equal(british.day("2026-10-25T00:30:00Z", after), "Yesterday");
  assert.equal(british.dayKey("2026-10-25T22:59:00Z"), "2026-10-25");
});

test("who was seen was seen lately, at a time, or on a day", () => {
  assert.equal(british.seen("2026-11-27T16:35:30Z", now), "Seen just now");
  assert.equal(british.seen("2026-11-27T16:35:00Z", now), "Seen 1 minute ago");
  assert.equal(british.seen("2026-11-27T16:11:00Z", now), "Seen 25 minutes ago");
  assert.equal(british.seen("2026-11-27T13:10:00Z", now), "Seen at 14:10");
  assert.equal(british.seen("2026-11-26T13:10:00Z", now), "Seen yesterday");
  assert.equal(british.seen("2026-11-23T13:10:00Z", now), "Seen on Monday");
  assert.equal(british.seen("2026-11-19T13:10:00Z", now), "Seen on 19 November");
});

test("the full form has all of it", () => {
  assert.match(british.full("2026-11-27T16:36:00Z"), /Friday,? 27 November 2026.* 17:36/);
});

test("midnight is always ahead", () => {
  assert.equal(untilMidnight(new Date(2026, 10, 27, 23, 59, 59).getTime()), 1000);
  assert.equal(untilMidnight(new Date(2026, 10, 27).getTime()), new Date(2026, 10, 28) - new Date(2026, 10, 27));
});

test("a badge ends at 99", () => {
  assert.equal(badge(1), "1");
  assert.equal(badge(99), "99");
  assert.equal(badge(100), "99+");
});

test("one to three emoji alone are shown large", () => {
  for (const text of ["👍", "🧗‍♀️ 💪", "👨‍👩‍👧‍👦", "🇩🇪🇫🇷", "❤️", "1️⃣", " 🎉\n"]) assert.ok(emojiOnly(text), text);
  for (const text of ["", " ", "1", "#", "a👍", "👍👍👍👍", "👍.", "©", "x".repeat(4096)]) assert.ok(!emojiOnly(text), text);
});

test("a reaction is one emoji", () => {
  for (const text of ["👍", "👍🏽", "❤", "❤️", "🏴‍☠️"]) assert.ok(isEmoji(text), text);
  for (const text of ["", "a", "👍👍", "1", "ok"]) assert.ok(!isEmoji(text), text);
});

test("an avatar has one grapheme", () => {
  assert.equal(initial("yusuf"), "Y");
  assert.equal(initial("مريم الحداد"), "م");
  assert.equal(initial("é\u0301tude"), "É\u0301");
  assert.equal(initial("👩‍🚀 crew"), "👩‍🚀");
  assert.equal(initial("“Quoted”"), "Q");
  assert.equal(initial("ß"), "S");
  assert.equal(initial("--"), "-");
  assert.equal(initial(""), "?");
});

test("the same id has the same colour, and all colours come", () => {
  const colours = new Set(Array.from({ length: 200 }, (_, i) => avatarColour(`user-${i}`)));
  assert.deepEqual([...colours].sort(), [0, 1, 2, 3, 4, 5, 6, 7]);
  assert.equal(avatarColour("a"), avatarColour("a"));
});

test("what is too long is cut between graphemes", () => {
  assert.equal(shorten("hello", 5), "hello");
  assert.equal(shorten("hello world", 6), "hello…");
  assert.equal(shorten("👨‍👩‍👧‍👦👨‍👩‍👧‍👦", 1), "👨‍👩‍👧‍👦…");
  assert.equal([...graphemes("e\u0301a")].length, 2);
});

test("bytes are those of UTF-8", () => {
  assert.equal(bytes("aé€👍"), 10);
});
