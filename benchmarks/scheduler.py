"""How much a dask scheduler can do: many stand-in workers, nodes that are lost, and submissions that only wait.

    python -m benchmarks scheduler                     100 workers, for two minutes and a half
    python -m benchmarks.scheduler --workers 1000

The workers are dask's own, many in one process, and ten such processes are the nodes; each submission has an ordinary
size and takes `--seconds` of waiting. Every `--lose` seconds, if all are there, a node is killed and another joins.
What is measured is the scheduler's processor time for a submission, whatever else the machine does, and its memory.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, as_completed
from pathlib import Path
from typing import Any

import dask
import distributed
import psutil

from autograder.errors import WorkerDied
from autograder.grading.cluster import Workers
from benchmarks.cluster import dask_scheduler

NODES = 10
HANDED_IN, GRADED = 30_000, 60_000  # bytes of a notebook as it comes and as it goes back, with its feedback page
AT_ONCE = 1  # submissions handed out for each worker, as a class is

# A machine that is busy with other things answers late; that says nothing of the scheduler. What it keeps of messages
# is as deploy/cluster/dask.yaml has it.
PATIENCE = {f"distributed.comm.timeouts.{what}": "300s" for what in ("connect", "tcp")}
PATIENT = os.environ | {f"DASK_DISTRIBUTED__COMM__TIMEOUTS__{what}": "300s" for what in ("CONNECT", "TCP")}
PATIENT |= {"DASK_DISTRIBUTED__ADMIN__LOW_LEVEL_LOG_LENGTH": "10"}

NODE = """
import asyncio, sys
from distributed import Worker
async def main(address, count):
    workers = [Worker(address, nthreads=1, dashboard=False, memory_limit=0) for _ in range(count)]
    await asyncio.gather(*workers)
    await asyncio.gather(*(worker.finished() for worker in workers))
asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


def pretend(raw: bytes, seconds: float) -> bytes:
    """What a worker does here instead of grading."""
    time.sleep(seconds)
    return raw[:1] * GRADED


def measured(workers: int, submissions: int, seconds: float, lose: float) -> dict[str, Any]:
    """The scheduler's processor time and memory, and how many nodes were lost on the way."""
    with _cluster(workers) as (scheduler, nodes, client):
        client.wait_for_workers(workers, timeout=600)
        idle = _idle(scheduler)
        memory = scheduler.memory_info().rss
        lost, done = [0], threading.Event()
        breaker = threading.Thread(target=_lose_nodes, args=(nodes, client, workers, lose, lost, done))
        breaker.start()
        before, began = _processor(scheduler), time.perf_counter()
        try:
            with Workers(client) as executor:
                answered, again = _grade(executor, submissions, seconds, AT_ONCE * workers)
        finally:
            done.set()
            breaker.join()
        taken = time.perf_counter() - began
        busy = _processor(scheduler) - before
        grown = scheduler.memory_info().rss - memory
    if answered != submissions:
        raise RuntimeError(f"{answered} of {submissions} submissions came back.")
    return {
        "workers": workers,
        "submissions": submissions,
        "nodes_lost": lost[0],
        "given_up_and_tried_again": again,
        "scheduler_ms_per_submission": 1000 * busy / submissions,
        "scheduler_idle_share": idle,
        "scheduler_mb_grown": grown / 1e6,
        "scheduler_mb": (memory + grown) / 1e6,
        "seconds": taken,
    }


def in_the_bench(scratch: Path) -> dict[str, Any]:
    """Two minutes and a half of a hundred workers, with a node lost in each of the two minutes."""
    with dask.config.set(PATIENCE):
        return measured(workers=100, submissions=7_500, seconds=2.0, lose=60.0)


def _grade(executor: Workers, submissions: int, seconds: float, at_once: int) -> tuple[int, int]:
    """How many came back, and how often one whose workers had died was handed out once more."""
    waiting: dict[Future[Any], int] = {}
    left = iter(range(submissions))
    answered = again = 0

    def hand_out(number: int) -> None:
        waiting[executor.submit(pretend, number.to_bytes(4, "little") + os.urandom(HANDED_IN), seconds)] = number

    for _, number in zip(range(at_once), left):  # in this order: zip takes from the first one first
        hand_out(number)
    while waiting:
        future = next(as_completed(list(waiting)))
        for future in [one for one in waiting if one.done()]:
            number = waiting.pop(future)
            try:
                future.result()
            except WorkerDied:
                again += 1
                hand_out(number)
                continue
            answered += 1
            for _, number in zip(range(1), left):
                hand_out(number)
    return answered, again


def _lose_nodes(
    nodes: list[subprocess.Popen[bytes]],
    client: Any,
    workers: int,
    every: float,
    lost: list[int],
    done: threading.Event,
) -> None:
    while not done.wait(every):
        if len(client.scheduler_info(n_workers=-1)["workers"]) < workers:
            continue  # else a slow machine, where a node takes longer to join than another to be lost, would have none
        nodes.pop(0).kill()  # as if its plug were pulled
        lost[0] += 1
        nodes.append(_node(client.scheduler.address, workers // NODES))


def _node(address: str, workers: int) -> subprocess.Popen[bytes]:
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": PATIENT}
    return subprocess.Popen([sys.executable, "-c", NODE, address, str(workers)], **quiet)


@contextlib.contextmanager
def _cluster(workers: int) -> Iterator[tuple[psutil.Process, list[subprocess.Popen[bytes]], Any]]:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{sock.getsockname()[1]}"
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": PATIENT}
    scheduler = subprocess.Popen(dask_scheduler(address), **quiet)
    nodes: list[subprocess.Popen[bytes]] = []
    try:
        with distributed.Client(address, timeout=300, set_as_default=False) as client:
            nodes += [_node(address, workers // NODES) for _ in range(NODES)]
            yield psutil.Process(scheduler.pid), nodes, client
    finally:
        for process in [*nodes, scheduler]:
            process.kill()
            process.wait()


def _processor(process: psutil.Process) -> float:
    return float(sum(process.cpu_times()[:2]))


def _idle(scheduler: psutil.Process, seconds: float = 10.0) -> float:
    """The share of a core that the scheduler takes while its workers do nothing: heartbeats."""
    before = _processor(scheduler)
    time.sleep(seconds)
    return (_processor(scheduler) - before) / seconds


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scheduler", description=__doc__)
    parser.add_argument("--workers", type=int, default=100, metavar="N", help="stand-ins (default: 100)")
    parser.add_argument("--submissions", type=int, metavar="N", help="(default: 20 for each worker)")
    parser.add_argument("--seconds", type=float, default=2.0, help="that each waits (default: 2)")
    parser.add_argument("--lose", type=float, default=60.0, metavar="SECONDS", help="between nodes lost (default: 60)")
    options = parser.parse_args(arguments)
    if options.workers < NODES:
        parser.error(f"at least {NODES} workers, for there are so many nodes")
    dask.config.set(PATIENCE)
    found = measured(options.workers, options.submissions or 20 * options.workers, options.seconds, options.lose)
    for name, value in found.items():
        print(f"{name:30} {value if isinstance(value, int) else round(value, 2)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
