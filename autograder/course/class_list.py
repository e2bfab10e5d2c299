"""The class in nbgrader's gradebook: names and addresses from a roster, for exports, reports and the formgrader.

A roster fills what is empty. What stands in the gradebook already was written by a person, and stays.
"""

from __future__ import annotations

import contextlib
import sqlite3

from sqlalchemy.exc import SQLAlchemyError

from autograder.course.directory import Course
from autograder.course.lock import only_run
from autograder.course.roster import Roster
from autograder.errors import CourseError
from autograder.language import say

_WAIT = 30.0  # seconds that another writer may take
_FIELDS = ("first_name", "last_name", "email")
# Written in one statement, so that nothing comes between looking at a field and filling it.
_FILL = "update student set " + ", ".join(
    f"{field} = case when trim(coalesce({field}, '')) = '' and :{field} != '' then :{field} else {field} end"
    for field in _FIELDS
)
_HAS_GAPS = " or ".join(f"(trim(coalesce({field}, '')) = '' and :{field} != '')" for field in _FIELDS)


def enter_names(course: Course, roster: Roster, dry_run: bool = False) -> int:
    """Enter everybody in the roster into the gradebook, and fill the names and addresses that it lacks.

    Safe beside a run that grades: that one adds students only where they are missing, and this takes one short
    transaction. A gradebook that is not there yet is made.

    Args:
        dry_run: only count.

    Returns:
        How many students were added, or got something that they lacked.

    Raises:
        AlreadyRunning: there is no gradebook yet, and another run may be making one.
        CourseError: the gradebook cannot be written.
    """
    people = [person for person in roster.people if person.can_have_a_folder]
    if not course.gradebook.exists() or not course.gradebook.stat().st_size:
        if dry_run:
            return len(people)
        with only_run(course.state):
            _make_gradebook(course)
    address = f"{course.gradebook.as_uri()}?mode={'ro' if dry_run else 'rw'}"
    changed = 0
    try:
        course.gradebook_is_nbgraders()
        with contextlib.closing(sqlite3.connect(address, uri=True, timeout=_WAIT, isolation_level=None)) as connection:
            connection.execute("begin" if dry_run else "begin immediate")
            for person in people:
                known = {"id": person.id} | dict(zip(_FIELDS, (person.first, person.last, person.email), strict=True))
                if connection.execute("select 1 from student where id = :id", known).fetchone() is None:
                    changed += 1
                    if not dry_run:
                        connection.execute("insert into student (id) values (:id)", known)
                        connection.execute(f"{_FILL} where id = :id", known)
                elif connection.execute(f"select 1 from student where id = :id and ({_HAS_GAPS})", known).fetchone():
                    changed += 1
                    if not dry_run:
                        connection.execute(f"{_FILL} where id = :id", known)
            connection.rollback() if dry_run else connection.commit()
    except sqlite3.Error as error:
        raise CourseError(
            say(
                "The roster's names could not be entered in the gradebook {gradebook}: {error}. What was"
                " handed in is collected; run this again to enter them.",
                gradebook=course.gradebook,
                error=error,
            )
        ) from error
    return changed


def _make_gradebook(course: Course) -> None:
    import nbgrader.api as api

    from autograder.course.release import programs_of_this_python

    try:
        with programs_of_this_python(), api.Gradebook(course.db_url, course.course_id):
            pass
    except SQLAlchemyError as error:
        raise CourseError(
            say(
                "The gradebook {gradebook} cannot be made: {cause}.",
                gradebook=course.gradebook,
                cause=error.__cause__ or error,
            )
        ) from error
