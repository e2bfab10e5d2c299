"""The simulated deadline behind the table of cores: its arrivals are those that were observed, and its queue is one."""

from __future__ import annotations

import heapq
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import university
from benchmarks.university import Cluster, Night


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
    night = Night.of([-5.0, -5.0, -5.0], [10.0, 10.0, 10.0], Cluster(1))
    assert (night.median, night.most, night.done_after) == (20.0, 30.0, 25.0)
    assert night.queue == 2
    two = Night.of([-5.0, -5.0, -5.0], [10.0, 10.0, 10.0], Cluster(2))
    assert (two.median, two.most, two.queue, two.done_after) == (10.0, 20.0, 1, 15.0)


def test_scheduler_and_coordinator_take_one_at_a_time() -> None:
    # Scheduled after 1 and 2 s, graded on two cores after 11 and 12 s, entered after 15 and 19 s.
    night = Night.of([0.0, 0.0], [10.0, 10.0], Cluster(2, scheduler=1.0, coordinator=4.0))
    assert (night.median, night.most) == (19.0, 19.0)
    assert night.done_after == 19.0
    alone = Night.of([0.0], [10.0], Cluster(2, scheduler=1.0, coordinator=4.0))
    assert alone.most == 15.0


def test_what_a_lost_node_had_in_hand_is_begun_anew() -> None:
    """Two nodes of a core each; one is lost after 7 s, with what it had, and a minute later is back."""
    night = Night.of([0.0, 0.0], [10.0, 10.0], Cluster(2, node=1, lose_every=7.0))
    assert night.most == 20.0  # the other node does both
    assert night.queue == 1


@given(
    st.lists(st.tuples(st.floats(-1000, 0), st.floats(0.5, 70)), min_size=1, max_size=40),
    st.integers(1, 6),
    st.integers(0, 3),
    st.sampled_from([0.0, 5.0, 60.0]),
)
def test_nothing_is_forgotten_and_nothing_is_faster_than_it_can_be(
    submissions: list[tuple[float, float]], cores: int, node: int, lose_every: float
) -> None:
    came, taken = sorted(time for time, _ in submissions), [cost for _, cost in submissions]
    cluster = Cluster(cores, node, lose_every if node else 0.0)
    night = Night.of(came, taken, cluster)
    free = [-math.inf] * cores  # plain first come, first served
    waits = []
    for time, cost in zip(came, taken, strict=True):
        ended = max(time, heapq.heappop(free)) + cost
        heapq.heappush(free, ended)
        waits.append(ended - time)
    if cluster.lose_every:
        assert max(taken) <= night.most + 1e-6 < math.inf
    else:
        assert night.most == pytest.approx(max(waits))
        assert night.median == pytest.approx(sorted(waits)[len(waits) // 2])


def test_the_fewest_cores_are_enough_and_one_less_is_not() -> None:
    deadlines = [university.simulated(2_000, 1, 0.01, seed, [20.0, 40.0]) for seed in (1, 2)]
    enough = university.enough_for(deadlines, Cluster(1), 60.0)
    cores = enough.cluster.cores
    assert enough.nineteen_of_twenty <= 60.0
    assert cores > 1
    one_less = [Night.of(*deadline, Cluster(cores - 1)).nineteen_of_twenty for deadline in deadlines]
    assert max(one_less) > 60.0
    assert university.worst_of(deadlines, Cluster(cores - 1)).nineteen_of_twenty == max(one_less)


def test_it_prints_a_line_for_each_number_of_cores(capsys: pytest.CaptureFixture[str]) -> None:
    assert university.main(["--students", "50", "--cores", "1", "6", "--node", "2", "--lose-every", "60"]) == 0
    lines = [line.split()[:3] for line in capsys.readouterr().out.splitlines()]
    assert lines[2:4] == [["50", "1", "1"], ["50", "6", "3"]]
    assert lines[4:] == [["The", "coordinator", "is"], ["The", "scheduler", "is"]]


@pytest.mark.parametrize("wrong", [["--students", "0"], ["--lose-every", "60"], ["--stuck", "2"], ["--nights", "0"]])
def test_bad_usage_is_said(wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        university.main(wrong)
    assert ended.value.code == 2
