"""Looking at a Keras model: take it apart into plain data, put it together again, describe it.

`take_apart` runs beside the student's code and what it returns is only a claim. `put_together` runs in a
clean process: it builds the model anew from built-in layers, so that an overridden ``predict``, a custom
``__call__`` or a layer that runs code has no way in. `describe` then states what the model really is.

The only module of the package that works with Keras; it is imported by the learner's kernel and by the
observer, never by the checks.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from autograder.backend import known
from autograder.exercise.models import flat_metrics
from autograder.language import _, plural

MAX_PARAMETERS = 30_000_000  # 120 MB of float32; the exercises need about 10^5
MAX_LAYERS = 200
MAX_CONFIG_BYTES = 1_000_000

# Layers that compute something fixed from their config and weights. What is missing here is missing on
# purpose: Lambda and its kin run code, the lookup layers read files, wrappers hide what is inside.
LAYERS = frozenset(
    [
        "InputLayer",
        "Dense",
        "EinsumDense",
        "Activation",
        "Flatten",
        "Reshape",
        "Permute",
        "RepeatVector",
        "Identity",
        "Masking",
        "Dropout",
        "SpatialDropout1D",
        "SpatialDropout2D",
        "GaussianNoise",
        "GaussianDropout",
        "AlphaDropout",
        "ActivityRegularization",
        "BatchNormalization",
        "LayerNormalization",
        "GroupNormalization",
        "UnitNormalization",
        "RMSNormalization",
        "Rescaling",
        "Normalization",
        "Resizing",
        "CenterCrop",
        "RandomFlip",
        "RandomRotation",
        "RandomTranslation",
        "RandomZoom",
        "RandomBrightness",
        "RandomContrast",
        "Conv1D",
        "Conv2D",
        "DepthwiseConv1D",
        "DepthwiseConv2D",
        "SeparableConv1D",
        "SeparableConv2D",
        "Conv1DTranspose",
        "Conv2DTranspose",
        "MaxPooling1D",
        "MaxPooling2D",
        "AveragePooling1D",
        "AveragePooling2D",
        "GlobalMaxPooling1D",
        "GlobalMaxPooling2D",
        "GlobalAveragePooling1D",
        "GlobalAveragePooling2D",
        "ZeroPadding1D",
        "ZeroPadding2D",
        "Cropping1D",
        "Cropping2D",
        "UpSampling1D",
        "UpSampling2D",
        "Add",
        "Subtract",
        "Multiply",
        "Average",
        "Maximum",
        "Minimum",
        "Concatenate",
        "Dot",
        "ReLU",
        "LeakyReLU",
        "PReLU",
        "ELU",
        "Softmax",
    ]
)
_MODELS = frozenset({"Sequential", "Functional", "Model"})
# Modules whose members are harmless functions or small objects named by a config.
_PARTS = frozenset({"keras.initializers", "keras.regularizers", "keras.constraints", "keras.activations"})
_DTYPES = frozenset({"DTypePolicy", "FloatDTypePolicy"})
# What `keras.ops` and arithmetic put into a Functional model, named as the public function is: they compute something
# fixed from their inputs. In which of its modules one lies is Keras's business, as with the models above: of that name
# Keras has besides only layers that compute the same, and what lies in `_NO_OPERATIONS_IN`.
# fmt: off
_OPERATIONS = frozenset(
    [
        "Celu", "Elu", "Gelu", "HardShrink", "HardSigmoid", "HardSilu", "HardTanh", "LeakyRelu", "LogSigmoid",
        "LogSoftmax", "Relu", "Relu6", "Selu", "Sigmoid", "Silu", "SoftShrink", "Softmax", "Softplus", "Softsign",
        "SparsePlus", "SparseSigmoid", "Sparsemax", "Squareplus", "TanhShrink", "Threshold",
        "Absolute", "Add", "Average", "Clip", "Concatenate", "Divide", "Exp", "ExpandDims", "FloorDivide", "Log",
        "Matmul", "Max", "Maximum", "Mean", "Min", "Minimum", "Multiply", "Negative", "Power", "Ravel",
        "Reciprocal", "Reshape", "Sqrt", "Square", "Squeeze", "Std", "Subtract", "Sum", "Swapaxes", "Tanh",
        "Transpose", "TrueDivide", "Var", "Cast"
    ]
)
# fmt: on
# A metric adds up what it is given, so as an activation it would answer by what the model was asked before.
_NO_OPERATIONS_IN = frozenset({"metrics", "losses"})


class NotRebuildable(Exception):
    """The model cannot be rebuilt from built-in layers. The message is a sentence for the student."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def take_apart(model: Any) -> tuple[dict[str, Any], list[np.ndarray]]:
    """A model's config, compile settings (both as JSON text) and weights.

    Raises:
        NotRebuildable: `model` is not a Keras model, or has no config.
    """
    import keras

    if not (isinstance(model, keras.Model) or _is_model(type(model))):
        raise NotRebuildable(_("it is a {name}, not a Keras model", name=type(model).__name__))
    _refuse_size(sum(math.prod(w.shape) for w in model.weights))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras warns of every lambda that it writes down; nobody loads it here
            parts = model.get_config()
        _name_activations(parts, model)
        config = json.dumps(parts)
    except Exception as error:
        if type(model).__name__ in _MODELS:
            why = _("it holds something that Keras cannot save, such as a layer or a function of your own")
        else:
            why = _("it is a class of your own, and only Sequential and Functional models can be rebuilt for checking")
        raise NotRebuildable(why) from error
    _refuse_config(config)
    facts: dict[str, Any] = {"class_name": type(model).__name__, "module": type(model).__module__, "config": config}
    facts["iterations"], facts["identity"] = 0, id(model)
    if getattr(model, "compiled", False):
        facts["compile"] = json.dumps(_compile_config(model))
        try:
            facts["iterations"] = int(np.asarray(model.optimizer.iterations))
        except Exception:  # an optimizer of one's own may have no such thing
            facts["iterations"] = 0
    return facts, [np.asarray(w) for w in model.get_weights()]


def _is_model(kind: type) -> bool:
    """Whether it is a model of a Keras that was imported before this one, as when a notebook forgets its modules."""
    return any(base.__name__ == "Model" and base.__module__.partition(".")[0] == "keras" for base in kind.__mro__)


def _refuse_size(parameters: int) -> None:
    if parameters > MAX_PARAMETERS:
        raise NotRebuildable(
            _("it has {parameters:,} parameters; the limit is {most:,}", parameters=parameters, most=MAX_PARAMETERS)
        )


def _refuse_config(text: Any) -> None:
    if not isinstance(text, str) or len(text) > MAX_CONFIG_BYTES:
        raise NotRebuildable(_("its configuration is too large to look at: does a layer hold an array of numbers?"))


def _compile_config(model: Any) -> dict[str, Any]:
    """The compile settings as Keras writes them, and under "computed" what loss and metrics really compute."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # see take_apart
            config = json.loads(json.dumps(model.get_compile_config() or {}, default=str))
    except Exception:  # a loss or an optimizer of one's own that has no config: compiled, but Keras cannot say how
        config = {}
    loss = known.loss_name(getattr(model, "loss", None))
    metrics = [known.metric_name(metric) for metric in flat_metrics(config.get("metrics"))]
    return {**config, "computed": {"loss": loss, "metrics": metrics}}


def _name_activations(config: dict[str, Any], model: Any) -> None:
    """Write the names of Keras's activations into `config` where functions from elsewhere compute the same."""
    layers = {layer.name: layer for layer in _parts_of(model)}
    for entry in config.get("layers") or []:
        settings = entry.get("config")
        layer = layers.get(settings.get("name")) if isinstance(settings, dict) else None
        if layer is None:
            continue
        if hasattr(layer, "layers"):
            _name_activations(settings, layer)
        function = getattr(layer, "activation", None)
        if isinstance(settings.get("activation"), dict) and callable(function) and not hasattr(function, "get_config"):
            found = known.activation_config(function)
            own = {
                "module": "builtins",
                "class_name": "function",
                "config": getattr(function, "__name__", "of its own"),
            }
            settings["activation"] = own if found is None else found


def _parts_of(model: Any) -> list[Any]:
    """Layers and operations in order. A Functional model has both, a Sequential one only layers."""
    return list(getattr(model, "operations", None) or model.layers)


def refuse(class_name: Any, module: Any, config_text: Any) -> dict[str, Any]:
    """Return the parsed config, or say why no model may be built from it.

    Raises:
        NotRebuildable: not JSON, too large, or something in it is not a built-in layer.
    """
    if not _is_kerass(class_name, module):
        raise NotRebuildable(
            _(
                "`{name}` is a class of your own, and only Sequential and Functional models can be"
                " rebuilt for checking",
                name=str(class_name)[:60],
            )
        )
    _refuse_config(config_text)
    try:
        config = json.loads(config_text)
    except (ValueError, RecursionError) as error:
        raise NotRebuildable(_("its configuration cannot be read")) from error
    if not isinstance(config, dict) or not isinstance(config.get("layers") or [], list):
        raise NotRebuildable(_("its configuration cannot be read"))
    if len(config.get("layers") or []) > MAX_LAYERS:
        raise NotRebuildable(
            _("it has {count} layers; the limit is {most}", count=len(config["layers"]), most=MAX_LAYERS)
        )
    _refuse_parts(config, 0)
    return config


def _refuse_parts(node: Any, depth: int) -> None:
    """Walk the whole config and allow only what is known to be harmless."""
    if depth > 40:
        raise NotRebuildable(_("its configuration is nested too deeply"))
    if isinstance(node, (list, tuple)):
        for item in node:
            _refuse_parts(item, depth + 1)
    if not isinstance(node, dict):
        return
    if "class_name" in node:
        _refuse_object(node)
    for item in node.values():
        _refuse_parts(item, depth + 1)


def _is_kerass(name: Any, module: Any, known_names: frozenset[str] = _MODELS) -> bool:
    """Whether this is one of these of Keras's own. In which of its modules it lies is Keras's business."""
    in_keras = isinstance(module, str) and (module == "keras" or module.startswith("keras."))
    return isinstance(name, str) and name in known_names and in_keras


def _is_operation(name: Any, module: Any) -> bool:
    """Whether this is one of Keras's operations that can be checked, and no metric of the same name."""
    return _is_kerass(name, module, _OPERATIONS) and _NO_OPERATIONS_IN.isdisjoint(module.split("."))


def _refuse_object(node: dict[str, Any]) -> None:
    name, module = node.get("class_name"), node.get("module")
    if not isinstance(name, str):
        raise NotRebuildable(_("its configuration contains something that is not a layer"))
    if name in ("__keras_tensor__", "__tuple__", "__numpy__") and module in (None, "builtins"):
        return
    if name == "__numpy__" or name.startswith("__"):
        raise NotRebuildable(_("it holds a `{name}`, which runs its own code; use built-in layers", name=name[:60]))
    registered = node.get("registered_name")
    if registered not in (None, name, "function"):
        raise NotRebuildable(
            _("it holds `{name}`, a class of your own; use built-in layers", name=str(registered)[:60])
        )
    if module == "keras.layers" and name in LAYERS:
        return
    if _is_kerass(name, module):
        return
    if (module == "keras" and name in _DTYPES) or module in _PARTS:
        return
    if module == "builtins" and name == "function" and isinstance(node.get("config"), str):
        if node["config"] in known.ACTIVATIONS or node["config"] in known.SAME_ACTIVATION:
            return
        raise NotRebuildable(
            _(
                "its activation `{name}` computes something that none of Keras's activations computes",
                name=node["config"][:60],
            )
        )
    if module is None and name in LAYERS | _DTYPES:
        return
    if _is_operation(name, module):
        return
    raise NotRebuildable(
        _("it holds a `{name}` layer, which is not among the built-in layers that can be checked", name=name[:60])
    )


def put_together(facts: dict[str, Any], weights: list[np.ndarray]) -> Any:
    """Build the model anew and give it the weights.

    Args:
        facts: as returned by `take_apart`, but from an untrusted sender.
        weights: float arrays in the order of ``model.get_weights()``.

    Raises:
        NotRebuildable: see `refuse`; or the weights do not fit the layers, or there are too many.
    """
    import keras

    config = refuse(facts.get("class_name"), facts.get("module"), facts.get("config"))
    if any(w.dtype.kind not in "fiub" for w in weights):
        raise NotRebuildable(_("its weights are not numbers"))
    _refuse_size(sum(w.size for w in weights))
    cls = keras.Sequential if facts["class_name"] == "Sequential" else keras.Model
    try:
        model = cls.from_config(config)
    except Exception as error:
        raise NotRebuildable(_("no model can be built from its configuration")) from error
    if not model.built and not weights:
        return model
    _refuse_size(model.count_params())
    try:
        model.set_weights(weights)
        for layer in _single_layers(model):
            if isinstance(layer, keras.layers.Normalization):
                layer.finalize_state()  # what it computes with follows from its weights
    except Exception as error:
        raise NotRebuildable(_("its weights do not fit its layers")) from error
    return model


def describe(model: Any, facts: dict[str, Any]) -> dict[str, Any]:
    """Everything a `ModelReport` holds except the predictions, as plain data.

    `model` was rebuilt from `facts`, or is the model that `facts` was taken from (in a notebook).
    """
    weights = model.get_weights()
    built = bool(model.built)
    if built:
        _refuse_inputs(len(model.inputs))
        _refuse_outputs(len(model.outputs))
    return {
        "class_name": facts["class_name"],
        "input_shape": _plain_shape(model.input_shape) if built else None,
        "output_shape": _plain_shape(model.output_shape) if built else None,
        "layers": [_describe_layer(layer) for layer in _single_layers(model)],
        "parameters": int(model.count_params()) if built else 0,
        "trainable_parameters": int(sum(math.prod(w.shape) for w in model.trainable_weights)),
        "finite": all(bool(np.isfinite(w).all()) for w in weights),
    } | compile_settings(facts)


def _refuse_inputs(count: int) -> None:
    if count != 1:
        message = plural(
            "it has {n} input; only networks with one can be checked",
            "it has {n} inputs; only networks with one can be checked",
            count,
        )
        raise NotRebuildable(message)


def _refuse_outputs(count: int) -> None:
    if count != 1:
        message = plural(
            "it has {n} output; only networks with one can be checked",
            "it has {n} outputs; only networks with one can be checked",
            count,
        )
        raise NotRebuildable(message)


def compile_settings(facts: dict[str, Any]) -> dict[str, Any]:
    """The part of a description that needs no model: how it was compiled, how many batches it has seen, which it is."""
    try:
        compiled = json.loads(facts["compile"]) if isinstance(facts.get("compile"), str) else None
    except (ValueError, RecursionError):
        compiled = None
    counted = {name: facts.get(name) for name in ("iterations", "identity")}
    return {"compiled": compiled} | {name: n if type(n) is int else 0 for name, n in counted.items()}


def _single_layers(model: Any) -> Iterator[Any]:
    """The layers in order, and operations; a model that is used as a layer counts as the layers in it."""
    for layer in _parts_of(model):
        if hasattr(layer, "layers"):
            yield from _single_layers(layer)
        else:
            yield layer


def _describe_layer(layer: Any) -> dict[str, Any]:
    try:
        shape = _plain_shape(layer.output.shape)
    except (AttributeError, ValueError):
        shape = None
    config = json.loads(json.dumps(layer.get_config(), default=str))
    return {
        "name": layer.name,
        "class_name": type(layer).__name__,
        "config": config,
        "output_shape": shape,
        "parameters": int(layer.count_params()) if getattr(layer, "built", False) and layer.weights else 0,
        "activation": _activation(layer, config, shape),
    }


def _activation(layer: Any, config: dict[str, Any], shape: list[int | None] | None) -> str | None:
    """The function that a layer ends in, or is: "relu", "softmax"; None for a layer that has none."""
    given = config.get("activation")
    if isinstance(given, str):
        return known.SAME_ACTIVATION.get(given, given)
    if given is not None and (function := getattr(layer, "activation", None)) is not None:
        config = function.get_config() if hasattr(function, "get_config") else {}
        named = known.activation_config(function) if not config else None
        if isinstance(named, str):
            return named
        return _as_layer(type(function).__name__, config, shape) or getattr(function, "__name__", None)
    return _as_layer(type(layer).__name__, config, shape)


def _as_layer(class_name: str, config: dict[str, Any], shape: list[int | None] | None) -> str | None:
    """The function that a layer or an operation of this class computes."""
    if class_name == "Softmax":
        axis = config.get("axis", -1)
        last = axis in (-1, None, [-1]) or (shape is not None and axis == len(shape) - 1)
        return "softmax" if last else f"softmax along axis {axis}"
    if class_name in ("ReLU", "Relu"):
        return "leaky_relu" if config.get("negative_slope") else "relu"
    return _FUNCTIONS.get(class_name)


_FUNCTIONS = {
    "LeakyReLU": "leaky_relu",
    "PReLU": "prelu",
    "ELU": "elu",
    "Relu6": "relu6",
    "LeakyRelu": "leaky_relu",
    "LogSoftmax": "log_softmax",
    "LogSigmoid": "log_sigmoid",
    "HardSigmoid": "hard_sigmoid",
    "HardSilu": "hard_silu",
    "HardTanh": "hard_tanh",
    **{
        name: name.lower()
        for name in (
            *(
                "Sigmoid",
                "Tanh",
                "Silu",
                "Elu",
                "Selu",
                "Celu",
                "Gelu",
                "Softplus",
                "Softsign",
                "Squareplus",
                "Sparsemax",
            ),
            *("Maximum", "Minimum", "Absolute", "Square", "Exp", "Clip", "Power", "Sqrt", "Log"),
        )
    },
}


def _plain_shape(shape: Any) -> list[int | None] | None:
    if isinstance(shape, dict):  # its one output has a name
        (shape,) = shape.values()
    if not isinstance(shape, (list, tuple)) or any(isinstance(n, (list, tuple)) for n in shape):
        return None
    return [None if n is None else int(n) for n in shape]


def predict(model: Any, inputs: np.ndarray, scale: float = 1.0, batch_size: int = 1_000) -> np.ndarray:
    """The model's output for `inputs` (N, ...) times `scale` in inference mode, as a float32 array (N, ...)."""
    # Calling the model is 50 times faster than `predict` on a small input, whose cost is tracing.
    batches = []
    for i in range(0, len(inputs), batch_size):
        scaled = inputs[i : i + batch_size].astype(np.float32) * np.float32(scale)
        output = model(scaled, training=False)
        while isinstance(output, (dict, list, tuple)) and len(output) == 1:  # one output, with a name or in a list
            (output,) = output.values() if isinstance(output, dict) else output
        batches.append(np.asarray(output, dtype=np.float32))
    return np.concatenate(batches) if batches else np.zeros((0,), np.float32)
