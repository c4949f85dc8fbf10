import assert from "node:assert/strict";
import { test } from "node:test";
import { closeAction } from "../rookery.js";
import { liveClient } from "../testing/client.js";
import { settled } from "../testing/clock.js";

/** The pauses before each try, in seconds, of a connection that always breaks. */
async function pauses(random, code, tries) {
  const { server, clock, client } = await liveClient({ random });
  const list = [];
  server.silent = true;
  for (let i = 0; i < tries; i++) {
    server.breakOff(code);
    const { phase, retryAt } = client.state;
    assert.equal(phase, "offline");
    list.push((retryAt - clock.now()) / 1_000);
    await clock.pass(retryAt - clock.now());
    // The handshake fails.
    while (client.state.phase === "connecting" && !server.sockets.size) await settled(1);
  }
  client.disconnect();
  return list;
}

test("pauses are random, up to 1, 2, 4 and so on to 30 seconds", async () => {
  assert.deepEqual(await pauses(() => 0.5, 1006, 8), [0.5, 1, 2, 4, 8, 15, 15, 15]);
  assert.deepEqual(await pauses(() => 0, 1012, 3), [0, 0, 0]);
  const longest = await pauses(() => 0.999_999, 4008, 7);
  assert.ok(longest.every((pause) => pause < 30));
});

test("after too many refusals the pause is longer", async () => {
  assert.deepEqual(await pauses(() => 0.5, 4029, 2), [5.5, 6]);
});

test("pauses begin anew once the connection was live", async () => {
  const { server, clock, client } = await liveClient();
  for (let i = 0; i < 3; i++) {
    server.breakOff();
    assert.equal(client.state.retryAt - clock.now(), 500);
    await clock.pass(500);
    while (client.state.phase !== "live") await settled();
  }
  client.disconnect();
});

test("close codes are sorted", () => {
  for (const code of [1000, 1001, 1006, 1011, 1012, 4008, 4029]) assert.equal(closeAction(code), "retry");
  for (const code of [1002, 1003, 1007, 1008, 1009, 4030]) assert.equal(closeAction(code), "stop");
  assert.equal(closeAction(4001), "login");
});

test("where nothing is heard for 25 s, the client asks, and 10 s later it connects again", async () => {
  const { server, clock, client } = await liveClient();
  await clock.pass(24_000);
  assert.deepEqual(server.received.filter(({ type }) => type === "ping"), []);
  await clock.pass(1_000);
  assert.equal(server.received.filter(({ type }) => type === "ping").length, 1);
  const [socket] = server.sockets;
  socket.deliver({ type: "pong" });
  await clock.pass(11_000);
  assert.equal(client.state.phase, "live");
  await clock.pass(24_000);
  assert.equal(client.state.phase, "offline");
  client.disconnect();
});

test("where the platform is online again, nothing waits", async () => {
  const target = new EventTarget();
  globalThis.addEventListener = target.addEventListener.bind(target);
  globalThis.removeEventListener = target.removeEventListener.bind(target);
  const { server, clock, client } = await liveClient();
  server.breakOff();
  assert.equal(client.state.phase, "offline");
  target.dispatchEvent(new Event("online"));
  assert.equal(client.state.phase, "connecting");
  while (client.state.phase !== "live") await settled();
  // What is open has to show that it lives.
  target.dispatchEvent(new Event("online"));
  await clock.pass(5_000);
  assert.equal(client.state.phase, "offline");
  client.disconnect();
  target.dispatchEvent(new Event("online"));
  assert.equal(client.state.phase, "idle");
  delete globalThis.addEventListener;
  delete globalThis.removeEventListener;
});

test("a ticket that is refused for want of a login ends it, and for a rate makes it wait", async () => {
  const { server, clock, client } = await liveClient();
  server.refusals.set("/ws-ticket", { status: 429, retry: 7 });
  server.breakOff();
  await clock.pass(500);
  await settled();
  assert.equal(client.state.phase, "offline");
  assert.equal(client.state.retryAt - clock.now(), 8_000);
  server.refusals.set("/ws-ticket", { status: 401, code: "unauthenticated" });
  client.retryNow();
  await settled();
  assert.deepEqual(client.state, { phase: "ended" });
});

test("a connection that does not come about is given up", async () => {
  const { server, clock, client } = await liveClient();
  server.silent = true;
  server.breakOff();
  await clock.pass(500);
  await settled();
  assert.equal(client.state.phase, "connecting");
  await clock.pass(35_000);
  assert.equal(client.state.phase, "offline");
  client.disconnect();
  await clock.pass(100_000);
  assert.equal(client.state.phase, "idle");
});

test("listeners are told once of what changed together, and those that throw don't keep others from it", async (t) => {
  const { server, client, chat } = await liveClient();
  const told = [];
  const thrown = [];
  t.mock.method(console, "error", (error) => thrown.push(error.message));
  client.on("timeline", () => {
    throw new Error("a listener's own");
  });
  const off = client.on("timeline", (one) => told.push(one));
  const messages = [];
  client.on("message", ({ message }) => messages.push(message.seq));
  for (let i = 0; i < 500; i++) server.say();
  assert.deepEqual(told, []);
  await settled();
  assert.deepEqual(told, [chat]);
  assert.equal(messages.length, 500);
  assert.deepEqual(thrown, ["a listener's own"]);
  // Of messages there is no end, so the newest are told; of users and chats each is.
  const seen = new Set();
  client.on("presence", (id) => seen.add(id));
  const frames = Array.from({ length: 1_500 }, (_, i) => ({ type: "presence", user_id: `user ${i}`, online: true }));
  for (const socket of server.sockets) socket.deliver(...frames);
  for (let i = 0; i < 1_500; i++) server.say();
  await settled();
  assert.equal(seen.size, 1_500);
  assert.deepEqual([messages.length, messages.at(-1)], [1_500, server.lastSeq]);
  told.pop();
  off();
  server.say();
  await settled();
  assert.equal(told.length, 1);
  client.disconnect();
});
