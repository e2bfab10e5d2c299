"""Similar work: which pairs of submissions share more of their own code than chance allows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.course.directory import Course
from autograder.course.files import write_atomically
from autograder.course.reading import Unreadable
from autograder.errors import CourseError
from autograder.similar import compare
from autograder.similar.page import page
from autograder.similar.work import Given, read_class

FEWEST = 20  # students; among fewer nobody can say what is rare


@dataclass(frozen=True)
class Similar:
    """What was found and written."""

    page: Path
    table: Path
    content: dict[str, Any]

    @property
    def summary(self) -> list[str]:
        """What there is to say, a line each."""
        pairs, groups = self.content["pairs"], self.content["groups"]
        compared, exercise = self.content["compared"], self.content["exercise"]
        if compared < 3:
            return [f"{exercise}: {compared} submissions can be compared; it takes three."]
        lines = [
            f"{exercise}: {compared} submissions compared; {len(pairs)} pairs share more than chance allows. They are a"
            " reason to ask, not a verdict."
        ]
        if compared < FEWEST:
            lines.append(f"In a class of {compared} little can be said about chance; it gets better from {FEWEST} on.")
        lines += [f"  {', '.join(group)}" for group in groups[:20]]
        if len(groups) > 20:
            lines.append(f"  and {len(groups) - 20} more groups")
        if self.content["left_out"]:
            lines.append(f"Not compared: {len(self.content['left_out'])}; the page says why.")
        return lines


def write_similar(course: Course, exercise: str, folder: Path | None = None, chance: float = compare.CHANCE) -> Similar:
    """Compare all that was handed in for an exercise, and write a page and a JSON file.

    Args:
        folder: where to; ``report/`` in the course directory by default.
        chance: pairs of honest students that may come out in this class, on average.

    Raises:
        UnknownExercise: there is no such exercise.
        CourseError: nothing was handed in, there is no release to compare with, or the files cannot be written.
    """
    course.require_exercise(exercise)
    released = course.released(exercise)
    if released is None:
        raise CourseError(
            f"'{exercise}' has no release here, so nobody can say what is a student's own. Grade it once."
        )
    try:
        given = Given(released.read_bytes())
    except (OSError, Unreadable) as error:
        raise CourseError(f"The release {released} cannot be read: {error}") from error
    submissions = course.submissions(exercise) if course.has_students() else []
    if len(submissions) > compare.MAX_STUDENTS:
        raise CourseError(
            f"{len(submissions)} submissions are more than can be compared at once ({compare.MAX_STUDENTS}). Collect"
            " the groups of the class into courses of their own, and compare within each."
        )
    works, left_out = read_class(submissions, given)
    found = compare.pairs({student: work.fingerprints for student, work in works.items()}, chance)
    content = {
        "exercise": exercise,
        "compared": len(works),
        "threshold": round(compare.threshold(len(works), chance), 2) if len(works) > 1 else 0.0,
        "chance": chance,
        "groups": [list(group) for group in compare.groups(found)],
        "pairs": [
            {
                "students": list(pair.students),
                "bits": round(pair.bits, 2),
                "tasks": [{"name": s.task, "bits": round(s.bits, 2), "others": s.others} for s in pair.shared],
            }
            for pair in found
        ],
        "left_out": left_out,
    }
    folder = (folder or course.root / "report").absolute()
    html, table = folder / f"{exercise}-similar.html", folder / f"{exercise}-similar.json"
    try:
        write_atomically(html, page(content, found, works))
        write_atomically(table, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    except OSError as error:
        raise CourseError(f"{folder} cannot be written to: {error.strerror}.") from error
    return Similar(html, table, content)


__all__ = ["Similar", "write_similar"]
