// A confusion matrix to look into: choose a cell and see its images; choose a class and see what its rates count.

import { liveSentence, make, percent, pick, scrollFrame, whole } from "./controls.js";
import { accuracy, measures, worstMistake } from "./confusion.js";

const MOVES = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

/** One measure with the numbers it is made of. */
function rate(name, frame, meaning, top, bottom, share) {
  return make("p", {}, make("span", { class: `widget-frame ${frame}`, "aria-hidden": "true" }), make("strong", {}, name), ` (${meaning}): `, make("code", {}, `${whole(top)} / ${whole(bottom)}`), ` = ${percent(share, 1)}`);
}

/** Put the widget on its stage. `data`: { classes, counts, examples: [{ truth, answer, probability }], sprite, columns, side }. */
export function start(stage, { classes, counts, examples, sprite, columns, side }) {
  let [truth, given] = worstMistake(counts);
  const says = liveSentence();
  const pictures = make("ul", { class: "widget-pictures" });
  const rates = make("div", { class: "widget-rates" });
  const largestMistake = Math.max(1, ...counts.flatMap((line, row) => line.filter((_, column) => column !== row)));

  const cells = counts.map((line, row) => line.map((count, column) => {
    const cell = make("button", {
      type: "button", tabindex: -1, "aria-pressed": "false",
      "aria-label": `true ${classes[row]}, answer ${classes[column]}: ${count} ${count === 1 ? "image" : "images"}`,
      onclick: () => choose(row, column),
      onkeydown: (event) => move(event),
    }, String(count));
    const share = row === column ? count / Math.max(...counts.map((other, place) => other[place])) : count / largestMistake;
    cell.style.setProperty("--share", share.toFixed(3));
    cell.classList.add(row === column ? "widget-right-answer" : "widget-wrong-answer");
    return cell;
  }));

  function move(event) {
    if (!(event.key in MOVES)) return;
    event.preventDefault();
    const [down, right] = MOVES[event.key];
    const last = classes.length - 1;
    choose(Math.min(last, Math.max(0, truth + down)), Math.min(last, Math.max(0, given + right)));
    cells[truth][given].focus();
  }

  function choose(row, column) {
    [truth, given] = [row, column];
    classChoice.value = String(row);
    update(row);
  }

  function showPictures() {
    const here = examples.map((example, tile) => ({ ...example, tile })).filter((example) => example.truth === truth && example.answer === given);
    pictures.replaceChildren(...here.map(({ tile, probability }) => {
      const image = make("span", { class: "widget-tile", role: "img", "aria-label": `a ${classes[truth]}, answered ${classes[given]} with probability ${probability.toFixed(2)}` });
      // Tile by tile in percent, so that the picture may have any size on the page.
      const rows = Math.ceil(examples.length / columns);
      const part = (place, count) => (count > 1 ? (100 * place) / (count - 1) : 0);
      Object.assign(image.style, {
        backgroundImage: `url(${sprite})`,
        backgroundSize: `${100 * columns}% ${100 * rows}%`,
        backgroundPosition: `${part(tile % columns, columns)}% ${part(Math.floor(tile / columns), rows)}%`,
      });
      return make("li", {}, image, make("span", { class: "widget-tile-words", "aria-hidden": "true" }, percent(probability)));
    }));
    return here.length;
  }

  function showRates(number) {
    const found = measures(counts, number);
    const name = classes[number];
    rates.replaceChildren(
      make("p", {}, `Class ${name}: `, ...[
        [found.truePositives, "true positives"], [found.falseNegatives, "false negatives (rest of the row)"],
        [found.falsePositives, "false positives (rest of the column)"], [found.trueNegatives, "true negatives (all the rest)"],
      ].flatMap(([count, words], place) => [place ? ", " : "", make("strong", {}, whole(count)), ` ${words}`]), "."),
      rate("Sensitivity", "widget-in-row", `along the row: of all images of ${name}, the share found`, found.truePositives, found.truePositives + found.falseNegatives, found.sensitivity),
      rate("Precision", "widget-in-column", `down the column: of all answers "${name}", the share that is right`, found.truePositives, found.truePositives + found.falsePositives, found.precision),
    );
    return found;
  }

  function update(number) {
    cells.forEach((line, row) => line.forEach((cell, column) => {
      const chosen = row === truth && column === given;
      cell.tabIndex = chosen ? 0 : -1;
      cell.setAttribute("aria-pressed", String(chosen));
      cell.classList.toggle("widget-in-row", row === number);
      cell.classList.toggle("widget-in-column", column === number);
    }));
    const shown = showPictures();
    const { sensitivity, precision } = showRates(number);
    const count = counts[truth][given];
    const which = truth === given ? `a ${classes[truth]}, and named so` : `a ${classes[truth]}, taken for ${classes[given]}`;
    heading.textContent = count === 0 ? `No test image is ${which}.` : `${whole(count)} test ${count === 1 ? "image is" : "images are"} ${which}.${shown < count ? ` Here are ${shown}, the surest answers first.` : ""}`;
    says.say(`${heading.textContent} Class ${classes[number]}: sensitivity ${percent(sensitivity, 1)}, precision ${percent(precision, 1)}.`);
  }

  const heading = make("p", { class: "widget-says" });
  const classChoice = pick({
    label: "Class", options: classes.map((name, number) => [String(number), name]), value: String(truth), onChange: (number) => update(Number(number)),
  });
  const head = make("thead", {},
    make("tr", {}, make("td"), make("th", { colspan: classes.length, scope: "colgroup", class: "widget-axis" }, "answer")),
    make("tr", {}, make("th", { scope: "col", class: "widget-axis" }, "truth"), ...classes.map((name) => make("th", { scope: "col" }, name))));
  const body = make("tbody", {}, ...cells.map((line, row) => make("tr", {}, make("th", { scope: "row" }, classes[row]), ...line.map((cell) => make("td", {}, cell)))));
  says.element.classList.add("widget-unseen");
  stage.append(
    make("p", { class: "widget-hint" }, "Choose a cell to see its images: press it, or move with the arrow keys. The lines frame the row and the column of the chosen class."),
    scrollFrame(make("table", { class: "widget-table widget-confusion" },
        make("caption", {}, `${whole(counts.flat().reduce((sum, count) => sum + count, 0))} test images, ${percent(accuracy(counts), 1)} right`), head, body)),
    heading, pictures,
    make("div", { class: "widget-class" }, classChoice.field, rates),
    says.element,
  );
  update(truth);
}
