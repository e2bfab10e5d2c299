// Small pictures made of pixels: grey ones, and weights in two colours with nothing in between.

/** Paint brightness 0 to 255 on a canvas of that size, black to white. */
export function paintGrey(canvas, { width, height, pixels }) {
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  const bytes = new Uint32Array(image.data.buffer); // one number a pixel: this runs while somebody draws
  for (let place = 0; place < bytes.length; place += 1) bytes[place] = 0xff000000 | (Math.round(pixels[place]) * 0x010101);
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** A colour of the style sheet, as [red, green, blue]. */
function colour(element, name) {
  const hex = getComputedStyle(element).getPropertyValue(name).trim();
  return [1, 3, 5].map((place) => parseInt(hex.slice(place, place + 2), 16));
}

/** The colours for against, nothing and for, as the page has them now. */
export function signedColours(element) {
  return ["--widget-against", "--widget-zero", "--widget-for"].map((name) => colour(element, name));
}

/** Paint numbers below and above zero: against and for. `reach` gets the full colour; zero has the colour of the page. */
export function paintSigned(canvas, numbers, reach, [against, none, forIt], side = 28) {
  canvas.width = side;
  canvas.height = side;
  const image = new ImageData(side, side);
  for (let place = 0; place < numbers.length; place += 1) {
    const share = Math.min(1, Math.abs(numbers[place]) / reach);
    const end = numbers[place] < 0 ? against : forIt;
    for (let part = 0; part < 3; part += 1) image.data[4 * place + part] = none[part] + share * (end[part] - none[part]);
    image.data[4 * place + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** The size below which all but one in fifty numbers stay: a few extreme weights must not make the rest pale. */
export function usualReach(numbers) {
  const sizes = Float64Array.from(numbers).map(Math.abs).sort(); // typed, so that they are sorted as numbers and at once
  return sizes[Math.floor(0.98 * (sizes.length - 1))] || 1;
}
