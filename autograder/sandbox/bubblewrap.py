"""The sandbox: bubblewrap's command line, and whether it works on this machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from autograder import data
from autograder.backend.backends import chosen
from autograder.errors import BrokenPlace, NoSandbox
from autograder.language import say
from autograder.sandbox import namespaces, places
from autograder.sandbox.namespaces import KIT

_PACKAGE = Path(__file__).resolve().parent.parent
_TRUSTED = ("checks", "grading", "course", "report", "jupyter")  # parts of the package that nothing inside may see


class Sandbox(StrEnum):
    """What keeps student code in."""

    BUBBLEWRAP = "bubblewrap"
    LIMITS_ONLY = "limits only"


@dataclass(frozen=True)
class Verdict:
    """Whether bubblewrap works here, tried, and if not why."""

    works: bool
    reason: str = ""
    broken_place: bool = False  # bubblewrap does work, and this Python cannot be run in it


@cache
def try_bubblewrap() -> Verdict:
    """Run a trivial command in the sandbox, with the namespaces a fork will need."""
    program = shutil.which("bwrap")
    if program is None:
        return Verdict(False, say("bubblewrap is not installed (Debian, Ubuntu: apt-get install bubblewrap)"))
    test = (
        "import ctypes,os\n"
        "os.getuid() or (os.setgroups([]), os.setresgid(65534,65534,65534), os.setresuid(65534,65534,65534))\n"
        "ctypes.CDLL(None).prctl(4,1,0,0,0)\n"
        "raise SystemExit(7 if ctypes.CDLL(None, use_errno=True).unshare(0x38020000) else 0)"
    )
    options, _ = _root()
    command = [program, *_namespaces(), *options, "--", sys.executable, "-I", "-S", "-c", test]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=20)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Verdict(False, say("bubblewrap cannot be run: {error}", error=error))
    if done.returncode == 7:
        return Verdict(False, say("the system forbids nested user namespaces (user.max_user_namespaces, AppArmor)"))
    if done.returncode != 0:
        last_line = (
            done.stderr.strip().splitlines() or [say("it ended with {returncode}", returncode=done.returncode)]
        )[-1]
        if not last_line.startswith("bwrap:") or "execvp" in last_line:
            return Verdict(False, _why_no_python(last_line), broken_place=True)
        return Verdict(False, say("bubblewrap does not work here: {last_line}", last_line=last_line))
    return Verdict(True)


def _why_no_python(last_line: str) -> str:
    """Why this Python cannot be run inside, as a clause."""
    links, place = places.follow(os.path.abspath(sys.executable))
    way = " -> ".join([*links, place])
    return say(
        "the sandbox works, but this Python ({way}) cannot be run in it: {last_line}. No student is"
        " at fault: make the environment again, with a Python that every user may read",
        way=way,
        last_line=last_line.removeprefix("bwrap: "),
    )


def choose(wanted: str, there: Verdict | None = None) -> Sandbox:
    """The sandbox for ``--sandbox auto|require|off``.

    Args:
        there: whether bubblewrap works where students' code will run, if that is elsewhere.

    Raises:
        NoSandbox: `wanted` is "require" and there is none.
        BrokenPlace: there is one, and this Python cannot be run in it.
    """
    if wanted == "off":
        return Sandbox.LIMITS_ONLY
    verdict = there or try_bubblewrap()
    if verdict.works:
        return Sandbox.BUBBLEWRAP
    if verdict.broken_place:
        raise BrokenPlace(say("Nothing can be graded here: {reason}.", reason=verdict.reason))
    if wanted == "require":
        raise NoSandbox(
            say("A sandbox was required, but {reason}. `autograder doctor` shows more.", reason=verdict.reason)
        )
    return Sandbox.LIMITS_ONLY


def command(sandbox: Sandbox, folder: Path, control: int) -> tuple[list[str], dict[str, str]]:
    """Command line and environment that start the fork server.

    Args:
        folder: host folder for the kernels' sockets; inside it is `namespaces.SOCKETS`.
        control: file descriptor of the control socket, inherited.
    """
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": namespaces.HOME,
        "IPYTHONDIR": f"{namespaces.HOME}/.ipython",
        "MPLCONFIGDIR": f"{namespaces.HOME}/.matplotlib",
        "AUTOGRADER_SANDBOX": str(sandbox),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "CUDA_VISIBLE_DEVICES": "",
        # However many cores this machine has, there is a worker for each of them. TensorFlow would take two threads
        # for each; with one of a kind, small models train in less processor time, to the same weights.
        "TF_NUM_INTRAOP_THREADS": "1",
        "TF_NUM_INTEROP_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",  # NumPy's; two of them spin while they wait for each other on a busy machine
        # Memory from malloc in pages of 2 MB where the system has them: a fork has less to copy, and a training run
        # less to wait for.
        "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "KERAS_BACKEND": chosen().name,
        "AUTOGRADER_PLAIN_STEPS": os.environ.get("AUTOGRADER_PLAIN_STEPS", ""),  # see compat
    }
    for name in ("LD_LIBRARY_PATH", "PYTHONHOME"):  # what this Python was started with, it cannot start without
        if os.environ.get(name):
            environment[name] = os.environ[name]
    base = places.user_site()
    environment |= {"PYTHONUSERBASE": base} if base else {"PYTHONNOUSERSITE": "1"}
    if sandbox is Sandbox.LIMITS_ONLY:
        scratch = folder / "scratch"
        scratch.mkdir()
        environment |= {"HOME": str(scratch), "IPYTHONDIR": str(scratch / ".ipython"), "TMPDIR": str(scratch)}
        environment |= {"MPLCONFIGDIR": str(scratch / ".matplotlib")}
        return _python(control, _PACKAGE.parent, places.package_folders()), environment
    options, shown = _root()
    environment |= {"PYTHONPATH": KIT, "AUTOGRADER_DATA": f"{KIT}/data"}
    environment[namespaces.SHOWN] = json.dumps(shown.in_scratch())
    return [
        shutil.which("bwrap") or "bwrap",
        *_namespaces(),
        *options,
        *_kit(shown, folder.parent),
        "--bind",
        str(folder),
        namespaces.SOCKETS,
        "--chdir",
        "/",
        "--",
        *_python(control, Path(KIT), places.entries(shown)),
    ], environment


# Imports from where this process imports, in that order, whatever the present folder is. `PYTHONPATH` could not say it:
# it takes no path with a colon, and comes before the standard library.
_START = """
import importlib.machinery, json, sys
kit, entries = json.loads(sys.argv[2])
sys.path += [entry for entry in entries if entry not in sys.path]
found = importlib.machinery.PathFinder.find_spec("autograder")
if found is None or not (found.origin or "").startswith(kit + "/autograder/"):
    sys.path.insert(0, kit)
from autograder.sandbox.fork_server import main
main()
"""


def _python(control: int, kit: Path, entries: Iterable[str]) -> list[str]:
    return [sys.executable, "-P", "-c", _START, str(control), json.dumps([str(kit), list(entries)])]


def _namespaces() -> list[str]:
    options = ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    options += ["--die-with-parent", "--new-session", "--hostname", "exercise", "--cap-drop", "ALL"]
    if os.getuid() == 0:
        # Root needs no user namespace; the fork server sheds its user id first thing, and with it everything.
        # (In a user namespace it would stay the host's root, whom process limits do not bind.)
        return [*options, "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    return ["--unshare-user", *options]


# What programs need of the system. Not all of /usr: nbgrader's exchange, with everybody's submissions, is by
# default /usr/local/share/nbgrader/exchange.
_SYSTEM = (
    *(f"/usr/{name}" for name in ("bin", "sbin", "lib", "lib32", "lib64", "libexec")),
    *(f"/usr/local/{name}" for name in ("bin", "lib", "lib64")),
    *(f"/usr/share/{name}" for name in ("zoneinfo", "fonts", "fontconfig", "locale", "matplotlib", "mime", "terminfo")),
    *(f"/{name}" for name in ("bin", "sbin", "lib", "lib32", "lib64")),
    "/nix/store",  # programs and libraries of everybody's, on systems that keep them there
    "/gnu/store",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/alternatives",
)


def _root() -> tuple[list[str], places.Plan]:
    """A minimal read-only root: the system's libraries, this Python, nothing of anybody's home.

    What must be seen comes after the sandbox's own mounts, for it may lie below one of them.
    """
    shown = places.plan([*_SYSTEM, *places.needed_by_python()])
    options = ["--dev", "/dev", "--perms", "1777", "--tmpfs", "/dev/shm", "--proc", "/proc"]
    options += ["--perms", "1777", "--tmpfs", "/tmp", *_open_parents(namespaces.SOCKETS)]
    for folder in (namespaces.OWN_SOCKETS, namespaces.STAGE):
        options += ["--perms", "0755", "--dir", folder]
    for says, path in shown.links:
        options += [*_open_parents(path), "--symlink", says, path]
    for source, path in shown.binds:
        options += [*_open_parents(path), "--ro-bind", source, path]
    return options, shown


def _open_parents(path: str) -> list[str]:
    """Folders above a mount point that anybody may pass; bubblewrap's own would be closed to all but root."""
    parents = [str(p) for p in reversed(Path(path).parents) if str(p) != "/"]
    return [option for parent in parents for option in ("--perms", "0755", "--dir", parent)]


def _kit(shown: places.Plan, folder: Path) -> list[str]:
    """The package without its checks and its trusted half, and the learners' data without held-out images.

    Args:
        folder: of our own, for copies of what only root may read.
    """
    package = _for_anybody(_PACKAGE, folder / "kit")
    options = [*_open_parents(f"{KIT}/data/x"), "--ro-bind", str(package), f"{KIT}/autograder"]
    # Wherever else the package can be seen, because it was installed among the others, the same is hidden.
    copies = {os.path.realpath(f"{folder}/autograder") for folder in places.package_folders()} | {str(_PACKAGE)}
    seen = [copy for copy in sorted(copies) if shown.shows(copy)]
    for host, inner in ((str(_PACKAGE), f"{KIT}/autograder"), *((copy, copy) for copy in seen)):
        for part in _TRUSTED:
            if os.path.isdir(f"{host}/{part}"):
                options += ["--tmpfs", f"{inner}/{part}", "--remount-ro", f"{inner}/{part}"]
    for name in data.SHIPPED:
        if (path := data.find_file(name)) is not None:
            options += ["--ro-bind", str(_for_anybody(path, folder / name)), f"{KIT}/data/{name}"]
    return options


def _for_anybody(source: Path, copy: Path) -> Path:
    """A file or folder that the fork server, which root makes nobody, can read: the one there is, or a copy.

    Whoever clones as root with a umask of 077 has a kit that only root may read.
    """
    if os.getuid() != 0:
        return source
    there = [source, *source.rglob("*")]
    folders, files = [path for path in there if path.is_dir()], [path for path in there if path.is_file()]
    if all(path.stat().st_mode & 0o5 == 0o5 for path in folders) and all(path.stat().st_mode & 0o4 for path in files):
        return source
    for path in folders:
        (copy / path.relative_to(source)).mkdir()
    for path in files:
        shutil.copyfile(path, copy / path.relative_to(source))
    for path in (copy, *copy.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return copy
