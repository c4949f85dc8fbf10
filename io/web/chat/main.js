// @ts-check
// The start of the page: who is logged in decides whether the login or the chats are shown, and nothing is before that is known.
//
// Each view is a module with `create(app, …)`, which returns `{ element, … }`; a dialog has `open(app, options)`.
// Views that `app` knows by their path, all loaded when they are first needed:
//   login/login.js      create(app) → { element, focus() }
//   members/members.js  create(app, chat) → { element, update(), focus(), destroy() }; it may call `app.closeMembers()`
//   dialogs/NAME.js     open(app, options), by `app.open(NAME, options)`: search, you, chat, keys, delete-account,
//                       confirm → Promise<boolean>
//   menu.js             open(app, { anchor | x, y, label, items: [{ label, icon, danger, run }], emoji?, pick? })
//                       where `emoji` are drawn as a first row, `pick(emoji)` is called with one or with "" for more
//   picker.js           open(app, { anchor, pick(emoji) })
//   toast.js            create(app) → { element, show(text, action?: { label, run }) }
//   notify.js           create(app) → { message(chat, message), unread(how many chats) }
// What a view may use besides is in the type `App` below.

import { Client } from "../client/rookery.js";
import { addIcons } from "../look/icons.js";
import * as announcer from "./announce.js";
import { forgetDrafts } from "./drafts.js";
import { createFault } from "./fault.js";
import * as frame from "./frame.js";
import { fetchLater } from "./later.js";
import * as local from "./local.js";
import { createRouter } from "./route.js";
import { createSettings } from "./settings.js";
import { forgetUnsaved } from "./unsaved.js";
import * as words from "./words.js";

/**
 * @typedef {object} App
 * @property {import("../client/rookery.js").Client} client
 * @property {typeof words} words
 * @property {import("./route.js").Route} route What the hash says: `{ chat, seq, members }`.
 * @property {(hash: string, options?: { replace?: boolean }) => void} go Changes the hash, with or without the `#`.
 * @property {(fn: () => void) => void} frame Writes in the next frame; the same function once.
 * @property {(fn: () => void) => void} read Reads geometry in the next frame, before anything is written.
 * @property {import("./settings.js").Settings} settings The user's: theme, muted, reactions.
 * @property {(patch: object) => Promise<void>} change Merges into the settings, shown at once.
 * @property {typeof local} local `localStorage` that never throws: get(key), set(key, value), remove(key), clear(), watch(listener).
 * @property {(id: string) => string} name What to call a user.
 * @property {(id: string) => import("./words.js").Who} who The same, but the reader is `words.YOU`.
 * @property {(chat: import("../client/rookery.js").Chat) => string} title What to call a chat.
 * @property {(text: string) => void} announce Says politely.
 * @property {(text: string) => void} alert Says at once: failed sends and lost logins alone.
 * @property {(text: string, action?: { label: string, run: () => void }) => void} toast
 * @property {(dialog: string, options?: object) => Promise<any>} open
 * @property {(id: string) => import("../client/rookery.js").Chat | undefined} chat
 * @property {() => void} closeMembers
 * @property {() => void} logInAgain Where a login has ended: what was written is kept for the same user.
 * @property {{ message: Function, unread: Function } | null} notify
 */

const client = new Client({ storage: local.storage ?? undefined });
const place = /** @type {HTMLElement} */ (document.getElementById("app"));

/** @type {any} */
const toaster = { made: null };

/** @type {App} */
const app = {
  client,
  words,
  frame: frame.write,
  read: frame.read,
  local,
  route: { chat: null, seq: null, members: false },
  go: () => {},
  settings: /** @type {any} */ ({}),
  change: async () => {},
  name: (id) => {
    const user = client.user(id);
    if (user === null) return words.common.nobody;
    return user ? user.display_name || user.username : "…";
  },
  who: (id) => (id === client.me?.user_id ? words.YOU : app.name(id)),
  title: (chat) => (chat.other ? chat.other.display_name || chat.other.username || app.name(chat.other.user_id) : chat.name),
  announce: announcer.announce,
  alert: announcer.alert,
  toast: async (text, action) => {
    toaster.made ??= import("./toast.js").then((module) => {
      const made = module.create(app);
      document.body.append(made.element);
      return made;
    });
    (await toaster.made).show(text, action);
  },
  open: async (dialog, options = {}) => {
    const module = await import(`./dialogs/${dialog}.js`).catch(() => null);
    if (module) return module.open(app, options);
    app.toast(words.failure.notLoaded, { label: words.common.tryAgain, run: () => void app.open(dialog, options) });
  },
  chat: (id) => client.chat(id),
  closeMembers: () => {},
  logInAgain: () => void showLogin().catch(showFault),
  notify: null,
};

/** @type {{ element: HTMLElement, destroy?: () => void, focus?: () => void } | null} */
let view = null;
let shown = "";

/** Puts one view into the page, in one step. @param {string} name @param {() => Promise<any>} make */
async function show(name, make) {
  if (shown === name) return;
  shown = name;
  const next = await make();
  if (shown !== name) return next.destroy?.();
  view?.destroy?.();
  view = next;
  place.replaceChildren(next.element);
  document.getElementById("start")?.remove();
  next.focus?.();
}

const showLogin = () => show("login", async () => (await import("./login/login.js")).create(app));
const showChats = () => show("chats", async () => (await import("./shell.js")).create(app));

function forget() {
  local.clear();
  forgetDrafts();
  forgetUnsaved();
}

/** @param {import("../client/rookery.js").User | null} me */
function follow(me) {
  if (!me) {
    forget();
    return showLogin();
  }
  // What somebody else left in this browser is not theirs.
  if (local.get("user") !== me.user_id) forget();
  local.set("user", me.user_id);
  client.connect();
  fetchLater();
  return showChats();
}

let starting = false;
async function start() {
  if (starting) return;
  starting = true;
  try {
    const me = await client.restore();
    if (me) await follow(me);
    else await showLogin();
  } catch (problem) {
    await showFault(problem);
  } finally {
    starting = false;
  }
}

/** @type {ReturnType<typeof createFault> | null} */
let fault = null;

/** What is needed could not be loaded. @param {any} problem */
async function showFault(problem) {
  const { element, tell, destroy } = (fault ??= createFault(app, () => void start()));
  tell(problem);
  await show("error", async () => ({
    element,
    destroy() {
      destroy();
      fault = null;
    },
  }));
}

/** Another tab has logged in or out. */
function loggedElsewhere() {
  const user = local.get("user");
  if (!client.me || user === client.me.user_id) return;
  if (user !== null) {
    // What is kept belongs to somebody else by now.
    forgetDrafts();
    location.reload();
    return;
  }
  // A login that was begun here was for who has left.
  if (shown === "login") shown = "";
  void client.restore().catch(() => {});
}

addIcons();
document.body.append(...announcer.elements);
createRouter(app);
createSettings(app);
local.watch((key) => key === "user" && loggedElsewhere());
client.on("me", (me) => {
  if (shown) follow(me).catch(showFault);
});
void start();
