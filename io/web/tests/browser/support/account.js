// People who are there and have no window: their part is played over the API.
import assert from "node:assert/strict";
import { PASSWORD } from "./person.js";

/** Registers somebody; what is returned makes calls as them. */
export async function account(url, username) {
  const call = (token) => async (method, path, body) => {
    const headers = { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) };
    const reply = await fetch(url + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
    const text = await reply.text();
    assert.ok(reply.ok, `${method} ${path}: ${reply.status} ${text}`);
    return text ? JSON.parse(text) : undefined;
  };
  const credentials = { username, password: PASSWORD };
  const { user_id } = await call()("POST", "/users", credentials);
  const { token } = await call()("POST", "/login", credentials);
  return { id: user_id, call: call(token) };
}
