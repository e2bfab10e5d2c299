// Start the page's widgets, each from its own file beside this one.

import { startAll } from "./start.js";

startAll((name) => import(`./${name}.js`));
