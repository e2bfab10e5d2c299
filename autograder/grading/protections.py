"""Which protections hold on this machine, found out by attacking a sandbox of our own."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import nbformat

from autograder.exercise.outcome import Status
from autograder.grading.run import NotebookRun
from autograder.sandbox.bubblewrap import Sandbox
from autograder.sandbox.client import ForkServer
from autograder.sandbox.limits import Limits

_LIMITS = Limits(cell_seconds=20, notebook_seconds=60, memory_mb=400, processes=64, disk_mb=20)

# What is tried, and the Python that a submission would try it with. It got through if nothing was raised.
_ATTEMPTS = {
    "no network": "import socket; socket.create_connection(('127.0.0.1', 9), 1)",
    "no way round the network's isolation": "import socket; socket.socket(40, socket.SOCK_STREAM)",
    "nothing written outside": "import autograder, os; p = autograder.__path__[0] + '/x'; open(p, 'w'); os.remove(p)",
    "checks out of sight": "import autograder, os; os.stat(autograder.__path__[0] + '/checks')"
    " and os.listdir(autograder.__path__[0] + '/checks')[0]",
    "homes out of sight": "import os; os.listdir('/home'); os.listdir('/etc/ssh')",
    "fork server out of reach": "import os; os.kill(__import__('os').getppid(), 0); open(f'/proc/{os.getppid()}/mem')",
    "no namespaces of its own": "import subprocess; subprocess.run(['unshare', '-Ur', 'true'], check=True)",
    "no kernel keyring": "import ctypes; assert ctypes.CDLL(None).syscall(248, b'user', b'a', b'b', 1, -3) > 0",
    "disk": "open('trial', 'wb').write(bytes(40_000_000))",
}
_TRY = """
import json
held = {{}}
for name, code in {attempts!r}.items():
    try:
        exec(code, {{}})
        held[name] = False
    except BaseException:
        held[name] = True
print(json.dumps(held))
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
_BUSY = """
import os, time
for _ in range(4):
    if os.fork() == 0:
        while True: pass
time.sleep(15)
"""
_SHARED = "import mmap\nm = mmap.mmap(-1, 2 * 10**9)\nfor i in range(0, len(m), 4096): m[i] = 1"


@dataclass(frozen=True)
class Protections:
    """What was tried, and whether the attempt was stopped."""

    held: dict[str, bool]
    memory: str  # how it is measured: "control group" or "by process"


def try_protections(sandbox: Sandbox) -> Protections:
    """Attack a fork as a submission would. Takes about ten seconds; nothing outside the sandbox is changed."""
    with ForkServer(sandbox) as server:
        printed, _ = _run(server, _TRY.format(attempts=_ATTEMPTS))
        try:
            held = {str(name): bool(stopped) for name, stopped in json.loads(printed.strip().splitlines()[-1]).items()}
        except (ValueError, IndexError):
            held = dict.fromkeys(_ATTEMPTS, False)
        printed, _ = _run(server, _FORKS)
        held["processes"] = printed.strip().isdigit() and int(printed) < _LIMITS.processes
        _, status = _run(server, _BUSY, replace(_LIMITS, cpu_seconds=2))
        held["processor time"] = status is Status.TIMED_OUT
        _, status = _run(server, _SHARED)
        held["memory"] = status is Status.OUT_OF_MEMORY
        return Protections(held, server.measures_memory)


def _run(server: ForkServer, code: str, limits: Limits = _LIMITS) -> tuple[str, Status]:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    with NotebookRun(notebook, server, limits) as run:
        run.run_rest()
    printed = "".join(
        o.text for o in notebook.cells[0].outputs if o.get("output_type") == "stream" and o.name == "stdout"
    )
    return printed, run.status
