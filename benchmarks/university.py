"""How many cores for how many students: a deadline's night, simulated with measured costs.

    python -m benchmarks.university --students 10000                 how many cores, and what waiting with fewer
    python -m benchmarks.university --students 300 --cores 2 4       only these numbers of cores
    python -m benchmarks.university --students 10000 --exercises 5 --node 16 --lose-every 60

Everybody hands in each exercise once, in the week before midnight. A submission passes the scheduler, waits for a free
core, first come, first served, and its result is entered by the one coordinator. What each of them takes for it is in
`results.json` (`python -m benchmarks costs scheduler coordinator` measures it on this machine); some submissions never
end, and hold a core until the limit for a cell. With `--node` the cores stand in nodes, of which `--lose-every` loses
one now and then, but never the last: what it had in hand is begun anew, and it is back after a minute. Each line is
the worst of several nights.
"""

from __future__ import annotations

import argparse
import heapq
import math
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace

from autograder.sandbox.limits import Limits
from benchmarks.record import read_results

WEEK = 7 * 24 * 3600.0
RUSH = 6 * 60.0
"""Seconds before the deadline within which the rush stops growing; see `before_deadline`."""
NO_LONGER_THAN = 300.0  # seconds that 19 of 20 may wait for their result, unless told otherwise
AWAY = 60.0  # seconds until another node stands in for a lost one
NIGHTS = 5


@dataclass(frozen=True)
class Cluster:
    """What grades. Seconds of one process for each submission, where there is one process for all of them."""

    cores: int
    node: int = 0  # cores of a node; 0: all are in one
    lose_every: float = 0.0  # seconds after which one node more is lost; 0: none is
    scheduler: float = 0.0
    coordinator: float = 0.0

    @property
    def nodes(self) -> int:
        return math.ceil(self.cores / self.node) if self.node else 1


@dataclass(frozen=True)
class Night:
    """What a cluster made of a deadline. Seconds, but for the queue, which is submissions."""

    cluster: Cluster
    median: float
    nineteen_of_twenty: float
    most: float
    queue: int
    done_after: float  # from the deadline to the last result

    @classmethod
    def of(cls, arrivals: Sequence[float], costs: Sequence[float], cluster: Cluster, seed: int = 1) -> Night:
        """Grade what arrives (seconds, ascending; the deadline is 0) at these costs in core-seconds."""
        scheduled = _one_by_one(arrivals, cluster.scheduler)
        run = _Run(scheduled, costs, cluster, random.Random(seed))
        order = sorted(range(len(arrivals)), key=run.ended.__getitem__)
        entered = _one_by_one([run.ended[job] for job in order], cluster.coordinator)
        waited = sorted(result - arrivals[job] for job, result in zip(order, entered, strict=True))
        return cls(
            cluster,
            waited[len(waited) // 2],
            waited[len(waited) * 19 // 20],
            waited[-1],
            run.longest_queue,
            max(0.0, entered[-1]),
        )

    @classmethod
    def worst(cls, nights: Sequence[Night]) -> Night:
        """The worst of each figure."""
        figures = [field.name for field in fields(cls) if field.name != "cluster"]
        return cls(nights[0].cluster, **{name: max(getattr(night, name) for night in nights) for name in figures})


def _one_by_one(times: Sequence[float], seconds: float) -> list[float]:
    """When one process is done with each of what comes at these times, ascending."""
    done, free = [], -math.inf
    for time in times:
        free = max(time, free) + seconds
        done.append(free)
    return done


@dataclass
class _Run:
    """Submissions on cores that are lost, and come again."""

    arrivals: Sequence[float]
    costs: Sequence[float]
    cluster: Cluster
    draw: random.Random
    ended: list[float] = field(init=False)
    longest_queue: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        size = self.cluster.node or self.cluster.cores
        self._cores = [number // size for number in range(self.cluster.cores)]  # of each core, its node
        self._free = list(self._cores)
        self._away: set[int] = set()
        self._life = [0] * self.cluster.nodes  # how often each node has been lost
        self._in_hand: list[set[int]] = [set() for _ in self._life]
        self._waiting: list[int] = []  # a heap: what is begun anew was handed in before the others
        self.ended = [math.inf] * len(self.arrivals)
        self._left = len(self.arrivals)
        # When, what, then: a submission's number, its node and that node's life; or a node.
        self._events: list[tuple[float, str, int, int, int]] = []
        if self.cluster.lose_every and self.arrivals:
            self._at(self.arrivals[0] + self.cluster.lose_every, "lost")
        self._go()

    def _at(self, time: float, what: str, job: int = 0, node: int = 0, life: int = 0) -> None:
        heapq.heappush(self._events, (time, what, job, node, life))

    def _go(self) -> None:
        coming = 0
        while self._left:
            if coming < len(self.arrivals) and (not self._events or self.arrivals[coming] <= self._events[0][0]):
                now = self.arrivals[coming]
                heapq.heappush(self._waiting, coming)
                coming += 1
            else:
                now, what, job, node, life = heapq.heappop(self._events)
                getattr(self, "_" + what)(now, job, node, life)
            while self._waiting and self._free:
                self._begin(now)
            self.longest_queue = max(self.longest_queue, len(self._waiting))

    def _begin(self, now: float) -> None:
        job, node = heapq.heappop(self._waiting), self._free.pop()
        self._in_hand[node].add(job)
        self._at(now + self.costs[job], "graded", job, node, self._life[node])

    def _graded(self, now: float, job: int, node: int, life: int) -> None:
        if life == self._life[node]:
            self._in_hand[node].remove(job)
            self._free.append(node)
            self.ended[job] = now
            self._left -= 1

    def _lost(self, now: float, *_: int) -> None:
        self._at(now + self.cluster.lose_every, "lost")
        there = [node for node in range(self.cluster.nodes) if node not in self._away]
        if len(there) < 2:  # or it might never end
            return
        node = self.draw.choice(there)
        self._away.add(node)
        self._life[node] += 1
        for job in self._in_hand[node]:
            heapq.heappush(self._waiting, job)
        self._in_hand[node].clear()
        self._free = [free for free in self._free if free != node]
        self._at(now + AWAY, "back", 0, node)

    def _back(self, _: float, __: int, node: int, ___: int) -> None:
        self._away.remove(node)
        self._free += [number for number in self._cores if number == node]


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


Deadline = tuple[list[float], list[float]]  # when each submission comes, ascending, and its core-seconds


def worst_of(deadlines: Sequence[Deadline], cluster: Cluster) -> Night:
    """The worst that this cluster makes of several deadlines."""
    return Night.worst([Night.of(came, taken, cluster, seed) for seed, (came, taken) in enumerate(deadlines)])


def enough_for(deadlines: Sequence[Deadline], cluster: Cluster, seconds: float) -> Night:
    """With the fewest cores with which 19 of 20 have their result within so many seconds, on each of these nights.

    Args:
        cluster: all but the number of its cores counts.
    """
    few, many = 0, 1
    while (night := worst_of(deadlines, replace(cluster, cores=many))).nineteen_of_twenty > seconds:
        few, many = many, 2 * many
        if many > len(deadlines[0][0]):
            return night  # not even with a core for each: the costs alone are longer
    while many - few > 1:
        middle = (few + many) // 2
        if worst_of(deadlines, replace(cluster, cores=middle)).nineteen_of_twenty > seconds:
            few = middle
        else:
            many = middle
    return worst_of(deadlines, replace(cluster, cores=many))


def measured_costs() -> tuple[list[float], float, float]:
    """Core-seconds of a submission of each exercise; and those of scheduler and coordinator, for any."""
    results = read_results()
    by_exercise = results["costs"]["found"]["core_seconds_by_exercise"]
    scheduler = results["scheduler"]["found"]["scheduler_ms_per_submission"]
    coordinator = results["coordinator"]["found"]["coordinator_ms_one_by_one"]
    return [sum(parts.values()) for parts in by_exercise.values()], scheduler / 1000, coordinator / 1000


def simulated(students: int, exercises: int, stuck: float, seed: int, costs: Sequence[float]) -> Deadline:
    """One deadline on which so many exercises are due.

    Args:
        stuck: share of the submissions that never end.
        costs: core-seconds of each exercise; with fewer due than there are, all of them are equally likely.
    """
    draw = random.Random(seed + 1)
    submissions = students * exercises
    endless = Limits().cell_seconds
    taken = [draw.choice(costs) + (endless if draw.random() < stuck else 0.0) for _ in range(submissions)]
    return arrivals(submissions, seed), taken


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.university",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--students", type=int, nargs="+", default=[100, 300, 1_000, 3_000, 10_000], metavar="N")
    parser.add_argument("--exercises", type=int, default=1, metavar="N", help="due at the same midnight (default: 1)")
    parser.add_argument("--cores", type=int, nargs="+", metavar="N", help="these numbers instead of the smallest")
    parser.add_argument("--node", type=int, default=0, metavar="CORES", help="in each node (default: one machine)")
    parser.add_argument("--lose-every", type=float, default=0.0, metavar="SECONDS", help="a node (default: never)")
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
    parser.add_argument("--nights", type=int, default=NIGHTS, metavar="N", help="of which the worst (default: 5)")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    options = parser.parse_args(arguments)
    if min(*options.students, options.exercises, options.nights, *(options.cores or [1])) < 1:
        parser.error("students, exercises, cores and nights are 1 or more")
    if options.node < 0 or options.lose_every < 0 or options.wait <= 0 or not 0 <= options.stuck <= 1:
        parser.error("--node and --lose-every are 0 or more, --wait is more, and --stuck is from 0 to 1")
    if options.lose_every and not options.node:
        parser.error("--lose-every loses a node of several: give --node as well")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    options = _arguments(arguments)
    costs, scheduler, coordinator = measured_costs()
    cluster = Cluster(1, options.node, options.lose_every, scheduler if options.node else 0.0, coordinator)
    print(
        f"A submission takes {sum(costs) / len(costs):.1f} s of a core, {100 * options.stuck:g} % take"
        f" {Limits().cell_seconds:g} s more; {options.exercises} due at midnight. The worst of {options.nights} nights."
    )
    titles = {"students": 9, "cores": 7, "nodes": 7, "median": 9, "19 of 20": 10, "longest": 9, "queue": 7}
    print("".join(f"{title:>{width}}" for title, width in (titles | {"done after": 12}).items()))
    for students in options.students:
        nights = range(options.seed, options.seed + options.nights)
        deadlines = [simulated(students, options.exercises, options.stuck, night, costs) for night in nights]
        tried = [worst_of(deadlines, replace(cluster, cores=cores)) for cores in options.cores or ()]
        for night in tried or _around(enough_for(deadlines, cluster, options.wait), deadlines):
            print(
                f"{students:9}{night.cluster.cores:7}{night.cluster.nodes:7}{night.median:8.0f} s"
                f"{night.nineteen_of_twenty:8.0f} s{night.most:7.0f} s{night.queue:7}{night.done_after / 60:8.0f} min",
                flush=True,
            )
    busiest = max(options.students) * options.exercises * share_within(60.0) / 60
    busy = {"coordinator": coordinator, "scheduler": cluster.scheduler}
    for who, seconds in busy.items():
        if seconds:
            print(f"The {who} is busy for {100 * busiest * seconds:.1f} % of the last minute.")
    return 0


def _around(enough: Night, deadlines: Sequence[Deadline]) -> list[Night]:
    """What half as many would do, beside those that are enough."""
    half = enough.cluster.cores // 2
    return [*([worst_of(deadlines, replace(enough.cluster, cores=half))] if half else []), enough]


if __name__ == "__main__":
    sys.exit(main())
