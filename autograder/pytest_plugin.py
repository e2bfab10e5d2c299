"""Plain pytest on a notebook file: ``pytest autograder/checks/test_03_dense_networks.py --notebook my.ipynb``.

The notebook is run as in grading, sandbox included.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from autograder.grading.answers import KernelAnswers
    from autograder.grading.run import NotebookRun


def pytest_addoption(parser: pytest.Parser) -> None:
    from autograder.language import say

    group = parser.getgroup("autograder")
    group.addoption("--notebook", type=Path, metavar="FILE", help=say("the notebook to run an exercise's checks on"))


@pytest.fixture(scope="module")
def _run(request: pytest.FixtureRequest) -> Iterator[Any]:
    from autograder import data, parts
    from autograder.errors import MissingPart
    from autograder.exercise.definition import exercise_names, find_exercise
    from autograder.language import say

    path = request.config.getoption("--notebook")
    if path is None:
        pytest.skip(say("no --notebook FILE"))
    try:
        parts.require("grade", "`--notebook`")
    except MissingPart as error:
        pytest.exit(str(error), returncode=error.exit_status)
    import nbformat

    from autograder.grading.answers import KernelAnswers
    from autograder.grading.repair import repair
    from autograder.grading.run import NotebookRun
    from autograder.sandbox import bubblewrap
    from autograder.sandbox.client import ForkServer
    from autograder.sandbox.limits import Limits

    by_module = {find_exercise(name).checks.name: name for name in exercise_names()}
    exercise = find_exercise(by_module[request.path.name])
    notebook = repair(path.read_bytes(), nbformat.read(exercise.notebook, 4)).notebook
    held_out = data.load_held_out(exercise.name)
    with (
        ForkServer(bubblewrap.choose("auto")) as server,
        NotebookRun(notebook, server, Limits()) as run,
        KernelAnswers(run, held_out) as answers,
    ):
        yield exercise, run, answers


@pytest.fixture
def submission(request: pytest.FixtureRequest, _run: tuple[Any, NotebookRun, KernelAnswers]) -> Any:
    """The notebook, run up to the graded cell that this test's class checks."""
    from autograder.exercise.submission import Submission

    exercise, run, answers = _run
    task = next(t for t in exercise.tasks if t.test_class == request.cls.__name__)
    if task.grade_id not in run.passed:
        run.run_until(task.grade_id)
    return Submission(answers)
