"use strict";
// Inside JupyterLite's own page: gives each Python a name, and passes on what it tells.
{
  const Plain = window.Worker;
  window.Worker = class extends Plain {
    constructor(address, options = {}) {
      const name = crypto.randomUUID?.() ?? String(Math.random());
      super(address, { ...options, name });
      this.addEventListener("message", (event) => {
        if (event.data?.kit) window.parent.postMessage({ kit: { ...event.data.kit, python: name } }, location.origin);
      });
      this.addEventListener("error", (event) =>
        window.parent.postMessage({ kit: { broken: String(event.message ?? ""), python: name } }, location.origin),
      );
    }
  };
}
