"""A class of honest submissions of all exercises: the reference and two other right answers of each."""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat

from autograder.grading.answered import answered

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from catalogue import catalogues


def write(submitted: Path, each: int = 3) -> dict[str, list[str]]:
    """Write `each` submissions of every exercise below `submitted`; return the students by exercise."""
    students: dict[str, list[str]] = {}
    for catalogue in catalogues():
        answers = [{}, *(right.answers for right in catalogue.right)][:each]
        for number, replaced in enumerate(answers):
            student = f"student-{number}"
            folder = submitted / student / catalogue.exercise
            folder.mkdir(parents=True)
            nbformat.write(answered(catalogue.exercise, replaced), folder / f"{catalogue.exercise}.ipynb")
            students.setdefault(catalogue.exercise, []).append(student)
    return students
