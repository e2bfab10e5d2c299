// One class against all others: what a threshold on its probability lets through.

import { accuracy, measures } from "./confusion.js";

/**
 * The four outcomes and their rates if the answer is "yes" from threshold number `place` on. `hits` and `alarms` count, for each
 * threshold, the images of the class and those of other classes whose probability reaches it; the first threshold is 0, which all reach.
 */
export function outcomes({ hits, alarms }, place) {
  const counts = [[hits[place], hits[0] - hits[place]], [alarms[place], alarms[0] - alarms[place]]];
  return { ...measures(counts, 0), accuracy: accuracy(counts) };
}
