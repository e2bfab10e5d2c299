"""The gradebook stays nbgrader's: its own API reads it, adds to it, and what it added is graded like the rest."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kit import ROOT
from nbgrader.api import Gradebook
from sqlalchemy import Engine, event

sys.path.insert(0, str(ROOT))
from autograder.course import gradebook
from autograder.course.directory import Course
from autograder.course.release import programs_of_this_python
from autograder.grading import batch
from autograder.grading.results import Results
from autograder.sandbox.bubblewrap import Sandbox
from autograder.sandbox.limits import Limits
from benchmarks import stand_in

NAME = "03-dense-networks"


def grade(course: Course, **options: Any) -> batch.Batch:
    exercise = course.make_ready(NAME)
    setup = batch.prepare(exercise, Limits(), Sandbox.BUBBLEWRAP)
    found = course.submissions(NAME)
    return batch.grade_class(course, exercise, setup, found, 2, pools=stand_in.pools(exercise), **options)


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Course, batch.Batch]:
    root = tmp_path_factory.mktemp("course")
    stand_in.write_class(root / "submitted", NAME, 5)
    course = Course(root)
    return course, grade(course)


def test_nbgraders_api_reads_it(graded: tuple[Course, batch.Batch]) -> None:
    course, done = graded
    with programs_of_this_python(), Gradebook(course.db_url, course.root.name) as book:
        for result in done.submissions:
            submission = book.find_submission(NAME, result["student"])
            assert submission.score == pytest.approx(result["score"])
            assert submission.max_score == result["max_score"]
            assert not submission.needs_manual_grade
        assert book.average_assignment_score(NAME) == pytest.approx(
            sum(r["score"] for r in done.submissions) / len(done.submissions)
        )


def test_what_nbgraders_api_added_is_graded_like_the_rest(graded: tuple[Course, batch.Batch]) -> None:
    course, _ = graded
    stand_in.write_class(course.root / "late", NAME, 1)
    (course.root / "late/student-00000").rename(course.root / "submitted/zoe")
    with programs_of_this_python(), Gradebook(course.db_url, course.root.name) as book:
        book.add_student("zoe", first_name="Zoe")
        book.add_submission(NAME, "zoe")
    done = grade(course)
    assert done.skipped == 5
    (zoe,) = [r for r in done.submissions if r["student"] == "zoe"]
    with programs_of_this_python(), Gradebook(course.db_url, course.root.name) as book:
        assert book.find_submission(NAME, "zoe").score == pytest.approx(zoe["score"])
        assert book.find_student("zoe").first_name == "Zoe"


def test_nbgraders_export_reads_it(graded: tuple[Course, batch.Batch]) -> None:
    course, done = graded
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(
        [sys.executable, "-m", "nbgrader", "export", "--to", "grades.csv"],
        cwd=course.root,
        env=os.environ | {"PATH": programs},
        capture_output=True,
        check=True,
    )
    exported = (course.root / "grades.csv").read_text()
    for result in done.submissions:
        assert result["student"] in exported


def steps_of(connection: Any, what: Callable[[], Any]) -> int:
    """How many instructions SQLite executes for something: it grows with the rows that it reads, not with the time."""
    counted: list[None] = []
    database = connection.connection.driver_connection
    database.set_progress_handler(lambda: counted.append(None), 1)
    what()
    database.set_progress_handler(None, 0)
    return len(counted)


def steps_to_open(course: Course, student: str) -> int:
    """How many it takes to open the gradebook for what one student hands in, and to see what they have."""
    counted: list[None] = []

    def count(database: Any, _: Any) -> None:
        database.set_progress_handler(lambda: counted.append(None), 1)

    event.listen(Engine, "connect", count)
    book = gradebook.Gradebook(course.db_url, course.course_id, NAME, students=[student])
    assert book.knows(student)
    book.marks(student)
    book.close()
    event.remove(Engine, "connect", count)
    return len(counted)


def test_a_submission_costs_the_same_few_statements_whoever_came_before(tmp_path: Path) -> None:
    stand_in.write_class(tmp_path / "submitted", NAME, 40)
    course = Course(tmp_path)
    exercise = course.make_ready(NAME)
    book = gradebook.Gradebook(course.db_url, tmp_path.name, NAME)
    counted: list[str] = []
    event.listen(book._connection.engine, "before_cursor_execute", lambda *told: counted.append(told[2]))
    executor = stand_in.StandIn(batch.prepare(exercise, Limits(), Sandbox.BUBBLEWRAP), exercise)
    costs = []
    opening = {}  # by how many are in it
    for number, submitted in enumerate(course.submissions(NAME), 1):
        counted.clear()
        job = batch.Job("", submitted.student, submitted.raw or b"")
        result = executor.submit(len, job).result().result
        book.enter(submitted.student, "", result)
        costs.append(len(counted))
        if number in (10, 40):
            book.commit()
            opening[number] = steps_to_open(course, "student-00000")
    assert max(costs) <= 5
    assert len(set(costs)) == 1
    # What a version counts is asked for each version of each student, so no such question may read all grades.
    steps = steps_of(book._connection, lambda: book.what_counts("student-00000", "", result))
    book.close()
    assert 0 < steps < 40 * len(result.checks)
    assert opening[40] - opening[10] < 30 * 2 * len(result.checks), opening


def test_ids_grow_so_that_indices_are_added_to_at_their_end() -> None:
    ids = [gradebook._new_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert {len(i) for i in ids} == {32}
    assert [i[:16] for i in ids] == sorted(i[:16] for i in ids)


def test_results_come_back_in_order_and_as_they_were() -> None:
    results = Results()
    made = [{"student": s, "score": n / 3, "checks": [{"message": "é" * 50}]} for n, s in enumerate("cab")]
    for result in made:
        results.add(result)
    results.add(made[0] | {"score": 9})
    assert list(results) == [made[1], made[2], made[0] | {"score": 9}]
    assert results[0] == made[1]
    assert results[-1]["score"] == 9
    assert results[:2] == [made[1], made[2]]
    assert len(results) == 3
