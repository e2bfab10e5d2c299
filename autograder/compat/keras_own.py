"""Whether a training uses only Keras's own code, so that nothing can observe how its batches are run.

Everything here is an allowlist: a known kind of model of known layers, Keras's own loss, metrics and optimizer, no
callback but `EarlyStopping`, plain arrays of fitting shapes, no setting that changes how TensorFlow runs. Whatever
is not known to be harmless is left to Keras; so is everything once a student has put a hand on Keras's own classes.
"""

from __future__ import annotations

import signal
import sys
import threading
import types
import weakref
from collections.abc import Iterable
from typing import Any

import numpy as np

MOST_PARAMETERS = 5_000_000  # beyond these, arithmetic takes the time, and a copy of the weights too much memory
MOST_BYTES = 256_000_000  # of data

LAYERS = "InputLayer Dense Activation Flatten Reshape Rescaling ReLU LeakyReLU ELU Softmax Dropout BatchNormalization"
LAYERS += " Conv2D MaxPooling2D AveragePooling2D"
OPTIMIZERS = "SGD Adam AdamW RMSprop Adagrad Adadelta Adamax Nadam"
METRICS = "Mean MeanMetricWrapper Accuracy BinaryAccuracy CategoricalAccuracy SparseCategoricalAccuracy"
METRICS += " MeanSquaredError MeanAbsoluteError CategoricalCrossentropy SparseCategoricalCrossentropy"
# Losses and metrics by what labels they want: a class number for each example, or an array shaped as the output.
SPARSE_LOSSES = {"sparse_categorical_crossentropy": "SparseCategoricalCrossentropy"}
DENSE_LOSSES = {
    "categorical_crossentropy": "CategoricalCrossentropy",
    "binary_crossentropy": "BinaryCrossentropy",
    "mean_squared_error": "MeanSquaredError",
    "mean_absolute_error": "MeanAbsoluteError",
    "kl_divergence": "KLDivergence",
}
SHORT = {"mse": "mean_squared_error", "mae": "mean_absolute_error", "MSE": "mean_squared_error"}
SPARSE_METRICS = frozenset({"accuracy", "acc", "sparse_categorical_accuracy", "sparse_categorical_crossentropy"})
DENSE_METRICS = frozenset({"accuracy", "acc", "categorical_accuracy", "binary_accuracy", "mse", "mae"})
DENSE_METRICS |= {"mean_squared_error", "mean_absolute_error", "categorical_crossentropy"}


class KerasOwn:
    """Keras as it was imported, before a student's first line. Made once, in the fork server."""

    def __init__(self, keras: Any) -> None:
        import tensorflow as tf

        self._keras, self._tf = keras, tf
        functional = sys.modules["keras.src.models.functional"].Functional
        self._layers = _named(keras.layers, LAYERS)
        self._models = {keras.Sequential, functional}
        self._optimizers = _named(keras.optimizers, OPTIMIZERS)
        self._metrics = _named(keras.metrics, METRICS)
        self._early_stopping = keras.callbacks.EarlyStopping
        losses = SPARSE_LOSSES | DENSE_LOSSES
        self._loss_kinds = {getattr(keras.losses, kind): name for name, kind in losses.items()}
        self._loss_functions = {getattr(keras.losses, name): name for name in losses}
        # What a layer may hold and call: activations, and objects that know nothing but a few numbers.
        spaces = (keras.initializers, keras.regularizers, keras.constraints)
        self._parts = {kind for space in spaces for kind in vars(space).values() if isinstance(kind, type)}
        self._functions = {f for f in vars(keras.activations).values() if isinstance(f, types.FunctionType)}
        self._functions |= {f for f in vars(keras.losses).values() if isinstance(f, types.FunctionType)}
        self._functions |= {f for f in vars(keras.metrics).values() if isinstance(f, types.FunctionType)}
        wrappers = keras.layers.Layer.__new__.__code__.co_consts
        self._wrappers = {code for code in wrappers if isinstance(code, types.CodeType)}
        self._as_imported = _members(
            self._layers,
            self._models,
            self._optimizers,
            self._metrics,
            self._loss_kinds,
            self._parts,
            {keras.callbacks.CallbackList, keras.callbacks.EarlyStopping, keras.callbacks.History},
            {keras.callbacks.ProgbarLogger, keras.utils.Progbar},
        )
        self._threads: weakref.WeakSet[threading.Thread] = weakref.WeakSet()

    def take_note_of_threads(self) -> None:
        """Remember the threads of the kernel's own, at the first call: before a student's first line."""
        if not self._threads:
            self._threads.update(threading.enumerate())

    # -- what trains ----------------------------------------------------------------------------------------

    def is_unseen(self, model: Any, trains: bool) -> bool:
        """Whether a model and all that takes part in its steps is Keras's own, and nothing observes the steps.

        Args:
            trains: whether its loss, metrics and optimizer take part, too; they do not in `predict`.
        """
        return (
            type(model) in self._models
            and self._is_a_plain_model(model)
            and (not trains or self._is_compiled_plainly(model))
            and self._nobody_looks_on()
        )

    def _is_a_plain_model(self, model: Any) -> bool:
        layers = model.layers
        inner = model._functional if type(model) is self._keras.Sequential else model
        return bool(
            model.built
            and self._is_untouched(model)
            and inner is not None
            and self._is_untouched(inner)
            and len(layers) > 0
            and all(type(layer) in self._layers and self._is_a_plain_layer(layer) for layer in layers)
            and len(model.inputs) == 1
            and len(model.outputs) == 1
            and isinstance(inner._inputs_struct, self._keras.KerasTensor)
            and isinstance(inner._outputs_struct, self._keras.KerasTensor)
            and len(model.output_shape) == 2
            and not model._metrics
            and not model._losses
            and model.dtype_policy.name == "float32"
            and model._distribute_strategy is None
            and model._remat_mode is None
            and model._initial_epoch is None
            and not model._run_eagerly
            and model.steps_per_execution == 1
            and model.unrolled_steps_per_execution == 1
            and not model.jit_compile
            and 0 < model.count_params() <= MOST_PARAMETERS
        )

    def _is_a_plain_layer(self, layer: Any) -> bool:
        return (
            self._is_untouched(layer)
            and layer.activity_regularizer is None
            and layer.dtype_policy.name == "float32"
            and layer._remat_mode is None
            and not layer._metrics
            and not layer._losses
            and not getattr(layer, "lora_enabled", False)
        )

    def _is_compiled_plainly(self, model: Any) -> bool:
        optimizer, loss, metrics = model.optimizer, model._compile_loss, model._compile_metrics
        return bool(
            model.compiled
            and model.trainable_weights
            and type(optimizer) in self._optimizers
            and self._is_untouched(optimizer)
            and isinstance(optimizer._learning_rate, self._keras.Variable)
            and not optimizer.use_ema
            and not optimizer.gradient_accumulation_steps
            and not optimizer.loss_scale_factor
            and loss is not None
            and loss._user_loss_weights is None
            and self.loss_name(loss._user_loss)
            and (metrics is None or not metrics.built or self.metrics_are_own(model))
        )

    def loss_name(self, loss: Any) -> str:
        """The name of one of Keras's own losses; '' for any other."""
        if type(loss) is str:
            name = SHORT.get(loss, loss)
            known = name in SPARSE_LOSSES or name in DENSE_LOSSES
            return name if known and self._keras.losses.get(loss) in self._loss_functions else ""
        if type(loss) is types.FunctionType:
            return self._loss_functions.get(loss, "")
        if type(loss) not in self._loss_kinds or not self._is_untouched(loss):
            return ""
        settings = dict(loss._fn_kwargs)
        plain = settings.get("axis", -1) == -1 and settings.get("ignore_class") is None and loss.dtype == "float32"
        return self._loss_kinds[type(loss)] if plain else ""

    def metrics_are_own(self, model: Any) -> bool:
        """Whether the metrics that were made for a model are Keras's own."""
        return all(type(one) in self._metrics and self._is_untouched(one) for one in model._compile_metrics.metrics)

    def _is_untouched(self, thing: Any) -> bool:
        """Whether an object and its classes are as Keras made them, and what they call is Keras's own."""
        kind = type(thing)
        if any(self._as_imported.get(base, {}) != _functions_of(base) for base in kind.__mro__ if _is_kerass(base)):
            return False
        for name, value in vars(thing).items():
            if not callable(value) or name in _CHECKED_ELSEWHERE:
                continue
            if isinstance(value, types.FunctionType):
                if value not in self._functions and value.__code__ not in self._wrappers:
                    return False
            elif type(value) in self._parts:
                if vars(value) and any(callable(held) for held in vars(value).values()):
                    return False
            else:
                return False
        return True

    def _nobody_looks_on(self) -> bool:
        """Whether nothing but the training itself runs meanwhile, and TensorFlow runs as it does by itself."""
        tf, keras = self._tf, self._keras
        return bool(
            sys.gettrace() is None
            and sys.getprofile() is None
            and all(thread in self._threads or thread is threading.main_thread() for thread in threading.enumerate())
            and threading.current_thread() is threading.main_thread()
            and not any(any(signal.getitimer(which)) for which in _TIMERS)
            and tf.executing_eagerly()
            and not tf.inside_function()
            and not tf.config.functions_run_eagerly()
            and not tf.distribute.has_strategy()
            and keras.config.floatx() == "float32"
            and keras.config.dtype_policy().name == "float32"
            and keras.config.max_epochs() is None
            and keras.config.max_steps_per_epoch() is None
            and not keras.saving.get_custom_objects()
        )

    # -- what it is trained with ------------------------------------------------------------------------------

    def are_plain(self, model: Any, x: Any, y: Any, sample_weight: Any = None) -> bool:
        """Whether these are arrays that fit the model, its loss and its metrics."""
        if not self.is_plain_input(model, x):
            return False
        return self.labels_fit(model, y, len(x)) and (
            sample_weight is None or (_is_array(sample_weight) and sample_weight.shape == (len(x),))
        )

    def is_plain_input(self, model: Any, x: Any) -> bool:
        """Whether `x` is an array of examples as the model takes them."""
        return _is_array(x) and len(x) > 0 and x.shape[1:] == tuple(model.input_shape[1:])

    def labels_fit(self, model: Any, y: Any, examples: int) -> bool:
        """Whether labels have the shape and the values that the loss and the metrics of a model need."""
        if not _is_array(y) or len(y) != examples:
            return False
        classes = model.output_shape[-1]
        name = self.loss_name(model._compile_loss._user_loss)
        if name in SPARSE_LOSSES:
            fit = y.shape in ((examples,), (examples, 1)) and classes > 1
            # A class that is not there is an error, in the middle of an epoch.
            return bool(
                fit
                and self._wants(model, SPARSE_METRICS)
                and y.min() >= 0
                and y.max() < classes
                and (y.dtype.kind in "iub" or bool((y == np.rint(y)).all()))
            )
        return y.shape == (examples, classes) and self._wants(model, DENSE_METRICS)

    def _wants(self, model: Any, known: frozenset[str]) -> bool:
        metrics = model._compile_metrics
        if metrics is None:
            return True
        return all(
            asked is None or (type(asked) is list and all(type(one) is str and one in known for one in asked))
            for asked in (metrics._user_metrics, metrics._user_weighted_metrics)
        )

    def callbacks(self, given: Any) -> list[Any] | None:
        """The callbacks as a list; None where one may see single batches, the model or its data."""
        if given is None:
            return []
        listed = [given] if type(given) is self._early_stopping else given
        if type(listed) not in (list, tuple) or any(type(one) is not self._early_stopping for one in listed):
            return None
        for one in listed:
            held = [value for value in vars(one).values() if callable(value) and value is not one._model]
            if any(value not in (np.less, np.greater) for value in held) or _functions_of(
                type(one)
            ) != self._as_imported.get(type(one)):
                return None
        return list(listed)


# Held by a model and looked at by name, here or in `keras_training`.
_CHECKED_ELSEWHERE = frozenset(
    {"_functional", "_compile_loss", "_compile_metrics", "_loss_tracker", "loss"}
    | {"train_function", "test_function", "predict_function"}
)
_TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF) if hasattr(signal, "ITIMER_REAL") else ()


def _named(space: Any, names: str) -> set[type]:
    return {getattr(space, name) for name in names.split()}


def _members(*kinds: Iterable[type]) -> dict[type, dict[str, Any]]:
    """The functions of these classes and of those of Keras's that they inherit from."""
    bases = {base for some in kinds for kind in some for base in kind.__mro__ if _is_kerass(base)}
    return {base: _functions_of(base) for base in bases}


def _is_kerass(kind: type) -> bool:
    return kind.__module__.startswith("keras.src.")


def _functions_of(kind: type) -> dict[str, Any]:
    """All that a class defines and that may be called, or looked up through a function."""
    return {name: value for name, value in vars(kind).items() if callable(value) or hasattr(value, "__get__")}


def _is_array(value: Any) -> bool:
    return (
        type(value) is np.ndarray
        and value.ndim > 0
        and value.dtype.kind in "fiub"
        and value.dtype.isnative
        and value.nbytes <= MOST_BYTES
    )
