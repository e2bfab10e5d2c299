"""What a person changed or said about a graded cell, beside what its check found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from autograder.exercise.outcome import SubmissionResult


@dataclass(frozen=True)
class Mark:
    """What a person changed or said about one cell."""

    cell: str
    points: float | None = None  # in place of those of the check
    extra: float = 0.0
    comment: str = ""

    def to_json(self) -> list[Any]:
        return [self.cell, self.points, self.extra, self.comment]


def in_order(marks: Iterable[Mark]) -> list[Mark]:
    """Sorted, so that equal marks are equal lists."""
    return sorted(marks, key=lambda mark: (mark.cell, mark.comment, mark.points or 0.0, mark.extra))


def by_hand(result: SubmissionResult, marks: Iterable[Mark]) -> float:
    """The points that people gave beyond those of the checks."""
    checked = {check.name: check.points for check in result.checks}
    more = (m.extra + (m.points - checked.get(m.cell, 0.0) if m.points is not None else 0.0) for m in marks)
    return round(sum(more), 4)
