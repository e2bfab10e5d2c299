"""The sandbox: bubblewrap's command line, and whether it works on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from autograder import data
from autograder.errors import NoSandbox
from autograder.sandbox import namespaces

_PACKAGE = Path(__file__).resolve().parent.parent
_INSTALLED = Path(sysconfig.get_paths()["purelib"]) / "autograder"
KIT = "/kit"  # where the package and the data are inside


class Sandbox(StrEnum):
    """What keeps student code in."""

    BUBBLEWRAP = "bubblewrap"
    LIMITS_ONLY = "limits only"


@dataclass(frozen=True)
class Verdict:
    """Whether bubblewrap works here, tried, and if not what it last_line."""

    works: bool
    reason: str = ""


@cache
def try_bubblewrap() -> Verdict:
    """Run a trivial command in the sandbox, with the namespaces a fork will need."""
    program = shutil.which("bwrap")
    if program is None:
        return Verdict(False, "bubblewrap is not installed (Debian, Ubuntu: apt-get install bubblewrap)")
    test = (
        "import ctypes,os\n"
        "os.getuid() or (os.setgroups([]), os.setresgid(65534,65534,65534), os.setresuid(65534,65534,65534))\n"
        "ctypes.CDLL(None).prctl(4,1,0,0,0)\n"
        "raise SystemExit(7 if ctypes.CDLL(None, use_errno=True).unshare(0x38020000) else 0)"
    )
    command = [program, *_namespaces(), *_root(), "--", sys.executable, "-I", "-S", "-c", test]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Verdict(False, f"bubblewrap cannot be run: {error}")
    if done.returncode == 7:
        return Verdict(False, "the system forbids nested user namespaces (user.max_user_namespaces, AppArmor)")
    if done.returncode != 0:
        last_line = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
        return Verdict(False, f"bubblewrap does not work here: {last_line}")
    return Verdict(True)


def choose(wanted: str, there: Verdict | None = None) -> Sandbox:
    """The sandbox for ``--sandbox auto|require|off``.

    Args:
        there: whether bubblewrap works where students' code will run, if that is elsewhere.

    Raises:
        NoSandbox: `wanted` is "require" and there is none.
    """
    if wanted == "off":
        return Sandbox.LIMITS_ONLY
    verdict = there or try_bubblewrap()
    if verdict.works:
        return Sandbox.BUBBLEWRAP
    if wanted == "require":
        raise NoSandbox(f"A sandbox was required, but {verdict.reason}. `autograder doctor` shows more.")
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
        # Memory from malloc in pages of 2 MB where the system has them: a fork has less to copy, and a training run
        # less to wait for.
        "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONNOUSERSITE": "1",
        "KERAS_BACKEND": os.environ.get("KERAS_BACKEND", "tensorflow"),
        "AUTOGRADER_PLAIN_STEPS": os.environ.get("AUTOGRADER_PLAIN_STEPS", ""),  # see compat
    }
    python = [sys.executable, "-m", "autograder.sandbox.fork_server", str(control)]
    if sandbox is Sandbox.LIMITS_ONLY:
        scratch = folder / "scratch"
        scratch.mkdir()
        environment |= {"HOME": str(scratch), "IPYTHONDIR": str(scratch / ".ipython"), "TMPDIR": str(scratch)}
        environment |= {"MPLCONFIGDIR": str(scratch / ".matplotlib"), "PYTHONPATH": str(_PACKAGE.parent)}
        return python, environment
    environment |= {"PYTHONPATH": KIT, "AUTOGRADER_DATA": f"{KIT}/data"}
    return [
        "bwrap",
        *_namespaces(),
        *_root(),
        *_kit(),
        "--bind",
        str(folder),
        namespaces.SOCKETS,
        "--",
        *python,
    ], environment


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
    *(f"/usr/share/{name}" for name in ("zoneinfo", "fonts", "fontconfig", "locale", "mime", "terminfo")),
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/alternatives",
)
# What Python needs of the folder it is installed in. Not all of it: a virtual environment may have been made in
# the middle of a course directory.
_PYTHON = ("bin", "lib", "lib64", "include", "pyvenv.cfg")


def _root() -> list[str]:
    """A minimal read-only root: the system's libraries, this Python, nothing of anybody's home."""
    options = [*_open_parents("/usr/local/x"), *_open_parents("/usr/share/x"), *_open_parents("/etc/x")]
    for path in _SYSTEM:
        options += ["--ro-bind-try", path, path]
    for name in ("bin", "sbin", "lib", "lib32", "lib64"):
        path = f"/{name}"
        if os.path.islink(path):
            options += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            options += ["--ro-bind", path, path]
    options += ["--dev", "/dev", "--perms", "1777", "--tmpfs", "/dev/shm", "--proc", "/proc"]
    options += ["--perms", "1777", "--tmpfs", "/tmp", *_open_parents(namespaces.SOCKETS)]
    options += ["--perms", "0755", "--dir", namespaces.OWN_SOCKETS]
    for prefix in sorted({sys.base_prefix, sys.prefix, os.path.realpath(sys.base_prefix)}):
        if prefix not in ("/usr", "/usr/local"):
            options += _open_parents(f"{prefix}/x")
            for name in _PYTHON:
                options += _bind_or_link(f"{prefix}/{name}")
    return options


def _bind_or_link(path: str) -> list[str]:
    if os.path.islink(path) and not os.path.isabs(os.readlink(path)):
        return ["--symlink", os.readlink(path), path]
    return ["--ro-bind-try", path, path]


def _open_parents(path: str) -> list[str]:
    """Folders above a mount point that anybody may pass; bubblewrap's own would be closed to all but root."""
    parents = [str(p) for p in reversed(Path(path).parents) if str(p) != "/"]
    return [option for parent in parents for option in ("--perms", "0755", "--dir", parent)]


def _kit() -> list[str]:
    """The package without its checks and its trusted half, and the learners' data without held-out images."""
    options = [*_open_parents(f"{KIT}/data/x"), "--ro-bind", str(_PACKAGE), f"{KIT}/autograder"]
    for host, inner in ((_PACKAGE, f"{KIT}/autograder"), (_INSTALLED, str(_INSTALLED))):
        for part in ("checks", "grading", "course", "report", "jupyter"):
            if (host / part).is_dir():
                options += ["--tmpfs", f"{inner}/{part}", "--remount-ro", f"{inner}/{part}"]
    for name in data.SHIPPED:
        if (path := data.find_file(name)) is not None:
            options += ["--ro-bind", str(path), f"{KIT}/data/{name}"]
    return options
