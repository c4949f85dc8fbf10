import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

/** A server of one's own, which can be stopped, killed and started again at the same address. */
export class LiveServer {
  #process;

  static async start(binary, flags = []) {
    const server = new LiveServer();
    server.binary = binary;
    server.flags = flags;
    server.folder = await mkdtemp(join(tmpdir(), "rookery-client-"));
    server.port = await freePort();
    server.url = `http://127.0.0.1:${server.port}`;
    await server.begin();
    return server;
  }

  /** Starts it on the data of before, after an `end`. */
  async begin() {
    const shards = this.flags.includes("--shards") ? [] : ["--shards", "1"];
    const flags = [...shards, "--listen", `127.0.0.1:${this.port}`, "--data-dir", this.folder, ...engines(this.folder), ...this.flags];
    // Where operators have an address of their own, health is told there alone.
    const admin = this.flags.indexOf("--admin-listen") + 1;
    const health = admin ? `http://${this.flags[admin]}` : this.url;
    // A server takes each ROOKERY_… for a setting, and refuses those that it does not know.
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("ROOKERY_")));
    this.#process = spawn(this.binary, flags, { stdio: "ignore", env });
    this.#process.exited = once(this.#process, "exit");
    for (let tries = 0; tries < 200 && this.#process.exitCode === null; tries++) {
      const ready = await fetch(`${health}/readyz`).catch(() => undefined);
      if (ready?.ok) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error("the server does not come up");
  }

  /** Ends it as an operator would, or as a fault would. */
  async end(signal = "SIGTERM") {
    this.#process.kill(signal);
    await this.#process.exited;
  }

  async restart(signal) {
    await this.end(signal);
    await this.begin();
  }

  async stop() {
    await this.end();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** The flags of a log and a store of its own in the engines that the environment names, as io/tests/support/engines.rs has them. */
function engines(folder) {
  const { ROOKERY_TEST_ENGINES: engines, ROOKERY_TEST_BROKERS: brokers, ROOKERY_TEST_SCYLLA: scylla, ROOKERY_TEST_SCYLLA_CREDENTIALS: credentials } = process.env;
  if (engines !== "external") return [];
  const name = `test_${Buffer.from(basename(folder)).toString("hex")}`;
  return [
    ...(brokers ? ["--log", "redpanda", "--brokers", brokers, "--topic", name, "--group", name] : []),
    ...(scylla ? ["--store", "scylla", "--scylla", scylla, "--keyspace", name] : []),
    ...(scylla && credentials ? ["--scylla-credentials-file", credentials] : []),
  ];
}

export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}
