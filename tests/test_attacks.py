"""No attack earns a point that the honest work in the same notebook does not earn."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from attacks.corpus import ATTACKS, Attack
from hostile import EARNED, LIMITS, Entry, exercise_in, private_images

from autograder import data
from autograder.exercise.definition import Exercise
from autograder.exercise.outcome import Outcome, Status
from autograder.grading.feedback import feedback_page
from autograder.grading.grade import Graded, grade
from autograder.sandbox.client import ForkServer

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def exercise(tmp_path_factory: pytest.TempPathFactory) -> Exercise:
    return exercise_in(tmp_path_factory.mktemp("exercise"))


@pytest.fixture(scope="module")
def held_out() -> data.HeldOut:
    return private_images()


@pytest.fixture(scope="module")
def honest_again(fork_server: ForkServer, exercise: Exercise, held_out: data.HeldOut) -> Iterator[None]:
    """The honest notebook earns the same before all the attacks and after them, from the same fork server."""
    before = _points(grade(Entry("honest").raw(), exercise, fork_server, LIMITS, "ada", held_out))
    pid = fork_server.pid
    assert {name: points for name, points in before.items() if points} == EARNED
    yield
    assert fork_server.alive
    assert fork_server.pid == pid
    assert _points(grade(Entry("honest").raw(), exercise, fork_server, LIMITS, "ada", held_out)) == before


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda a: a.name)
def test_gains_nothing(
    attack: Attack, fork_server: ForkServer, exercise: Exercise, held_out: data.HeldOut, honest_again: None
) -> None:
    graded = grade(attack.raw(), exercise, fork_server, attack.limits, "mallory", held_out)
    result = graded.result
    gained = {
        name: points - EARNED.get(name, 0.0) - attack.worth.get(name, 0.0) for name, points in _points(graded).items()
    }
    assert not {name: points for name, points in gained.items() if points > 0}
    assert result.max_score == exercise.max_score
    assert [check.name for check in result.checks] == [task.grade_id for task in exercise.tasks]
    assert result.student == "mallory"
    # Nothing a student does may look like a fault of ours: that would be excused, and graded by hand.
    assert result.status is not Status.ERROR
    assert not [c for c in result.checks if c.outcome is Outcome.ERROR], _details(graded)
    assert graded.notebook is not None
    assert "FOUND" not in _said(graded), _said(graded)
    # Nor has it gained nothing because it no longer attacks anything.
    assert not result.surroundings, "it reaches for something that is not there any more"
    assert not _failed(graded, attack), "a cell of its own ended with an error before it was through"
    assert attack.reached in _said(graded) + _told(graded), _told(graded)
    assert feedback_page(graded.notebook, result).rstrip().endswith("</html>")
    json.dumps(result.to_json(), ensure_ascii=False).encode("utf-8")  # fit for a file and for the gradebook


def _points(graded: Graded) -> dict[str, float]:
    return {check.name: check.points for check in graded.result.checks}


def _said(graded: Graded) -> str:
    assert graded.notebook is not None
    lines = []
    for cell in graded.notebook.cells:
        for output in cell.get("outputs", []):
            lines.append(str(output.get("text", "")) + str(output.get("evalue", "")))
    return "\n".join(lines)


def _failed(graded: Graded, attack: Attack) -> list[str]:
    """The errors with which the attack's own cells ended."""
    assert graded.notebook is not None
    own = {attack.first, attack.last, *attack.answers.values()}
    cells = [cell for cell in graded.notebook.cells if cell.source in own]
    assert cells or attack.change
    return [o["evalue"] for cell in cells for o in cell.get("outputs", []) if o["output_type"] == "error"]


def _told(graded: Graded) -> str:
    return "\n".join(t.message for check in graded.result.checks for t in check.tests)


def _details(graded: Graded) -> str:
    return "\n".join(t.detail for check in graded.result.checks for t in check.tests if t.detail)
