"""The page's engine beside TensorFlow: gradients, weights after an epoch, histories and answers.

What TensorFlow gives is in ``reference.npz``, made by ``python programs.py tensorflow reference.npz`` in two minutes; a
few of the programs are run by TensorFlow again, so that the file cannot grow old unseen.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from kit import ROOT

sys.path.insert(0, str(ROOT / "browser"))
from keras_in_page import stand_ins

HERE = Path(__file__).resolve().parent
GRADIENT = 1e-5  # of every layer and loss
EPOCH = 1e-4  # weights, losses and answers after an epoch from the same weights, images in the same order
# Probabilities that are none: their logarithm, cut off at 1e-7 in float32, differs in the last digits of a large loss.
LOOSER = {"loss binary linear False": 1e-3}


def _run(backend: str, out: Path, *only: str) -> dict[str, np.ndarray]:
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
    command = [sys.executable, str(HERE / "programs.py"), backend, str(out), *only]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(np.load(out))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    return _run("page", tmp_path_factory.mktemp("page") / "page.npz")


def _largest(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> dict[tuple[str, str], float]:
    """The largest difference by program and by what was compared."""
    assert ours.keys() == theirs.keys()
    found: dict[tuple[str, str], float] = defaultdict(float)
    for name, wanted in theirs.items():
        program, kind = name.split("|")[:2]
        assert ours[name].shape == wanted.shape, name
        both_none = np.isnan(ours[name]) & np.isnan(wanted)
        off = np.abs(np.where(both_none, 0, ours[name] - wanted)) / np.maximum(1, np.abs(wanted))
        found[program, kind] = max(found[program, kind], float(np.nan_to_num(off, nan=np.inf).max(initial=0)))
    return found


def test_agrees_with_tensorflow(page: dict[str, np.ndarray]) -> None:
    off = _largest(page, dict(np.load(HERE / "reference.npz")))
    worst = sorted(off.items(), key=lambda item: -item[1])
    print("\n".join(f"{value:.1e}  {program}: {kind}" for (program, kind), value in worst[:12]))
    allowed = {key: LOOSER.get(key[0], GRADIENT if key[1] in ("step", "loss") else EPOCH) for key in off}
    assert len({program for program, _ in off}) > 100
    assert not {key: value for key, value in off.items() if value > allowed[key]}


@pytest.mark.slow
def test_the_reference_is_what_tensorflow_does_now(page: dict[str, np.ndarray], tmp_path: Path) -> None:
    sample = ("layer conv same", "layer batch normalization", "loss sparse softmax False", "optimizer Adam")
    found = _run("tensorflow", tmp_path / "now.npz", *sample)
    reference = dict(np.load(HERE / "reference.npz"))
    assert found
    assert max(_largest(found, {name: reference[name] for name in found}).values()) < GRADIENT


@pytest.mark.slow
def test_what_learners_compute_with_keras_by_hand_is_answered_alike(tmp_path: Path) -> None:
    # (The other exercises' catalogues take longer, and README.md says how they fare.)
    out, exercise = tmp_path / "found.json", "07-networks-that-see"
    command = [sys.executable, str(HERE / "try_catalogue.py"), str(out), exercise, "--untrained"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(json.loads(out.read_text("utf-8"))) > 60
    assert done.stdout.strip() == ""


REFUSED = """
import keras_in_page
keras_in_page.install()
import numpy as np
from keras import Input, Sequential, layers

x, y = np.ones((4, 6, 6, 1), "float32"), np.zeros(4)
for between in (layers.RandomFlip(), layers.ZeroPadding2D()):
    parts = [layers.Conv2D(2, 3), between, layers.Flatten(), layers.Dense(2, "softmax")]
    model = Sequential([Input((6, 6, 1)), *parts])
    model.compile(loss="sparse_categorical_crossentropy")
    try:
        model.fit(x, y, verbose=0)
    except NotImplementedError as error:
        print(error)
"""


def test_a_layer_that_stops_a_gradient_on_its_way_is_refused() -> None:
    # (Where nothing before it is trained, it may do what it likes: `padded before` and `moved by nothing` say so.)
    environment = os.environ | {"PYTHONPATH": str(ROOT / "browser"), "KERAS_BACKEND": "numpy"}
    done = subprocess.run(
        [sys.executable, "-c", REFUSED], env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    said = done.stdout.splitlines()
    assert [line.partition(". ")[0] for line in said] == [
        "The page cannot train a `RandomFlip` layer",
        "The page cannot train a `ZeroPadding2D` layer",
    ]


@pytest.mark.parametrize("order", [0, 1])
def test_what_lies_between_pixels_is_what_scipy_says(order: int) -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    draw = np.random.default_rng(3)
    image = draw.uniform(0, 1, (9, 8, 2)).astype("float32")
    places = np.stack([draw.uniform(0, size - 1.001, (5, 6, 2)) for size in image.shape])
    flat = places.copy()
    flat[2] = np.arange(2)  # as where an image is moved: each channel by itself
    for wanted in (places, flat):
        found = stand_ins._map_coordinates(image, list(wanted), order=order)
        assert np.abs(found - ndimage.map_coordinates(image, wanted, order=order)).max() < 1e-6
