// What is not the server's is not believed, and gets no login: a captive portal, a proxy, another host.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { Client } from "../rookery.js";
import { liveClient } from "../testing/client.js";
import { FakeClock, settled } from "../testing/clock.js";
import { ModelServer } from "../testing/model.js";

const PENALTY = 5_000;
const html = () => new Response("<html>Welcome to this hotel</html>", { headers: { "content-type": "text/html" } });
const json = (body, status = 200) => new Response(JSON.stringify(body), { status });

test("the login goes to no other server, whatever path is asked for", async () => {
  const asked = [];
  const fetch = async (address) => {
    asked.push(String(address));
    return json({});
  };
  const client = new Client({ url: "http://own.example/", token: "secret", fetch, clock: new FakeClock() });
  const paths = ["//other.example/x", "http://other.example/x", "https://own.example/x", "http://own.example:81/x", "\\\\other.example\\x", "/\\other.example", "/\t/other.example/x", "http://["];
  for (const path of paths) await assert.rejects(client.request("GET", path), { name: "Problem", status: 0, code: "malformed_request" }, path);
  assert.deepEqual(asked, []);
  assert.equal((await client.request("GET", "/x")).status, 200);
  assert.deepEqual(asked, ["http://own.example/x"]);
});

test("nothing follows an answer that leads elsewhere, with a password in it", async (t) => {
  const listen = async (answer) => {
    const server = createServer(answer);
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    t.after(() => server.close());
    return `http://127.0.0.1:${server.address().port}`;
  };
  const got = [];
  const other = await listen((request, response) => {
    got.push(request.url);
    response.end('{"user_id":"1","username":"ann","token":"t"}');
  });
  for (const status of [301, 302, 303, 307, 308]) {
    const url = await listen((_, response) => response.writeHead(status, { location: `${other}/steal` }).end());
    const client = new Client({ url, token: "secret" });
    await assert.rejects(client.logIn({ username: "ann", password: "secret" }), { name: "Problem", code: "offline" }, `${status}`);
    await assert.rejects(client.restore(), { code: "offline", detail: `GET /me was led elsewhere: ${other}/steal` }, `${status}`);
  }
  assert.deepEqual(got, []);
});

/** Answers that are none of the API's, wherever they come. */
const WRONG = { html, empty: () => new Response(""), null: () => json(null), array: () => json([5]), objects: () => json([{}]), text: () => json("x"), number: () => json(5), ids: () => json({ user_id: 5 }), proto: () => new Response('{"__proto__":{"user_id":"1"}}') };

/** Settings may be any object. */
const isSettings = (what, name) => what.endsWith("/me/settings") && /ids|proto/.test(name);

test("an answer that is none of the API's is as none", async () => {
  for (const [name, wrong] of Object.entries(WRONG)) {
    const { server, client, chat } = await liveClient();
    const { message_id: id } = server.say(server.me);
    await chat.load();
    const calls = {
      "GET /about": () => client.about(),
      "POST /users": () => client.signUp({ username: "ann", password: "password" }),
      "POST /login": () => client.logIn({ username: "ann", password: "password" }),
      "GET /me": () => client.restore(),
      "GET /users": () => client.search("a"),
      "PATCH /me": () => client.setDisplayName("Ann"),
      "PATCH /me/settings": () => client.changeSettings({}),
      "GET /sessions": () => client.sessions(),
      "GET /me/blocks": () => client.blocks(),
      "POST /chats": () => client.createChat({ name: "x", members: [] }),
      "POST /direct": () => client.direct(server.other),
      "GET /chat/messages": () => chat.timeline.loadLatest(),
      "PATCH /chat": () => chat.change({ name: "x" }),
      "PATCH /chat/messages": () => chat.edit(id, "x"),
    };
    // Of what is done without an answer to show, one that has something is none.
    if (name !== "empty" && name !== "null") {
      Object.assign(calls, {
        "DELETE /chat/messages": () => chat.remove(id),
        "PUT /chat/messages": () => chat.react(id, "x"),
        "DELETE /chat/members": () => chat.leave(),
        "DELETE /chat": () => chat.delete(),
        "PUT /me/password": () => client.changePassword("a", "b"),
        "PUT /me/blocks": () => client.block(server.other),
        "DELETE /sessions": () => client.endSession(server.other),
        "POST /logout": () => client.logOut(),
        "DELETE /me": () => client.deleteAccount(),
      });
    }
    for (const [what, call] of Object.entries(calls)) {
      // A change of a message may be answered with nothing.
      if (isSettings(what, name) || (what === "PATCH /chat/messages" && /empty|null/.test(name))) continue;
      server.answers.clear();
      server.answers.set(what, wrong);
      await assert.rejects(call(), { name: "Problem", status: 0, code: "offline" }, `${what} answered with ${name}`);
    }
    assert.equal(client.me.user_id, server.me);
    assert.equal(chat.removal, null);
    assert.equal(client.state.phase, "live");
    client.disconnect();
  }
});

test("what came from no server while connecting is asked for again", async () => {
  for (const what of ["GET /chats", "GET /me/settings", "POST /ws-ticket"]) {
    for (const [name, wrong] of Object.entries(WRONG)) {
      if (isSettings(what, name)) continue;
      const server = new ModelServer();
      const clock = new FakeClock();
      const client = new Client({ url: server.url, token: "t", fetch: server.fetch, WebSocket: server.WebSocket, clock });
      await client.restore();
      server.answers.set(what, wrong);
      client.connect();
      await clock.pass(1_000);
      server.answers.clear();
      await clock.pass(5_000);
      assert.equal(client.state.phase, "live", what);
      assert.deepEqual([client.chats.length, client.settings], [1, {}], what);
      client.disconnect();
    }
  }
});

test("a refusal that is not the server's takes no chat away, and no login", async () => {
  const { server, clock, client, chat } = await liveClient();
  await chat.load();
  const portal = (status) => () => new Response("<html>", { status });
  for (const status of [400, 401, 403, 404, 410, 511]) {
    server.answers.set("GET /me", portal(status));
    await assert.rejects(client.restore(), { code: status === 511 ? "unknown" : "offline" }, `${status}`);
    server.answers.set("POST /logout", portal(status));
    await assert.rejects(client.logOut(), { code: status === 511 ? "unknown" : "offline" }, `${status}`);
  }
  server.answers.clear();
  server.answers.set("GET /chat/events", portal(404));
  // A hole has to be filled, and the chat to be read.
  server.events.push({ ...server.say(), type: "message", seq: server.lastSeq + 1, message_id: "lost" });
  server.say();
  await clock.pass(3_000);
  assert.equal(chat.removal, null);
  server.answers.clear();
  await clock.pass(3_000);
  assert.deepEqual([client.state.phase, chat.has], ["live", server.lastSeq]);
  client.disconnect();
});

test("what operators are told in plain text is given as it is", async () => {
  const { server, client } = await liveClient();
  server.answers.set("GET /metrics", () => new Response("rookery_up 1\n", { headers: { "content-type": "text/plain; version=0.0.4" } }));
  assert.equal((await client.request("GET", "/metrics")).body, "rookery_up 1\n");
  server.answers.set("GET /metrics", html);
  await assert.rejects(client.request("GET", "/metrics"), { code: "offline" });
  client.disconnect();
});

const EVENT = { chat_id: "x", seq: 9 };
/** Frames that no server sends. */
const FRAMES = [
  "hello",
  "<html>",
  "null",
  "[]",
  '"x"',
  "{}",
  "\u0001\u0002",
  ...[
    { type: 5 },
    { type: "message" },
    { ...EVENT, type: "message" },
    { ...EVENT, type: "message", message_id: "1", sender_id: "1", content: { a: 1 }, created_at: 5 },
    { type: "message", chat_id: "x", seq: "4", message_id: "1", sender_id: "1", content: "x", created_at: "x" },
    { type: "anything", chat_id: "x", seq: 1e18 },
    { type: "anything", chat_id: 5, seq: 1 },
    { ...EVENT, type: "chat_created" },
    { ...EVENT, type: "member_added" },
    { ...EVENT, type: "reaction_added", message_id: "1" },
    { type: "resumed" },
    { type: "read", chat_id: "x", seq: "x" },
    { type: "typing" },
    { type: "presence", online: "yes" },
    { type: "ack" },
    { type: "error" },
    { type: "settings_changed", settings: null },
  ].map((frame) => JSON.stringify(frame)),
];

test("a frame that is none of the API's ends the connection, and another one comes", async () => {
  for (const data of FRAMES) {
    const { server, clock, client, chat } = await liveClient();
    const [socket] = server.sockets;
    socket.onmessage({ data });
    assert.deepEqual([client.state.phase, server.sockets.size], ["offline", 0], data);
    // Where each connection has one, the client does not come back at once.
    assert.ok(client.state.retryAt - clock.now() >= PENALTY, data);
    server.say();
    await clock.pass(PENALTY + 1_000);
    while (client.state.phase !== "live") await settled();
    assert.deepEqual([chat.has, client.settings], [server.lastSeq, {}], data);
    client.disconnect();
  }
});

test("what came before such a frame is there, and what came behind it is not", async () => {
  const { server, client, chat } = await liveClient();
  const [socket] = server.sockets;
  const event = (seq) => JSON.stringify({ type: "message", chat_id: chat.id, seq, message_id: `${seq}`, sender_id: server.other, content: "x", created_at: "2026-01-01T00:00:00.000Z" });
  socket.onmessage({ data: `${event(2)}\nhello\n${event(3)}` });
  assert.equal(chat.has, 2);
  client.disconnect();
});

test("what a newer server may say is let by", async () => {
  const { server, client, chat } = await liveClient();
  const [socket] = server.sockets;
  socket.deliver({ type: "poll_opened", chat_id: chat.id, seq: 2 }, { type: "weather", of: 5 }, { type: "error", code: "new_code" });
  assert.deepEqual([client.state.phase, chat.has], ["live", 2]);
  server.events.push({});
  client.disconnect();
});
