"""Checks of exercise 5, overfitting. One class per graded cell, in the field's words."""

from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from autograder.data import load_fashion
from autograder.exercise.expect import NEVER_TRAINED, expect, fail
from autograder.exercise.models import CompileReport, ModelReport
from autograder.exercise.outcome import Mismatch
from autograder.exercise.submission import Submission, as_array

# Thresholds: measured over seeds in benchmarks/seeds.md.
BY_HEART, BY_HEART_ZERO = 0.85, 0.75  # share of the 100 labels; whoever ignores the wrong ones has 0.75
GAP_MADE, GAP_MADE_ZERO = 0.05, -0.05
GAP_CURED, GAP_CURED_ZERO = 0.05, 0.15
NEEDED, NOTHING_BELOW = 0.75, 0.50
STOPPED_NEEDED, STOPPED_ZERO = 0.70, 0.40
LEARNED = 0.60  # of three classes; below that a network may have been built and never trained
MOST_AFTER_BEST = 40  # epochs that training went on after its best one


class TestSplit:
    def test_counts_the_training_images(self, submission: Submission) -> None:
        """A quarter is held back"""
        expect(submission.number("training_images"), "`training_images`").to_be(
            450,
            because="a quarter of 600 images is held back",
            mistakes={
                150: "These are the ones held back. The network is trained on the rest.",
                600: "The validation images are not trained on: take them off.",
                480: "That is what is left after a fifth. The split here is 0.25, a quarter.",
                400: "That is what is left after a third. The split here is 0.25, a quarter.",
                575: "0.25 is a share, not 25 images.",
            },
            hint="0.25 of the images are for validation, all others for training.",
        )

    def test_counts_the_validation_classes(self, submission: Submission) -> None:
        """The last rows of sorted data are all of one class"""
        random_split = "That would be so if they were drawn at random. Keras takes the *last* rows, without shuffling."
        expect(submission.number("validation_dresses"), "`validation_dresses`").to_be(
            150,
            because="the last 150 rows are all dresses",
            mistakes={
                50: random_split,
                200: "There are 200 dresses, but only 150 images are held back.",
                0: "The *last* rows are taken, not the first: what stands at the end of the folder?",
            },
            hint="Write down which rows are which class, then mark the last 150.",
        )
        expect(submission.number("validation_shoes"), "`validation_shoes`").to_be(
            0,
            because="the shoes end with row 400, and validation begins after row 450",
            mistakes={50: random_split, 150: "The last rows are dresses, not shoes.", 100: random_split},
            hint="In which rows do the shoes stand? Is any of them among the last 150?",
        )

    def test_counts_what_is_left(self, submission: Submission) -> None:
        """Few of them are left to learn from"""
        expect(submission.number("training_dresses"), "`training_dresses`").to_be(
            50,
            because="200 dresses less the 150 that are held back",
            mistakes={
                150: "150 dresses are held back, or would be left after a random split. How many are left of 200?",
                200: "150 of the 200 dresses went to validation.",
                0: "Validation takes 150 rows, and there are 200 dresses: some are left.",
            },
            hint="All dresses less those in the validation images.",
        )


class TestShuffled:
    def test_keeps_pairs(self, submission: Submission) -> None:
        """Each image keeps its label, and none is lost"""
        numbers, images, labels = _numbered(40)
        found_images, found_labels = _shuffled(submission, images, labels)
        order = _order(found_images, len(numbers))
        if order is None:
            raise fail(
                "Some of the images that came back are not among those that went in.",
                hint="Shuffle the rows only. What is inside an image stays as it is.",
            )
        if len(set(order)) < len(order):
            raise fail(
                f"Of 40 images only {len(set(order))} are left, some of them several times.",
                hint="You drew *with* replacement. A permutation has every number once: `rng.permutation(n)`.",
            )
        if np.array_equal(found_labels, labels[order]):
            return
        if np.array_equal(found_labels, labels):
            raise fail(
                "The images have a new order, but the labels have the old one.",
                hint="Every image has lost its label. Use the same order for both arrays.",
            )
        raise fail(
            "The images no longer have their own labels.",
            hint="You shuffled twice, each time differently. Make *one* order and use it for both arrays.",
        )

    def test_changes_the_order(self, submission: Submission) -> None:
        """The order is new, and mixes the classes"""
        _, images, labels = _numbered(40)
        order = _order(_shuffled(submission, images, labels)[0], 40)
        if order is None or len(set(order)) < 40:
            raise fail("The images that came back are not those that went in.", hint="First, keep every image once.")
        if order == list(range(40)):
            raise fail(
                "The images come back in the order in which they went in.",
                hint="Make a random order with `np.random.default_rng().permutation(len(images))`, and index with it.",
            )
        # Of 40 numbers in random order about half go up from one to the next; 35 or more never do.
        rising = sum(b > a for a, b in pairwise(order))
        if not 4 <= rising <= 35:
            raise fail(
                "The images come back sorted, only the other way round or moved along.",
                hint="Turning round keeps each class together. A random order mixes them.",
            )


class TestBestEpoch:
    def test_is_the_minimum(self, submission: Submission) -> None:
        """It is the epoch with the smallest validation loss"""
        history = {
            "loss": [1.0, 0.7, 0.5, 0.35, 0.26, 0.2, 0.15, 0.18],
            "accuracy": [0.5, 0.7, 0.8, 0.86, 0.9, 0.93, 0.97, 0.95],
            "val_loss": [0.9, 0.72, 0.55, 0.51, 0.58, 0.62, 0.75, 0.8],
            "val_accuracy": [0.55, 0.68, 0.76, 0.78, 0.79, 0.83, 0.81, 0.8],
        }
        found = _one_number(_ask(submission, "best_epoch", history))
        expect(found, "`best_epoch(history)`").to_be_close_to(
            4,
            because="the fourth entry of `val_loss` is the smallest",
            mistakes=[
                (3, "That is the position in the list, which counts from 0. Epochs count from 1."),
                (8, "That is the last epoch. The loss on the validation images has risen by then."),
                (7, "That is the smallest *training* loss. It says how well the training images are known by heart."),
                (6, "That is the position or the epoch of another list: take the smallest of `val_loss`."),
                (5, "One too many: a position counts from 0, so add 1 once."),
                (1, "That is the largest validation loss. A loss should be small."),
                (0, "That is the largest validation loss. A loss should be small."),
                (0.51, "That is the smallest loss itself. In which epoch was it reached?"),
                (0.15, "That is the smallest training loss. Asked for is an epoch, by the validation loss."),
            ],
            hint="`np.argmin` gives the position of the smallest entry, counted from 0.",
        )

    def test_with_other_curves(self, submission: Submission) -> None:
        """Also when the best epoch is the first or the last"""
        for best, losses in ((1, [0.4, 0.5, 0.6]), (5, [0.9, 0.8, 0.7, 0.6, 0.5])):
            rising = [0.5 + 0.1 * i for i in range(len(losses))]
            history = {"loss": losses[::-1], "accuracy": rising, "val_loss": losses, "val_accuracy": rising[::-1]}
            found = _one_number(_ask(submission, "best_epoch", history))
            expect(found, f"`best_epoch` for the validation losses {losses}").to_be_close_to(
                best,
                mistakes=[
                    (best - 1, "That is the position in the list, which counts from 0. Epochs count from 1."),
                    (
                        len(losses) + 1 - best,
                        "Look for the smallest validation loss, not the largest, nor another list's.",
                    ),
                ],
                hint="The smallest entry of `val_loss`, wherever it stands.",
            )


class TestGap:
    @pytest.mark.parametrize(
        ("training", "validation"), [([0.6, 0.8, 0.97], [0.6, 0.75, 0.82]), ([0.5, 0.6, 0.7], [0.55, 0.68, 0.74])]
    )
    def test_is_training_minus_validation(
        self, submission: Submission, training: list[float], validation: list[float]
    ) -> None:
        """It is training accuracy minus validation accuracy, at the end"""
        history = {
            "loss": [1.0, 0.55, 0.1],
            "accuracy": training,
            "val_loss": [0.9, 0.6, 0.7],
            "val_accuracy": validation,
        }
        right = training[-1] - validation[-1]
        differences = np.subtract(training, validation)
        mistakes: list[tuple[Any, str]] = [
            (
                -right,
                "The wrong way round: training minus validation. The gap is positive if it does better in training."
                if right > 0
                else "Here the network does better on the validation images: the gap is negative, keep its sign.",
            ),
            (differences, "This is the gap of every epoch. Return that of the last one."),
            (differences.mean(), "This is the mean over the epochs. Take the last epoch."),
            (differences[0], "This is the first epoch. `[-1]` is the last entry of a list."),
            (differences[1], "This is not the last epoch. `[-1]` is the last entry of a list."),
            (max(training) - min(validation), "Take both accuracies from the last epoch."),
            (0.1 - 0.7, "These are the losses. The gap is a difference of accuracies."),
            (0.7 - 0.1, "These are the losses. The gap is a difference of accuracies."),
            (training[-1] / validation[-1], "That is a ratio. The gap is a difference."),
            (100 * right, "That is in per cent. Leave the accuracies between 0 and 1."),
        ]
        found = _one_number(_ask(submission, "gap", history))
        expect(found, "`gap(history)`").to_be_close_to(
            right,
            tolerance=1e-4,
            mistakes=mistakes,
            hint='`history["accuracy"][-1]` is the training accuracy at the end.',
        )


_DIAGNOSES = ("overfitting", "underfitting", "good fit", "learning rate too large")
_SIGNS = {
    "a": ("underfitting", "both losses stay high and hardly move: it has not learned much"),
    "b": ("overfitting", "the training loss falls on while the validation loss rises"),
    "c": ("learning rate too large", "both losses jump up and down: each step goes too far"),
    "d": ("good fit", "both losses fall and end close together"),
}


class TestCurves:
    @pytest.mark.parametrize("network", ["a", "b", "c", "d"])
    def test_is_diagnosed(self, submission: Submission, network: str) -> None:
        """What the learning curves show"""
        name, (right, why) = f"curve_{network}", _SIGNS[network]
        found = " ".join(submission.text(name)[:100].lower().replace("-", " ").replace("_", " ").split())
        found = {
            "overfit": "overfitting",
            "underfit": "underfitting",
            "over fitting": "overfitting",
            "under fitting": "underfitting",
            "goodfit": "good fit",
        }.get(found, found)
        if found not in _DIAGNOSES:
            raise fail(
                f"`{name}` is {submission.text(name)[:60]!r}, which is none of the four texts.",
                hint="Copy one of the four texts from the task.",
            )
        if found == right:
            return
        looks_like = {
            "overfitting": "Overfitting shows when the two curves *part*: training falls on, validation rises.",
            "underfitting": "Underfitting shows when *both* losses stay high: the network hardly learns.",
            "good fit": "A good fit shows when both losses fall and end low, close together.",
            "learning rate too large": "A learning rate that is too large shows when the loss jumps about.",
        }[found]
        raise fail(
            f"`{name}` is {found!r}, but the curves of network {network.upper()} show something else.",
            hint=[looks_like + " Is that what you see?", f"Look again: {why}."],
        )


class TestOverfitted:
    def test_takes_images(self, submission: Submission) -> None:
        """It takes an image and says three things about it"""
        _answers_three_classes(submission.model("overfitted"))

    def test_knows_them_by_heart(self, submission: Submission) -> None:
        """It knows the 100 labels by heart, the wrong ones, too"""
        model = submission.model("overfitted")
        pixels, given, true = _few()
        predicted = submission.predictions("overfitted", pixels).argmax(axis=1)
        share = float(np.mean(predicted == given))
        if share >= BY_HEART:
            return
        if model.untrained:
            hint = NEVER_TRAINED
        elif _prevents(model):
            hint = f"{_prevents(model)} keeps a network from learning by heart. Leave it out here."
        elif np.mean(predicted == true) > share + 0.05:
            hint = (
                f"It follows the *right* labels ({np.mean(predicted == true):.0%}), not the wrong ones it was given."
                " That is what you want later; here give it more epochs on `few_images` and more units."
            )
        else:
            hint = "More epochs, a wider hidden layer or a larger learning rate: give it time and room to memorise."
        raise Mismatch(
            f"`overfitted` gets {share:.2f} of the 100 labels right that it was trained on; {BY_HEART:g} is asked for.",
            (hint, "Did you train it on `few_images` and `few_labels`?"),
            _ramp(share, BY_HEART, BY_HEART_ZERO),
        )

    def test_has_a_gap(self, submission: Submission) -> None:
        """It does much worse on images that it has not seen"""
        pixels, given, _ = _few()
        share = float(np.mean(submission.predictions("overfitted", pixels).argmax(axis=1) == given))
        unseen = submission.accuracy("overfitted")
        found = share - unseen.value
        if found >= GAP_MADE:
            return
        if submission.model("overfitted").untrained:
            hint = NEVER_TRAINED
        else:
            hint = (
                f"It gets {unseen.value:.2f} of unseen images right: hardly fooled. Train longer on"
                f" `few_images`, until it"
                " has learned the wrong labels, too."
            )
        raise Mismatch(
            f"The gap of `overfitted` is {found:.2f} ({share:.2f} on `few_images`, {unseen.value:.2f} on"
            f" {unseen.images}"
            f" {unseen.where}), but it should be at least {GAP_MADE:g}.",
            (hint, "Train on `few_images` and `few_labels` only: 100 images are soon known by heart."),
            _ramp(found, GAP_MADE, GAP_MADE_ZERO),
        )


class TestStopped:
    def test_was_stopped(self, submission: Submission) -> None:
        """Early stopping ended the training"""
        losses = _validation_losses(submission)
        best = int(np.argmin(losses)) + 1
        if len(losses) < 2:
            raise fail(
                f"`stopped_history` has {len(losses)} epoch; early stopping needs some to compare.",
                hint="Allow 60 epochs; early stopping ends the training sooner.",
            )
        if best == len(losses):
            if _validated_on_training(submission, losses):
                raise fail(f"In all {len(losses)} epochs the validation loss fell: nothing was stopped.", _NOT_ITS_OWN)
            raise fail(
                f"The last of {len(losses)} epochs has the smallest validation loss: nothing was stopped.",
                hint="The loss was still falling. Allow more epochs, so that early stopping can find the best one.",
            )
        if len(losses) - best > MOST_AFTER_BEST:
            raise fail(
                f"The best epoch was number {best}, but training went on to number {len(losses)}.",
                hint="Does `fit` know about it? `callbacks=[early]`, with a `patience` of about 5.",
            )
        _stopped_has_learned(submission)

    def test_has_the_best_weights(self, submission: Submission) -> None:
        """It has the weights of its best epoch"""
        losses, model = _validation_losses(submission), submission.model("stopped")
        _answers_three_classes(model)
        if any(layer.config.get("kernel_regularizer") for layer in model.layers):
            raise fail(
                "`stopped` has an L2 or L1 penalty, so its loss cannot be compared with its history.",
                hint="Leave the regularizer out in this task.",
            )
        val_pixels, val_labels = _validation()
        loss = _cross_entropy(model, submission.predictions("stopped", val_pixels), val_labels)
        best, last = float(np.min(losses)), float(losses[-1])
        if abs(loss - best) <= 0.002 + 0.01 * best:
            _stopped_has_learned(submission)
            return
        says = (
            f"The validation loss of `stopped` is {loss:.3f}, but in its best epoch, number"
            f" {int(np.argmin(losses)) + 1}, it was {best:.3f}."
        )
        if abs(loss - last) <= 0.002 + 0.01 * last:
            hint = "It has the weights of its *last* epoch. `EarlyStopping` takes `restore_best_weights=True`."
        elif _validated_on_training(submission, losses):
            hint = _NOT_ITS_OWN
        elif model.untrained:
            hint = NEVER_TRAINED
        else:
            hint = (
                "Validate on all of `x_val` and `y_val`. Was `stopped` trained again after `stopped_history` was kept?"
            )
        raise fail(says, hint=hint)

    def test_is_not_fooled(self, submission: Submission) -> None:
        """It does better on unseen images than a coin would"""
        expect(submission.accuracy("stopped"), "the accuracy of `stopped`").to_reach(
            STOPPED_NEEDED,
            zero_at=STOPPED_ZERO,
            hint="Stopped too soon? A `patience` of 5 lets the loss rise for a few epochs before it gives up.",
        )


def _stopped_has_learned(submission: Submission) -> None:
    """Losses are easily typed by hand, so a history counts only with a network that has learned."""
    hint = "Stopped too soon? A `patience` of 5 lets the loss rise for a few epochs before it gives up."
    accuracy = expect(submission.accuracy("stopped"))
    accuracy.to_have_learned(submission.model("stopped"), guessing=1 / 3, at_least=LEARNED, hint=hint)


_LEARNED_BY_HEART = "It has learned many of the wrong labels by heart."


class TestCured:
    def test_takes_images(self, submission: Submission) -> None:
        """It takes an image and gives three probabilities, all of them, always"""
        model = submission.model("cured")
        _answers_three_classes(model)
        classes = [layer.class_name for layer in model.layers]
        after = classes[len(classes) - 1 - classes[::-1].index("Dense") :] if "Dense" in classes else []
        if "Dropout" in after:
            raise fail(
                "`cured` has dropout after its output layer.",
                hint="There it throws away answers, so that no loss can be trusted. Put it behind a hidden layer.",
            )

    def test_is_good(self, submission: Submission) -> None:
        """It gets at least 75 % of unseen images right"""
        model, accuracy = submission.model("cured"), submission.accuracy("cured")
        if model.untrained and accuracy.value < NEEDED:
            expect(accuracy).to_have_learned(model, guessing=1 / 3, at_least=NEEDED)
        pixels, given = _training()
        share = float(np.mean(submission.predictions("cured", pixels).argmax(axis=1) == given))
        # With three quarters of the labels right, whoever is not fooled and still falls short agrees with few of them.
        if share > 0.6:
            hint = f"{_LEARNED_BY_HEART} Stop earlier, or use dropout, L2 or fewer units."
        else:
            hint = "It has hardly learned anything. A little less of the cure: more epochs, less dropout, less L2."
        hints = [hint, "Use all 400 images, and watch the validation loss."]
        expect(accuracy, "the accuracy of `cured`").to_reach(NEEDED, zero_at=NOTHING_BELOW, hint=hints)

    def test_has_no_gap(self, submission: Submission) -> None:
        """Its gap is at most 0.05"""
        pixels, given = _training()
        unseen = submission.accuracy("cured")
        share = float(np.mean(submission.predictions("cured", pixels).argmax(axis=1) == given))
        if unseen.value < LEARNED:
            raise fail(
                f"`cured` gets {unseen.value:.0%} of unseen images right, so its gap says nothing.",
                hint="A network that has learned nothing has no gap either. First, make it learn.",
            )
        found = share - unseen.value
        if found > GAP_CURED:
            raise Mismatch(
                f"The gap of `cured` is {found:.2f} ({share:.2f} on the training images, {unseen.value:.2f} on"
                f" {unseen.images} {unseen.where}), but it should be at most {GAP_CURED:g}.",
                (
                    f"{_LEARNED_BY_HEART} Fewer epochs or early stopping, dropout of 0.5, L2, or fewer units:"
                    " try one of them at a time.",
                    "One in four training labels is wrong. Whoever gets more than about 0.8 of them"
                    " right has memorised.",
                ),
                _ramp(found, GAP_CURED, GAP_CURED_ZERO),
            )


class TestSaved:
    def test_answers_as_before(self, submission: Submission) -> None:
        """`loaded` answers exactly as `cured` does"""
        cured, loaded = submission.model("cured"), submission.model("loaded")
        if [layer.class_name for layer in cured.layers] != [layer.class_name for layer in loaded.layers] or (
            cured.parameters != loaded.parameters
        ):
            raise fail(
                f"`loaded` has {loaded.parameters:,} parameters and other layers than `cured` with"
                f" {cured.parameters:,}.",
                hint="Did you save another model? `cured.save(...)`, then load that file.",
            )
        pixels = submission.images("fashion").pixels[:50]
        before, after = submission.predictions("cured", pixels), submission.predictions("loaded", pixels)
        if before.shape == after.shape and np.allclose(before, after, atol=1e-4):
            return
        raise fail(
            "`loaded` has the layers of `cured`, but it answers differently.",
            hint="Its weights are others. Saving the architecture (JSON, `clone_model`, `from_config`)"
            " leaves them behind;"
            " `cured.save` keeps them."
            if loaded.untrained
            else "Its weights are others. Was `cured` trained again after it was saved? Save and load it once more.",
        )

    def test_knows_the_size(self, submission: Submission) -> None:
        """`file_bytes` is the size of the file"""
        found, parameters = submission.number("file_bytes"), submission.model("cured").parameters
        low, high = 4 * parameters, 4 * parameters * 4 + 300_000
        expect(found, "`file_bytes`").to_be_between(
            low,
            high,
            because=f"{parameters:,} parameters take 4 bytes each, and more with the optimizer's numbers",
            mistakes=[
                (lambda v: v == 11, "That is the length of the name. The operating system knows the file's size."),
                (lambda v: v == parameters, "That is the number of parameters. Each takes several bytes."),
                (lambda v: low / 1100 <= v <= high / 1000, "That looks like kilobytes. Asked for are bytes."),
                (lambda v: v <= 0, "The file is empty or was not found. Save first, then ask for its size."),
            ],
            hint='`os.path.getsize("cured.keras")`, after saving.',
        )


class TestReported:
    def test_chooses_by_validation(self, submission: Submission) -> None:
        """The choice is made on the validation images"""
        found = submission.text("chosen").strip()[:20].upper()
        if found not in ("A", "B", "C", "D", "E"):
            raise fail(f"`chosen` is {found!r}, which is none of the five.", hint='One letter in quotes, such as "A".')
        expect(found, "`chosen`").to_be(
            "C",
            because="its validation accuracy is the highest",
            mistakes={
                "D": "You chose by the test accuracy. Then the test images took part in the choice, and"
                " nothing is left to"
                " say how good it is on new ones.",
                "B": "You chose by the training accuracy. It says how well the network knows images that it has seen.",
                "A": "You chose the smallest gap. A small gap is worth little if both accuracies are low.",
                "E": "Another network does better on the validation images.",
            },
            hint="Which images are there to choose between networks?",
        )

    def test_reports_the_test_accuracy(self, submission: Submission) -> None:
        """What is reported comes from images that took no part"""
        expect(submission.number("reported"), "`reported`").to_be_about(
            0.92,
            0.0005,
            because="that is the test accuracy of network C",
            mistakes=[
                (
                    _near(0.93),
                    "That is the validation accuracy. It was used to choose, and the best of five is a bit lucky.",
                ),
                (_near(0.94), "That is the test accuracy of another network, the best of the column."),
                (_near(0.95), "That is the training accuracy: on images that it has seen."),
                (_near(92.0), "That is in per cent. Write a number between 0 and 1."),
                (_near(0.925), "No mean: validation took part in the choice. One number is honest."),
            ],
            hint="Which of its three accuracies comes from images that neither taught nor chose it?",
        )

    def test_expects_chance(self, submission: Submission) -> None:
        """From shuffled labels there is nothing to learn"""
        expect(submission.number("shuffled_accuracy"), "`shuffled_accuracy`").to_be_about(
            1 / 3,
            0.01,
            because="image and label have nothing to do with each other, so one of three is right by chance",
            mistakes=[
                (_near(1.0), "It knows the training images by heart. That helps for no other image."),
                (_near(0.0), "Even guessing is right sometimes. How often, with three classes?"),
                (_near(0.5), "A half is chance with two classes. Here are three."),
                (_near(0.1), "A tenth is chance with ten classes. Here are three."),
                (_near(2 / 3), "That is how often chance is wrong."),
                (_near(100 / 3, 0.5), "That is in per cent. Write a number between 0 and 1."),
            ],
            hint="How often is a guess right, with three classes of the same size?",
        )


_HISTORY_ERRORS = {
    "no attribute 'history'": 'What your function gets is already the dictionary: `history["val_loss"]`.',
    "no attribute 'val_loss'": 'It is a dictionary: `history["val_loss"]`, with brackets.',
    "KeyError": "Its keys are `loss`, `accuracy`, `val_loss` and `val_accuracy`.",
    "unsupported operand": "These are lists. Take one entry of each, `[-1]`, and subtract numbers.",
}


def _ask(submission: Submission, function: str, history: dict[str, list[float]]) -> np.ndarray:
    """What the learner's function says about a history, as an array; a known error gets its own hint."""
    try:
        return as_array(submission.function(function)(history), f"what `{function}` returns")
    except Mismatch as error:
        for words, says in _HISTORY_ERRORS.items():
            if words in error.message:
                raise Mismatch(error.message, (says, *error.hints)) from None
        raise


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


def _numbered(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers 0..count-1; images (count, 2, 2) filled with them; a label row (4,) of its own for each."""
    numbers = np.arange(count)
    images = np.broadcast_to(numbers[:, None, None], (count, 2, 2)).astype(np.float32)
    return numbers, images, np.eye(4)[numbers * 4 // count] + numbers[:, None]


def _shuffled(submission: Submission, images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What `shuffle_together` returns: two arrays of the shapes that went in."""
    try:
        found = submission.function("shuffle_together")(images, labels)
    except Mismatch as error:
        if "None" in error.message:
            raise Mismatch(
                error.message,
                ("`rng.shuffle` changes its argument and returns nothing. Make a new order and return both arrays.",),
            ) from None
        raise
    if isinstance(found, np.ndarray) and len(found.shape) and found.shape[0] == 2:
        found = tuple(found)
    if not isinstance(found, (tuple, list)) or len(found) != 2:
        raise fail(
            "`shuffle_together` should return two arrays, `images` and `labels`.",
            hint="`return images[order], labels[order]`, with a comma between the two.",
        )
    shuffled_images = as_array(found[0], "the first array that it returns")
    shuffled_labels = as_array(found[1], "the second array that it returns")
    expect(shuffled_images, "the first array").to_have_shape(
        images.shape,
        mistakes={labels.shape: "Images first, labels second."},
        hint="As many images as went in, of the same shape.",
    )
    expect(shuffled_labels, "the second array").to_have_shape(
        labels.shape, mistakes={(40,): "Keep the one-hot rows."}, hint="As many labels as went in, of the same shape."
    )
    return shuffled_images, shuffled_labels


def _order(images: np.ndarray, count: int) -> list[int] | None:
    """The numbers of the images in the order they came back, or None if one is not as it was."""
    if images.dtype.kind not in "iuf":
        return None
    first = images[:, :1, :1]
    if not (images == first).all() or not np.isin(first, np.arange(count)).all():
        return None
    return [int(n) for n in first.ravel()]


_NOT_ITS_OWN = (
    "It was validated on the images that it was trained on. `validation_data=(x_val, y_val)`"
    " shows what it does on others."
)


def _validated_on_training(submission: Submission, losses: list[float]) -> bool:
    """Whether the losses in the history are those on the training images, at the best or at the last epoch."""
    pixels, given, _ = _few()
    training = _cross_entropy(submission.model("stopped"), submission.predictions("stopped", pixels), given)
    return min(abs(training - min(losses)), abs(training - losses[-1])) <= 0.002 + 0.01 * training


def _validation_losses(submission: Submission) -> list[float]:
    history = submission.history("stopped_history").history
    losses = history.get("val_loss")
    if not losses:
        raise fail(
            "`stopped_history` has no validation loss.",
            hint="Early stopping watches the validation loss: give `fit` `validation_data=(x_val, y_val)`.",
        )
    numbers = [float(v) for v in losses if isinstance(v, (int, float)) and -1e30 < v < 1e30]
    if len(numbers) != len(losses):
        raise fail(
            "`stopped_history` has a validation loss that is no number.",
            hint="The training ran away. A smaller learning rate keeps the numbers in range.",
        )
    return numbers


def _answers_three_classes(model: ModelReport) -> None:
    if model.output_shape is None:
        raise fail(f"`{model.name}` has no shape yet.", hint="Begin with `keras.Input((784,))`.")
    expect(model.output_shape, f"the output shape of `{model.name}`").to_be(
        (None, 3),
        because="there are three kinds of clothes",
        mistakes={
            (None, 10): "10 fits the ten digits of MNIST. Here there are three classes.",
            (None, 1): "One number cannot say which of three: one unit per class.",
            (None, 784): "784 is the number of inputs. The output layer has one unit per class.",
        },
        hint="The last dense layer needs as many units as there are classes.",
    )
    compiled = model.compiled
    if compiled is None:
        raise fail(
            f"`{model.name}` has not been compiled.",
            hint=f"`{model.name}.compile(loss=..., optimizer=..., metrics=...)`. Building it again undoes it.",
        )
    _loss_fits(model, compiled)


def _loss_fits(model: ModelReport, compiled: CompileReport) -> None:
    expect(compiled.loss, f"the loss of `{model.name}`").to_be(
        "categorical_crossentropy",
        because="the labels are one-hot rows",
        mistakes={
            "sparse_categorical_crossentropy": "The sparse loss wants class numbers (0, 1, 2). Yours are one-hot rows.",
            "binary_crossentropy": "The binary loss is for one yes-or-no answer. Here one of three classes is right.",
            "mean_squared_error": "Squared error is for numbers such as prices. For classes take a cross-entropy.",
        },
        hint="Which cross-entropy expects a one-hot row for each image?",
    )
    if (model.output_activation == "softmax") == compiled.from_logits:
        raise fail(
            f"The output layer of `{model.name}` and its loss do not belong together.",
            hint="Either softmax in the output layer, or a linear output and `from_logits=True` in the loss.",
        )


def _prevents(model: ModelReport) -> str:
    """What in the model works against learning by heart, or ''."""
    if model.layers_of("Dropout"):
        return "Dropout"
    return "The penalty on the weights" if any(x.config.get("kernel_regularizer") for x in model.layers) else ""


def _cross_entropy(model: ModelReport, outputs: np.ndarray, labels: np.ndarray) -> float:
    """Mean cross-entropy of a model's outputs (N, 3), probabilities or logits, for class numbers (N,)."""
    if outputs.shape[1] < 3:
        return float("inf")
    if model.output_activation != "softmax":
        powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        outputs = powers / powers.sum(axis=1, keepdims=True)
    return float(-np.mean(np.log(np.maximum(outputs[np.arange(len(labels)), labels], 1e-7))))


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
