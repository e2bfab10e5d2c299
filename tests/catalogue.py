"""Wrong and right answers to the exercises, and how one of them is tried.

An entry replaces some of an exercise's answer cells; all other cells keep the reference solution. It is run
as a notebook would run it: an error in one cell does not stop the next. An entry that trains nothing is tried in
this process, as a learner's own notebook tries it, in milliseconds. One that trains is run as grading runs it, in
a fork of a fork server in the sandbox; what the solution trains in the same way is trained once (``kept_trainings``).
The entries themselves are in ``answers/exercise_NN.py``.
"""

from __future__ import annotations

import copy
import importlib
import json
import linecache
import mmap
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import kept_trainings
import nbformat
import numpy as np

from autograder import data
from autograder.exercise.checking import run_checks
from autograder.exercise.definition import Exercise, Task, find_exercise, task_of
from autograder.exercise.outcome import CheckResult
from autograder.exercise.submission import Submission
from autograder.grading.answers import KernelAnswers
from autograder.grading.run import NotebookRun
from autograder.learner.notebook import NamespaceAnswers
from autograder.sandbox.client import ForkServer
from autograder.sandbox.limits import Limits

SOLUTIONS = Path(__file__).resolve().parent.parent / "solutions"
_FIT = re.compile(r"\.fit\(")
_FIGURE = re.compile(r"^figure, .*", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Wrong:
    """A wrong answer as learners really give it."""

    name: str  # the misunderstanding, in words
    answers: dict[str, str]  # grade_id of an answer cell -> what stands in it ("" leaves it empty)
    check: str  # grade_id of the check that must fail
    hint: str  # the name of the first hint, or words that must stand in the message or in that hint


@dataclass(frozen=True)
class Right:
    """A right answer other than the reference solution; every check must give it full marks."""

    name: str
    answers: dict[str, str]


@dataclass(frozen=True)
class Catalogue:
    """All entries of one exercise."""

    exercise: str
    wrong: tuple[Wrong, ...]
    right: tuple[Right, ...]


def catalogues() -> list[Catalogue]:
    """The catalogues there are, in the order of the exercises."""
    found = []
    for file in sorted((Path(__file__).parent / "answers").glob("exercise_[0-9][0-9].py")):
        number = file.stem.removeprefix("exercise_")
        exercise = next(folder.name for folder in sorted(SOLUTIONS.iterdir()) if folder.name.startswith(number))
        module = importlib.import_module(f"answers.{file.stem}")
        found.append(Catalogue(exercise, tuple(module.WRONG), tuple(module.RIGHT)))
    return found


def source_notebook(exercise: str) -> dict[str, Any]:
    """The notebook with the reference solution, as JSON."""
    notebook: dict[str, Any] = json.loads((SOLUTIONS / exercise / f"{exercise}.ipynb").read_text("utf-8"))
    return notebook


def reference(exercise: str) -> Exercise:
    """The exercise as its source notebook has it, so that nothing need be released first."""
    with _source_notebooks():
        return find_exercise(exercise)


@contextmanager
def _source_notebooks() -> Iterator[None]:
    """Inside, exercises are looked for among the source notebooks, and plots open no window."""
    chosen = {"AUTOGRADER_EXERCISES": str(SOLUTIONS), "MPLBACKEND": "Agg"}
    before = {name: os.environ.get(name) for name in chosen}
    os.environ.update(chosen)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _images_in_memory() -> Iterator[None]:
    """Inside, the kit's files are read from memory, as a fork server's kernels and a worker read them.

    Outside they are not: other tests damage these files.
    """
    with mock.patch.dict(data._kept, _kept_images()):
        yield


@cache
def _kept_images() -> dict[str, Any]:
    with mock.patch.dict(data._kept, clear=True):
        data.keep_in_memory()
        return {name: [_Lent(array) for array in arrays] for name, arrays in data._kept.items()}


class _Lent:
    """An array whose copies share its memory until they are written to, page by page: those of MNIST take 47 MB."""

    def __init__(self, array: np.ndarray) -> None:
        self._shape, self._dtype, self._file = array.shape, array.dtype, os.memfd_create("array")
        os.truncate(self._file, array.nbytes)
        with mmap.mmap(self._file, array.nbytes) as memory:
            memory[:] = array.tobytes()

    def copy(self) -> np.ndarray:
        memory = mmap.mmap(self._file, 0, access=mmap.ACCESS_COPY)
        return np.ndarray(self._shape, self._dtype, memory)


def filled_in(exercise: str, answers: Mapping[str, str]) -> dict[str, Any]:
    """The notebook of an exercise with these answers in it; all other answer cells keep the solution.

    Raises:
        KeyError: there is no answer cell of that grade_id.
    """
    notebook = copy.deepcopy(source_notebook(exercise))
    left = dict(answers)
    for cell in notebook["cells"]:
        if _is_answer(cell) and grade_id(cell) in left:
            cell["source"] = left.pop(grade_id(cell))
    if left:
        raise KeyError(f"{exercise} has no answer cell called {', '.join(left)}")
    return notebook


def try_answers(exercise: str, answers: Mapping[str, str], only: str | None = None) -> tuple[CheckResult, ...]:
    """Run the notebook with these answers, each check where its cell stands.

    Args:
        only: grade_id of the one check to run; no cell after it is run.
    """
    run = _Run(exercise, filled_in(exercise, answers)["cells"])
    with _source_notebooks(), _images_in_memory(), tempfile.TemporaryDirectory() as folder, chdir(folder):
        return run_checks(reference(exercise), Submission(run.answers), only=only, before=run.up_to)


def answers_of(exercise: str, answers: Mapping[str, str]) -> NamespaceAnswers:
    """The notebook with these answers, run to its end: what all checks may be tried on, again and again."""
    run = _Run(exercise, filled_in(exercise, answers)["cells"])
    with _source_notebooks(), _images_in_memory(), tempfile.TemporaryDirectory() as folder, chdir(folder):
        run.to_the_end()
    return run.answers


def try_as_grading(
    exercise: str,
    answers: Mapping[str, str],
    fork_server: ForkServer,
    only: str | None = None,
    kept: bytes | None = None,
) -> tuple[CheckResult, ...]:
    """The same as `try_answers`, with the cells run in a fork of a fork server and the models observed there.

    Args:
        kept: what came of the solution's own trainings (`train_reference`); where a cell keeps the solution and would
            train the same again, it takes that.
    """
    notebook = _as_handed_in(exercise, answers)
    for cell in notebook.cells:
        cell.source = _without_figure(cell)
    with running(notebook, fork_server, data.load_held_out(exercise), kept) as (run, asked):
        return _checked(exercise, run, asked, only)


def train_reference(exercise: str, fork_server: ForkServer) -> tuple[tuple[CheckResult, ...], bytes]:
    """Try the reference solution as grading does. Returns the results, and what came of its trainings."""
    with running(_as_handed_in(exercise, {}), fork_server, data.load_held_out(exercise)) as (run, asked):
        results = _checked(exercise, run, asked, None)
        return results, kept_trainings.to_bytes(asked.value(kept_trainings.KEPT))


@contextmanager
def running(
    notebook: nbformat.NotebookNode,
    fork_server: ForkServer,
    held_out: data.HeldOut | None,
    kept: bytes | None = None,
) -> Iterator[tuple[NotebookRun, KernelAnswers]]:
    """A run of a notebook beside which `kept_trainings` lies, and what can be asked of it."""
    files = [("kept_trainings.py", Path(kept_trainings.__file__).read_bytes())]
    if kept is not None:
        files.append((kept_trainings.FILE, kept))
    with NotebookRun(notebook, fork_server, Limits(), files) as run, KernelAnswers(run, held_out) as asked:
        yield run, asked


def _as_handed_in(exercise: str, answers: Mapping[str, str]) -> nbformat.NotebookNode:
    notebook = nbformat.reads(json.dumps(filled_in(exercise, answers)), 4)
    for cell in notebook.cells:
        if keeps_a_training(cell, answers):
            cell.source = kept_trainings.cell_with(cell.source, grade_id(cell))
    return notebook


def _checked(exercise: str, run: NotebookRun, asked: KernelAnswers, only: str | None) -> tuple[CheckResult, ...]:
    return run_checks(
        reference(exercise), Submission(asked), only=only, before=lambda task: run.run_until(task.grade_id)
    )


def sources_run(exercise: str, answers: Mapping[str, str], only: str | None = None) -> str:
    """All code that `try_answers` would run, as one text."""
    text = ""
    for named, cell_source, checks in _cells_run(exercise):
        if checks is not None and checks == only:
            break
        if checks is None:
            text += answers.get(named, cell_source) + "\n"
    return text


@cache
def _cells_run(exercise: str) -> list[tuple[str, str, str | None]]:
    """Of each cell that is run, or that checks: its name, its source, and the grade_id of the check, if it is one."""
    found = []
    for cell in source_notebook(exercise)["cells"]:
        task = task_of(cell)
        if task is not None or (cell["cell_type"] == "code" and grade_id(cell)):
            found.append((grade_id(cell), source(cell), task.grade_id if task is not None else None))
    return found


def trains(exercise: str, answers: Mapping[str, str], only: str | None = None) -> bool:
    """Whether trying these answers trains a network, which takes seconds."""
    return _FIT.search(sources_run(exercise, answers, only)) is not None


def keeps_a_training(cell: dict[str, Any], answers: Mapping[str, str]) -> bool:
    """Whether a cell is left to the solution, which trains a network there."""
    return _is_answer(cell) and grade_id(cell) not in answers and _FIT.search(source(cell)) is not None


def source(cell: dict[str, Any]) -> str:
    """A cell's text; the file keeps it as a list of lines."""
    return "".join(cell["source"])


def _without_figure(cell: dict[str, Any]) -> str:
    """A cell's text without the picture that the exercise draws in it: a third of a second, and no answer."""
    return source(cell) if _is_answer(cell) else _FIGURE.sub("", source(cell))


def grade_id(cell: dict[str, Any]) -> str:
    """nbgrader's name of the cell; '' for a cell that is not nbgrader's."""
    return str((cell["metadata"].get("nbgrader") or {}).get("grade_id", ""))


def _is_answer(cell: dict[str, Any]) -> bool:
    return bool((cell["metadata"].get("nbgrader") or {}).get("solution"))


class _Run:
    """One pass through a notebook's cells, stopping at each check."""

    def __init__(self, exercise: str, cells: list[dict[str, Any]]) -> None:
        self._cells = list(cells)
        self._namespace: dict[str, Any] = {"__name__": "__main__"}
        self._exercise = exercise
        self.answers = NamespaceAnswers(self._namespace, exercise)

    def up_to(self, task: Task) -> None:
        while self._cells:
            cell = self._cells.pop(0)
            here = task_of(cell)
            if here is not None and here.grade_id == task.grade_id:
                return
            # Cells without a grade_id are the pictures at the end; the notebook tests run those.
            if here is None and cell["cell_type"] == "code" and grade_id(cell):
                self._execute(cell)

    def to_the_end(self) -> None:
        for cell in self._cells:
            if task_of(cell) is None and cell["cell_type"] == "code" and grade_id(cell):
                self._execute(cell)

    def _execute(self, cell: dict[str, Any]) -> None:
        error: Exception | None = None
        text = _without_figure(cell)
        # As in a notebook: whoever asks for the source of a function, as Keras does for a lambda, gets it.
        linecache.cache[grade_id(cell)] = len(text), None, text.splitlines(keepends=True), grade_id(cell)
        try:
            exec(compile(text, grade_id(cell), "exec"), self._namespace)
        except Exception as raised:  # a wrong answer may stop with anything; the next cell runs all the same
            if not _is_answer(cell):
                raise
            error = raised
        self.answers.remember_error(SimpleNamespace(error_in_exec=error))
