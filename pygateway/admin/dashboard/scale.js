// Where values stand on an axis, and which of them get a word. Numbers on axes are 1, 2 or 5 times a
// power of ten, because people read those without thinking.

/** Gives the smallest such number that is not below `value`. */
export function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  // Powers of ten are not exact below 1.
  const factor = [1, 2, 5].find((each) => each * power >= value * (1 - 1e-9)) ?? 10;
  return factor * power;
}

/** Gives the largest such number that is not above `value`. */
export function roundDown(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [5, 2, 1].find((each) => each * power <= value * (1 + 1e-9)) ?? 1;
  return factor * power;
}

/** An even scale from 0 to above all values, at least up to `least`. */
export function linear(values, least) {
  const most = Math.max(least, ...values);
  const step = roundUp(most / 4);
  const top = step * Math.ceil(most / step - 1e-9);
  const ticks = Array.from({ length: Math.round(top / step) + 1 }, (_, index) => index * step);
  return { ticks, place: (value) => value / top };
}

/** A scale on which every tenfold is as far, for times: microseconds and seconds are both seen. */
export function logarithmic(values) {
  const positive = values.filter((value) => value > 0);
  if (positive.length === 0) return logarithmic([1e-4, 1e-2]);
  let bottom = roundDown(Math.min(...positive));
  let top = roundUp(Math.max(...positive));
  // Less than a tenfold would show noise as if it were news.
  while (top / bottom < 9.9) {
    bottom = roundDown(bottom * 0.75);
    top = top / bottom < 9.9 ? roundUp(top * 1.25) : top;
  }
  const tenfolds = Math.log10(top / bottom);
  const factors = tenfolds > 2.5 ? [1] : tenfolds > 1.5 ? [1, 3] : [1, 2, 5];
  const ticks = [];
  for (let power = Math.floor(Math.log10(bottom)); power <= Math.ceil(Math.log10(top)); power += 1) {
    for (const factor of factors) {
      const tick = factor * 10 ** power;
      if (tick >= bottom * 0.999 && tick <= top * 1.001) ticks.push(tick);
    }
  }
  const place = (value) => Math.max(0, Math.log10(Math.max(value, bottom) / bottom)) / tenfolds;
  return { ticks, place };
}
