// @ts-check
// Form fields with a label, a hint, and the reason of a refusal below them; buttons that say what they do meanwhile.

import { countdown } from "./countdown.js";
import { h } from "./dom.js";
import { isProblem, refusal } from "./errors.js";
import { icon } from "../look/icons.js";
import { bdi } from "./text.js";
import * as words from "./words.js";

let ids = 0;

/**
 * @typedef {object} Field
 * @property {HTMLElement} element
 * @property {HTMLInputElement} input
 * @property {(text: string | null) => void} setError
 */

/**
 * A labelled field. `props` are those of the input; `reveal` adds Show and Hide to a password.
 * @param {string} label @param {Record<string, any>} props @param {{ hint?: string, reveal?: boolean, tag?: string }} [options]
 * @returns {Field}
 */
export function field(label, props, { hint, reveal = false, tag = "input" } = {}) {
  const id = `field-${++ids}`;
  const input = h(tag, { id, class: "input", ...props });
  // Names and codes are no prose.
  if (props.autocapitalize === "none") input.spellcheck = false;
  const error = h("p", { class: "field-error", id: `${id}-error`, hidden: true });
  const note = hint ? h("p", { class: "field-hint", id: `${id}-hint` }, bdi(hint)) : null;
  const describe = () => {
    const by = [note?.id, error.hidden ? null : error.id].filter(Boolean).join(" ");
    if (by) input.setAttribute("aria-describedby", by);
    else input.removeAttribute("aria-describedby");
  };
  /** @param {string | null} text */
  const setError = (text) => {
    error.hidden = !text;
    if (text) {
      error.replaceChildren(icon("alert", "small"), bdi(text));
      input.setAttribute("aria-invalid", "true");
    } else {
      input.removeAttribute("aria-invalid");
    }
    describe();
  };
  describe();
  input.addEventListener("input", () => setError(null));
  const box = reveal ? h("div", { class: "input-box" }, input, revealer(input)) : input;
  return { element: h("div", { class: "field" }, h("label", { htmlFor: id, class: "field-label" }, bdi(label)), box, note, error), input, setError };
}

/** Shows and hides a password. @param {HTMLInputElement} input */
function revealer(input) {
  const button = h("button", { type: "button", class: "link-button reveal" });
  const draw = () => {
    const hidden = input.type === "password";
    button.replaceChildren(bdi(hidden ? words.login.show : words.login.hide));
    button.setAttribute("aria-label", hidden ? words.login.showPassword : words.login.hidePassword);
  };
  button.addEventListener("click", () => {
    input.type = input.type === "password" ? "text" : "password";
    draw();
  });
  draw();
  return button;
}

/**
 * Sends a form, once at a time: the button says what is under way, a refusal stands under its field and takes the focus,
 * a wait runs down on the button.
 * @param {object} options
 * @param {HTMLFormElement} options.form
 * @param {HTMLButtonElement} options.button
 * @param {() => string} options.label What the button says at rest.
 * @param {() => string} options.busy
 * @param {Record<string, Field>} options.fields By their names in the API; those that are not shown are left out.
 * @param {(refusal: import("./errors.js").Refusal, problem: any) => import("./errors.js").Refusal} [options.reword]
 * @param {() => boolean} options.check Whether the fields may be sent; says what is wrong otherwise.
 * @param {() => Promise<void>} options.send
 * @param {boolean} [options.leaves] Whether the form goes once it is sent: until then it is under way.
 */
export function submitter({ form, button, label, busy, fields, check, send, reword = (found) => found, leaves = false }) {
  let under = false;
  let stop = () => {};
  const write = (/** @type {string} */ text) => button.replaceChildren(bdi(text));
  const hold = (/** @type {boolean} */ held) => {
    if (held) button.setAttribute("aria-disabled", "true");
    else button.removeAttribute("aria-disabled");
  };
  const rest = () => {
    stop();
    under = false;
    hold(false);
    write(label());
  };

  /** @param {any} problem */
  const refuse = (problem) => {
    if (!isProblem(problem)) throw problem;
    const found = reword(refusal(problem), problem);
    const at = fields[found.field ?? ""] ?? Object.values(fields).at(-1);
    at?.setError(found.text);
    at?.input.focus();
    if (!found.wait) return;
    under = true;
    hold(true);
    stop = countdown(
      found.wait,
      (left) => {
        write(words.login.tryAgainIn(left));
        if (left !== found.wait) at?.setError(reword(refusal({ ...problem, ...copy(problem), retryAfter: left }), problem).text);
      },
      () => {
        at?.setError(null);
        rest();
      },
    );
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (under || !check()) return;
    under = true;
    hold(true);
    write(busy());
    const inputs = Object.values(fields).map((each) => each.input);
    for (const input of inputs) input.readOnly = true;
    try {
      await send();
      if (!leaves) rest();
    } catch (problem) {
      rest();
      refuse(problem);
    } finally {
      for (const input of inputs) input.readOnly = false;
    }
  });

  write(label());
  return { rest, stop: () => stop() };
}

// The members of an error may be getters, which a spread does not copy.
/** @param {any} problem */
const copy = ({ status, code, limit, errors }) => ({ status, code, limit, errors });

/** Says what is wrong with the first field that has something, and goes there. @param {[Field, string | null | false | undefined][]} faults */
export function complain(faults) {
  for (const [at] of faults) at.setError(null);
  const found = faults.filter(([, text]) => text);
  for (const [at, text] of found) at.setError(/** @type {string} */ (text));
  found[0]?.[0].input.focus();
  return found.length === 0;
}
