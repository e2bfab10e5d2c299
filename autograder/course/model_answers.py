"""The answers of an exercise, from the teacher's own notebook, for feedback pages once they can earn nobody points.

The course's setting ``answers`` says when that is. Nothing that learners get earlier reads this.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from autograder.course.deadlines import Deadline
from autograder.course.directory import Course
from autograder.course.settings import AFTER_DEADLINE, ALWAYS
from autograder.errors import CourseError
from autograder.exercise.definition import task_of
from autograder.language import say


@dataclass(frozen=True)
class Answers:
    """What pages show: the answer cells of each task, in their order."""

    of_tasks: Mapping[str, tuple[str, ...]]
    since: datetime | None  # aware; None: from the beginning

    @property
    def digest(self) -> str:
        """The same for the same texts, and never ''."""
        return hashlib.sha256(json.dumps(dict(self.of_tasks), sort_keys=True).encode("utf-8", "replace")).hexdigest()


def to_show(course: Course, exercise: str, deadline: Deadline | None, now: datetime | None = None) -> Answers | None:
    """The answers, if learners may see them now; else None.

    Args:
        deadline: the exercise's, as settings and gradebook have it; None if it has none, which has not passed ever.
        now: aware; this moment by default.

    Raises:
        CourseError: the teacher's notebook cannot be read.
    """
    when = course.settings.of(exercise).answers
    since = deadline.over if deadline is not None and when == AFTER_DEADLINE else None
    if when != ALWAYS and (since is None or (now or datetime.now(UTC)) <= since):
        return None
    return Answers(_answers(course.source(exercise), course.answer_marks()), since)


def _answers(path: Path, marks: tuple[str, str]) -> dict[str, tuple[str, ...]]:
    """By task: what stands in the answer cells before it, without the lines that mark the part to be cleared."""
    try:
        cells: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))["cells"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CourseError(say("The answers in {path} cannot be read: {error}.", path=path, error=error)) from error
    found: dict[str, tuple[str, ...]] = {}
    waiting: list[str] = []
    for cell in cells:
        grading = cell.get("metadata", {}).get("nbgrader") or {}
        if grading.get("solution"):
            source = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
            lines = [line for line in source.split("\n") if not any(mark in line for mark in marks)]
            waiting.append("\n".join(lines).strip("\n"))
            if grading.get("grade"):  # a person marks it: the answer is its own task
                found[str(grading.get("grade_id"))] = tuple(waiting)
                waiting = []
        elif (task := task_of(cell)) is not None:
            found[task.grade_id] = tuple(waiting)
            waiting = []
    return {name: answers for name, answers in found.items() if answers}
