"""What the gradebook says: the only source for points, for the report, pages, an LMS and marking by hand.

Read with nbgrader's own tables, in one query for a class. Checks give points, people change them; what counts is what
nbgrader's commands and its formgrader would show.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from autograder.course.deadlines import Deadline
from autograder.course.directory import Course
from autograder.errors import CourseError
from autograder.exercise.outcome import SubmissionResult
from autograder.language import say


@dataclass(frozen=True)
class TaskGrade:
    """One graded cell of one student."""

    name: str
    max_points: float
    auto: float | None
    manual: float | None  # given by a person, in place of `auto`
    extra: float
    needs_look: bool

    @property
    def points(self) -> float:
        """What counts."""
        given = self.manual if self.manual is not None else self.auto
        return (given or 0.0) + self.extra

    @property
    def by_hand(self) -> bool:
        """Whether a person changed something."""
        return self.manual is not None or self.extra != 0

    @property
    def waits(self) -> bool:
        """Whether nobody has said yet what it is worth. Points given by hand stand until they are changed by hand."""
        return self.needs_look and self.manual is None


@dataclass(frozen=True)
class StudentGrades:
    """One student and one exercise."""

    student: str
    tasks: tuple[TaskGrade, ...] = ()
    comments: Mapping[str, str] = field(default_factory=dict)  # written by people, by answer cell
    penalty: float = 0.0  # points lost for being late
    handed_in: bool = True
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    lms_user_id: str = ""

    @property
    def score(self) -> float:
        """All that counts, less what was lost for being late."""
        return max(0.0, round(math.fsum(task.points for task in self.tasks) - self.penalty, 4))

    @property
    def max_score(self) -> float:
        return round(math.fsum(task.max_points for task in self.tasks), 4)

    @property
    def waits(self) -> bool:
        """Whether it cannot be given to anybody yet, since somebody has to look first."""
        return any(task.waits for task in self.tasks)

    @property
    def by_hand(self) -> bool:
        return any(task.by_hand for task in self.tasks) or bool(self.comments)

    @property
    def name(self) -> str:
        """First and last name, as the gradebook has them; '' if it has none."""
        return f"{self.first_name} {self.last_name}".strip()


def as_it_counts(result: SubmissionResult, grades: StudentGrades | None) -> SubmissionResult:
    """A recorded result with the points that the gradebook gives it, whoever changed them."""
    if grades is None or not grades.tasks:
        return result
    points = math.fsum(task.points for task in grades.tasks)
    checked = math.fsum(check.points for check in result.checks)
    return replace(result, by_hand=round(points - checked, 4), late_penalty=grades.penalty)


_PEOPLE = """
select s.id, s.first_name, s.last_name, s.email, s.lms_user_id, n.id, n.late_submission_penalty
from student s
left join submitted_assignment a on a.student_id = s.id
    and a.assignment_id = (select id from assignment where name = :exercise)
left join submitted_notebook n on n.assignment_id = a.id
    and n.notebook_id in (select k.id from notebook k join assignment b on b.id = k.assignment_id
                          where b.name = :exercise and k.name = :exercise)
{person}
order by s.id
"""
_GRADES = """
select g.notebook_id, c.name, coalesce(d.max_score, t.max_score, 0), g.auto_score, g.manual_score, g.extra_credit,
    g.needs_manual_grade
from grade g join base_cell c on c.id = g.cell_id left join grade_cells d on d.id = c.id
left join task_cells t on t.id = c.id
join notebook k on k.id = c.notebook_id join assignment a on a.id = k.assignment_id
where a.name = :exercise and k.name = :exercise
    {work}
order by c.rowid
"""
_COMMENTS = """
select m.notebook_id, c.name, m.manual_comment
from comment m join base_cell c on c.id = m.cell_id
join notebook k on k.id = c.notebook_id join assignment a on a.id = k.assignment_id
where a.name = :exercise and k.name = :exercise and m.manual_comment is not null and m.manual_comment != ''
    {work}
"""
_GRADED = """
select b.student_id from submitted_assignment b join assignment a on a.id = b.assignment_id
join submitted_notebook n on n.assignment_id = b.id join notebook k on k.id = n.notebook_id
where a.name = :exercise and k.name = :exercise and n.id in (select notebook_id from grade)
order by b.student_id
"""
# What the queries ask in addition if they are about one student, so that nobody else's rows are read.
_PERSON = "where s.id = :student"
_WORK = """and {table}.notebook_id in (select id from submitted_notebook where assignment_id in (
    select s.id from submitted_assignment s join assignment x on x.id = s.assignment_id
    where s.student_id = :student and x.name = :exercise))"""


_DUE = "select duedate from assignment where name = :exercise"
_EXTENSIONS = """
select b.student_id, b.extension from submitted_assignment b join assignment a on a.id = b.assignment_id
where a.name = :exercise and b.extension is not null
"""
_NO_TIME = datetime(1970, 1, 1)  # as SQLAlchemy keeps lengths of time in SQLite: the moment so long after that


def read_deadline(course: Course, exercise: str) -> Deadline | None:
    """When an exercise is due, as the course's settings and its gradebook have it now; None if neither says so.

    Raises:
        CourseError: the gradebook cannot be read.
    """
    due, extensions = None, {}
    if course.gradebook.exists():
        with _reading(course, (ValueError, TypeError)) as connection:
            found = connection.execute(_DUE, {"exercise": exercise}).fetchone()
            rows = connection.execute(_EXTENSIONS, {"exercise": exercise}).fetchall()
            due = datetime.fromisoformat(found[0]) if found and found[0] else None
            longer = {student: datetime.fromisoformat(kept) - _NO_TIME for student, kept in rows}
            extensions = {student: by for student, by in longer.items() if by}
    return course.settings.of(exercise).deadline_beside(due, extensions)


def graded_students(course: Course, exercise: str) -> list[str]:
    """Who handed something in that has grades; nobody's grades are read for it.

    Raises:
        CourseError: the gradebook cannot be read.
    """
    return _students(course, _GRADED, exercise=exercise)


def entered_students(course: Course) -> list[str]:
    """Who is in the gradebook. Raises `CourseError`: it cannot be read."""
    return _students(course, "select id from student order by id")


def _students(course: Course, query: str, **about: str) -> list[str]:
    if not course.gradebook.exists():
        return []
    with _reading(course) as connection:
        return [student for (student,) in connection.execute(query, about)]


@contextmanager
def _reading(course: Course, also: tuple[type[Exception], ...] = ()) -> Iterator[sqlite3.Connection]:
    """The gradebook. What it or these errors end in is a `CourseError`."""
    ends: tuple[type[Exception], ...] = (sqlite3.Error, *also)
    try:
        with course.reading_gradebook(timeout=30) as connection:
            yield connection
    except ends as error:
        raise CourseError(
            say("The gradebook {gradebook} cannot be read: {error}.", gradebook=course.gradebook, error=error)
        ) from error


def read_grades(course: Course, exercise: str, student: str | None = None) -> dict[str, StudentGrades]:
    """Everybody in the gradebook by id; who handed in nothing, too. Nobody where there is no gradebook yet.

    Args:
        student: only this one, as the course's page on a Hub asks for every learner who opens it.

    Raises:
        CourseError: the gradebook cannot be read.
    """
    if not course.gradebook.exists():
        return {}
    with _reading(course) as connection:
        about = {"exercise": exercise, "student": student}
        person, grade, comment = (
            ("", "", "")
            if student is None
            else (
                _PERSON,
                _WORK.format(table="g"),
                _WORK.format(table="m"),
            )
        )
        people = connection.execute(_PEOPLE.format(person=person), about).fetchall()
        grades = connection.execute(_GRADES.format(work=grade), about).fetchall()
        remarks = connection.execute(_COMMENTS.format(work=comment), about).fetchall()
    tasks: dict[str, list[TaskGrade]] = {}
    for notebook, name, most, auto, manual, extra, look in grades:
        tasks.setdefault(notebook, []).append(TaskGrade(name, most, auto, manual, extra or 0.0, bool(look)))
    comments: dict[str, dict[str, str]] = {}
    for notebook, name, text in remarks:
        comments.setdefault(notebook, {})[name] = text
    return {
        student: StudentGrades(
            student=student,
            tasks=tuple(tasks.get(notebook, ())),
            comments=comments.get(notebook, {}),
            penalty=penalty or 0.0,
            handed_in=notebook is not None,
            first_name=first or "",
            last_name=last or "",
            email=mail or "",
            lms_user_id=number or "",
        )
        for student, first, last, mail, number, notebook, penalty in people
    }
