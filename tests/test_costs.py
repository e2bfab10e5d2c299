"""What the benchmark of costs counts as one submission's."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from benchmarks.costs import Watched


def test_a_submission_costs_nothing_of_the_one_before() -> None:
    server: Any = SimpleNamespace(cpu_seconds=4.0)  # told until the next submission begins
    watched = Watched(server)
    for told in (4.0, 4.0, 0.0, 1.0, 3.0, 2.5):  # at last one of its two processes has been killed
        watched._see(told)
    assert watched.seconds == 3.0
