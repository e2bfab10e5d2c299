"use strict";
// In the worker, in place of Pyodide's own script: tells how far it is, why something failed, and hears of a stop.
{
  const base = new URL("../../../../", location).href; // extensions/@jupyterlite/pyodide-kernel-extension/static/
  importScripts(new URL("files.js", base));
  KIT.base = base;
  importScripts(new URL("static/pyodide/pyodide.js", base));
  const tell = (message) => self.postMessage({ kit: message });

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

  const load = self.loadPyodide;
  self.loadPyodide = async (options) => {
    tell({ step: "python" });
    try {
      const book = options.env?.AUTOGRADER_BOOK; // seen from the folder of the exercises
      if (book) options.env.AUTOGRADER_BOOK = new URL(book, base).href;
      const pyodide = await load(options);
      pyodide.runPython("import keras_in_page; keras_in_page.at_start()");
      pyodide.setInterruptBuffer(buffer);
      tell({ step: "notebook" });
      return pyodide;
    } catch (error) {
      const memory = error instanceof RangeError || /memory|allocat/i.test(String(error));
      tell(memory ? { memory: true } : { broken: String(error) });
      throw error;
    }
  };
}
