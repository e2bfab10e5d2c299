// Draw a digit, watch it being prepared as MNIST was, and see what the lesson's own network makes of it, and why.

import { barTable } from "./bars.js";
import { button, choose, decimals, liveSentence, make, percent, pick, whenLooksChange } from "./controls.js";
import { answer, bytesOf, readNetwork, weightsOfUnit } from "./dense-network.js";
import { BOX, SIDE, centreOfMass, greyestPart, prepare } from "./digit-preparation.js";
import { drawingPad } from "./drawing-pad.js";
import { paintGrey, paintSigned, signedColours, usualReach } from "./pixel-pictures.js";
import { argmax } from "./softmax.js";

const DIGITS = Array.from({ length: 10 }, (_, digit) => String(digit));

const FINE = 10; // canvas pixels to one of the 28, where lines are drawn over the picture
const PART = 5; // so many rows and columns are shown as numbers
const MARK = "#f5b041";

/** A canvas with words under it. */
function picture(words, description) {
  const canvas = make("canvas", { width: SIDE, height: SIDE, role: "img", "aria-label": description });
  const caption = make("figcaption", {}, words);
  return { canvas, caption, figure: make("figure", { class: "widget-picture" }, canvas, caption) };
}

/** Paint a small picture large, at the given place of a square of `side` pixels, so that fine lines can be drawn over it. */
function paintLarge(canvas, small, side) {
  const own = make("canvas");
  paintGrey(own, small);
  Object.assign(canvas, { width: side * FINE, height: side * FINE });
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.fillRect(0, 0, canvas.width, canvas.height);
  const [left, top] = [Math.floor((side - small.width) / 2), Math.floor((side - small.height) / 2)];
  context.drawImage(own, left * FINE, top * FINE, small.width * FINE, small.height * FINE);
  return Object.assign(context, { strokeStyle: MARK, fillStyle: MARK, lineWidth: 4 });
}

/** Draw the two middle lines of 28 × 28, a dot at the centre of mass, and a frame around the pixels that are shown as numbers. */
function markCentre(context, mass, { left, top }) {
  const [middle, end] = [(SIDE * FINE) / 2, SIDE * FINE];
  context.lineWidth = 2;
  context.strokeRect(left * FINE, top * FINE, PART * FINE, PART * FINE);
  context.setLineDash([8, 8]);
  context.beginPath();
  context.moveTo(middle, 0);
  context.lineTo(middle, end);
  context.moveTo(0, middle);
  context.lineTo(end, middle);
  context.stroke();
  context.beginPath();
  context.arc(mass.x * FINE, mass.y * FINE, 9, 0, 2 * Math.PI);
  context.fill();
}

/** The steps of the preparation: a picture of each, with the numbers of this very drawing. */
function steps() {
  const drawn = picture("", "Your drawing with a frame around the ink");
  const boxed = picture("", "The drawing, shrunk so that its longer side has 20 pixels");
  const centred = picture("", "The drawing on 28 by 28 pixels, with the middle lines and a dot at its centre of mass");
  const scaled = make("pre", { class: "widget-rows", tabindex: 0, role: "group", "aria-label": "Some of the pixels, scaled to 0 to 1" });
  const step = (number, words) => [make("strong", {}, `${number}. `), words];
  const numbers = make("figcaption", {}, ...step(4, "Scale: divide by 255. The framed pixels, as the network gets them."));
  const element = make("div", { class: "widget-steps" }, drawn.figure, boxed.figure, centred.figure, make("figure", { class: "widget-picture" }, scaled, numbers));
  return {
    element,
    show(pad, prepared) {
      Object.assign(drawn.canvas, { width: pad.width, height: pad.height });
      const frame = drawn.canvas.getContext("2d");
      frame.drawImage(pad, 0, 0);
      const black = { width: SIDE, height: SIDE, pixels: new Uint8Array(SIDE * SIDE) };
      paintLarge(boxed.canvas, prepared ? prepared.boxed : { ...black, width: BOX, height: BOX }, BOX);
      const grid = paintLarge(centred.canvas, prepared ? prepared.centred : black, SIDE);
      const input = prepared ? prepared.input : new Float32Array(SIDE * SIDE);
      const part = greyestPart(prepared ? prepared.centred : black, PART);
      const row = (place) => input.slice(place * SIDE + part.left, place * SIDE + part.left + PART);
      scaled.textContent = Array.from({ length: PART }, (_, place) => Array.from(row(part.top + place), (value) => (value ? value.toFixed(1) : " 0 ")).join(" "))
        .join("\n");
      const size = ({ width, height }) => `${width} × ${height}`;
      drawn.caption.replaceChildren(...step(1, prepared ? `Find the ink: a box of ${size(prepared.box)} in 280 × 280.` : "Find the ink: there is none yet."));
      boxed.caption.replaceChildren(...step(2, prepared ? `Size: cut it out and bring the longer side to 20 pixels, here ${size(prepared.boxed)}.` : "Size: bring the longer side to 20 pixels."));
      const mass = prepared && centreOfMass(prepared.centred);
      centred.caption.replaceChildren(...step(3, mass
        ? `Centre: lay it on 28 × 28, its centre of mass (the dot) next to the middle: now at ${decimals(mass.x, 1)}, ${decimals(mass.y, 1)}.`
        : "Centre: lay it on 28 × 28, its centre of mass next to the middle."));
      if (!prepared) return;
      Object.assign(frame, { strokeStyle: MARK, lineWidth: 5 });
      frame.strokeRect(prepared.box.left, prepared.box.top, prepared.box.width, prepared.box.height);
      markCentre(grid, mass, part);
    },
  };
}

/** Why: the weights that lead to each digit, and what each pixel of this image adds to the chosen score. */
function reasons(onChoose) {
  const buttons = DIGITS.map((digit) => {
    const canvas = make("canvas", { "aria-hidden": "true" });
    const press = make("button", { type: "button", class: "widget-weights", "aria-pressed": "false", onclick: () => onChoose(Number(digit)) });
    press.append(canvas, make("span", {}, make("span", { class: "widget-unseen" }, "weights for "), digit));
    return { canvas, press };
  });
  const weights = picture("weights", "The weights of the chosen digit as an image");
  const image = picture("image", "The prepared image");
  const product = picture("product", "What each pixel adds to the score");
  const sentence = make("p", { class: "widget-says" });
  const element = make(
    "div", { class: "widget-reasons" },
    make("p", {}, "Each digit's score is one sum over all pixels, brightness × weight. ",
      make("span", { class: "widget-key-for" }, "Blue"), " weights speak for the digit, ",
      make("span", { class: "widget-key-against" }, "orange"), " ones against it."),
    make("div", { class: "widget-weights-row", role: "group", "aria-label": "Choose the digit to explain" }, ...buttons.map(({ press }) => press)),
    make("div", { class: "widget-product" }, weights.figure, make("span", { "aria-hidden": "true" }, "×"), image.figure,
      make("span", { "aria-hidden": "true" }, "="), product.figure),
    sentence,
  );
  let colours, layer, units, reach; // what changes only with the network or the page's colours
  return {
    element,
    /** Take another network's first layer, or the page's new colours. */
    use(newLayer) {
      layer = newLayer;
      colours = signedColours(element);
      reach = usualReach(layer.weights);
      units = DIGITS.map((_, unit) => weightsOfUnit(layer, unit));
      buttons.forEach(({ canvas }, unit) => paintSigned(canvas, units[unit], reach, colours));
    },
    show(input, digit, score) {
      buttons.forEach(({ press }, unit) => press.setAttribute("aria-pressed", String(unit === digit)));
      const products = units[digit].map((weight, pixel) => weight * input[pixel]);
      paintSigned(weights.canvas, units[digit], reach, colours);
      paintGrey(image.canvas, { width: SIDE, height: SIDE, pixels: input.map((value) => 255 * value) });
      paintSigned(product.canvas, products, Math.max(...products.map(Math.abs)) || 1, colours);
      const total = (sign) => products.reduce((sum, value) => sum + Math.max(0, sign * value), 0);
      const bias = layer.bias[digit];
      const sums = `${decimals(total(1), 1)} for − ${decimals(total(-1), 1)} against`;
      sentence.textContent = `Score of ${digit}: ${sums} ${bias < 0 ? "−" : "+"} ${decimals(Math.abs(bias), 1)} bias = ${decimals(score, 1)}.`;
    },
  };
}

/** Put the widget on its stage. `data`: { networks: [{ name, accuracy, layers }], examples: { labels, pixels } }. */
export function start(stage, data) {
  const networks = data.networks.map((written) => ({ ...written, layers: readNetwork(written) }));
  const examplePixels = bytesOf(data.examples.pixels);
  let network = networks[0];
  let explained = null; // the digit the reader chose to have explained; else the answer

  const says = liveSentence();
  const penSays = liveSentence({ class: "widget-unseen" });
  const pad = drawingPad({
    onChange: () => {
      explained = null;
      soon();
    },
    onPen: (words) => penSays.say(words),
  });
  const bars = barTable({ caption: "What the network answers", first: "digit", names: DIGITS, columns: ["score"], barColumn: "probability" });
  const preparation = steps();
  const why = reasons((digit) => {
    explained = digit;
    update();
  });

  // However fast the pointer moves, once a frame is enough.
  let planned = 0;
  function soon() {
    planned ||= requestAnimationFrame(update);
  }

  function update() {
    planned = 0;
    const prepared = prepare(pad.read());
    const input = prepared ? prepared.input : new Float32Array(SIDE * SIDE);
    const { scores, probabilities } = answer(network.layers, input);
    const given = argmax(scores);
    bars.show(
      Array.from(scores, (score, digit) => ({ cells: [decimals(score, 1)], length: probabilities[digit], words: decimals(probabilities[digit], 3) })),
      given,
    );
    preparation.show(pad.canvas, prepared);
    const order = DIGITS.map(Number).sort((one, other) => probabilities[other] - probabilities[one]);
    says.say(prepared
      ? `It says ${given}, with probability ${decimals(probabilities[given], 3)}. Next: ${order[1]}, with ${decimals(probabilities[order[1]], 3)}.`
      : `Nothing drawn yet. Even so the network answers: ${given}, from its biases alone.`);
    if (!whyPart.hidden) why.show(input, explained ?? given, scores[explained ?? given]);
  }

  /** Begin again with what only the network and the page's colours decide. Only one layer can be explained by a picture of its weights. */
  function refresh() {
    whyPart.hidden = network.layers.length > 1;
    if (!whyPart.hidden) why.use(network.layers[0]);
    update();
  }

  function example(number) {
    const canvas = make("canvas");
    const pixels = examplePixels.slice(number * SIDE * SIDE, (number + 1) * SIDE * SIDE);
    paintGrey(canvas, { width: SIDE, height: SIDE, pixels });
    pad.put(canvas);
  }

  const examples = pick({
    label: "Or take a test image",
    options: [["", "choose"], ...data.examples.labels.map((label, number) => [String(number), `a ${label}`])],
    value: "",
    onChange: (number) => number !== "" && example(Number(number)),
  });
  const networkChoice = networks.length < 2 ? "" : choose({
    label: "Network",
    options: networks.map(({ name, accuracy }, number) => [number, `${name} (test accuracy ${percent(accuracy, 1)})`]),
    value: 0,
    onChange: (number) => {
      network = networks[number];
      refresh();
    },
  });
  const whyPart = make("details", { class: "widget-part", open: true }, make("summary", {}, "Why this answer?"), why.element);
  const clear = () => {
    examples.value = "";
    pad.clear();
  };

  stage.append(
    make("div", { class: "widget-columns" },
      make("div", {},
        make("p", { class: "widget-hint" }, "Draw one digit here, with mouse or finger, or with arrow keys and space bar. The example makes room."),
        pad.element,
        make("div", { class: "widget-buttons" }, button("Clear", clear), button("Take back", () => pad.undo())),
        make("div", { class: "widget-buttons" }, examples.field)),
      make("div", {}, networkChoice, says.element, penSays.element, bars.table)),
    make("details", { class: "widget-part", open: true }, make("summary", {}, "How the drawing is prepared"), preparation.element),
    whyPart,
  );
  stage.pad = pad; // for tests: the same way in as a reader's strokes
  stage.update = update;
  whenLooksChange(refresh);
  example(0);
  refresh();
}
