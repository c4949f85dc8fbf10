// @ts-check
// What happened in a chat, as a sentence.

import { happened } from "./words.js";

/** @typedef {import("./words.js").Part} Part */

/**
 * @param {import("./main.js").App} app @param {any} event
 * @param {{ folded?: any[], gone?: boolean | null }} [how] `folded`: more of the same kind by the same person. `gone`: whether
 *   who did it had left by then; `null` where that is not known.
 * @returns {Part[] | string}
 */
export function tell(app, event, { folded = [], gone = false } = {}) {
  const by = event.by === undefined ? words(app, event.user_id) : app.who(event.by);
  const who = event.user_id === undefined ? by : app.who(event.user_id);
  const own = event.by === undefined || event.by === event.user_id;
  switch (event.type) {
    case "chat_created":
      return happened.created;
    case "member_added":
      return own ? happened.joined(who, folded.length) : happened.added(by, who, folded.length);
    case "member_removed":
      return own ? happened.left(who) : happened.removed(by, who, folded.length);
    case "role_changed":
      if (event.role !== "admin") return happened.madeMember(by, who);
      // As the last admin leaves, another one is: by whom left, but not by their choice.
      if (gone) return happened.succeeded(who, by);
      return own || gone === null ? happened.becameAdmin(who) : happened.madeAdmin(by, who);
    case "chat_changed":
      return changed(event, by);
    case "messages_erased":
      return happened.erased(who);
    default:
      return happened.changed;
  }
}

/** @param {import("./main.js").App} app @param {string | undefined} id */
const words = (app, id) => (id === undefined ? "" : app.who(id));

/** @param {any} event @param {import("./words.js").Who} by */
function changed(event, by) {
  if (event.name !== undefined) return happened.renamed(by, event.name);
  if (event.description !== undefined) return happened.described(by);
  if (event.members_may_add !== undefined) return happened.mayAdd(by, event.members_may_add);
  if (event.history !== undefined) return happened.history(by, event.history === "all");
  return happened.changed;
}
