// A black square to draw on with mouse, finger, pen or keyboard.

import { make } from "./controls.js";

const SIDE = 280;
const PEN = 22; // about as wide, after shrinking, as the strokes in MNIST
const STEP = 10;
const ARROWS = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };

/** Where a pointer is, in the canvas's own pixels. */
function place(canvas, event) {
  const frame = canvas.getBoundingClientRect();
  return { x: ((event.clientX - frame.left) * SIDE) / frame.width, y: ((event.clientY - frame.top) * SIDE) / frame.height };
}

/** Draw lines of white ink. A single point gives a dot. */
export function paintStrokes(context, strokes) {
  Object.assign(context, { lineWidth: PEN, lineCap: "round", lineJoin: "round", strokeStyle: "white" });
  for (const stroke of strokes) {
    context.beginPath();
    context.moveTo(stroke[0].x, stroke[0].y);
    for (const { x, y } of stroke.length > 1 ? stroke.slice(1) : stroke) context.lineTo(x, y);
    context.stroke();
  }
}

/** The pad. `onChange` is called with every bit of ink, `onPen` with words when the keyboard lifts or lowers the pen. */
export function drawingPad({ onChange, onPen }) {
  const canvas = make("canvas", {
    class: "widget-pad", width: SIDE, height: SIDE, tabindex: 0, role: "application",
    "aria-label": "Drawing area. Arrow keys move the pen, the space bar lowers and lifts it, Backspace takes the last line back.",
  });
  const cursor = make("span", { class: "widget-pen", "aria-hidden": "true", hidden: true });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  let ground = null; // a picture under the strokes
  let strokes = [];
  let drawing = false;
  let pen = { x: SIDE / 2, y: SIDE / 2, down: false };

  function repaint() {
    context.fillStyle = "black";
    context.fillRect(0, 0, SIDE, SIDE);
    if (ground) context.drawImage(ground, 0, 0, SIDE, SIDE);
    paintStrokes(context, strokes);
    onChange();
  }

  function showPen() {
    Object.assign(cursor.style, { left: `${(100 * pen.x) / SIDE}%`, top: `${(100 * pen.y) / SIDE}%` });
    cursor.classList.toggle("widget-pen-down", pen.down);
  }

  /** Begin a line. It takes the place of a picture that was put here: nobody means to draw over an example. */
  function begin(point) {
    if (ground) strokes = [];
    ground = null;
    strokes.push([point]);
    repaint();
  }

  function lift() {
    drawing = false;
    pen.down = false;
    showPen();
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || drawing) return;
    canvas.setPointerCapture(event.pointerId);
    cursor.hidden = true;
    lift();
    drawing = true;
    begin(place(canvas, event));
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!drawing) return;
    const passed = event.getCoalescedEvents?.() ?? [];
    strokes.at(-1).push(...(passed.length ? passed : [event]).map((moment) => place(canvas, moment)));
    repaint();
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => (drawing = false));

  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key in ARROWS) {
      const [right, down] = ARROWS[event.key];
      const inside = (value) => Math.min(SIDE - PEN / 2, Math.max(PEN / 2, value));
      pen = { ...pen, x: inside(pen.x + right), y: inside(pen.y + down) };
      if (pen.down) {
        strokes.at(-1).push({ x: pen.x, y: pen.y });
        repaint();
      }
    } else if (event.key === " ") {
      pen.down = !pen.down;
      if (pen.down) begin({ x: pen.x, y: pen.y });
      onPen(pen.down ? "Pen down" : "Pen up");
    } else if (event.key === "Backspace") {
      pad.undo();
    } else {
      return;
    }
    event.preventDefault();
    cursor.hidden = false;
    showPen();
  });
  canvas.addEventListener("focus", () => {
    cursor.hidden = !canvas.matches(":focus-visible");
    showPen();
  });
  canvas.addEventListener("blur", () => {
    cursor.hidden = true;
    lift();
  });

  const pad = {
    element: make("div", { class: "widget-pad-frame" }, canvas, cursor),
    clear() {
      ground = null;
      strokes = [];
      lift();
      repaint();
    },
    undo() {
      if (strokes.length) strokes.pop();
      else ground = null;
      lift();
      repaint();
    },
    /** Replace the drawing by a picture. */
    put(picture) {
      ground = picture;
      strokes = [];
      repaint();
    },
    /** Replace the drawing by lines: lists of { x, y } in a square of 280 × 280. */
    draw(lines) {
      ground = null;
      strokes = lines.map((line) => [...line]);
      repaint();
    },
    canvas,
    /** The drawing as a picture of brightness. */
    read() {
      const { data } = context.getImageData(0, 0, SIDE, SIDE);
      const pixels = new Uint8Array(SIDE * SIDE);
      for (let pixel = 0; pixel < pixels.length; pixel += 1) pixels[pixel] = data[4 * pixel];
      return { width: SIDE, height: SIDE, pixels };
    },
  };
  return pad;
}
