// Two clients and a server that is killed while they write.
import assert from "node:assert/strict";
import { test } from "node:test";
import { WebSocket } from "ws";
import { Client } from "../rookery.js";
import { LiveServer } from "../testing/live.js";

const { ROOKERY_URL: url, ROOKERY_BINARY: binary } = process.env;
const MESSAGES = 60;

test("two clients talk", { skip: !url && !binary && "set ROOKERY_URL or ROOKERY_BINARY", timeout: 60_000 }, async (t) => {
  const server = url ? undefined : await LiveServer.start(binary);
  t.after(() => server?.stop());
  const [ann, ben] = await pair(url ?? server.url);
  const chat = await ann.createChat({ name: "Talk", members: [ben.me.user_id] });
  chat.send("Hello");
  const same = await until(() => ben.chat(chat.id)?.unread === 1 && ben.chat(chat.id), "unread");
  assert.equal(same.lastMessage.content, "Hello");
  await same.timeline.loadLatest();
  const { message_id: id } = same.lastMessage;
  same.follow();
  await until(() => ben.presence(ann.me.user_id)?.online, "presence");
  await same.react(id, "👋");
  await chat.edit(id, "Hello, Ben");
  await until(() => same.lastMessage.content === "Hello, Ben" && chat.lastMessage.reactions?.[0]?.users[0] === ben.me.user_id, "changes");
  await assert.rejects(same.edit(id, "Not mine"), { code: "not_author", status: 403 });
  assert.equal(same.lastMessage.content, "Hello, Ben");
  same.markRead(same.lastSeq);
  const users = await ben.search(ann.me.username);
  assert.equal(users[0].user_id, ann.me.user_id);
  assert.equal((await ben.changeSettings({ theme: "dark" })).theme, "dark");
  assert.equal((await ben.sessions()).length, 1);
  const direct = await ben.direct(ann.me.user_id);
  assert.equal(direct.other.user_id, ann.me.user_id);
  await chat.leave();
  await until(() => !ann.chats.includes(chat) && same.memberCount === 1 && same.admins.has(ben.me.user_id), "leaving");
  await same.addMember(ann.me.user_id);
  await until(() => ann.chats.includes(chat) && chat.removal === null, "coming back");
  await same.delete();
  await until(() => chat.removal?.reason === "deleted", "deletion");
  await ben.logOut();
  assert.deepEqual([ben.me, ben.state.phase], [null, "idle"]);
  ann.disconnect();
});

test("nothing is lost or doubled where the server is killed", { skip: !binary && "set ROOKERY_BINARY", timeout: 90_000 }, async (t) => {
  const server = await LiveServer.start(binary);
  t.after(() => server.stop());
  const [ann, ben] = await pair(server.url);
  const chat = await ann.createChat({ name: "Talk", members: [ben.me.user_id] });
  const same = await until(() => ben.chat(chat.id), "the chat");
  await Promise.all([chat.timeline.loadLatest(), same.timeline.loadLatest()]);
  const kills = [server.restart.bind(server, "SIGKILL"), server.restart.bind(server, "SIGKILL")];
  let killed;
  for (let i = 0; i < MESSAGES; i++) {
    chat.send(`ann ${i}`);
    same.send(`ben ${i}`);
    if (i % 25 === 20) {
      await killed;
      killed = kills.pop()();
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await killed;
  const said = (of, name) => messages(of).filter((text) => text.startsWith(name));
  await until(() => messages(chat).length >= 2 * MESSAGES && messages(same).length >= 2 * MESSAGES, "all", 60_000);
  for (const of of [chat, same]) {
    for (const name of ["ann", "ben"]) assert.deepEqual(said(of, name), Array.from({ length: MESSAGES }, (_, i) => `${name} ${i}`));
  }
  assert.deepEqual(messages(chat), messages(same));
  assert.ok(chat.timeline.rows.every(({ kind }) => kind !== "pending"));
  ann.disconnect();
  ben.disconnect();
});

const messages = (chat) => chat.timeline.rows.filter(({ kind }) => kind === "message").map(({ message }) => message.content);

async function pair(at) {
  const suffix = Date.now().toString(36);
  const clients = ["ann", "ben"].map(async (name) => {
    const client = new Client({ url: at, WebSocket });
    const account = { username: `${name}-live-${suffix}`, password: "a password of its own" };
    await client.signUp(account);
    await client.logIn(account);
    client.connect();
    await until(() => client.state.phase === "live", "live");
    return client;
  });
  return Promise.all(clients);
}

async function until(holds, what, within = 10_000) {
  const end = Date.now() + within;
  for (;;) {
    const value = holds();
    if (value) return value;
    if (Date.now() > end) throw new Error(`never came: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
