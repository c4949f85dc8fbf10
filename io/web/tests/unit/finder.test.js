import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { createFinder } from "../../chat/dialogs/finder.js";
import { Problem } from "../../client/rookery.js";

const user = (name, display_name) => ({ user_id: `id-${name}`, username: name, display_name });

/** A search whose answers come when the test says. */
function set({ chats = [] } = {}) {
  mock.timers.enable({ apis: ["setTimeout"] });
  const asked = [];
  const shown = [];
  const app = {
    title: (chat) => chat.name,
    client: { chats, search: (text) => new Promise((answer, refuse) => asked.push({ text, answer, refuse })) },
  };
  const finder = createFinder(app, {
    member: (id) => id === "id-bea", hidden: (id) => id === "id-me", chats: () => true, show: (found) => shown.push(found),
  });
  return { asked, shown, finder, last: () => shown.at(-1) };
}

const settled = () => new Promise((done) => setImmediate(done));

test("it asks once, a pause after the last key", () => {
  const { asked, finder } = set();
  for (const text of ["b", "be", "ben"]) {
    finder.find(text);
    mock.timers.tick(100);
  }
  assert.equal(asked.length, 0);
  mock.timers.tick(50);
  assert.deepEqual(asked.map(({ text }) => text), ["ben"]);
  mock.timers.reset();
});

test("an older answer is thrown away, also one that comes last", async () => {
  const { asked, finder, last } = set();
  finder.find("a");
  mock.timers.tick(150);
  finder.find("b");
  mock.timers.tick(150);
  asked[1].answer([user("ben")]);
  await settled();
  asked[0].answer([user("ada")]);
  await settled();
  assert.deepEqual(last().people.map((person) => person.user.username), ["ben"]);
  mock.timers.reset();
});

test("oneself is not found, and members are marked", async () => {
  const { asked, finder, last } = set();
  finder.find("b");
  mock.timers.tick(150);
  asked[0].answer([user("me"), user("bea"), user("ben")]);
  await settled();
  assert.deepEqual(last().people.map(({ user, member }) => [user.username, member]), [["bea", true], ["ben", false]]);
  mock.timers.reset();
});

test("chats are there at once, in whatever case and width", () => {
  const { finder, last } = set({ chats: [{ name: "Flat 4B" }, { name: "Release crew" }] });
  finder.find("ｆLAT");
  assert.deepEqual(last().chats.map((chat) => chat.name), ["Flat 4B"]);
  assert.equal(last().complete, false);
  mock.timers.reset();
});

test("a search that fails says so", async () => {
  const { asked, finder, last } = set();
  finder.find("b");
  mock.timers.tick(150);
  asked[0].refuse(new Problem(0, { code: "offline" }));
  await settled();
  assert.equal(last().failed, true);
  mock.timers.reset();
});

test("a search that fails behind a newer one is passed over", async () => {
  const { asked, finder, last } = set();
  finder.find("a");
  mock.timers.tick(150);
  finder.find("b");
  mock.timers.tick(150);
  asked[1].answer([user("ben")]);
  await settled();
  asked[0].refuse(new Problem(0, { code: "offline" }));
  await settled();
  assert.deepEqual([last().failed, last().people.length], [false, 1]);
  mock.timers.reset();
});

test("nothing is shown once it is stopped", async () => {
  const { asked, finder, shown } = set();
  finder.find("b");
  mock.timers.tick(150);
  finder.stop();
  asked[0].answer([user("ben")]);
  await settled();
  assert.equal(shown.length, 1);
  mock.timers.reset();
});
