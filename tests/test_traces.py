"""What a history and a network tell of how a network was trained."""

from __future__ import annotations

import numpy as np
import pytest

from autograder.exercise.causes import type_of
from autograder.exercise.slips import of_a_stop
from autograder.exercise.traces import images_of_an_epoch
from autograder.exercise.wire import History
from autograder.learner.notebook import NamespaceAnswers


@pytest.mark.parametrize("images", [100, 480, 600, 700, 14_000])
def test_accuracies_tell_how_many_images_an_epoch_had(images: int) -> None:
    rng = np.random.default_rng(images)
    right = np.sort(rng.integers(images // 3, images, 6)) | 1
    told = [float(np.float32(count) / np.float32(images)) for count in right]
    assert images_of_an_epoch(History({"accuracy": told}), images) == images
    assert images_of_an_epoch(History({"val_accuracy": told}), images, validation=True) == images
    assert images_of_an_epoch(History({"val_accuracy": told}), images) is None


@pytest.mark.parametrize(
    "history", [{}, {"accuracy": []}, {"accuracy": ["a"]}, {"loss": [0.5]}, {"acc": [0.31415926, 0.27182818]}]
)
def test_what_is_no_accuracy_tells_nothing(history: dict[str, list[float]]) -> None:
    assert images_of_an_epoch(History(history), 700) is None


def test_an_error_of_ones_own_is_the_one_it_is_made_from() -> None:
    namespace: dict[str, type[Exception]] = {}
    exec(
        "class Bad(ValueError): pass\nclass Worse(Bad): pass\nclass Own(Exception): pass",
        {"__name__": "__main__"},
        namespace,
    )
    names = [type_of(error()) for error in (namespace["Bad"], namespace["Worse"], namespace["Own"], KeyError)]
    assert names == ["ValueError", "ValueError", "Exception", "KeyError"]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("operands could not be broadcast together with shapes (100,1,28,28,1) (4,3,2,1) ", True),
        ("operands could not be broadcast together with shapes (600,) (24,) ", True),
        ("operands could not be broadcast together with shapes (24,3,2,1) (4,3,2,1) ", False),
        ("index 600 is out of bounds", False),
    ],
)
def test_an_array_of_the_notebook_is_known_by_its_shape(error: str, told: bool) -> None:
    assert bool(of_a_stop(f"ValueError: {error}", (np.zeros((24, 3, 2, 1)), np.zeros((4, 3, 2, 1)), 5))) == told


def test_a_function_changes_a_copy_of_what_a_check_hands_over() -> None:
    def change(rows: np.ndarray) -> np.ndarray:
        rows[0] = 7
        return rows

    rows, locked = np.zeros(3), np.zeros(3)
    locked.setflags(write=False)
    answers = NamespaceAnswers({"change": change}, "02-one-hot-encoding")
    assert answers.call("change", (rows,), {}).tolist() == [7, 0, 0]
    assert rows.tolist() == [0, 0, 0]
    with pytest.raises(Exception, match="read-only"):
        answers.call("change", (locked,), {})
