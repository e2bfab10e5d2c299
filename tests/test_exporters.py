"""Grades for Canvas and Moodle: a real gradebook, the real `nbgrader export`, and the formats' rules."""

from __future__ import annotations

import csv
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from kit import ROOT

sys.path.insert(0, str(ROOT))
from autograder.course.directory import Course
from autograder.grading import batch
from autograder.report import spreadsheet
from autograder.sandbox.bubblewrap import Sandbox
from autograder.sandbox.limits import Limits
from benchmarks import stand_in

NAME = "03-dense-networks"
HOSTILE = "=HYPERLINK(1)"


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, float]]:
    """A course of three graded students and one who handed in nothing; the scores of the three."""
    root = tmp_path_factory.mktemp("school")
    course = Course(root)
    exercise = course.make_ready(NAME)
    stand_in.write_class(root / "submitted", NAME, 3)
    (root / "submitted" / "student-00002").rename(root / "submitted" / HOSTILE)
    setup = batch.prepare(exercise, Limits(), Sandbox.BUBBLEWRAP)
    submissions = course.submissions(NAME)
    done = batch.grade_class(course, exercise, setup, submissions, 2, pools=stand_in.pools(exercise))
    with sqlite3.connect(course.gradebook) as connection:
        connection.execute("insert into student (id, first_name, last_name) values ('absent', 'No', 'Body')")
        connection.execute(
            "update student set first_name = 'Ada', last_name = 'Lovelace, Countess', email = 'ada@example.org',"
            " lms_user_id = '4711' where id = 'student-00000'"
        )
    return root, {s["student"]: s["score"] for s in done.submissions}


def export(root: Path, exporter: str, *options: str) -> tuple[list[list[str]], str]:
    """Rows of the file that `nbgrader export` writes, and what it said."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    target = root / "out.csv"
    command = [sys.executable, "-m", "nbgrader", "export", f"--exporter=autograder.report.exporters.{exporter}"]
    done = subprocess.run(
        [*command, f"--to={target}", *options],
        cwd=root,
        env=os.environ | {"PATH": programs, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    with target.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file)), done.stderr


@pytest.mark.slow
def test_canvas_can_read_it(graded: tuple[Path, dict[str, float]]) -> None:
    root, scores = graded
    rows, said = export(root, "CanvasExporter", f"--CanvasExporter.titles={NAME}=Dense networks (12)")
    # What Canvas's importer asks of the headings and of the row below them.
    assert rows[0] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Dense networks (12)"]
    assert rows[1] == ["    Points Possible", "", "", "", "", "25.0"]
    assert all(len(row) == len(rows[0]) for row in rows)
    by_login = {row[3]: row for row in rows[2:]}
    assert len(by_login) == 4
    assert by_login["student-00000"][:2] == ["Lovelace, Countess, Ada", "4711"]
    assert float(by_login["student-00000"][5]) == scores["student-00000"]
    assert float(by_login["student-00001"][5]) == scores["student-00001"]
    assert by_login["absent"] == ["Body, No", "", "", "absent", "", ""]
    assert by_login["'" + HOSTILE][0] == "'" + HOSTILE
    assert "no longer match anybody" in said


@pytest.mark.slow
def test_moodle_can_read_it_and_no_grade_can_slip_to_a_neighbour(graded: tuple[Path, dict[str, float]]) -> None:
    root, scores = graded
    rows, said = export(root, "MoodleExporter")
    assert rows[0] == ["First name", "Last name", "Username", NAME]
    by_name = {row[2]: row for row in rows[1:]}
    assert by_name["absent"][3] == "-"
    assert float(by_name["student-00001"][3]) == scores["student-00001"]
    assert "No column Email address" in said
    # With one student who has them all, the columns are there.
    rows, said = export(root, "MoodleExporter", "--student=['student-00000']")
    assert rows[0] == ["First name", "Last name", "Username", "ID number", "Email address", NAME]
    assert rows[1][:5] == ["Ada", "Lovelace, Countess", "student-00000", "4711", "ada@example.org"]
    assert "No column" not in said


@pytest.mark.slow
def test_what_waits_for_a_person_gets_no_grade_and_is_named(graded: tuple[Path, dict[str, float]]) -> None:
    root, _ = graded
    query = (
        "update grade set needs_manual_grade = {} where notebook_id in (select n.id from submitted_notebook n join"
        " submitted_assignment a on a.id = n.assignment_id where a.student_id = 'student-00001')"
    )
    with sqlite3.connect(root / "gradebook.db") as connection:
        connection.execute(query.format(1))
    try:
        rows, said = export(root, "CanvasExporter", "--GradesExporter.missing_is_zero=True")
    finally:
        with sqlite3.connect(root / "gradebook.db") as connection:
            connection.execute(query.format(0))
    by_login = {row[3]: row for row in rows[2:]}
    assert by_login["student-00001"][5] == ""
    assert "'student-00001'" in said
    assert by_login["absent"][5] == "0.0"


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@A1", "\t=1", "\r=1", "  =1", "＝1", "=cmd|' /C calc'!A0"])
def test_no_cell_is_a_formula(name: str) -> None:
    ((cell,),) = csv.reader(spreadsheet.table([[name]]).splitlines())
    assert cell.startswith("'")
    assert "\t" not in cell


def test_harmless_cells_stay_as_they_are() -> None:
    row = ['Zoë, the "first"', "a;=1+1,b", "student-01", "-", 2.5, None]
    text = spreadsheet.table([row])
    assert next(csv.reader([text])) == ['Zoë, the "first"', "a;=1+1,b", "student-01", "-", "2.5", ""]
    assert text.startswith('"Zoë, the ""first""","a;=1+1,b"')  # in quotes, so that no other separator splits it
