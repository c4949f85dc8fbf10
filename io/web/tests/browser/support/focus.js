// Where the keyboard is.
import assert from "node:assert/strict";
import { PATIENCE_MS } from "./browser.js";
import { eventually } from "./eventually.js";

/** @param {import("playwright-core").Locator} locator */
export async function hasFocus(locator) {
  await locator.first().waitFor();
  await eventually(async () => {
    const focused = await locator.evaluateAll((all) => (all.includes(document.activeElement) ? "" : document.activeElement.outerHTML.slice(0, 200)));
    assert.equal(focused, "", `${locator} has the focus`);
  }, PATIENCE_MS);
}
