// From a drawing to what the network expects, in the steps that made MNIST: crop, fit into 20 × 20, put the centre of mass into the
// middle of 28 × 28, scale to 0 to 1. (Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits".)
// Pictures are { width, height, pixels }: brightness 0 to 255, row by row, white ink on black.

export const BOX = 20;
export const SIDE = 28;
const FAINT = 20; // what is darker counts as no ink: the rim of an anti-aliased line

/** The smallest box around the ink, or null when there is none. */
export function inkBox({ width, height, pixels }) {
  let left = width, top = height, right = -1, bottom = -1;
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      if (pixels[y * width + x] < FAINT) continue;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = Math.max(bottom, y);
    }
  }
  return right < 0 ? null : { left, top, width: right - left + 1, height: bottom - top + 1 };
}

/** A part of a picture by itself. */
export function crop(picture, { left, top, width, height }) {
  const pixels = new Float32Array(width * height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) pixels[y * width + x] = picture.pixels[(top + y) * picture.width + left + x];
  }
  return { width, height, pixels };
}

/** How far new pixel `to` of `count` reaches over the `length` old ones: [old place, share of the new pixel] pairs. */
function overlaps(length, count, to) {
  const start = (to * length) / count;
  const end = ((to + 1) * length) / count;
  const pairs = [];
  for (let from = Math.floor(start); from < end; from += 1) {
    const share = (Math.min(end, from + 1) - Math.max(start, from)) / (end - start);
    if (share > 0 && from < length) pairs.push([from, share]);
  }
  return pairs;
}

/** Resize: each new pixel is the average of the area that it covers. That is where MNIST's greys come from. */
export function resize(picture, width, height) {
  const columns = Array.from({ length: width }, (_, x) => overlaps(picture.width, width, x));
  const narrow = new Float32Array(width * picture.height);
  for (let y = 0; y < picture.height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      for (const [from, share] of columns[x]) narrow[y * width + x] += share * picture.pixels[y * picture.width + from];
    }
  }
  const pixels = new Float32Array(width * height);
  for (let y = 0; y < height; y += 1) {
    for (const [from, share] of overlaps(picture.height, height, y)) {
      for (let x = 0; x < width; x += 1) pixels[y * width + x] += share * narrow[from * width + x];
    }
  }
  return { width, height, pixels };
}

/** Shrink or enlarge until the longer side is 20 pixels; the shape stays. */
export function fitIntoBox(picture) {
  const scale = BOX / Math.max(picture.width, picture.height);
  return resize(picture, Math.max(1, Math.round(picture.width * scale)), Math.max(1, Math.round(picture.height * scale)));
}

/** Where the ink would balance on a pin, measured from the top left corner. */
export function centreOfMass({ width, height, pixels }) {
  let ink = 0, sumX = 0, sumY = 0;
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const here = pixels[y * width + x];
      ink += here;
      sumX += here * (x + 0.5);
      sumY += here * (y + 0.5);
    }
  }
  return { x: sumX / ink, y: sumY / ink };
}

/**
 * Lay the picture on 28 × 28 black pixels so that its centre of mass falls within the pixel right and below of the middle, and cut
 * nothing off. That is where it lies in MNIST: between 14.0 and 15.0, counted from the edge, in 99 of 100 of its images.
 */
export function centre(picture) {
  const mass = centreOfMass(picture);
  const within = (place, size) => Math.min(SIDE - size, Math.max(0, place));
  const left = within(Math.ceil(SIDE / 2 - mass.x), picture.width);
  const top = within(Math.ceil(SIDE / 2 - mass.y), picture.height);
  const pixels = new Float32Array(SIDE * SIDE);
  for (let y = 0; y < picture.height; y += 1) {
    for (let x = 0; x < picture.width; x += 1) {
      pixels[(top + y) * SIDE + left + x] = Math.round(picture.pixels[y * picture.width + x]);
    }
  }
  return { width: SIDE, height: SIDE, pixels };
}

/** Where the `side` × `side` pixels with the most greys lie: the rim of a line, which shows best that a picture is numbers. */
export function greyestPart({ width, height, pixels }, side) {
  let best = { left: Math.floor((width - side) / 2), top: Math.floor((height - side) / 2), greys: 0 };
  for (let top = 0; top <= height - side; top += 1) {
    for (let left = 0; left <= width - side; left += 1) {
      let greys = 0;
      for (let y = top; y < top + side; y += 1) {
        for (let x = left; x < left + side; x += 1) greys += pixels[y * width + x] > 0 && pixels[y * width + x] < 255;
      }
      if (greys > best.greys) best = { left, top, greys };
    }
  }
  return best;
}

/** All steps, each with its result; null for an empty drawing. `input` is what the network gets. */
export function prepare(drawing) {
  const box = inkBox(drawing);
  if (box === null) return null;
  const cropped = crop(drawing, box);
  const boxed = fitIntoBox(cropped);
  const centred = centre(boxed);
  return { box, cropped, boxed, centred, input: centred.pixels.map((brightness) => brightness / 255) };
}
