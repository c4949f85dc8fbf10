// /ops while 50,000 messages a second are posted pipelined, and nobody listens.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { LiveServer } from "../../io/web/client/testing/live.js";
import { during, loads, openPage, pause, size } from "./browser.js";

const RATE = 50_000;
const WARMUP_SECONDS = 3;

export async function ops(browser, { seconds }) {
  const server = await LiveServer.start(process.env.ROOKERY_BINARY, ["--auth", "trust", "--shards", "2"]);
  const result = join(server.folder, "load.json");
  const flags = ["hot-room", "--url", server.url, "--listeners", "0", "--senders", "32", "--in-flight", "256", "--rate", String(RATE), "--warmup", String(WARMUP_SECONDS), "--duration", String(seconds), "--json", result];
  let load;
  try {
    const options = { ready: "#tables table" };
    const figures = await loads(browser, server.url, "/ops", options);
    const { page, close } = await openPage(browser, server.url, "/ops", options);
    load = spawn(process.env.ROOKERY_BENCH, flags, { stdio: ["ignore", "ignore", "inherit"] });
    const ended = once(load, "exit");
    await pause(WARMUP_SECONDS * 1000);
    const meanwhile = await during(page, () => Promise.race([pause(seconds * 1000), ended]));
    await ended;
    const { accepted_per_s: accepted } = JSON.parse(await readFile(result, "utf8"));
    const { nodes, heap } = await size(page);
    await close();
    return [
      ...figures,
      { what: "messages accepted", value: accepted, unit: "/s", min: RATE * 0.9 },
      ...meanwhile,
      { what: "elements", value: nodes, unit: "" },
      { what: "heap", value: heap, unit: "MB" },
    ];
  } finally {
    load?.kill();
    await server.stop();
  }
}
