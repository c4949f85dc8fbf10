import assert from "node:assert/strict";
import { test } from "node:test";
import { pieces } from "../../chat/links.js";

const links = (text) => pieces(text).filter((piece) => piece.href);
const shown = (text) => links(text).map((piece) => piece.text);

test("links are found as typed, and all of the text is kept", () => {
  for (const text of ["see https://a.example/b?c=d#e now", "https://a.example", "no link", "", "www.a.example, www.b.example"]) {
    assert.equal(pieces(text).map((piece) => piece.text).join(""), text);
  }
  assert.deepEqual(shown("go to http://a.example/x and WWW.b.example"), ["http://a.example/x", "WWW.b.example"]);
  assert.equal(links("www.a.example")[0].href, "https://www.a.example/");
});

test("what ends a sentence is no part of a link", () => {
  assert.deepEqual(shown("https://a.example/x."), ["https://a.example/x"]);
  assert.deepEqual(shown("https://a.example/x?!…"), ["https://a.example/x"]);
  assert.deepEqual(shown("(https://a.example/x)"), ["https://a.example/x"]);
  assert.deepEqual(shown("https://a.example/x_(y)"), ["https://a.example/x_(y)"]);
  assert.deepEqual(shown("(see https://a.example/x_(y).)"), ["https://a.example/x_(y)"]);
  assert.deepEqual(shown("[https://a.example/]"), ["https://a.example/"]);
  assert.deepEqual(shown("“https://a.example/”"), ["https://a.example/"]);
});

test("only addresses that a browser would open are links", () => {
  assert.deepEqual(shown("javascript:alert(1) data:text/html,x file:///etc ftp://a.example"), []);
  assert.deepEqual(shown("https:// http://: www. https://[::"), []);
  assert.deepEqual(shown("ahttps://a.example xwww.a.example me@www.a.example"), []);
  assert.deepEqual(shown("http://localhost:8000/x"), ["http://localhost:8000/x"]);
});

test("signs that turn text end a link", () => {
  assert.deepEqual(shown("https://a.example/\u202egnp.exe"), ["https://a.example/"]);
  assert.deepEqual(shown("https://a.example/\u2066x"), ["https://a.example/"]);
});

test("nothing is a link whose host cannot be seen for what it is", () => {
  for (const sign of ["\u200b", "\u00ad", "\u2060", "\u115f", "\ufe0f"]) assert.deepEqual(shown(`https://good${sign}.example/x`), []);
  assert.deepEqual(shown("http://evil.example\\@good.example/ https:\\\\good.example www.evil.example\\@good.example"), []);
  assert.deepEqual(shown("https://a.example/\u200bx\\y https://a.example?b=\\"), ["https://a.example/\u200bx\\y", "https://a.example?b=\\"]);
});

test("a host that is not what it seems is told in the title", () => {
  assert.equal(links("https://аpple.example/")[0].title, "xn--pple-43d.example");
  assert.equal(links("https://bank.example@evil.example/")[0].title, "evil.example");
  assert.equal(links("https://a.example/ü")[0].title, undefined);
});

test("markup is text", () => {
  assert.deepEqual(shown('<a href="https://a.example/">x</a>'), ["https://a.example/"]);
  assert.deepEqual(shown("<img src=x onerror=alert(1)>"), []);
});
