"""Train the runs that the overfitting explorer shows, and write them as a module: `python book/widgets/record_runs.py`.

A hidden layer of 8, 32 or 128 units on 100 to 3,000 of MNIST's training images, with three rates of dropout, 60 epochs
each, measured on the same 2,000 other training images. It takes a few minutes on two cores. The test set is not used.
"""

from __future__ import annotations

import base64
import itertools
import json
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from autograder.data import load_mnist  # noqa: E402

TARGET = ROOT / "book" / "_static" / "widgets" / "overfitting-runs.js"
CHOICES: dict[str, list[Any]] = {"width": [8, 32, 128], "images": [100, 300, 1000, 3000], "dropout": [0, 0.3, 0.6]}
CURVES = ("loss", "val_loss", "accuracy", "val_accuracy")
EPOCHS = 60
STEP = 0.0002  # two bytes a number reach from 0 to 13.1


def train(width: int, images: int, dropout: float) -> dict[str, list[float]]:
    """One run. The training curves are measured without dropout, after each epoch, as the validation curves are."""
    (x, y), _ = load_mnist()
    x_train, y_train = x[:images].astype("float32") / 255, y[:images]
    x_val, y_val = x[-2000:].astype("float32") / 255, y[-2000:]
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input(shape=(28, 28)),
            keras.layers.Flatten(),
            keras.layers.Dense(width, activation="relu"),
            keras.layers.Dropout(dropout),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    batches = -(-images // 32)
    model.compile(
        loss="sparse_categorical_crossentropy",
        optimizer="adam",
        metrics=["accuracy"],
        steps_per_execution=batches,
    )
    curves: dict[str, list[float]] = {name: [] for name in CURVES}
    for _ in range(EPOCHS):
        model.fit(x_train, y_train, batch_size=32, epochs=1, verbose=0)
        for prefix, inputs, labels in (("", x_train, y_train), ("val_", x_val, y_val)):
            answers = np.asarray(model(inputs), dtype=np.float64)
            right = np.maximum(answers[np.arange(len(labels)), labels], 1e-7)
            curves[f"{prefix}loss"].append(float(-np.log(right).mean()))
            curves[f"{prefix}accuracy"].append(float((answers.argmax(axis=1) == labels).mean()))
    return curves


def main() -> None:
    """Train all runs and write the module."""
    settings = [dict(zip(CHOICES, values)) for values in itertools.product(*CHOICES.values())]
    numbers = []
    for number, setting in enumerate(settings, 1):
        curves = train(**setting)
        numbers.append([curves[name] for name in CURVES])
        last = f"{curves['loss'][-1]:.3f} {curves['val_loss'][-1]:.3f}"
        print(f"{number}/{len(settings)}", setting, last, flush=True)
    steps = np.clip(np.round(np.array(numbers) / STEP), 0, 65535).astype("<u2")
    recorded = {
        "about": "Recorded runs: MNIST, one hidden layer with relu, Adam, batches of 32, "
        f"Keras {keras.__version__}, one seed. "
        "Both curves are measured after each epoch, dropout off; validation on the same 2,000 images throughout.",
        "choices": CHOICES,
        "epochs": EPOCHS,
        "step": STEP,
        "settings": settings,
        "packed": base64.b64encode(steps.tobytes()).decode("ascii"),
    }
    written = json.dumps(recorded, ensure_ascii=False, indent=1)
    origin = "// Written by book/widgets/record_runs.py. How it is packed: learning-curves.js."
    TARGET.write_text(f"{origin}\nexport default {written};\n", "utf-8")


if __name__ == "__main__":
    main()
