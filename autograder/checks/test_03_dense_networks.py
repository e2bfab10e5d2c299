"""Checks of exercise 3, dense networks. One class per graded cell, in the field's words."""

from functools import cache

import numpy as np
import pytest

from autograder.data import load_fashion
from autograder.exercise.expect import Hint, expect, fail
from autograder.exercise.models import CompileReport, ModelReport
from autograder.exercise.outcome import NotAttempted
from autograder.exercise.submission import Submission

LESS_THAN_AN_IMAGE = 0.0045  # of the 100 test images; their accuracy has two digits
NEEDED = 0.82  # measured over seeds: benchmarks/seeds.md
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
                (
                    images,
                    28,
                    28,
                    1,
                ): "These are still images. `reshape` makes rows of them: 28 x 28 x 1 = 784.",
                (images, 28, 28): "The channel axis is gone, but each image is still a square of 28 x 28.",
                (
                    images,
                    1,
                ): "`shape[-1]` of the images is the number of channels, 1. An image has 28 x 28 pixels.",
                (images * 784,): "All images are in one long row. Keep the first axis: one row per image.",
                (784,): "This is a single image. The first axis counts the images.",
                (1, images * 784): "All images are in one long row. Keep the first axis: one row per image.",
                (other, 784): "Training and test images are mixed up.",
                (images, 28): "Only one row of pixels of each image is left. Use `reshape`, not an index.",
            },
            hint="`array.reshape(number_of_images, 784)`; `-1` lets NumPy work out one of the two.",
            stated=True,
        )
        _holds_the_images(submission.array(name), name)

    @pytest.mark.parametrize("name", ["x_train", "x_test"])
    def test_is_scaled(self, submission: Submission, name: str) -> None:
        """The values are scaled to 0..1, as float32"""
        rows = submission.array(name)
        if not rows.size or not np.isfinite(rows).all():
            raise fail(
                f"`{name}` is empty, or holds values that are no numbers (NaN or infinite).",
                hint="Start again from `train_data` and `test_data`, and divide by 255, not by the pixels.",
            )
        low, top = float(rows.min()), float(rows.max())
        if low < 0:
            raise fail(
                f"The smallest value in `{name}` is {low:.3g}; scaled to 0..1 it would be 0.",
                hint="Subtracting the mean is another way to scale. Here only divide, by 255.",
            )
        if top > 1.5:
            raise fail(
                f"The largest value in `{name}` is {top:g}; scaled it would be 1.",
                hint=[
                    "Divide by 255, the largest value a pixel can have.",
                    "Convert to float32 before you divide.",
                ],
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
            mistakes={
                "float64": "Dividing an integer array gives float64. Keras computes in float32: convert.",
                "float16": "float16 has only three digits. Keras computes in float32.",
            },
            hint="`.astype('float32')`",
            stated=True,
        )
        expect(top, f"the largest value in `{name}`").to_be_about(
            1.0, 0.02, stated=True, hint="Divide by 255, the same number for the training and the test images."
        )


class TestByHand:
    def test_weighs_and_adds(self, submission: Submission) -> None:
        """It computes xW + b for every image and unit"""
        x, weights, bias = _layer(positive=True)
        right = x @ weights + bias
        expect(
            submission.function("dense_relu", _IF_IT_STOPS)(x, weights, bias), "`dense_relu(x, W, b)`"
        ).to_be_close_to(
            right,
            mistakes=[
                (x @ weights, "The bias is missing: add `b` to every row."),
                (x @ weights - bias, "The bias is subtracted; it should be added."),
                (right.T, "Rows and columns are swapped: one row per image, one column per unit."),
                (
                    right.sum(axis=0),
                    "The images are added up. Each image has a row of its own in the result.",
                ),
                (right[0], "That is the first image only. The result has one row per image."),
                *_other_activations(right),
            ],
            hint=[
                "`x @ W` multiplies matrices; `x * W` multiplies value by value.",
                "The shape is (images, units).",
            ],
        )

    def test_cuts_negative_values(self, submission: Submission) -> None:
        """Its activation is relu"""
        x, weights, bias = _layer(positive=False)
        scores = x @ weights + bias
        expect(
            submission.function("dense_relu", _IF_IT_STOPS)(x, weights, bias), "`dense_relu(x, W, b)`"
        ).to_be_close_to(
            np.maximum(scores, 0),
            mistakes=[
                (scores, "The activation is missing: relu turns every negative value into 0."),
                (np.abs(scores), "That is the absolute value. relu turns negative values into 0."),
                (np.minimum(scores, 0), "The wrong half is cut off: relu keeps positive values."),
                *_other_activations(scores),
                (np.maximum(x @ weights, 0) + bias, "Add the bias first, then apply relu."),
                (np.maximum(x, 0) @ weights + bias, "relu comes last: it acts on xW + b, not on `x`."),
                (np.full_like(scores, max(scores.max(), 0)), "That is one maximum over everything."),
            ],
            hint="`np.maximum(values, 0)` compares every value with 0.",
        )


_IF_IT_STOPS = (
    "`x @ W` multiplies matrices and `np.maximum` compares value by value; `*` and Python's `max` do something else."
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
                784: "That is the number of inputs. Each of the 10 units has a weight for each of them.",
                10: "That is the number of units. Each has a weight for every input, and a bias.",
                33: "That belongs to the output layer.",
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
                13: "Inputs and units are multiplied, not added: every unit has a weight for every input.",
                7850: "That belongs to the hidden layer.",
            },
            hint="What goes into the output layer is what comes out of the hidden layer.",
        )

    def test_all_layers(self, submission: Submission) -> None:
        """Parameters in all"""
        expect(submission.number("all_parameters"), "`all_parameters`").to_be(
            7883,
            mistakes={
                7870: "The biases are missing.",
                7850 * 33: "Layers follow one another: add their counts.",
                7884: "The biases are part of the layers' counts already.",
                7960: "7,960 is the count for ten classes. Here there are three.",
                784 * 10 * 3: "Layers follow one another: add their counts, biases included.",
                797: "Inputs and units are multiplied, layer by layer; only the layers are added.",
                784 + 7850 + 33: "The input has no parameters: nothing is learned there.",
            },
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
        _loss_fits_labels(_compiled_model(submission, "model"))

    def test_loss_fits_the_output(self, submission: Submission) -> None:
        """The loss fits the output layer"""
        _loss_fits_output(_compiled_model(submission, "model"))

    def test_reports_accuracy(self, submission: Submission) -> None:
        """It reports accuracy"""
        metrics = _compiled(_compiled_model(submission, "model")).metrics
        if {"accuracy", "categorical_accuracy"} & set(metrics):
            return
        says = f"The metrics of `model` are {list(metrics) or 'empty'}, but accuracy should be among them."
        kinds = {
            "binary_accuracy": "The binary accuracy takes each of the three outputs for a question of its own.",
            "sparse_categorical_accuracy": "The sparse accuracy wants class numbers. Yours are one-hot rows.",
        }
        named = [text for kind, text in kinds.items() if kind in metrics]
        raise fail(says, hint=[*named, '`metrics=["accuracy"]`, a list, as an argument of `compile`.'])

    def test_can_learn(self, submission: Submission) -> None:
        """Its optimizer takes steps of a sensible size"""
        rate = _compiled(_compiled_model(submission, "model")).learning_rate
        if rate is not None and not 1e-5 <= rate <= 0.5:
            raise fail(
                f"The learning rate is {rate:g}, but it should be between 0.00001 and 0.5.",
                hint="Too large and the weights jump about; too small and they never arrive. Adam's default is 0.001.",
            )


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
                hint="`fit` returns the history. Keep it: `history = model.fit(...)`.",
            ) from None
        if history.epochs < 2:
            raise fail(
                f"`history` has {history.epochs} epoch, but one look at the images is hardly enough.",
                hint="`epochs=10` in `fit`. An epoch is one pass over the training images; a unit is part of a layer.",
            )
        _has_learned(submission)  # a history is easily typed by hand, so it counts only with what it tells of

    def test_has_learned(self, submission: Submission) -> None:
        """The network has learned, and from the training images alone"""
        _has_learned(submission)
        _test_images_took_no_part(submission)


def _has_learned(submission: Submission) -> None:
    model = submission.model("model")
    if not model.finite:
        raise fail(
            "Some weights of `model` are NaN (not a number).",
            hint="The training ran away. Scale the images to 0..1, or take a smaller learning rate.",
        )
    expect(submission.accuracy("model")).to_have_learned(
        model,
        guessing=1 / 3,
        at_least=NOTHING_BELOW,
        hint="It was trained, but hardly learned. Do images and labels belong together, in the same order?",
    )


class TestAccuracy:
    def test_measures_it(self, submission: Submission) -> None:
        """`test_accuracy` is the accuracy on the test images"""
        value = submission.value("test_accuracy")
        if isinstance(value, (list, tuple)) and len(value) == 2:
            raise fail(
                "`test_accuracy` holds two numbers, but it should be one.",
                hint="`evaluate` returns the loss first, then the accuracy. Keep the second one.",
            )
        found = submission.number("test_accuracy")
        expect(found, "`test_accuracy`").to_be_between(
            0.0,
            1.0,
            mistakes=[
                (
                    lambda v: 1 < v <= 100,
                    "That looks like per cent, or like the loss. Keras gives a share from 0 to 1.",
                ),
            ],
            hint="`loss, accuracy = model.evaluate(x_test, test_labels)`",
        )
        train, test = _on_training_images(submission), _on_test_images(submission)
        if abs(found - test.accuracy) <= LESS_THAN_AN_IMAGE:
            return
        hints = ["Did the model change after you measured? Evaluate it again.", "Are the test images scaled?"]
        if abs(found - train.accuracy) < 0.0005:
            hints.insert(
                0,
                "That is the accuracy on the training images. Those the network knows: take the test images.",
            )
        elif abs(found - test.loss) < 0.01:
            hints.insert(0, "That is the loss. `evaluate` returns the loss first, then the accuracy.")
        elif submission.model("model").layers_of("Rescaling", "Normalization"):
            hints.insert(0, "Your model scales by itself: give it pixels from 0 to 255, in training and here.")
        raise fail(
            f"`test_accuracy` is {found:.3f}, but `model` gets {test.accuracy:.3f} of the test images right.",
            hint=hints,
        )

    def test_is_good_enough(self, submission: Submission) -> None:
        """The network gets at least 82 % of unseen images right"""
        expect(submission.accuracy("model"), "the accuracy of `model`").to_reach(
            NEEDED,
            zero_at=NOTHING_BELOW,
            hint=[
                "More epochs, or a few more hidden units.",
                "Compare training and validation accuracy in `history`.",
            ],
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
        model = _compiled_model(submission, "deeper_model")
        _loss_fits_labels(model)
        _loss_fits_output(model)

    def test_is_good_enough(self, submission: Submission) -> None:
        """It gets at least 82 % of unseen images right"""
        expect(submission.accuracy("deeper_model"), "the accuracy of `deeper_model`").to_reach(
            NEEDED,
            zero_at=NOTHING_BELOW,
            hint="Train it like the first one: the same images, labels and epochs.",
        )


class _Measured:
    """How well a model does on images whose labels everyone has."""

    def __init__(self, submission: Submission, pixels: np.ndarray, one_hot: np.ndarray) -> None:
        submission.accuracy("model")  # says what is wrong with a model that cannot be measured
        given = submission.predictions("model", pixels[..., 0]).astype(np.float64)
        right = one_hot.argmax(axis=1)
        self.accuracy = float(np.mean(given.argmax(axis=1) == right))
        chosen = np.clip(given[np.arange(len(right)), right], 1e-7, 1.0)
        self.loss = float(np.mean(-np.log(chosen)))  # cross-entropy; without meaning when the output is logits


def _on_training_images(submission: Submission) -> _Measured:
    return _Measured(submission, *_fashion()[0])


def _on_test_images(submission: Submission) -> _Measured:
    return _Measured(submission, *_fashion()[1])


@cache
def _fashion() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    return load_fashion()


def _test_images_took_no_part(submission: Submission) -> None:
    """Look for the traces that the test images leave.

    Of 36 honest runs (nine settings, four seeds each) the test accuracy was at most 0.01 above the training
    accuracy. That an honest validation loss equals the test loss to 1e-5 is a chance of about 1 in 5,000: they
    differ by some hundredths.
    """
    test, train = _on_test_images(submission), _on_training_images(submission)
    if test.accuracy >= 0.97 and test.accuracy - train.accuracy > 0.05:
        raise fail(
            f"`model` gets {test.accuracy:.0%} of the test images right, but only {train.accuracy:.0%} of the"
            " training images.",
            hint=Hint(
                "Was it trained on the test images? Give `fit` the training images and their labels.",
                id="trained-on-test-images",
            ),
        )
    losses = submission.history("history").history.get("val_loss") or []
    if losses and isinstance(losses[-1], float) and abs(losses[-1] - test.loss) < 1e-5:
        raise fail(
            "The last validation loss in `history` is the loss on the test images.",
            hint=Hint(
                "`validation_data` are the test images. Cut them off the training images: `validation_split=0.2`.",
                id="validated-on-test-images",
            ),
        )


def _holds_the_images(rows: np.ndarray, name: str) -> None:
    """The pixels are those of the images, in their order, whatever they were divided by."""
    images = _fashion()[0 if name == "x_train" else 1][0]
    wanted = images.reshape(len(images), 784) / 255
    top = float(rows.max(initial=0))
    if (rows.dtype.kind in "iub" and top < 2) or not 0 < top < np.inf or float(rows.min()) < 0:
        return  # what is left of the pixels is `test_is_scaled`'s to judge
    found = rows.astype(np.float64) / top
    if np.allclose(found, wanted, atol=0.01):
        return
    hint = ["Start again from `train_data` and `test_data`; `reshape` alone keeps every image in its row."]
    if np.allclose(np.sort(found, axis=None), np.sort(wanted, axis=None), atol=0.01):
        hint.insert(
            0,
            "The shape is right, but pixels of different images share a row. Do not transpose; only reshape.",
        )
    if np.allclose(1 - found, wanted, atol=0.01):
        hint.insert(0, "Black and white are exchanged.")
    raise fail(f"The rows of `{name}` are not the images: the pixels differ.", hint=hint)


def _other_activations(scores: np.ndarray) -> list[tuple[np.ndarray, str]]:
    """What other functions than relu make of the scores."""
    powers = np.exp(scores)
    return [
        (1 / (1 + 1 / powers), "That is the sigmoid. relu compares each value with 0."),
        (np.tanh(scores), "That is tanh. relu compares each value with 0."),
        (powers / powers.sum(axis=1, keepdims=True), "That is softmax. relu looks at each value for itself."),
        (powers / powers.sum(), "That is softmax over everything. relu looks at each value for itself."),
        ((scores > 0) * 1.0, "That says where relu keeps the value, with 1 and 0. Return the value itself."),
    ]


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
            (
                None,
                1,
            ): "You passed `train_data.shape[-1]`: that is the number of channels. Flatten the images first.",
            (
                None,
                28,
                28,
                1,
            ): "A dense layer works on the last axis alone. Flatten the image first, or take rows.",
            (
                None,
                28,
                28,
            ): "A dense layer works on the last axis alone. Flatten the image first, or take rows.",
            (None, 28): "28 is one row of pixels. The network should see all 28 rows.",
            (None, 600): "600 is the number of images. The input shape is that of one image.",
            (
                None,
                600,
                784,
            ): "The number of images is not part of the input shape; Keras adds that axis itself.",
        },
        hint="`keras.Input((784,))`: the shape of one image as a row, without the number of images.",
        stated=True,
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
            (None, 600): "600 is the number of images. The output layer has one unit per class.",
            (
                None,
                28,
                28,
                3,
            ): "The image was never flattened: the dense layers worked on its last axis alone.",
            (None, 28, 3): "The image was never flattened: the dense layers worked on its last axis alone.",
        },
        hint="The last dense layer needs as many units as there are classes.",
        stated=True,
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
    functions = {"ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax", "Activation"}
    for index, layer in enumerate(model.layers[:last_dense]):
        if layer.class_name != "Dense":
            continue
        following = [after for after in model.layers[index + 1 : last_dense] if after.class_name not in _BETWEEN]
        next_one = following[0] if following else None
        separate = next_one is not None and next_one.class_name in functions and next_one.activation != "linear"
        if layer.activation == "softmax" or (separate and next_one is not None and next_one.activation == "softmax"):
            raise fail(
                f"The hidden layer `{layer.name}` of `{model.name}` ends in softmax.",
                hint="Softmax makes the values of a layer add up to 1: right for probabilities, too tight for a hidden"
                " layer. Take relu there.",
            )
        if layer.activation in (None, "linear") and not separate:
            raise fail(
                f"The hidden layer `{layer.name}` of `{model.name}` is linear.",
                hint=[
                    "Without an activation two dense layers are no more than one linear function.",
                    'Say `activation="relu"` in the hidden layer.',
                ],
            )


_BETWEEN = ("Dropout", "BatchNormalization", "LayerNormalization", "GaussianNoise", "InputLayer")


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


def _compiled_model(submission: Submission, name: str) -> ModelReport:
    model = submission.model(name)
    if model.compiled is None and (error := submission.stopped_with()):
        raise fail(
            f"`{name}` has not been compiled: your cell stopped with {error}.",
            hint="Mend the error first: its last line says what went wrong, the arrow above it says where.",
        )
    _compiled(model)
    return model


def _compiled(model: ModelReport) -> CompileReport:
    if model.compiled is None:
        raise fail(
            f"`{model.name}` has not been compiled.",
            hint=f"`{model.name}.compile(loss=..., optimizer=..., metrics=...)`. Building it again undoes that.",
        )
    return model.compiled


def _loss_fits_labels(model: ModelReport) -> None:
    loss = _compiled(model).loss
    # On one-hot labels the divergence is the cross-entropy, and the focal loss a cross-entropy with weights.
    if loss in ("kl_divergence", "categorical_focal_crossentropy"):
        return
    expect(loss, f"the loss of `{model.name}`").to_be(
        "categorical_crossentropy",
        because="the labels are one-hot rows",
        mistakes={
            "sparse_categorical_crossentropy": "The sparse loss wants class numbers (0, 1, 2). Yours are one-hot rows.",
            "binary_crossentropy": "The binary loss is for one yes-or-no answer. Here one of three classes is right.",
            "mean_squared_error": "Squared error is for numbers such as prices. For classes take a cross-entropy.",
            "mean_absolute_error": "An error in units of something is for numbers. For classes take a cross-entropy.",
            "categorical_hinge": "The hinge loss wants scores, not probabilities. Take a cross-entropy.",
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
