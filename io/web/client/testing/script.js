import { readFileSync, readdirSync } from "node:fs";
import { randomUUID } from "node:crypto";

const FOLDER = new URL("../exchanges/", import.meta.url);
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** What a name stands for, by its beginning: exchanges/README.md says which. */
const KINDS = [
  { begins: "at", fits: (value) => TIME.test(value), make: () => new Date().toISOString() },
  { begins: "num", fits: (value) => typeof value === "number", make: () => 1 },
  { begins: "text", fits: (value) => typeof value === "string" && value !== "", make: () => `text-${randomUUID()}` },
  { begins: "", fits: (value) => UUID.test(value), make: () => randomUUID() },
];

const kindOf = (name) => KINDS.find(({ begins }) => name.startsWith(begins));

/** All exchanges, by the names of their files, with their parts put in. */
export function exchanges() {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith(".json"));
  return files.sort().map((file) => {
    const exchange = read(file);
    return { ...exchange, file, steps: expand(exchange.steps) };
  });
}

/** What a client may ask for at any time. */
export const anyTime = () => read("parts/any-time.json").steps;

const read = (file) => JSON.parse(readFileSync(new URL(file, FOLDER), "utf8"));

function expand(steps) {
  return steps.flatMap((step) => {
    if (!step.play) return [step];
    const { steps: part, fresh = [] } = read(`parts/${step.play}.json`);
    return [{ fresh }, ...expand(JSON.parse(JSON.stringify(part), (_, value) => step.with?.[value?.slice?.(1)] ?? value))];
  });
}

/** The values of names. */
export class Names {
  #values = new Map();

  set(name, value) {
    this.#values.set(name, value);
  }

  forget(name) {
    this.#values.delete(name);
  }

  /** The pattern with values for all names; those that have none are made up. */
  fill(pattern) {
    if (typeof pattern === "string") return this.#fillText(pattern);
    if (Array.isArray(pattern)) return pattern.map((one) => this.fill(one));
    if (pattern === null || typeof pattern !== "object") return pattern;
    const entries = Object.entries(pattern).filter(([, value]) => value !== "$absent");
    return Object.fromEntries(entries.map(([key, value]) => [this.fill(key), this.fill(value)]));
  }

  #fillText(text) {
    // A name alone stands for its value, which may be a number.
    const alone = /^\$([\w.]+)$/.exec(text)?.[1];
    if (alone) return this.#value(alone);
    return text.replace(/\$([a-zA-Z_][\w.]*\w|[a-zA-Z_])/g, (_, name) => this.#value(name));
  }

  #value(name) {
    if (!this.#values.has(name)) this.#values.set(name, kindOf(name).make());
    return this.#values.get(name);
  }

  /** Whether a value fits. Names that have no value get theirs from it, if so. */
  match(pattern, value) {
    const before = new Map(this.#values);
    const fits = this.#match(pattern, value);
    if (!fits) this.#values = before;
    return fits;
  }

  #match(pattern, value) {
    if (pattern === "$_") return value !== undefined;
    if (pattern === "$absent") return value === undefined;
    if (typeof pattern === "string") return this.#matchText(pattern, value);
    if (Array.isArray(pattern)) {
      return Array.isArray(value) && value.length === pattern.length && pattern.every((one, i) => this.#match(one, value[i]));
    }
    if (pattern === null || typeof pattern !== "object") return pattern === value;
    if (value === null || typeof value !== "object") return false;
    return Object.entries(pattern).every(([key, one]) => this.#match(one, value[this.fill(key)]));
  }

  #matchText(text, value) {
    const name = /^\$([\w.]+)$/.exec(text)?.[1];
    if (name === undefined || this.#values.has(name)) return this.fill(text) === value;
    if (!kindOf(name).fits(value)) return false;
    this.#values.set(name, value);
    return true;
  }

  /** Whether a path fits, whatever the order of its query; `limit` is for each client to choose. */
  matchPath(pattern, path) {
    const [wanted, given] = [pattern, path].map((one) => new URL(one.replace(/\$/g, "%24"), "http://x"));
    given.searchParams.delete("limit");
    wanted.searchParams.delete("limit");
    const parts = ({ pathname, searchParams }) => [...pathname.split("/").slice(1).map(decodeURIComponent), Object.fromEntries(searchParams)];
    return this.match(parts(wanted), parts(given)) && wanted.searchParams.size === given.searchParams.size;
  }
}
