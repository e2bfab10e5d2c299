"""Whatever a learner's variable holds, a check answers; it never breaks.

A check that stops with an error of its own counts as our fault and goes to the instructor. So each check is
given values of every kind that can cross the sandbox boundary, in place of what it asked for.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from catalogue import SOLUTIONS, reference
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from no_answers import NoAnswers

from autograder import data
from autograder.exercise.checking import run_checks
from autograder.exercise.models import CompileReport, LayerReport, ModelReport
from autograder.exercise.outcome import Outcome
from autograder.exercise.submission import Missing, NoModel, Raised, Submission
from autograder.exercise.wire import History, Opaque

EXERCISES = sorted(folder.name for folder in SOLUTIONS.iterdir() if (folder / f"{folder.name}.ipynb").is_file())
EXAMPLES = int(os.environ.get("AUTOGRADER_FUZZ_EXAMPLES", "20"))

_SHAPES = [(), (0,), (1,), (3,), (10,), (600,), (1, 1), (3, 784), (100, 784), (600, 784), (0, 784), (600, 0), (4, 10)]
_SHAPES += [(28, 28), (28, 28, 1), (1, 28, 28, 1), (5, 28, 28, 1), (600, 28, 28, 1), (2, 3, 4, 5, 6), (7, 4), (2, 0, 3)]
_NUMBERS = st.one_of(
    st.integers(-3, 12),
    st.sampled_from([10**400, -(10**400), 2**63, 784, 7850, 255]),
    st.floats(),
    st.sampled_from([0.5, 0.9, 1e308, float("nan"), float("inf"), -0.0]),
)
_TEXT = st.one_of(st.sampled_from(["", "float64", "shoe", "softmax", "categorical_crossentropy"]), st.text(max_size=8))
_DTYPES = ["uint8", "int64", "float32", "float64", "float16", "bool", "uint64", "<U3"]
_ODD = [np.nan, np.inf, -1.0, 1.0, 0.5, 1e30, 255.0]


@st.composite
def _arrays(draw: st.DrawFn) -> np.ndarray:
    shape, dtype = draw(st.sampled_from(_SHAPES)), draw(st.sampled_from(_DTYPES))
    if dtype == "<U3":
        return np.full(shape, draw(st.text(max_size=3)))
    if draw(st.booleans()):  # one value everywhere, odd values among them
        with np.errstate(all="ignore"):
            return np.full(shape, draw(st.sampled_from(_ODD))).astype(dtype)
    seed = draw(st.integers(0, 9))
    return (np.random.default_rng(seed).uniform(0, draw(st.sampled_from([1, 3, 255])), shape)).astype(dtype)


_VALUES = st.recursive(
    st.one_of(
        _NUMBERS,
        _TEXT,
        st.booleans(),
        st.none(),
        _arrays(),
        hnp.arrays(st.sampled_from(["float32", "int64"]), hnp.array_shapes(min_dims=0, max_dims=4, max_side=3)),
        st.sampled_from(
            [Opaque("ellipsis"), Opaque("function"), Opaque("Sequential"), Opaque("NumPy array of object")]
        ),
        st.builds(
            History,
            st.dictionaries(
                st.sampled_from(["loss", "val_loss", "accuracy", "val_accuracy"]),
                st.lists(st.floats(), max_size=4),
            ),
        ),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(st.one_of(_TEXT, st.integers(0, 3)), inner, max_size=3),
        st.dictionaries(st.sampled_from(["loss", "val_loss"]), st.lists(inner, max_size=3), min_size=1),
    ),
    max_leaves=6,
)

_AXIS = st.sampled_from([None, 1, 3, 10, 28, 600, 784])
_SHAPE = st.one_of(st.none(), st.lists(_AXIS, max_size=4).map(tuple), st.sampled_from([(None, 784), (None, 28, 28, 1)]))
_ACTIVATION = st.sampled_from(["relu", "softmax", "linear", "sigmoid", None, 3, {"config": {"name": "relu"}}])
_LAYER = st.builds(
    LayerReport,
    name=st.just("layer"),
    class_name=st.sampled_from(
        ["Dense", "Flatten", "Dropout", "Rescaling", "InputLayer", "Softmax", "ReLU", "Activation", "Conv2D", ""]
    ),
    config=st.dictionaries(st.sampled_from(["activation"]), _ACTIVATION).flatmap(
        lambda config: st.fixed_dictionaries(
            {}, optional={"units": st.sampled_from([1, 3, 10, None, "3"]), "rate": st.one_of(_NUMBERS, _TEXT)}
        ).map(lambda more: {**config, **more})
    ),
    output_shape=_SHAPE,
    parameters=st.integers(0, 10**9),
    activation=st.sampled_from(["relu", "softmax", "linear", "sigmoid", "softmax along axis 0", None]),
)
_COMPILED = st.builds(
    CompileReport,
    loss=st.sampled_from([None, "categorical_crossentropy", "sparse_categorical_crossentropy", "mine"]),
    from_logits=st.booleans(),
    optimizer=st.sampled_from([None, "adam", "sgd"]),
    learning_rate=st.one_of(st.none(), st.floats()),
    metrics=st.lists(st.sampled_from(["accuracy", "binary_accuracy", "x"]), max_size=2).map(tuple),
    iterations=st.integers(0, 1000),
)


@st.composite
def _models(draw: st.DrawFn) -> ModelReport:
    width, value = draw(st.sampled_from([(), (1,), (2,), (3,), (10,), (28, 3)])), draw(st.sampled_from([*_ODD, None]))

    def predict(inputs: np.ndarray, scale: float) -> np.ndarray:
        shape = (len(inputs), *width)
        if value is None:
            return np.random.default_rng(1).dirichlet(np.ones(width[-1]), shape[:-1]).astype("f4") if width else inputs
        return np.full(shape, value, "f4")

    return ModelReport(
        name="model",
        class_name=draw(st.sampled_from(["Sequential", "Functional"])),
        input_shape=draw(_SHAPE),
        output_shape=draw(_SHAPE),
        layers=tuple(draw(st.lists(_LAYER, max_size=5))),
        parameters=draw(st.integers(0, 10**9)),
        trainable_parameters=draw(st.integers(0, 10**9)),
        finite=draw(st.booleans()),
        compiled=draw(st.one_of(st.none(), _COMPILED)),
        _predict=predict,
    )


class Anything(NoAnswers):
    """Answers every question with the next of some odd values, whatever was asked for."""

    def __init__(self, exercise: str, values: list[Any], models: list[ModelReport | None]) -> None:
        self._values, self._models = _round(values), _round(models)
        images, labels = np.arange(8 * 784, dtype="uint8").reshape(8, 28, 28, 1), np.arange(8, dtype="uint8") % 3
        mnist = exercise.startswith("04")
        self._held_out = data.HeldOut(
            images[..., 0] if mnist else images, labels, "mnist" if mnist else "fashion", "private"
        )

    def value(self, name: str) -> Any:
        return next(self._values)

    def call(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        value = next(self._values)
        if value is True:
            raise Raised("ValueError", "no")
        if value is False:
            raise Missing(name)
        return value

    def model(self, name: str) -> ModelReport:
        model = next(self._models)
        if model is None:
            raise NoModel("it is a list, not a Keras model")
        return model

    def file_size(self, name: str) -> int | None:
        value = next(self._values)
        return value if type(value) is int else None

    def held_out(self) -> data.HeldOut:
        return self._held_out


def _round(items: list[Any]) -> Iterator[Any]:
    while True:
        yield from items


@pytest.mark.slow
@pytest.mark.parametrize("exercise", EXERCISES)
def test_no_value_breaks_a_check(exercise: str) -> None:
    found = reference(exercise)

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],  # the traceback says enough; to shrink an example takes minutes
        suppress_health_check=list(HealthCheck),
    )
    @given(
        st.lists(_VALUES, min_size=5, max_size=13),
        st.lists(st.one_of(st.none(), _models(), _models()), min_size=1, max_size=3),
    )
    def survives(values: list[Any], models: list[ModelReport | None]) -> None:
        for result in run_checks(found, Submission(Anything(exercise, values, models))):
            broken = [test.detail for test in result.tests if test.outcome is Outcome.ERROR]
            assert not broken, broken[0]
            assert 0 <= result.points <= result.max_points

    survives()
