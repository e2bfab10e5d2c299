"""What `compat/keras_training.py` leaves out of `fit` must change nothing: weights, histories and answers, to the bit.

The trainings below run twice, each time in a process of its own: as Keras does them, and as a grading kernel does.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.slow


def trainings() -> dict[str, Callable[[], Any]]:
    """Trainings by name; each returns what a student could look at. Called in a process of its own."""
    import keras
    import numpy as np
    import tensorflow

    from autograder import data

    (images, labels), _ = data.load_fashion()
    x = images.reshape(600, 784).astype("float32") / 255
    y = labels.astype("float32")
    whole = y.argmax(1)

    def network(*layers: Any, optimizer: Any = "adam", loss: str = "categorical_crossentropy", **more: Any) -> Any:
        keras.utils.set_random_seed(7)
        body = layers or (keras.layers.Dense(12, activation="relu"), keras.layers.Dense(3, activation="softmax"))
        model = keras.Sequential([keras.Input((784,)), *body])
        model.compile(loss=loss, optimizer=optimizer, metrics=["accuracy"], **more)
        return model

    def seen(model: Any, *histories: Any) -> Any:
        return model.get_weights(), [h.history for h in histories], model.evaluate(x, y, verbose=0)

    def plain() -> Any:
        model = network()
        return seen(model, model.fit(x, y, epochs=8, batch_size=10, validation_split=0.2, verbose=0))

    def short() -> Any:
        model = network(optimizer=keras.optimizers.SGD(0.1, momentum=0.9))
        return seen(model, model.fit(x, y, epochs=2, batch_size=50, verbose=0))

    def remainder() -> Any:  # a last batch that is not whole, in training and in validation
        model = network()
        found = model.fit(x, y, epochs=9, batch_size=13, validation_data=(x[:101], y[:101]), verbose=0)
        return seen(model, found)

    def in_order() -> Any:
        model = network()
        return seen(model, model.fit(x, y, epochs=8, batch_size=10, shuffle=False, verbose=0))

    def dropout() -> Any:
        layers = keras.layers.Dense(16, activation="relu"), keras.layers.Dropout(0.3), keras.layers.Dense(3)
        model = network(*layers, keras.layers.Softmax())
        return seen(model, model.fit(x, y, epochs=7, batch_size=10, validation_split=0.1, verbose=0))

    def stopped_early() -> Any:
        stop = keras.callbacks.EarlyStopping(patience=1, restore_best_weights=True)
        model = network()
        return seen(model, model.fit(x, y, 10, 30, 0, [stop], 0.2))  # all in order of position

    def batches_watched() -> Any:
        lines: list[Any] = []

        class Watch(keras.callbacks.Callback):
            def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
                lines.append((batch, sorted((logs or {}).items())))

        model = network()
        found = model.fit(x, y, epochs=6, batch_size=10, callbacks=[Watch()], verbose=0)
        return [*seen(model, found), lines]

    def again() -> Any:  # a second `fit` goes on where the first one stopped
        model = network()
        first = model.fit(x, y, epochs=6, batch_size=10, verbose=0)
        return seen(model, first, model.fit(x, y, epochs=6, batch_size=10, verbose=0))

    def weighted() -> Any:
        keras.utils.set_random_seed(7)
        model = keras.Sequential([keras.Input((784,)), keras.layers.Dense(3)])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(loss=loss, optimizer="rmsprop", metrics=["accuracy"], weighted_metrics=["accuracy"])
        found = model.fit(x, whole, epochs=6, batch_size=10, class_weight={0: 1.0, 1: 2.0, 2: 0.5}, verbose=0)
        return model.get_weights(), found.history, model.evaluate(x, whole, sample_weight=np.ones(600), verbose=0)

    def two_inputs() -> Any:
        keras.utils.set_random_seed(7)
        left, right = keras.Input((392,)), keras.Input((392,))
        joined = keras.layers.Concatenate()([left, right])
        model = keras.Model([left, right], keras.layers.Dense(3, activation="softmax")(joined))
        model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
        halves = [x[:, :392], x[:, 392:]]
        found = model.fit(halves, y, epochs=6, batch_size=10, validation_split=0.2, verbose=0)
        return (
            model.get_weights(),
            found.history,
            model.predict(halves, verbose=0),
            model.evaluate(halves, y, verbose=0),
        )

    def doubles_and_lists() -> Any:  # float64 images and labels in whole numbers
        model = network(loss="sparse_categorical_crossentropy")
        found = model.fit(x.astype("float64"), whole, epochs=6, batch_size=10, verbose=0)
        return model.get_weights(), found.history, model.predict(x.astype("float64"), batch_size=7, verbose=0)

    def built_late() -> Any:
        keras.utils.set_random_seed(7)
        model = keras.Sequential([keras.layers.Dense(3, activation="softmax")])
        model.compile(loss="mse", optimizer="adam", metrics=["accuracy", "mae"])
        return seen(model, model.fit(x, y, epochs=6, batch_size=10, verbose=0))

    def so_many_steps() -> Any:
        model = network()
        return seen(model, model.fit(x, y, epochs=3, batch_size=10, steps_per_epoch=20, verbose=0))

    def shuffled_by_batch() -> Any:
        model = network()
        return seen(model, model.fit(x, y, epochs=4, batch_size=10, shuffle="batch", verbose=0))

    def seeded_on_the_way() -> Any:  # and random numbers afterwards
        class Seed(keras.callbacks.Callback):
            def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
                keras.utils.set_random_seed(epoch)

        model = network()
        found = model.fit(x, y, epochs=5, batch_size=10, callbacks=[Seed()], verbose=0)
        return [*seen(model, found), keras.random.normal((3,)).numpy(), tensorflow.random.normal((3,)).numpy()]

    def more_than_at_once() -> Any:  # more batches in an epoch than the loop takes at a time
        model = network()
        return seen(model, model.fit(x, y, epochs=2, batch_size=7, validation_split=0.1, verbose=0))

    def watched_by_functions() -> Any:
        lines: list[Any] = []
        watch = keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: lines.append((batch, sorted(logs)))
        )
        model = network()
        return [*seen(model, model.fit(x, y, epochs=2, batch_size=100, callbacks=[watch], verbose=0)), lines]

    def by_single_batches() -> Any:  # before, between and after whole epochs
        model = network()
        found = [model.train_on_batch(x[:30], y[:30])]
        found += [model.fit(x, y, epochs=2, batch_size=100, verbose=0).history, model.test_on_batch(x[:9], y[:9])]
        found += [model.train_on_batch(x[:30], y[:30]), model.evaluate(x, y, steps=2, verbose=0)]
        return [*seen(model, model.fit(x[:90], y[:90], epochs=2, batch_size=9, verbose=0)), found]

    def in_steps_of_ones_own() -> Any:
        model = network(steps_per_execution=64)
        return seen(model, model.fit(x, y, epochs=2, batch_size=4, verbose=0))

    def of_a_dataset() -> Any:
        model = network()
        rows = tensorflow.data.Dataset.from_tensor_slices((x, y)).batch(50)
        return seen(model, model.fit(rows, epochs=2, validation_data=(x, y), verbose=0), model.fit(x, y, verbose=0))

    def weighed_one_by_one() -> Any:
        model = network(weighted_metrics=["accuracy"])
        found = model.fit(x, y, sample_weight=np.arange(600.0), validation_data=(x, y, np.ones(600)), verbose=0)
        return seen(model, found)

    def normalized() -> Any:
        layers = [keras.layers.GaussianNoise(0.1), keras.layers.Dense(8, kernel_regularizer="l2", activation="gelu")]
        model = network(*layers, keras.layers.BatchNormalization(), keras.layers.Dense(3, activation="softmax"))
        return seen(model, model.fit(x, y, epochs=2, batch_size=50, validation_split=0.2, verbose=0))

    def averaged() -> Any:
        optimizer = keras.optimizers.AdamW(use_ema=True, ema_overwrite_frequency=5, gradient_accumulation_steps=3)
        model = network(optimizer=optimizer)
        return seen(model, model.fit(x, y, epochs=2, batch_size=50, verbose=0))

    def mistaken() -> Any:  # a mistake gets Keras's own words
        model = network()
        try:
            model.fit(x, y[:, :2], epochs=10, batch_size=10, verbose=0)
        except Exception as error:
            return type(error).__name__, str(error)[:60]
        return "no error"

    found = [plain, short, remainder, in_order, dropout, stopped_early, batches_watched, again, weighted, two_inputs]
    found += [doubles_and_lists, built_late, so_many_steps, shuffled_by_batch, seeded_on_the_way, mistaken]
    found += [more_than_at_once, watched_by_functions, by_single_batches, in_steps_of_ones_own, of_a_dataset]
    found += [weighed_one_by_one, normalized, averaged]
    return {training.__name__: training for training in found}


def main() -> None:
    import numpy as np

    from autograder.compat import keras_training

    keras_training.install()

    def digest(seen: Any) -> str:
        if isinstance(seen, np.ndarray):
            return hashlib.sha256(seen.tobytes()).hexdigest()
        if isinstance(seen, (list, tuple)):
            return hashlib.sha256("".join(map(digest, seen)).encode()).hexdigest()
        return hashlib.sha256(repr(seen).encode()).hexdigest()

    print(json.dumps({name: digest(training()) for name, training in trainings().items()}))


def digests(**settings: str) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, __file__],
        env=os.environ
        | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "AUTOGRADER_PLAIN_STEPS": ""}
        | settings,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_no_bit_of_any_training_changes() -> None:
    faster, plain = digests(), digests(AUTOGRADER_PLAIN_STEPS="1")
    assert len(plain) == 24
    assert {name: faster[name] == plain[name] for name in plain} == dict.fromkeys(plain, True)


def test_a_training_step_is_traced_once_and_no_pipeline_holds_functions() -> None:
    """Keras keeps these parts to itself; should they move, nothing breaks, but this says that the speed is gone."""
    code = """
import keras, numpy as np
from keras.src.backend.tensorflow.trainer import TensorFlowTrainer
from keras.src.trainers.data_adapters.array_data_adapter import ArrayDataAdapter
from autograder.compat import keras_training
keras_training.install()
steps, original = [], TensorFlowTrainer.train_step
TensorFlowTrainer.train_step = lambda self, data: steps.append(1) or original(self, data)
x, y = np.zeros((40, 4), "float32"), np.zeros((40, 2), "float32")
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
model.compile(loss="mse", optimizer="adam", metrics=["accuracy"])
model.fit(x, y, verbose=0)
from autograder.compat.keras_training import _ManyBatches
assert isinstance(model.train_function, _ManyBatches) and model.train_function._own is None, "Keras's own loop ran"
def functions(shuffle):
    dataset = ArrayDataAdapter(x, y, batch_size=10, shuffle=shuffle).get_tf_dataset()
    assert not dataset.options().autotune.enabled
    parts = [dataset]
    for part in parts: parts += part._inputs()
    return any("Map" in type(part).__name__ for part in parts)
print(len(steps), functions(False), functions(True))
keras.utils.set_random_seed(1)
print(functions(True), functions("batch"))
"""
    done = python(code)
    assert done.stdout.split() == ["1", "False", "True", "False", "True"], done.stderr[-2000:]


def test_nobody_is_warned_of_tracing() -> None:
    """TensorFlow warns of functions that are traced often; here many models have one each, of the same code."""
    code = """
import keras, numpy as np
from autograder.compat import keras_training
keras_training.install()
x, y = np.zeros((40, 4), "float32"), np.zeros((40, 2), "float32")
for units in range(1, 9):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(units), keras.layers.Dense(2)])
    model.compile(loss="mse", optimizer="sgd")
    model.fit(x, y, verbose=0)
"""
    done = python(code)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "retracing" not in done.stderr


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
    )


if __name__ == "__main__":
    main()
