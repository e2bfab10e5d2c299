"""The table of what grading costs: printed by the bench, and written into README.md beside this file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

README = Path(__file__).resolve().parent / "README.md"
MARKS = re.compile(r"(?<=<!-- table: `make bench` writes it -->\n).*?(?=<!-- end of the table -->)", re.DOTALL)


@dataclass(frozen=True)
class Figure:
    """One line: a number that a part of the bench measures, and what it should be."""

    part: str
    key: str
    what: str
    goal: float | None = None
    at_least: bool = False  # otherwise the goal is the most that it may be
    unit: str = ""
    digits: int = 2

    def text(self, value: float | None) -> str:
        """A value with its unit."""
        return "" if value is None else f"{value:.{self.digits}f}{self.unit}"

    def met(self, value: float) -> bool | None:
        """Whether the value, as it is shown, is what it should be; None without a goal."""
        if self.goal is None:
            return None
        shown = round(value, self.digits)
        return shown >= self.goal if self.at_least else shown <= self.goal


FIGURES = (
    Figure("class", "nbgrader_ratio", "plain `nbgrader autograde` over `autograder grade`, same class", 11, True),
    Figure("class", "submissions_a_minute_a_core", "graded submissions a minute a core", 30, True, digits=1),
    Figure(
        "class", "floor_ratio", "`autograder grade` over the students' own cells alone, as plain Keras trains them", 1
    ),
    Figure("small", "small_class_over_share", "a small class over its share of the large one", 1.3),
    Figure("one", "one_check_seconds_beside", "`autograder check` of one file, beside its own compute", 5, unit=" s"),
    Figure("one", "one_watch_seconds_beside", "the same, handed in while `watch` runs", 2, unit=" s"),
    Figure(
        "memory", "memory_mb_per_submission", "memory of a submission beside what all share", 250, unit=" MB", digits=0
    ),
    Figure("cluster", "dask_2_over_1", "two workers of a cluster over one", 1.8, True),
    Figure("coordinator", "coordinator_ms_per_submission", "coordinator, for a submission", 20, unit=" ms", digits=1),
    Figure("coordinator", "coordinator_ms_one_by_one", "the same, results one by one", 20, unit=" ms", digits=1),
    Figure("coordinator", "total_10k_over_1k", "10,000 submissions over 1,000", 10.5),
    Figure("coordinator", "coordinator_mb_10k_over_1k", "its memory with 10,000 over that with 1,000", 1.1),
    Figure("costs", "core_seconds_per_submission", "core-seconds of a submission, mean of the exercises", unit=" s"),
    Figure(
        "costs",
        "price_of_a_fork_wall_ms",
        "the sandbox's part of a fork, started and ended, by the clock",
        30,
        unit=" ms",
        digits=0,
    ),
    Figure(
        "scheduler",
        "scheduler_ms_per_submission",
        "dask's scheduler, 100 workers, for a submission",
        unit=" ms",
        digits=1,
    ),
    Figure("latency", "check_seconds_median", "a learner's wait for `check`", unit=" s", digits=3),
    Figure("first", "first_cell_hub_over_alone", "first cell on a Hub, after reading, over alone", 0.5),
    Figure("page", "page_megabytes", "an exercise in a page, first visit, over the wire", 20, unit=" MB", digits=1),
    Figure("page", "page_check_seconds", "a later check in that page", 0.1, unit=" s"),
    Figure("page", "page_training_ratio", "cells that train, that page over TensorFlow, the slowest", 2),
    Figure("book", "book_clean_over_own", "a clean build of the book over what its pages compute", 1.2),
    Figure("book", "book_unchanged_seconds", "building it again, nothing changed", 8, unit=" s", digits=1),
)


def rows(results: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """What, goal, measured, whether the goal is met, and when and on what it was measured."""
    lines = []
    for figure in FIGURES:
        run = results.get(figure.part, {})
        value = run.get("found", {}).get(figure.key)
        goal = figure.goal and ("at least " if figure.at_least else "at most ") + f"{figure.goal:g}{figure.unit}"
        if value is None:
            lines.append((figure.what, goal or "", "not measured", "", ""))
            continue
        met = {True: "met", False: "missed", None: ""}[figure.met(value)]
        processor = re.sub(r"\([RTM]+\)| Processor", "", run["machine"]["cpu"])
        where = f"{run['date']}, {run['machine']['cores']} cores of {processor}"
        where += ", no sandbox" if run["machine"].get("sandbox", "bubblewrap") != "bubblewrap" else ""
        where += f", load {run['load']:g}" if "load" in run else ""
        where += f", additions {run['additions_seconds']:g} s" if "additions_seconds" in run else ""
        lines.append((figure.what, goal or "", figure.text(value), met, where))
    return lines


HEAD = ("", "goal", "measured", "", "when, on what")


def as_text(results: Mapping[str, Any]) -> str:
    """For a terminal."""
    lines = [HEAD, *rows(results)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    padded = ([cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines)
    return "\n".join("  ".join(cells).rstrip() for cells in padded)


def as_markdown(results: Mapping[str, Any]) -> str:
    """For a page."""
    lines = [HEAD, ("---",) * len(HEAD), *rows(results)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def write(results: Mapping[str, Any], readme: Path = README) -> None:
    """Put the table in place of the one in the README."""
    text = readme.read_text("utf-8")
    if not MARKS.search(text):
        raise ValueError(f"{readme} has no place for the table")
    readme.write_text(MARKS.sub(lambda _: as_markdown(results), text), "utf-8")
