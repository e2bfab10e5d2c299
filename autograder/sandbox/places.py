"""What must be seen of this machine inside the sandbox: this Python, all that it imports, and the way there.

Where Python and the kit lie is the user's choice: below /tmp, in a home, behind symbolic links, in several folders at
once. So nothing here goes by usual places. What this process runs with is asked of this process, each path is followed
link by link as the kernel would, and the result is a plan: folders and files to bind, and links to make.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import site
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from autograder.backend.backends import BACKENDS

SCRATCH = ("/tmp", "/dev/shm")  # where a submission may write; what must be seen of them is put back on top
_OWN = frozenset({"/dev", "/proc", *SCRATCH})  # the sandbox's own mounts: folders there, whatever they are here
_MAX_LINKS = 40  # on one path; as many as the kernel follows
# What Python needs of the folder it is installed in. Not all of it: a virtual environment may have been made in
# the middle of a course directory.
_OF_PREFIX = ("bin", "lib", "lib64", "include", "pyvenv.cfg")
# Folders that hold installed packages and nothing else, by their name; another one is known by what pip leaves in it.
_PACKAGE_FOLDERS = ("site-packages", "dist-packages")
# What the fork server and an exercise import beside a backend, and what that imports in turn. Asked for one by one
# where one of them may lie in a folder that holds more than packages (a clone that is being worked on).
_IMPORTED = """keras numpy scipy h5py absl astunparse flatbuffers gast google.protobuf
grpc ml_dtypes namex opt_einsum optree pasta rich markdown_it mdurl requests six termcolor typing_extensions wrapt
IPython ipykernel traitlets zmq tornado jupyter_client jupyter_core psutil nest_asyncio comm matplotlib_inline
decorator executing asttokens pure_eval stack_data prompt_toolkit wcwidth pexpect ptyprocess jedi parso platformdirs
pygments packaging dateutil matplotlib mpl_toolkits PIL contourpy cycler fontTools kiwisolver pyparsing"""


@dataclass(frozen=True)
class Plan:
    """What to bind and to link, each at its own path inside; parents come before what lies in them."""

    binds: tuple[tuple[str, str], ...] = ()  # (what it is here, free of links; where it is inside)
    links: tuple[tuple[str, str], ...] = ()  # (what the link says, where it is inside)

    def shows(self, path: str) -> bool:
        """Whether something at this path, free of links, can be seen inside."""
        return any(_within(path, place) for _, place in self.binds)

    def in_scratch(self) -> list[tuple[str | None, str]]:
        """What lies in the scratch folders: what a link says, None for what is bound; and where it is inside."""
        kept = [*self.links, *((None, place) for _, place in self.binds)]
        return sorted((one for one in kept if one[1].startswith(SCRATCH)), key=lambda one: one[1])


def plan(paths: Iterable[str]) -> Plan:
    """Plan how these paths can be seen inside as they are here. What does not exist is left out."""
    binds: dict[str, str] = {}
    links: dict[str, str] = {}
    for path in paths:
        if not os.path.isabs(path) or not os.path.exists(path):
            continue
        way, place = follow(path)
        if place in _OWN or place == "/" or _within(place, "/proc"):
            continue
        links |= way
        binds[place] = os.path.realpath(place)
    kept: dict[str, str] = {}
    for place in sorted(binds):
        if not any(_within(place, above) for above in kept):
            kept[place] = binds[place]
    free = {path: says for path, says in links.items() if not any(_within(path, place) for place in kept)}
    return Plan(
        tuple((source, place) for place, source in sorted(kept.items())),
        tuple((says, path) for path, says in sorted(free.items())),
    )


def follow(path: str) -> tuple[dict[str, str], str]:
    """The symbolic links on the way to an absolute path, with what they say, and the path that they lead to.

    A scratch folder counts as a folder even where it is a link here: inside it is the sandbox's own.

    Raises:
        OSError: the links go round in a circle.
    """
    links: dict[str, str] = {}
    left, at, followed = path.split("/")[::-1], "/", 0
    while left:
        name = left.pop()
        if name == "..":
            at = os.path.dirname(at)
        elif name not in ("", "."):
            here = os.path.join(at, name)
            if here in _OWN or not os.path.islink(here):
                at = here
                continue
            followed += 1
            if followed > _MAX_LINKS:
                raise OSError(f"The links on the way to {path} go round in a circle.")
            links[here] = says = os.readlink(here)
            if os.path.isabs(says):
                at = "/"
            left += says.split("/")[::-1]
    return links, at


def needed_by_python() -> list[str]:
    """Paths that this Python cannot do without, in this very process."""
    paths = [*_executables(), *map(os.path.abspath, _libraries()), *package_folders(), *_packages_elsewhere()]
    for folder in package_folders():
        paths += _linked(folder)
    for prefix in (sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix):
        paths += [f"{prefix}/{name}" for name in _OF_PREFIX]
    known = sysconfig.get_paths()
    return [*paths, *(known[name] for name in ("stdlib", "platstdlib", "purelib", "platlib"))]


def entries(shown: Plan) -> list[str]:
    """What of `sys.path` can be seen inside, in its order."""
    return [p for p in _sys_path() if shown.shows(follow(p)[1]) or any(_within(place, p) for _, place in shown.binds)]


@cache
def _executables() -> list[str]:
    """The interpreter, and every name by which it looks for itself."""
    found = [sys.executable, getattr(sys, "_base_executable", "") or ""]
    with contextlib.suppress(OSError):
        for line in (Path(sys.prefix) / "pyvenv.cfg").read_text("utf-8").splitlines():
            key, _, value = (part.strip() for part in line.partition("="))
            if key == "home":  # where the interpreter looks for its library
                found += [os.path.join(value, os.path.basename(name)) for name in (*found[:2], "python3", "python")]
            elif key in ("executable", "base-executable"):
                found.append(value)
    return found


@cache
def _libraries() -> list[str]:
    """Shared libraries that this process has loaded, wherever they came from (LD_LIBRARY_PATH, a package store)."""
    try:
        lines = Path("/proc/self/maps").read_text("utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return []
    files = {line.split(maxsplit=5)[5] for line in lines if line.count("/")}
    return sorted(file for file in files if file.startswith("/") and ".so" in os.path.basename(file))


def package_folders() -> list[str]:
    """Entries of `sys.path` that hold installed packages, or are archives of them."""
    return [entry for entry in _sys_path() if _holds_packages(entry)]


@cache
def _linked(folder: str) -> list[str]:
    """Where the packages of a folder really lie if only links to them are in it, as some installers have it.

    A link to a package's folder is followed, and of a folder of links the first of its files, or of its first folders'.
    """
    found: list[str] = []
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            if entry.is_symlink():
                real = os.path.realpath(entry.path)
                if os.path.isfile(real) or os.path.isfile(f"{real}/__init__.py") or real.endswith(".libs"):
                    found.append(real)
            elif entry.is_dir():
                with contextlib.suppress(OSError):
                    found += _of_first_link(entry.path, depth=1)
    return found


def _of_first_link(folder: str, depth: int) -> list[str]:
    """The folder that the first file in there which is a link leads to; below it lie those of the folders below."""
    folders = []
    for entry in os.scandir(folder):
        if entry.is_symlink() and entry.is_file():
            return [os.path.dirname(os.path.realpath(entry.path))]
        if entry.is_dir():
            folders.append(entry.path)
        elif entry.is_file():
            return []
    return [place for one in folders for place in _of_first_link(one, depth - 1)] if depth else []


def _sys_path() -> Iterator[str]:
    for entry in dict.fromkeys(sys.path):
        if os.path.isabs(entry) and os.path.exists(entry):
            yield entry


def _holds_packages(entry: str) -> bool:
    if os.path.isfile(entry):
        return entry.endswith((".zip", ".egg", ".whl"))
    if os.path.basename(entry) in _PACKAGE_FOLDERS:
        return True
    if any(_within(own, os.path.realpath(entry)) for own in ("/tmp", "/dev/shm", os.path.expanduser("~"))):
        return False
    with contextlib.suppress(OSError):
        return any(name.endswith(".dist-info") for name in os.listdir(entry))
    return False


@cache
def _packages_elsewhere() -> list[str]:
    """Packages that are imported and lie in no folder of packages, one by one: their folder may be somebody's work."""
    folders = package_folders()
    if not any(_may_find_elsewhere(finder) for finder in sys.meta_path) and not (
        {*_sys_path()} - {*folders, *_standard_library(), sys.path[0], str(Path(__file__).parents[2])}
    ):
        return []
    found = []
    for name in (*_IMPORTED.split(), *(module for backend in BACKENDS.values() for module in backend.modules)):
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError, AttributeError):
            continue
        if spec is None:
            continue
        places = list(spec.submodule_search_locations or []) or [spec.origin or ""]
        found += [place for place in places if not any(_within(place, folder) for folder in folders)]
    return [place for place in found if os.path.isabs(place)]


def _may_find_elsewhere(finder: object) -> bool:
    """Whether a finder is one of those that editable installs put in place."""
    return "editable" in str(getattr(finder, "__module__", "") or type(finder).__module__)


def _standard_library() -> list[str]:
    known = sysconfig.get_paths()
    library = [known["stdlib"], known["platstdlib"]]
    return [entry for entry in _sys_path() if any(_within(entry, folder) for folder in library) or entry[-4:] == ".zip"]


def user_site() -> str | None:
    """The folder that `pip install --user` installs below, if this process imports from there."""
    return site.getuserbase() if site.ENABLE_USER_SITE and os.path.isdir(site.getusersitepackages()) else None


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
