"""Copying what a check says earns nothing, and a check that tells its answer is found out."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from functools import cache
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest
from catalogue import reference
from kit import ROOT

from autograder.exercise.definition import Exercise, Task, exercise_names, find_exercise
from autograder.exercise.drawing import told_apart
from autograder.exercise.outcome import CheckResult
from autograder.exercise.submission import Submission
from autograder.probe import parrot
from autograder.probe.parrot import Earned, Parrot, values_in

PAGE = ROOT / "benchmarks" / "checks.md"
TASKS = [(name, task.grade_id) for name in exercise_names() for task in find_exercise(name).tasks]


@cache
def earned(exercise: str, task: str) -> Earned:
    found = reference(exercise)
    return Parrot(found, found.task(task)).earn()


@pytest.mark.parametrize(("exercise", "task"), TASKS)
def test_copying_earns_no_more_than_typing_anything(exercise: str, task: str) -> None:
    got = earned(exercise, task)
    assert got.parrot <= got.blind, f"{got.parrot:g} of {got.max_points:g} points with {got.answers}"


def test_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    """Print what the parrot earns beside what typing anything earns, and find the same on the page."""
    rows = [(exercise[:2], earned(exercise, task)) for exercise, task in TASKS]
    with capsys.disabled():
        print(f"\n{'task':18} {'of':>5} {'anything':>9} {'parrot':>7}")
        for number, got in rows:
            print(f"{number} {got.task:15} {got.max_points:5g} {got.blind:9.2f} {got.parrot:7.2f}")
    assert sum(got.blind for _, got in rows) <= 0.02 * sum(got.max_points for _, got in rows)
    measured = {(number, got.task): (got.max_points, round(got.blind, 2), round(got.parrot, 2)) for number, got in rows}
    assert on_the_page() == measured, f"write what is printed above into {PAGE.name}"


def on_the_page() -> dict[tuple[str, str], tuple[float, ...]]:
    """Of each task on the page: its points, what typing anything earns, what the parrot earns."""
    row = re.compile(r"^\| (\d\d) (\w+) \| (\S+) \| \S+ \| \S+ \| (\S+) \| (\S+) \|$", re.M)
    return {
        (number, task): tuple(float(cell) for cell in cells)
        for number, task, *cells in row.findall(PAGE.read_text("utf-8"))
    }


# The tasks of several answers that are counted together: which words (or numbers) a learner has to choose from.
_GROUPS: dict[tuple[str, str], tuple[tuple[str, ...], Iterable[tuple[object, ...]]]] = {
    ("01-image-classification", "arithmetic"): (
        ("sum_dtype", "floor_dtype", "quotient_dtype"),
        product(("uint8", "int64", "float32", "float64"), repeat=3),
    ),
    ("02-one-hot-encoding", "losses"): (
        ("loss_for_rows", "loss_for_numbers", "loss_for_yes_no", "loss_for_tags"),
        product(("binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"), repeat=4),
    ),
    ("04-softmax", "losses"): (
        ("from_logits_e", "loss_a", "loss_b", "loss_c", "loss_d"),
        (
            (logits, *losses)
            for logits in (True, False)
            for losses in permutations(
                (
                    "binary_crossentropy",
                    "categorical_crossentropy",
                    "sparse_categorical_crossentropy",
                    "mean_squared_error",
                )
            )
        ),
    ),
    ("05-overfitting", "curves"): (
        ("curve_a", "curve_b", "curve_c", "curve_d"),
        permutations(("overfitting", "underfitting", "good fit", "learning rate too large")),
    ),
    ("05-overfitting", "reported"): (
        ("chosen", "reported", "shuffled_accuracy"),
        product("ABCDE", (0.87, 0.90, 0.91, 0.95, 0.88, 0.94, 0.96), (1.0, 0.5, 1 / 3, 0.0, 0.2)),
    ),
    ("07-networks-that-see", "chosen"): (
        ("moved", "mirrored", "turned", "brighter", "dense_shuffled", "convolution_shuffled"),
        product(*[("allowed", "forbidden")] * 4, *[("equal", "lower")] * 2),
    ),
}


# Counted together as well, but one of them is a number that the learner works out, so nobody can list the ways.
_NOT_LISTED = {("02-one-hot-encoding", "distances")}


def test_every_task_that_counts_its_answers_together_is_looked_at() -> None:
    counted = {
        (exercise, task.grade_id)
        for exercise in exercise_names()
        for cls in ast.parse(find_exercise(exercise).checks.read_text("utf-8")).body
        if isinstance(cls, ast.ClassDef) and "expect_group(" in ast.unparse(cls)
        for task in find_exercise(exercise).tasks
        if task.test_class == cls.name
    }
    assert counted == {*_GROUPS, *_NOT_LISTED}, "tests/test_parrot.py: _GROUPS lists the ways to fill in these tasks"


@cache
def told_of_groups() -> dict[tuple[str, str], tuple[int, int, int]]:
    """Of each such task: ways to fill it in, different answers of the check to those not right, counts among them."""
    found = {}
    for (name, task), (variables, ways) in _GROUPS.items():
        exercise = find_exercise(name)
        said: set[tuple[float, str]] = set()
        number = 0
        for values in ways:
            number += 1
            typed = parrot._Typed(dict(zip(variables, values, strict=True)))
            last = parrot.check_fast(exercise, exercise.task(task), Submission(typed)).tests[-1]
            assert last.share == 1 or re.match(r"\d of the \d are right\.", last.message), last.message
            said.add((last.share, "\n".join((last.message, *last.hints))))
        wrong = [share for share, _ in said if share < 1]
        found[name[:2], task] = number, len(wrong), len(set(wrong))
    return found


def test_what_is_counted_together_is_not_told_apart() -> None:
    """Whoever changes one answer after the other learns no more from the hints than from the count."""
    row = re.compile(r"^\| (\d\d) (\w+) \| (\d+) \| (\d+) \| \d+ \| (\d+) \|$", re.M)
    page = {(number, task): tuple(map(int, cells)) for number, task, *cells in row.findall(PAGE.read_text("utf-8"))}
    found = told_of_groups()
    assert page == {key: (ways, counts, answers) for key, (ways, answers, counts) in found.items()}
    assert {key: answers for key, (_, answers, counts) in found.items() if answers > counts} == {}


_CHECKS = '''
from autograder.exercise.expect import expect, expect_group, fail

class TestTold:
    def test_it(self, submission):
        """How many"""
        expect(submission.number("told"), "`told`").to_be(1234, because="so it is", stated=True)

class TestWarmer:
    def test_it(self, submission):
        """How large"""
        found = submission.number("warmer")
        if abs(found - 417.25) > 0.01:
            raise fail(f"`warmer` is {found:g}, too {'small' if found < 417.25 else 'large'}.")

class TestInterval:
    def test_it(self, submission):
        """A number between two"""
        found = submission.number("interval")
        if not 0.62 < found < 0.71:
            raise fail("Not yet: " + ("it should be bolder." if found < 0.62 else "it went too far."))

class TestOneoff:
    def test_it(self, submission):
        """How many"""
        found = submission.number("oneoff")
        if found != 14:
            raise fail("One too few." if found == 13 else "That is not right.")

class TestFilled:
    def test_it(self, submission):
        """Which classes"""
        expect(submission.array("filled"), "`filled`").to_be_close_to([3, 1, 0, 2])

class TestGrouped:
    def test_it(self, submission):
        """Which words"""
        names = ("grouped_a", "grouped_b", "grouped_c")
        given = {name: submission.text(name) for name in names}
        expect_group(given, dict(zip(names, ("up", "down", "up"))), hint="Say `up` or `down`.")

class TestHinted:
    def test_it(self, submission):
        """Which shape"""
        expect(submission.value("hinted"), "`hinted`").to_be((40, 6), hint="Each of the forty (40) has six places: 6.")

class TestCalled:
    def test_it(self, submission):
        """What it returns"""
        expect(submission.function("called")(3), "`called(3)`").to_be(88, hint="11 x 8")

class TestSilent:
    def test_it(self, submission):
        """How many"""
        expect(submission.number("silent"), "`silent`").to_be(
            7531, because="there are 7531", mistakes={0: "Not none."}, hint="With two rows of three there are 6."
        )
'''


@pytest.mark.parametrize("task", ["told", "warmer", "interval", "oneoff", "filled", "grouped", "hinted", "called"])
def test_a_check_that_tells_is_found_out(task: str, tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text(_CHECKS)
    found = Exercise("own", tmp_path / "own.ipynb", tmp_path / "test_own.py", (Task(task, 1.0),))
    got = Parrot(found, found.tasks[0]).earn()
    assert (got.blind, got.parrot) == (0, 1)


def test_a_check_that_keeps_its_answer_pays_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text(_CHECKS)
    found = Exercise("own", tmp_path / "own.ipynb", tmp_path / "test_own.py", (Task("silent", 1.0),))
    assert Parrot(found, found.tasks[0]).earn().parrot == 0


def test_what_the_parrot_reads() -> None:
    read = list(values_in('`x` is 7,840 (28 x 10), not (None, 3); say "float64", 92 %, or three.'))
    for value in (7840, 280, (None, 3), "float64", 3, 92):
        assert value in read


@pytest.mark.parametrize(("exercise", "task"), [("03-dense-networks", "counted"), ("02-one-hot-encoding", "agreement")])
def test_what_the_parrot_remembers_is_what_it_would_be_told(
    exercise: str, task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It asks nothing twice, and who types the same anew, with data drawn anew, is told the same."""
    found = reference(exercise)
    bird = Parrot(found, found.task(task))
    asked: list[Submission] = []
    check_fast = parrot.check_fast

    def noted(exercise: Exercise, task: Task, submission: Submission) -> CheckResult:
        asked.append(submission)
        return check_fast(exercise, task, submission)

    monkeypatch.setattr(parrot, "check_fast", noted)
    bird.earn()
    monkeypatch.undo()
    assert len(asked) == len(bird._heard) > 100
    if hasattr(module := parrot._module(found.checks), "told_apart"):
        monkeypatch.setattr(module, "told_apart", told_apart)
    for submission, heard in list(zip(asked, bird._heard.values(), strict=True))[::20]:
        assert check_fast(found, found.task(task), Submission(submission._answers)) == heard


def test_only_the_same_is_drawn_once() -> None:
    done: list[object] = []

    def drawing(*how: object) -> object:
        done.append(how)
        return told_apart(*how)  # type: ignore[arg-type]

    once = parrot._drawn_once(drawing)

    def drawn(with_what: object, seed: int, largest: int, more: object) -> object:
        rng = np.random.default_rng(seed)
        found = with_what(rng, lambda rng: (int(rng.integers(largest)),), lambda n: (n, [(n + more, "more")]))  # type: ignore[operator]
        return repr(found), rng.integers(10**9)  # whoever draws next gets what he would have got

    cases = [(1, 99, 1), (2, 99, 1), (1, 98, 1), (1, 99, 2), (1, 99, 1.0)]
    for case in [*cases, *cases]:
        assert drawn(once, *case) == drawn(told_apart, *case)
    assert len(done) == len(cases)
    drawn(once, 1, 99, np.ones(2))  # may be another the next time
    drawn(once, 1, 99, np.ones(2))
    assert len(done) == len(cases) + 2
