"""The processes of this machine that grade: one starts early, all end with the run."""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder.exercise.definition import find_exercise
from autograder.grading import batch, pool, worker
from autograder.sandbox.bubblewrap import Sandbox
from autograder.sandbox.limits import Limits

NAME = "02-one-hot-encoding"


def started() -> list[int | None]:
    return [process.pid for process in multiprocessing.active_children()]


@pytest.fixture
def folders(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where all temporary folders are made; a short path, since it is also a socket's."""
    with tempfile.TemporaryDirectory() as here:
        monkeypatch.setenv("TMPDIR", here)
        monkeypatch.setattr("tempfile.tempdir", None)
        yield Path(here)


@pytest.mark.slow
def test_a_worker_starts_before_it_is_known_what_there_is_to_grade(folders: Path) -> None:
    exercise = find_exercise(NAME)
    setup = batch.prepare(exercise, Limits(), Sandbox.LIMITS_ONLY)
    before = started()
    with pool.one_started(1, Sandbox.LIMITS_ONLY) as pools:
        (early,) = set(started()) - set(before)
        with pools(1, [setup]) as executor:
            assert executor.submit(os.getpid).result() == early
            assert executor.submit(signal.pthread_sigmask, signal.SIG_BLOCK, []).result() == set()
            job = worker.Job(NAME, "ada", exercise.notebook.read_bytes())
            result = executor.submit(worker.work, job).result().result
            assert result.status == "graded"
            assert len(result.checks) == len(exercise.tasks)
        assert started() == before
        with pools(1, [setup]) as another:  # the first one died: as many times as need be
            assert another.submit(os.getpid).result() != early
    assert started() == before
    assert list(folders.iterdir()) == []  # nothing of any kernel either


@pytest.mark.slow
def test_a_standing_worker_has_proved_itself_before_the_first_submission(folders: Path) -> None:
    setup = batch.prepare(find_exercise(NAME), Limits(), Sandbox.LIMITS_ONLY)
    proven = "__import__('autograder.grading.worker', fromlist=['worker'])._worker.server().proven"
    makes_pages = "__import__('autograder.grading.pages', fromlist=['pages'])._maker._process.poll() is None"
    standing = pool.StandingPool(1, Sandbox.LIMITS_ONLY)
    try:
        with standing(1, [setup]) as executor:
            assert executor.submit(eval, proven).result()
            assert executor.submit(eval, makes_pages).result()
    finally:
        standing.close()
    assert list(folders.iterdir()) == []


@pytest.mark.usefixtures("folders")
@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.2, 0.4])
def test_ctrl_c_while_it_starts_is_not_its_own(seconds: float, capfd: pytest.CaptureFixture[str]) -> None:
    """A terminal sends it to all of them; a traceback from a process nobody knows of would only confuse."""
    with pool.one_started(1, Sandbox.LIMITS_ONLY):
        time.sleep(seconds)
        (process,) = (p for p in multiprocessing.active_children() if p.pid)
        os.kill(process.pid or 0, signal.SIGINT)
        time.sleep(1)
        assert process.is_alive()
    assert "KeyboardInterrupt" not in capfd.readouterr().err


def test_where_there_is_nothing_to_grade_it_ends(folders: Path) -> None:
    before = started()
    with pool.one_started(1, Sandbox.LIMITS_ONLY):
        assert len(started()) == len(before) + 1
    assert started() == before
    assert list(folders.iterdir()) == []
