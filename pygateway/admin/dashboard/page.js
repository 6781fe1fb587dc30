// The dashboard. It asks the admin server for /traffic every two seconds and for /status less often,
// keeps the documents of the last minutes, and shows what has happened between two of them:
//
//   source.js    asks, with the token if one is wanted
//   measure.js   what happened between two documents
//   format.js    numbers as people read them
//   chart.js     curves; scale.js their axes
//   tables.js    what the tables show; table.js how
//   facts.js     what is said beside curves and tables
//   element.js   makes elements
//
// It only reads. Nothing on this page changes the gateway.

import { Chart, Cursor } from "./chart.js";
import { say } from "./element.js";
import { showFigures, showLog, showStatus } from "./facts.js";
import { age, rate, share, span, text, timeOfDay } from "./format.js";
import { between, coursesOf, pointsOf } from "./measure.js";
import { Source, TokenNeeded, Trouble } from "./source.js";
import { Tables } from "./tables.js";

/** Milliseconds between two questions for /traffic: while the page is looked at, and while not. */
const PAUSE = 2000;
const HIDDEN_PAUSE = 30_000;

/** Until the second question, without which there is no rate. */
const FIRST_PAUSE = 500;

/** The longest pause while nobody answers. */
const LONGEST_PAUSE = 10_000;

/** Milliseconds between two questions for /status, for which every worker is asked for all it has. */
const STATUS_PAUSE = 10_000;

/** Seconds for which documents are kept: the longest of the choices, and a little. */
const MEMORY = 310;

/** Seconds of which the curves' last point is made; the gateway makes the others of five. */
const RECENT = 5;

const source = new Source();
const tables = new Tables();
const cursor = new Cursor();
const main = document.querySelector("main");
const away = document.getElementById("away");
const entrance = document.getElementById("entrance");
const choices = document.getElementById("window");

const curve = (key, label, kind, area = false) => ({ key, label, kind, area });
const chart = (name, options) => new Chart(document.getElementById(`chart-${name}`), { cursor, ...options });
const charts = {
  traffic: chart("requests", {
    curves: [curve("rate", "requests", "accent", true)],
    kind: "linear",
    least: 1,
    format: rate,
  }),
  errors: chart("errors", {
    curves: [curve("clientErrorShare", "4xx", "warn", true), curve("serverErrorShare", "5xx", "bad", true)],
    kind: "linear",
    least: 0.01,
    format: share,
  }),
  latency: chart("latency", {
    curves: [curve("p99", "p99", "violet", true), curve("p50", "p50", "teal", true)],
    kind: "logarithmic",
    format: span,
  }),
  overhead: chart("overhead", {
    curves: [curve("overheadP99", "p99", "violet", true), curve("overheadP50", "p50", "teal", true)],
    kind: "logarithmic",
    format: span,
  }),
};

/** Documents of /traffic since the gateway was started, the newest last. */
let documents = [];
let status = null;
let statusDue = 0;
let failures = 0;
let asking = false;
let timer = null;

// --- asking --------------------------------------------------------------------------------------

/** Asks once, shows what is answered, and sees to it that it is asked again. */
async function turn() {
  clearTimeout(timer);
  if (asking) return;
  asking = true;
  try {
    const wanted = performance.now() >= statusDue;
    const [traffic, news] = await Promise.all([
      source.document("traffic"),
      wanted ? source.document("status") : status,
    ]);
    if (wanted) statusDue = performance.now() + STATUS_PAUSE;
    status = news;
    failures = 0;
    remember(traffic);
    render();
  } catch (problem) {
    if (problem instanceof TokenNeeded) return askForToken();
    failures += 1;
    // It may have changed when it is back.
    statusDue = 0;
    showAway(reasonOf(problem));
  } finally {
    asking = false;
  }
  timer = setTimeout(turn, pause());
}

function reasonOf(problem) {
  if (problem instanceof Trouble) return problem.message;
  // The gateway behind this page may be another version by now.
  console.error(problem);
  return "This page cannot read what the gateway tells; load it again.";
}

function pause() {
  if (document.hidden) return HIDDEN_PAUSE;
  if (failures > 0) return Math.min(LONGEST_PAUSE, PAUSE * 1.5 ** (failures - 1));
  return documents.length < 2 ? FIRST_PAUSE : PAUSE;
}

/** Keeps a document, and forgets those that are too old or from before a restart of the gateway. */
function remember(traffic) {
  const last = documents.at(-1);
  if (last && (last.started !== traffic.started || between(traffic, last) === null)) documents = [];
  // Only the newest one's is shown.
  if (last) last.history = [];
  documents.push(traffic);
  const oldest = documents.findIndex((each) => traffic.time - each.time <= MEMORY);
  documents.splice(0, oldest);
}

/** Gives what has happened in the last seconds; while the page is young, in those that it knows. */
function happenedWithin(seconds) {
  const newest = documents.at(-1);
  // Questions come a little early or late.
  const old = documents.findLast((each) => newest.time - each.time >= seconds - 0.5);
  return between(newest, old ?? documents[0]);
}

// --- showing -------------------------------------------------------------------------------------

function render() {
  const newest = documents.at(-1);
  const { value } = choices.querySelector(":checked");
  const happened = value === "start" ? between(newest, null) : happenedWithin(Number(value));
  showState(status.status, { ok: "Serving", degraded: "Degraded", draining: "Draining" }[status.status]);
  showStatus(status);
  away.hidden = true;
  entrance.hidden = true;
  // With one document there is nothing to say yet; the second one is about to come.
  if (happened === null) return;
  main.hidden = false;
  const points = pointsOf(newest, happenedWithin(RECENT));
  charts.traffic.show(points, newest.time);
  charts.errors.show(points, newest.time);
  charts.latency.show(points, newest.time, happened.all.latency);
  charts.overhead.show(points, newest.time, happened.overhead);
  showFigures(newest, happened);
  showLog(happened.accessLog);
  tables.show(newest, happened, coursesOf(documents, RECENT));
  say(document.getElementById("freshness"), `${timeOfDay(newest.time)}, over ${age(happened.seconds)}`);
  document.title = `${text(rate(happened.all.rate))} – PyGateway`;
}

function showState(state, words) {
  document.body.dataset.state = state;
  say(document.querySelector("#state span"), words ?? state);
}

function showAway(reason) {
  showState("away", "Away");
  const last = documents.at(-1);
  // Said once, not with every attempt: this is read out.
  const shown = last ? `What is shown is from ${timeOfDay(last.time)}. ` : "";
  say(away, `${reason} ${shown}Trying again every few seconds.`);
  away.hidden = false;
  document.title = "Away – PyGateway";
}

function askForToken() {
  showState("locked", "Token needed");
  say(document.getElementById("refusal"), source.hasToken ? "This is not the admin server's token." : "");
  main.hidden = true;
  away.hidden = true;
  entrance.hidden = false;
  document.title = "PyGateway";
  document.getElementById("token").focus();
}

// --- what people do ------------------------------------------------------------------------------

entrance.addEventListener("submit", (event) => {
  event.preventDefault();
  const field = document.getElementById("token");
  source.authorize(field.value.trim());
  field.value = "";
  turn();
});

choices.addEventListener("change", () => {
  if (documents.length > 0) render();
});

document.addEventListener("visibilitychange", () => {
  // While the token is asked for, there is nothing to ask with.
  if (!document.hidden && entrance.hidden) turn();
});

turn();
