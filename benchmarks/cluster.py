"""Two dask workers against one, as real processes of this machine."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import distributed
import nbformat

from autograder.course.directory import Course
from autograder.grading import batch
from autograder.grading.answered import answered
from autograder.grading.batch import Progress
from autograder.grading.cluster import look_at
from autograder.sandbox import bubblewrap
from autograder.sandbox.limits import Limits
from autograder.sandbox.machine import examine

EXERCISE = "03-dense-networks"
STUDENTS = 8


def dask_scheduler(address: str) -> list[str]:
    """The command that starts a scheduler at an address such as tcp://127.0.0.1:8786."""
    parts = urlsplit(address)
    options = f"--protocol {parts.scheme} --host {parts.hostname} --port {parts.port} --no-dashboard"
    return [sys.executable, "-m", "dask", "scheduler", *options.split()]


def dask_worker(address: str, host: str) -> list[str]:
    """The command that starts a worker for a scheduler, on the node whose address is `host`."""
    return [sys.executable, "-m", "dask", "worker", address, *f"--nthreads 1 --host {host} --no-dashboard".split()]


@contextlib.contextmanager
def dask_cluster(workers: int) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A scheduler and workers as processes of their own on the loopback; yields the address and the workers."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{sock.getsockname()[1]}"
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    processes = [subprocess.Popen(dask_scheduler(address), **quiet)]
    try:
        processes += [subprocess.Popen(dask_worker(address, "127.0.0.1"), **quiet) for _ in range(workers)]
        with distributed.Client(address, timeout=60, set_as_default=False) as client:
            client.wait_for_workers(workers, timeout=90)
        yield address, processes[1:]
    finally:
        for process in reversed(processes):
            process.terminate()
        for process in processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(15)
            process.kill()


def two_workers_over_one(scratch: Path) -> dict[str, Any]:
    """Seconds for a submission with one and with two workers, once as many as there are workers have been graded.

    Raises:
        RuntimeError: there are no two cores, or a right answer did not get all points.
    """
    if examine().workers < 2:
        raise RuntimeError("Two workers need two cores.")
    seconds = {}
    for workers in (1, 2):
        root = scratch / str(workers)
        for number in range(STUDENTS):
            folder = root / "submitted" / f"student-{number}" / EXERCISE
            folder.mkdir(parents=True)
            nbformat.write(answered(EXERCISE, {}), folder / f"{EXERCISE}.ipynb")
        course = Course(root)
        exercise = course.make_ready(EXERCISE)
        setup = batch.prepare(exercise, Limits(), bubblewrap.choose("auto"))
        ready: list[float] = []

        def on_progress(_: Progress, result: dict[str, Any] | None, ready: list[float] = ready) -> None:
            if result is not None:
                ready.append(time.perf_counter())

        with dask_cluster(workers) as (address, _):
            pools = look_at(address).pools
            done = batch.grade_class(
                course, exercise, setup, course.submissions(EXERCISE), workers, pools=pools, on_progress=on_progress
            )
        if any(result["score"] < result["max_score"] for result in done.submissions):
            raise RuntimeError("A right answer did not get all points.")
        seconds[workers] = (ready[-1] - ready[workers - 1]) / (STUDENTS - workers)
        print(f"   {workers} workers: {seconds[workers]:.1f} s a submission", flush=True)
    return {"dask_2_over_1": seconds[1] / seconds[2]}
