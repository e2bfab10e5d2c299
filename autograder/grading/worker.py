"""One worker of a batch: a process with a fork server of its own, grading one submission after another.

Functions here are what an executor calls, so arguments and results can be pickled; both ends are ours.
"""

from __future__ import annotations

import contextlib
import ctypes
import pickle
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder import data
from autograder.errors import BrokenPlace, ForkServerFailed, KitError
from autograder.exercise.definition import Exercise, check_module_name
from autograder.language import said, speaking
from autograder.sandbox.bubblewrap import Sandbox, Verdict, try_bubblewrap
from autograder.sandbox.client import ForkServer
from autograder.sandbox.limits import Limits

Files = tuple[tuple[str, bytes], ...]  # name and content


@dataclass(frozen=True)
class Setup:
    """What all submissions of an exercise have in common."""

    exercise: str
    template: str  # the released notebook, as text
    checks: str  # source of the check module
    limits: Limits
    sandbox: Sandbox
    held_out: Any  # data.HeldOut | None
    files: Files = ()  # that lie beside each notebook
    book: str = ""  # the address of the course's book, to which hints link
    language: str = ""  # the course's, for what its learners read; '' is English


@dataclass(frozen=True)
class Job:
    """One submission to grade."""

    exercise: str
    student: str
    raw: bytes
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Done:
    """What came of a job. `notebook` is JSON text, `page` HTML; both None if there is nothing to show."""

    result: Any  # SubmissionResult
    notebook: str | None
    page: str | None
    record: bytes | None = None  # what the checks were answered, see `replay.Recording`


class _Worker:
    """A fork server, and each exercise with its files in a folder that only the trusted side sees."""

    def __init__(self, sandbox: Sandbox, read_setups: Callable[[], Sequence[Setup]]) -> None:
        self._sandbox = sandbox
        self._read_setups = read_setups
        self._exercises: dict[str, tuple[Setup, Exercise]] = {}
        self._server: ForkServer | None = None

    def server(self) -> ForkServer:
        """The fork server; a new one if there is none, or no more.

        Raises:
            BrokenPlace: it cannot be started here.
        """
        if self._server is not None and not self._server.alive:
            self.end()
        if self._server is None:
            self._server = ForkServer(self._sandbox)
        return self._server

    def exercise(self, name: str) -> tuple[Setup, Exercise]:
        """An exercise; its files are in the fork server's folder."""
        if name not in self._exercises:  # the first, or one that the coordinator has handed out since
            folder = self.server().scratch
            self._exercises = {setup.exercise: (setup, _unpack(setup, folder)) for setup in self._read_setups()}
        return self._exercises[name]

    def end(self) -> None:
        """End the fork server."""
        if self._server is not None:
            self._server.close()
        self._server, self._exercises = None, {}


_worker: _Worker | None = None


def begin_process(sandbox: Sandbox, setups: Path) -> None:
    """`begin` for a process of the coordinator's own pool, which writes the setups down before the first job."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the coordinator's to handle
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])  # and a kernel's, which inherits this
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # never outlive it
    _begin(sandbox, lambda: pickle.loads(setups.read_bytes()))


def begin(setups: Sequence[Setup]) -> None:
    """Start a fork server for these exercises, all with the same sandbox."""
    _begin(setups[0].sandbox, lambda: setups)


def _begin(sandbox: Sandbox, read_setups: Callable[[], Sequence[Setup]]) -> None:
    global _worker
    end()
    _worker = _Worker(sandbox, read_setups)
    with contextlib.suppress(KitError):  # the first job tries again and says why, where somebody hears it
        _worker.server()
    data.keep_in_memory()  # checks compare with them; meanwhile the fork server imports Keras


def end() -> None:
    """End this process's fork server, if it has one."""
    global _worker
    if _worker is not None:
        _worker.end()
        _worker = None


def ping() -> None:
    """Nothing; whoever calls this starts the process."""


def get_ready() -> None:
    """Do all that the first submission would have to wait for: what grading imports, Keras, the canary, the pages."""
    from autograder.grading import canary, grade, pages  # noqa: F401 - `work` needs `grade`

    pages.begin()
    with contextlib.suppress(KitError):  # the first job tries again and says why, where somebody hears it
        if _worker is not None:
            canary.prove(_worker.server())


def here() -> tuple[dict[str, str], Verdict]:
    """What a result of this machine would rest on beside exercise and settings; and whether bubblewrap works here."""
    from autograder.grading import basis

    return basis.of_this_machine(), try_bubblewrap()


def work(job: Job) -> Done:
    """Grade one submission in this process.

    Raises:
        ForkServerFailed, ChecksBroken: ours.
        BrokenPlace: ours; nobody's submission can be graded here.
    """
    import nbformat

    from autograder.grading import canary, pages
    from autograder.grading.grade import grade

    assert _worker is not None, "begin() comes first"
    try:
        server = _worker.server()
        setup, exercise = _worker.exercise(job.exercise)
        pages.begin()
        canary.prove(server)  # else the first submission of each worker would seem to take seconds longer
        with speaking(setup.language):
            graded = grade(
                job.raw, exercise, server, setup.limits, job.student, setup.held_out, setup.files, setup.book
            )
    except (ForkServerFailed, BrokenPlace):
        _worker.end()  # the next job starts a new one
        raise
    with speaking(setup.language):
        result = graded.result.with_notes(*map(said, job.notes))
    if graded.notebook is None:
        return Done(result, None, None)
    notebook = nbformat.writes(graded.notebook)
    with speaking(setup.language):
        return Done(result, notebook, pages.page_of(notebook, result), graded.record)


def _unpack(setup: Setup, folder: Path) -> Exercise:
    """The exercise's two files, in a folder that only the trusted side sees."""
    folder.mkdir(parents=True, exist_ok=True)
    notebook = folder / f"{setup.exercise}.ipynb"
    notebook.write_text(setup.template, "utf-8")
    checks = folder / check_module_name(setup.exercise)
    checks.write_text(setup.checks, "utf-8")
    return Exercise.read(setup.exercise, notebook, checks)
