"""nbgrader's gradebook, written in as few statements as it takes.

The rows are those that ``nbgrader autograde`` writes, through nbgrader's own table definitions, so its
commands and its formgrader read them as theirs. Its API would open, query and commit many times for each
submission (measured: 130 ms); here the exercise's cells are read once and results are committed in groups.
"""

from __future__ import annotations

import uuid
from typing import Any

import nbgrader.api as api
from nbgrader.utils import parse_utc
from sqlalchemy import Connection, bindparam, create_engine, event, insert, or_, select, update

from autograder.grading.outputs import plain_markdown
from autograder.grading.release import programs_of_this_python
from autograder.outcome import CheckResult, Outcome, SubmissionResult

_STUDENT = api.Student.__table__
_SUBMISSION = api.SubmittedAssignment.__table__
_NOTEBOOK = api.SubmittedNotebook.__table__
_GRADE = api.Grade.__table__
_COMMENT = api.Comment.__table__

_UPDATE_GRADE = (
    update(_GRADE)
    .where(_GRADE.c.notebook_id == bindparam("in_notebook"), _GRADE.c.cell_id == bindparam("of_cell"))
    # As in nbgrader: a score that somebody gave by hand is kept, and asks for another look.
    .values(
        auto_score=bindparam("score"),
        needs_manual_grade=or_(_GRADE.c.manual_score.is_not(None), bindparam("look").is_(True)),
    )
)
_UPDATE_COMMENT = (
    update(_COMMENT)
    .where(_COMMENT.c.notebook_id == bindparam("in_notebook"), _COMMENT.c.cell_id == bindparam("of_cell"))
    .values(auto_comment=bindparam("comment"))
)


class Gradebook:
    """The gradebook of one course, for one exercise. One writer, one open transaction at most."""

    def __init__(self, db_url: str, course_id: str, exercise: str) -> None:
        with programs_of_this_python(), api.Gradebook(db_url, course_id) as book:
            assignment = book.find_assignment(exercise)
            (notebook,) = [n for n in assignment.notebooks if n.name == exercise]
            self._assignment_id, self._notebook_id = assignment.id, notebook.id
            self._grade_cells = {cell.name: cell.id for cell in notebook.grade_cells}
            self._solution_cells = [cell.id for cell in notebook.solution_cells]
        engine = create_engine(db_url)
        event.listen(engine, "connect", lambda connection, _record: connection.execute("pragma busy_timeout = 30000"))
        self._connection: Connection = engine.connect()
        self._students = set(self._connection.execute(select(_STUDENT.c.id)).scalars())
        rows = self._connection.execute(
            select(_SUBMISSION.c.student_id, _SUBMISSION.c.id, _NOTEBOOK.c.id)
            .join(_NOTEBOOK, _NOTEBOOK.c.assignment_id == _SUBMISSION.c.id)
            .where(_SUBMISSION.c.assignment_id == self._assignment_id, _NOTEBOOK.c.notebook_id == self._notebook_id)
        )
        self._known = {student: (submission, notebook) for student, submission, notebook in rows}
        self._connection.rollback()

    def knows(self, student: str) -> bool:
        """Whether this student has a submission in it."""
        return student in self._known

    def enter(self, student: str, timestamp: str, result: SubmissionResult) -> None:
        """Write one result; it counts after `commit`.

        Args:
            timestamp: content of nbgrader's timestamp.txt, or ''.
        """
        submission, notebook = self._known.get(student) or self._add(student)
        when = _time(timestamp)
        self._connection.execute(update(_SUBMISSION).where(_SUBMISSION.c.id == submission).values(timestamp=when))
        checks = {check.name: check for check in result.checks}
        grades = [_grade(notebook, cell, checks.get(name)) for name, cell in self._grade_cells.items()]
        self._connection.execute(_UPDATE_GRADE, grades)
        # What there is to say about the whole submission stands at its first answer.
        says = [_comment(result), *[None] * len(self._solution_cells)]
        comments = [
            {"in_notebook": notebook, "of_cell": cell, "comment": text}
            for cell, text in zip(self._solution_cells, says, strict=False)
        ]
        if comments:
            self._connection.execute(_UPDATE_COMMENT, comments)

    def commit(self) -> None:
        """Make everything entered so far permanent."""
        self._connection.commit()

    def close(self) -> None:
        """Forget what was not committed."""
        self._connection.close()
        self._connection.engine.dispose()

    def _add(self, student: str) -> tuple[str, str]:
        if student not in self._students:
            self._connection.execute(insert(_STUDENT).values(id=student))
            self._students.add(student)
        submission, notebook = _new_id(), _new_id()
        self._connection.execute(
            insert(_SUBMISSION).values(id=submission, assignment_id=self._assignment_id, student_id=student)
        )
        self._connection.execute(
            insert(_NOTEBOOK).values(
                id=notebook, assignment_id=submission, notebook_id=self._notebook_id, flagged=False
            )
        )
        grades = [
            {"id": _new_id(), "notebook_id": notebook, "cell_id": cell, "needs_manual_grade": False}
            for cell in self._grade_cells.values()
        ]
        self._connection.execute(insert(_GRADE), grades)
        comments = [{"id": _new_id(), "notebook_id": notebook, "cell_id": cell} for cell in self._solution_cells]
        if comments:
            self._connection.execute(insert(_COMMENT), comments)
        self._known[student] = submission, notebook
        return submission, notebook


def _grade(notebook: str, cell: str, check: CheckResult | None) -> dict[str, Any]:
    ours = check is None or check.outcome is Outcome.ERROR
    return {"in_notebook": notebook, "of_cell": cell, "score": check.points if check else 0.0, "look": ours}


def _comment(result: SubmissionResult) -> str | None:
    lines = [plain_markdown(line) for line in (result.message, *result.notes) if line]  # nbgrader renders it
    return "\n\n".join(lines) or None


def _time(timestamp: str) -> Any:
    try:
        return parse_utc(timestamp) if timestamp else None
    except (ValueError, OverflowError):  # it lies in the student's folder, and may say anything
        return None


def _new_id() -> str:
    return uuid.uuid4().hex
