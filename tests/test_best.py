"""Where the best of a student's hand-ins counts: the same one everywhere, in whatever order they are graded."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
from contextlib import contextmanager
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from kit import ROOT

sys.path.insert(0, str(ROOT))
from autograder.course.directory import Course
from autograder.course.grades import read_grades
from autograder.course.inbox import receive
from autograder.errors import BadSetting
from autograder.grading import batch
from autograder.jupyter import standing
from autograder.report.class_results import read_class_results
from autograder.sandbox.bubblewrap import Sandbox
from autograder.sandbox.limits import Limits
from benchmarks import stand_in

NAME = "03-dense-networks"
AT = 1_795_000_000.0  # 18 November 2026, 11:06:40 UTC
DAY = 86_400.0


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course whose gradebook knows the exercise: nbgrader takes seconds for that."""
    root = tmp_path_factory.mktemp("prepared")
    Course(root).make_ready(NAME)
    (root / "nbgrader_config.py").unlink()  # it names the folder it was made in
    return root


class Term:
    """A course in which the best counts, and whose submissions are graded by a stand-in."""

    def __init__(self, prepared: Path, root: Path) -> None:
        shutil.copytree(prepared, root)
        (root / "submitted").mkdir()
        self.root, self.ran = root, list[str]()
        self.set(counts="best", results_at_once=True)

    def set(self, **settings: Any) -> None:
        (self.root / "autograder.json").write_text(json.dumps(settings))

    def hand_in(self, text: str, when: float, student: str = "ada") -> None:
        got = receive(Course(self.root), NAME, student, f"{NAME}.ipynb", notebook(text), when)
        assert got.receipt is not None, got.why_not

    def grade(self, **options: Any) -> dict[str, dict[str, Any]]:
        course = Course(self.root)
        exercise = course.make_ready(NAME)
        setup = batch.prepare(exercise, Limits(), Sandbox.BUBBLEWRAP)
        ran = self.ran = []

        class Counted(stand_in.StandIn):
            def _done(self, job: Any) -> Any:
                ran.append(job.raw)
                return super()._done(job)

        @contextmanager
        def pools(_workers: int, setups: Any) -> Any:
            yield Counted(setups[0], exercise)

        done = batch.grade_class(course, exercise, setup, course.submissions(NAME), 2, pools=pools, **options)
        return {one["student"]: one for one in done.submissions}

    def everywhere(self, student: str = "ada") -> set[float]:
        """The points that the gradebook, its page and the note of the result have; one number, if all agree."""
        note = json.loads((self.root / ".autograder" / NAME / "done" / f"{student}.json").read_text())["result"]
        return {read_grades(Course(self.root), NAME)[student].score, note["score"]}


@pytest.fixture
def term(prepared: Path, tmp_path: Path) -> Term:
    return Term(prepared, tmp_path / "course")


def notebook(text: str) -> bytes:
    content = json.loads((ROOT / "exercises" / NAME / f"{NAME}.ipynb").read_text("utf-8"))
    own = {"cell_type": "code", "id": "own", "metadata": {}, "source": text, "outputs": [], "execution_count": None}
    content["cells"].append(own)
    return json.dumps(content).encode()


@pytest.fixture(scope="session")
def each(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """Some texts, with what the stand-in gives them."""
    term = Term(prepared, tmp_path_factory.mktemp("worth") / "course")
    for number in range(24):
        term.hand_in(f"x = {number}", AT, f"s{number}")
    return {f"x = {student[1:]}": result["score"] for student, result in term.grade().items()}


@pytest.fixture
def worth(each: dict[str, float]) -> dict[str, float]:
    """Of those some that differ, the best last."""
    return {text: score for score, text in sorted({score: text for text, score in each.items()}.items())}


def test_the_best_counts_in_whatever_order_they_come(term: Term, worth: dict[str, float]) -> None:
    texts = list(worth)[-3:]
    for number, order in enumerate(permutations(texts)):
        for position, text in enumerate(order):
            term.hand_in(text, AT + position, f"s{number}")
    results = term.grade()
    assert len(results) == 6
    for student, result in results.items():
        assert result["score"] == max(worth.values())
        assert term.everywhere(student) == {max(worth.values())}
    assert len(term.ran) == 18
    term.grade()
    assert not term.ran, "every version keeps its result"


def test_a_worse_one_later_changes_nothing_and_a_better_one_does(term: Term, worth: dict[str, float]) -> None:
    low, middle, high = list(worth)[-3:]
    page = term.root / "feedback" / "ada" / NAME / f"{NAME}.html"
    for when, text, expected in ((0, middle, middle), (60, low, middle), (120, high, high)):
        term.hand_in(text, AT + when)
        assert term.grade()["ada"]["score"] == worth[expected]
        assert len(term.ran) == 1, "the others have their results"
        assert term.everywhere() == {worth[expected]}
    submitted = json.loads((term.root / "submitted" / "ada" / NAME / f"{NAME}.ipynb").read_text())
    assert submitted["cells"][-1]["source"] == high
    (entry,) = read_class_results(Course(term.root), NAME).entries
    assert not entry.changed
    assert page.is_file()


def test_what_counts_is_what_is_left_after_lateness_and_follows_a_due_date(term: Term, worth: dict[str, float]) -> None:
    low, high = list(worth)[-2:]
    late = {"percent_per_day": 90}
    due = {NAME: {"due": "2026-11-18 12:00Z", "counts": "best"}}
    term.set(late=late, exercises=due, results_at_once=True)
    term.hand_in(low, AT)
    term.hand_in(high, AT + DAY)  # a tenth of it is left
    assert term.grade()["ada"]["score"] == worth[low]
    (stand,) = standing.of_learner(Course(term.root), "ada", standing.now())
    assert [version.counts for version in stand.versions] == [False, True]
    assert stand.versions[0].says.startswith(f"another one counts; {worth[high]:g} of 25 points; 23 hours")
    assert stand.versions[1].says == f"this one counts; {worth[low]:g} of 25 points; on time"
    assert stand.result == f"{worth[low]:g} of 25 points."
    with sqlite3.connect(term.root / "gradebook.db") as connection:
        assert connection.execute("select timestamp from submitted_assignment").fetchall() == [
            ("2026-11-18 11:06:40.000000",)
        ]
    term.set(late=late, exercises={NAME: due[NAME] | {"extensions": {"ada": "2026-11-25 12:00Z"}}})
    assert term.grade()["ada"]["score"] == worth[high]
    assert len(term.ran) == 1, "whose notebook and page are not at hand any more is run again"
    assert term.everywhere() == {worth[high]}


def test_the_page_says_which_one_it_is_about_also_without_a_due_date(term: Term, worth: dict[str, float]) -> None:
    low, high = list(worth)[-2:]
    term.hand_in(high, AT)
    term.hand_in(low, AT + DAY)
    says = term.grade()["ada"]["deadline"]["says"]
    assert says == (
        "Of all that you hand in for this exercise, the best counts. This is about what you handed in on"
        " Wed 18 Nov 2026, 11:06:40."
    )
    term.set(counts="last")
    result = term.grade()["ada"]
    assert (result["score"], result["deadline"]) == (worth[low], None)
    term.set(counts="best")
    assert term.grade()["ada"]["score"] == worth[high]


def test_of_two_with_the_same_points_the_first_counts(term: Term, each: dict[str, float]) -> None:
    score = max(set(each.values()), key=list(each.values()).count)
    for when, text in enumerate([text for text in each if each[text] == score][:2]):
        term.hand_in(text, AT + when)
    result = term.grade()["ada"]
    assert result["score"] == score
    assert "Wed 18 Nov 2026, 11:06:40." in result["deadline"]["says"]
    assert len(term.ran) == 2


def test_nbgraders_own_collect_replaces_a_file_and_its_result_stays(term: Term, worth: dict[str, float]) -> None:
    low, high = list(worth)[-2:]
    folder = term.root / "submitted" / "ada" / NAME
    for day, text in ((18, high), (19, low)):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / f"{NAME}.ipynb").write_bytes(notebook(text))
        (folder / "timestamp.txt").write_text(f"2026-11-{day} 12:00:00 UTC")
        (folder / "submission_secret.txt").write_text(f"secret of {day}")
        assert term.grade()["ada"]["score"] == worth[high]
    feedback = term.root / "feedback" / "ada" / NAME
    assert (feedback / "timestamp.txt").read_text().strip() == "2026-11-18 12:00:00 UTC"
    assert (feedback / "submission_secret.txt").read_text() == "secret of 18"
    assert term.grade(force=True)["ada"]["score"] == worth[high]
    assert len(term.ran) == 2


def test_after_nbgraders_own_autograde_the_best_counts_again(term: Term, worth: dict[str, float]) -> None:
    """It knows only the last hand-in, and writes its points over ours."""
    low, high = list(worth)[-2:]
    term.hand_in(high, AT)
    term.hand_in(low, AT + DAY)
    assert term.grade()["ada"]["score"] == worth[high]
    with sqlite3.connect(term.root / "gradebook.db") as connection:
        connection.execute("update grade set auto_score = 0")
    assert term.grade()["ada"]["score"] == worth[high]
    assert term.everywhere() == {worth[high]}
    assert len(term.ran) == 1, "the one that counts"
    assert term.grade()["ada"]["score"] == worth[high]
    assert term.ran == [], "and then nothing has changed"


def test_what_a_person_gave_by_hand_stays_when_another_version_counts(term: Term, worth: dict[str, float]) -> None:
    low, high = list(worth)[-2:]
    term.hand_in(low, AT)
    term.grade()
    with sqlite3.connect(term.root / "gradebook.db") as connection:
        (cell,) = connection.execute("select min(id) from grade where auto_score > 0").fetchone()
        connection.execute("update grade set manual_score = 0.5 where id = ?", (cell,))
    term.hand_in(high, AT + 1)
    term.grade()
    grades = read_grades(Course(term.root), NAME)["ada"]
    assert [task.manual for task in grades.tasks if task.by_hand] == [0.5]
    assert term.everywhere() == {grades.score}


def test_a_slip_in_the_setting_is_named(term: Term) -> None:
    term.set(counts="bset")
    with pytest.raises(BadSetting, match="Did you mean 'best'"):
        _ = Course(term.root).settings
