"""What of the site is ours: a page around each notebook, the list of files to fetch and keep, and the book's links."""

from __future__ import annotations

import ast
import gzip
import hashlib
import json
import mimetypes
import re
import shutil
import sys
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import jinja2
from markupsafe import Markup

from autograder import templates
from autograder.language import ENGLISH, language, language_attributes, say, tag, texts_in_script, translated

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PAGE = HERE / "page"
FOLDER = "exercises"  # of the site: everything that runs in a browser
sys.path.insert(0, str(ROOT / "book" / "_ext"))

# What a lesson's cells may import to be offered in the page.
IN_THE_PAGE = {"autograder", "keras", "matplotlib", "numpy"} | sys.stdlib_module_names
OWN_FILES = ("page.css", "page.js", "store.js", "frame.js", "service-worker.js")
# No file of these is fetched by the page, or each is fetched anew.
NOT_KEPT = ("*.packed", "files.js", "*service-worker.js", "*.map", "*third-party-licenses.json", "api/*", "doc/*")
TYPES = {".wasm": "application/wasm", ".whl": "application/zip", ".ipynb": "application/json", ".js": "text/javascript"}


@dataclass(frozen=True)
class Notebook:
    """A notebook that opens in the page."""

    path: str
    """Where JupyterLite finds it: ``exercises/NAME.ipynb`` or ``lessons/NAME.ipynb``."""
    source: Path
    title: str
    page: str
    """Its own page, in the site's folder for notebooks."""

    @property
    def name(self) -> str:
        """The exercise's or lesson's name."""
        return self.source.stem

    @property
    def is_exercise(self) -> bool:
        """Whether it is handed in."""
        return self.path.startswith("exercises/")


def notebooks(book: Path | None) -> list[Notebook]:
    """The exercises, and the lessons of the built book whose cells can run in the page."""
    found = []
    for source in sorted((ROOT / "exercises").glob("*/*.ipynb")):
        found.append(Notebook(f"exercises/{source.name}", source, title_of(source), f"{source.stem}.html"))
    for source in sorted((book / "notebooks").glob("*.ipynb")) if book else []:
        if imports_of(source) <= IN_THE_PAGE:
            found.append(Notebook(f"lessons/{source.name}", source, title_of(source), f"lesson-{source.stem}.html"))
    return found


def title_of(notebook: Path) -> str:
    """A notebook's first heading."""
    for cell in json.loads(notebook.read_text("utf-8"))["cells"]:
        if cell["cell_type"] == "markdown" and (heading := re.match(r"# (.*)", "".join(cell["source"]))):
            return heading[1].strip()
    return notebook.stem


def imports_of(notebook: Path) -> set[str]:
    """What the cells of a notebook import. A cell that is no plain Python counts as something no page has."""
    found: set[str] = set()
    for cell in json.loads(notebook.read_text("utf-8"))["cells"]:
        if cell["cell_type"] != "code":
            continue
        try:
            tree = ast.parse("".join(cell["source"]))
        except SyntaxError:
            return {"no plain Python"}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add(str(node.module).partition(".")[0])
    return found


def write(
    page: Path, offered: list[Notebook], jupyterlite: str, elsewhere: dict[str, tuple[str, Path]], packages: list[str]
) -> None:
    """Write our part into the folder of JupyterLite.

    Args:
        jupyterlite: its version.
        elsewhere: what lies on another host: path in the page, address, and a copy to describe it by.
        packages: those of Pyodide's own that Python loads from there.
    """
    (page / "service-worker.js").rename(page / "jupyterlite-service-worker.js")
    for name in OWN_FILES:
        shutil.copy(PAGE / name, page)
    shutil.copy(PAGE / "python.js", page / "static" / "pyodide")
    (page / "data").mkdir(exist_ok=True)
    shutil.copy(ROOT / "data" / "mnist.npz", page / "data")
    frame = page / "notebooks" / "index.html"
    text = frame.read_text("utf-8")
    frame.write_text(text.replace("<head>", '<head>\n    <script src="../frame.js"></script>', 1), "utf-8")
    made = _environment()
    shell = made.from_string((PAGE / "page.html").read_text("utf-8"))
    for notebook in offered:
        has_lesson = page.parent.joinpath("lessons", f"{notebook.name}.html").is_file()
        text = shell.render(
            title=notebook.title,
            notebook=notebook.path,
            is_exercise=notebook.is_exercise,
            lesson=f"../lessons/{notebook.name}.html" if has_lesson else "",
        )
        (page / notebook.page).write_text(text, "utf-8")
    lists = [
        (say("Exercises"), [n for n in offered if n.is_exercise]),
        (say("Lessons"), [n for n in offered if not n.is_exercise]),
    ]
    text = made.from_string((PAGE / "list.html").read_text("utf-8")).render(lists=lists)
    (page / "index.html").write_text(text, "utf-8")
    known = {"jupyterlite": jupyterlite, "elsewhere": packages, "book": (page.parent / "index.html").is_file()}
    _write_files(page, elsewhere, known | texts())


def texts() -> dict[str, object]:
    """What the page's script and its Python need for another language than English: its tag, and texts by English."""
    if tag() == ENGLISH:
        return {}
    script = (PAGE / "page.js").read_text("utf-8")
    return {"language": language(), "texts": {text: translated(text) for text in texts_in_script(script)}}


def _environment() -> jinja2.Environment:
    made = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["say"] = templates.say
    made.globals["language_attributes"] = lambda: Markup(language_attributes())
    return made


def _write_files(page: Path, elsewhere: dict[str, tuple[str, Path]], known: dict[str, object]) -> None:
    """Write ``files.js``: each file's size and SHA-256, what is fetched first; and pack each for the way."""
    patterns = (PAGE / "start.txt").read_text("utf-8").split()
    files: dict[str, list[object]] = {}
    start = []
    here = {p.relative_to(page).as_posix(): p for p in sorted(page.rglob("*")) if p.is_file()}
    for name, path in sorted((here | {name: copy for name, (_, copy) in elsewhere.items()}).items()):
        if any(fnmatch(name, pattern) for pattern in NOT_KEPT):
            continue
        content = path.read_bytes()
        weight = 0
        if any(fnmatch(name, pattern) for pattern in patterns):
            start.append(name)
        if name in here and len(packed := gzip.compress(content, 9, mtime=0)) < 0.97 * len(content):
            path.with_name(path.name + ".packed").write_bytes(packed)
            weight = len(packed)
        kind = TYPES.get(path.suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
        files[name] = [len(content), hashlib.sha256(content).hexdigest(), weight, kind]
        if name in elsewhere:
            files[name].append(elsewhere[name][0])
    known = {**known, "start": start, "files": files}
    (page / "files.js").write_text(f"self.KIT = {json.dumps(known, separators=(',', ':'))};\n", "utf-8")


def link(site: Path, offered: list[Notebook]) -> None:
    """Put links to these notebooks' pages into the book's lessons and its first page."""
    from kitbook import in_the_page

    exercises = {n.name: f"../{FOLDER}/{n.page}" for n in offered if n.is_exercise}
    lessons = {n.name: f"../{FOLDER}/{n.page}" for n in offered if not n.is_exercise}
    in_the_page.link(site, exercises, lessons)
