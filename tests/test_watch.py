"""`autograder watch`: what arrives is graded, once, whatever happens meanwhile. Running is left to a stand-in."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kit import ROOT

sys.path.insert(0, str(ROOT))
from autograder.cli import main
from autograder.course import submissions
from autograder.course.again import ask
from autograder.course.directory import Course
from autograder.course.inbox import Inbox
from autograder.course.lock import WATCHING, only_run
from autograder.course.receipts import Receipts, read
from autograder.course.settling import SETTLED_SECONDS
from autograder.errors import SchedulerLost
from autograder.exercise.definition import check_module_name
from autograder.grading import arrivals, batch, record
from autograder.grading.arrivals import Watcher
from autograder.jupyter import standing
from autograder.jupyter.run import Grading
from autograder.sandbox.bubblewrap import Sandbox
from benchmarks import stand_in

NAME = "03-dense-networks"


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course whose gradebook knows the exercise: nbgrader takes seconds for that."""
    root = tmp_path_factory.mktemp("watched")
    Course(root).make_ready(NAME)
    (root / "nbgrader_config.py").unlink()  # it names the folder it was made in
    (root / "submitted").mkdir()
    return root


class Watched:
    """A course with somebody looking at it, whose clock goes as one says."""

    def __init__(self, root: Path) -> None:
        self.root, self.lines, self.now = root, [], 1_790_000_000.0
        self.jobs: list[str] = []
        self.watcher = self.anew()

    def anew(self) -> Watcher:
        exercise = Course(self.root).make_ready(NAME)
        jobs = self.jobs

        class Counted(stand_in.StandIn):
            def _done(self, job: Any) -> Any:
                jobs.append(job.student)
                return super()._done(job)

        @contextmanager
        def pools(_workers: int, setups: Any) -> Any:
            yield Counted(setups[0], exercise)

        self.watcher = Watcher(
            self.root, (NAME,), 2, Sandbox.BUBBLEWRAP, pools, self.lines.append, clock=lambda: self.now
        )
        return self.watcher

    def look(self, times: int = 2) -> int:
        count = 0
        for _ in range(times):
            count += self.watcher.look()
            self.now += SETTLED_SECONDS
        return count

    def hand_in(self, student: str, text: str = "x = 1", name: str = NAME) -> Path:
        notebook = json.loads((ROOT / "exercises" / name / f"{name}.ipynb").read_text("utf-8"))
        notebook["cells"].append(
            {"cell_type": "code", "id": "own", "metadata": {}, "source": text, "outputs": [], "execution_count": None}
        )
        path = self.root / "submitted" / student / name / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(notebook))
        return path

    def hand_in_loosely(self, student: str, text: str = "x = 1") -> None:
        """The notebook lies in the student's folder itself."""
        path = self.hand_in(student, text)
        path.replace(self.root / "submitted" / student / path.name)
        path.parent.rmdir()

    def notes(self, name: str = NAME) -> dict[str, Any]:
        folder = self.root / ".autograder" / name / "done"
        return {f.stem: json.loads(f.read_text()) for f in folder.glob("*.json")}


@pytest.fixture
def watched(prepared: Path, tmp_path: Path) -> Watched:
    shutil.copytree(prepared, tmp_path / "course")
    return Watched(tmp_path / "course")


def test_what_arrives_is_graded_once_and_said_in_a_line(watched: Watched) -> None:
    assert watched.look() == 0
    watched.hand_in("ada")
    assert watched.look() == 1
    received, graded = watched.lines
    assert received.startswith(f"ada  {NAME}: received, receipt ")
    assert graded.startswith(f"ada  {NAME}: ")
    assert " points" in graded
    assert watched.look(5) == 0
    watched.hand_in("ada", "x = 2")
    watched.hand_in("bob")
    assert watched.look() == 2
    assert watched.jobs == ["ada", "ada", "bob"]
    assert set(watched.notes()) == {"ada", "bob"}


def test_what_one_hands_in_costs_the_same_whoever_was_there_before(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        watched.hand_in(f"old-{number}")
    assert watched.look(3) == 5
    names: list[str] = []
    rows: list[list[str]] = []
    counted: list[Path] = []
    real, opened, sizes = submissions.entered_as, record.Gradebook, record.Observations

    def gradebook(*args: Any) -> Any:
        book = opened(*args)
        rows.append(list(book._known))
        return book

    monkeypatch.setattr(submissions, "entered_as", lambda folder: names.append(folder) or real(folder))
    monkeypatch.setattr(record, "Gradebook", gradebook)
    for module in (record, batch, arrivals):
        monkeypatch.setattr(module, "Observations", lambda course: counted.append(course) or sizes(course), False)
    watched.hand_in("old-0", "x = 2")
    assert watched.look() == 1
    watched.hand_in("ada")
    assert watched.look() == 1
    assert set(names) == {"old-0", "ada"}
    assert rows == [["old-0"], []]
    assert not counted


def test_what_comes_before_the_first_look_is_a_hand_in_as_any_other(watched: Watched) -> None:
    watched.hand_in("old")
    watched.watcher.get_ready()
    watched.hand_in("ada")
    assert watched.look(1) == 1  # a copy of the other may still be under way
    assert watched.look(1) == 1
    assert watched.jobs == ["old", "ada"]
    assert [line.split()[0] for line in watched.lines if ": received, receipt " in line] == ["ada"]


def test_where_the_best_counts_a_worse_one_is_said_to_count_for_nothing(watched: Watched) -> None:
    (watched.root / "autograder.json").write_text('{"counts": "best"}')
    watched.look()
    for number in range(4):
        watched.hand_in("ada", f"x = {number}")
        watched.look(3)
    lines = [line for line in watched.lines if " points" in line]
    scores = [float(line.split()[2]) for line in lines]
    for number, (line, score) in enumerate(zip(lines, scores, strict=True), 1):
        best = max(scores[:number])
        assert (f"; another hand-in counts, with {best:g}, " in line) == (score < best), line
    assert min(scores) < max(scores)
    assert watched.jobs == ["ada"] * 4
    assert watched.notes()["ada"]["result"]["score"] == max(scores)


def test_the_receipt_is_genuine_and_the_files(watched: Watched) -> None:
    watched.look()
    watched.hand_in("ada")
    watched.look()
    course = Course(watched.root)
    (path,) = (course.state / NAME / "receipts" / "ada").glob("*.json")
    receipt = read(path)
    assert Receipts(course.state, course.course_id).is_genuine(receipt)
    assert receipt.digest == course.submission(NAME, "ada").digest
    assert receipt.number in watched.lines[0]


def test_what_comes_into_another_folder_is_taken_in_and_graded(watched: Watched, tmp_path: Path) -> None:
    inbox = tmp_path / "inbound"
    (inbox / "zoe").mkdir(parents=True)
    watched.watcher.inbox = Inbox(inbox, lambda: watched.now)
    assert watched.look() == 0
    (inbox / "notes.docx").write_text("")
    (inbox / "bob.ipynb").write_text(watched.hand_in("elsewhere").read_text())
    shutil.rmtree(watched.root / "submitted" / "elsewhere")
    assert watched.look(4) == 1
    received, unused, graded = watched.lines
    assert received.startswith(f"bob  {NAME}: received, receipt ")
    assert unused.startswith("Not used: ")
    assert graded.startswith(f"bob  {NAME}: ")
    assert watched.look(3) == 0
    (inbox / "zoe" / "work (1).ipynb").write_bytes((inbox / "bob.ipynb").read_bytes())
    (inbox / "bob.ipynb").write_text((inbox / "bob.ipynb").read_text().replace("x = 1", "x = 2"))
    assert watched.look(4) == 2
    assert len(watched.lines) == 7
    shutil.rmtree(inbox)
    assert watched.look(3) == 0


def test_where_the_course_allows_it_learners_read_their_result_on_the_courses_page(watched: Watched) -> None:
    watched.look()
    watched.hand_in("ada")
    (one,) = standing.of_learner(Course(watched.root), "ada", standing.now())
    assert (one.result, one.feedback) == ("", False)
    (watched.root / "autograder.json").write_text('{"results_at_once": true}')
    (one,) = standing.of_learner(Course(watched.root), "ada", standing.now())
    assert (one.result, one.feedback) == ("Not graded yet.", False)
    watched.look(3)
    score = watched.notes()["ada"]["result"]["score"]
    (one,) = standing.of_learner(Course(watched.root), "ada", standing.now())
    assert (one.result, one.feedback) == (f"{score:g} of 25 points.", True)
    watched.hand_in("ada", "x = 2")
    (one,) = standing.of_learner(Course(watched.root), "ada", standing.now())
    assert (one.result, one.feedback) == ("Not graded yet.", False), "that would be another version's"


def test_a_file_that_is_still_being_written_waits(watched: Watched) -> None:
    watched.look()
    path = watched.hand_in("ada")
    whole = path.read_bytes()
    for size in range(1_000, 5_000, 1_000):
        path.write_bytes(whole[:size])
        assert watched.look(1) == 0
    path.write_bytes(whole)
    assert watched.look(1) == 0
    assert watched.look(1) == 1
    assert watched.notes()["ada"]["result"]["status"] == "graded"


def test_what_came_while_nobody_looked_is_graded_and_the_rest_is_left_alone(watched: Watched) -> None:
    watched.hand_in("ada")
    assert watched.look() == 1
    watched.hand_in("bob", "x = 3")
    watched.anew()
    assert watched.look() == 1
    assert watched.jobs == ["ada", "bob"]
    assert any(line.startswith("1 had been graded before") for line in watched.lines)


def test_a_due_date_that_moves_counts_for_all_without_running_anything(watched: Watched) -> None:
    path = watched.hand_in("ada")
    path.with_name("timestamp.txt").write_text("2026-05-01 13:00:00 UTC\n")
    watched.look()
    rules = {"late": {"no_credit_after_days": 0}, "exercises": {NAME: {"due": "2026-05-01 12:00Z"}}}
    (watched.root / "autograder.json").write_text(json.dumps(rules))
    assert watched.look() == 0
    result = watched.notes()["ada"]["result"]
    assert result["late_penalty"] == sum(check["points"] for check in result["checks"]) > 0
    assert watched.jobs == ["ada"]


def test_a_slip_in_the_settings_is_said_once_and_nothing_is_lost(watched: Watched) -> None:
    watched.look()
    (watched.root / "autograder.json").write_text("{")
    watched.hand_in("ada")
    assert watched.look(20) == 0
    (line,) = watched.lines
    assert "autograder.json" in line
    assert "Nothing is lost" in line
    (watched.root / "autograder.json").unlink()
    assert watched.look(10) == 1


def test_a_cluster_that_is_away_is_waited_for(watched: Watched) -> None:
    """Its workers are gone at night, or its scheduler starts anew: who would start a watch that has ended?"""
    watched.look()
    pools = watched.watcher.pools

    @contextmanager
    def away(_workers: int, _setups: Any) -> Any:
        raise SchedulerLost("The scheduler has lost all its workers.", "Run the same command again.")
        yield

    watched.hand_in("ada")
    watched.watcher.pools = away
    assert watched.look(20) == 0
    assert watched.lines[-1] == (
        "The scheduler has lost all its workers. Nothing is lost: what has arrived is graded once this is fixed."
    )
    watched.watcher.pools = pools
    watched.now += arrivals.MEND_SECONDS
    assert watched.look() == 1


def test_what_failed_through_us_is_tried_again(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    watched.look()
    watched.hand_in("ada")
    real = arrivals.Course.in_folders

    def unread(course: Course, name: str, folders: Any) -> Any:
        return [replace(s, unread="Input/output error") for s in real(course, name, folders)]

    with monkeypatch.context() as patch:
        patch.setattr(arrivals.Course, "in_folders", unread)
        assert watched.look() == 1
    assert watched.notes() == {}
    assert watched.look(10) == 0
    watched.now += arrivals.AGAIN_SECONDS
    assert watched.look() == 1
    assert set(watched.notes()) == {"ada"}


def test_a_student_whose_folder_goes_away_stops_nobody(watched: Watched) -> None:
    watched.look()
    watched.hand_in("ada")
    watched.look(1)
    shutil.rmtree(watched.root / "submitted/ada")
    watched.hand_in("bob")
    assert watched.look(3) == 1
    assert set(watched.notes()) == {"bob"}


class Held:
    """Workers of whom one is busy with ada's until it is let go, while time goes by as it does."""

    def __init__(self, watched: Watched, meanwhile: Callable[[], None]) -> None:
        self.watched, self.begun = watched, list[str]()
        self.free = threading.Event()
        watcher = watched.anew()
        watcher.clock, watcher.exercises = time.time, ()
        held = self

        class Pool(Executor):
            def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
                (job,) = args
                setup = next(setup for setup in self.setups if setup.exercise == job.exercise)
                ready = stand_in.StandIn(setup, Course(watched.root).make_ready(job.exercise)).submit(fn, job)
                held.begun.append(job.student)
                if job.student != "ada" or held.free.is_set():
                    return ready
                meanwhile()
                future: Future[Any] = Future()
                done = ready.result()
                threading.Thread(target=lambda: (held.free.wait(60), future.set_result(done))).start()
                return future

        @contextmanager
        def pools(_workers: int, setups: Any) -> Any:
            pool = Pool()
            pool.setups = setups
            yield pool

        watcher.pools = pools
        watched.hand_in("ada")

    def let_go_when_said(self, *words: str) -> None:
        """Let ada's go once a line holds all these words."""
        tell = self.watched.lines.append

        def say(line: str) -> None:
            tell(line)
            if all(word in line for word in words):
                self.free.set()

        self.watched.watcher.say = say

    def look_until(self, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not done():
            assert time.monotonic() < deadline
            self.watched.watcher.look()
            time.sleep(0.05)


def test_nobody_waits_for_somebody_elses_loop_while_a_worker_is_free(watched: Watched) -> None:
    held = Held(watched, lambda: [watched.hand_in(student) for student in ("bob", "cy")])
    tell = watched.lines.append

    def say(line: str) -> None:
        tell(line)
        if line.startswith(f"bob  {NAME}: ") and " points" in line:
            watched.hand_in("dan")
        if line.startswith(f"dan  {NAME}: ") and " points" in line:
            held.free.set()

    watched.watcher.say = say
    assert watched.watcher.look() == 4
    graded = [line.split()[0] for line in watched.lines if " points" in line]
    assert graded == ["bob", "cy", "dan", "ada"]
    assert sum("received, receipt" in line for line in watched.lines) == 3, "ada's was there before anybody looked"
    assert set(watched.notes()) == {"ada", "bob", "cy", "dan"}
    assert watched.watcher.look() == 0
    watched.anew()
    assert watched.look() == 0


def test_who_hands_in_again_while_it_runs_waits_for_the_first_and_the_last_counts(watched: Watched) -> None:
    held = Held(watched, lambda: threading.Timer(1.5, again).start())

    def again() -> None:
        watched.hand_in("ada", "x = 2")
        threading.Timer(1.5, held.free.set).start()

    held.look_until(lambda: len(held.begun) == 2 and held.free.is_set())
    course = Course(watched.root)
    assert watched.notes()["ada"]["key"].partition("-")[0] == course.submission(NAME, "ada").digest
    assert watched.watcher.graded == 2


def test_who_hands_in_loose_files_waits_for_their_own_work_alone(watched: Watched) -> None:
    held = Held(watched, lambda: threading.Timer(1.5, again).start())
    shutil.rmtree(watched.root / "submitted" / "ada")
    watched.hand_in_loosely("ada")

    def again() -> None:
        watched.hand_in_loosely("o<x")
        watched.hand_in_loosely("ada", "x = 2")
        threading.Timer(2, held.free.set).start()

    held.look_until(lambda: len(held.begun) == 3 and held.free.is_set())
    assert held.begun[0] == held.begun[-1] == "ada"
    newest = Course(watched.root).submission(NAME, "ada").digest
    assert watched.notes()["ada"]["key"].partition("-")[0] == newest


def test_where_the_best_counts_loose_files_count_for_their_own_student(watched: Watched) -> None:
    (watched.root / "autograder.json").write_text('{"counts": "best"}')
    watched.look()
    for number, student in enumerate(("ada", "bob", "cy")):
        watched.hand_in_loosely(student, f"x = {number}")
        assert watched.look(3) == 1
    assert watched.jobs == ["ada", "bob", "cy"]


def test_what_a_teacher_is_writing_concerns_nobody_who_hands_in_something_else(watched: Watched) -> None:
    other = "01-image-classification"
    for name in (NAME, other):
        shutil.copytree(ROOT / "solutions" / name, watched.root / "source" / name)
    Course(watched.root).make_ready(other)
    watched.anew().exercises = ()
    watched.look()
    source = watched.root / "source" / other / f"{other}.ipynb"
    notebook = json.loads(source.read_text())
    graded = [cell for cell in notebook["cells"] if cell["metadata"].get("nbgrader", {}).get("grade")]
    graded[1]["metadata"]["nbgrader"]["grade_id"] = graded[0]["metadata"]["nbgrader"]["grade_id"]
    source.write_text(json.dumps(notebook))
    released = (watched.root / "release" / other / f"{other}.ipynb").read_bytes()
    watched.hand_in("ada")
    assert watched.look(3) == 1
    assert (watched.root / "release" / other / f"{other}.ipynb").read_bytes() == released


@pytest.mark.parametrize("what", ["a clock set back", "one that failed through us", "a folder that cannot be read"])
def test_while_one_runs_it_is_no_reason_to_take_up_nobody(
    watched: Watched, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "AGAIN_SECONDS", 1.0)
    monkeypatch.setattr(arrivals, "MEND_SECONDS", 1.0)
    real = arrivals.Course.in_folders

    def unread(course: Course, name: str, folders: Any) -> Any:
        found = real(course, name, folders)
        return [replace(s, unread="Input/output error") if s.student == "bad" else s for s in found]

    def trouble() -> None:
        if what == "a clock set back":
            watched.watcher.clock = lambda: time.time() - 3_600
        elif what == "one that failed through us":
            monkeypatch.setattr(arrivals.Course, "in_folders", unread)
            watched.hand_in("bad")
        else:
            (watched.root / "submitted").rename(watched.root / "away")
            (watched.root / "submitted").write_text("")
        threading.Timer(2.5, bob).start()

    def bob() -> None:
        if what == "a folder that cannot be read":
            (watched.root / "submitted").unlink()
            (watched.root / "away").rename(watched.root / "submitted")
        watched.hand_in("bob")

    held = Held(watched, lambda: threading.Timer(1, trouble).start())
    held.let_go_when_said("bob", " points")
    watched.watcher.look()
    assert held.begun == ["ada", "bob"]
    graded = [line.split()[0] for line in watched.lines if " points" in line]
    assert graded[-2:] == ["bob", "ada"]
    assert sum("Nothing is lost" in line for line in watched.lines) == (what == "a folder that cannot be read")


@pytest.mark.parametrize("what", ["settings", "nbgrader's", "checks", "source", "asked", "slip"])
def test_what_changes_while_one_runs_holds_for_whoever_comes_next(watched: Watched, what: str) -> None:
    """The run that goes on rests on what was there when it began, so it takes up nobody more."""
    rules = {"late": {"no_credit_after_days": 0}, "exercises": {NAME: {"due": "2026-05-01 12:00Z"}}}
    changes = {
        "settings": ("autograder.json", json.dumps(rules)),
        "checks": (
            f"checks/{check_module_name(NAME)}",
            "# another\n" + Course(ROOT).checks(NAME).read_text(),
        ),
        "asked": ("", ""),
        "nbgrader's": ("nbgrader_config.json", json.dumps({"CourseDirectory": {"student_id_exclude": "bob"}})),
        "source": (f"source/{NAME}/{NAME}.ipynb", changed_source()),
        "slip": ("autograder.json", "{"),
    }
    late: list[str] = []

    def change() -> None:
        name, text = changes[what]
        if what == "asked":
            ask(watched.root / ".autograder", NAME, ["ada"])
        else:
            (watched.root / name).parent.mkdir(parents=True, exist_ok=True)
            (watched.root / name).write_text(text)
        path = watched.hand_in("bob")
        path.with_name("timestamp.txt").write_text("2026-05-01 13:00:00 UTC\n")
        threading.Timer(2.5, let_go).start()

    if what == "source":
        shutil.copytree(ROOT / "solutions" / NAME, watched.root / "source" / NAME)
        watched.anew()
    released = watched.root / "release" / NAME / f"{NAME}.ipynb"
    as_released = released.read_bytes()

    def let_go() -> None:
        assert released.read_bytes() == as_released, "it stands for what is being graded"
        late.extend(held.begun)
        held.free.set()

    held = Held(watched, change)
    watched.watcher.look()
    assert late == ["ada"]
    if what == "slip":
        (watched.root / "autograder.json").unlink()
        watched.watcher._not_before = 0.0
    if what == "nbgrader's":
        assert watched.look(3) == 0
        assert set(watched.notes()) == {"ada"}
        return
    held.look_until(lambda: "bob" in watched.notes() and len(held.begun) == (3 if what == "asked" else 2))
    if what == "settings":
        assert watched.notes()["bob"]["result"]["late_penalty"] > 0
    if what == "checks":
        first, second = (watched.notes()[who]["basis"]["checks"] for who in ("ada", "bob"))
        assert first != second


@pytest.mark.parametrize("released", [True, False])
def test_who_hands_in_a_second_exercise_is_graded_in_that_alone(watched: Watched, released: bool) -> None:
    other = "01-image-classification"
    if released:
        Course(watched.root).make_ready(other)

    def second() -> None:
        watched.hand_in("bob")
        threading.Timer(1.5, lambda: watched.hand_in("bob", "x = 2", other)).start()
        if not released:
            threading.Timer(4, held.free.set).start()

    held = Held(watched, second)
    if released:
        held.let_go_when_said(f"{other}: ", " points")
    held.look_until(lambda: len(held.begun) == 3 and held.free.is_set())
    graded = [line.split()[:2] for line in watched.lines if " points" in line]
    assert sorted(graded) == [["ada", f"{NAME}:"], ["bob", f"{other}:"], ["bob", f"{NAME}:"]]
    assert graded[0] == ["bob", f"{NAME}:"]
    assert graded[1][0] == ("bob" if released else "ada"), "what the run did not begin with waits for its end"


def changed_source() -> str:
    notebook = json.loads((ROOT / "solutions" / NAME / f"{NAME}.ipynb").read_text("utf-8"))
    notebook["cells"].append({"cell_type": "markdown", "id": "more", "metadata": {}, "source": "Well done."})
    return json.dumps(notebook)


def test_who_waits_for_the_end_of_a_run_does_not_wait_for_all_who_come_later(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "LATER_SECONDS", 0.5)
    late: list[str] = []

    def meanwhile() -> None:
        watched.hand_in("bob")
        watched.hand_in("bob", "x = 2", "01-image-classification")  # which is not released
        threading.Timer(3, lambda: watched.hand_in("cy")).start()
        threading.Timer(5, lambda: (late.extend(held.begun), held.free.set())).start()

    held = Held(watched, meanwhile)
    held.look_until(lambda: len(held.begun) == 4)
    assert late == ["ada", "bob"], "what is known of bob's is graded, and then nobody's"
    assert set(watched.notes()) == {"ada", "bob", "cy"}
    assert set(watched.notes("01-image-classification")) == {"bob"}


def test_looking_never_rests_for_long(watched: Watched, tmp_path: Path) -> None:
    class Slow(Inbox):
        def look(self, *_: Any) -> Any:
            time.sleep(1)
            return [], []

    watched.watcher.inbox = Slow(tmp_path, lambda: watched.now)
    watched.look(1)
    assert arrivals.LOOK_SECONDS < watched.watcher.pause <= 5


def test_a_new_course_has_its_settings_before_the_first_run(watched: Watched) -> None:
    config = watched.root / "nbgrader_config.py"
    config.unlink()
    watched.watcher.get_ready()
    assert config.is_file()


WATCH = """
import sys, time
from contextlib import contextmanager
from pathlib import Path
from autograder.course.directory import Course
from autograder.errors import SchedulerLost
from autograder.course.lock import only_run
from autograder.grading.arrivals import Watcher
from autograder.jupyter.run import Grading
from autograder.sandbox.bubblewrap import Sandbox
from benchmarks import stand_in
root, log, name = Path(sys.argv[1]), open(sys.argv[2], "a"), sys.argv[3]
exercise = Course(root).make_ready(name)
class Logged(stand_in.StandIn):
    def _done(self, job):
        print(job.student, file=log, flush=True)
        time.sleep(0.01)
        return super()._done(job)
@contextmanager
def pools(workers, setups):
    yield Logged(setups[0], exercise)
with only_run(root / ".autograder"):
    watcher = Watcher(root, (name,), 2, Sandbox.BUBBLEWRAP, pools, lambda line: None)
    while True:
        watcher.look()
        time.sleep(0.05)
"""


def test_killed_at_any_moment_it_loses_nothing_and_grades_nothing_twice(watched: Watched, tmp_path: Path) -> None:
    chance, log = random.Random(7), tmp_path / "log"
    number = 0
    for _ in range(4):
        log.write_text("")
        for _ in range(15):
            watched.hand_in(f"s{number:03}", f"x = {number}")
            number += 1
        before = set(watched.notes())
        process = subprocess.Popen(
            [sys.executable, "-c", WATCH, str(watched.root), str(log), NAME], cwd=ROOT, start_new_session=True
        )
        try:
            deadline = time.monotonic() + 120
            enough = chance.randrange(1, 15)
            while len(log.read_text().split()) < enough and time.monotonic() < deadline:
                time.sleep(0.005)
            time.sleep(chance.random() * 0.1)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        jobs = log.read_text().split()
        assert len(jobs) >= enough
        assert not before & set(jobs)
        assert len(jobs) == len(set(jobs))
    watched.anew()
    there = set(watched.notes())
    watched.look()
    assert not there & set(watched.jobs)
    assert set(watched.notes()) == {f"s{n:03}" for n in range(number)}
    again = watched.anew()
    watched.jobs.clear()
    again.look()
    assert watched.jobs == []


@pytest.mark.slow
def test_the_command_grades_says_so_and_ends_at_ctrl_c(prepared: Path, tmp_path: Path) -> None:
    """With the real sandbox and workers that stay; another run is refused meanwhile."""
    root, out = tmp_path / "course", tmp_path / "out"
    shutil.copytree(prepared, root)
    command = [sys.executable, "-m", "autograder"]
    with out.open("w") as stream:
        process = subprocess.Popen(
            [*command, "watch", NAME, "--course", str(root), "--workers", "1"],
            cwd=ROOT,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_for(out, "Watching", process)
        for student in ("ada", "bob"):
            target = root / "submitted" / student / NAME / f"{NAME}.ipynb"
            target.parent.mkdir(parents=True)
            shutil.copy(ROOT / "solutions" / NAME / f"{NAME}.ipynb", target)
            wait_for(out, f"{student}  {NAME}: 25 of 25 points, ", process)
        second = subprocess.run(
            [*command, "watch", "--course", str(root)], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert second.returncode == 1
        assert "already being graded" in second.stderr
        course_page = Grading(root, "auto")
        results = root / ".autograder" / NAME / "last-run.json"
        results.write_text("{}")
        for force in (False, True):  # as the course's page on the Hub begins it
            refused = asyncio.run(graded_from_its_page(course_page, force))
            (line,) = refused["lines"]
            assert f"already being graded by `autograder watch` (process {process.pid}, since " in line
            assert (refused["status"], refused["done"], results.read_text()) == (1, 0, "{}")
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(60) == 0
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert out.read_text().count("\n") == 6, out.read_text()  # two lines for each, one at the start, one at the end
    assert "Stopped; 2 graded." in out.read_text()


async def graded_from_its_page(course_page: Grading, force: bool) -> dict[str, Any]:
    run = await course_page.start(NAME, force)
    await run.finished()
    return run.to_json()


def test_what_is_forced_is_graded_again_by_the_one_who_watches(
    watched: Watched, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for student in ("ada", "bob"):
        watched.hand_in(student)
    assert watched.look() == 2
    grade = ["grade", NAME, "--course", str(watched.root)]
    with only_run(watched.root / ".autograder", WATCHING):
        monkeypatch.setattr("autograder.course.lock.is_watched", lambda state: True)  # by a process called differently
        assert main([*grade, "--force", "--student", "bob"]) == 0
        assert "will grade this again" in capsys.readouterr().out
        assert main(grade) == 1
        assert main([*grade, "--force", "--json", "-"]) == 1, "who wants results of this run gets none"
        assert capsys.readouterr().err.count("already being graded by `autograder watch`") == 2
    watched.jobs.clear()
    watched.lines.clear()
    assert watched.look(1) == 1
    assert watched.jobs == ["bob"]
    assert watched.look(3) == 0, "once is enough"
    first, graded = watched.lines
    assert first == f"{NAME}: graded again, as `autograder grade --force` asked."
    assert graded.startswith(f"bob  {NAME}: ")
    assert "after it arrived" not in graded
    ask(watched.root / ".autograder", NAME, ())
    ask(watched.root / ".autograder", "99-nothing", ())
    (watched.root / ".autograder" / "again-torn.json").write_text("{")
    assert watched.anew().look() == 2, "a note outlives the one who should have done it"
    assert "99-nothing is not watched here, so it is not graded again." in watched.lines
    assert watched.look(2) == 0


def wait_for(out: Path, text: str, process: subprocess.Popen[bytes], seconds: float = 300) -> None:
    """Until a command has said something; the time is for a machine with much else to do."""
    deadline = time.monotonic() + seconds
    while text not in out.read_text():
        assert process.poll() is None, out.read_text()
        assert time.monotonic() < deadline, out.read_text()
        time.sleep(0.1)


@pytest.mark.parametrize("folder", ["", "nowhere"])
def test_a_mistyped_course_gets_nothing(tmp_path: Path, folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", "--course", str(tmp_path / folder)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
