// Put classes in another order: integer labels change what is near to what, one-hot rows do not.

import { button, decimals, liveSentence, make, pick, scrollFrame } from "./controls.js";
import { distances, moved, oneHot, shuffled } from "./one-hot.js";

/** A table of distances between all pairs of classes. The darker, the further. */
function distanceTable(caption) {
  const body = make("tbody");
  const head = make("thead");
  return {
    table: scrollFrame(make("table", { class: "widget-table widget-matrix" }, make("caption", {}, caption), head, body)),
    show(names, rows, marked) {
      const largest = Math.max(...rows.flat());
      head.replaceChildren(make("tr", {}, make("td"), ...names.map((name) => make("th", { scope: "col" }, name))));
      body.replaceChildren(...rows.map((row, from) => {
        const cells = row.map((value, to) => {
          const isMarked = marked.includes(from) && marked.includes(to) && from !== to;
          const cell = make("td", { class: isMarked ? "widget-marked" : null }, Number.isInteger(value) ? String(value) : decimals(value));
          cell.style.setProperty("--share", value / largest);
          return cell;
        });
        return make("tr", {}, make("th", { scope: "row" }, names[from]), ...cells);
      }));
    },
  };
}

/** Put the widget on its stage. `options`: { classes: [...] }. */
export function start(stage, _data, { classes = ["t-shirt", "shoe", "dress", "coat", "bag"] }) {
  let order = [...classes];
  const says = liveSentence();
  const list = make("tbody");
  const integers = distanceTable("Distance between the integers");
  const rows = distanceTable("Distance between the one-hot rows");
  const mixture = make("div", { class: "widget-mixture" });
  const options = classes.map((name) => [name, name]);
  const one = pick({ label: "Compare", options, value: classes[0], onChange: update });
  const other = pick({ label: "with", options, value: classes[2] ?? classes[0], onChange: update });

  function reorder(next, words, focus) {
    order = next;
    update();
    if (focus) list.querySelector(`[data-move="${focus}"]:not([disabled])`)?.focus();
    says.say(words);
  }

  function moveButton(name, place, by, words) {
    const to = place + by;
    return button(by < 0 ? "▲" : "▼", () => {
      reorder(moved(order, place, to), `${name} is now number ${to}. ${sentence()}`, `${to}:${by}`);
      // At the end of the list this direction is over: keep the focus in the same row.
      if (!list.contains(document.activeElement)) list.querySelector(`[data-move="${to}:${-by}"]`)?.focus();
    }, { "aria-label": `Move ${name} ${words}`, "data-move": `${place}:${by}`, disabled: to < 0 || to >= order.length });
  }

  function sentence() {
    const [from, to] = [order.indexOf(one.value), order.indexOf(other.value)];
    if (from === to) return "Choose two different classes to compare.";
    return `As integers, ${one.value} and ${other.value} are ${Math.abs(from - to)} apart; as one-hot rows 1.41, like every other pair.`;
  }

  function shuffle() {
    const next = shuffled(order);
    reorder(next, `New order: ${next.join(", ")}. ${sentence()}`);
  }

  /** Half one class, half the other: what does each way of labelling make of it? */
  function showMixture() {
    const [from, to] = [order.indexOf(one.value), order.indexOf(other.value)];
    const middle = (from + to) / 2;
    const named = from !== to && Number.isInteger(middle) ? `the number of ${order[middle]}` : from === to ? `${order[from]} itself` : "the number of no class";
    const share = order.map((_, place) => ((place === from) + (place === to)) / 2);
    mixture.replaceChildren(
      make("p", {}, `A network undecided between ${one.value} and ${other.value} answers the mean of the two labels.`),
      make("p", {}, "Integers: ", make("code", {}, `(${from} + ${to}) / 2 = ${middle}`), `, ${named}.`),
      make("p", {}, "One-hot rows: ", make("code", {}, `[${share.map((value) => (value === 0.5 ? "0.5" : value)).join(" ")}]`), from === to ? "." : ", half and half: exactly what was meant."),
    );
  }

  function update() {
    list.replaceChildren(...order.map((name, place) => make("tr", {},
      make("th", { scope: "row" }, name),
      make("td", { class: "widget-number" }, String(place)),
      make("td", {}, make("code", { class: "widget-row" }, ...oneHot(place, order.length).flatMap((value, column) => [column ? " " : "", make("span", { class: value ? "widget-one" : null }, String(value))]))),
      make("td", { class: "widget-moves" }, moveButton(name, place, -1, "up"), moveButton(name, place, 1, "down")),
    )));
    const marked = [order.indexOf(one.value), order.indexOf(other.value)];
    integers.show(order, distances(order.map((_, place) => [place])), marked);
    rows.show(order, distances(order.map((_, place) => oneHot(place, order.length))), marked);
    showMixture();
    says.say(sentence());
  }

  const head = ["class", "integer", "one-hot row", "move"].map((words) => make("th", { scope: "col" }, words));
  stage.append(
    make("div", { class: "widget-columns" },
      make("div", {},
        make("table", { class: "widget-table" }, make("caption", {}, "The labels, in the order you give"), make("thead", {}, make("tr", {}, ...head)), list),
        make("div", { class: "widget-buttons" }, button("Shuffle the classes", shuffle), button("First order", () => reorder([...classes], "First order again."))),
        make("div", { class: "widget-pair" }, one.field, other.field)),
      make("div", {}, integers.table, rows.table)),
    says.element,
    mixture,
  );
  update();
}
