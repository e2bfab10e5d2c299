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

    @property
    def activation(self) -> str | None:
        """Name of the activation: of a Dense layer's argument, or of a layer such as Softmax or ReLU."""
        if self.class_name in ("Softmax", "ReLU"):
            return self.class_name.lower()
        activation = self.config.get("activation")
        if isinstance(activation, dict):  # an object rather than a name
            activation = activation.get("config")
            if isinstance(activation, dict):
                activation = activation.get("name")
        return activation if isinstance(activation, str) else None

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
        """Activation of the last layer that has one: "softmax", "linear", ... (after Dense, before nothing)."""
        for layer in reversed(self.layers):
            if layer.class_name in ("Dropout", "Flatten", "Reshape", "ActivityRegularization"):
                continue
            return layer.activation
        return None


def report_from(name: str, facts: dict[str, Any], predict: Predict) -> ModelReport:
    """Build a report from the facts that `autograder.backend.observe.describe` gathered (plain data)."""
    layers = tuple(
        LayerReport(
            name=str(f["name"]),
            class_name=str(f["class_name"]),
            config=dict(f["config"]),
            output_shape=_shape(f["output_shape"]),
            parameters=int(f["parameters"]),
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
        compiled=_compiled(compiled, int(facts.get("iterations") or 0)) if isinstance(compiled, dict) else None,
        _predict=predict,
    )


def _shape(value: Any) -> Shape | None:
    if not isinstance(value, (list, tuple)):
        return None
    return tuple(n if isinstance(n, int) else None for n in value)


def _compiled(config: dict[str, Any], iterations: int) -> CompileReport:
    loss, loss_config = _named(config.get("loss"))
    optimizer, optimizer_config = _named(config.get("optimizer"))
    rate = optimizer_config.get("learning_rate")
    return CompileReport(
        loss=_ALIASES.get(loss, loss) if loss else None,
        from_logits=loss_config.get("from_logits") is True,
        optimizer=optimizer.replace("_", "") if optimizer else None,
        learning_rate=float(rate) if isinstance(rate, (int, float)) else None,
        metrics=tuple(m for m in (_named(m)[0] for m in _flat(config.get("metrics"))) if m),
        iterations=iterations,
    )


_ALIASES = {
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "bce": "binary_crossentropy",
    "kld": "kl_divergence",
}
_METRIC_ALIASES = {"acc": "accuracy"}


def _flat(value: Any) -> list[Any]:
    if isinstance(value, dict) and "class_name" not in value:
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [item for v in value for item in _flat(v)]
    return [] if value is None else [value]


def _named(value: Any) -> tuple[str | None, dict[str, Any]]:
    """Name (snake case) and config of a loss, metric or optimizer given as a name or as an object."""
    while isinstance(value, (list, tuple, dict)) and len(value) == 1:  # for the one output, which may have a name
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
