// Training a small network in the page: softmax at the end, cross-entropy, plain steps on mini-batches, as Keras takes them.

import { bytesOf } from "./dense-network.js";
import { softmax } from "./softmax.js";

/** Random numbers from 0 to 1, the same for the same seed. */
export function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** The numbers 0 to `count` - 1 in an order that chance makes. */
export function permutation(count, random) {
  const order = Array.from({ length: count }, (_, place) => place);
  for (let place = count - 1; place > 0; place -= 1) {
    const other = Math.floor(random() * (place + 1));
    [order[place], order[other]] = [order[other], order[place]];
  }
  return order;
}

/** Images as the lesson's run packed them, two pixels of sixteen greys in a byte: numbers from 0 to 1. */
export function unpackImages(base64) {
  const bytes = bytesOf(base64);
  const pixels = new Float64Array(2 * bytes.length);
  bytes.forEach((byte, place) => {
    pixels[2 * place] = (byte >> 4) / 15;
    pixels[2 * place + 1] = (byte & 15) / 15;
  });
  return pixels;
}

/** Layers that nobody has trained, with Keras's usual start: weights even between ± √(6 / (inputs + units)), biases 0. `widths`: [784, 16, 3]. */
export function freshLayers(widths, random) {
  return widths.slice(1).map((units, depth) => {
    const inputs = widths[depth];
    const limit = Math.sqrt(6 / (inputs + units));
    return { inputs, units, weights: Float64Array.from({ length: inputs * units }, () => limit * (2 * random() - 1)), bias: new Float64Array(units) };
  });
}

/** What each layer puts out for the image that begins at `start`: hidden layers behind relu, the last as probabilities. */
function outputs(layers, images, start) {
  let values = images.subarray(start, start + layers[0].inputs);
  return layers.map(({ inputs, units, weights, bias }, depth) => {
    const sums = bias.slice();
    for (let from = 0; from < inputs; from += 1) {
      const value = values[from];
      if (value === 0) continue; // most of an image is black
      for (let unit = 0, place = from * units; unit < units; unit += 1, place += 1) sums[unit] += value * weights[place];
    }
    values = depth < layers.length - 1 ? sums.map((sum) => Math.max(0, sum)) : Float64Array.from(softmax(Array.from(sums)));
    return values;
  });
}

/** One plain step on these rows of the images, against the mean gradient. Changes the layers. */
export function trainStep(layers, images, labels, rows, rate) {
  const slopes = layers.map(({ weights, bias }) => ({ weights: new Float64Array(weights.length), bias: new Float64Array(bias.length) }));
  for (const row of rows) {
    const start = row * layers[0].inputs;
    const found = outputs(layers, images, start);
    let error = found.at(-1).slice();
    error[labels[row]] -= 1; // p - y
    for (let depth = layers.length - 1; depth >= 0; depth -= 1) {
      const { inputs, units, weights } = layers[depth];
      const into = depth ? found[depth - 1] : images.subarray(start, start + inputs);
      const back = new Float64Array(depth ? inputs : 0);
      for (let unit = 0; unit < units; unit += 1) slopes[depth].bias[unit] += error[unit];
      for (let from = 0; from < inputs; from += 1) {
        const value = into[from];
        if (value === 0) continue; // a black pixel, or a unit whose relu lets nothing back
        for (let unit = 0, place = from * units; unit < units; unit += 1, place += 1) {
          slopes[depth].weights[place] += value * error[unit];
          if (depth) back[from] += weights[place] * error[unit];
        }
      }
      error = back;
    }
  }
  const length = rate / rows.length;
  layers.forEach(({ weights, bias }, depth) => {
    for (let place = 0; place < weights.length; place += 1) weights[place] -= length * slopes[depth].weights[place];
    for (let unit = 0; unit < bias.length; unit += 1) bias[unit] -= length * slopes[depth].bias[unit];
  });
}

/** Cross-entropy and right answers of the images from `first` up to `end`, added up: a page measures all of them in pieces. */
export function measurePart(layers, images, labels, first, end) {
  let loss = 0;
  let right = 0;
  for (let row = first; row < end; row += 1) {
    const shares = outputs(layers, images, row * layers[0].inputs).at(-1);
    const label = labels[row];
    loss -= Math.log(Math.max(shares[label], 1e-7));
    right += shares.every((share, place) => place === label || share < shares[label]);
  }
  return { loss, right };
}

/** Mean cross-entropy, and the share of images that are right. */
export function measure(layers, images, labels) {
  const { loss, right } = measurePart(layers, images, labels, 0, labels.length);
  return { loss: loss / labels.length, accuracy: right / labels.length };
}
