// @ts-check
// What the page says, and numbers and times as the reader writes them.

const known = () => {
  try {
    return Intl.getCanonicalLocales([...(globalThis.navigator?.languages ?? [])]);
  } catch {
    return [];
  }
};
const locales = [...known(), "en-GB"];
/** @type {Map<string, Intl.NumberFormat>} */
const formats = new Map();

/** @param {number} value @param {number} [digits] after the point @param {Intl.NumberFormatOptions} [options] */
export function number(value, digits = 0, options = {}) {
  const key = digits + JSON.stringify(options);
  let format = formats.get(key);
  if (!format) formats.set(key, (format = new Intl.NumberFormat(locales, { minimumFractionDigits: digits, maximumFractionDigits: digits, ...options })));
  return format.format(value);
}

export const NONE = "–";
export const NOT_REPORTED = "not reported";

/** @param {number} share */
export const percent = (share) => (Number.isNaN(share) ? NONE : number(share, 0, { style: "percent" }));

/** Seconds, as of a lag. @param {number} value */
export const seconds = (value) => (Number.isNaN(value) ? NONE : number(value, value < 1 ? 2 : 1));

/** Milliseconds; above the last bucket only that is known. @param {number} value */
export const millis = (value) => (value === Infinity ? `> ${number(10)} s` : Number.isNaN(value) ? NONE : number(value, value < 0.0995 ? 2 : value < 99.5 ? 1 : 0));

/** @param {number} value messages a second */
export const throughput = (value) =>
  value < 1000 || Number.isNaN(value) ? { value: Number.isNaN(value) ? NONE : number(value, value < 9.95 ? 1 : 0), unit: "msg/s" } : { value: number(value / 1000, 1), unit: "k msg/s" };

/** @param {number} value a rate of a core */
export const whole = (value) => (Number.isNaN(value) ? NONE : number(value));

const clock = new Intl.DateTimeFormat(locales, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
/** @param {number} at seconds since 1970 */
export const time = (at) => clock.format(at * 1000);

/** `58 s`, `4 min`, `2 h 5 min`, `4 d 06:12`. @param {number} length in seconds */
export function duration(length) {
  const s = Math.max(0, Math.floor(length));
  const minutes = Math.floor(s / 60);
  const hours = Math.floor(minutes / 60);
  if (s < 120) return `${s} s`;
  if (hours < 1) return `${minutes} min`;
  if (hours < 24) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${String(hours % 24).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;
}

/** `5`, `5 and 9`, `0, 1, 2 and 5 more`. @param {number[]} numbers */
export function listed(numbers) {
  const named = numbers.length > 4 ? [...numbers.slice(0, 3), `${numbers.length - 3} more`] : numbers;
  return named.length < 2 ? String(named[0]) : `${named.slice(0, -1).join(", ")} and ${named.at(-1)}`;
}

/** @type {Record<string, string>} */
const REASONS = {
  1000: "Closed by the client", 1001: "Going away", 1002: "Protocol error", 1005: "Closed without a code", 1006: "Connection lost",
  1007: "Not UTF-8", 1009: "Too large", 1011: "Server error", 1012: "Restart", 4001: "Login ended", 4008: "Slow reader",
  4029: "Too many messages", 4030: "Too many sockets", other: "Another", forbidden: "Not allowed", wrong_credentials: "Wrong password",
};

/** @param {string} reason as the label of the metric has it */
export const reasonName = (reason) => REASONS[reason] ?? (reason[0] ?? "").toUpperCase() + reason.slice(1).replaceAll("_", " ");
