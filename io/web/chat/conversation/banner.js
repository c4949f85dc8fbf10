// @ts-check
// The connection, where something is wrong with it: nothing is shown while it is live.

import { icon } from "../../look/icons.js";
import { h } from "../dom.js";
import { bdi } from "../text.js";
import * as words from "../words.js";

const AFTER_MS = 2000;
const HEALTHY_MS = 300;
const RESTART = 1012;
const TOO_MANY = 4029;
const REPLACED = 4030;

/** @typedef {import("../../client/rookery.js").State} State */

/** What is said of a state: its icon, a sentence, a verb. @param {State} state @returns {{ sign: string, text: string, verb?: string } | null} */
export function describe(state) {
  const { banner } = words;
  if (state.phase === "connecting") return { sign: "sync", text: banner.connecting };
  if (state.phase === "behind") return { sign: "sync", text: state.missing > 0 ? banner.behind(state.missing) : banner.behindUnknown };
  if (state.phase === "ended") return { sign: "alert", text: banner.ended, verb: banner.logIn };
  if (state.phase === "stopped") return { sign: "alert", text: state.code === REPLACED ? banner.replaced : banner.stopped, verb: banner.reload };
  if (state.phase !== "offline") return null;
  const seconds = Math.max(1, Math.ceil((state.retryAt - Date.now()) / 1000));
  if (state.code === RESTART) return { sign: "sync", text: banner.restarts, verb: banner.tryNow };
  if (state.code === TOO_MANY) return { sign: "alert", text: banner.tooMany(seconds) };
  return { sign: "offline", text: banner.offline(seconds), verb: banner.tryNow };
}

/** @param {import("../main.js").App} app */
export function createBanner(app) {
  const { client } = app;
  const sign = h("span", { className: "sign" });
  const text = h("span", { className: "text" });
  const button = h("button", { type: "button", className: "link-button", onclick: act });
  const element = h("div", { className: "banner", hidden: true }, sign, text, button);
  let timer = 0;
  let ticking = 0;
  let said = "";

  function act() {
    const { phase } = client.state;
    if (phase === "ended") app.logInAgain();
    else if (phase === "stopped") location.reload();
    else client.retryNow();
  }

  function draw() {
    const about = describe(client.state);
    element.hidden = !about;
    if (!about) return;
    if (sign.dataset.sign !== about.sign) {
      sign.dataset.sign = about.sign;
      sign.replaceChildren(icon(about.sign));
    }
    text.replaceChildren(bdi(about.text));
    button.hidden = !about.verb;
    if (about.verb) button.textContent = about.verb;
    const { phase } = client.state;
    if (phase !== said && phase !== "behind") (phase === "ended" ? app.alert : app.announce)(about.text);
    said = phase;
  }

  const tick = () => app.frame(draw);

  function show() {
    timer = 0;
    app.frame(draw);
    ticking ||= window.setInterval(tick, 1000);
  }

  function hide() {
    timer = 0;
    clearInterval(ticking);
    ticking = 0;
    if (said) app.announce(words.banner.connected);
    said = "";
    app.frame(draw);
  }

  function changed() {
    const healthy = !describe(client.state);
    const shown = ticking !== 0;
    if (shown && !healthy) tick();
    if (healthy === !shown) {
      clearTimeout(timer);
      timer = 0;
    } else if (!timer) {
      const at = healthy ? HEALTHY_MS : client.state.phase === "ended" || client.state.phase === "stopped" ? 0 : AFTER_MS;
      timer = window.setTimeout(healthy ? hide : show, at);
    }
  }

  const off = client.on("state", changed);
  changed();
  return {
    element,
    destroy() {
      off();
      clearTimeout(timer);
      clearInterval(ticking);
    },
  };
}
