"""Build the exercises that run in a page: `python browser/build_site.py --pyodide FOLDER`, into the folder ``site``.

The notebook interface is JupyterLite's. Its kernel is Pyodide with a lock file that we write: Pyodide's own entries for
what an exercise needs, and the kit, Keras and what they import, all as wheels in the same folder. So a page asks nobody
but the host it came from.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT / "tools"))

KERNEL = "@jupyterlite/pyodide-kernel-extension"
EPOCH = (2020, 1, 1, 0, 0, 0)
# Of the kit: what a learner's kernel uses.
LEFT_OUT = ("grading/", "sandbox/", "course/", "report/", "jupyter/", "compat/", "cli.py", "doctor.py")
# Of Pyodide's distribution, with all that these need.
FROM_PYODIDE = ("numpy", "matplotlib", "ipython", "micropip")
# JupyterLite's kernel installs these by name at each start, unless they are loaded. No exercise uses them, so a page
# gets an empty package of that name: together they would weigh 3.5 MB.
EMPTY = ("ssl", "jedi")


class CannotBuild(RuntimeError):
    """The site cannot be built; the message is one line: what is missing and how to get it."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pyodide", required=True, metavar="FOLDER", help="Pyodide's distribution, unpacked")
    parser.add_argument("--out", type=Path, default=ROOT / "site", metavar="FOLDER")
    options = parser.parse_args()
    try:
        build(Path(options.pyodide), options.out)
    except CannotBuild as error:
        print(f"site: {error}", file=sys.stderr)
        return 2
    print(f"The site is in {options.out}. Any host of static files will do.")
    return 0


def build(pyodide: Path, out: Path) -> None:
    """Build JupyterLite with the exercises, Pyodide and the kit in the folder `out`.

    Raises:
        CannotBuild: `pyodide` is no distribution of Pyodide, or a part of it is missing.
    """
    lock_file = pyodide / "pyodide-lock.json"
    if not lock_file.is_file():
        raise CannotBuild(f"{pyodide} holds no pyodide-lock.json. Unpack Pyodide's distribution there, and name it.")
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        wheels = _pinned_wheels(work)
        kernel = next(wheel for wheel in wheels if wheel.name.startswith("jupyterlite_pyodide_kernel-"))
        wheels.remove(kernel)
        _lite(work, out, kernel)
        target = out / "static" / "pyodide"
        target.mkdir(parents=True, exist_ok=True)
        base = json.loads(lock_file.read_text("utf-8"))
        for name in ("pyodide.js", "pyodide.mjs", "pyodide.asm.js", "pyodide.asm.wasm", "python_stdlib.zip"):
            _take(pyodide / name, target)
        packages = {}
        for name in _closure(base["packages"], FROM_PYODIDE):
            entry = base["packages"][name]
            _take(pyodide / entry["file_name"], target, entry["sha256"])
            packages[name] = entry
        for wheel in [*wheels, *_own_wheels(work, out)]:
            shutil.copy(wheel, target)
            entry = _entry(wheel)
            packages[entry["name"]] = entry
        packages["keras-lesson-kit"]["depends"] = ["numpy", "matplotlib", "keras", "pytest", "keras-in-page"]
        content = {"info": base["info"], "packages": packages}
        (target / "pyodide-lock.json").write_text(json.dumps(content, indent=1), "utf-8")


def _version() -> str:
    text = (ROOT / "autograder" / "__init__.py").read_text("utf-8")
    return text.partition('__version__ = "')[2].partition('"')[0]


def _lite(work: Path, out: Path, kernel: Path) -> None:
    contents = work / "contents"
    for exercise in sorted((ROOT / "exercises").glob("*/*.ipynb")):
        (contents / "exercises").mkdir(parents=True, exist_ok=True)
        shutil.copy(exercise, contents / "exercises")
    names = [
        "piplite",
        "micropip",
        "ipykernel",
        "comm",
        "pyodide-kernel",
        "pyodide_kernel",
        "ipython",
        "sqlite3",
        *EMPTY,
    ]
    settings = {
        "pyodideUrl": "./static/pyodide/pyodide.js",
        "disablePyPIFallback": True,
        "loadPyodideOptions": {
            "lockFileURL": "./static/pyodide/pyodide-lock.json",
            "packages": [*names, *EMPTY, "numpy", "keras", "pytest", "keras-lesson-kit"],
            "env": {"KERAS_BACKEND": "numpy", "HOME": "/home/pyodide"},
        },
    }
    config = {
        "jupyter-lite-schema-version": 0,
        "jupyter-config-data": {
            "appName": "Exercises",
            "litePluginSettings": {f"{KERNEL}:kernel": settings},
        },
    }
    lite_dir = work / "lite"
    lite_dir.mkdir()
    (lite_dir / "jupyter-lite.json").write_text(json.dumps(config), "utf-8")
    # Nothing that happens to be installed beside it belongs into the page.
    config = {"LiteBuildConfig": {"ignore_sys_prefix": True, "federated_extensions": [str(kernel)]}}
    (lite_dir / "jupyter_lite_config.json").write_text(json.dumps(config), "utf-8")
    command = [sys.executable, "-m", "jupyterlite_core", "build", "--lite-dir", str(lite_dir)]
    command += ["--contents", str(contents), "--output-dir", str(out), "--apps", "notebooks", "--apps", "lab"]
    command += ["--no-sourcemaps", "--no-unused-shared-packages"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=lite_dir, check=False)
    if done.returncode:
        raise CannotBuild(f"JupyterLite could not be built: {(done.stderr or done.stdout).strip()[-600:]}")


def _closure(packages: dict[str, Any], wanted: tuple[str, ...]) -> list[str]:
    """The names of these packages and of all that they need, without those that a page gets empty."""
    found: list[str] = []
    left = list(wanted)
    while left:
        name = left.pop().replace("_", "-").lower()
        if name in found or name in EMPTY:
            continue
        if name not in packages:
            raise CannotBuild(f"Pyodide's distribution has no package {name}.")
        found.append(name)
        left += packages[name]["depends"]
    return found


def _take(file: Path, target: Path, digest: str = "") -> None:
    if not file.is_file():
        raise CannotBuild(f"{file.name} is missing in {file.parent}.")
    if digest and hashlib.sha256(file.read_bytes()).hexdigest() != digest:
        raise CannotBuild(f"{file} is damaged: its SHA-256 is not the one in pyodide-lock.json.")
    shutil.copy(file, target)


def _pinned_wheels(work: Path) -> list[Path]:
    """The pure wheels of ``requirements.txt``, by their digests."""
    folder = work / "wheels"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    command += ["--python-version", "3.12", "--dest", str(folder), "--requirement", str(HERE / "requirements.txt")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotBuild(f"The page's packages cannot be fetched: {done.stderr.strip()[-300:]}")
    return sorted(folder.glob("*.whl"))


def _own_wheels(work: Path, out: Path) -> list[Path]:
    """The kit's part for learners, the engine, JupyterLite's kernel, and the empty packages."""
    from learner_bundle import build_wheel

    folder = work / "own"
    folder.mkdir()
    whole = build_wheel(work)
    with zipfile.ZipFile(whole) as archive:
        files = {
            name: archive.read(name)
            for name in archive.namelist()
            if name.startswith("autograder/") and not name.removeprefix("autograder/").startswith(LEFT_OUT)
        }
    made = [_wheel(folder, "keras_lesson_kit", _version(), files)]
    engine = {f"keras_in_page/{p.name}": p.read_bytes() for p in sorted((HERE / "keras_in_page").glob("*.py"))}
    made.append(_wheel(folder, "keras_in_page", "0", engine))
    made += [_wheel(folder, name, "0", {f"{name}_left_out.py": b""}) for name in EMPTY]
    kernel = next((out / "extensions" / KERNEL / "static" / "pypi").glob("pyodide_kernel-*.whl"))
    return [*made, kernel, *kernel.parent.glob("piplite-*.whl"), *kernel.parent.glob("ipykernel-*.whl")]


def _wheel(folder: Path, name: str, version: str, files: dict[str, bytes]) -> Path:
    """A wheel of pure Python files; the same files give the same bytes."""
    info = f"{name}-{version}.dist-info"
    files = files | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: kit\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = []
    for path, content in sorted(files.items()):
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        rows.append(f"{path},sha256={digest},{len(content)}")
    files[f"{info}/RECORD"] = ("\n".join([*rows, f"{info}/RECORD,,"]) + "\n").encode()
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(path, EPOCH), content, zipfile.ZIP_DEFLATED)
    return wheel


def _entry(wheel: Path) -> dict[str, Any]:
    """A wheel as Pyodide's lock file describes it."""
    name, version = wheel.name.split("-")[:2]
    with zipfile.ZipFile(wheel) as archive:
        tops = {n.split("/")[0].removesuffix(".py") for n in archive.namelist() if ".dist-info/" not in n}
    needs = {
        "keras": ["absl-py", "rich", "namex", "numpy", "packaging"],
        "pytest": ["pluggy", "iniconfig", "packaging", "pygments"],
        "rich": ["markdown-it-py", "pygments"],
        "markdown-it-py": ["mdurl"],
    }
    plain = name.replace("_", "-").lower()
    return {
        "name": plain,
        "version": version,
        "file_name": wheel.name,
        "install_dir": "site",
        "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(),
        "package_type": "package",
        "imports": sorted(tops),
        "depends": needs.get(plain, []),
        "unvendored_tests": False,
        "shared_library": False,
    }


if __name__ == "__main__":
    sys.exit(main())
