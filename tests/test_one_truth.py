"""After a person changed points: page, report, results, gradebook and exports say the same."""

from __future__ import annotations

import csv
import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from kit import ROOT  # noqa: F401
from test_late import DUE, NAME, ZERO, Class

from autograder.course import submissions
from autograder.course.directory import Course
from autograder.course.grades import read_grades
from autograder.report import write_report
from autograder.report.exporters import CanvasExporter


def _change(group: Class, student: str, points: float, comment: str = "") -> str:
    """As the formgrader does it; returns the task."""
    with group.book() as book:
        notebook = book.find_submission_notebook(NAME, NAME, student)
        grade = sorted(notebook.grades, key=lambda g: g.name)[0]
        grade.manual_score = points
        grade.needs_manual_grade = False
        if comment:
            notebook.comments[0].manual_comment = comment
        book.db.commit()
        return str(grade.name)


def _everywhere(group: Class, student: str) -> dict[str, float]:
    report = write_report(Course(group.root), NAME)
    rows = {row["student"]: row for row in csv.DictReader(report.table.open(encoding="utf-8"))}
    target = group.root / "canvas.csv"
    with group.book() as book:
        export = CanvasExporter()
        export.to = str(target)
        export.export(book)
        submission = book.find_submission(NAME, student)
        truth = submission.score - (submission.late_submission_penalty or 0.0)
    exported = {row[3]: row[5] for row in csv.reader(target.open(encoding="utf-8"))}
    page = (group.root / "feedback" / student / NAME / f"{NAME}.html").read_text("utf-8")
    note = json.loads((group.root / ".autograder" / NAME / "done" / f"{student}.json").read_text("utf-8"))
    (shown,) = re.findall(r"<h1>[^<]*\(Score: ([\d.]+) / ", page)
    return {
        "gradebook": truth,
        "report": float(rows[student]["score"]),
        "export": float(exported[student]),
        "page": float(shown),
        "result": note["result"]["score"],
        "grades": read_grades(Course(group.root), NAME)[student].score,
    }


def _agree(group: Class, student: str) -> float:
    found = _everywhere(group, student)
    assert all(value == pytest.approx(found["gradebook"], abs=0.006) for value in found.values()), found
    return found["gradebook"]


def test_points_changed_in_the_formgrader_are_everywhere_after_the_next_run(tmp_path: Path) -> None:
    group = Class(tmp_path, "")
    group.grade()
    before = _agree(group, "early")
    task = _change(group, "early", 0.5, "Well argued <b>")
    assert group.grade().skipped == 3, "nothing is run again for it"
    after = _agree(group, "early")
    assert after != before
    page = (group.root / "feedback" / "early" / NAME / f"{NAME}.html").read_text("utf-8")
    assert f"<code>{task}</code>: 0.5 points given by hand." in page
    assert "Well argued &lt;b&gt;" in page
    with group.book() as book:  # and taken back
        for grade in book.find_submission_notebook(NAME, NAME, "early").grades:
            grade.manual_score = None
        book.db.commit()
    group.grade()
    assert _agree(group, "early") == pytest.approx(before)
    assert "given by hand" not in (group.root / "feedback/early" / NAME / f"{NAME}.html").read_text("utf-8")


def test_graded_again_by_force_what_a_person_gave_stands_and_no_cell_is_empty(tmp_path: Path) -> None:
    group = Class(tmp_path, "")
    group.grade()
    _change(group, "early", 0.5)
    before = read_grades(Course(group.root), NAME)["early"].score
    group.grade(force=True)
    assert _agree(group, "early") == pytest.approx(before)
    with group.book() as book:
        assert not book.find_submission(NAME, "early").needs_manual_grade, "the same work got the same points"


def test_new_work_keeps_the_points_and_asks_for_a_look(tmp_path: Path) -> None:
    group = Class(tmp_path, "")
    group.grade()
    _change(group, "early", 0.5)
    notebook = group.root / "submitted" / "early" / NAME / f"{NAME}.ipynb"
    notebook.write_text(notebook.read_text("utf-8").replace("x = ", "y = 1 + "), "utf-8")
    group.grade()
    _agree(group, "early")
    with group.book() as book:
        assert book.find_submission(NAME, "early").needs_manual_grade
    report = write_report(Course(group.root), NAME)
    assert "Changed by hand, and graded again since (1)" in report.summary[-1]


def test_late_work_changed_by_hand_loses_of_what_it_has_now(tmp_path: Path) -> None:
    group = Class(tmp_path, ZERO)
    group.due(DUE + timedelta(hours=2))
    group.grade()
    _change(group, "late", 0.5)
    group.due(DUE)
    group.grade()
    assert _agree(group, "late") == 0.0


def test_the_report_names_who_handed_in_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    group = Class(tmp_path, "")
    group.grade()
    with group.book() as book:
        book.update_or_create_student("ada", first_name="Ada", last_name="Lovelace")
        book.update_or_create_student("early", first_name="Early", last_name="Bird")
    looked_at: list[str] = []
    find = submissions._read
    monkeypatch.setattr(submissions, "_read", lambda *a: looked_at.append(a[0]) or find(*a))
    report = write_report(Course(group.root), NAME)
    assert sorted(looked_at) == ["early", "late", "never"], "each hand-in is read once"
    assert "Handed in nothing (1)" in report.summary[-1]
    rows = {row["student"]: row for row in csv.DictReader(report.table.open(encoding="utf-8"))}
    assert rows["ada"]["status"] == "handed in nothing"
    assert rows["early"]["name"] == "Early Bird"
    page = report.page.read_text("utf-8")
    assert "Early Bird" in page
    assert "Ada Lovelace" in page
