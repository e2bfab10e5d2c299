"""Station 5: one writer puts each result into the course directory as soon as it is ready.

The order makes it safe to be killed anywhere: first the files, then the gradebook in one transaction, last
the note that this submission is done. A run that finds no such note grades the submission again, and
writing the same result twice leaves what writing it once does. Results that are ready at the same time
share a transaction.
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.exc import OperationalError

from autograder.course import model_answers
from autograder.course.deadlines import as_utc
from autograder.course.deadlines import shown as shown_time
from autograder.course.directory import Course
from autograder.course.files import write_atomically
from autograder.course.gradebook import Gradebook
from autograder.course.marks import Mark, by_hand
from autograder.course.settings import BEST
from autograder.course.submissions import Submitted
from autograder.course.times import time_of
from autograder.errors import CourseError
from autograder.exercise.definition import Exercise
from autograder.exercise.outcome import Status, SubmissionResult
from autograder.exercise.wire import one_line
from autograder.grading import versions
from autograder.grading.basis import Basis
from autograder.grading.feedback import page_without_work, with_answers, with_deadline, with_marks
from autograder.grading.grade import not_graded
from autograder.grading.regrade import Recorded, digest
from autograder.grading.replay import Observed
from autograder.grading.worker import Done
from autograder.language import _, said, say

BEST_COUNTS = _("Of all that you hand in for this exercise, the best counts.")
AFTER_ANSWERS = _("This came after the answers to the exercise could be seen.")
GIVE_UP_AFTER = 8  # students in a row whose files cannot be written: then it is not their files
_NOT_THIS_STUDENT = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE)
MAX_OBSERVED_BYTES = 2_000_000_000  # on disk, of all records of a course (see `replay`)


class Observations:
    """The records of a course's runs, on disk. Once they are too many, no more are kept.

    A submission whose record is not there runs again when a check changes, which is always right.
    """

    def __init__(self, course: Course) -> None:
        self._bytes = sum(_size(path) for path in course.state.glob("*/observed/*.record"))
        self.full = False  # there was no room for one

    def keep(self, path: Path, content: bytes | None) -> None:
        """Put a record in the place of the one that is there; nothing, if there is none or no room for it."""
        others = self._bytes - _size(path)
        if content is not None and others + len(content) <= MAX_OBSERVED_BYTES:
            write_atomically(path, content)
            self._bytes = others + len(content)
        else:
            self.full = self.full or content is not None
            path.unlink(missing_ok=True)
            self._bytes = others


class Recorder:
    """Writes results of one exercise into one course. Use as a context manager; one at a time."""

    def __init__(
        self, course: Course, exercise: Exercise, observations: Observations, students: Collection[str] | None = None
    ) -> None:
        """Open the gradebook; a due date that the course's settings changed is written into it.

        Args:
            students: see `Gradebook`.

        Raises:
            CourseError: the gradebook cannot be read or written.
        """
        self._course = course
        self._observations = observations
        self._exercise, self._name = exercise, exercise.name
        self._failed_in_a_row = 0
        self._notes = course.state / exercise.name / "done"
        self._observed = course.state / exercise.name / "observed"
        self._notes.mkdir(parents=True, exist_ok=True)
        self._observed.mkdir(parents=True, exist_ok=True)
        terms = course.settings.of(exercise.name)
        try:
            self._gradebook = Gradebook(course.db_url, course.course_id, exercise.name, course.late, terms, students)
        except OperationalError as error:
            raise CourseError(
                say("The gradebook {gradebook} cannot be read: {error}.", gradebook=course.gradebook, error=error.orig)
            ) from error
        self._best_counts = course.settings.of(exercise.name).counts == BEST
        self._answers = model_answers.to_show(course, exercise.name, self._gradebook.deadline)
        self._uncommitted: list[tuple[str, str | None]] = []  # student, the note's text

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None or issubclass(kind, KeyboardInterrupt):
                self.flush()
        finally:
            self._gradebook.close()

    def earlier(self, submitted: Submitted, basis: Basis) -> dict[str, Any] | None:
        """The JSON of the result recorded earlier, if it rests on the same things.

        None if the gradebook or the feedback that went with it is gone: then it has to be made again. When it came, and
        what it loses for that, is brought up to date: a due date may have been moved.

        Raises:
            CourseError, BadSetting: see `record`.
        """
        note = self._note(submitted.student)
        if note is None or note.get("key") != basis.key or not self._gradebook.knows(submitted.student):
            return None
        if not _size(self._feedback(submitted.student)):
            return None
        try:
            result = SubmissionResult.from_json(self._name, note["result"])
        except (KeyError, TypeError, ValueError, AttributeError):
            return None  # damaged: it is made again
        if not self._gradebook.has_points_of(submitted.student, result):
            return None  # another program has graded this, so the notebook beside it is another one, too
        return self._as_entered(submitted, result, basis, note) or note["result"]

    def _as_entered(
        self, submitted: Submitted, result: SubmissionResult, basis: Basis, note: dict[str, Any]
    ) -> dict[str, Any] | None:
        """The result with the points that it loses today and those that people changed since, written everywhere.

        The page gets the answers, or loses them, by what may be shown today. None if nothing has changed.
        """
        marked = note.get("marks", [])
        marks = self._gradebook.marks(submitted.student)
        today = replace(self._today(submitted, result), by_hand=by_hand(result, marks))
        penalty, same = today.late_penalty, today == result and [mark.to_json() for mark in marks] == marked
        same = same and note.get("answers", "") == self._answers_digest
        if same and self._gradebook.is_as_entered(submitted.student, submitted.timestamp, penalty):
            return None
        content = today.to_json()
        page = self._feedback(submitted.student)
        try:
            if not same:
                text = with_deadline(page.read_text("utf-8", "replace"), today)
                text = with_marks(text, today.score, marks) if marks or marked else text
                write_atomically(page, self._with_answers(text))
            self._gradebook.enter_time(submitted.student, submitted.timestamp, penalty)
        except (OSError, OperationalError) as error:
            raise _cannot_write(submitted.student, error) from error
        self._uncommitted.append((submitted.student, _note_of(basis, content, marks, self._answers_digest)))
        self.flush()  # another exercise's writer may be next
        return content

    @property
    def _answers_digest(self) -> str:
        """Of the answers that pages show; '' if they show none."""
        return self._answers.digest if self._answers else ""

    def _with_answers(self, page: str) -> str:
        return with_answers(page, self._answers.of_tasks if self._answers else None)

    def _today(self, submitted: Submitted, result: SubmissionResult) -> SubmissionResult:
        """The result beside today's due date and extensions."""
        lateness = self._gradebook.lateness(submitted.student, submitted.timestamp)
        deadline = None if lateness is None else lateness.to_json()
        return replace(
            result,
            late_penalty=self._gradebook.late_penalty(submitted.student, submitted.timestamp, result),
            deadline=self._with_best(submitted, deadline) if self._best_counts else deadline,
        )

    def _with_best(self, submitted: Submitted, deadline: dict[str, Any] | None) -> dict[str, Any]:
        """What a result says of its due date, and that it is the one of a version among others."""
        came = time_of(submitted.timestamp)
        zone = self._course.settings.of(self._name).zone
        if deadline is None:
            nothing = {"due": None, "handed_in": None, "extended": False, "seconds_late": 0.0, "says": ""}
            when = None if came is None else as_utc(came).astimezone(zone)
            deadline = nothing | {"handed_in": None if when is None else when.isoformat()}
        about = []
        if came is not None:
            date = shown_time(as_utc(came).astimezone(zone).replace(microsecond=0), False)
            about = [say("This is about what you handed in on {date}.", date=date)]
        return deadline | {"says": " ".join([str(deadline["says"]), said(BEST_COUNTS), *about]).strip()}

    def all_of(self, submitted: Submitted) -> list[Submitted]:
        """All that a student handed in, the earliest first, where the best counts; else what was handed in last.

        Raises:
            CourseError: what was handed in cannot be kept.
        """
        return versions.of_student(self._course, self._name, submitted) if self._best_counts else [submitted]

    def best_known(self, those: list[Submitted], basis_of: Callable[[Submitted], Basis]) -> Submitted | None:
        """The version that counts, of those whose result is known; None if none is.

        Raises:
            BadSetting: the course's own plugin for late submissions failed.
        """
        known, points = self._known(those[0].student), []
        for one in those:
            result = versions.result_in(self._name, known.get(one.digest), basis_of(one).key)
            if result is not None:
                points.append((one, self._gradebook.what_counts(one.student, one.timestamp, result)))
        return versions.best(points)

    def unknown(self, those: list[Submitted], basis_of: Callable[[Submitted], Basis]) -> list[Submitted]:
        """Those versions of a student's work that have no result that holds."""
        known = self._known(those[0].student)
        return [o for o in those if versions.result_in(self._name, known.get(o.digest), basis_of(o).key) is None]

    def record_best(
        self, several: versions.Several, submitted: Submitted, done: Done, basis_of: Callable[[Submitted], Basis]
    ) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """Take one version's result, and once all are there, write that of the best.

        Returns:
            The JSON of this version's result, and of the one that counts, or None as long as some are still graded.

        Raises:
            CourseError, BadSetting: see `record`.
        """
        several.finish(submitted, done)
        own = self._today(submitted, done.result).to_json()
        if several.left:
            return own, None
        student = submitted.student
        keys = {one.digest: basis_of(one).key for one in several.versions}
        try:
            versions.write(self._versions_file(student), several, self._known(student), keys)
        except OSError as error:
            raise _cannot_write(student, error) from error
        counts = self.best_known(several.versions, basis_of)
        if counts is None or counts.digest in several.done:
            one, its = several.done[counts.digest] if counts is not None else (submitted, done)
            return own, self.record(one, its, basis_of(one))
        return own, self.earlier(counts, basis_of(counts)) or own

    def _known(self, student: str) -> dict[str, Any]:
        """The results of a student's versions, by digest, with the one that is recorded."""
        known, note = versions.read(self._versions_file(student)), self._note(student)
        if note is not None:
            known[digest_in(note)] = note
        return known

    def _versions_file(self, student: str) -> Path:
        return versions_file(self._course, self._name, student)

    def why_again(self, submitted: Submitted, basis: Basis) -> str:
        """Why an earlier result does not hold any more, as a clause; '' if there was none."""
        note = self._note(submitted.student)
        if note is None:
            return ""
        if note.get("key") == basis.key:
            return say("the gradebook or the feedback page was gone, or another program had graded too")
        changed = basis.changed_since(note.get("basis"))
        return (
            say("{changed} changed since", changed=changed) if changed else say("nothing says what it was graded with")
        )

    def is_recorded(self, submitted: Submitted) -> bool:
        """Whether the last result of this student was one of this very file."""
        note = self._note(submitted.student)
        return note is not None and digest_in(note) == submitted.digest

    def of_last_time(self, submitted: Submitted) -> dict[str, Any] | None:
        """The JSON of the last result, whatever it rests on, for a student whose files cannot be read now.

        What was graded once is not lost because a disk is away for a moment.
        """
        note = self._note(submitted.student)
        if note is None or not self._gradebook.knows(submitted.student) or not isinstance(note.get("result"), dict):
            return None
        says = say(
            "What was handed in cannot be read now ({why}). This is the result from last time.", why=submitted.unread
        )
        result: dict[str, Any] = note["result"]
        return result | {"notes": [*result.get("notes", ()), says]}

    def seconds_last_time(self, submitted: Submitted) -> float:
        """How long this student's submission took in an earlier run; infinity if that is not known."""
        note = self._note(submitted.student)
        try:
            return float(note["result"]["seconds"]["total"]) if note else math.inf
        except (KeyError, TypeError, ValueError):
            return math.inf

    def recorded(self, submitted: Submitted, basis: Basis) -> Recorded | None:
        """The record of an earlier run that differs from one now in nothing but the checks, if there is one."""
        path = self._file(self._observed, submitted.student, "record")
        try:
            with path.open("rb") as file:
                known = json.loads(file.readline())
            if known["ran"] != basis.but_checks.key:
                return None
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return Recorded(submitted.student, path, self._graded(submitted.student) / f"{self._name}.ipynb")

    def record(self, submitted: Submitted, done: Done, basis: Basis) -> dict[str, Any]:
        """Write one result; it is permanent after `flush`. Returns its JSON.

        What cannot be written for one student, for a reason that lies with their files, becomes that student's result.

        Args:
            basis: what the result rests on.

        Raises:
            CourseError: the disk is full, or the gradebook, or the files of student after student, cannot be written.
            BadSetting: the course's own plugin for late submissions failed.
        """
        student, result = submitted.student, done.result
        if self._answers and self._answers.since and _came_after(submitted, self._answers.since):
            result = result.with_notes(*[note for note in [said(AFTER_ANSWERS)] if note not in result.notes])
            done = replace(done, result=result)
        today = self._today(submitted, result)
        if today != result:
            result = today
            page = None if done.page is None else with_deadline(done.page, result)
            done = replace(done, result=result, page=page)
        marks = self._gradebook.marks(student, now=True)
        if marks:
            result = replace(result, by_hand=by_hand(result, marks))
            page = None if done.page is None else with_marks(done.page, result.score, marks)
            done = replace(done, result=result, page=page)
        if self._answers and done.page is not None:
            done = replace(done, page=self._with_answers(done.page))
        same_work = digest_in(self._note(student)) == submitted.digest
        content: dict[str, Any] = result.to_json()
        try:
            self._write_files(submitted, done, content, basis)
            self._failed_in_a_row = 0
        except OSError as error:
            self._failed_in_a_row += 1
            if error.errno in _NOT_THIS_STUDENT or self._failed_in_a_row >= GIVE_UP_AFTER:
                raise _cannot_write(student, error) from error
            result = self._not_recorded(result, error.strerror or str(error))
        except Exception as error:  # one student's result must not end the class
            result = self._not_recorded(result, f"{type(error).__name__}: {error}")
        for _again in range(2):
            try:
                self._gradebook.enter(student, submitted.timestamp, result, same_work)
                break
            except OperationalError as error:
                raise _cannot_write(student, error) from error
            except Exception as error:
                result = self._not_recorded(result, f"{type(error).__name__}: {error}")
        content = result.to_json()
        # An error that is our fault leaves no note, so the next run tries again.
        note = None if result.status is Status.ERROR else _note_of(basis, content, marks, self._answers_digest)
        self._uncommitted.append((student, note))
        return content

    def _write_files(self, submitted: Submitted, done: Done, content: dict[str, Any], basis: Basis) -> None:
        student, notebook, page = submitted.student, done.notebook, done.page
        graded = self._graded(student)
        if notebook is not None:
            write_atomically(graded / f"{self._name}.ipynb", notebook)
            _copy_notes(submitted, graded)
        write_atomically(self._feedback(student), page if page is not None else page_without_work(done.result))
        _copy_notes(submitted, self._feedback(student).parent)
        observed = None
        if done.record is not None and notebook is not None:
            observed = Observed(basis.but_checks.key, digest(notebook), content, done.record).to_bytes()
        self._observations.keep(self._file(self._observed, student, "record"), observed)

    def _not_recorded(self, result: SubmissionResult, why: str) -> SubmissionResult:
        message = _(
            "The result could not be written ({why}), which is our fault and not yours. Your teacher is told, and the"
            " next run will try again.",
            why=one_line(why, 200),
        )
        return not_graded(result.student, self._exercise, message, result.notes, result.sandbox)

    def flush(self) -> None:
        """Make everything recorded so far permanent.

        Raises:
            CourseError: see `record`.
        """
        if not self._uncommitted:
            return
        try:
            self._gradebook.commit()
            for student, note in self._uncommitted:
                path = self._note_file(student)
                if note is None:
                    path.unlink(missing_ok=True)
                else:
                    write_atomically(path, note)
        except (OSError, OperationalError) as error:
            raise _cannot_write(self._uncommitted[0][0], error) from error
        self._uncommitted.clear()

    def _note(self, student: str) -> dict[str, Any] | None:
        return read_note(self._note_file(student))

    def _graded(self, student: str) -> Path:
        return self._course.autograded / student / self._name

    def _note_file(self, student: str) -> Path:
        return self._file(self._notes, student, "json")

    @staticmethod
    def _file(folder: Path, student: str, ending: str) -> Path:
        return _file(folder, student, ending)

    def _feedback(self, student: str) -> Path:
        return self._course.feedback / student / self._name / f"{self._name}.html"


def _came_after(submitted: Submitted, moment: datetime) -> bool:
    came = time_of(submitted.timestamp)
    return came is not None and as_utc(came) > moment


def _note_of(basis: Basis, content: dict[str, Any], marks: list[Mark], answers: str) -> str:
    # On one line: with an indent Python's encoder takes ten times as long, a fifth of all there is to do here.
    note: dict[str, Any] = {"key": basis.key, "basis": dict(basis.parts), "result": content}
    if marks:
        note["marks"] = [mark.to_json() for mark in marks]
    if answers:
        note["answers"] = answers
    return json.dumps(note, ensure_ascii=False) + "\n"


def observed_file(course: Course, exercise: str, student: str) -> Path:
    """Where the record of a student's last run lies, if there is one."""
    return _file(course.state / exercise / "observed", student, "record")


def versions_file(course: Course, exercise: str, student: str) -> Path:
    """Where the results of all that a student handed in are kept, if the best counts."""
    return _file(course.state / exercise / "versions", student, "json")


def note_file(course: Course, exercise: str, student: str) -> Path:
    """Where a student's result is noted, if there is one."""
    return _file(course.state / exercise / "done", student, "json")


def read_note(file: Path) -> dict[str, Any] | None:
    """What was noted of a student's result; None if there is nothing that can be read."""
    try:
        note = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return note if isinstance(note, dict) else None


def digest_in(note: Mapping[str, Any] | None) -> str:
    """The digest of the file that a noted result is of, which its key begins with; '' if nothing says so."""
    return "" if note is None else str(note.get("key", "")).partition("-")[0]


def _file(folder: Path, student: str, ending: str) -> Path:
    # A folder's name may be as long as a file's, and then leaves no room for an ending. No student's name begins with
    # a dot.
    name = student if len(os.fsencode(student)) < 200 else "." + hashlib.sha256(os.fsencode(student)).hexdigest()
    return folder / f"{name}.{ending}"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _cannot_write(student: str, error: OSError | OperationalError) -> CourseError:
    why = error.strerror if isinstance(error, OSError) else str(error.orig)
    return CourseError(
        say(
            "The result of {student} cannot be written: {why}. What was graded before is kept; fix this,"
            " and run the same command again.",
            student=student,
            why=why,
        )
    )


def _copy_notes(submitted: Submitted, folder: Path) -> None:
    """What nbgrader's release_feedback asks for: when it was handed in, and the secret that names the page."""
    if submitted.timestamp:
        write_atomically(folder / "timestamp.txt", submitted.timestamp + "\n")
    if submitted.secret:
        write_atomically(folder / "submission_secret.txt", submitted.secret)  # to the byte: it is hashed
