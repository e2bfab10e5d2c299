"""How long a learner waits for `check` in a notebook, Keras loaded, after the first time.

    python -m benchmarks.latency [EXERCISE ...]     every task, beside what it may take; all exercises by default

The reference solutions are run in this process, as in a learner's kernel; each check is then asked ten times, and
the first answer, which may load data or trace a model, is left out of the median. Processor time stands beside it:
where that is much less, the machine was busy with other things, and the wall time says little.
"""

from __future__ import annotations

import contextlib
import io
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from autograder.exercise.checking import run_checks
from autograder.exercise.definition import exercise_names, find_exercise, task_of
from autograder.exercise.submission import Submission
from autograder.grading.answered import answered
from autograder.learner.notebook import Session

TIMES = 9
AT_ONCE, WITH_HELD_OUT = 0.1, 0.5  # seconds that an answer may take, without and with an accuracy on held-out images


@dataclass(frozen=True)
class Latency:
    """The answers of one check."""

    exercise: str
    task: str
    measures_accuracy: bool
    first: float  # seconds
    median: float  # seconds, of the next ones
    processor: float  # their median in seconds of processor time, all threads together

    @property
    def allowed(self) -> float:
        return WITH_HELD_OUT if self.measures_accuracy else AT_ONCE


def latencies() -> dict[str, float]:
    """Median seconds of each task's check, by "exercise task"."""
    return {f"{found.exercise} {found.task}": found.median for found in measured()}


def measured(exercises: Sequence[str] = ()) -> list[Latency]:
    """Every task of these exercises, or of all."""
    os.environ.setdefault("MPLBACKEND", "Agg")
    return [found for name in exercises or exercise_names() for found in _of(name)]


def _of(name: str) -> list[Latency]:
    namespace: dict[str, Any] = {}
    exercise = find_exercise(name)
    session = Session(exercise, namespace)
    found = []
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):  # one solution saves a model
        for cell in answered(name, {}).cells:
            task = task_of(cell)
            with contextlib.redirect_stdout(io.StringIO()):
                if task is None and cell.cell_type == "code" and "nbgrader" in cell.metadata:
                    exec(cell.source, namespace)  # our own reference solution
                elif task is not None:
                    first, *later = (_seconds(session, task.grade_id) for _ in range(1 + TIMES))
                    submission = Submission(session._answers)
                    run_checks(exercise, submission, only=task.grade_id)
                    accuracy = bool(submission.measures)
                    wall, processor = (statistics.median(seconds) for seconds in zip(*later))
                    found.append(Latency(name, task.grade_id, accuracy, first[0], wall, processor))
    return found


def _seconds(session: Session, task: str) -> tuple[float, float]:
    """Wall and processor time of one answer."""
    began, worked = time.perf_counter(), time.process_time()
    session.check(task)
    return time.perf_counter() - began, time.process_time() - worked


def main(exercises: Sequence[str] = ()) -> int:
    """Print the table; 1 if an answer takes longer than it may."""
    print(f"{'exercise':26}{'task':14}{'first':>8}{'median':>8}{'processor':>11}{'allowed':>9}")
    found = measured(exercises)
    for one in found:
        late = "  LATE" if one.median > one.allowed else ""
        times = f"{one.first:8.3f}{one.median:8.3f}{one.processor:11.3f}{one.allowed:9.1f}"
        print(f"{one.exercise:26}{one.task:14}{times}{late}")
    for what, accuracy in (("values and settings", False), ("held-out accuracy", True)):
        medians = [one.median for one in found if one.measures_accuracy is accuracy]
        if medians:
            print(
                f"{what}: {len(medians)} checks, median {statistics.median(medians):.3f} s, most {max(medians):.3f} s"
            )
    return int(any(one.median > one.allowed for one in found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
