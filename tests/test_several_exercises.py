"""Several exercises in one run of the command: one queue, a batch each."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest

from autograder.cli import main
from autograder.grading.answered import answered

EXERCISES = ("01-image-classification", "02-one-hot-encoding")


@pytest.mark.slow
@pytest.mark.sandbox
def test_each_gets_its_grades_and_what_is_unchanged_is_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in EXERCISES:
        for student, answers in (("ada", {}), ("zoe", None)):
            folder = tmp_path / "submitted" / student / name
            folder.mkdir(parents=True)
            nbformat.write(answered(name, answers), folder / f"{name}.ipynb")
    out = tmp_path / "out.json"
    command = ["grade", *EXERCISES, EXERCISES[0], "--course", str(tmp_path), "--json", str(out)]
    assert main(command) == 0
    found = json.loads(out.read_text("utf-8"))["exercises"]
    assert [one["exercise"] for one in found] == list(EXERCISES)
    for one in found:
        scores = {s["student"]: (s["score"], s["max_score"]) for s in one["submissions"]}
        assert scores["ada"][0] == scores["ada"][1] > 0
        assert scores["zoe"][0] == 0
    said = capsys.readouterr().out
    assert "4 graded" in said
    assert all(name in said for name in EXERCISES)
    assert main(command) == 0
    assert "0 graded" in capsys.readouterr().out
