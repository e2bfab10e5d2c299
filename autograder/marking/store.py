"""Marks: what a person gives and says, in nbgrader's own tables, with one writer at a time and a history.

Whoever marks has seen a state of the gradebook. If somebody else, here or in the formgrader, has changed it since, the
mark is not written and the second person is told what the first one did. Every change is kept in a history beside the
gradebook, with who made it, when, and why; nbgrader has no place for that.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from autograder.course.blind import code_of, key_of
from autograder.course.directory import Course
from autograder.course.files import write_atomically
from autograder.course.grades import StudentGrades, TaskGrade, graded_students, read_grades
from autograder.course.sources import REQUEST
from autograder.course.submissions import Submitted
from autograder.course.times import time_of
from autograder.errors import CourseError, UsageError
from autograder.exercise.wire import one_line
from autograder.grading.feedback import as_in_gradebook
from autograder.language import say, say_plural

MAX_TEXT = 4_000  # characters of a comment or a reason
MAX_REQUEST = 4_000  # of a learner's request for another look
MAX_BANK = 200  # comments that are kept to be used again


class ChangedMeanwhile(Exception):
    """Somebody else has changed this since it was shown. `by` says what they did, as far as it is known."""

    def __init__(self, by: str) -> None:
        super().__init__(by)
        self.by = by


@dataclass(frozen=True)
class NewMark:
    """What a person wants to stand for one task."""

    task: str
    points: float | None  # None: as the check says
    extra: float
    comment: str
    reason: str = ""


class Marks:
    """One exercise of one course, for those who mark it."""

    def __init__(self, course: Course, exercise: str) -> None:
        """Open it.

        Raises:
            CourseError: nothing was graded yet.
        """
        self.course, self.exercise = course, exercise
        self._folder = course.state / exercise
        self._key = key_of(self._folder)
        self._history = self._folder / "marks.jsonl"
        self._bank = course.root / "comments.json"
        if not self.works():
            raise CourseError(
                say(
                    "Nothing of '{exercise}' has been graded in {course}. Grade it first.",
                    exercise=exercise,
                    course=course.root,
                )
            )
        self.answers = self._answer_cells()

    def key_of(self, student: str) -> str:
        """What a student is called in addresses, and how they are sorted where names are hidden."""
        return code_of(self._key, student)

    def works(self) -> dict[str, str]:
        """Whose work there is, by key."""
        return {self.key_of(student): student for student in graded_students(self.course, self.exercise)}

    def grades(self, student: str) -> StudentGrades | None:
        """What one student has; None if there is no work of theirs any more."""
        found = read_grades(self.course, self.exercise, student).get(student)
        return found if found is not None and found.handed_in and found.tasks else None

    def everybody(self) -> dict[str, StudentGrades]:
        """Who handed something in, by key."""
        grades = read_grades(self.course, self.exercise).values()
        return {self.key_of(one.student): one for one in grades if one.handed_in and one.tasks}

    def _answer_cells(self) -> dict[str, str]:
        """For each graded cell, the answer cell whose comment belongs to it: itself, or the nearest one before it."""
        released = self.course.released(self.exercise)
        found: dict[str, str] = {}
        latest = ""
        try:
            cells = json.loads(released.read_text("utf-8"))["cells"] if released is not None else []
        except (OSError, ValueError, KeyError, TypeError):
            cells = []
        for cell in cells:
            about = (cell.get("metadata") or {}).get("nbgrader") or {}
            if about.get("solution"):
                latest = str(about.get("grade_id", ""))
            elif about.get("grade") and latest:
                found[str(about.get("grade_id", ""))] = latest
        return found

    # -- what is shown ------------------------------------------------------------------------------------------------

    def version(self, grades: StudentGrades, task: TaskGrade) -> str:
        """What somebody sees of a task, as a short text that changes with it."""
        seen = [task.auto, task.manual, task.extra, task.needs_look, self.comment(grades, task.name)]
        return hashlib.sha256(json.dumps(seen).encode()).hexdigest()[:16]

    def comment(self, grades: StudentGrades, task: str) -> str:
        """What a person said about a task."""
        return grades.comments.get(self.answers.get(task, task), "")

    def history(self, student: str | None = None) -> list[dict[str, Any]]:
        """All changes, the latest first."""
        try:
            lines = self._history.read_text("utf-8").splitlines()
        except OSError:
            return []
        found = []
        theirs = "" if student is None else json.dumps(student)  # as `_remember` writes it
        for line in reversed(lines):
            if theirs not in line:
                continue
            try:
                one = json.loads(line)
            except ValueError:  # cut short when a machine went down
                continue
            if isinstance(one, dict) and (student is None or one.get("student") == student):
                found.append(one)
        return found

    def request(self, student: str) -> str:
        """What a learner wrote who asks for another look; '' if nobody did."""
        try:
            path = self.course.submission_folder(self.exercise, student) / REQUEST
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with os.fdopen(descriptor, "rb") as file:
                text = file.read(MAX_REQUEST).decode("utf-8", "replace").strip()
        except OSError:
            return ""
        return text or say("(The request is empty.)")

    def open_requests(self, students: Iterable[str]) -> dict[str, str]:
        """What those wrote who ask for another look and have no answer yet."""
        asked = {student: request for student in students if (request := self.request(student))}
        notes: dict[str, list[dict[str, Any]]] = {}
        only = next(iter(asked)) if len(asked) == 1 else None
        for note in self.history(only) if asked else ():
            notes.setdefault(str(note.get("student")), []).append(note)
        return {s: text for s, text in asked.items() if not self._answered(notes.get(s, []), s, text)}

    def _answered(self, notes: list[dict[str, Any]], student: str, request: str) -> bool:
        """Whether somebody has said that this very request, about the notebook as it is now, is dealt with."""
        mark = _mark(request)
        about = [note for note in notes if note.get("request") == mark]
        if not about:  # so there is no need to read what was handed in
            return False
        work = self.course.submission(self.exercise, student)
        return any(_is_about(note, work) for note in about)

    # -- what is written ----------------------------------------------------------------------------------------------

    def give(self, student: str, new: NewMark, seen: str, marker: str) -> None:
        """Write one mark.

        Args:
            seen: the `version` that the person saw.

        Raises:
            ChangedMeanwhile: it is another by now.
            UsageError: points without a reason, or that cannot be.
            CourseError: the gradebook cannot be written.
        """
        with self._writing() as connection:
            grades = read_grades(self.course, self.exercise, student)[student]
            task = next((t for t in grades.tasks if t.name == new.task), None)
            if task is None:
                raise UsageError(say("There is no task '{task}'.", task=one_line(new.task, 60)))
            if self.version(grades, task) != seen:
                raise ChangedMeanwhile(self._who_changed(student, new.task))
            _reasonable(new, task)
            comment = new.comment.strip()
            notebook, cell, answer = self._rows(connection, student, new.task)
            connection.execute(
                "update grade set manual_score = ?, extra_credit = ?, needs_manual_grade = 0"
                " where notebook_id = ? and cell_id = ?",
                (new.points, new.extra or None, notebook, cell),
            )
            connection.execute(
                "update comment set manual_comment = ? where notebook_id = ? and cell_id = ?",
                (comment or None, notebook, answer),
            )
            self._remember(
                {
                    "student": student,
                    "task": new.task,
                    "marker": marker,
                    "from": [task.manual, task.extra, self.comment(grades, new.task)],
                    "to": [new.points, new.extra, comment],
                    "reason": new.reason.strip(),
                }
            )
            connection.commit()
        self._bring_page_up_to_date(student)

    def answer_request(self, student: str, request: str, marker: str) -> None:
        """Say that a request is dealt with."""
        notebook = self.course.submission(self.exercise, student).digest
        self._remember({"student": student, "marker": marker, "request": _mark(request), "notebook": notebook})

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """The gradebook, for one writer; others wait."""
        address = f"{self.course.gradebook.as_uri()}?mode=rw"
        try:
            with contextlib.closing(sqlite3.connect(address, uri=True, timeout=30, isolation_level=None)) as connection:
                connection.execute("begin immediate")
                yield connection
        except sqlite3.Error as error:
            raise CourseError(
                say("The gradebook cannot be written: {error}. Nothing was changed.", error=error)
            ) from error

    def _rows(self, connection: sqlite3.Connection, student: str, task: str) -> tuple[str, str, str]:
        """Ids of the submitted notebook, of the graded cell and of the answer cell that has its comment."""
        query = (
            "select n.id, k.id from submitted_notebook n join notebook k on k.id = n.notebook_id"
            " join submitted_assignment b on b.id = n.assignment_id join assignment a on a.id = b.assignment_id"
            " where a.name = :exercise and k.name = :exercise and b.student_id = :student"
        )
        about = {"exercise": self.exercise, "student": student}
        notebook, of = connection.execute(query, about).fetchone()
        ids = dict(connection.execute("select type || name, id from base_cell where notebook_id = ?", (of,)).fetchall())
        answer = self.answers.get(task, task)
        graded = next(i for kind in ("GradeCell", "TaskCell") if (i := ids.get(kind + task)))
        return notebook, graded, ids.get("SolutionCell" + answer) or ids.get("TaskCell" + answer) or ""

    def _who_changed(self, student: str, task: str) -> str:
        for one in self.history(student):
            if one.get("task") == task:
                points = one["to"][0]
                who, when = one["marker"], str(one["when"])[11:16]
                if points is None:
                    return say("{who} gave the points of the check at {time}.", who=who, time=when)
                return say_plural(
                    "{who} gave {n:g} point at {time}.",
                    "{who} gave {n:g} points at {time}.",
                    round(points, 2),
                    who=who,
                    time=when,
                )
        return say("It was changed in the formgrader, or graded again.")

    def _remember(self, what: dict[str, Any]) -> None:
        line = json.dumps({"when": datetime.now().astimezone().isoformat(timespec="seconds"), **what}) + "\n"
        try:
            descriptor = os.open(self._history, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "ab") as file:
                file.write(line.encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise CourseError(
                say(
                    "{file} cannot be written: {reason}. Nothing was changed.",
                    file=self._history,
                    reason=error.strerror,
                )
            ) from error

    def _bring_page_up_to_date(self, student: str) -> None:
        """The feedback page at once; the report reads the gradebook, and the next `grade` does the rest."""
        path = self.course.feedback / student / self.exercise / f"{self.exercise}.html"
        with contextlib.suppress(OSError):
            page = path.read_text("utf-8", "replace")
            write_atomically(path, as_in_gradebook(page, read_grades(self.course, self.exercise, student)[student]))

    # -- comments to use again ----------------------------------------------------------------------------------------

    def bank(self) -> list[str]:
        """Comments that were kept for this exercise."""
        return self._banked().get(self.exercise, [])

    def keep(self, comment: str) -> None:
        """Keep a comment to be used again. Raises `CourseError`."""
        comment, banked = comment.strip()[:MAX_TEXT], self._banked()
        known = banked.setdefault(self.exercise, [])
        if comment and comment not in known and len(known) < MAX_BANK:
            known.append(comment)
            try:
                write_atomically(self._bank, json.dumps(banked, indent=1, ensure_ascii=False) + "\n")
            except OSError as error:
                raise CourseError(
                    say("{file} cannot be written: {reason}.", file=self._bank, reason=error.strerror)
                ) from error

    def _banked(self) -> dict[str, list[str]]:
        try:
            content = json.loads(self._bank.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise CourseError(say("{file} cannot be read: {error}.", file=self._bank, error=error)) from error
        if not isinstance(content, dict):
            raise CourseError(
                say("{file} should be an object with a list of comments for each exercise.", file=self._bank)
            )
        return {str(k): [str(one) for one in v] for k, v in content.items() if isinstance(v, list)}


def _mark(request: str) -> str:
    return hashlib.sha256(request.encode("utf-8", "replace")).hexdigest()


def _is_about(note: dict[str, Any], work: Submitted) -> bool:
    """Whether a note that a request is dealt with is about this hand-in.

    Notes of earlier versions do not name the notebook. They hold for what was handed in by then.
    """
    if "notebook" in note:
        return bool(note["notebook"] == work.digest)
    came = time_of(work.timestamp)
    return came is None or came.replace(tzinfo=UTC) <= datetime.fromisoformat(note["when"])


def _reasonable(new: NewMark, task: TaskGrade) -> None:
    for points in (new.points if new.points is not None else 0.0, new.extra):
        if not math.isfinite(points) or abs(points) > 10_000:
            raise UsageError(say("Enter the points as a number."))
    if new.points is not None and not 0 <= new.points <= task.max_points:
        raise UsageError(
            say(
                "Points must be between 0 and {most:g}. Enter anything above that as extra credit.",
                most=task.max_points,
            )
        )
    if len(new.comment) > MAX_TEXT or len(new.reason) > MAX_TEXT:
        raise UsageError(say("Comments and reasons can be at most {most} characters long.", most=MAX_TEXT))
    if (new.points, new.extra) != (task.manual, task.extra) and not new.reason.strip():
        raise UsageError(say("Say why you change the points; whoever looks at it later will want to know."))
