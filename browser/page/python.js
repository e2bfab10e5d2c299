"use strict";
// The worker that Python runs in. It starts at once, while the notebook's own page is still being loaded, puts the
// page's packages into Python's file system, and imports what the first cells need. Then JupyterLite's script for a
// worker is run here, which asks for this file as its Pyodide and finds Python ready. Tells how far it is, why something
// failed, and hears of a stop.
if (!self.KIT) {
  const base = new URL("../../", location).href; // the page's folder; this is static/pyodide/python.js
  importScripts(new URL("files.js", base));
  KIT.base = base;
  importScripts(new URL("static/pyodide/pyodide.js", base));
  const tell = (message) => self.postMessage({ kit: message });

  const IDLE = 2_000; // ms

  const plainFetch = self.fetch.bind(self);
  self.fetch = async (asked, options) => {
    const address = String(asked.url ?? asked);
    const found = address.startsWith(base) ? KIT.files[address.slice(base.length)] : null;
    try {
      let answer = await plainFetch(asked, options);
      if (!answer.ok && found?.[4]) {
        // It lies elsewhere, and no service worker fetched it from there. The browser checks the digest itself.
        const bytes = Uint8Array.from(found[1].match(/../g), (hex) => parseInt(hex, 16));
        answer = await plainFetch(found[4], { integrity: `sha256-${btoa(String.fromCharCode(...bytes))}` });
      }
      if (!answer.ok && found) tell({ unfetched: address, why: "status", status: answer.status });
      return answer;
    } catch (error) {
      tell({ unfetched: found?.[4] ?? address, why: "blocked", status: 0 });
      throw error;
    }
  };

  // Python looks into "its interrupt buffer" every few instructions. This one asks the service worker, now and then:
  // memory shared with the page would need headers that a host of plain files does not send.
  let asked = 0;
  const buffer = {
    set 0(_) {},
    get 0() {
      const now = Date.now();
      if (now - asked < 300) return 0;
      asked = now;
      try {
        const request = new XMLHttpRequest();
        request.open("GET", new URL(`api/stop/${self.name}`, base), false);
        request.send();
        return request.status === 200 && request.responseText === "1" ? 2 : 0;
      } catch {
        return 0;
      }
    },
  };

  // The files of an archive, into Python's file system. `wheels.py` says how it is laid out.
  const putFiles = (FS, archive) => {
    const begin = 4 + new DataView(archive).getUint32(0, true);
    const index = JSON.parse(new TextDecoder().decode(new Uint8Array(archive, 4, begin - 4)));
    const made = new Set();
    let at = begin;
    for (const [name, size] of index) {
      const path = `/lib/python3.12/site-packages/${name}`;
      const folder = path.slice(0, path.lastIndexOf("/"));
      if (!made.has(folder)) {
        FS.mkdirTree(folder);
        made.add(folder);
      }
      FS.writeFile(path, new Uint8Array(archive, at, size), { canOwn: true }); // not copied
      at += size;
    }
  };

  // What draws is imported when nobody has asked Python for anything for a while: a learner reads first.
  const importLater = (pyodide) => {
    let timer = 0;
    const wait = () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        self.removeEventListener("message", wait);
        try {
          pyodide.runPython("keras_in_page.notebook.import_later()");
        } catch {} // it was stopped: the cell that needs it imports it
      }, IDLE);
    };
    self.addEventListener("message", wait); // the first comes when the notebook is there
  };

  const start = async () => {
    tell({ step: "python" });
    try {
      const place = new URL("static/pyodide/", base).href;
      const archive = self.fetch(`${place}packages.bin`).then((answer) => answer.arrayBuffer());
      archive.catch(() => {}); // what failed is told already, and comes up again below
      const pyodide = await plainLoad({
        indexURL: place,
        lockFileURL: `${place}pyodide-lock.json`,
        packages: KIT.elsewhere,
        env: {
          KERAS_BACKEND: "numpy",
          HOME: "/home/pyodide",
          MPLBACKEND: "module://matplotlib_inline.backend_inline", // JupyterLite names it too late
          ...(KIT.language ? { AUTOGRADER_LANGUAGE: KIT.language } : {}), // that of the page
          ...(KIT.book ? { AUTOGRADER_BOOK: new URL("../", base).href } : {}), // which hints link to
        },
      });
      putFiles(pyodide.FS, await archive);
      pyodide.runPython("import keras_in_page.notebook; keras_in_page.at_start()");
      tell({ step: "packages" });
      pyodide.runPython("keras_in_page.notebook.import_ahead()");
      pyodide.setInterruptBuffer(buffer);
      tell({ step: "notebook" });
      importLater(pyodide);
      return pyodide;
    } catch (error) {
      const memory = error instanceof RangeError || /memory|allocat/i.test(String(error));
      tell(memory ? { memory: true } : { broken: String(error) });
      throw error;
    }
  };

  const plainLoad = self.loadPyodide;
  const begun = start();
  begun.catch(() => {});
  self.loadPyodide = () => begun;
  self.addEventListener("message", (event) => event.data?.kitRun && importScripts(event.data.kitRun));
}
