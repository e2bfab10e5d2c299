// A kernel of 3 × 3 on a square image.

/** The nine pixels under the kernel whose upper left corner lies on this row and column. */
export function pieceAt(pixels, row, column, side = 28) {
  return Array.from({ length: 9 }, (_, place) => pixels[(row + Math.floor(place / 3)) * side + column + (place % 3)]);
}

/** Pixels times weights, added up, plus the bias. */
export function sumAt(pixels, kernel, bias, row, column, side = 28) {
  return pieceAt(pixels, row, column, side).reduce((sum, pixel, place) => sum + pixel * kernel[place], bias);
}

/** The sums at every place, row by row: (side - 2)² of them. */
export function convolve(pixels, kernel, bias = 0, side = 28) {
  const places = side - 2;
  return Float64Array.from({ length: places * places }, (_, place) => sumAt(pixels, kernel, bias, Math.floor(place / places), place % places, side));
}
