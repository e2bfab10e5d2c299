"""A course's name is data: whatever its folder is called, everything is found in it and nothing is made beside it."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from kit import ROOT
from nbgrader.api import Gradebook
from nbgrader.coursedir import CourseDirectory
from sqlalchemy import create_engine, text
from traitlets.config.loader import PyFileConfigLoader

sys.path.insert(0, str(ROOT))
from autograder.course.directory import Course
from autograder.course.nbgrader_config import address, file_of
from autograder.course.release import programs_of_this_python
from autograder.errors import CourseError
from autograder.grading import batch
from autograder.report import write_report
from autograder.sandbox.bubblewrap import Sandbox
from autograder.sandbox.limits import Limits
from benchmarks import stand_in

NAME = "03-dense-networks"
WORST = "a?#%20\"\\'[1] ü漢\n*{x}$(y);&=@:~ "
PLAIN = "keras 2026"
LEGAL_BYTES = st.binary(min_size=1, max_size=80) | st.text(min_size=1, max_size=20).map(
    lambda name: name.encode("utf-8", "replace")
)
LEGAL_NAMES = LEGAL_BYTES.map(lambda raw: os.fsdecode(raw.replace(b"\0", b"?").replace(b"/", b"#"))).filter(
    lambda name: name not in (".", "..")
)
ODD = [
    WORST, "what?", "#", "%20", "%",
    '"', "\\", "it's", "a\nb", "-x", "--help", " ", "x ", "[1]", "*", "{a}", "{", "?mode=ro",
    "?#", "file:x", "~", "$HOME", "..a", "c++", "a|b", "\x01\x7f", "\u202egnp", os.fsdecode(b"\xff\xfe%3F?"),
]  # fmt: skip


def in_odd_names(test: Any) -> Any:
    for name in ODD:
        test = example(name)(test)
    return given(LEGAL_NAMES)(test)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@in_odd_names
def test_a_gradebook_is_where_its_address_says(tmp_path: Path, name: str) -> None:
    course = tmp_path / "around" / name
    course.mkdir(parents=True)
    book = course / "gradebook.db"
    engine = create_engine(address(book))
    with engine.connect() as connection:
        connection.execute(text("create table grades (score)"))
    engine.dispose()
    assert os.listdir(course.parent) == [name]
    assert os.listdir(course) == ["gradebook.db"]
    assert file_of(address(book)) == str(book)
    shutil.rmtree(tmp_path / "around")


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@in_odd_names
def test_nbgrader_reads_from_our_configuration_the_same_places(tmp_path: Path, name: str) -> None:
    root = tmp_path / "around" / name
    root.mkdir(parents=True)
    course = Course(root)
    course.write_config()
    before = os.getcwd()
    os.chdir(root)
    try:
        config = PyFileConfigLoader(str(root / "nbgrader_config.py")).load_config()
        theirs = CourseDirectory(config=config)
        assert os.path.samefile(theirs.root, root)
        assert not set(theirs.root) & set("*?["), "nbgrader would take it for a pattern"
        assert (file_of(theirs.db_url) or "") == str(root / "gradebook.db")
        assert theirs.course_id == course.course_id
        assert course.course_id
    finally:
        os.chdir(before)
    # and so does the kit, from what it has written itself
    assert Course(root).gradebook == root / "gradebook.db"
    assert Course(root).submitted == root / "submitted"
    shutil.rmtree(tmp_path / "around")


def grade(course: Course) -> batch.Batch:
    exercise = course.make_ready(NAME)
    setup = batch.prepare(exercise, Limits(), Sandbox.BUBBLEWRAP)
    return batch.grade_class(course, exercise, setup, course.submissions(NAME), 1, pools=stand_in.pools(exercise))


@pytest.mark.parametrize("name", [WORST, "what?", "#", "%3F", "-x ", os.fsdecode(b"\xff\xfe%3F?")])
def test_a_class_is_graded_and_reported(tmp_path: Path, name: str) -> None:
    root = tmp_path / name
    # A neighbour whose name the odd one would mean as a pattern, or without what follows a question mark.
    neighbour = tmp_path / name.replace("?", "X").replace("*", "X").replace("[1]", "1").partition("#")[0]
    if neighbour != tmp_path:
        (neighbour / "submitted").mkdir(parents=True, exist_ok=True)
    stand_in.write_class(root / "submitted", NAME, 2)
    there = sorted(os.listdir(tmp_path))
    done = grade(Course(root))
    report = write_report(Course(root), NAME)
    assert sorted(os.listdir(tmp_path)) == there
    assert neighbour in (tmp_path, root) or os.listdir(neighbour) == ["submitted"]
    assert report.page.parent == root / "report"
    assert (root / "gradebook.db").is_file()
    with programs_of_this_python(), Gradebook(Course(root).db_url, Course(root).course_id) as book:
        for result in done.submissions:
            assert book.find_submission(NAME, result["student"]).score == pytest.approx(result["score"])
    assert grade(Course(root)).skipped == 2


def test_a_course_that_was_moved_or_renamed_is_the_same_course(tmp_path: Path) -> None:
    stand_in.write_class(tmp_path / "before/submitted", NAME, 1)
    grade(Course(tmp_path / "before"))
    (tmp_path / "before").rename(tmp_path / "after words")
    assert grade(Course(tmp_path / "after words")).skipped == 1
    assert os.listdir(tmp_path) == ["after words"]


@pytest.mark.slow
def test_nbgraders_own_commands_work_there(tmp_path: Path) -> None:
    root = tmp_path / WORST
    stand_in.write_class(root / "submitted", NAME, 2)
    done = grade(Course(root))
    around = sorted(os.listdir(tmp_path))

    def nbgrader(*arguments: str) -> str:
        programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        answer = subprocess.run(
            [sys.executable, "-m", "nbgrader", *arguments],
            cwd=root,
            env=os.environ | {"PATH": programs},
            capture_output=True,
            text=True,
            check=False,
        )
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return answer.stdout + answer.stderr

    for result in done.submissions:
        assert result["student"] in nbgrader("db", "student", "list")
    shutil.rmtree(root / "feedback")
    nbgrader("generate_feedback", NAME)
    assert len(list((root / "feedback").glob(f"*/{NAME}/{NAME}.html"))) == 2
    nbgrader("generate_assignment", NAME, "--force")
    nbgrader("export", "--to", "grades.csv")
    exported = (root / "grades.csv").read_text()
    for result in done.submissions:
        assert f",{result['score']}," in exported
    assert sorted(os.listdir(tmp_path)) == around


@pytest.mark.parametrize("name", ["course", WORST])
def test_the_way_out_of_an_old_gradebook_is_one_that_works_there(tmp_path: Path, name: str) -> None:
    root = tmp_path / name
    root.mkdir()
    with contextlib.closing(sqlite3.connect(root / "gradebook.db")) as connection:
        connection.execute("create table student (id text)")
    with pytest.raises(CourseError, match="If an earlier nbgrader made it") as error:
        Course(root).gradebook_is_nbgraders()
    spelled_out = "--db sqlite:///gradebook.db" in str(error.value)
    assert spelled_out is (name == WORST), "nbgrader cannot read our address of a folder with such a name"
