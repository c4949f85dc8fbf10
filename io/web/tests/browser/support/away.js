// People who can be cut off from the server, each on a line of their own.
import { afterEach } from "node:test";
import { Line } from "./line.js";
import { Person } from "./person.js";

/** Browsers report each connection that fails. */
export const NO_CONNECTION = /WebSocket connection to|net::ERR_|status of 50[23]/;

/** @type {Line[]} */
const lines = [];
afterEach(() => lines.splice(0).forEach((line) => line.close()));

/** Somebody new, who has signed up. */
export async function onALineOfTheirOwn(server, name) {
  const line = await Line.to(server.port);
  lines.push(line);
  const person = await Person.at(line.url, name);
  person.watched.expects(NO_CONNECTION);
  await person.signUp();
  return { person, line };
}
