"""What a check sees of a model: a report of plain data, made by `autograder.backend.observe`. No Keras here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Shape = tuple[int | None, ...]
Predict = Callable[[np.ndarray, float], np.ndarray]  # see `ModelReport.predict`


@dataclass(frozen=True)
class LayerReport:
    """One layer. Shapes have the batch axis first, as Keras shows them; its size is None."""

    name: str
    class_name: str
    config: dict[str, Any]
    output_shape: Shape | None
    parameters: int
    activation: str | None = None  # by what it computes: of a Dense layer's argument, or of a layer such as ReLU

    @property
    def units(self) -> int | None:
        """Number of units of a Dense layer, otherwise None."""
        units = self.config.get("units")
        return units if self.class_name == "Dense" and isinstance(units, int) else None


@dataclass(frozen=True)
class CompileReport:
    """The compile settings, in one spelling whichever way the learner wrote them."""

    loss: str | None  # snake case: "categorical_crossentropy"
    from_logits: bool
    optimizer: str | None  # lower case: "adam"
    learning_rate: float | None
    metrics: tuple[str, ...]  # snake case: "accuracy", "categorical_accuracy"
    iterations: int = 0  # batches the optimizer has seen, as the student's process says
    label_smoothing: float = 0.0  # of the loss: the share of each label that Keras spreads over all classes


@dataclass(frozen=True)
class ModelReport:
    """A model as it really is: rebuilt from its config, with its weights, and looked at.

    `input_shape` and `output_shape` are None for a model that has not been built yet.
    """

    name: str  # the variable's name
    class_name: str
    input_shape: Shape | None
    output_shape: Shape | None
    layers: tuple[LayerReport, ...]
    parameters: int
    trainable_parameters: int
    finite: bool  # no weight is NaN or infinite
    compiled: CompileReport | None
    _predict: Predict = field(repr=False, compare=False)
    identity: int = 0  # the same for two names of one model, as the student's process says

    def predict(self, inputs: np.ndarray, scale: float = 1.0) -> np.ndarray:
        """The rebuilt model's output for `inputs` (N, ...) times `scale`, as float32 (N, ...)."""
        return self._predict(inputs, scale)

    @property
    def untrained(self) -> bool:
        """Whether no batch was ever trained on since it was built and compiled, as the student's process says.

        Good for choosing a hint, not for a score: whoever wants to can say anything.
        """
        return self.compiled is None or self.compiled.iterations == 0

    @property
    def dense_layers(self) -> tuple[LayerReport, ...]:
        return tuple(layer for layer in self.layers if layer.class_name == "Dense")

    def layers_of(self, *class_names: str) -> tuple[LayerReport, ...]:
        """The layers of these classes, in order."""
        return tuple(layer for layer in self.layers if layer.class_name in class_names)

    @property
    def output_activation(self) -> str | None:
        """What the model ends in: "softmax", "linear", or several functions in their order: "softmax, softmax"."""
        return ", ".join(self.output_activations) or "linear"

    @property
    def output_activations(self) -> tuple[str, ...]:
        """The functions from the last layer with units on, without those that change nothing ("linear")."""
        last = max((i for i, layer in enumerate(self.layers) if layer.config.get("units")), default=0)
        functions = (layer.activation for layer in self.layers[last:])
        return tuple(f for f in functions if f not in (None, "linear"))


def report_from(name: str, facts: dict[str, Any], predict: Predict) -> ModelReport:
    """Build a report from the facts that `autograder.backend.observe.describe` gathered (plain data)."""
    layers = tuple(
        LayerReport(
            name=str(f["name"]),
            class_name=str(f["class_name"]),
            config=dict(f["config"]),
            output_shape=_shape(f["output_shape"]),
            parameters=int(f["parameters"]),
            activation=str(f["activation"])[:60] if f.get("activation") is not None else None,
        )
        for f in facts["layers"]
    )
    compiled = facts.get("compiled")
    return ModelReport(
        name=name,
        class_name=str(facts["class_name"]),
        input_shape=_shape(facts["input_shape"]),
        output_shape=_shape(facts["output_shape"]),
        layers=layers,
        parameters=int(facts["parameters"]),
        trainable_parameters=int(facts["trainable_parameters"]),
        finite=facts["finite"] is True,
        identity=identity if type(identity := facts.get("identity")) is int else 0,
        compiled=_compiled(compiled, int(facts.get("iterations") or 0)) if isinstance(compiled, dict) else None,
        _predict=predict,
    )


def _shape(value: Any) -> Shape | None:
    if not isinstance(value, (list, tuple)):
        return None
    return tuple(n if isinstance(n, int) else None for n in value)


def _compiled(config: dict[str, Any], iterations: int) -> CompileReport:
    loss, loss_config = _named(config.get("loss"))
    computed = _computed_loss(config.get("computed"))
    optimizer, optimizer_config = _named(config.get("optimizer"))
    rate, smoothing = optimizer_config.get("learning_rate"), loss_config.get("label_smoothing")
    return CompileReport(
        loss=computed[0] if computed else _ALIASES.get(loss, loss) if loss else None,
        from_logits=computed[1] if computed else loss_config.get("from_logits") is True,
        optimizer=optimizer.replace("_", "") if optimizer else None,
        learning_rate=float(rate) if isinstance(rate, (int, float)) else None,
        metrics=_metrics(config),
        iterations=iterations,
        label_smoothing=float(smoothing) if isinstance(smoothing, (int, float)) and 0 <= smoothing < 1 else 0.0,
    )


def _computed_loss(computed: Any) -> tuple[str, bool] | None:
    """What the observation says that the loss computes, and whether from logits."""
    loss = computed.get("loss") if isinstance(computed, dict) else None
    if not isinstance(loss, (list, tuple)) or len(loss) != 2 or not isinstance(loss[0], str):
        return None
    return loss[0][:60], loss[1] is True


def _metrics(config: dict[str, Any]) -> tuple[str, ...]:
    """By what they compute, as far as that is known; else by their names."""
    given = [_named(metric)[0] for metric in flat_metrics(config.get("metrics"))]
    computed = config.get("computed")
    known = computed.get("metrics") if isinstance(computed, dict) else None
    if not isinstance(known, list) or len(known) != len(given):
        known = [None] * len(given)
    names = (k[:60] if isinstance(k, str) else name for k, name in zip(known, given, strict=True))
    return tuple(name for name in names if name)


_ALIASES = {
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "bce": "binary_crossentropy",
    "kld": "kl_divergence",
}
_METRIC_ALIASES = {"acc": "accuracy"}


def flat_metrics(value: Any) -> list[Any]:
    """The metrics of a compile config one after the other, however they are nested."""
    if isinstance(value, dict) and "class_name" not in value:
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [item for v in value for item in flat_metrics(v)]
    return [] if value is None else [value]


def _named(value: Any) -> tuple[str | None, dict[str, Any]]:
    """Name (snake case) and config of a loss, metric or optimizer given as a name or as an object."""
    while isinstance(value, (list, tuple, dict)) and len(value) == 1 and "class_name" not in value:
        # for the one output, which may have a name
        (value,) = value.values() if isinstance(value, dict) else value
    if isinstance(value, str):
        name = _snake(value)
        return _METRIC_ALIASES.get(name, name), {}
    if isinstance(value, dict):
        config = value.get("config")
        class_name = value.get("class_name")
        if class_name == "function" and isinstance(config, str):
            class_name = config
        if isinstance(class_name, str):
            name = _snake(class_name)
            return _METRIC_ALIASES.get(name, name), config if isinstance(config, dict) else {}
    return None, {}


def _snake(name: str) -> str:
    out = ""
    for i, letter in enumerate(name):
        follows_lower = i > 0 and name[i - 1].islower()
        before_lower = 0 < i < len(name) - 1 and name[i + 1].islower() and name[i - 1].isupper()
        if letter.isupper() and (follows_lower or before_lower):
            out += "_"
        out += letter.lower()
    return out
