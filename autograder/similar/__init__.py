"""Similar work: which pairs of submissions share more of their own code than chance allows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.course import blind
from autograder.course.directory import Course
from autograder.course.files import write_atomically
from autograder.course.reading import Unreadable
from autograder.errors import CourseError
from autograder.language import language, say, say_plural, speaking
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
            return [
                say_plural(
                    "{exercise}: only {n} submission can be compared; at least three are needed.",
                    "{exercise}: only {n} submissions can be compared; at least three are needed.",
                    compared,
                    exercise=exercise,
                )
            ]
        if pairs:
            found = say_plural(
                "{exercise}: {compared} submissions compared; {n} pair shares more than chance allows. It is a reason"
                " to ask, not a verdict.",
                "{exercise}: {compared} submissions compared; {n} pairs share more than chance allows. They are a"
                " reason to ask, not a verdict.",
                len(pairs),
                exercise=exercise,
                compared=compared,
            )
        else:
            found = say_plural(
                "{exercise}: {n} submission compared; no pair shares more than chance allows.",
                "{exercise}: {n} submissions compared; no pair shares more than chance allows.",
                compared,
                exercise=exercise,
            )
        lines = [found]
        if compared < FEWEST:
            lines.append(
                say(
                    "In a class of {compared} it is hard to tell what is chance; with {enough} or more the"
                    " result is more reliable.",
                    compared=compared,
                    enough=FEWEST,
                )
            )
        lines += [f"  {', '.join(group)}" for group in groups[:20]]
        if len(groups) > 20:
            lines.append("  " + say_plural("and {n} more group", "and {n} more groups", len(groups) - 20))
        if self.content["left_out"]:
            lines.append(say("Not compared: {count}; the page says why.", count=len(self.content["left_out"])))
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
            say(
                "'{exercise}' has no release here, so a student's own code cannot be told from what they were given."
                " Grade it once; that makes the release.",
                exercise=exercise,
            )
        )
    try:
        given = Given(released.read_bytes())
    except (OSError, Unreadable) as error:
        raise CourseError(say("The release {file} cannot be read: {error}", file=released, error=error)) from error
    submissions = course.submissions(exercise) if course.has_students() else []
    if len(submissions) > compare.MAX_STUDENTS:
        raise CourseError(
            say(
                "{count} submissions are more than can be compared at once ({most}). Split the class into several"
                " course directories, and compare within each.",
                count=len(submissions),
                most=compare.MAX_STUDENTS,
            )
        )
    works, left_out = read_class(submissions, given)
    if course.settings.blind:
        called = blind.of_class(course, exercise, (*works, *left_out))
        works = {name: works[student] for student, name in called.items() if student in works}
        left_out = {name: left_out[student] for student, name in called.items() if student in left_out}
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
        "blind": course.settings.blind,
    }
    folder = (folder or course.root / "report").absolute()
    html, table = folder / f"{exercise}-similar.html", folder / f"{exercise}-similar.json"
    try:
        with speaking(course.settings.language or language()):  # as the report
            write_atomically(html, page(content, found, works))
        write_atomically(table, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    except OSError as error:
        raise CourseError(
            say("{folder} cannot be written to: {reason}.", folder=folder, reason=error.strerror)
        ) from error
    return Similar(html, table, content)


__all__ = ["Similar", "write_similar"]
