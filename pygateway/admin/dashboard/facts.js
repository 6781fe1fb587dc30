// What is said beside curves and tables: the large numbers, what is wrong, and how the gateway is.

import { html, say, show } from "./element.js";
import { age, count, dateAndTime, rate, share, span } from "./format.js";
import { ratio } from "./measure.js";

const place = (id) => document.getElementById(id);

/** Shows the large numbers. */
export function showFigures(document, { all, overhead, tokenCache }) {
  const seconds = (of, name) => span(of[name], of);
  const { tokens, refusals } = tokenCache;
  const figures = {
    rate: rate(all.rate),
    active: count(document.active_requests),
    connections: count(document.connections),
    "server-errors": share(all.serverErrorShare),
    "client-errors": share(all.clientErrorShare),
    p50: seconds(all.latency, "p50"),
    p90: seconds(all.latency, "p90"),
    p99: seconds(all.latency, "p99"),
    "overhead-p50": seconds(overhead, "p50"),
    "overhead-p90": seconds(overhead, "p90"),
    "overhead-p99": seconds(overhead, "p99"),
    "cache-hits": share(ratio(tokens.hits, tokens.hits + tokens.misses)),
    "refusal-hits": count(refusals.hits),
    "cache-evictions": count(tokens.evictions),
  };
  for (const [id, figure] of Object.entries(figures)) show(place(id), figure);
}

/** Shows what became of the lines of the access log. */
export function showLog({ written, sampled_out: left, dropped }) {
  const number = (value) => count(value)[0];
  const parts = [`${number(written)} lines`];
  if (left > 0) parts.push(`${number(left)} left out by sampling`);
  parts.push(dropped > 0 ? `${number(dropped)} dropped: its reader is too slow` : "none dropped");
  fact("access-log", parts.join(", "), dropped > 0 ? "bad" : "");
}

/** Shows a document of /status. */
export function showStatus(status) {
  say(place("version"), status.version);
  showProblems(status.problems);
  const { configuration, rate_limits: limits, revocations } = status;
  fact("listeners", (status.listeners ?? []).join(", "));
  fact("configuration", `in use since ${moment(configuration.loaded_at)}`);
  if (configuration.last_reload_successful) fact("last-reload", "accepted, or there was none", "");
  else fact("last-reload", `refused ${moment(configuration.refused_at)}: ${configuration.refusal}`, "bad");
  fact("store", ...storeOf(limits.store));
  fact("revocations", revocationsOf(revocations));
}

function showProblems(problems) {
  const list = place("problems");
  const said = [...list.children].map((each) => each.textContent);
  list.hidden = problems.length === 0;
  // Read out when it changes, so it is not touched while it does not.
  if (said.join("\n") === problems.join("\n")) return;
  list.replaceChildren(...problems.map((problem) => html("li", {}, problem)));
}

function storeOf(store) {
  if (store === null) return ["none: counted on this machine"];
  if (!store.up) return [`away: ${store.problem}`, "bad"];
  return [`up, for ${count(store.gateways)[0]} gateway${store.gateways === 1 ? "" : "s"}`, "good"];
}

function revocationsOf({ entries, maximum, redis }) {
  const where = redis === null ? "this gateway alone" : redis.connected ? "Redis is followed" : "Redis is not followed";
  return `${count(entries)[0]} of ${count(maximum)[0]}, ${where}`;
}

function moment(stamp) {
  return `${dateAndTime(stamp)} (${age((Date.now() - Date.parse(stamp)) / 1000)} ago)`;
}

function fact(id, words, tone = "") {
  const element = place(id);
  say(element, words);
  element.className = tone;
}
