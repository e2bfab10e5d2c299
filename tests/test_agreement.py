"""The same honest notebook gets the same result from the command, in a class, from plain pytest and from nbgrader.

Everything here is real: real notebooks, real kernels, the real sandbox, the real gradebook. (Of nbgrader's kernels all
but one are forks of a process that has imported Keras and nothing of ours, tests/plain_kernels.py.) nbgrader takes
seconds for a notebook, so of the catalogues of wrong and right answers a sample is compared;
AUTOGRADER_EVERY_ANSWER=1 compares all of them, which takes more than an hour. The exercises are one course's, and
graded in one go, by one fork server. Of each exercise the reference and a right answer train their networks; whose
mistake comes before that leaves it at that, with the networks untrained, as learners do.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest
from catalogue import Right, Wrong, catalogues, keeps_a_training, trains
from kit import EXERCISES, ROOT
from plain_kernels import NO_FORK_IN

from autograder.grading.answered import answered

pytestmark = [pytest.mark.slow, pytest.mark.sandbox]
PROGRAMS = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def autograder(*arguments: str) -> dict[str, Any]:
    """Run a command in a process that must not import TensorFlow; return its JSON."""
    code = (
        "import sys; from autograder.cli import main; code = main(sys.argv[1:]);"
        "assert not {'tensorflow', 'keras'} & set(sys.modules), 'the trusted side imported Keras'; sys.exit(code)"
    )
    command = [sys.executable, "-c", code, *arguments, "--json", "-", "--sandbox", "require"]
    if arguments[0] == "grade":
        command += ["--workers", "1"]  # a second would import Keras for two or three submissions
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=7200, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def hand_in(course: Path, student: str, exercise: str, notebook: nbformat.NotebookNode) -> Path:
    path = course / "submitted" / student / exercise / f"{exercise}.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(notebook, path)
    return path


AS_ONE_FILE = "03-dense-networks"  # whose half done notebook is graded as a single file, too


def half_done(exercise: str) -> nbformat.NotebookNode:
    """Right answers, but the first task is left as it was released, and the last stops with an error.

    In one exercise networks are trained, in all others that is left as it was released, too.
    """
    notebook = answered(exercise, {}) if exercise == AS_ONE_FILE else untrained(exercise, {})
    released = answered(exercise)
    answers = [i for i, c in enumerate(notebook.cells) if c.metadata.get("nbgrader", {}).get("solution")]
    notebook.cells[answers[0]].source = released.cells[answers[0]].source
    notebook.cells[answers[-1]].source = "unknown_name + 1"
    return notebook


def untrained(exercise: str, answers: dict[str, str]) -> nbformat.NotebookNode:
    """These answers; where the solution trains a network, the cell is left as it was released."""
    notebook = answered(exercise, answers)
    for cell, released in zip(notebook.cells, answered(exercise).cells, strict=True):
        if keeps_a_training(cell, answers):
            cell.source = released.source
    return notebook


def with_entry(exercise: str, entry: Wrong | Right) -> nbformat.NotebookNode:
    """An entry of the catalogue, filled in; untrained if its mistake comes before anything is trained."""
    if isinstance(entry, Wrong) and not trains(exercise, entry.answers, entry.check):
        return untrained(exercise, entry.answers)
    return answered(exercise, entry.answers)


def sample(exercise: str) -> dict[str, Wrong | Right]:
    """By student: one wrong and one right answer out of the catalogue, or all there are."""
    catalogue = next(c for c in catalogues() if c.exercise == exercise)
    every = bool(os.environ.get("AUTOGRADER_EVERY_ANSWER"))
    chosen: dict[str, Wrong | Right] = {}
    for kind, entries in (("wrong", catalogue.wrong), ("right", catalogue.right)):
        chosen |= {f"{kind}-{i:03d}": e for i, e in enumerate(entries) if every or i == len(entries) // 2 // 2}
    return chosen


@dataclass(frozen=True)
class Graded:
    """A course in which the command has graded some exercises; by exercise, what it said of each student."""

    course: Path
    exercises: dict[str, dict[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def graded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Graded:
    """Of the exercises, those that are asked about in this run."""
    course = tmp_path_factory.mktemp("agreement") / "course"
    tests = [item for item in request.session.items if item.path == Path(__file__)]
    exercises = [one for one in EXERCISES if any(test.callspec.params["exercise"] == one for test in tests)]  # type: ignore[attr-defined]
    for exercise in exercises:
        hand_in(course, "reference", exercise, answered(exercise, {}))
        hand_in(course, "untouched", exercise, answered(exercise))
        hand_in(course, "half", exercise, half_done(exercise))
        for student, entry in sample(exercise).items():
            hand_in(course, student, exercise, with_entry(exercise, entry))
    output = autograder("grade", *exercises, "--course", str(course))
    results = output.get("exercises", [output])
    assert [one["exercise"] for one in results] == exercises
    return Graded(course, {one["exercise"]: {s["student"]: s for s in one["submissions"]} for one in results})


@pytest.mark.parametrize("exercise", EXERCISES)
def test_solution_full_marks_release_none_and_nbgrader_agrees(
    exercise: str, graded: Graded, kernel_forks: dict[str, str]
) -> None:
    course, found, entries = graded.course, graded.exercises[exercise], sample(exercise)
    assert found.keys() == {"reference", "untouched", "half", *entries}
    for check in found["reference"]["checks"]:
        assert check["outcome"] == "passed", check
    assert found["reference"]["score"] == found["reference"]["max_score"]
    assert found["untouched"]["score"] == 0
    assert {c["outcome"] for c in found["untouched"]["checks"]} == {"not attempted"}
    assert 0 < found["half"]["score"] < found["half"]["max_score"]
    assert {s["status"] for s in found.values()} == {"graded"}
    for student, entry in entries.items():
        lost = {c["name"] for c in found[student]["checks"] if c["points"] < c["max_points"]}
        assert (entry.check in lost) if isinstance(entry, Wrong) else not lost, (entry.name, lost)

    ours = _scores(course, exercise)
    assert ours == {s: {c["name"]: c["points"] for c in r["checks"]} for s, r in found.items()}
    command = ["nbgrader", "autograde", exercise, "--force"]
    # In a fork Keras is there before it is imported. The reference gets a kernel like anybody's: what its imports write
    # to stderr would cost points in a graded cell.
    settings = PROGRAMS | kernel_forks | {NO_FORK_IN: "reference"}
    done = subprocess.run(command, cwd=course, env=settings, capture_output=True, text=True, timeout=7200, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert _scores(course, exercise) == ours
    if exercise == EXERCISES[0]:  # these two read the gradebook alone, whatever the exercise is
        for step in ("generate_feedback", "export"):
            extra = [exercise, "--force"] if step == "generate_feedback" else []
            subprocess.run(["nbgrader", step, *extra], cwd=course, env=PROGRAMS, capture_output=True, check=True)
        assert "reference" in (course / "grades.csv").read_text()
    if exercise == AS_ONE_FILE:
        _one_file_is_graded_alike(exercise, course, found["half"])


def _one_file_is_graded_alike(exercise: str, course: Path, in_class: dict[str, Any]) -> None:
    """By `autograder check`, and by plain pytest."""
    path = course / "submitted" / in_class["student"] / exercise / f"{exercise}.ipynb"
    one = autograder("check", str(path))
    assert one["exercise"] == exercise
    assert one["checks"] == in_class["checks"]
    command = [sys.executable, "-m", "pytest", "-q", "autograder/checks/test_03_dense_networks.py", "--notebook", path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    tests = [t["outcome"] for c in one["checks"] for t in c["tests"]]
    assert f"{tests.count('passed')} passed" in done.stdout
    assert f"{len(tests) - tests.count('passed')} failed" in done.stdout


def _scores(course: Path, exercise: str) -> dict[str, dict[str, float]]:
    query = (
        "select s.id, c.name, g.auto_score from grade g join base_cell c on c.id = g.cell_id"
        " join submitted_notebook n on n.id = g.notebook_id"
        " join submitted_assignment a on a.id = n.assignment_id join student s on s.id = a.student_id"
        " join assignment e on e.id = a.assignment_id where e.name = ?"
    )
    scores: dict[str, dict[str, float]] = {}
    with sqlite3.connect(course / "gradebook.db") as connection:
        for student, cell, score in connection.execute(query, (exercise,)):
            scores.setdefault(student, {})[cell] = round(score, 4)
    return scores
