"""An exercise: the notebook that learners get, and the module that checks it.

An exercise called ``03-dense-networks`` is ``03-dense-networks/03-dense-networks.ipynb`` in one of the
exercise folders and ``test_03_dense_networks.py`` in one of the check folders. Its graded cells, their
points and objectives are read from the notebook, so the two files are all there is to an exercise.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from autograder.errors import UnknownExercise
from autograder.language import say

_PACKAGE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Task:
    """One graded cell."""

    grade_id: str
    points: float
    objective: str = ""  # id of the lesson's objective that it practises

    @property
    def test_class(self) -> str:
        """Name of the class that checks it: ``deeper_model`` is checked by ``TestDeeperModel``."""
        return "Test" + "".join(part.capitalize() for part in re.split(r"[_-]", self.grade_id))


@dataclass(frozen=True)
class Exercise:
    """An exercise that was found; its files exist."""

    name: str
    notebook: Path  # the released notebook, without solutions
    checks: Path  # the pytest module
    tasks: tuple[Task, ...]

    @classmethod
    def read(cls, name: str, notebook: Path, checks: Path) -> Exercise:
        """The exercise of these two files."""
        return cls(name, notebook, checks, _tasks(notebook, notebook.stat().st_mtime_ns))

    @property
    def max_score(self) -> float:
        return sum(task.points for task in self.tasks)

    def task(self, grade_id: str) -> Task:
        """The graded cell of that name.

        Raises:
            LookupError: there is none; the message names those there are.
        """
        for task in self.tasks:
            if task.grade_id == grade_id:
                return task
        known = ", ".join(t.grade_id for t in self.tasks)
        raise LookupError(
            say(
                "{exercise} has no task called '{task}'. Its tasks: {known}.",
                exercise=self.name,
                task=grade_id,
                known=known,
            )
        )


def exercise_folders() -> list[Path]:
    """Where released notebooks are looked for: ``$AUTOGRADER_EXERCISES``, the clone, the installed wheel."""
    return _folders("AUTOGRADER_EXERCISES", [_PACKAGE.parent / "exercises", _PACKAGE / "_exercises"])


def check_folders() -> list[Path]:
    """Where check modules are looked for: ``$AUTOGRADER_CHECKS``, then the package's own."""
    return _folders("AUTOGRADER_CHECKS", [_PACKAGE / "checks"])


def _folders(variable: str, built_in: list[Path]) -> list[Path]:
    named = [Path(p) for p in os.environ.get(variable, "").split(os.pathsep) if p]
    return [folder for folder in named + built_in if folder.is_dir()]


def exercise_names() -> list[str]:
    """Names of all exercises that have a notebook and a check module, sorted."""
    names = {f.name for folder in exercise_folders() for f in folder.iterdir() if (f / f"{f.name}.ipynb").is_file()}
    return sorted(name for name in names if _check_module(name) is not None)


def find_exercise(name: str) -> Exercise:
    """The exercise of that name.

    Raises:
        UnknownExercise: no notebook or no check module of that name.
    """
    notebook = next(
        (f for folder in exercise_folders() if (f := folder / name / f"{name}.ipynb").is_file()),
        None,
    )
    checks = _check_module(name)
    if notebook is None or checks is None:
        known = ", ".join(exercise_names()) or say("none")
        raise UnknownExercise(
            say(
                "There is no notebook for an exercise called '{name}'. Exercises here: {known}."
                if notebook is None
                else "There is no check module for an exercise called '{name}'. Exercises here: {known}.",
                name=name,
                known=known,
            )
        )
    return Exercise.read(name, notebook, checks)


def check_module_name(exercise: str) -> str:
    """What the module with an exercise's checks is called."""
    return "test_" + exercise.replace("-", "_") + ".py"


def _check_module(name: str) -> Path | None:
    filename = check_module_name(name)
    return next((f for folder in check_folders() if (f := folder / filename).is_file()), None)


@cache
def _tasks(notebook: Path, _changed: int) -> tuple[Task, ...]:
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    return tuple(task for cell in cells if (task := task_of(cell)) is not None)


def task_of(cell: dict[str, Any]) -> Task | None:
    """The task that a notebook cell grades, or None if it is not an autograded cell."""
    metadata = cell.get("metadata", {})
    grading = metadata.get("nbgrader") or {}
    if not grading.get("grade") or grading.get("solution") or cell.get("cell_type") != "code":
        return None
    objective = (metadata.get("autograder") or {}).get("objective", "")
    return Task(str(grading["grade_id"]), float(grading.get("points", 0)), str(objective))
