// Who is logged in, where the login is a cookie that no script can read.
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { Client } from "../rookery.js";
import { FakeClock } from "../testing/clock.js";
import { ModelServer } from "../testing/model.js";

/** Those of a browser that scripts can see. */
class Cookies {
  all = new Map();

  get cookie() {
    return [...this.all].map(([name, value]) => `${name}=${value}`).join("; ");
  }

  set cookie(text) {
    const [name, value] = text.split(";")[0].split("=");
    if (text.includes("Max-Age=0")) this.all.delete(name);
    else this.all.set(name, value);
  }
}

const server = new ModelServer();
let asked;
let cookies;

beforeEach(() => {
  asked = [];
  cookies = globalThis.document = new Cookies();
  globalThis.location = new URL(server.url);
});
afterEach(() => {
  delete globalThis.document;
  delete globalThis.location;
});

/** A client of a page; its calls are answered so. */
function client({ url = server.url, status = 200 } = {}) {
  const fetch = async (address, { method }) => {
    asked.push(new URL(address).pathname);
    if (method === "DELETE") status = 204;
    const body = status === 200 ? { user_id: server.me, username: "me" } : { code: status === 401 ? "unauthenticated" : "overloaded" };
    return new Response(status === 204 ? null : JSON.stringify(body), { status });
  };
  return new Client({ url, credentials: "cookie", fetch, WebSocket: server.WebSocket, clock: new FakeClock() });
}

test("where no cookie names a user, nobody is logged in, and nothing is asked", async () => {
  cookies.cookie = "other_user_id=1";
  assert.equal(await client().restore(), null);
  assert.deepEqual(asked, []);
});

test("where a cookie names a user, the server says who is logged in", async () => {
  cookies.cookie = "theme=dark";
  cookies.cookie = `user_id=${server.me}`;
  assert.equal((await client().restore()).user_id, server.me);
  assert.deepEqual(asked, ["/me"]);
});

test("a login that has ended is asked for once", async () => {
  cookies.cookie = `user_id=${server.me}`;
  assert.equal(await client({ status: 401 }).restore(), null);
  assert.equal(await client({ status: 401 }).restore(), null);
  assert.deepEqual(asked, ["/me"]);
});

test("no answer says nothing of the login", async () => {
  cookies.cookie = `user_id=${server.me}`;
  await assert.rejects(client({ status: 503 }).restore());
  assert.equal((await client().restore()).user_id, server.me);
});

test("where the login has gone by another way, nothing of who was logged in stays", async () => {
  cookies.cookie = `user_id=${server.me}`;
  const own = client();
  await own.restore();
  // Another page of the browser has logged out.
  cookies.all.clear();
  assert.equal(await own.restore(), null);
  assert.equal(own.me, null);
  assert.equal(own.user(server.me), undefined);
  assert.deepEqual(asked, ["/me"]);
});

test("an account that is deleted is not asked for again", async () => {
  cookies.cookie = `user_id=${server.me}`;
  const own = client();
  await own.restore();
  await own.deleteAccount("password");
  assert.equal(cookies.cookie, "");
  assert.equal(own.me, null);
});

test("cookies of another origin can't be seen, so the server is asked", async () => {
  assert.equal((await client({ url: "http://api.model" }).restore()).user_id, server.me);
  cookies.cookie = "user_id=of-this-origin";
  assert.equal(await client({ url: "http://api.model", status: 401 }).restore(), null);
  assert.deepEqual(asked, ["/me", "/me"]);
  assert.equal(cookies.cookie, "user_id=of-this-origin");
});
