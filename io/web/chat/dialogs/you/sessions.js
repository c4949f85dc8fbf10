// @ts-check
// The sessions of the user: this one first, the others with a way to end them.

import { h } from "../../dom.js";
import { isProblem, sentenceFor } from "../../errors.js";
import { format } from "../../format.js";
import { loadInto } from "../../loading.js";
import { bdi, sentence } from "../../text.js";
import * as words from "../../words.js";
import { section } from "./section.js";

/** @typedef {import("../../../client/rookery.js").Session} Session */

/** @param {import("../../main.js").App} app @param {import("../dialog.js").Dialog} dialog */
export function sessions(app, dialog) {
  const { client } = app;
  const list = h("div", { class: "rows" });
  const error = h("p", { class: "field-error", role: "alert", hidden: true });
  const element = section(words.you.sessions, list, error);

  /** @param {unknown} problem */
  const fail = (problem) => {
    if (!isProblem(problem)) throw problem;
    error.hidden = false;
    error.replaceChildren(sentence(sentenceFor(problem)));
  };

  /** @param {Session[]} ended @param {{ title: string, why: string[], verb: string }} question */
  const end = async (ended, question) => {
    error.hidden = true;
    if (!(await app.open("confirm", question))) return;
    try {
      for (const session of ended) await client.endSession(session.session_id);
      app.announce(words.you.sessionEnded);
    } catch (problem) {
      // One that is gone already is as it should be.
      if (/** @type {any} */ (problem)?.status !== 404) fail(problem);
    }
    await load();
    // The row that had the focus is gone.
    if (!dialog.signal.aborted) element.querySelector("h3")?.focus();
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

  const load = () =>
    loadInto(
      list,
      () => client.sessions(),
      (all) => {
        if (all.length === 0) return [h("p", { class: "row-under" }, bdi(words.you.noSessions))];
        const others = all.filter((session) => !session.current);
        const question = { title: words.ask.endOthers, why: [words.ask.endOthersWhy], verb: words.ask.endOthersVerb };
        return [
          h("ul", {}, ...[...all.filter((session) => session.current), ...others].map(row)),
          ...(others.length ? [h("button", { type: "button", class: "button", onclick: () => end(others, question) }, bdi(words.you.endOthers))] : []),
        ];
      },
      2,
    );

  dialog.element.addEventListener("sessions", () => void load());
  void load();
  return element;
}
