"""How the lessons' code is run when the book is built.

jupyter-cache knows a notebook by its code cells alone. Change the data, the package or Keras, and it would serve
yesterday's outputs. So the cache lives in a folder named by a digest of all that the outputs depend on, and the
digest is a configuration value of the kind that makes Sphinx read every page again when it changes.
"""

from __future__ import annotations

import hashlib
import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util.typing import ExtensionMetadata

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

#: The kernel draws SVG, which ``figures`` then puts into the page.
KERNEL_CONFIG = """\
c = get_config()  # noqa
c.InlineBackend.figure_formats = {"svg"}
c.HistoryManager.enabled = False
"""


def files_that_matter(root: Path) -> list[Path]:
    """The files, besides a lesson's own text, that its outputs depend on."""
    book = root / "book"
    return sorted(
        [
            *(root / "data").glob("*.npz"),
            *(root / "autograder").rglob("*.py"),
            # It sets up the kernels. The extension's other modules change pages, not outputs.
            book / "_ext" / "kitbook" / "execution.py",
            book / "widget_data.py",
            book / "_ext" / "matplotlibrc",
        ]
    )


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


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the digest as a value that every page depends on."""
    app.add_config_value("kitbook_execution_digest", "", "env", types=[str])
    # Jupyter Book sets this for an extension that we leave out (see _config.yml).
    app.add_config_value("comments_config", {}, "html", types=[dict])
    app.connect("config-inited", configure)
    return {"version": "1", "parallel_read_safe": False, "parallel_write_safe": True}
