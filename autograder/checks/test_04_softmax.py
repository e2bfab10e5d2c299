"""Checks of exercise 4, softmax. One class per graded cell, in the field's words."""

import re
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

from autograder.data import load_mnist
from autograder.exercise.expect import expect, fail
from autograder.exercise.models import CompileReport, ModelReport
from autograder.exercise.outcome import Mismatch
from autograder.exercise.submission import Submission, as_array

NEEDED = 0.85  # share of unseen digits; measured over seeds in benchmarks/seeds.md
NOTHING_BELOW = 0.50
LEARNED = 0.30  # no untrained network gets so many right; the slowest honest training is far above
TEST_IMAGES = 2000


class TestSoftmax:
    def test_makes_probabilities(self, submission: Submission) -> None:
        """It makes probabilities of scores"""
        z = np.array([2.0, 1.0, 0.2, -1.0])
        powers = np.exp(z)
        right = powers / powers.sum()
        found = _ask(submission, "softmax", z)
        expect(found, "`softmax([2, 1, 0.2, -1])`").to_be_close_to(
            right,
            mistakes=[
                (z / z.sum(), "The scores are divided by their sum, but the exponential is missing: first `np.exp`."),
                (np.abs(z) / np.abs(z).sum(), "An absolute value does not do what the exponential does."),
                (powers, "These are the exponentials. Divide them by their sum, so that they add up to 1."),
                (powers / powers.max(), "You divided by the largest exponential. Divide by the sum of all of them."),
                (powers / powers.mean(), "You divided by the mean of the exponentials. Divide by their sum."),
                (powers / z.sum(), "You divided by the sum of the scores. Divide by the sum of the exponentials."),
                (np.eye(4)[0], "This only marks the largest score. Softmax is soft: every class keeps a share."),
                (np.exp(-z) / np.exp(-z).sum(), "The sign is turned round: the largest score got the smallest share."),
                (1 / (1 + np.exp(-z)), "That is the sigmoid: four separate answers, which do not add up to 1."),
                (np.log(right), "That is the logarithm of the probabilities."),
                (2.0**z / (2.0**z).sum(), "The powers are those of 2. Softmax takes powers of e: `np.exp`."),
                (
                    (z - z.min()) / (z.max() - z.min()),
                    "That stretches the scores to 0..1. Softmax takes `np.exp` first.",
                ),
                (
                    _never_finite,
                    "The result is not a number. Print each step for this row: where does a 0 or a"
                    " negative number come in?",
                ),
            ],
            hint=["Two steps: the exponential of every score, then divide by their sum.", "`np.exp(z)` and `np.sum`."],
        )

    def test_survives_large_scores(self, submission: Submission) -> None:
        """It survives large scores"""
        z = np.array([1000.0, 999.0, 0.0])
        powers = np.exp(z - 1000)
        found = _ask(submission, "softmax", z)
        expect(found, "`softmax([1000, 999, 0])`").to_be_close_to(
            powers / powers.sum(),
            mistakes=[
                (
                    _never_finite,
                    "exp(1000) is too large for a computer and became `inf`. Subtract the largest score first: the"
                    " probabilities stay the same.",
                ),
                (np.array([0.5, 0.5, 0.0]), "Cutting large scores off makes different scores equal. Subtract instead."),
                (np.zeros(3), "Replacing `nan` by 0 hides the trouble. Keep the powers small from the start."),
                (np.array([1.0, 0.0, 0.0]), "999 is only 1 less than 1000, so it keeps a good quarter."),
            ],
            hint="The same number may be subtracted from all scores. Which one keeps every power at 1 or below?",
        )

    def test_survives_very_negative_scores(self, submission: Submission) -> None:
        """It survives very negative scores"""
        z = np.array([-1000.0, -1001.0, -3000.0])
        powers = np.exp(z + 1000)
        found = _ask(submission, "softmax", z)
        expect(found, "`softmax([-1000, -1001, -3000])`").to_be_close_to(
            powers / powers.sum(),
            mistakes=[
                (
                    _never_finite,
                    "All powers became 0, and 0 / 0 is not a number. Subtract the largest score, here -1000.",
                ),
                (np.zeros(3), "All powers became 0. Subtract the largest score, here -1000: one power is then 1."),
                (
                    np.full(3, 1 / 3),
                    "All powers became 0. Subtract the largest score, here -1000: one power is then 1.",
                ),
            ],
            hint="Subtract the largest score itself, neither a fixed number nor the largest absolute value.",
        )


class TestSoftmaxRows:
    def test_works_on_each_row(self, submission: Submission) -> None:
        """Each row adds up to 1"""
        z = np.array([[2.0, 1.0, 0.2, -1.0], [0.0, 0.5, 1.0, 3.0], [1.0, 1.0, -2.0, 0.3]])
        powers = np.exp(z)
        right = powers / powers.sum(axis=1, keepdims=True)
        keepdims = (
            "Without `keepdims=True` the sum has shape (3,): NumPy cannot tell that it belongs to"
            " the rows. Keep the axis."
        )
        found = _ask(
            submission,
            "softmax_rows",
            z,
            explain={
                "broadcast": keepdims,
                "truth value": "`max` of Python cannot compare rows. `np.max` can, with an axis.",
                "scalar": "A batch has many rows: `np.exp` takes arrays, `math.exp` takes one number.",
            },
        )
        expect(found, "`softmax_rows(z)`").to_be_close_to(
            right,
            mistakes=[
                (
                    powers / powers.sum(axis=0),
                    "Each column adds up to 1, but an image is a row. Axis 0 runs over the images, axis"
                    " 1 over the classes.",
                ),
                (powers / powers.sum(), "The whole batch adds up to 1. Every image should: give the sum an axis."),
                (powers, "These are the exponentials. Divide each row by its sum."),
                (
                    z / z.sum(axis=1, keepdims=True),
                    "The rows are divided by their sum, but the exponential is missing.",
                ),
                (right.T, "Rows and columns are swapped: return one row for each image, as in `z`."),
                (right[0], "This is the first row only. Every row of the batch is an image."),
                (
                    np.eye(4)[z.argmax(axis=1)],
                    "This only marks the largest score of each row. Every class keeps a share.",
                ),
                (right.sum(axis=1), "These are the sums of the rows. Return the probabilities themselves."),
                (right.ravel(), "All rows are in one long row. Return the shape of `z`."),
            ],
            hint="Sum along the classes, axis 1, and keep that axis with `keepdims=True`.",
        )

    def test_rows_stand_alone(self, submission: Submission) -> None:
        """Large scores in one row do not harm the others"""
        z = np.array([[1000.0, 999.0, 0.0], [1.0, 2.0, 3.0], [-1000.0, -1001.0, -1002.0]])
        powers = np.exp(z - z.max(axis=1, keepdims=True))

        def one_maximum_for_all(value: np.ndarray) -> bool:
            return value.shape == (3, 3) and _finite(value[0]) and (not _finite(value) or not value[2].any())

        found = _ask(submission, "softmax_rows", z)
        expect(found, "`softmax_rows(z)`").to_be_close_to(
            powers / powers.sum(axis=1, keepdims=True),
            mistakes=[
                (
                    one_maximum_for_all,
                    "You subtracted the largest score of the whole batch, so a row of low scores became 0 / 0."
                    " Subtract each row's own.",
                ),
                (_never_finite, "exp(1000) became `inf`. Subtract from each row its largest score first."),
                (
                    lambda value: not _finite(value),
                    "Some rows are not numbers. Subtract from each row its own largest score.",
                ),
            ],
            hint="`np.max` takes `axis` and `keepdims`, as `np.sum` does.",
        )


class TestTemperature:
    def test_makes_the_top_ninety_per_cent(self, submission: Submission) -> None:
        """At this temperature the largest probability is 0.9"""
        found = submission.number("temperature")
        if not 1e-3 <= found <= 1e3:
            raise fail(
                f"`temperature` is {found:.4g}, but it should be a positive number, neither tiny nor huge.",
                hint="Dividing by a number below 0 turns the order of the scores round. Try values from 0.1 to 3.",
            )
        top = _top_probability(found)
        if 0.895 <= top <= 0.905:
            return
        if 0.895 <= _top_probability(1 / found) <= 0.905:
            raise fail(
                f"With `temperature` {found:.3g} the largest probability is {top:.3f}, but it should be 0.9.",
                hint="You multiplied the scores by it. The temperature is what they are divided by.",
            )
        raise fail(
            f"With `temperature` {found:.3g} the largest probability is {top:.3f}, but it should be 0.9.",
            hint=[
                "Too far from 0.9: "
                + (
                    "a lower temperature makes the top sharper."
                    if top < 0.9
                    else "a higher temperature makes the row more even."
                ),
                "Compute the largest value of `softmax(scores / T)` for many values of `T`, and take the"
                " one nearest 0.9.",
            ],
        )

    def test_knows_the_limit(self, submission: Submission) -> None:
        """Very hot probabilities are all alike"""
        expect(submission.number("hot_limit"), "`hot_limit`").to_be_about(
            0.25,
            0.005,
            because="four scores that hardly differ share the whole evenly",
            mistakes=[
                (_near(0.0), "They cannot all go to 0: four probabilities add up to 1, at every temperature."),
                (
                    _near(1.0),
                    "That is the limit for a very *low* temperature. Dividing by a large `T` makes scores alike.",
                ),
                (_near(0.1), "0.1 belongs to ten classes. How many scores are there here?"),
                (_near(0.5), "0.5 belongs to two classes. How many scores are there here?"),
                (_near(1 / 3), "A third belongs to three classes. How many scores are there here?"),
                (_near(25.0), "That is in per cent. A probability lies between 0 and 1."),
            ],
            hint="What are `scores / 1000000`? And what does softmax make of equal scores?",
        )


class TestCrossEntropy:
    def test_predicts_the_uniform_loss(self, submission: Submission) -> None:
        """The cross-entropy of a network that knows nothing"""
        expect(submission.number("uniform_loss"), "`uniform_loss`").to_be_about(
            float(np.log(10)),
            0.005,
            because="the right class gets the probability 1/10",
            mistakes=[
                (_near(1.0), "That is the logarithm to base 10. The cross-entropy takes the natural one, `np.log`."),
                (
                    _near(float(np.log2(10))),
                    "That is the logarithm to base 2. The cross-entropy takes the natural one.",
                ),
                (_near(-float(np.log(10))), "The sign is missing: a logarithm of 1/10 is negative, a loss is not."),
                (_near(0.1), "That is the probability itself. The cross-entropy is its negative logarithm."),
                (
                    _near(0.2303),
                    "You took the mean over the ten classes. Only the right class counts, and it counts whole.",
                ),
                (_near(23.03), "You added up all ten classes. Only the right class counts."),
                (_near(0.0), "A loss of 0 is for a network that is sure and right. This one has no idea."),
                (_near(10.0), "There are ten classes; each gets 1/10. The loss is the negative logarithm of that."),
            ],
            hint="Which probability does the right class get? Take its natural logarithm and turn the sign.",
        )

    def test_takes_the_right_class(self, submission: Submission) -> None:
        """It is the mean negative logarithm for the right class"""
        p = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [0.25, 0.5, 0.25], [0.05, 0.9, 0.05]])
        y = np.eye(3)[[0, 1, 2, 1]]
        each = -np.sum(y * np.log(p), axis=1)
        right = each.mean()
        wrong_half = -np.sum((1 - y) * np.log(1 - p), axis=1)
        swapped = -np.sum(p * np.log(np.maximum(y, 1e-7)), axis=1)
        found = _one_number(_ask(submission, "cross_entropy", p, y))
        expect(found, "`cross_entropy(p, y)`").to_be_close_to(
            right,
            tolerance=1e-4,
            mistakes=[
                (-right, "The sign is missing: logarithms of probabilities are negative, a loss is not."),
                (each, "This is one number for each image. Return their mean, one number."),
                (
                    each.sum(),
                    "This is the sum over the images. Take the mean, so that it does not grow with the batch.",
                ),
                (
                    each.sum() / p.size,
                    "The mean runs over classes, too. Add up over the classes, then average the images.",
                ),
                (right / np.log(10), "That is the logarithm to base 10. Take the natural one, `np.log`."),
                (right / np.log(2), "That is the logarithm to base 2. Take the natural one, `np.log`."),
                (
                    np.mean(-np.log(p).sum(axis=1)),
                    "All classes count here. Multiply by the labels: only the right one counts.",
                ),
                (np.mean(-np.log(p)), "All classes count here. Multiply by the labels: only the right one counts."),
                (np.mean(-np.log(p.max(axis=1))), "You took the largest probability. Take that of the right class."),
                (np.mean(each + wrong_half), "That is the binary cross-entropy: it counts the wrong classes as well."),
                (np.mean(-np.log((p * y).mean(axis=1))), "Take the logarithm of the right class's probability itself."),
                (np.mean(1 - (p * y).sum(axis=1)), "The logarithm is missing: this is 1 minus the probability."),
                (
                    np.mean((p * y).sum(axis=1)),
                    "The logarithm is missing: this is the mean probability of the right class.",
                ),
                (np.mean((p - y) ** 2), "That is the squared error. The cross-entropy takes a logarithm."),
                (np.mean(swapped), "Labels and probabilities are swapped: the logarithm belongs to `p`."),
                (swapped.sum(), "Labels and probabilities are swapped: the logarithm belongs to `p`."),
                (_never_finite, "The logarithm was taken of the labels, which hold zeros. It belongs to `p`."),
            ],
            hint=[
                "`y * np.log(p)` keeps the right class and makes the others 0.",
                "Add up over the classes (axis 1), take the mean over the images, and turn the sign.",
            ],
        )

    def test_survives_a_zero(self, submission: Submission) -> None:
        """A probability of 0 costs a lot, but not infinitely much"""
        p = np.array([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]])
        y = np.array([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
        found = _one_number(_ask(submission, "cross_entropy", p, y))
        if found.size != 1 or found.dtype.kind not in "fiu":
            raise fail(
                f"`cross_entropy(p, y)` should be one number, but its shape is {found.shape}.",
                hint="Add up over the classes, then take the mean over the images.",
            )
        loss = float(found)
        if np.isnan(loss):
            raise fail(
                "With a probability of 0, `cross_entropy(p, y)` is nan (not a number).",
                hint="0 times minus infinity is nan. Raise the probabilities to at least 1e-7 *before* the logarithm.",
            )
        if np.isinf(loss):
            raise fail(
                "With a probability of 0, `cross_entropy(p, y)` is infinite.",
                hint="The logarithm of 0 is minus infinity. Raise the probabilities to at least 1e-7"
                " before you take it.",
            )
        if abs(loss) < 1:
            raise fail(
                f"With a probability of 0 for the right class, `cross_entropy(p, y)` is only {loss:.3g}.",
                hint="The image that the network got completely wrong costs nothing here. It should cost the most:"
                " raise its probability to 1e-7 instead of leaving it out.",
            )
        expect(loss, "`cross_entropy(p, y)` with a probability of 0").to_be_between(
            2, 400, hint="`np.maximum(p, 1e-7)` or `np.clip` before the logarithm, then the mean over the images."
        )


class TestLosses:
    @pytest.mark.parametrize(
        ("name", "right"),
        [
            ("a", "categorical_crossentropy"),
            ("b", "sparse_categorical_crossentropy"),
            ("c", "binary_crossentropy"),
            ("d", "mean_squared_error"),
        ],
    )
    def test_fits(self, submission: Submission, name: str, right: str) -> None:
        """Loss and output layer belong together"""
        variable = f"loss_{name}"
        found = _snake(submission.text(variable))
        whys = {
            "categorical_crossentropy": "the label is a one-hot row and the output ten probabilities",
            "sparse_categorical_crossentropy": "the label is a class number and the output ten probabilities",
            "binary_crossentropy": "the label is one yes or no, and the output one probability",
            "mean_squared_error": "the label is an amount, and the output any number",
        }
        confusions = {
            ("a", "sparse_categorical_crossentropy"): "*Sparse* is for class numbers. This label is a one-hot row.",
            (
                "b",
                "categorical_crossentropy",
            ): "Without *sparse*, Keras expects a one-hot row. This label is a class number.",
            ("a", "binary_crossentropy"): "*Binary* is for one yes or no. Here one of ten classes is right.",
            ("b", "binary_crossentropy"): "*Binary* is for one yes or no. Here one of ten classes is right.",
            ("c", "categorical_crossentropy"): "There is one unit and one yes or no: nothing is one-hot here.",
            (
                "c",
                "sparse_categorical_crossentropy",
            ): "There is only one output, the probability of *yes*, not one per class.",
            ("d", "binary_crossentropy"): "A price is no probability. Which loss measures a distance?",
        }
        if found not in whys:
            raise fail(
                f"`{variable}` is {submission.text(variable)[:60]!r}, which is none of the four.",
                hint="Copy one of the four names from the task, with its underscores.",
            )
        default = (
            "Squared error is for amounts, such as prices. Here the label is a class."
            if found == "mean_squared_error"
            else "A cross-entropy compares with a class. A price is an amount: which loss measures a distance?"
        )
        expect(found, f"`{variable}`").to_be(
            right, because=whys[right], mistakes={found: confusions.get((name, found), default)}
        )

    def test_knows_logits(self, submission: Submission) -> None:
        """The loss knows whether it gets probabilities"""
        found = submission.value("from_logits_e")
        if not isinstance(found, bool):
            raise fail(
                "`from_logits_e` should be `True` or `False`.",
                hint="`True` and `False` stand without quotes in Python.",
            )
        if not found:
            raise fail(
                "`from_logits_e` is False, but this output layer gives raw scores.",
                hint="Logits are scores before the softmax. With `False` no error appears, and the loss takes the"
                " logarithm of numbers that are no probabilities.",
            )


class TestModel:
    def test_takes_an_image(self, submission: Submission) -> None:
        """It takes the 784 values of an image"""
        _takes_an_image(submission.model("model"))

    def test_is_one_layer(self, submission: Submission) -> None:
        """It is one dense layer with ten outputs"""
        model = submission.model("model")
        expect(model.output_shape, "the output shape of `model`").to_be(
            (None, 10),
            because="there are ten digits",
            mistakes={
                (None, 3): "Three classes are those of the clothes. Here are ten digits.",
                (None, 1): "One unit cannot say which of ten: one unit per class.",
                (None, 9): "The digits are 0 to 9: with the zero these are ten.",
                (None, 784): "784 is the number of inputs. The output layer has one unit per class.",
                (None, 28, 10): "The image was never flattened: the dense layer worked on its last axis alone.",
                (None, 28, 28, 10): "The image was never flattened: the dense layer worked on its last axis alone.",
                None: "Begin with `keras.Input((784,))`, so that the model knows its shapes.",
            },
            hint="The dense layer needs as many units as there are digits.",
        )
        count = len(model.dense_layers)
        expect(count, "the number of dense layers in `model`").to_be(
            1,
            mistakes=[
                (lambda n: n > 1, "There is a hidden layer. This task wants the output layer alone: 7,850 parameters.")
            ],
            hint="`layers.Dense(10, activation=...)`, straight after the input.",
        )

    def test_loss_fits_the_output(self, submission: Submission) -> None:
        """Output layer and loss belong together"""
        model = submission.model("model")
        compiled = _compiled(model)
        expect(compiled.loss, "the loss of `model`").to_be_one_of(
            ["sparse_categorical_crossentropy", "categorical_crossentropy"],
            because="one of ten classes is right",
            mistakes={
                "binary_crossentropy": "The binary loss is for one yes-or-no answer. Here one of ten classes is right.",
                "mean_squared_error": "Squared error is for amounts such as prices. For classes take a cross-entropy.",
                None: "`compile` was called without a loss, so there is nothing to make smaller.",
            },
            hint="`sparse_categorical_crossentropy` takes class numbers such as 5; without *sparse*, one-hot rows.",
        )
        _loss_fits_activation(model.output_activation, compiled)

    def test_reports_accuracy(self, submission: Submission) -> None:
        """It has an optimizer that can learn, and reports accuracy"""
        compiled = _compiled(submission.model("model"))
        if not any("accuracy" in metric for metric in compiled.metrics):
            raise fail(
                f"The metrics of `model` are {list(compiled.metrics) or 'empty'}, but accuracy should be among them.",
                hint='`metrics=["accuracy"]`, a list, as an argument of `compile`.',
            )
        if compiled.learning_rate is not None and not 1e-5 <= compiled.learning_rate <= 1.5:
            raise fail(
                f"The learning rate is {compiled.learning_rate:g}, but it should be between 0.00001 and 1.5.",
                hint="Too large and the weights jump about; too small and they never arrive. Adam's default is 0.001.",
            )


class TestTrained:
    def test_keeps_the_history(self, submission: Submission) -> None:
        """`history` is what `fit` returned"""
        try:
            history = submission.history("history")
        except Mismatch as error:
            raise _labels_that_do_not_fit(submission, error) from None
        if history.epochs < 2:
            raise fail(
                f"`history` has {history.epochs} epoch, but two or more are needed.",
                hint="`epochs=4` in `fit`: each epoch is one pass over all 12,000 images.",
            )
        _has_learned(submission)

    def test_saw_scaled_pixels(self, submission: Submission) -> None:
        """It was trained on scaled pixels"""
        model, losses = submission.model("model"), submission.history("history").history.get("loss") or []
        first = losses[0] if losses else None
        if not isinstance(first, (int, float)) or not 0 < first < 1e9:
            raise fail(
                "`history` has no training loss that is a positive number.",
                hint="Keep what `fit` returns. If its loss is nan, the training ran away: scale the pixels to 0..1.",
            )
        _has_learned(submission)
        if first < 2 * np.log(10) or model.layers_of("Rescaling", "Normalization") or model.output_shape != (None, 10):
            return
        # A loss this high also comes from an absurd learning rate. On unscaled pixels such a network does worse,
        # one that was trained on them does not.
        images, digits = _training_set()
        scaled = _loss(model, submission.predictions("model", images, "mnist"), digits)
        shape = tuple(n or 1 for n in (model.input_shape or (None, 784))[1:])
        unscaled = _loss(model, model.predict(images.reshape(len(images), *shape)), digits)
        if unscaled < 2 * scaled:
            raise fail(
                f"In the first epoch the loss was {first:.1f}; a network that knows nothing has 2.3.",
                hint="It was trained on pixels from 0 to 255: its scores are huge, and so is its loss. Divide by 255.",
            )

    def test_is_good_enough(self, submission: Submission) -> None:
        """It gets at least 85 % of unseen digits right"""
        _has_learned(submission)
        accuracy = submission.accuracy("model", "mnist")
        hints = [_POORLY_TRAINED]
        if accuracy.value < NEEDED <= accuracy.unscaled + 0.10:
            hints.insert(
                0,
                f"With pixels from 0 to 255 your network reaches {accuracy.unscaled:.2f}: that is what it"
                f" was trained on."
                " Train it on the scaled images, values 0 to 1.",
            )
        elif accuracy.value > 0.3:
            hints.insert(0, "It has begun to learn. Give it more epochs, or a larger learning rate.")
        expect(accuracy, "the accuracy of `model`").to_reach(NEEDED, zero_at=NOTHING_BELOW, hint=hints)


_POORLY_TRAINED = "Four epochs with Adam are enough. Do images and labels belong together, in the same order?"


def _has_learned(submission: Submission) -> None:
    accuracy = expect(submission.accuracy("model", "mnist"))
    accuracy.to_have_learned(submission.model("model"), guessing=0.1, at_least=LEARNED, hint=_POORLY_TRAINED)


class TestPredicted:
    def test_gives_probabilities(self, submission: Submission) -> None:
        """`probabilities` is what the network says about the test images"""
        found = submission.array("probabilities")
        expect(found, "`probabilities`").to_have_shape(
            (TEST_IMAGES, 10),
            because="there are 2,000 test images and ten digits",
            mistakes={
                (12000, 10): "These are the training images. The network should look at `test_images`.",
                (TEST_IMAGES,): "One number for each image is left. Keep all ten probabilities.",
                (10, TEST_IMAGES): "Rows and columns are swapped: one row for each image.",
                (10000, 10): "These are all 10,000 test images of MNIST. Take the 2,000 in `test_images`.",
                (1, 10): "This is a single image. Give `predict` the whole array.",
            },
            hint="`model.predict(...)` with the scaled test images.",
        )
        if not _finite(found):
            raise fail(
                "`probabilities` holds nan (not a number).", hint="Look at the scores: did the training run away?"
            )
        if found.min() < -1e-6 or not np.allclose(found.sum(axis=1), 1, atol=1e-3):
            raise fail(
                "The rows of `probabilities` do not add up to 1.",
                hint="These are raw scores (logits). Put them through your `softmax_rows`."
                if found.min() < 0
                else "A row of probabilities adds up to 1. Does your model end in softmax?",
            )
        if np.isin(found, (0, 1)).all():
            raise fail(
                "`probabilities` holds only zeros and ones.",
                hint="These are one-hot rows: the decision is made already. Keep what `predict` returns.",
            )
        ours = _probabilities(submission.model("model"), submission.predictions("model", _test_set()[0], "mnist"))
        if ours.shape != found.shape or np.abs(ours - found).max() > 0.01:
            raise fail(
                "`probabilities` does not agree with what `model` says about the scaled test images.",
                hint="Scale the test images like the training images. Was `model` trained again after `predict`?",
            )

    def test_picks_the_largest(self, submission: Submission) -> None:
        """`predicted` is the digit with the largest probability"""
        probabilities, found = submission.array("probabilities"), submission.array("predicted")
        if probabilities.shape != (TEST_IMAGES, 10):
            raise fail("`probabilities` should have the shape (2000, 10) first.", hint="`model.predict(...)` gives it.")
        expect(found, "`predicted`").to_have_shape(
            (TEST_IMAGES,),
            because="there is one digit for each image",
            mistakes={
                (10,): "You took the argmax along axis 0, over the images. Axis 1 runs over the digits.",
                (): "Without an axis, argmax gives one position in the whole array. Give it `axis=1`.",
                (TEST_IMAGES, 10): "There are still ten numbers for each image. Which position holds the largest?",
                (TEST_IMAGES, 1): "A second axis of length 1 is left over.",
            },
            hint="`np.argmax` with an axis.",
        )
        right = probabilities.argmax(axis=1)
        expect(found, "`predicted`").to_be_close_to(
            right,
            mistakes=[
                (
                    lambda v: _close(v, probabilities.max(axis=1)),
                    "These are the largest probabilities themselves. `argmax` gives their position.",
                ),
                (right + 1, "All are off by one: the first column stands for the digit 0."),
                (probabilities.argmin(axis=1), "You took the smallest probability: `argmin` for `argmax`."),
                (_test_set()[1], "These are the true digits. Ask the network."),
                (lambda v: v.max() <= 1, "Rounding the probabilities gives 0 or 1, no digit."),
            ],
            hint="`np.argmax(probabilities, axis=1)`",
        )

    def test_measures_the_accuracy(self, submission: Submission) -> None:
        """`test_accuracy` is the share of them that are right"""
        found, predicted = submission.number("test_accuracy"), submission.array("predicted")
        if predicted.shape != (TEST_IMAGES,):
            raise fail("`predicted` should have the shape (2000,) first.", hint="`np.argmax` with `axis=1` gives it.")
        share = float(np.mean(predicted == _test_set()[1]))
        expect(found, "`test_accuracy`").to_be_about(
            share,
            0.005,
            because="that is the share of `predicted` that equals the label",
            mistakes=[
                (_near(share * 100, 0.5), "That is in per cent. A share lies between 0 and 1."),
                (_near(share * TEST_IMAGES, 10), "That is how many are right. Divide by the number of images."),
                (_near(1 - share), "That is the share of mistakes."),
                (_near(0.0, 1e-9), "Nothing at all is right? Compare with `test_digits`, not with another array."),
            ],
            hint="Compare `predicted` with `test_digits`; the mean of True and False is a share.",
        )


class TestConfusion:
    def test_counts_pairs(self, submission: Submission) -> None:
        """It counts, rows for true and columns for predicted classes"""
        true = np.array([0, 0, 1, 1, 1, 2, 3, 3, 3, 3, 3, 0])
        predicted = np.array([0, 1, 1, 1, 2, 2, 3, 0, 0, 3, 3, 0])
        right = _confusion(true, predicted, 4)
        rows = right.sum(axis=1, keepdims=True)
        found = _ask(submission, "confusion_matrix", true, predicted, 4, explain=_CONFUSION_ERRORS)
        expect(found, "`confusion_matrix(true, predicted, 4)`").to_be_close_to(
            right,
            mistakes=[
                (right.T, "It is transposed: rows should be the *true* classes, columns the predicted ones."),
                (
                    np.minimum(right, 1),
                    "No cell is above 1: `matrix[true, predicted] += 1` adds only once for a pair that occurs often.",
                ),
                (right / rows, "These are shares of a row. A confusion matrix holds counts."),
                (right / right.sum(), "These are shares of all images. A confusion matrix holds counts."),
                (right / right.sum(axis=0), "These are shares of a column. A confusion matrix holds counts."),
                (np.diag(np.diag(right)), "Only right answers are counted. The mistakes stand beside the diagonal."),
                (right - np.diag(np.diag(right)), "Only mistakes are counted. Right answers stand on the diagonal."),
                (np.diag(right), "This is the diagonal alone. Return the whole matrix."),
                (np.zeros((4, 4)), "Nothing was counted. Go through `true` and `predicted` together, with `zip`."),
                (lambda v: v.shape == (), "One number cannot say which class was taken for which."),
            ],
            hint=[
                "Begin with zeros, and add 1 in row `true`, column `predicted`, for each image.",
                "`zip` pairs them.",
            ],
        )

    def test_has_room_for_every_class(self, submission: Submission) -> None:
        """A class that does not occur has a row and a column all the same"""
        true, predicted = np.array([0, 1, 1, 3]), np.array([0, 1, 3, 3])
        explain = {
            **_CONFUSION_ERRORS,
            "out of bounds": "Make the matrix as large as `classes` says, not as what occurs.",
        }
        found = _ask(submission, "confusion_matrix", true, predicted, 6, explain=explain)
        expect(found, "`confusion_matrix(true, predicted, 6)`").to_have_shape(
            (6, 6),
            mistakes={
                (4, 4): "You counted the classes as largest label + 1. Class 5 exists, even if it is not among these.",
                (3, 3): "You counted the classes that occur. A class may be absent from these images.",
            },
            hint="`classes` says how many rows and columns there are.",
        ).to_be_close_to(
            _confusion(true, predicted, 6),
            mistakes=[(_confusion(predicted, true, 6), "It is transposed: rows should be the *true* classes.")],
            hint="Class 3 stands in row 3, whether or not class 2 occurs.",
        )


class TestSensitivity:
    def test_counts_the_dresses(self, submission: Submission) -> None:
        """Dresses that were recognised, and dresses that were missed"""
        expect(submission.number("true_positives"), "`true_positives`").to_be(
            36,
            mistakes={
                123: "That is the whole diagonal. Only dresses called dresses count here.",
                50: "That is how many dresses there are. How many were called dresses?",
                47: "That is how many were called dresses: 36 of them are dresses.",
                40: "That is the number for t-shirts.",
                0.72: "That is the sensitivity. First, the count.",
            },
            hint="Row dress, column dress.",
        )
        expect(submission.number("false_negatives"), "`false_negatives`").to_be(
            14,
            mistakes={
                11: "Negatives and positives are swapped: a false *negative* is a dress that was called"
                " something else.",
                0: "Two columns of the row *dress* are mistakes: t-shirt, too.",
            },
            hint="They are dresses, so look along the row of the dresses.",
        )

    def test_counts_the_others(self, submission: Submission) -> None:
        """What was taken for a dress, and what was not"""
        expect(submission.number("false_positives"), "`false_positives`").to_be(
            11,
            mistakes={
                14: "Negatives and positives are swapped: a false *positive* is something else that was"
                " called a dress.",
                9: "T-shirts are 9 of them. Shoes were called dresses, too.",
                2: "Shoes are 2 of them. T-shirts were called dresses, too.",
                47: "That is the whole column. The 36 dresses in it are right.",
            },
            hint="They were called dresses, so look down the column of the dresses.",
        )
        expect(submission.number("true_negatives"), "`true_negatives`").to_be(
            89,
            mistakes={
                87: "A t-shirt that was called a shoe is no dress, and nobody said so: it counts, too.",
                100: "11 of these 100 were called dresses.",
                123: "That is the whole diagonal: the dresses in it are positives.",
                103: "Dresses that were missed are no negatives: take them out.",
            },
            hint="Neither in the row nor in the column of the dresses: four numbers are left.",
        )

    def test_is_the_share_recognised(self, submission: Submission) -> None:
        """Sensitivity is the share of a class that is recognised"""
        matrix = np.array([[30, 2, 4, 1], [5, 20, 0, 7], [3, 6, 25, 2], [1, 9, 4, 40]])
        k, total = 1, matrix.sum()
        hit, row, column = matrix[k, k], matrix[k].sum(), matrix[:, k].sum()
        found = _one_number(_ask(submission, "sensitivity", matrix, k))
        expect(found, "`sensitivity(matrix, 1)`").to_be_close_to(
            hit / row,
            tolerance=1e-4,
            mistakes=[
                (
                    hit / column,
                    "That is the precision: of what was *called* the class. Divide by the row, the true ones.",
                ),
                (np.trace(matrix) / total, "That is the accuracy over all classes. Only images of class `k` count."),
                (hit / total, "You divided by all images. Divide by the images of class `k`."),
                (1 - hit / row, "That is the share that was missed."),
                (100 * hit / row, "That is in per cent. A share lies between 0 and 1."),
                (hit, "That is the count. Divide by the number of images of the class."),
                (
                    (total - row - column + hit) / (total - row),
                    "That is the specificity, which is about the other classes.",
                ),
                (2 * hit / (row + column), "That is the F1 score, which mixes sensitivity and precision."),
                (hit / (row - hit), "You divided by the missed ones. Divide by all images of the class."),
                (
                    np.diag(matrix) / matrix.sum(axis=1),
                    "These are the sensitivities of all classes. Return that of `k`.",
                ),
                (matrix[0, 0] / matrix[0].sum(), "That is class 0. Classes count from 0, as rows do: take row `k`."),
                (0, "Whole-number division cut the fraction off: `/`, not `//`."),
            ],
            hint="True positives, divided by all images that really are of this class: the row.",
        )

    def test_finds_the_hardest_digit(self, submission: Submission) -> None:
        """The digit that the network misses most often"""
        found, predicted = submission.number("hardest_digit"), submission.array("predicted")
        if predicted.shape != (TEST_IMAGES,):
            raise fail("`predicted` should have the shape (2000,) first.", hint="Task 8 makes it.")
        true = _test_set()[1]
        # What was predicted may be anything; only digits can be counted.
        known = np.isin(predicted, np.arange(10))
        matrix = _confusion(true[known], predicted[known].astype(int), 10)
        images = np.bincount(true, minlength=10)
        share = matrix.diagonal() / images
        precision = matrix.diagonal() / np.maximum(matrix.sum(axis=0), 1)
        expect(found, "`hardest_digit`").to_be_one_of(
            [int(k) for k in np.flatnonzero(share <= share.min() + 1e-9)],
            because=f"its sensitivity is {share.min():.3f}, the smallest",
            mistakes=[
                (int(share.argmax()), "That digit is recognised best. Look for the smallest sensitivity."),
                (int(precision.argmin()), "That digit has the lowest precision. Sensitivity looks along the row."),
                (
                    int(matrix.diagonal().argmin()),
                    "That has the smallest count, but there are fewer of it. Take the share.",
                ),
                (_near(float(share.min()), 1e-6), "That is the sensitivity itself. Which digit does it belong to?"),
            ],
            hint="Compute the sensitivity of each digit from your own confusion matrix, and take `np.argmin`.",
        )


_CONFUSION_ERRORS = {
    "out of bounds": "Rows and columns count from 0: class 3 of 4 is the last row.",
    "sklearn": "Count them yourself here, with a loop or with NumPy.",
    "positional argument": "The function takes three arguments: `true`, `predicted` and `classes`.",
}


def _ask(submission: Submission, function: str, *args: Any, explain: dict[str, str] | None = None) -> np.ndarray:
    """The array that the learner's function returns.

    If it stops with an error that a known misunderstanding makes, the hint says which: `explain` has words of
    the error and what to say.
    """
    try:
        return as_array(submission.function(function)(*args), f"what `{function}` returns")
    except Mismatch as error:
        for words, says in (explain or {}).items():
            if words in error.message:
                raise Mismatch(error.message, (says, *error.hints)) from None
        raise


def _one_number(array: np.ndarray) -> np.ndarray:
    """An array of one value as that value; anything else as it is."""
    return array.reshape(()) if array.size == 1 else array


def _finite(value: np.ndarray) -> bool:
    return bool(value.dtype.kind in "iub" or (value.dtype.kind == "f" and np.isfinite(value).all()))


def _never_finite(value: np.ndarray) -> bool:
    """Floats, and the first of them is nan or infinite."""
    return bool(value.dtype.kind == "f" and value.size and not np.isfinite(value.flat[0]))


def _near(expected: float, within: float = 0.005) -> Callable[[Any], bool]:
    """Whether a number is about the one that a misunderstanding gives."""

    def matches(value: Any) -> bool:
        return isinstance(value, (int, float)) and -1e9 < value < 1e9 and abs(value - expected) <= within

    return matches


def _close(value: np.ndarray, expected: np.ndarray) -> bool:
    return value.shape == expected.shape and value.dtype.kind in "fiu" and np.allclose(value, expected, atol=1e-4)


def _top_probability(temperature: float) -> float:
    """Largest probability for the scores of Task 3."""
    powers = np.exp((np.array([3.0, 1.5, 0.5, 0.0]) - 3.0) / temperature)
    return float(powers.max() / powers.sum())


def _confusion(true: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    matrix = np.zeros((classes, classes), dtype=int)
    np.add.at(matrix, (true, predicted), 1)
    return matrix


def _probabilities(model: ModelReport, outputs: np.ndarray) -> np.ndarray:
    """A model's outputs (N, K), or their softmax if it gives logits."""
    if model.output_activation == "softmax":
        return outputs
    powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _loss(model: ModelReport, outputs: np.ndarray, digits: np.ndarray) -> float:
    """Mean cross-entropy of a model's outputs (N, 10)."""
    right = _probabilities(model, outputs)[np.arange(len(digits)), digits]
    return float(-np.mean(np.log(np.maximum(right, 1e-7)))) + 1e-9


@cache
def _training_set() -> tuple[np.ndarray, np.ndarray]:
    """The first thousand of the exercise's training images (1000, 28, 28) and their digits."""
    (images, digits), _ = load_mnist()
    return images[:1000], digits[:1000]


@cache
def _test_set() -> tuple[np.ndarray, np.ndarray]:
    """The exercise's test images (2000, 28, 28) and digits (2000,)."""
    _, (images, digits) = load_mnist()
    return images[:TEST_IMAGES], digits[:TEST_IMAGES]


def _snake(name: str) -> str:
    """A loss in one spelling: `keras.losses.MeanSquaredError()` is "mean_squared_error"."""
    name = name.strip()[:200].removeprefix("keras.").removeprefix("losses.").removesuffix("()")
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|[\s-]+", "_", name).lower()
    return {"mse": "mean_squared_error"}.get(words, words)


def _takes_an_image(model: ModelReport) -> None:
    if model.input_shape is None:
        raise fail(
            "`model` does not know its input yet, so it has no weights.",
            hint="Begin with `keras.Input((784,))`, or `layers.Flatten()` after `keras.Input((28, 28))`.",
        )
    if model.layers_of("Flatten", "Reshape") and model.input_shape[1:] in ((28, 28), (28, 28, 1)):
        return
    expect(model.input_shape, "the input shape of `model`").to_be(
        (None, 784),
        because="an image has 28 x 28 values",
        mistakes={
            (None, 28): "28 is one row of pixels. The network should see all 28 rows.",
            (None, 28, 28): "A dense layer works on the last axis alone. Flatten the image first, or take rows of 784.",
            (
                None,
                28,
                28,
                1,
            ): "A dense layer works on the last axis alone. Flatten the image first, or take rows of 784.",
            (None, 12000): "12,000 is the number of images. The input shape is that of one image.",
            (None, 12000, 784): "The number of images is not part of the input shape; Keras adds that axis itself.",
            (None, 10): "10 is the number of outputs. The input is an image of 784 values.",
        },
        hint="`keras.Input((784,))`: the shape of one image as a row, without the number of images.",
    )


def _compiled(model: ModelReport) -> CompileReport:
    if model.compiled is None:
        raise fail(
            "`model` has not been compiled.",
            hint="`model.compile(loss=..., optimizer=..., metrics=...)`. Building it again undoes it.",
        )
    return model.compiled


def _loss_fits_activation(activation: str | None, compiled: CompileReport) -> None:
    if activation == "softmax":
        if compiled.from_logits:
            raise fail(
                "`model` ends in softmax, but its loss says `from_logits=True`.",
                hint="Softmax would be applied twice. Take it away in one of the two places.",
            )
        return
    if activation in (None, "linear"):
        if not compiled.from_logits:
            raise fail(
                "`model` gives raw scores, but its loss expects probabilities.",
                hint=[
                    "No error appears, but the loss takes the logarithm of numbers that are no probabilities.",
                    "Either softmax in the output layer, or `from_logits=True` in the loss.",
                ],
            )
        return
    expect(activation, "the activation of the output layer of `model`").to_be(
        "softmax",
        because="the ten outputs should be probabilities that add up to 1",
        mistakes={
            "sigmoid": "Sigmoid answers ten separate yes-or-no questions. Each image is exactly one of ten.",
            "relu": "relu gives any positive number. Probabilities lie between 0 and 1 and add up to 1.",
            "tanh": "tanh gives values from -1 to 1; a probability cannot be negative.",
            "log_softmax": "That is the logarithm of the probabilities; the loss takes it itself.",
        },
        hint='`layers.Dense(10, activation="softmax")`',
    )


def _labels_that_do_not_fit(submission: Submission, error: Mismatch) -> Mismatch:
    """`fit` stopped: most often because labels and loss do not belong together."""
    stopped = submission.stopped_with()
    if "ValueError" not in stopped or not ("shape" in stopped or "rank" in stopped):
        return error
    if "compatible" in stopped or "784" in stopped:
        says = "The images do not have the shape that `model` takes. Reshape them to rows of 784 values."
    else:
        says = (
            "Labels and loss do not belong together. `categorical_crossentropy` wants one-hot rows,"
            " `sparse_categorical_crossentropy` wants class numbers, which is what `train_digits` holds."
        )
    return Mismatch(error.message, (says, *error.hints))
