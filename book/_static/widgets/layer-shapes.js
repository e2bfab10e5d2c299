// Shapes and parameter counts of a small dense network, by Keras's rules.

/** How many numbers an array of this shape holds. */
export function size(shape) {
  return shape.reduce((product, length) => product * length, 1);
}

/** A shape as Keras prints it, with None for the number of images. */
export function shapeText(shape) {
  return `(None, ${shape.join(", ")})`;
}

/** A dense layer: it acts on the last axis alone and leaves all others as they are. */
export function dense(input, units) {
  const seen = input.at(-1);
  return { name: `Dense(${units})`, output: [...input.slice(0, -1), units], seen, weights: seen * units, biases: units };
}

/** Flatten: all axes of an image become one. Nothing to learn. */
export function flatten(input) {
  return { name: "Flatten()", output: [size(input)], seen: null, weights: 0, biases: 0 };
}

/** The layers in their order. `hidden` of 0 means that there is no hidden layer. */
export function network({ input, flattened, hidden, units }) {
  const layers = [];
  const now = () => layers.at(-1)?.output ?? input;
  if (flattened) layers.push(flatten(now()));
  if (hidden > 0) layers.push(dense(now(), hidden));
  layers.push(dense(now(), units));
  return layers;
}

/** All weights and biases together. */
export function parameters(layers) {
  return layers.reduce((total, { weights, biases }) => total + weights + biases, 0);
}
