"""Today's checks put to what was observed when the work ran. Runs nothing of a student's, and writes nothing."""

from __future__ import annotations

from dataclasses import dataclass

from autograder import data
from autograder.course.directory import Course
from autograder.errors import KitError
from autograder.exercise.definition import Exercise
from autograder.grading.record import observed_file
from autograder.grading.regrade import Recorded, regrade
from autograder.language import say


@dataclass(frozen=True)
class Rechecked:
    """What the checks say today, by task; or why that cannot be said."""

    checks: tuple[tuple[str, float, str], ...] = ()  # task, points, message
    why_not: str = ""


def recheck(course: Course, exercise: str, student: str) -> Rechecked:
    """Put today's checks to the record of a student's last run."""
    try:
        made: Exercise = course.make_ready(exercise)
        notebook = course.autograded / student / exercise / f"{exercise}.ipynb"
        recorded = Recorded(student, observed_file(course, exercise, student), notebook)
        done = regrade(recorded, made, data.load_held_out(exercise))
    except KitError as error:
        return Rechecked(why_not=str(error))
    if done is None:
        return Rechecked(why_not=say("There is no record of a run that these checks can use. Grade it again."))
    return Rechecked(tuple((check.name, check.points, check.message) for check in done.result.checks))
