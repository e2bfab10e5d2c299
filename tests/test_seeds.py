"""What was measured over seeds bears out the thresholds of the checks, and the pages say what was measured."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Iterator
from types import ModuleType
from unittest import mock

import pytest
from kit import ROOT

ALLOWED = 1e-3  # chance that honest work fails a threshold


@pytest.fixture(scope="module")
def seeds() -> Iterator[ModuleType]:
    """The sweep's module, which sets how TensorFlow computes in the processes that come after it."""
    with mock.patch.dict(os.environ), mock.patch.object(sys, "path", [str(ROOT), *sys.path]):
        yield importlib.import_module("benchmarks.seeds")


def test_honest_work_fails_no_threshold_by_bad_luck(seeds: ModuleType) -> None:
    runs = json.loads(seeds.RESULTS.read_text("utf-8"))["runs"]
    for threshold in seeds.thresholds():
        solutions = [s for s in seeds.SOLUTIONS if s.task == threshold.task]
        assert len(solutions) >= 4
        for solution in solutions:
            values = [run[threshold.measure] for run in runs[solution.key]]
            assert len(values) >= solution.enough >= 12, f"{solution.key}: measure it with `python -m benchmarks.seeds`"
            assert not any(map(threshold.fails, values)), (threshold, solution.name)
            assert seeds.chance_of_failing(values, threshold) < ALLOWED, (threshold, solution.name)


def test_the_chance_is_that_of_a_normal_distribution(seeds: ModuleType) -> None:
    """Of values around 10 with a spread of 1, about 2.3 % lie below 8; few runs make the estimate more careful."""
    values = [10 + seeds.NormalDist().inv_cdf((i + 0.5) / 2000) for i in range(2000)]
    below_8 = seeds.Threshold("t", "m", 8.0, share=False)
    assert seeds.chance_of_failing(values, below_8) == pytest.approx(0.0228, abs=0.004)
    assert seeds.chance_of_failing(values[::100], below_8) > seeds.chance_of_failing(values, below_8)
    assert seeds.chance_of_failing(values, seeds.Threshold("t", "m", 12.0, False, False)) == pytest.approx(
        0.0228, abs=0.004
    )


@pytest.mark.parametrize(("page", "made_by"), [("TABLE", "table"), ("SUMMARY", "summary")])
def test_the_pages_are_what_was_measured(seeds: ModuleType, page: str, made_by: str) -> None:
    assert getattr(seeds, page).read_text("utf-8") == getattr(seeds, made_by)(), (
        "run `python -m benchmarks.seeds --table`"
    )
