// The script of the README is run as it stands.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { LiveServer } from "../testing/live.js";

const { ROOKERY_URL: url, ROOKERY_BINARY: binary } = process.env;
const here = fileURLToPath(new URL("..", import.meta.url));

test("the README's script chats", { skip: !url && !binary && "set ROOKERY_URL or ROOKERY_BINARY", timeout: 30_000 }, async (t) => {
  const server = url ? undefined : await LiveServer.start(binary);
  t.after(() => server?.stop());
  const folder = await mkdtemp(join(tmpdir(), "rookery-readme-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const script = /## A chat in 30 lines[\s\S]*?```js\n([\s\S]*?)```/.exec(await readFile(join(here, "README.md"), "utf8"))[1];
  assert.ok(script.split("\n").filter(Boolean).length <= 30, "it is as short as it says");
  await writeFile(join(folder, "chat.mjs"), script);
  await mkdir(join(folder, "node_modules"));
  await symlink(here, join(folder, "node_modules", "rookery-client"));
  await symlink(dirname(fileURLToPath(import.meta.resolve("ws"))), join(folder, "node_modules", "ws"));
  const suffix = Date.now().toString(36);
  const names = [`ann-readme-${suffix}`, `ben-readme-${suffix}`];
  const run = (...args) => {
    const script = new Script(folder, args, url ?? server.url);
    t.after(() => script.process.kill());
    return script;
  };
  const [ann, ben] = [run(...names), run(...names.toReversed())];
  await Promise.all([ann.says("(live)"), ben.says("(live)")]);
  ann.types("Hello, Ben");
  await ben.says(`${names[0]}: Hello, Ben`);
  ben.types("Hello, Ann");
  await ann.says(`${names[1]}: Hello, Ann`);
  if (server) await restarted(server, names, ann, ben);
  ann.types("Good night");
  // What is refused ends it, too: it is longer than a message may be.
  ann.types("a".repeat(5_000));
  assert.equal(await ann.ends(), 0);
  await ann.says("(not sent) aaa");
  await ben.says(`${names[0]}: Good night`);
  assert.equal(await ben.ends(), 0);
  const again = run(...names);
  await again.says(`${names[0]}: Good night`);
  assert.equal(await again.ends(), 0);
});

/** What is typed while the server is away appears in both, once, and in order. */
async function restarted(server, names, ann, ben) {
  await server.end("SIGKILL");
  await ann.says("(offline)");
  for (const line of ["One", "Two", "Three"]) ben.types(line);
  await server.begin();
  const said = ["One", "Two", "Three"].map((line) => `${names[1]}: ${line}`);
  for (const script of [ann, ben]) {
    await script.says(said[2]);
    assert.deepEqual(script.text.split("\n").filter((line) => said.includes(line)), said);
  }
}

class Script {
  text = "";

  constructor(cwd, args, url) {
    this.process = spawn(process.execPath, ["chat.mjs", ...args], { cwd, env: { ...process.env, ROOKERY_URL: url } });
    this.exited = once(this.process, "exit");
    for (const stream of [this.process.stdout, this.process.stderr]) stream.on("data", (some) => (this.text += some));
  }

  types(line) {
    this.process.stdin.write(`${line}\n`);
  }

  async says(text) {
    for (let i = 0; i < 500 && !this.text.includes(text); i++) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.ok(this.text.includes(text), `never said “${text}”, but: ${this.text}`);
  }

  async ends() {
    this.process.stdin.end();
    return (await this.exited)[0];
  }
}
