// Draw a digit, watch it being prepared as MNIST was, and see what the lesson's own network makes of it, and why.

import { barTable } from "./bars.js";
import { button, choose, decimals, liveSentence, make, percent, pick, whenLooksChange } from "./controls.js";
import { answer, bytesOf, readNetwork, weightsOfUnit } from "./dense-network.js";
import { SIDE, centreOfMass, prepare } from "./digit-preparation.js";
import { drawingPad } from "./drawing-pad.js";
import { paintGrey, paintSigned, signedColours, usualReach } from "./pixel-pictures.js";
import { argmax } from "./softmax.js";

const DIGITS = Array.from({ length: 10 }, (_, digit) => String(digit));

/** A canvas with words under it. */
function picture(words, description) {
  const canvas = make("canvas", { width: SIDE, height: SIDE, role: "img", "aria-label": description });
  return { canvas, figure: make("figure", { class: "widget-picture" }, canvas, make("figcaption", {}, words)) };
}

/** The steps of the preparation, as pictures. */
function steps() {
  const drawn = picture("1. your drawing, with the box around its ink", "Your drawing with a frame around the ink");
  const boxed = picture("2. cut out and shrunk: longer side 20 pixels", "The drawing, shrunk so that its longer side has 20 pixels");
  const centred = picture("3. centre of mass in the middle of 28 × 28", "The drawing on 28 by 28 pixels, with a cross at its centre of mass");
  const scaled = make("pre", { class: "widget-rows", tabindex: 0, "aria-label": "Three rows of pixels, scaled" });
  const element = make(
    "div", { class: "widget-steps" }, drawn.figure, boxed.figure, centred.figure,
    make("figure", { class: "widget-picture widget-scaled" }, scaled, make("figcaption", {}, "4. divided by 255: rows 13 to 16 as numbers")),
  );
  return {
    element,
    show(pad, prepared) {
      Object.assign(drawn.canvas, { width: pad.width, height: pad.height });
      drawn.canvas.getContext("2d").drawImage(pad, 0, 0);
      const black = { width: SIDE, height: SIDE, pixels: new Uint8Array(SIDE * SIDE) };
      paintGrey(boxed.canvas, prepared ? prepared.boxed : black);
      paintGrey(centred.canvas, prepared ? prepared.centred : black);
      const input = prepared ? prepared.input : new Float32Array(SIDE * SIDE);
      scaled.textContent = [13, 14, 15, 16]
        .map((row) => Array.from(input.slice(row * SIDE + 8, row * SIDE + 20), (value) => (value ? value.toFixed(1) : " 0 ")).join(" "))
        .join("\n");
      if (!prepared) return;
      const frame = drawn.canvas.getContext("2d");
      Object.assign(frame, { strokeStyle: "#f5b041", lineWidth: 5 });
      frame.strokeRect(prepared.box.left, prepared.box.top, prepared.box.width, prepared.box.height);
      const mass = centreOfMass(prepared.centred);
      const cross = centred.canvas.getContext("2d");
      cross.fillStyle = "#f5b041";
      cross.fillRect(Math.floor(mass.x) - 1, Math.floor(mass.y), 3, 1);
      cross.fillRect(Math.floor(mass.x), Math.floor(mass.y) - 1, 1, 3);
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
  const product = picture("weight × pixel", "What each pixel adds to the score");
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
      ? `It says ${given}, with probability ${decimals(probabilities[given])}. Next: ${order[1]}, with ${decimals(probabilities[order[1]])}.`
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
        make("p", { class: "widget-hint" }, "Draw one digit, large, with mouse, finger or arrow keys and space bar."),
        pad.element,
        make("div", { class: "widget-buttons" }, button("Clear", clear), button("Take back", () => pad.undo())),
        examples.field),
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
