"""Small trainings, run by TensorFlow and by the page's engine: `python programs.py tensorflow OUT [NAME ...]`.

Each program makes a model and compiles it. Weights and data are the same in both, since they come from NumPy's
generator; images are taken in their order. What is kept: the weights after one step of SGD with a rate of 1 (so that
what they changed by is the gradient), the weights after an epoch, histories and answers.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

BROWSER = Path(__file__).resolve().parents[2] / "browser"
N = 40


def data(shape: tuple[int, ...], classes: int = 3, seed: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images, class numbers, one-hot labels."""
    draw = np.random.default_rng(seed)
    x = draw.uniform(0, 1, (N, *shape)).astype("float32")
    numbers = draw.integers(0, classes, N)
    return x, numbers, np.eye(classes, dtype="float32")[numbers]


def layer_programs(keras: Any) -> dict[str, tuple[tuple[int, ...], Callable[[], list[Any]]]]:
    """By name: the shape of an image, and the layers between it and a softmax of three."""
    L, R = keras.layers, keras.regularizers
    flat, image = (8,), (9, 8, 2)
    found: dict[str, tuple[tuple[int, ...], Callable[[], list[Any]]]] = {
        "dense": (flat, lambda: [L.Dense(5)]),
        "dense without bias": (flat, lambda: [L.Dense(5, use_bias=False)]),
        "dense on rows": ((4, 6), lambda: [L.Dense(5, "relu"), L.Flatten()]),
        "flatten": (image, lambda: [L.Flatten()]),
        "reshape, permute": ((4, 6), lambda: [L.Reshape((6, 4)), L.Permute((2, 1)), L.Flatten()]),
        "rescaling": (flat, lambda: [L.Rescaling(2.0, offset=-1.0), L.Dense(4, "tanh")]),
        "dropout of nothing": (flat, lambda: [L.Dense(5, "relu"), L.Dropout(0.0)]),
        "batch normalization": (flat, lambda: [L.Dense(5), L.BatchNormalization(), L.Activation("relu")]),
        "batch normalization of images": (image, lambda: [L.Conv2D(3, 3), L.BatchNormalization(), L.Flatten()]),
        "frozen batch normalization": (flat, lambda: [L.Dense(5), L.BatchNormalization(trainable=False)]),
        "unit normalization": (flat, lambda: [L.Dense(5), L.UnitNormalization(), L.Activation("relu")]),
        "conv valid": (image, lambda: [L.Conv2D(4, 3, activation="relu"), L.Flatten()]),
        "conv same": (image, lambda: [L.Conv2D(4, 3, padding="same", activation="relu"), L.Flatten()]),
        "conv strides": (image, lambda: [L.Conv2D(4, (3, 2), strides=2, padding="same"), L.Flatten()]),
        "conv dilation": (image, lambda: [L.Conv2D(4, 3, dilation_rate=2), L.Flatten()]),
        "two convs": (image, lambda: [L.Conv2D(3, 3, activation="relu"), L.Conv2D(2, 3), L.Flatten()]),
        "max pooling": (image, lambda: [L.Conv2D(3, 2), L.MaxPooling2D(2), L.Flatten()]),
        "max pooling same": (image, lambda: [L.Conv2D(3, 2), L.MaxPooling2D(3, 2, padding="same"), L.Flatten()]),
        "average pooling": (image, lambda: [L.Conv2D(3, 2), L.AveragePooling2D(2), L.Flatten()]),
        "average pooling same": (image, lambda: [L.Conv2D(3, 2), L.AveragePooling2D(3, 2, "same"), L.Flatten()]),
        "global average": (image, lambda: [L.Conv2D(3, 2), L.GlobalAveragePooling2D()]),
        "global largest": (image, lambda: [L.Conv2D(3, 2, activation="relu"), L.GlobalMaxPooling2D()]),
        "spatial dropout of nothing": (image, lambda: [L.Conv2D(3, 2), L.SpatialDropout2D(0.0), L.Flatten()]),
        "padded before": (image, lambda: [L.ZeroPadding2D(1), L.Conv2D(3, 2), L.Flatten()]),
        "moved by nothing": (
            image,
            lambda: [L.Rescaling(2.0), L.RandomTranslation(0.0, 0.0), L.Conv2D(3, 2), L.Flatten()],
        ),
        "l1": (flat, lambda: [L.Dense(5, "relu", kernel_regularizer=R.L1(0.01))]),
        "l2": (flat, lambda: [L.Dense(5, "relu", kernel_regularizer=R.L2(0.01), bias_regularizer="l2")]),
        "l1l2": (flat, lambda: [L.Dense(5, "relu", kernel_regularizer=R.L1L2(0.01, 0.02))]),
        "activity": (flat, lambda: [L.Dense(5, "relu", activity_regularizer=R.L2(0.01))]),
        "nested": (flat, lambda: [L.Dense(6, "relu"), keras.Sequential([keras.Input((6,)), L.Dense(4, "tanh")])]),
        "ReLU": (flat, lambda: [L.Dense(5), L.ReLU(max_value=0.3, negative_slope=0.1)]),
        "LeakyReLU": (flat, lambda: [L.Dense(5), L.LeakyReLU(0.1)]),
        "ELU": (flat, lambda: [L.Dense(5), L.ELU()]),
        "own activation": (flat, lambda: [L.Dense(5, activation=lambda z: keras.ops.tanh(z) * 2)]),
        "constraint": (flat, lambda: [L.Dense(5, kernel_constraint="non_neg")]),
        "frozen": (flat, lambda: [L.Dense(5, "relu", trainable=False), L.Dense(4)]),
    }
    names = (
        "relu relu6 leaky_relu elu selu sigmoid tanh softmax log_softmax softplus softsign exponential silu gelu"
        " hard_sigmoid linear"
    )
    for name in names.split():
        found[f"activation {name}"] = (flat, lambda name=name: [L.Dense(5, activation=name)])
    return found


def functional_programs(keras: Any) -> dict[str, Callable[[], Any]]:
    """Models that are no chain of layers, on rows of 8."""
    L = keras.layers

    def model(between: Callable[[Any], Any]) -> Callable[[], Any]:
        def make() -> Any:
            entry = keras.Input((8,))
            return keras.Model(entry, L.Dense(3, "softmax")(between(entry)))

        return make

    two = lambda x: [L.Dense(5, "relu")(x), L.Dense(5, "tanh")(x)]  # noqa: E731
    return {
        "skip": model(lambda x: L.Add()([x, L.Dense(8, "relu")(x)])),
        "add": model(lambda x: L.Add()(two(x))),
        "subtract": model(lambda x: L.Subtract()(two(x))),
        "multiply": model(lambda x: L.Multiply()(two(x))),
        "average": model(lambda x: L.Average()(two(x))),
        "maximum": model(lambda x: L.Maximum()(two(x))),
        "minimum": model(lambda x: L.Minimum()(two(x))),
        "concatenate": model(lambda x: L.Concatenate()(two(x))),
        "operations": model(lambda x: keras.ops.relu(L.Dense(5)(x / 2.0 - 0.5)) * 3.0 + 1.0),
        "used twice": model(lambda x: (lambda d: d(d(x)))(L.Dense(8, "tanh"))),
        "softmax as operation": lambda: (lambda x: keras.Model(x, keras.ops.softmax(L.Dense(3)(x))))(keras.Input((8,))),
        "softmax layer": lambda: keras.Sequential([keras.Input((8,)), L.Dense(3), L.Softmax()]),
        "activation layer": lambda: keras.Sequential([keras.Input((8,)), L.Dense(3), L.Activation("softmax")]),
        "softmax twice": lambda: keras.Sequential([keras.Input((8,)), L.Dense(3, "softmax"), L.Softmax()]),
        "relu at the end": lambda: keras.Sequential([keras.Input((8,)), L.Dense(3, "relu")]),
    }


def loss_programs(keras: Any) -> dict[str, tuple[str, Any, str]]:
    """By name: the last activation, the loss, and which targets it gets."""
    K = keras.losses
    found: dict[str, tuple[str, Any, str]] = {
        "own function": ("softmax", lambda t, p: keras.ops.mean((t - p) ** 4, axis=-1), "one-hot"),
        "binary of one": ("sigmoid", "binary_crossentropy", "binary"),
        "binary scores": ("linear", K.BinaryCrossentropy(from_logits=True), "binary"),
        "smoothing": ("softmax", K.CategoricalCrossentropy(label_smoothing=0.1), "one-hot"),
        "binary smoothing": ("sigmoid", K.BinaryCrossentropy(label_smoothing=0.1), "one-hot"),
        "sum": ("softmax", K.CategoricalCrossentropy(reduction="sum"), "one-hot"),
        "function": ("softmax", K.categorical_crossentropy, "one-hot"),
        "huber": ("linear", "huber", "one-hot"),
        "categorical hinge": ("tanh", "categorical_hinge", "one-hot"),
        "hinge": ("tanh", "hinge", "binary"),
        "squared hinge": ("tanh", "squared_hinge", "binary"),
        "poisson": ("softplus", "poisson", "one-hot"),
        "log cosh": ("linear", "log_cosh", "one-hot"),
        "huber of a half": ("linear", K.Huber(0.5), "one-hot"),
        "kld": ("softmax", "kl_divergence", "one-hot"),
        "cosine": ("linear", "cosine_similarity", "one-hot"),
    }
    for last in ("softmax", "linear", "sigmoid", "tanh"):
        for logits in (False, True):
            found[f"categorical {last} {logits}"] = (last, K.CategoricalCrossentropy(from_logits=logits), "one-hot")
            found[f"sparse {last} {logits}"] = (last, K.SparseCategoricalCrossentropy(from_logits=logits), "numbers")
            found[f"binary {last} {logits}"] = (last, K.BinaryCrossentropy(from_logits=logits), "one-hot")
        found[f"mse {last}"] = (last, "mse", "one-hot")
        found[f"mae {last}"] = (last, "mae", "one-hot")
    return found


def run(keras: Any, only: list[str]) -> dict[str, np.ndarray]:
    """Everything that is compared, by a name; of the programs in `only`, unless it is empty."""
    L = keras.layers
    kept: dict[str, np.ndarray] = {}

    def note(name: str, model: Any, x: Any, y: Any, loss: Any, **fit: Any) -> None:
        if only and name not in only:
            return
        draw = np.random.default_rng(zlib.crc32(name.encode()))
        start = [draw.normal(0, 0.4, w.shape).astype("float32") for w in model.get_weights()]
        if any("moving_variance" in v.path for v in model.variables):
            start = [np.abs(w) + 0.5 if "moving_variance" in v.path else w for w, v in zip(start, model.variables)]
        model.set_weights(start)
        model.compile(loss=loss, optimizer=keras.optimizers.SGD(1.0), metrics=["accuracy"])
        history = model.fit(x[:16], y[:16], batch_size=16, epochs=1, shuffle=False, verbose=0, **fit)
        kept[f"{name}/loss"] = np.array(history.history["loss"])
        for i, (w, before) in enumerate(zip(model.get_weights(), start)):
            kept[f"{name}/step/{i}"] = w - before
        model.set_weights(start)
        model.compile(loss=loss, optimizer=keras.optimizers.SGD(0.1), metrics=["accuracy"])
        history = model.fit(x, y, batch_size=8, epochs=1, shuffle=False, verbose=0, validation_split=0.2)
        for key, values in history.history.items():
            kept[f"{name}/history/{key}"] = np.array(values)
        for i, w in enumerate(model.get_weights()):
            kept[f"{name}/epoch/{i}"] = w
        kept[f"{name}/evaluate"] = np.array(model.evaluate(x, y, verbose=0))
        kept[f"{name}/predict"] = model.predict(x, verbose=0)

    for name, (shape, layers) in layer_programs(keras).items():
        x, _, y = data(shape)
        model = keras.Sequential([keras.Input(shape), *layers(), L.Dense(3, "softmax")])
        note(f"layer {name}", model, x, y, "categorical_crossentropy")
    for name, make in functional_programs(keras).items():
        x, _, y = data((8,))
        note(f"model {name}", make(), x, y, "categorical_crossentropy")
    for name, (last, loss, targets) in loss_programs(keras).items():
        x, numbers, y = data((8,))
        y = {"one-hot": y, "numbers": numbers, "binary": (numbers > 0).astype("float32")}[targets]
        units = 1 if targets == "binary" else 3
        note(f"loss {name}", keras.Sequential([keras.Input((8,)), L.Dense(units, last)]), x, y, loss)
    x, numbers, y = data((8,))
    small = lambda: keras.Sequential([keras.Input((8,)), L.Dense(4, "relu"), L.Dense(3, "softmax")])  # noqa: E731
    note("fit sample_weight", small(), x, y, "categorical_crossentropy", sample_weight=np.linspace(0, 2, 16))
    note("fit class_weight", small(), x, numbers, "sparse_categorical_crossentropy", class_weight={0: 1, 1: 2, 2: 0.5})
    for name in ("SGD", "Adam", "RMSprop", "Adagrad", "Adadelta", "Nadam", "Adamax", "AdamW", "Ftrl", "Lion"):
        if only and f"optimizer {name}" not in only:
            continue
        model = small()
        draw = np.random.default_rng(1)
        model.set_weights([draw.normal(0, 0.4, w.shape) for w in model.get_weights()])
        model.compile(loss="categorical_crossentropy", optimizer=getattr(keras.optimizers, name)(0.01))
        model.fit(x, y, batch_size=8, epochs=3, shuffle=False, verbose=0)
        for i, w in enumerate(model.get_weights()):
            kept[f"optimizer {name}/epoch/{i}"] = w
    return kept


def main() -> None:
    backend, out, *only = sys.argv[1:]
    if backend == "page":
        sys.path.insert(0, str(BROWSER))
        import keras_in_page

        keras_in_page.install()
    import keras

    np.savez(out, **{name.replace("/", "|"): values for name, values in run(keras, only).items()})


if __name__ == "__main__":
    main()
