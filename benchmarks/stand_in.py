"""A stand-in for running notebooks, to measure and to kill the coordinator without waiting for kernels.

The results are real records with a notebook and a page of ordinary size; only the running is left out. The
score depends on the submission's bytes alone, so that two runs over the same class must agree.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from typing import Any

import nbformat

from autograder.exercise.definition import Exercise
from autograder.exercise.outcome import CheckResult, Outcome, Status, SubmissionResult, TestResult
from autograder.grading.worker import Done, Job, Setup


class StandIn(Executor):
    """An executor that answers at once."""

    def __init__(self, setup: Setup, exercise: Exercise) -> None:
        self._setup = setup
        self._exercise = exercise

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(self._done(args[0]))
        return future

    def _done(self, job: Job) -> Done:
        digest = hashlib.sha256(job.raw).digest()
        checks = tuple(
            CheckResult(
                task.grade_id,
                task.points,
                (TestResult("stand-in", Outcome.PASSED if byte % 2 else Outcome.FAILED, share=float(byte % 2)),),
            )
            for task, byte in zip(self._exercise.tasks, digest, strict=False)
        )
        result = SubmissionResult(job.student, self._exercise.name, Status.GRADED, checks, sandbox="stand-in")
        return Done(result, self._setup.template, "<!DOCTYPE html><title>stand-in</title>" + "x" * 20_000)


def pools(exercise: Exercise) -> Callable[[int, Sequence[Setup]], Any]:
    """Pools of stand-ins, for `grade_class(pools=...)`."""

    @contextmanager
    def open_pool(_workers: int, setups: Sequence[Setup]) -> Iterator[StandIn]:
        yield StandIn(setups[0], exercise)

    return open_pool


def write_class(submitted: Any, exercise: str, students: int) -> None:
    """Trivial, distinct notebooks of so many students."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = 1", id="one")])
    for number in range(students):
        folder = submitted / f"student-{number:05}" / exercise
        folder.mkdir(parents=True)
        notebook.cells[0].source = f"x = {number}"
        (folder / f"{exercise}.ipynb").write_text(nbformat.writes(notebook), "utf-8")
