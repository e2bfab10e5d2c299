"""Feedback for learners without a Hub: one zip file that the system takes back, or a page for each learner.

Names come from the hand-in, as `collect` kept them. Nothing is guessed: whoever has none is listed.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from autograder.course import model_answers
from autograder.course.collect import DELIVERED, delivered_as
from autograder.course.directory import Course
from autograder.course.files import write_atomically
from autograder.course.grades import StudentGrades, read_deadline, read_grades
from autograder.course.lms_names import CANVAS, MOODLE
from autograder.errors import CourseError
from autograder.grading.feedback import as_in_gradebook, with_answers
from autograder.language import say, say_plural

FORMS = ("moodle", "canvas", "pages")
_WHEN = (2000, 1, 1, 0, 0, 0)  # of every file: the same feedback is the same zip file


@dataclass
class HandedBack:
    """What was written, and for whom nothing was."""

    form: str
    path: Path
    students: list[str] = field(default_factory=list)
    unnamed: list[str] = field(default_factory=list)  # nothing says what the system calls them
    waiting: list[str] = field(default_factory=list)  # somebody has to look at their work first
    without: list[str] = field(default_factory=list)  # handed in, and there is no feedback

    def lines(self, exercise: str) -> list[str]:
        """What there is to say, a line each."""
        what = {
            "moodle": say("a zip file for Moodle"),
            "canvas": say("a zip file for Canvas"),
            "pages": say("a folder of pages"),
        }
        lines = [
            say_plural(
                "{exercise}: feedback for {n} student in {what}: {path}",
                "{exercise}: feedback for {n} students in {what}: {path}",
                len(self.students),
                exercise=exercise,
                what=what[self.form],
                path=self.path,
            )
        ]
        for names, why in (
            (
                self.unnamed,
                say(
                    "Not in it, because nothing says what {system} calls their folder",
                    system=self.form.capitalize(),
                ),
            ),
            (self.waiting, say("Not in it, because a person has to look at their work first")),
            (self.without, say("Not in it, because they have no feedback page yet; grade first")),
        ):
            if names:
                more = say(" and {count} more", count=len(names) - 20) if len(names) > 20 else ""
                lines.append(f"{why}: {', '.join(names[:20])}{more}.")
        return lines


def hand_back(course: Course, exercise: str, form: str, out: Path | None = None) -> HandedBack:
    """Write the feedback of one exercise, with the points and comments that the gradebook has now, and with the answers
    if they may be seen now.

    Args:
        form: one of `FORMS`.
        out: the zip file, or the folder of pages; in ``report/`` by default.

    Raises:
        UnknownExercise: there is no such exercise.
        CourseError: nothing was graded yet, or the files cannot be read or written.
    """
    course.require_exercise(exercise)
    ending = "" if form == "pages" else ".zip"
    path = (out or course.root / "report" / f"{exercise}-feedback-{form}{ending}").absolute()
    done, called = HandedBack(form, path), delivered_as(course.state / exercise / DELIVERED)
    pages: dict[str, str] = {}
    answers = model_answers.to_show(course, exercise, read_deadline(course, exercise))
    for student, grades in read_grades(course, exercise).items():
        if not grades.handed_in:
            continue
        page = _page(course, exercise, student, grades)
        # What may be seen may have changed since the page was made: a day has passed, or somebody has more time now.
        page = None if page is None else with_answers(page, answers.of_tasks if answers else None)
        name = _name(form, exercise, student, called.get(student, {}))
        if page is None:
            done.without.append(student)
        elif grades.waits:
            done.waiting.append(student)
        elif not name:
            done.unnamed.append(student)
        else:
            pages[name] = page
            done.students.append(student)
    if not pages and not (done.unnamed or done.waiting):
        raise CourseError(
            say("There is no feedback on '{exercise}' in {root}. Grade it first.", exercise=exercise, root=course.root)
        )
    try:
        if form == "pages":
            for name, page in pages.items():
                write_atomically(path / name, page)
        else:
            write_atomically(path, _zipped(pages))
    except OSError as error:
        raise CourseError(
            say("The feedback cannot be written to {path}: {why}.", path=path, why=error.strerror or error)
        ) from error
    return done


def _page(course: Course, exercise: str, student: str, grades: StudentGrades) -> str | None:
    path = course.feedback / student / exercise / f"{exercise}.html"
    try:
        return as_in_gradebook(path.read_text("utf-8", "replace"), grades)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CourseError(say("{path} cannot be read: {why}.", path=path, why=error.strerror)) from error


def _name(form: str, exercise: str, student: str, delivered: dict[str, str]) -> str:
    """What a student's page is called in the zip file or folder; '' if nothing says it."""
    file = f"{exercise}-feedback.html"
    path = PurePosixPath(delivered.get("path", ""))
    if form == "pages":
        return f"{student}.html" if len(student.encode()) < 200 else ""
    if form == "moodle" and delivered.get("source") == "Moodle":
        for part in path.parts:
            if found := MOODLE.fullmatch(part):
                # Moodle takes what stands behind the first underscore for the number (mod/assign/feedback/file/
                # importziplib.php), so a name may have none.
                name = found["name"].replace("_", " ")
                whole = part if "_" not in found["name"] else f"{name}_{found['number']}_{found['plugin']}_"
                return f"{whole}/{file}" if part != path.name else f"{name}_{found['number']}_{found['plugin']}_{file}"
    if form == "canvas" and delivered.get("source") == "Canvas" and (found := CANVAS.fullmatch(path.name)):
        return found["begin"] + file
    return ""


def _zipped(pages: dict[str, str]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, page in sorted(pages.items()):
            archive.writestr(zipfile.ZipInfo(name, _WHEN), page.encode("utf-8", "replace"), zipfile.ZIP_DEFLATED)
    return content.getvalue()
