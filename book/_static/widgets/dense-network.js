// A trained dense network, as the lesson's run wrote it into the page, and its answer to an image.

import { softmax } from "./softmax.js";

const ACTIVATIONS = {
  linear: (score) => score,
  relu: (score) => Math.max(0, score),
  sigmoid: (score) => 1 / (1 + Math.exp(-score)),
  tanh: Math.tanh,
};

/** The bytes of a base64 text. */
export function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

/** The float32 numbers of a base64 text, stored lowest byte first. */
export function floatsOf(base64) {
  const bytes = bytesOf(base64);
  const view = new DataView(bytes.buffer);
  return Float32Array.from({ length: bytes.length / 4 }, (_, place) => view.getFloat32(4 * place, true));
}

/** The layers of a network. `weights` is inputs × units, row by row, as Keras keeps it. */
export function readNetwork(written) {
  return written.layers.map(({ inputs, units, activation, weights, bias }) => {
    const layer = { inputs, units, activation, weights: floatsOf(weights), bias: floatsOf(bias) };
    if (layer.weights.length !== inputs * units || layer.bias.length !== units) throw new Error("a layer of the wrong size");
    return layer;
  });
}

/** What one layer adds up, x W + b, before its activation. */
function weightedSums({ inputs, units, weights, bias }, input) {
  const sums = Float64Array.from(bias);
  for (let from = 0; from < inputs; from += 1) {
    const value = input[from];
    if (value === 0) continue; // most of an image is black
    for (let unit = 0; unit < units; unit += 1) sums[unit] += value * weights[from * units + unit];
  }
  return sums;
}

/** The network's scores for an image of numbers from 0 to 1, and the probabilities that softmax makes of them. */
export function answer(layers, image) {
  let values = image;
  layers.forEach((layer, depth) => {
    values = weightedSums(layer, values);
    if (depth < layers.length - 1) values = values.map(ACTIVATIONS[layer.activation]);
  });
  return { scores: values, probabilities: softmax(values) };
}

/** The weights that lead from every pixel to one unit of the first layer: an image. */
export function weightsOfUnit({ inputs, units, weights }, unit) {
  return Float32Array.from({ length: inputs }, (_, from) => weights[from * units + unit]);
}
