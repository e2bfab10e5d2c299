"""Traces that a training leaves in a history and in a network: how many images it saw, and how they were scaled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autograder.exercise.models import ModelReport
from autograder.exercise.networks import SPARSE_LOSS, cross_entropies
from autograder.exercise.wire import History

_PLAIN_LOSSES = ("categorical_crossentropy", "kl_divergence", SPARSE_LOSS)
_USUAL_RATE, _SLOW_OPTIMIZERS = 0.02, ("sgd", "adadelta", "adagrad")  # which take large rates
_ROUNDED = 2e-7  # Keras computes accuracy in float32


def images_of_an_epoch(history: History, most: int, validation: bool = False) -> int | None:
    """The least number of images that one epoch can have had, as the accuracies in a history tell it.

    Each accuracy is a number of images that were right, divided by the number of all.

    Args:
        most: the largest number that is tried.
        validation: whether it is about the images for validation, or else about those that were trained on.

    Returns:
        The number, which may be a divisor of the real one; None if there is no accuracy, or no such number.
    """
    told = [v for k, v in history.history.items() if "acc" in k and k.startswith("val_") == validation and v]
    if not told or not all(isinstance(v, (int, float)) and 0 <= v <= 1 for v in told[0]):
        return None
    numbers = np.arange(1, most + 1)
    right = np.outer(np.asarray(told[0], dtype=np.float64), numbers)
    whole = (np.abs(right - np.rint(right)) <= _ROUNDED * numbers + 1e-9).all(axis=0)
    return int(numbers[whole.argmax()]) if whole.any() else None


def learned_from_raw_pixels(
    model: ModelReport, *sets: tuple[np.ndarray, np.ndarray], losses: Sequence[float] | None = None
) -> bool:
    """Whether a network was trained on pixels from 0 to 255, and is asked with 0 to 1.

    Then its loss is far lower on pixels from 0 to 255, and with those from 0 to 1 far above what its history tells. A
    network that has been trained on scaled pixels until it knows its images may have less loss on unscaled ones, but
    neither on images that it has not seen nor beside its history. One that scales by itself may be trained with either.

    Args:
        sets: images (N, 28, 28) with pixels from 0 to 255, and their class numbers (N,). It must be so for each set.
        losses: the training losses of the history, one for each epoch; the first set are the images of that training.
            Without them, there is a set that took no part in the training.
    """
    settings = model.compiled
    if settings is None or settings.loss not in _PLAIN_LOSSES or settings.label_smoothing:
        return False
    if model.layers_of("Rescaling", "Normalization", "TrueDivide", "Multiply", "BatchNormalization"):
        return False
    told, first = (losses[-1], losses[0]) if losses else (0.0, 0.0)
    if not all(isinstance(v, (int, float)) and 0 <= v < 1e9 for v in (told, first)):
        return False
    shape = tuple(n or 1 for n in (model.input_shape or (None, 784))[1:])
    for number, (images, labels) in enumerate(sets):
        rows = images.reshape(len(images), *shape)
        scaled, raw = (_loss(model, rows * np.float32(scale), labels) for scale in (1 / 255, 1.0))
        if number == 0 and _began_with_raw_pixels(model, first, told, scaled, raw):
            return True
        if scaled <= 1.5 * max(raw, told) + 0.05:
            return False
    return True


def _began_with_raw_pixels(model: ModelReport, first: float, told: float, scaled: float, raw: float) -> bool:
    """Whether the first epoch's loss is that of pixels from 0 to 255, though the training was too short to show it.

    On scaled pixels a network that knows nothing has a loss of log(K) for K classes. The first epoch of honest ones had
    1.8 at most with three classes and usual rates, that of ten networks trained on pixels from 0 to 255 had 40 to 178;
    only one of tanh units cannot be told so. After a few epochs on these the weights have hardly moved: the loss on
    scaled pixels was 0.87 to 1.1, about log(K), and far below what the history tells. Large steps, large first weights
    and penalties make a large first loss, too. So networks with such steps or penalties are left alone.
    """
    settings, classes = model.compiled, (model.output_shape or (1,))[-1] or 1
    if settings is None or any(layer.config.get("kernel_regularizer") for layer in model.layers):
        return False
    rate = settings.learning_rate
    if rate is None or (rate > _USUAL_RATE and settings.optimizer not in _SLOW_OPTIMIZERS):
        return False
    guessing = float(np.log(classes))
    knows_little = 0.5 * guessing < scaled < 1.2 * guessing
    return knows_little and first > 3 * guessing and raw < first / 4 and told > 1.5 * scaled


def _loss(model: ModelReport, inputs: np.ndarray, labels: np.ndarray) -> float:
    outputs = model.predict(inputs.astype(np.float32))
    if outputs.ndim != 2 or not np.isfinite(outputs).all():
        return float("inf")
    return float(cross_entropies(model, outputs, labels).mean())
