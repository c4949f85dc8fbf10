// The live view of the engine, under a little load.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { WebSocket } from "ws";
import { Client } from "../../client/rookery.js";
import { LiveServer } from "../../client/testing/live.js";
import { account } from "./support/account.js";
import { PATIENCE_MS, openWindow } from "./support/browser.js";
import { eventually } from "./support/eventually.js";
import { faults } from "./support/faults.js";
import { PASSWORD } from "./support/person.js";

const CORES = 2;
/** A figure above 0. */
const SOME = /^(?=.*[1-9])\d[\d,.]*$/;
/** What is to be read of each tile under a little load, and its unit. */
const TILES = [
  ["In", SOME, "msg/s"],
  ["Out", SOME, "msg/s"],
  ["Lag", /^\d\.\d+$/, "s"],
  ["Delivery, p50", SOME, "ms"],
  ["Delivery, p99", SOME, "ms"],
  ["Connections", SOME, ""],
];

let server;
before(async () => (server = await LiveServer.start(process.env.ROOKERY_BINARY, ["--shards", `${CORES}`])));
after(() => server?.stop());

test("/ops shows a verdict, figures, and a row for each core", { timeout: 120_000 }, async () => {
  const [ann, ben] = await Promise.all(["ann", "ben"].map((name) => account(server.url, name)));
  const { chat_id: chat } = await ann.call("POST", "/chats", { name: "Load", members: [ben.id] });
  // Delivery is measured where there is somebody to deliver to.
  const reader = new Client({ url: server.url, WebSocket });
  await reader.logIn({ username: "ben", password: PASSWORD });
  reader.connect();
  let loading = true;
  const load = (async () => {
    while (loading) await ann.call("POST", `/chats/${chat}/messages`, { content: "load" });
  })();
  const watched = await openWindow(server.url);
  const { page } = watched;
  try {
    await page.goto("/ops");
    const verdict = page.getByRole("region", { name: "Verdict" });
    await verdict.getByText(/^(Both cores are calm\. Median \d+% busy\.|Cores? .* (is|are) hot.*|Both cores are hot\.)$/).first().waitFor();
    const figures = page.getByRole("region", { name: "Figures now" });
    for (const [name, figure, unit] of TILES) {
      const tile = figures.locator("div").filter({ has: page.getByRole("heading", { level: 2, name, exact: true }) });
      await eventually(async () => {
        assert.match(await tile.locator(".value").textContent(), figure, name);
        assert.equal((await tile.locator(".unit").textContent()).trim(), unit, name);
      }, PATIENCE_MS);
    }
    await figures.getByText(/^[1-9]\d* WebSocket, \d+ HTTP$/).waitFor();
    const rows = page.getByRole("region", { name: "Cores" }).getByRole("row").filter({ has: page.getByRole("rowheader") });
    assert.equal(await rows.count(), CORES);
    for (let core = 0; core < CORES; core++) {
      const row = rows.nth(core);
      await row.getByRole("button", { name: `Core ${core}` }).waitFor();
      await eventually(async () => assert.match(await row.locator(".busy").textContent(), /^\d+%$/), PATIENCE_MS);
    }
    await eventually(async () => {
      const posts = await rows.locator(".posts").allTextContents();
      assert.ok(posts.some((figure) => SOME.test(figure)), `posts: ${posts}`);
    }, PATIENCE_MS);
    for (const name of ["Throughput", "Lag", "Processing", "Delivery"]) {
      const canvas = page.getByRole("region", { name, exact: true }).locator("canvas");
      assert.ok((await canvas.first().boundingBox()).width > 100, `${name} is drawn`);
    }
    assert.deepEqual(await faults(page), []);
    await rows.first().getByRole("button").click();
    await page.getByRole("region", { name: "Busy by core" }).waitFor();
    await page.getByRole("button", { name: "Pause" }).click();
    assert.deepEqual(await faults(page), []);
    await page.setViewportSize({ width: 390, height: 844 });
    assert.deepEqual(await faults(page), []);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(over <= 0, `${over} px to the side`);
  } finally {
    loading = false;
    await load;
    reader.disconnect();
  }
});

test("/ops says it where there is no answer any more", { timeout: 120_000 }, async () => {
  const watched = await openWindow(server.url);
  watched.expects(/net::ERR_|status of 50[23]/);
  await watched.page.goto("/ops");
  const verdict = watched.page.getByRole("region", { name: "Verdict" });
  await verdict.getByText(/calm|hot/).first().waitFor();
  await server.end("SIGKILL");
  await verdict.getByText(/^No answer for \d+ s\. Last figures are from \d\d:\d\d:\d\d\.$/).waitFor();
  assert.deepEqual(await faults(watched.page), []);
  await server.begin();
  await verdict.getByText(/calm|hot/).first().waitFor();
});
