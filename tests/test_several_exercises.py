"""Several exercises in one run of the command: one queue, a batch each."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import nbformat
import pytest
from kit import ROOT

sys.path.insert(0, str(ROOT))
from autograder.cli import main
from autograder.course.directory import Course
from autograder.grading import batch
from autograder.grading.answered import answered
from autograder.grading.works import work_of_course
from autograder.sandbox.bubblewrap import Sandbox
from benchmarks import stand_in

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
    output = capsys.readouterr().out
    assert "4 graded" in output
    assert all(name in output for name in EXERCISES)
    assert main(command) == 0
    assert "0 graded" in capsys.readouterr().out


def test_due_dates_of_one_are_written_while_results_of_another_are(tmp_path: Path) -> None:
    """SQLite lets one write at a time, so that a transaction left open would keep the other waiting, and then fail."""
    due = {name: {"due": "2026-05-01 12:00Z"} for name in EXERCISES}
    for name in EXERCISES:
        Course(tmp_path).make_ready(name)
    (tmp_path / "autograder.json").write_text(json.dumps({"exercises": due}), "utf-8")
    (tmp_path / "submitted" / "ada" / EXERCISES[0]).mkdir(parents=True)
    handed_in = tmp_path / "submitted" / "bo" / EXERCISES[1] / f"{EXERCISES[1]}.ipynb"
    handed_in.parent.mkdir(parents=True)
    nbformat.write(answered(EXERCISES[1], {}), handed_in)
    course, told = Course(tmp_path), []
    works = [work_of_course(course, n, Sandbox.BUBBLEWRAP, course.submissions(n)) for n in EXERCISES]
    done = batch.grade_exercises(
        course,
        works,
        2,
        pools=stand_in.pools(works[1].exercise),
        on_progress=lambda progress, _: told.append((progress.done, progress.total)),
    )
    assert [[one["status"] for one in found.submissions] for found in done] == [["missing"], ["graded"]]
    assert told == [(1, 2), (1, 2), (2, 2)]
