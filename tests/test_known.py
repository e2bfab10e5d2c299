"""Activations, losses and metrics are known by what they compute, and models that use them are what they were."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from autograder.exercise.models import ModelReport, report_from

_RNG = np.random.default_rng(3)


@pytest.fixture(scope="module", autouse=True)
def _imported() -> None:
    """Keras is imported by the worker that runs these tests, and not by each that collects them: 5 s of each."""
    global keras, known, layers, losses, metrics, observe, tf
    import keras
    import tensorflow as tf
    from keras import layers, losses, metrics

    from autograder.backend import known, observe


def looked_at(model: Any) -> ModelReport:
    """The report on the model, which computes the same when it is rebuilt."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras warns of every lambda that it writes down
        facts, weights = observe.take_apart(model)
    rebuilt = observe.put_together(facts, weights)
    inputs = _RNG.uniform(0, 255, (9, *model.input_shape[1:])).astype(np.float32)
    np.testing.assert_allclose(np.asarray(rebuilt(inputs)), np.asarray(model(inputs)), rtol=1e-4, atol=1e-5)
    return report_from("model", observe.describe(rebuilt, facts), lambda values, scale: values)


def ends_in(activation: Any) -> Any:
    return keras.Sequential([keras.Input((4,)), layers.Dense(3, activation=activation, name="cls")])


def own_relu(z: Any) -> Any:
    return tf.where(z > 0, z, 0.0)


def own_softmax(z: Any) -> Any:
    powers = keras.ops.exp(z - keras.ops.max(z, axis=-1, keepdims=True))
    return powers / keras.ops.sum(powers, axis=-1, keepdims=True)


def no_activation_of_keras(z: Any) -> Any:
    return z * z


@pytest.mark.parametrize(
    ("made", "name"),
    [
        (lambda: "softmax", "softmax"),
        (lambda: "swish", "silu"),
        (lambda: None, "linear"),
        (lambda: tf.nn.softmax, "softmax"),
        (lambda: tf.nn.relu, "relu"),
        (lambda: tf.nn.relu6, "relu6"),
        (lambda: tf.nn.silu, "silu"),
        (lambda: tf.nn.swish, "silu"),
        (lambda: tf.nn.elu, "elu"),
        (lambda: tf.nn.sigmoid, "sigmoid"),
        (lambda: tf.math.tanh, "tanh"),
        (lambda: tf.nn.leaky_relu, "leaky_relu"),
        (lambda: keras.ops.relu, "relu"),
        (lambda: keras.ops.softmax, "softmax"),
        (lambda: keras.activations.gelu, "gelu"),
        (lambda: own_relu, "relu"),
        (lambda: own_softmax, "softmax"),
        (lambda: lambda z: keras.activations.relu(z, negative_slope=0.07), "leaky_relu"),
        (lambda: lambda z: keras.activations.elu(z, alpha=0.5), "elu"),
        (lambda: lambda z: tf.clip_by_value(z, 0, 3), "relu"),
        (lambda: layers.LeakyReLU(0.1), "leaky_relu"),
        (lambda: layers.Softmax(), "softmax"),
        (lambda: layers.Softmax(axis=0), "softmax along axis 0"),
    ],
)
def test_an_activation_is_known_by_what_it_computes(made: Callable[[], Any], name: str) -> None:
    activation = made()
    assert looked_at(ends_in(activation)).layers[-1].activation == name
    if activation is not None:
        stacked = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Activation(activation)])
        assert looked_at(stacked).output_activation == name


def test_every_activation_of_keras_is_known() -> None:
    given = {n for n in dir(keras.activations) if not n.startswith("_")} - {"deserialize", "get", "serialize"}
    given -= {"glu", "threshold"}  # one halves its input, the other needs to be told its threshold
    assert given == {*known.ACTIVATIONS, *known.SAME_ACTIVATION}
    for name in given:
        function = getattr(keras.activations, name)
        found = known.activation_config(partial(_applied, function))
        assert isinstance(found, str)
        values = _RNG.normal(0, 4, (4, 5)).astype(np.float32)  # celu is elu, and threshold relu, unless told otherwise
        same = getattr(keras.activations, found)(values)
        np.testing.assert_allclose(np.asarray(function(values)), np.asarray(same), rtol=1e-4, atol=1e-5)


def _applied(function: Callable[..., Any], z: Any) -> Any:
    return function(z)


@pytest.mark.parametrize("activation", [no_activation_of_keras, lambda z: z * z])
def test_another_function_is_refused_by_its_own_name(activation: Callable[..., Any]) -> None:
    with pytest.raises(observe.NotRebuildable, match=rf"`{activation.__name__}` computes something that none of Keras"):
        looked_at(ends_in(activation))


def own_loss(labels: Any, given: Any) -> Any:
    return -keras.ops.sum(labels * keras.ops.log(given + 1e-9), axis=-1)


def loss_of_an_own_class() -> Any:
    class OwnLoss(losses.Loss):
        def call(self, y_true: Any, y_pred: Any) -> Any:
            return losses.categorical_crossentropy(y_true, y_pred)

    return OwnLoss()


@pytest.mark.parametrize(
    ("made", "name", "from_logits"),
    [
        (lambda: "categorical_crossentropy", "categorical_crossentropy", False),
        (lambda: {"cls": "categorical_crossentropy"}, "categorical_crossentropy", False),
        (lambda: ["categorical_crossentropy"], "categorical_crossentropy", False),
        (lambda: losses.categorical_crossentropy, "categorical_crossentropy", False),
        (lambda: lambda y, p: losses.categorical_crossentropy(y, p), "categorical_crossentropy", False),
        (
            lambda: lambda y, p: losses.categorical_crossentropy(y, p, from_logits=True),
            "categorical_crossentropy",
            True,
        ),
        (lambda: losses.CategoricalCrossentropy(), "categorical_crossentropy", False),
        (lambda: losses.CategoricalCrossentropy(from_logits=True), "categorical_crossentropy", True),
        (lambda: losses.CategoricalCrossentropy(label_smoothing=0.1), "categorical_crossentropy", False),
        (lambda: {"cls": losses.CategoricalCrossentropy(from_logits=True)}, "categorical_crossentropy", True),
        (lambda: tf.nn.softmax_cross_entropy_with_logits, "categorical_crossentropy", True),
        (lambda: own_loss, "categorical_crossentropy", False),
        (lambda: loss_of_an_own_class(), "categorical_crossentropy", False),
        (lambda: "mse", "mean_squared_error", False),
        (lambda: "MSE", "mean_squared_error", False),
        (lambda: losses.SparseCategoricalCrossentropy(), "sparse_categorical_crossentropy", False),
        (lambda: "sparse_categorical_crossentropy", "sparse_categorical_crossentropy", False),
        (
            lambda: lambda y, p: losses.sparse_categorical_crossentropy(y, p, from_logits=True),
            "sparse_categorical_crossentropy",
            True,
        ),
        (lambda: "binary_crossentropy", "binary_crossentropy", False),
        (lambda: "bce", "binary_crossentropy", False),
    ],
)
def test_a_loss_is_known_by_what_it_computes(made: Callable[[], Any], name: str, from_logits: bool) -> None:
    model = ends_in("softmax")
    model.compile(loss=made())
    compiled = looked_at(model).compiled
    assert compiled is not None
    assert (compiled.loss, compiled.from_logits) == (name, from_logits)


@pytest.mark.parametrize(
    ("made", "name"),
    [
        (lambda: ["accuracy"], "accuracy"),
        (lambda: ["acc"], "accuracy"),
        (lambda: {"cls": ["acc"]}, "accuracy"),
        (lambda: [["accuracy"]], "accuracy"),
        (lambda: [metrics.CategoricalAccuracy(name="hits")], "categorical_accuracy"),
        (lambda: [metrics.categorical_accuracy], "categorical_accuracy"),
        (lambda: ["categorical_accuracy"], "categorical_accuracy"),
        (lambda: [metrics.MeanMetricWrapper(metrics.categorical_accuracy)], "categorical_accuracy"),
        (lambda: [metrics.SparseCategoricalAccuracy()], "sparse_categorical_accuracy"),
        (lambda: [metrics.BinaryAccuracy()], "binary_accuracy"),
        (lambda: [metrics.Accuracy()], "exact_equality"),
    ],
)
def test_a_metric_is_known_by_what_it_reports(made: Callable[[], Any], name: str) -> None:
    model = ends_in("softmax")
    model.compile(loss="categorical_crossentropy", metrics=made())
    compiled = looked_at(model).compiled
    assert compiled is not None
    assert compiled.metrics == (name,)


def test_a_compile_that_stopped_leaves_nothing_compiled() -> None:
    model = ends_in("softmax")
    with pytest.raises(ValueError, match="metrics"):
        model.compile(loss="categorical_crossentropy", metrics="accuracy")
    assert looked_at(model).compiled is None


def test_operations_are_part_of_a_model() -> None:
    image = keras.Input((6, 6, 1))
    hidden = keras.ops.relu(layers.Dense(5)(layers.Flatten()(image / 255.0)))
    report = looked_at(keras.Model(image, keras.activations.softmax(layers.Dense(3)(hidden))))
    assert [layer.activation for layer in report.layers if layer.activation] == ["linear", "relu", "linear", "softmax"]
    assert report.output_activation == "softmax"


@pytest.mark.parametrize(
    "made", [lambda: [layers.Softmax()], lambda: [layers.Dropout(0.1), layers.Activation("softmax")]]
)
def test_softmax_twice_is_seen(made: Callable[[], Any]) -> None:
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="softmax"), *made()])
    assert looked_at(model).output_activation == "softmax, softmax"


def test_normalization_is_rebuilt_with_what_it_adapted_to() -> None:
    layer = layers.Normalization()
    layer.adapt(_RNG.uniform(100, 200, (50, 4)))
    looked_at(keras.Sequential([keras.Input((4,)), layer, layers.Dense(3)]))
