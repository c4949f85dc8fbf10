// @ts-check
// Links in what people write: recognised, shown as typed, never markup.

/** @typedef {{ text: string, href?: string, title?: string }} Piece A piece of text; with `href`, a link. */

// A link ends at a blank, and at whatever turns the direction of text.
const run = /(?:https?:\/\/|www\.)[^\s<>"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+/giu;
const trailing = /[.,;:!?'"’”»…]/u;
/** @type {Record<string, string>} */
const opening = { ")": "(", "]": "[", "}": "{" };

/** @param {string} text @param {string} sign */
const times = (text, sign) => text.split(sign).length - 1;

/** What belongs to the link: not the full stop behind it, nor a bracket that it did not open. @param {string} text */
function trimmed(text) {
  let link = text;
  for (;;) {
    const last = link.at(-1) ?? "";
    const open = opening[last];
    const unpaired = open !== undefined && times(link, last) > times(link, open);
    if (!unpaired && !trailing.test(last)) return link;
    link = link.slice(0, -1);
  }
}

/** Signs that are not seen in a host, and the one that browsers take for another than people do. */
const disguises = /[\p{Default_Ignorable_Code_Point}\p{Cf}\\]/u;

/** The name of the host, and what stands before it. @param {string} link */
const authority = (link) => link.replace(/^https?:\/\//i, "").split(/[/?#]/u)[0];

/** @param {string} link @returns {URL | null} */
function target(link) {
  if (disguises.test(authority(link))) return null;
  try {
    const url = new URL(/^www\./i.test(link) ? `https://${link}` : link);
    return /^https?:$/.test(url.protocol) ? url : null;
  } catch {
    return null;
  }
}

// Where the host looks other than it is, the title tells which it is.
/** @param {string} link @param {URL} url */
function title(link, url) {
  return /[^\u0021-\u007e]|@/u.test(authority(link)) ? url.host : undefined;
}

/** Splits a text into links and what is none. @param {string} text @returns {Piece[]} */
export function pieces(text) {
  /** @type {Piece[]} */
  const found = [];
  let end = 0;
  for (const match of text.matchAll(run)) {
    const start = match.index ?? 0;
    if (start > 0 && /[\p{L}\p{N}_@]/u.test(text[start - 1])) continue;
    const link = trimmed(match[0]);
    const url = target(link);
    if (!url) continue;
    if (start > end) found.push({ text: text.slice(end, start) });
    found.push({ text: link, href: url.href, title: title(link, url) });
    end = start + link.length;
  }
  if (end < text.length) found.push({ text: text.slice(end) });
  return found;
}
