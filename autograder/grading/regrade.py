"""Changed checks put to the records of earlier runs, in processes of this machine that need no sandbox.

Whatever does not fit (a new query, a record or notebook that somebody changed) is left to be run again, which is
always right.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path

import nbformat

from autograder import data
from autograder.errors import ChecksBroken
from autograder.exercise.checking import run_checks
from autograder.exercise.definition import Exercise
from autograder.exercise.outcome import SubmissionResult
from autograder.exercise.passages import Reading
from autograder.exercise.submission import Submission
from autograder.grading.grade import show_results
from autograder.grading.pages import page_of
from autograder.grading.replay import NotRecorded, Observed, Replay
from autograder.grading.worker import Done
from autograder.language import speaking


@dataclass(frozen=True)
class Recorded:
    """Where the record of a student's run lies, and the graded notebook that it left."""

    student: str
    record: Path
    notebook: Path


def regrade(
    recorded: Recorded, exercise: Exercise, held_out: data.HeldOut | None, book: str = "", language: str = ""
) -> Done | None:
    """The result that these checks give, without running anything of the student's; None if that cannot be said.

    Raises:
        ChecksBroken: see `run_checks`.
    """
    try:
        observed = Observed.from_bytes(recorded.record.read_bytes())
        text = recorded.notebook.read_text("utf-8")
        if observed.notebook != digest(text):
            return None
        notebook = nbformat.reads(text, as_version=4)
        earlier = SubmissionResult.from_json(exercise.name, observed.result)
        replay = Replay(observed.record, held_out)
        submission = Submission(replay)
        with speaking(language):
            checks = run_checks(exercise, submission, before=lambda task: replay.begin(task.grade_id))
    except NotRecorded:
        return None
    except ChecksBroken:
        raise
    except Exception:  # a damaged record
        return None
    with speaking(language):
        show_results(notebook, {check.name: check for check in checks}, Reading(exercise.name, book))
        result = replace(earlier, checks=checks, measures=submission.measures, curves=submission.curves)
        graded = nbformat.writes(notebook)
        return Done(result, graded, page_of(graded, result), observed.record)


def regrade_all(
    recorded: list[Recorded],
    exercise: Exercise,
    held_out: data.HeldOut | None,
    workers: int,
    book: str = "",
    language: str = "",
) -> Iterator[tuple[str, Done | None]]:
    """`regrade` for each, in parallel; yields students and what came of them.

    Raises:
        ChecksBroken: see `run_checks`.
    """
    if not recorded:
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        min(workers, len(recorded)), context, _begin, (exercise, held_out, book, language)
    ) as pool:
        futures = [(one.student, pool.submit(_regrade_here, one)) for one in recorded]
        try:
            for student, future in futures:
                try:
                    done = future.result()
                except BrokenProcessPool:  # most likely because memory ran out
                    done = None
                yield student, done
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def digest(notebook: str) -> str:
    """What `Observed.notebook` holds for this notebook, as text."""
    return hashlib.sha256(notebook.encode("utf-8", "replace")).hexdigest()


_setup: tuple[Exercise, data.HeldOut | None, str, str] | None = None


def _begin(exercise: Exercise, held_out: data.HeldOut | None, book: str, language: str) -> None:
    global _setup
    # What checks print is no answer of the command's; run_checks leaves their output alone.
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    data.keep_in_memory()  # checks compare with them
    _setup = exercise, held_out, book, language


def _regrade_here(recorded: Recorded) -> Done | None:
    assert _setup is not None
    return regrade(recorded, *_setup)
