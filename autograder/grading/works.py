"""What there is to grade of a course's exercise, with all that its settings say; `batch` itself reads none."""

from __future__ import annotations

from autograder.course.directory import Course
from autograder.course.submissions import Submitted
from autograder.grading.batch import Work, prepare
from autograder.sandbox.bubblewrap import Sandbox


def work_of_course(course: Course, name: str, sandbox: Sandbox, submissions: list[Submitted]) -> Work:
    """These submissions of an exercise.

    Raises:
        KitError: the exercise cannot be made ready, or its files or images cannot be read.
    """
    exercise, settings = course.make_ready(name), course.settings
    limits, files = settings.of(name).limits, course.files_of(name)
    return Work(exercise, prepare(exercise, limits, sandbox, files, settings.book, settings.language), submissions)
