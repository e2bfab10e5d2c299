// Brings a page's widgets to life: finds their places, fetches each one's module, hands it its data.

import { make } from "./controls.js";

/** What a lesson's run wrote into the page under this name (see book/widget_data.py). */
function dataOf(name) {
  if (!name) return null;
  const script = document.querySelector(`script[data-widget-data="${CSS.escape(name)}"]`);
  if (!script) throw new Error(`the page holds no data named ${name}`);
  return JSON.parse(script.textContent);
}

async function startOne(host, load) {
  const still = host.querySelector(".widget-still");
  try {
    const { start } = await load(host.dataset.widget);
    const stage = make("div", { class: "widget-stage" });
    host.append(stage); // before it starts, so that it can ask for the page's colours
    start(stage, dataOf(host.dataset.source), JSON.parse(host.dataset.options || "{}"));
    still.hidden = true;
    host.dataset.state = "ready";
  } catch (error) {
    host.querySelector(".widget-stage")?.remove();
    still.append(make("p", { role: "status" }, "This figure could not start in your browser. The text around it says what it shows."));
    host.dataset.state = "failed";
    console.error(`widget ${host.dataset.widget}:`, error);
  }
}

/** Start every widget of the page. `load` gets a widget's name and fetches its module. */
export function startAll(load) {
  return Promise.all([...document.querySelectorAll(".widget[data-widget]")].map((host) => startOne(host, load)));
}
