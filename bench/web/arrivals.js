// A conversation that is open at its end, and receives 500 messages a second.
import { LiveServer } from "../../io/web/client/testing/live.js";
import { during, loads, openPage, size } from "./browser.js";
import { Room } from "./room.js";

const RATE = 500;
const EARLIER = 1_000;
/** How long the last message may take to be seen. */
const PATIENCE_MS = 10_000;
const MAX_NODES = 3_000;

export async function arrivals(browser, { seconds }) {
  const server = await LiveServer.start(process.env.ROOKERY_BINARY);
  try {
    const room = await Room.make(server.url, "Five hundred a second");
    await room.fill(EARLIER);
    const login = room.reader;
    const figures = [
      ...(await loads(browser, server.url, "/", { ready: "input[name=username]" })).map((figure) => ({ ...figure, what: figure.what.replace("/:", "login:") })),
      ...(await loads(browser, server.url, `/#c/${room.id}`, { login, ready: "article" })).map((figure) => ({ ...figure, what: figure.what.replace(/^\S+:/, "chat:") })),
    ];
    const { page, close } = await openPage(browser, server.url, `/#c/${room.id}`, { login, ready: "article" });
    let took = {};
    let seen = 0;
    const meanwhile = await during(page, async () => {
      took = await room.write(RATE, seconds);
      const begun = performance.now();
      await page.locator("article", { hasText: `${took.last}: ` }).waitFor({ timeout: PATIENCE_MS });
      seen = performance.now() - begun;
    });
    const { nodes, heap } = await size(page);
    await close();
    room.close();
    return [
      ...figures,
      { what: "posts and their arrivals", value: (RATE * seconds) / took.seconds, unit: "/s", min: RATE * 0.95 },
      ...meanwhile,
      { what: "the last one seen after its answer", value: seen, unit: "ms" },
      { what: "elements", value: nodes, unit: "", max: MAX_NODES },
      { what: "heap", value: heap, unit: "MB" },
    ];
  } finally {
    await server.stop();
  }
}
