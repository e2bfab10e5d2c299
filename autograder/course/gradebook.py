"""nbgrader's gradebook, written in as few statements as it takes.

The rows are those that ``nbgrader autograde`` writes, through nbgrader's own table definitions, so its
commands and its formgrader read them as theirs. Its API would open, query and commit many times for each
submission (measured: 130 ms); here the exercise's cells are read once and results are committed in groups.
What a class costs grows with its size and no faster: see `_new_id` and `CACHE_KB`.
"""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import nbgrader.api as api
from sqlalchemy import Connection, Select, and_, bindparam, create_engine, event, insert, or_, select, update
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from autograder.course.deadlines import Deadline, Lateness, as_utc
from autograder.course.late import LatePenalties
from autograder.course.marks import Mark, in_order
from autograder.course.release import programs_of_this_python
from autograder.course.settings import ExerciseSettings
from autograder.course.times import time_of
from autograder.errors import GradebookFailed
from autograder.exercise.display import plain_markdown
from autograder.exercise.outcome import CheckResult, Outcome, SubmissionResult
from autograder.language import say

# All columns that are named here stand in `compat.assumptions.ROWS`.
_STUDENT = api.Student.__table__
_SUBMISSION = api.SubmittedAssignment.__table__
_NOTEBOOK = api.SubmittedNotebook.__table__
_GRADE = api.Grade.__table__
_ASSIGNMENT = api.Assignment.__table__
_COMMENT = api.Comment.__table__

BY_KEY = 200  # students whose rows are read by their keys; of more than that, everybody's are read at once
CACHE_KB = 16_000  # of SQLite's pages in memory; its own default is 2 MB

_INSERT_STUDENT = insert(_STUDENT).prefix_with("OR IGNORE")  # another exercise's writer may have been faster
_INSERT_SUBMISSION, _INSERT_NOTEBOOK = insert(_SUBMISSION), insert(_NOTEBOOK)
_INSERT_GRADE, _INSERT_COMMENT = insert(_GRADE), insert(_COMMENT)
_UPDATE_TIME = (
    update(_SUBMISSION).where(_SUBMISSION.c.id == bindparam("of_submission")).values(timestamp=bindparam("handed_in"))
)
_UPDATE_EXTENSION = (
    update(_SUBMISSION).where(_SUBMISSION.c.id == bindparam("of_submission")).values(extension=bindparam("longer"))
)
_UPDATE_PENALTY = (
    update(_NOTEBOOK)
    .where(_NOTEBOOK.c.id == bindparam("of_notebook"))
    .values(late_submission_penalty=bindparam("lost"))
)
_UPDATE_GRADE = (
    update(_GRADE)
    .where(_GRADE.c.notebook_id == bindparam("in_notebook"), _GRADE.c.cell_id == bindparam("of_cell"))
    # As in nbgrader: a score that somebody gave by hand is kept, and asks for another look; but not if the same work
    # got the same points again.
    .values(
        auto_score=bindparam("score"),
        needs_manual_grade=or_(
            and_(
                _GRADE.c.manual_score.is_not(None),
                or_(
                    _GRADE.c.needs_manual_grade.is_(True),
                    bindparam("same").is_(False),
                    _GRADE.c.auto_score.is_distinct_from(bindparam("score")),
                ),
            ),
            bindparam("look").is_(True),
        ),
    )
)
_UPDATE_COMMENT = (
    update(_COMMENT)
    .where(_COMMENT.c.notebook_id == bindparam("in_notebook"), _COMMENT.c.cell_id == bindparam("of_cell"))
    .values(auto_comment=bindparam("comment"))
)
# Built once, for making a statement takes longer than executing it. nbgrader's indices begin with the cell.
_CELLS, _NOTEBOOKS = bindparam("cells", expanding=True), bindparam("notebooks", expanding=True)
_MARKS = select(_GRADE.c.notebook_id, _GRADE.c.cell_id, _GRADE.c.manual_score, _GRADE.c.extra_credit).where(
    or_(_GRADE.c.manual_score.is_not(None), _GRADE.c.extra_credit.is_not(None)), _GRADE.c.cell_id.in_(_CELLS)
)
_REMARKS = select(_COMMENT.c.notebook_id, _COMMENT.c.cell_id, _COMMENT.c.manual_comment).where(
    _COMMENT.c.manual_comment.is_not(None), _COMMENT.c.cell_id.in_(_CELLS)
)
_POINTS = select(_GRADE.c.notebook_id, _GRADE.c.cell_id, _GRADE.c.auto_score).where(
    _GRADE.c.auto_score.is_not(None), _GRADE.c.cell_id.in_(_CELLS)
)
_MARKS_OF, _POINTS_OF = (rows.where(_GRADE.c.notebook_id.in_(_NOTEBOOKS)) for rows in (_MARKS, _POINTS))
_GIVEN = select(_GRADE.c.cell_id, _GRADE.c.manual_score, _GRADE.c.extra_credit).where(
    _GRADE.c.notebook_id == bindparam("in_notebook"), _GRADE.c.cell_id.in_(_CELLS)
)
_REMARKS_OF = _REMARKS.where(_COMMENT.c.notebook_id.in_(_NOTEBOOKS))


@contextmanager
def failures_named() -> Iterator[None]:
    """Turn what SQLAlchemy raises while a gradebook is used into an error that ends the command.

    Raises:
        GradebookFailed: something failed, and nobody below knew what to do about it.
    """
    try:
        yield
    except SQLAlchemyError as error:
        why = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise GradebookFailed(
            say(
                "The gradebook cannot be used: {why}. What has been graded is kept; run the same command again to"
                " continue.",
                why=why,
            )
        ) from error


class Gradebook:
    """The gradebook of one course, for one exercise. One writer, one open transaction at most."""

    def __init__(
        self,
        db_url: str,
        course_id: str,
        exercise: str,
        late: LatePenalties | None = None,
        terms: ExerciseSettings | None = None,
        students: Collection[str] | None = None,
    ) -> None:
        """Open it.

        Args:
            late: what late work loses by nbgrader's plugin.
            terms: the exercise's settings. Where they say when it is due, the gradebook is told so.
            students: those it is opened for, as entered; None means everybody. Anybody else's rows are read once they
                are asked for, so that what one student hands in costs no more in a larger class.
        """
        self._late = late
        with programs_of_this_python(), api.Gradebook(db_url, course_id) as book:
            assignment = book.find_assignment(exercise)
            (notebook,) = [n for n in assignment.notebooks if n.name == exercise]
            self._assignment_id, self._notebook_id = assignment.id, notebook.id
            due = assignment.duedate
            self._grade_cells = {cell.name: cell.id for cell in notebook.grade_cells}
            self._solution_cells = [cell.id for cell in notebook.solution_cells]
            self._cell_names = {cell.id: cell.name for cell in (*notebook.grade_cells, *notebook.solution_cells)}
            # All that points can be given for: nbgrader's index of grades begins with the cell.
            self._cells_with_points = [cell.id for cell in (*notebook.grade_cells, *notebook.task_cells)]
        engine = create_engine(db_url)
        event.listen(engine, "connect", _prepare)
        self._connection: Connection = engine.connect()
        self._students: set[str] = set()  # who is in it, as far as that is known
        self._known: dict[str, tuple[str, str]] = {}
        self._came: dict[str, tuple[Any, float]] = {}  # when, and the points it lost
        self._marks: dict[str, list[Mark]] = {}
        self._points: dict[str, dict[str, float]] = {}
        self._read: set[str] | None = None  # whose rows were; None: everybody's
        if students is None or len(students) > BY_KEY:
            self._students |= set(self._connection.execute(select(_STUDENT.c.id)).scalars())
            self._read_rows(None)
        else:
            self._read = set()
            self._read_rows(students)
        extensions = self._read_extensions()
        self._connection.rollback()
        self.deadline: Deadline | None = (terms or ExerciseSettings()).deadline_beside(due, extensions)
        if terms is not None and terms.due is not None:
            self._write_deadline(terms.due, due, extensions)
        self._since_commit: list[tuple[str, str, SubmissionResult, bool]] = []
        self._new_students: set[str] = set()
        self._new_submissions: set[str] = set()

    def _read_rows(self, students: Collection[str] | None) -> None:
        """Take in what there is of these students, or of everybody."""
        rows = self._its_submissions(
            _SUBMISSION.c.student_id,
            _SUBMISSION.c.id,
            _NOTEBOOK.c.id,
            _SUBMISSION.c.timestamp,
            _NOTEBOOK.c.late_submission_penalty,
        )
        if students is not None and self._read is not None:
            self._read |= set(students)
            rows = rows.where(_SUBMISSION.c.student_id.in_(list(students)))
        notebooks = []
        for student, submission, notebook, when, penalty in self._connection.execute(rows):
            self._known[student] = submission, notebook
            self._came[student] = when, penalty or 0.0
            notebooks.append(notebook)
        if notebooks:
            those = None if students is None else notebooks
            self._marks |= self._read_marks(those)
            self._points |= self._read_points(those)

    def _read_extensions(self) -> dict[str, Any]:
        """How much longer students have, of all who have an extension."""
        rows = self._its_submissions(_SUBMISSION.c.student_id, _SUBMISSION.c.extension)
        return dict(self._connection.execute(rows.where(_SUBMISSION.c.extension.is_not(None))).tuples().all())

    def _its_submissions(self, *columns: Any) -> Select[Any]:
        return (
            select(*columns)
            .join_from(_SUBMISSION, _NOTEBOOK, _NOTEBOOK.c.assignment_id == _SUBMISSION.c.id)
            .where(_SUBMISSION.c.assignment_id == self._assignment_id, _NOTEBOOK.c.notebook_id == self._notebook_id)
        )

    def _ids(self, student: str) -> tuple[str, str] | None:
        """A student's submission and the notebook in it; None if there is none."""
        self._know([student])
        return self._known.get(student)

    def _know(self, students: Iterable[str]) -> None:
        """Read the rows of these students, as far as they were not read."""
        if self._read is not None and (unread := set(students) - self._read):
            self._read_rows(unread)

    def knows(self, student: str) -> bool:
        """Whether this student has a submission in it."""
        return self._ids(student) is not None

    def has_points_of(self, student: str, result: SubmissionResult) -> bool:
        """Whether it had the points of this result when this student's rows were read, most often as it was opened.

        `nbgrader autograde` puts others there: its own, or those of another hand-in.
        """
        ids = self._ids(student)
        if ids is None:
            return False
        points = self._points.get(ids[1], {})
        checks = {check.name: check for check in result.checks}
        wanted = {cell: _score(checks.get(name))[0] for name, cell in self._grade_cells.items()}
        return all(abs(points.get(cell, math.inf) - score) < 1e-6 for cell, score in wanted.items())

    def _read_points(self, notebooks: list[str] | None) -> dict[str, dict[str, float]]:
        """What checks gave, by submitted notebook and cell; of these notebooks, or of all."""
        found: dict[str, dict[str, float]] = {}
        for of, cell, points in self._rows(_POINTS, _POINTS_OF, notebooks):
            found.setdefault(of, {})[cell] = points
        return found

    def _write_deadline(self, due: datetime, known: datetime | None, extensions: dict[str, Any]) -> None:
        """Bring nbgrader's due date and extensions to what the course's settings say."""
        assert self.deadline is not None
        wanted = as_utc(due).replace(tzinfo=None)
        if known != wanted:
            one = update(_ASSIGNMENT).where(_ASSIGNMENT.c.id == self._assignment_id)
            self._connection.execute(one.values(duedate=wanted))
        concerned = extensions.keys() | self.deadline.extensions.keys()
        changed = {s: longer for s in concerned if extensions.get(s) != (longer := self.deadline.extension(s))}
        self._know(changed)
        for student in changed.keys() & self._known.keys():
            one_longer = {"of_submission": self._known[student][0], "longer": changed[student]}
            self._connection.execute(_UPDATE_EXTENSION, one_longer)
        self._connection.commit()

    def lateness(self, student: str, timestamp: str) -> Lateness | None:
        """How a hand-in stands beside its deadline; None if there is none."""
        return None if self.deadline is None else self.deadline.lateness(student, time_of(timestamp))

    def marks(self, student: str, now: bool = False) -> list[Mark]:
        """What people changed or said, by cell; as it was when this student's rows were read, or is now."""
        ids = self._ids(student)
        if ids is None:
            return []
        return (self._read_marks([ids[1]]) if now else self._marks).get(ids[1], [])

    def _read_marks(self, notebooks: list[str] | None) -> dict[str, list[Mark]]:
        """By submitted notebook, of these or of all."""
        found: dict[str, list[Mark]] = {}
        for of, cell, points, extra in self._rows(_MARKS, _MARKS_OF, notebooks):
            found.setdefault(of, []).append(Mark(self._cell_names[cell], points, extra or 0.0))
        for of, cell, text in self._rows(_REMARKS, _REMARKS_OF, notebooks):
            if text:
                found.setdefault(of, []).append(Mark(self._cell_names[cell], comment=text))
        return {of: in_order(marks) for of, marks in found.items()}

    def _rows(self, of_all: Select[Any], of_these: Select[Any], notebooks: list[str] | None) -> Iterable[Any]:
        asked: dict[str, Any] = {"cells": list(self._cell_names)}
        if notebooks is not None:
            asked["notebooks"] = notebooks
        found: Iterable[Any] = self._connection.execute(of_all if notebooks is None else of_these, asked)
        return found

    def late_penalty(self, student: str, timestamp: str, result: SubmissionResult) -> float:
        """The points that this submission loses because it came late, by today's due date and extensions.

        Raises:
            BadSetting: the course's own plugin failed.
        """
        lateness = self.lateness(student, timestamp)
        if self.deadline is None or lateness is None or not lateness.late:
            return 0.0
        total = self._total(student, result)
        if self.deadline.policy.takes_something:
            return self.deadline.penalty(student, lateness.handed_in, total)
        return 0.0 if self._late is None else self._late.of(student, total, lateness.seconds)

    def what_counts(self, student: str, timestamp: str, result: SubmissionResult) -> float:
        """The points that a submission would have in it: as checked and given by hand, less what lateness takes.

        Raises:
            BadSetting: the course's own plugin failed.
        """
        return round(max(0.0, self._total(student, result) - self.late_penalty(student, timestamp, result)), 4)

    def _total(self, student: str, result: SubmissionResult) -> float:
        """What a submission scores: as checked, but where somebody gave points by hand."""
        checks = {check.name: check for check in result.checks}
        scores = {cell: _score(checks.get(name))[0] for name, cell in self._grade_cells.items()}
        extra = 0.0
        ids = self._ids(student)
        if ids is not None:
            asked = {"in_notebook": ids[1], "cells": self._cells_with_points}
            rows = self._connection.execute(_GIVEN, asked)
            for cell, by_hand, more in rows:
                extra += more or 0.0
                if by_hand is not None:
                    scores[cell] = by_hand
        return sum(scores.values()) + extra

    def is_as_entered(self, student: str, timestamp: str, penalty: float) -> bool:
        """Whether the gradebook has this time and these points lost."""
        return self._came.get(student) == (time_of(timestamp), penalty)

    def enter_time(self, student: str, timestamp: str, penalty: float) -> None:
        """Write when a student's work came and the points it loses; it counts after `commit`."""
        self._write_time(student, time_of(timestamp), penalty)

    def _write_time(self, student: str, when: Any, penalty: float) -> None:
        submission, notebook = self._known[student]
        self._connection.execute(_UPDATE_TIME, {"of_submission": submission, "handed_in": when})
        if self._came.get(student, (None, None))[1] != penalty:
            self._connection.execute(_UPDATE_PENALTY, {"of_notebook": notebook, "lost": penalty or None})
        self._came[student] = when, penalty

    def enter(self, student: str, timestamp: str, result: SubmissionResult, same_work: bool = False) -> None:
        """Write one result; it counts after `commit`. If that fails, what was entered before it stays.

        Args:
            timestamp: content of nbgrader's timestamp.txt, or ''.
            same_work: the file is the one that was graded last time, too.
        """
        try:
            self._enter(student, timestamp, result, same_work)
        except OperationalError:  # the gradebook as a whole cannot be written
            raise
        except Exception:
            self._came.pop(student, None)
            self._begin_again()
            raise
        self._since_commit.append((student, timestamp, result, same_work))

    def _begin_again(self) -> None:
        """Roll back what was half entered, and enter the complete results again."""
        self._connection.rollback()
        for student, _, _, _ in self._since_commit:
            self._came.pop(student, None)
        for student in self._new_submissions:
            self._known.pop(student, None)
        self._students -= self._new_students
        self._new_submissions.clear()
        self._new_students.clear()
        for one in self._since_commit:
            self._enter(*one)

    def _enter(self, student: str, timestamp: str, result: SubmissionResult, same_work: bool) -> None:
        when = time_of(timestamp)
        checks = {check.name: check for check in result.checks}
        scores = [(cell, *_score(checks.get(name))) for name, cell in self._grade_cells.items()]
        # What there is to say about the whole submission stands at its first answer.
        says = zip(self._solution_cells, [_comment(result), *[None] * len(self._solution_cells)], strict=False)
        ids = self._ids(student)
        if ids is not None:
            self._write_time(student, when, result.late_penalty)
            self._change(ids[1], scores, list(says), same_work)
        else:
            self._add(student, when, result.late_penalty, scores, list(says))

    def commit(self) -> None:
        """Make everything entered so far permanent."""
        self._connection.commit()
        self._since_commit.clear()
        self._new_submissions.clear()
        self._new_students.clear()

    def close(self) -> None:
        """Forget what was not committed."""
        self._connection.close()
        self._connection.engine.dispose()

    def _change(self, notebook: str, scores: list[_Score], says: list[_Says], same_work: bool) -> None:
        about = {"in_notebook": notebook, "same": same_work}
        grades = [about | {"of_cell": cell, "score": s, "look": look} for cell, s, look in scores]
        if grades:
            self._connection.execute(_UPDATE_GRADE, grades)
        comments = [{"in_notebook": notebook, "of_cell": cell, "comment": text} for cell, text in says]
        if comments:
            self._connection.execute(_UPDATE_COMMENT, comments)

    def _add(self, student: str, when: Any, penalty: float, scores: list[_Score], says: list[_Says]) -> None:
        if student not in self._students:
            self._connection.execute(_INSERT_STUDENT, {"id": student})
            self._students.add(student)
            self._new_students.add(student)
        submission, notebook = _new_id(), _new_id()
        self._connection.execute(
            _INSERT_SUBMISSION,
            {
                "id": submission,
                "assignment_id": self._assignment_id,
                "student_id": student,
                "timestamp": when,
                "extension": None if self.deadline is None else self.deadline.extension(student),
            },
        )
        self._connection.execute(
            _INSERT_NOTEBOOK,
            {
                "id": notebook,
                "assignment_id": submission,
                "notebook_id": self._notebook_id,
                "flagged": False,
                "late_submission_penalty": penalty or None,
            },
        )
        grades = [
            {"id": _new_id(), "notebook_id": notebook, "cell_id": cell, "auto_score": s, "needs_manual_grade": look}
            for cell, s, look in scores
        ]
        if grades:
            self._connection.execute(_INSERT_GRADE, grades)
        comments = [
            {"id": _new_id(), "notebook_id": notebook, "cell_id": cell, "auto_comment": text} for cell, text in says
        ]
        if comments:
            self._connection.execute(_INSERT_COMMENT, comments)
        self._known[student] = submission, notebook
        self._came[student] = when, penalty
        self._new_submissions.add(student)


_Score = tuple[str, float, bool]  # cell, points, whether a person has to look
_Says = tuple[str, str | None]  # cell, comment


def _prepare(connection: Any, _record: Any) -> None:
    connection.execute("pragma busy_timeout = 30000")
    connection.execute(f"pragma cache_size = -{CACHE_KB}")


def _score(check: CheckResult | None) -> tuple[float, bool]:
    return (check.points if check else 0.0), check is None or check.outcome is Outcome.ERROR


def _comment(result: SubmissionResult) -> str | None:
    lines = [plain_markdown(line) for line in (result.message, *result.notes) if line]  # nbgrader renders it
    return "\n\n".join(lines).encode("utf-8", "replace").decode() or None


def _new_id() -> str:
    """32 hexadecimal digits, as nbgrader's own, that grow with time.

    So every index is added to at its end. Random ones fall all over it: the larger the gradebook, the more of its
    pages each commit reads and writes.
    """
    return f"{time.time_ns():016x}{secrets.token_hex(8)}"
