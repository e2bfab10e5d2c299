// A plot whose axes both go from 0 to 1: for shares over probabilities.

import { makeSvg } from "./controls.js";

const FRAME = { width: 340, height: 250, left: 46, right: 12, top: 10, bottom: 36 };
const TENTHS = [0, 0.2, 0.4, 0.6, 0.8, 1];

/** An empty plot: { svg, x, y }. `svg` has the axes; `x` and `y` say where a number from 0 to 1 lies. */
export function unitPlot(across, up) {
  const x = (share) => FRAME.left + share * (FRAME.width - FRAME.left - FRAME.right);
  const y = (share) => FRAME.top + (1 - share) * (FRAME.height - FRAME.top - FRAME.bottom);
  const text = (words, attributes) => makeSvg("text", attributes, words);
  const svg = makeSvg("svg", { viewBox: `0 0 ${FRAME.width} ${FRAME.height}`, class: "widget-plot", role: "img" },
    ...TENTHS.flatMap((share) => [
      makeSvg("line", { class: "widget-tick-line", x1: x(0), x2: x(1), y1: y(share), y2: y(share) }),
      text(share.toFixed(1), { x: x(0) - 6, y: y(share) + 4, "text-anchor": "end" }),
      text(share.toFixed(1), { x: x(share), y: y(0) + 15, "text-anchor": "middle" }),
    ]),
    text(across, { x: x(0.5), y: FRAME.height - 4, "text-anchor": "middle" }),
    text(up, { x: -y(0.5), y: 12, transform: "rotate(-90)", "text-anchor": "middle" }),
  );
  return { svg, x, y };
}

/** The `d` of a path through [x, y] points; where a number is not finite the line has a gap. */
export function pathThrough(points, { x, y }) {
  let pen = "M";
  let path = "";
  for (const [across, up] of points) {
    if (!Number.isFinite(up)) pen = "M";
    else {
      path += `${pen}${x(across).toFixed(1)} ${y(up).toFixed(1)}`;
      pen = "L";
    }
  }
  return path;
}
