// What a confusion matrix says about one class. Rows are the true classes, columns the answers.

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

/** Counts and rates of class `number`. A rate without any case is NaN: there is nothing to take a share of. */
export function measures(counts, number) {
  const row = sum(counts[number]);
  const column = sum(counts.map((line) => line[number]));
  const all = sum(counts.map(sum));
  const truePositives = counts[number][number];
  return {
    truePositives,
    falseNegatives: row - truePositives,
    falsePositives: column - truePositives,
    trueNegatives: all - row - column + truePositives,
    sensitivity: truePositives / row,
    precision: truePositives / column,
  };
}

/** The share of all images that lie on the diagonal. */
export function accuracy(counts) {
  return sum(counts.map((line, number) => line[number])) / sum(counts.map(sum));
}

/** The most frequent mistake, as [true class, answer]. */
export function worstMistake(counts) {
  let worst = [0, counts.length > 1 ? 1 : 0];
  counts.forEach((line, truth) => {
    line.forEach((count, given) => {
      if (truth !== given && count > counts[worst[0]][worst[1]]) worst = [truth, given];
    });
  });
  return worst;
}
