"""What a lesson's run hands to its widgets: a trained network, a confusion matrix with its images.

A cell ends with one of these calls and has the tags ``remove-input`` and ``book-only``. The data become part of the
cell's output, so they come from the run itself, survive the execution cache, and a page needs no second file::

    from book.widget_data import put_network
    put_network("digits", {"this lesson's network": model}, x_test, y_test)
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from IPython.display import HTML, display
from numpy.typing import ArrayLike, NDArray
from PIL import Image

SIDE = 28


def as_script(name: str, content: Any) -> str:
    """HTML that holds ``content`` as JSON, to be found by name and not shown."""
    written = json.dumps(content, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
    return f'<script type="application/json" data-widget-data="{name}">{written}</script>'


def put(name: str, content: Any) -> None:
    """Write data for the widgets of this page, under a name."""
    display(HTML(as_script(name, content)))


def base64_of(array: NDArray[Any]) -> str:
    """The bytes of an array, lowest first, row by row."""
    little_endian = array.astype(array.dtype.newbyteorder("<"))
    return base64.b64encode(little_endian.tobytes()).decode("ascii")


def network(model: Any) -> list[dict[str, Any]]:
    """The dense layers of a Keras model as plain data.

    Weights stay float32: rounded to float16 the page's scores would differ from Keras's in the third decimal.

    Raises:
        ValueError: the model holds a layer that the widget cannot compute.
    """
    layers: list[dict[str, Any]] = []
    for layer in model.layers:
        kind = type(layer).__name__
        if kind in ("InputLayer", "Flatten", "Dropout", "Reshape"):
            continue  # no weights, and nothing to do when the network answers
        if kind not in ("Dense", "Activation"):
            raise ValueError(f"the widget computes dense layers, not {kind}")
        activation = layer.get_config()["activation"]
        if kind == "Activation":
            layers[-1]["activation"] = activation
            continue
        weights, bias = (np.asarray(value, dtype=np.float32) for value in layer.get_weights())
        inputs, units = weights.shape
        layers.append(
            {
                "inputs": inputs,
                "units": units,
                "activation": activation,
                "weights": base64_of(weights),
                "bias": base64_of(bias),
            }
        )
    return layers


def probabilities(model: Any, images: NDArray[Any]) -> NDArray[np.float64]:
    """The model's answers to images 0 to 255, in the shape that it takes. Scores are made probabilities."""
    scaled = images.reshape(len(images), *model.input_shape[1:]).astype("float32") / 255
    answers = np.asarray(keras.ops.convert_to_numpy(model(scaled)), dtype=np.float64)
    if np.allclose(answers.sum(axis=1), 1, atol=1e-3) and answers.min() >= 0:
        return answers
    powers = np.exp(answers - answers.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float64)


def network_data(models: Mapping[str, Any], images: NDArray[np.uint8], labels: ArrayLike) -> dict[str, Any]:
    """One or more trained models, by the words to call them, their test accuracy, and one test image of each digit.

    ``images`` are N x 28 x 28, uint8; ``labels`` N digits. The models take 28 x 28, 28 x 28 x 1 or 784 numbers from
    0 to 1.
    """
    digits = np.asarray(labels)
    first = [int(np.flatnonzero(digits == digit)[0]) for digit in np.unique(digits)]
    networks = [
        {
            "name": words,
            "accuracy": round(float((probabilities(model, images).argmax(axis=1) == digits).mean()), 4),
            "layers": network(model),
        }
        for words, model in models.items()
    ]
    return {"networks": networks, "examples": {"labels": digits[first].tolist(), "pixels": base64_of(images[first])}}


def put_network(name: str, models: Mapping[str, Any], images: NDArray[np.uint8], labels: ArrayLike) -> None:
    """For *draw-a-digit*: see ``network_data``."""
    put(name, network_data(models, images, labels))


def sprite(images: NDArray[np.uint8], columns: int) -> str:
    """Images side by side and below one another, as the address of a PNG."""
    rows = -(-len(images) // columns)
    sheet = np.zeros((rows * SIDE, columns * SIDE), dtype=np.uint8)
    for number, image in enumerate(images):
        row, column = divmod(number, columns)
        sheet[row * SIDE : (row + 1) * SIDE, column * SIDE : (column + 1) * SIDE] = image
    # Sixteen greys are enough for the eye, and halve the file.
    file = io.BytesIO()
    Image.fromarray(sheet >> 4 << 4).save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def confusion(
    images: NDArray[np.uint8],
    truth: ArrayLike,
    answers: NDArray[np.floating[Any]],
    classes: Sequence[str],
    most: int = 8,
) -> dict[str, Any]:
    """The confusion matrix and up to ``most`` images for each cell, those with the surest answers first.

    ``images`` are N x 28 x 28 or N x 28 x 28 x 1, uint8; ``truth`` N class numbers; ``answers`` N x K probabilities.
    """
    true_number = np.asarray(truth)
    given = answers.argmax(axis=1)
    sureness = answers.max(axis=1)
    counts = np.zeros((len(classes), len(classes)), dtype=int)
    np.add.at(counts, (true_number, given), 1)
    chosen: list[int] = []
    for row in range(len(classes)):
        for column in range(len(classes)):
            here = np.flatnonzero((true_number == row) & (given == column))
            chosen += here[np.argsort(-sureness[here], kind="stable")][:most].tolist()
    columns = 24
    return {
        "classes": list(classes),
        "counts": counts.tolist(),
        "examples": [
            {"truth": int(true_number[n]), "answer": int(given[n]), "probability": round(float(sureness[n]), 3)}
            for n in chosen
        ],
        "sprite": sprite(images[chosen].reshape(-1, SIDE, SIDE), columns),
        "columns": columns,
    }


def labelled_images(images: NDArray[np.uint8], labels: ArrayLike, names: Sequence[str]) -> dict[str, Any]:
    """Images (N, 28, 28) or (N, 28, 28, 1) in sixteen greys, two pixels in a byte, their class numbers and names."""
    greys = np.asarray(images).reshape(-1, 2) >> 4
    packed = (greys[:, 0] << 4 | greys[:, 1]).astype(np.uint8)
    return {"images": base64_of(packed), "labels": np.asarray(labels).tolist(), "names": list(names)}


def put_labelled_images(name: str, images: NDArray[np.uint8], labels: ArrayLike, names: Sequence[str]) -> None:
    """For *train-in-the-page*: see ``labelled_images``."""
    put(name, labelled_images(images, labels, names))


#: Temperatures that *calibration-explorer* offers, and the narrow bins into which it sorts the answers.
TEMPERATURES = (0.25, 0.5, 0.75, 1, 1.5, 2, 4)
BINS = 20


def thresholds(truth: ArrayLike, answers: NDArray[np.floating[Any]], classes: Sequence[str]) -> dict[str, Any]:
    """For each class and each threshold 0, 0.01, ... 1: how many images reach it with that class's probability.

    ``truth`` are N class numbers, ``answers`` N x K probabilities. Images of the class are counted as ``hits``, the
    others as ``alarms``.
    """
    true_number = np.asarray(truth)
    steps = np.arange(101) / 100
    each = []
    for number in range(len(classes)):
        reached = answers[:, number, np.newaxis] >= steps  # N x 101
        is_class = true_number == number
        each.append({"hits": reached[is_class].sum(axis=0).tolist(), "alarms": reached[~is_class].sum(axis=0).tolist()})
    return {"classes": list(classes), "each": each}


def put_thresholds(name: str, truth: ArrayLike, answers: NDArray[np.floating[Any]], classes: Sequence[str]) -> None:
    """For *threshold-explorer*: see ``thresholds``."""
    put(name, thresholds(truth, answers, classes))


def calibration(truth: ArrayLike, answers: NDArray[np.floating[Any]]) -> dict[str, Any]:
    """The answers sorted by their probability, for each of ``TEMPERATURES``.

    ``truth`` are N class numbers, ``answers`` N x K probabilities. Dividing scores by a temperature T and taking the
    softmax is the same as raising the probabilities to the power 1 / T and dividing by their sum, so no scores are
    needed.
    """
    right = answers.argmax(axis=1) == np.asarray(truth)
    logarithms = np.log(np.maximum(answers.astype(np.float64), 1e-300))
    each = []
    for temperature in TEMPERATURES:
        powers = np.exp((logarithms - logarithms.max(axis=1, keepdims=True)) / temperature)
        said = 1 / powers.sum(axis=1)  # of the largest, whose power is 1
        bins = np.minimum((said * BINS).astype(int), BINS - 1)
        each.append(
            {
                "images": np.bincount(bins, minlength=BINS).tolist(),
                "right": np.bincount(bins[right], minlength=BINS).tolist(),
                "sums": np.bincount(bins, weights=said, minlength=BINS).round(3).tolist(),
            }
        )
    return {"temperatures": list(TEMPERATURES), "each": each}


def put_calibration(name: str, truth: ArrayLike, answers: NDArray[np.floating[Any]]) -> None:
    """For *calibration-explorer*: see ``calibration``."""
    put(name, calibration(truth, answers))


def kernels(images: Mapping[str, NDArray[np.uint8]], layer: Any) -> dict[str, Any]:
    """Images (28, 28) by the words to call them, and the kernels of a trained ``Conv2D(..., 3)`` on one channel."""
    weights, bias = (np.asarray(value, dtype=np.float64) for value in layer.get_weights())
    return {
        "images": [{"name": name, "pixels": base64_of(pixels)} for name, pixels in images.items()],
        "kernels": [
            {
                "name": f"found in training, {number + 1}",
                "weights": weights[:, :, 0, number].ravel().tolist(),
                "bias": float(bias[number]),
            }
            for number in range(weights.shape[-1])
        ],
    }


def put_kernels(name: str, images: Mapping[str, NDArray[np.uint8]], layer: Any) -> None:
    """For *kernel-explorer*: see ``kernels``."""
    put(name, kernels(images, layer))


def put_confusion(
    name: str, images: NDArray[np.uint8], truth: ArrayLike, answers: NDArray[np.floating[Any]], classes: Sequence[str]
) -> None:
    """For *confusion-explorer*: see ``confusion``."""
    put(name, confusion(images, truth, answers, classes))
