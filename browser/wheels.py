"""The page's packages: which, from where, without what no page needs, compiled, as Pyodide's lock file names them."""

from __future__ import annotations

import base64
import hashlib
import json
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
LEFT_OUT = (
    "grading/", "sandbox/", "course/", "report/", "jupyter/", "compat/", "probe/", "marking/", "lms/", "similar/",
    "cli.py", "doctor.py",
)  # fmt: skip
ON_DEMAND = "_data/mnist.npz"
# Of Pyodide's distribution, with all that these need.
FROM_PYODIDE = ("numpy", "matplotlib", "ipython")
# What the distribution's packages name as needed and no exercise uses. IPython does without its terminal, and nothing
# can be installed in a page (`keras_in_page.at_start` says so where these are asked for).
EMPTY = ("ssl", "jedi", "fonttools", "pytz", "prompt-toolkit", "wcwidth", "sqlite3", "micropip")
# Of packages' files, what a page does not need: tests, pictures to try with, what draws for print, what Keras has for
# other backends, languages that no cell is written in, fonts but one family.
TRIM = re.compile(
    r"(^|/)(tests?|testing/baseline|sample_data|pdfcorefonts|afm|sphinxext|web_backend)/"
    r"|^matplotlib/mpl-data/fonts/ttf/(STIX|DejaVuSerif|DejaVuSansMono|DejaVuSans-BoldOblique|Humor)"
    r"|^matplotlib/backends/(_macosx|_tkagg|qt_|backend_(gtk|qt|wx|tk|macosx|cairo))"
    r"|^keras/(_tf_keras/|src/backend/(tensorflow|torch|openvino|jax)/)"
    r"|^numpy/(f2py|distutils|_pyinstaller)/|^numpy/(core|_core|random)/(include|lib)/"
    r"|^PIL/(_imagingft|_webp|_imagingcms|_imagingtk)\."
    r"|^pygments/lexers/(?!(__init__|_mapping|python|special|diff)\.py$)"
    r"|^IPython/(terminal|testing/plugin|sphinxext)/|^absl/testing/|^matplotlib/mpl-data/images/|^dateutil/zoneinfo/.*\.gz$"
    r"|\.(pyi|c|h|a|pxd|pyx|html)$|_test\.py$|\.dist-info/(RECORD|licenses/.*\.js)$"
)
# Of Python's own library: what speaks to other machines, formats of old, and alphabets in encodings of old.
TRIM_STDLIB = re.compile(
    r"^(xmlrpc|wsgiref|lib2to3|idlelib|ensurepip|tkinter|turtledemo|pydoc_data|dbm|curses|distutils|venv)/"
    r"|^(mailbox|imaplib|smtplib|nntplib|ftplib|poplib|telnetlib|cgi|cgitb|aifc|sunau|chunk|crypt|sndhdr|imghdr|uu"
    r"|xdrlib|pipes|mailcap|_pyio|pickletools|turtle|antigravity|this)\.py$"
    r"|^encodings/(mac_|cp(?!125|437|850)|iso2022|big5|euc|gb|hz|johab|shift|ptcp|kz|tis|koi|palmos|hp_)"
)
NOT_TRIMMED = ("pytest",)  # whose own module for tests is called so
# These keep their sources: pytest reads those of the checks, and a learner may want to read the kit.
WITH_SOURCES = ("keras_lesson_kit", "keras_in_page")
PACKAGES = "packages.bin"
STDLIB = "python_stdlib.zip"
SITE_PACKAGES = "/lib/python3.12/site-packages"


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
    """The kit's part for learners, and the engine."""
    from learner_bundle import build_wheel

    folder = work / "own"
    folder.mkdir()
    whole = build_wheel(work)
    with zipfile.ZipFile(whole) as archive:
        inside = {n: n.removeprefix("autograder/") for n in archive.namelist() if n.startswith("autograder/")}
        files = {n: archive.read(n) for n, p in inside.items() if not p.startswith(LEFT_OUT) and p != ON_DEMAND}
    made = [wheel(folder, "keras_lesson_kit", version(), files)]
    engine = {f"keras_in_page/{p.name}": p.read_bytes() for p in sorted((HERE / "keras_in_page").glob("*.py"))}
    return [*made, wheel(folder, "keras_in_page", "0", engine)]


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


def compiled(wheels: list[Path], pyodide: Path, work: Path, target: Path) -> None:
    """All these wheels as one archive in the folder `target`, and Python's own library beside it.

    Without what no page needs, and compiled by Pyodide's own Python: compiling is the larger part of an import there.
    The archive is a length of 4 bytes, as many bytes of JSON (each file's path and size), and the files' bytes, so that
    a page puts thousands of files into its file system without unpacking any.

    Raises:
        CannotBuild: Node is missing, or Pyodide does not run in it.
    """
    folder, library = work / "unpacked", work / "library"
    for path in wheels:
        name = path.name.split("-")[0]
        with zipfile.ZipFile(path) as archive:
            keep = [n for n in archive.namelist() if name in NOT_TRIMMED or not TRIM.search(n)]
            archive.extractall(folder / name, keep)
    with zipfile.ZipFile(pyodide / STDLIB) as archive:
        keep = [n for n in archive.namelist() if not n.endswith("/") and not TRIM_STDLIB.search(n)]
        archive.extractall(library / "python312.zip", keep)
    if (matplotlib := folder / "matplotlib" / "matplotlib").is_dir():
        _list_fonts(matplotlib)
    _compile(pyodide, folder, SITE_PACKAGES, *WITH_SOURCES)
    _compile(pyodide, library, "/lib/python312.zip")
    _pack(sorted(folder.iterdir()), target / PACKAGES)
    files = {p.relative_to(library / "python312.zip").as_posix(): p for p in library.rglob("*") if p.is_file()}
    _write(target / STDLIB, {name: path.read_bytes() for name, path in files.items()})


def _compile(pyodide: Path, folder: Path, shown: str, *kept: str) -> None:
    """Compile the Python files below `folder`, whose tracebacks name them below `shown`; `kept` keep their sources.

    Raises:
        CannotBuild: Node is missing, or Pyodide does not run in it.
    """
    node = shutil.which("node")
    if node is None:
        raise CannotBuild("Node.js compiles the page's packages and is missing: install it (Debian: nodejs).")
    command = [node, str(HERE / "compile.mjs"), str(pyodide), str(folder), shown, *kept]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotBuild(f"Pyodide cannot compile the page's packages: {(done.stderr or done.stdout).strip()[-400:]}")


def _pack(folders: list[Path], target: Path) -> None:
    """One archive of all files in these folders; files alike lie side by side, which packs them better."""
    files = {p.relative_to(folder).as_posix(): p for folder in folders for p in folder.rglob("*") if p.is_file()}
    order = sorted(files, key=lambda name: (name.rpartition(".")[2], name))
    index = json.dumps([[name, files[name].stat().st_size] for name in order], separators=(",", ":")).encode()
    with open(target, "wb") as out:
        out.write(len(index).to_bytes(4, "little") + index)
        for name in order:
            out.write(files[name].read_bytes())


def unpacked(archive: Path) -> dict[str, bytes]:
    """The files of an archive of `_pack`, by path."""
    content = archive.read_bytes()
    begin = 4 + int.from_bytes(content[:4], "little")
    found = {}
    for name, size in json.loads(content[4:begin]):
        found[name] = content[begin : begin + size]
        begin += size
    return found


def _list_fonts(matplotlib: Path) -> None:
    """Matplotlib's list of its fonts, which it otherwise makes anew at each start.

    Pyodide's own list is another version's. Where a font is left out, the one that looks most like it stands in.
    """
    path = matplotlib / "fontlist.json"
    listed = json.loads(path.read_text("utf-8"))
    number = re.search(r"__version__ = (\d+)", (matplotlib / "font_manager.py").read_text("utf-8"))
    assert number is not None
    listed["_version"] = int(number[1])
    here = {}
    for font in listed["ttflist"]:
        if not (matplotlib / "mpl-data" / font["fname"]).is_file():
            bold = "-Bold" if str(font["weight"]) in ("700", "bold") else ""
            slanted = "" if font["style"] == "normal" or bold else "-Oblique"
            font["fname"] = f"fonts/ttf/DejaVuSans{bold}{slanted}.ttf"
        here[json.dumps(font, sort_keys=True)] = font
    listed["ttflist"], listed["afmlist"] = list(here.values()), []
    path.write_text(json.dumps(listed), "utf-8")


def entry(path: Path, base: dict[str, Any]) -> dict[str, Any]:
    """A wheel as Pyodide's lock file describes it, without what it needs and a page leaves out."""
    needs = [name for name in base["depends"] if name.replace("_", "-").lower() not in EMPTY]
    return base | {"depends": needs, "file_name": path.name}
