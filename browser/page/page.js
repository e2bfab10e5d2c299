"use strict";
// Around the notebook: fetches what it needs and says how far that is, hands in, begins anew, stops, and says in one
// sentence why something does not work. The notebook itself is JupyterLite's, in the frame below.
KIT.base = new URL("./", document.baseURI).href;

const notebook = document.body.dataset.notebook; // exercises/03-dense-networks.ipynb
const name = notebook.split("/").pop();
const byId = (id) => document.getElementById(id);
const frame = byId("notebook");
const MEGABYTE = 1_000_000;
const NOTEBOOK_SIZE = 200_000; // characters, of one with pictures in it
const READING_TIME = 15_000; // ms that a sentence of ours stays, whatever Python does
const STOP_PATIENCE = 8_000; // ms; then Python is restarted

let python = null; // the name of the Python that runs the cells
let panel = null;
let stopping = 0;
let fetching = false;
let readUntil = 0;
let keepsNothing = false; // this window: what is written is lost with it
let atRisk = false; // something is written that is nowhere but in this window
let inFile = ""; // what the learner has downloaded
let elsewhere = false; // the learner goes on in another tab

// A text in the page's language, which the build has put beside the list of files; English where there is none.
function say(text, values = {}) {
  return (KIT.texts?.[text] ?? text).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

function show(text) {
  if (byId("state").textContent !== text) byId("state").textContent = text;
}

// Something to be read at leisure, such as where the file is that was just saved.
function announce(text) {
  show(text);
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
  const digits = { minimumFractionDigits: 1, maximumFractionDigits: 1 };
  return (bytes / MEGABYTE).toLocaleString(document.documentElement.lang, digits);
}

function whyUnfetched({ unfetched, why, status }) {
  const file = unfetched.split("/").pop();
  const from = unfetched.startsWith("http") ? new URL(unfetched).host : location.host;
  const of = { file, host: from, status };
  if (!navigator.onLine) return say("You are offline, and {file} was not fetched on an earlier visit. Go online and load this page again.", of);
  if (why === "status") return say("{file} is missing on {host} (answer {status}). Your work is safe; tell your teacher.", of);
  if (why === "damaged") return say("{host} sent something else in place of {file}; often a firewall does that. Your work is safe; tell your teacher.", of);
  return say("{file} could not be fetched: {host} does not answer, or a firewall blocks it. Your work is safe; try again later, or tell your teacher.", of);
}

const TOO_LITTLE_MEMORY = say("This device has too little free memory for Python. Close other tabs and load the page again, or use a computer.");
const SAVE_AS_FILE = { button: byId("hand-in").textContent };
const NO_ROOM = say("Your browser has no room left to keep your work. Press \"{button}\" now to save it as a file, then free some space.", SAVE_AS_FILE);
const NO_ROOM_AT_ALL = say("Your browser has no room left to keep your work: what you write is lost when you close this page, unless you press \"{button}\", which saves it as a file. Free some space and load the page again.", SAVE_AS_FILE);
const LITTLE_ROOM = say("Your browser has little room left. Your work is kept, but the next visit fetches Python and Keras again. Free some space.");
const PRIVATE = say("This window keeps nothing, perhaps because it is a private one: what you write is lost when you close it, unless you press \"{button}\", which saves it as a file.", SAVE_AS_FILE);
const EMBEDDED = say("Another site shows this page inside its own, where your browser keeps nothing: what you write is lost when you close it, unless you press \"{button}\", which saves it as a file. Better, open this page in a new window.", SAVE_AS_FILE);
const OTHER_TAB = say("You are working on this notebook in another tab or window. To go on here, load this page again: it then has what you wrote there.");
const RETRY = 5_000; // ms after which work that found no room is tried again

// -- what the browser must be able to do ------------------------------------------------------------------------------

// What a database of this name comes to: what `use` makes of it.
function inDatabase(database, upgrade, use) {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(database);
    request.onupgradeneeded = () => upgrade(request);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("blocked"));
    request.onsuccess = () => {
      const close = (end) => (value) => (request.result.close(), end(value));
      new Promise((...ends) => use(request.result, ...ends)).then(close(resolve), close(reject));
    };
  });
}

// Whether what is written here is kept: "yes", "full" (there is no room for a notebook), or "private".
async function canKeep() {
  const database = "exercises-can-keep";
  try {
    await inDatabase(
      database,
      ({ result }) => result.createObjectStore("tried"),
      (opened, resolve, reject) => {
        const tried = opened.transaction("tried", "readwrite");
        tried.objectStore("tried").put("x".repeat(NOTEBOOK_SIZE), 0);
        tried.oncomplete = resolve;
        tried.onabort = () => reject(tried.error);
      },
    );
    indexedDB.deleteDatabase(database);
    return "yes";
  } catch (error) {
    return error?.name === "QuotaExceededError" ? "full" : "private";
  }
}

// Whether JupyterLite has kept this notebook on an earlier visit.
async function isKept() {
  try {
    return await inDatabase(
      `JupyterLite Storage - ${new URL(KIT.base).pathname}`,
      ({ transaction }) => transaction.abort(), // there was none, and none shall be
      (opened, resolve, reject) => {
        const found = opened.transaction("files").objectStore("files").count(notebook);
        found.onsuccess = () => resolve(found.result > 0);
        found.onerror = reject;
      },
    );
  } catch {
    return false;
  }
}

// A browser that leaves a page waits for no database. What was written in the last second goes where writing is done at
// once, and from there into the database at the next visit.
const DRAFT = `${new URL(KIT.base).pathname}${notebook}`;

function keepDraft() {
  const model = panel?.context.model;
  if (!model || elsewhere || keepsNothing || !(model.dirty || unkept)) return;
  try {
    localStorage.setItem(DRAFT, JSON.stringify(model.toJSON()));
  } catch {} // no room: what was kept a second ago stays
}

function forgetDraft() {
  try {
    localStorage.removeItem(DRAFT);
  } catch {} // a window that keeps nothing
}

async function takeDraft() {
  try {
    const draft = localStorage.getItem(DRAFT);
    if (!draft) return;
    panel.context.model.fromJSON(JSON.parse(draft));
    panel.context.model.dirty = true;
    await save();
  } catch {} // it is none: what was kept is there
}

// The same notebook in two tabs: each would write over what the other has kept. The last one that was opened goes on.
function takeOver() {
  if (!window.BroadcastChannel) return;
  const tabs = new BroadcastChannel(`notebook ${DRAFT}`);
  tabs.addEventListener("message", async () => {
    if (keepsNothing || elsewhere) return;
    await save();
    if (atRisk) return; // it is nowhere but here
    elsewhere = true;
    byId("anew").disabled = frame.inert = true;
    show("");
    trouble(OTHER_TAB);
  });
  tabs.postMessage("opened");
}

// The work comes first: what the page is made of can be fetched again. Returns whether there was anything to throw away.
async function makeRoom() {
  navigator.serviceWorker?.controller?.postMessage({ keep: false });
  return store.forget();
}

// After a new release of the site, the notebook waits for its service worker: two releases would be mixed in it.
let newest = Promise.resolve();

const wait = (time) => new Promise((resolve) => setTimeout(resolve, time));

// Whether the service worker has the release that lies on the host now. Asked of the browser, that takes up to two
// seconds where it has just been started, and sometimes it does not answer at all.
async function isNewest(controller) {
  const { port1, port2 } = new MessageChannel();
  const its = new Promise((resolve) => (port1.onmessage = (event) => resolve(event.data)));
  controller.postMessage({ release: true }, [port2]);
  const same = Promise.all([its, kitNow()]).then(([files, now]) => files === JSON.stringify(now.files));
  return Promise.race([same.catch(() => false), wait(1_000).then(() => false)]); // an older one does not answer
}

async function startServiceWorker() {
  const workers = navigator.serviceWorker;
  if (!workers) return false;
  try {
    const address = new URL("service-worker.js?enableCache=false", KIT.base).href;
    localStorage.setItem(`${address}-version`, KIT.jupyterlite); // or JupyterLite throws it away as an old one
    const changed = new Promise((resolve) => workers.addEventListener("controllerchange", resolve, { once: true }));
    const replaced = () => Promise.race([changed, wait(8_000)]);
    const update = async () => {
      const registration = await Promise.race([workers.ready, wait(3_000)]);
      if (!registration) return; // no answer, as above; the next visit asks again
      await Promise.race([registration.update().catch(() => {}), wait(3_000)]);
      if (registration.installing || registration.waiting) await replaced();
    };
    if (!workers.controller) {
      await Promise.race([workers.register(address), wait(8_000)]);
      await replaced();
    } else if (navigator.onLine) newest = isNewest(workers.controller).then((is) => (is ? null : update()));
    workers.addEventListener("message", (event) => event.data?.kit && heard(event.data.kit));
    if (!store.keeps) workers.controller?.postMessage({ keep: false });
    return Boolean(workers.controller);
  } catch {
    return false;
  }
}

// -- fetching ---------------------------------------------------------------------------------------------------------

// A file could not be kept. Whatever is said already is worse.
function littleRoom() {
  if (!byId("trouble").textContent) trouble(LITTLE_ROOM);
}

async function fetchAll(paths) {
  const missing = [];
  for (const path of paths) if (!(await store.has(path))) missing.push(path);
  const of = missing.reduce((sum, path) => sum + store.entry(path).weight, 0);
  if (!of) return;
  let came = 0;
  const tell = () => {
    progress(came, of);
    show(say("Fetching Python, Keras and the notebook: {came} of {all} MB. Next time they are here already.", { came: megabytes(came), all: megabytes(of) }));
  };
  tell();
  missing.sort((a, b) => store.entry(b).weight - store.entry(a).weight);
  const next = async () => {
    for (let path = missing.shift(); path; path = missing.shift()) {
      await store.get(path, (bytes) => ((came += bytes), tell()), littleRoom);
    }
  };
  await Promise.all(Array.from({ length: 6 }, next));
  progress(of, of);
}

// -- the notebook -----------------------------------------------------------------------------------------------------

async function openNotebook() {
  frame.src = `notebooks/index.html?path=${encodeURIComponent(notebook)}${keepsNothing ? "&keep=nothing" : ""}`;
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    const found = frame.contentWindow.jupyterapp?.shell?.currentWidget;
    if (!found?.context || !found.sessionContext) continue;
    await found.context.ready;
    panel = found;
    break;
  }
  await takeDraft();
  panel.context.model.contentChanged.connect(debounced(1_000, save));
  panel.context.model.contentChanged.connect(() => (atRisk ||= keepsNothing));
  window.addEventListener("beforeunload", (event) => atRisk && event.preventDefault()); // the browser asks
  window.addEventListener("pagehide", () => (keepDraft(), void save()));
  document.addEventListener("visibilitychange", () => document.hidden && void save());
  panel.sessionContext.statusChanged.connect(shown);
  byId("hand-in").disabled = false;
  byId("anew").disabled = elsewhere;
  shown();
}

function debounced(wait, act) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(act, wait);
  };
}

let saving = Promise.resolve();
let unkept = 0; // states of the notebook that are on their way into the database
let retry = 0; // the timer that tries again to save what found no room

// One after the other, so that no older state of the notebook is written over a newer one.
function save() {
  saving = saving.then(saveNow);
  return saving;
}

async function saveNow() {
  const model = panel?.context.model;
  if (!model?.dirty || elsewhere) return;
  model.dirty = false; // what is written while this is being kept makes it so again
  const content = model.toJSON();
  unkept += 1;
  try {
    await keep(content);
    if (!model.dirty) forgetDraft();
  } catch {
    model.dirty = true;
    clearTimeout(retry);
    retry = setTimeout(save, RETRY);
  } finally {
    unkept -= 1;
  }
}

async function keep(content) {
  // Not through `context.save()`, which asks in a window of its own when something is wrong.
  const { contents } = frame.contentWindow.jupyterapp.serviceManager;
  const write = () => contents.save(panel.context.path, { type: "notebook", format: "json", content });
  try {
    await write().catch(async (error) => {
      if (!(await makeRoom())) throw error;
      await write();
    });
    if (!keepsNothing) atRisk = false;
    if (byId("trouble").textContent === NO_ROOM) trouble("");
    if (!store.keeps) littleRoom();
  } catch (error) {
    atRisk = JSON.stringify(content) !== inFile;
    trouble(NO_ROOM);
    throw error;
  } finally {
    shown();
  }
}

function shown() {
  if (!panel || fetching || stopping) return;
  const status = panel.sessionContext.session?.kernel?.status ?? "starting";
  byId("stop").disabled = status !== "busy";
  if (elsewhere || Date.now() < readUntil) return;
  if (status === "idle") show(atRisk || keepsNothing ? say("Python is ready.") : say("Python is ready. Your work is kept in this browser."));
  else if (status === "busy") show(say("Python is working."));
  else if (status === "dead" || status === "terminating") show(say("Python has ended. Load the page again: your work is kept."));
  else show(say("Starting Python."));
}

// What the service worker, or the Python in the frame, tells.
function heard(message) {
  if (message.python) python = message.python;
  if (message.fetching) {
    fetching = message.came < message.of;
    const what = message.fetching.endsWith("mnist.npz") ? say("the handwritten digits") : message.fetching.split("/").pop();
    show(say("Fetching {what}: {came} of {all} MB.", { what, came: megabytes(message.came), all: megabytes(message.of) }));
    progress(message.came, message.of);
    if (!fetching) shown();
  } else if (message.unfetched) {
    fetching = false;
    progress(0, 0);
    trouble(whyUnfetched(message));
  } else if (message.full) {
    littleRoom();
  } else if (message.memory) {
    trouble(TOO_LITTLE_MEMORY);
  } else if (message.broken !== undefined) {
    console.error(message.broken); // for whoever looks into it
    if (byId("trouble").textContent) return;
    trouble(say("Python could not be started. Your work is kept; load the page again, and tell your teacher if that does not help."));
  }
}

// -- buttons ----------------------------------------------------------------------------------------------------------

async function handIn() {
  await save();
  const content = panel.context.model.toJSON();
  const text = `${JSON.stringify(content, null, 1)}\n`;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/x-ipynb+json" }));
  link.download = name;
  link.click();
  inFile = JSON.stringify(content);
  atRisk = false;
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  const exercise = notebook.startsWith("exercises/");
  announce(
    exercise
      ? say("{file} is in your downloads: hand in that file, under this name, where your teacher collects the class's work.", { file: name })
      : say("{file} is in your downloads.", { file: name }),
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
  show(say("Starting over."));
  await restart();
  if (!keepsNothing && !atRisk) trouble("");
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
  show(say("Stopping."));
  navigator.serviceWorker?.controller?.postMessage({ stop: python });
  stopping = setTimeout(async () => {
    show(say("Python did not stop, so it is being restarted."));
    await restart();
    stopping = 0;
    announce(say("Python was restarted: what you wrote is still there, what it had computed is not. Run the cells again from the top."));
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

// For a page that a learning management system shows inside its own.
function linkToOwnWindow() {
  const link = document.createElement("a");
  Object.assign(link, { href: location.href, target: "_blank", textContent: say("Open in a new window") });
  document.querySelector("nav").append(" ", link);
}

async function main() {
  if (typeof WebAssembly !== "object") {
    return trouble(say("This browser cannot run Python: WebAssembly is missing or switched off. Use a current Chrome, Edge or Firefox."));
  }
  if (navigator.deviceMemory < 2) trouble(say("This device has little memory. If the page stops, use a computer."));
  window.addEventListener("message", (event) => {
    if (event.origin === location.origin && event.data?.kit) heard(event.data.kit);
  });
  byId("stop").addEventListener("click", stop);
  byId("anew").addEventListener("click", beginAnew);
  byId("hand-in").addEventListener("click", handIn);
  takeOver();
  let kept = await canKeep();
  if (kept === "full" && (await makeRoom())) kept = await canKeep();
  keepsNothing = kept === "private" || (kept === "full" && !(await isKept()));
  const ownWindow = window === window.top;
  if (!ownWindow) linkToOwnWindow();
  if (kept !== "yes") trouble(kept === "private" ? (ownWindow ? PRIVATE : EMBEDDED) : keepsNothing ? NO_ROOM_AT_ALL : NO_ROOM);
  else if (!store.keeps) trouble(LITTLE_ROOM);
  if ((await startServiceWorker()) && store.keeps) {
    try {
      await fetchAll([...KIT.start, `files/${notebook}`]);
    } catch (error) {
      if (!(error instanceof Unfetched)) throw error;
      show("");
      progress(0, 0);
      return trouble(whyUnfetched({ unfetched: error.path, why: error.why, status: error.status }));
    }
  }
  show(say("Opening the notebook."));
  await newest;
  await openNotebook();
}

void main();
