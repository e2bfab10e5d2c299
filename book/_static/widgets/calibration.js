// Does what a network says come true? Its answers, sorted by the probability that it gave them.

/**
 * Wide bins from narrow ones of equal width. `images`, `right` and `sums` hold, for each narrow bin, how many answers fell into it,
 * how many of them were right, and their probabilities added up. A bin's `says` (the mean) and `share` are NaN where it is empty.
 */
export function wideBins({ images, right, sums }, count) {
  const each = images.length / count;
  const total = (numbers, bin) => numbers.slice(bin * each, (bin + 1) * each).reduce((sum, number) => sum + number, 0);
  return Array.from({ length: count }, (_, bin) => {
    const [here, good] = [total(images, bin), total(right, bin)];
    return { from: bin / count, to: (bin + 1) / count, images: here, right: good, says: total(sums, bin) / here, share: good / here };
  });
}

/** Wilson's 95 % interval of a share, as [low, high]. It stays within 0 and 1, with few images too. */
export function interval(right, images) {
  const z = 1.96;
  const share = right / images;
  const middle = (share + (z * z) / (2 * images)) / (1 + (z * z) / images);
  const half = (z / (1 + (z * z) / images)) * Math.sqrt((share * (1 - share)) / images + (z * z) / (4 * images * images));
  return [Math.max(0, middle - half), Math.min(1, middle + half)];
}

/** Over all images: what is said on average, how many are right, and how far the bins are from the diagonal (expected calibration error). */
export function summary(bins) {
  const filled = bins.filter(({ images }) => images > 0);
  const all = filled.reduce((sum, { images }) => sum + images, 0);
  const mean = (value) => filled.reduce((sum, bin) => sum + bin.images * value(bin), 0) / all;
  return { images: all, says: mean(({ says }) => says), share: mean(({ share }) => share), gap: mean(({ says, share }) => Math.abs(says - share)) };
}
