// @ts-check
// Moving about in a conversation: where it opens, and the ways to the latest, to what is new, and to a message.

import * as words from "../words.js";

const QUARTER = 0.25;
const FLASH_MS = 1500;

/** Where the reader left each chat, to come back to. @type {Map<string, import("./list.js").Anchor>} */
const places = new Map();
const MAX_PLACES = 200;

/** @param {string} id @param {import("./list.js").Anchor | null} place */
function keep(id, place) {
  places.delete(id);
  if (!place) return;
  places.set(id, place);
  if (places.size > MAX_PLACES) places.delete(/** @type {string} */ (places.keys().next().value));
}

/**
 * @param {import("../main.js").App} app @param {import("../../client/rookery.js").Chat} chat
 * @param {{ list: import("./list.js").List<import("./items.js").Item>, loading: ReturnType<typeof import("./loading.js").createLoading>,
 *   render: () => void }} parts `render` gives the list the rows that there are now.
 */
export function createGoing(app, chat, { list, loading, render }) {
  const { timeline } = chat;
  let gone = false;

  const going = {
    opened: false,
    /** The line before what was new when the chat was opened; it stays until the chat is left. */
    divider: /** @type {{ after: number, many: number } | null} */ (null),

    async latest() {
      if (timeline.hasNewer && !(await got(loading.latest, going.latest))) return;
      place(() => list.toEnd());
    },

    async toDivider() {
      if (!going.divider) return;
      const { after } = going.divider;
      const first = list.items[0];
      const above = first && first.seq > after + 1 && timeline.hasOlder;
      if (above && !(await got(() => loading.around(after), going.toDivider))) return;
      place(() => list.toSeq(after + 1, QUARTER));
    },

    /** Goes to a message, and marks it for a moment. @param {number} seq */
    async toMessage(seq) {
      const loaded = list.items.some((item) => item.seq === seq);
      if (!loaded && !(await got(() => loading.around(seq), () => going.toMessage(seq)))) return;
      place(() => list.toSeq(seq, QUARTER));
      // The first frame puts the row into the page, the second may mark it.
      app.frame(() => app.frame(() => flash(seq)));
    },

    /** Where the thumb was dragged to; if that does not come, back to the edge of what is there. @param {number} seq */
    async toDragged(seq) {
      if (loading.jumping) return;
      if (await loading.around(seq)) return place(() => list.toSeq(seq, 0));
      const older = seq < (list.items[0]?.seq ?? 0);
      loading.missing(older ? "older" : "newer");
      place(() => (older ? list.toSeq(0, 0) : list.toSeq(Infinity, 1 - QUARTER)));
    },

    async open() {
      const { seq } = app.route;
      const kept = places.get(chat.id);
      if (seq) await going.toMessage(seq);
      else if (chat.unread > 0) await openUnread();
      else if (kept && timeline.rows.some((row) => row.key === kept.key)) place(() => list.toPlace(kept));
      else {
        await got(loading.latest, going.latest);
        place(() => list.toEnd());
      }
      going.opened = true;
    },

    leave() {
      gone = true;
      keep(chat.id, list.place);
    },
  };

  /** Shows the rows that there are now, then goes to a place among them. @param {() => void} to */
  function place(to) {
    if (gone) return;
    render();
    to();
  }

  /**
   * Whether it came. If not, a row says so where nothing else is, and a toast where one goes on seeing what was there.
   * @param {() => Promise<boolean>} load @param {() => Promise<void>} again
   */
  async function got(load, again) {
    if (loading.jumping) return false;
    if (await load()) return true;
    if (gone) return false;
    if (timeline.rows.every(({ kind }) => kind === "pending")) loading.missing("first");
    else app.toast(words.failure.notLoaded, { label: words.common.tryAgain, run: () => void again() });
    return false;
  }

  async function openUnread() {
    const after = chat.readSeq;
    going.divider = { after, many: chat.unread };
    const first = timeline.rows.find((row) => row.kind !== "pending" && row.kind !== "gap");
    const covered = first && "seq" in first && first.seq <= after + 1 && !timeline.hasNewer;
    if (!covered) await got(() => loading.around(after), going.toDivider);
    place(() => list.toSeq(after + 1, QUARTER));
  }

  /** @param {number} seq */
  function flash(seq) {
    const item = list.items.find((one) => one.seq === seq);
    const row = item && list.row(item.key);
    row?.classList.add("linked");
    setTimeout(() => row?.classList.remove("linked"), FLASH_MS);
  }

  return going;
}
