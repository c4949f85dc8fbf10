// Numbers, times and names as the reader writes them.
const languages = globalThis.navigator?.languages;
const locales = languages?.length ? [...languages] : ["en-GB"];

/** What stands for a figure that is not there. */
export const NONE = "–";

const formats = {};
const format = (value, options) => (value >= -Infinity ? (formats[JSON.stringify(options)] ??= new Intl.NumberFormat(locales, options)).format(value) : NONE);

export const number = (value, digits = 0, least = digits) => format(value, { minimumFractionDigits: least, maximumFractionDigits: digits });
export const percent = (share) => format(share, { style: "percent" });
export const seconds = (value) => number(value, value < 1 ? 2 : 1);
/** Milliseconds; above the last bucket only that is known. */
export const millis = (value) => (value === Infinity ? `> ${number(10)} s` : number(value, value < 0.0995 ? 2 : value < 99.5 ? 1 : 0));
/** `17:36:02` */
export const time = (at) => new Date(at * 1000).toLocaleTimeString(locales, { hourCycle: "h23" });

/** `58 s`, `4 min`, `2 h 5 min`, `4 d 06:12` */
export function duration(length) {
  const s = Math.floor(length);
  const minutes = Math.floor(s / 60);
  const hours = Math.floor(minutes / 60);
  const pad = (n) => String(n % 60).padStart(2, "0");
  if (s < 100) return `${s} s`;
  if (hours < 1) return `${minutes} min`;
  if (hours < 24) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${pad(hours % 24)}:${pad(minutes)}`;
}

/** `5 and 9`, `0, 1, 2 and 5 more` */
export function listed(numbers) {
  const named = numbers.length > 4 ? [...numbers.slice(0, 3), `${numbers.length - 3} more`] : numbers;
  return `${named.slice(0, -1).join(", ")} and ${named.at(-1)}`;
}

const REASONS = {
  1000: "Closed by the client", 1001: "Going away", 1002: "Protocol error", 1007: "Not UTF-8", 1009: "Too large", 1011: "Server error",
  1012: "Restart", 4001: "Login ended", 4008: "Slow reader", 4029: "Too many messages", 4030: "Too many sockets",
  forbidden: "Not allowed", malformed_json: "Malformed JSON", wrong_credentials: "Wrong password",
};

/** Of a close code or a problem code. */
export const reasonName = (code) => REASONS[code] ?? code[0].toUpperCase() + code.slice(1).replaceAll("_", " ");

/** Sets a text, if it is another. */
export const write = (node, text) => {
  if (node.textContent !== text) node.textContent = text;
};
