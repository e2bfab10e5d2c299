// Compile the Python files below a folder with Pyodide's own Python, so that a page need not: in the browser that is
// the larger part of importing Keras. `node compile.mjs PYODIDE FOLDER SHOWN KEPT...`; tracebacks name the files below
// SHOWN; the packages KEPT keep their sources.
import { pathToFileURL } from "node:url";
import path from "node:path";

const [pyodideFolder, folder, shown, ...kept] = process.argv.slice(2).map((given, i) => (i < 2 ? path.resolve(given) : given));
const { loadPyodide } = await import(pathToFileURL(path.join(pyodideFolder, "pyodide.mjs")));
const pyodide = await loadPyodide({
  indexURL: pyodideFolder + path.sep,
  env: { PYTHONNODEBUGRANGES: "1", HOME: "/home/pyodide" }, // a fifth less: columns to underline in code that is not there
});
pyodide.FS.mkdirTree("/wheels");
pyodide.FS.mount(pyodide.FS.filesystems.NODEFS, { root: folder }, "/wheels");
pyodide.globals.set("kept", pyodide.toPy(kept));
pyodide.globals.set("below", shown);
const failed = pyodide.runPython(`
import os, py_compile
failed = []
for top in sorted(os.listdir("/wheels")):
    for place, folders, files in os.walk(f"/wheels/{top}"):
        folders[:] = [f for f in folders if f != "__pycache__"]
        for name in files:
            if not name.endswith(".py"):
                continue
            source = f"{place}/{name}"
            shown = below + "/" + source.split("/", 3)[3]
            stays = top in kept
            target = None if stays else source + "c"
            try:
                py_compile.compile(source, cfile=target, dfile=shown, doraise=True,
                                   invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
            except (py_compile.PyCompileError, SyntaxError, ValueError):
                failed.append(source)  # a template, or for another Python: it stays as it is
                continue
            if not stays:
                os.remove(source)
len(failed)
`);
console.log(failed);
