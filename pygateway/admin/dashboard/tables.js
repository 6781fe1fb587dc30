// What the tables show: their columns, and rows made of what `between` gives.

import { html, say, show, svg } from "./element.js";
import { count, rate, share, span, throughput } from "./format.js";
import { sum, ratio } from "./measure.js";
import { named, number, Table } from "./table.js";

/** Errors of clients are worth a look, those of servers are worth getting up for. */
const warn = { tone: () => "warn" };
const bad = { tone: () => "bad" };

const percentiles = ["p50", "p90", "p99"].map((name) =>
  number(name, (row) => row.latency?.[name], (value, row) => span(value, row.latency)));

const errorShares = [
  number("5xx", (row) => row.serverErrorShare, share, bad),
  number("4xx", (row) => row.clientErrorShare, share, warn),
];

/** A rate, with a bar that says how much of all it is. */
const rates = {
  head: "Requests",
  value: (row) => row.rate,
  show(row, cell) {
    if (row.rate === undefined) return;
    if (cell.childElementCount === 0) {
      cell.append(html("span", { class: "part", "aria-hidden": "true" }, html("i")), html("span"));
    }
    const [part, figure] = cell.children;
    part.firstChild.style.width = `${100 * row.part}%`;
    show(figure, rate(row.rate));
  },
};

/** The course of a route's rate over the last minutes, without words: the rate stands beside it. */
const courses = {
  head: "Last minutes",
  kind: "course",
  show(row, cell) {
    if (cell.childElementCount === 0) {
      const paths = [svg("path", { class: "area" }), svg("path")];
      cell.append(svg("svg", { viewBox: "0 0 132 22", "aria-hidden": "true" }, ...paths));
    }
    // As far back as the page remembers, but for its first minute.
    const known = Math.max(60, row.course[0]?.ago ?? 0);
    const most = Math.max(1e-9, ...row.course.map((point) => point.rate));
    // One point or two are no course yet.
    const course = row.course.length > 2 ? row.course : [];
    const corners = course.map(({ ago, rate: value }) =>
      `${(132 * (1 - ago / known)).toFixed(1)},${(20.5 - 18 * (value / most)).toFixed(1)}`);
    const [area, line] = cell.firstChild.children;
    const ends = [corners[0], corners.at(-1)].map((corner) => corner?.split(",")[0]);
    line.setAttribute("d", corners.length ? `M${corners.join("L")}` : "");
    area.setAttribute("d", corners.length ? `M${ends[0]},22L${corners.join("L")}L${ends[1]},22Z` : "");
  },
};

const ROUTES = [
  named("Route"),
  courses,
  rates,
  ...errorShares,
  ...percentiles,
  number("In", (row) => row.bytesIn, throughput, { about: "Bytes of requests" }),
  number("Out", (row) => row.bytesOut, throughput, { about: "Bytes of responses" }),
];

const event = (head, about, ...names) =>
  number(head, (row) => row.events && sum(names.map((name) => row.events[name] ?? 0)), count, { about, ...warn });

/** An endpoint's name, and whether it can be reached. */
const upstreamName = {
  ...named("Upstream"),
  show(row, cell) {
    if (row.kind !== "endpoint") return say(cell, row.name);
    if (cell.childElementCount === 0) cell.append(html("i", { class: "light" }), html("span"));
    cell.classList.toggle("away", !row.reachable);
    say(cell.lastChild, row.reachable ? row.name : `${row.name} unreachable`);
  },
};

const UPSTREAMS = [
  upstreamName,
  rates,
  number("Failed", (row) => row.serverErrorShare, share,
    { about: "Answered with 5xx, or not at all", ...bad }),
  ...percentiles,
  event("Retries", "Requests that were sent once more", "retry"),
  event("No connection", "Connections that could not be opened", "connect-failed"),
  event("Timeouts", "Answers that did not come in time", "timeout"),
  event("Broken", "Connections that broke, or answers that were not HTTP", "reset", "protocol-error"),
  event("Full", "Requests for which there was no connection left", "overloaded"),
  number("Active", (row) => row.active, count, { about: "Connections with a request, now" }),
  number("Idle", (row) => row.idle, count, { about: "Connections that wait for one, now" }),
  number("Queued", (row) => row.queued, count, { about: "Requests that wait for a connection, now", ...warn }),
];

/** In the order in which a request goes through them. */
const PHASES = {
  parse: "The head comes in pieces; before the clock starts",
  decide: "Route, credentials and limits that are known here",
  verify: "A credential that is new here is verified",
  limit: "The store is asked for a limit",
  connect: "A connection to the upstream is waited for",
  wait: "The upstream thinks",
  stream: "The body passes",
};

const phaseName = {
  ...named("Phase"),
  value: undefined,
  show(row, cell) {
    if (cell.childElementCount > 0) return;
    cell.title = row.about;
    cell.append(html("i", { class: `swatch phase-${row.name}` }), row.name);
  },
};

const PHASE_COLUMNS = [
  phaseName,
  number("Part", (row) => row.part, share, { about: "Of the time of all requests" }),
  number("Requests", (row) => row.latency.count, count, { about: "Requests that had this phase" }),
  number("mean", (row) => ratio(row.latency.total, row.latency.count), (value) => span(value)),
  number("p99", (row) => row.latency.p99, (value, row) => span(value, row.latency)),
];

const POLICIES = [
  named("Policy"),
  number("Refused", (row) => row.refused, count, { about: "Answered with 429", ...warn }),
  number("Share", (row) => ratio(row.refused, row.refused + row.admitted), share,
    { about: "Refused of what was decided", ...warn }),
  number("Admitted", (row) => row.admitted, count),
  number("Shadowed", (row) => row.shadowed, count, { about: "Would have been refused, but for shadow: true", rare: true }),
  number("Uncounted", (row) => row.uncounted, count, { about: "Passed, because the store was away", rare: true, ...warn }),
  number("Unavailable", (row) => row.unavailable, count, { about: "Answered with 503, because the store was away", rare: true, ...bad }),
  number("Crowded", (row) => row.crowded, count, { about: "Found no place of their own in the full table", rare: true, ...warn }),
];

const OUTCOMES = [
  named("Outcome"),
  number("Credentials", (row) => row.count, count),
  number("Part", (row) => row.part, share),
];

const WORKERS = [
  named("Worker"),
  number("Process", (row) => row.pid, (pid) => [String(pid), ""]),
  { head: "State", show(row, cell) {
    say(cell, row.state);
    cell.className = row.state === "ready" ? "good" : "warn";
  } },
  number("Connections", (row) => row.connections ?? undefined, count),
  number("Under way", (row) => row.active_requests ?? undefined, count),
];

/** All tables of the page. */
export class Tables {
  #tables = Object.fromEntries(
    Object.entries({
      routes: ROUTES,
      upstreams: UPSTREAMS,
      phases: PHASE_COLUMNS,
      limits: POLICIES,
      auth: OUTCOMES,
      workers: WORKERS,
    }).map(([id, columns]) => [id, new Table(document.getElementById(id), columns)]),
  );
  #bar = document.getElementById("phases-bar");

  /**
   * Shows a document of /traffic.
   *
   * @param document The newest one.
   * @param happened What has happened within some time before it, as `between` gives it.
   * @param course How routes have fared, as `coursesOf` gives it.
   */
  show(document, happened, course) {
    this.#tables.routes.fill(routeRows(document, happened, course));
    this.#tables.upstreams.fill(upstreamRows(document, happened));
    this.#showPhases(happened);
    this.#tables.limits.fill(happened.policies.map((each) => ({ ...each, key: each.name })));
    const credentials = sum(happened.auth.map((each) => each.count));
    this.#tables.auth.fill(
      happened.auth
        .filter((each) => each.count > 0)
        .map((each) => ({ ...each, key: each.name, part: each.count / credentials })),
    );
    this.#tables.workers.fill(
      document.workers.map((each) => ({ ...each, key: each.pid, name: String(each.worker) })),
    );
  }

  #showPhases(happened) {
    const found = new Map(happened.phases.map((phase) => [phase.name, phase]));
    const rows = Object.entries(PHASES).map(([name, about]) => ({ key: name, about, ...found.get(name) }));
    const timed = rows.filter((row) => row.name !== "parse" && row.latency?.count > 0);
    const total = sum(timed.map((row) => row.latency.total));
    for (const row of timed) row.part = ratio(row.latency.total, total) ?? undefined;
    this.#tables.phases.fill(rows.filter((row) => row.latency?.count > 0));
    this.#bar.hidden = total === 0;
    this.#bar.replaceChildren(...timed.map((row) => {
      const part = html("i", { class: `phase-${row.name}` });
      part.style.flexGrow = row.part;
      return part;
    }));
  }
}

/** The busiest since the gateway's start first, which changes seldom. */
function byTotal(list) {
  const total = new Map(list.map((each) => [each, sum(Object.values(each.statuses))]));
  return list.toSorted((a, b) => total.get(b) - total.get(a));
}

function routeRows(document, happened, course) {
  const found = new Map(happened.routes.map((route) => [route.name, route]));
  return byTotal(document.routes).map(({ route }) => ({
    ...found.get(route),
    key: route,
    course: course.get(route),
    part: ratio(found.get(route).requests, happened.all.requests) ?? 0,
    ...(route === "" && { label: "no route" }),
    ...(route === "_other" && { label: "other routes" }),
  }));
}

function upstreamRows(document, happened) {
  const found = new Map(happened.upstreams.map((upstream) => [upstream.name, upstream]));
  const all = sum(happened.upstreams.map((upstream) => upstream.requests));
  return byTotal(document.upstreams).map(({ upstream, endpoints }) => {
    const total = (member) => (endpoints.length ? sum(endpoints.map((each) => each[member])) : undefined);
    return {
      ...found.get(upstream),
      key: upstream,
      part: ratio(found.get(upstream).requests, all) ?? 0,
      active: total("active"),
      idle: total("idle"),
      queued: total("queued"),
      below: endpoints.map((each) => ({
        ...each,
        key: `${upstream} ${each.endpoint}`,
        kind: "endpoint",
        name: each.endpoint,
      })),
    };
  });
}
