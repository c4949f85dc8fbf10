// @ts-check
// Members in their groups, online before offline, each by name.

import { fold } from "../format.js";
import { locales } from "../numbers.js";
import * as words from "../words.js";

/** @typedef {{ kind: "online" | "offline" | "unknown", label: string, ids: string[] }} Group */

const order = new Intl.Collator(locales, { sensitivity: "base", numeric: true });

/** @param {import("../main.js").App} app @param {import("../../client/rookery.js").Chat} chat */
export function createRoster(app, chat) {
  /** Names by which they are sorted and found: of many more than the client keeps. @type {Map<string, { name: string, found: string }>} */
  const names = new Map();
  let unnamed = false;

  const stop = app.client.on("users", (ids) => {
    for (const id of ids) if (names.delete(id)) called(id);
  });

  /** Nothing as long as that is not known. @param {string} id */
  function called(id) {
    const known = names.get(id);
    if (known) return known;
    const user = app.client.user(id);
    if (user === undefined) return null;
    const name = app.name(id);
    const made = { name, found: fold(`${name}\n${user?.username ?? ""}`) };
    names.set(id, made);
    return made;
  }

  /** @param {string} id */
  const nameOf = (id) => called(id)?.name ?? "";

  return {
    destroy: stop,
    /** Whether the last look met somebody whose name is still to come. */
    get unnamed() {
      return unnamed;
    },

    /** @param {string} filter @returns {Group[]} */
    groups(filter) {
      const wanted = fold(filter);
      /** @type {Record<"online" | "offline" | "unknown", string[]>} */
      const found = { online: [], offline: [], unknown: [] };
      unnamed = false;
      for (const id of chat.members) {
        const member = called(id);
        unnamed ||= !member;
        if (wanted && !member?.found.includes(wanted)) continue;
        const presence = app.client.presence(id);
        found[presence ? (presence.online ? "online" : "offline") : "unknown"].push(id);
      }
      const known = found.online.length + found.offline.length;
      // Of those who are not loaded it is not known either.
      const others = filter ? found.unknown.length : Math.max(found.unknown.length, chat.memberCount - known);
      const label = known > 0 ? words.members.others : words.members.everybody;
      const { online, offline } = words.members;
      // As long as some are not loaded, nobody knows how many are online.
      const all = filter || chat.members.length >= chat.memberCount;
      return [
        group("online", found.online, all ? words.members.group(online, found.online.length) : online),
        group("offline", found.offline, all ? words.members.group(offline, found.offline.length) : offline),
        group("unknown", found.unknown, words.members.group(label, others)),
      ].filter(({ ids }) => ids.length > 0);
    },
  };

  /** @param {Group["kind"]} kind @param {string[]} ids @param {string} label @returns {Group} */
  function group(kind, ids, label) {
    return { kind, label, ids: ids.sort((a, b) => order.compare(nameOf(a), nameOf(b)) || (a < b ? -1 : 1)) };
  }
}
