// A server whose pages come in parts, as over a slow line: a browser shows what it has.
import { once } from "node:events";
import { createServer } from "node:http";
import { setTimeout as pause } from "node:timers/promises";

/** Long enough for a browser to draw what has come. Milliseconds. */
const PART_MS = 80;

/** Gives the address, and how to end it. HTML of `url` comes with a pause behind each of its `ends`. */
export async function inParts(url, ends) {
  const server = createServer(async (request, response) => {
    const { status, headers, body } = await fetch(url + request.url, { method: request.method });
    const type = headers.get("content-type");
    response.writeHead(status, { "content-type": type });
    if (!type.startsWith("text/html")) return body.pipeTo(new WritableStream({ write: (bytes) => void response.write(bytes), close: () => void response.end() }));
    const html = await new Response(body).text();
    for (const part of html.split(new RegExp(`(?<=${ends})`))) {
      response.write(part);
      await pause(PART_MS);
    }
    response.end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
