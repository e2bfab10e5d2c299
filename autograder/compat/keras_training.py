"""Training with less around it, where nobody can tell, and with the same result to the last bit.

Small models spend most of `fit` not on arithmetic but on what surrounds it. In a grading kernel, and in those that run
the book's lessons, four such things go, and none changes the order of any operation on numbers:

* batches one by one: a loop goes over as many as take `PACE` seconds, so that a cell can be stopped, and a progress
  bar moves, as without it;
* a training step traced twice, because optimizer and metrics make their variables inside the first trace:
  they are made before it;
* a pipeline of functions, its tuner, for whose sleeping thread the end of each epoch waits, and an iterator made
  after each epoch that nobody uses: slices will do;
* shuffling anew for each epoch what, with a seed, comes in the same order each time: it is done once.

This is done only where `keras_own` knows every part that takes part, and where Keras is the one that it was seen to
hold for (`assumptions`). Everything else is plain Keras, untouched. What goes wrong on the way is undone, and done
again by plain Keras, which then says whatever it has to say to the student.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from autograder.compat.assumptions import FASTER_TRAINING, fallen
from autograder.compat.keras_own import KerasOwn

# Seconds of processor time that so many batches may take at once, as long as Keras's progress bar waits between two
# looks. Not of the clock's, or on a busy machine batches would be taken one by one, which makes it busier.
PACE = 0.05
MOST = 64  # batches at once, however quick
GATHERED_BYTES = 64_000_000  # of training data that are gathered in the order of an epoch, for all epochs

_here = threading.local()  # `.run` is what is trained at present in this thread
_own: KerasOwn | None = None


def install() -> None:
    """Make Keras's own models train with less around it. Called once, in the fork server."""
    global _own
    import keras

    if keras.backend.backend() != "tensorflow" or os.environ.get("AUTOGRADER_PLAIN_STEPS") or fallen(FASTER_TRAINING):
        return
    from keras.src.backend.tensorflow.trainer import TensorFlowTrainer, TFEpochIterator
    from keras.src.trainers.data_adapters.array_data_adapter import ArrayDataAdapter
    from keras.src.utils.traceback_utils import filter_traceback

    decisions = {"fit": _fit_is_unseen, "evaluate": _evaluate_is_unseen, "predict": _predict_is_unseen}
    for name, is_unseen in decisions.items():
        setattr(TensorFlowTrainer, name, _in_place_of(getattr(TensorFlowTrainer, name), is_unseen, filter_traceback))
    _feed_slices(ArrayDataAdapter)
    _open_each_epoch_once(TFEpochIterator)
    _own = KerasOwn(keras)


def install_behind_keras(events: Any) -> None:
    """The same for a kernel of its own that may never import Keras: before the first cell that finds it imported.

    Args:
        events: of the kernel's shell. When they come first, all of the kernel's own threads run.
    """
    installed = False

    def before_a_cell() -> None:
        nonlocal installed
        if not installed and "keras" in sys.modules:
            installed = True
            install()
        take_note_of_threads()

    events.register("pre_execute", before_a_cell)


def take_note_of_threads() -> None:
    """Remember the kernel's own threads; while any other runs, plain Keras trains. Called before each cell."""
    if _own is not None:
        _own.take_note_of_threads()


def _in_place_of(original: Any, is_unseen: _Decision, filter_traceback: Any) -> Any:
    """A method that asks `is_unseen` before it does what `original` does.

    It has the original's arguments, so that it complains of others in the same words, and its code belongs to the
    original's file, because Keras leaves its own files out of what a student reads after an error.
    """
    plain = original.__wrapped__
    names = list(inspect.signature(plain).parameters)[1:]
    given = ", ".join(f"**{name}" if name == "kwargs" else f"{name}={name}" for name in names)
    source = f"def method{inspect.signature(plain)}: return do(self, dict({given}))"

    def do(model: Any, given: dict[str, Any]) -> Any:
        if "_use_cached_eval_dataset" in given:  # this is `fit` that asks, and it has decided
            return plain(model, **given)
        run = _begin(is_unseen, model, given)
        if run is not None:
            done, result = run.tried(plain)
            if done:
                return result
        held, _here.run = getattr(_here, "run", None), None
        try:
            return plain(model, **given)
        finally:
            _here.run = held

    do.__code__ = do.__code__.replace(co_filename=plain.__code__.co_filename)
    scope: dict[str, Any] = {"do": do}
    exec(compile(source, plain.__code__.co_filename, "exec"), scope)
    return filter_traceback(functools.wraps(plain)(scope["method"]))


# -- whether ----------------------------------------------------------------------------------------------------

_Decision = Callable[["KerasOwn", Any, dict[str, Any]], bool]


def _begin(is_unseen: _Decision, model: Any, given: dict[str, Any]) -> _Run | None:
    """A run that may go ahead; None where plain Keras is to do it."""
    trains = is_unseen is not _predict_is_unseen
    try:
        if _own is None or getattr(_here, "run", None) is not None:
            return None
        if _own.is_unseen(model, trains) and _are_ours_or_new(model, trains) and is_unseen(_own, model, given):
            run = _Run(model, given, trains, is_unseen is _fit_is_unseen, _own.callbacks(given["callbacks"]) or [])
            if not trains or run.prepare(_own):
                return run
    except Exception:  # whatever is odd here is the student's to see from plain Keras
        pass
    if trains:
        _leave_to_keras(model)
    return None


def _fit_is_unseen(own: KerasOwn, model: Any, given: dict[str, Any]) -> bool:
    if not own.are_plain(model, given["x"], given["y"], given["sample_weight"]):
        return False
    split, held, weights = given["validation_split"], given["validation_data"], given["class_weight"]
    return (
        own.callbacks(given["callbacks"]) is not None
        and type(split) in (float, int)
        and 0 <= split < 1
        and (held is None or (type(held) in (tuple, list) and 2 <= len(held) <= 3 and own.are_plain(model, *held)))
        and (weights is None or (given["sample_weight"] is None and _are_weights(weights)))
        and _are_counts(given, "batch_size", "validation_batch_size")
        and type(given["epochs"]) is int
        and type(given["initial_epoch"]) is int
        and 0 <= given["initial_epoch"] < given["epochs"]  # else nothing is trained, and nothing is to be built
        and type(given["validation_freq"]) is int
        and given["validation_freq"] > 0
        and type(given["shuffle"]) is bool
        and _is_verbosity(given["verbose"])
        and given["steps_per_epoch"] is None
        and given["validation_steps"] is None
    )


def _evaluate_is_unseen(own: KerasOwn, model: Any, given: dict[str, Any]) -> bool:
    return (
        own.are_plain(model, given["x"], given["y"], given["sample_weight"])
        and given.keys() == _EVALUATE
        and given["callbacks"] is None
        and given["steps"] is None
        and type(given["return_dict"]) is bool
        and _are_counts(given, "batch_size")
        and _is_verbosity(given["verbose"])
    )


def _predict_is_unseen(own: KerasOwn, model: Any, given: dict[str, Any]) -> bool:
    return (
        own.is_plain_input(model, given["x"])
        and given["callbacks"] is None
        and given["steps"] is None
        and _are_counts(given, "batch_size")
        and _is_verbosity(given["verbose"])
    )


_EVALUATE = {"x", "y", "batch_size", "verbose", "sample_weight", "steps", "callbacks", "return_dict"}


def _are_counts(given: dict[str, Any], *names: str) -> bool:
    values = [given[name] for name in names if given[name] is not None]
    return all(type(value) is int and 0 < value <= 2**20 for value in values)


def _are_weights(weights: Any) -> bool:
    return type(weights) is dict and all(
        type(key) is int and type(value) in (int, float) for key, value in weights.items()
    )


def _is_verbosity(value: Any) -> bool:
    return type(value) in (int, bool, str) and value in (0, 1, 2, "auto")


# -- which functions --------------------------------------------------------------------------------------------

_LOOP = "_autograder_loop"  # an attribute of a `train_function` or `test_function` that only we have called so far


def _are_ours_or_new(model: Any, trains: bool) -> bool:
    """Whether nobody else has had these functions traced: what a trace depends on may have changed since."""
    functions = (model.train_function, model.test_function) if trains else ()
    if any(function is not None and not hasattr(function, _LOOP) for function in functions):
        return False
    # An optimizer that has its variables without us was at work elsewhere; one that has none is another than before.
    return not trains or (model.train_function is not None) == bool(model.optimizer.built)


def _leave_to_keras(model: Any) -> None:
    """Plain Keras is about to use these functions, and from now on nobody else does."""
    for name in ("train_function", "test_function"):
        with suppress(Exception):
            vars(getattr(model, name)).pop(_LOOP, None)


class _Batches:
    """So many batches of an iterator, to be taken at once."""

    def __init__(self, iterator: Any, count: int, pace: _Pace) -> None:
        self.iterator, self.count, self.pace = iterator, count, pace


class _Pace:
    """How many batches to take at once, by how long the last ones took."""

    def __init__(self) -> None:
        self._calls = 0
        self._seconds = PACE  # for one batch: until it is known, one at a time

    def count(self) -> int:
        return max(1, min(MOST, int(PACE / self._seconds)))

    def took(self, count: int, seconds: float) -> None:
        self._calls += 1
        if self._calls > 1 and (count > 1 or self._calls == 2):  # the first is traced; a single one says little
            self._seconds = max(seconds / count, 1e-6)


class _Loop:
    """Stands in for a model's `train_function` or `test_function` for the time of one run.

    Its loop over batches calls what Keras would have called with each, so that this is traced as Keras would have
    traced it, and found traced by Keras later on. Keras's own loop asks at each step whether there is another batch;
    since here it is known how many there are, a loop is traced in as little time as a single step.
    """

    def __init__(self, model: Any, own: Any) -> None:
        import tensorflow as tf

        self.own = own
        self._metrics = model.get_metrics_result
        self._steps = tf.function(tf.autograph.experimental.do_not_convert(self._trace), reduce_retracing=True)
        with suppress(AttributeError):
            # TensorFlow counts the loops of all models together, and warns of what it takes for one traced often.
            self._steps._omit_frequent_tracing_warning = True
        self._number = tf.constant

    def __call__(self, given: Any) -> Any:
        if not isinstance(given, _Batches):
            return self.own(given)
        began = time.process_time()
        logs = self._steps(given.iterator, self._number(given.count))
        given.pace.took(given.count, time.process_time() - began)
        return logs

    def _trace(self, iterator: Any, count: Any) -> Any:
        import tensorflow as tf

        def body(number: Any) -> Any:
            self.own(iter((iterator.get_next(),)))
            return number + 1

        tf.while_loop(lambda number: number < count, body, [tf.constant(0)], parallel_iterations=1)
        return self._metrics()


class _Run:
    """One `fit`, `evaluate` or `predict` that nobody can see from within."""

    def __init__(self, model: Any, given: dict[str, Any], trains: bool, fits: bool, callbacks: list[Any]) -> None:
        self.in_loops = trains
        self.shows_progress = given["verbose"] not in (0, 2)
        self._model, self._fits, self._callbacks, self._given = model, fits, callbacks, given
        self._paces: dict[int, _Pace] = {}
        self._before: dict[str, Any] = {}

    def pace(self, epochs: Any) -> _Pace:
        """That of an epoch iterator: training and validation have one each."""
        return self._paces.setdefault(id(epochs), _Pace())

    def prepare(self, own: KerasOwn) -> bool:
        """Build optimizer and metrics, which would be done in the middle of tracing, to trace once more after that."""
        model, labels = self._model, self._given["y"]
        metrics = model._compile_metrics
        if self._fits and not model.optimizer.built:
            model.optimizer.build(model.trainable_weights)
        if metrics is not None and not metrics.built:
            import keras

            metrics.build(keras.KerasTensor((None, *labels.shape[1:]), labels.dtype.name), model.outputs[0])
        return metrics is None or own.metrics_are_own(model)

    def tried(self, plain: Any) -> tuple[bool, Any]:
        """Do it; False where it failed, and all is as it was before."""
        state = _State(self._model, self._callbacks) if self.in_loops else None
        try:
            if self.in_loops:
                self._put_loops_in()
            _here.run = self
            return True, plain(self._model, **self._given)
        except Exception:
            self._take_loops_out()
            if state is not None:
                state.restore()
                for name, function in self._before.items():
                    setattr(self._model, name, function)
                _leave_to_keras(self._model)
            return False, None
        finally:
            _here.run = None
            self._take_loops_out()

    def _put_loops_in(self) -> None:
        model = self._model
        self._before = {"train_function": model.train_function, "test_function": model.test_function}
        if self._fits:
            model.make_train_function()
        if not self._fits or self._given["validation_data"] is not None or self._given["validation_split"]:
            model.make_test_function()
        for name in self._before:
            if (function := getattr(model, name)) is not None:
                if not hasattr(function, _LOOP):
                    setattr(function, _LOOP, _Loop(model, function))
                setattr(model, name, getattr(function, _LOOP))

    def _take_loops_out(self) -> None:
        for name in self._before:
            if isinstance(loop := getattr(self._model, name), _Loop):
                setattr(self._model, name, loop.own)


class _State:
    """All that a run changes, as it was before."""

    _NAMES = ("stop_training", "stop_evaluating", "history", "_eval_epoch_iterator")

    def __init__(self, model: Any, callbacks: list[Any]) -> None:
        self._model = model
        variables = {id(variable): variable for variable in (*model.variables, *model.optimizer.variables)}
        variables |= {id(variable): variable for metric in model.metrics for variable in metric.variables}
        self._values = [(variable, variable.numpy()) for variable in variables.values()]
        self._attributes = {name: vars(model)[name] for name in self._NAMES if name in vars(model)}
        self._callbacks = [(callback, _copied(vars(callback))) for callback in callbacks]

    def restore(self) -> None:
        for variable, value in self._values:
            variable.assign(value)
        for name in self._NAMES:
            if name in self._attributes:
                setattr(self._model, name, self._attributes[name])
            elif name in vars(self._model):
                delattr(self._model, name)
        for callback, held in self._callbacks:
            vars(callback).clear()
            vars(callback).update(held)


def _copied(held: dict[str, Any]) -> dict[str, Any]:
    return {name: value.copy() if isinstance(value, (list, dict)) else value for name, value in held.items()}


# -- data -------------------------------------------------------------------------------------------------------


def _open_each_epoch_once(epochs: Any) -> None:
    original = epochs._enumerate_iterator

    @functools.wraps(original)
    def _enumerate_iterator(self: Any) -> Iterator[Any]:
        run: _Run | None = getattr(_here, "run", None)
        if run is None or self.steps_per_epoch or not self._num_batches:
            yield from original(self)
            return
        self.data_adapter.on_epoch_begin()
        iterator = iter(self._get_iterator())
        pace, step = run.pace(self), 0
        while step < self._num_batches:
            opening = step == 0 and run.shows_progress  # a bar shows its first batch
            count = min(pace.count() if run.in_loops and not opening else 1, self._num_batches - step)
            self._steps_seen = step + count
            yield step, step + count - 1, _Batches(iterator, count, pace) if run.in_loops else iterator
            step += count
        self._steps_seen = 0
        self.data_adapter.on_epoch_end()

    epochs._enumerate_iterator = _enumerate_iterator


def _feed_slices(adapter: Any) -> None:
    import tensorflow as tf

    original = adapter.get_tf_dataset
    options = tf.data.Options()
    options.autotune.enabled = False

    @functools.wraps(original)
    def get_tf_dataset(self: Any) -> Any:
        if getattr(_here, "run", None) is None:
            return original(self)
        return (_slices(self) or original(self)).with_options(options)

    adapter.get_tf_dataset = get_tf_dataset


def _slices(adapter: Any) -> Any:
    """The batches of `adapter` with the shapes Keras gives them, or None where each epoch has another order."""
    import tensorflow as tf
    from keras import tree
    from keras.src.trainers.data_adapters.array_slicing import convert_to_sliceable

    if adapter._shuffle and not _comes_in_one_order(adapter, tree):
        return None
    inputs = tree.lists_to_tuples(convert_to_sliceable(adapter._inputs, target_backend="tensorflow"))
    if adapter._shuffle:
        order = next(iter(_orders(adapter._num_samples)))
        inputs = tree.map_structure(lambda part: tf.gather(part, order, axis=0), inputs)
    slices = tf.data.Dataset.from_tensor_slices(inputs)
    return slices.batch(adapter._batch_size, drop_remainder=adapter._partial_batch_size == 0).prefetch(1)


def _comes_in_one_order(adapter: Any, tree: Any) -> bool:
    """Whether the examples are shuffled in the same way each time: then they are gathered once for all epochs.

    Each epoch makes an iterator, and each iterator starts TensorFlow's generator anew: with a global seed it is the
    same order every time, without one it never is.
    """
    from tensorflow.python.eager import context

    size = sum(getattr(part, "nbytes", GATHERED_BYTES) for part in tree.flatten(adapter._inputs))
    return context.global_seed() is not None and size <= GATHERED_BYTES


def _orders(examples: int) -> Any:
    """Shuffled as Keras does: the numbers of an operation's generator follow from its place among its neighbours."""
    import tensorflow as tf

    return tf.data.Dataset.range(1).map(lambda _: tf.random.shuffle(tf.range(examples, dtype=tf.int64)))
