"""Which protections hold on this machine, found out by attacking a sandbox of our own.

That something fails inside proves nothing by itself: it may fail everywhere. So each try has a control, in which the
same act succeeds: the same code outside the sandbox, or inside with that one limit out of the way. Without a control
that succeeds, a try says that it could not be made.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nbformat

import autograder
from autograder.exercise.outcome import Status
from autograder.grading.run import NotebookRun
from autograder.language import _, say
from autograder.sandbox import places
from autograder.sandbox.client import ForkServer
from autograder.sandbox.limits import Limits
from autograder.sandbox.machine import examine

# Nothing here is about wall time, and on a busy machine a hundred processes may take a while.
_LIMITS = Limits(cell_seconds=120, notebook_seconds=300, memory_mb=400, processes=64, disk_mb=20)
_OUTSIDE_SECONDS = 30.0

# What is tried, and the Python for it, the same inside and outside; `given` is what `_given` prepares. It got through
# if nothing was raised.
_ACTS = {
    _("no network"): "import socket; socket.create_connection(('127.0.0.1', given['port']), 2)",
    _("no way round the network's isolation"): "import socket; socket.socket(40, socket.SOCK_STREAM)",
    _("nothing written outside"): (
        "import os\n"
        "for path in given['writable']:\n"
        "    try:\n"
        "        os.makedirs(os.path.dirname(path), exist_ok=True)\n"
        "        with open(path, 'w') as file: file.write('written')\n"
        "    except OSError: pass\n"
        "if OUTSIDE: assert all(map(os.path.exists, given['writable']))"
    ),
    _("checks out of sight"): (
        "import autograder, glob, os\n"
        "places = {given['checks'], autograder.__path__[0] + '/checks'}\n"
        "assert any(open(file).read() for at in places for file in glob.glob(glob.escape(at) + '/test_*.py'))"
    ),
    _("homes out of sight"): "import os; assert any(map(os.path.lexists, given['homes']))",
    _("accounts of the system out of sight"): "open('/etc/passwd').read()",
    _("fork server out of reach"): (
        "import os, time\n"
        "if OUTSIDE:\n"
        "    child = os.fork()\n"
        "    if not child: time.sleep(5); os._exit(0)\n"
        "    others = [child]\n"
        "else:\n"
        "    others = [int(name) for name in os.listdir('/proc') if name.isdigit() and int(name) != os.getpid()]\n"
        "def reach(pid):\n"
        "    try: open(f'/proc/{pid}/mem', 'rb').close()\n"
        "    except OSError: return False\n"
        "    return True\n"
        "reached = any(map(reach, others))\n"
        "if OUTSIDE: os.kill(child, 9)\n"
        "assert reached"
    ),
    _("no namespaces of its own"): (
        "import ctypes, os\n"
        "child = os.fork()\n"
        "if not child: os._exit(1 if ctypes.CDLL(None).unshare(0x10000000) else 0)\n"
        "assert os.waitpid(child, 0)[1] == 0"
    ),
    _("no kernel keyring"): (  # a process's own, which ends with it
        "import ctypes, platform\n"
        "add_key = {'x86_64': 248, 'aarch64': 217}[platform.machine()]\n"
        "assert ctypes.CDLL(None).syscall(add_key, b'user', b'trial', b'trial', 5, -2) > 0"
    ),
}
_OUTSIDE = "import json, sys\ngiven, OUTSIDE = json.loads(sys.argv[1]), True\n"
_INSIDE = """
import json
given, results = json.loads({given!r}), {{}}
for name, code in {acts!r}.items():
    try:
        exec(code, {{"given": given, "OUTSIDE": False}})
        results[name] = False
    except BaseException:
        results[name] = True
print(json.dumps(results))
"""
_FORKS = """
import os, time
born = 0
try:
    while born < 100:
        if os.fork() == 0: time.sleep(60)
        born += 1
except OSError: pass
print(born)
"""
# Three processes, none of which uses up the limit by itself: what counts is their sum.
_BUSY = """
import os, time
def busy():
    while time.process_time() < 0.8: pass
    time.sleep(4)
for _ in range(2):
    if os.fork() == 0: busy(); os._exit(0)
busy()
"""
_SHARED_MB = 700
_SHARED = f"import mmap\nm = mmap.mmap(-1, {_SHARED_MB} * 10**6)\nfor i in range(0, len(m), 4096): m[i] = 1"
_DISK = "open('trial', 'wb').write(bytes(40_000_000))"


@dataclass(frozen=True)
class Tried:
    """One protection: whether it held, None if that could not be tried; and then why, or what came instead."""

    name: str
    held: bool | None
    why: str = ""


@dataclass(frozen=True)
class Protections:
    """What was tried, and how memory is measured: "control group" or "by process"."""

    tried: list[Tried]
    memory: str

    def names(self, held: bool | None) -> list[str]:
        """Of those that held, that did not, or (None) that could not be tried."""
        return [one.name for one in self.tried if one.held is held]


def try_protections(server: ForkServer) -> Protections:
    """Attack a fork as a submission would. Takes about ten seconds; nothing outside the sandbox is changed.

    Raises:
        ForkServerFailed, BrokenPlace: there is no fork to attack from.
    """
    memory = server.measures_memory
    tried = _try_acts(server)
    for name, attempt in _LIMITED.items():
        try:
            tried.append(Tried(name, *attempt(server)))
        except Exception as error:  # the others are tried all the same
            tried.append(Tried(name, None, _one_line(error)))
    return Protections(tried, memory)


def _try_acts(server: ForkServer) -> list[Tried]:
    """What must not be possible inside and is possible outside."""
    try:
        with _given() as given:
            controls = {name: _outside(code, given) for name, code in _ACTS.items()}
            for path in given["writable"]:
                Path(path).unlink(missing_ok=True)
            printed, _ = _run(server, _INSIDE.format(given=json.dumps(given), acts=_ACTS))
            stopped: dict[str, bool] = json.loads(printed.strip().splitlines()[-1])
            stopped["nothing written outside"] = not any(os.path.exists(path) for path in given["writable"])
    except Exception as error:
        return [Tried(name, None, _one_line(error)) for name in _ACTS]
    return [
        Tried(name, None, say("impossible outside the sandbox, too: {controls}", controls=controls[name]))
        if controls[name]
        else Tried(name, bool(stopped[name]))
        for name in _ACTS
    ]


@contextlib.contextmanager
def _given() -> Iterator[dict[str, Any]]:
    """What the acts are tried on: a port where somebody listens, files that could be written, a home's entries."""
    package = Path(autograder.__path__[0]).resolve()
    with (
        tempfile.TemporaryDirectory(prefix="autograder-doctor-") as folder,
        socket.create_server(("127.0.0.1", 0)) as listening,
    ):
        os.chmod(folder, 0o777)
        writable = [f"{folder}/trial", *(f"{at}/.autograder-trial" for at in (package,) if os.access(at, os.W_OK))]
        try:
            yield {
                "port": listening.getsockname()[1],
                "writable": writable,
                "checks": str(package / "checks"),
                "homes": _in_homes(),
            }
        finally:
            for path in writable:
                Path(path).unlink(missing_ok=True)


def _in_homes(most: int = 200) -> list[str]:
    """Entries of homes that nothing inside needs, nor the way to what it needs leads through."""
    needed = [os.path.realpath(path) for path in places.needed_by_python()] + list(places.needed_by_python())
    found: list[str] = []
    for home in {Path.home(), *Path("/home").glob("*")}:
        with contextlib.suppress(OSError):
            found += [str(home / name) for name in sorted(os.listdir(home))]
    return [entry for entry in found if not any(f"{path}/".startswith(f"{entry}/") for path in needed)][:most]


def _outside(code: str, given: dict[str, Any]) -> str:
    """Why the act fails outside the sandbox, or '' if it succeeds there."""
    command = [sys.executable, "-c", _OUTSIDE + code, json.dumps(given)]
    environment = {**os.environ, "PYTHONPATH": str(Path(autograder.__path__[0]).resolve().parent)}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_OUTSIDE_SECONDS, env=environment)
    except (OSError, subprocess.TimeoutExpired) as error:
        return _one_line(error)
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]


def _try_disk(server: ForkServer) -> tuple[bool | None, str]:
    return _limited(
        server, _DISK, "disk_mb", 200, lambda output, status: "No space left" in output or "OSError" in output
    )


def _try_processes(server: ForkServer) -> tuple[bool | None, str]:
    return _limited(
        server,
        _FORKS,
        "processes",
        400,
        lambda output, status: output.strip().isdigit() and int(output) < _LIMITS.processes,
    )


def _try_processor(server: ForkServer) -> tuple[bool | None, str]:
    limits = replace(_LIMITS, cpu_seconds=1)
    return _limited(server, _BUSY, "cpu_seconds", 60, lambda output, status: status is Status.TIMED_OUT, limits)


def _try_memory(server: ForkServer) -> tuple[bool | None, str]:
    if examine().free_bytes < 2 * _SHARED_MB * 10**6:
        return None, say("too little memory is free")
    return _limited(server, _SHARED, "memory_mb", 3000, lambda output, status: status is Status.OUT_OF_MEMORY)


_LIMITED: dict[str, Callable[[ForkServer], tuple[bool | None, str]]] = {
    "disk": _try_disk,
    "processes": _try_processes,
    "processor time": _try_processor,
    "memory": _try_memory,
}


def _limited(
    server: ForkServer,
    code: str,
    limit: str,
    wide: int,
    was_stopped: Callable[[str, Status], bool],
    limits: Limits = _LIMITS,
) -> tuple[bool | None, str]:
    """Whether a limit stops the code, where it is not stopped with that one limit wide."""
    if was_stopped(*_run(server, code, replace(limits, **{limit: wide}))):
        return None, say("it was stopped even with a generous limit")
    output, status = _run(server, code, limits)
    return (True, "") if was_stopped(output, status) else (False, f"{status}: {output.strip()[:200]}")


def _run(server: ForkServer, code: str, limits: Limits = _LIMITS) -> tuple[str, Status]:
    """What the code printed (without warnings: Python 3.12 and later warn of a fork), or its error; and the end."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    with NotebookRun(notebook, server, limits) as run:
        run.run_rest()
    outputs = [output for output in notebook.cells[0].outputs if output.get("name") != "stderr"]
    return "".join(o.get("text") or f"{o.get('ename')}: {o.get('evalue')}" for o in outputs), run.status


def _one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]
