"use strict";
// The files that the page is made of: fetched once, checked against their SHA-256, and kept for the next visit.
// Used by the page and by its service worker. `KIT` comes from files.js, which the build writes.

class Unfetched extends Error {
  // `why`: "blocked" (no answer came), "status" (the host refused), "damaged" (another file came).
  constructor(path, why, status = 0) {
    super(`${path}: ${why} ${status}`);
    Object.assign(this, { path, why, status });
  }
}

const STORE = "exercises-in-a-page";

// What files.js says on the host now.
async function kitNow() {
  const text = await (await fetch(new URL("files.js", KIT.base), { cache: "no-cache" })).text();
  return JSON.parse(text.slice(text.indexOf("=") + 1).replace(/;\s*$/, ""));
}

const store = {
  keeps: true, // until there is no room

  // The entry of a path that is relative to the page's folder, or of a whole address.
  entry(path) {
    const found = KIT.files[path];
    if (!found) return null;
    const [size, sha256, packed, type, elsewhere] = found;
    return { path, size, sha256, packed, type, elsewhere, weight: packed || size };
  },

  key(entry) {
    return new URL(`by-digest/${entry.sha256}`, KIT.base).href;
  },

  async open() {
    if (!this.keeps) return null;
    try {
      return await caches.open(STORE);
    } catch {
      return null; // private windows of some browsers keep nothing
    }
  },

  async has(path) {
    const kept = await this.open();
    // Not with `match`: an answer that nobody reads goes on taking up its file's room, even when the file is deleted.
    return Boolean(kept && (await kept.keys(this.key(this.entry(path)))).length);
  },

  // The file as a Response. `heard` is told of each piece of bytes that came; `lost` of a file that could not be kept.
  async get(path, heard = () => {}, lost = () => {}) {
    const entry = this.entry(path);
    const kept = await this.open();
    const found = kept && (await kept.match(this.key(entry)));
    if (found) return found;
    let bytes = await this.fetch(entry, heard, "default");
    if (!bytes) bytes = await this.fetch(entry, () => {}, "reload"); // the browser may have kept an older one
    if (!bytes) throw new Unfetched(entry.elsewhere ?? path, "damaged");
    const answer = new Response(bytes, { headers: { "Content-Type": entry.type, "Content-Length": entry.size } });
    if (kept) {
      try {
        await kept.put(this.key(entry), answer.clone());
      } catch (error) {
        lost(error);
      }
    }
    return answer;
  },

  async fetch(entry, heard, cache) {
    const address = new URL(entry.elsewhere ?? entry.path + (entry.packed ? ".packed" : ""), KIT.base);
    const pieces = [];
    try {
      const answer = await fetch(address, { cache });
      if (!answer.ok) throw new Unfetched(entry.elsewhere ?? entry.path, "status", answer.status);
      const reader = answer.body.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        pieces.push(value);
        heard(value.length);
      }
    } catch (error) {
      throw error instanceof Unfetched ? error : new Unfetched(entry.elsewhere ?? entry.path, "blocked");
    }
    try {
      let whole = new Blob(pieces);
      const [first, second] = new Uint8Array(await whole.slice(0, 2).arrayBuffer());
      if (entry.packed && first === 0x1f && second === 0x8b) {
        whole = await new Response(whole.stream().pipeThrough(new DecompressionStream("gzip"))).blob();
      }
      const bytes = await whole.arrayBuffer();
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
      const hex = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
      return hex === entry.sha256 ? bytes : null;
    } catch {
      return null; // cut short
    }
  },

  // Forget all, and keep nothing from now on; returns whether there was anything.
  async forget() {
    const kept = await this.open();
    this.keeps = false;
    const requests = (await kept?.keys()) ?? [];
    // One by one: a cache that is deleted as a whole takes its room as long as anybody has it open.
    await Promise.all(requests.map((request) => kept.delete(request)));
    return requests.length > 0;
  },

  // Forget what no file of this page needs any more.
  async tidy() {
    const kept = await this.open();
    const needed = new Set(Object.keys(KIT.files).map((path) => this.key(this.entry(path))));
    for (const request of (await kept?.keys()) ?? []) if (!needed.has(request.url)) await kept.delete(request);
  },
};
