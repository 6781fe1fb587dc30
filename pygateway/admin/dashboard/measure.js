// Arithmetic on documents of /traffic. Nothing here knows of the page or of time that passes, so
// that tests can compare it with another computation.
//
// Counts in those documents begin when the gateway starts and only grow. What happened within some
// time is therefore the difference of two documents; everything that is shown comes from one.

/** Adds numbers up. */
export function sum(numbers) {
  return numbers.reduce((total, each) => total + each, 0);
}

/**
 * Gives the value below which lies `share` of what a histogram has counted; null if that is nothing.
 *
 * Within a bucket, values are taken as spread evenly, which is what Prometheus' histogram_quantile
 * does too. Of values above the last bound nothing more is known: the answer is that bound.
 *
 * @param {number[]} bounds Upper bounds of the buckets, ascending.
 * @param {number[]} buckets Counts, not cumulative; one more than bounds.
 * @param {number} share Between 0 and 1.
 */
export function quantile(bounds, buckets, share) {
  const count = sum(buckets);
  if (count === 0) return null;
  const rank = share * count;
  let below = 0;
  for (let index = 0; index < bounds.length; index += 1) {
    const within = buckets[index];
    if (within > 0 && below + within >= rank) {
      const lower = index === 0 ? 0 : bounds[index - 1];
      return lower + (bounds[index] - lower) * ((rank - below) / within);
    }
    below += within;
  }
  return bounds.at(-1);
}

/**
 * Subtracts counts, member by member. What the older ones lack counts from nothing: a route's first
 * request makes its entry.
 */
export function minus(newer, older) {
  if (typeof newer === "number") return newer - (older ?? 0);
  if (Array.isArray(newer)) return newer.map((each, index) => minus(each, older?.[index]));
  const members = Object.entries(newer).map(([name, each]) => [name, minus(each, own(older, name))]);
  return Object.fromEntries(members);
}

/** Names come from configurations, where a route may be called `constructor`. */
function own(members, name) {
  return members && Object.hasOwn(members, name) ? members[name] : undefined;
}

/** Takes everything that grows out of a document, with lists turned into objects by name. */
export function countsOf(document) {
  const only = (parts, each) => Object.fromEntries(parts.map((part) => [part, each[part]]));
  const named = (list, key, parts) =>
    Object.fromEntries(list.map((each) => [each[key], only(parts, each)]));
  // Its entries and bytes are of this moment, and come and go.
  const cache = (each) => ({
    hits: each?.hits ?? 0,
    misses: each?.misses ?? 0,
    evictions: each?.evictions ?? 0,
  });
  return {
    routes: named(document.routes, "route", [
      "statuses",
      "buckets",
      "sum",
      "request_bytes",
      "response_bytes",
    ]),
    upstreams: named(document.upstreams, "upstream", ["statuses", "buckets", "sum", "events"]),
    overhead: document.overhead,
    phases: document.phases,
    policies: document.policies,
    auth: document.auth,
    tokenCache: {
      tokens: cache(document.token_cache.tokens),
      refusals: cache(document.token_cache.refusals),
    },
    accessLog: document.access_log,
  };
}

/**
 * Tells whether a difference has something that went down, which only a restart does. Sums of
 * seconds are added up anew for every document, so that they may differ by a rounding.
 */
export function wentDown(difference) {
  if (typeof difference === "number") return difference < -1e-3;
  return Object.values(difference).some(wentDown);
}

/**
 * Gives what happened between two documents, for people to read.
 *
 * @param newer The later document.
 * @param older The earlier one; null stands for the gateway's start.
 * @returns null if there is no time between them, or the gateway was restarted there.
 */
export function between(newer, older) {
  const began = older === null ? newer.started : older.time;
  const seconds = newer.time - began;
  if (!(seconds > 0)) return null;
  const counts = minus(countsOf(newer), older === null ? {} : countsOf(older));
  if (wentDown(counts)) return null;
  const { bounds } = newer;
  const routes = Object.entries(counts.routes).map(([name, route]) => ({
    name,
    ...requestsOf(route.statuses, seconds),
    latency: distribution(bounds.requests, route),
    bytesIn: route.request_bytes / seconds,
    bytesOut: route.response_bytes / seconds,
  }));
  const upstreams = Object.entries(counts.upstreams).map(([name, upstream]) => ({
    name,
    ...requestsOf(upstream.statuses, seconds),
    latency: distribution(bounds.upstreams, upstream),
    events: upstream.events,
  }));
  const phases = Object.entries(counts.phases).map(([name, phase]) => ({
    name,
    latency: distribution(bounds.phases, phase),
  }));
  return {
    seconds,
    routes,
    upstreams,
    phases,
    all: {
      ...requestsOf(added(Object.values(counts.routes).map((route) => route.statuses)), seconds),
      latency: distribution(bounds.requests, merged(Object.values(counts.routes))),
    },
    overhead: distribution(bounds.overhead, counts.overhead),
    policies: Object.entries(counts.policies).map(([name, policy]) => ({ name, ...policy })),
    auth: Object.entries(counts.auth).map(([name, count]) => ({ name, count })),
    tokenCache: counts.tokenCache,
    accessLog: counts.accessLog,
  };
}

/**
 * Reads counts by status. A status that is empty is an upstream's that never answered: a failure,
 * like 5xx.
 */
function requestsOf(statuses, seconds) {
  const counted = (test) =>
    sum(Object.entries(statuses).map(([status, count]) => (test(status) ? count : 0)));
  const requests = counted(() => true);
  const clientErrors = counted((status) => status.startsWith("4"));
  const serverErrors = counted((status) => status.startsWith("5") || status === "");
  return {
    requests,
    clientErrors,
    serverErrors,
    rate: requests / seconds,
    clientErrorShare: ratio(clientErrors, requests),
    serverErrorShare: ratio(serverErrors, requests),
  };
}

/**
 * Gives the rates at which routes were asked for, over the documents that are held, by route: each
 * a list of points, with seconds before the last document.
 *
 * @param documents Of /traffic, without a restart between them, the newest last.
 * @param step Seconds that a point tells of, at least.
 */
export function coursesOf(documents, step) {
  const newest = documents.at(-1);
  const requestsIn = (document) =>
    new Map(document.routes.map((each) => [each.route, sum(Object.values(each.statuses))]));
  const courses = new Map(newest.routes.map((each) => [each.route, []]));
  let before = null;
  for (const document of documents.toReversed()) {
    if (before !== null && before.time - document.time < step) continue;
    const requests = requestsIn(document);
    for (const [route, points] of courses) {
      if (before === null) continue;
      const rate = (before.requests.get(route) ?? 0) - (requests.get(route) ?? 0);
      points.unshift({ ago: newest.time - before.time, rate: rate / (before.time - document.time) });
    }
    before = { time: document.time, requests };
  }
  return courses;
}

/** Divides; null where there is nothing to be a share of. */
export function ratio(part, whole) {
  return whole > 0 ? part / whole : null;
}

/** Describes a histogram by what people ask of it. */
function distribution(bounds, { buckets, sum: total }) {
  const count = sum(buckets);
  return {
    count,
    total,
    p50: quantile(bounds, buckets, 0.5),
    p90: quantile(bounds, buckets, 0.9),
    p99: quantile(bounds, buckets, 0.99),
    first: bounds[0],
    last: bounds.at(-1),
  };
}

/** Adds objects of counts up, member by member. */
function added(objects) {
  const totals = new Map();
  for (const each of objects) {
    for (const [name, count] of Object.entries(each)) {
      totals.set(name, (totals.get(name) ?? 0) + count);
    }
  }
  return Object.fromEntries(totals);
}

/** Adds histograms of the same bounds up. */
function merged(histograms) {
  const [first, ...others] = histograms;
  if (first === undefined) return { buckets: [], sum: 0 };
  const buckets = first.buckets.map((count, index) =>
    sum([count, ...others.map((other) => other.buckets[index])]),
  );
  return { buckets, sum: sum(histograms.map((each) => each.sum)) };
}

/**
 * Gives the curves' points: the history that the gateway keeps, and behind it what has happened
 * since, so that curves reach up to now.
 *
 * @param document The newest document.
 * @param recent What happened in the last seconds before it, as `between` gives it, or null.
 */
export function pointsOf(document, recent) {
  const points = document.history.map(
    ([time, rate, serverErrors, clientErrors, p50, p99, overheadP50, overheadP99]) => ({
      time,
      rate,
      serverErrorShare: ratio(serverErrors ?? 0, rate),
      clientErrorShare: ratio(clientErrors ?? 0, rate),
      p50,
      p99,
      overheadP50,
      overheadP99,
    }),
  );
  const last = points.at(-1)?.time ?? 0;
  if (recent !== null && document.time - last > 1) {
    const { all, overhead } = recent;
    points.push({
      time: document.time,
      rate: all.rate,
      serverErrorShare: all.serverErrorShare,
      clientErrorShare: all.clientErrorShare,
      p50: all.latency.p50,
      p99: all.latency.p99,
      overheadP50: overhead.p50,
      overheadP99: overhead.p99,
    });
  }
  return points;
}
