"use strict";
// Around the notebook: fetches what it needs and says how far that is, hands in, begins anew, stops, and says in one
// sentence why something does not work. The notebook itself is JupyterLite's, in the frame below.
KIT.base = new URL("./", document.baseURI).href;

const notebook = document.body.dataset.notebook; // exercises/03-dense-networks.ipynb
const name = notebook.split("/").pop();
const byId = (id) => document.getElementById(id);
const frame = byId("notebook");
const MEGABYTE = 1_000_000;
const READING_TIME = 15_000; // ms that a sentence of ours stays, whatever Python does
const STOP_PATIENCE = 8_000; // ms; then Python is restarted

let python = null; // the name of the Python that runs the cells
let panel = null;
let stopping = 0;
let fetching = false;
let readUntil = 0;

function say(text) {
  if (byId("state").textContent !== text) byId("state").textContent = text;
}

// Something to be read at leisure, such as where the file is that was just saved.
function announce(text) {
  say(text);
  readUntil = Date.now() + READING_TIME;
  setTimeout(shown, READING_TIME + 50);
}

function trouble(text) {
  byId("trouble").textContent = text;
}

function progress(came, of) {
  byId("progress").hidden = !of || came >= of;
  byId("progress").max = of || 1;
  byId("progress").value = came;
}

function megabytes(bytes) {
  return (bytes / MEGABYTE).toFixed(1);
}

function whyUnfetched({ unfetched, why, status }) {
  const file = unfetched.split("/").pop();
  const from = unfetched.startsWith("http") ? new URL(unfetched).host : location.host;
  if (!navigator.onLine) return `You are offline, and ${file} was not fetched on an earlier visit. Go online and load this page again.`;
  if (why === "status") return `${file} is missing on ${from} (answer ${status}). Your work is safe; tell your teacher.`;
  if (why === "damaged") return `${from} sent something else in place of ${file}; often a firewall does that. Your work is safe; tell your teacher.`;
  return `${file} could not be fetched: ${from} does not answer, or a firewall blocks it. Your work is safe; try again later, or tell your teacher.`;
}

const TOO_LITTLE_MEMORY = "This device has too little free memory for Python. Close other tabs and load the page again, or use a computer.";
const NO_ROOM = `Your browser has no room left to keep your work. Press "${byId("hand-in").textContent}" now to save it as a file, then free some space.`;

// -- what the browser must be able to do ------------------------------------------------------------------------------

async function canKeep() {
  try {
    await new Promise((resolve, reject) => {
      const request = indexedDB.open("exercises-can-keep");
      request.onsuccess = () => resolve(request.result.close());
      request.onerror = () => reject(request.error);
      request.onblocked = () => reject(new Error("blocked"));
    });
    indexedDB.deleteDatabase("exercises-can-keep");
    return true;
  } catch {
    return false;
  }
}

async function startServiceWorker() {
  const workers = navigator.serviceWorker;
  if (!workers) return false;
  try {
    const address = new URL("service-worker.js?enableCache=false", KIT.base).href;
    localStorage.setItem(`${address}-version`, KIT.jupyterlite); // or JupyterLite throws it away as an old one
    await workers.register(address);
    if (!workers.controller) {
      await Promise.race([
        new Promise((resolve) => workers.addEventListener("controllerchange", resolve, { once: true })),
        new Promise((resolve) => setTimeout(resolve, 8_000)),
      ]);
    }
    workers.addEventListener("message", (event) => event.data?.kit && heard(event.data.kit));
    return Boolean(workers.controller);
  } catch {
    return false;
  }
}

// -- fetching ---------------------------------------------------------------------------------------------------------

async function fetchAll(paths) {
  const missing = [];
  for (const path of paths) if (!(await store.has(path))) missing.push(path);
  const of = missing.reduce((sum, path) => sum + store.entry(path).weight, 0);
  if (!of) return;
  let came = 0;
  const tell = () => {
    progress(came, of);
    say(`Fetching Python, Keras and the notebook: ${megabytes(came)} of ${megabytes(of)} MB. Next time they are here already.`);
  };
  tell();
  missing.sort((a, b) => store.entry(b).weight - store.entry(a).weight);
  const next = async () => {
    for (let path = missing.shift(); path; path = missing.shift()) {
      await store.get(path, (bytes) => ((came += bytes), tell()), () => trouble(NO_ROOM));
    }
  };
  await Promise.all(Array.from({ length: 6 }, next));
  progress(of, of);
}

// -- the notebook -----------------------------------------------------------------------------------------------------

async function openNotebook() {
  frame.src = `notebooks/index.html?path=${encodeURIComponent(notebook)}`;
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    const found = frame.contentWindow.jupyterapp?.shell?.currentWidget;
    if (!found?.context || !found.sessionContext) continue;
    await found.context.ready;
    panel = found;
    break;
  }
  const keep = debounced(1_000, save);
  panel.context.model.contentChanged.connect(keep);
  window.addEventListener("pagehide", () => void save());
  document.addEventListener("visibilitychange", () => document.hidden && void save());
  panel.sessionContext.statusChanged.connect(shown);
  for (const id of ["anew", "hand-in"]) byId(id).disabled = false;
  shown();
}

function debounced(wait, act) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(act, wait);
  };
}

async function save() {
  if (!panel?.context.model.dirty) return;
  try {
    // Not through `context.save()`, which asks in a window of its own when something is wrong.
    const app = frame.contentWindow.jupyterapp;
    const content = panel.context.model.toJSON();
    await app.serviceManager.contents.save(panel.context.path, { type: "notebook", format: "json", content });
    panel.context.model.dirty = false;
    if (byId("trouble").textContent === NO_ROOM) trouble("");
  } catch (error) {
    trouble(NO_ROOM);
  }
}

function shown() {
  if (!panel || fetching || stopping) return;
  const status = panel.sessionContext.session?.kernel?.status ?? "starting";
  byId("stop").disabled = status !== "busy";
  if (Date.now() < readUntil) return;
  if (status === "idle") say("Python is ready. Your work is kept in this browser.");
  else if (status === "busy") say("Python is working.");
  else if (status === "dead" || status === "terminating") say("Python has ended. Load the page again: your work is kept.");
  else say("Starting Python.");
}

// What the service worker, or the Python in the frame, tells.
function heard(message) {
  if (message.python) python = message.python;
  if (message.fetching) {
    fetching = message.came < message.of;
    const what = message.fetching.endsWith("mnist.npz") ? "the handwritten digits" : message.fetching.split("/").pop();
    say(`Fetching ${what}: ${megabytes(message.came)} of ${megabytes(message.of)} MB.`);
    progress(message.came, message.of);
    if (!fetching) shown();
  } else if (message.unfetched) {
    fetching = false;
    progress(0, 0);
    trouble(whyUnfetched(message));
  } else if (message.full) {
    trouble(NO_ROOM);
  } else if (message.memory) {
    trouble(TOO_LITTLE_MEMORY);
  } else if (message.broken !== undefined) {
    console.error(message.broken); // for whoever looks into it
    if (byId("trouble").textContent) return;
    trouble("Python could not be started. Your work is kept; load the page again, and tell your teacher if that does not help.");
  }
}

// -- buttons ----------------------------------------------------------------------------------------------------------

async function handIn() {
  await save();
  const text = `${JSON.stringify(panel.context.model.toJSON(), null, 1)}\n`;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/x-ipynb+json" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  const exercise = notebook.startsWith("exercises/");
  announce(
    exercise
      ? `${name} is in your downloads: hand in that file, under this name, where your teacher collects the class's work.`
      : `${name} is in your downloads.`,
  );
}

function ask() {
  const dialog = byId("ask");
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
    dialog.returnValue = "no";
    dialog.showModal();
  });
}

async function beginAnew() {
  if (!(await ask())) return;
  const first = await (await store.get(`files/${notebook}`)).json();
  panel.context.model.fromJSON(first);
  await save();
  say("Beginning anew.");
  await restart();
  trouble("");
}

async function restart() {
  await panel.sessionContext.session?.kernel?.restart();
  shown();
}

// First the polite way, which keeps all variables. What computes outside of Python does not hear it.
async function stop() {
  const kernel = panel.sessionContext.session?.kernel;
  if (!kernel || stopping) return;
  byId("stop").disabled = true;
  say("Stopping.");
  navigator.serviceWorker?.controller?.postMessage({ stop: python });
  stopping = setTimeout(async () => {
    say("Python did not stop, so it is being restarted.");
    await restart();
    stopping = 0;
    announce("Python was restarted: what you wrote is still there, what it had computed is not. Run the cells again from the top.");
  }, navigator.serviceWorker?.controller ? STOP_PATIENCE : 0);
  const ended = () => {
    if (kernel.status !== "idle") return;
    kernel.statusChanged.disconnect(ended);
    clearTimeout(stopping);
    stopping = 0;
    shown();
  };
  kernel.statusChanged.connect(ended);
}

// ---------------------------------------------------------------------------------------------------------------------

async function main() {
  if (typeof WebAssembly !== "object") {
    return trouble("This browser cannot run Python: WebAssembly is missing or switched off. Use a current Firefox, Chrome, Edge or Safari.");
  }
  if (!(await canKeep())) {
    trouble("This window keeps nothing, perhaps because it is a private one: what you write is lost when you close it, unless you press the button on the right.");
  }
  if (navigator.deviceMemory < 2) trouble("This device has little memory. If the page stops, use a computer.");
  window.addEventListener("message", (event) => {
    if (event.origin === location.origin && event.data?.kit) heard(event.data.kit);
  });
  byId("stop").addEventListener("click", stop);
  byId("anew").addEventListener("click", beginAnew);
  byId("hand-in").addEventListener("click", handIn);
  if (await startServiceWorker()) {
    try {
      await fetchAll([...KIT.start, `files/${notebook}`]);
    } catch (error) {
      if (!(error instanceof Unfetched)) throw error;
      say("");
      progress(0, 0);
      return trouble(whyUnfetched({ unfetched: error.path, why: error.why, status: error.status }));
    }
  }
  say("Opening the notebook.");
  await openNotebook();
}

void main();
