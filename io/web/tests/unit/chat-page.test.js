import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path/posix";
import { test } from "node:test";

const read = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

test("the page says beforehand which modules the chats need", () => {
  const needed = new Set();
  const visit = (path) => {
    for (const [, next] of read(path).matchAll(/^(?:import|export)\b.* from "(\..+)";$/gm)) {
      const at = join(path, "..", next);
      if (!needed.has(at)) needed.add(at) && visit(at);
    }
  };
  // The first is in the page itself, the second is what it shows to whoever is logged in.
  visit("chat/main.js");
  needed.add("chat/shell.js");
  visit("chat/shell.js");
  const said = [...read("chat/index.html").matchAll(/rel="modulepreload" href="\/assets\/(.+)"/g)].map(([, path]) => path);
  assert.deepEqual(said.toSorted(), [...needed].sort());
  assert.deepEqual(said.filter((path, i) => said.indexOf(path) !== i), []);
});
