"""The vocabulary of the checks: what it accepts, what it says, and that nothing odd breaks it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from autograder.exercise.expect import Expectation, expect, fail
from autograder.exercise.models import report_from
from autograder.exercise.outcome import CheckResult, Mismatch, Outcome, TestResult
from autograder.exercise.submission import Accuracy
from autograder.exercise.wire import History, Opaque

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(Opaque("thing")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=6,
) | st.sampled_from(
    [np.zeros((2, 3)), np.array(np.nan), np.array([], dtype=bool), np.array(["a"]), np.zeros((0, 3)), History({})]
)


# Every method of `Expectation`, given what a learner's variable may hold and another such value.
TRIED: dict[str, Callable[[Any, Any], Any]] = {
    "to_be": lambda found, wanted: expect(found).to_be(wanted, mistakes=[(wanted, "says")]),
    "to_be_one_of": lambda found, wanted: expect(found).to_be_one_of([wanted, 3]),
    "to_be_between": lambda found, wanted: expect(found).to_be_between(0, 1),
    "to_be_about": lambda found, wanted: expect(found).to_be_about(0.5, 0.1),
    "to_have_shape": lambda found, wanted: expect(found).to_have_shape((2, 3), mistakes={(3, 2): "swapped"}),
    "to_have_dtype": lambda found, wanted: expect(found).to_have_dtype("float32"),
    "to_be_close_to": lambda found, wanted: expect(found).to_be_close_to(
        np.ones((2, 3)), mistakes=[(np.zeros((2, 3)), "zeros")]
    ),
    # What these two are given is ours, and a number: what `Submission.accuracy` has measured.
    "to_reach": lambda found, wanted: expect(_measured(found, wanted)).to_reach(0.8, zero_at=0.5),
    "to_have_learned": lambda found, wanted: expect(_measured(found, wanted)).to_have_learned(MODEL, 0.3, 0.8),
}
FACTS = {"layers": [], "input_shape": None, "output_shape": None, "parameters": 0, "trainable_parameters": 0}
MODEL = report_from("model", FACTS | {"class_name": "Sequential", "finite": True}, lambda images, scale: images)


def _measured(*values: Any) -> Accuracy:
    one, other = (min(max(v, 0.0), 1.0) if isinstance(v, float) and v == v else 0.4 for v in values)
    return Accuracy(one, 900, "held-out images", other)


def test_every_expectation_is_tried() -> None:
    methods = {name for name, what in vars(Expectation).items() if callable(what) and not name.startswith("_")}
    assert set(TRIED) == methods, "each method of Expectation needs an entry in TRIED of tests/test_expect.py"


@given(VALUES, VALUES)
def test_no_value_breaks_an_expectation(found: Any, wanted: Any) -> None:
    """Whatever a learner's variable holds, the answer is a sentence, never a crash of ours."""
    for ask in TRIED.values():
        try:
            ask(found, wanted)
        except Mismatch as answer:
            assert answer.message.endswith(".")  # noqa: PT017 - either outcome is fine, a crash is not


def test_the_misunderstanding_is_the_first_hint() -> None:
    with pytest.raises(Mismatch) as answer:
        expect((None, 1), "the output shape").to_be(
            (None, 3), because="there are three classes", mistakes={(None, 1): "One number."}, hint=["A.", "B."]
        )
    assert answer.value.message == "The output shape is (None, 1), which is not right."
    assert answer.value.hints == ("One number.", "A.", "B.")


@pytest.mark.parametrize(
    ("found", "wanted", "same"),
    [
        (3, 3.0, True),
        (True, 1, False),
        ("a", "a", True),
        ((1, 2), (1, 2), True),
        (np.array(3), 3, True),
        (None, 0, False),
    ],
)
def test_equal_as_a_learner_means_it(found: Any, wanted: Any, same: bool) -> None:
    if same:
        expect(found).to_be(wanted)
    else:
        with pytest.raises(Mismatch):
            expect(found).to_be(wanted)


def test_a_ramp_instead_of_a_cliff() -> None:
    shares = []
    for value in (0.5, 0.6, 0.725, 0.849):
        with pytest.raises(Mismatch) as answer:
            expect(Accuracy(value, 900, "held-out images", value), "accuracy").to_reach(0.85, zero_at=0.6)
        shares.append(round(answer.value.share, 3))
    assert shares == [0.0, 0.0, 0.5, 0.996]
    expect(Accuracy(0.85, 900, "held-out images", 0.3), "accuracy").to_reach(0.85, zero_at=0.6)


def test_unscaled_training_is_recognised() -> None:
    with pytest.raises(Mismatch) as answer:
        expect(Accuracy(0.5, 900, "held-out images", 0.9), "accuracy").to_reach(0.85, zero_at=0.6, hint="More epochs.")
    assert "0 to 255" in answer.value.hints[0]


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=5), st.floats(0, 100))
@example(shares=[math.inf, -math.inf], points=1.0)
@example(shares=[1e308, 1e308], points=1.0)
def test_points_are_always_a_plain_float_within_bounds(shares: list[float], points: float) -> None:
    result = CheckResult("x", points, tuple(TestResult("t", Outcome.FAILED, share=s) for s in shares))
    assert type(result.points) is float
    assert 0 <= result.points <= round(points, 4)


def test_outcome_of_a_cell() -> None:
    def outcome(*tests: Outcome) -> Outcome:
        return CheckResult("x", 1, tuple(TestResult("t", t) for t in tests)).outcome

    assert outcome(Outcome.PASSED, Outcome.PASSED) is Outcome.PASSED
    assert outcome(Outcome.PASSED, Outcome.NOT_ATTEMPTED) is Outcome.FAILED
    assert outcome(Outcome.NOT_ATTEMPTED, Outcome.NOT_ATTEMPTED) is Outcome.NOT_ATTEMPTED
    assert outcome(Outcome.PASSED, Outcome.ERROR) is Outcome.ERROR
    assert outcome() is Outcome.ERROR


def test_fail_has_its_own_sentence() -> None:
    problem = fail("It is so.", hint="Do this.")
    assert (problem.message, problem.hints) == ("It is so.", ("Do this.",))


@pytest.mark.parametrize(
    ("config", "loss", "from_logits", "optimizer", "metrics"),
    [
        ({"loss": "mse", "optimizer": None, "metrics": ["acc"]}, "mean_squared_error", False, None, ("accuracy",)),
        (
            {
                "loss": {"class_name": "CategoricalCrossentropy", "config": {"from_logits": True}},
                "optimizer": {"class_name": "RMSprop", "config": {"learning_rate": 0.1}},
                "metrics": [{"class_name": "CategoricalAccuracy", "config": {}}],
            },
            "categorical_crossentropy",
            True,
            "rmsprop",
            ("categorical_accuracy",),
        ),
        (
            {
                "loss": {"class_name": "function", "config": "categorical_crossentropy"},
                "optimizer": {"class_name": "SGD", "config": {}},
                "metrics": {"out": ["accuracy"]},
            },
            "categorical_crossentropy",
            False,
            "sgd",
            ("accuracy",),
        ),
        ({"loss": ["mae"], "metrics": [[None]]}, "mean_absolute_error", False, None, ()),
        ({}, None, False, None, ()),
    ],
)
def test_compile_settings_have_one_spelling(
    config: dict[str, Any], loss: str, from_logits: bool, optimizer: str, metrics: tuple[str, ...]
) -> None:
    facts = {
        "class_name": "Sequential",
        "input_shape": [None, 784],
        "output_shape": [None, 3],
        "layers": [],
        "parameters": 0,
        "trainable_parameters": 0,
        "finite": True,
        "compiled": config,
    }
    compiled = report_from("model", facts, lambda inputs, scale: inputs).compiled
    assert compiled is not None
    assert (compiled.loss, compiled.from_logits, compiled.optimizer) == (loss, from_logits, optimizer)
    assert compiled.metrics == metrics
