import { Client } from "../rookery.js";
import { FakeClock, settled } from "./clock.js";
import { ModelServer } from "./model.js";

/** A client that is live at a server in memory, with its one chat. */
export async function liveClient({ storage, random, before = () => {} } = {}) {
  const server = new ModelServer();
  before(server);
  const clock = new FakeClock(random);
  const client = new Client({ url: server.url, token: "t", fetch: server.fetch, WebSocket: server.WebSocket, storage, clock });
  await client.restore();
  client.connect();
  while (client.state.phase !== "live") await settled();
  return { server, clock, client, chat: client.chat(server.chatId) };
}

/** As browsers have it. */
export function memoryStorage() {
  const items = new Map();
  return {
    items,
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  };
}
