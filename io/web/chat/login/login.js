// @ts-check
// Log in and sign up: two tabs over one form, which keeps what was typed.

import { clone, h } from "../dom.js";
import { complain, field, submitter } from "../form.js";
import { bytes } from "../format.js";
import { bdi } from "../text.js";
import * as words from "../words.js";
import { art } from "./art.js";

/** Bounds of the server, in bytes and in characters. */
const NAME_BYTES = 64;
const PASSWORD_CHARACTERS = 8;

/** What is assumed of a server that does not say. */
const UNKNOWN = { auth: "token", registration: "open" };

/** @param {import("../main.js").App} app */
export async function create(app) {
  const about = await app.client.about().catch(() => UNKNOWN);
  const trust = about.auth === "trust";
  const open = about.registration !== "closed";
  let signingUp = false;

  const username = field(words.login.username, {
    name: "username", type: "text", autocomplete: "username", autocapitalize: "none", required: true,
  });
  const password = field(words.login.password, { name: "password", type: "password", required: true }, { reveal: true });
  const newPassword = field(
    words.login.password,
    { name: "new-password", type: "password", autocomplete: "new-password", required: true },
    { reveal: true, hint: words.login.passwordHint },
  );
  const invite = field(
    words.login.invite,
    { name: "invite", type: "text", autocomplete: "off", autocapitalize: "none", required: true },
    { hint: words.login.inviteHint },
  );
  password.input.autocomplete = "current-password";

  const button = h("button", { type: "submit", class: "button primary wide" });
  const note = h("p", { class: "login-note" }, bdi(words.login.forgot));
  const form = h(
    "form",
    { class: "login-form", noValidate: true },
    username.element, !trust && password.element, !trust && newPassword.element, invite.element,
    button,
    trust && h("p", { class: "login-notice" }, bdi(words.login.trust)),
    !trust && note,
    !open && h("p", { class: "login-note" }, bdi(words.login.closed)),
  );

  /** @type {Record<string, import("../form.js").Field>} */
  const fields = {};
  const inviteShown = () => signingUp && about.registration === "invite";
  const secret = () => (signingUp ? newPassword : password);

  const sending = submitter({
    form,
    button,
    fields,
    label: () => (signingUp ? words.login.signUp : words.login.logIn),
    busy: () => (signingUp ? words.login.signingUp : words.login.loggingIn),
    check: () => complain(faults()),
    send,
    leaves: true,
    reword: (found, problem) =>
      trust && problem.code === "wrong_credentials" ? { ...found, field: "username", text: words.refused.unknownUser } : found,
  });

  /** @returns {[import("../form.js").Field, string | false][]} */
  function faults() {
    const name = username.input.value;
    const typed = secret().input.value;
    const nameFault =
      (!name.trim() && words.refused.nameMissing) ||
      (name !== name.trim() && words.refused.nameBlankEdges) ||
      (bytes(name) > NAME_BYTES && words.refused.nameTooLong);
    const passwordFault =
      !trust &&
      ((!typed && words.refused.passwordMissing) ||
        (signingUp && [...typed].length < PASSWORD_CHARACTERS && words.refused.passwordTooShort));
    return [
      [username, nameFault],
      [secret(), passwordFault],
      [invite, inviteShown() && !invite.input.value.trim() && words.refused.inviteMissing],
    ];
  }

  async function send() {
    const login = { username: username.input.value, password: trust ? "" : secret().input.value };
    if (!signingUp) {
      await app.client.logIn(login);
      return;
    }
    await app.client.signUp(inviteShown() ? { ...login, invite: invite.input.value.trim() } : login);
    if (app.client.me) return;
    try {
      await app.client.logIn(login);
    } catch (problem) {
      // The name is theirs by now: to sign up again would say that it is taken.
      password.input.value = login.password;
      choose(false);
      throw problem;
    }
  }

  /** @param {boolean} next */
  function choose(next) {
    if (signingUp !== next) sending.rest();
    // What was typed stays as one changes one's mind.
    if (signingUp !== next) (next ? newPassword : password).input.value = secret().input.value;
    signingUp = next;
    password.element.hidden = signingUp;
    newPassword.element.hidden = !signingUp;
    invite.element.hidden = !inviteShown();
    note.hidden = signingUp;
    for (const key of Object.keys(fields)) delete fields[key];
    fields.username = username;
    if (!trust) fields.password = secret();
    if (inviteShown()) fields.invite = invite;
    for (const each of [username, password, newPassword, invite]) each.setError(null);
    sending.rest();
    tabs?.select(signingUp, panel);
  }

  const tabs = open ? tabList(choose) : null;
  // A form may not be a panel of tabs itself.
  const panel = tabs ? h("div", { id: "login-panel", role: "tabpanel" }, form) : form;
  choose(false);

  // The chats are still there, for whoever logs in as the same user.
  const ended = app.client.state.phase === "ended";
  if (ended) username.input.value = app.client.me?.username ?? "";
  const notice = ended ? h("p", { class: "login-notice ended", role: "status" }, bdi(words.banner.ended)) : null;

  const element = h(
    "main",
    { class: "login" },
    h(
      "div",
      { class: "art" },
      h("p", { class: "art-headline" }, bdi(words.login.headline)),
      h("p", { class: "art-promise" }, bdi(words.login.promise)),
      art(),
    ),
    h("div", { class: "login-side" }, h("div", { class: "login-card" }, brand(), notice, tabs?.element, panel)),
  );

  return {
    element,
    focus: () => {
      // On a touch screen a keyboard would hide half of what one has not seen yet.
      if (matchMedia("(hover: hover)").matches) (ended && !trust ? password : username).input.focus();
    },
    destroy: () => sending.stop(),
  };
}

/** The mark and the name. */
const brand = () => h("h1", { class: "login-brand" }, clone("mark"), bdi(words.product));

/** The two tabs; arrows go between them. @param {(signingUp: boolean) => void} choose */
function tabList(choose) {
  const make = (/** @type {string} */ text, /** @type {boolean} */ signingUp) =>
    h("button", {
      type: "button", role: "tab", class: "tab", id: signingUp ? "tab-sign-up" : "tab-log-in", "aria-controls": "login-panel",
      onclick: () => choose(signingUp),
    }, bdi(text));
  const buttons = [make(words.login.logIn, false), make(words.login.signUp, true)];
  const element = h("div", { class: "tabs", role: "tablist", "aria-label": words.login.tabs }, ...buttons);
  element.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (!["ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key)) return;
    event.preventDefault();
    const at = buttons.indexOf(/** @type {any} */ (event.target));
    const to = event.key === "Home" ? 0 : event.key === "End" ? 1 : 1 - at;
    choose(to === 1);
    buttons[to].focus();
  });
  return {
    element,
    /** @param {boolean} signingUp @param {HTMLElement} panel */
    select(signingUp, panel) {
      buttons.forEach((button, i) => {
        const selected = (i === 1) === signingUp;
        button.setAttribute("aria-selected", String(selected));
        button.tabIndex = selected ? 0 : -1;
      });
      panel.setAttribute("aria-labelledby", buttons[signingUp ? 1 : 0].id);
    },
  };
}
