import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

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
    await server.#run();
    return server;
  }

  async #run() {
    const flags = ["--shards", "1", "--listen", `127.0.0.1:${this.port}`, "--data-dir", this.folder, ...this.flags];
    // A server takes each ROOKERY_… for a setting, and refuses those that it does not know.
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("ROOKERY_")));
    this.#process = spawn(this.binary, flags, { stdio: "ignore", env });
    this.#process.exited = once(this.#process, "exit");
    for (let tries = 0; tries < 200 && this.#process.exitCode === null; tries++) {
      const ready = await fetch(`${this.url}/readyz`).catch(() => undefined);
      if (ready?.ok) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error("the server does not come up");
  }

  /** Ends it as an operator would, and starts it again. */
  async restart(signal = "SIGTERM") {
    this.#process.kill(signal);
    await this.#process.exited;
    await this.#run();
  }

  async stop() {
    this.#process.kill("SIGTERM");
    await this.#process.exited;
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}
