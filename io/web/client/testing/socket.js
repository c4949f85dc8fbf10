import { WebSocket } from "ws";

/** A WebSocket whose messages are kept until they are looked for. */
export class Socket {
  #frames = [];
  #wake = () => {};
  #closed;

  /** Opens one, or tells in `status` why it was refused. */
  static async open(url, path, token) {
    const socket = new Socket();
    const headers = token ? { authorization: `Bearer ${token}` } : {};
    socket.ws = new WebSocket(url.replace("http", "ws") + path, { headers });
    socket.ws.on("message", (text) => socket.#came(JSON.parse(text)));
    socket.#closed = new Promise((resolve) => socket.ws.on("close", resolve));
    socket.status = await new Promise((resolve, reject) => {
      socket.ws.on("open", () => resolve(101));
      socket.ws.on("unexpected-response", (_, response) => resolve(response.statusCode));
      socket.ws.on("error", reject);
    });
    return socket;
  }

  send(frame) {
    this.ws.send(JSON.stringify(frame));
  }

  /** The first message that fits, as soon as it has come. */
  async take(fits, within = 10_000) {
    const end = Date.now() + within;
    for (;;) {
      const at = this.#frames.findIndex(fits);
      if (at >= 0) return this.#frames.splice(at, 1)[0];
      const left = end - Date.now();
      if (left <= 0) throw new Error(`this never came; but this: ${JSON.stringify(this.#frames)}`);
      await new Promise((resolve) => {
        this.#wake = resolve;
        setTimeout(resolve, left).unref();
      });
    }
  }

  /** The close code, once it is closed. */
  closed() {
    return this.#closed;
  }

  end() {
    this.ws.on("error", () => {});
    this.ws.terminate();
  }

  #came(frame) {
    this.#frames.push(frame);
    this.#wake();
  }
}
