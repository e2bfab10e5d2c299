"""The bench's history: a line for each run, of what it measured on the machine that it names; and its picture."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from xml.etree import ElementTree

from kit import ROOT

from benchmarks import history

sys.path.insert(0, str(ROOT / "book" / "_ext"))
from kitbook.measured import picture


def test_a_line_holds_numbers_and_the_machine(tmp_path: Path) -> None:
    found = {"ratio": 8.58782, "equal": True, "of_each": {"a": 1.0}, "both": [1.0, 2.0]}
    one = history.line("class", found, {"cpu": "some processor"}, "0.2.0")
    assert {
        "ratio": 8.5878,
        "equal": True,
        "part": "class",
        "machine": {"cpu": "some processor"},
    }.items() <= one.items()
    assert not {"of_each", "both"} & one.keys()
    history.add(one, tmp_path / "history.jsonl")
    history.add(one, tmp_path / "history.jsonl")
    assert history.read(tmp_path / "history.jsonl") == [one, one]


def test_the_history_names_the_machine_of_every_figure() -> None:
    lines = history.read()
    assert [line["date"] for line in lines] == sorted(line["date"] for line in lines)
    assert all(line["machine"]["cpu"] and line["part"] and line["version"] for line in lines)
    latest = {name: value for line in lines for name, value in line.items()}
    results = json.loads((ROOT / "benchmarks" / "results.json").read_text())
    for name in ("nbgrader_ratio", "floor_ratio", "memory_mb_per_submission", "coordinator_ms_per_submission"):
        assert abs(latest[name] - results[name]) < 1e-3, f"{name} of results.json has no line in history.jsonl"


def test_the_picture_has_a_point_and_a_number_for_each_run() -> None:
    runs = [{"date": f"2026-11-2{n}", "ratio": n + 0.25, "machine": {"cpu": "A & B"}} for n in range(3)]
    drawn = ElementTree.fromstring(picture("ratio", runs, "times <faster>", 2.0))
    assert len(drawn.findall("circle")) == 3
    xs = [float(circle.attrib["cx"]) for circle in drawn.findall("circle")]
    assert xs == sorted(xs)
    words = [text.text for text in drawn.findall("text")]
    assert {"0.25", "1.25", "2.25", "times <faster>", "2026-11-20, A & B"} <= set(words)
    assert "2026-11-22 2.25" in drawn.attrib["aria-label"]
