"""Imports what a notebook is about to import, while its learner still reads: nobody waits for it at the first cell.

Loaded as an extension of IPython (``c.IPKernelApp.extensions = [..., "autograder.learner.ahead"]``), on a Hub. The
kernel imports Keras and Matplotlib as soon as it has nothing else to do, if the notebook that it was started for
does. It answers nobody meanwhile, so a learner who runs the first cell at once waits as long as before, and no longer.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from autograder.learner.first_import import keep_tensorflow_quiet, leave_scikit_learn_until_used

NOTEBOOK = "JPY_SESSION_NAME"
"""Name of the environment variable in which Jupyter tells a kernel the path of its notebook."""
MODULES = ("keras", "matplotlib.pyplot")  # by the time they take; the longest first
_IMPORT = re.compile(r"^\s*(?:import|from)\s+([\w.]+)", re.MULTILINE)
_WAIT_SECONDS = 0.5  # what Jupyter asks a new kernel is answered first
_MOST_BYTES = 20_000_000  # of a notebook
_FREE_BYTES = 1_500_000_000  # a third of that for Keras; other notebooks need the rest


def load_ipython_extension(_shell: object) -> None:
    """Called by IPython when a kernel starts; does nothing for a notebook that imports neither."""
    path = os.environ.get(NOTEBOOK, "")
    if path and (wanted := imported_by(Path(path))):
        with contextlib.suppress(RuntimeError):  # no event loop: no kernel
            asyncio.get_event_loop().call_later(_WAIT_SECONDS, import_ahead, wanted)


def imported_by(notebook: Path) -> list[str]:
    """Which of `MODULES` the code of a notebook imports; none if it cannot be read."""
    try:
        if notebook.stat().st_size > _MOST_BYTES:
            return []
        cells = json.loads(notebook.read_text("utf-8"))["cells"]
        code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return []
    found = set(_IMPORT.findall(code))
    return [name for name in MODULES if any(other == name or other.startswith(name + ".") for other in found)]


def import_ahead(modules: list[str]) -> None:
    """Import them now, one kernel of an account at a time, and only where memory is plenty.

    Whatever goes wrong is left for the notebook's own import to say.
    """
    with _alone() as alone, contextlib.suppress(Exception):
        if not alone or free_memory() < _FREE_BYTES:
            return
        keep_tensorflow_quiet()
        leave_scikit_learn_until_used()
        for name in modules:
            importlib.import_module(name)


@contextlib.contextmanager
def _alone() -> Iterator[bool]:
    """Whether no other kernel of this account imports ahead: JupyterLab reopens all notebooks of yesterday at once."""
    import fcntl  # where a Hub is

    path = os.path.join(tempfile.gettempdir(), f"autograder-ahead-{os.getuid()}")
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError:
        yield False
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(lock)


def memory_of_the_machine(proc: Path) -> int:
    """Bytes that the machine has left, whatever a control group allows; 0 if it does not say. Raises `OSError`."""
    lines = (proc / "meminfo").read_text().splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), 0)


def free_memory(proc: Path = Path("/proc"), groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes that this kernel may still take: of the machine, or of its container if that has less; 0 if unknown."""
    try:
        free = memory_of_the_machine(proc)
        group = groups / (proc / "self/cgroup").read_text().rpartition("::/")[2].strip()
    except (OSError, ValueError):
        return 0
    for folder in (group, *group.parents):
        if folder.is_relative_to(groups):
            with contextlib.suppress(OSError, ValueError):  # "max", or the root, which has no such file
                free = min(free, int((folder / "memory.max").read_text()) - _held(folder))
    return max(free, 0)


def _held(group: Path) -> int:
    """Bytes of a control group that cannot be given back: all but the cache of files."""
    cache = next(
        (int(line.split()[1]) for line in (group / "memory.stat").read_text().splitlines() if line.startswith("file ")),
        0,
    )
    return int((group / "memory.current").read_text()) - cache
