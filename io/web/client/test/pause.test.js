// How long the client waits before it tries again, whatever it is told.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Client, Problem } from "../rookery.js";
import { liveClient } from "../testing/client.js";
import { FakeClock, settled } from "../testing/clock.js";

const date = (milliseconds) => new Date(milliseconds).toUTCString();

/** What a refusal with these headers says of when to try again. */
async function retryAfter(headers, clock = new FakeClock()) {
  const fetch = async () => new Response("busy", { status: 503, headers });
  const client = new Client({ url: "http://model", fetch, WebSocket: class {}, clock });
  const problem = await client.about().catch((error) => error);
  return problem.retryAfter;
}

test("seconds to wait may be given as a date", async () => {
  const clock = new FakeClock();
  assert.equal(await retryAfter({ "retry-after": "7" }, clock), 7);
  assert.equal(await retryAfter({ "retry-after": date(clock.now() + 90_000) }, clock), 90);
  assert.equal(await retryAfter({ "retry-after": date(clock.now() - 90_000) }, clock), 0);
  // A clock that goes wrong does not matter where the answer has a time of its own.
  assert.equal(await retryAfter({ "retry-after": date(90_000), date: date(60_000) }, clock), 30);
  for (const nonsense of ["", "soon", "-1", "1e9", "7 s"]) assert.equal(await retryAfter({ "retry-after": nonsense }, clock), undefined, nonsense);
  assert.equal(await retryAfter({}, clock), undefined);
});

test("a wait that no timer can count is cut to a day", async () => {
  assert.equal(await retryAfter({ "retry-after": "99999999" }), 86_400);
  assert.equal(await retryAfter({ "retry-after": "Fri, 01 Jan 2999 00:00:00 GMT" }), 86_400);
  for (const nonsense of [Number.NaN, -1, "7", null]) assert.equal(new Problem(0, { retry_after: nonsense }).retryAfter, undefined);
});

test("a server that is busy until a date is not asked before it", async () => {
  const { server, clock, client } = await liveClient();
  let asked = 0;
  server.answers.set("POST /ws-ticket", () => {
    asked += 1;
    return new Response("busy", { status: 503, headers: { "retry-after": date(clock.now() + 60_000) } });
  });
  server.breakOff();
  await clock.pass(500);
  assert.equal(asked, 1);
  await clock.pass(59_000);
  assert.equal(asked, 1);
  await clock.pass(3_000);
  assert.equal(asked, 2);
  client.disconnect();
});

test("no wait at all is a second, for what is tried again by itself", async () => {
  const { server, clock, client, chat } = await liveClient();
  const count = (what) => server.requests.filter((request) => request === what).length;
  server.refusals.set("/chats", { status: 503, retry: "0" });
  server.refusals.set("/users", { status: 503, retry: "0" });
  server.breakOff();
  await clock.pass(500);
  await settled(50);
  client.user(server.other);
  await settled(50);
  const before = [count("GET /chats"), count("GET /users")];
  for (let i = 0; i < 3; i++) {
    await clock.pass(1_000);
    await settled(50);
  }
  assert.deepEqual([count("GET /chats"), count("GET /users")], before.map((times) => times + 3));
  const sends = () => server.received.filter(({ type }) => type === "send").length;
  const { client_id } = chat.send("one");
  for (const socket of server.sockets) socket.deliver({ type: "error", code: "unavailable", client_id, retry_after: 0 });
  await clock.pass(900);
  assert.equal(sends(), 1);
  await clock.pass(100);
  assert.equal(sends(), 2);
  client.disconnect();
});

test("users who can't be asked for are asked for again after a while alone", async () => {
  const { server, clock, client } = await liveClient();
  server.refusals.set("/users", { status: 400 });
  const asked = () => server.requests.filter((request) => request === "GET /users").length;
  for (let i = 0; i < 20; i++) {
    client.user("no id");
    await settled();
  }
  assert.equal(asked(), 1);
  await clock.pass(5_000);
  client.user("no id");
  await settled();
  assert.equal(asked(), 2);
  client.disconnect();
});
