"""Every catalogued wrong answer fails its check with its hint; every right answer gets full marks."""

from __future__ import annotations

import fcntl
import pickle
import re
from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import combinations
from typing import Any

import nbformat
import pytest
from catalogue import (
    SOLUTIONS,
    Catalogue,
    Right,
    Wrong,
    catalogues,
    grade_id,
    reference,
    running,
    source,
    source_notebook,
    train_reference,
    trains,
    try_answers,
    try_as_grading,
)
from kept_trainings import KEPT, cell_with, from_bytes, to_bytes

from autograder.exercise.outcome import CheckResult, Outcome, hint_id
from autograder.sandbox.client import ForkServer

CATALOGUES = catalogues()
EXERCISES = [catalogue.exercise for catalogue in CATALOGUES]
Trying = Callable[..., tuple[CheckResult, ...]]


def _case(exercise: str, entry: Wrong | Right):  # type: ignore[no-untyped-def]
    """One entry as a parameter; slow, and in need of the sandbox, when trying it trains a network."""
    only = entry.check if isinstance(entry, Wrong) else None
    words = re.sub(r"[^a-zA-Z0-9_.]+", "-", entry.name).strip("-")
    title = f"{exercise[:2]}-{only}: {words}" if only else f"{exercise[:2]}: {words}"
    marks = [pytest.mark.slow, pytest.mark.sandbox] if trains(exercise, entry.answers, only) else []
    return pytest.param(exercise, entry, id=title, marks=marks)


References = Callable[[str], tuple[tuple[CheckResult, ...], bytes]]


@pytest.fixture(scope="session")
def references(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> References:
    """By exercise: the results of the reference solution, and what came of its trainings, done once for all workers."""
    folder = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):
        folder = folder.parent  # all workers' folders are in it

    def reference_of(exercise: str) -> tuple[tuple[CheckResult, ...], bytes]:
        file = folder / f"{exercise}.pickle"
        with (folder / f"{exercise}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not file.exists():
                file.write_bytes(pickle.dumps(train_reference(exercise, request.getfixturevalue("fork_server"))))
            found: tuple[tuple[CheckResult, ...], bytes] = pickle.loads(file.read_bytes())
            return found

    return reference_of


@pytest.fixture
def tried(request: pytest.FixtureRequest) -> Trying:
    """How to try an entry: in the sandbox if it trains, else at once."""
    if request.node.get_closest_marker("sandbox"):
        references: References = request.getfixturevalue("references")
        _, kept = references(request.node.callspec.params["exercise"])
        return partial(try_as_grading, fork_server=request.getfixturevalue("fork_server"), kept=kept)
    return try_answers


@pytest.mark.parametrize(("exercise", "entry"), [_case(c.exercise, e) for c in CATALOGUES for e in c.wrong])
def test_wrong_answer_fails_with_its_hint(exercise: str, entry: Wrong, tried: Trying) -> None:
    (result,) = tried(exercise, entry.answers, only=entry.check)
    assert result.outcome in (Outcome.FAILED, Outcome.NOT_ATTEMPTED), _told(result)
    assert result.points < result.max_points, _told(result)
    first_hint = result.hints[0] if result.hints else ""
    assert first_hint, f"nothing but a bare message: {_told(result)}"
    assert entry.hint == hint_id(first_hint) or entry.hint in result.message or entry.hint in first_hint, _told(result)


@pytest.mark.parametrize(("exercise", "entry"), [_case(c.exercise, e) for c in CATALOGUES for e in c.right])
def test_right_answer_gets_full_marks(exercise: str, entry: Right, tried: Trying) -> None:
    results = tried(exercise, entry.answers)
    assert all(r.points == r.max_points for r in results), "\n".join(_told(r) for r in results)


@pytest.mark.parametrize(
    ("exercise", "entry"), [_case(name, Right("the reference solution", {})) for name in EXERCISES]
)
def test_reference_gets_full_marks(exercise: str, entry: Right, request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("sandbox"):
        results, kept = request.getfixturevalue("references")(exercise)
        solution = "".join(source(cell) for cell in source_notebook(exercise)["cells"] if grade_id(cell))
        assert len(from_bytes(kept)) == solution.count(".fit("), "a training of the solution is not kept"
    else:
        results = try_answers(exercise, entry.answers)
    assert {r.outcome for r in results} == {Outcome.PASSED}, "\n".join(_told(r) for r in results)


# Typed by hand, and as good as one that `fit` returned; the last even has the losses of the network as it was built.
_FORGED = """
{name} = keras.callbacks.History()
{name}.epoch = [0, 1, 2, 3, 4]
{name}.history = {{"loss": [0.9, 0.4, 0.2, 0.1, 0.1], "accuracy": [0.5, 0.8, 0.9, 0.9, 0.9],
                  "val_loss": [{best} + 0.3, {best}, {best} + 0.1, {best} + 0.2, {best} + 0.3],
                  "val_accuracy": [0.5, 0.8, 0.8, 0.8, 0.8]}}
"""
_UNTRAINED = """
stopped = keras.Sequential([keras.Input((784,)), layers.Dense(128, "relu"), layers.Dense(3, "softmax")])
stopped.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
loss = stopped.evaluate(x_val, y_val, verbose=0)[0]
"""
_STOPPED = _UNTRAINED + _FORGED.format(name="stopped_history", best="loss")


@pytest.mark.parametrize(
    ("exercise", "answers", "task"),
    [
        ("03-dense-networks", {"trained-answer": _FORGED.format(name="history", best="0.2")}, "trained"),
        ("04-softmax", {"trained-answer": _FORGED.format(name="history", best="0.2")}, "trained"),
        ("05-overfitting", {"overfitted-answer": "", "stopped-answer": _STOPPED}, "stopped"),
    ],
)
def test_a_history_typed_by_hand_earns_nothing(exercise: str, answers: dict[str, str], task: str) -> None:
    (result,) = try_answers(exercise, answers, only=task)
    assert result.points == 0, _told(result)
    assert "never been trained" in result.hints[0]


@pytest.mark.parametrize("exercise", EXERCISES)
def test_untouched_notebook_is_not_attempted(exercise: str) -> None:
    """As released: every answer cell raises NotImplementedError, or is a function that does."""
    results = try_answers(exercise, _released(exercise))
    assert {r.outcome for r in results} == {Outcome.NOT_ATTEMPTED}, "\n".join(_told(r) for r in results)
    assert sum(r.points for r in results) == 0


def test_every_exercise_has_a_catalogue() -> None:
    made = sorted(folder.name for folder in SOLUTIONS.iterdir() if (folder / f"{folder.name}.ipynb").is_file())
    without = [f"{name} needs tests/answers/exercise_{name[:2]}.py" for name in made if name not in EXERCISES]
    assert not without, "; ".join(without)


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=EXERCISES)
def test_catalogue_is_large_and_says_something(catalogue: Catalogue) -> None:
    assert len(catalogue.wrong) >= 18
    assert len(catalogue.right) >= 9
    names = Counter(entry.name for entry in [*catalogue.wrong, *catalogue.right])
    assert [name for name, times in names.items() if times > 1] == []
    assert [entry.name for entry in catalogue.wrong if len(entry.hint) < 12 and "-" not in entry.hint] == []


# Wrong answers of one task that are one misunderstanding, or that no data can tell apart.
ALIKE: tuple[frozenset[str], ...] = tuple(
    frozenset(names)
    for names in (
        {"integer division", "converted too late"},
        {"integer division", "back to uint8"},
        {"the rarest class", "the most frequent of three classes"},
        {"counted in a list of three", "as many images as in the notebook, counted"},
        {"the size taken for a share", "nothing for validation"},
        {"means of the test images", "means of the training and the test images"},
        {"a label that is too large passes", "clipped rather than refused"},
        {
            "minus one is the last class",
            "comparison with all classes, an assert for the range",
            "the range asked of a set",
            "only the negative asked for, as NumPy stops at the rest",
        },
        {"an if over a whole array", "two comparisons joined by or, for a whole array"},
        {"columns in alphabetical order", "columns from np.unique of the names"},
        {"sparse for rows", "categorical for numbers"},
        {"place by place", "rounded, place by place"},
        {
            "trained on the test images from the start",
            "training and test images joined",
            "a second fit on the test images",
        },
        {"over the whole batch", "the function for one row"},
        {"never trained", "built again after fit"},
        {
            "no stabilisation",
            "the first score subtracted",
            "the last score subtracted",
            "the mean subtracted",
            "the smallest subtracted",
        },
        {"batch not stabilised", "the first score of each row subtracted"},
        {"logarithm of the scores", "a fixed number subtracted"},
        {"too cold", "too hot"},
        {"logarithm to base 2", "base 2", "logarithm to base 10", "base 10"},
        {"powers of 2", "powers of 10"},
        {"the limit for ten classes", "the limit for two classes", "the limit for three classes"},
        {"cured by the right labels", "cured on the validation images"},
        {"sign of the logarithm kept", "no sign in the function"},
        {"mean over classes, predicted", "mean over the classes as well"},
        {"all ten added up, predicted", "labels ignored"},
        {"sparse for one-hot labels", "not sparse for class numbers"},
        {"class numbers for the one-hot loss", "one-hot labels for the sparse loss"},
        {"trained on the right labels", "trained on the validation images"},
        {"validated on the training images, loss still falling", "validated on the training images"},
        {"only the architecture", "cloned, not loaded"},
        {"best weights not restored", "the training loss watched"},  # the training loss is best at the end
        {"over and under confused", "jumping curves taken for overfitting"},
        {"flat curves taken for a good fit", "low curves taken for underfitting"},
        {"all batches from the same start", "the result of the last step alone"},
        {"the default rate", "an own step with rate 1", "an own step ten times too long"},
        {"elu for relu", "selu for relu", "silu for relu", "gelu for relu", "gelu in its other form for relu"},
        {"cured on unscaled images, one epoch", "cured on unscaled images, a few epochs"},
        {"overfitted on unscaled images", "overfitted on unscaled images, a few epochs"},
        {"slopes divided by their length", "biases' slopes divided by their length"},
        {"a shuffle of one's own", "a shuffle of one's own, always the same", "order sorted"},
        {"two biases for each kernel", "a bias twice in the second", "a bias twice in the dense layer"},
        {"kernels times maps", "kernels times channels, and biases"},
    )
)


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=EXERCISES)
def test_two_wrong_answers_of_a_task_are_told_apart(catalogue: Catalogue) -> None:
    """Each pair gets hints of its own, unless it is declared to be one misunderstanding.

    That each answer gets the hint it names is tested above, so the names are enough here.
    """
    same = [
        (one.name, other.name)
        for one, other in combinations(catalogue.wrong, 2)
        if one.check == other.check and one.hint == other.hint
    ]
    assert [pair for pair in same if not any(set(pair) <= alike for alike in ALIKE)] == []


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=EXERCISES)
def test_every_task_has_wrong_answers(catalogue: Catalogue) -> None:
    tried = {entry.check for entry in catalogue.wrong}
    assert tried == {task.grade_id for task in reference(catalogue.exercise).tasks}


_NETWORK = """
import keras, numpy as np
x, y, z = np.ones((8, 4), "float32"), np.ones((8, 2), "float32"), np.zeros((8, 4), "float32")

def network(loss="mse", **settings):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, **settings)])
    model.compile(loss=loss, optimizer="sgd")
    return model

totals = {}
"""
_BEFORE = "keras.utils.set_random_seed(1)\nearly = network()"
_AFTER = "totals['{}'] = sum(float(abs(w).sum()) for w in a.get_weights()), 'fit' not in vars(keras.Model)"
_TRAINED = "a = network()\na.fit(x, y, epochs=2, verbose=0)"
_TRAINED_EARLY = "early.fit(x, y, epochs=2, verbose=0)\na = early"
_SAME = {"the same": _TRAINED, "by position": _TRAINED.replace("epochs=2, verbose=0", "None, 2, 0")}
_OTHER = {
    "other images": _TRAINED.replace("(x", "(z"),
    "other labels": _TRAINED.replace("y,", "2 * y,"),
    "other epochs": _TRAINED.replace("epochs=2", "epochs=3"),
    "another argument": _TRAINED.replace("verbose", "batch_size=4, verbose"),
    "a callback": _TRAINED.replace("verbose", "callbacks=[keras.callbacks.EarlyStopping('loss')], verbose"),
    "another layer": _TRAINED.replace("network()", "network(use_bias=False)"),
    "another loss": _TRAINED.replace("network()", "network('mae')"),
    "trained already": _TRAINED.replace("fit(", "fit(x, y, verbose=0)\na.fit("),
}


@pytest.mark.slow
@pytest.mark.sandbox
def test_only_the_same_training_is_taken_from_the_solution(fork_server: ForkServer) -> None:
    """What is taken can be told by its weights: those that were kept are made zero here."""

    def run(kept: bytes | None, *trained: tuple[str, str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
        cells = [_NETWORK]
        for name, before, cell in trained:
            cells += [f"{_BEFORE}\n{before}", cell_with(cell, "early" if "early" in cell else "new")]
            cells += [_AFTER.format(name)]
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        with running(notebook, fork_server, None, kept) as (run, asked):
            run.run_rest()
            return asked.value("totals"), {} if kept else asked.value(KEPT)

    early = ("made before", "", _TRAINED_EARLY)
    totals, found = run(None, ("new", "", _TRAINED), early)
    assert {name: (total > 0, own) for name, (total, own) in totals.items()} == dict.fromkeys(totals, (True, True))
    assert len(found) == 2
    for training in found.values():
        training["variables"] = [0 * array for array in training["variables"]]
    same = [early, *((name, "", cell) for name, cell in _SAME.items())]
    other = [(name, "", cell) for name, cell in _OTHER.items()]
    other.append(("begins elsewhere", "early.set_weights([w + 1 for w in early.get_weights()])", _TRAINED_EARLY))
    totals, _ = run(to_bytes(found), *same, *other)
    assert {name for name, (total, _) in totals.items() if total == 0} == {name for name, *_ in same}
    assert len(totals) == len(same) + len(other)
    assert all(own for _, own in totals.values())


def _released(exercise: str) -> dict[str, str]:
    """The answer cells as learners get them, by nbgrader's own rule for solution regions."""
    answers = {}
    for cell in source_notebook(exercise)["cells"]:
        grading = cell["metadata"].get("nbgrader") or {}
        if grading.get("solution"):
            answers[grading["grade_id"]] = re.sub(
                r"(?ms)^( *)### BEGIN SOLUTION\n.*?### END SOLUTION",
                r"\1# YOUR CODE HERE\n\1raise NotImplementedError()",
                "".join(cell["source"]),
            )
    return answers


def _told(result: CheckResult) -> str:
    """What the learner would read, for the message of a failing test."""
    lines = [f"{result.name}: {result.outcome}, {result.points:g} of {result.max_points:g}"]
    lines += [f"  {t.outcome}: {t.title}: {t.message} {list(t.hints)} {t.detail}" for t in result.tests]
    return "\n".join(lines)
