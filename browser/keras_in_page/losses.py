"""Losses: their value for each image, and their gradient at the network's output.

As with TensorFlow, cross-entropy behind a softmax (or a sigmoid) is computed from the scores before it: more exact,
and the gradient there is simply p - y. Everything else is computed from the output as it is.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from autograder.language import say

Array = np.ndarray
STEP = 1e-3  # of the small difference, for losses without a rule


@dataclass(frozen=True)
class Lost:
    """What one output's loss comes to, and the gradient of that number."""

    value: float
    gradient: Array
    at_scores: bool  # whether the gradient is that at the scores, before the activation


def lost(loss: Any, target: Any, output: Array, scores: Array | None, weight: Any = None) -> Lost:
    """Value and gradient of `loss`, a Keras loss.

    Args:
        scores: what a final softmax or sigmoid made `output` of; None if the last layer is something else.
        weight: sample weights, one for each image.
    """
    name, smoothing, from_logits = _describe(loss)
    target = np.asarray(target)
    rule = _RULES.get(name)
    if rule is None:
        values, slope = _by_differences(loss, target, output)
        at_scores = False
    else:
        wants_scores = name in _CROSS_ENTROPIES and scores is not None
        if wants_scores and from_logits:
            warnings.warn(
                say(
                    "The loss has from_logits=True, but `{activation}` comes before it: the output holds probabilities,"
                    " not scores. The loss is computed from the scores.",
                    activation=_CROSS_ENTROPIES[name],
                ),
                stacklevel=2,
            )
        at_scores = wants_scores
        x = scores if at_scores else output
        assert x is not None
        values, slope = rule(_float(target, name), x.astype("float64"), at_scores or from_logits, smoothing)
    share = _shares(values, weight, getattr(loss, "reduction", "sum_over_batch_size"))
    gradient = slope * share.reshape(share.shape + (1,) * (slope.ndim - share.ndim))
    return Lost(float((values * share).sum()), gradient.astype(output.dtype), at_scores)


def _describe(loss: Any) -> tuple[str, float, bool]:
    """The name of a loss's function ('' if there is no rule), its label smoothing, whether it expects scores."""
    function, settings = getattr(loss, "fn", None), getattr(loss, "_fn_kwargs", {})
    if not getattr(function, "__module__", "").startswith("keras.") or settings.get("axis", -1) != -1:
        return "", 0.0, False
    if settings.get("delta", 1.0) != 1.0 or settings.get("ignore_class") is not None:
        return "", 0.0, False
    return function.__name__, float(settings.get("label_smoothing", 0.0)), bool(settings.get("from_logits", False))


def _float(target: Array, name: str) -> Array:
    return target if name == "sparse_categorical_crossentropy" else target.astype("float64")


def _shares(values: Array, weight: Any, reduction: str) -> Array:
    """What each value counts for in the one number that is reported."""
    weights = np.ones(values.shape)
    if weight is not None:
        weight = np.asarray(weight, "float64")
        weight = weight.reshape(weight.shape[:1]) if weight.ndim == 2 and weight.shape[1] == 1 else weight
        weights = weights * weight.reshape(weight.shape + (1,) * (values.ndim - weight.ndim))
    if reduction == "sum":
        return weights
    if reduction == "mean_with_sample_weight":
        return weights / max(weights.sum(), keras.backend.epsilon())
    return weights / max(values.size, 1)


def _categorical(target: Array, x: Array, scores: bool, smoothing: float) -> tuple[Array, Array]:
    if target.ndim == x.ndim - 1 and x.shape[-1] == 1:
        target = target[..., None]
    if target.shape != x.shape:
        raise ValueError(
            "Arguments `target` and `output` must have the same shape. "
            f"Received: target.shape={target.shape}, output.shape={x.shape}"
        )
    if smoothing:
        target = target * (1 - smoothing) + smoothing / x.shape[-1]
    total = target.sum(axis=-1, keepdims=True)
    if scores:
        log_p = _log_softmax(x)
        return -(target * log_p).sum(axis=-1), np.exp(log_p) * total - target
    whole = x.sum(axis=-1, keepdims=True)
    p = x / whole
    clipped, inside = _clip(p)
    at_p = -target / clipped * inside
    return -(target * np.log(clipped)).sum(axis=-1), (at_p - (at_p * p).sum(axis=-1, keepdims=True)) / whole


def _sparse(target: Array, x: Array, scores: bool, smoothing: float) -> tuple[Array, Array]:
    if target.ndim == x.ndim and target.shape[-1] == 1:
        target = target[..., 0]
    if target.shape != x.shape[:-1]:
        raise ValueError(
            "Argument `output` must have rank (ndim) `target.ndim - 1`. "
            f"Received: target.shape={target.shape}, output.shape={x.shape}"
        )
    numbers = target.astype("int64")
    outside = (numbers < 0) | (numbers >= x.shape[-1])
    which = (np.arange(x.shape[-1]) == numbers[..., None]).astype("float64")
    clipped, inside = (x, 1.0) if scores else _clip(x)
    log_p = _log_softmax(clipped if scores else np.log(clipped))
    values = np.where(outside, np.nan, -(which * log_p).sum(axis=-1))
    slope = np.exp(log_p) - which
    return values, slope if scores else slope / clipped * inside


def _binary(target: Array, x: Array, scores: bool, smoothing: float) -> tuple[Array, Array]:
    target = _same_rank(target, x)
    if smoothing:
        target = target * (1 - smoothing) + 0.5 * smoothing
    if scores:
        values = np.maximum(x, 0) - x * target + np.log1p(np.exp(-np.abs(x)))
        with np.errstate(over="ignore"):
            slope = 1 / (1 + np.exp(-x)) - target
    else:
        p, inside = _clip(x)
        values = -(target * np.log(p) + (1 - target) * np.log(1 - p))
        slope = ((1 - target) / (1 - p) - target / p) * inside
    return values.mean(axis=-1), slope / x.shape[-1]


def _squared(target: Array, x: Array, scores: bool, smoothing: float) -> tuple[Array, Array]:
    off = x - _same_rank(target, x)
    return (off**2).mean(axis=-1), 2 * off / x.shape[-1]


def _absolute(target: Array, x: Array, scores: bool, smoothing: float) -> tuple[Array, Array]:
    off = x - _same_rank(target, x)
    return np.abs(off).mean(axis=-1), np.sign(off) / x.shape[-1]


def _huber(target: Array, x: Array, scores: bool, smoothing: float) -> tuple[Array, Array]:
    off = x - _same_rank(target, x)
    small = np.abs(off) <= 1
    return np.where(small, off**2 / 2, np.abs(off) - 0.5).mean(axis=-1), np.where(small, off, np.sign(off)) / x.shape[
        -1
    ]


def _log_cosh(target: Array, x: Array, scores: bool, smoothing: float) -> tuple[Array, Array]:
    off = x - _same_rank(target, x)
    return (np.logaddexp(off, -off) - np.log(2)).mean(axis=-1), np.tanh(off) / x.shape[-1]


def _hinge(target: Array, x: Array, scores: bool, smoothing: float) -> tuple[Array, Array]:
    signs = _signs(_same_rank(target, x))
    short = np.maximum(1 - signs * x, 0)
    return short.mean(axis=-1), -signs * (short > 0) / x.shape[-1]


def _squared_hinge(target: Array, x: Array, scores: bool, smoothing: float) -> tuple[Array, Array]:
    signs = _signs(_same_rank(target, x))
    short = np.maximum(1 - signs * x, 0)
    return (short**2).mean(axis=-1), -2 * signs * short / x.shape[-1]


def _signs(target: Array) -> Array:
    """Labels 0 and 1 as -1 and 1, as Keras's hinge losses take them."""
    return 2 * target - 1 if np.isin(target, (0, 1)).all() else target


def _categorical_hinge(target: Array, x: Array, scores: bool, smoothing: float) -> tuple[Array, Array]:
    others = (1 - target) * x
    largest = others.max(axis=-1, keepdims=True)
    short = largest[..., 0] - (target * x).sum(axis=-1) + 1
    first = np.arange(x.shape[-1]) == others.argmax(axis=-1)[..., None]
    return np.maximum(short, 0), (first * (1 - target) - target) * (short > 0)[..., None]


def _divergence(target: Array, x: Array, scores: bool, smoothing: float) -> tuple[Array, Array]:
    low = keras.backend.epsilon()
    t, p = np.clip(target, low, 1), np.clip(x, low, 1)
    return (t * np.log(t / p)).sum(axis=-1), -t / p * ((x >= low) & (x <= 1))


def _poisson(target: Array, x: Array, scores: bool, smoothing: float) -> tuple[Array, Array]:
    t, low = _same_rank(target, x), keras.backend.epsilon()
    return (x - t * np.log(x + low)).mean(axis=-1), (1 - t / (x + low)) / x.shape[-1]


def _cosine(target: Array, x: Array, scores: bool, smoothing: float) -> tuple[Array, Array]:
    unit = target / np.maximum(np.sqrt((target**2).sum(axis=-1, keepdims=True)), 1e-12)
    length = np.maximum(np.sqrt((x**2).sum(axis=-1, keepdims=True)), 1e-12)
    cosine = (unit * x).sum(axis=-1, keepdims=True) / length
    return -cosine[..., 0], -(unit - cosine * x / length) / length


def _same_rank(target: Array, x: Array) -> Array:
    if target.ndim == x.ndim - 1:
        target = target[..., None]
    return np.broadcast_to(target, np.broadcast_shapes(target.shape, x.shape))


def _log_softmax(z: Array) -> Array:
    z = z - z.max(axis=-1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


def _clip(p: Array) -> tuple[Array, Array]:
    """Probabilities kept away from 0 and 1 as Keras does it, and 1 where nothing was changed."""
    low = np.float32(keras.backend.epsilon())
    narrow = p.astype("float32")  # as Keras does it: in float32 the largest that is left is nearer to 1
    inside = (narrow >= low) & (narrow <= 1 - low)
    return np.clip(narrow, low, 1 - low).astype("float64"), inside.astype("float64")


def _by_differences(loss: Any, target: Array, output: Array) -> tuple[Array, Array]:
    """Any other loss: each output number a little up and a little down, one column at a time.

    The value of one image must not depend on the others', as with every loss that Keras averages over images.
    """
    wide = output.astype("float64")

    def values(x: Array) -> Array:
        found = np.asarray(loss.call(target.astype("float64") if target.dtype.kind == "f" else target, x), "float64")
        return np.broadcast_to(found, x.shape[:1]) / 1 if found.ndim == 0 else found

    here = values(wide)
    slope = np.zeros(wide.shape)
    flat = wide.reshape(len(wide), -1)
    for column in range(flat.shape[1]):
        moved = [flat.copy() for _ in (0, 1)]
        moved[0][:, column] += STEP
        moved[1][:, column] -= STEP
        up, down = (values(m.reshape(wide.shape)).reshape(len(wide), -1).sum(axis=1) for m in moved)
        slope.reshape(len(wide), -1)[:, column] = (up - down) / (2 * STEP)
    return here, slope


_CROSS_ENTROPIES = {
    "categorical_crossentropy": "softmax",
    "sparse_categorical_crossentropy": "softmax",
    "binary_crossentropy": "sigmoid",
}
_RULES = {
    "categorical_crossentropy": _categorical,
    "sparse_categorical_crossentropy": _sparse,
    "binary_crossentropy": _binary,
    "mean_squared_error": _squared,
    "mean_absolute_error": _absolute,
    "huber": _huber,
    "hinge": _hinge,
    "squared_hinge": _squared_hinge,
    "categorical_hinge": _categorical_hinge,
    "kl_divergence": _divergence,
    "poisson": _poisson,
    "cosine_similarity": _cosine,
    "log_cosh": _log_cosh,
}
