// Curves over the last minutes, drawn as SVG. All charts of a page share one cursor: whoever points
// at a moment in one of them sees that moment in all.

import { html, say, svg } from "./element.js";
import { hourAndMinute, round, text, timeOfDay } from "./format.js";
import { linear, logarithmic } from "./scale.js";

/** Seconds that a chart shows at most, and at least. */
const LONGEST = 900;
const SHORTEST = 120;

/** Seconds between two points beyond which the curve breaks off: nobody knows what was there. */
const GAP = 16;

/** Pixels around the curves, for the axes' words. */
const MARGIN = { left: 52, right: 10, top: 10, bottom: 22 };

/** The moment that somebody points at. */
export class Cursor {
  #listeners = [];
  time = null;

  /** Point at Unix seconds; null: at nothing. */
  move(time, chart = null) {
    this.time = time;
    for (const listener of this.#listeners) listener(chart);
  }

  follow(listener) {
    this.#listeners.push(listener);
  }
}

export class Chart {
  #place;
  #curves;
  #kind;
  #format;
  #cursor;
  #drawing = svg("svg", { role: "img", tabindex: "0", "aria-describedby": "keys" });
  #overlay = svg("g");
  #tip = html("div", { class: "tip", hidden: "" });
  #reading = document.getElementById("reading");
  #size = { width: 0, height: 0 };
  #points = [];
  #limits = {};
  #now = 0;
  #x = () => 0;
  #y = () => 0;

  /**
   * @param {HTMLElement} place Where it is drawn.
   * @param {object} options `curves` to draw, each with `key` (a member of the points), `label`,
   *   `kind` (its class) and `area`, whether it is filled below; `kind` of the scale (`linear` or
   *   `logarithmic`), `least` that it reaches up to, `format`, and the page's `cursor`.
   */
  constructor(place, { curves, kind, least, format, cursor }) {
    this.#place = place;
    this.#curves = curves;
    this.#kind = { linear: (values) => linear(values, least), logarithmic }[kind];
    this.#format = format;
    this.#cursor = cursor;
    place.append(this.#drawing, this.#tip);
    this.#listen();
    cursor.follow((chart) => this.#point(chart === this));
    // Told, not asked for: asking would have the whole page laid out, tables and all.
    new ResizeObserver(([{ contentRect }]) => {
      this.#size = contentRect;
      this.#draw();
    }).observe(place);
  }

  /** Shows points up to `now` in Unix seconds; `limits` are what `format` may want to know. */
  show(points, now, limits = {}) {
    this.#points = points;
    this.#limits = limits;
    this.#now = now;
    this.#draw();
  }

  // --- drawing ---------------------------------------------------------------------------------

  #draw() {
    const { width, height } = this.#size;
    if (width === 0 || this.#now === 0) return;
    const first = this.#points[0]?.time ?? this.#now;
    const shown = Math.min(LONGEST, Math.max(SHORTEST, this.#now - first));
    const began = this.#now - shown;
    const points = this.#points.filter((point) => point.time >= began);
    const values = points.flatMap((point) => this.#curves.map((curve) => point[curve.key]));
    const scale = this.#kind(values.filter((value) => value != null));
    const right = width - MARGIN.right;
    const bottom = height - MARGIN.bottom;
    this.#x = (time) => MARGIN.left + ((time - began) / shown) * (right - MARGIN.left);
    this.#y = (value) => bottom - scale.place(value) * (bottom - MARGIN.top);
    this.#drawing.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.#drawing.setAttribute("aria-label", this.#described(points));
    this.#drawing.replaceChildren(
      ...this.#levels(scale, right),
      ...this.#moments(began, shown, right, bottom),
      ...this.#lines(points, bottom),
      ...(values.some((value) => value != null) ? [] : [this.#nothing(width, bottom)]),
      this.#overlay,
    );
    this.#point(false);
  }

  #levels(scale, right) {
    return scale.ticks.flatMap((tick) => {
      const y = this.#y(tick).toFixed(1);
      return [
        svg("line", { class: "grid", x1: MARGIN.left, x2: right, y1: y, y2: y }),
        svg("text", { class: "tick", x: MARGIN.left - 8, y, dy: "0.32em", "text-anchor": "end" },
          round(this.#format(tick))),
      ];
    });
  }

  #moments(began, shown, right, bottom) {
    const every = [15, 30, 60, 120, 300].find((step) => (shown / step) * 64 <= right - MARGIN.left) ?? 300;
    const moments = [];
    for (let time = Math.ceil(began / every) * every; time <= began + shown; time += every) {
      const x = this.#x(time);
      // No word is cut off at an edge.
      if (x < MARGIN.left + 12 || x > right - 16) continue;
      moments.push(svg("text", { class: "tick", x: x.toFixed(1), y: bottom + 16, "text-anchor": "middle" },
        every < 60 ? timeOfDay(time) : hourAndMinute(time)));
    }
    return moments;
  }

  #lines(points, bottom) {
    return this.#curves.flatMap((curve) => {
      const pieces = unbroken(points, curve.key).map((piece) =>
        piece.map((point) => `${this.#x(point.time).toFixed(1)},${this.#y(point[curve.key]).toFixed(1)}`));
      const line = pieces.map((piece) => `M${piece.join("L")}`).join("");
      const area = pieces.map((piece) => {
        const [left, end] = [piece[0], piece.at(-1)].map((corner) => corner.split(",")[0]);
        return `M${left},${bottom}L${piece.join("L")}L${end},${bottom}Z`;
      }).join("");
      return [
        ...(curve.area ? [svg("path", { class: `area ${curve.kind}`, d: area })] : []),
        svg("path", { class: `curve ${curve.kind}`, d: line, "data-points": pieces.flat().length }),
      ];
    });
  }

  #nothing(width, bottom) {
    return svg("text", { class: "nothing", x: (width + MARGIN.left) / 2, y: bottom / 2, "text-anchor": "middle" },
      "no requests in this time");
  }

  #worded(value) {
    return text(this.#format(value, this.#limits));
  }

  /** Says in words what the curves show. */
  #described(points) {
    const title = this.#place.closest("section").querySelector("h2").textContent;
    const parts = this.#curves.map(({ key, label }) => {
      const values = points.map((point) => point[key]).filter((value) => value != null);
      if (values.length === 0) return `${label}: nothing yet`;
      const [now, least, most] = [values.at(-1), Math.min(...values), Math.max(...values)].map(
        (value) => this.#worded(value));
      return `${label}: now ${now}, between ${least} and ${most}`;
    });
    return `${title} over time. ${parts.join("; ")}.`;
  }

  // --- pointing --------------------------------------------------------------------------------

  #listen() {
    const { left } = MARGIN;
    this.#drawing.addEventListener("pointermove", (event) => {
      const box = this.#drawing.getBoundingClientRect();
      const x = event.clientX - box.left;
      const nearest = x < left - 8 ? null : this.#nearest((point) => Math.abs(this.#x(point.time) - x));
      this.#cursor.move(nearest?.time ?? null, this);
    });
    this.#drawing.addEventListener("pointerleave", () => this.#cursor.move(null));
    this.#drawing.addEventListener("blur", () => this.#cursor.move(null));
    this.#drawing.addEventListener("keydown", (event) => this.#key(event));
  }

  #key(event) {
    const last = this.#points.length - 1;
    const at = this.#points.findIndex((point) => point.time === this.#cursor.time);
    const here = at < 0 ? last + 1 : at;
    const next = { ArrowLeft: here - 1, ArrowRight: here + 1, Home: 0, End: last }[event.key];
    if (event.key === "Escape") this.#cursor.move(null);
    if (next === undefined || last < 0) return;
    event.preventDefault();
    this.#cursor.move(this.#points[Math.max(0, Math.min(last, next))].time, this);
    // Said to who cannot see the tip.
    say(this.#reading, [...this.#tip.children].map((line) => line.textContent).join(", "));
  }

  #nearest(distance) {
    return this.#points.reduce(
      (best, point) => (best === null || distance(point) < distance(best) ? point : best), null);
  }

  /** Marks the moment that is pointed at; with words if it is this chart that is pointed at. */
  #point(here) {
    const { time } = this.#cursor;
    const point = time === null ? null : this.#nearest((each) => Math.abs(each.time - time));
    this.#overlay.replaceChildren();
    if (here || point === null) this.#tip.hidden = !here || point === null;
    if (point === null) return;
    const x = this.#x(point.time);
    const bottom = this.#size.height - MARGIN.bottom;
    this.#overlay.append(svg("line", { class: "cursor", x1: x, x2: x, y1: MARGIN.top, y2: bottom }));
    for (const { key, kind } of this.#curves) {
      if (point[key] == null) continue;
      this.#overlay.append(svg("circle", { class: `dot ${kind}`, cx: x, cy: this.#y(point[key]), r: 3.5 }));
    }
    if (here) this.#tell(point, x);
  }

  #tell(point, x) {
    const lines = this.#curves.map(({ key, label, kind }) =>
      html("p", { class: kind }, html("i", { class: "swatch" }), `${label} `,
        html("b", {}, this.#worded(point[key]))));
    this.#tip.replaceChildren(html("p", { class: "when" }, timeOfDay(point.time)), ...lines);
    // Beside the line, on the side where there is room.
    const width = this.#tip.offsetWidth;
    const left = x + 12 + width > this.#size.width ? x - 12 - width : x + 12;
    this.#tip.style.transform = `translate(${Math.max(0, left)}px, ${MARGIN.top}px)`;
  }
}

/** Parts a curve where it has no value, or where nobody has looked for a while. */
function unbroken(points, key) {
  const pieces = [];
  let before = null;
  for (const point of points) {
    if (point[key] != null) {
      if (before === null || point.time - before.time > GAP) pieces.push([]);
      pieces.at(-1).push(point);
      before = point;
    } else {
      before = null;
    }
  }
  return pieces;
}
