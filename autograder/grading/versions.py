"""Where the best of a student's hand-ins counts: the result of each version is kept, so that the best can be recorded.

What lies in ``submitted/`` is the last one, whichever counts. The others lie where `collect` keeps what it replaces;
what gets there in another way, as by nbgrader's own collect, is kept before it is graded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograder.course import kept
from autograder.course.directory import Course
from autograder.course.files import write_atomically
from autograder.course.submissions import Submitted, Unread
from autograder.errors import CourseError
from autograder.exercise.outcome import Status, SubmissionResult
from autograder.grading.worker import Done
from autograder.language import say

MAX_AT_ONCE = 20  # versions of one student that one run grades, the latest


@dataclass(eq=False)
class Several:
    """More than one version of a student's work, and what became of those that are being graded."""

    versions: list[Submitted]
    left: int = 0  # how many are not through yet
    done: dict[str, tuple[Submitted, Done]] = field(default_factory=dict)  # by digest

    def finish(self, submitted: Submitted, done: Done) -> None:
        """One version has been graded."""
        self.left -= 1
        self.done[submitted.digest] = submitted, done
        if all(one.digest != submitted.digest for one in self.versions):
            self.versions.append(submitted)  # it was saved anew while others were graded


def of_student(course: Course, exercise: str, submitted: Submitted) -> list[Submitted]:
    """All that a student handed in for an exercise, the earliest first.

    Raises:
        CourseError: what lies in ``submitted/`` cannot be kept.
    """
    if submitted.unread:
        return [submitted]
    folder = course.state / exercise / kept.REPLACED / submitted.students_folder
    if submitted.path is not None:
        try:
            kept.keep(folder, submitted.timestamp, submitted.raw or b"", submitted.secret)
        except Unread:
            return [submitted]  # grading it says so
        except OSError as error:
            raise CourseError(
                say("{folder} cannot be written: {why}.", folder=folder, why=error.strerror or error)
            ) from error
    return kept.versions(folder, submitted) or [submitted]


def read(path: Path) -> dict[str, Any]:
    """What is kept of the results of a student's versions: by digest, `key` (what it rests on) and `result`."""
    try:
        known = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return {d: one for d, one in known.items() if isinstance(one, dict)} if isinstance(known, dict) else {}


def write(path: Path, several: Several, known: Mapping[str, Any], keys: Mapping[str, str]) -> None:
    """Keep the results of versions: those known and those graded now, but none of which nothing is left.

    Args:
        keys: what each version's result rests on, by digest.

    Raises:
        OSError: it cannot be written.
    """
    content = dict(known)
    for digest, (_, done) in several.done.items():
        if done.result.status is not Status.ERROR:  # that is our fault, so it is tried again
            content[digest] = {"key": keys[digest], "result": done.result.to_json()}
    there = {one.digest for one in several.versions}
    text = json.dumps({digest: one for digest, one in content.items() if digest in there}, ensure_ascii=False)
    write_atomically(path, text + "\n")


def best(points: Sequence[tuple[Submitted, float]]) -> Submitted | None:
    """The version that counts: the one with the most points, the first of those. None if there is none.

    Args:
        points: what each would count, the earliest first.
    """
    return max(points, key=lambda pair: pair[1])[0] if points else None


def result_in(exercise: str, one: Any, key: str) -> SubmissionResult | None:
    """A kept result, if it rests on the same things and is whole."""
    try:
        return SubmissionResult.from_json(exercise, one["result"]) if one["key"] == key else None
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
