import http from "node:http";
import { WebSocketServer } from "ws";

/** What a client asks and sends, kept until a script looks for it. */
export class ScriptedServer {
  #inbox = [];
  #wake = () => {};
  #socket = null;
  #server = http.createServer((request, response) => this.#asked(request, response));
  #sockets = new WebSocketServer({ noServer: true });

  async listen() {
    this.#server.on("upgrade", (request, socket, head) => this.#push({ kind: "open", path: request.url, request, socket, head }));
    await new Promise((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  close() {
    this.#socket?.terminate();
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** What was not looked for. */
  get rest() {
    return this.#inbox.map(({ response, request, socket, head, ...thing }) => thing);
  }

  /** The first thing that fits, as soon as it has come. */
  async take(fits, what, within = 2_000) {
    const end = Date.now() + within;
    for (;;) {
      const at = this.#inbox.findIndex(fits);
      if (at >= 0) return this.#inbox.splice(at, 1)[0];
      const left = end - Date.now();
      if (left <= 0) throw new Error(`the client never did this: ${what}; but this: ${JSON.stringify(this.rest)}`);
      await new Promise((resolve) => {
        this.#wake = resolve;
        setTimeout(resolve, left);
      });
    }
  }

  /** Takes what fits by now. */
  drop(fits) {
    this.#inbox = this.#inbox.filter((thing) => !fits(thing));
  }

  accept({ request, socket, head }) {
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
      this.#socket = webSocket;
      webSocket.on("message", (text) => {
        const frame = JSON.parse(text);
        if (frame.type === "ping") webSocket.send('{"type":"pong"}');
        else this.#push({ kind: "frame", frame });
      });
    });
  }

  refuse({ socket }, status) {
    socket.end(`HTTP/1.1 ${status} Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
  }

  send(frame) {
    this.#socket.send(JSON.stringify(frame));
  }

  hangUp(code) {
    if (code === 1006) this.#socket.terminate();
    else this.#socket.close(code);
    this.#socket = null;
  }

  static answer({ response }, { status, headers, body }) {
    const type = status < 400 ? "application/json" : "application/problem+json";
    response.writeHead(status, { "content-type": type, ...headers });
    response.end(body === undefined ? undefined : JSON.stringify(body));
  }

  #asked(request, response) {
    let text = "";
    request.on("data", (chunk) => (text += chunk));
    request.on("end", () => {
      const body = text ? JSON.parse(text) : undefined;
      this.#push({ kind: "http", method: request.method, path: request.url, body, response });
    });
  }

  #push(thing) {
    this.#inbox.push(thing);
    this.#wake();
  }
}
