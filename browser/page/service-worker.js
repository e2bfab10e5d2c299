"use strict";
// Answers the page's requests from what was kept, so that a second visit needs no network, and carries the learner's
// wish to stop to a Python that is too busy to hear of it. All else is JupyterLite's own service worker.
importScripts("files.js", "store.js");
KIT.base = self.registration.scope;

const toStop = new Set();

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(store.tidy()));
self.addEventListener("message", (event) => {
  if (event.data?.stop) toStop.add(event.data.stop);
  if (event.data?.keep === false) store.keeps = false; // there is no room
  if (event.data?.release) event.ports[0].postMessage(JSON.stringify(KIT.files));
});

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  url.search = url.hash = "";
  let path = url.href.startsWith(KIT.base) ? url.href.slice(KIT.base.length) : url.href;
  if (path.startsWith("api/stop/")) {
    const wanted = toStop.delete(path.slice("api/stop/".length));
    event.stopImmediatePropagation();
    event.respondWith(new Response(wanted ? "1" : "0", { headers: { "Cache-Control": "no-store" } }));
    return;
  }
  if (path === "" || path.endsWith("/")) path += "index.html";
  if (event.request.method !== "GET" || !store.entry(path)) return;
  event.stopImmediatePropagation();
  event.respondWith(answer(path));
});

async function answer(path) {
  const { size, weight } = store.entry(path);
  const big = size > 5_000_000;
  let came = 0;
  const get = () =>
    store.get(
      path,
      (bytes) => {
        came += bytes;
        if (big) tell({ fetching: path, came, of: weight });
      },
      () => tell({ full: path }),
    );
  try {
    return await get().catch(async (error) => {
      if (error.why === "blocked" || !(await isNewer())) throw error;
      return store.entry(path) ? get() : fetch(path);
    });
  } catch (error) {
    tell({ unfetched: path, why: error.why, status: error.status });
    return Response.error();
  }
}

// The site has a new release, and this is still the service worker of an older one: it goes on with the new list of
// files, so that what it has not kept comes as it is now, and the browser puts the new service worker in its place.
async function isNewer() {
  try {
    const now = await kitNow();
    if (JSON.stringify(now.files) === JSON.stringify(KIT.files)) return false;
    Object.assign(KIT, now);
    void self.registration.update().catch(() => {});
    return true;
  } catch {
    return false;
  }
}

async function tell(message) {
  for (const client of await self.clients.matchAll({ type: "window" })) client.postMessage({ kit: message });
}

importScripts("jupyterlite-service-worker.js");
