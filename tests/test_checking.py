"""A run of the checks: what goes wrong around one submission stays with that submission."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from no_answers import NoAnswers

from autograder.errors import CheckingFailed, ChecksBroken
from autograder.exercise.checking import run_checks
from autograder.exercise.definition import find_exercise
from autograder.exercise.outcome import Outcome
from autograder.exercise.submission import Submission
from autograder.grading.kernel import Kernel
from autograder.sandbox.limits import Limits

EXERCISE = find_exercise("03-dense-networks")


def test_a_failed_test_is_not_described_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """pytest's own description of a failure reads and parses source, and can fail in the middle of that.

    It did once: the parser of Python 3.11 cannot be used while it is in use, and a task that asyncio mourned just
    then was described as well. The whole class was stopped for it.
    """

    def choke(*_: object, **__: object) -> None:
        raise SystemError("AST constructor recursion depth mismatch")

    monkeypatch.setattr("_pytest.nodes.Node._repr_failure_py", choke)
    results = run_checks(EXERCISE, Submission(NoAnswers()))
    assert len(results) == len(EXERCISE.tasks)
    assert {r.outcome for r in results} <= {Outcome.FAILED, Outcome.NOT_ATTEMPTED}


def test_checks_are_those_of_this_exercise_not_of_an_earlier_one_of_its_name(tmp_path: Path) -> None:
    """A worker of a cluster outlives a run, and the teacher may have mended a check since."""
    said = []
    for number, folder in enumerate((tmp_path / "before", tmp_path / "after")):
        folder.mkdir()
        checks = folder / EXERCISE.checks.name
        text = EXERCISE.checks.read_text("utf-8")
        checks.write_text(
            f"{text}\n\nclass TestFlattened:\n    def test_it(self):\n        assert 0, 'words {number}'\n"
        )
        (result,) = run_checks(replace(EXERCISE, checks=checks), Submission(NoAnswers()), only="flattened")
        said.append(result.message)
    assert ["words 0" in said[0], "words 1" in said[1]] == [True, True], said


def test_only_a_folder_with_brackets_needs_what_pytest_does_not_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There pytest takes the folder from a configuration that it lets us write to (`BRACKETS_IN_PATHS`)."""
    odd = tmp_path / "a[b]::c"
    odd.mkdir()
    checks = odd / EXERCISE.checks.name
    checks.write_bytes(EXERCISE.checks.read_bytes())
    there = replace(EXERCISE, checks=checks)
    before = run_checks(EXERCISE, Submission(NoAnswers()))
    assert run_checks(there, Submission(NoAnswers())) == before

    def write_once(config: pytest.Config, name: str, value: object) -> None:
        if name == "invocation_params" and name in vars(config):
            raise AttributeError("read-only")
        object.__setattr__(config, name, value)

    monkeypatch.setattr(pytest.Config, "__setattr__", write_once, raising=False)
    assert run_checks(EXERCISE, Submission(NoAnswers())) == before
    with pytest.raises((ChecksBroken, CheckingFailed)):
        run_checks(there, Submission(NoAnswers()))


def test_only_the_folder_of_the_checks_is_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where those of a learner are, all of site-packages is beside them, and /tmp where a class is graded."""
    (tmp_path / "beside").mkdir()
    folder = tmp_path / "checks"
    folder.mkdir()
    checks = folder / EXERCISE.checks.name
    checks.write_text(EXERCISE.checks.read_text("utf-8"))
    listed, scandir = [], os.scandir

    def list_it(path: Any = ".") -> Any:
        listed.append(Path(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", list_it)
    run_checks(replace(EXERCISE, checks=checks), Submission(NoAnswers()))
    assert folder in listed
    assert [path for path in listed if not path.is_relative_to(folder)] == []


def test_a_fault_of_pytests_own_costs_the_class_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autograder.exercise.checking.pytest.main", lambda *_: pytest.ExitCode.INTERNAL_ERROR)
    with pytest.raises(CheckingFailed) as failed:
        run_checks(EXERCISE, Submission(NoAnswers()))
    assert not isinstance(failed.value, ChecksBroken)  # for which the whole batch is stopped


def test_nobody_mourns_what_nbclient_left_behind(caplog: pytest.LogCaptureFixture) -> None:
    kernel = Kernel(None, Limits())  # type: ignore[arg-type]

    async def leave_behind() -> None:
        async def fail() -> None:
            raise OSError

        failed = asyncio.ensure_future(fail())
        await asyncio.sleep(0.01)
        assert failed.done()

    with caplog.at_level(logging.ERROR, "asyncio"):
        kernel._wait(leave_behind())
        gc.collect()
        kernel.end()
    assert not caplog.records
