import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { colours, contrast, sheet } from "./support/colours.js";

const read = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const html = read("ops/index.html");
const css = read("ops/ops.css");
const modules = readdirSync(new URL("../../ops/", import.meta.url)).filter((name) => name.endsWith(".js"));

test("the page loads its own files and those of look alone, which is all that an admin address serves", () => {
  const loaded = [...html.matchAll(/(?:src|href)="([^"#]+)"/g)].map(([, path]) => path).filter((path) => path !== "/");
  for (const path of loaded) {
    assert.match(path, /^\/assets\/(ops|look)\//);
    read(path.slice("/assets/".length));
  }
  const asked = modules.flatMap((name) => [...read(`ops/${name}`).matchAll(/fetch\("([^"]+)"/g)].map(([, path]) => path));
  assert.deepEqual(asked.sort(), ["/about", "/metrics"]);
});

test("the page says beforehand which modules it needs", () => {
  const needed = new Set();
  const visit = (name) => {
    for (const [, next] of read(`ops/${name}`).matchAll(/^import .* from "\.\/(.+)";$/gm)) {
      if (!needed.has(next)) needed.add(next) && visit(next);
    }
  };
  visit("main.js");
  const said = [...html.matchAll(/rel="modulepreload" href="\/assets\/ops\/(.+)"/g)].map(([, name]) => name);
  assert.deepEqual(said, [...needed].sort());
});

test("nothing is there that the content security policy forbids", () => {
  assert.doesNotMatch(html, / style=| on\w+=|<style|<script(?![^>]* src=)/);
  for (const name of modules) assert.doesNotMatch(read(`ops/${name}`), /innerHTML|insertAdjacentHTML|\beval\(|new Function/, name);
  assert.doesNotMatch(css, /url\(|@import/);
});

test("text is read on the tint of a hot row as well", () => {
  const palette = colours(css + sheet("look/tokens.css"));
  for (const theme of [0, 1]) {
    for (const [text, under, floor] of [
      ["ink", "hot", 7], ["newink", "hot", 4.5], ["newline", "hot", 3], ["ink2", "hover", 4.5], ["newink", "surface", 4.5],
      ["ink3", "surface", 4.5], ["other", "surface", 3], ["newline", "track", 3], ["b3", "track", 3],
    ]) {
      const found = contrast(palette[text][theme], palette[under][theme]);
      assert.ok(found >= floor, `${text} on ${under}: ${found.toFixed(2)}`);
    }
  }
});
