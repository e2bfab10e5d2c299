"""Workers on other machines: real dask processes of this one, one of which is killed on the way."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import nbformat
import pytest
from kit import ROOT

sys.path.insert(0, str(ROOT))
from autograder.grading import batch
from autograder.grading.answered import answered
from autograder.grading.cluster import SchedulerRefused, check_address, cluster_pools, worker_count
from autograder.grading.course import Course
from autograder.sandbox.limits import Limits
from autograder.sandbox.wall import Sandbox

NAME = "02-one-hot-encoding"


@pytest.mark.parametrize("address", ["tcp://10.1.2.3:8786", "node7:8786", "tcp://[2001:db8::1]:8786", "ws://example:1"])
def test_another_machine_in_the_clear_is_refused(address: str) -> None:
    with pytest.raises(SchedulerRefused, match="not encrypted"):
        check_address(address)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:8786", "localhost:8786", "tcp://[::1]:1", "tls://node7:8786"])
def test_this_machine_or_tls_is_accepted(address: str) -> None:
    check_address(address)


def test_nobody_there_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autograder.grading.cluster.CONNECT_SECONDS", 1)
    with pytest.raises(SchedulerRefused, match="cannot be reached"):
        worker_count("tcp://127.0.0.1:9")


@pytest.mark.slow
@pytest.mark.sandbox
def test_a_killed_worker_loses_nothing(course: Path) -> None:
    from benchmarks.cluster import dask_cluster

    for number in range(6):
        folder = course / "submitted" / f"student-{number}" / NAME
        folder.mkdir(parents=True)
        nbformat.write(answered(NAME, {} if number % 2 else None), folder / f"{NAME}.ipynb")
    root = Course(course)
    exercise = root.make_ready(NAME)
    setup = batch.prepare(exercise, Limits(), Sandbox.BUBBLEWRAP)
    with dask_cluster(2) as (address, workers):
        assert worker_count(address) == 2
        recorded = course / ".autograder" / NAME / "done"

        def kill_one() -> None:
            while len(list(recorded.glob("*.json"))) < 2:
                time.sleep(0.05)
            workers[0].kill()

        killer = threading.Thread(target=kill_one)
        killer.start()
        pools = cluster_pools(address)
        done = batch.grade_class(root, exercise, setup, root.submissions(NAME), 4, pools=pools)
        killer.join()
        workers[0].wait()
    assert workers[0].returncode != 0
    assert [s["status"] for s in done.submissions] == ["graded"] * 6
    assert [s["score"] for s in done.submissions] == [0.0, exercise.max_score] * 3
