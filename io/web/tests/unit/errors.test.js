import assert from "node:assert/strict";
import { test } from "node:test";
import { isProblem, refusal } from "../../chat/errors.js";
import { Problem } from "../../client/rookery.js";
import * as words from "../../chat/words.js";

const refused = (status, body, retryAfter) => refusal(new Problem(status, body, retryAfter));

test("a fault of a field is said at the field, in the page's words", () => {
  const errors = (field, code) => [{ field, code, detail: "as the server says it" }];
  const at = (field, code) => refused(422, { code: "out_of_bounds", errors: errors(field, code) });
  assert.deepEqual(at("username", "too_long"), { field: "username", text: words.refused.nameTooLong, wait: 0 });
  assert.equal(at("username", "forbidden_characters").text, words.refused.nameCharacters);
  assert.equal(at("username", "malformed").text, words.refused.nameDirections);
  assert.equal(at("password", "too_common").text, words.refused.passwordCommon);
  assert.equal(at("new", "same_as_username").text, words.refused.passwordIsName);
  assert.equal(at("display_name", "a code of later versions").text, words.refused.displayNameCharacters);
});

test("codes without a field know theirs", () => {
  assert.deepEqual(refused(401, { code: "wrong_credentials" }), { field: "password", text: words.refused.wrongCredentials, wait: 0 });
  assert.equal(refused(409, { code: "username_taken" }).field, "username");
  assert.equal(refused(403, { code: "invite_invalid" }).field, "invite");
  assert.equal(refused(403, { code: "wrong_password" }).field, "old");
});

test("who has to wait is told for how long, and why", () => {
  const wait = (status, limit, seconds) => refused(status, { code: "too_many_requests", limit }, seconds);
  assert.deepEqual(wait(429, "login-rate", 23.2), { field: null, text: "Too many tries. Wait 24 s.", wait: 24 });
  assert.equal(wait(429, "user-rate", 2).text, "Too much at once. Wait 2 s.");
  assert.equal(wait(503, "logins-waiting", 3).text, "The server is busy. Try again in 3 s.");
  assert.equal(wait(503, undefined, 3).text, "The server is busy. Try again in 3 s.");
  assert.equal(wait(429, "chats-per-user", 60).text, words.failure.tooManyChats);
});

test("what is unknown says what to do, and no sentence of the server is shown", () => {
  assert.deepEqual(refused(418, { code: "teapot", detail: "<b>short and stout</b>" }), { field: null, text: words.failure.notDone, wait: 0 });
  assert.equal(refused(0, { code: "offline" }).text, words.failure.offline);
});

test("a fault of the page itself is no refusal", () => {
  assert.ok(isProblem(new Problem(404, { code: "not_found" })));
  assert.ok(!isProblem(new TypeError("x is undefined")));
});
