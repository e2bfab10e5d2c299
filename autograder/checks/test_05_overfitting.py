"""Checks of exercise 5, overfitting. One class per graded cell, in the field's words."""

from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from autograder.data import load_fashion
from autograder.exercise.drawing import Answers, told_apart
from autograder.exercise.expect import (
    NEVER_TRAINED,
    Hint,
    expect,
    expect_group,
    fail,
    unless_it_ignores,
)
from autograder.exercise.models import ModelReport
from autograder.exercise.networks import (
    SPARSE_LOSS,
    compiled,
    compiled_model,
    cross_entropies,
    ends_in_probabilities,
    flattens_in_time,
    loss_fits_labels,
    loss_fits_output,
    rate_is_sensible,
    reports_accuracy,
)
from autograder.exercise.outcome import Mismatch, NotAttempted
from autograder.exercise.submission import Submission, as_array
from autograder.exercise.traces import images_of_an_epoch, learned_from_raw_pixels
from autograder.language import _

# Thresholds: measured over seeds in benchmarks/seeds.md.
BY_HEART, BY_HEART_ZERO = 0.85, 0.75  # share of the 100 labels; whoever ignores the wrong ones has 0.75
GAP_MADE, GAP_MADE_ZERO = 0.05, -0.05
GAP_CURED, GAP_CURED_ZERO = 0.05, 0.15
NEEDED, NOTHING_BELOW = 0.75, 0.50
STOPPED_NEEDED, STOPPED_ZERO = 0.70, 0.40
LEARNED = 0.60  # of three classes; below that a network may have been built and never trained
LEAST_PATIENCE, MOST_PATIENCE = 3, 20  # epochs that training went on after its best one; the task's text names them
REPEATED = (
    0.50  # share of the wrong labels; six honest cures, three seeds each, repeat 0.18 at most, fooled ones 0.44 on
)


def _counts(mistakes: dict[float, Hint], right: int) -> dict[float, Hint]:
    """The known mistakes, with counts that are off by one."""
    off = Hint("You are off by one. The first row has number 0: which number has the last one?", id="count-off-by-one")
    return {right - 1: off, right + 1: off} | mistakes


class TestSplit:
    def test_counts_the_training_images(self, submission: Submission) -> None:
        """A quarter is held back"""
        expect(submission.number("training_images"), "`training_images`").to_be(
            450,
            mistakes=_counts(
                {
                    150: Hint("Those are held back. How many are left to train on?", id="held-back-for-trained-on"),
                    600: Hint(
                        "The network is not trained on the validation images. Take them off.", id="nothing-held-back"
                    ),
                    480: Hint(
                        "That is what is left after a fifth. Which share does the task name?",
                        id="another-share-held-back",
                    ),
                    400: Hint(
                        "That is what is left after a third. Which share does the task name?",
                        id="another-share-held-back",
                    ),
                    575: Hint(
                        "0.25 is a share, not 25 images. How many images is that?", id="share-taken-for-a-number"
                    ),
                    300: Hint(
                        "That is what is left after a half. Which share does the task name?",
                        id="another-share-held-back",
                    ),
                },
                450,
            ),
            hint="Which share of the images goes to validation? Take it off.",
        )

    def test_counts_the_validation_classes(self, submission: Submission) -> None:
        """The last rows of sorted data are all of one class"""
        random_split = Hint(
            "That would be so if they were drawn at random. Keras takes the *last* rows: which are they?",
            id="drawn-at-random",
        )
        expect(submission.number("validation_dresses"), "`validation_dresses`").to_be(
            150,
            mistakes=_counts(
                {
                    50: random_split,
                    200: Hint("Not all dresses are held back. How many images are?", id="all-dresses-held-back"),
                    0: Hint("The *last* rows are taken. What stands at the end of the folder?", id="first-rows"),
                    450: Hint("Those are the images to train on. Look at the others.", id="training-for-validation"),
                },
                150,
            ),
            hint="Write down which rows are which class, and mark the rows at the end.",
        )
        expect(submission.number("validation_shoes"), "`validation_shoes`").to_be(
            0,
            mistakes=_counts(
                {
                    50: random_split,
                    100: random_split,
                    150: Hint("Those rows are of another class. Where do the shoes stand?", id="shoes-for-dresses"),
                    200: Hint("That is all of the shoes. Which rows are held back?", id="all-shoes-held-back"),
                },
                0,
            ),
            hint="In which rows do the shoes stand? Is any of them among the last?",
        )

    def test_counts_what_is_left(self, submission: Submission) -> None:
        """Few of them are left to learn from"""
        expect(submission.number("training_dresses"), "`training_dresses`").to_be(
            50,
            mistakes=_counts(
                {
                    150: Hint(
                        "So many are held back, or would be left after a split at random. How many are left here?",
                        id="held-back-for-left",
                    ),
                    200: Hint("Most of the dresses went to validation. Take them off.", id="dresses-not-taken-off"),
                    0: Hint("Are there more dresses than places in validation? Count again.", id="no-dress-left"),
                    450: Hint("Those are all images to train on. How many are dresses?", id="all-images-left"),
                },
                50,
            ),
            hint="Take all dresses, less those in the validation images.",
        )


_COUNT = 40


class TestShuffled:
    def test_keeps_pairs(self, submission: Submission) -> None:
        """Each image keeps its label, and none is lost"""
        images, labels = _numbered(submission)
        found_images, found_labels = _shuffled(submission, images, labels)
        order = _order(found_images)
        if order is None:
            raise fail(
                "Some of the images that came back are not among those that went in.",
                hint=Hint("Shuffle the rows only. Leave the inside of an image as it is.", id="pixels-shuffled"),
            )
        if len(set(order)) < len(order):
            raise fail(
                _(
                    "Of {count} images only {left} are left, some of them several times.",
                    count=_COUNT,
                    left=len(set(order)),
                ),
                hint=Hint(
                    "You drew *with* replacement. Look for a function that takes each number once.",
                    id="drawn-with-replacement",
                ),
            )
        if np.array_equal(found_labels, labels[order]):
            return
        if np.array_equal(found_labels, labels):
            raise fail(
                "The images have a new order, but the labels have the old one.",
                hint=Hint(
                    "Every image has lost its label. Use the same order for both arrays.", id="labels-left-alone"
                ),
            )
        raise fail(
            "The images no longer have their own labels.",
            hint=Hint(
                "You shuffled twice, each time in another way. Make *one* order and use it for both.",
                id="shuffled-twice",
            ),
        )

    def test_changes_the_order(self, submission: Submission) -> None:
        """The order is new, and mixes the classes"""
        images, labels = _numbered(submission)
        order = _order(_shuffled(submission, images, labels)[0])
        if order is None or len(set(order)) < _COUNT:
            raise fail(
                "The images that came back are not those that went in.",
                hint=Hint("First, keep every image once.", id="keep-every-image"),
            )
        if order == list(range(_COUNT)):
            raise fail(
                "The images come back in the order in which they went in.",
                hint=Hint(
                    "Make a random order of the row numbers, and index with it. Look at `permutation`.",
                    id="nothing-shuffled",
                ),
            )
        if all(b >= a for a, b in pairwise(number * 4 // _COUNT for number in order)):
            raise fail(
                "The images of each class have changed places, but each class is still together.",
                hint=Hint(
                    "Shuffle all rows at once. Of which classes are the last ones then?",
                    id="classes-shuffled-apart",
                ),
            )
        # Of 40 numbers in random order about half go up from one to the next; 35 or more never do.
        rising = sum(b > a for a, b in pairwise(order))
        if not 4 <= rising <= 35:
            raise fail(
                "The images come back sorted, only the other way round or moved along.",
                hint=Hint(
                    "To turn them round keeps each class together. Make a random order instead.", id="turned-round"
                ),
            )

    def test_leaves_its_arguments_alone(self, submission: Submission) -> None:
        """The arrays that it was given stay as they were"""
        images, labels = _numbered(submission)
        _shuffled(submission, images, labels)  # with arrays that cannot be written to


def _numbered(submission: Submission) -> tuple[np.ndarray, np.ndarray]:
    """Images (40, 3, 2), each filled with its number, and a label row (40, 4) of its own for each; read-only."""
    offset = submission.rng("shuffled").uniform(0.1, 0.9)
    numbers = np.arange(_COUNT)
    images = np.broadcast_to(numbers[:, None, None], (_COUNT, 3, 2)).astype(np.float32)
    labels = np.eye(4)[numbers * 4 // _COUNT] + numbers[:, None] + offset
    images.setflags(write=False)
    labels.setflags(write=False)
    return images, labels


_NOT_THE_ARGUMENT = Hint(
    "Those are rows of an array of this notebook. Work with the arguments alone: call it with small arrays of your"
    " own.",
    id="ignores-its-arguments",
)


def _shuffled(submission: Submission, images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What `shuffle_together` returns: two arrays of the shapes that went in."""
    try:
        found = submission.function("shuffle_together")(images, labels)
    except Mismatch as error:
        if "out of bounds" in error.message:
            raise Mismatch(
                error.message,
                (
                    Hint(
                        "It counts on more images than it is given here. Ask the array how many there are: look at"
                        " `len`.",
                        id="fixed-number-of-images",
                    ),
                ),
            ) from None
        if "read-only" in error.message:
            raise fail(
                "`shuffle_together` changes the arrays that it was given.",
                hint=Hint(
                    "Whoever calls it still needs them as they were. Work on copies, or take the rows in a new order.",
                    id="arguments-changed",
                ),
            ) from None
        if "None" in error.message:
            raise Mismatch(
                error.message,
                (
                    Hint(
                        "`shuffle` changes its argument and returns nothing. Make a new order, and return both arrays.",
                        id="shuffle-returns-nothing",
                    ),
                ),
            ) from None
        raise
    if isinstance(found, np.ndarray) and len(found.shape) and found.shape[0] == 2:
        found = tuple(found)
    if not isinstance(found, (tuple, list)) or len(found) != 2:
        raise fail(
            "`shuffle_together` should return two arrays, the images and the labels.",
            hint=Hint("Return both, with a comma between them.", id="one-array"),
        )
    shuffled_images = as_array(found[0], _("the first array that it returns"))
    shuffled_labels = as_array(found[1], _("the second array that it returns"))
    flattened = Hint("Each image has become a row. Keep its shape: shuffle the first axis alone.", id="flattened")
    expect(shuffled_images, "the first array").to_have_shape(
        images.shape,
        mistakes={
            labels.shape: Hint("Images first, labels second. Turn them round.", id="wrong-order"),
            (_COUNT, 6): flattened,
            (6 * _COUNT,): flattened,
            (_COUNT, 784): _NOT_THE_ARGUMENT,
            (1, *images.shape): Hint(
                "`shuffle` changes its argument and returns nothing, so it makes no order to index with. Look at"
                " `permutation`.",
                id="shuffle-makes-no-order",
            ),
            lambda shape: len(shape) == images.ndim and shape[0] < _COUNT and shape[1:] == images.shape[1:]: Hint(
                "Some of the images are lost. Which row numbers does your order leave out?", id="images-lost"
            ),
        },
        hint="As many images come back as went in, of the same shape. Print both shapes.",
        stated=True,
    )
    expect(shuffled_labels, "the second array").to_have_shape(
        labels.shape,
        mistakes={
            (_COUNT,): Hint("Keep the rows of the labels as they are.", id="rows-decoded"),
            (_COUNT, 3): _NOT_THE_ARGUMENT,
        },
        hint="As many labels come back as went in, of the same shape. Print both shapes.",
        stated=True,
    )
    return shuffled_images, shuffled_labels


def _order(images: np.ndarray) -> list[int] | None:
    """The numbers of the images in the order they came back, or None if one is not as it was."""
    if images.dtype.kind not in "iuf":
        return None
    first = images[:, :1, :1]
    if not (images == first).all() or not np.isin(first, np.arange(_COUNT)).all():
        return None
    return [int(n) for n in first.ravel()]


History = dict[str, list[float]]


class TestBestEpoch:
    def test_is_the_minimum(self, submission: Submission) -> None:
        """It is the epoch with the smallest validation loss"""
        rng = submission.rng("best epoch")
        function = _function(submission, "best_epoch")
        for _again in range(2):
            (history,), right, mistakes = told_apart(rng, _some_history, _best_epochs)
            (other,) = _some_history(rng)
            while np.argmin(other["val_loss"]) + 1 == right:
                (other,) = _some_history(rng)
            with unless_it_ignores(function, "best_epoch", (history,), (other,)):
                expect(_one_number(function(history)), "`best_epoch(history)`").to_be_close_to(
                    np.array(right),
                    mistakes=mistakes,
                    hint=[
                        "Which of the four lists is it about? Where in it stands the smallest entry?",
                        "A position counts from 0. Where do epochs begin?",
                    ],
                )

    def test_with_other_curves(self, submission: Submission) -> None:
        """Also when the best epoch is the first or the last"""
        rng, function = submission.rng("other curves"), _function(submission, "best_epoch")
        length = int(rng.integers(5, 9))
        rising = [float(v) for v in np.round(np.sort(rng.permutation(60)[:length]) / 100 + 0.3, 2)]
        for best, losses in ((1, rising), (length, rising[::-1])):
            accuracy = [float(v) for v in np.round(0.5 + 0.05 * np.arange(length), 2)]
            history = {"loss": losses[::-1], "accuracy": accuracy, "val_loss": losses, "val_accuracy": accuracy[::-1]}
            expect(
                _one_number(function(history)), _("`best_epoch` for the validation losses {losses}", losses=losses)
            ).to_be_close_to(
                np.array(best),
                mistakes=[
                    (best - 1, _FROM_ZERO),
                    (
                        length + 1 - best,
                        Hint(
                            "Is that the largest, or from another list? Look for the smallest validation loss.",
                            id="other-end",
                        ),
                    ),
                ],
                hint="It may be the first or the last. Where stands the smallest entry?",
            )


_FROM_ZERO = Hint("That is the position, which counts from 0. Where do epochs begin?", id="counted-from-zero")


def _some_history(rng: np.random.Generator) -> tuple[History]:
    """A history of 30 epochs, with several dips in its validation loss; the best is neither first nor last."""
    while True:
        history = {
            name: np.round(rng.permutation(70)[:30] / 100 + low, 2).tolist()
            for name, low in (("loss", 0.15), ("accuracy", 0.28), ("val_loss", 0.25), ("val_accuracy", 0.25))
        }
        losses = history["val_loss"]
        if 3 <= int(np.argmin(losses)) <= 26 and losses[1] < losses[0]:
            return (history,)


def _best_epochs(history: History) -> Answers:
    losses = history["val_loss"]
    best = int(np.argmin(losses))
    first_rise = next(i for i, (a_, b_) in enumerate(pairwise(losses)) if b_ > a_)
    largest = Hint("That is where the loss is largest. Should a loss be large or small?", id="largest-loss")
    training = Hint(
        "That is the smallest *training* loss. Which loss says how it does on other images?", id="training-loss"
    )
    accuracy = Hint("That is found in the validation accuracy. Look at the validation loss.", id="validation-accuracy")
    of_training = Hint("That is found in the training accuracy. Look at the validation loss.", id="training-accuracy")
    itself = Hint("That is the smallest loss itself. In which epoch was it reached?", id="loss-for-epoch")
    return best + 1, [
        (best, _FROM_ZERO),
        (len(losses), Hint("That is the last epoch. Is its validation loss the smallest?", id="last-epoch")),
        (int(np.argmin(history["loss"])) + 1, training),
        (int(np.argmin(history["loss"])), training),
        (int(np.argmax(losses)) + 1, largest),
        (int(np.argmax(losses)), largest),
        (int(np.argmax(history["val_accuracy"])) + 1, accuracy),
        (int(np.argmax(history["val_accuracy"])), accuracy),
        (int(np.argmax(history["accuracy"])) + 1, of_training),
        (int(np.argmax(history["accuracy"])), of_training),
        (best + 2, Hint("One too many. A position counts from 0: add only as much as is needed.", id="one-too-many")),
        (
            first_rise + 1,
            Hint(
                "There the loss rises for the first time, but it falls again later. Look at the whole list.",
                id="first-rise",
            ),
        ),
        (
            np.array([best + 1, min(losses)]),
            Hint("You return two values. The task asks for the epoch alone: leave the other out.", id="two-values"),
        ),
        (
            len(losses) - best,
            Hint("That is counted from the end. Count from the first epoch.", id="counted-from-the-end"),
        ),
        (min(losses), itself),
        (min(history["loss"]), training),
        (max(history["val_accuracy"]), accuracy),
    ]


class TestGap:
    @pytest.mark.parametrize("positive", [True, False])
    def test_is_training_minus_validation(self, submission: Submission, positive: bool) -> None:
        """It is training accuracy minus validation accuracy, at the end"""
        rng = submission.rng(f"gap {positive}")

        def draw(rng: np.random.Generator) -> tuple[History]:
            while True:
                (history,) = _some_history(rng)
                difference = history["accuracy"][-1] - history["val_accuracy"][-1]
                if abs(difference) > 0.04 and (difference > 0) == positive:
                    return (history,)

        (history,), right, mistakes = told_apart(rng, draw, _gaps)
        function = _function(submission, "gap")
        with unless_it_ignores(function, "gap", (history,), (_some_history(rng)[0],)):
            expect(_one_number(function(history)), "`gap(history)`").to_be_close_to(
                np.array(right),
                tolerance=1e-4,
                mistakes=mistakes,
                hint=[
                    "Which two of the four lists are about accuracy? Which entry belongs to the last epoch?",
                    "Print both entries. Which is subtracted from which?",
                ],
            )


def _gaps(history: History) -> Answers:
    training, validation = np.array(history["accuracy"]), np.array(history["val_accuracy"])
    differences = training - validation
    right = float(differences[-1])
    turned = (
        Hint("The wrong way round. The gap is positive if it does better in training: turn it.", id="wrong-way-round")
        if right > 0
        else Hint("Here it does better on the validation images. Keep the sign.", id="sign-thrown-away")
    )
    one_epoch = Hint("Take both accuracies from the last epoch.", id="not-one-epoch")
    losses = history["loss"][-1] - history["val_loss"][-1]
    of_losses = Hint("Those are the losses. Take the accuracies.", id="losses")
    best = Hint("That is the gap of the best epoch. Take the last one.", id="best-epoch")
    mixed = Hint(
        "You take a loss and an accuracy together. Which two lists does the task name?", id="loss-and-accuracy-mixed"
    )
    ends = {name: values[-1] for name, values in history.items()}
    smallest = int(np.argmin(history["val_loss"]))
    return right, [
        (-right, turned),
        (differences, Hint("That is the gap of every epoch. Return that of the last one.", id="every-epoch")),
        (float(differences.mean()), Hint("That is the mean over the epochs. Take the last one.", id="mean")),
        (float(differences[0]), Hint("That is the first epoch. Where does a list end?", id="first-epoch")),
        (float(differences[-2]), Hint("That is the epoch before the last. Where does a list end?", id="last-but-one")),
        (float(differences[np.argmin(history["val_loss"])]), best),
        (float(differences[validation.argmax()]), best),
        (float(differences[training.argmax()]), best),
        (float(differences.max()), Hint("That is the largest gap. Take that of the last epoch.", id="largest-gap")),
        (float(training.max() - validation.max()), one_epoch),
        (float(training.max() - validation.min()), one_epoch),
        (float(training[-1] - validation.max()), one_epoch),
        (float(training[-1] - validation[0]), one_epoch),
        (float(training[-1] - validation[1]), one_epoch),
        (float(training[0] - validation[-1]), one_epoch),
        (float(training[1] - validation[-1]), one_epoch),
        (float(training.max() - validation[-1]), one_epoch),
        (losses, of_losses),
        (-losses, of_losses),
        *(
            (sign * (ends[one] - ends[other]), mixed)
            for one in ("loss", "val_loss")
            for other in ("accuracy", "val_accuracy")
            for sign in (1, -1)
        ),
        (
            float(training[-1] + validation[-1]),
            Hint("You add the two. How much better is one than the other?", id="added-up"),
        ),
        (
            round(right, 1),
            Hint("So few digits lose what the gap tells. Do not round.", id="rounded-gap"),
        ),
        (
            right / float(validation[-1]),
            Hint("That is a share of the validation accuracy. Leave the division out.", id="relative-to-validation"),
        ),
        (
            float(differences[smallest + 1]),
            Hint(
                "That is the epoch after the best one: a number that counts from 1 was taken for a position. Look at"
                " which epoch the task asks for.",
                id="epoch-for-position",
            ),
        ),
        (float(training[-1] / validation[-1]), Hint("That is a ratio. The gap is a difference: subtract.", id="ratio")),
        (
            right / float(training[-1]),
            Hint("That is a share of the training accuracy. Leave the division out.", id="relative"),
        ),
        (100 * right, Hint("That is in per cent. Leave the accuracies between 0 and 1.", id="per-cent")),
        (float(training[-1]), Hint("That is the training accuracy alone. What is taken off?", id="training-alone")),
        (
            float(validation[-1]),
            Hint("That is the validation accuracy alone. Look at the task.", id="validation-alone"),
        ),
    ]


_DIAGNOSES = ("overfitting", "underfitting", "good fit", "learning rate too large")
_SIGNS = {
    "curve_a": "underfitting",
    "curve_b": "overfitting",
    "curve_c": "learning rate too large",
    "curve_d": "good fit",
}
_SAME_DIAGNOSIS = {
    "overfit": "overfitting",
    "underfit": "underfitting",
    "over fitting": "overfitting",
    "under fitting": "underfitting",
    "goodfit": "good fit",
}


class TestCurves:
    def test_are_diagnosed(self, submission: Submission) -> None:
        """What the learning curves show"""
        given = {name: _diagnosis(submission, name) for name in _SIGNS}
        wrong = {given[name] for name, right in _SIGNS.items() if given[name] != right}
        signs = {
            "overfitting": Hint(
                "Overfitting shows when the two curves *part*: one falls on, the other rises. Where do you see that?",
                id="signs-of-overfitting",
            ),
            "underfitting": Hint(
                "Underfitting shows when *both* losses stay high. Where do you see that?", id="signs-of-underfitting"
            ),
            "good fit": Hint(
                "A good fit shows when both losses fall and end low, close together. Where do you see that?",
                id="signs-of-a-good-fit",
            ),
            "learning rate too large": Hint(
                "Steps that are too large make the loss jump about. Where do you see that?", id="signs-of-large-steps"
            ),
        }
        expect_group(
            given,
            _SIGNS,
            hint="Ask of each network: does the training loss end low? And does the other curve follow it?",
            mistakes=[(name in wrong, signs[name]) for name in _DIAGNOSES],
        )


def _diagnosis(submission: Submission, name: str) -> str:
    found = " ".join(submission.text(name)[:100].lower().replace("-", " ").replace("_", " ").split())
    found = _SAME_DIAGNOSIS.get(found, found)
    if found not in _DIAGNOSES:
        raise fail(
            _(
                "`{name}` is {found!r}, which is not one of the four texts.",
                name=name,
                found=submission.text(name)[:60],
            ),
            hint=Hint("Copy one of the four texts from the task.", id="words-of-ones-own"),
        )
    return found


class TestOverfitted:
    def test_takes_images(self, submission: Submission) -> None:
        """It takes an image and says three things about it"""
        _answers_three_classes(submission, "overfitted")

    def test_knows_them_by_heart(self, submission: Submission) -> None:
        """It knows the 100 labels by heart, the wrong ones, too"""
        model = submission.model("overfitted")
        _only_these_images(submission, "overfitted", *_few()[:2])
        share, share_true = (
            _agreement(submission, "overfitted", *_few()[:2]),
            _agreement(submission, "overfitted", *_few()[::2]),
        )
        if share >= BY_HEART:
            return
        if model.untrained:
            hint = NEVER_TRAINED
        elif _rate_is_absurd(model):
            hint = _LARGE_STEPS
        elif prevents := _prevents(model):
            hint = Hint(
                _("{prevents} keeps a network from learning by heart. Leave it out here.", prevents=prevents),
                id="cure-too-early",
            )
        elif share_true > 0.97:
            hint = Hint(
                "It gives the *right* labels, nearly all of them. The ones to learn here are partly wrong: train on"
                " `few_labels`.",
                id="trained-on-right-labels",
            )
        elif share_true > share + 0.05:
            hint = Hint(
                "It follows the *right* labels, not the wrong ones it was given. That is what you want later. Here,"
                " give it more epochs and more units.",
                id="not-fooled-yet",
            )
        else:
            hint = Hint(
                "Give it time and room to learn by heart: more epochs, a wider hidden layer.", id="too-little-room"
            )
        raise Mismatch(
            _(
                "`overfitted` gets {share:.2f} of the 100 labels right that it was trained on;"
                " {needed:g} is asked for.",
                share=share,
                needed=BY_HEART,
            ),
            (hint, "Did you train it on `few_images` and `few_labels`?"),
            _ramp(share, BY_HEART, BY_HEART_ZERO),
        )

    def test_has_a_gap(self, submission: Submission) -> None:
        """It does much worse on images that it has not seen"""
        share, unseen = _agreement(submission, "overfitted", *_few()[:2]), submission.accuracy("overfitted")
        found = share - unseen.value
        if found >= GAP_MADE:
            return
        if submission.model("overfitted").untrained:
            hint = NEVER_TRAINED
        else:
            hint = Hint(
                "It is hardly fooled. Train longer on `few_images`, until it has learned the wrong labels, too.",
                id="hardly-fooled",
            )
        raise Mismatch(
            _(
                "The gap of `overfitted` is {found:.2f} ({share:.2f} on `few_images`, {unseen:.2f} on"
                " {images} {where}), but it should be at least {needed:g}.",
                found=found,
                share=share,
                unseen=unseen.value,
                images=unseen.images,
                where=unseen.where,
                needed=GAP_MADE,
            ),
            (hint, "Train on `few_images` and `few_labels` only. How soon are 100 images known by heart?"),
            _ramp(found, GAP_MADE, GAP_MADE_ZERO),
        )

    def test_keeps_its_history(self, submission: Submission) -> None:
        """Its history is kept"""
        _keeps_its_history(submission, "overfitted")


class TestStopped:
    def test_was_stopped(self, submission: Submission) -> None:
        """Early stopping ended the training"""
        losses = _validation_losses(submission)
        _is_another_network(submission, "stopped", "overfitted")
        best = int(np.argmin(losses)) + 1
        after = len(losses) - best
        if after == 0:
            if _validated_on_training(submission, losses):
                raise fail(
                    _("In all {count} epochs the validation loss fell: nothing was stopped.", count=len(losses)),
                    _NOT_ITS_OWN,
                )
            raise fail(
                _(
                    "The last of {count} epochs has the smallest validation loss: nothing was stopped.",
                    count=len(losses),
                ),
                hint=Hint(
                    "The loss was still falling. Allow more epochs, so that early stopping can find the best one.",
                    id="still-falling",
                ),
            )
        near = next(i for i, loss in enumerate(losses) if loss <= min(losses) + _tolerance(min(losses))) + 1
        if len(losses) - near < LEAST_PATIENCE:
            raise fail(
                _(
                    "The best epoch was number {best}, and training ended with number {last}.",
                    best=best,
                    last=len(losses),
                ),
                hint=Hint(
                    "Was it early stopping that ended it, or the number of epochs? Allow more epochs, and a `patience`"
                    " as the task asks for.",
                    id="ended-by-epochs",
                ),
            )
        if after > MOST_PATIENCE:
            raise fail(
                _(
                    "The best epoch was number {best}, but training went on to number {last}.",
                    best=best,
                    last=len(losses),
                ),
                hint=Hint(
                    "Does `fit` know the callback, and how long does it wait? Look at `callbacks` and `patience`.",
                    id="not-stopped",
                ),
            )
        _stopped_has_learned(submission)

    def test_has_the_best_weights(self, submission: Submission) -> None:
        """It has the weights of its best epoch"""
        losses = _validation_losses(submission)
        _answers_three_classes(submission, "stopped")
        model = submission.model("stopped")
        _only_these_images(submission, "stopped", *_few()[:2])
        if any(layer.config.get("kernel_regularizer") for layer in model.layers):
            raise fail(
                "`stopped` has an L2 or L1 penalty, so its loss cannot be compared with its history.",
                hint=Hint("Leave the regularizer out in this task.", id="penalty"),
            )
        loss = _mean_loss(submission, "stopped", *_validation())
        best = float(np.min(losses))
        if abs(loss - best) <= _tolerance(best):
            _stopped_has_learned(submission)
            _learned_these_labels(submission, "stopped", _few()[:2])
            return
        says = _(
            "The validation loss of `stopped` is {loss:.3f}, but in its best epoch, number {epoch}, it was {best:.3f}.",
            loss=loss,
            epoch=int(np.argmin(losses)) + 1,
            best=best,
        )
        # Near the end losses hardly differ, so of several epochs it is the nearest one that counts.
        nearest = int(np.argmin(np.abs(np.array(losses) - loss)))
        epochs = [nearest] if abs(loss - losses[nearest]) <= _tolerance(losses[nearest]) else []
        if model.untrained:
            hint = NEVER_TRAINED
        elif len(losses) - 1 in epochs:
            hint = Hint(
                "It has the weights of its *last* epoch. Look through the arguments of `EarlyStopping`: which one gives"
                " the best ones back?",
                id="last-weights",
            )
        elif watched := _best_by(submission, epochs):
            hint = Hint(
                _(
                    "It has the weights of the epoch that is best by {watched}. Which quantity should it"
                    " watch? Look at `monitor`.",
                    watched=watched,
                ),
                id="another-monitor",
            )
        elif _validated_on_training(submission, losses):
            hint = _NOT_ITS_OWN
        else:
            hint = Hint(
                "Validate on all of `x_val` and `y_val`. Was `stopped` trained again after its history was kept?",
                id="trained-again",
            )
        raise fail(says, hint=hint)

    def test_is_not_fooled(self, submission: Submission) -> None:
        """It gets at least 70 % of unseen images right"""
        expect(submission.accuracy("stopped"), "the accuracy of `stopped`").to_reach(
            STOPPED_NEEDED, zero_at=STOPPED_ZERO, hint=_TOO_SOON
        )


_TOO_SOON = Hint(
    "Was it stopped too soon? Let the loss rise for a few more epochs before training ends: look at `patience`.",
    id="stopped-too-soon",
)
_NOT_ITS_OWN = Hint(
    "It was validated on the images that it was trained on. Give `fit` other images for that: look at"
    " `validation_data`.",
    id="validated-on-training-images",
)


def _stopped_has_learned(submission: Submission) -> None:
    """Losses are easily typed by hand, so a history counts only with a network that has learned."""
    accuracy = expect(submission.accuracy("stopped"))
    hint = _NOT_SCALED if _saw_raw_pixels(submission, "stopped", *_few()[:2]) else _TOO_SOON
    accuracy.to_have_learned(submission.model("stopped"), guessing=1 / 3, at_least=LEARNED, hint=hint)


def _tolerance(loss: float) -> float:
    """How far a loss that is measured here may be from one in a history."""
    return 0.002 + 0.01 * loss


def _best_by(submission: Submission, epochs: list[int]) -> str:
    """By which quantity of the history one of these epochs (from 0), not the last, is the best; '' if by none."""
    history = submission.history("stopped_history").history
    kinds = (
        ("val_accuracy", np.argmax, _("the validation accuracy")),
        ("loss", np.argmin, _("the training loss")),
        ("accuracy", np.argmax, _("the training accuracy")),
    )
    last = len(history["val_loss"]) - 1
    for name, which, says in kinds:
        values = history.get(name) or []
        if len(values) == last + 1 and np.isfinite(values).all() and int(which(values)) in set(epochs) - {last}:
            return says
    return ""


def _validated_on_training(submission: Submission, losses: list[float]) -> bool:
    """Whether the losses in the history are those on the training images, at the best or at the last epoch."""
    training = _mean_loss(submission, "stopped", *_few()[:2])
    return min(abs(training - min(losses)), abs(training - losses[-1])) <= _tolerance(training)


def _validation_losses(submission: Submission) -> list[float]:
    try:
        history = submission.history("stopped_history").history
    except NotAttempted:
        if submission.model("stopped").untrained:
            raise
        raise _not_kept("stopped") from None
    losses = history.get("val_loss")
    if not losses:
        raise fail(
            "`stopped_history` has no validation loss.",
            hint=Hint(
                "Early stopping watches how it does on other images. Give `fit` those, with their labels.",
                id="no-validation",
            ),
        )
    numbers = [float(v) for v in losses if isinstance(v, (int, float)) and -1e30 < v < 1e30]
    if len(numbers) != len(losses):
        raise fail(
            "`stopped_history` has a validation loss that is not a number.",
            hint=Hint("The training diverged. Use a smaller learning rate.", id="ran-away"),
        )
    return numbers


class TestCured:
    def test_takes_images(self, submission: Submission) -> None:
        """It takes an image and gives three probabilities, all of them, always"""
        _answers_three_classes(submission, "cured")

    def test_is_good(self, submission: Submission) -> None:
        """It gets at least 75 % of unseen images right"""
        model, accuracy = submission.model("cured"), submission.accuracy("cured")
        if model.untrained and accuracy.value < NEEDED:
            expect(accuracy).to_have_learned(model, guessing=1 / 3, at_least=NEEDED)
        share = _agreement(submission, "cured", *_training())
        # With three quarters of the labels right, whoever is not fooled and still falls short agrees with few of them.
        if _rate_is_absurd(model):
            hint = _LARGE_STEPS
        elif _saw_raw_pixels(submission, "cured", *_training()):
            hint = _NOT_SCALED
        elif share > 0.6:
            hint = _LEARNED_BY_HEART
        else:
            hint = Hint(
                "It has hardly learned anything. Take a little less of the cure: more epochs, less dropout, less L2.",
                id="too-much-of-the-cure",
            )
        hints = [hint, _("Use all 400 images, and watch the validation loss. Where does it turn?")]
        expect(accuracy, "the accuracy of `cured`").to_reach(NEEDED, zero_at=NOTHING_BELOW, hint=hints)

    def test_has_no_gap(self, submission: Submission) -> None:
        """Its gap is at most 0.05, and it does not repeat the wrong labels"""
        unseen = submission.accuracy("cured")
        share = _agreement(submission, "cured", *_training())
        if unseen.value < LEARNED:
            raise fail(
                _("`cured` gets {share:.0%} of unseen images right, so its gap says nothing.", share=unseen.value),
                hint=Hint(
                    "A network that has learned nothing has no gap either. First, make it learn.", id="nothing-learned"
                ),
            )
        for other in ("overfitted", "stopped"):
            _is_another_network(submission, "cured", other)
        _repeats_wrong_labels(submission)
        _only_these_images(submission, "cured", *_training())
        _others_took_no_part(submission)
        _was_not_trained_again(submission)
        _learned_these_labels(submission, "cured", _training(), _few()[:2])
        found = share - unseen.value
        if found > GAP_CURED:
            raise Mismatch(
                _(
                    "The gap of `cured` is {found:.2f} ({share:.2f} on the training images, {unseen:.2f} on"
                    " {images} {where}), but it should be at most {most:g}.",
                    found=found,
                    share=share,
                    unseen=unseen.value,
                    images=unseen.images,
                    where=unseen.where,
                    most=GAP_CURED,
                ),
                (_LEARNED_BY_HEART, "One in four training labels is wrong. Does it repeat those? Print some."),
                _ramp(found, GAP_CURED, GAP_CURED_ZERO),
            )

    def test_keeps_its_history(self, submission: Submission) -> None:
        """Its history is kept"""
        _keeps_its_history(submission, "cured")


_LEARNED_BY_HEART = Hint(
    "It has learned many of the wrong labels by heart. Stop earlier, or use dropout, L2 or fewer units: try one of them"
    " at a time.",
    id="learned-by-heart",
)


def _repeats_wrong_labels(submission: Submission) -> None:
    """See that the network does not say what the wrong labels say, neither of all images nor of the first hundred."""
    pixels, given, true = _exercise()
    answers = submission.predictions("cured", pixels[:400]).argmax(axis=1)
    wrong = np.flatnonzero(given[:400] != true[:400])
    repeated = answers[wrong] == given[wrong]
    if max(repeated.mean(), repeated[wrong < 100].mean()) <= REPEATED:
        return
    raise fail(
        _(
            "`cured` repeats {share:.0%} of the wrong labels that it was trained on.",
            share=max(repeated.mean(), repeated[wrong < 100].mean()),
        ),
        hint=_LEARNED_BY_HEART,
    )


def _others_took_no_part(submission: Submission) -> None:
    """Look for the traces that training on the test or on the validation images leaves in `cured`.

    The logarithm of the loss on the test images, less that on the validation and on the training images with their
    true labels, is at least -0.14 and -0.05 for six honest cures, three seeds each; it is -0.39 and -0.36 after eight
    epochs on the test images. Early stopping alone leaves no trace on the validation images.
    """
    pixels, _given, true = _exercise()
    (test_images, test_labels) = load_fashion()[1]
    train = np.log(_mean_loss(submission, "cured", pixels[:400], true[:400]) + 1e-4)
    held_back = np.log(_mean_loss(submission, "cured", *_validation()) + 1e-4)
    test = np.log(_mean_loss(submission, "cured", test_images.reshape(-1, 28, 28), test_labels.argmax(axis=1)) + 1e-4)
    for one, others, which in ((test, (held_back, train), _("test")), (held_back, (test, train), _("validation"))):
        if one < min(others) - (0.25 if which == "test" else 0.5):
            raise fail(
                _(
                    "`cured` fits the {which} images better than a network that was not trained on them can.",
                    which=which,
                ),
                hint=Hint(
                    "Which images does `fit` get first? Give it `x_train` and `y_train`.", id="trained-on-others"
                ),
            )


def _was_not_trained_again(submission: Submission) -> None:
    """See that `cured` is one of the networks whose validation loss its history tells, and not a better one.

    That can be told only where the images for validation were those of the notebook: there are 200, with right labels.
    """
    try:
        history = submission.history("cured_history")
    except (Mismatch, NotAttempted):
        return
    if any(layer.config.get("kernel_regularizer") for layer in submission.model("cured").layers):
        return  # the penalty is part of the losses
    accuracies = [v for k, v in history.history.items() if k.startswith("val_") and "acc" in k and v]
    losses = history.history.get("val_loss") or []
    if images_of_an_epoch(history, 200, validation=True) != 200 or not accuracies or max(accuracies[0]) < _TOLD:
        return
    if not all(isinstance(loss, (int, float)) and 0 <= loss < 1e9 for loss in losses) or not losses:
        return
    loss = _mean_loss(submission, "cured", *_validation())
    if loss < min(losses) - 3 * _tolerance(min(losses)):
        raise fail(
            _(
                "The validation loss of `cured` is {loss:.3f}, which is less than in any epoch of its history.",
                loss=loss,
            ),
            hint=Hint(
                "Was it trained once more, on the validation images? They are there to look at: call `fit` only with"
                " those of the task.",
                id="trained-again",
            ),
        )


# What `fit` says of the labels that it was given, and what the network says of `y_train`. Eight honest cures differ by
# 0.01 at most and have no more than 0.75, since one label in four is wrong; trained on the right labels, or on the
# validation images, they have 0.88 to 0.98 and differ by 0.18 to 0.26.
_TOLD, _TOLD_MORE = 0.82, 0.10


def _learned_these_labels(submission: Submission, name: str, *sets: tuple[np.ndarray, np.ndarray]) -> None:
    """See that the labels which `fit` was given can have been those of one of these sets of images and labels."""
    if submission.model(name).layers_of("BatchNormalization"):
        return  # in training it answers from each batch, and otherwise from what it remembers of all
    told = _told_accuracy(submission, name)
    share = max(_agreement(submission, name, *some) for some in sets)
    if told is not None and told >= _TOLD and told - share > _TOLD_MORE:
        raise fail(
            _(
                "While it was trained, `{name}` got {told:.0%} of its labels right. Of those of the task it gets"
                " {share:.0%}.",
                name=name,
                told=told,
                share=share,
            ),
            hint=Hint(
                "`fit` was given other labels, or other images. Which does the task name? Look at its first two"
                " arguments.",
                id="trained-on-other-labels",
            ),
        )


def _told_accuracy(submission: Submission, name: str) -> float | None:
    """The training accuracy in the history of a network, of the epoch whose weights it has; None if none can be told.

    With validation that is the epoch with the validation loss that is measured now, else the last one.
    """
    try:
        history = submission.history(f"{name}_history").history
    except (Mismatch, NotAttempted):
        return None
    accuracies = next((v for k, v in history.items() if "acc" in k and not k.startswith("val_") and v), [])
    if not accuracies or not all(isinstance(v, (int, float)) and 0 <= v <= 1 for v in accuracies):
        return None
    losses = history.get("val_loss") or []
    if not losses:
        return float(accuracies[-1])
    if len(losses) != len(accuracies) or not all(isinstance(v, (int, float)) and abs(v) < 1e9 for v in losses):
        return None
    penalty = any(layer.config.get("kernel_regularizer") for layer in submission.model(name).layers)
    if penalty:  # it is part of the losses, and the last epoch's weights are the usual ones
        return float(accuracies[-1]) if not _wins_back(losses) else None
    loss = _mean_loss(submission, name, *_validation())
    nearest = int(np.argmin(np.abs(np.array(losses) - loss)))
    return float(accuracies[nearest]) if abs(loss - losses[nearest]) <= _tolerance(loss) else None


def _wins_back(losses: list[float]) -> bool:
    """Whether the best epoch was not the last, so that early stopping may have given its weights back."""
    return int(np.argmin(losses)) < len(losses) - 1


class TestSaved:
    def test_answers_as_before(self, submission: Submission) -> None:
        """`loaded` answers exactly as `cured` does"""
        cured, loaded = submission.model("cured"), submission.model("loaded")
        if cured.identity and cured.identity == loaded.identity:
            raise fail(
                "`loaded` is `cured` itself, under a second name.",
                hint=Hint("Load it from the file: look at `keras.saving`.", id="not-loaded"),
            )
        if [layer.class_name for layer in cured.layers] != [layer.class_name for layer in loaded.layers] or (
            cured.parameters != loaded.parameters
        ):
            raise fail(
                _(
                    "`loaded` has {parameters:,} parameters and other layers than `cured` with {others:,}.",
                    parameters=loaded.parameters,
                    others=cured.parameters,
                ),
                hint=Hint("Did you save another model? Save `cured`, then load that file.", id="another-network"),
            )
        pixels = submission.images("fashion").pixels[:50]
        before, after = submission.predictions("cured", pixels), submission.predictions("loaded", pixels)
        if before.shape != after.shape or not np.allclose(before, after, atol=1e-4):
            raise fail(
                "`loaded` has the layers of `cured`, but it answers differently.",
                hint=Hint(
                    "Its weights are others. To save the architecture alone, or to clone it, leaves them behind: save"
                    " the whole model.",
                    id="weights-left-behind",
                )
                if loaded.untrained
                else Hint(
                    "Its weights are others. Was `cured` trained again after it was saved? Save and load it once more.",
                    id="trained-after-saving",
                ),
            )
        if not cured.untrained and loaded.untrained:
            raise fail(
                "`loaded` answers like `cured`, but it does not know how it was compiled and trained.",
                hint=Hint(
                    "A file keeps the optimizer, too. Was it a copy, or loaded without it? Load the whole file.",
                    id="a-copy",
                ),
            )

    def test_knows_the_size(self, submission: Submission) -> None:
        """`cured.keras` is there, and `file_bytes` is its size"""
        found, parameters = submission.number("file_bytes"), submission.model("cured").parameters
        sizes = {name: submission.file_size(name) for name in ("cured.keras", "cured.h5")}
        there = [size for size in sizes.values() if size is not None]
        if not there:
            raise fail(
                "There is no file `cured.keras` beside the notebook.",
                hint=Hint("Save `cured` under this name, into the folder of the notebook.", id="no-such-file"),
            )
        if max(there) < 4 * parameters:
            raise fail(
                "The file `cured.keras` is too small for all the parameters of `cured`.",
                hint=Hint("Is it another model, or the architecture alone? Save `cured` itself.", id="file-too-small"),
            )
        expect(found, "`file_bytes`").to_be_one_of(
            there,
            mistakes=[
                (
                    lambda v: v in (10, 11, 8),
                    Hint("That is the length of the name. Ask for the size of the file.", id="length-of-the-name"),
                ),
                (
                    lambda v: v == parameters,
                    Hint(
                        "That is the number of parameters. Each takes several bytes. Ask for the file.", id="parameters"
                    ),
                ),
                (
                    lambda v: any(abs(v - size / unit) <= 1 for size in there for unit in (1000, 1024)),
                    Hint("That looks like kilobytes. Leave the division out.", id="kilobytes"),
                ),
                (
                    lambda v: v <= 0,
                    Hint("The file is empty or was not found. Save first, then ask for its size.", id="not-found"),
                ),
            ],
            hint=[
                "Ask the operating system for the size: look at the two ways in the task's text.",
                "Was the file saved again later? Ask for its size after that.",
            ],
        )


# The task's table.
_NETWORKS = {"A": "0.87", "B": "0.90", "C": "0.91", "D": "0.95", "E": "0.88"}
_LISTED = (0.86, 0.85, 0.87, 1.0, 0.92, 0.9, 0.96, 0.94, 0.91, 0.97, 0.93, 0.95, 0.99, 0.89, 0.88)


class TestReported:
    def test_chooses_and_reports(self, submission: Submission) -> None:
        """What is chosen, what is reported, and what chance gives"""
        chosen = submission.text("chosen").strip()[:20].upper().removeprefix("NETWORK").strip()
        if chosen not in _NETWORKS:
            raise fail(
                _(
                    "`chosen` is {found!r}, which is not one of the networks in the table.",
                    found=submission.text("chosen")[:20],
                ),
                hint=Hint("Write a single letter, in quotes.", id="no-letter"),
            )
        reported, chance = submission.number("reported"), submission.number("shuffled_accuracy")
        forms = [
            (
                80 <= reported <= 100,
                Hint("Do you write an accuracy in per cent? Divide it, so that it is below 1.", id="per-cent"),
            ),
            (
                any(abs(reported - mean) <= 0.0006 for mean in (0.925, 0.93667)),
                Hint("Do you take a mean? Validation took part in the choice. Report one number.", id="mean-reported"),
            ),
            (
                not any(abs(reported - listed) <= 0.0005 for listed in _LISTED),
                Hint("`reported` is not in the table. Take a number from there as it stands.", id="not-in-the-table"),
            ),
            (
                abs(chance - 100 / 3) <= 0.5,
                Hint("That is in per cent. Divide it, so that it is below 1.", id="chance-per-cent"),
            ),
            (
                abs(chance - 3) <= 0.0005,
                Hint("That is the number of classes. How often is a guess right?", id="classes-for-chance"),
            ),
        ]
        # The same is said whatever is wrong, or it would tell which of the three is; the id counts which it was.
        mistakes = [
            (chosen == "D", Hint(_WHOSE_IMAGES, id="chosen-by-test")),
            (chosen == "B", Hint(_WHOSE_IMAGES, id="chosen-by-training")),
            (chosen == "A", Hint(_WHOSE_IMAGES, id="chosen-by-gap")),
            (chosen == "E", Hint(_WHOSE_IMAGES, id="chosen-otherwise")),
            (abs(reported - 0.94) <= 0.0005, Hint(_WHOSE_IMAGES, id="validation-reported")),
            (abs(reported - 0.96) <= 0.0005, Hint(_WHOSE_IMAGES, id="training-reported")),
            (abs(reported - 0.95) <= 0.0005, Hint(_WHOSE_IMAGES, id="best-reported")),
            (abs(reported - 0.91) > 0.0005, Hint(_WHOSE_IMAGES, id="another-network-reported")),
            (abs(chance - 1) <= 0.0005, Hint(_WHOSE_IMAGES, id="known-by-heart")),
            (abs(chance) <= 0.0005, Hint(_WHOSE_IMAGES, id="never-right")),
            (
                abs(chance - 0.5) <= 0.0005 or abs(chance - 0.1) <= 0.0005,
                Hint(_WHOSE_IMAGES, id="chance-of-other-classes"),
            ),
            (abs(chance - 2 / 3) <= 0.01, Hint(_WHOSE_IMAGES, id="chance-of-being-wrong")),
            (abs(chance - 1 / 9) <= 0.0005, Hint(_WHOSE_IMAGES, id="chance-divided-twice")),
        ]
        expect_group(
            {"chosen": chosen, "reported": reported, "shuffled_accuracy": chance},
            {"chosen": "C", "reported": _near(0.91), "shuffled_accuracy": _near(1 / 3, 0.01)},
            hint=[
                *[hint for holds, hint in forms if holds][:1],
                next((hint for holds, hint in mistakes if holds), _WHOSE_IMAGES),
                "Whoever chooses by the test set has nothing left to report. By which column does one choose?",
                "What a network knows by heart helps it with no other image. Of how many classes does it guess?",
            ],
        )


_WHOSE_IMAGES = (
    "Which images taught the networks, which are there to choose with, and which are left? Ask it of each of your"
    " three answers."
)


_HISTORY_ERRORS = {
    "is not in list": Hint(
        "You look for a number in a list that it does not stand in. Is the smallest one from the same list?",
        id="number-of-another-list",
    ),
    "list index out of range": Hint(
        "A list of 30 entries ends at number 29. How does one get the last entry of a list of any length?",
        id="behind-the-last-entry",
    ),
    "no attribute 'history'": Hint(
        "What your function gets is already the dictionary. Take a list out of it with square brackets.",
        id="already-the-dictionary",
    ),
    "no attribute 'val_loss'": Hint(
        "It is a dictionary. Take a list out of it with square brackets and its name in quotes.", id="attribute-for-key"
    ),
    "KeyError": Hint("There is no list of that name. Look at the four names in the task.", id="no-such-key"),
    "unsupported operand": Hint("Those are lists. Take one entry of each, and subtract numbers.", id="lists"),
}


_WHOLE_HISTORY = Hint(
    "You return the whole history. Which one number does the task ask for? Work it out, and return that.",
    id="history-returned",
)


def _function(submission: Submission, name: str) -> Callable[[History], np.ndarray]:
    """The learner's function of a history, which returns an array here; a known error gets its own hint."""
    function = submission.function(name)

    def ask(history: History) -> np.ndarray:
        try:
            return as_array(function(history), _("what `{name}` returns", name=name))
        except Mismatch as error:
            if error.message.endswith("but it is a dict."):
                raise Mismatch(error.message, (_WHOLE_HISTORY, *error.hints)) from None
            for words, says in _HISTORY_ERRORS.items():
                if words in error.message:
                    raise Mismatch(error.message, (says, *error.hints)) from None
            raise

    return ask


def _one_number(array: np.ndarray) -> np.ndarray:
    """An array of one value as that value; anything else as it is."""
    return array.reshape(()) if array.size == 1 else array


def _near(expected: float, within: float = 0.0005) -> Callable[[Any], bool]:
    """Whether a number is about the one that a misunderstanding gives."""

    def matches(value: Any) -> bool:
        return isinstance(value, (int, float)) and -1e9 < value < 1e9 and abs(value - expected) <= within

    return matches


def _ramp(found: float, full: float, nothing: float) -> float:
    """Share of the credit: 1 at `full`, 0 at `nothing`, evenly between."""
    return min(max((found - nothing) / (full - nothing), 0.0), 1.0)


_LARGE_STEPS = Hint("With so large steps the weights jump about. Take a smaller learning rate.", id="learning-rate")


def _rate_is_absurd(model: ModelReport) -> bool:
    if model.compiled is None:
        return False
    try:
        rate_is_sensible(model)
    except Mismatch:
        return True
    return False


def _answers_three_classes(submission: Submission, name: str) -> None:
    """The structure that all three networks share: three probabilities, a loss that fits them, and accuracy."""
    model = submission.model(name)
    if model.output_shape is None:
        raise fail(
            _("`{name}` has no shape yet.", name=model.name),
            hint=Hint("Begin with `keras.Input(...)`, and give it the shape of one image.", id="no-input"),
        )
    if model.output_shape[:1] not in ((None,), ()):
        raise fail(
            _("`{name}` has the length of a batch in its shape, {shape}.", name=model.name, shape=model.output_shape),
            hint=Hint("Begin with `keras.Input(...)`, and give it the shape of one image.", id="no-input"),
        )
    flattens_in_time(model)
    flatten = Hint(
        "The image was never flattened, so the dense layers worked only on its last axis. Flatten it first.",
        id="not-flat",
    )
    expect(model.output_shape, _("the output shape of `{name}`", name=model.name)).to_be(
        (None, 3),
        because="there are three kinds of clothes",
        mistakes={
            (None, 10): Hint("10 fits the ten digits of MNIST. How many classes are there here?", id="ten-outputs"),
            (None, 1): Hint("One number cannot say which of three. Use one unit for each class.", id="one-output"),
            (None, 784): Hint(
                "784 is the number of inputs. Give the output layer one unit for each class.", id="inputs-as-outputs"
            ),
            (None, 28, 3): flatten,
            (None, 28, 28, 3): flatten,
        },
        hint="The last dense layer needs as many units as there are classes. Look at `summary`.",
        stated=True,
    )
    compiled_model(submission, name)
    # With class numbers the sparse loss is right, and with one-hot rows nothing can be trained with it.
    sparse = compiled(model).loss == SPARSE_LOSS and not model.untrained
    loss_fits_labels(model, 3, sparse_too=sparse)
    ends_in_probabilities(model, 3)
    loss_fits_output(model, 3)
    reports_accuracy(model)


def _not_kept(name: str) -> Mismatch:
    return fail(
        _("`{name}` was trained, but there is no `{name}_history` of it.", name=name),
        hint=Hint("`fit` returns the history. Give it the name from the task.", id="history-not-kept"),
    )


def _keeps_its_history(submission: Submission, name: str) -> None:
    """The history of that network is there, with the accuracy that the last cell of the notebook draws."""
    try:
        history = submission.history(f"{name}_history")
    except NotAttempted:
        if submission.model(name).untrained:
            raise
        raise _not_kept(name) from None
    model = submission.model(name)
    # A history is easily typed by hand, so it counts only with a network that has learned something.
    expect(submission.accuracy(name)).to_have_learned(
        model,
        guessing=1 / 3,
        at_least=NOTHING_BELOW,
        hint=Hint("It was trained, but hardly learned. Do images and labels belong together?", id="hardly-learned"),
    )
    if not any(
        "acc" in metric and not metric.startswith("val_") and values for metric, values in history.history.items()
    ):
        raise fail(
            _("`{name}_history` has no accuracy.", name=name),
            hint=Hint("Give `compile` the accuracy as a metric, and train again.", id="history-without-accuracy"),
        )


# Sets joined, all for the few, and what is left of that after a tenth or a fifth is held back for validation.
_MORE_IMAGES = (320, 360, 400, 450, 480, 500, 540, 600)


def _only_these_images(submission: Submission, name: str, pixels: np.ndarray, labels: np.ndarray) -> None:
    """See in the history that a network was trained on these images (N, 28, 28), scaled, and on no others with them."""
    try:
        history = submission.history(f"{name}_history")
    except (Mismatch, NotAttempted):
        return
    count = images_of_an_epoch(history, 600) or 0
    if count > len(pixels) and count in _MORE_IMAGES:
        raise fail(
            _(
                "In each epoch `{name}` was trained on {count} of the images, but the task names {needed}.",
                name=name,
                count=count,
                needed=len(pixels),
            ),
            hint=Hint("Which images does the task name? Look at what you give to `fit`.", id="trained-on-more-images"),
        )
    if _saw_raw_pixels(submission, name, pixels, labels):
        raise fail(
            _("`{name}` was trained on pixels from 0 to 255, and scaled ones are strange to it.", name=name),
            hint=_NOT_SCALED,
        )


_NOT_SCALED = Hint("Give `fit` the scaled images: print the largest value of what you give it.", id="not-scaled")


def _saw_raw_pixels(submission: Submission, name: str, pixels: np.ndarray, labels: np.ndarray) -> bool:
    """Whether a network's history tells that it was trained on pixels from 0 to 255."""
    try:
        losses = submission.history(f"{name}_history").history.get("loss") or []
    except (Mismatch, NotAttempted):
        return False
    return bool(losses) and learned_from_raw_pixels(submission.model(name), (pixels, labels), losses=losses)


def _is_another_network(submission: Submission, name: str, other: str) -> None:
    """The two names are not those of one network."""
    try:
        same = submission.model(other).identity
    except (Mismatch, NotAttempted):
        return
    if same and submission.model(name).identity == same:
        raise fail(
            _("`{name}` is `{other}` itself, under a second name.", name=name, other=other),
            hint=Hint("Build a network of its own, compile it, and train it.", id="the-same-network"),
        )


def _prevents(model: ModelReport) -> str:
    """What in the model works against learning by heart, or ''."""
    if model.layers_of("Dropout"):
        return "Dropout"
    return _("The penalty on the weights") if any(x.config.get("kernel_regularizer") for x in model.layers) else ""


def _agreement(submission: Submission, name: str, pixels: np.ndarray, labels: np.ndarray) -> float:
    """Share of the images (N, 28, 28) of which a model says what these labels (N,) say."""
    return float(np.mean(submission.predictions(name, pixels).argmax(axis=1) == labels))


def _mean_loss(submission: Submission, name: str, pixels: np.ndarray, labels: np.ndarray) -> float:
    """The loss as Keras reports it, with smoothed labels if they were smoothed in training."""
    model = submission.model(name)
    smoothing = model.compiled.label_smoothing if model.compiled is not None else 0.0
    return float(cross_entropies(model, submission.predictions(name, pixels), labels, smoothing).mean())


@cache
def _exercise() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixels (600, 28, 28), the labels that the notebook's first cell makes, and the true ones, as class numbers."""
    (images, one_hot), _ = load_fashion()
    true = one_hot.argmax(axis=1)
    given = true.copy()
    given[:400:8] = (true[:400:8] + 1) % 3
    given[4:400:8] = (true[4:400:8] + 2) % 3
    return images.reshape(600, 28, 28), given, true


def _few() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The 100 images of Task 6, the labels they were given, and the true ones."""
    pixels, given, true = _exercise()
    return pixels[:100], given[:100], true[:100]


def _training() -> tuple[np.ndarray, np.ndarray]:
    pixels, given, _ = _exercise()
    return pixels[:400], given[:400]


def _validation() -> tuple[np.ndarray, np.ndarray]:
    pixels, _, true = _exercise()
    return pixels[400:], true[400:]
