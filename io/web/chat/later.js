// @ts-check
// What is needed later is fetched once the chats are shown: a dialog should open also where the connection is lost by then.

const modules = [
  "./menu.js", "./picker.js", "./toast.js", "./members/members.js", "./dialogs/confirm.js", "./dialogs/search.js",
  "./dialogs/you.js", "./dialogs/keys.js", "./dialogs/chat.js", "./dialogs/delete-account.js", "./login/login.js",
];

/** The first view has the line for itself for so long, in milliseconds. */
const PAUSE = 2000;

export function fetchLater() {
  setTimeout(() => {
    // One that does not come is asked for again when it is needed.
    for (const path of modules) void import(path).catch(() => {});
  }, PAUSE);
}
