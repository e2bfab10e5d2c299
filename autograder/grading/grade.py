"""The path of one submission, stations 1 to 4: repair, run, observe, check. Recording is another's job."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat

from autograder import data
from autograder.errors import ChecksBroken, ForkServerFailed
from autograder.exercise.checking import run_checks
from autograder.exercise.definition import Exercise, Task, task_of
from autograder.exercise.outcome import CheckResult, Outcome, Status, SubmissionResult, without_tests
from autograder.exercise.passages import Reading
from autograder.exercise.submission import Submission
from autograder.grading import canary, outputs
from autograder.grading.answers import KernelAnswers
from autograder.grading.kernel import KernelDidNotStart
from autograder.grading.repair import Repaired, Unreadable, repair
from autograder.grading.replay import Recording
from autograder.grading.run import NotebookRun
from autograder.language import _, languages, said, say, speaking
from autograder.sandbox.bubblewrap import Sandbox
from autograder.sandbox.client import ForkServer
from autograder.sandbox.limits import Limits

LIMITS_ONLY_NOTE = _(
    "Graded WITHOUT a sandbox: only time and memory were limited. Any code that ran here could read and change the"
    " files of the user who graded. Install bubblewrap and grade again; `autograder doctor` says how."
)


def says_limits_only(note: str) -> bool:
    """Whether a note is that one, in whatever language it was written."""
    for name in languages():
        with speaking(name):
            if note == said(LIMITS_ONLY_NOTE):
                return True
    return False


@dataclass(frozen=True)
class Graded:
    """A result, and the notebook that shows it (None if no notebook could be made of what was handed in)."""

    result: SubmissionResult
    notebook: nbformat.NotebookNode | None = field(repr=False, default=None)
    record: bytes | None = field(repr=False, default=None)  # see `replay.Recording`


def grade(
    raw: bytes,
    exercise: Exercise,
    server: ForkServer,
    limits: Limits,
    student: str = "",
    held_out: data.HeldOut | None = None,
    files: Sequence[tuple[str, bytes]] = (),
    book: str = "",
) -> Graded:
    """Grade one notebook file's bytes. Whatever a student's bytes do, this returns.

    Args:
        files: name and content of what lies beside the notebook.
        book: the address of the course's book, to which hints link.

    Raises:
        ForkServerFailed, ChecksBroken: ours; nothing can be said about the submission.
        BrokenPlace: ours; nobody's submission can be graded here.
    """
    canary.prove(server)
    began = time.perf_counter()
    template = _read_template(exercise.notebook)
    try:
        repaired = repair(raw, template)
    except Unreadable as reason:
        return Graded(_nothing(student, exercise, Status.UNREADABLE, reason.args[0], server.sandbox))
    seconds = {"repair": time.perf_counter() - began}
    try:
        graded = _run_and_check(repaired, exercise, server, limits, held_out, student, seconds, files, book)
        if lost := canary.lost(repaired.notebook, graded.result, server):
            if not canary.found_again(lost, server):
                raise ForkServerFailed(
                    say("{lost} was there when grading began here, and cannot be found any more", lost=lost[0])
                )
            # Perhaps it was away for a moment. If it is the submission's own doing, the same will come of it again.
            graded = _run_and_check(
                repair(raw, template), exercise, server, limits, held_out, student, seconds, files, book
            )
    except KernelDidNotStart as error:
        raise ForkServerFailed(str(error)) from error
    graded.result.seconds["total"] = time.perf_counter() - began
    return graded


def missing(student: str, exercise: Exercise, sandbox: Sandbox, why: str = "") -> SubmissionResult:
    """The result of a student of whom no notebook of this exercise is there, or none that counts, and then `why`."""
    nothing = _(
        "There is no {notebook} among the files handed in. Hand in the notebook under that name.",
        notebook=f"{exercise.name}.ipynb",
    )
    return _nothing(student, exercise, Status.MISSING, why or nothing, sandbox)


def not_graded(
    student: str, exercise: Exercise, message: str, notes: tuple[str, ...], sandbox: str
) -> SubmissionResult:
    """The result of a student whose work could not be graded, through no fault of theirs. It leaves no mark.

    The next run tries again, and in the gradebook it waits for a person to look at it.
    """
    message = said(message)
    checks = tuple(without_tests(task.grade_id, task.points, message, Outcome.ERROR) for task in exercise.tasks)
    return SubmissionResult(student, exercise.name, Status.ERROR, checks, message, notes, sandbox)


def _run_and_check(
    repaired: Repaired,
    exercise: Exercise,
    server: ForkServer,
    limits: Limits,
    held_out: data.HeldOut | None,
    student: str,
    seconds: dict[str, float],
    files: Sequence[tuple[str, bytes]],
    book: str,
) -> Graded:
    notebook = repaired.notebook
    with NotebookRun(notebook, server, limits, files) as run, KernelAnswers(run, held_out) as answers:
        began = time.perf_counter()
        recording = Recording(answers)
        submission = Submission(recording)

        def before_task(task: Task) -> None:
            run.run_until(task.grade_id)
            recording.begin(task.grade_id)

        checks = run_checks(exercise, submission, before=before_task)
        surroundings = answers.surroundings()
        run.run_rest()
        seconds |= run.seconds
        others = run.seconds["cells"] + run.seconds["models"]
        seconds["checks"] = time.perf_counter() - began - others
        status, message = run.status, said(run.message)
    began = time.perf_counter()
    outputs.make_safe(notebook)
    show_results(notebook, {check.name: check for check in checks}, Reading(exercise.name, book))
    seconds["notebook"] = time.perf_counter() - began
    notes = tuple(said(note) for note in repaired.repairs)
    if server.sandbox is Sandbox.LIMITS_ONLY:
        notes += (said(LIMITS_ONLY_NOTE),)
    result = SubmissionResult(
        student,
        exercise.name,
        status,
        checks,
        message,
        notes,
        str(server.sandbox),
        seconds,
        submission.measures,
        submission.curves,
        held_out=data.origin_of(held_out),
        surroundings=surroundings,
    )
    return Graded(result, notebook, recording.to_bytes() if status is Status.GRADED else None)


def show_results(
    notebook: nbformat.NotebookNode, checks: dict[str, CheckResult], reading: Reading | None = None
) -> None:
    """Make what graded cells say what their checks said, in place."""
    number = 0
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        number += 1
        task = task_of(cell)
        if task is not None and task.grade_id in checks:
            outputs.show_result(cell, checks[task.grade_id], number, reading)
        else:
            cell.execution_count = number


def _nothing(student: str, exercise: Exercise, status: Status, message: str, sandbox: Sandbox) -> SubmissionResult:
    message = said(message)
    outcome = Outcome.NOT_ATTEMPTED if status is Status.MISSING else Outcome.FAILED
    checks = tuple(without_tests(task.grade_id, task.points, message, outcome) for task in exercise.tasks)
    return SubmissionResult(student, exercise.name, status, checks, message, sandbox=str(sandbox))


def _read_template(path: Path) -> Any:
    try:
        return nbformat.read(path, as_version=4)
    except (OSError, ValueError) as error:
        raise ChecksBroken(
            say("The exercise's own notebook {name} cannot be read: {error}", name=path.name, error=error)
        ) from error
