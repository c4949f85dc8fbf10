/**
 * What the parts of a client share.
 * @typedef {object} Core
 * @property {import("../rookery.js").Clock} clock
 * @property {import("./http.js").Http} http
 * @property {import("./connection.js").Connection} connection
 * @property {import("./emitter.js").Emitter} emitter
 * @property {import("./outbox.js").Outbox} outbox
 * @property {import("./presence.js").Presences} presence
 * @property {import("./feed.js").Feed} feed
 * @property {import("./users.js").Users} users
 * @property {string} me the caller's id; empty where nobody is logged in
 */
export {};
