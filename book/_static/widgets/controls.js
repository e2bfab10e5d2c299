// The parts that widgets are put together from: real form controls, so that keyboard and screen reader work by themselves.

let made = 0;

/** A new id, for a label and its control. */
export function freshId(what) {
  made += 1;
  return `widget-${what}-${made}`;
}

/** Build an element: `make("p", { class: "note" }, "words", otherElement)`. An attribute that is null or false is left out. */
export function make(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for a drawing in SVG. */
export function makeSvg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/** A slider with its label and its value in words. `show` turns the number into what is read and read out. */
export function slider({ label, min, max, step, value, show = String, onInput }) {
  const id = freshId("slider");
  const words = make("span", { class: "widget-value", "aria-hidden": "true" }); // read out as the slider's own value
  const input = make("input", { type: "range", id, min, max, step, value });
  const tell = () => {
    words.textContent = show(Number(input.value));
    input.setAttribute("aria-valuetext", words.textContent);
  };
  input.addEventListener("input", () => {
    tell();
    onInput(Number(input.value));
  });
  tell();
  return {
    field: make("div", { class: "widget-field" }, make("label", { for: id }, label), input, words),
    get value() {
      return Number(input.value);
    },
    set value(number) {
      input.value = number;
      tell();
    },
  };
}

/** A list to pick one thing from. `options` are [value, words] pairs. */
export function pick({ label, options, value, onChange }) {
  const id = freshId("pick");
  const select = make("select", { id }, ...options.map(([key, words]) => make("option", { value: key }, words)));
  select.value = value;
  select.addEventListener("change", () => onChange(select.value));
  return {
    field: make("div", { class: "widget-field" }, make("label", { for: id }, label), select),
    get value() {
      return select.value;
    },
    set value(key) {
      select.value = key;
    },
  };
}

/** A few alternatives side by side, as radio buttons. `options` are [value, words] pairs. */
export function choose({ label, options, value, onChange }) {
  const name = freshId("choice");
  const buttons = options.map(([key, words]) => {
    const input = make("input", { type: "radio", name, value: key, checked: String(key) === String(value) });
    input.addEventListener("change", () => onChange(key));
    return make("label", {}, input, make("span", {}, words));
  });
  return make("fieldset", { class: "widget-choice" }, make("legend", {}, label), ...buttons);
}

/** A box to tick. */
export function tick({ label, checked, onChange }) {
  const input = make("input", { type: "checkbox", checked });
  input.addEventListener("change", () => onChange(input.checked));
  return make("label", { class: "widget-tick" }, input, label);
}

/** A button. */
export function button(words, onClick, attributes = {}) {
  return make("button", { type: "button", class: "widget-button", onclick: onClick, ...attributes }, words);
}

/** A frame for what may be wider than the page. While it is, the keyboard can reach it to scroll. */
export function scrollFrame(...children) {
  const frame = make("div", { class: "widget-scroll" }, ...children);
  const watch = new ResizeObserver(() => {
    if (frame.scrollWidth > frame.clientWidth) frame.tabIndex = 0;
    else frame.removeAttribute("tabindex");
  });
  for (const part of [frame, ...children]) watch.observe(part);
  return frame;
}

/** A sentence that a screen reader reads out when it changes. It waits for a pause, or a moving slider would never let it finish. */
export function liveSentence(attributes = {}) {
  const element = make("p", { class: "widget-says", role: "status", ...attributes });
  let waiting = 0;
  return {
    element,
    say(words) {
      if (element.textContent === "") element.textContent = words;
      clearTimeout(waiting);
      waiting = setTimeout(() => {
        if (element.textContent !== words) element.textContent = words;
      }, 250);
    },
  };
}

/** Call back when the page turns light or dark, or is about to be printed: whatever was painted with colours must be painted again. */
export function whenLooksChange(callback) {
  new MutationObserver(callback).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  window.addEventListener("beforeprint", callback);
  window.addEventListener("afterprint", callback);
  matchMedia("print").addEventListener("change", callback);
}

/** A number with a fixed number of decimals and a real minus sign. */
export function decimals(number, places = 2) {
  if (Number.isNaN(number)) return "nan";
  if (!Number.isFinite(number)) return number > 0 ? "inf" : "−inf";
  return number.toFixed(places).replace(/^-(?=0(\.0*)?$)/, "").replace("-", "−");
}

/** A share as a percentage. */
export function percent(share, places = 0) {
  return Number.isNaN(share) ? "undefined" : `${(100 * share).toFixed(places)}%`;
}

/** A whole number with commas between its thousands. */
export function whole(number) {
  return String(number).replace(/\B(?=(\d{3})+$)/g, ",");
}
