"""An LMS, ready to be asked: from what was typed, the environment and the files."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from autograder.course.directory import Course
from autograder.course.grades import read_grades
from autograder.errors import UsageError
from autograder.language import say
from autograder.lms.http import read_token
from autograder.lms.lti import FOLDER, Lti, hub_of, launches, read_key, read_platform
from autograder.lms.systems import Canvas, Moodle, System


def with_token(kind: str, url: str, lms_course: int, assignment: int, token_file: Path | None) -> System:
    """Canvas or Moodle, asked with a person's token.

    Args:
        kind: "canvas" or "moodle".

    Raises:
        UsageError: there is no token, or the address is none.
    """
    token = read_token("AUTOGRADER_LMS_TOKEN", token_file)
    return (Canvas if kind == "canvas" else Moodle)(url, token, lms_course, assignment)


def over_lti(course: Course, exercise: str, folder: Path | None) -> System:
    """The LMS that the Hub is entered from.

    Args:
        folder: holds key and platform; None: what the environment names.

    Raises:
        UsageError: there is no such folder, or this is not the course's server on a Hub.
        CourseError: nobody came from the LMS yet, or it gives no access to grades.
        LmsFailed: the Hub did not answer.
    """
    named = folder or (Path(os.environ[FOLDER]) if os.environ.get(FOLDER) else None)
    if named is None:
        raise UsageError(
            say("Name the folder that `autograder lti` made: --lti, or {variable} in the environment.", variable=FOLDER)
        )
    platform, key, hub = read_platform(named), read_key(named), hub_of(os.environ)
    if course.accounts is not None:
        platform = replace(platform, learner=course.accounts.student)
    graded = [student for student, grades in read_grades(course, exercise).items() if grades.handed_in]
    return Lti(platform, key, exercise, launches(graded, platform, hub))
