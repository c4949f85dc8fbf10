// @ts-check
// The icons, 20 units square, put into the page once as symbols: `<use href="#i-name">`.
const SVG = "http://www.w3.org/2000/svg";

/** @type {Record<string, string>} */
const paths = {
  add: "M10 4v12M4 10h12",
  alert: "M10 6.2v4.6M10 13.8v.1M10 2.8a7.2 7.2 0 1 0 0 14.4 7.2 7.2 0 0 0 0-14.4",
  back: "M12.5 4 6.5 10l6 6",
  bell: "M5 13.5V9a5 5 0 0 1 10 0v4.5l1.2 1.5H3.8ZM8.4 17.2h3.2",
  bin: "M4.5 6h11M8 6V4h4v2M6 6l.6 10h6.8L14 6M8.7 9v4.2M11.3 9v4.2",
  block: "M10 2.8a7.2 7.2 0 1 0 0 14.4 7.2 7.2 0 0 0 0-14.4M5 5l10 10",
  check: "m4.5 10.5 3.7 3.7 7.3-8",
  clock: "M10 5.8V10l2.6 1.8M10 2.8a7.2 7.2 0 1 0 0 14.4 7.2 7.2 0 0 0 0-14.4",
  close: "m4.8 4.8 10.4 10.4m0-10.4L4.8 15.2",
  compose: "M9.5 4H5.2A1.7 1.7 0 0 0 3.5 5.7v9.1a1.7 1.7 0 0 0 1.7 1.7h9.1a1.7 1.7 0 0 0 1.7-1.7v-4.3M8 12l.5-2.7 6.3-6.3 2.2 2.2-6.3 6.3Z",
  copy: "M7.5 7.5h8.8v8.8H7.5ZM12.5 7.5V3.7H3.7v8.8h3.8",
  down: "M10 4v12M4.8 10.8 10 16l5.2-5.2",
  edit: "m4 16 .8-3.6L13.5 3.7l2.8 2.8-8.7 8.7Z",
  history: "M3.5 10a6.5 6.5 0 1 0 2-4.7L3.5 7.2M3.5 3.5v3.7h3.7M10 6.5V10l2.4 1.5",
  info: "M10 9.2v4.6M10 6.3v.1M10 2.8a7.2 7.2 0 1 0 0 14.4 7.2 7.2 0 0 0 0-14.4",
  leave: "M8 3.8H4.5v12.4H8M8.5 10H17M13.7 6.5 17.2 10l-3.5 3.5",
  more: "M4.8 10a.6.6 0 1 1-1.2 0 .6.6 0 1 1 1.2 0M10.6 10a.6.6 0 1 1-1.2 0 .6.6 0 1 1 1.2 0M16.4 10a.6.6 0 1 1-1.2 0 .6.6 0 1 1 1.2 0",
  mute: "M3.5 3.5l13 13M7 5.2a5 5 0 0 1 8 3.8v3M5.2 8.2C5 8.7 5 8.9 5 9.2v4.3L3.8 15h9.7M8.4 17.2h3.2",
  offline: "M3.5 3.5l13 13M2.5 8.3A11 11 0 0 1 6 6.1M9 5.3a11 11 0 0 1 8.5 3M5.3 11.3a7 7 0 0 1 3.2-1.8M12.5 9.9a7 7 0 0 1 2.2 1.4M8.3 14.2a2.6 2.6 0 0 1 3.4 0M10 16.4v.1",
  people: "M7.7 9.6a2.9 2.9 0 1 0 0-5.8 2.9 2.9 0 0 0 0 5.8M2.3 16.5v-.8a4 4 0 0 1 4-4h2.8a4 4 0 0 1 4 4v.8M13.2 4a2.9 2.9 0 0 1 0 5.5M15 12a4 4 0 0 1 2.7 3.7v.8",
  search: "M9 3.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11M13.2 13.2l3.6 3.6",
  send: "M10 16V4.5M5 9.2l5-5 5 5",
  settings: "M3 6.5h6.5M13.5 6.5H17M3 13.5h2.5M9.5 13.5H17M11.5 8.4a1.9 1.9 0 1 0 0-3.8 1.9 1.9 0 0 0 0 3.8M7.5 15.4a1.9 1.9 0 1 0 0-3.8 1.9 1.9 0 0 0 0 3.8",
  smile: "M10 2.8a7.2 7.2 0 1 0 0 14.4 7.2 7.2 0 0 0 0-14.4M6.8 11.8c1.6 2.4 4.8 2.4 6.4 0M7.6 7.9v.4M12.4 7.9v.4",
  sync: "M16 8.5A6.3 6.3 0 0 0 4.7 6.7L3.3 8.2M3.3 4.3v3.9h3.9M4 11.5a6.3 6.3 0 0 0 11.3 1.8l1.4-1.5M16.7 15.7v-3.9h-3.9",
  up: "M10 16V4M4.8 9.2 10 4l5.2 5.2",
};

/** Puts the symbols into the page; call it once, before anything uses them. */
export function addIcons() {
  const sheet = document.createElementNS(SVG, "svg");
  sheet.setAttribute("hidden", "");
  for (const [name, d] of Object.entries(paths)) {
    const symbol = document.createElementNS(SVG, "symbol");
    symbol.id = `i-${name}`;
    symbol.setAttribute("viewBox", "0 0 20 20");
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    symbol.append(path);
    sheet.append(symbol);
  }
  document.body.append(sheet);
}

/** An icon of the sheet, without a name of its own: what it stands in says what it is. */
export function icon(/** @type {string} */ name, className = "") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", `icon ${className}`.trim());
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}
