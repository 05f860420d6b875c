/** How values read. */

const UNITS = /** @type {const} */ ([["day", 86400], ["hour", 3600], ["minute", 60]]);
const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const ABSOLUTE = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "medium" });

/** "partially_succeeded" as people write it. @param {string} name */
export const plain = (name) => name.replaceAll("_", " ");

/** The same at the beginning of a line. @param {string} name */
export const titled = (name) => name.charAt(0).toUpperCase() + plain(name).slice(1);

/** A message as a sentence. @param {string} text */
export const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;

/** A moment, seen from now: "2 hours ago". @param {string} moment RFC 3339 */
export function ago(moment) {
  const seconds = (Date.parse(moment) - Date.now()) / 1000;
  for (const [unit, length] of UNITS) {
    if (Math.abs(seconds) >= length) return RELATIVE.format(Math.round(seconds / length), unit);
  }
  return seconds > 5 ? "in a moment" : "just now";
}

/** A moment in full. @param {string} moment RFC 3339 */
export const moment = (moment) => ABSOLUTE.format(new Date(moment));

/** The time between two moments. @param {string} from RFC 3339 @param {string} to RFC 3339 */
export function duration(from, to) {
  const seconds = (Date.parse(to) - Date.parse(from)) / 1000;
  if (seconds < 0.1) return "under 0.1 s";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return `${Math.round(seconds / 60)} min`;
}

/** Estimated dollars; small sums keep their digits. @param {number} usd */
export const cost = (usd) => (usd === 0 ? "free" : `about $${usd.toFixed(usd < 0.1 ? 4 : 2)}`);

/** A number of things. @param {number} number @param {string} one @param {string} many */
export const counted = (number, one, many) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;

/** A size in bytes. @param {number} bytes */
export const bytes = (bytes) => (bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);
