// The end of a chat is kept where one is far away from it: the way back needs no request, and it is as the server has it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Client } from "../rookery.js";
import { FakeClock, settled } from "../testing/clock.js";
import { ModelServer } from "../testing/model.js";

async function set() {
  const server = new ModelServer();
  for (let i = 0; i < 300; i++) server.say(server.other);
  let pages = 0;
  const fetch = (url, ...rest) => {
    if (/\/(messages|events)\?/.test(String(url))) pages += 1;
    return server.fetch(url, ...rest);
  };
  const client = new Client({ url: server.url, token: "t", fetch, WebSocket: server.WebSocket, clock: new FakeClock(Math.random) });
  await client.restore();
  client.connect();
  while (client.state.phase !== "live") await settled();
  const { timeline } = client.chat(server.chatId);
  await timeline.loadLatest();
  while (timeline.hasOlder) await timeline.loadOlder();
  const contents = () => timeline.rows.flatMap(({ message }) => message?.content ?? []);
  return { server, client, timeline, contents, pages: () => pages };
}

for (const [how, away] of Object.entries({ trimmed: (timeline) => timeline.trim(1, 50), "left for another place": (timeline) => timeline.loadAround(10) })) {
  test(`the latest are there at once where they were ${how}, with what happened meanwhile`, async () => {
    const { server, client, timeline, contents, pages } = await set();
    await away(timeline);
    assert.equal(timeline.hasNewer, true);
    server.say(server.other);
    const edited = server.messages.at(-3);
    server.push({ type: "message_edited", message_id: edited.message_id, content: "changed", edited_at: "2026-03-03T12:00:00Z" });
    await settled(20);
    const before = pages();
    await timeline.loadLatest();
    assert.equal(pages(), before, "nothing is asked for");
    assert.equal(timeline.hasNewer, false);
    assert.equal(contents().length, 100);
    assert.deepEqual(contents().slice(-4), server.messages.slice(-4).map(({ message_id, content }) => (message_id === edited.message_id ? "changed" : content)));
    while (timeline.hasOlder) await timeline.loadOlder();
    assert.equal(contents().length, server.messages.length);
    client.disconnect();
  });
}

test("what was missed is asked for", async () => {
  const { server, client, timeline, contents, pages } = await set();
  server.resumeEvents = 5;
  timeline.trim(1, 50);
  server.breakOff();
  for (let i = 0; i < 30; i++) server.say(server.other);
  for (let i = 0; i < 100 && client.chat(server.chatId).has < server.lastSeq; i++) await settled(20);
  while (client.state.phase !== "live") {
    client.retryNow();
    await settled(20);
  }
  const before = pages();
  await timeline.loadLatest();
  assert.ok(pages() > before);
  assert.equal(contents().at(-1), server.messages.at(-1).content);
  client.disconnect();
});
