// What the book's own directives need in the browser: questions that answer back, a switch for the instructors' notes,
// and keyboard access to whatever scrolls. No library; everything still reads without it.
"use strict";

/** Show what to say to the answer just picked, and let go of anything held back for it. */
function answer(quiz, place, right) {
  const explanations = quiz.querySelectorAll(".quiz-answers > ul > li > .quiz-explanation");
  const feedback = quiz.querySelector(".quiz-feedback");
  feedback.classList.toggle("right", right);
  feedback.innerHTML = explanations[place].innerHTML.replaceAll(/<\/?(p|div)\b[^>]*>/g, " ");
  release(quiz);
}

/** Show the cell that waited for an answer. */
function release(quiz) {
  for (const part of quiz.held ?? []) part.classList.remove("waits-for-answer");
  quiz.held = [];
  quiz.showAnyway?.remove();
}

/** Hide the output of the code cell after a prediction until there is one. */
function holdBack(quiz) {
  let next = quiz.nextElementSibling;
  while (next && !next.classList.contains("cell")) next = next.nextElementSibling;
  const output = next?.querySelector(":scope > .cell_output");
  if (!output) return;
  output.classList.add("waits-for-answer");
  quiz.held = [output];
  quiz.showAnyway = document.createElement("button");
  quiz.showAnyway.type = "button";
  quiz.showAnyway.className = "show-anyway";
  quiz.showAnyway.textContent = "Show the output";
  quiz.showAnyway.addEventListener("click", () => release(quiz));
  next.append(quiz.showAnyway);
}

function startQuestions() {
  for (const quiz of document.querySelectorAll(".quiz")) {
    const options = [...quiz.querySelectorAll("input[type=radio]")];
    for (const [place, option] of options.entries()) {
      option.checked = false;
      option.addEventListener("change", () => answer(quiz, place, option.value === "right"));
    }
    quiz.querySelector(".quiz-answers").addEventListener("toggle", () => release(quiz));
    if (quiz.classList.contains("hide-next")) holdBack(quiz);
  }
}

/** A browser may refuse storage (private window, file://); the switch then forgets. */
const memory = {
  get: (key) => { try { return localStorage.getItem(key); } catch { return null; } },
  set: (key, value) => { try { localStorage.setItem(key, value); } catch { /* forgets */ } },
};

function startInstructorSwitch() {
  const notes = document.querySelectorAll(".instructor-note");
  const title = document.querySelector(".bd-article h1");
  if (!notes.length || !title) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "instructor-switch";
  const show = (on) => {
    for (const note of notes) note.hidden = !on;
    button.setAttribute("aria-pressed", String(on));
    button.textContent = on ? "Hide the notes for instructors" : "Show the notes for instructors";
  };
  button.addEventListener("click", () => {
    const on = button.getAttribute("aria-pressed") !== "true";
    memory.set("instructor-notes", on ? "on" : "off");
    show(on);
  });
  show(memory.get("instructor-notes") === "on");
  const actions = document.querySelector(".lesson-actions");
  if (actions) actions.append(button);
  else title.after(button);
}

/** Whatever can scroll sideways must be reachable by keyboard. */
const SCROLLABLE = ".bd-article pre, .bd-article table, .bd-article div.math, .katex-display, .figure-frame";

function startScrollables() {
  const make = () => {
    for (const region of document.querySelectorAll(SCROLLABLE)) {
      if (region.scrollWidth <= region.clientWidth) continue;
      region.tabIndex = 0;
      if (!region.classList.contains("figure-frame")) continue;
      region.role = "group";
      region.ariaLabel = "figure, scrolls sideways";
    }
  };
  make();
  window.addEventListener("resize", make);
}

/** A finger cannot point without touching: the first touch of a word shows its meaning, the link there leads on. */
function startGlossaryTips() {
  if (!document.querySelector("a.glossary-term")) return;
  const tip = document.createElement("p");
  tip.className = "glossary-tip";
  tip.role = "status";
  tip.hidden = true;
  document.querySelector(".bd-article").append(tip);
  let touched = false;
  document.addEventListener("pointerdown", (event) => { touched = event.pointerType === "touch"; });
  document.addEventListener("click", (event) => {
    const word = event.target.closest("a");
    if (word?.parentElement === tip) return;
    tip.hidden = true;
    if (!touched || !word?.classList.contains("glossary-term") || !word.title) return;
    event.preventDefault();
    const more = document.createElement("a");
    more.href = word.href;
    more.textContent = "In the glossary";
    tip.hidden = false;
    tip.replaceChildren(`${word.textContent}: ${word.title} `, more);
  });
}

/** What the search shows of a page: its text, without the menus, buttons and answers around it. */
function startSearch() {
  if (typeof Search === "undefined") return;
  Search.htmlToText = (source, anchor) => {
    const page = new DOMParser().parseFromString(source, "text/html");
    const article = page.querySelector(".bd-article");
    if (!article) return "";
    const beside = ".headerlink, script, style, svg, nav, .lesson-actions, .quiz-answers, .prev-next-footer";
    for (const part of article.querySelectorAll(beside)) part.remove();
    const place = anchor ? article.querySelector(anchor) : null;
    return (place ?? article).textContent.replaceAll(/\s+/g, " ").trim();
  };
}

startSearch();

document.addEventListener("DOMContentLoaded", () => {
  startGlossaryTips();
  startQuestions();
  startInstructorSwitch();
  startScrollables();
});
