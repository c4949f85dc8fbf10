// @ts-check
// From the rows of a timeline to what is drawn: groups of one sender, days, folded events, the line before what is new.

import { format } from "../format.js";

const GROUP_MS = 5 * 60_000;
const QUARTER_MS = 15 * 60_000;
/** Behind everything that has a number. */
const LAST = Number.MAX_SAFE_INTEGER;
const FAULT_FIRST = "fault-first";
const FAULT_OLDER = "fault-older";
const FAULT_NEWER = "fault-newer";

/** @typedef {import("../../client/rookery.js").Row} Row */

/**
 * @typedef {object} Item
 * @property {string} key
 * @property {number} seq
 * @property {"message" | "pending" | "event" | "gap" | "fault"} kind
 * @property {any} row
 * @property {any[]} folded More events that are told in the same line.
 * @property {boolean} gone Whether who did it had left the chat by then.
 * @property {string} sender
 * @property {number} time Milliseconds.
 * @property {boolean} first Of its group.
 * @property {boolean} last Of its group.
 * @property {boolean} dayStart
 * @property {number} fresh Above 0 where the line before what is new stands: how many there are.
 * @property {boolean} began Nothing is before it.
 * @property {boolean} failed Of a hole: what is missing was asked for, and did not come.
 */

/**
 * @typedef {object} Surroundings
 * @property {string} me
 * @property {boolean} began
 * @property {{ after: number, many: number } | null} divider
 * @property {{ first: boolean, older: boolean, newer: boolean, gaps: ReadonlySet<string> }} faults
 * @property {number} today Changes at midnight.
 */

/** Time zones differ by quarters of an hour, so one answer holds for each. @type {Map<number, string>} */
const days = new Map();
const MAX_DAYS = 5_000;

/** @param {number} time */
function dayOf(time) {
  const quarter = Math.floor(time / QUARTER_MS);
  let day = days.get(quarter);
  if (day === undefined) {
    if (days.size >= MAX_DAYS) days.clear();
    days.set(quarter, (day = format.dayKey(time)));
  }
  return day;
}

/** @type {WeakMap<object, number>} */
const times = new WeakMap();

/** @param {any} row */
function timeOf(row) {
  if (row.kind === "pending") return row.created;
  const source = row.message ?? row.event;
  let time = times.get(source);
  if (time === undefined) times.set(source, (time = Date.parse(source.created_at ?? source.deleted_at ?? "") || 0));
  return time;
}

/** Those that are told in one line with others of their kind by the same person. */
const FOLDED = new Set(["member_added", "member_removed"]);

/** Told elsewhere, or nothing that one would tell. */
const SILENT = new Set(["chat_created", "message_edited", "message_deleted", "reaction_added", "reaction_removed"]);

/** @param {any} a @param {any} b */
function folds(a, b) {
  if (a.type !== b.type || !FOLDED.has(a.type)) return false;
  return a.by === b.by && (a.by === a.user_id) === (b.by === b.user_id) && !(a.type === "member_removed" && a.by === a.user_id);
}

/** @param {any} row @param {string} me @returns {Item} */
function bare(row, me) {
  const pending = row.kind === "pending";
  return {
    key: row.key,
    seq: pending ? LAST : row.kind === "gap" ? row.after + 0.5 : row.seq,
    kind: row.kind,
    row,
    folded: [],
    gone: false,
    sender: pending ? me : row.message?.sender_id ?? "",
    time: row.kind === "gap" ? 0 : timeOf(row),
    first: true,
    last: true,
    dayStart: false,
    fresh: 0,
    began: false,
    failed: false,
  };
}

/** @param {string} key @param {number} seq @returns {Item} */
const fault = (key, seq) => ({ ...bare({ key, seq, kind: "gap", after: seq, before: seq }, ""), kind: "fault", seq });

/** @param {Item} a @param {Item} b */
const same = (a, b) =>
  a.row === b.row && a.first === b.first && a.last === b.last && a.dayStart === b.dayStart && a.fresh === b.fresh &&
  a.began === b.began && a.folded.length === b.folded.length && a.kind === b.kind && a.failed === b.failed && a.gone === b.gone;

/** @param {Item} item */
const said = (item) => item.kind === "message" || item.kind === "pending";

/** Makes items, and keeps those of before that are the same. */
export class Items {
  /** @type {Map<string, Item>} */
  #known = new Map();
  #today = 0;

  /** @param {readonly Row[]} rows @param {Surroundings} around @returns {Item[]} */
  make(rows, around) {
    const items = this.#fold(rows, around.me);
    this.#link(items, around);
    // Whether the first row begins a day or a group is known only with the row before it: until then it is not shown.
    if (!around.began && items.length > 1 && items[0].kind === "message") items.shift();
    if (around.faults.first) items.unshift(fault(FAULT_FIRST, 0));
    if (around.faults.older) items.unshift(fault(FAULT_OLDER, items[0]?.seq ?? 0));
    if (around.faults.newer) items.push(fault(FAULT_NEWER, items.at(-1)?.seq ?? 0));
    return this.#keep(items, around.today);
  }

  /** @param {readonly Row[]} rows @param {string} me */
  #fold(rows, me) {
    /** @type {Item[]} */
    const items = [];
    /** Who left, as far as the rows tell. @type {Set<string>} */
    const gone = new Set();
    for (const row of rows) {
      // Who came back in a hole is not known.
      if (row.kind === "gap") gone.clear();
      if (row.kind === "event") {
        if (row.event.type === "member_removed") gone.add(/** @type {string} */ (row.event.user_id));
        else if (row.event.type === "member_added") gone.delete(/** @type {string} */ (row.event.user_id));
        if (SILENT.has(row.event.type)) continue;
        const before = items.at(-1);
        if (before?.kind === "event" && folds(before.row.event, row.event)) {
          before.folded.push(row.event);
          continue;
        }
      }
      const item = bare(row, me);
      if (row.kind === "event" && row.event.type === "role_changed") item.gone = gone.has(/** @type {string} */ (row.event.by));
      items.push(item);
    }
    return items;
  }

  /** @param {Item[]} items @param {Surroundings} around */
  #link(items, around) {
    let divided = !around.divider;
    let day = "";
    /** @type {Item | null} */
    let before = null;
    for (const item of items) {
      if (item.kind === "gap") {
        item.failed = around.faults.gaps.has(item.key);
        before = null;
        continue;
      }
      if (!divided && item.kind === "message" && item.seq > (around.divider?.after ?? 0) && item.sender !== around.me) {
        item.fresh = around.divider?.many ?? 0;
        divided = true;
      }
      const today = item.time ? dayOf(item.time) : day;
      item.dayStart = today !== day;
      day = today;
      if (before && said(item) && said(before) && !item.dayStart && !item.fresh && item.sender === before.sender && Math.abs(item.time - before.time) < GROUP_MS) {
        item.first = false;
        before.last = false;
      } else if (before?.kind === "event" && item.kind === "event" && !item.dayStart) item.first = false;
      before = item;
    }
    if (items.length && around.began) items[0].began = true;
  }

  /** @param {Item[]} items @param {number} today */
  #keep(items, today) {
    const known = new Map();
    for (let i = 0; i < items.length; i++) {
      const old = this.#known.get(items[i].key);
      if (old && this.#today === today && same(old, items[i])) items[i] = old;
      known.set(items[i].key, items[i]);
    }
    this.#known = known;
    this.#today = today;
    return items;
  }
}
