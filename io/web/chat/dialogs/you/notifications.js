// @ts-check
// The switch for notifications: the one place that asks the browser for leave.

import { h } from "../../dom.js";
import { allowed, setWanted, supported, wanted } from "../../notify.js";
import { bdi } from "../../text.js";
import * as words from "../../words.js";

/** @param {import("../../main.js").App} app */
export function notifications(app) {
  const note = h("p", { class: "field-hint", id: "notifications-note", hidden: true });
  const toggle = h("button", {
    type: "button", class: "switch", role: "switch", "aria-labelledby": "notifications-label", "aria-describedby": "notifications-note",
  });
  const draw = () => {
    const blocked = supported() && Notification.permission === "denied";
    toggle.setAttribute("aria-checked", String(wanted(app) && allowed()));
    toggle.disabled = !supported();
    note.hidden = supported() && !blocked;
    note.replaceChildren(bdi(supported() ? words.you.notificationsBlocked : words.you.notificationsMissing));
  };
  toggle.addEventListener("click", async () => {
    const on = !(wanted(app) && allowed());
    if (on && Notification.permission === "default") await Notification.requestPermission();
    setWanted(app, on && allowed());
    draw();
  });
  draw();
  return h(
    "div",
    { class: "switch-row" },
    h("div", { class: "switch-text" }, h("span", { id: "notifications-label", onclick: () => toggle.click() }, bdi(words.you.notifications)), note),
    toggle,
  );
}
