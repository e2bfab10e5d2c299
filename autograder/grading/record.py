"""Station 5: one writer puts each result into the course directory as soon as it is ready.

The order makes it safe to be killed anywhere: first the files, then the gradebook in one transaction, last
the note that this submission is done. A run that finds no such note grades the submission again, and
writing the same result twice leaves what writing it once does.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

import nbformat
import nbgrader.api as api
from nbgrader.utils import parse_utc
from sqlalchemy import event
from sqlalchemy.exc import OperationalError, SAWarning
from sqlalchemy.orm import Session

from autograder.exercise import Exercise
from autograder.grading.course import Course, CourseError, Submitted
from autograder.grading.outputs import plain_markdown
from autograder.grading.release import programs_of_this_python
from autograder.outcome import CheckResult, Outcome, Status, SubmissionResult


class Recorder:
    """Writes results of one exercise into one course. Use as a context manager; one at a time."""

    def __init__(self, course: Course, exercise: Exercise) -> None:
        self._course = course
        self._exercise = exercise
        self._notes = course.state / exercise.name / "done"
        self._notes.mkdir(parents=True, exist_ok=True)
        with programs_of_this_python():
            self._gradebook = api.Gradebook(course.db_url, course.root.name)
        self._db: Session = self._gradebook.db
        event.listen(self._gradebook.engine, "connect", _wait_for_others)
        self._gradebook.engine.dispose()
        self._known = {s.student_id for s in self._gradebook.assignment_submissions(exercise.name)}

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        self._gradebook.close()

    def earlier(self, submitted: Submitted, key: str) -> dict[str, Any] | None:
        """The JSON of the result recorded earlier, if it was made from the same things (`key`).

        None if this gradebook does not know of it: then it is another than the one it was recorded in.
        """
        if submitted.student not in self._known:
            return None
        try:
            note = json.loads(self._note(submitted.student).read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return note["result"] if note.get("key") == key else None

    def seconds_last_time(self, submitted: Submitted) -> float:
        """How long this student's submission took in an earlier run; infinity if that is not known."""
        try:
            note = json.loads(self._note(submitted.student).read_text("utf-8"))
            return float(note["result"]["seconds"]["total"])
        except (OSError, ValueError, KeyError, TypeError):
            return math.inf

    def record(
        self,
        submitted: Submitted,
        result: SubmissionResult,
        notebook: nbformat.NotebookNode | None,
        page: str | None,
        key: str,
    ) -> None:
        """Write everything about one result.

        Raises:
            CourseError: the disk is full, or a file or the gradebook cannot be written.
        """
        try:
            self._record(submitted, result, notebook, page, key)
        except (OSError, OperationalError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error.orig)
            raise CourseError(
                f"The result of {submitted.student} cannot be written: {why}. What was graded before is kept;"
                " mend this, and run the same command again."
            ) from error

    def _record(
        self,
        submitted: Submitted,
        result: SubmissionResult,
        notebook: nbformat.NotebookNode | None,
        page: str | None,
        key: str,
    ) -> None:
        name, student = self._exercise.name, submitted.student
        graded = self._course.root / "autograded" / student / name
        feedback = self._course.root / "feedback" / student / name
        if notebook is not None:
            write_atomically(graded / f"{name}.ipynb", nbformat.writes(notebook))
            _copy_notes(submitted, graded)
        write_atomically(feedback / f"{name}.html", page if page is not None else _plain_page(result))
        _copy_notes(submitted, feedback)
        self._enter(submitted, result)
        if result.status is Status.ERROR:
            self._note(student).unlink(missing_ok=True)  # ours, so the next run tries again
            return
        note = {"key": key, "result": result.to_json()}
        write_atomically(self._note(student), json.dumps(note, indent=1, ensure_ascii=False) + "\n")

    def _enter(self, submitted: Submitted, result: SubmissionResult) -> None:
        """The gradebook's part, in one transaction: the same rows that `nbgrader autograde` writes."""
        name, student = self._exercise.name, submitted.student
        try:
            timestamp = parse_utc(submitted.timestamp) if submitted.timestamp else None
        except (ValueError, OverflowError):  # it is the student's folder, and may say anything
            timestamp = None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SAWarning)  # about the order in which nbgrader builds its rows
            self._gradebook.update_or_create_student(student)
            submission = self._gradebook.update_or_create_submission(name, student, timestamp=timestamp)
        (notebook,) = [n for n in submission.notebooks if n.name == name]
        checks = {check.name: check for check in result.checks}
        for grade in notebook.grades:
            check = checks.get(grade.name)
            grade.auto_score = check.points if check else 0.0
            grade.needs_manual_grade = grade.manual_score is not None or check is None or _is_ours(check)
        about = _comments(result)
        for comment in notebook.comments:
            comment.auto_comment = about
            about = None  # once, at the first answer
        self._db.commit()

    def _note(self, student: str) -> Path:
        name = student if len(os.fsencode(student)) < 200 else hashlib.sha256(os.fsencode(student)).hexdigest()
        return self._notes / f"{name}.json"


def _copy_notes(submitted: Submitted, folder: Path) -> None:
    """What nbgrader's release_feedback asks for: when it was handed in, and the secret that names the page."""
    if submitted.timestamp:
        write_atomically(folder / "timestamp.txt", submitted.timestamp + "\n")
    if submitted.secret:
        write_atomically(folder / "submission_secret.txt", submitted.secret)  # to the byte: it is hashed


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _comments(result: SubmissionResult) -> str | None:
    lines = [plain_markdown(line) for line in (result.message, *result.notes) if line]  # nbgrader shows it as Markdown
    return "\n\n".join(lines) or None


def _is_ours(check: CheckResult) -> bool:
    return check.outcome is Outcome.ERROR


def _plain_page(result: SubmissionResult) -> str:
    """Feedback for a submission of which no notebook could be made."""
    import html

    said = "".join(f"<p>{html.escape(line)}</p>" for line in (result.message, *result.notes) if line)
    title = html.escape(result.exercise)
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head><body>'
        f"<h1>{title}: {result.score:g} of {result.max_score:g} points</h1>{said}</body></html>\n"
    )


def _wait_for_others(connection: Any, _record: Any) -> None:
    connection.execute("pragma busy_timeout = 30000")
