"""Feedback into nbgrader's exchange, for learners to fetch: `python -m autograder.jupyter.give_back COURSE EXERCISE`.

Each page first gets the points, comments and answers as they are today, whoever changed them and wherever; work that a
person still has to look at stays back. Safe to run again: learners then fetch the newer pages.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

from nbgrader.apps import NbGraderAPI
from nbgrader.coursedir import CourseDirectory

from autograder.course import model_answers
from autograder.course.directory import Course
from autograder.course.files import write_atomically
from autograder.course.grades import read_deadline, read_grades
from autograder.course.release import programs_of_this_python
from autograder.errors import CourseError, KitError, NotReleased
from autograder.grading.feedback import as_in_gradebook, with_answers
from autograder.language import say


@dataclass
class GivenBack:
    """Whose feedback can be fetched now, and whose cannot."""

    released: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)  # somebody has to look at their work first
    without: list[str] = field(default_factory=list)  # there is no page, or it was not handed in through the exchange

    def lines(self, exercise: str) -> list[str]:
        """What there is to say, a line each; without names, which the page may hide."""
        lines = [say("{exercise}: feedback of {count} released.", exercise=exercise, count=len(self.released))]
        if self.waiting:
            lines.append(
                say("{count} not released, because a person has to look at the work first.", count=len(self.waiting))
            )
        if self.without:
            lines.append(
                say("{count} not released: no graded work of theirs came through the Hub.", count=len(self.without))
            )
        return lines


def give_back(root: Path, exercise: str) -> GivenBack:
    """Release the feedback of an exercise.

    Raises:
        UnknownExercise, CourseError, BadSetting: the course cannot be used.
        NotReleased: the exchange cannot be written, most often.
    """
    course = Course(root)
    course.require_exercise(exercise)
    config = course.nbgrader.config.copy()
    if not config.CourseDirectory.get("root"):  # nbgrader would take the folder in which we were started
        config.CourseDirectory.root = str(course.root)
    answers = model_answers.to_show(course, exercise, read_deadline(course, exercise))
    done = GivenBack()
    with programs_of_this_python():
        api = NbGraderAPI(CourseDirectory(config=config), config=config)
        for student, grades in read_grades(course, exercise).items():
            if not grades.handed_in:
                continue
            folder = course.feedback / student / exercise
            path = folder / f"{exercise}.html"
            # Without these two nbgrader ends at the first student, for everybody.
            if not all((folder / name).is_file() for name in (path.name, "timestamp.txt", "submission_secret.txt")):
                done.without.append(student)
                continue
            if grades.waits:
                done.waiting.append(student)
                continue
            try:
                page = as_in_gradebook(path.read_text("utf-8", "replace"), grades)
                write_atomically(path, with_answers(page, answers.of_tasks if answers else None))
            except OSError as error:
                raise CourseError(
                    say("{path} cannot be brought up to date: {why}.", path=path, why=error.strerror or error)
                ) from error
            result = api.release_feedback(exercise, student)
            if not result["success"]:
                raise NotReleased(f"{exercise}: {result.get('error') or result.get('log')}")
            done.released.append(student)
    return done


def main(arguments: list[str]) -> int:
    """Do it, and say what was done."""
    try:
        done = give_back(Path(arguments[0]), arguments[1])
    except KitError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    print("\n".join(done.lines(arguments[1])))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
