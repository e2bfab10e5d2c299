// Softmax, done well and done naively. No page, no widget: only numbers.

/** Probabilities from scores, at a temperature. The largest score is taken off first, so that nothing can overflow. */
export function softmax(scores, temperature = 1) {
  const largest = Math.max(...scores);
  const powers = Array.from(scores, (score) => Math.exp((score - largest) / temperature));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

/**
 * The formula taken at its word, in float32 as networks compute. Its exp passes the largest float32 from a score of about 88.7,
 * and is zero below about −104.
 */
export function naiveSoftmax(scores, temperature = 1) {
  const powers = Array.from(scores, (score) => Math.fround(Math.exp(Math.fround(score / temperature))));
  const sum = powers.reduce((total, power) => Math.fround(total + power), 0);
  return { powers, sum, probabilities: powers.map((power) => Math.fround(power / sum)) };
}

/** The place of the largest value: the first of them, as NumPy's argmax says. */
export function argmax(values) {
  let best = 0;
  for (let place = 1; place < values.length; place += 1) if (values[place] > values[best]) best = place;
  return best;
}
