// A conversation of 100,000 messages, scrolled by wheel and by thumb.
import { LiveServer } from "../../io/web/client/testing/live.js";
import { during, openPage, pause, size } from "./browser.js";
import { Room } from "./room.js";

const MAX_NODES = 3_000;
const MAX_HEAP_MB = 60;
/** How much the heap may grow from the first view to the last. */
const MAX_GROWTH_MB = 20;
const PLACES = [0.9, 0.5, 0.2, 0.01, 0.75, 0, 0.33, 0.6, 0.1, 1];
/** How long a place may take to be there. */
const PATIENCE_MS = 10_000;

export async function scroll(browser, { messages }) {
  const server = await LiveServer.start(process.env.ROOKERY_BINARY);
  try {
    const room = await Room.make(server.url, "Hundred thousand");
    await room.fill(messages);
    const { page, close } = await openPage(browser, server.url, `/#c/${room.id}`, { login: room.reader, ready: "article" });
    const before = await size(page);
    let most = before.nodes;
    const meanwhile = await during(page, async () => {
      await page.locator(".messages").hover();
      for (let i = 0; i < 200; i++) {
        await page.mouse.wheel(0, i % 50 < 40 ? -600 : 400);
        await pause(30);
      }
      for (const share of PLACES) {
        await page.locator(".messages").evaluate((list, part) => (list.scrollTop = part * list.scrollHeight), share);
        await page.waitForFunction(inView, null, { timeout: PATIENCE_MS });
        most = Math.max(most, await page.evaluate(() => document.querySelectorAll("*").length));
      }
    });
    const after = await size(page);
    await close();
    room.close();
    return [
      { what: "messages", value: messages, unit: "" },
      ...meanwhile,
      { what: "elements at most", value: most, unit: "", max: MAX_NODES },
      { what: "heap when opened", value: before.heap, unit: "MB" },
      { what: "heap after all that", value: after.heap, unit: "MB", max: MAX_HEAP_MB },
      { what: "grown by", value: after.heap - before.heap, unit: "MB", max: MAX_GROWTH_MB },
    ];
  } finally {
    await server.stop();
  }
}

/** Runs in the page: whether messages stand where one looks. */
function inView() {
  const { left, top, width, height } = document.querySelector(".messages").getBoundingClientRect();
  return [0.25, 0.5, 0.75].every((part) => document.elementsFromPoint(left + width / 2, top + height * part).some((element) => element.closest("article")));
}
