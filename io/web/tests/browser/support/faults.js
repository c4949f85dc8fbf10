// All that is wrong with what a page shows, whoever finds it.
import { violations } from "./axe.js";
import { invalid } from "./markup.js";

/** @param {import("playwright-core").Page} page */
export const faults = async (page) => [...(await violations(page)), ...(await invalid(page))];
