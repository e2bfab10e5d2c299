// Choose input, Flatten and units: shapes and parameter counts follow, and one sees what a dense unit looks at.

import { choose, liveSentence, make, makeSvg, scrollFrame, slider, tick, whole } from "./controls.js";
import { network, parameters, shapeText, size } from "./layer-shapes.js";

const INPUTS = {
  digits: { words: "digits, 28 × 28", shape: [28, 28] },
  clothes: { words: "clothes, 28 × 28 × 1", shape: [28, 28, 1] },
  colour: { words: "colour photos, 32 × 32 × 3", shape: [32, 32, 3] },
  row: { words: "already a row of 784", shape: [784] },
};

/** How many rows and columns to draw for a shape of one image. */
function grid(shape) {
  return shape.length === 1 ? { rows: 1, columns: shape[0] } : { rows: shape[0], columns: shape[1] };
}

/** The image as a grid, with all that one unit of the first dense layer looks at in colour. */
function inputPicture(shape, seen) {
  const { rows, columns } = shape.length === 1 ? { rows: 28, columns: 28 } : grid(shape);
  const side = 168 / rows;
  const all = seen === size(shape);
  const lit = all ? [0, 0, columns, rows] : shape.length === 2 ? [0, 11, columns, 1] : [9, 11, 1, 1];
  const lines = [];
  for (let line = 0; line <= rows; line += 1) {
    lines.push(`M0 ${line * side}H${columns * side}`, `M${line * side} 0V${rows * side}`);
  }
  const [left, top, width, height] = lit.map((cells) => cells * side);
  return makeSvg("svg", { viewBox: "-1 -1 170 170", class: "widget-grid", role: "img", "aria-label": `An image; one unit looks at ${whole(seen)} of its ${whole(size(shape))} numbers.` },
    makeSvg("rect", { x: left, y: top, width, height, class: "widget-lit" }),
    makeSvg("path", { d: lines.join(""), class: "widget-lines" }),
    makeSvg("rect", { x: left, y: top, width, height, class: "widget-lit-frame" }));
}

/** What comes out for one image: a few scores, or a whole block of them, one square each place that has scores of its own. */
function outputPicture(shape) {
  const units = shape.at(-1);
  const places = size(shape) / units;
  const square = (x, y, side, tall = side) => makeSvg("rect", { x, y, width: side, height: tall, class: "widget-score" });
  const few = (side) => Array.from({ length: units }, (_, unit) => square(84 - side / 2, 84 + (unit - units / 2) * side, side));
  const rows = () => Array.from({ length: places * units }, (_, cell) => square((cell % units) * (168 / units), Math.floor(cell / units) * (168 / places), 168 / units, 168 / places));
  const block = (across) => Array.from({ length: places }, (_, place) => square((place % across) * (168 / across), Math.floor(place / across) * (168 / across), 168 / across));
  const cells = places === 1 ? few(Math.min(32, 168 / units)) : shape.length === 2 ? rows() : block(shape[0]);
  return makeSvg("svg", { viewBox: "-1 -1 170 170", class: "widget-grid", role: "img", "aria-label": `The output for one image: ${whole(size(shape))} scores.` }, ...cells);
}

/** Put the widget on its stage. */
export function start(stage) {
  const chosen = { input: "clothes", flattened: true, hidden: 10, units: 3 };
  const says = liveSentence();
  const body = make("tbody");
  const total = make("td", { class: "widget-number" });
  const seenFigure = make("div");
  const outFigure = make("div");
  const seenWords = make("figcaption");
  const outWords = make("figcaption");
  const verdict = make("p", { class: "widget-verdict" });
  const set = (name) => (value) => {
    chosen[name] = value;
    update();
  };
  const units = choose({ label: "Classes (units of the last layer)", options: [[3, "3"], [10, "10"]], value: chosen.units, onChange: set("units") });
  const input = choose({ label: "Input", options: Object.entries(INPUTS).map(([key, { words }]) => [key, words]), value: chosen.input, onChange: set("input") });
  const flattenBox = tick({ label: "Flatten first", checked: chosen.flattened, onChange: set("flattened") });
  const hidden = slider({
    label: "units in a hidden layer", min: 0, max: 128, step: 1, value: chosen.hidden,
    show: (count) => (count === 0 ? "no hidden layer" : String(count)), onInput: set("hidden"),
  });

  function update() {
    const { shape } = INPUTS[chosen.input];
    const layers = network({ ...chosen, input: shape });
    const output = layers.at(-1).output;
    const firstDense = layers.find(({ seen }) => seen !== null);
    body.replaceChildren(
      make("tr", {}, make("th", { scope: "row" }, "Input"), make("td", {}, make("code", {}, shapeText(shape))), make("td", { class: "widget-number" }, "0")),
      ...layers.map(({ name, output: after, seen, weights, biases }) => make("tr", {},
        make("th", { scope: "row" }, name),
        make("td", {}, make("code", {}, shapeText(after))),
        make("td", {},
          ...(seen === null ? [] : [make("span", { class: "widget-sum" }, `${whole(seen)} × ${biases} + ${biases} =`), " "]),
          make("span", { class: "widget-number" }, whole(weights + biases))))),
    );
    total.textContent = whole(parameters(layers));
    seenFigure.replaceChildren(inputPicture(shape, firstDense.seen));
    outFigure.replaceChildren(outputPicture(output));
    seenWords.textContent = `What one unit of the first dense layer looks at: ${whole(firstDense.seen)} of ${whole(size(shape))} numbers.`;
    const trapped = output.length > 1;
    outWords.textContent = `What comes out for one image: ${whole(size(output))} ${trapped ? "scores, " + output.slice(0, -1).join(" × ") + " sets of " + output.at(-1) : "scores"}.`;
    const part = shape.length === 2 ? "row of pixels" : "pixel";
    verdict.textContent = trapped
      ? `The trap: Dense acts on the last axis only. Each unit sees one ${part} at a time, and labels of shape (None, ${chosen.units}) will not fit ${shapeText(output)}. Keras warns of nothing here.`
      : `One score for each class and image: ${shapeText(output)} fits labels of shape (None, ${chosen.units}).`;
    verdict.classList.toggle("widget-broken", trapped);
    says.say(`Output shape ${shapeText(output)}, ${parameters(layers)} parameters.${trapped ? " This is the trap: the image was not flattened." : ""}`);
  }

  const head = ["layer", "output shape", "parameters: weights + biases"].map((words) => make("th", { scope: "col" }, words));
  const foot = make("tfoot", {}, make("tr", {}, make("th", { scope: "row", colspan: 2 }, "all parameters"), total));
  stage.append(
    make("div", { class: "widget-columns" },
      make("div", {}, input, flattenBox, hidden.field, units),
      make("div", { class: "widget-columns widget-two" },
        make("figure", { class: "widget-picture" }, seenFigure, seenWords),
        make("figure", { class: "widget-picture" }, outFigure, outWords))),
    scrollFrame(make("table", { class: "widget-table" }, make("caption", {}, "The network"), make("thead", {}, make("tr", {}, ...head)), body, foot)),
    verdict,
    says.element,
  );
  says.element.classList.add("widget-unseen"); // all of it can be seen in the table
  update();
}
