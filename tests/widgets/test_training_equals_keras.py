"""The page's own training and Keras's: the same start, the same mini-batches, the same weights."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from kit import missing

from autograder.data import FASHION_CLASSES, load_fashion

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
TRAINS = """
const { trainStep, measure, unpackImages } = await import(process.argv[2]);
const asked = JSON.parse(await new Promise((done) => {
  let text = "";
  process.stdin.on("data", (part) => (text += part)).on("end", () => done(text));
}));
const images = unpackImages(asked.images);
const layers = asked.layers.map(({ weights, bias }) => ({
  inputs: weights.length, units: bias.length, weights: Float64Array.from(weights.flat()), bias: Float64Array.from(bias),
}));
for (const rows of asked.batches) trainStep(layers, images, asked.labels, rows, asked.rate);
const plain = layers.map(({ weights, bias }) => [Array.from(weights), Array.from(bias)]);
console.log(JSON.stringify({ layers: plain, ...measure(layers, images, asked.labels) }));
"""


@pytest.mark.parametrize(("hidden", "rate"), [(0, 0.1), (16, 0.1), (16, 1.0)])
def test_the_page_trains_as_keras_does(hidden: int, rate: float, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        missing("Node is not installed")
    import keras

    from book.widget_data import labelled_images

    (clothes, one_hot), _ = load_fashion()
    labels = one_hot.argmax(axis=1)
    data = labelled_images(clothes, labels, FASHION_CLASSES)
    pixels = (clothes.reshape(-1, 784) >> 4).astype("float32") / 15
    keras.utils.set_random_seed(3)
    widths = [hidden] * bool(hidden)
    layers = [keras.layers.Dense(width, activation="relu") for width in widths]
    model = keras.Sequential([keras.Input((784,)), *layers, keras.layers.Dense(3, activation="softmax")])
    model.compile(keras.optimizers.SGD(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    started = [[weights.tolist(), bias.tolist()] for weights, bias in (layer.get_weights() for layer in model.layers)]
    order = np.random.default_rng(0).permutation(600).reshape(-1, 20)  # one epoch

    asked = data | {
        "layers": [{"weights": weights, "bias": bias} for weights, bias in started],
        "batches": order.tolist(),
        "rate": rate,
    }
    script = tmp_path / "trains.mjs"
    script.write_text(TRAINS, "utf-8")
    module = (ROOT / "book" / "_static" / "widgets" / "training.js").as_uri()
    done = subprocess.run([node, str(script), module], input=json.dumps(asked), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)

    for rows in order:
        model.train_on_batch(pixels[rows], labels[rows])
    differences = [
        float(np.abs(np.reshape(ours, theirs.shape) - theirs).max())
        for layer, pair in zip(model.layers, found["layers"], strict=True)
        for ours, theirs in zip(pair, layer.get_weights(), strict=True)
    ]
    loss, accuracy = model.evaluate(pixels, labels, batch_size=600, verbose=0)
    print(f"hidden {hidden}, rate {rate}: largest difference of a weight {max(differences):.1e}")
    assert max(differences) < 1e-4
    assert found["loss"] == pytest.approx(loss, abs=1e-4)
    assert found["accuracy"] == pytest.approx(accuracy, abs=2 / 600)
    moved = np.abs(model.layers[0].get_weights()[0] - np.array(started[0][0])).max()
    assert moved > 0.01, "the training was no standing still"
