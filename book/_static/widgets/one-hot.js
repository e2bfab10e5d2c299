// Class numbers and one-hot rows, and how far apart each puts two classes.

/** The row of `count` zeros with a one at `number`. */
export function oneHot(number, count) {
  return Array.from({ length: count }, (_, place) => (place === number ? 1 : 0));
}

/** The straight-line distance between two rows of numbers. */
export function distance(one, other) {
  return Math.hypot(...one.map((value, place) => value - other[place]));
}

/** The distances between all pairs of rows. */
export function distances(rows) {
  return rows.map((one) => rows.map((other) => distance(one, other)));
}

/** The list with the item at `from` moved to `to`. */
export function moved(list, from, to) {
  const copy = [...list];
  copy.splice(to, 0, ...copy.splice(from, 1));
  return copy;
}

/** The list in random order, surely another one than before. */
export function shuffled(list, random = Math.random) {
  for (;;) {
    const copy = [...list];
    for (let last = copy.length - 1; last > 0; last -= 1) {
      const other = Math.floor(random() * (last + 1));
      [copy[last], copy[other]] = [copy[other], copy[last]];
    }
    if (list.length < 2 || copy.some((item, place) => item !== list[place])) return copy;
  }
}
