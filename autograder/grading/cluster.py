"""Workers on other machines: the same jobs, through dask.distributed's executor.

A worker needs the package and the sandbox, nothing else: exercise, checks and held-out images travel to each
worker once, through a worker plugin, to those that join later too.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import distributed

from autograder.grading.batch import Pools
from autograder.grading.worker import Setup

CONNECT_SECONDS = 30


class SchedulerRefused(Exception):
    """The scheduler cannot be used; the message says why and what to do. The instructor's."""


class BeginWorker(distributed.WorkerPlugin):  # type: ignore[misc]
    """Prepares a worker as soon as it joins."""

    name = "autograder"

    def __init__(self, setups: Sequence[Setup]) -> None:
        self._setups = setups

    def setup(self, worker: Any) -> None:
        from autograder.grading.worker import begin

        begin(self._setups)

    def teardown(self, worker: Any) -> None:
        from autograder.grading.worker import end

        end()


def check_address(address: str) -> None:
    """Refuse to send students' work and held-out labels in the clear over a network.

    Raises:
        SchedulerRefused: neither TLS nor this machine.
    """
    parts = urlsplit(address if "://" in address else f"tcp://{address}")
    if parts.scheme in ("tls", "wss") or is_this_machine(parts.hostname or ""):
        return
    raise SchedulerRefused(
        f"{address} is another machine and the connection is not encrypted. Start scheduler and workers with TLS"
        " certificates (--tls-ca-file, --tls-cert, --tls-key) and use tls://..."
    )


def is_this_machine(host: str) -> bool:
    """Whether a host name or address is the loopback."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def cluster_pools(address: str) -> Pools:
    """Pools of the workers that a scheduler has.

    Raises:
        SchedulerRefused: see `check_address`; or it cannot be reached, has no workers, or such with several threads.
    """
    check_address(address)

    @contextmanager
    def open_pool(_workers: int, setups: Sequence[Setup]) -> Iterator[Executor]:
        client = _connect(address)
        try:
            client.register_plugin(BeginWorker(setups))
            yield client.get_executor(pure=False)
        finally:
            client.close()

    return open_pool


def worker_count(address: str) -> int:
    """How many workers the scheduler has now.

    Raises:
        SchedulerRefused: see `cluster_pools`.
    """
    client = _connect(address)
    try:
        threads = client.nthreads()
    finally:
        client.close()
    if not threads:
        raise SchedulerRefused(
            f"The scheduler at {address} has no workers. Start some: dask worker {address} --nthreads 1"
        )
    if any(n != 1 for n in threads.values()):
        raise SchedulerRefused("A worker grades one submission at a time: start the workers with --nthreads 1.")
    return len(threads)


def _connect(address: str) -> Any:
    check_address(address)
    try:
        return distributed.Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, TimeoutError, RuntimeError, ValueError) as error:
        raise SchedulerRefused(f"The scheduler at {address} cannot be reached: {error}") from error
