"""Checks of exercise 3, dense networks. One class per graded cell, in the field's words."""

import numpy as np
import pytest

from autograder.expect import expect, fail
from autograder.models import ModelReport
from autograder.submission import Submission

NEEDED = 0.85  # measured: see docs of thresholds in benchmarks/seeds.md
NOTHING_BELOW = 0.60


class TestFlattened:
    @pytest.mark.parametrize(("name", "images"), [("x_train", 600), ("x_test", 100)])
    def test_is_one_row_per_image(self, submission: Submission, name: str, images: int) -> None:
        """Each image is one row of 784 numbers"""
        other = 700 - images
        expect(submission.array(name), f"`{name}`").to_have_shape(
            (images, 784),
            mistakes={
                (784, images): "Rows and columns are swapped: one row per image, one column per pixel.",
                (images, 28, 28, 1): "These are still images. `reshape` makes rows of them: 28 x 28 x 1 = 784.",
                (images, 28, 28): "The channel axis is gone, but each image is still a square of 28 x 28.",
                (images, 1): "`shape[-1]` of the images is the number of channels, 1. An image has 28 x 28 pixels.",
                (images * 784,): "All images are in one long row. Keep the first axis: one row per image.",
                (784,): "This is a single image. The first axis counts the images.",
                (1, images * 784): "All images are in one long row. Keep the first axis: one row per image.",
                (other, 784): "Training and test images are mixed up.",
                (images, 28): "Only one row of pixels of each image is left. Use `reshape`, not an index.",
            },
            hint="`array.reshape(number_of_images, 784)`; `-1` lets NumPy work out one of the two.",
        )

    @pytest.mark.parametrize("name", ["x_train", "x_test"])
    def test_is_scaled(self, submission: Submission, name: str) -> None:
        """The values are scaled to 0..1, as float32"""
        rows = submission.array(name)
        top = float(rows.max(initial=0))
        if top > 1.5:
            raise fail(
                f"The largest value in `{name}` is {top:g}; scaled it would be 1.",
                hint=["Divide by 255, the largest value a pixel can have.", "Convert to float32 before you divide."],
            )
        if rows.dtype.kind in "iub":
            raise fail(
                f"`{name}` holds whole numbers ({rows.dtype}), so nearly every pixel became 0.",
                hint="`//` and integer dtypes cut off the fraction. Convert with `.astype('float32')`, then `/ 255`.",
            )
        if top < 0.1:
            raise fail(
                f"The largest value in `{name}` is {top:.4f}; scaled it would be 1.",
                hint="Did the cell run twice, or divide twice? Start again from the original images.",
            )
        expect(rows, f"`{name}`").to_have_dtype(
            "float32",
            mistakes={"float64": "Dividing an integer array gives float64. Keras computes in float32: convert."},
            hint="`.astype('float32')`",
        )
        expect(top, f"the largest value in `{name}`").to_be_about(
            1.0, 0.02, hint="Divide by 255, the same number for the training and the test images."
        )


class TestByHand:
    def test_weighs_and_adds(self, submission: Submission) -> None:
        """It computes xW + b for every image and unit"""
        x, weights, bias = _layer(positive=True)
        right = x @ weights + bias
        expect(submission.function("dense_relu")(x, weights, bias), "`dense_relu(x, W, b)`").to_be_close_to(
            right,
            mistakes=[
                (x @ weights, "The bias is missing: add `b` to every row."),
                (x @ weights - bias, "The bias is subtracted; it should be added."),
                (right.T, "Rows and columns are swapped: one row per image, one column per unit."),
            ],
            hint=["`x @ W` multiplies matrices; `x * W` multiplies value by value.", "The shape is (images, units)."],
        )

    def test_cuts_negative_values(self, submission: Submission) -> None:
        """Its activation is relu"""
        x, weights, bias = _layer(positive=False)
        scores = x @ weights + bias
        expect(submission.function("dense_relu")(x, weights, bias), "`dense_relu(x, W, b)`").to_be_close_to(
            np.maximum(scores, 0),
            mistakes=[
                (scores, "The activation is missing: relu turns every negative value into 0."),
                (np.abs(scores), "That is the absolute value. relu turns negative values into 0."),
                (np.minimum(scores, 0), "The wrong half is cut off: relu keeps positive values."),
                (1 / (1 + np.exp(-scores)), "That is the sigmoid. relu is the larger of the value and 0."),
                (np.maximum(x @ weights, 0) + bias, "Add the bias first, then apply relu."),
            ],
            hint="`np.maximum(values, 0)` compares every value with 0.",
        )


class TestCounted:
    def test_hidden_layer(self, submission: Submission) -> None:
        """Parameters of the hidden layer"""
        expect(submission.number("hidden_parameters"), "`hidden_parameters`").to_be(
            7850,
            mistakes={
                7840: "Those are the weights alone. Each of the 10 units has a bias, too.",
                794: "Inputs and units are multiplied, not added: every unit has a weight for every input.",
                8624: "A bias belongs to a unit, not to an input: 784 x 10 + 10.",
                290: "An image is 28 x 28 = 784 values, not 28.",
            },
            hint="Each unit has one weight per input, and one bias.",
        )

    def test_output_layer(self, submission: Submission) -> None:
        """Parameters of the output layer"""
        expect(submission.number("output_parameters"), "`output_parameters`").to_be(
            33,
            mistakes={
                30: "Those are the weights alone. Each of the 3 units has a bias, too.",
                2355: "The output layer sees the 10 hidden units, not the 784 pixels.",
                2352: "The output layer sees the 10 hidden units, not the 784 pixels.",
                40: "A bias belongs to a unit: 3 units, 3 biases.",
            },
            hint="What goes into the output layer is what comes out of the hidden layer.",
        )

    def test_all_layers(self, submission: Submission) -> None:
        """Parameters in all"""
        expect(submission.number("all_parameters"), "`all_parameters`").to_be(
            7883,
            mistakes={7870: "The biases are missing.", 7850 * 33: "Layers follow one another: add their counts."},
            hint="Add up the layers. Flattening and activations have no parameters.",
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
        _ends_well(submission.model("model"))


class TestCompiled:
    def test_loss_fits_the_labels(self, submission: Submission) -> None:
        """The loss fits one-hot labels"""
        _loss_fits_labels(submission.model("model"))

    def test_loss_fits_the_output(self, submission: Submission) -> None:
        """The loss fits the output layer"""
        _loss_fits_output(submission.model("model"))

    def test_reports_accuracy(self, submission: Submission) -> None:
        """It has an optimizer that can learn, and reports accuracy"""
        model = submission.model("model")
        compiled = _compiled(model)
        if not any("accuracy" in metric for metric in compiled.metrics):
            raise fail(
                f"The metrics of `model` are {list(compiled.metrics) or 'empty'}, but accuracy should be among them.",
                hint='`metrics=["accuracy"]`, a list, as an argument of `compile`.',
            )
        if compiled.learning_rate is not None and not 1e-5 <= compiled.learning_rate <= 0.5:
            raise fail(
                f"The learning rate is {compiled.learning_rate:g}, but it should be between 0.00001 and 0.5.",
                hint="Too large and the weights jump about; too small and they never arrive. Adam's default is 0.001.",
            )


class TestTrained:
    def test_keeps_the_history(self, submission: Submission) -> None:
        """`history` is what `fit` returned"""
        history = submission.history("history")
        if history.epochs < 2:
            raise fail(
                f"`history` has {history.epochs} epoch, but one look at the images is hardly enough.",
                hint="`epochs=10` in `fit`. An epoch is one pass over the training images; a unit is part of a layer.",
            )

    def test_has_learned(self, submission: Submission) -> None:
        """The network has learned the training images"""
        model = submission.model("model")
        if not model.finite:
            raise fail(
                "Some weights of `model` are NaN (not a number).",
                hint="The training ran away. Scale the images to 0..1, or take a smaller learning rate.",
            )
        accuracy = submission.accuracy("model")
        if accuracy.value < 0.6 and accuracy.unscaled < 0.6:
            new = model.compiled is None or model.compiled.iterations == 0
            raise fail(
                f"`model` gets {accuracy.value:.0%} of the images right; guessing gets 33%.",
                hint=(
                    "It has never been trained: was it built or compiled again after `fit`? Run `fit` once more."
                    if new
                    else "It was trained, but hardly learned. Do images and labels belong together, in the same order?"
                ),
            )


class TestAccuracy:
    def test_measures_it(self, submission: Submission) -> None:
        """`test_accuracy` is the accuracy on the test images"""
        found = submission.number("test_accuracy")
        expect(found, "`test_accuracy`").to_be_between(
            0.0,
            1.0,
            mistakes=[
                (lambda v: 1 < v <= 100, "That looks like per cent. Keras gives a share between 0 and 1."),
            ],
            hint="`loss, accuracy = model.evaluate(x_test, test_labels)`",
        )
        measured = submission.accuracy("model").value
        if abs(found - measured) > 0.15:
            raise fail(
                f"`test_accuracy` is {found:.3f}, but `model` gets {measured:.3f} on images it has not seen.",
                hint="`evaluate` returns the loss first, then the accuracy. Did the model change after you measured?",
            )

    def test_is_good_enough(self, submission: Submission) -> None:
        """The network gets at least 85 % of unseen images right"""
        expect(submission.accuracy("model"), "the accuracy of `model`").to_reach(
            NEEDED,
            zero_at=NOTHING_BELOW,
            hint=["More epochs, or a few more hidden units.", "Compare training and validation accuracy in `history`."],
        )


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
        model = submission.model("deeper_model")
        _loss_fits_labels(model)
        _loss_fits_output(model)

    def test_is_good_enough(self, submission: Submission) -> None:
        """It gets at least 85 % of unseen images right"""
        expect(submission.accuracy("deeper_model"), "the accuracy of `deeper_model`").to_reach(
            NEEDED, zero_at=NOTHING_BELOW, hint="Train it like the first one: the same images, labels and epochs."
        )


def _layer(positive: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x (4, 6), W (6, 3), b (3,): all scores positive, or of both signs."""
    rng = np.random.default_rng(20)
    low = 0.1 if positive else -1.0
    return rng.uniform(low, 1, (4, 6)), rng.uniform(low, 1, (6, 3)), rng.uniform(low, 1, 3)


def _takes_an_image(model: ModelReport) -> None:
    name = f"the input shape of `{model.name}`"
    if model.input_shape is None:
        raise fail(
            f"`{model.name}` does not know its input yet, so it has no weights.",
            hint="Begin with `keras.Input((784,))`, or `layers.Flatten()` after `keras.Input((28, 28, 1))`.",
        )
    flattens = bool(model.layers_of("Flatten", "Reshape"))
    if flattens and model.input_shape[1:] in ((28, 28, 1), (28, 28)):
        return
    expect(model.input_shape, name).to_be(
        (None, 784),
        because="an image has 28 x 28 x 1 values",
        mistakes={
            (None, 1): "You passed `train_data.shape[-1]`: that is the number of channels. Flatten the images first.",
            (None, 28, 28, 1): "A dense layer works on the last axis alone. Flatten the image first, or take rows.",
            (None, 28, 28): "A dense layer works on the last axis alone. Flatten the image first, or take rows.",
            (None, 28): "28 is one row of pixels. The network should see all 28 rows.",
            (None, 600): "600 is the number of images. The input shape is that of one image.",
            (None, 600, 784): "The number of images is not part of the input shape; Keras adds that axis itself.",
        },
        hint="`keras.Input((784,))`: the shape of one image as a row, without the number of images.",
    )


def _has_three_outputs(model: ModelReport) -> None:
    expect(model.output_shape, f"the output shape of `{model.name}`").to_be(
        (None, 3),
        because="there are three kinds of clothes",
        mistakes={
            (None, 1): "One number cannot say which of three: one unit per class.",
            (None, 10): "10 fits the ten digits of MNIST. Here there are three classes.",
            (None, 784): "784 is the number of inputs. The output layer has one unit per class.",
            (None, 2): "There are three classes: t-shirt, shoe, dress.",
            (None, 28, 28, 3): "The image was never flattened: the dense layers worked on its last axis alone.",
            (None, 28, 3): "The image was never flattened: the dense layers worked on its last axis alone.",
        },
        hint="The last dense layer needs as many units as there are classes.",
    )


def _has_hidden_layers(model: ModelReport, needed: int) -> None:
    hidden = model.dense_layers[:-1]
    if len(hidden) < needed:
        words = {1: "one hidden dense layer", 2: "two hidden dense layers"}[needed]
        raise fail(
            f"`{model.name}` has {len(hidden)} hidden dense layers, but {words} or more are needed.",
            hint="A hidden layer stands between input and output. The output layer is not one.",
        )
    classes = [layer.class_name for layer in model.layers]
    first_dense, last_dense = classes.index("Dense"), len(classes) - 1 - classes[::-1].index("Dense")
    if "Flatten" in classes[first_dense:]:
        raise fail(
            f"`{model.name}` flattens after a dense layer.",
            hint="Until then a dense layer works on the last axis alone. Flatten first, then dense layers.",
        )
    functions = {"ReLU", "LeakyReLU", "PReLU", "ELU", "Activation"}
    for index, layer in enumerate(model.layers[:last_dense]):
        if layer.class_name != "Dense":
            continue
        following = [after for after in model.layers[index + 1 : last_dense] if after.class_name not in _BETWEEN]
        next_one = following[0] if following else None
        separate = next_one is not None and next_one.class_name in functions and next_one.activation != "linear"
        if layer.activation in (None, "linear") and not separate:
            raise fail(
                f"The hidden layer `{layer.name}` of `{model.name}` is linear.",
                hint=[
                    "Without an activation two dense layers are no more than one: a linear function of a linear function.",
                    'Say `activation="relu"` in the hidden layer.',
                ],
            )


_BETWEEN = ("Dropout", "BatchNormalization", "LayerNormalization", "GaussianNoise")


def _ends_well(model: ModelReport) -> None:
    activation = model.output_activation
    if activation == "softmax":
        return
    if activation in (None, "linear"):
        if model.compiled is not None and not model.compiled.from_logits:
            _loss_fits_output(model)
        return
    expect(activation, f"the activation of the output layer of `{model.name}`").to_be(
        "softmax",
        because="the three outputs should be probabilities that add up to 1",
        mistakes={
            "sigmoid": "Sigmoid answers three separate yes-or-no questions. Each image is exactly one of three.",
            "relu": "relu gives any positive number. Probabilities lie between 0 and 1 and add up to 1.",
            "tanh": "tanh gives values from -1 to 1; a probability cannot be negative.",
        },
        hint='`layers.Dense(3, activation="softmax")`',
    )


def _compiled(model: ModelReport):  # type: ignore[no-untyped-def]
    if model.compiled is None:
        raise fail(
            f"`{model.name}` has not been compiled.",
            hint=f"`{model.name}.compile(loss=..., optimizer=..., metrics=...)`. Building it again undoes it.",
        )
    return model.compiled


def _loss_fits_labels(model: ModelReport) -> None:
    loss = _compiled(model).loss
    expect(loss, f"the loss of `{model.name}`").to_be(
        "categorical_crossentropy",
        because="the labels are one-hot rows",
        mistakes={
            "sparse_categorical_crossentropy": "The sparse loss wants class numbers (0, 1, 2). Yours are one-hot rows.",
            "binary_crossentropy": "The binary loss is for one yes-or-no answer. Here one of three classes is right.",
            "mean_squared_error": "Squared error is for numbers such as prices. For classes take a cross-entropy.",
            None: "`compile` was called without a loss, so there is nothing to make smaller.",
        },
        hint="Which cross-entropy expects a one-hot row for each image?",
    )


def _loss_fits_output(model: ModelReport) -> None:
    compiled, activation = _compiled(model), model.output_activation
    if activation == "softmax" and compiled.from_logits:
        raise fail(
            f"`{model.name}` ends in softmax, but its loss says `from_logits=True`.",
            hint="Softmax would be applied twice. Take it away in one of the two places.",
        )
    if activation in (None, "linear") and not compiled.from_logits:
        raise fail(
            f"`{model.name}` gives raw scores, but its loss expects probabilities.",
            hint=[
                "No error appears, but the loss takes the logarithm of numbers that are no probabilities.",
                "Either softmax in the output layer, or `from_logits=True` in the loss.",
            ],
        )
    if activation not in (None, "linear", "softmax"):
        _ends_well(model)
