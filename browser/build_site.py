"""Build the public site: `python browser/build_site.py --pyodide FOLDER`, into the folder ``site``.

The book, and beside it in ``exercises/`` the notebooks that run in the reader's browser. Their interface is
JupyterLite's; its kernel is Pyodide with a lock file that we write: Pyodide's own packages that an exercise needs, and
the kit, Keras and what they import, all as wheels in one folder. So a page asks nobody but the host it came from.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(HERE))

import pages  # noqa: E402
import wheels  # noqa: E402
from distribution import CORE, LOCK, Distribution  # noqa: E402
from wheels import CannotBuild  # noqa: E402

from autograder.language import languages, speaking  # noqa: E402

KERNEL = "@jupyterlite/pyodide-kernel-extension"
SHIPPED_WITH_ADDRESS = ("pyodide.js", "pyodide.asm.js")  # scripts, whose digests a browser cannot check by itself
BUILT_IN = ("ipykernel", "pyodide_kernel")  # of JupyterLite's kernel
# What that kernel would fetch, and finds in the page instead, or gets a stand-in for.
THERE = ("micropip", "piplite", "ssl", "sqlite3", "ipykernel", "comm", "pyodide_kernel", "jedi", "ipython")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--pyodide", required=True, metavar="PLACE", help="Pyodide's distribution: a folder, or its https:// address"
    )
    parser.add_argument("--book", type=Path, metavar="FOLDER", help="the built book; left out, only the exercises")
    parser.add_argument("--out", type=Path, default=ROOT / "site", metavar="FOLDER")
    parser.add_argument("--language", default="", metavar="CODE", help="of the pages and of what checks say; English")
    options = parser.parse_args()
    try:
        if not options.pyodide:
            raise CannotBuild("Say where Pyodide's distribution is: make site PYODIDE=FOLDER, or PYODIDE=https://...")
        with speaking(options.language):
            if options.language not in ("", *languages()):
                known = ", ".join(languages())
                raise CannotBuild(f"There is no catalogue of the language {options.language!r}, only of: {known}.")
            build(options.pyodide, options.out, options.book)
    except CannotBuild as error:
        print(f"site: {error}", file=sys.stderr)
        return 2
    print(f"The site is in {options.out}. Any host of static files will do.")
    return 0


def build(pyodide: str, out: Path, book: Path | None = None) -> None:
    """Build the site in the folder `out`, which is emptied first.

    Args:
        pyodide: a folder with Pyodide's distribution, or its address.
        book: the built book, whose lessons get links to their exercises and, where they can run there, to themselves.

    Raises:
        CannotBuild: a part is missing; says which.
    """
    if book is not None and not (book / "index.html").is_file():
        raise CannotBuild(f"{book} holds no built book. Run `make book` first.")
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        distribution = Distribution(pyodide, work)  # before anything is thrown away
        pinned = wheels.pinned(work)
        kernel = next(path for path in pinned if path.name.startswith("jupyterlite_pyodide_kernel-"))
        pinned.remove(kernel)
        _empty(out)
        if book is not None:
            shutil.copytree(book, out)
        target = out / pages.FOLDER
        notebooks = pages.notebooks(book)
        built = work / "lite-site"  # JupyterLite passes over contents in a folder that is called as its output is
        version = _lite(work, built, kernel, notebooks)
        shutil.copytree(built, target)
        elsewhere = _packages(distribution, pinned, work, target)
        packages = sorted(distribution.packages) if distribution.address else []
        pages.write(target, notebooks, version, elsewhere, packages)
        if book is not None:
            pages.link(out, notebooks)


def _empty(out: Path) -> None:
    """Throw away the site of an earlier build.

    Raises:
        CannotBuild: there is something else.
    """
    if not out.exists():
        return
    if not out.is_dir() or (any(out.iterdir()) and not (out / pages.FOLDER / "files.js").is_file()):
        raise CannotBuild(
            f"{out} is there already and no site of an earlier build. Remove it, or choose another folder."
        )
    shutil.rmtree(out)


def _lite(work: Path, out: Path, kernel: Path, notebooks: list[pages.Notebook]) -> str:
    """Build JupyterLite with these notebooks; return its version."""
    contents = work / "contents"
    for notebook in notebooks:
        (contents / notebook.path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(notebook.source, contents / notebook.path)
    settings = {
        "pyodideUrl": "./static/pyodide/python.js",
        "disablePyPIFallback": True,
        "loadPyodideOptions": {"packages": list(THERE)},  # page/python.js has the others
    }
    config = {
        "jupyter-lite-schema-version": 0,
        "jupyter-config-data": {
            "appName": "Exercises",
            "exposeAppInBrowser": True,
            "litePluginSettings": {f"{KERNEL}:kernel": settings},
            "disabledExtensions": ["@jupyterlab/docmanager-extension:announcements"],
        },
    }
    lite_dir = work / "lite"
    lite_dir.mkdir()
    (lite_dir / "jupyter-lite.json").write_text(json.dumps(config), "utf-8")
    overrides = {
        # All cells are on the page, so that its reader's own search finds them, and a screen reader reads them.
        "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
        "@jupyterlab/docmanager-extension:plugin": {"autosave": False},  # the page around it keeps the work
        "@jupyterlab/apputils-extension:themes": {"adaptive-theme": True},
    }
    (lite_dir / "overrides.json").write_text(json.dumps(overrides), "utf-8")
    # Nothing that happens to be installed beside it belongs into the page.
    config = {"LiteBuildConfig": {"ignore_sys_prefix": True, "federated_extensions": [str(kernel)]}}
    (lite_dir / "jupyter_lite_config.json").write_text(json.dumps(config), "utf-8")
    command = [sys.executable, "-m", "jupyterlite_core", "build", "--lite-dir", str(lite_dir)]
    command += ["--contents", str(contents), "--output-dir", str(out), "--apps", "notebooks"]
    command += ["--no-sourcemaps", "--no-unused-shared-packages"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=lite_dir, check=False)
    if done.returncode:
        raise CannotBuild(f"JupyterLite could not be built: {(done.stderr or done.stdout).strip()[-600:]}")
    said = json.loads((out / "jupyter-lite.json").read_text("utf-8"))
    return str(said["jupyter-config-data"]["appVersion"])


def _packages(distribution: Distribution, pinned: list[Path], work: Path, page: Path) -> dict[str, tuple[str, Path]]:
    """Put Python and its packages into the page.

    Returns what is not in the page but lies elsewhere: its path in the page, its address, and a copy.
    """
    target = page / "static" / "pyodide"
    target.mkdir(parents=True, exist_ok=True)
    elsewhere: dict[str, tuple[str, Path]] = {}

    def put(file: Path) -> None:
        if distribution.address and file.name not in SHIPPED_WITH_ADDRESS:
            elsewhere[f"static/pyodide/{file.name}"] = (distribution.address + file.name, file)
        else:
            shutil.copy(file, target)

    for file in distribution.core:
        if file.name not in ("pyodide.mjs", wheels.STDLIB):
            put(file)
    ours = [*pinned, *wheels.own(work)]
    kernel = page / "extensions" / KERNEL / "static" / "pypi"
    ours += [next(kernel.glob(f"{name}-*.whl")) for name in BUILT_IN]
    entries = {}
    if distribution.address:
        base = distribution.lock["packages"]
        for name, file in distribution.packages.items():
            put(file)
            entries[name] = wheels.entry(file, base[name])
    else:
        ours += distribution.packages.values()
    wheels.compiled(ours, distribution.folder, work, target)
    lock = {"info": distribution.lock["info"], "packages": dict(sorted(entries.items()))}
    (target / LOCK).write_text(json.dumps(lock, indent=1), "utf-8")
    return elsewhere


assert set(SHIPPED_WITH_ADDRESS) < set(CORE)

if __name__ == "__main__":
    sys.exit(main())
