"""The simulated deadline behind the table of cores: its arrivals are those that were observed, and its queue is one."""

from __future__ import annotations

import pytest

from benchmarks import university
from benchmarks.university import Night


def test_the_arrivals_are_those_that_were_observed() -> None:
    came = university.arrivals(20_000, seed=3)
    assert came == sorted(came)
    assert came[-1] <= 0
    assert came[0] >= -university.WEEK
    within = {seconds: sum(-time <= seconds for time in came) / len(came) for seconds in (600, 24 * 3600)}
    assert within[600] == pytest.approx(1 / 8, abs=0.015)
    assert within[24 * 3600] == pytest.approx(3 / 4, abs=0.02)
    for seconds, share in within.items():
        assert university.share_within(seconds) == pytest.approx(share, abs=0.01)
    assert university.share_within(university.before_deadline(0.4)) == pytest.approx(0.4)


def test_a_queue_by_hand() -> None:
    # One core, three at once of 10 s each: the second waits for the first, and the third for both.
    night = Night.of([-5.0, -5.0, -5.0], [10.0, 10.0, 10.0], cores=1)
    assert (night.median, night.most, night.done_after) == (20.0, 30.0, 25.0)
    assert night.queue == 2
    two = Night.of([-5.0, -5.0, -5.0], [10.0, 10.0, 10.0], cores=2)
    assert (two.median, two.most, two.queue, two.done_after) == (10.0, 20.0, 1, 15.0)


def test_a_worker_lost_half_way_costs_half_as_much_again() -> None:
    assert Night.of([-9.0], [10.0], cores=1, lost=1.0).most == 15.0


def test_the_fewest_cores_are_enough_and_one_less_is_not() -> None:
    came, taken = university.simulated(2_000, 1, 0.01, 1, [20.0, 40.0])
    enough = university.cores_for(came, taken, 60.0)
    assert enough.nineteen_of_twenty <= 60.0
    assert enough.cores > 1
    assert Night.of(came, taken, enough.cores - 1).nineteen_of_twenty > 60.0


def test_it_prints_a_line_for_each_number_of_cores(capsys: pytest.CaptureFixture[str]) -> None:
    assert university.main(["--students", "50", "--cores", "1", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[2:-1]] == [["50", "1"], ["50", "2"]]


def test_no_students_are_bad_usage() -> None:
    with pytest.raises(SystemExit) as ended:
        university.main(["--students", "0"])
    assert ended.value.code == 2
