// The one script that a page with widgets names. From a web server it loads the modules; a page opened straight from a disk (file://) may
// not load modules, so there it takes their sources as text (see from-disk.js; the book's build writes sources.js).
"use strict";

(() => {
  const folder = document.currentScript.src.replace(/[^/]*$/, "");
  const add = (name, attributes) => document.head.append(Object.assign(document.createElement("script"), { src: folder + name, async: false, ...attributes }));
  if (location.protocol !== "file:") add("main.js", { type: "module" });
  else for (const name of ["sources.js", "from-disk.js"]) add(name, {});
})();
