import assert from "node:assert/strict";
import { test } from "node:test";
import * as words from "../../chat/words.js";

test("numbers have their words", () => {
  assert.equal(words.header.members(1), "1 member");
  assert.equal(words.header.membersOnline(9, 5), "9 members, 5 online");
  assert.equal(words.banner.behind(214), "Catching up. 214 messages to go.");
  assert.equal(words.banner.behind(1), "Catching up. 1 message to go.");
  assert.equal(words.title(0), "Rookery");
  assert.equal(words.title(3), "(3) Rookery");
  assert.equal(words.title(120), "(99+) Rookery");
});

test("what happened is told of others and of oneself", () => {
  const told = (parts) => words.plain(parts);
  assert.equal(told(words.happened.added("Ben", "Ada")), "Ben added Ada");
  assert.equal(told(words.happened.added("Ben", "Ada", 3)), "Ben added Ada and 3 others");
  assert.equal(told(words.happened.added("Ben", words.YOU, 1)), "Ben added you and 1 other");
  assert.equal(told(words.happened.left(words.YOU)), "You left");
  assert.equal(told(words.happened.renamed("Ben", "Flat 4B")), "Ben renamed the chat to “Flat 4B”");
});

test("who types is named up to two", () => {
  const told = (names) => words.plain(words.composer.typing(names));
  assert.equal(told([]), "");
  assert.equal(told(["Ada"]), "Ada is typing");
  assert.equal(told(["Ada", "Chidi"]), "Ada and Chidi are typing");
  assert.equal(told(["Ada", "Chidi", "Ben"]), "Several people are typing");
});

test("a name from right to left does not turn the plain text around it", () => {
  assert.equal(words.plain(words.happened.added("Ben", "مريم")), "Ben added \u2068مريم\u2069");
  assert.deepEqual(words.happened.added("Ben", "مريم"), [{ name: "Ben" }, " added ", { name: "مريم" }]);
});

/** All strings of the module, those that functions make included. */
function* strings(value, path) {
  if (typeof value === "string") yield [path, value];
  else if (Array.isArray(value)) yield [path, words.plain(value.map((part) => part.does ?? part))];
  else if (typeof value === "function") {
    for (const argument of [[], ["x", "y"]]) {
      try {
        yield* strings(value(...argument), path);
      } catch {
        // Not made for these arguments.
      }
    }
  } else if (value && typeof value === "object") {
    for (const [key, inner] of Object.entries(value)) yield* strings(inner, `${path}.${key}`);
  }
}

test("the words are plain", () => {
  for (const [path, text] of strings({ ...words }, "words")) {
    assert.doesNotMatch(text, /oops|please|sorry|!/i, path);
  }
});
