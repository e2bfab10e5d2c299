"""Training with less around it, and with the same result to the last bit.

Small models spend most of `fit` not on arithmetic but on what surrounds it. In a grading kernel five such things
go, for Keras's own Sequential and Functional models with TensorFlow (measured together: 13 epochs of 15 batches of
32 fashion images, 20 % validation: 1.27 s of processor time before, 0.56 s after), and none changes the order of any
operation on numbers:

* batches one by one: with ``steps_per_execution`` Python is asked for every sixteenth batch alone;
* a training step traced twice, because optimizer and metrics make their variables inside the first trace:
  they are made before it;
* a pipeline's tuner, for whose sleeping thread the end of each epoch waits, and an iterator made after each epoch
  that nobody uses;
* a pipeline of functions for data that stay in order (validation, `evaluate`, `predict`): slices will do;
* shuffling anew for each epoch what, with a seed, comes in the same order each time: it is done once.

Where anything is unusual, Keras's own code runs, and says whatever it has to say to the student.
"""

from __future__ import annotations

import hashlib
import inspect
import os
from collections.abc import Iterator
from typing import Any

STEPS = 16  # measured: 16 and 48 are alike, 128 is slower
GATHERED_BYTES = 64_000_000  # of training data that are gathered in the order of an epoch, for all epochs
# Digests of the source of Keras's `ArrayDataAdapter.get_tf_dataset` where it was seen to shuffle as `_orders` does.
KNOWN_ORDERS = frozenset({"2ab7c0854bf89cd1cc2eb41225a864ee6ed860d0b7471c7348963875f0d8631e"})
WORTH_IT = 300  # batches; the loop takes 0.25 s longer to trace and saves about 1.5 ms a batch (measured)


def install() -> None:
    """Make built-in models train with less around it. Called once, in the warm process."""
    import keras

    if keras.backend.backend() != "tensorflow" or os.environ.get("AUTOGRADER_PLAIN_STEPS"):
        return
    _train_in_long_steps(keras)
    try:
        from keras.src.backend.tensorflow.trainer import TFEpochIterator
        from keras.src.trainers.data_adapters.array_data_adapter import ArrayDataAdapter
    except ImportError:  # Keras keeps these to itself and may move them
        return
    _feed_without_tuner(ArrayDataAdapter)
    _open_each_epoch_once(TFEpochIterator)


def _train_in_long_steps(keras: Any) -> None:
    original = keras.Model.fit

    def fit(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not _is_built_in(self):
            return original(self, *args, **kwargs)
        _make_variables_before_the_trace(self, keras, args, kwargs)
        if not _may_take_long_steps(self, keras, args, kwargs):
            return original(self, *args, **kwargs)
        before = self.steps_per_execution
        self.steps_per_execution = STEPS
        try:
            return original(self, *args, **kwargs)
        finally:
            self.steps_per_execution = before
            self.train_function = None  # it was traced for longer steps
            self.test_function = None

    fit.__doc__, fit.__name__, fit.__qualname__ = original.__doc__, "fit", original.__qualname__
    keras.Model.fit = fit


def _is_built_in(model: Any) -> bool:
    """Whether nothing of the student's takes part in a training step."""
    try:
        kind = type(model)
        known = kind.__name__ in ("Sequential", "Functional") and kind.__module__.startswith("keras.src.models.")
        return bool(known and model.built and model.compiled and not model.run_eagerly)
    except Exception:  # whatever is odd here is the student's to see from the real `fit`
        return False


def _make_variables_before_the_trace(model: Any, keras: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Build optimizer and metrics, which `fit` would do in the middle of tracing, to trace once more after that."""
    try:
        optimizer, metrics = model.optimizer, model._compile_metrics
        if isinstance(optimizer, keras.optimizers.Optimizer) and not optimizer.built:
            optimizer.build(model.trainable_variables)
        labels: Any = _given(args, kwargs).get("y")
        if metrics is not None and not metrics.built and hasattr(labels, "shape") and _answers_one_tensor(model):
            metrics.build(keras.KerasTensor((None, *labels.shape[1:]), labels.dtype.name), model.outputs[0])
    except Exception:  # it is built in the trace then, or fails there
        return


def _answers_one_tensor(model: Any) -> bool:
    """Whether calling the model gives one tensor, not a list or dictionary of one."""
    kind = type(model).__name__
    return len(model.outputs) == 1 and (kind == "Sequential" or not isinstance(model.output, (list, tuple, dict)))


def _may_take_long_steps(model: Any, keras: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether it pays, and nobody could tell the difference: no setting and no batch callback of the student's."""
    try:
        given = _given(args, kwargs)
        batches = len(given["x"]) / (given.get("batch_size") or 32) * given.get("epochs", 1)
        callbacks = _listed(given.get("callbacks"))
        return (
            model.steps_per_execution == 1
            and batches >= WORTH_IT
            and not any(_looks_at_batches(callback, keras) for callback in callbacks)
        )
    except Exception:
        return False


def _given(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `fit` by name, as far as they matter here."""
    names = ("x", "y", "batch_size", "epochs", "verbose", "callbacks")
    return dict(zip(names, args, strict=False)) | kwargs


def _listed(callbacks: Any) -> list[Any]:
    if callbacks is None:
        return []
    return list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks]


def _looks_at_batches(callback: Any, keras: Any) -> bool:
    base = keras.callbacks.Callback
    kinds = ("train_batch", "test_batch", "batch")
    names = [f"on_{kind}_{when}" for kind in kinds for when in ("begin", "end")]
    return not isinstance(callback, base) or any(getattr(type(callback), n) is not getattr(base, n) for n in names)


def _feed_without_tuner(adapter: Any) -> None:
    import tensorflow as tf

    original = adapter.get_tf_dataset
    order_is_known = digest(original) in KNOWN_ORDERS
    options = tf.data.Options()
    options.autotune.enabled = False

    def get_tf_dataset(self: Any) -> Any:
        return (_slices(self, order_is_known) or original(self)).with_options(options)

    adapter.get_tf_dataset = get_tf_dataset


def digest(function: Any) -> str:
    """Of a function's source; '' if that is not there."""
    try:
        return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()
    except (OSError, TypeError):
        return ""


def _slices(adapter: Any, order_is_known: bool) -> Any:
    """The batches of `adapter` with the shapes Keras gives them, or None where they are no slices of plain arrays."""
    try:
        import tensorflow as tf
        from keras.src import tree
        from keras.src.trainers.data_adapters.array_slicing import convert_to_sliceable

        if adapter._shuffle and not (order_is_known and _comes_in_one_order(adapter)):
            return None
        inputs = tree.lists_to_tuples(convert_to_sliceable(adapter._inputs, target_backend="tensorflow"))
        if not _are_arrays(tree.flatten(inputs)):
            return None
        if adapter._shuffle:
            order = next(iter(_orders(adapter._num_samples)))
            inputs = tree.map_structure(lambda part: tf.gather(part, order, axis=0), inputs)
        slices = tf.data.Dataset.from_tensor_slices(inputs)
        return slices.batch(adapter._batch_size, drop_remainder=adapter._partial_batch_size == 0).prefetch(1)
    except Exception:
        return None


def _comes_in_one_order(adapter: Any) -> bool:
    """Whether the examples are shuffled, and in the same way each time: then they are gathered once for all epochs.

    Each epoch makes an iterator, and each iterator starts TensorFlow's generator anew: with a global seed it is the
    same order every time, without one it never is.
    """
    from keras.src import tree
    from tensorflow.python.eager import context

    size = sum(getattr(part, "nbytes", GATHERED_BYTES) for part in tree.flatten(adapter._inputs))
    return adapter._shuffle is True and context.global_seed() is not None and size <= GATHERED_BYTES


def _orders(examples: int) -> Any:
    """Shuffled as Keras does: the numbers of an operation's generator follow from its place among its neighbours."""
    import tensorflow as tf

    return tf.data.Dataset.range(1).map(lambda _: tf.random.shuffle(tf.range(examples, dtype=tf.int64)))


def _are_arrays(parts: list[Any]) -> bool:
    """Whether these are arrays with a row for each example, neither sparse nor ragged."""
    import numpy as np
    import tensorflow as tf

    return all(isinstance(part, (np.ndarray, tf.Tensor)) for part in parts)


def _open_each_epoch_once(epochs: Any) -> None:
    original = epochs._enumerate_iterator

    def _enumerate_iterator(self: Any) -> Iterator[Any]:
        if self.steps_per_epoch or not self._num_batches:
            yield from original(self)
            return
        self.data_adapter.on_epoch_begin()
        self._steps_seen = 0
        iterator = iter(self._get_iterator())
        for step in range(0, self._num_batches, self.steps_per_execution):
            self._steps_seen += self.steps_per_execution
            yield step, step + self.steps_per_execution - 1, iterator
        self._steps_seen = 0
        self.data_adapter.on_epoch_end()

    epochs._enumerate_iterator = _enumerate_iterator
