"""Whatever goes wrong in a submission, its student gets a reason, and everyone else their grade."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from attacks.corpus import ATTACKS
from faults.corpus import FAULTS, Fault
from hostile import EARNED, EXERCISE, LIMITS, Entry, exercise_in

from autograder.exercise import Exercise
from autograder.grading.grade import grade
from autograder.outcome import Outcome, SubmissionResult
from autograder.sandbox.client import WarmProcess

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def exercise(tmp_path_factory: pytest.TempPathFactory) -> Exercise:
    return exercise_in(tmp_path_factory.mktemp("exercise"))


@pytest.fixture(scope="module")
def honest_again(warm: WarmProcess, exercise: Exercise) -> Iterator[None]:
    """The honest notebook earns the same before all the faults and after them, from the same warm process."""
    pid = warm.pid
    assert _points(grade(Entry("honest").raw(), exercise, warm, LIMITS, "ada").result) == EARNED
    yield
    assert warm.alive
    assert warm.pid == pid
    assert _points(grade(Entry("honest").raw(), exercise, warm, LIMITS, "ada").result) == EARNED


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.name)
def test_gets_its_reason(fault: Fault, warm: WarmProcess, exercise: Exercise, honest_again: None) -> None:
    result = grade(fault.raw(), exercise, warm, LIMITS, "bo").result
    assert str(result.status) in fault.status, result.message
    assert fault.says in _told(result)
    if result.status.value != "graded":
        assert result.message
    points = _points(result)
    assert {name: points.get(name) for name in fault.earns} == fault.earns  # what it earned is kept
    assert all(earned <= EARNED.get(name, 0.0) for name, earned in points.items())
    assert not [c for c in result.checks if c.outcome is Outcome.ERROR]


def _points(result: SubmissionResult) -> dict[str, float]:
    return {check.name: check.points for check in result.checks if check.points}


def _told(result: SubmissionResult) -> str:
    """Everything that the student reads."""
    said = [result.message, *result.notes]
    for check in result.checks:
        for test in check.tests:
            said += [test.message, *test.hints]
    return "\n".join(said)
