"""Where a batch's work is done: processes of this machine, each with a fork server of its own."""

from __future__ import annotations

import multiprocessing
import pickle
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from autograder.grading import worker
from autograder.grading.basis import Basis
from autograder.grading.worker import Setup
from autograder.sandbox.bubblewrap import Sandbox
from autograder.sandbox.client import new_folder, remove_leftovers, wait_for

DYING_SECONDS = 1.0  # what the fork servers of killed workers have at most before their folders are given up

# Opens an executor of so many workers, all of which have called `worker.begin(setups)`.
Pools = Callable[[int, Sequence[Setup]], AbstractContextManager[Executor]]


def open_pool(workers: int, setups: Sequence[Setup]) -> LocalPool:
    """A pool that starts its processes when they are given something to do."""
    pool = LocalPool(workers, setups[0].sandbox)
    pool.hand_out(setups)
    return pool


@contextmanager
def one_started(workers: int, sandbox: Sandbox) -> Iterator[Pools]:
    """Start a worker now, which others join when a pool is opened.

    It takes seconds to import Keras, and the coordinator, which has much to import and to read itself before it knows
    what there is to grade, needs one core only.
    """
    started = [LocalPool(workers, sandbox)]
    started[0].executor.submit(worker.ping)

    def open_started(workers: int, setups: Sequence[Setup]) -> LocalPool:
        if not started:  # it has been used, and died
            return open_pool(workers, setups)
        started[0].hand_out(setups)
        return started.pop()

    try:
        yield open_started
    finally:
        for pool in started:  # there was nothing to grade
            pool.close()


class StandingPool:
    """Workers that stay, with their fork servers ready, from one batch to the next. Used as `Pools`; to be closed.

    Workers that died, or have read an exercise that has changed since, are replaced by new ones.
    """

    def __init__(self, workers: int, sandbox: Sandbox) -> None:
        self._workers, self._sandbox = workers, sandbox
        self._known: dict[str, tuple[str, Setup]] = {}  # what the workers have been given, and what that rests on
        self._pool = self._start()

    def _start(self) -> LocalPool:
        pool = LocalPool(self._workers, self._sandbox)
        for _ in range(self._workers):  # each starts a process, for none of them is idle yet
            pool.executor.submit(worker.get_ready)
        return pool

    @contextmanager
    def __call__(self, workers: int, setups: Sequence[Setup]) -> Iterator[Executor]:
        given = {setup.exercise: (Basis.of(setup).key, setup) for setup in setups}
        if any(name in self._known and self._known[name][0] != key for name, (key, _) in given.items()):
            self._renew()  # a worker reads an exercise once
        try:
            self._pool.executor.submit(worker.ping)
        except BrokenExecutor:
            self._renew()
        if not given.keys() <= self._known.keys():
            self._known |= given
            self._pool.hand_out([setup for _, setup in self._known.values()])
        yield self._pool.executor

    def _renew(self) -> None:
        self._known = {}
        self._pool.close()
        self._pool = self._start()

    def close(self) -> None:
        """End all of them at once."""
        self._pool.close()


class _Processes(ProcessPoolExecutor):
    """Processes that begin with Ctrl-C held back, until `worker.begin_process` has them ignore it."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            return super().submit(fn, *args, **kwargs)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class LocalPool(AbstractContextManager[Executor]):
    """Processes of this machine, each with a fork server of its own. They end with the context."""

    def __init__(self, workers: int, sandbox: Sandbox) -> None:
        self._folder = new_folder()
        self._setups = self._folder / "setups"
        self.executor = _Processes(
            workers,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=worker.begin_process,
            initargs=(sandbox, self._setups),
        )

    def hand_out(self, setups: Sequence[Setup]) -> None:
        """Let the workers have these; to be called before they are given a job."""
        self._setups.write_bytes(pickle.dumps(setups))

    def close(self) -> None:
        """End all processes at once. They hold a fork server each, which ends with them: nothing is waited for."""
        # Python 3.14 has `kill_workers`; before, they can be had in a private way, or as all children of this process.
        held = getattr(self.executor, "_processes", None)
        processes = list(held.values()) if held else multiprocessing.active_children()
        self.executor.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.kill()
        for process in processes:
            process.join()
        shutil.rmtree(self._folder, ignore_errors=True)
        # Theirs. A fork server that was still importing may write into its own once more before it dies.
        wait_for(lambda: remove_leftovers(self._folder.parent), DYING_SECONDS)

    def __enter__(self) -> Executor:
        return self.executor

    def __exit__(self, *_: Any) -> None:
        self.close()
