// Move scores and temperature and watch the probabilities; add a constant until the naive formula breaks.

import { barTable } from "./bars.js";
import { button, decimals, liveSentence, make, slider } from "./controls.js";
import { argmax, naiveSoftmax, softmax } from "./softmax.js";

/** A number as short as it can be read: large powers as 1.2e+30. */
function short(number) {
  if (!Number.isFinite(number)) return decimals(number);
  return number !== 0 && (number >= 1e5 || number < 1e-3) ? number.toExponential(1).replace("-", "−") : decimals(number, 3);
}

const total = (numbers) => numbers.reduce((sum, number) => sum + number, 0);

/** What to say about the naive formula, given its sum. */
function verdict({ powers, sum }) {
  if (powers.includes(Infinity)) return "Overflow: a power is past the largest float32, and inf / inf is nan. Nothing was wrong with the scores.";
  if (sum === Infinity) return "Overflow: the sum is past the largest float32, so that everything is divided by infinity.";
  if (sum === 0) return "Underflow: every power is too small for a float32, and 0 / 0 is nan.";
  return "Both ways agree here.";
}

/** Put the widget on its stage. `options`: { classes: ["t-shirt", …], scores: [2, …] }. */
export function start(stage, _data, { classes = ["t-shirt", "shoe", "dress"], scores = [2, 1, -1] }) {
  const says = liveSentence();
  const first = classes.map((name, place) =>
    slider({ label: `score of ${name}`, min: -10, max: 10, step: 0.1, value: scores[place] ?? 0, show: (score) => decimals(score, 1), onInput: update }),
  );
  const asTemperature = (power) => 10 ** power;
  const temperature = slider({
    label: "temperature", min: -1, max: 1, step: 0.05, value: 0, show: (power) => decimals(asTemperature(power)), onInput: update,
  });
  const constant = slider({
    label: "add to every score", min: -150, max: 150, step: 1, value: 0, show: (number) => decimals(number, 0), onInput: update,
  });
  const stable = barTable({ caption: "Softmax, largest score taken off first", first: "class", names: classes, columns: ["score"], barColumn: "probability", foot: "sum" });
  const naive = barTable({ caption: "The formula at its word, in float32", first: "class", names: classes, columns: ["exp(score)"], barColumn: "probability", foot: "sum" });
  const broken = make("p", { class: "widget-verdict" });

  function update() {
    const now = first.map((control) => control.value + constant.value);
    const heat = asTemperature(temperature.value);
    const good = softmax(now, heat);
    const plain = naiveSoftmax(now, heat);
    const winner = argmax(now);
    stable.show(good.map((share, place) => ({ cells: [decimals(now[place], 1)], length: share, words: decimals(share, 3) })), winner, ["", decimals(total(good), 3)]);
    naive.show(
      plain.probabilities.map((share, place) => ({ cells: [short(plain.powers[place])], length: share, words: decimals(share, 3) })),
      plain.probabilities.some(Number.isNaN) ? -1 : winner,
      [short(plain.sum), decimals(total(plain.probabilities), 3)],
    );
    const verdictNow = verdict(plain);
    broken.textContent = verdictNow;
    broken.classList.toggle("widget-broken", !verdictNow.startsWith("Both"));
    const list = classes.map((name, place) => `${name} ${decimals(good[place], 3)}`).join(", ");
    says.say(`Probabilities: ${list}. They sum to ${decimals(total(good), 3)}. The naive formula: ${verdictNow.startsWith("Both") ? "the same" : verdictNow.split(":")[0].toLowerCase()}.`);
  }

  const reset = button("Start again", () => {
    first.forEach((control, place) => (control.value = scores[place] ?? 0));
    temperature.value = 0;
    constant.value = 0;
    update();
  });
  stage.append(
    make("div", { class: "widget-columns" },
      make("div", {}, ...first.map(({ field }) => field), temperature.field, constant.field, make("div", { class: "widget-buttons" }, reset)),
      make("div", { class: "widget-results" }, stable.table, naive.table, broken)),
    says.element,
  );
  says.element.classList.add("widget-unseen"); // all of it can be seen in the tables
  update();
}
