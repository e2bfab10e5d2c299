// Recorded training runs to walk through: width, number of images, dropout and epochs move the two curves and the gap between them.

import { choose, decimals, liveSentence, make, makeSvg, percent, slider, tick, whole } from "./controls.js";
import { bestEpoch, lossGap, readRuns } from "./learning-curves.js";
import recorded from "./overfitting-runs.js";

const FRAME = { width: 340, height: 210, left: 44, right: 10, top: 12, bottom: 38 };
const inner = { width: FRAME.width - FRAME.left - FRAME.right, height: FRAME.height - FRAME.top - FRAME.bottom };

/** Two curves over the epochs, with axes, and room for one marked epoch. */
function plot({ title, from, to, ticks, epochs }) {
  const x = (epoch) => FRAME.left + ((epoch - 1) / (epochs - 1)) * inner.width;
  const y = (value) => FRAME.top + (1 - (Math.min(to, Math.max(from, value)) - from) / (to - from)) * inner.height;
  const line = (name) => makeSvg("path", { class: `widget-curve ${name}` });
  const [training, validation, oldTraining, oldValidation] = ["widget-training", "widget-validation", "widget-training widget-old", "widget-validation widget-old"].map(line);
  const gap = makeSvg("line", { class: "widget-gap" });
  const best = makeSvg("circle", { class: "widget-best", r: 5 });
  const text = (words, attributes) => makeSvg("text", attributes, words);
  const axes = [
    ...ticks.flatMap((value) => [
      makeSvg("line", { class: "widget-tick-line", x1: FRAME.left, x2: FRAME.width - FRAME.right, y1: y(value), y2: y(value) }),
      text(String(value), { x: FRAME.left - 6, y: y(value) + 4, "text-anchor": "end" }),
    ]),
    ...[1, 20, 40, 60].filter((epoch) => epoch <= epochs).map((epoch) => text(String(epoch), { x: x(epoch), y: FRAME.height - 20, "text-anchor": "middle" })),
    text("epoch", { x: FRAME.left + inner.width / 2, y: FRAME.height - 4, "text-anchor": "middle" }),
    text(title, { x: -FRAME.top - inner.height / 2, y: 11, transform: "rotate(-90)", "text-anchor": "middle" }),
  ];
  const path = (values) => values.map((value, place) => `${place ? "L" : "M"}${x(place + 1).toFixed(1)} ${y(value).toFixed(1)}`).join("");
  const svg = makeSvg("svg", { viewBox: `0 0 ${FRAME.width} ${FRAME.height}`, class: "widget-plot", role: "img" }, ...axes, oldTraining, oldValidation, gap, training, validation, best);
  return {
    svg,
    show({ trainingValues, validationValues, marked, old, description }) {
      training.setAttribute("d", path(trainingValues));
      validation.setAttribute("d", path(validationValues));
      oldTraining.setAttribute("d", old ? path(old[0]) : "");
      oldValidation.setAttribute("d", old ? path(old[1]) : "");
      const end = x(trainingValues.length);
      Object.entries({ x1: end, x2: end, y1: y(trainingValues.at(-1)), y2: y(validationValues.at(-1)) }).forEach(([name, value]) => gap.setAttribute(name, value));
      best.setAttribute("cx", x(marked));
      best.setAttribute("cy", y(validationValues[marked - 1]));
      svg.setAttribute("aria-label", description);
    },
  };
}

/** What a reader should see in these curves. */
function diagnosis(run, epoch) {
  const best = bestEpoch(run, epoch);
  const risen = run.val_loss[epoch - 1] - run.val_loss[best - 1];
  if (best === epoch || risen < 0.02) {
    return lossGap(run, epoch) < 0.1 ? "Both curves still go down together: not done learning." : "The validation loss is about as low as it gets here.";
  }
  return `Overfitting: since epoch ${best} the validation loss has risen by ${decimals(risen)} while the training loss kept falling.`;
}

/** Put the widget on its stage. */
export function start(stage) {
  const { choices, epochs } = recorded;
  const runs = readRuns(recorded);
  const chosen = { width: choices.width.at(-1), images: choices.images[0], dropout: choices.dropout[0] };
  let kept = null;
  const says = liveSentence();
  const key = make("p", { class: "widget-key" },
    make("span", { class: "widget-key-training" }, "training"), make("span", { class: "widget-key-validation" }, "validation"),
    make("span", { class: "widget-key-best" }, "lowest validation loss so far"));
  const lossPlot = plot({ title: "loss", from: 0, to: 2.5, ticks: [0, 0.5, 1, 1.5, 2, 2.5], epochs });
  const accuracyPlot = plot({ title: "accuracy", from: 0.4, to: 1, ticks: [0.4, 0.6, 0.8, 1], epochs });
  const numbers = make("tbody");
  const [nowHead, bestHead] = [0, 1].map(() => make("th", { scope: "col" }));

  const now = () => runs.find((run) => Object.entries(chosen).every(([name, value]) => run[name] === value));
  const control = (name, label, show) =>
    choose({
      label, options: choices[name].map((value) => [value, show(value)]), value: chosen[name],
      onChange: (value) => {
        chosen[name] = value;
        update();
      },
    });
  const until = slider({ label: "epochs", min: 1, max: epochs, step: 1, value: epochs, onInput: update });
  const keep = tick({
    label: "keep these curves to compare",
    checked: false,
    onChange: (on) => {
      kept = on ? { run: now(), epoch: until.value } : null;
      update();
    },
  });

  function update() {
    const run = now();
    const epoch = until.value;
    const marked = bestEpoch(run, epoch);
    const cut = (name, of = run, length = epoch) => of[name].slice(0, length);
    const old = (training, validation) => kept && [cut(training, kept.run, kept.epoch), cut(validation, kept.run, kept.epoch)];
    const at = (name, when) => run[name][when - 1];
    lossPlot.show({
      trainingValues: cut("loss"), validationValues: cut("val_loss"), marked, old: old("loss", "val_loss"),
      description: `Loss over ${epoch} epochs: training ends at ${decimals(at("loss", epoch))}, validation at ${decimals(at("val_loss", epoch))}; its lowest is at epoch ${marked}.`,
    });
    accuracyPlot.show({
      trainingValues: cut("accuracy"), validationValues: cut("val_accuracy"), marked, old: old("accuracy", "val_accuracy"),
      description: `Accuracy over ${epoch} epochs: training ends at ${percent(at("accuracy", epoch))}, validation at ${percent(at("val_accuracy", epoch))}.`,
    });
    [nowHead, bestHead].forEach((cell, place) => (cell.textContent = place ? `at the circle: epoch ${marked}` : `now: epoch ${epoch}`));
    const shown = [
      ["training loss", (when) => decimals(at("loss", when))], ["validation loss", (when) => decimals(at("val_loss", when))],
      ["gap between them", (when) => decimals(lossGap(run, when))],
      ["training accuracy", (when) => percent(at("accuracy", when), 1)], ["validation accuracy", (when) => percent(at("val_accuracy", when), 1)],
    ];
    numbers.replaceChildren(...shown.map(([words, value]) => make("tr", {},
      make("th", { scope: "row" }, words), ...[epoch, marked].map((when) => make("td", { class: "widget-number" }, value(when))))));
    says.say(`${diagnosis(run, epoch)} Gap between the losses: ${decimals(lossGap(run, epoch))}.`);
  }

  stage.append(
    make("div", { class: "widget-three" },
      control("width", "hidden units", whole), control("images", "training images", whole), control("dropout", "dropout", percent)),
    until.field,
    make("div", { class: "widget-columns" }, lossPlot.svg, accuracyPlot.svg),
    key,
    says.element,
    keep,
    make("table", { class: "widget-table" }, make("caption", {}, "In numbers"), make("thead", {}, make("tr", {}, make("td"), nowHead, bestHead)), numbers),
    make("p", { class: "widget-hint" }, recorded.about),
  );
  update();
}
