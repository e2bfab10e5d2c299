"""Whatever goes wrong in a submission, its student gets a reason, and everyone else their grade."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from attacks.corpus import ATTACKS
from faults.corpus import FAULTS, Fault
from hostile import EARNED, EXERCISE, LIMITS, Entry, exercise_in
from nbgrader.utils import parse_utc

from autograder.course import gradebook, times
from autograder.course.directory import Course
from autograder.exercise.definition import Exercise
from autograder.exercise.outcome import Outcome, Status, SubmissionResult
from autograder.grading import batch
from autograder.grading.grade import grade
from autograder.sandbox.bubblewrap import Sandbox
from autograder.sandbox.client import ForkServer

pytestmark = [pytest.mark.sandbox, pytest.mark.slow]  # together they wait for minutes


@pytest.fixture(scope="module")
def exercise(tmp_path_factory: pytest.TempPathFactory) -> Exercise:
    return exercise_in(tmp_path_factory.mktemp("exercise"))


@pytest.fixture(scope="module")
def honest_again(fork_server: ForkServer, exercise: Exercise) -> Iterator[None]:
    """The honest notebook earns the same before all the faults and after them, from the same fork server."""
    pid = fork_server.pid
    assert _points(grade(Entry("honest").raw(), exercise, fork_server, LIMITS, "ada").result) == EARNED
    yield
    assert fork_server.alive
    assert fork_server.pid == pid
    assert _points(grade(Entry("honest").raw(), exercise, fork_server, LIMITS, "ada").result) == EARNED


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.name)
def test_gets_its_reason(
    fault: Fault, fork_server: ForkServer, exercise: Exercise, honest_again: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if fault.says == "in all":  # it sleeps, so it is as slow on an idle machine as on a busy one
        monkeypatch.setattr("autograder.grading.run.busyness", lambda: 1.0)
    result = grade(fault.raw(), exercise, fork_server, fault.limits, "bo").result
    assert str(result.status) in fault.status, result.message
    assert fault.says in _told(result)
    if result.status.value != "graded":
        assert result.message
    points = _points(result)
    assert {name: points.get(name) for name in fault.earns} == fault.earns  # what it earned is kept
    assert all(earned <= max(EARNED.get(name, 0.0), fault.earns.get(name, 0.0)) for name, earned in points.items())
    assert not [c for c in result.checks if c.outcome is Outcome.ERROR]


def test_what_a_function_prints_while_it_is_checked_goes_nowhere(
    fork_server: ForkServer, exercise: Exercise, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It filled our memory with what nobody reads, and on a fast machine the grading ended for that."""
    monkeypatch.setattr("autograder.sandbox.watch.OWN_GROWTH", 100_000_000)
    (fault,) = (fault for fault in FAULTS if fault.name == "a function that prints without end")
    result = grade(fault.raw(), exercise, fork_server, fault.limits, "bo").result
    assert result.status is Status.GRADED, result.message


def _points(result: SubmissionResult) -> dict[str, float]:
    return {check.name: check.points for check in result.checks if check.points}


def _told(result: SubmissionResult) -> str:
    """Everything that the student reads."""
    said = [result.message, *result.notes]
    for check in result.checks:
        for test in check.tests:
            said += [test.message, *test.hints]
    return "\n".join(said)


ODD_NAMES = ("\u017dofie \u6f22\u5b57", "<img src=x onerror=alert(1)>", "[bold]..evil")


@pytest.mark.slow
def test_a_class_with_everything_in_it(course: Path, exercise: Exercise) -> None:
    """Attackers, faults, odd names and folders among three honest students: nobody else is hurt, nothing is lost."""
    honest = Entry("honest").raw()
    chosen = [e for e in (*ATTACKS, *FAULTS) if e.name in _MIXED]
    assert len(chosen) == len(_MIXED)
    hands_in = {f"m{i:02d}": entry.raw() for i, entry in enumerate(chosen)}
    hands_in |= dict.fromkeys(("aa", "m05-honest", "zz"), honest) | dict.fromkeys(ODD_NAMES, honest)
    for student, raw in hands_in.items():
        _folder(course, student).joinpath(f"{EXERCISE}.ipynb").write_bytes(raw)
    _odd_folders(course, honest)
    odd = Course(course)
    ready = odd.make_ready(EXERCISE)
    setup = replace(batch.prepare(ready, LIMITS, Sandbox.BUBBLEWRAP), held_out=None)
    submissions = odd.submissions(EXERCISE)
    done = batch.grade_class(odd, ready, setup, submissions, workers=2)
    results = {result["student"]: result for result in done.submissions}
    assert len(results) == len(submissions)
    entered = [name.replace("<", "\uff1c") for name in ODD_NAMES]  # nbgrader's pages would run what it begins
    for student in ("aa", "m05-honest", "zz", *entered):
        assert results[student]["score"] == sum(EARNED.values()), student
        assert results[student]["status"] == "graded"
    for result in results.values():
        assert result["score"] <= sum(EARNED.values()) + 2.0
        assert result["status"] != "error", result
        assert result["status"] == "graded" or result["message"]
    with sqlite3.connect(course / "gradebook.db") as book:
        students = {row[0] for row in book.execute("select id from student")}
    assert students == set(results)


_MIXED = (
    "evaluate and predict of every model",
    "signed messages of the wrong form",
    "text that is no Unicode, in a cell's name",
    "one array named a hundred thousand times",
    "test cells copied",
    "memory shared between processes",
    "os._exit",
    "a crash of Python itself",
    "cut short",
    "an empty file",
)


def _folder(course: Path, student: str) -> Path:
    folder = course / "submitted" / student / EXERCISE
    folder.mkdir(parents=True)
    return folder


def _odd_folders(course: Path, honest: bytes) -> None:
    """Folders as they come out of e-mails and archives."""
    name = f"{EXERCISE}.ipynb"
    _folder(course, "nothing")
    (_folder(course, "a folder") / name).mkdir()
    (_folder(course, "a link") / name).symlink_to("/etc/passwd")
    os.mkfifo(_folder(course, "a pipe") / name)
    two = _folder(course, "two")
    for other in ("one.ipynb", "two.ipynb"):
        (two / other).write_bytes(honest)
    strange = _folder(course, "timestamps")
    (strange / name).write_bytes(b"")
    (strange / "timestamp.txt").write_text("9" * 60 + "-99-99")
    pipe = _folder(course, "piped timestamp")
    (pipe / name).write_bytes(b"")
    os.mkfifo(pipe / "timestamp.txt")
    (_folder(course, "a" * 254) / name).write_bytes(b"")
    os.makedirs(os.fsencode(course / "submitted") + b"/no\xfftext/" + EXERCISE.encode())


def test_what_the_gradebook_says_is_no_markup_and_no_time_is_too_odd() -> None:
    result = SubmissionResult("s", "e", Status.CRASHED, (), "<img src=x onerror=alert(1)>", ("[x](javascript:1) $x$",))
    said = gradebook._comment(result) or ""
    assert not set("<[$") & set(said)
    for timestamp in ("9" * 60 + "-99-99", "99999999999999999999", "\x00", "now"):
        assert times.time_of(timestamp) is None


@pytest.mark.parametrize(
    "timestamp",
    [
        "2026-01-15 12:00:01.000000 UTC",
        "2026-12-31 23:59:59.999999 UTC",
        "2024-02-29 00:00:00.000001 UTC",
        "2026-13-01 00:00:00.000000 UTC",
        "2025-02-29 00:00:00.000000 UTC",
        "2026-01-15 24:00:00.000000 UTC",
    ],
)
def test_the_short_way_to_read_a_time_is_nbgraders(timestamp: str) -> None:
    try:
        expected = parse_utc(timestamp)
    except Exception:
        expected = None
    assert times.time_of(timestamp) == expected
