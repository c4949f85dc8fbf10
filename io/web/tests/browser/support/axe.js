// axe-core in a page, in a world of its own: the page keeps its policy, and never meets it.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const SOURCE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe-core finds wrong with what a page shows, in both themes. @param {import("playwright-core").Page} page */
export async function violations(page) {
  const session = await page.context().newCDPSession(page);
  try {
    const { frameTree } = await session.send("Page.getFrameTree");
    const { executionContextId: contextId } = await session.send("Page.createIsolatedWorld", { frameId: frameTree.frame.id, worldName: "axe" });
    const run = async (expression) => {
      const { result, exceptionDetails } = await session.send("Runtime.evaluate", { expression, contextId, awaitPromise: true, returnByValue: true });
      if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
      return result.value;
    };
    await run(`${SOURCE};undefined`);
    const found = [];
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      for (const fault of await run(`(${look})()`)) found.push(`${colorScheme}: ${fault}`);
    }
    await page.emulateMedia({ colorScheme: null });
    return found;
  } finally {
    await session.detach();
  }
}

/** Runs in the page, once nothing moves any more. */
async function look() {
  // What is out of view does not move on, and never ends.
  const moves = ({ effect, playState }) => playState === "running" && effect.getComputedTiming().endTime < Infinity && effect.target.checkVisibility({ contentVisibilityAuto: true });
  while (document.getAnimations().some(moves)) await new Promise((drawn) => requestAnimationFrame(drawn));
  const { violations } = await globalThis.axe.run(document, { resultTypes: ["violations"] });
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, failureSummary, html }) => `${id} (${help}) at ${target}: ${failureSummary.replace(/\s+/g, " ")} — ${html.slice(0, 200)}`),
  );
}
