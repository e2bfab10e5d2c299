// A kernel of 3 × 3 that one drags over an image: its nine products, their sum, and the feature map.

import { button, decimals, liveSentence, make, pick, tick, whenLooksChange } from "./controls.js";
import { convolve, pieceAt } from "./convolution.js";
import { bytesOf } from "./dense-network.js";
import { paintGrey, paintSigned, signedColours } from "./pixel-pictures.js";

const SIDE = 28;
const PLACES = SIDE - 2;
const MOVES = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
const BY_HAND = [
  { name: "upright strokes", weights: [-1, 0, 1, -1, 0, 1, -1, 0, 1] },
  { name: "level strokes", weights: [-1, -1, -1, 0, 0, 0, 1, 1, 1] },
  { name: "all edges", weights: [-1, -1, -1, -1, 8, -1, -1, -1, -1] },
  { name: "mean", weights: Array(9).fill(1 / 9) },
  { name: "nothing changes", weights: [0, 0, 0, 0, 1, 0, 0, 0, 0] },
];

const inside = (place) => Math.min(PLACES - 1, Math.max(0, place));

/** A table of 3 × 3 with what stands in its cells. */
function nine(caption, cells) {
  const rows = [0, 3, 6].map((first) => make("tr", {}, ...cells.slice(first, first + 3).map((cell) => make("td", { class: "widget-number" }, cell))));
  return make("table", { class: "widget-table widget-nine" }, make("caption", {}, caption), make("tbody", {}, ...rows));
}

/** Put the widget on its stage. `data`: { images: [{ name, pixels }], kernels: [{ name, weights, bias }] }; pixels are bytes. */
export function start(stage, { images, kernels }) {
  const offered = [...BY_HAND.map((kernel) => ({ ...kernel, bias: 0 })), ...kernels];
  const pictures = images.map(({ pixels }) => Float64Array.from(bytesOf(pixels), (value) => value / 255));
  const says = liveSentence();
  let [row, column] = [0, 0];
  let weights = [];
  let bias = 0;
  let sums = [];
  let cutOff = false;

  const image = make("canvas", { tabindex: 0, role: "application", "aria-label": "The image with the kernel's place on it. Drag it, or move it with the arrow keys" });
  const map = make("canvas", { role: "img" });
  const frames = [make("div", { class: "widget-place" }), make("div", { class: "widget-place" })];
  const framed = (canvas, frame, caption) => make("figure", { class: "widget-picture widget-framed" }, make("div", { class: "widget-under" }, canvas, frame), caption);
  const where = make("figcaption");
  const what = make("figcaption");

  const number = (label, onChange) => make("input", { type: "number", step: 0.5, "aria-label": label, oninput: (event) => onChange(Number(event.target.value) || 0) });
  const inputs = Array.from({ length: 9 }, (_, place) => number(`kernel, row ${Math.floor(place / 3)}, column ${place % 3}`, (value) => {
    weights[place] = value;
    slide();
  }));
  const biasInput = number("bias", (value) => {
    bias = value;
    slide();
  });
  const cells = { pixels: Array.from({ length: 9 }, () => make("span")), products: Array.from({ length: 9 }, () => make("span")) };
  const total = make("p", { class: "widget-total" });

  const imageChoice = pick({ label: "Image", options: images.map(({ name }, place) => [String(place), name]), value: "0", onChange: slide });
  const kernelChoice = pick({ label: "Kernel", options: offered.map(({ name }, place) => [String(place), name]), value: "0", onChange: takeKernel });

  /** The nine weights and the bias of a kernel on offer. What is shown is rounded; what is computed with is not. */
  function takeKernel() {
    const chosen = offered[kernelChoice.value];
    weights = [...chosen.weights];
    bias = chosen.bias;
    inputs.forEach((input, place) => (input.value = Number(weights[place].toFixed(2))));
    biasInput.value = Number(bias.toFixed(2));
    slide();
  }

  /** The whole map anew, for another image or kernel. */
  function slide() {
    sums = convolve(pictures[imageChoice.value], weights, bias);
    if (cutOff) sums = sums.map((sum) => Math.max(0, sum));
    paint();
    show();
  }

  function paint() {
    const pixels = pictures[imageChoice.value].map((value) => 255 * value);
    paintGrey(image, { width: SIDE, height: SIDE, pixels });
    const reach = sums.reduce((most, sum) => Math.max(most, Math.abs(sum)), 0) || 1;
    paintSigned(map, sums, reach, signedColours(stage), PLACES);
    map.setAttribute("aria-label", `The feature map, ${PLACES} × ${PLACES} sums from ${decimals(Math.min(...sums))} to ${decimals(Math.max(...sums))}. Blue is above zero, orange below.`);
    what.textContent = `the feature map: ${decimals(Math.min(...sums))} to ${decimals(Math.max(...sums))}`;
  }

  /** What lies under the kernel now. */
  function show() {
    const piece = pieceAt(pictures[imageChoice.value], row, column);
    piece.forEach((pixel, place) => {
      cells.pixels[place].textContent = decimals(pixel);
      cells.products[place].textContent = decimals(pixel * weights[place]);
    });
    const sum = piece.reduce((before, pixel, place) => before + pixel * weights[place], 0);
    const here = sums[row * PLACES + column];
    const added = bias ? ` ${bias < 0 ? "−" : "+"} ${decimals(Math.abs(bias))} bias = ${decimals(sum + bias)}` : "";
    total.replaceChildren("The products add up to ", make("strong", {}, decimals(sum)), added, cutOff && sum + bias < 0 ? ", cut off: 0.00." : ".");
    [[frames[0], 3, SIDE], [frames[1], 1, PLACES]].forEach(([frame, size, side]) => {
      Object.assign(frame.style, { left: `${(100 * column) / side}%`, top: `${(100 * row) / side}%`, width: `${(100 * size) / side}%`, height: `${(100 * size) / side}%` });
    });
    const slice = `image[${row}:${row + 3}, ${column}:${column + 3}]`;
    where.replaceChildren("the kernel lies on ", make("code", {}, slice));
    says.say(`${slice}: ${decimals(here)} in the map.`);
  }

  function moveTo(newRow, newColumn) {
    [row, column] = [inside(newRow), inside(newColumn)];
    show();
  }

  function toLargest() {
    const largest = sums.reduce((best, sum, place) => (sum > sums[best] ? place : best), 0);
    moveTo(Math.floor(largest / PLACES), largest % PLACES);
  }

  const under = (event) => {
    const box = image.getBoundingClientRect();
    const pixel = (at, from, length) => Math.floor(((at - from) / length) * SIDE) - 1; // the kernel's middle goes under the finger
    moveTo(pixel(event.clientY, box.top, box.height), pixel(event.clientX, box.left, box.width));
  };
  image.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    image.setPointerCapture(event.pointerId);
    under(event);
  });
  image.addEventListener("pointermove", (event) => {
    if (image.hasPointerCapture(event.pointerId)) under(event);
  });
  image.addEventListener("keydown", (event) => {
    if (!(event.key in MOVES) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const [down, right] = MOVES[event.key];
    moveTo(row + down, column + right);
  });

  stage.append(
    make("p", { class: "widget-hint" }, "Drag the frame over the image, or choose the image and use the arrow keys. Change the nine numbers as you like."),
    make("div", { class: "widget-pair" }, imageChoice.field, kernelChoice.field),
    make("div", { class: "widget-framed-pair" }, framed(image, frames[0], where), framed(map, frames[1], what)),
    make("div", { class: "widget-products" },
      nine("pixels", cells.pixels),
      make("div", {}, make("span", { "aria-hidden": "true" }, "×"), nine("kernel", inputs)),
      make("div", {}, make("span", { "aria-hidden": "true" }, "="), nine("products", cells.products))),
    total,
    make("div", { class: "widget-pair widget-kernel-more" },
      make("label", { class: "widget-tick" }, "bias ", biasInput),
      tick({ label: "cut off below zero (relu)", checked: false, onChange: (ticked) => {
        cutOff = ticked;
        slide();
      } }),
      button("Go to the largest sum", toLargest)),
    says.element,
  );
  says.element.classList.add("widget-unseen");
  takeKernel();
  toLargest();
  whenLooksChange(paint);
}
