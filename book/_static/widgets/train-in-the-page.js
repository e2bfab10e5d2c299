// A network that trains while one watches: its weights as pictures, and its loss.

import { button, choose, decimals, liveSentence, make, makeSvg, percent, slider, whenLooksChange, whole } from "./controls.js";
import { weightsOfUnit } from "./dense-network.js";
import { paintSigned, signedColours, usualReach } from "./pixel-pictures.js";
import { freshLayers, measure, measurePart, permutation, randomFrom, trainStep, unpackImages } from "./training.js";

const RATES = [0.0003, 0.003, 0.03, 0.1, 0.3, 1, 3];
const WIDTHS = [0, 4, 16, 32];
const BATCH = 20;
const EPOCHS = 60;
const SEEN = 8; // hidden units that are painted
const FRAME = { width: 340, height: 200, left: 40, right: 10, top: 10, bottom: 34 };
const TOP = 2.5; // of the plot; a loss above it runs along its edge
const PATIENCE = 6; // milliseconds of work for a frame; painting comes on top, and 60 frames a second leave 16
const MOST_BATCHES = 3; // for a frame, or a fast machine would be done before one sees the templates form
const PIECE = 60; // images measured at a time

/** The loss over the epochs. */
function lossPlot() {
  const x = (epoch) => FRAME.left + (epoch / EPOCHS) * (FRAME.width - FRAME.left - FRAME.right);
  const y = (loss) => FRAME.top + (1 - Math.min(TOP, loss) / TOP) * (FRAME.height - FRAME.top - FRAME.bottom);
  const line = makeSvg("path", { class: "widget-curve widget-training" });
  const text = (words, attributes) => makeSvg("text", attributes, words);
  const axes = [
    ...[0, 0.5, 1, 1.5, 2, 2.5].flatMap((loss) => [
      makeSvg("line", { class: "widget-tick-line", x1: FRAME.left, x2: FRAME.width - FRAME.right, y1: y(loss), y2: y(loss) }),
      text(String(loss), { x: FRAME.left - 6, y: y(loss) + 4, "text-anchor": "end" }),
    ]),
    ...[0, 20, 40, 60].map((epoch) => text(String(epoch), { x: x(epoch), y: FRAME.height - 18, "text-anchor": "middle" })),
    text("epoch", { x: x(EPOCHS / 2), y: FRAME.height - 3, "text-anchor": "middle" }),
    text("loss", { x: -FRAME.height / 2 + 12, y: 11, transform: "rotate(-90)", "text-anchor": "middle" }),
  ];
  const svg = makeSvg("svg", { viewBox: `0 0 ${FRAME.width} ${FRAME.height}`, class: "widget-plot", role: "img" }, ...axes, line);
  return {
    svg,
    show(losses) {
      line.setAttribute("d", losses.map((loss, epoch) => `${epoch ? "L" : "M"}${x(epoch).toFixed(1)} ${y(loss).toFixed(1)}`).join(""));
      svg.setAttribute("aria-label", `The loss over ${losses.length - 1} epochs: from ${decimals(losses[0])} to ${decimals(losses.at(-1))}.`);
    },
  };
}

/** Put the widget on its stage. `data`: { images, labels, names }; two pixels in a byte. */
export function start(stage, { images: packed, labels: right, names }) {
  const images = unpackImages(packed);
  const stranger = permutation(right.length, randomFrom(7)).map((row) => right[row]);
  const chosen = { width: 0, labels: "right" };
  const says = liveSentence();
  const plot = lossPlot();
  const pictures = make("div", { class: "widget-weights-row" });
  let run;
  let running = false;
  let queued = 0;

  const labels = () => (chosen.labels === "right" ? right : stranger);
  const rate = slider({ label: "learning rate", min: 0, max: RATES.length - 1, step: 1, value: 3, show: (place) => String(RATES[place]), onInput: beginAnew });
  const trains = button("Train", toggle);

  function beginAnew() {
    running = false;
    trains.textContent = "Train";
    const random = randomFrom(1);
    const widths = chosen.width ? [784, chosen.width, names.length] : [784, names.length];
    const layers = freshLayers(widths, random);
    run = { layers, random, losses: [measure(layers, images, labels()).loss], accuracy: 0, order: [], measured: null, epoch: 0, until: EPOCHS };
    const shown = Math.min(layers[0].units, SEEN);
    pictures.replaceChildren(...Array.from({ length: shown }, (_, unit) => {
      const words = chosen.width ? `unit ${unit + 1}` : names[unit];
      const canvas = make("canvas", { role: "img", "aria-label": `The weights of ${words}` });
      return make("figure", { class: "widget-picture" }, canvas, make("figcaption", {}, words));
    }));
    show();
    says.say(`Not trained yet. The weights are noise, and the loss is ${decimals(run.losses[0])}.`);
  }

  /** A little work: one mini-batch, or, when the epoch is over, the loss on a few more of the images. Returns the mini-batches taken. */
  function work() {
    if (!run.measured) {
      if (!run.order.length) run.order = permutation(right.length, run.random);
      trainStep(run.layers, images, labels(), run.order.splice(0, BATCH), RATES[rate.value]);
      if (!run.order.length) run.measured = { images: 0, loss: 0, right: 0 };
      return 1;
    }
    const sum = run.measured;
    const end = Math.min(sum.images + PIECE, right.length);
    const part = measurePart(run.layers, images, labels(), sum.images, end);
    run.measured = { images: end, loss: sum.loss + part.loss, right: sum.right + part.right };
    if (end === right.length) endEpoch();
    return 0;
  }

  function endEpoch() {
    run.losses.push(run.measured.loss / right.length);
    run.accuracy = run.measured.right / right.length;
    run.measured = null;
    run.epoch += 1;
    if (run.epoch % 10 === 0 || run.epoch === EPOCHS) tell();
    if (run.epoch === run.until) stop();
  }

  function tell() {
    const [first, last] = [run.losses[0], run.losses.at(-1)];
    const before = run.losses.at(-2) ?? first;
    const state = last > first ? " It is higher than at the start: the steps are too long." : last > 0.97 * before && last > 0.8 * first ? " It hardly moves." : "";
    says.say(`After ${run.epoch} epochs the loss is ${decimals(last)}, and ${percent(run.accuracy)} of the ${whole(right.length)} images are right.${state}`);
  }

  function show() {
    const { layers } = run;
    const shown = Array.from(pictures.querySelectorAll("canvas"), (_, unit) => weightsOfUnit(layers[0], unit));
    const reach = usualReach(shown.flatMap((numbers) => Array.from(numbers)));
    const colours = signedColours(stage);
    pictures.querySelectorAll("canvas").forEach((canvas, unit) => paintSigned(canvas, shown[unit], reach, colours));
    plot.show(run.losses);
  }

  function stop() {
    running = false;
    trains.textContent = run.epoch === EPOCHS ? "Train anew" : "Train";
    show();
  }

  function frame() {
    if (!running || !stage.isConnected) return;
    const until = performance.now() + PATIENCE;
    let batches = 0;
    while (running && batches < MOST_BATCHES && performance.now() < until) batches += work();
    if (!running) return; // the work came to its end, and has shown it
    if (!run.still) show();
    queued = requestAnimationFrame(frame);
  }

  function toggle() {
    if (running) {
      stop();
      tell();
      return;
    }
    if (run.epoch === EPOCHS) beginAnew();
    running = true;
    run.still = matchMedia("(prefers-reduced-motion: reduce)").matches; // nothing moves: ten epochs at a time, shown when they are done
    run.until = run.still ? Math.min(EPOCHS, run.epoch + 10) : EPOCHS;
    trains.textContent = "Pause";
    cancelAnimationFrame(queued); // of a run that was left a moment ago
    queued = requestAnimationFrame(frame);
  }

  const control = (name, label, options) => choose({
    label, options, value: chosen[name],
    onChange: (value) => {
      chosen[name] = value;
      beginAnew();
    },
  });
  stage.append(
    make("div", { class: "widget-three" },
      control("width", "hidden units", WIDTHS.map((width) => [width, width ? whole(width) : "none"])),
      control("labels", "labels", [["right", "right"], ["shuffled", "shuffled"]])),
    rate.field,
    make("div", { class: "widget-buttons" }, trains, button("Start over", beginAnew)),
    says.element,
    pictures,
    plot.svg,
    make("p", { class: "widget-hint" }, `${whole(right.length)} images, plain steps on mini-batches of ${BATCH}. The pictures show the weights of the first layer: blue counts for, orange against.`),
  );
  beginAnew();
  whenLooksChange(show);
}
