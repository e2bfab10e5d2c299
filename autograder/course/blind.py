"""What somebody is called where names are hidden: the same in the report, in marking by hand and on the Hub's pages.

The order comes from a key that only the course has, so nobody can work it out from the names; two exercises have two
orders. Numbers move on when somebody hands in for the first time.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from pathlib import Path

from autograder.course.directory import Course
from autograder.course.files import replace_empty, write_once
from autograder.course.grades import graded_students
from autograder.errors import CourseError
from autograder.language import say

_FILE = "marking.key"  # in an exercise's folder in `.autograder`


def key_of(folder: Path) -> bytes:
    """The key of an exercise, made when it is first asked for.

    Args:
        folder: of the exercise, in ``.autograder``.

    Raises:
        CourseError: it cannot be read or written.
    """
    path = folder / _FILE
    try:
        if key := path.read_bytes():
            return key
    except FileNotFoundError:
        pass
    except OSError as error:
        raise CourseError(say("{path} cannot be read: {why}.", path=path, why=error.strerror)) from error
    try:
        write_once(path, _new_key)
        # An earlier version left it so on a full disk; whose work is whose could be worked out from it.
        replace_empty(path, _new_key)
        return path.read_bytes()
    except OSError as error:
        raise CourseError(say("{path} cannot be written: {why}.", path=path, why=error.strerror)) from error


def _new_key() -> bytes:
    return secrets.token_bytes(32)


def code_of(key: bytes, student: str) -> str:
    """What a student is called in addresses, and by what they are sorted."""
    return hmac.new(key, student.encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:20]


def name_of(turn: int) -> str:
    """What a student is called; the first has turn 0."""
    return say("Work {number}", number=turn + 1)


def of_class(course: Course, exercise: str, works: Iterable[str], without: Iterable[str] = ()) -> dict[str, str]:
    """What everybody is called: by the number of their work where it was graded, else counted in no order.

    Args:
        works: who handed something in, graded or not.
        without: who handed in nothing.

    Raises:
        CourseError: see `key_of`; or the gradebook cannot be read.
    """
    called = names(course.state / exercise, graded_students(course, exercise))
    key = key_of(course.state / exercise)
    others = sorted(set(works) - set(called), key=lambda student: code_of(key, student))
    called |= {student: say("Work without a grade {number}", number=n) for n, student in enumerate(others, 1)}
    rest = sorted(set(without) - set(called), key=lambda student: code_of(key, student))
    return called | {student: say("Student without work {number}", number=n) for n, student in enumerate(rest, 1)}


def names(folder: Path, students: Iterable[str]) -> dict[str, str]:
    """What each of these is called. Raises `CourseError`: see `key_of`."""
    key = key_of(folder)
    order = sorted(set(students), key=lambda student: code_of(key, student))
    return {student: name_of(turn) for turn, student in enumerate(order)}
