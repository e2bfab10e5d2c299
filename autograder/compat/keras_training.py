"""Training with less around it, and with the same result to the last bit.

Small models spend most of `fit` not on arithmetic but on what surrounds it. In a grading kernel five such things
go, for Keras's own Sequential and Functional models with TensorFlow (measured together: 12 epochs of 15 batches of
32 images, 20 % validation: 2.3 s of processor time before, 0.86 s after), and none changes the order of any operation
on numbers:

* batches one by one: a loop goes over up to 64 of an epoch's, and is traced in as little time as a single step;
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

GATHERED_BYTES = 64_000_000  # of training data that are gathered in the order of an epoch, for all epochs
# Digests of the source of Keras's `ArrayDataAdapter.get_tf_dataset` where it was seen to shuffle as `_orders` does.
KNOWN_ORDERS = frozenset({"2ab7c0854bf89cd1cc2eb41225a864ee6ed860d0b7471c7348963875f0d8631e"})
# Of `Model.fit`, `evaluate` and `_make_function`, where these were seen to hand what an epoch's iterator yields to
# `train_function` and `test_function`, and to do nothing else with it.
KNOWN_LOOPS = frozenset({"e83e2b574c68089a9a1dc9347bc88981c6bd8ef1fe32fbb3d0dfadfa38145393"})


class _Many(int):
    """A number of steps that is set here, and not by a student."""


MANY = _Many(64)  # batches at once; between two times so many a cell can be interrupted


def install() -> None:
    """Make built-in models train with less around it. Called once, in the fork server."""
    import keras

    if keras.backend.backend() != "tensorflow" or os.environ.get("AUTOGRADER_PLAIN_STEPS"):
        return
    try:
        from keras.src.backend.tensorflow.trainer import TFEpochIterator
        from keras.src.trainers.data_adapters.array_data_adapter import ArrayDataAdapter
    except ImportError:  # Keras keeps these to itself and may move them
        return
    _feed_without_tuner(ArrayDataAdapter)
    _open_each_epoch_once(TFEpochIterator)
    _train_many_batches_at_once(keras)


def _train_many_batches_at_once(keras: Any) -> None:
    original_fit, original_evaluate = keras.Model.fit, keras.Model.evaluate
    if digest(original_fit, original_evaluate, keras.Model._make_function) not in KNOWN_LOOPS:
        return

    def fit(self: Any, *args: Any, **kwargs: Any) -> Any:
        given = _given(_FIT, args, kwargs)
        if _is_built_in(self):
            _make_variables_before_the_trace(self, keras, given)
        return _many_at_once(self, keras, original_fit, given, args, kwargs)

    def evaluate(self: Any, *args: Any, **kwargs: Any) -> Any:
        return _many_at_once(self, keras, original_evaluate, _given(_EVALUATE, args, kwargs), args, kwargs)

    for new, original in ((fit, original_fit), (evaluate, original_evaluate)):
        new.__doc__, new.__name__, new.__qualname__ = original.__doc__, original.__name__, original.__qualname__
        setattr(keras.Model, original.__name__, new)


def _many_at_once(
    model: Any, keras: Any, original: Any, given: dict[str, Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    if not (_is_built_in(model) and _nobody_could_tell(model, keras, given)):
        return original(model, *args, **kwargs)
    for name, step in (("train_function", model.train_step), ("test_function", model.test_step)):
        if not isinstance(getattr(model, name), _ManyBatches):
            setattr(model, name, _ManyBatches(model, step, getattr(model, name)))
    model.steps_per_execution = MANY
    try:
        return original(model, *args, **kwargs)
    finally:
        model.steps_per_execution = 1


class _Batches:
    """So many batches of an iterator, to be taken at once."""

    def __init__(self, iterator: Any, count: int) -> None:
        self.iterator = iterator
        self.count = count


class _ManyBatches:
    """A model's `train_function` or `test_function`, in which a loop goes over many batches.

    Keras's own loop can do that, too, and asks at each step whether there is another batch; since here it is known
    how many there are, the loop is traced in as little time as a single step. Whatever is not `_Batches` is left to
    Keras's own function.
    """

    def __init__(self, model: Any, step: Any, own: Any) -> None:
        import tensorflow as tf

        self._model, self._step, self._own = model, step, own
        self._loop = tf.function(tf.autograph.experimental.do_not_convert(self._steps), reduce_retracing=True)
        # TensorFlow counts the loops of all models together, and warns of what it takes for one traced often.
        self._loop._omit_frequent_tracing_warning = True

    def __call__(self, given: Any) -> Any:
        if isinstance(given, _Batches):
            import tensorflow as tf

            return self._loop(given.iterator, tf.constant(given.count))
        if self._own is None:
            self._own = self._model._make_function(self._step)
        return self._own(given)

    def _steps(self, iterator: Any, count: Any) -> Any:
        import tensorflow as tf

        model = self._model
        one_step = model._autoconvert_optionals(lambda data: model.distribute_strategy.run(self._step, args=(data,)))

        def body(number: Any) -> Any:
            one_step(iterator.get_next())
            return number + 1

        tf.while_loop(lambda number: number < count, body, [tf.constant(0)], parallel_iterations=1)
        return model.get_metrics_result()


def _is_built_in(model: Any) -> bool:
    """Whether nothing of the student's takes part in a training step."""
    try:
        kind = type(model)
        known = kind.__name__ in ("Sequential", "Functional") and kind.__module__.startswith("keras.src.models.")
        return bool(known and model.built and model.compiled and not model.run_eagerly)
    except Exception:  # whatever is odd here is the student's to see from the real `fit`
        return False


def _make_variables_before_the_trace(model: Any, keras: Any, given: dict[str, Any]) -> None:
    """Build optimizer and metrics, which `fit` would do in the middle of tracing, to trace once more after that."""
    try:
        optimizer, metrics = model.optimizer, model._compile_metrics
        if isinstance(optimizer, keras.optimizers.Optimizer) and not optimizer.built:
            optimizer.build(model.trainable_variables)
        labels: Any = given.get("y")
        if metrics is not None and not metrics.built and hasattr(labels, "shape") and _answers_one_tensor(model):
            metrics.build(keras.KerasTensor((None, *labels.shape[1:]), labels.dtype.name), model.outputs[0])
    except Exception:  # it is built in the trace then, or fails there
        return


def _answers_one_tensor(model: Any) -> bool:
    """Whether calling the model gives one tensor, not a list or dictionary of one."""
    kind = type(model).__name__
    return len(model.outputs) == 1 and (kind == "Sequential" or not isinstance(model.output, (list, tuple, dict)))


def _nobody_could_tell(model: Any, keras: Any, given: dict[str, Any]) -> bool:
    """Whether these are plain arrays, and no setting and no callback of the student's looks at single batches."""
    try:
        data = [given.get(name) for name in ("x", "y", "sample_weight", "validation_data")]
        steps = [given.get(name) for name in ("steps_per_epoch", "validation_steps", "steps")]
        return (
            model.steps_per_execution == 1
            and not model.jit_compile
            and given["x"] is not None
            and _are_arrays([part for part in keras.tree.flatten(data) if part is not None])
            and not any(steps)
            and not any(_looks_at_batches(callback, keras) for callback in _listed(given.get("callbacks")))
        )
    except Exception:
        return False


_FIT = ("x", "y", "batch_size", "epochs", "verbose", "callbacks", "validation_split", "validation_data")
_EVALUATE = ("x", "y", "batch_size", "verbose", "sample_weight", "steps", "callbacks")


def _given(names: tuple[str, ...], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `fit` or `evaluate` by name, as far as they matter here."""
    return dict(zip(names, args, strict=False)) | kwargs


def _listed(callbacks: Any) -> list[Any]:
    if callbacks is None:
        return []
    return list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks]


def _looks_at_batches(callback: Any, keras: Any) -> bool:
    base = keras.callbacks.Callback
    kinds = ("train_batch", "test_batch", "batch")
    names = [f"on_{kind}_{when}" for kind in kinds for when in ("begin", "end")]
    return not isinstance(callback, base) or any(
        name in vars(callback) or getattr(type(callback), name) is not getattr(base, name) for name in names
    )


def _feed_without_tuner(adapter: Any) -> None:
    import tensorflow as tf

    original = adapter.get_tf_dataset
    order_is_known = digest(original) in KNOWN_ORDERS
    options = tf.data.Options()
    options.autotune.enabled = False

    def get_tf_dataset(self: Any) -> Any:
        return (_slices(self, order_is_known) or original(self)).with_options(options)

    adapter.get_tf_dataset = get_tf_dataset


def digest(*functions: Any) -> str:
    """Of functions' source; '' if that is not there."""
    try:
        return hashlib.sha256("".join(map(inspect.getsource, functions)).encode()).hexdigest()
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
            count = min(self.steps_per_execution, self._num_batches - step)
            self._steps_seen += self.steps_per_execution
            yield step, step + count - 1, _Batches(iterator, count) if self.steps_per_execution is MANY else iterator
        self._steps_seen = 0
        self.data_adapter.on_epoch_end()

    epochs._enumerate_iterator = _enumerate_iterator
