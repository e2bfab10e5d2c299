// The widgets' sums, without a browser: `node --test tests/widgets/maths.test.mjs`. tests/widgets/test_widgets_maths.py runs this too.

import assert from "node:assert/strict";
import { test } from "node:test";

const from = (name) => import(new URL(`../../book/_static/widgets/${name}.js`, import.meta.url));
const { argmax, naiveSoftmax, softmax } = await from("softmax");
const { distances, moved, oneHot, shuffled } = await from("one-hot");
const { network, parameters, shapeText } = await from("layer-shapes");
const { accuracy, measures, worstMistake } = await from("confusion");
const { SIDE, centreOfMass, inkBox, prepare, resize } = await from("digit-preparation");
const { bestEpoch, lossGap, readRuns } = await from("learning-curves");
const { outcomes } = await from("threshold");
const { interval, summary, wideBins } = await from("calibration");
const { convolve, sumAt } = await from("convolution");
const { answer, readNetwork, weightsOfUnit } = await from("dense-network");

const near = (one, other, tolerance = 1e-12) => assert.ok(Math.abs(one - other) <= tolerance, `${one} is not ${other}`);

test("softmax sums to one, is shift-invariant and stands any score", () => {
  const p = softmax([2, 1, -1]);
  near(p.reduce((sum, share) => sum + share), 1);
  near(p[0] / p[1], Math.E);
  softmax([1002, 1001, 999]).forEach((share, place) => near(share, p[place]));
  assert.deepEqual(softmax([5000, 0]), [1, 0]);
});

test("temperature flattens and sharpens", () => {
  assert.ok(softmax([2, 1], 10)[0] < softmax([2, 1])[0]);
  assert.ok(softmax([2, 1], 0.1)[0] > softmax([2, 1])[0]);
});

test("the naive formula breaks where float32 ends, and not before", () => {
  assert.ok(naiveSoftmax([88.7, 0]).probabilities.every(Number.isFinite));
  assert.ok(naiveSoftmax([88.8, 0]).probabilities.some(Number.isNaN));
  assert.ok(naiveSoftmax([-120, -121]).probabilities.every(Number.isNaN));
  naiveSoftmax([2, 1, -1]).probabilities.forEach((share, place) => near(share, softmax([2, 1, -1])[place], 1e-6));
});

test("argmax takes the first of equals", () => assert.equal(argmax([1, 3, 3]), 1));

test("one-hot rows are all equally far apart, integers are not", () => {
  const rows = distances([0, 1, 2, 3].map((number) => oneHot(number, 4)));
  rows.forEach((row, one) => row.forEach((value, other) => near(value, one === other ? 0 : Math.SQRT2)));
  assert.deepEqual(distances([[0], [1], [2]])[0], [0, 1, 2]);
  assert.deepEqual(oneHot(5, 10), [0, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
});

test("moving and shuffling keep every class", () => {
  assert.deepEqual(moved(["a", "b", "c"], 0, 2), ["b", "c", "a"]);
  assert.deepEqual(moved(["a", "b", "c"], 2, 1), ["a", "c", "b"]);
  for (let time = 0; time < 50; time += 1) {
    const mixed = shuffled(["a", "b", "c"]);
    assert.notDeepEqual(mixed, ["a", "b", "c"]);
    assert.deepEqual([...mixed].sort(), ["a", "b", "c"]);
  }
});

test("parameters are counted as Keras counts them", () => {
  const count = (choice) => parameters(network(choice));
  assert.equal(count({ input: [784], flattened: false, hidden: 0, units: 10 }), 7850);
  assert.equal(count({ input: [28, 28], flattened: true, hidden: 10, units: 10 }), 7960);
  assert.equal(count({ input: [28, 28, 1], flattened: true, hidden: 10, units: 3 }), 7883);
  assert.equal(count({ input: [28, 28, 1], flattened: false, hidden: 10, units: 3 }), 53);
  assert.equal(shapeText(network({ input: [28, 28], flattened: false, hidden: 0, units: 10 }).at(-1).output), "(None, 28, 10)");
});

test("sensitivity reads the row, precision the column", () => {
  const counts = [[8, 2, 0], [1, 6, 3], [0, 0, 0]];
  const first = measures(counts, 0);
  assert.deepEqual([first.truePositives, first.falseNegatives, first.falsePositives, first.trueNegatives], [8, 2, 1, 9]);
  near(first.sensitivity, 0.8);
  near(first.precision, 8 / 9);
  assert.ok(Number.isNaN(measures(counts, 2).sensitivity));
  near(accuracy(counts), 0.7);
  assert.deepEqual(worstMistake(counts), [1, 2]);
});

const square = (side, left, top, width, height) => {
  const pixels = new Uint8Array(side * side);
  for (let y = top; y < top + height; y += 1) pixels.fill(255, y * side + left, y * side + left + width);
  return { width: side, height: side, pixels };
};

test("an empty drawing has no box", () => {
  assert.equal(inkBox(square(280, 0, 0, 0, 0)), null);
  assert.equal(prepare(square(280, 0, 0, 0, 0)), null);
});

test("a drawing is cut out, its longer side becomes 20 pixels, its centre of mass comes to the middle", () => {
  const { box, boxed, centred, input } = prepare(square(280, 200, 10, 40, 80));
  assert.deepEqual(box, { left: 200, top: 10, width: 40, height: 80 });
  assert.deepEqual([boxed.width, boxed.height], [10, 20]);
  const mass = centreOfMass(centred);
  for (const place of [mass.x, mass.y]) assert.ok(place >= 14 && place < 15, `${place}`);
  assert.equal(centred.pixels.length, SIDE * SIDE);
  assert.deepEqual([Math.min(...input), Math.max(...input)], [0, 1]);
});

test("where and how large a digit is drawn makes no difference", () => {
  const small = prepare(square(280, 20, 30, 40, 60));
  const large = prepare(square(280, 100, 100, 80, 120));
  assert.deepEqual(small.input, large.input);
});

test("resizing keeps the average brightness", () => {
  const picture = square(31, 3, 5, 11, 7);
  const mean = ({ pixels }) => pixels.reduce((sum, value) => sum + value, 0) / pixels.length;
  for (const [width, height] of [[20, 20], [7, 13], [62, 62], [1, 1]]) near(mean(resize(picture, width, height)), mean(picture), 1e-3);
});

test("a network of two layers answers as by hand", () => {
  const pack = (numbers) => Buffer.from(Float32Array.from(numbers).buffer).toString("base64");
  const layers = readNetwork({ layers: [
    { inputs: 2, units: 2, activation: "relu", weights: pack([1, -1, 0.5, 2]), bias: pack([0, 1]) },
    { inputs: 2, units: 2, activation: "softmax", weights: pack([1, 0, 0, 1]), bias: pack([0, 0.5]) },
  ] });
  // [1, 2] W + b = [1 + 1, -1 + 4] + [0, 1] = [2, 4]
  assert.deepEqual([...answer(layers, [1, 2]).scores], [2, 4.5]);
  assert.deepEqual([...answer(layers, [3, 0]).scores], [3, 0.5]); // -3 + 1 is cut to 0
  assert.deepEqual([...weightsOfUnit(layers[0], 1)], [-1, 2]);
  assert.throws(() => readNetwork({ layers: [{ inputs: 3, units: 2, activation: "relu", weights: pack([1]), bias: pack([1]) }] }));
});

test("runs are unpacked in their order", () => {
  const packed = Buffer.from(Uint16Array.from([10, 5, 12, 14, 20, 40, 20, 30]).buffer).toString("base64");
  const [run] = readRuns({ settings: [{ width: 8 }], epochs: 2, step: 0.1, packed });
  assert.equal(run.width, 8);
  near(run.val_loss[1], 1.4);
  near(run.val_accuracy[0], 2);
  assert.equal(bestEpoch(run), 1);
  near(lossGap(run, 2), 0.9);
});

test("the recorded runs are complete and make sense", async () => {
  const { default: recorded } = await from("overfitting-runs");
  const runs = readRuns(recorded);
  const combinations = Object.values(recorded.choices).reduce((product, values) => product * values.length, 1);
  assert.equal(runs.length, combinations);
  for (const run of runs) {
    assert.ok(run.loss.at(-1) < run.loss[0]);
    assert.ok(run.accuracy.every((share) => share >= 0 && share <= 1.0001));
  }
  const gap = (images) => lossGap(runs.find((run) => run.width === 128 && run.images === images && run.dropout === 0), recorded.epochs);
  assert.ok(gap(100) > gap(3000), "more images, smaller gap");
});

test("a threshold sorts images into the four outcomes", () => {
  const counts = { hits: [10, 8, 0], alarms: [90, 2, 0] };
  const half = outcomes(counts, 1);
  assert.deepEqual([half.truePositives, half.falseNegatives, half.falsePositives, half.trueNegatives], [8, 2, 2, 88]);
  near(half.sensitivity, 0.8);
  near(half.precision, 0.8);
  near(half.accuracy, 0.96);
  near(outcomes(counts, 0).precision, 0.1); // all are let through
  assert.ok(Number.isNaN(outcomes(counts, 2).precision), "nobody is let through, so there is no share of them");
});

test("answers are put together into wider bars", () => {
  const bins = wideBins({ images: [0, 0, 4, 6], right: [0, 0, 2, 6], sums: [0, 0, 2.4, 5.4] }, 2);
  assert.ok(Number.isNaN(bins[0].share));
  assert.deepEqual([bins[1].images, bins[1].right, bins[1].from, bins[1].to], [10, 8, 0.5, 1]);
  near(bins[1].says, 0.78);
  const fine = wideBins({ images: [0, 0, 4, 6], right: [0, 0, 2, 6], sums: [0, 0, 2.4, 5.4] }, 4);
  const all = summary(fine);
  near(all.says, 0.78);
  near(all.share, 0.8);
  near(all.gap, 0.4 * 0.1 + 0.6 * 0.1);
});

test("the interval of a share stays within 0 and 1", () => {
  // 81 of 263, a textbook's example: 0.255 to 0.366
  const [low, high] = interval(81, 263);
  near(low, 0.2553, 1e-4);
  near(high, 0.3662, 1e-4);
  assert.deepEqual([interval(0, 1)[0], interval(5, 5)[1]], [0, 1]);
});

test("a kernel finds the left edge of a bar", () => {
  const bar = Float64Array.from({ length: 28 * 28 }, (_, place) => Number(place % 28 >= 10 && place % 28 < 14));
  const upright = [-1, 0, 1, -1, 0, 1, -1, 0, 1];
  const map = convolve(bar, upright, 0.5);
  assert.equal(map.length, 26 * 26);
  assert.deepEqual([...map.slice(0, 26)].map((sum) => sum - 0.5).slice(6, 16), [0, 0, 3, 3, 0, 0, -3, -3, 0, 0]);
  assert.equal(sumAt([1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0, 0, 0], 0, 0, 1, 4), 2);
});
