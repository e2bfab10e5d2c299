"""How many cores for how many students: a deadline's night, simulated with measured costs.

    python -m benchmarks.university --students 10000                 how many cores, and what waiting with fewer
    python -m benchmarks.university --students 300 --cores 2 4       only these numbers of cores

Everybody hands in each exercise once, in the week before midnight, and the submission is graded as soon as a core is
free, first come, first served. What a submission costs is taken from `results.json` (`python -m benchmarks costs`
measures it on this machine); some never end, and hold a core until the limit for a cell; `--lost 0.01` lets the worker
of one in a hundred die half-way.
"""

from __future__ import annotations

import argparse
import heapq
import math
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from autograder.sandbox.limits import Limits
from benchmarks.record import read_results

WEEK = 7 * 24 * 3600.0
RUSH = 6 * 60.0
"""Seconds before the deadline within which the rush stops growing; see `before_deadline`."""
NO_LONGER_THAN = 300.0  # seconds that 19 of 20 may wait for their result, unless told otherwise


@dataclass(frozen=True)
class Night:
    """What a number of cores made of a deadline. Seconds, but for the queue, which is submissions."""

    cores: int
    median: float
    nineteen_of_twenty: float
    most: float
    queue: int
    done_after: float  # from the deadline to the last result

    @classmethod
    def of(cls, arrivals: Sequence[float], costs: Sequence[float], cores: int, lost: float = 0.0) -> Night:
        """Grade what arrives (seconds, ascending; the deadline is 0) at these costs in core-seconds.

        Args:
            lost: share of submissions whose worker dies half-way, so that they are graded again.
        """
        free = [-WEEK] * cores
        heapq.heapify(free)
        again = random.Random(1)
        waits, starts = [], []
        for arrival, cost in zip(arrivals, costs, strict=True):
            began = max(arrival, heapq.heappop(free))
            ended = began + cost * (1.5 if again.random() < lost else 1.0)
            heapq.heappush(free, ended)
            waits.append(ended - arrival)
            starts.append(began)
        waited = sorted(waits)
        last = max(free)
        return cls(
            cores,
            waited[len(waited) // 2],
            waited[len(waited) * 19 // 20],
            waited[-1],
            _longest_queue(arrivals, starts),
            max(0.0, last),
        )


def _longest_queue(arrivals: Sequence[float], starts: Sequence[float]) -> int:
    """How many waited at the worst moment; `starts` ascend, since the first come are the first served."""
    longest = started = 0
    for number, arrival in enumerate(arrivals, 1):
        while started < len(starts) and starts[started] <= arrival:
            started += 1
        longest = max(longest, number - started)
    return longest


def before_deadline(share: float) -> float:
    """Seconds before the deadline at which this share of a class, counted backwards, has handed in.

    The rate grows as 1/(time left), as it does in the submissions to ten deadlines of a funding agency ("A universal
    law of procrastination", Physics Today 69(2), 2016, 11-12), here up to the last minutes. With 6 minutes for those,
    13 % come in the last ten minutes and 74 % on the last day. S. Anand saw 1 of 8 and 3 of 4 in three quizzes of about
    1,000 students, due at midnight ("Halving a deadline costs 1.4% of marks each time", 2025).
    """
    return RUSH * ((1 + WEEK / RUSH) ** share - 1)


def share_within(seconds: float) -> float:
    """The share of a class that hands in within so many seconds of the deadline: the inverse of `before_deadline`."""
    return math.log1p(seconds / RUSH) / math.log1p(WEEK / RUSH)


def arrivals(submissions: int, seed: int) -> list[float]:
    """Times of so many submissions, ascending; the deadline is 0."""
    draw = random.Random(seed)
    return sorted(-before_deadline(draw.random()) for _ in range(submissions))


def cores_for(arrivals: Sequence[float], costs: Sequence[float], seconds: float, lost: float = 0.0) -> Night:
    """The fewest cores with which 19 of 20 submissions have their result within so many seconds; `lost` as above."""
    few, many = 0, 1
    while (night := Night.of(arrivals, costs, many, lost)).nineteen_of_twenty > seconds:
        few, many = many, 2 * many
        if many > len(arrivals):
            return night  # not even with a core for each: the costs alone are longer
    while many - few > 1:
        middle = (few + many) // 2
        if Night.of(arrivals, costs, middle, lost).nineteen_of_twenty > seconds:
            few = middle
        else:
            many = middle
    return Night.of(arrivals, costs, many, lost)


def measured_costs() -> tuple[list[float], float]:
    """Core-seconds of a submission of each exercise; and those of the coordinator, for any."""
    results = read_results()
    by_exercise = results["costs"]["found"]["core_seconds_by_exercise"]
    coordinator = results["coordinator"]["found"]["coordinator_ms_per_submission"]
    return [sum(parts.values()) for parts in by_exercise.values()], coordinator / 1000


def simulated(
    students: int, exercises: int, stuck: float, seed: int, costs: Sequence[float]
) -> tuple[list[float], list[float]]:
    """Arrivals and costs of one deadline on which so many exercises are due.

    Args:
        stuck: share of the submissions that never end.
        costs: core-seconds of each exercise; with fewer due than there are, all of them are equally likely.
    """
    draw = random.Random(seed + 1)
    submissions = students * exercises
    endless = Limits().cell_seconds
    taken = [draw.choice(costs) + (endless if draw.random() < stuck else 0.0) for _ in range(submissions)]
    return arrivals(submissions, seed), taken


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.university", description=__doc__)
    parser.add_argument("--students", type=int, nargs="+", default=[100, 300, 1_000, 3_000, 10_000], metavar="N")
    parser.add_argument("--exercises", type=int, default=1, metavar="N", help="due at the same midnight (default: 1)")
    parser.add_argument("--cores", type=int, nargs="+", metavar="N", help="these numbers instead of the smallest")
    parser.add_argument(
        "--wait",
        type=float,
        default=NO_LONGER_THAN,
        metavar="SECONDS",
        help="within which 19 of 20 have their result (default: %(default)g)",
    )
    parser.add_argument(
        "--stuck", type=float, default=0.01, metavar="SHARE", help="that never end (default: %(default)g)"
    )
    parser.add_argument(
        "--lost", type=float, default=0.0, metavar="SHARE", help="whose worker dies half-way (default: %(default)g)"
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    options = parser.parse_args(arguments)
    if min(options.students) < 1 or options.exercises < 1 or min(options.cores or [1]) < 1:
        parser.error("students, exercises and cores are 1 or more")
    costs, coordinator = measured_costs()
    print(
        f"A submission takes {sum(costs) / len(costs):.1f} s of a core, {100 * options.stuck:g} % take"
        f" {Limits().cell_seconds:g} s more; {options.exercises} due at midnight."
    )
    print(f"{'students':>9}{'cores':>7}{'median':>9}{'19 of 20':>10}{'longest':>9}{'queue':>7}{'done after':>12}")
    for students in options.students:
        came, taken = simulated(students, options.exercises, options.stuck, options.seed, costs)
        tried = [Night.of(came, taken, cores, options.lost) for cores in options.cores or ()]
        for night in tried or _around(cores_for(came, taken, options.wait, options.lost), came, taken, options.lost):
            print(
                f"{students:9}{night.cores:7}{night.median:8.0f} s{night.nineteen_of_twenty:8.0f} s{night.most:7.0f} s"
                f"{night.queue:7}{night.done_after / 60:8.0f} min",
                flush=True,
            )
    busiest = max(options.students) * options.exercises * share_within(60.0) / 60
    print(f"The coordinator is busy for {100 * busiest * coordinator:.1f} % of the last minute.")
    return 0


def _around(enough: Night, came: Sequence[float], taken: Sequence[float], lost: float) -> list[Night]:
    """What half as many would do, beside those that are enough."""
    half = [Night.of(came, taken, enough.cores // 2, lost)] if enough.cores > 1 else []
    return [*half, enough]


if __name__ == "__main__":
    sys.exit(main())
