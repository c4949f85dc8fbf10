// Whatever is read or has to be seen stands out from all that it may stand on, in both themes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { avatarColour } from "../../chat/format.js";
import { colours, contrast, rules, sheet, sheets, THEMES } from "./support/colours.js";

const TEXT = 4.5;
/** Borders, dots, lines and icons. */
const SIGN = 3;

const UNDER_A_POINTER = "hover";
const AT_REST = ["side", "canvas", "surface"];
const SURFACES = [...AT_REST, UNDER_A_POINTER];
/** Of one's own messages, and of those that failed. */
const BUBBLES = ["own", "dangersoft"];

/** Where text of a colour may stand. */
const READ = {
  ink: [...SURFACES, ...BUBBLES],
  ink2: [...SURFACES, ...BUBBLES],
  ink3: SURFACES,
  accent: [...SURFACES, ...BUBBLES],
  newink: SURFACES,
  danger: [...SURFACES, "dangersoft"],
  ok: ["surface"],
  onaccent: ["accent", "danger"],
  onnew: ["new"],
};
/** Where a sign of a colour may stand. What is read as well is there already. */
const SEEN = {
  newline: AT_REST,
  ok: SURFACES,
  edge: AT_REST,
};
/** Nobody has to see it. */
const DECORATION = ["line"];

const tokens = sheet("look/tokens.css");
const root = colours(tokens.slice(0, tokens.indexOf("}")));

/** @param {Record<string, [string, string]>} palette */
function standsOut(palette, front, back, floor) {
  for (const [i, theme] of THEMES.entries()) {
    const found = contrast(palette[front][i], palette[back][i]);
    assert.ok(found >= floor, `${front} on ${back}, ${theme}: ${found.toFixed(2)} of ${floor}`);
  }
}

test("contrast is what WCAG says it is", () => {
  assert.equal(contrast("#000000", "#FFFFFF"), 21);
  assert.equal(contrast("#777777", "#777777"), 1);
  assert.equal(contrast("#FFFFFF", "#767676").toFixed(2), "4.54");
});

test("text is read on all that it may stand on", () => {
  for (const [front, backs] of Object.entries(READ)) for (const back of backs) standsOut(root, front, back, TEXT);
});

test("what one has to see is seen on all that it may stand on", () => {
  for (const [front, backs] of Object.entries(SEEN)) for (const back of backs) standsOut(root, front, back, SIGN);
});

test("no colour is left out", () => {
  const known = [...Object.keys(READ), ...Object.keys(SEEN), ...Object.values(READ).flat(), ...DECORATION];
  assert.deepEqual(Object.keys(root).sort(), [...new Set(known)].sort());
});

test("the letter of an avatar is read in each of its colours", () => {
  const tints = rules(tokens).filter(({ selector }) => /^\.tint\d+$/.test(selector));
  const wanted = new Set(Array.from({ length: 200 }, (_, i) => `.tint${avatarColour(`user-${i}`)}`));
  assert.deepEqual(tints.map(({ selector }) => selector), [...wanted].sort());
  for (const { selector, body } of tints) {
    const palette = colours(body);
    assert.deepEqual(Object.keys(palette), ["tint", "ontint"], selector);
    standsOut(palette, "ontint", "tint", TEXT);
  }
});

test("no rule puts text on what it is not made for", () => {
  let pairs = 0;
  for (const [path, css] of Object.entries(sheets())) {
    for (const { selector, body } of rules(css)) {
      const front = /(?:^|[\s;])color: var\(--([\w-]+)\)/.exec(body)?.[1];
      const back = /(?:^|[\s;])background(?:-color)?: var\(--([\w-]+)\)/.exec(body)?.[1];
      if (!front || !back || front === "ontint") continue;
      pairs += 1;
      assert.ok(READ[front]?.includes(back), `${path}: ${selector}: ${front} on ${back}`);
    }
  }
  assert.ok(pairs > 10, `${pairs} pairs`);
});

/** What `edge` turns into where it would not stand out: it is text, so it stands out enough. */
test("borders and rings that one must see stand out under a pointer as well", () => {
  let turned = 0;
  for (const [path, css] of Object.entries(sheets())) {
    const all = rules(css);
    const bordered = new Set(all.filter(({ body }) => /border: [^;]*var\(--edge\)/.test(body)).flatMap(({ selector }) => selector.split(/, */)));
    for (const { selector, body } of all) {
      const isBordered = selector.split(/, */).some((one) => one.endsWith(":hover") && bordered.has(one.slice(0, -":hover".length)));
      if (isBordered && body.includes("background: var(--hover)")) {
        turned += 1;
        assert.match(body, /border-color: var\(--ink3\)/, `${path}: ${selector}`);
      }
      // What lies behind an avatar lies behind the ring of who is offline.
      if (body.includes("--behind: var(--hover)")) {
        turned += 1;
        assert.match(body, /--edge: var\(--ink3\)/, `${path}: ${selector}`);
      }
    }
  }
  assert.ok(turned >= 5, `${turned} rules`);
});
