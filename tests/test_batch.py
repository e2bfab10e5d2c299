"""Recording a class: nothing lost, nothing doubled, nobody hurt by another. Running is left to a stand-in."""

from __future__ import annotations

import itertools
import json
import math
import multiprocessing
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from kit import ROOT, kill_a_writer
from sqlalchemy.exc import DatabaseError

sys.path.insert(0, str(ROOT))
from autograder.course import gradebook, submissions
from autograder.course.directory import Course
from autograder.course.grades import read_deadline, read_grades
from autograder.errors import AlreadyRunning, CourseError, ForkServerFailed, GradebookFailed, GradingImpossible
from autograder.grading import batch
from autograder.sandbox.bubblewrap import Sandbox
from autograder.sandbox.limits import Limits
from benchmarks import stand_in

NAME = "03-dense-networks"


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course whose gradebook knows the exercise: nbgrader takes seconds for that."""
    root = tmp_path_factory.mktemp("prepared")
    Course(root).make_ready(NAME)
    (root / "nbgrader_config.py").unlink()  # it names the folder it was made in
    return root


@pytest.fixture
def course(prepared: Path, tmp_path: Path) -> Path:
    return another_course(prepared, tmp_path / "course")


def another_course(prepared: Path, root: Path) -> Path:
    shutil.copytree(prepared, root)
    (root / "submitted").mkdir()
    return root


def grade(root: Path, pools: Any = None, **options: Any) -> batch.Batch:
    course = Course(root)
    exercise = course.make_ready(NAME)
    setup = batch.prepare(exercise, Limits(), Sandbox.BUBBLEWRAP)
    pools = pools or stand_in.pools(exercise)
    return batch.grade_class(course, exercise, setup, course.submissions(NAME), 2, pools=pools, **options)


def rows(root: Path) -> list[tuple[Any, ...]]:
    """Every grade in the gradebook, as SQLite has it."""
    query = (
        "select s.id, c.name, g.auto_score, g.needs_manual_grade from grade g"
        " join base_cell c on c.id = g.cell_id join submitted_notebook n on n.id = g.notebook_id"
        " join submitted_assignment a on a.id = n.assignment_id join student s on s.id = a.student_id order by 1, 2"
    )
    with sqlite3.connect(root / "gradebook.db") as connection:
        return connection.execute(query).fetchall()


def test_everything_nbgrader_expects_is_there(course: Path) -> None:
    stand_in.write_class(course / "submitted", NAME, 3)
    (course / "submitted/student-00001" / NAME / "timestamp.txt").write_text("2026-01-15 12:00:00 UTC\n")
    done = grade(course)
    assert [s["student"] for s in done.submissions] == ["student-00000", "student-00001", "student-00002"]
    assert len(rows(course)) == 3 * len(done.submissions[0]["checks"])
    for submission in done.submissions:
        student = submission["student"]
        assert (course / "autograded" / student / NAME / f"{NAME}.ipynb").is_file()
        assert (course / "feedback" / student / NAME / f"{NAME}.html").is_file()
        scores = [score for s, _, score, _ in rows(course) if s == student]
        assert sum(scores) == submission["score"]
    with sqlite3.connect(course / "gradebook.db") as connection:
        stamps = [r[0] for r in connection.execute("select timestamp from submitted_assignment")]
    assert sum(stamp is not None for stamp in stamps) == 1
    assert not list(course.rglob(".writing-*"))


def test_only_new_or_changed_submissions_are_graded_again(course: Path) -> None:
    stand_in.write_class(course / "submitted", NAME, 4)
    first = grade(course)
    assert grade(course).skipped == 4
    changed = course / "submitted/student-00002" / NAME / f"{NAME}.ipynb"
    changed.write_text(changed.read_text().replace("x = 2", "x = 222"))
    second = grade(course)
    assert second.skipped == 3
    assert len(rows(course)) == 4 * len(first.submissions[0]["checks"])
    assert grade(course, force=True).skipped == 0


def test_a_manual_grade_survives_and_asks_for_another_look_at_new_work(course: Path) -> None:
    stand_in.write_class(course / "submitted", NAME, 1)
    grade(course)
    with sqlite3.connect(course / "gradebook.db") as connection:
        connection.execute("update grade set manual_score = 1.5")
    grade(course, force=True)  # the same work once more
    with sqlite3.connect(course / "gradebook.db") as connection:
        found = set(connection.execute("select manual_score, needs_manual_grade from grade"))
    assert found == {(1.5, 0)}
    (changed,) = (course / "submitted").glob(f"*/{NAME}/{NAME}.ipynb")
    changed.write_text(changed.read_text().replace("x = 0", "x = 222"))
    assert grade(course).skipped == 0
    with sqlite3.connect(course / "gradebook.db") as connection:
        found = set(connection.execute("select manual_score, needs_manual_grade from grade"))
    assert found == {(1.5, 1)}


def test_missing_notebooks_are_said_and_cost_nobody_else_anything(course: Path) -> None:
    stand_in.write_class(course / "submitted", NAME, 2)
    (course / "submitted/nobody" / NAME).mkdir(parents=True)
    (course / "submitted/two" / NAME).mkdir(parents=True)
    for name in ("a.ipynb", "b.ipynb"):
        (course / "submitted/two" / NAME / name).write_text(f'{{"of": "{name}"}}')
    (course / "submitted/link").mkdir()
    (course / "submitted/link" / NAME).symlink_to(course / "submitted/student-00000" / NAME)
    (course / "submitted/linked").symlink_to(course / "submitted/student-00000")
    (course / "submitted/student-00000" / NAME / "submission_secret.txt").write_text("theirs")
    (course / "submitted/lost").symlink_to(course / "nowhere")
    results = {s["student"]: s for s in grade(course).submissions}
    assert {results[s]["status"] for s in ("nobody", "two", "link", "linked", "lost")} == {"missing"}
    assert "2 notebooks" in results["two"]["message"]
    assert "link" in results["link"]["message"]
    assert "among the files handed in" in results["nobody"]["message"]
    assert [p.parts[-3] for p in course.glob("feedback/*/*/submission_secret.txt")] == ["student-00000"]
    for student in ("linked", "lost"):
        assert results[student]["message"] == "The student's folder is a symbolic link; links are not followed."
    assert results["student-00000"]["status"] == "graded"


def test_a_renamed_notebook_is_found(course: Path) -> None:
    stand_in.write_class(course / "submitted", NAME, 1)
    path = course / "submitted/student-00000" / NAME / f"{NAME}.ipynb"
    path.rename(path.with_name("my homework (1).ipynb"))
    (result,) = grade(course).submissions
    assert result["status"] == "graded"


class Dying(Executor):
    """Its worker dies under one student's job, and takes everything else down, as a process pool's does."""

    def __init__(self, inner: Executor, guilty: str, error: type[Exception]) -> None:
        self._inner, self._guilty, self._error, self._broken = inner, guilty, error, False

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        if self._broken:
            raise BrokenProcessPool("gone")
        if args[0].student == self._guilty:
            future: Future[Any] = Future()
            future.set_exception(self._error("gone"))
            self._broken = self._error is BrokenProcessPool
            return future
        return self._inner.submit(fn, *args, **kwargs)


@pytest.mark.parametrize("error", [BrokenProcessPool, ForkServerFailed, RuntimeError])
def test_a_dying_worker_costs_only_the_guilty_a_retry(course: Path, error: type[Exception]) -> None:
    stand_in.write_class(course / "submitted", NAME, 6)
    course_object = Course(course)
    exercise = course_object.make_ready(NAME)

    @contextmanager
    def pools(workers: int, setups: Any) -> Any:
        with stand_in.pools(exercise)(workers, setups) as inner:
            yield Dying(inner, "student-00003", error)

    results = {s["student"]: s for s in grade(course, pools).submissions}
    assert len(results) == 6
    assert results["student-00003"]["status"] == "error"
    assert "our fault" in results["student-00003"]["message"]
    assert all(r["status"] == "graded" for s, r in results.items() if s != "student-00003")
    assert grade(course).skipped == 5  # what was our fault is tried again


class Growing(Executor):
    """A cluster: it had no worker that anybody knew of, and has three from the first submission on."""

    def __init__(self, inner: Executor) -> None:
        self._inner, self._given = inner, 0
        self.before_each_round: list[int] = []

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self._given += 1
        return self._inner.submit(fn, *args, **kwargs)

    @property
    def size(self) -> int:
        """Asked before each round of handing out."""
        self.before_each_round.append(self._given)
        return 3 if self._given else 0


def test_workers_that_join_get_something_to_do_at_once(course: Path) -> None:
    stand_in.write_class(course / "submitted", NAME, 7)
    growing: list[Growing] = []

    @contextmanager
    def pools(workers: int, setups: Any) -> Any:
        with stand_in.pools(Course(course).make_ready(NAME))(workers, setups) as inner:
            growing.append(Growing(inner))
            yield growing[-1]

    assert len(grade(course, pools).submissions) == 7
    assert growing[0].before_each_round == [0, 2, 5, 7]  # two at first, as `grade` says


class Away(Executor):
    """A cluster whose connection is lost for a moment: all that is in hand breaks at once."""

    size = 2 * batch.GIVE_UP_AFTER

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_exception(BrokenProcessPool("gone"))
        return future


def test_a_connection_that_is_lost_is_one_failure_however_many_are_in_hand(course: Path) -> None:
    stand_in.write_class(course / "submitted", NAME, 2 * batch.GIVE_UP_AFTER)
    opened = itertools.count()

    @contextmanager
    def pools(workers: int, setups: Any) -> Any:
        with stand_in.pools(Course(course).make_ready(NAME))(workers, setups) as inner:
            yield inner if next(opened) else Away()

    assert {s["status"] for s in grade(course, pools).submissions} == {"graded"}


class Failing(Executor):
    """Nothing can be graded with it, as far as it can tell."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_exception(ForkServerFailed("gone"))
        return future


@contextmanager
def failing(workers: int, setups: Any) -> Any:
    yield Failing()


def test_a_few_students_work_does_not_end_a_run_however_often_it_is_tried(course: Path) -> None:
    few = batch.GIVE_UP_AFTER - 1
    stand_in.write_class(course / "submitted", NAME, few)
    assert [s["status"] for s in grade(course, failing).submissions] == ["error"] * few


def test_nobodys_work_can_be_graded_ends_the_run(course: Path) -> None:
    stand_in.write_class(course / "submitted", NAME, batch.GIVE_UP_AFTER)
    with pytest.raises(GradingImpossible, match=f"{batch.GIVE_UP_AFTER} submissions in a row"):
        grade(course, failing)


def work_or_die(job: Any, setups: Any, exercise: Any, mark: Path) -> Any:
    """What a worker does for a job; the first time it comes to one student, it is killed."""
    if job.student == "student-00002" and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return stand_in.StandIn(setups[0], exercise)._done(job)


class RealProcesses(Executor):
    """The local pool's own kind of processes, with a stand-in's work in them."""

    def __init__(self, inner: Executor, *given: Any) -> None:
        self._inner, self._given = inner, given

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        return self._inner.submit(work_or_die, args[0], *self._given)


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_nobody_a_grade(course: Path, prepared: Path, tmp_path: Path) -> None:
    """A real process, a real SIGKILL: its job and those beside it are done again, to the same grades."""
    undisturbed = another_course(prepared, tmp_path / "undisturbed")
    for root in (course, undisturbed):
        stand_in.write_class(root / "submitted", NAME, 6)
    grade(undisturbed)
    exercise, mark = Course(course).make_ready(NAME), tmp_path / "killed"

    @contextmanager
    def pools(workers: int, setups: Any) -> Any:
        with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as inner:
            yield RealProcesses(inner, setups, exercise, mark)

    done = grade(course, pools)
    assert mark.exists()
    assert {s["status"] for s in done.submissions} == {"graded"}
    assert rows(course) == rows(undisturbed)


class Shelf:
    """An exercise's job, as far as the order of the work needs one."""

    def __init__(self, **known: float) -> None:
        self.recorder, self._known = self, known
        self.ran, self.seconds = 0, 0.0

    def seconds_last_time(self, submitted: Any) -> float:
        return self._known.get(submitted, math.inf)

    def tasks(self, *students: str) -> list[Any]:
        return [batch._Task(student, self) for student in students]  # type: ignore[arg-type]


def test_the_longest_goes_first_as_soon_as_it_is_known() -> None:
    short, long = Shelf(), Shelf()
    queue = batch._LongestFirst([*short.tasks("a", "b", "c"), *long.tasks("d", "e", "f")])
    taken = [queue.pop()[0].submitted for _ in range(2)]
    assert taken == ["a", "d"], "one of each, to know them"
    short.ran, short.seconds, long.ran, long.seconds = 1, 0.5, 1, 3.0
    back, attempt = queue.pop()
    queue.append((back, attempt))
    assert [queue.pop()[0].submitted for _ in range(len(queue))] == ["e", "f", "b", "c"]
    assert not queue


def test_what_earlier_runs_took_decides_before_what_others_take() -> None:
    known, other = Shelf(a=1.0, b=7.0, c=4.0), Shelf(d=5.0)
    queue = batch._LongestFirst([*known.tasks("a", "b", "c"), *other.tasks("d")])
    assert [queue.pop()[0].submitted for _ in range(len(queue))] == ["b", "d", "c", "a"]


def grade_slowly(root: Path) -> None:
    """A run to be killed: each student takes a moment longer."""
    grade(root, on_progress=lambda *_: time.sleep(0.03))


@pytest.fixture
def fork_server_context(monkeypatch: pytest.MonkeyPatch) -> multiprocessing.context.ForkServerContext:
    """Starts processes as forks of one that has imported what grades: to import it takes longer than to be killed."""
    context = multiprocessing.get_context("forkserver")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))  # what it imports is otherwise looked for elsewhere
    context.set_forkserver_preload([__name__])
    return context


@pytest.mark.slow
def test_killed_at_twenty_random_moments_nothing_is_lost_or_doubled(
    course: Path, prepared: Path, tmp_path: Path, fork_server_context: multiprocessing.context.ForkServerContext
) -> None:
    """The coordinator is killed with SIGKILL; the next run goes on; the end equals an undisturbed run."""
    students = 450  # each takes its time, so that no run comes to its end before it is killed
    stand_in.write_class(course / "submitted", NAME, students)
    undisturbed = another_course(prepared, tmp_path / "undisturbed")
    stand_in.write_class(undisturbed / "submitted", NAME, students)
    grade(undisturbed)
    # How long one student takes to record decides what a random moment is.
    rng, kills, kept = random.Random(7), 0, 0
    notes = course / ".autograder" / NAME / "done"
    while kills < 20:
        process = fork_server_context.Process(target=grade_slowly, args=(course,))
        process.start()
        goal = kept + rng.randint(0, 10)
        while process.is_alive() and (len(list(notes.glob("*.json"))) if notes.is_dir() else 0) < goal:
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.03))
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL, "it had ended before it was killed"
        kills += 1
        now = len(list(notes.glob("*.json"))) if notes.is_dir() else 0
        assert now >= kept, "a recorded result was lost"
        kept = now
        for note in notes.glob("*.json"):
            json.loads(note.read_text("utf-8"))  # whole, or not there
    done = grade(course)
    assert len(done.submissions) == students
    assert rows(course) == rows(undisturbed)
    first, second = grade(course), grade(undisturbed)
    assert first.submissions == second.submissions


@pytest.mark.parametrize(
    "read",
    [
        lambda course: course.make_ready(NAME),
        lambda course: read_grades(course, NAME),
        lambda course: read_deadline(course, NAME),
    ],
    ids=["grade", "grades", "deadline"],
)
def test_gradebook_whose_writer_was_killed_is_read(course: Path, read: Any) -> None:
    """The journal that it left is taken back by whoever reads first."""
    stand_in.write_class(course / "submitted", NAME, 3)
    grade(course)
    before = rows(course)
    kill_a_writer(course / "gradebook.db", "update grade set auto_score = 0")
    read(Course(course))
    assert rows(course) == before
    assert grade(course).skipped == 3


@pytest.fixture
def heeds_ctrl_c() -> Iterator[None]:
    """What a shell starts in the background ignores Ctrl-C from the start, and these tests may be in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeds_ctrl_c")
def test_ctrl_c_keeps_what_was_graded(course: Path) -> None:
    stand_in.write_class(course / "submitted", NAME, 5)
    told = []

    def interrupt(_progress: Any, result: Any) -> None:
        told.append(result)
        if len(told) == 3:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        grade(course, on_progress=interrupt)
    assert grade(course).skipped >= 2  # the third may have been recorded, or not


def test_locked_gradebook_is_said_in_one_line(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in.write_class(course / "submitted", NAME, 1)
    grade(course)
    monkeypatch.setattr("autograder.course.directory.LOCK_SECONDS", 0.2)
    with sqlite3.connect(course / "gradebook.db") as other:
        other.execute("begin exclusive")
        with pytest.raises(CourseError, match="cannot be opened") as error:
            Course(course).gradebook_is_sound()
    assert "\n" not in str(error.value)


def test_damaged_gradebook_is_refused_and_rebuilt_from_what_was_graded(course: Path) -> None:
    stand_in.write_class(course / "submitted", NAME, 3)
    grade(course)
    before = rows(course)
    gradebook = course / "gradebook.db"
    gradebook.write_bytes(b"SQLite format 3\0" + os.urandom(5_000))
    with pytest.raises(CourseError, match="damaged"):
        Course(course).gradebook_is_sound()
    with pytest.raises(CourseError, match="damaged"):
        grade(course)
    gradebook.rename(course / "gradebook.damaged")
    grade(course)
    assert rows(course) == before


def test_a_gradebook_that_breaks_meanwhile_ends_the_run_in_one_line(
    course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in.write_class(course / "submitted", NAME, 3)
    whole = gradebook.Gradebook.commit

    def commit(self: gradebook.Gradebook) -> None:
        whole(self)
        raise DatabaseError("COMMIT", {}, sqlite3.DatabaseError("database disk image is malformed"))

    monkeypatch.setattr(gradebook.Gradebook, "commit", commit)
    with pytest.raises(GradebookFailed, match="disk image is malformed") as error:
        grade(course)
    assert "\n" not in str(error.value)
    assert error.value.exit_status == 1
    monkeypatch.undo()
    assert len(grade(course).submissions) == 3


def test_full_disk_is_said_and_nothing_half_written_stays(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in.write_class(course / "submitted", NAME, 3)
    real, calls = os.replace, []

    def full(source: str, target: Path) -> None:
        calls.append(target)
        if len(calls) == 5:
            raise OSError(28, "No space left on device")
        real(source, target)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(CourseError, match="No space left"):
        grade(course)
    monkeypatch.setattr(os, "replace", real)
    assert not list(course.rglob(".writing-*"))
    assert len(grade(course).submissions) == 3


def test_a_clock_that_jumps_back_changes_nothing(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in.write_class(course / "submitted", NAME, 2)
    clock = iter(range(2_000_000_000, 0, -1_000_000))
    monkeypatch.setattr(time, "time", lambda: float(next(clock)))
    assert {s["status"] for s in grade(course).submissions} == {"graded"}


# -- one student's files, and the class ----------------------------------------------------------------------


def _by_student(done: batch.Batch) -> dict[str, Any]:
    return {result["student"]: result for result in done.submissions}


def _spoil_timestamp(course: Path, student: str) -> None:
    (course / "submitted" / student / NAME / "timestamp.txt").write_text("100000000000000000000000000000m")


def _spoil_autograded(course: Path, student: str) -> None:
    (course / "autograded").mkdir()
    (course / "autograded" / student).write_text("a file where a folder belongs")


def _spoil_feedback(course: Path, student: str) -> None:
    (course / "feedback" / student / NAME / f"{NAME}.html" / "x").mkdir(parents=True)


@pytest.mark.parametrize(
    ("spoil", "status"), [(_spoil_timestamp, "graded"), (_spoil_autograded, "error"), (_spoil_feedback, "error")]
)
def test_what_is_wrong_for_one_student_is_that_students_result(course: Path, spoil: Any, status: str) -> None:
    stand_in.write_class(course / "submitted", NAME, 4)
    spoil(course, "student-00001")
    results = _by_student(grade(course))
    assert results["student-00001"]["status"] == status
    assert {r["status"] for s, r in results.items() if s != "student-00001"} == {"graded"}
    assert len({row[0] for row in rows(course)}) == 4
    if status == "error":
        assert "our fault" in results["student-00001"]["message"]
        assert grade(course).skipped == 3  # and it is tried again


def test_a_result_that_the_gradebook_refuses_costs_nobody_else(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of what is written for a student, in a transaction shared with others."""
    stand_in.write_class(course / "submitted", NAME, 5)
    from autograder.course import gradebook

    real = gradebook._comment

    def comment(result: Any) -> Any:
        return object() if result.student == "student-00002" and result.status == "graded" else real(result)

    monkeypatch.setattr(gradebook, "_comment", comment)
    results = _by_student(grade(course))
    assert {s for s, r in results.items() if r["status"] == "error"} == {"student-00002"}
    assert len({row[0] for row in rows(course)}) == 5
    assert all(look for student, _, _, look in rows(course) if student == "student-00002")
    monkeypatch.undo()
    again = grade(course)
    assert again.skipped == 4
    assert _by_student(again)["student-00002"]["status"] == "graded"


def test_a_disk_that_refuses_everybody_ends_the_run(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in.write_class(course / "submitted", NAME, 20)
    (course / "feedback").write_text("a file where a folder belongs")
    with pytest.raises(CourseError, match="cannot be written"):
        grade(course)


def test_a_file_that_is_away_for_a_moment_is_not_an_empty_one(course: Path) -> None:
    stand_in.write_class(course / "submitted", NAME, 3)
    path = course / "submitted/student-00001" / NAME / f"{NAME}.ipynb"
    root = Course(course)
    exercise = root.make_ready(NAME)
    setup, listed = batch.prepare(exercise, Limits(), Sandbox.BUBBLEWRAP), root.submissions(NAME)
    path.rename(course / "away")
    results = _by_student(batch.grade_class(root, exercise, setup, listed, 2, pools=stand_in.pools(exercise)))
    assert results["student-00001"]["status"] == "error"
    assert "No such file" in results["student-00001"]["message"]
    (course / "away").rename(path)
    again = grade(course)
    assert again.skipped == 2
    assert _by_student(again)["student-00001"]["status"] == "graded"


def test_a_folder_that_cannot_be_read_for_once_loses_no_grade(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in.write_class(course / "submitted", NAME, 3)
    first, before = _by_student(grade(course)), rows(course)
    real = submissions.contents

    def refused(path: Path, *limit: int) -> bytes:
        if "student-00001" in path.parts:
            raise PermissionError(13, "Permission denied")
        return real(path, *limit)

    monkeypatch.setattr(submissions, "contents", refused)
    again = _by_student(grade(course))
    assert again["student-00001"]["score"] == first["student-00001"]["score"]
    assert "cannot be read now (Permission denied)" in again["student-00001"]["notes"][-1]
    assert rows(course) == before
    monkeypatch.undo()
    assert _by_student(grade(course)) == first


def test_a_file_saved_anew_meanwhile_is_graded_as_what_it_is(course: Path) -> None:
    stand_in.write_class(course / "submitted", NAME, 1)
    path = course / "submitted/student-00000" / NAME / f"{NAME}.ipynb"
    before = path.read_text()
    root = Course(course)
    exercise = root.make_ready(NAME)
    setup, listed = batch.prepare(exercise, Limits(), Sandbox.BUBBLEWRAP), root.submissions(NAME)
    path.write_text(before.replace("x = 0", "x = 77"))
    batch.grade_class(root, exercise, setup, listed, 2, pools=stand_in.pools(exercise))
    assert grade(course).skipped == 1
    path.write_text(before)
    assert grade(course).skipped == 0


def test_namesakes_stay_apart(course: Path) -> None:
    """Names that look the same, that are too long, that are no text: each has a grade of its own."""
    names = ["a<b", "a\uff1cb", '"' * 100, "x" * 255, "x" * 254, os.fsdecode(b"\xff" * 70), os.fsdecode(b"\xfe" * 70)]
    stand_in.write_class(course / "submitted", NAME, len(names))
    for number, name in enumerate(names):
        (course / "submitted" / f"student-{number:05}").rename(course / "submitted" / name)
    results = _by_student(grade(course))
    assert len(results) == len(names)
    assert {result["status"] for result in results.values()} == {"graded"}
    assert {row[0] for row in rows(course)} == set(results)
    assert len(list(course.glob("feedback/*"))) == len(names)
    assert grade(course).skipped == len(names)
    for student in results:
        assert Course(course).submission(NAME, student).path is not None


def test_an_exercise_that_the_gradebook_forgot_is_entered_again(course: Path) -> None:
    stand_in.write_class(course / "submitted", NAME, 2)
    grade(course)
    before = rows(course)
    from nbgrader.api import Gradebook

    with Gradebook(Course(course).db_url, course.name) as book:
        book.remove_assignment(NAME)
    assert rows(course) == []
    grade(course)
    assert rows(course) == before


def test_two_runs_in_one_course(course: Path) -> None:
    stand_in.write_class(course / "submitted", NAME, 2)
    hold = (
        "import sys; sys.path.insert(0, sys.argv[2])\nfrom pathlib import Path\nfrom autograder.course.lock import *\n"
    )
    hold += "with only_run(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-c", hold, str(course / ".autograder"), str(ROOT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    with pytest.raises(AlreadyRunning, match=f"process {process.pid}"):
        grade(course)
    assert rows(course) == []
    process.kill()
    process.wait()
    assert len(grade(course).submissions) == 2
