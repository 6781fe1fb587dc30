// Tables whose rows stay where they are while their numbers change, so that a reader, a selection or
// a screen reader does not lose its place every two seconds.

import { html, say, show } from "./element.js";

export class Table {
  #columns;
  #head;
  #body;
  #empty;
  #rows = new Map();
  #sorted = null; // { column, direction }; null: as given
  #shown = [];

  /**
   * @param {HTMLElement} place Holds the table, and what is said while it is empty.
   * @param {object[]} columns The first names the row. Each has `head`; `about`, which explains it;
   *   `show(row, cell)`, which fills a cell; `value(row)`, if rows can be ordered by it; `rare`, if
   *   it is left out while all its values are 0; and `kind`, a class.
   */
  constructor(place, columns) {
    this.#columns = columns;
    this.#empty = place.querySelector(".empty");
    this.#head = html("tr");
    this.#body = html("tbody");
    for (const column of columns) this.#head.append(this.#heading(column));
    const title = place.closest("section").querySelector("h2").id;
    const table = html("table", { "aria-labelledby": title }, html("thead", {}, this.#head), this.#body);
    // Wide tables scroll in a frame of their own, which the keyboard can reach.
    this.frame = html("div", { class: "scroll", role: "group", tabindex: "0", "aria-labelledby": title }, table);
    place.append(this.frame);
  }

  #heading(column) {
    const heading = html("th", { scope: "col", class: column.kind ?? "" });
    if (column.about) heading.title = column.about;
    if (column.value === undefined) {
      say(heading, column.head);
      return heading;
    }
    const button = html("button", { type: "button" }, column.head);
    button.addEventListener("click", () => this.#sortBy(column));
    heading.append(button);
    return heading;
  }

  /** Orders by a column: first the largest on top, then the smallest, then as given. */
  #sortBy(column) {
    const direction = this.#sorted?.column === column ? this.#sorted.direction : null;
    const next = { null: "descending", descending: "ascending", ascending: null }[direction];
    this.#sorted = next && { column, direction: next };
    this.#columns.forEach((each, index) => {
      const heading = this.#head.children[index];
      if (each === column && next) heading.setAttribute("aria-sort", next);
      else heading.removeAttribute("aria-sort");
    });
    this.fill(this.#shown);
  }

  /**
   * Shows rows. Each has a `key` that no other one has, and may have a `kind`, which becomes its
   * class, and `below`: rows that stay under it.
   */
  fill(rows) {
    this.#shown = rows;
    this.#empty.hidden = rows.length > 0;
    this.frame.hidden = rows.length === 0;
    const before = new Set(this.#rows.keys());
    const elements = this.#ordered(rows).flatMap((row) => [row, ...(row.below ?? [])]).map((row) => {
      before.delete(row.key);
      return this.#row(row);
    });
    for (const key of before) this.#rows.delete(key);
    const stay = elements.length === this.#body.childElementCount
      && elements.every((element, index) => this.#body.children[index] === element);
    if (!stay) this.#body.replaceChildren(...elements);
    this.#leaveOut(rows, elements);
  }

  /** Hides columns about what has not happened. */
  #leaveOut(rows, elements) {
    this.#columns.forEach((column, index) => {
      if (!column.rare) return;
      const hidden = rows.every((row) => !column.value(row));
      for (const element of [this.#head, ...elements]) element.children[index].hidden = hidden;
    });
  }

  #ordered(rows) {
    if (this.#sorted === null) return rows;
    const { column, direction } = this.#sorted;
    const sign = direction === "ascending" ? 1 : -1;
    // What has no value is last, whichever the direction.
    const compare = (a, b) =>
      a === b ? 0 : a == null ? 1 : b == null ? -1 : sign * (a < b ? -1 : 1);
    return rows.toSorted((a, b) => compare(column.value(a), column.value(b)));
  }

  #row(row) {
    let element = this.#rows.get(row.key);
    if (element === undefined) {
      element = html("tr", { class: row.kind ?? "" });
      this.#columns.forEach((column, index) => {
        const kind = { class: column.kind ?? "" };
        element.append(index === 0 ? html("th", { scope: "row", ...kind }) : html("td", kind));
      });
      this.#rows.set(row.key, element);
    }
    this.#columns.forEach((column, index) => column.show(row, element.children[index]));
    return element;
  }
}

/** A column of names. */
export function named(head, about = "") {
  return { head, about, value: (row) => row.name, show: (row, cell) => {
    say(cell, row.label ?? row.name);
    cell.classList.toggle("unnamed", row.label !== undefined);
  } };
}

/** A column of numbers; `tone(value)` may give a class that colours it. */
export function number(head, value, format, { about = "", tone = () => "", rare = false } = {}) {
  return { head, about, value, rare, show: (row, cell) => {
    const given = value(row);
    show(cell, given === undefined ? ["", ""] : format(given, row));
    cell.className = given ? tone(given) : given === 0 ? "zero" : "";
  } };
}
