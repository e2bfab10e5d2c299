"use strict";
// Inside JupyterLite's own page, before any of its scripts: starts Python at once, in a worker of ours (python.js),
// which becomes the worker that JupyterLite asks for later. Gives each Python a name, and passes on what it tells.
{
  const Plain = window.Worker;

  const start = () => {
    const name = crypto.randomUUID?.() ?? String(Math.random());
    const worker = new Plain(new URL("../static/pyodide/python.js", document.baseURI), { name });
    const pass = (kit) => window.parent.postMessage({ kit: { ...kit, python: name } }, location.origin);
    worker.addEventListener("message", (event) => event.data?.kit && pass(event.data.kit));
    worker.addEventListener("error", (event) => pass({ broken: String(event.message ?? "") }));
    return worker;
  };

  let ready = start();
  window.Worker = function (address, options) {
    if (!String(address).includes("pyodide-kernel")) return new Plain(address, options);
    const worker = ready ?? start(); // another one where Python is restarted
    ready = null;
    worker.postMessage({ kitRun: String(address) });
    return worker;
  };
  window.Worker.prototype = Plain.prototype;

  // Where nothing can be kept, JupyterLite opens no notebook unless it is told to make do with memory.
  if (new URLSearchParams(location.search).get("keep") === "nothing") {
    const plainFetch = window.fetch.bind(window);
    const settings = new URL("../jupyter-lite.json", document.baseURI).href;
    const memory = ["memoryStorageDriver"];
    window.fetch = async (asked, options) => {
      const answer = await plainFetch(asked, options);
      if (String(asked.url ?? asked) !== settings) return answer;
      const all = await answer.json();
      const drivers = { contentsStorageDrivers: memory, settingsStorageDrivers: memory };
      Object.assign(all["jupyter-config-data"], { enableMemoryStorage: true, ...drivers });
      return new Response(JSON.stringify(all), { headers: { "Content-Type": "application/json" } });
    };
  }
}
