"""Which submissions took long, and which took a time unlike everybody else's."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from statistics import median

from autograder.language import say

MIN_CLASS = 5  # with fewer submissions nothing is usual, so nothing is strange
MIN_FACTOR = 2.0  # times the median, or a part of it
MIN_SECONDS = 1.0  # away from the median; below that it is noise
MIN_DEVIATIONS = 5.0  # of the median absolute deviation, on a logarithmic scale

Times = Mapping[str, Mapping[str, float]]  # seconds by student and stage; the stage "total" is all of it


@dataclass(frozen=True)
class Odd:
    """A stage that took one student's submission a strange time."""

    student: str
    stage: str
    seconds: float
    usual: float  # the class's median

    def __str__(self) -> str:
        return say(
            "{student}: {stage} {seconds:.1f} s, most take {usual:.1f} s",
            student=self.student,
            stage=self.stage,
            seconds=self.seconds,
            usual=self.usual,
        )


def slowest(times: Times, count: int = 5) -> list[tuple[str, float]]:
    """The students whose submissions took longest, with the seconds."""
    totals = [(student, stages["total"]) for student, stages in times.items() if "total" in stages]
    return sorted(totals, key=lambda t: (-t[1], t[0]))[:count]


def strangest(times: Times, besides: Collection[str] = (), count: int = 5) -> list[Odd]:
    """The stages farthest from the class's median, longer or shorter; at most one for a student.

    Args:
        besides: students who are left out, for they are named already.
    """
    found: dict[str, tuple[float, Odd]] = {}
    stages = sorted({stage for of_one in times.values() for stage in of_one if stage != "total"})
    for stage in stages:
        seconds = {s: max(of_one[stage], 1e-3) for s, of_one in times.items() if stage in of_one}
        if len(seconds) < MIN_CLASS:
            continue
        usual = median(seconds.values())
        spread = median(abs(math.log(v / usual)) for v in seconds.values())
        for student, value in seconds.items():
            if student in besides:
                continue
            distance = abs(math.log(value / usual))
            far = distance > max(math.log(MIN_FACTOR), MIN_DEVIATIONS * spread)
            if far and abs(value - usual) > MIN_SECONDS and distance > found.get(student, (0.0, None))[0]:
                found[student] = distance, Odd(student, stage, value, usual)
    ranked = sorted(found.values(), key=lambda f: (-f[0], f[1].student))
    return [odd for _, odd in ranked[:count]]
