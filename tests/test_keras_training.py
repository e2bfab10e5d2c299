"""What `compat/keras_training.py` leaves out of `fit` must change nothing: weights, histories and answers, to the bit.

The trainings below, and as many drawn at random as ``AUTOGRADER_TRAININGS`` says (`random_trainings.py`, from the seed
``AUTOGRADER_TRAININGS_SEED`` on), run twice, each time in a process of its own (a fork, `forks.py`): as Keras
does them, and as a grading kernel does.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from forks import Forks, Program, start_forks

from autograder.compat import keras_training

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
        return seen(model, model.fit(x, y, epochs=3, batch_size=10, validation_split=0.2, verbose=0))

    def short() -> Any:
        model = network(optimizer=keras.optimizers.SGD(0.1, momentum=0.9))
        return seen(model, model.fit(x, y, epochs=2, batch_size=50, verbose=0))

    def remainder() -> Any:  # a last batch that is not whole, in training and in validation
        model = network()
        found = model.fit(x, y, epochs=3, batch_size=13, validation_data=(x[:101], y[:101]), verbose=0)
        return seen(model, found)

    def in_order() -> Any:
        model = network()
        return seen(model, model.fit(x, y, epochs=3, batch_size=10, shuffle=False, verbose=0))

    def dropout() -> Any:
        layers = keras.layers.Dense(16, activation="relu"), keras.layers.Dropout(0.3), keras.layers.Dense(3)
        model = network(*layers, keras.layers.Softmax())
        return seen(model, model.fit(x, y, epochs=3, batch_size=10, validation_split=0.1, verbose=0))

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
        found = model.fit(x, y, epochs=3, batch_size=10, callbacks=[Watch()], verbose=0)
        return [*seen(model, found), lines]

    def again() -> Any:  # a second `fit` goes on where the first one stopped
        model = network()
        first = model.fit(x, y, epochs=3, batch_size=10, verbose=0)
        return seen(model, first, model.fit(x, y, epochs=3, batch_size=10, verbose=0))

    def weighted() -> Any:
        keras.utils.set_random_seed(7)
        model = keras.Sequential([keras.Input((784,)), keras.layers.Dense(3)])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(loss=loss, optimizer="rmsprop", metrics=["accuracy"], weighted_metrics=["accuracy"])
        found = model.fit(x, whole, epochs=3, batch_size=10, class_weight={0: 1.0, 1: 2.0, 2: 0.5}, verbose=0)
        return model.get_weights(), found.history, model.evaluate(x, whole, sample_weight=np.ones(600), verbose=0)

    def two_inputs() -> Any:
        keras.utils.set_random_seed(7)
        left, right = keras.Input((392,)), keras.Input((392,))
        joined = keras.layers.Concatenate()([left, right])
        model = keras.Model([left, right], keras.layers.Dense(3, activation="softmax")(joined))
        model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
        halves = [x[:, :392], x[:, 392:]]
        found = model.fit(halves, y, epochs=3, batch_size=10, validation_split=0.2, verbose=0)
        return (
            model.get_weights(),
            found.history,
            model.predict(halves, verbose=0),
            model.evaluate(halves, y, verbose=0),
        )

    def doubles_and_lists() -> Any:  # float64 images and labels in whole numbers
        model = network(loss="sparse_categorical_crossentropy")
        found = model.fit(x.astype("float64"), whole, epochs=3, batch_size=10, verbose=0)
        return model.get_weights(), found.history, model.predict(x.astype("float64"), batch_size=7, verbose=0)

    def built_late() -> Any:
        keras.utils.set_random_seed(7)
        model = keras.Sequential([keras.layers.Dense(3, activation="softmax")])
        model.compile(loss="mse", optimizer="adam", metrics=["accuracy", "mae"])
        return seen(model, model.fit(x, y, epochs=3, batch_size=10, verbose=0))

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
        found = model.fit(x, y, epochs=3, batch_size=10, callbacks=[Seed()], verbose=0)
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

    def callback(**methods: Any) -> Any:
        return type("Own", (keras.callbacks.Callback,), methods)()

    def predicts_at_each_epochs_end() -> Any:
        lines: list[Any] = []

        def look(self: Any, epoch: int, logs: Any = None) -> None:
            lines.append((self.model.predict(x[:50], verbose=0), self.model.evaluate(x[:50], y[:50], verbose=0)))

        model = network()
        found = model.fit(x, y, epochs=2, callbacks=[callback(on_epoch_end=look)], validation_split=0.2, verbose=0)
        return [*seen(model, found), lines]

    def predicts_in_a_function() -> Any:
        lines: list[Any] = []
        model = network()
        watch = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: lines.append(model.predict(x[:50], verbose=0))
        )
        return [*seen(model, model.fit(x, y, epochs=2, callbacks=[watch], verbose=0)), lines]

    def eagerly() -> Any:
        tensorflow.config.run_functions_eagerly(True)
        try:
            model = network()
            return seen(model, model.fit(x[:60], y[:60], epochs=2, verbose=0))
        finally:
            tensorflow.config.run_functions_eagerly(False)

    def under_a_strategy() -> Any:
        with tensorflow.distribute.MirroredStrategy(["/cpu:0"]).scope():
            model = network()
        return seen(model, model.fit(x, y, epochs=2, verbose=0), model.fit(x, y, verbose=0))

    def stopped_at_an_epochs_begin() -> Any:
        def stop(self: Any, epoch: int, logs: Any = None) -> None:
            self.model.stop_training = epoch == 2

        model = network()
        found = model.fit(x, y, epochs=4, callbacks=[callback(on_epoch_begin=stop)], verbose=0)
        return [*seen(model, found), int(model.optimizer.iterations.numpy())]

    def with_a_state_of_its_own() -> Any:  # Python counts each tracing; chance is drawn at each
        drawn = random.Random(3)
        lines: list[str] = []

        def loss(wanted: Any, given: Any) -> Any:
            lines.append("loss")
            return keras.ops.mean((wanted - given) ** 2) * (1 + drawn.random())

        def metric(wanted: Any, given: Any) -> Any:
            lines.append("metric")
            return keras.ops.mean(given) * drawn.random()

        def activation(values: Any) -> Any:
            lines.append("activation")
            return keras.ops.relu(values) + drawn.random()

        model = network(keras.layers.Dense(9, activation=activation), keras.layers.Dense(3))
        model.compile(loss=loss, optimizer="adam", metrics=[metric])
        return [*seen(model, model.fit(x, y, epochs=2, validation_split=0.2, verbose=0)), lines]

    def one_metric_in_two_models() -> Any:
        shared = keras.metrics.CategoricalAccuracy()
        models = [network(), network()]
        found = []
        for model in (*models, *models):
            if model.optimizer.iterations.numpy() == 0:
                model.compile(loss="mse", optimizer="adam", metrics=[shared])
            found.append(model.fit(x, y, epochs=2, validation_split=0.2, verbose=0))
        return [*seen(models[0], *found), *seen(models[1])]

    def steps_seen_from_a_callback() -> Any:
        lines: list[Any] = []

        def look(self: Any, epoch: int, logs: Any = None) -> None:
            lines.append((self.model.steps_per_execution, str(type(self.model.train_function))))

        model = network()
        found = model.fit(x, y, epochs=2, callbacks=[callback(on_epoch_end=look)], verbose=0)
        return [*seen(model, found), lines]

    def labels_that_are_no_class() -> Any:
        model = network(loss="sparse_categorical_crossentropy")
        try:
            model.fit(x, whole + 2, epochs=2, verbose=0)
        except Exception as error:
            return type(error).__name__, str(error)[:60], model.get_weights(), model.optimizer.iterations.numpy()
        return "no error"

    def changed_between_two_fits() -> Any:  # what was traced before stays, as long as nobody compiles again
        model = network(keras.layers.Dense(9, activation="relu"), keras.layers.Dropout(0.5), keras.layers.Dense(3))
        first = model.fit(x, y, epochs=2, verbose=0)
        model.layers[1].rate = 0.0
        model.layers[0].trainable = False
        second = model.fit(x, y, epochs=2, batch_size=50, verbose=0)
        rows = tensorflow.data.Dataset.from_tensor_slices((x, y)).batch(32)
        return seen(model, first, second, model.fit(rows, epochs=2, verbose=0), model.fit(x, y, verbose=0))

    def convolutions() -> Any:
        keras.utils.set_random_seed(7)
        layers = [keras.layers.Conv2D(4, 3, activation="relu"), keras.layers.MaxPooling2D(2)]
        layers += [keras.layers.Conv2D(6, 3, strides=2, padding="same"), keras.layers.AveragePooling2D(2)]
        layers += [keras.layers.Flatten(), keras.layers.Dense(3, activation="softmax")]
        model = keras.Sequential([keras.Input((28, 28, 1)), *layers])
        model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["categorical_crossentropy"])
        pictures = images.astype("float32") / 255
        found = model.fit(pictures, y, epochs=3, batch_size=20, validation_split=0.1, verbose=0)
        return (
            model.get_weights(),
            found.history,
            model.evaluate(pictures, y, verbose=0),
            model.predict(pictures, verbose=0),
        )

    def cross_entropy_beside_a_penalty() -> Any:
        layers = keras.layers.Dense(8, "relu", kernel_regularizer="l2"), keras.layers.Dense(3, activation="softmax")
        model = network(*layers)
        names = ["accuracy", "sparse_categorical_crossentropy"]
        model.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=names)
        found = model.fit(x, whole, epochs=3, batch_size=16, validation_data=(x[:90], whole[:90]), verbose=0)
        return model.get_weights(), found.history, model.evaluate(x, whole, verbose=0)

    found = [plain, short, remainder, in_order, dropout, stopped_early, batches_watched, again, weighted, two_inputs]
    found += [doubles_and_lists, built_late, so_many_steps, shuffled_by_batch, seeded_on_the_way, mistaken]
    found += [more_than_at_once, watched_by_functions, by_single_batches, in_steps_of_ones_own, of_a_dataset]
    found += [weighed_one_by_one, normalized, averaged, predicts_at_each_epochs_end, predicts_in_a_function, eagerly]
    found += [under_a_strategy, stopped_at_an_epochs_begin, with_a_state_of_its_own, one_metric_in_two_models]
    found += [steps_seen_from_a_callback, labels_that_are_no_class, changed_between_two_fits]
    found += [convolutions, cross_entropy_beside_a_penalty]
    return {training.__name__: training for training in found}


RANDOM = int(os.environ.get("AUTOGRADER_TRAININGS", "16"))
SEED = int(os.environ.get("AUTOGRADER_TRAININGS_SEED", "1"))
TRAININGS = """
import json
from autograder.compat import keras_training
from random_trainings import digest
from test_keras_training import trainings
keras_training.install()
print(json.dumps({name: digest(training()) for name, training in trainings().items()}))
"""
# Set before TensorFlow is imported. One thread: the order of a sum is always the same.
ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "AUTOGRADER_PLAIN_STEPS": ""}
ENVIRONMENT |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
PLAIN = {"AUTOGRADER_PLAIN_STEPS": "1"}


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with start_forks(["keras", "tensorflow"], ENVIRONMENT) as started:
        yield started


def in_both_ways(forks: Forks, code: str, *arguments: str) -> tuple[list[Any], list[Any]]:
    """The JSON lines that a program prints as a grading kernel trains, and as Keras does."""
    printed = []
    for done in forks.run(Program(code, arguments), Program(code, arguments, PLAIN)):
        assert done.returncode == 0, done.stderr[-2000:]
        printed.append([json.loads(line) for line in done.stdout.splitlines()])
    faster, plain = printed
    return faster, plain


def test_no_bit_of_any_training_changes(forks: Forks) -> None:
    (faster,), (plain,) = in_both_ways(forks, TRAININGS)
    assert len(plain) == 36
    assert {name: faster[name] == plain[name] for name in plain} == dict.fromkeys(plain, True)


def test_no_bit_of_random_programs_changes(forks: Forks) -> None:
    """Models, data, callbacks, settings and calls in any order, errors among them."""
    print(f"seeds {SEED} to {SEED + RANDOM - 1}")
    faster, plain = in_both_ways(forks, "import random_trainings; random_trainings.main()", str(SEED), str(RANDOM))
    assert len(plain) == RANDOM
    calls = sum(program["asked"] for program in faster)
    ours = sum(program["faster"] for program in faster)
    print(f"{RANDOM} programs, {calls} calls of fit, evaluate and predict, {ours} of them in the faster way")
    assert ours > calls / 4, "hardly anything was compared"
    assert sum(program["faster"] for program in plain) == 0
    for program, as_keras in zip(faster, plain, strict=True):
        assert "broken" not in program, program["where"]
        for field in ("seen", "log", "notes", "after"):
            assert program[field] == as_keras[field], (program["seed"], program["story"])


def test_a_training_step_is_traced_once_and_keras_is_left_as_it_was(forks: Forks) -> None:
    """Should this fail, nothing is wrong with a result: the speed is gone."""
    code = """
import keras, numpy as np, time
from keras.src.backend.tensorflow.trainer import TensorFlowTrainer
from keras.src.trainers.data_adapters.array_data_adapter import ArrayDataAdapter
steps, original = [], TensorFlowTrainer.train_step
def train_step(self, data):
    steps.append(1)
    return original(self, data)
TensorFlowTrainer.train_step = train_step
from autograder.compat import keras_training, assumptions
assumptions.digest, keras_training.fallen = None, lambda use: ""
keras_training.install()
x, y = np.zeros((640, 4), "float32"), np.zeros((640, 2), "float32")
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
model.compile(loss="mse", optimizer="adam", metrics=["accuracy"])
counts, datasets = [], []
call, get = keras_training._Loop.__call__, ArrayDataAdapter.get_tf_dataset
keras_training._Loop.__call__ = lambda self, given: counts.append(given.count) or call(self, given)
def get_tf_dataset(self):
    datasets.append(get(self))
    return datasets[-1]
ArrayDataAdapter.get_tf_dataset = get_tf_dataset
def functions():
    parts = [datasets[-1]]
    for part in parts: parts += part._inputs()
    return any("Map" in type(part).__name__ for part in parts)
model.fit(x, y, verbose=0, epochs=2, batch_size=10)
print(len(steps), functions(), sum(counts), counts[:2], max(counts) > 4)
keras.utils.set_random_seed(1)
model.fit(x, y, verbose=0, epochs=2, batch_size=10)
print(len(steps), functions(), datasets[-1].options().autotune.enabled)
print(type(model.train_function).__name__, model.steps_per_execution, vars(model.fit).keys() - {"__wrapped__"})
"""
    (done,) = forks.run(Program(code))
    printed = done.stdout.splitlines()
    assert printed[0] == "1 True 128 [1, 1] True", done.stderr[-2000:]
    assert printed[1:] == ["1 False False", "function 1 set()"], done.stderr[-2000:]


def test_what_is_installed_behind_keras_waits_for_it(forks: Forks) -> None:
    """As in the kernels of the book's lessons, whose first cells need not import Keras."""
    code = """
import sys
from autograder.compat import keras_training
keras = sys.modules.pop("keras")
called, hooks = [], []
keras_training.install = lambda: called.append("install")
keras_training.take_note_of_threads = lambda: called.append("threads")
class Events:
    def register(self, when, hook): hooks.append((when, hook))
keras_training.install_behind_keras(Events())
(when, before_a_cell), = hooks
before_a_cell()
called.append("import keras")
sys.modules["keras"] = keras
before_a_cell()
before_a_cell()
print(when, called)
"""
    (done,) = forks.run(Program(code))
    assert done.stdout == "pre_execute ['threads', 'import keras', 'install', 'threads', 'threads']\n", done.stderr


def test_as_many_batches_at_once_as_take_no_longer_than_one_look_at_a_bar() -> None:
    pace = keras_training._Pace()
    assert pace.count() == 1
    pace.took(1, 3.0)  # the first is traced
    assert pace.count() == 1
    pace.took(1, 0.004)
    assert pace.count() == 12
    pace.took(12, 0.012)
    assert pace.count() == 50
    pace.took(50, 0.001)
    assert pace.count() == keras_training.MOST
    pace.took(64, 640.0)
    assert pace.count() == 1
    slow = keras_training._Pace()
    for _ in range(5):
        slow.took(1, 2.0)
        assert slow.count() == 1


def test_what_goes_wrong_is_done_again_by_keras(forks: Forks) -> None:
    """A fault of ours in the second epoch: what a student sees is what plain Keras does, from the beginning."""
    code = """
import keras, numpy as np, sys
from autograder.compat import keras_training
keras_training.install()
x, y = np.linspace(0, 1, 2560, dtype="float32").reshape(640, 4), np.eye(2, dtype="float32")[np.arange(640) % 2]
calls, call = [], keras_training._Loop.__call__
def fail(self, given):
    calls.append(1)
    if len(calls) > 6: raise RuntimeError("ours")
    return call(self, given)
if sys.argv[1] == "fails": keras_training._Loop.__call__ = fail
keras.utils.set_random_seed(1)
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4), keras.layers.Dropout(0.5), keras.layers.Dense(2)])
model.compile(loss="mse", optimizer="adam", metrics=["accuracy"])
stop = keras.callbacks.EarlyStopping("loss", patience=3)
for _ in range(2):
    history = model.fit(x, y, epochs=4, batch_size=10, verbose=0, callbacks=[stop]).history
    print(history, [w.tobytes() for w in model.get_weights()], model.optimizer.iterations.numpy(), stop.best)
print(len(calls) > 6, file=sys.stderr)
"""
    failed, plain = forks.run(Program(code, ("fails",)), Program(code, ("plain",), PLAIN))
    assert failed.stderr.splitlines()[-1] == "True", failed.stderr[-2000:]
    assert failed.stdout
    assert failed.stdout == plain.stdout


def test_an_error_reads_as_keras_wrote_it(forks: Forks) -> None:
    code = """
import keras, numpy as np, traceback
from autograder.compat import keras_training
keras_training.install()
x, y = np.zeros((40, 4), "float32"), np.zeros((40, 2), "float32")
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
for call in (lambda: model.fit(x, y, nb_epoch=3), lambda: model.fit(x, y), lambda: model.predict(),
             lambda: (model.compile(loss="categorical_crossentropy"), model.fit(x, y)),
             lambda: model.evaluate(x[:, :2], y)):
    try: call()
    except Exception: print(traceback.format_exc())
"""
    faster, plain = forks.run(Program(code), Program(code, settings=PLAIN))
    assert faster.stdout.count("Traceback") == 5, faster.stderr[-2000:]
    assert faster.stdout == plain.stdout


def test_nobody_is_warned_of_tracing(forks: Forks) -> None:
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
    (done,) = forks.run(Program(code))
    assert done.returncode == 0, done.stderr[-2000:]
    assert "retracing" not in done.stderr
