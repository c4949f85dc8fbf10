// The line between one window and the server, which can be cut: a page at an address of its own.
import { once } from "node:events";
import { connect, createServer } from "node:net";

export class Line {
  #sockets = new Set();
  #server = createServer((socket) => this.#carry(socket));
  isCut = false;

  static async to(port) {
    const line = new Line();
    line.port = port;
    line.#server.listen(0, "127.0.0.1");
    await once(line.#server, "listening");
    line.url = `http://127.0.0.1:${line.#server.address().port}`;
    return line;
  }

  #carry(socket) {
    if (this.isCut) return socket.destroy();
    const other = connect(this.port, "127.0.0.1");
    for (const [from, to] of [[socket, other], [other, socket]]) {
      this.#sockets.add(from);
      from.on("error", () => from.destroy());
      from.on("close", () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  }

  cut() {
    this.isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend() {
    this.isCut = false;
  }

  close() {
    this.cut();
    this.#server.close();
  }
}
