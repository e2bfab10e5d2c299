"""What the bench keeps: its results, its history, its table in the README, and their picture in the book."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from kit import ROOT

from autograder.exercise.outcome import Status, SubmissionResult
from benchmarks import __main__ as bench
from benchmarks import record, table

sys.path.insert(0, str(ROOT / "book" / "_ext"))
from kitbook.measured import picture

RUN = {
    "date": "2026-11-20",
    "load": 0.5,
    "additions_seconds": 0.61,
    "machine": {"cpu": "Some(R) Processor", "cores": "2"},
}


def test_a_part_keeps_its_last_run_and_a_line_of_each(tmp_path: Path) -> None:
    found = {"ratio": 8.58782, "equal": True, "of_each": {"a": 1.0}, "both": [1.0, 2.0]}
    for ratio in (8.58782, 9.0):
        record.keep("class", RUN, found | {"ratio": ratio}, tmp_path)
    one, other = record.read_history(tmp_path / "history.jsonl")
    assert one == {"ratio": 8.5878, "equal": True, "part": "class", **RUN}
    assert other["ratio"] == 9.0
    assert record.read_results(tmp_path / "results.json") == {"class": {**RUN, "found": found | {"ratio": 9.0}}}
    results = json.loads((tmp_path / "results.json").read_text("utf-8"))
    assert (results["ratio"], results["equal"], results["machine"]) == (9.0, True, RUN["machine"])


def test_every_figure_stands_beside_the_machine_and_the_day_that_gave_it() -> None:
    lines = record.read_history()
    assert [line["date"] for line in lines] == sorted(line["date"] for line in lines)
    assert all(line["machine"]["cpu"] and line["part"] and line["version"] for line in lines)
    for part, run in record.read_results().items():
        figures = {name: value for name, value in run["found"].items() if isinstance(value, int | float)}
        about = {name: run[name] for name in ("date", "machine")}
        last = next(line for line in reversed(lines) if line["part"] == part)
        assert about.items() <= last.items()
        assert figures.keys() <= last.keys()
        assert all(abs(last[name] - value) < 1e-3 for name, value in figures.items())


def test_programs_find_the_figures_where_they_always_were() -> None:
    promised = "nbgrader_ratio floor_ratio memory_mb_per_submission dask_2_over_1 coordinator_ms_per_submission"
    assert {*promised.split(), "total_10k_over_1k", "machine"} <= json.loads(record.RESULTS.read_text("utf-8")).keys()


def test_the_readme_has_the_table_that_the_results_give() -> None:
    shown = table.MARKS.search(table.README.read_text("utf-8"))
    assert shown
    assert shown.group() == table.as_markdown(record.read_results())


def test_a_goal_that_is_missed_says_so() -> None:
    found = {"nbgrader_ratio": 10.99, "submissions_a_minute_a_core": 29.96, "floor_ratio": 1.004}
    rows = table.rows({"class": {**RUN, "found": found}})
    assert [(goal, value, met) for _, goal, value, met, _ in rows[:4]] == [
        ("at least 11", "10.99", "missed"),
        ("at least 30", "30.0", "met"),  # as it is shown
        ("at most 1", "1.00", "met"),
        ("at most 1.3", "not measured", ""),
    ]
    assert rows[0][-1] == "2026-11-20, 2 cores of Some, load 0.5, additions 0.61 s"


def _bench(monkeypatch: pytest.MonkeyPatch, **parts: Any) -> tuple[int, list[str]]:
    """The status of a bench of these parts alone, and those whose figures it kept."""
    kept: list[str] = []
    for name, part in parts.items():
        monkeypatch.setattr(bench, name, part)
    monkeypatch.setattr(record, "now", lambda: RUN)
    monkeypatch.setattr(record, "keep", lambda part, *_: kept.append(part))
    monkeypatch.setattr(table, "write", lambda _: None)
    monkeypatch.setattr("sys.argv", ["make bench", *parts])
    return bench.main(), kept


def _ends_with(error: BaseException) -> Any:
    def part(_: Path) -> dict[str, float]:
        raise error

    return part


def test_a_part_that_cannot_run_takes_nothing_from_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fails = _ends_with(RuntimeError("no bubblewrap\nhere"))
    status, kept = _bench(monkeypatch, memory=fails, latency=lambda _: {"check_seconds_median": 0.01})
    assert status == 1
    assert kept == ["latency"]
    assert "   not measured: RuntimeError: here" in capsys.readouterr().out


def test_who_stops_the_bench_keeps_what_was_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped = _ends_with(KeyboardInterrupt())
    status, kept = _bench(monkeypatch, memory=lambda _: {"memory_mb_per_submission": 1}, latency=stopped)
    assert status == 130
    assert kept == ["memory"]
    assert "latency was stopped" in capsys.readouterr().out


def test_what_a_class_was_graded_as_is_read_from_what_grade_writes() -> None:
    """Two exercises, of two students each: seconds by stage, and each result with the exercise that it is of."""

    def result(exercise: str, student: str) -> dict[str, Any]:
        return SubmissionResult(student, exercise, Status.GRADED, (), seconds={"cells": 1.25, "total": 2.0}).to_json()

    names = ("01-image-classification", "02-one-hot-encoding")
    classes = [{"exercise": name, "submissions": [result(name, who) for who in ("eva", "ada")]} for name in names]
    stages, found = bench.graded(classes)
    assert (stages["cells"], stages["total"], stages["models"]) == (5.0, 8.0, 0.0)
    assert [one[:2] for one in found] == [[name, who] for name in names for who in ("ada", "eva")]


def test_the_picture_has_a_point_and_a_number_for_each_run() -> None:
    runs = [{"date": f"2026-11-2{n}", "ratio": n + 0.25, "machine": {"cpu": "A & B"}} for n in range(3)]
    runs[2]["class_submissions"] = 82
    drawn = ElementTree.fromstring(picture("ratio", runs, "times <faster>", 2.0))
    assert len(drawn.findall("circle")) == 3
    xs = [float(circle.attrib["cx"]) for circle in drawn.findall("circle")]
    assert xs == sorted(xs)
    words = [text.text for text in drawn.findall("text")]
    assert {"0.25", "1.25", "2.25 (82 submissions)", "times <faster>", "2026-11-20, A & B"} <= set(words)
    assert "2026-11-22 2.25" in drawn.attrib["aria-label"]
