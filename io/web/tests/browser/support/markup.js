// html-validate on what scripts have made of a page, by the rules that its HTML has to keep.
import { readFileSync } from "node:fs";
import { HtmlValidate, StaticConfigLoader } from "html-validate";

const config = JSON.parse(readFileSync(new URL("../../.htmlvalidate.json", import.meta.url), "utf8"));
const rules = {
  // A list of options that belongs to a text field is a listbox; a <select> is a field of its own.
  "prefer-native-element": ["error", { exclude: ["listbox"] }],
};

const validator = new HtmlValidate(new StaticConfigLoader({ ...config, rules }));

/** What html-validate finds wrong with a page as it stands. @param {import("playwright-core").Page} page */
export async function invalid(page) {
  const html = await page.content();
  const lines = html.split("\n");
  const { results } = await validator.validateString(html, page.url());
  return results.flatMap(({ messages }) =>
    messages.map(({ ruleId, message, line, column }) => `${ruleId}: ${message} — ${lines[line - 1].slice(Math.max(0, column - 40), column + 160)}`),
  );
}
