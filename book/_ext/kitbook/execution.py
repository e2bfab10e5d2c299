"""How the lessons' code is run when the book is built.

jupyter-cache knows a notebook by its code cells alone. Change the data, the package or Keras, and it would serve
yesterday's outputs. So the cache lives in a folder named by a digest of all that the outputs depend on, and the
digest is a configuration value of the kind that makes Sphinx read every page again when it changes.
"""

from __future__ import annotations

import ast
import hashlib
import os
import re
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from myst_nb.sphinx_ import NbMetadataCollector
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.typing import ExtensionMetadata

logger = logging.getLogger(__name__)

#: Packages whose version can change what a lesson prints or draws.
PACKAGES = (
    "keras",
    "tensorflow",
    "tensorflow-cpu",
    "jax",
    "torch",
    "numpy",
    "matplotlib",
    "scikit-learn",
    "ipykernel",
)

#: What nbclient says of a cell that ran out of time, and where it shows that cell.
TIMED_OUT = re.compile(r"A cell timed out while it was being executed, after (?P<seconds>[\d.]+) seconds")
TIMED_OUT_CELL = re.compile(r"preview of the cell contents:\n-+\n(?P<line>[^\n]*)")
COLOUR = re.compile(r"\x1b\[[\d;]*m")
FAILED_CELL = re.compile(r"while executing the following cell:\n-+\n(?P<line>[^\n]*)")

#: A kernel's first lines. TensorFlow advises those who predict with several models, as lessons do, in red and at
#: length, and on stdout. And lessons train as exercises do when they are graded: the same numbers to the last bit, with
#: less around each step.
FIRST_LINES = (
    "import logging as _logging",
    "_logging.getLogger('tensorflow').addFilter(lambda record: 'retracing' not in record.getMessage())",
    "del _logging",
    "from autograder.compat import keras_training as _training",
    "_training.install_behind_keras(get_ipython().events)",
    "del _training",
)
#: The kernel draws SVG, which ``figures`` then puts into the page. Nothing is sent without a copy, because that starts
#: a thread, and with one more thread a lesson trains as plain Keras does.
KERNEL_CONFIG = f"""\
c = get_config()  # noqa
c.InlineBackend.figure_formats = {{"svg"}}
c.HistoryManager.enabled = False
c.Session.copy_threshold = {sys.maxsize}
c.IPKernelApp.exec_lines = {list(FIRST_LINES)!r}
"""
CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(.*?)^```", re.M | re.S)


def files_that_matter(root: Path) -> list[Path]:
    """The files, besides a lesson's own text, that its outputs depend on.

    Of the package these are the modules that a cell or a kernel's first lines import, and what those import in turn:
    a change to grading is no reason to train for minutes.
    """
    book = root / "book"
    # It sets up the kernels. The extension's other modules change pages, not outputs.
    own = [book / "_ext" / "kitbook" / "execution.py", book / "widget_data.py"]
    pages = [*(root / "lessons").glob("*.md"), *book.glob("*.md"), *book.glob("instructors/*.md")]
    code = ["\n".join(FIRST_LINES), *(path.read_text("utf-8") for path in own if path.is_file())]
    code += [cell for page in pages for cell in CELL.findall(page.read_text("utf-8"))]
    return sorted([*(root / "data").glob("*.npz"), *own, book / "_ext" / "matplotlibrc", *modules_used(root, code)])


def modules_used(root: Path, code: list[str]) -> set[Path]:
    """The modules of the package that pieces of code import, directly or through one another."""
    todo, found = list(code), set[Path]()
    while todo:
        for name in names_imported(todo.pop()):
            # Importing a.b.c runs a/__init__.py first, and c may be a module or a name in one.
            parts = name.split(".")
            for place in (root.joinpath(*parts[:end]) for end in range(1, len(parts) + 1)):
                for file in (place.with_suffix(".py"), place / "__init__.py"):
                    if file.is_file() and file not in found:
                        found.add(file)
                        todo.append(file.read_text("utf-8"))
    return found


def names_imported(code: str) -> set[str]:
    """What a module or a cell imports of the package: modules, and names that may be modules.

    Not what a module's `__getattr__` imports, which is for those who ask for it: they name it themselves.
    """
    if "autograder" not in code:
        return set()
    # Options, magics and calls of the shell are no Python.
    tree = ast.parse(re.sub(r"^[:%!].*$", "", code, flags=re.M))
    names: set[str] = set()
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.FunctionDef) and node.name == "__getattr__":
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        todo += ast.iter_child_nodes(node)
    names = {"autograder.learner.notebook" if name == "autograder.start" else name for name in names}
    return {name for name in names if name.partition(".")[0] == "autograder"}


def installed(package: str) -> str:
    """The version of a package, or the empty string where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def execution_digest(root: Path) -> str:
    """Sixteen hex digits that change whenever the lessons have to run again."""
    digest = hashlib.sha256()
    for path in files_that_matter(root):
        if path.is_file():
            digest.update(f"{path.relative_to(root)}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    for package in PACKAGES:
        digest.update(f"{package}={installed(package)}\0".encode())
    digest.update(os.environ.get("KERAS_BACKEND", "tensorflow").encode())
    return digest.hexdigest()[:16]


def prepare_kernels(root: Path, build: Path) -> None:
    """Set what the kernels inherit: plots as SVG in the book's style, plain text in place of terminal colours."""
    profile = build / "ipython" / "profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    (profile / "ipython_kernel_config.py").write_text(KERNEL_CONFIG)
    os.environ["IPYTHONDIR"] = str(build / "ipython")
    os.environ["MATPLOTLIBRC"] = str(root / "book" / "_ext" / "matplotlibrc")
    os.environ["NO_COLOR"] = "1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Where anything else runs, NumPy's threads wait for each other by spinning: least squares of lesson 2 took eight
    # seconds of processor time on two busy cores, and takes a quarter of a second on one.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # TensorFlow's threads hand each small step to one another, for a quarter more processor time on the claims' page.
    # And with one, a lesson's numbers do not depend on how many cores there are.
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
    # The lessons import the package of this checkout, whether or not it is installed.
    paths = [str(root), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)


def configure(app: Sphinx, config: Config) -> None:
    """Point the execution cache at the folder named by the digest."""
    root = Path(app.srcdir)
    build = root / "book" / "_build"
    config.kitbook_execution_digest = execution_digest(root)
    config.nb_execution_cache_path = str(build / "execution" / config.kitbook_execution_digest)
    prepare_kernels(root, build)


def first_line(traceback: str, pattern: re.Pattern[str]) -> str:
    """How the cell begins at which a run ended, in quotes; nothing where the traceback does not show it."""
    match = pattern.search(traceback)
    if match is None:
        return ""
    line = match["line"].strip()
    if line.startswith("["):
        # Of a long cell nbclient shows the lists of its first and last lines.
        try:
            line = str(ast.literal_eval(line)[0]).strip()
        except (ValueError, SyntaxError, IndexError):
            return ""
    return f' that begins with "{line}"'


def what_ended(traceback: str) -> str:
    """Why a page's run ended, from its traceback: whose fault, and what to do, in one line."""
    traceback = COLOUR.sub("", traceback)
    late = TIMED_OUT.search(traceback)
    if late is not None:
        return (
            f"the cell{first_line(traceback, TIMED_OUT_CELL)} ran past its time limit of {late['seconds']} seconds. "
            "On a busy machine build again when it is less busy, or raise `execute: timeout` in _config.yml"
        )
    last = traceback.strip().splitlines()[-1] if traceback.strip() else "no traceback"
    return f"the cell{first_line(traceback, FAILED_CELL)} raised an error: {last}"


def failed_pages(env: BuildEnvironment) -> dict[str, str]:
    """The pages whose run did not come to its end, each with its traceback."""
    found = {}
    for page in sorted(env.found_docs):
        data = NbMetadataCollector.get_exec_data(env, page)
        if data is not None and not data["succeeded"]:
            found[page] = str(data["traceback"] or "")
    return found


def say_what_failed(app: Sphinx, error: Exception | None) -> None:
    """Name each page whose run ended early once more as the last thing said, since pages of output lie in between."""
    if error is None:
        for page, traceback in failed_pages(app.env).items():
            logger.warning("%s was not run to its end: %s", page, what_ended(traceback))


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the digest as a value that every page depends on."""
    app.add_config_value("kitbook_execution_digest", "", "env", types=[str])
    # Jupyter Book sets this for an extension that we leave out (see _config.yml).
    app.add_config_value("comments_config", {}, "html", types=[dict])
    app.connect("config-inited", configure)
    app.connect("build-finished", say_what_failed, priority=900)
    return {"version": "1", "parallel_read_safe": False, "parallel_write_safe": True}
