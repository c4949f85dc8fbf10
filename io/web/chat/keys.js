// @ts-check
// Keys that hold everywhere: between chats, between regions, and Esc.

/**
 * @param {import("./main.js").App} app
 * @param {{ element: HTMLElement, sidebar: ReturnType<typeof import("./sidebar.js").createSidebar>,
 *   current: () => ReturnType<typeof import("./conversation/conversation.js").create> | null,
 *   membersOpen: () => boolean, focusMembers: () => void }} parts
 */
export function createKeys(app, { element, sidebar, current, membersOpen, focusMembers }) {
  const onKey = (/** @type {KeyboardEvent} */ event) => {
    if (event.isComposing || event.defaultPrevented || document.querySelector("dialog[open]")) return;
    if (act(event)) event.preventDefault();
  };

  /** Whether the key meant something. @param {KeyboardEvent} event */
  function act(event) {
    const { key, altKey, shiftKey } = event;
    const mod = event.ctrlKey || event.metaKey;
    if (mod && !altKey && !shiftKey && key.toLowerCase() === "k") return Boolean(app.open("search"));
    if (altKey && !mod && (key === "ArrowUp" || key === "ArrowDown")) return step(key === "ArrowUp" ? -1 : 1, shiftKey);
    if (key === "F6" && !mod && !altKey) return region(shiftKey ? -1 : 1);
    if (key === "Escape") return escape();
    return false;
  }

  /** @param {number} by @param {boolean} unread */
  function step(by, unread) {
    const order = sidebar.order.filter((id) => !unread || id === app.route.chat || (app.chat(id)?.unread ?? 0) > 0);
    const at = order.indexOf(app.route.chat ?? "");
    const to = at < 0 ? order[by > 0 ? 0 : order.length - 1] : order[at + by];
    if (to && to !== app.route.chat) app.go(`#c/${to}`);
    return true;
  }

  /** @param {number} by */
  function region(by) {
    const chat = current();
    const focused = document.activeElement;
    const visible = (/** @type {Element} */ one) => one.getClientRects().length > 0;
    const all = [
      { root: sidebar.element, focus: sidebar.focus },
      ...(chat ? [{ root: chat.element.querySelector(".body"), focus: chat.focusMessages }, { root: chat.composer.element, focus: chat.composer.focus }] : []),
      ...(membersOpen() ? [{ root: element.querySelector("aside"), focus: focusMembers }] : []),
    ].filter(({ root }) => root && visible(root) && !root.closest("[inert]"));
    if (!all.length) return false;
    const at = all.findIndex(({ root }) => root.contains(focused));
    const next = at < 0 ? (by > 0 ? 0 : all.length - 1) : (at + by + all.length) % all.length;
    all[next].focus();
    return true;
  }

  /** What is nearest closes; with nothing open, one goes to the latest. */
  function escape() {
    if (membersOpen() && element.dataset.members === "over") {
      app.closeMembers();
      return true;
    }
    const chat = current();
    if (!chat || sidebar.element.contains(document.activeElement)) return false;
    void chat.latest();
    return true;
  }

  document.addEventListener("keydown", onKey);
  return { destroy: () => document.removeEventListener("keydown", onKey) };
}
