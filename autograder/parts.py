"""The parts that the kit is installed in: what each needs, and the one line that says how to get it.

The only place that knows what the kit is called where packages come from. Only the import and the command are called
`autograder`: on PyPI that name belongs to another project, whose import and command are called the same.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import warnings
from pathlib import Path
from typing import Any

from autograder.errors import MissingPart
from autograder.language import say, say_plural

DISTRIBUTION = "keras-lesson-kit"
MODULES: dict[str, tuple[str, ...]] = {
    "": ("IPython", "ipykernel", "keras", "matplotlib", "numpy", "pytest"),
    "cpu": ("tensorflow",),
    "grade": (
        "alembic",
        "jinja2",
        "jupyter_client",
        "jupyter_core",
        "latex2mathml",
        "markupsafe",
        "nbclient",
        "nbconvert",
        "nbformat",
        "nbgrader",
        "nh3",
        "rich",
        "sqlalchemy",
        "tornado",
        "traitlets",
        "yaml",
        "zmq",
    ),
    "cluster": ("distributed",),
    "hub": ("cryptography", "jupyter_server", "jupyterhub", "jwt"),
}
"""What the package imports of others, by the part that brings it; "" is what every learner has."""
_NAMED = 3  # so many missing modules are named


def install(part: str = "") -> str:
    """The command that installs a part, for bash, zsh, PowerShell and Windows' cmd alike.

    A path with a sign that one of these shells replaces even between quotes ($, a backtick, %) or with a quote has to
    be written in that shell's own way.

    From where this copy of the kit came, never by its bare name: no index has it, so pip would find no package of that
    name, or somebody else's.
    """
    extra = f"[{part}]" if part else ""
    clone = Path(__file__).absolute().parent.parent
    if _is_clone(clone):
        return f'pip install --editable "{clone}{extra}"'
    return f'pip install "{_installed_from(extra)}"'


def _is_clone(folder: Path) -> bool:
    """Whether the kit's own project lies there, and not one that somebody installed the package into."""
    try:
        return f'\nname = "{DISTRIBUTION}"' in (folder / "pyproject.toml").read_text("utf-8")
    except (OSError, ValueError):
        return False


def _installed_from(extra: str) -> str:
    """What pip was given to install this copy of the kit from, with `extra` (PEP 610)."""
    import importlib.metadata  # here, since every kernel imports this module, and hardly any needs these
    import json
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    from autograder import __version__ as version

    record: dict[str, Any] = {}
    try:
        kit = importlib.metadata.distribution(DISTRIBUTION)
        record = json.loads(kit.read_text("direct_url.json") or "{}")
        version = kit.version
    except (importlib.metadata.PackageNotFoundError, ValueError):  # a copy that pip did not put there
        pass
    url = record.get("url", "")
    if url.startswith("file:"):
        file = Path(url2pathname(urlsplit(url).path))
        return f"{file}{extra}" if file.exists() else f"./{file.name}{extra}"
    if origin := record.get("vcs_info"):
        url = f"{origin['vcs']}+{url}@{origin['commit_id']}"
    # pip notes no address of what it found in a folder or on an index.
    file_name = f"{DISTRIBUTION.replace('-', '_')}-{version}-py3-none-any.whl"
    return f"{DISTRIBUTION}{extra} @ {url}" if url else f"./{file_name}{extra}"


def install_other(package: str) -> str:
    """The command that installs a package that no part of the kit brings."""
    return f"pip install {package}"


def missing(part: str) -> list[str]:
    """Which modules of a part are not installed; nothing is imported."""
    return [name for name in MODULES[part] if not _is_there(name)]


def require(part: str, what: str) -> None:
    """Make sure that a part is installed, before anything else is done.

    Args:
        part: one of `MODULES`.
        what: who asks, as the subject of a sentence: "`autograder grade`".

    Raises:
        MissingPart: it is not, or this system cannot grade.
    """
    if absent := missing(part):
        raise MissingPart(_sentence(part, what, absent))
    if part in ("grade", "cluster") and not sys.platform.startswith("linux"):
        raise MissingPart(
            say(
                "{what} needs Linux, and this is {platform}. On Windows, use WSL; elsewhere, a virtual"
                " machine. Learners do not need Linux: `check` in a notebook works here.",
                what=what,
                platform=sys.platform,
            )
        )


def explain(error: ImportError, what: str) -> MissingPart | None:
    """The one line for an import that failed; None if what is missing is a module of our own."""
    name = (error.name or "").partition(".")[0]
    if not name or name == "autograder":
        return None
    part = next((part for part, modules in MODULES.items() if name in modules), "grade")
    return MissingPart(_sentence(part, what, [name]))


def _sentence(part: str, what: str, absent: list[str]) -> str:
    rest = len(absent) - _NAMED
    names = [*absent[:_NAMED], say("{count} more", count=rest)] if rest > 1 else absent
    listed = names[0] if len(names) == 1 else say("{names} and {last}", names=", ".join(names[:-1]), last=names[-1])
    return say_plural(
        "{what} needs {listed}, which is not installed here. To install: {install}",
        "{what} needs {listed}, which are not installed here. To install: {install}",
        len(absent),
        what=what,
        listed=listed,
        install=install(part),
    )


def _is_there(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):  # forbidden by a finder; or imported by hand, without a specification
        return name in sys.modules and sys.modules[name] is not None


def other_autograder(folder: Path | None = None) -> str:
    """One line if another package called `autograder` lies over this one, else "".

    Args:
        folder: the folder that holds the package `autograder`; this one's by default.
    """
    folder = folder or Path(__file__).absolute().parent.parent  # not resolved: uv may install links
    try:
        with os.scandir(folder) as entries:
            others = [e.name for e in entries if e.name.startswith("autograder-") and e.name.endswith("-info")]
    except OSError:
        return ""
    if not others:
        return ""
    version = others[0].removeprefix("autograder-").rpartition(".")[0]
    return say(
        'Another package called "autograder" ({version}) is installed over the lesson kit. Remove'
        " both with `pip uninstall autograder {distribution}`, then install the kit again.",
        version=version,
        distribution=DISTRIBUTION,
    )


def autograder_elsewhere() -> str:
    """One line if another package called `autograder` lies in another folder that is searched for imports, else ""."""
    ours = Path(__file__).resolve().parent
    for folder in map(Path, sys.path):
        if (folder / "autograder" / "__init__.py").is_file() and (folder / "autograder").resolve() != ours:
            return say(
                'Another package called "autograder" is in {folder}. Which of the two is imported depends on'
                " where Python is started: remove it with `pip uninstall autograder`, then install the kit"
                " again.",
                folder=folder,
            )
    return ""


def warn_of_other_autograder() -> None:
    """Say it once if another package called `autograder` lies over this one."""
    if line := other_autograder():
        warnings.warn(line, RuntimeWarning, stacklevel=3)
