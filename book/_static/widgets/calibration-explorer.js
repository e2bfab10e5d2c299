// When it says 0.9, is it? A network's probabilities beside the share of answers that were right.

import { interval, summary, wideBins } from "./calibration.js";
import { choose, decimals, liveSentence, make, makeSvg, percent, scrollFrame, slider, whole } from "./controls.js";
import { unitPlot } from "./unit-plot.js";

/** Put the widget on its stage. `data`: { temperatures, each: [{ images, right, sums }] }, for each temperature the answers in 20 narrow bins. */
export function start(stage, { temperatures, each }) {
  let count = 10;
  const says = liveSentence();
  const verdict = make("p", { class: "widget-verdict" });
  const plot = unitPlot("probability of the answer", "share that is right");
  const bars = makeSvg("g");
  plot.svg.append(bars, makeSvg("line", { class: "widget-diagonal", x1: plot.x(0), y1: plot.y(0), x2: plot.x(1), y2: plot.y(1) }));
  const body = make("tbody");
  const table = make("table", { class: "widget-table widget-bins" },
    make("thead", {}, make("tr", {}, ...["it says", "on average", "images", "right", "with 95% interval"].map((words) => make("th", { scope: "col" }, words)))), body);

  const temperature = slider({
    label: "temperature", min: 0, max: temperatures.length - 1, step: 1, value: temperatures.indexOf(1),
    show: (place) => String(temperatures[place]), onInput: update,
  });

  function drawn({ from, to, images, right, says: mean, share }) {
    const [low, high] = interval(right, images).map(plot.y);
    const x = plot.x(mean);
    return makeSvg("g", {},
      makeSvg("rect", { class: "widget-score", x: plot.x(from), width: plot.x(to) - plot.x(from), y: plot.y(share), height: plot.y(0) - plot.y(share) }),
      makeSvg("path", { class: "widget-whisker", d: `M${x} ${low}V${high}M${x - 3} ${low}h6M${x - 3} ${high}h6` }),
      makeSvg("circle", { class: "widget-dot-ink", cx: x, cy: plot.y(share), r: 3 }));
  }

  function update() {
    const bins = wideBins(each[temperature.value], count);
    const filled = bins.filter(({ images }) => images > 0);
    bars.replaceChildren(...filled.map(drawn));
    body.replaceChildren(...filled.map(({ from, to, images, right, says: mean, share }) => {
      const [low, high] = interval(right, images);
      const cells = [decimals(mean), whole(images), percent(share, 1), `${percent(low, 1)} to ${percent(high, 1)}`];
      return make("tr", {}, make("th", { scope: "row" }, `${decimals(from)} to ${decimals(to)}`), ...cells.map((words) => make("td", { class: "widget-number" }, words)));
    }));
    const all = summary(bins);
    const difference = all.says - all.share;
    const words = Math.abs(difference) < 0.005 ? "It claims about as much as it keeps." : difference > 0 ? "It claims more than it keeps." : "It keeps more than it claims.";
    verdict.classList.toggle("widget-broken", Math.abs(difference) >= 0.02);
    verdict.textContent = `On average it says ${decimals(all.says, 3)}, and ${percent(all.share, 1)} of the ${whole(all.images)} answers are right. ${words} The bars are ${decimals(100 * all.gap, 1)} points off the line on average.`;
    const last = filled.at(-1);
    plot.svg.setAttribute("aria-label", `Bars of the share of right answers over the probability, and a diagonal on which they would end if each probability came true. They are ${decimals(100 * all.gap, 1)} points off it on average. The numbers are in the table below.`);
    says.say(`Temperature ${temperatures[temperature.value]}: where it says ${decimals(last.from)} to ${decimals(last.to)}, ${decimals(last.says, 3)} on average, ${percent(last.share, 1)} of ${whole(last.images)} answers are right. ${words}`);
  }

  stage.append(
    temperature.field,
    choose({
      label: "bars", options: [[5, "5"], [10, "10"], [20, "20"]], value: count,
      onChange: (number) => {
        count = Number(number);
        update();
      },
    }),
    says.element,
    make("div", { class: "widget-columns" },
      make("div", {}, plot.svg, make("p", { class: "widget-hint" }, "A dot stands at the mean probability of its bar, a whisker is the 95% interval of its share. On the dashed line each probability comes true.")),
      verdict),
    make("details", { class: "widget-part" }, make("summary", {}, "The same in numbers"), scrollFrame(table)),
  );
  update();
}
