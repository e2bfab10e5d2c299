// A table of numbers with a bar to each row: what a screen reader reads as a table, the eye sees as a bar chart.

import { make } from "./controls.js";

/**
 * A table with one row for each name. `columns` are the headings of the numbers that stand before the bar; `barColumn` heads the bar
 * and its number; `foot` names a last line without a bar. `show` takes for each row its words for `columns`, the length of its bar (0 to 1) and the bar's words; and the words of the last line.
 */
export function barTable({ caption, first, names, columns, barColumn, foot = null }) {
  const rows = names.map((name) => {
    const cells = columns.map(() => make("td", { class: "widget-number" }));
    const bar = make("span", { class: "widget-bar" });
    const words = make("td", { class: "widget-number" });
    const line = make("tr", {}, make("th", { scope: "row" }, name), ...cells, words);
    line.append(make("td", { class: "widget-track", "aria-hidden": "true" }, bar));
    return { line, cells, bar, words };
  });
  const head = [first, ...columns, barColumn].map((words) => make("th", { scope: "col" }, words));
  const table = make(
    "table",
    { class: "widget-table widget-bars" },
    make("caption", {}, caption),
    make("thead", {}, make("tr", {}, ...head, make("td", { "aria-hidden": "true" }))),
    make("tbody", {}, ...rows.map(({ line }) => line)),
  );
  const sums = [...columns, barColumn].map(() => make("td", { class: "widget-number" }));
  if (foot) table.append(make("tfoot", {}, make("tr", {}, make("th", { scope: "row" }, foot), ...sums, make("td", { "aria-hidden": "true" }))));
  return {
    table,
    show(values, winner = -1, last = []) {
      last.forEach((words, place) => (sums[place].textContent = words));
      values.forEach(({ cells, length, words }, place) => {
        const row = rows[place];
        cells.forEach((content, number) => (row.cells[number].textContent = content));
        row.bar.style.width = `${100 * Math.max(0, Math.min(1, length || 0))}%`;
        row.words.textContent = words;
        row.line.classList.toggle("widget-winner", place === winner);
      });
    },
  };
}
