"""The data that checks use tell mistakes from answers, and no hint holds a line of the solution."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from catalogue import answers_of, reference, source_notebook

from autograder.exercise import expect as expecting
from autograder.exercise.definition import exercise_names, find_exercise
from autograder.exercise.drawing import alike, told_apart
from autograder.exercise.expect import Expectation
from autograder.exercise.outcome import Hint, Mismatch
from autograder.exercise.submission import Submission
from autograder.learner.notebook import NamespaceAnswers
from autograder.probe.parrot import check_fast

SEEDS = 12  # submissions, each with data of its own
# Tasks that train; what they are checked for needs no data of ours.
TRAINED = {
    "03-dense-networks": ("architecture", "compiled", "trained", "accuracy", "deeper"),
    "04-softmax": ("model", "trained", "predicted"),
    "05-overfitting": ("overfitted", "stopped", "cured", "saved"),
    "06-how-a-network-learns": ("keras_step",),
    "07-networks-that-see": ("learned",),
}


@pytest.mark.parametrize("exercise", exercise_names())
def test_no_mistake_hides_another(exercise: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No known mistake gives the right value, nor the value of another mistake that has other words."""
    found, trained = reference(exercise), TRAINED.get(exercise, ())
    submission = Submission(answers_of(exercise, {f"{task}-answer": "" for task in trained}))
    seen = _expectations(monkeypatch)
    for seed in range(SEEDS):
        monkeypatch.setattr(NamespaceAnswers, "seed", lambda self, seed=seed: 1_000 + seed)
        for task in found.tasks:
            if task.grade_id not in trained:
                result = check_fast(found, task, submission)
                assert result.points == result.max_points or task.grade_id == "sensitivity", result
    assert len(seen) >= 10
    assert sorted(set(_hidden(seen))) == []


def _expectations(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any, list[tuple[Any, str]], float]]:
    """What is expected from here on: name, right value, mistakes, tolerance."""
    seen: list[tuple[str, Any, list[tuple[Any, str]], float]] = []
    for method, (rights, tolerance) in RIGHT.items():
        real: Callable[..., Any] = getattr(Expectation, method)

        def kept(
            self: Expectation,
            *args: Any,
            real: Any = real,
            rights: Any = rights,
            tolerance: float = tolerance,
            shapes: bool = method == "to_have_shape",
            **more: Any,
        ) -> Any:
            mistakes = list(expecting._pairs(more.get("mistakes", ())))
            if shapes:
                mistakes = [(value, says) for value, says in mistakes if not callable(value)]
            seen.extend((self.name, right, mistakes, tolerance) for right in rights(*args))
            return real(self, *args, **more)

        monkeypatch.setattr(Expectation, method, kept)
    return seen


# Of each method that is told of mistakes: which values are right, by what it is given, and its tolerance.
RIGHT: dict[str, tuple[Callable[..., Sequence[Any]], float]] = {
    "to_be": (lambda expected, *_: [expected], 0.0),
    "to_be_one_of": (lambda allowed, *_: list(allowed), 0.0),
    "to_be_between": (lambda low, high, *_: [low, high], 0.0),
    "to_be_about": (lambda expected, *_: [expected], 0.0),
    # Some checks look at the shape first and say one thing of it, whatever it is: it is asked of a wrong one alone.
    "to_have_shape": (lambda shape, *_: [None], 0.0),
    "to_have_dtype": (lambda *dtypes: dtypes, 0.0),
    "to_be_close_to": (lambda expected, *_: [expected], 1e-5),
}


def test_every_expectation_that_is_told_of_mistakes_is_looked_at() -> None:
    methods = {
        name
        for name, what in vars(Expectation).items()
        if not name.startswith("_") and callable(what) and "mistakes" in inspect.signature(what).parameters
    }
    assert set(RIGHT) == methods, "each method with `mistakes` needs an entry in RIGHT of tests/test_mistakes.py"


def _hidden(seen: list[tuple[str, Any, list[tuple[Any, str]], float]]) -> Iterator[str]:
    """The mistakes whose hint nobody can be given, or that are right."""
    for name, right, mistakes, tolerance in seen:
        for position, (value, says) in enumerate(mistakes):
            if _taken_for(right, value, tolerance):
                yield f"{name}: the right answer is taken for {says!r}"
            if callable(value):
                continue
            for before, says_before in mistakes[:position]:
                if says_before != says and _taken_for(value, before, tolerance):
                    yield f"{name}: {says!r} is taken for {says_before!r}"


def _taken_for(value: Any, mistake: Any, tolerance: float) -> bool:
    if isinstance(value, tuple | np.ndarray) or np.ndim(value):
        value = np.asarray(value) if not isinstance(value, tuple) else value
    elif tolerance:
        value = np.asarray(value)
    try:
        return expecting._matches(value, mistake, tolerance)
    except Exception:  # a predicate of another kind of value
        return False


def test_alike_finds_two_mistakes_of_one_value() -> None:
    assert alike(3, [(4, "one more"), (5, "two more")]) is None
    assert alike(3, [(4, "one more"), (4.0, "two more")]) == ("one more", "two more")
    assert alike(3, [(4, "one more"), (4, "one more")]) is None
    assert alike(np.array([1.0, 2.0]), [(np.array([1.0, 2.0]), "the same")]) == ("the answer", "the same")
    assert alike(np.nan, [(np.nan, "no number")]) == ("the answer", "no number")
    assert alike(3, [(lambda v: True, "anything")]) is None


_ARRAYS = [
    np.array(values)
    for values in (
        [1, 2],
        [True, False],
        [1.0, 2.0005],
        [1.0005, 2.0],
        [1.004, 2.0],
        [1.0, 2.01],
        [np.nan, 2.0],
        [np.inf, 2.0],
        [-np.inf, 2.0],
        [1.0, np.inf],
        [[1.0, 2.0]],
        [],
    )
]


@pytest.mark.parametrize("one", _ARRAYS, ids=str)
def test_arrays_are_alike_if_they_are_close_everywhere(one: np.ndarray) -> None:
    for other in _ARRAYS:
        close = one.shape == other.shape and np.allclose(one, other, 1e-3, 1e-3, equal_nan=True)
        assert alike(one, [(other, "it")]) == (("the answer", "it") if close else None), other


def test_data_are_drawn_until_all_is_told_apart() -> None:
    (number,), right, mistakes = told_apart(
        np.random.default_rng(1), lambda rng: (int(rng.integers(0, 3)),), lambda n: (n * n, [(2 * n, "doubled")])
    )
    assert (number, right, mistakes) == (1, 1, [(2, "doubled")])


def test_data_that_tell_nothing_apart_are_our_mistake() -> None:
    with pytest.raises(RuntimeError, match=r"no data tell these apart: \('the answer', 'the same again'\)"):
        told_apart(np.random.default_rng(1), lambda rng: (1,), lambda n: (n, [(n, "the same again")]))


def solution_lines(exercise: str) -> list[str]:
    """What a learner would have to write, without blanks: lines of the solution, and what is assigned or returned."""
    found = set()
    for cell in source_notebook(exercise)["cells"]:
        text = "".join(cell["source"])
        for region in re.findall(r"(?ms)^ *### BEGIN SOLUTION\n(.*?)### END SOLUTION", text):
            for line in region.splitlines():
                found |= {line, re.sub(r"^\s*(return|[\w, ]+ =)\s", "", line)}
    plain = {_plain(line) for line in found}
    # A name, a text or a call without arguments is no line that one could copy.
    return sorted(line for line in plain if len(line) >= 9 and not re.fullmatch(r"""["'\w.]+[,()]*""", line))


def _plain(text: str) -> str:
    return re.sub(r"\s+", "", text).rstrip(",")


def said_in(path: Any) -> Iterator[str]:
    """All texts in a module of checks that a learner may read, with ... for what is worked out."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "..." for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize("exercise", exercise_names())
def test_no_hint_holds_a_line_of_the_solution(exercise: str) -> None:
    lines = solution_lines(exercise)
    assert len(lines) > 10
    texts = {_plain(text) for text in said_in(find_exercise(exercise).checks)}
    assert [(line, text) for line in lines for text in texts if line in text] == []


def test_a_line_of_the_solution_is_found() -> None:
    assert "np.exp(z-np.max(z))" in solution_lines("04-softmax")
    assert 'history["accuracy"][-1]-history["val_accuracy"][-1]' in solution_lines("05-overfitting")


def test_a_group_tells_how_many_are_right_and_no_more() -> None:
    right = {"a": "x", "b": lambda v: v > 3}
    expecting.expect_group({"a": "x", "b": 4}, right)
    with pytest.raises(Mismatch, match=r"^1 of the 2 are right\.$") as told:
        expecting.expect_group({"a": "x", "b": 1}, right, hint="Look again.")
    assert (told.value.share, told.value.hints) == (0.5, ("Look again.",))


@pytest.mark.parametrize(("named", "says"), [(True, "wrong"), (False, "returns the same")])
def test_a_known_mistake_comes_before_ignored_arguments(named: bool, says: str) -> None:
    with (
        pytest.raises(Mismatch, match=says),
        expecting.unless_it_ignores(lambda n: 7, "f", (1,), (2,)),
    ):
        raise Mismatch("wrong", (Hint("Look.", id="known") if named else "Look.",))
