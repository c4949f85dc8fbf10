// @ts-check
// Members in their groups, online before offline, each by name.

import { locales } from "../numbers.js";
import * as words from "../words.js";

/** @typedef {{ kind: "online" | "offline" | "unknown", label: string, ids: string[] }} Group */

const order = new Intl.Collator(locales, { sensitivity: "base", numeric: true });

/** @param {string} text */
const fold = (text) => text.normalize("NFKC").toLocaleLowerCase();

/** @param {import("../main.js").App} app @param {import("../../client/rookery.js").Chat} chat */
export function createRoster(app, chat) {
  /** Names by which they are sorted: of many more than the client keeps. @type {Map<string, string>} */
  const names = new Map();

  const stop = app.client.on("users", (ids) => {
    for (const id of ids) if (names.has(id)) names.set(id, app.name(id));
  });

  /** @param {string} id */
  const nameOf = (id) => {
    let name = names.get(id);
    if (name === undefined) names.set(id, (name = app.name(id)));
    return name;
  };

  return {
    destroy: stop,

    /** @param {string} filter @returns {Group[]} */
    groups(filter) {
      const wanted = fold(filter);
      /** @type {Record<"online" | "offline" | "unknown", string[]>} */
      const found = { online: [], offline: [], unknown: [] };
      for (const id of chat.members) {
        if (wanted && !matches(id, wanted)) continue;
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

  /** @param {string} id @param {string} wanted */
  function matches(id, wanted) {
    const username = app.client.user(id)?.username ?? "";
    return fold(nameOf(id)).includes(wanted) || fold(username).includes(wanted);
  }

  /** @param {Group["kind"]} kind @param {string[]} ids @param {string} label @returns {Group} */
  function group(kind, ids, label) {
    return { kind, label, ids: ids.sort((a, b) => order.compare(nameOf(a), nameOf(b)) || (a < b ? -1 : 1)) };
  }
}
