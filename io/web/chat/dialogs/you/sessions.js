// @ts-check
// The sessions of the user: this one first, the others with a way to end them.

import { h } from "../../dom.js";
import { format } from "../../format.js";
import { bdi } from "../../text.js";
import * as words from "../../words.js";
import { createListed } from "./listed.js";

/** @typedef {import("../../../client/rookery.js").Session} Session */

/** Sessions that are shown at first. */
const FIRST = 4;

/** One that is gone already is as it should be. @param {any} problem */
const unlessGone = (problem) => {
  if (problem?.status !== 404) throw problem;
};

/** One more is not hidden behind a button that takes its place. @param {number} all */
const shownFirst = (all) => (all <= FIRST + 1 ? all : FIRST);

/**
 * @param {import("../../main.js").App} app @param {import("../dialog.js").Dialog} dialog
 * @param {Promise<Session[]>} begun The first answer, which has been asked for.
 */
export function sessions(app, dialog, begun) {
  const { client } = app;

  /** @param {Session[]} ended @param {{ title: string, why: string[], verb: string }} question */
  const end = async (ended, question) => {
    if (!(await app.open("confirm", question))) return;
    const done = await list.attempt(async () => {
      for (const session of ended) await client.endSession(session.session_id).catch(unlessGone);
    });
    if (done) app.announce(words.you.sessionEnded);
    await list.changed();
  };

  /** @param {Session} session */
  const row = (session) => {
    const since = format.date(session.created_at);
    const under = session.current ? words.you.thisDevice(since) : words.you.since(since, session.address);
    const question = { title: words.ask.endSession, why: [words.ask.endSessionWhy], verb: words.ask.endSessionVerb };
    return h(
      "li",
      { class: "row" },
      h("div", { class: "row-text" }, h("p", { class: "row-name" }, bdi(session.name)), h("p", { class: "row-under" }, bdi(under))),
      !session.current &&
        h("button", {
          type: "button", class: "link-button danger", "aria-label": words.you.endLabel(session.name), onclick: () => end([session], question),
        }, bdi(words.you.end)),
    );
  };

  /** @param {HTMLElement} rows @param {Session[]} rest @param {HTMLElement} more */
  const showRest = (rows, rest, more) => {
    const first = row(rest[0]);
    rows.append(first, ...rest.slice(1).map(row));
    more.remove();
    first.querySelector("button")?.focus();
  };

  const list = createListed(words.you.sessions, dialog, {
    begun,
    ask: () => client.sessions(),
    draw: (all) => {
      if (all.length === 0) return [h("p", { class: "row-under" }, bdi(words.you.noSessions))];
      const others = all.filter((session) => !session.current);
      const question = { title: words.ask.endOthers, why: [words.ask.endOthersWhy], verb: words.ask.endOthersVerb };
      const ordered = [...all.filter((session) => session.current), ...others];
      const rows = h("ul", {}, ...ordered.slice(0, shownFirst(ordered.length)).map(row));
      const rest = ordered.slice(rows.children.length);
      const more = h("button", { type: "button", class: "link-button more", onclick: () => showRest(rows, rest, more) }, bdi(words.you.allSessions(ordered.length)));
      return [
        rows,
        ...(rest.length ? [more] : []),
        ...(others.length ? [h("button", { type: "button", class: "button", onclick: () => end(others, question) }, bdi(words.you.endOthers))] : []),
      ];
    },
    rows: 2,
  });

  dialog.element.addEventListener("sessions", () => void list.load());
  return list.element;
}
