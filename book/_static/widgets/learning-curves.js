// Recorded training runs: how they are packed, and what one reads from a learning curve.

import { bytesOf } from "./dense-network.js";

export const CURVES = ["loss", "val_loss", "accuracy", "val_accuracy"];

/** Unpack runs. Each number was stored in two bytes, lowest first, in steps of `step`: run after run, curve after curve, epoch after epoch. */
export function readRuns({ settings, epochs, step, packed }) {
  const bytes = bytesOf(packed);
  const view = new DataView(bytes.buffer);
  if (bytes.length !== settings.length * CURVES.length * epochs * 2) throw new Error("runs of the wrong length");
  return settings.map((setting, run) => {
    const curves = CURVES.map((_, curve) => {
      const start = (run * CURVES.length + curve) * epochs;
      return Array.from({ length: epochs }, (_unused, epoch) => view.getUint16(2 * (start + epoch), true) * step);
    });
    return { ...setting, ...Object.fromEntries(CURVES.map((name, curve) => [name, curves[curve]])) };
  });
}

/** The epoch, counted from 1, with the smallest validation loss among the first `until`. */
export function bestEpoch({ val_loss: losses }, until = losses.length) {
  const shown = losses.slice(0, until);
  return shown.indexOf(Math.min(...shown)) + 1;
}

/** Validation minus training loss after so many epochs. */
export function lossGap(run, epoch) {
  return run.val_loss[epoch - 1] - run.loss[epoch - 1];
}
