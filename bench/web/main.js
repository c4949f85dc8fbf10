// How the pages hold up in a real browser:
//   ROOKERY_BINARY=target/release/rookery ROOKERY_BENCH=target/release/rookery-bench node bench/web/main.js [ops] [arrivals] [scroll]
import { writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { arrivals } from "./arrivals.js";
import { launch } from "./browser.js";
import { ops } from "./ops.js";
import { scroll } from "./scroll.js";

const BENCHMARKS = { ops, arrivals, scroll };

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    check: { type: "boolean", default: false },
    json: { type: "string" },
    seconds: { type: "string", default: "20" },
    messages: { type: "string", default: "100000" },
  },
});
const chosen = positionals.length ? positionals : Object.keys(BENCHMARKS);
const unknown = chosen.find((name) => !BENCHMARKS[name]);
if (unknown || !process.env.ROOKERY_BINARY || (chosen.includes("ops") && !process.env.ROOKERY_BENCH)) {
  console.error(unknown ? `There are ops, arrivals and scroll, and no ${unknown}.` : "ROOKERY_BINARY, and for ops ROOKERY_BENCH, name the programs to run.");
  process.exit(64);
}

const report = { at: new Date().toISOString(), cpus: cpus().length, cpu: cpus()[0].model, load_before: loadavg()[0], benchmarks: {} };
const browser = await launch();
try {
  report.browser = browser.version();
  for (const name of chosen) {
    report.benchmarks[name] = await BENCHMARKS[name](browser, { seconds: Number(flags.seconds), messages: Number(flags.messages) });
    print(name, report.benchmarks[name]);
  }
} finally {
  await browser.close();
}
if (flags.json) writeFileSync(flags.json, `${JSON.stringify(report, null, 2)}\n`);
console.log(`\nChromium ${report.browser}, ${report.cpus} × ${report.cpu}; load of the machine before: ${report.load_before.toFixed(1)}`);

const over = Object.entries(report.benchmarks).flatMap(([name, figures]) => figures.filter(above).map((figure) => `${name}: ${figure.what}`));
if (over.length) console.log(`Not within the bar: ${over.join("; ")}`);
if (flags.check && over.length) process.exitCode = 1;

/** @param {{ what: string, value: number, unit: string, max?: number, min?: number, moved?: string[] }} figure */
function above({ value, max = Infinity, min = -Infinity }) {
  return !(value <= max && value >= min);
}

function print(name, figures) {
  console.log(`\n${name}`);
  const bar = ({ max, min }) => (max !== undefined ? `at most ${max}` : min !== undefined ? `at least ${min}` : "");
  for (const figure of figures) {
    const { what, value, unit } = figure;
    console.log(`  ${what.padEnd(44)}${String(Number(value.toFixed(value < 10 ? 3 : 0))).padStart(9)} ${unit.padEnd(7)} ${bar(figure)}${above(figure) ? "  ✗" : ""}`);
    for (const line of figure.moved ?? []) console.log(`    moved: ${line}`);
  }
}
