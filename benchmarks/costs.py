"""What one submission costs in processor time, by exercise; and what of it is the sandbox's.

    python -m benchmarks costs

Processor time, of which a busy machine takes more than an idle one, and beside it the clock's, which means something on
an idle one alone. Forks are made in turn with the sandbox and without; of processor time, which comes in
hundredths of a second, the means are compared, of the clock's the medians.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil

from autograder import data
from autograder.exercise.definition import exercise_names, find_exercise
from autograder.grading import canary, grade
from autograder.sandbox import bubblewrap
from autograder.sandbox.bubblewrap import Sandbox
from autograder.sandbox.client import ForkServer, wait_for
from autograder.sandbox.limits import Limits

ROOT = Path(__file__).resolve().parent.parent
FORKS = 30
TIMES = 3  # submissions of each exercise
CALLS = 200_000

# In a process of its own, since a filter cannot be taken off again. `os.getppid` is a system call and nothing else.
FILTER = """
import json, os, sys, time
from autograder.sandbox import syscalls
from autograder.sandbox.limits import Limits
CALLS = int(sys.argv[1])
def calls():
    began = time.process_time()
    for _ in range(CALLS):
        os.getppid()
    return time.process_time() - began
calls()
before = calls()
import ctypes; ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
began = time.process_time()
syscalls.restrict(internet=True, memory_bytes=Limits().memory_mb * 10**6)
installed = time.process_time() - began
print(json.dumps({"install": installed, "call": (calls() - before) / CALLS}))
"""


def measured(scratch: Path) -> dict[str, Any]:
    """Processor seconds of a submission of each exercise, and the sandbox's share."""
    cost = _sandbox()
    print(
        f"   a fork in the sandbox: {cost['fork_ms']:.1f} ms of processor time, without it {cost['bare_fork_ms']:.1f};"
        f" by the clock {cost['fork_wall_ms']:.1f} and {cost['bare_fork_wall_ms']:.1f} ms",
        flush=True,
    )
    print(
        f"   bubblewrap, once for a worker, {cost['bubblewrap_ms']:.0f} ms; the filter {cost['filter_ms']:.2f} ms, and"
        f" {cost['filter_ns_a_call']:.0f} ns for each system call",
        flush=True,
    )
    costs = _by_exercise()
    whole = statistics.mean(one["sandbox"] + one["checks"] for one in costs.values())
    return {
        "sandbox_price": cost,
        "price_of_a_fork_ms": cost["price_of_a_fork_ms"],
        "price_of_a_fork_wall_ms": cost["price_of_a_fork_wall_ms"],
        "core_seconds_by_exercise": costs,
        "core_seconds_per_submission": whole,
    }


def _sandbox() -> dict[str, float]:
    """What keeping a fork apart costs, in milliseconds."""
    kept, bare = _forks(Sandbox.BUBBLEWRAP, Sandbox.LIMITS_ONLY)
    done = subprocess.run(
        [sys.executable, "-c", FILTER, str(CALLS)], check=True, capture_output=True, text=True, cwd=ROOT
    )
    filtered = json.loads(done.stdout)
    return {
        "fork_ms": 1000 * kept[0],
        "fork_wall_ms": 1000 * kept[1],
        "bare_fork_ms": 1000 * bare[0],
        "bare_fork_wall_ms": 1000 * bare[1],
        "price_of_a_fork_ms": 1000 * (kept[0] - bare[0]),
        "price_of_a_fork_wall_ms": 1000 * (kept[1] - bare[1]),
        "filter_ms": 1000 * filtered["install"],
        "filter_ns_a_call": 1e9 * filtered["call"],
        "bubblewrap_ms": 1000 * _bubblewrap(),
    }


def _forks(*sandboxes: Sandbox) -> list[tuple[float, float]]:
    """In each sandbox: mean processor and median wall seconds of a fork that is made, seals itself and ends."""
    with ExitStack() as stack:
        servers = [stack.enter_context(ForkServer(sandbox)) for sandbox in sandboxes]
        for server in servers:
            server.wait_until_ready()
            _one_fork(server)
        before = [_used(server) for server in servers]
        walls = list(zip(*([_one_fork(server) for server in servers] for _ in range(FORKS)), strict=True))
        used = [(_used(server) - began) / FORKS for server, began in zip(servers, before, strict=True)]
        return [(each, statistics.median(times)) for each, times in zip(used, walls, strict=True)]


def _one_fork(server: ForkServer) -> float:
    began = time.perf_counter()
    fork, channel = server.fork_observer(Limits())
    channel.close()  # nobody asks it anything, so it ends as soon as it listens
    wait_for(lambda: server.poll(fork) is not None, 60)
    taken = time.perf_counter() - began
    server.end(fork)
    return taken


def _used(server: ForkServer) -> float:
    """Processor seconds of a fork server, of bubblewrap, and of all forks that have ended.

    What is killed is waited for by the next one above, up to bubblewrap's first process: so all of them are asked.
    """
    first = psutil.Process(server.pid)
    return sum(sum(process.cpu_times()[:4]) for process in [first, *first.children(recursive=True)])


class Watched:
    """The processor time that a fork server tells of one submission, as of a tenth of a second ago.

    What it tells at first is of the submission before. It is the most that it tells which counts: without a control
    group, a fork that has been killed is no longer in it.
    """

    def __init__(self, server: ForkServer) -> None:
        self._server = server
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._last: float | None = server.cpu_seconds
        self.seconds = 0.0

    def __enter__(self) -> Watched:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(0.03):
            self._see(self._server.cpu_seconds)

    def _see(self, told: float) -> None:
        if told != self._last:
            self._last = None  # the submission's own from now on
            self.seconds = max(self.seconds, told)


def _bubblewrap() -> float:
    """Processor seconds of setting up bubblewrap's root and namespaces, beside the program that runs in it."""
    there = ["bwrap", *bubblewrap._namespaces(), *bubblewrap._root()[0], "--", "/bin/true"]
    return statistics.median(
        processor_seconds(lambda: _run(there)) - processor_seconds(lambda: _run(["/bin/true"])) for _ in range(9)
    )


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


def processor_seconds(work: Callable[[], Any]) -> float:
    """Seconds of processor time of all processes below this one that ended while it worked."""

    def used() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    before = used()
    work()
    return used() - before


def graded_in_full(server: ForkServer, name: str) -> float:
    """Grade the reference solution of an exercise; the processor seconds of its own processes.

    Raises:
        RuntimeError: it does not get all points, so that something here is not as it should be.
    """
    raw = (ROOT / "solutions" / name / f"{name}.ipynb").read_bytes()
    with Watched(server) as watched:
        result = grade.grade(raw, find_exercise(name), server, Limits(), held_out=data.load_held_out(name)).result
    if result.score < result.max_score:
        raise RuntimeError(f"The solution of {name} has {result.score} points: {result.message}")
    return watched.seconds


def _by_exercise() -> dict[str, dict[str, float]]:
    """Processor seconds of each reference solution's submission: its own processes', and the trusted side's.

    The mean of several. The feedback page is made in a process of its own, and is not in it.
    """
    costs = {}
    with ForkServer(bubblewrap.choose("auto")) as server:
        server.wait_until_ready()
        canary.prove(server)  # once for each worker
        for name in exercise_names():
            began = time.process_time()
            sandbox = statistics.mean(graded_in_full(server, name) for _ in range(TIMES))
            costs[name] = {"sandbox": sandbox, "checks": (time.process_time() - began) / TIMES}
            print(f"   {name:26} {sandbox:5.2f} s in the sandbox, {costs[name]['checks']:5.2f} s beside it", flush=True)
    return costs


if __name__ == "__main__":
    measured(ROOT)
