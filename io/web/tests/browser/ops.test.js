// The live view of the engine, under a little load.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { LiveServer } from "../../client/testing/live.js";
import { account } from "./support/account.js";
import { PATIENCE_MS, openWindow } from "./support/browser.js";
import { eventually } from "./support/eventually.js";
import { violations } from "./support/axe.js";

const CORES = 2;

let server;
before(async () => (server = await LiveServer.start(process.env.ROOKERY_BINARY, ["--shards", `${CORES}`])));
after(() => server?.stop());

test("/ops shows a verdict, figures, and a row for each core", { timeout: 120_000 }, async () => {
  const ann = await account(server.url, "ann");
  const { chat_id: chat } = await ann.call("POST", "/chats", { name: "Load", members: [] });
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
    for (const name of ["In", "Out", "Lag", "Delivery, p50", "Delivery, p99", "Connections"]) {
      const tile = figures.locator("div").filter({ has: page.getByRole("heading", { level: 2, name, exact: true }) });
      await eventually(async () => assert.match(await tile.locator(".value").textContent(), name === "In" ? /[1-9]/ : /^[–\d>]/), PATIENCE_MS);
    }
    const rows = page.getByRole("region", { name: "Cores" }).getByRole("row").filter({ has: page.getByRole("rowheader") });
    assert.equal(await rows.count(), CORES);
    for (let core = 0; core < CORES; core++) {
      const row = rows.nth(core);
      await row.getByRole("button", { name: `Core ${core}` }).waitFor();
      await eventually(async () => assert.match(await row.locator(".busy").textContent(), /^\d+%$/), PATIENCE_MS);
    }
    await eventually(async () => {
      const posts = await rows.locator(".posts").allTextContents();
      assert.ok(posts.some((figure) => Number(figure) > 0), `posts: ${posts}`);
    }, PATIENCE_MS);
    for (const name of ["Throughput", "Lag", "Processing", "Delivery"]) {
      const canvas = page.getByRole("region", { name, exact: true }).locator("canvas");
      assert.ok((await canvas.first().boundingBox()).width > 100, `${name} is drawn`);
    }
    assert.deepEqual(await violations(page), []);
    await rows.first().getByRole("button").click();
    await page.getByRole("region", { name: "Busy by core" }).waitFor();
    await page.getByRole("button", { name: "Pause" }).click();
    assert.deepEqual(await violations(page), []);
    await page.setViewportSize({ width: 390, height: 844 });
    assert.deepEqual(await violations(page), []);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(over <= 0, `${over} px to the side`);
  } finally {
    loading = false;
    await load;
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
  assert.deepEqual(await violations(watched.page), []);
  await server.begin();
  await verdict.getByText(/calm|hot/).first().waitFor();
});
