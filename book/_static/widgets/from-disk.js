// Modules without a web server: turn each source in `widgetSources` into an address that may be imported. Not a module itself.
"use strict";

(() => {
  const addresses = {};
  const fromLine = /(from\s+")\.\/([\w-]+\.js)"/g;
  function address(name) {
    const source = window.widgetSources[name];
    if (source === undefined) throw new Error(`no module ${name}`);
    const resolved = () => source.replace(fromLine, (_, before, other) => `${before}${address(other)}"`);
    addresses[name] ??= URL.createObjectURL(new Blob([resolved()], { type: "text/javascript" }));
    return addresses[name];
  }
  import(address("start.js")).then(({ startAll }) => startAll((name) => import(address(`${name}.js`))));
})();
