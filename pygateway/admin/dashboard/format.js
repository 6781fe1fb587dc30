// Numbers as people read them: about three digits, and a unit. Every function gives the number and
// the unit apart, so that the page can set the unit smaller.

/** What stands where there is nothing to say. */
export const NOTHING = ["–", ""];

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const minutes = new Intl.DateTimeFormat("en-GB", { timeStyle: "short" });
const dated = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

/** Writes a positive number with as many decimals as make about three digits. */
function digits(value) {
  if (value === 0) return "0";
  if (value < 0.01) return "<0.01";
  if (value < 9.995) return value.toFixed(2);
  if (value < 99.95) return value.toFixed(1);
  return whole.format(value);
}

/** A count. */
export function count(value) {
  return value == null ? NOTHING : [whole.format(value), ""];
}

/** So many a second. */
export function rate(value) {
  if (value == null) return NOTHING;
  return value >= 99_950 ? [digits(value / 1000), "k/s"] : [digits(value), "/s"];
}

/** A share of 1. */
export function share(value) {
  if (value == null) return NOTHING;
  // Only what is all of it is called that.
  return [value < 1 && value > 0.9999 ? ">99.99" : digits(value * 100), "%"];
}

/**
 * A time span in seconds. Within the first bucket of a histogram and beyond its last bound nothing
 * more is known than that: an estimate there would look as if it were.
 *
 * @param {{first: number, last: number}} [limits] Those bounds, if it is from a histogram.
 */
export function span(value, { first = 0, last = Infinity } = {}) {
  if (value == null) return NOTHING;
  if (value <= first) return [`≤${shortened(duration(first)[0])}`, duration(first)[1]];
  if (value >= last) return [`≥${shortened(duration(last)[0])}`, duration(last)[1]];
  return duration(value);
}

function duration(value) {
  if (value < 0.9995e-3) return [digits(value * 1e6), "µs"];
  if (value < 0.9995) return [digits(value * 1e3), "ms"];
  return [digits(value), "s"];
}

/** Bounds and ticks are round numbers: decimals would say nothing. */
function shortened(number) {
  return number.includes(".") ? number.replace(/\.?0+$/, "") : number;
}

/** Bytes a second. */
export function throughput(value) {
  if (value == null) return NOTHING;
  const units = ["B/s", "kB/s", "MB/s", "GB/s"];
  let power = 0;
  while (value >= 999.5 && power < units.length - 1) {
    value /= 1000;
    power += 1;
  }
  return [power === 0 ? whole.format(value) : digits(value), units[power]];
}

/** How long ago, in words: `12 s`, `5 min`, `3 h`, `2 d`. */
export function age(seconds) {
  if (seconds < 99.5) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 99.5 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 47.5 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** Hours, minutes and seconds of Unix seconds, where the reader is. */
export function timeOfDay(seconds) {
  return clock.format(seconds * 1000);
}

/** Hours and minutes of Unix seconds. */
export function hourAndMinute(seconds) {
  return minutes.format(seconds * 1000);
}

/** Date and time of a time stamp (RFC 3339). */
export function dateAndTime(stamp) {
  return dated.format(new Date(stamp));
}

/** The same for an axis, whose numbers are round. */
export function round([number, unit]) {
  return text([shortened(number), unit]);
}

/** Number and unit in one text. */
export function text([number, unit]) {
  return unit ? `${number}\u00a0${unit}` : number;
}
