"""Checks of exercise 3, dense networks. One class per graded cell, in the field's words."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from math import erf

import numpy as np
import pytest

from autograder.data import load_fashion
from autograder.exercise.expect import Hint, expect, fail, unless_it_ignores
from autograder.exercise.models import ModelReport
from autograder.exercise.networks import (
    SPARSE_LOSS,
    compiled,
    compiled_model,
    cross_entropies,
    ends_in_probabilities,
    flattens_in_time,
    hidden_layers_bend,
    loss_fits_labels,
    loss_fits_output,
    rate_is_sensible,
    reports_accuracy,
)
from autograder.exercise.outcome import Mismatch, NotAttempted
from autograder.exercise.submission import Submission, as_array
from autograder.exercise.traces import images_of_an_epoch, learned_from_raw_pixels
from autograder.language import _, plural

LESS_THAN_AN_IMAGE = 0.0045  # of the 100 test images; their accuracy has two digits
NEEDED = 0.82  # measured over seeds: benchmarks/seeds.md
NOTHING_BELOW = 0.60


class TestFlattened:
    @pytest.mark.parametrize(("name", "images"), [("x_train", 600), ("x_test", 100)])
    def test_is_one_row_per_image(self, submission: Submission, name: str, images: int) -> None:
        """Each image is one row of 784 numbers"""
        one_row = Hint(
            "All images are in one long row. Keep the first axis: one row for each image.", id="one-long-row"
        )
        expect(submission.array(name), f"`{name}`").to_have_shape(
            (images, 784),
            mistakes={
                (784, images): Hint(
                    "Rows and columns are swapped. Make one row for each image, one column for each pixel.",
                    id="rows-and-columns-swapped",
                ),
                (images, 28, 28, 1): Hint(
                    "These are still images. Turn each into a row of 28 x 28 x 1 = 784 numbers: look at `reshape`.",
                    id="not-flattened",
                ),
                (images, 28, 28): Hint(
                    "The channel axis is gone, but each image is still a square of 28 x 28. Make it a row: look at"
                    " `reshape`.",
                    id="channel-dropped-only",
                ),
                (images, 1): Hint(
                    "`shape[-1]` of the images is the number of channels. Count the pixels of an image instead.",
                    id="channels-for-pixels",
                ),
                (images * 784,): one_row,
                (1, images * 784): one_row,
                (784,): Hint("This is a single image. Take all of them: the first axis counts images.", id="one-image"),
                (700 - images, 784): Hint(
                    "Training and test images are mixed up. Look at which set goes into which name.",
                    id="training-and-test-mixed-up",
                ),
                (images, 28): Hint(
                    "Only one row of pixels of each image is left. Use `reshape`, not an index.", id="one-pixel-row"
                ),
            },
            hint="Six images of 5 x 5 pixels become `images.reshape(6, 25)`. Do the same with yours.",
            stated=True,
        )
        _holds_the_images(submission.array(name), name)

    @pytest.mark.parametrize("name", ["x_train", "x_test"])
    def test_is_scaled(self, submission: Submission, name: str) -> None:
        """The values are scaled to 0..1, as float32"""
        rows = submission.array(name)
        if not rows.size or not np.isfinite(rows).all():
            raise fail(
                _("`{name}` is empty, or holds values that are not numbers (NaN or infinite).", name=name),
                hint=Hint("Start again from `train_data` and `test_data`, and divide by 255.", id="no-numbers"),
            )
        low, top = float(rows.min()), float(rows.max())
        if low < 0:
            raise fail(
                _("The smallest value in `{name}` is {low:.3g}; scaled to 0..1 it would be 0.", name=name, low=low),
                hint=Hint(
                    "Subtracting the mean is another way to scale. Leave it out: only divide by 255.", id="standardised"
                ),
            )
        if top > 1.5:
            raise fail(
                _("The largest value in `{name}` is {top:g}; scaled it would be 1.", name=name, top=top),
                hint=[
                    Hint("Divide by 255, the largest value a pixel can have.", id="not-scaled"),
                    "Convert to float32 first, then divide.",
                ],
            )
        if rows.dtype.kind in "iub":
            raise fail(
                _(
                    "`{name}` holds whole numbers ({dtype}), so nearly every pixel became 0.",
                    name=name,
                    dtype=rows.dtype,
                ),
                hint=Hint(
                    "`//` and whole-number dtypes cut off the fraction. Convert with `.astype('float32')`, then divide"
                    " with `/`.",
                    id="fraction-cut-off",
                ),
            )
        if _equally_long(rows):
            raise fail(
                _("Every row of `{name}` has the length 1, and its largest value is {top:.3g}.", name=name, top=top),
                hint=Hint(
                    "`keras.utils.normalize` makes all rows equally long and bright images darker. Divide by 255.",
                    id="normalized-rows",
                ),
            )
        if top < 0.1:
            raise fail(
                _("The largest value in `{name}` is {top:.4f}; scaled it would be 1.", name=name, top=top),
                hint=Hint(
                    "Did the cell run twice, or divide twice? Start again from the images as loaded.", id="scaled-twice"
                ),
            )
        if rows.dtype.kind == "f" and abs(top - 255 / 256) < 1e-4:
            raise fail(
                _("The largest value in `{name}` is {top:.4f}; scaled it would be 1.", name=name, top=top),
                hint=Hint("The largest pixel is 255 and should become 1. What do you divide by?", id="divided-by-256"),
            )
        expect(rows, f"`{name}`").to_have_dtype(
            "float32",
            mistakes={
                "float64": Hint(
                    "Dividing a whole-number array gives float64. Keras computes in float32: convert.", id="float64"
                ),
                "float16": Hint("float16 has only three digits. Convert to float32.", id="float16"),
            },
            hint="Look at `astype`.",
            stated=True,
        )
        expect(top, _("the largest value in `{name}`", name=name)).to_be_about(
            1.0,
            0.002,
            stated=True,
            mistakes=[
                (
                    lambda v: 0.8 < v < 1.25 and abs(v - 1) > 0.002,
                    Hint(
                        "You divide by a number near the right one. Print the largest value of the images as loaded.",
                        id="divided-by-another-number",
                    ),
                )
            ],
            hint="Divide by 255, the same number for the training and the test images.",
        )


class TestByHand:
    def test_weighs_and_adds(self, submission: Submission) -> None:
        """It computes xW + b for every image and unit"""
        x, weights, bias = _layer(submission, positive=True)
        right = x @ weights + bias
        with _unless_it_ignores(submission, x, weights, bias):
            _weighs_and_adds(submission, x, weights, bias, right)

    def test_cuts_negative_values(self, submission: Submission) -> None:
        """Its activation is relu"""
        x, weights, bias = _layer(submission, positive=False)
        scores = x @ weights + bias
        found = _dense_relu(submission, x, weights, bias)
        expect(found, "`dense_relu(x, W, b)`").to_be_close_to(
            np.maximum(scores, 0),
            given=(x, weights, bias),
            mistakes=[
                (
                    np.maximum(scores, 1),
                    Hint("It cuts at 1. At which value does relu begin to let through?", id="cut-at-1"),
                ),
                (
                    scores,
                    Hint("The function at the end is missing. Turn every negative value into 0.", id="no-activation"),
                ),
                (
                    np.abs(scores),
                    Hint("That is the absolute value. Turn negative values into 0 instead.", id="absolute-value"),
                ),
                (
                    np.minimum(scores, 0),
                    Hint("The wrong half is cut off. Keep the positive values.", id="wrong-half-cut-off"),
                ),
                (np.maximum(x @ weights, 0), _NO_BIAS),
                (
                    np.maximum(x @ weights, 0) + bias,
                    Hint("Add the bias first, then apply relu.", id="relu-before-bias"),
                ),
                (
                    np.maximum(x, 0) @ weights + bias,
                    Hint("relu comes last. Apply it to xW + b, not to `x`.", id="relu-on-input"),
                ),
                (
                    np.full_like(scores, max(scores.max(), 0)),
                    Hint("That is one maximum over everything. Compare each value with 0.", id="one-maximum"),
                ),
                (
                    np.where(scores > 0, scores, 1),
                    Hint("Negative values become 1. What does relu make of them?", id="one-for-negative"),
                ),
                *(
                    (
                        np.where(scores > 0, scores, slope * scores),
                        Hint(
                            "Negative values are made small, but they are still there. What does relu make of them?",
                            id="leaky-relu",
                        ),
                    )
                    for slope in (0.01, 0.1, 0.2, 0.3)
                ),
                *_other_activations(scores),
            ],
            hint="relu compares each value with 0 and keeps the larger one. Look at `np.maximum`.",
        )

    def test_uses_what_it_is_given(self, submission: Submission) -> None:
        """It works with what it is given, whatever its shape"""
        x, weights, bias = _layer(submission, positive=False, images=7, inputs=3, units=2)
        found = _dense_relu(submission, x, weights, bias)
        expect(found, "`dense_relu` of another layer").to_be_close_to(
            np.maximum(x @ weights + bias, 0),
            mistakes=[(np.maximum(x @ weights, 0), _NO_BIAS)],
            hint="Does it work with any number of images, inputs and units? Try it with other shapes.",
        )


def _weighs_and_adds(
    submission: Submission, x: np.ndarray, weights: np.ndarray, bias: np.ndarray, right: np.ndarray
) -> None:
    found = _dense_relu(submission, x, weights, bias)
    expect(found, "`dense_relu(x, W, b)`").to_be_close_to(
        right,
        mistakes=[
            (x @ weights, _NO_BIAS),
            (x @ weights - bias, Hint("The bias is subtracted. Add it instead.", id="bias-subtracted")),
            (right.T, Hint("Rows and columns are swapped. Make one row for each image.", id="transposed")),
            (
                right.sum(axis=0),
                Hint("The images are added up. Keep a separate row for each image.", id="images-added-up"),
            ),
            (
                right[::-1],
                Hint("The rows are in reverse order. Keep the order of the images.", id="rows-reversed"),
            ),
            (right[0], Hint("That is the first image only. Return one row for each image.", id="first-image")),
            (
                np.minimum(right, 0),
                Hint("The wrong half is cut off. Keep the positive values.", id="wrong-half-cut-off"),
            ),
            *_forgotten_parts(x, weights, bias),
            # Above 0 some functions keep what they get, as relu does.
            *((found, says) for found, says in _other_activations(right) if not np.allclose(found, right)),
        ],
        given=(x, weights, bias),
        hint=[
            Hint(
                "`x @ W` multiplies matrices; `x * W` multiplies value by value. Which one do you need?",
                id="product-value-by-value",
            ),
            "The result has one row for each image and one column for each unit. Print its shape.",
        ],
    )


def _forgotten_parts(x: np.ndarray, weights: np.ndarray, bias: np.ndarray) -> list[tuple[np.ndarray, str]]:
    """What a layer makes in which the images, or images and weights, are forgotten."""
    no_images = Hint("The images do not come into it. Where is `x`?", id="images-forgotten")
    return [(weights + bias, no_images), (weights, no_images), (bias, no_images)]


def _unless_it_ignores(
    submission: Submission, x: np.ndarray, weights: np.ndarray, bias: np.ndarray
) -> AbstractContextManager[None]:
    function = submission.function("dense_relu", _IF_IT_STOPS)
    others = (-x, weights, bias), (x, weights / 2, bias), (x, weights, bias / 2)
    return unless_it_ignores(function, "dense_relu", (x, weights, bias), *others)


_NO_BIAS = Hint("The bias is missing. Add `b` to every row.", id="bias-missing")


def _dense_relu(submission: Submission, x: np.ndarray, weights: np.ndarray, bias: np.ndarray) -> np.ndarray:
    return as_array(submission.function("dense_relu", _IF_IT_STOPS)(x, weights, bias), _("what `dense_relu` returns"))


_IF_IT_STOPS = Hint(
    "`x @ W` multiplies matrices, and `np.maximum` compares value by value. `*` and Python's `max` do something else."
    " Try each with a small array.",
    id="dense-relu-stops",
)


class TestCounted:
    def test_hidden_layer(self, submission: Submission) -> None:
        """Parameters of the hidden layer"""
        expect(submission.number("hidden_parameters"), "`hidden_parameters`").to_be(
            7850,
            mistakes={
                7840: _WEIGHTS_ALONE,
                794: _ADDED,
                804: _ADDED,
                8624: Hint("A bias belongs to a unit, not to an input. How many units are there?", id="bias-per-input"),
                7841: Hint("One bias is not enough. Give each unit its own.", id="one-bias"),
                290: Hint(
                    "28 is one row of pixels. Take all the values of an image, as the task gives them.", id="28-values"
                ),
                784: Hint(
                    "Those are the inputs. Each unit has a weight for each of them: carry on from there.",
                    id="inputs-only",
                ),
                10: Hint("Those are the units. How many weights does each of them have?", id="units-only"),
                33: Hint("That belongs to the output layer. What goes into the hidden layer?", id="other-layer"),
                20: Hint("The inputs are left out. How many weights has a unit?", id="inputs-left-out"),
                7830: Hint("A bias is a parameter like a weight. Is it taken away, or added?", id="biases-taken-away"),
                784 / 10 + 10: _DIVIDED,
                lambda v: 0 < abs(v - 7850) < 10: _BIASES_MISCOUNTED,
            },
            hint=[
                "Each unit has a weight for every input, and a bias. Draw a small layer and count its arrows.",
                _EXAMPLE,
            ],
        )

    def test_output_layer(self, submission: Submission) -> None:
        """Parameters of the output layer"""
        pixels = Hint(
            "What goes into the output layer is what comes out of the layer before it. Is that still the pixels?",
            id="output-sees-pixels",
        )
        expect(submission.number("output_parameters"), "`output_parameters`").to_be(
            33,
            mistakes={
                30: _WEIGHTS_ALONE,
                2355: pixels,
                2352: pixels,
                40: Hint("A bias belongs to a unit, not to an input. How many units are there?", id="bias-per-input"),
                31: Hint("One bias is not enough. Give each unit its own.", id="one-bias"),
                13: _ADDED,
                16: _ADDED,
                7850: Hint("That belongs to the hidden layer. What goes into the output layer?", id="other-layer"),
                6: Hint("The inputs are left out. How many weights has a unit?", id="inputs-left-out"),
                3: Hint("Those are the units, or their biases. How many weights has each?", id="units-only"),
                27: Hint("A bias is a parameter like a weight. Is it taken away, or added?", id="biases-taken-away"),
                10 / 3 + 3: _DIVIDED,
                lambda v: 30 < v < 37 and v != 33: _BIASES_MISCOUNTED,
            },
            hint=["What goes into the output layer? Look at what comes out of the hidden layer.", _EXAMPLE],
        )

    def test_all_layers(self, submission: Submission) -> None:
        """Parameters in all"""
        multiplied = Hint("Layers follow one another. Add their counts.", id="layers-multiplied")
        expect(submission.number("all_parameters"), "`all_parameters`").to_be(
            7883,
            mistakes={
                7870: _WEIGHTS_ALONE,
                7850 * 33: multiplied,
                784 * 10 * 3: multiplied,
                7884: Hint("The biases are in the layers' counts already. Count them once.", id="biases-twice"),
                7896: Hint("The biases are in the layers' counts already. Count them once.", id="biases-twice"),
                7960: Hint("That fits ten classes. How many are there here?", id="ten-classes"),
                797: _ADDED,
                7850: _ONE_LAYER,
                33: _ONE_LAYER,
                7850 - 33: Hint("Layers follow one another. Is one taken away, or added?", id="layers-subtracted"),
                784 + 7850 + 33: Hint(
                    "The input has no parameters, because nothing is learned there. Leave it out.", id="input-counted"
                ),
            },
            hint="Add up the layers. Does your sum fit the two counts above?",
        )


_DIVIDED = Hint(
    "Inputs are divided by units here. Every unit has a weight for every input: multiply.", id="inputs-divided-by-units"
)
_BIASES_MISCOUNTED = Hint(
    "The weights are there, but not the right number of biases. How many biases has a unit?", id="biases-miscounted"
)
_ONE_LAYER = Hint("That is one layer alone. Add up all that have parameters.", id="one-layer-alone")
_WEIGHTS_ALONE = Hint("Those are only the weights. What else does each unit have?", id="bias-forgotten")
_ADDED = Hint(
    "Inputs and units are added here. Every unit has a weight for every input: multiply.", id="inputs-and-units-added"
)
_EXAMPLE = _(
    "A layer with 4 inputs and 2 units has 4 x 2 weights and 2 biases, which makes ten altogether. Now do the same with"
    " your numbers."
)


class TestArchitecture:
    def test_takes_an_image(self, submission: Submission) -> None:
        """It takes the 784 values of an image"""
        _takes_an_image(submission.model("model"))

    def test_has_one_unit_per_class(self, submission: Submission) -> None:
        """It has one output per class"""
        _has_three_outputs(submission.model("model"))

    def test_has_a_hidden_layer(self, submission: Submission) -> None:
        """It has a hidden layer that is not linear"""
        _has_hidden_layers(submission.model("model"), 1)

    def test_ends_in_probabilities(self, submission: Submission) -> None:
        """Its output layer gives probabilities, or logits"""
        ends_in_probabilities(submission.model("model"), 3)


class TestCompiled:
    def test_loss_fits_the_labels(self, submission: Submission) -> None:
        """The loss fits one-hot labels"""
        loss_fits_labels(compiled_model(submission, "model"), 3)

    def test_loss_fits_the_output(self, submission: Submission) -> None:
        """The loss fits the output layer"""
        loss_fits_output(compiled_model(submission, "model"), 3)

    def test_reports_accuracy(self, submission: Submission) -> None:
        """It reports accuracy"""
        reports_accuracy(compiled_model(submission, "model"))

    def test_can_learn(self, submission: Submission) -> None:
        """Its optimizer takes steps of a sensible size"""
        rate_is_sensible(compiled_model(submission, "model"))


class TestTrained:
    def test_keeps_the_history(self, submission: Submission) -> None:
        """`history` is what `fit` returned"""
        try:
            history = submission.history("history")
        except NotAttempted:
            if submission.model("model").untrained:
                raise
            raise fail(
                "`model` was trained, but there is no `history` of it.",
                hint=Hint("`fit` returns the history. Keep it: `history = model.fit(...)`.", id="history-not-kept"),
            ) from None
        if history.epochs < 2:
            raise fail(
                _("`history` has {epochs} epoch, but seeing the images once is hardly enough.", epochs=history.epochs),
                hint=Hint(
                    "An epoch is one pass over the training images. Look at the argument `epochs` of `fit`.",
                    id="one-epoch",
                ),
            )
        _has_learned(submission)  # a history is easily typed by hand, so it counts only with what it tells of

    def test_has_learned(self, submission: Submission) -> None:
        """The network has learned, and only from the training images"""
        _has_learned(submission)
        (images, one_hot), model = _fashion()[0], submission.model("model")
        losses = submission.history("history").history.get("loss") or []
        if losses and learned_from_raw_pixels(model, (images, one_hot.argmax(axis=1)), losses=losses):
            raise _learned_from_raw_pixels("model")
        _only_training_images_in_an_epoch(submission)
        _test_images_took_no_part(submission)


def _learned_from_raw_pixels(name: str) -> Mismatch:
    return fail(
        _("`{name}` was trained on pixels from 0 to 255, and scaled ones are strange to it.", name=name),
        hint=Hint("Give `fit` the scaled images: print the largest value of what you give it.", id="not-scaled"),
    )


# All 700 images, or what is left of them after a tenth or a twentieth is held back for validation.
_JOINED = (700, 630, 665)


def _only_training_images_in_an_epoch(submission: Submission) -> None:
    """See that an epoch was not as long as that of both sets joined."""
    if (count := images_of_an_epoch(submission.history("history"), 700)) in _JOINED:
        raise fail(
            _("In each epoch `model` saw {count} of the images, but only 600 are for training.", count=count),
            hint=Hint(
                "Were the test images among them? Give `fit` the training images and their labels.",
                id="trained-on-test-images",
            ),
        )


def _has_learned(submission: Submission) -> None:
    model = submission.model("model")
    if not model.finite:
        raise fail(
            "Some weights of `model` are NaN (not a number).",
            hint=_RAN_AWAY,
        )
    expect(submission.accuracy("model")).to_have_learned(
        model,
        guessing=1 / 3,
        at_least=NOTHING_BELOW,
        hint=Hint(
            "It was trained, but hardly learned. Do images and labels belong together, in the same order?",
            id="hardly-learned",
        ),
    )


class TestAccuracy:
    def test_measures_it(self, submission: Submission) -> None:
        """`test_accuracy` is the accuracy on the test images"""
        value = submission.value("test_accuracy")
        if isinstance(value, (list, tuple)) and len(value) == 2:
            raise fail(
                "`test_accuracy` holds two numbers, but it should be one.",
                hint=Hint(
                    "`evaluate` returns the loss first, then the accuracy. Keep the second one.", id="loss-and-accuracy"
                ),
            )
        found = submission.number("test_accuracy")
        expect(found, "`test_accuracy`").to_be_between(
            0.0,
            1.0,
            mistakes=[
                (
                    lambda v: 1 < v <= 100,
                    Hint(
                        "That looks like per cent, or like the loss. Look at what `evaluate` returns, and in which"
                        " order.",
                        id="per-cent-or-loss",
                    ),
                ),
            ],
            hint="Look at what `evaluate` returns for the test images and their labels.",
            stated=True,
        )
        train, test = _on_training_images(submission), _on_test_images(submission)
        if abs(found - test.accuracy) <= LESS_THAN_AN_IMAGE:
            return
        hints: list[str] = [
            Hint("Did the model change after you measured? Evaluate it again.", id="model-changed-since"),
            Hint("Are the test images scaled like the training images? Print their largest value.", id="test-unscaled"),
        ]
        if abs(found - train.accuracy) < 0.0005:
            hints.insert(
                0,
                Hint(
                    "That is the accuracy on the training images, which the network knows. Take the test images.",
                    id="measured-on-training-images",
                ),
            )
        elif abs(found - test.loss) < 0.01:
            hints.insert(
                0, Hint("That is the loss. Look at the second value that `evaluate` returns.", id="loss-for-accuracy")
            )
        elif any(abs(found - value) < 1e-9 for value in _accuracies_in_history(submission)):
            hints.insert(
                0,
                Hint(
                    "That is from `history`, which knows nothing about the test images. Measure them with `evaluate`.",
                    id="accuracy-from-history",
                ),
            )
        elif submission.model("model").layers_of("Rescaling", "Normalization"):
            hints.insert(
                0,
                Hint(
                    "Your model scales the pixels itself. Give it pixels from 0 to 255, in training and here.",
                    id="scaled-twice-by-model",
                ),
            )
        raise fail(
            _("`test_accuracy` is {found:.3f}, which is not the accuracy of `model` on the test images.", found=found),
            hint=hints,
        )

    def test_is_good_enough(self, submission: Submission) -> None:
        """The network gets at least 82 % of unseen images right"""
        _was_trained(submission, "model", _("task 6"))
        expect(submission.accuracy("model"), "the accuracy of `model`").to_reach(
            NEEDED,
            zero_at=NOTHING_BELOW,
            hint=[
                Hint("Train for more epochs, or use a few more hidden units.", id="too-little-training"),
                "Compare training and validation accuracy in `history`. Do both still rise at the end?",
            ],
        )


def _was_trained(submission: Submission, name: str, where: str) -> None:
    """Say of a network that was never trained that this is what is missing, and nothing about epochs."""
    model = submission.model(name)
    if not model.untrained or submission.accuracy(name).value >= NOTHING_BELOW:
        return
    raise fail(
        _("`{name}` has not been trained.", name=name),
        hint=Hint(
            _("This needs a trained network. Train it first: look at {where}.", where=where), id="rests-on-training"
        ),
    )


def _accuracies_in_history(submission: Submission) -> list[float]:
    try:
        history = submission.history("history").history
    except (Mismatch, NotAttempted):
        return []
    return [v for name, values in history.items() if "acc" in name for v in values if isinstance(v, float)]


class TestDeeper:
    def test_takes_an_image(self, submission: Submission) -> None:
        """It takes an image and says three things about it"""
        model = submission.model("deeper_model")
        _takes_an_image(model)
        _has_three_outputs(model)

    def test_has_two_hidden_layers(self, submission: Submission) -> None:
        """It has two or more hidden layers that are not linear"""
        _has_hidden_layers(submission.model("deeper_model"), 2)

    def test_loss_fits(self, submission: Submission) -> None:
        """Its loss fits the labels and the output layer"""
        model = compiled_model(submission, "deeper_model")
        sparse = compiled(model).loss == SPARSE_LOSS
        # With class numbers the sparse loss is right, and with one-hot rows nothing can be learned with it.
        if not sparse or submission.accuracy("deeper_model").value < NOTHING_BELOW:
            loss_fits_labels(model, 3)
        ends_in_probabilities(model, 3)
        loss_fits_output(model, 3)

    def test_is_good_enough(self, submission: Submission) -> None:
        """It gets at least 82 % of unseen images right"""
        _was_trained(submission, "deeper_model", _("the line that calls `fit`"))
        measured = submission.accuracy("deeper_model")
        unseen, (images, one_hot) = submission.images("fashion"), _fashion()[0]
        sets = (images, one_hot.argmax(axis=1)), (unseen.pixels, unseen.labels)
        if learned_from_raw_pixels(submission.model("deeper_model"), *sets):
            raise _learned_from_raw_pixels("deeper_model")
        _test_images_took_no_part(submission, "deeper_model")
        expect(measured, "the accuracy of `deeper_model`").to_reach(
            NEEDED,
            zero_at=NOTHING_BELOW,
            hint=Hint(
                "Train it like the first one: with the same images, labels and epochs.", id="too-little-training"
            ),
        )


# The logarithm of the loss on the test images, less that on the training images or on images that nobody has seen. Of
# 620 honest networks (one or two layers of 10 to 128 units, relu, tanh or sigmoid, three optimizers, 5 to 80 epochs)
# none came below -0.053 and -0.154. The limits find 5 in 6 of the networks that were trained on the test images, alone
# or afterwards for as long, and 6 in 10 of those trained on both sets; who trained little has gained little.
_TOO_GOOD_FOR_TRAINING = -0.2
_TOO_GOOD_FOR_UNSEEN = -0.3
_AS_GOOD_AS_TRAINING = 0.3
_FAR_TOO_GOOD_FOR_UNSEEN = -1.5


@dataclass(frozen=True)
class _Measured:
    """How well a model does on images whose labels everyone has."""

    accuracy: float
    loss: float  # mean cross-entropy


def _measured(submission: Submission, name: str, pixels: np.ndarray, one_hot: np.ndarray) -> _Measured:
    submission.accuracy(name)  # says what is wrong with a model that cannot be measured
    given, right = submission.predictions(name, pixels[..., 0]), one_hot.argmax(axis=1)
    accuracy = float(np.mean(given.argmax(axis=1) == right))
    return _Measured(accuracy, float(_losses(submission, name, pixels[..., 0], right).mean()))


def _losses(submission: Submission, name: str, pixels: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The cross-entropy of each image, from probabilities or from scores."""
    return cross_entropies(submission.model(name), submission.predictions(name, pixels), right)


def _on_training_images(submission: Submission, name: str = "model") -> _Measured:
    return _measured(submission, name, *_fashion()[0])


def _on_test_images(submission: Submission, name: str = "model") -> _Measured:
    return _measured(submission, name, *_fashion()[1])


@cache
def _fashion() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    return load_fashion()


def _test_images_took_no_part(submission: Submission, name: str = "model") -> None:
    """Look for the traces that the test images leave in a network and in its history."""
    test, train = _on_test_images(submission, name), _on_training_images(submission, name)
    unseen = submission.images("fashion")
    new = _losses(submission, name, unseen.pixels, unseen.labels).mean()
    beside_training, beside_unseen = (np.log((test.loss + 1e-4) / (other + 1e-4)) for other in (train.loss, new))
    on_test_alone = beside_training < _TOO_GOOD_FOR_TRAINING and beside_unseen < _TOO_GOOD_FOR_UNSEEN
    # A network that fits its training images far better than any others may happen to fit one set worse than another.
    on_both = beside_training < _AS_GOOD_AS_TRAINING and beside_unseen < _FAR_TOO_GOOD_FOR_UNSEEN
    if on_test_alone or on_both:
        raise fail(
            _("`{name}` fits the test images better than a network that has never seen them can.", name=name),
            hint=Hint(
                "Was it trained on the test images? Give `fit` the training images and their labels.",
                id="trained-on-test-images",
            ),
        )
    if name != "model":
        return
    losses = submission.history("history").history.get("val_loss") or []
    # That an honest validation loss equals the test loss to 1e-5 is a chance of about 1 in 5,000.
    if losses and isinstance(losses[-1], float) and abs(losses[-1] - test.loss) < 1e-5:
        raise fail(
            "The last validation loss in `history` is the loss on the test images.",
            hint=Hint(
                "`validation_data` are the test images. Take them from the training images instead: look at"
                " `validation_split`.",
                id="validated-on-test-images",
            ),
        )


def _equally_long(rows: np.ndarray) -> bool:
    """Whether each row was divided by its own length, as `keras.utils.normalize` does."""
    return rows.ndim == 2 and bool(np.allclose(np.linalg.norm(rows.astype("float64"), axis=1), 1, atol=1e-3))


def _holds_the_images(rows: np.ndarray, name: str) -> None:
    """The pixels are those of the images, in their order, whatever they were divided by."""
    images = _fashion()[0 if name == "x_train" else 1][0]
    wanted = images.reshape(len(images), 784) / 255
    top = float(rows.max(initial=0))
    if (rows.dtype.kind in "iub" and top < 2) or not 0 < top < np.inf or float(rows.min()) < 0 or _equally_long(rows):
        return  # what is left of the pixels is `test_is_scaled`'s to judge
    found = rows.astype(np.float64) / top
    if np.allclose(found, wanted, atol=0.01):
        return
    hint: list[str] = [
        _("Start again from `train_data` and `test_data`; `reshape` alone keeps every image in its row.")
    ]
    if np.allclose(np.sort(found, axis=1), np.sort(wanted, axis=1), atol=0.01):
        hint.insert(
            0,
            Hint(
                "Each row has the pixels of its image, but in another order. Leave the axes as they are: only reshape.",
                id="pixels-in-another-order",
            ),
        )
    elif np.allclose(np.sort(found, axis=None), np.sort(wanted, axis=None), atol=0.01):
        hint.insert(
            0,
            Hint(
                "The shape is right, but pixels of different images share a row. Do not transpose; only reshape.",
                id="images-mixed-up",
            ),
        )
    if np.allclose(1 - found, wanted, atol=0.01):
        hint.insert(
            0, Hint("Black and white are swapped. Divide the pixels, and subtract nothing.", id="black-and-white")
        )
    raise fail(_("The rows of `{name}` are not the images: the pixels differ.", name=name), hint=hint)


def _other_activations(scores: np.ndarray) -> list[tuple[np.ndarray, str]]:
    """What other functions than relu make of the scores."""
    powers = np.exp(scores)
    relative = Hint(
        "That is a relative of relu, which lets something below 0 through. Compare each value with 0, and keep the"
        " larger.",
        id="relative-of-relu",
    )
    cut_exponential, scaled = (np.where(scores > 0, scores, a_ * (powers - 1)) for a_ in (1, 1.67326))  # elu, selu
    bell = np.vectorize(erf)(scores / np.sqrt(2))
    nearly = np.tanh(np.sqrt(2 / np.pi) * (scores + 0.044715 * scores**3))
    normal = (scores * (1 + bell) / 2, scores * (1 + nearly) / 2)  # gelu, in both of its forms
    softmax = Hint("That is softmax. relu looks at each value separately: compare it with 0.", id="softmax-for-relu")
    return [
        (1 / (1 + 1 / powers), Hint("That is the sigmoid. Compare each value with 0 instead.", id="sigmoid-for-relu")),
        (
            np.log1p(powers),
            Hint(
                "That is softplus, a relu without a corner. Compare each value with 0 instead.", id="softplus-for-relu"
            ),
        ),
        *((found, relative) for found in (cut_exponential, 1.0507 * scaled, scores / (1 + 1 / powers), *normal)),
        (
            np.clip(scores, 0, 6),
            Hint("Large values are cut off, too. relu has no upper end: leave that out.", id="cut-above"),
        ),
        (np.tanh(scores), Hint("That is tanh. Compare each value with 0 instead.", id="tanh-for-relu")),
        (powers / powers.sum(axis=1, keepdims=True), softmax),
        (powers / powers.sum(axis=0), softmax),
        (powers / powers.sum(), softmax),
        (
            (scores > 0) * 1.0,
            Hint("That shows where relu keeps the value, with 1 and 0. Return the value itself.", id="slope-of-relu"),
        ),
    ]


def _layer(
    submission: Submission, positive: bool, images: int = 4, inputs: int = 6, units: int = 3
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x (images, inputs), W (inputs, units), b (units,).

    All scores are positive, or some are negative, some between 0 and 1, and some above 6.
    """
    rng = submission.rng(f"dense {positive} {images}")
    low, times = (0.1, 1) if positive else (-1.0, 5)
    while True:
        x, weights, bias = (rng.uniform(low, 1, shape) for shape in ((images, inputs), (inputs, units), units))
        x = x * times
        scores = x @ weights + bias
        between = (scores > 0.1) & (scores < 0.9)
        if positive or (scores.max() > 6.5 and scores.min() < -0.2 and between.any()):
            return x, weights, bias


def _takes_an_image(model: ModelReport) -> None:
    if model.input_shape is None:
        raise fail(
            _("`{name}` does not know its input yet, so it has no weights.", name=model.name),
            hint=Hint(
                "Begin with `keras.Input(...)`, and give it the shape of one image as your model receives it.",
                id="no-input",
            ),
        )
    flattens = bool(model.layers_of("Flatten", "Reshape"))
    if flattens and model.input_shape[1:] in ((28, 28, 1), (28, 28)):
        return
    square = Hint("A dense layer works only on the last axis. Flatten the image first, or take rows.", id="not-flat")
    images = Hint(
        "The number of images is not part of the input shape. Give the shape of one image.", id="images-in-input-shape"
    )
    expect(model.input_shape, _("the input shape of `{name}`", name=model.name)).to_be(
        (None, 784),
        because="an image has 28 x 28 x 1 values",
        mistakes={
            (None, 1): Hint(
                "You passed `train_data.shape[-1]`: that is the number of channels. Flatten the images first.",
                id="channels-for-pixels",
            ),
            (None, 28, 28, 1): square,
            (None, 28, 28): square,
            (None, 28): Hint("28 is one row of pixels. Give the network all the rows of an image.", id="28-values"),
            (None, 600): images,
            (None, 600, 784): images,
            lambda shape: len(shape) == 2 and shape[0] is not None and shape[1] == 784: Hint(
                "The length of a batch stands in it, because the network learned its shape only in `fit`. Begin with"
                " `keras.Input(...)`, and give it the shape of one image.",
                id="no-input",
            ),
            lambda shape: len(shape) == 2 and shape[1] != 784: Hint(
                "The images have another number of values. Print the shape of `x_train`: which of its lengths is that"
                " of one image?",
                id="other-number-of-inputs",
            ),
        },
        hint="The input shape is that of one image as your model receives it. Print the shape of `x_train`.",
        stated=True,
    )


def _has_three_outputs(model: ModelReport) -> None:
    flatten = Hint(
        "The image was never flattened, so the dense layers worked only on its last axis. Flatten it first.",
        id="not-flat",
    )
    expect(model.output_shape, _("the output shape of `{name}`", name=model.name)).to_be(
        (None, 3),
        because="there are three kinds of clothes",
        mistakes={
            (None, 1): Hint("One number cannot say which of three. Use one unit for each class.", id="one-output"),
            (None, 10): Hint("10 fits the ten digits of MNIST. How many classes are there here?", id="ten-outputs"),
            (None, 784): Hint(
                "784 is the number of inputs. Give the output layer one unit for each class.", id="inputs-as-outputs"
            ),
            (None, 2): Hint("There are a t-shirt, a shoe and a dress. Count again.", id="two-outputs"),
            (None, 600): Hint(
                "600 is the number of images. Give the output layer one unit for each class.", id="images-as-outputs"
            ),
            (None, 28, 28, 3): flatten,
            (None, 28, 3): flatten,
            lambda shape: isinstance(shape, tuple) and len(shape) == 2 and shape[1] != 3: Hint(
                "The output layer has another number of units than there are classes. Count the kinds of clothes.",
                id="other-number-of-outputs",
            ),
        },
        hint="The last dense layer needs as many units as there are classes. Look at `summary`.",
        stated=True,
    )


def _has_hidden_layers(model: ModelReport, needed: int) -> None:
    hidden = model.dense_layers[:-1]
    if len(hidden) < needed:
        words = {1: _("one hidden dense layer"), 2: _("two hidden dense layers")}[needed]
        raise fail(
            plural(
                "`{name}` has {n} hidden dense layer, but {needed} or more are needed.",
                "`{name}` has {n} hidden dense layers, but {needed} or more are needed.",
                len(hidden),
                name=model.name,
                needed=words,
            ),
            hint=Hint(
                "A hidden layer is between input and output. The output layer does not count: add another.",
                id="output-counted-as-hidden",
            ),
        )
    flattens_in_time(model)
    hidden_layers_bend(model)


_RAN_AWAY = Hint("The training diverged. Scale the images to 0..1, or use a smaller learning rate.", id="ran-away")
