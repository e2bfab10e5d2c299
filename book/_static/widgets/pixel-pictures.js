// Small pictures made of pixels: grey ones, and weights in two colours with nothing in between.

/** Paint brightness 0 to 255 on a canvas of that size, black to white. */
export function paintGrey(canvas, { width, height, pixels }) {
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  pixels.forEach((brightness, place) => image.data.set([brightness, brightness, brightness, 255], 4 * place));
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** A colour of the style sheet, as [red, green, blue]. */
function colour(element, name) {
  const hex = getComputedStyle(element).getPropertyValue(name).trim();
  return [1, 3, 5].map((place) => parseInt(hex.slice(place, place + 2), 16));
}

/** Paint numbers below and above zero: against and for. `reach` gets the full colour; zero has the colour of the page. */
export function paintSigned(canvas, numbers, reach, side = 28) {
  canvas.width = side;
  canvas.height = side;
  const [against, none, forIt] = ["--widget-against", "--widget-zero", "--widget-for"].map((name) => colour(canvas, name));
  const image = new ImageData(side, side);
  numbers.forEach((number, place) => {
    const share = Math.min(1, Math.abs(number) / reach);
    const end = number < 0 ? against : forIt;
    image.data.set([...none.map((zero, part) => zero + share * (end[part] - zero)), 255], 4 * place);
  });
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** The size below which all but one in fifty numbers stay: a few extreme weights must not make the rest pale. */
export function usualReach(numbers) {
  const sizes = Array.from(numbers, Math.abs).sort((one, other) => one - other);
  return sizes[Math.floor(0.98 * (sizes.length - 1))] || 1;
}
