// @ts-check
// The tiles, and the reasons of closes and refusals.
import { median } from "./quantile.js";
import { duration, millis, NONE, NOT_REPORTED, number, reasonName, seconds, throughput, whole } from "./words.js";

/** Above these a tile is amber: milliseconds, and a share of the connections that there may be. */
const P50_MS = 100, P99_MS = 1000, FULL = 0.9;
/** Reasons that have a bar of their own. */
const SHOWN = 4;

/** @param {string} selector @param {ParentNode} [root] */
const find = (selector, root = document) => /** @type {HTMLElement} */ (root.querySelector(selector));
/** @param {Node} node @param {string} text */
const write = (node, text) => {
  if (node.textContent !== text) node.textContent = text;
};

/** @typedef {import("./charts.js").View} View */

/** @param {View} view @param {number} slot the latest @param {number} room connections that there may be */
export function drawTiles(view, slot, room) {
  const { store, slots, to, limit, reported } = view;
  const value = (/** @type {string} */ name) => store.totals[name][slot];
  const middle = (/** @type {string} */ name) => median(slots.map((s) => store.totals[name][s]));
  const old = store.slots(to - 304, to - 296)[0];
  const compare = (/** @type {string} */ name, /** @type {(n: number) => string} */ show) =>
    old !== undefined && !Number.isNaN(store.totals[name][old]) ? `5 min ago ${show(store.totals[name][old])}` : `median ${show(middle(name))}`;
  const flow = (/** @type {string} */ name, /** @type {string} */ metric) => {
    const { value: shown, unit } = throughput(value(name));
    const scale = value(name) < 1000 ? 1 : 1000;
    return { shown, unit, note: `median ${Number.isNaN(middle(name)) ? NONE : number(middle(name) / scale, scale > 1 ? 1 : 0)}`, known: reported.has(metric) };
  };
  const delay = (/** @type {string} */ name, /** @type {number} */ most) => ({
    shown: millis(value(name)), unit: value(name) === Infinity ? "" : "ms", note: compare(name, millis), known: reported.has("delivery"), amber: value(name) > most,
  });
  const open = [value("sockets"), value("http")];
  const all = open.reduce((sum, n) => sum + (n || 0), 0);
  tile("in", flow("in", "posted"));
  tile("out", flow("out", "processed"));
  tile("lag", { shown: seconds(value("lag")), unit: "s", note: limit > 0 ? `limit ${number(limit, Number.isInteger(limit) ? 0 : 1)} s` : `median ${seconds(middle("lag"))}`, known: reported.has("lag"), amber: value("lag") > limit });
  tile("p50", delay("p50", P50_MS));
  tile("p99", delay("p99", P99_MS));
  tile("connections", { shown: whole(all), unit: "", note: `${whole(open[0])} WebSocket, ${whole(open[1])} HTTP`, known: reported.has("sockets") || reported.has("http"), amber: all > FULL * room });
}

/** @param {string} name @param {{ shown: string, unit: string, note: string, known: boolean, amber?: boolean }} content */
function tile(name, { shown, unit, note, known, amber }) {
  const box = find(`#tile-${name}`);
  box.classList.toggle("amber", known && Boolean(amber));
  write(find(".value", box), known ? shown : NONE);
  write(find(".unit", box), known ? unit : "");
  write(find(".note", box), known ? note : NOT_REPORTED);
}

/** @param {View} view */
export function drawReasons({ store, slots, from, to }) {
  const lists = { closes: store.counts("closes", slots), refusals: store.counts("refusals", slots) };
  const most = Math.max(1, ...Object.values(lists).map(([first]) => first?.count ?? 0));
  write(find("#reasons .unit"), `last ${duration(to - from + 0.5).replace(/^60 s/, "1 min")}`);
  for (const [kind, list] of Object.entries(lists)) drawList(find(`#${kind}`), kind, list, most);
}

/** @param {HTMLElement} box @param {string} kind @param {{ reason: string, count: number }[]} list @param {number} most */
function drawList(box, kind, list, most) {
  const rest = list.slice(SHOWN).filter(({ count }) => count).reduce((all, { count }) => all + count, 0);
  const wanted = Math.min(SHOWN, list.length);
  while (box.children.length < wanted) box.append(/** @type {HTMLTemplateElement} */ (find("#reason")).content.cloneNode(true));
  while (box.children.length > wanted) box.lastElementChild?.remove();
  list.slice(0, SHOWN).forEach(({ reason, count }, i) => {
    const item = box.children[i];
    write(find(".name", item), reasonName(reason));
    write(find("code", item), reason);
    write(find(".count", item), number(count));
    find(".bar", item).style.setProperty("--share", `${(100 * count) / most}%`);
  });
  write(find(`#${kind}-note`), list.length ? (rest ? `and ${number(rest)} for other reasons` : "") : "none reported");
}
