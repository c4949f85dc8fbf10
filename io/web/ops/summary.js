// The tiles, and the reasons of closes and refusals.
import { median } from "./samples.js";
import { millis, NONE, number, reasonName, seconds, write } from "./words.js";

/** Above these a tile is amber: milliseconds, and a share of the connections that there may be. */
const P50_MS = 100, P99_MS = 1000, FULL = 0.9;
/** Reasons that have a bar of their own. */
const SHOWN = 4;

const find = (selector, root = document) => root.querySelector(selector);

export function drawTiles({ store, slots, to, limit, reported }, slot, room) {
  const value = (name) => store.totals[name][slot];
  const middle = (name) => median(slots.map((each) => store.totals[name][each]));
  const tile = (id, metric, shown, unit, note, amber) => {
    const known = reported.has(metric);
    const box = find(`#tile-${id}`);
    box.classList.toggle("amber", known && amber);
    write(find(".value", box), known ? shown : NONE);
    // The space belongs to the unit: one by itself counts as moved once there is something behind it.
    write(find(".unit", box), known && shown !== NONE ? ` ${unit}` : "");
    write(find(".note", box), known ? note : "not reported");
  };
  const flow = (id, metric) => {
    const [scale, digits, unit] = value(id) < 1000 ? [1, 0, "msg/s"] : [1000, 1, "k msg/s"];
    tile(id, metric, number(value(id) / scale, digits), unit, `median ${number(middle(id) / scale, digits)}`, false);
  };
  const before = store.slots(to - 304, to - 296)[0];
  const delay = (id, most) => {
    const old = store.totals[id][before];
    tile(id, "delivery", millis(value(id)), value(id) < Infinity ? "ms" : "", old >= 0 ? `5 min ago ${millis(old)}` : `median ${millis(middle(id))}`, value(id) > most);
  };
  const sockets = value("sockets"), http = value("http");
  flow("in", "posted");
  flow("out", "processed");
  tile("lag", "lag", seconds(value("lag")), "s", limit > 0 ? `limit ${number(limit, 1, 0)} s` : `median ${seconds(middle("lag"))}`, value("lag") > limit);
  delay("p50", P50_MS);
  delay("p99", P99_MS);
  tile("connections", "sockets", number(sockets + http), "", `${number(sockets)} WebSocket, ${number(http)} HTTP`, sockets + http > FULL * room);
}

export function drawReasons({ store, from, to }) {
  const lists = ["closes", "refusals"].map((kind) => store.counts(kind, store.slots(from + 0.001, to)));
  const most = Math.max(1, ...lists.map(([first]) => first?.[1] ?? 0));
  write(find("#reasons .unit"), `last ${Math.round((to - from) / 60)} min`);
  ["closes", "refusals"].forEach((kind, i) => drawList(kind, lists[i], most));
}

function drawList(kind, list, most) {
  const box = find(`#${kind}`);
  const wanted = Math.min(SHOWN, list.length);
  while (box.children.length < wanted) box.append(find("#reason").content.cloneNode(true));
  while (box.children.length > wanted) box.lastElementChild.remove();
  [...box.children].forEach((item, i) => {
    const [reason, count] = list[i];
    write(find(".name", item), reasonName(reason));
    write(find("code", item), reason);
    write(find(".count", item), number(count));
    find(".bar", item).style.setProperty("--share", `${(100 * count) / most}%`);
  });
  const rest = list.slice(SHOWN).reduce((all, [, count]) => all + count, 0);
  write(box.nextElementSibling, !list.length ? `no ${kind} reported` : rest ? `and ${number(rest)} for other reasons` : "");
}
