"""Training under Keras's NumPy backend: `fit` and `train_on_batch`, which that backend has not.

The forward pass is Keras's: models call their layers, and each call of a layer is written down. Going back through
what was written down gives the gradients (`gradients`); losses are in `losses`; optimizers, metrics, callbacks and
data are Keras's own. The version of Keras is pinned in the page, so its private names may be used here.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras.src import callbacks as callbacks_module
from keras.src import tree
from keras.src.backend.common import dtypes
from keras.src.losses.losses import LossFunctionWrapper
from keras.src.trainers.data_adapters import array_slicing, data_adapter_utils
from keras.src.trainers.epoch_iterator import EpochIterator
from keras.src.utils import traceback_utils
from keras.src.utils.python_utils import pythonify_logs

from autograder.language import say
from keras_in_page import optimizers
from keras_in_page.gradients import Record, cannot, rule_for
from keras_in_page.losses import Lost, lost

Array = np.ndarray


class Tape:
    """The calls of layers in one forward pass, in their order."""

    def __init__(self, training: bool) -> None:
        self.training = training
        self.records: list[Record] = []
        self._same: dict[int, Array] = {}  # a copy that Keras made at the door of a model, and what it is a copy of
        self._alive: list[Any] = []  # identities count only while the objects live
        self._by_output: dict[int, Record] = {}

    def write(self, record: Record) -> None:
        self.records.append(record)
        self._by_output[id(record.output)] = record

    def write_unknown(self, layer: Any, given: Any, outputs: Any) -> None:
        """A call that there is no way back through. Nobody asks for one where nothing before it is trained."""
        arrays = tuple(x for x in tree.flatten(given) if isinstance(x, np.ndarray))
        for output in tree.flatten(outputs):
            self.write(Record(layer, arrays, output))

    def maker(self, output: Any) -> Record | None:
        """The call that made this array."""
        return self._by_output.get(id(output))

    def is_copy(self, copy: Any, of: Any) -> None:
        self._same[id(copy)] = of
        self._alive += [copy, of]

    def knows(self, array: Any) -> bool:
        return id(array) in self._by_output or id(array) in self._same

    def gradients(self, seeds: list[tuple[Any, Lost]]) -> dict[int, Array]:
        """Gradients at the variables, by the variable's identity, from those that losses gave at outputs."""
        at: dict[int, Array] = {}
        for output, found in seeds:
            if found.at_scores:
                record = self.maker(output)
                assert record is not None
                record.at_scores = found.gradient if record.at_scores is None else record.at_scores + found.gradient
                at.setdefault(id(output), np.zeros_like(output))
            else:
                self._add(at, output, found.gradient)
        total: dict[int, Array] = {}
        self._mark_needed()
        for record in reversed(self.records):
            g = at.pop(id(record.output), None)
            if g is None:
                continue
            if getattr(record.layer, "activity_regularizer", None) is not None:
                g = g + _activity(record)
            rule = rule_for(record.layer)
            if rule is None:
                if record.needs_input or _is_trained(record.layer):
                    raise cannot(say("a `{name}` layer", name=type(record.layer).__name__))
                continue
            inputs, variables = rule.backward(record, g)
            for variable, part in variables:
                total[id(variable)] = total[id(variable)] + part if id(variable) in total else part
            for array, part in zip(record.inputs, inputs):
                if part is not None:
                    self._add(at, array, part)
        return total

    def _mark_needed(self) -> None:
        """Find out which calls come after something that is trained: before the first of those, nobody asks."""
        trained = set(self._same)  # of these it is not known
        for record in self.records:
            record.needs_input = not trained.isdisjoint(map(id, record.inputs))
            if record.needs_input or _is_trained(record.layer):
                trained.add(id(record.output))

    def _add(self, at: dict[int, Array], array: Any, g: Array) -> None:
        array = self._same.get(id(array), array)
        at[id(array)] = at[id(array)] + g if id(array) in at else g


def _is_trained(layer: Any) -> bool:
    """Whether a layer, or one inside it, has weights that change. An operation has none."""
    variables = "_trainable_variables" if rule_for(layer) else "trainable_variables"  # the first is there at once
    return bool(getattr(layer, variables, ()))


def _activity(record: Record) -> Array:
    """The gradient of a layer's activity regularizer at its output."""
    return penalty_slope(record.layer.activity_regularizer, record.output) / len(record.output)


def penalty_slope(regularizer: Any, values: Array) -> Array:
    """The gradient of an L1, L2 or L1L2 regularizer."""
    if type(regularizer) not in (keras.regularizers.L1, keras.regularizers.L2, keras.regularizers.L1L2):
        raise cannot(say("a `{name}` regularizer", name=type(regularizer).__name__))
    l1, l2 = getattr(regularizer, "l1", 0.0), getattr(regularizer, "l2", 0.0)
    return np.asarray(l1 * np.sign(values) + 2 * l2 * values, values.dtype)


# -- writing down -------------------------------------------------------------------------------------------------

_tapes: list[Tape] = []
_scores: dict[int, tuple[Any, Array]] = {}  # of the last softmax or sigmoid: a weak reference to it, its scores
_call_layer = keras.Layer.__call__
_call_operation = keras.Operation.__call__


@contextmanager
def recording(training: bool) -> Iterator[Tape]:
    """Inside, each call of a layer is written down."""
    tape = Tape(training)
    _tapes.append(tape)
    try:
        yield tape
    finally:
        _tapes.remove(tape)


def _layer_called(layer: Any, *args: Any, **kwargs: Any) -> Any:
    tape = _tapes[-1] if _tapes else None
    inputs = tree.flatten(args[0]) if args else []
    if not inputs or not all(isinstance(x, np.ndarray) for x in inputs) or not layer.built:
        return _call_layer(layer, *args, **kwargs)
    if isinstance(layer, keras.Model):
        return _model_called(layer, tape, inputs, args, kwargs)
    rule = rule_for(layer)
    if rule is None:
        if tape is None:
            return _call_layer(layer, *args, **kwargs)
        _tapes.append(Tape(tape.training))  # what it does inside is its own affair
        try:
            output = _call_layer(layer, *args, **kwargs)
        finally:
            _tapes.pop()
        tape.write_unknown(layer, (args, kwargs), output)
        return output
    training = bool(tape.training if kwargs.get("training") is None and tape else kwargs.get("training"))
    plain = tuple(_as_computed(layer, x) for x in inputs)
    checked = rule.asks_layer or _is_simple(layer, plain)

    def call(first: Any = None) -> Any:
        if first is None:
            return _call_layer(layer, *args, **kwargs)
        return _call_layer(layer, first, **({"training": True} if training else {}))

    if not checked:  # the layer itself says what is wrong with its input, and adds up its activity losses
        _call_layer(layer, *args, **kwargs)
    output, kept = rule.forward(layer, plain, training, call)
    record = Record(layer, tuple(inputs), output, kept)
    if (scores := rule.scores(record)) is not None:
        _remember(output, scores)
    if tape is not None:
        tape.write(record)
    return output


def _is_simple(layer: Any, inputs: tuple[Array, ...]) -> bool:
    """Whether a rule alone may compute this layer: nothing to check, nothing to add up beside the output."""
    if layer.activity_regularizer is not None:
        return False
    spec = layer.input_spec
    if isinstance(layer, keras.layers.Dense):
        return inputs[0].ndim >= 2 and inputs[0].shape[-1] == layer.kernel.shape[0]
    if isinstance(layer, keras.layers.Conv2D):
        return inputs[0].ndim == 4 and inputs[0].shape[-1] == layer.kernel.shape[2]
    checked_enough = keras.layers.MaxPooling2D | keras.layers.AveragePooling2D | keras.layers.Flatten
    return spec is None or isinstance(layer, checked_enough)


def _as_computed(layer: Any, x: Array) -> Array:
    """An input in the type that the layer computes in."""
    wanted = layer.compute_dtype
    if wanted is None or x.dtype.kind not in "fiub" or keras.backend.standardize_dtype(x.dtype) == wanted:
        return x
    return x.astype(wanted)


def _model_called(model: Any, tape: Tape | None, inputs: list[Any], args: Any, kwargs: Any) -> Any:
    """A model in a model: Keras copies what comes in, so the copies are told by what they hold."""
    if tape is None or not tape.records:
        return _call_layer(model, *args, **kwargs)
    before = len(tape.records)
    output = _call_layer(model, *args, **kwargs)
    made = {id(record.output) for record in tape.records}
    for record in tape.records[before:]:
        for array in record.inputs:
            if id(array) not in made and not tape.knows(array):
                outer = next((x for x in inputs if x.shape == array.shape and np.array_equal(x, array)), None)
                if outer is not None:
                    tape.is_copy(array, outer)
    return output


def _operation_called(operation: Any, *args: Any, **kwargs: Any) -> Any:
    output = _call_operation(operation, *args, **kwargs)
    if not isinstance(operation, keras.Layer) and isinstance(output, np.ndarray):
        arrays = tuple(x for x in args if not isinstance(x, str))
        if type(operation).__name__ in ("Softmax", "Sigmoid"):
            _remember(output, np.asarray(args[0]))
        if _tapes:
            if rule_for(operation) is None:
                _tapes[-1].write_unknown(operation, args, output)
            else:
                _tapes[-1].write(Record(operation, arrays, output))
    return output


def _remember(output: Array, scores: Array) -> None:
    _scores.clear()
    _scores[id(output)] = (weakref.ref(output), scores)


def _scores_of(output: Any) -> Array | None:
    reference, scores = _scores.get(id(output), (lambda: None, None))
    return scores if reference() is output else None


# -- loss ---------------------------------------------------------------------------------------------------------


def _losses(model: Any, y: Any, y_pred: Any, weights: Any) -> list[tuple[float, Any, Lost]]:
    """For each output with a loss: what it counts for, the output, and what its loss comes to."""
    outputs = tree.flatten(y_pred)
    names = list(getattr(model, "output_names", None) or [f"output_{i}" for i in range(len(outputs))])
    found = []
    for i, output in enumerate(outputs):
        loss = _loss(_part(model.loss, i, names, len(outputs)), y, output)
        if loss is None:
            continue
        target = _part(y, i, names, len(outputs))
        weight = _part(weights, i, names, len(outputs))
        share = _part(getattr(model._compile_loss, "_user_loss_weights", None), i, names, len(outputs))
        scores = _scores_of(output)
        found.append((1.0 if share is None else float(share), output, lost(loss, target, output, scores, weight)))
    return found


def _part(of: Any, i: int, names: list[str], outputs: int) -> Any:
    """What belongs to output `i` of something given as one, as a list, or by the outputs' names."""
    if isinstance(of, dict):
        return of.get(names[i], next(iter(of.values())) if outputs == 1 else None)
    if isinstance(of, list | tuple):
        return of[i]
    return of


def _loss(given: Any, y: Any, output: Array) -> Any:
    """The loss that was given to `compile`; "crossentropy" stands for one of three, by the shapes."""
    if given in ("crossentropy", "ce"):
        same = np.ndim(y) == output.ndim and np.shape(y)[-1] == output.shape[-1]
        kind = "binary" if output.shape[-1] == 1 else "categorical" if same else "sparse_categorical"
        given = f"{kind}_crossentropy"
    loss = keras.losses.get(given)
    return loss if loss is None or isinstance(loss, keras.losses.Loss) else LossFunctionWrapper(loss)


def _compute_loss(
    model: Any, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
) -> Any:
    """Keras's `Model.compute_loss`, with cross-entropy from the scores where a softmax came before it."""
    if (
        y_pred is None
        or model._compile_loss is None
        or not all(isinstance(p, np.ndarray) for p in tree.flatten(y_pred))
    ):
        return _keras_compute_loss(model, x, y, y_pred, sample_weight, training)
    parts = _losses(model, y, y_pred, sample_weight)
    return np.float32(sum(share * part.value for share, _, part in parts) + _penalties(model))


_keras_compute_loss = keras.Model.compute_loss


def _penalties(model: Any) -> float:
    return float(sum(float(np.sum(np.asarray(loss))) for loss in model.losses))


# -- training -----------------------------------------------------------------------------------------------------


def gradients_of(model: Any, x: Any, y: Any, sample_weight: Any = None) -> tuple[float, list[Array], Any]:
    """Loss, gradients in the order of ``model.trainable_variables``, and the model's answers, in training."""
    with recording(training=True) as tape:
        y_pred = model(x, training=True) if model._call_has_training_arg else model(x)
        parts = _losses(model, y, y_pred, sample_weight)
        seeds = [
            (output, Lost(part.value, part.gradient * np.float32(share), part.at_scores))
            for share, output, part in parts
        ]
        by_variable = tape.gradients(seeds)
    value = sum(share * part.value for share, _, part in parts) + _penalties(model)
    found = []
    for variable in model.trainable_variables:
        g = by_variable.get(id(variable))
        g = np.zeros(variable.shape, "float32") if g is None else g.astype("float32", copy=False)
        if variable.regularizer is not None:
            g = g + penalty_slope(variable.regularizer, variable.value)
        found.append(g)
    return value, found, y_pred


def _train_step(model: Any, data: Any) -> dict[str, Any]:
    x, y, sample_weight = data_adapter_utils.unpack_x_y_sample_weight(data)
    value, gradients, y_pred = gradients_of(model, x, y, sample_weight)
    model._loss_tracker.update_state(np.float32(value), sample_weight=tree.flatten(x)[0].shape[0])
    if model.trainable_variables:
        optimizers.apply(model.optimizer, gradients, model.trainable_variables)
    return model.compute_metrics(x, y, y_pred, sample_weight=sample_weight)  # type: ignore[no-any-return]


@traceback_utils.filter_traceback
def _fit(
    self: Any, x: Any = None, y: Any = None, batch_size: Any = None, epochs: int = 1, verbose: Any = "auto",
    callbacks: Any = None, validation_split: float = 0.0, validation_data: Any = None, shuffle: bool = True,
    class_weight: Any = None, sample_weight: Any = None, initial_epoch: int = 0, steps_per_epoch: Any = None,
    validation_steps: Any = None, validation_batch_size: Any = None, validation_freq: Any = 1,
) -> Any:  # fmt: skip
    """Keras's `Model.fit`: the same arguments, callbacks, history and messages."""
    self._assert_compile_called("fit")
    self._eval_epoch_iterator = None
    if validation_split and validation_data is None:
        (x, y, sample_weight), validation_data = array_slicing.train_validation_split(
            (x, y, sample_weight), validation_split=validation_split
        )
    validation: Any = None
    if validation_data is not None:
        validation = data_adapter_utils.unpack_x_y_sample_weight(validation_data)
    batches = EpochIterator(
        x=x, y=y, sample_weight=sample_weight, batch_size=batch_size, steps_per_epoch=steps_per_epoch,
        shuffle=shuffle, class_weight=class_weight,
    )  # fmt: skip
    if not all(layer.built for layer in self._flatten_layers()) or not self.optimizer.built:
        for _, _, data in batches:
            self._symbolic_build(data[0])
            break
        batches.reset()
    if not isinstance(callbacks, callbacks_module.CallbackList):
        callbacks = callbacks_module.CallbackList(
            callbacks, add_history=True, add_progbar=verbose != 0, verbose=verbose, epochs=epochs,
            steps=batches.num_batches, model=self,
        )  # fmt: skip
    self.stop_training = False
    logs: dict[str, Any] = {}
    callbacks.on_train_begin()
    for epoch in range(self._initial_epoch or initial_epoch, epochs):
        self.reset_metrics()
        callbacks.on_epoch_begin(epoch)
        for begin, end, data in batches:
            callbacks.on_train_batch_begin(begin)
            logs = _train_step(self, data[0])
            callbacks.on_train_batch_end(end, pythonify_logs(logs))
            if self.stop_training:
                break
        epoch_logs = dict(pythonify_logs(self._get_metrics_result_or_logs(logs)))
        if validation is not None and self._should_eval(epoch, validation_freq):
            x_val, y_val, weight_val = validation
            if getattr(self, "_eval_epoch_iterator", None) is None:
                self._eval_epoch_iterator = EpochIterator(
                    x=x_val, y=y_val, sample_weight=weight_val, batch_size=validation_batch_size or batch_size,
                    steps_per_epoch=validation_steps, shuffle=False,
                )  # fmt: skip
            found = self.evaluate(
                x=x_val, y=y_val, sample_weight=weight_val, batch_size=validation_batch_size or batch_size,
                steps=validation_steps, callbacks=callbacks, return_dict=True, _use_cached_eval_dataset=True,
            )  # fmt: skip
            epoch_logs |= {f"val_{name}": value for name, value in found.items()}
        callbacks.on_epoch_end(epoch, epoch_logs)
        if self.stop_training:
            break
    if isinstance(self.optimizer, keras.optimizers.Optimizer) and epochs > 0:
        self.optimizer.finalize_variable_values(self.trainable_weights)
    self._eval_epoch_iterator = None
    callbacks.on_train_end(logs=epoch_logs if epochs > initial_epoch else {})
    return self.history


def _train_on_batch(
    self: Any, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None, return_dict: bool = False
) -> Any:
    """Keras's `Model.train_on_batch`."""
    self._assert_compile_called("train_on_batch")
    if class_weight is not None:
        sample_weight = data_adapter_utils.class_weight_to_sample_weights(y, class_weight)
    data = (x, y, sample_weight)
    self._symbolic_build(data)
    logs = pythonify_logs(_train_step(self, data))
    return logs if return_dict else self._flatten_metrics_in_order(logs)


def install() -> None:
    """Give Keras's models under the NumPy backend what it takes to train. Safe to call twice."""
    if keras.backend.backend() != "numpy":
        raise RuntimeError("This engine is for Keras's NumPy backend; the others can train by themselves.")
    keras.Layer.__call__ = _layer_called
    keras.Operation.__call__ = _operation_called
    keras.Model.compute_loss = _compute_loss
    keras.Model.fit = _fit
    keras.Model.train_on_batch = _train_on_batch
    # Keras asks a hundred times a step what a type is called, which NumPy finds out anew each time: a fifth of a step.
    dtypes.PYTHON_DTYPES_MAP.update({np.dtype(name): name for name in (*dtypes.FLOAT_TYPES[1:], *dtypes.INT_TYPES)})
