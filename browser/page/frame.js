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
}
