// One room on a server of its own, and people who write to it.
import http from "node:http";

const PASSWORD = "correct horse battery";
/** People who write in turn; one more reads. */
const WRITERS = 8;
/** Connections that post at a time. */
const CONNECTIONS = 64;
const WORDS = "the wall route rope chalk shoe hall train bus ticket desk key pot walk rain wind note list plan book shelf".split(" ");

export class Room {
  #agent = new http.Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  #writers = [];
  /** Messages that were accepted. */
  posted = 0;
  reader = { username: "reader", password: PASSWORD };

  static async make(url, name) {
    const room = new Room();
    room.url = new URL(url);
    const reader = await room.#join("reader");
    for (let i = 0; i < WRITERS; i++) room.#writers.push(await room.#join(`writer${i}`));
    const { chat_id: id } = await room.#call("POST", "/chats", reader.token, { name, members: room.#writers.map((writer) => writer.user_id) });
    room.id = id;
    room.#token = reader.token;
    return room;
  }

  #token;

  async #join(username) {
    await this.#call("POST", "/users", undefined, { username, password: PASSWORD });
    return this.#call("POST", "/login", undefined, { username, password: PASSWORD });
  }

  #call(method, path, token, body) {
    const text = JSON.stringify(body);
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(text), ...(token && { authorization: `Bearer ${token}` }) };
    return new Promise((resolve, reject) => {
      const request = http.request({ host: this.url.hostname, port: this.url.port, method, path, agent: this.#agent, headers }, (reply) => {
        const parts = [];
        reply.on("data", (part) => parts.push(part)).on("end", () => {
          const said = Buffer.concat(parts).toString();
          if (reply.statusCode >= 400) reject(new Error(`${method} ${path}: ${reply.statusCode} ${said}`));
          else resolve(said && JSON.parse(said));
        });
      });
      request.on("error", reject).end(text);
    });
  }

  /** Some messages in a row by each, short ones and some of several lines. */
  async #post(i) {
    const content = `${i}: ${Array.from({ length: 2 + ((i * 7919) % 23) }, (_, k) => WORDS[(i * 31 + k * 17) % WORDS.length]).join(" ")}`;
    await this.#call("POST", `/chats/${this.id}/messages`, this.#writers[Math.floor(i / 3) % WRITERS].token, { content });
    this.posted += 1;
  }

  /** As fast as it goes. */
  async fill(messages) {
    let next = 0;
    await Promise.all(Array.from({ length: CONNECTIONS }, async () => {
      while (next < messages) await this.#post(++next);
    }));
    await this.#call("PUT", `/chats/${this.id}/read`, this.#token, { seq: messages * 2 });
  }

  /** So many a second, whatever the server does. The seconds that it took, and the number of the last one. */
  async write(rate, seconds) {
    const begun = performance.now();
    const under = new Set();
    const first = this.posted;
    const total = rate * seconds;
    let sent = 0;
    while (sent < total) {
      const due = Math.min(total, ((performance.now() - begun) / 1000) * rate);
      for (; sent < due; sent++) {
        const one = this.#post(first + sent + 1).finally(() => under.delete(one));
        under.add(one);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await Promise.all(under);
    return { seconds: (performance.now() - begun) / 1000, last: first + sent };
  }

  close() {
    this.#agent.destroy();
  }
}
