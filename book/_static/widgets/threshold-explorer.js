// A threshold on the probability of one class: who is found, who is taken for it, and the two rates for every threshold.

import { decimals, liveSentence, make, makeSvg, percent, pick, slider, whole } from "./controls.js";
import { outcomes } from "./threshold.js";
import { pathThrough, unitPlot } from "./unit-plot.js";

/** Put the widget on its stage. `data`: { classes, each: [{ hits, alarms }] }, with a count for each of the thresholds 0, 0.01, … 1. */
export function start(stage, { classes, each }) {
  const steps = each[0].hits.length - 1;
  const says = liveSentence();
  const plot = unitPlot("threshold", "share");
  const curves = { sensitivity: makeSvg("path", { class: "widget-curve widget-training" }), precision: makeSvg("path", { class: "widget-curve widget-validation" }) };
  const here = makeSvg("line", { class: "widget-gap", y1: plot.y(0), y2: plot.y(1) });
  const dots = { sensitivity: makeSvg("circle", { class: "widget-dot-training", r: 4.5 }), precision: makeSvg("circle", { class: "widget-dot-validation", r: 4.5 }) };
  plot.svg.append(here, ...Object.values(curves), ...Object.values(dots));

  const cell = () => make("td", { class: "widget-number" });
  const cells = { truePositives: cell(), falseNegatives: cell(), falsePositives: cell(), trueNegatives: cell() };
  const heads = Array.from({ length: 4 }, (_, place) => make("th", { scope: place < 2 ? "col" : "row" }));
  const table = make("table", { class: "widget-table widget-outcomes" },
    make("thead", {}, make("tr", {}, make("td"), heads[0], heads[1])),
    make("tbody", {},
      make("tr", {}, heads[2], cells.truePositives, cells.falseNegatives),
      make("tr", {}, heads[3], cells.falsePositives, cells.trueNegatives)));
  const rates = { sensitivity: make("p"), precision: make("p"), accuracy: make("p") };

  const classChoice = pick({ label: "Class", options: classes.map((name, number) => [String(number), name]), value: String(classes.length > 8 ? 8 : 0), onChange: chooseClass });
  const threshold = slider({ label: "threshold", min: 1, max: steps - 1, step: 1, value: steps / 2, show: (place) => decimals(place / steps), onInput: update });

  function chooseClass() {
    const name = classes[classChoice.value];
    [`answered ${name}`, "answered another", `is ${name}`, "is another"].forEach((words, place) => (heads[place].textContent = words));
    for (const rate of ["sensitivity", "precision"]) {
      const points = each[classChoice.value].hits.map((_, place) => [place / steps, outcomes(each[classChoice.value], place)[rate]]);
      curves[rate].setAttribute("d", pathThrough(points, plot));
    }
    update();
  }

  function update() {
    const name = classes[classChoice.value];
    const at = threshold.value / steps;
    const found = outcomes(each[classChoice.value], threshold.value);
    const { truePositives, falseNegatives, falsePositives } = found;
    const short = { truePositives: "TP", falseNegatives: "FN", falsePositives: "FP", trueNegatives: "TN" };
    for (const [outcome, words] of Object.entries(short)) cells[outcome].textContent = `${whole(found[outcome])} ${words}`;
    const fraction = (top, bottom) => make("code", {}, `${whole(top)} / ${whole(bottom)}`);
    rates.sensitivity.replaceChildren(make("strong", {}, "Sensitivity"), ": ", fraction(truePositives, truePositives + falseNegatives), ` = ${percent(found.sensitivity, 1)}`);
    rates.precision.replaceChildren(make("strong", {}, "Precision"), ": ", fraction(truePositives, truePositives + falsePositives), ` = ${percent(found.precision, 1)}`);
    rates.accuracy.textContent = `Right about “is it ${name}?”: ${percent(found.accuracy, 1)} of all images.`;
    for (const attribute of ["x1", "x2"]) here.setAttribute(attribute, plot.x(at));
    for (const rate of ["sensitivity", "precision"]) {
      dots[rate].setAttribute("visibility", Number.isFinite(found[rate]) ? "visible" : "hidden");
      dots[rate].setAttribute("cx", plot.x(at));
      dots[rate].setAttribute("cy", plot.y(found[rate] || 0));
    }
    const both = `sensitivity ${percent(found.sensitivity, 1)}, precision ${percent(found.precision, 1)}`;
    plot.svg.setAttribute("aria-label", `Sensitivity and precision of class ${name} over the threshold. Sensitivity falls from left to right. At ${decimals(at)}: ${both}.`);
    says.say(`From ${decimals(at)} on it counts as ${name}: ${whole(truePositives)} found, ${whole(falseNegatives)} missed, ${whole(falsePositives)} taken for it; ${both}.`);
  }

  says.element.classList.add("widget-unseen");
  const images = whole(each[0].hits[0] + each[0].alarms[0]);
  stage.append(
    make("p", { class: "widget-hint" }, `${images} test images. An image counts as the chosen class if the network gives this class at least the probability of the threshold.`),
    make("div", { class: "widget-class" }, classChoice.field), threshold.field,
    make("div", { class: "widget-columns" },
      make("div", { class: "widget-results" }, table, rates.sensitivity, rates.precision, rates.accuracy),
      make("div", {}, plot.svg,
        make("p", { class: "widget-key" }, make("span", {}, "sensitivity"), make("span", { class: "widget-key-validation" }, "precision")))),
    says.element,
  );
  chooseClass();
}
