"""The page's packages: which, from where, without what no page needs, compiled, as Pyodide's lock file names them."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT / "tools"))

EPOCH = (2020, 1, 1, 0, 0, 0)
# Of the kit: what a learner's kernel does not use. The digits are fetched when they are asked for.
LEFT_OUT = ("grading/", "sandbox/", "course/", "report/", "jupyter/", "compat/", "cli.py", "doctor.py")
ON_DEMAND = "_data/mnist.npz"
# Of Pyodide's distribution, with all that these need.
FROM_PYODIDE = ("numpy", "matplotlib", "ipython", "micropip")
# What the distribution's packages name as needed and no exercise uses: a page gets an empty package of that name.
EMPTY = ("ssl", "jedi", "fonttools", "pytz")
# Of packages' files, what a page does not need: tests, pictures to try with, fonts for print and for other scripts.
TRIM = re.compile(
    r"(^|/)(tests?|testing/baseline|sample_data|pdfcorefonts|afm|sphinxext|web_backend)/"
    r"|/fonts/ttf/(STIX|DejaVuSerif-|DejaVuSansMono-.*Oblique)"
    r"|\.(pyi|c|h|pxd|pyx|html)$|_test\.py$"
)
NOT_TRIMMED = ("pytest",)  # whose own module for tests is called so
# These keep their sources: pytest reads those of the checks, and a learner may want to read the kit.
WITH_SOURCES = ("keras_lesson_kit", "keras_in_page")
NEEDS = {
    "keras": ["absl-py", "rich", "namex", "numpy", "packaging"],
    "keras-lesson-kit": ["numpy", "matplotlib", "keras", "pytest", "keras-in-page"],
    "pytest": ["pluggy", "iniconfig", "packaging", "pygments"],
    "rich": ["markdown-it-py", "pygments"],
    "markdown-it-py": ["mdurl"],
}


class CannotBuild(RuntimeError):
    """The site cannot be built; the message is one line: what is missing and how to get it."""


def version() -> str:
    """The kit's version."""
    text = (ROOT / "autograder" / "__init__.py").read_text("utf-8")
    return text.partition('__version__ = "')[2].partition('"')[0]


def closure(packages: dict[str, Any], wanted: tuple[str, ...] = FROM_PYODIDE) -> list[str]:
    """The names of these packages and of all that they need, without those that a page gets empty.

    Raises:
        CannotBuild: the distribution lacks one.
    """
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
    return sorted(found)


def pinned(work: Path) -> list[Path]:
    """The pure wheels of ``requirements.txt``.

    Raises:
        CannotBuild: the package index does not have them, or does not answer.
    """
    folder = work / "pinned"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    command += ["--python-version", "3.12", "--dest", str(folder), "--requirement", str(HERE / "requirements.txt")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotBuild(f"The page's packages cannot be fetched: {done.stderr.strip()[-300:]}")
    return sorted(folder.glob("*.whl"))


def own(work: Path) -> list[Path]:
    """The kit's part for learners, the engine, and the empty packages."""
    from learner_bundle import build_wheel

    folder = work / "own"
    folder.mkdir()
    whole = build_wheel(work)
    with zipfile.ZipFile(whole) as archive:
        inside = {n: n.removeprefix("autograder/") for n in archive.namelist() if n.startswith("autograder/")}
        files = {n: archive.read(n) for n, p in inside.items() if not p.startswith(LEFT_OUT) and p != ON_DEMAND}
    made = [wheel(folder, "keras_lesson_kit", version(), files)]
    engine = {f"keras_in_page/{p.name}": p.read_bytes() for p in sorted((HERE / "keras_in_page").glob("*.py"))}
    made.append(wheel(folder, "keras_in_page", "0", engine))
    return [*made, *(wheel(folder, name, "0", {f"{name}_left_out.py": b""}) for name in EMPTY)]


def wheel(folder: Path, name: str, number: str, files: dict[str, bytes]) -> Path:
    """A wheel of pure Python files; the same files give the same bytes."""
    info = f"{name}-{number}.dist-info"
    files = files | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: kit\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = []
    for path, content in sorted(files.items()):
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        rows.append(f"{path},sha256={digest},{len(content)}")
    files[f"{info}/RECORD"] = ("\n".join([*rows, f"{info}/RECORD,,"]) + "\n").encode()
    return _write(folder / f"{name}-{number}-py3-none-any.whl", files)


def _write(path: Path, files: dict[str, bytes]) -> Path:
    """An archive that is not compressed: the whole of it is, when it is packed for the way (a third smaller)."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, EPOCH), content)
    return path


def compiled(wheels: list[Path], pyodide: Path, work: Path, target: Path) -> list[Path]:
    """The wheels again in the folder `target`, without what no page needs, compiled by Pyodide's own Python.

    Raises:
        CannotBuild: Node is missing, or Pyodide does not run in it.
    """
    folder = work / "unpacked"
    shutil.rmtree(folder, ignore_errors=True)
    for path in wheels:
        name = path.name.split("-")[0]
        with zipfile.ZipFile(path) as archive:
            keep = [n for n in archive.namelist() if name in NOT_TRIMMED or not TRIM.search(n)]
            archive.extractall(folder / name, keep)
    node = shutil.which("node")
    if node is None:
        raise CannotBuild("Node.js compiles the page's packages and is missing: install it (Debian: nodejs).")
    command = [node, str(HERE / "compile.mjs"), str(pyodide), str(folder), *WITH_SOURCES]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotBuild(f"Pyodide cannot compile the page's packages: {(done.stderr or done.stdout).strip()[-400:]}")
    made = []
    for path in wheels:
        below = folder / path.name.split("-")[0]
        files = {p.relative_to(below).as_posix(): p.read_bytes() for p in below.rglob("*") if p.is_file()}
        made.append(_write(target / path.name, files))
    return made


def entry(path: Path, base: dict[str, Any] | None = None) -> dict[str, Any]:
    """A wheel as Pyodide's lock file describes it; `base` is how the distribution's own did."""
    name, number = path.name.split("-")[:2]
    plain = name.replace("_", "-").lower()
    with zipfile.ZipFile(path) as archive:
        tops = {n.split("/")[0].partition(".")[0] for n in archive.namelist() if ".dist-info/" not in n}
    fresh = {
        "name": plain,
        "version": number,
        "install_dir": "site",
        "package_type": "package",
        "imports": sorted(tops),
        "depends": NEEDS.get(plain, []),
        "unvendored_tests": False,
        "shared_library": False,
    }
    found = {**fresh, **(base or {})}
    return found | {"file_name": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
