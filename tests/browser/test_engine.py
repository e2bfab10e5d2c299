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
