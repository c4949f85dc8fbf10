// Tells a server the story, by the client that its pages use.
import { Client } from "../../client/rookery.js";
import { avatarColour } from "../../chat/format.js";
import { chats, colours, NOW, online, PASSWORD, people, READER, room } from "./story.js";

const WebSocket = globalThis.WebSocket ?? (await import("ws")).WebSocket;

/** @returns the chats by their name or the other's, when everything happened, and the clients of those who are online */
export async function fill(url) {
  const clients = {};
  const times = { messages: new Map(), events: new Map(), users: new Map() };
  for (const [username, display_name] of Object.entries(people)) {
    const client = (clients[username] = new Client({ url, WebSocket }));
    const account = await coloured(username, (tries) => client.signUp({ username: `${username}${tries}`, password: PASSWORD }));
    await client.logIn({ username: account.username, password: PASSWORD });
    await client.request("PATCH", "/me", { display_name });
    times.users.set(client.me.user_id, username);
  }
  const id = (username) => clients[username].me.user_id;
  const call = async (by, method, path, body) => (await clients[by].request(method, path, body)).body;

  const happens = async (chat, { by, at, content, adds, edited, deleted, reactions = {} }) => {
    if (adds) {
      await call(by, "POST", `/chats/${chat}/members`, { user_id: id(adds) });
      const { last_seq } = await call(by, "GET", `/chats/${chat}`);
      times.events.set(`${chat} ${last_seq}`, at);
      return;
    }
    const { message_id: message } = await call(by, "POST", `/chats/${chat}/messages`, { content });
    times.messages.set(message, at);
    const path = `/chats/${chat}/messages/${message}`;
    if (edited) await call(by, "PATCH", path, { content: edited });
    if (deleted) await call(by, "DELETE", path);
    for (const [emoji, users] of Object.entries(reactions)) {
      for (const user of users) await call(user, "PUT", `${path}/reactions/${encodeURIComponent(emoji)}`);
    }
  };
  const found = {};
  const muted = {};
  for (const { name, by, members, direct, messages, admins = [], read = messages.length, muted: quiet } of [...chats, room]) {
    const { chat_id: chat } = direct
      ? await call(READER, "POST", `/direct/${id(direct)}`)
      : await coloured(name, () => call(by, "POST", "/chats", { name, members: members.map(id) }), ({ chat_id }) => call(by, "DELETE", `/chats/${chat_id}`));
    found[name ?? direct] = chat;
    if (quiet) muted[chat] = true;
    for (const admin of admins) await call(by, "PUT", `/chats/${chat}/members/${id(admin)}`, { role: "admin" });
    for (const [i, message] of messages.entries()) {
      await happens(chat, message);
      if (i + 1 === read) {
        const [latest] = await call(READER, "GET", `/chats/${chat}/messages?limit=1`);
        await call(READER, "PUT", `/chats/${chat}/read`, { seq: latest.seq });
      }
    }
  }
  await call(READER, "PATCH", "/me/settings", { muted });
  // Who was never there was never seen.
  const others = Object.keys(people).filter((username) => username !== READER);
  await Promise.all(others.map((username) => connected(clients[username])));
  const away = others.filter((username) => !online.includes(username));
  for (const username of away) clients[username].disconnect();
  const watcher = clients[online[0]];
  watcher.chat(found[room.name]).follow();
  while (away.some((username) => watcher.presence(id(username))?.online !== false)) await new Promise((resolve) => setTimeout(resolve, 100));
  return { chats: found, times, clients };
}

/** Makes one after another until its id has the right colour. */
async function coloured(name, make, remove = () => {}) {
  for (let tries = 1; ; tries++) {
    const made = await make(tries);
    if (avatarColour(made.chat_id ?? made.user_id) === colours[name]) return made;
    await remove(made);
  }
}

function connected(client) {
  client.connect();
  return new Promise((resolve) => {
    const off = client.on("state", ({ phase }) => {
      if (phase !== "live") return;
      off();
      resolve();
    });
  });
}

/** Puts the times of the story into what the server says. What the story does not know has happened just now. */
export function retell(value, { messages, events, users }, lastSeen) {
  const walk = (part) => {
    if (!part || typeof part !== "object") return part;
    for (const inner of Object.values(part)) walk(inner);
    if (part.created_at) part.created_at = messages.get(part.message_id) ?? events.get(`${part.chat_id} ${part.seq}`) ?? (part.message_id ? NOW : room.at);
    if (part.edited_at) part.edited_at = part.created_at;
    if (part.last_seen) part.last_seen = lastSeen[users.get(part.user_id)] ?? part.last_seen;
    return part;
  };
  return walk(value);
}
