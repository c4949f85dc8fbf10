// @ts-check
// Times, days, links, emoji, and the letters and colours of avatars.

import { locales } from "./numbers.js";
import * as words from "./words.js";

export { badge, count, number } from "./numbers.js";

/** @typedef {string | number | Date} When A time of the API, or milliseconds. */

const MINUTE = 60_000;
/** Days in the past that are called by their weekday. */
const WEEK = 6;

/** @param {When} when */
const date = (when) => (when instanceof Date ? when : new Date(when));

/** @param {readonly string[]} languages @param {string} [timeZone] */
export function formatter(languages, timeZone) {
  /** @param {Intl.DateTimeFormatOptions} options */
  const by = (options) => new Intl.DateTimeFormat([...languages], { timeZone, ...options });
  const clock = by({ timeStyle: "short" });
  const weekdayShort = by({ weekday: "short" });
  const weekdayLong = by({ weekday: "long" });
  const dayShort = by({ day: "numeric", month: "short" });
  const dayShortYear = by({ day: "numeric", month: "short", year: "numeric" });
  const dayLong = by({ day: "numeric", month: "long" });
  const dayLongYear = by({ day: "numeric", month: "long", year: "numeric" });
  const whole = by({ dateStyle: "full", timeStyle: "short" });
  const parts = new Intl.DateTimeFormat("en", {
    timeZone, calendar: "gregory", numberingSystem: "latn", year: "numeric", month: "numeric", day: "numeric",
  });

  /** @param {When} when @returns {[number, number, number]} */
  const calendar = (when) => {
    const found = Object.fromEntries(parts.formatToParts(date(when)).map((part) => [part.type, Number(part.value)]));
    return [found.year, found.month, found.day];
  };

  // Days are told apart by the calendar: one of 23 or 25 hours is a day too.
  /** @param {When} when @param {When} now */
  const daysAgo = (when, now) => {
    const [a, b] = [calendar(now), calendar(when)].map(([year, month, day]) => Date.UTC(year, month - 1, day));
    return Math.round((a - b) / (24 * 60 * MINUTE));
  };

  /** @param {When} when @param {When} now */
  const sameYear = (when, now) => calendar(when)[0] === calendar(now)[0];

  return {
    /** `17:36`. @param {When} when */
    time: (when) => clock.format(date(when)),

    /** The full form, for titles. @param {When} when */
    full: (when) => whole.format(date(when)),

    /** Today `17:36`; 6 days `Fri`; this year `22 Nov`; else `22 Nov 2025`. @param {When} when @param {When} [now] */
    short(when, now = Date.now()) {
      const days = daysAgo(when, now);
      if (days === 0) return clock.format(date(when));
      if (days > 0 && days <= WEEK) return weekdayShort.format(date(when));
      return (sameYear(when, now) ? dayShort : dayShortYear).format(date(when));
    },

    /** For separators: `Today`, `Yesterday`, the weekday, the date. @param {When} when @param {When} [now] */
    day(when, now = Date.now()) {
      const days = daysAgo(when, now);
      if (days === 0) return words.message.today;
      if (days === 1) return words.message.yesterday;
      if (days > 1 && days <= WEEK) return weekdayLong.format(date(when));
      return this.date(when, now);
    },

    /** `3 March`, and the year if it is another. @param {When} when @param {When} [now] */
    date: (when, now = Date.now()) => (sameYear(when, now) ? dayLong : dayLongYear).format(date(when)),

    /** The same for all times of a day. @param {When} when */
    dayKey: (when) => calendar(when).join("-"),

    /** `Seen 25 minutes ago`, and so on. @param {When} when @param {When} [now] */
    seen(when, now = Date.now()) {
      const minutes = Math.floor((date(now).getTime() - date(when).getTime()) / MINUTE);
      if (minutes < 1) return words.presence.seenNow;
      if (minutes < 60) return words.presence.seenMinutes(minutes);
      const days = daysAgo(when, now);
      if (days === 0) return words.presence.seenAt(clock.format(date(when)));
      if (days === 1) return words.presence.seenYesterday;
      return words.presence.seenOn(days <= WEEK ? weekdayLong.format(date(when)) : this.date(when, now));
    },
  };
}

export const format = formatter(locales);

/** Milliseconds until the names of days change. @param {number} [now] */
export function untilMidnight(now = Date.now()) {
  const next = new Date(now);
  next.setHours(24, 0, 0, 0);
  return Math.max(1, next.getTime() - now);
}

const segmenter = globalThis.Intl?.Segmenter ? new Intl.Segmenter(undefined, { granularity: "grapheme" }) : null;

/** What a reader takes for characters. @param {string} text @returns {Iterable<string>} */
export function* graphemes(text) {
  if (!segmenter) yield* text;
  else for (const { segment } of segmenter.segment(text)) yield segment;
}

/** The first graphemes of a text, with `…` where there are more. @param {string} text @param {number} most */
export function shorten(text, most) {
  let kept = "";
  let graphemeCount = 0;
  for (const grapheme of graphemes(text)) {
    if (graphemeCount++ === most) return `${kept.trimEnd()}…`;
    kept += grapheme;
  }
  return kept;
}

/** What names are compared by. @param {string} text */
export const fold = (text) => text.normalize("NFKC").toLocaleLowerCase();

const encoder = new TextEncoder();

/** The length that the server counts. @param {string} text */
export const bytes = (text) => encoder.encode(text).length;

// Older browsers lack the set of all emoji; theirs takes a few more signs for emoji.
const oneEmoji = (() => {
  try {
    return new RegExp("^\\p{RGI_Emoji}$", "v");
  } catch {
    return /^(?:\p{Regional_Indicator}{2}|[#*0-9]\ufe0f?\u20e3|\p{Extended_Pictographic}[\p{Emoji_Modifier}\p{M}\u200d\ufe0f\p{Extended_Pictographic}]*)$/u;
  }
})();

/** Whether a text is one emoji; one in text form that has an emoji form counts. @param {string} text */
export const isEmoji = (text) => oneEmoji.test(text) || oneEmoji.test(`${text.replaceAll("\ufe0f", "")}\ufe0f`);

/** More emoji than this are text. */
const BIG_EMOJI = 3;

/** Whether a text is one to three emoji alone. @param {string} text */
export function emojiOnly(text) {
  if (text.length > 128) return false;
  let found = 0;
  for (const grapheme of graphemes(text.trim())) {
    if (/^\s+$/u.test(grapheme)) continue;
    if (!oneEmoji.test(grapheme) || ++found > BIG_EMOJI) return false;
  }
  return found > 0;
}

/** The letter of an avatar: one grapheme. @param {string} name */
export function initial(name) {
  for (const grapheme of graphemes(name.trim())) {
    if (/^[\p{L}\p{N}\p{Emoji_Presentation}\p{Extended_Pictographic}]/u.test(grapheme)) {
      const [first] = graphemes(grapheme.toLocaleUpperCase());
      return first;
    }
  }
  const [first = "?"] = graphemes(name.trim());
  return first;
}

/** Colours that avatars have; `tokens.css` has a pair for each. */
export const AVATAR_COLOURS = 8;

/** The colour of an avatar, 0 to 7, by an id (FNV-1a). @param {string} id */
export function avatarColour(id) {
  let hash = 0x811c9dc5;
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193) >>> 0;
  return hash % AVATAR_COLOURS;
}
