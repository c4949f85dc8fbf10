// What is published is whole: what its texts link to, and what its modules import, is in it.
import assert from "node:assert/strict";
import { readFile, readdir, stat } from "node:fs/promises";
import { join, normalize } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL("..", import.meta.url));
const { files, exports } = JSON.parse(await readFile(join(here, "package.json"), "utf8"));

/** All files of the package, by their paths in it. */
async function published() {
  const all = ["package.json", "README.md"];
  for (const name of files) {
    if (!(await stat(join(here, name))).isDirectory()) all.push(name);
    else for (const file of await readdir(join(here, name), { recursive: true })) all.push(join(name, file));
  }
  return all;
}

/** The parts of a text that an expression finds, as paths in the package. */
async function paths(file, expression) {
  const text = await readFile(join(here, file), "utf8");
  return [...text.matchAll(expression)].map(([, path]) => normalize(join(file, "..", path)));
}

test("links of the package's texts lead to what is in it", async () => {
  const all = await published();
  let links = 0;
  for (const file of all.filter((file) => file.endsWith(".md"))) {
    for (const path of await paths(file, /\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g)) {
      assert.ok(all.includes(path), `${file} links to ${path}`);
      links += 1;
    }
  }
  assert.ok(links >= 2);
});

test("what the package's modules import is in it", async () => {
  const all = await published();
  for (const { types, default: entry } of Object.values(exports)) for (const path of [types, entry]) assert.ok(all.includes(normalize(path)), path);
  for (const file of all.filter((file) => file.endsWith(".js"))) {
    for (const path of await paths(file, /(?:from |import\()"([^"]+)"/g)) assert.ok(all.includes(path), `${file} imports ${path}`);
  }
});
