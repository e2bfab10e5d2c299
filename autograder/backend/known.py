"""Which of Keras's functions is this? Judged by what it computes, not by its name or where it comes from.

``tf.nn.softmax``, ``keras.ops.softmax``, ``"softmax"`` and a learner's own three lines are one and the same function.
Whoever asks gives a function of the student's, so this runs beside the student's code and what it says is a claim;
the model is rebuilt with the function that it names, and measured with that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

# The order matters where several compute the same: the name that lessons use comes first.
ACTIVATIONS = (
    "relu",
    "softmax",
    "sigmoid",
    "tanh",
    "linear",
    "elu",
    "gelu",
    "leaky_relu",
    "selu",
    "silu",
    "softplus",
    "softsign",
    "celu",
    "exponential",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_tanh",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu6",
    "soft_shrink",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "tanh_shrink",
)
SAME_ACTIVATION = {"swish": "silu", "hard_swish": "hard_silu"}  # further names that Keras takes
_SLOPES = {"module": "keras.layers", "registered_name": None}


def activation_config(function: Callable[..., Any]) -> str | dict[str, Any] | None:
    """What stands in a layer's config for this activation: a name, or a layer such as LeakyReLU.

    None if it computes none of Keras's activations.
    """
    import keras

    asked = _samples()
    answers = [_computed(function, values) for values in asked]
    if any(answer is None for answer in answers):
        return None
    for name in ACTIVATIONS:
        candidate = getattr(keras.activations, name, None)
        if candidate is not None and _all_close(answers, [_computed(candidate, values) for values in asked]):
            return name
    for layer in _with_parameters(function):
        if layer is not None and _all_close(answers, [_computed(layer, values) for values in asked]):
            return {**_SLOPES, "class_name": type(layer).__name__, "config": layer.get_config()}
    return None


def _with_parameters(function: Callable[..., Any]) -> Iterator[Any]:
    """Keras's activation layers with the parameters that would explain what `function` makes of a few numbers."""
    import keras

    answers = _computed(function, np.array([[-2.0, -1.0, 1.0, 1e4]], np.float32))
    if answers is None:
        return
    _, below, _, far = (float(v) for v in answers[0])
    slope = max(-below, 0.0)
    yield keras.layers.LeakyReLU(negative_slope=slope)
    yield keras.layers.ELU(alpha=max(below / (np.exp(-1) - 1), 0.0))
    if 0 < far < 1e4:
        yield keras.layers.ReLU(max_value=far, negative_slope=slope)


def _samples() -> list[np.ndarray]:
    """Rows of numbers of both signs, large and small: (5, 4) and (3, 7)."""
    rng = np.random.default_rng(29)
    spread = rng.permutation(np.linspace(-9, 9, 20)).reshape(5, 4)
    return [spread.astype(np.float32), rng.normal(0, 2, (3, 7)).astype(np.float32)]


def _computed(function: Callable[..., Any], *arguments: np.ndarray) -> np.ndarray | None:
    """What the function makes of arrays; None if it makes no numbers of them."""
    import keras

    try:
        answer = np.asarray(function(*(keras.ops.convert_to_tensor(a) for a in arguments)))
        return answer.astype(np.float64) if answer.dtype.kind in "fiub" else None
    except Exception:  # whatever a function of the student's raises, it is not the one we look for
        return None


def _all_close(some: list[np.ndarray | None], others: list[np.ndarray | None]) -> bool:
    return all(
        one is not None and other is not None and one.shape == other.shape and np.allclose(one, other, 1e-4, 1e-5)
        for one, other in zip(some, others, strict=True)
    )


def loss_name(loss: Any) -> tuple[str, bool] | None:
    """Name of a loss, and whether it takes logits; None if it computes none of Keras's common losses.

    Args:
        loss: as ``compile`` takes it: a name, an object, a function, or a list or dictionary that holds one of them.
    """
    import keras

    loss = _only(loss)
    if loss is None:
        return None
    try:
        function = keras.losses.get(loss)
    except Exception:
        return None
    if not callable(function):
        return None
    rows, numbers, probabilities, _ = _labelled()
    for labels, kinds in ((rows, _row_losses()), (numbers, _number_losses())):
        answer = _computed(function, labels, probabilities)
        if answer is None or not np.isfinite(answer).all():
            continue
        for name, from_logits, known in kinds:
            wanted = _computed(known, labels, probabilities)
            if wanted is not None and abs(answer.mean() - wanted.mean()) < 1e-5:
                return name, from_logits
    return None


def metric_name(metric: Any) -> str | None:
    """Name of a metric by what it reports; None if it is none of those that are about right answers.

    Args:
        metric: as it stands in a compile config: a name, or what an object or a function was turned into.
    """
    import keras

    if metric in ("accuracy", "acc", "Accuracy"):
        return "accuracy"  # Keras chooses the one that fits the labels
    try:
        if isinstance(metric, dict) and metric.get("class_name") != "function":
            made = keras.metrics.deserialize(metric)
        else:
            made = keras.metrics.get(metric["config"] if isinstance(metric, dict) else metric)
            made = made() if isinstance(made, type) else made
    except Exception:
        return None
    if made is None:
        return None
    rows, numbers, probabilities, right = _labelled()
    for labels, name in ((rows, "categorical_accuracy"), (numbers, "sparse_categorical_accuracy")):
        answer = _computed(lambda y, p: _reported(made, y, p), labels, probabilities)
        if answer is not None and abs(float(answer.mean()) - right) < 1e-6:
            return name
    return "exact_equality" if type(made) is keras.metrics.Accuracy else None


def _reported(metric: Any, labels: Any, given: Any) -> Any:
    if hasattr(metric, "update_state"):
        metric.reset_state()
        metric.update_state(labels, given)
        return metric.result()
    return metric(labels, given)


def _only(value: Any) -> Any:
    """What a list or a dictionary holds, if that is a single thing."""
    for _ in range(5):
        if isinstance(value, dict) and len(value) == 1 and "class_name" not in value:
            value = next(iter(value.values()))
        elif isinstance(value, (list, tuple)) and len(value) == 1:
            value = value[0]
    return value


def _labelled() -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """One-hot rows (7, 3), class numbers (7,), probabilities (7, 3), and the share of them that is right.

    No two measures of right answers agree on them: 3 of 7 largest probabilities are right, 13 of 21 single answers.
    """
    numbers = np.array([0, 1, 2, 0, 1, 2, 0])
    probabilities = np.array(
        [[6, 3, 1], [1, 7, 2], [2, 1, 7], [4, 5, 1], [4, 3, 3], [3, 4, 3], [1, 1, 8]],
        np.float32,
    )
    probabilities /= 10
    right = float((probabilities.argmax(axis=1) == numbers).mean())
    return np.eye(3, dtype=np.float32)[numbers], numbers, probabilities, right


def _row_losses() -> list[tuple[str, bool, Callable[..., Any]]]:
    import keras

    known = keras.losses
    return [
        ("categorical_crossentropy", False, known.categorical_crossentropy),
        ("categorical_crossentropy", True, known.CategoricalCrossentropy(from_logits=True)),
        ("binary_crossentropy", False, known.binary_crossentropy),
        ("binary_crossentropy", True, known.BinaryCrossentropy(from_logits=True)),
        ("mean_squared_error", False, known.mean_squared_error),
        ("mean_absolute_error", False, known.mean_absolute_error),
        ("categorical_focal_crossentropy", False, known.CategoricalFocalCrossentropy()),
        ("categorical_hinge", False, known.categorical_hinge),
        ("hinge", False, known.hinge),
        ("squared_hinge", False, known.squared_hinge),
        ("huber", False, known.huber),
        ("log_cosh", False, known.log_cosh),
        ("poisson", False, known.poisson),
        ("cosine_similarity", False, known.cosine_similarity),
    ]


def _number_losses() -> list[tuple[str, bool, Callable[..., Any]]]:
    import keras

    known = keras.losses
    return [
        ("sparse_categorical_crossentropy", False, known.sparse_categorical_crossentropy),
        ("sparse_categorical_crossentropy", True, known.SparseCategoricalCrossentropy(from_logits=True)),
    ]
