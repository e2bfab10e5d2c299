"""Which pairs share more than chance allows, by what the rest of the class wrote.

Most answers to a small exercise are alike because there are few ways to be right. So what two students share in a task
counts for as much as it is rare among all the others: if one in 2^b of them has all of it as well, it counts b bits,
times the square of the share that it makes up of the shorter of the two answers. For each task that both have answered
something is taken off, the more the smaller that share is: who copies an answer copies all of it.

Were students to choose their answers independently of each other, a pair that agrees in whole answers would reach a
total of s bits with a probability of at most 2^-s (Markov's inequality: 2 to the power of the total has a mean of at
most 1). The threshold is where a class is expected to have no more than `CHANCE` such pairs. How far that holds where
students have habits, and copy in part, is measured: ``python -m benchmarks.similar``.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

MAX_STUDENTS = 2_000  # time grows with the square of it
CHANCE = 0.004  # pairs of honest students in a class that may come out, on average
# A pair agrees in a task with four chances in five if one copied from the other: what that assumption costs, in bits.
_AGREE, _DIFFER = math.log2(0.8), math.log2(0.2)

Bits = np.ndarray[tuple[int, ...], np.dtype[np.float32]]
Prints = Mapping[str, frozenset[int]]  # fingerprints by task


@dataclass(frozen=True)
class Shared:
    """What two students share in one task."""

    task: str
    bits: float
    others: int  # students besides the two who have all of it, too
    fingerprints: frozenset[int]


@dataclass(frozen=True)
class Pair:
    """Two students who share more than chance allows."""

    students: tuple[str, str]
    bits: float
    shared: tuple[Shared, ...]  # the rarest first


def threshold(students: int, chance: float = CHANCE) -> float:
    """The bits that a pair needs in a class of so many."""
    pairs = students * (students - 1) / 2
    return math.log2(pairs / chance) if pairs else math.inf


def pairs(prints: Mapping[str, Prints], chance: float = CHANCE) -> list[Pair]:
    """All pairs above the threshold, those that share most first.

    Raises:
        ValueError: there are more than `MAX_STUDENTS`.
    """
    students = sorted(prints)
    if len(students) < 3:
        return []
    total = totals(prints)
    found = []
    for first, second in np.argwhere(total >= threshold(len(students), chance)):
        shared = _shared(prints, students, students[first], students[second])
        found.append(Pair((students[first], students[second]), float(total[first, second]), shared))
    return sorted(found, key=lambda pair: (-pair.bits, pair.students))


def totals(prints: Mapping[str, Prints]) -> Bits:
    """The bits of each pair, above the diagonal; students in their order by name. Below it there is nothing.

    Raises:
        ValueError: there are more than `MAX_STUDENTS`.
    """
    students = sorted(prints)
    count = len(students)
    if count > MAX_STUDENTS:
        raise ValueError(f"{count} students are more than {MAX_STUDENTS}")
    total = np.zeros((count, count), np.float32)
    for task in sorted({task for one in prints.values() for task in one}):
        _add(total, [prints[student].get(task, frozenset()) for student in students])
    total[np.tril_indices(count)] = -np.inf
    return total


def _add(total: Bits, prints: list[frozenset[int]]) -> None:
    """Add one task's bits for each pair."""
    count = len(prints)
    alike: dict[frozenset[int], list[int]] = defaultdict(list)
    having: dict[int, int] = defaultdict(int)  # students who have a fingerprint, a bit for each
    for student, one in enumerate(prints):
        if one:
            alike[one].append(student)
            for fingerprint in one:
                having[fingerprint] |= 1 << student
    for (one, theirs), (other, others) in itertools.combinations_with_replacement(alike.items(), 2):
        if one is other and len(theirs) < 2:
            continue
        common = one & other
        bits = _bits(common, one, other, _all_of(common, having), count) if common else 0.0
        part = _part(common, one, other)
        bits += part * _AGREE + (1 - part) * _DIFFER
        total[np.ix_(theirs, others)] += bits
        if one is not other:
            total[np.ix_(others, theirs)] += bits


def _bits(common: frozenset[int], one: frozenset[int], other: frozenset[int], having_all: int, students: int) -> float:
    """What it counts that two of so many students have these fingerprints in common."""
    return _part(common, one, other) ** 2 * math.log2((students - 1) / (having_all - 1))


def _part(common: frozenset[int], one: frozenset[int], other: frozenset[int]) -> float:
    """The share that what two have in common makes up of the shorter answer."""
    return len(common) / min(len(one), len(other))


def _all_of(common: frozenset[int], having: Mapping[int, int]) -> int:
    """How many students have all of these fingerprints."""
    iterator = iter(common)
    mask = having[next(iterator)]
    for fingerprint in iterator:
        mask &= having[fingerprint]
    return mask.bit_count()


def _shared(prints: Mapping[str, Prints], students: list[str], first: str, second: str) -> tuple[Shared, ...]:
    found = []
    for task in prints[first].keys() & prints[second].keys():
        common = prints[first][task] & prints[second][task]
        if common:
            everyone = sum(common <= prints[student].get(task, frozenset()) for student in students)
            bits = _bits(common, prints[first][task], prints[second][task], everyone, len(students))
            found.append(Shared(task, bits, everyone - 2, common))
    return tuple(sorted(found, key=lambda shared: (-shared.bits, shared.task)))


def groups(found: list[Pair]) -> list[tuple[str, ...]]:
    """Students who hang together by pairs, the largest groups first."""
    together: dict[str, set[str]] = {}
    for pair in found:
        merged = set(pair.students).union(*(together.get(student, set()) for student in pair.students))
        for student in merged:
            together[student] = merged
    return sorted({tuple(sorted(group)) for group in together.values()}, key=lambda group: (-len(group), group))
