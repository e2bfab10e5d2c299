"""The class at a glance: what a teacher wants to know the morning after."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from autograder.course.directory import Course
from autograder.course.files import write_atomically
from autograder.errors import CourseError
from autograder.language import language, say, speaking
from autograder.report.class_results import ClassResults, read_class_results
from autograder.report.findings import Findings, find
from autograder.report.page import page
from autograder.report.summary import summary
from autograder.report.table import table


@dataclass(frozen=True)
class Report:
    """A report that was written."""

    page: Path
    table: Path
    summary: list[str]  # five lines


def write_report(course: Course, exercise: str, folder: Path | None = None) -> Report:
    """Write the report of one exercise.

    Args:
        folder: where to; ``report/`` in the course directory by default.

    Raises:
        CourseError: nothing was graded yet, or the files cannot be written.
    """
    with speaking(course.settings.language or language()):  # that of the results, or of whoever asks
        return _written(course, find(read_class_results(course, exercise)), folder)


def _written(course: Course, findings: Findings, folder: Path | None) -> Report:
    exercise = findings.results.exercise
    folder = (folder or course.root / "report").absolute()
    # Links to notebooks and feedback lead from the report to the course, so that both can be moved together.
    to_feedback, to_graded = (Path(os.path.relpath(f, folder)).as_posix() for f in (course.feedback, course.autograded))
    html, csv = folder / f"{exercise}.html", folder / f"{exercise}.csv"
    try:
        write_atomically(html, page(findings, to_feedback, to_graded))
        write_atomically(csv, table(findings))
    except OSError as error:
        raise CourseError(
            say("The report cannot be written to {folder}: {reason}.", folder=folder, reason=error.strerror)
        ) from error
    return Report(html, csv, summary(findings))


__all__ = ["ClassResults", "Findings", "Report", "write_report"]
