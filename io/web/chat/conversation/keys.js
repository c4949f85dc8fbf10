// @ts-check
// Keys on a message that has the focus. One message of the list can be reached by Tab, the arrows go to the others, and to the
// buttons of each: its reactions, and what can be done about one that was not sent.

import { rove } from "../dom.js";

/** @typedef {import("./items.js").Item} Item */

/**
 * @param {import("../main.js").App} app
 * @param {{ list: import("./list.js").List<Item>, actions: ReturnType<typeof import("./actions.js").createActions>,
 *   composer: ReturnType<typeof import("../composer.js").createComposer>, latest: () => Promise<void>,
 *   itemOf: (element: Element) => Item | undefined }} parts
 */
export function createKeys(app, { list, actions, composer, latest, itemOf }) {
  /** @type {string | null} */
  let current = null;

  /** @param {string} key */
  function go(key) {
    current = key;
    list.reveal(key);
    // The row may have to be built first.
    app.frame(() => app.frame(() => list.row(key)?.focus({ preventScroll: true })));
  }

  /** @param {number} index */
  function goTo(index) {
    const item = list.items[Math.min(Math.max(0, index), list.items.length - 1)];
    if (item) go(item.key);
  }

  list.feed.addEventListener("focusin", (/** @type {FocusEvent} */ event) => {
    const article = /** @type {Element} */ (event.target).closest("article");
    if (!article) return;
    current = article.dataset.key ?? null;
    rove(/** @type {any} */ (list.feed.children), article);
  });

  list.feed.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    const article = /** @type {HTMLElement | null} */ (target.closest("article"));
    if (!article || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    const item = itemOf(article);
    if (item && (target === article ? act(event, item, article) : within(event, item, article))) {
      event.preventDefault();
      event.stopPropagation();
    }
  });
  list.feed.addEventListener("contextmenu", (/** @type {PointerEvent} */ event) => {
    const article = /** @type {Element} */ (event.target).closest("article");
    const item = article && itemOf(article);
    const byKey = event.pointerType !== "touch" && event.button !== 2;
    // A touch has had its sheet by now; the browser's own menu stays on links and on a right click.
    if (event.pointerType === "touch" || (byKey && item)) event.preventDefault();
    if (byKey && item && article) void actions.menu(item, { anchor: article });
  });

  /** Whether the key meant something. @param {KeyboardEvent} event @param {Item} item @param {HTMLElement} article */
  function act(event, item, article) {
    const at = list.geometry.indexOf(item.key);
    const { reactions } = app.settings;
    switch (event.key) {
      case "ArrowUp": goTo(at - 1); return true;
      case "ArrowDown": goTo(at + 1); return true;
      case "Home": goTo(0); return true;
      case "End": void latest().then(() => goTo(list.items.length - 1)); return true;
      case "ArrowRight": case "ArrowLeft": return step(event, article);
      case "Enter": if (item.kind === "gap" || item.kind === "fault") return press(article);
      // What has a menu opens it.
      // falls through
      case "ContextMenu": void actions.menu(item, { anchor: article }); return true;
      case "e": case "E": actions.edit(item); return true;
      case "Delete": void actions.remove(item); return true;
      case "c": case "C": void actions.copy(item); return true;
      case "+": void actions.pick(item, article); return true;
      case "1": case "2": case "3": void actions.react(item, reactions[Number(event.key) - 1]); return true;
      case "?": void app.open("keys"); return true;
      default: return letter(event);
    }
  }

  /** Of a row with a button alone. @param {HTMLElement} article */
  function press(article) {
    article.querySelector("button")?.click();
    return true;
  }

  /** From a message to its buttons, and from one to the next. @param {KeyboardEvent} event @param {HTMLElement} article */
  function step(event, article) {
    const stops = [article, .../** @type {NodeListOf<HTMLElement>} */ (article.querySelectorAll("button"))];
    const forward = (event.key === "ArrowRight") === (getComputedStyle(article).direction !== "rtl");
    const at = stops.indexOf(/** @type {HTMLElement} */ (document.activeElement)) + (forward ? 1 : -1);
    stops.at(at % stops.length)?.focus({ preventScroll: true });
    return true;
  }

  /** On a button of a message. @param {KeyboardEvent} event @param {Item} item @param {HTMLElement} article */
  function within(event, item, article) {
    switch (event.key) {
      case "ArrowRight": case "ArrowLeft": return step(event, article);
      case "ArrowUp": case "ArrowDown": case "Home": case "End": return act(event, item, article);
      case "Escape": article.focus({ preventScroll: true }); return true;
      default: return false;
    }
  }

  /** @param {KeyboardEvent} event */
  function letter(event) {
    if ([...event.key].length !== 1 || event.key === " ") return false;
    composer.insert(event.key);
    return true;
  }

  return {
    /** One row is reached by Tab: that which had the focus, else the last in view. @param {{ first: number, last: number } | null} visible */
    rove(visible) {
      const known = current !== null && list.row(current);
      const row = known || (visible && list.row(list.items[visible.last].key));
      if (row && row.tabIndex !== 0) rove(/** @type {any} */ (list.feed.children), row);
    },
    focus() {
      const row = /** @type {HTMLElement | null} */ (list.feed.querySelector("article[tabindex='0']")) ?? list.element;
      row.focus({ preventScroll: true });
      if (row.dataset.key) list.reveal(row.dataset.key);
    },
  };
}
