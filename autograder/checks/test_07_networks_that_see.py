"""Checks of exercise 7, networks that see. One class per graded cell, in the field's words."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from autograder.exercise.drawing import Answers, told_apart
from autograder.exercise.expect import Hint, expect, expect_group, fail, unless_it_ignores
from autograder.exercise.models import ModelReport
from autograder.exercise.networks import (
    compiled_model,
    ends_in_probabilities,
    flattens_in_time,
    loss_fits_labels,
    loss_fits_output,
    rate_is_sensible,
    reports_accuracy,
)
from autograder.exercise.outcome import Mismatch
from autograder.exercise.submission import Submission, as_array
from autograder.language import _

BUDGET = 6_000  # parameters of `seeing`; the task's text names it
NEEDED, NOTHING_BELOW = 0.80, 0.50  # share of unseen digits; measured over seeds in benchmarks/seeds.md
LEARNED = 0.30  # well above guessing
FEW_STEPS = 150  # three epochs with batches of 32 are fewer
POOLING = (
    "MaxPooling2D",
    "AveragePooling2D",
    "GlobalMaxPooling2D",
    "GlobalAveragePooling2D",
)


_CHANGED = Hint(
    "`-=`, `/=` and `[...] =` change the array that was handed in. Make a new one: look at `copy` and `astype`.",
    id="arguments-changed",
)


_OTHER_SIZE = Hint(
    "Two arrays of different sizes meet. Does the size come from what the function is given, or is it a fixed number?",
    id="fixed-size",
)


def _ask(submission: Submission, name: str, *arguments: Any) -> Any:
    """What the learner's function returns for arguments of ours, whose arrays cannot be written to."""
    for one in arguments:
        if isinstance(one, np.ndarray):
            one.setflags(write=False)
    try:
        return submission.function(name)(*arguments)
    except Mismatch as error:
        if "read-only" in error.message:
            raise Mismatch(error.message, (_CHANGED, *error.hints)) from None
        if "broadcast" in error.message:
            raise Mismatch(error.message, (_OTHER_SIZE, *error.hints)) from None
        raise


class TestConvolved:
    def test_slides_the_kernel(self, submission: Submission) -> None:
        """One step at a time"""
        _convolves(submission, "one step", stride=1)

    def test_takes_longer_steps(self, submission: Submission) -> None:
        """Two steps at a time"""
        _convolves(submission, "two steps", stride=2)


def _convolves(submission: Submission, purpose: str, stride: int) -> None:
    rng, ask = submission.rng(purpose), partial(_ask, submission, "convolve")

    def draw(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, int]:
        image = rng.integers(0, 20, (int(rng.integers(7, 9)), int(rng.integers(9, 12)))) / 4
        size = {1: 3, 2: 2}[stride]  # two sizes, so that a fixed one is found
        return image, rng.integers(-3, 4, (size, size)) / 2, stride

    arguments, right, mistakes = told_apart(rng, draw, _convolutions)
    image, kernel, _stride = arguments
    others = (image[::-1] + 1, kernel, stride), (image, kernel + 1, stride), (image, kernel, 3 - stride)
    with unless_it_ignores(ask, "convolve", arguments, *others):
        expect(as_array(ask(*arguments), _("what `convolve` returns")), "what `convolve` returns").to_be_close_to(
            right,
            mistakes=mistakes,
            given=arguments,
            hint=[
                "How often does the kernel fit into a row, and into a column? Count it on a small image.",
                "At each place: cut out the piece, multiply it by the kernel, and add up.",
            ],
        )


def _convolved(
    image: np.ndarray,
    kernel: np.ndarray,
    stride: int,
    joined: Callable[[np.ndarray], Any] = np.sum,
    matrix: bool = False,
) -> np.ndarray:
    """The sums of products at each place, without a border; or how else the products are made and joined."""
    size, product = len(kernel), np.matmul if matrix else np.multiply
    rows, columns = (range(0, length - size + 1, stride) for length in image.shape)
    return np.array([[joined(product(image[i : i + size, j : j + size], kernel)) for j in columns] for i in rows])


_LONG_ROW = Hint("All values stand in one long row. Give each row of places a list of its own.", id="one-long-row")


def _convolutions(image: np.ndarray, kernel: np.ndarray, stride: int) -> Answers:
    right = _convolved(image, kernel, stride)
    mistakes = [
        (
            _convolved(image, kernel[::-1, ::-1], stride),
            Hint("You turned the kernel round first. Networks do not. Use it as it is.", id="kernel-turned-round"),
        ),
        (
            _convolved(image, kernel.T, stride),
            Hint(
                "Rows and columns of the kernel are swapped. Print it beside the piece that it lies on.",
                id="kernel-on-its-side",
            ),
        ),
        (
            right / kernel.size,
            Hint("That is the mean of the products. Take their sum.", id="mean-of-products"),
        ),
        (
            _convolved(np.pad(image, 1), kernel, stride),
            Hint(
                "You laid a border around the image. Here the kernel stays inside: leave the border out.",
                id="border-added",
            ),
        ),
        (
            right[:-1, :-1],
            Hint(
                "The last place in each row and column is missing. Where does the kernel still fit? Count it.",
                id="last-place-missing",
            ),
        ),
        (
            np.maximum(right, 0),
            Hint("All sums below zero have become zero. Leave the activation out.", id="activation-added"),
        ),
        (
            _convolved(image, kernel, stride, np.max),
            Hint("That is the largest of the products. Take their sum.", id="largest-product"),
        ),
        (
            _convolved(image, np.ones(kernel.shape), stride),
            Hint("The kernel's numbers have no part in it. Multiply each pixel by the number on it.", id="plain-sums"),
        ),
    ]
    mistakes += [
        (
            lambda found: np.ndim(found) == 1 and np.size(found) == right.size,
            _LONG_ROW,
        ),
        (
            lambda found: np.shape(found) == image.shape,
            Hint(
                "It is as large as the image. How often does the kernel fit, down and across? Count on a small one.",
                id="as-large-as-the-image",
            ),
        ),
        (
            _convolved(image, kernel, stride, matrix=True),
            Hint("`@` multiplies matrices. Multiply each pixel by the number that lies on it.", id="matrix-product"),
        ),
    ]
    if stride > 1:
        mistakes += [
            (
                _convolved(image, kernel, 1)[: right.shape[0], : right.shape[1]],
                Hint(
                    "The places are counted right, but the kernel moved one pixel at a time. Print where each begins.",
                    id="kernel-not-moved-on",
                ),
            ),
            (
                _convolved(image, kernel, 1),
                Hint("The kernel moved one pixel at a time. Use `stride`.", id="stride-ignored"),
            ),
            (
                _convolved(image[::stride, ::stride], kernel, 1),
                Hint(
                    "You left out pixels of the image. Keep them all, and move the kernel further.",
                    id="image-thinned-out",
                ),
            ),
        ]
    mistakes.append((partial(_miscounts, right), _PLACES_MISCOUNTED))
    return right, mistakes


_PLACES_MISCOUNTED = Hint(
    "Down or across there are too many places, or too few. Count on a small image where the kernel begins: first and"
    " last place, row by row.",
    id="places-miscounted",
)


def _miscounts(right: np.ndarray, found: Any) -> bool:
    """A table, of which one side is as long as it should be, and the other is not."""
    return np.ndim(found) == 2 and sum(a == b for a, b in zip(np.shape(found), right.shape, strict=True)) == 1


class TestPooled:
    def test_keeps_the_largest(self, submission: Submission) -> None:
        """The largest value of each field"""
        _pools(submission, "all fits", left=0)

    def test_drops_what_is_left_over(self, submission: Submission) -> None:
        """Rows and columns that fill no field are left out"""
        _pools(submission, "something left", left=1)


def _pools(submission: Submission, purpose: str, left: int) -> None:
    """Fields of 2 where all fits, and of 3 where something is left, so that a fixed size is found."""
    rng, ask = submission.rng(purpose), partial(_ask, submission, "max_pool")

    def draw(rng: np.random.Generator) -> tuple[np.ndarray, int]:
        size = 2 + left
        rows, columns = (size * int(n) + left for n in rng.permutation([2, 3, 4])[:2])
        values = rng.permutation(rows * columns).reshape(rows, columns) / 4
        values[:size, :size] -= rows * columns  # a field in which all is below 0
        return values, size

    arguments, right, mistakes = told_apart(rng, draw, _poolings)
    picture, size = arguments
    with unless_it_ignores(ask, "max_pool", arguments, (picture * 2 + 1, size), (picture, 5 - size)):
        expect(as_array(ask(*arguments), _("what `max_pool` returns")), "what `max_pool` returns").to_be_close_to(
            right,
            mistakes=mistakes,
            given=arguments,
            hint=[
                "How many whole fields fit into a row, and into a column? Draw the picture and cut it up.",
                "Take one field after another, and keep one number of each.",
            ],
        )


def _fields(picture: np.ndarray, size: int) -> np.ndarray:
    """The fields of a picture (rows, columns), as (fields down, fields across, size * size)."""
    rows, columns = (length // size for length in picture.shape)
    cut = picture[: rows * size, : columns * size].reshape(rows, size, columns, size)
    return cut.transpose(0, 2, 1, 3).reshape(rows, columns, size * size)


def _poolings(picture: np.ndarray, size: int) -> Answers:
    fields = _fields(picture, size)
    windows = np.lib.stride_tricks.sliding_window_view(picture, (size, size))
    mistakes = [
        (fields.mean(axis=2), Hint("That is the mean of each field. Keep its largest value.", id="mean-of-field")),
        (
            fields.min(axis=2),
            Hint("That is the smallest value of each field. Keep the largest one.", id="smallest-of-field"),
        ),
        (
            np.abs(fields).max(axis=2),
            Hint("The signs are lost. Which of -3 and 2 is the larger one?", id="largest-without-sign"),
        ),
        (
            np.maximum(fields.max(axis=2), 0),
            Hint("Where all values are below 0, you kept a 0. With which value do you begin?", id="begins-at-zero"),
        ),
        (
            fields.max(axis=2)[:-1, :-1],
            Hint("The last field in each row and column is missing. Does it still fit?", id="last-field-missing"),
        ),
        (
            lambda found: np.ndim(found) == 1 and np.size(found) == fields.shape[0] * fields.shape[1],
            _LONG_ROW,
        ),
        (fields.sum(axis=2), Hint("You added up each field. Keep its largest value alone.", id="field-added-up")),
        (
            fields[:, :, 0],
            Hint("You kept the upper left value of each field. Look at all of its values.", id="corner-of-field"),
        ),
        (
            windows.max(axis=(2, 3)),
            Hint("Your fields overlap. Move on by a whole field each time.", id="fields-overlap"),
        ),
    ]
    rows, columns = (length // size for length in picture.shape)
    cut = picture[: rows * size, : columns * size]
    mistakes += [(joined, _ONE_SIDE) for joined in _on_one_side(cut.reshape(rows, size, columns, size))]
    mistakes += [(joined, _MIXED_UP) for joined in _mixed_up(cut, rows, columns, size)]
    if any(length % size for length in picture.shape):
        padded = np.pad(picture, [(0, -length % size) for length in picture.shape], constant_values=-np.inf)
        mistakes.append(
            (
                _fields(padded, size).max(axis=2),
                Hint("You kept fields that are not whole. Leave out what is left over.", id="part-of-a-field-kept"),
            )
        )
    mistakes.append((partial(_miscounts, fields.max(axis=2)), _FIELDS_MISCOUNTED))
    return fields.max(axis=2), mistakes


_FIELDS_MISCOUNTED = Hint(
    "Down or across there are too many fields, or too few. How many are there in a row, and how many in a column?",
    id="fields-miscounted",
)
_ONE_SIDE = Hint(
    "The largest is taken down or across, but not both. Which two of the axes run inside a field?", id="largest-one-way"
)
_MIXED_UP = Hint(
    "Pixels of different fields are thrown together. Number the pixels of a small picture, and print each field.",
    id="fields-mixed-up",
)


def _on_one_side(cut: np.ndarray) -> list[np.ndarray]:
    """Of fields (down, size, across, size), the largest along one of their axes, and something else along the other."""
    others = (np.min, np.mean, np.sum)
    return [
        *(other(cut.max(axis=1), axis=2) for other in others),
        *(other(cut, axis=1).max(axis=2) for other in others),
    ]


def _mixed_up(cut: np.ndarray, rows: int, columns: int, size: int) -> list[np.ndarray]:
    """What axes in another order, or the largest along another axis, make of a picture of whole fields."""
    fields = cut.reshape(rows, size, columns, size)
    return [
        fields.max(axis=0).max(axis=2),
        fields.max(axis=1).max(axis=0),
        fields.max(axis=0).max(axis=1),
        cut.reshape(size, rows, columns, size).max(axis=1).max(axis=2),
        cut.reshape(size, rows, columns, size).max(axis=0).max(axis=2),
        cut.reshape(rows, size, size, columns).max(axis=1).max(axis=1),
    ]


_NO_BIAS = Hint("Those are the weights. What else does each kernel, or each unit, add? Count that, too.", id="no-bias")
_TWO_BIASES = Hint(
    "Each kernel has a bias too many. It adds one number to what it has summed up: count a kernel anew.",
    id="bias-twice",
)
_NO_SIDES = Hint(
    "A kernel has a weight for each place, and for each channel there. Multiply rows, columns and channels.",
    id="places-of-the-kernel-forgotten",
)
_ONE_KERNEL = Hint("That is one kernel with its bias. How many kernels has the layer?", id="one-kernel-alone")


class TestCounted:
    def test_first_convolution(self, submission: Submission) -> None:
        """Parameters of the first convolution"""
        expect(submission.number("first_parameters"), "`first_parameters`").to_be(
            456,
            mistakes={
                450: _NO_BIAS,
                462: _TWO_BIASES,
                18: _NO_SIDES,
                24: _NO_SIDES,
                76: _ONE_KERNEL,
                156: Hint(
                    "A kernel reaches through all channels of its input. How many has a colour image?",
                    id="channels-forgotten",
                ),
                468: Hint("A kernel has one bias, not one for each channel. Count again.", id="bias-for-each-channel"),
                96: Hint("A kernel of 5 has 5 rows and 5 columns. Multiply them.", id="one-side-of-the-kernel"),
                9600: Hint(
                    "That depends on the size of the image. The same weights serve at every place: count a kernel.",
                    id="weights-for-each-place",
                ),
            },
            hint="Draw one kernel: rows, columns, channels. Count its weights and its bias, then all kernels.",
        )

    def test_second_convolution(self, submission: Submission) -> None:
        """Parameters of the second convolution"""
        expect(submission.number("second_parameters"), "`second_parameters`").to_be(
            660,
            mistakes={
                648: _NO_BIAS,
                672: _TWO_BIASES,
                72: _NO_SIDES,
                84: _NO_SIDES,
                55: _ONE_KERNEL,
                120: Hint(
                    "A kernel reaches through all channels of its input. How many does the first layer make?",
                    id="maps-forgotten",
                ),
                336: Hint(
                    "The image has three channels, but this layer does not see the image. What does it see?",
                    id="channels-of-the-image",
                ),
                1812: Hint("That is with the kernel size of the first layer. Look at the second.", id="other-size"),
                456: Hint("That belongs to the first layer. Look at what goes into the second.", id="first-layer"),
            },
            hint="What goes into this layer? Count its channels, then the weights of one kernel.",
        )

    def test_dense_layer(self, submission: Submission) -> None:
        """Parameters of the dense layer"""
        expect(submission.number("dense_parameters"), "`dense_parameters`").to_be(
            12292,
            mistakes={
                12288: _NO_BIAS,
                12296: _TWO_BIASES,
                52: Hint(
                    "A dense layer sees all values of all maps, not one for each map. Look at the flat row.",
                    id="one-value-for-each-map",
                ),
                7780: Hint(
                    "Those are the pictures after pooling. What comes between them and the flat row?",
                    id="convolution-passed-over",
                ),
                1028: Hint("That is for a single map. How many maps are made flat?", id="a-single-map"),
                3076: Hint(
                    "You added inputs and units. Each unit has a weight for each input: multiply.",
                    id="inputs-and-units-added",
                ),
            },
            hint="How many numbers does the flat row have? Give each unit a weight for all of them, and a bias.",
        )


_BORDER = Hint("That would be so with a border. Here the kernel stays inside the image: count again.", id="same-size")
_ONE_SHORT = Hint(
    "Does the kernel fit once more, at the very end? Try it with a row of five pixels.", id="one-place-short"
)


class TestSizes:
    def test_convolutions_shrink(self, submission: Submission) -> None:
        """The sides after both convolutions"""
        expect(submission.number("first_side"), "`first_side`").to_be(
            36,
            mistakes={
                40: _BORDER,
                35: _ONE_SHORT,
                38: Hint("That fits a kernel of 3. How large is it in this layer? Look again.", id="kernel-of-three"),
                20: Hint("Half the size is what pooling makes. Look at the convolution alone.", id="pooled-at-once"),
            },
            hint="Lay the kernel at the left end of a row and move it on. How many places are there?",
        )
        expect(submission.number("second_side"), "`second_side`").to_be(
            16,
            mistakes={
                18: _BORDER,
                15: _ONE_SHORT,
                14: Hint("That fits a kernel of 5. How large is it in this layer? Look again.", id="kernel-of-five"),
                34: Hint("The second layer sees what pooling left. Start from that size.", id="pooling-skipped"),
            },
            hint="How large is what goes into this layer? Count the places of its kernel there.",
        )

    def test_pooling_halves(self, submission: Submission) -> None:
        """The side after pooling"""
        expect(submission.number("pooled_side"), "`pooled_side`").to_be(
            18,
            mistakes={
                36: Hint("Pooling makes the picture smaller. By how much?", id="pooling-changes-nothing"),
                35: Hint("The fields do not overlap. Move on by a whole field each time.", id="pooling-slides"),
                20: Hint("That is half of the image. What does pooling see here?", id="image-pooled"),
                9: Hint(
                    "You halved it twice. One field is 2 pixels wide: count the fields in a row.", id="halved-twice"
                ),
            },
            hint="How many fields of two pixels fit into a row?",
        )

    def test_flat_row(self, submission: Submission) -> None:
        """The numbers in the flat row"""
        expect(submission.number("flat_values"), "`flat_values`").to_be(
            3072,
            mistakes={
                256: Hint("That is a single map. How many maps are there? Multiply.", id="maps-left-out"),
                192: Hint("A map has rows and columns. Multiply both sides, then the maps.", id="one-side-alone"),
                1536: Hint(
                    "That is with the maps of the first layer. How many does the second make?", id="maps-of-the-first"
                ),
                768: Hint(
                    "That is with the channels of the image. How many maps does the second layer make?",
                    id="channels-of-the-image-again",
                ),
                18432: Hint(
                    "A kernel adds up over its input's channels and makes one map. Count the kernels.",
                    id="maps-multiplied",
                ),
            },
            hint="Flat means one number after another: rows, columns, and maps. Multiply them.",
        )


class TestPrepared:
    def test_is_a_batch_of_one(self, submission: Submission) -> None:
        """One grey image, as a batch"""
        (photo,), rows, columns = _photo(submission, "shape")
        wrong_axis = Hint("You took the mean over the wrong axis. Which one holds the colours?", id="mean-over-rows")
        whole = Hint(
            "That is one number for the whole photo. Take the mean over the colours alone: which axis is theirs?",
            id="mean-of-the-photo",
        )
        expect(_prepared(submission, photo), "what `prepare` returns").to_have_shape(
            (1, rows, columns, 1),
            mistakes={
                (rows, columns): Hint(
                    "That is rows and columns alone. Add an axis for the images, and one for the channel.",
                    id="two-axes-missing",
                ),
                (rows, columns, 1): Hint(
                    "A network wants a batch, also for one image. Add an axis in front.", id="batch-axis-missing"
                ),
                (1, rows, columns): Hint("Add an axis for the channel, at the end.", id="channel-axis-missing"),
                (1, rows, columns, 3): Hint("It still has three channels. Make one of them.", id="colour-kept"),
                (rows, columns, 3): Hint(
                    "It still has three channels, and no axis for the images. Print the shape after each step.",
                    id="colour-kept-no-batch",
                ),
                (1, 1, rows, columns): Hint("The channel comes last in Keras. Move it to the end.", id="channel-first"),
                (1, columns, rows, 1): Hint("Rows and columns are swapped. Leave their order.", id="photo-turned"),
                (1, columns, 3, 1): wrong_axis,
                (1, rows, 3, 1): wrong_axis,
                (1, 1): whole,
                (1, 1, 1, 1): whole,
                (): whole,
                (1, 1, rows, columns, 1): Hint(
                    "There is one pair of brackets too many around it. Remove the outer pair.", id="brackets-too-many"
                ),
            },
            hint="Images, rows, columns, channel: go through the four axes one by one. Print the shape.",
            stated=True,
        )

    def test_turns_ink_into_light(self, submission: Submission) -> None:
        """Bright ink on black, from 0 to 1"""
        (photo,), _rows, _columns = _photo(submission, "values")
        grey = photo.mean(axis=2)
        found = _prepared(submission, photo)
        if found.size != grey.size:
            raise fail(
                "What `prepare` returns has not one number for each pixel.",
                hint=Hint("Make one grey value of the three colours first.", id="not-one-number-a-pixel"),
            )
        weighted = photo @ np.array([0.299, 0.587, 0.114])
        expect(found.reshape(grey.shape), "what `prepare` returns").to_be_close_to(
            1 - grey / 255,
            tolerance=1e-3,
            mistakes=[
                (
                    grey / 255,
                    Hint(
                        "Its ink is dark and its paper bright. In training it was the other way: turn it round.",
                        id="not-turned-round",
                    ),
                ),
                (255 - grey, Hint("The values still go up to 255. Scale them to 0 to 1.", id="turned-not-scaled")),
                (grey, Hint("These are the grey values. Scale them, and turn them round.", id="neither-of-both")),
                (1 - photo[:, :, 0] / 255, Hint("That is the red channel. Take all three.", id="red-alone")),
                (1 - photo[:, :, 2] / 255, Hint("That is the blue channel. Take all three.", id="blue-alone")),
                (
                    1 - weighted / 255,
                    Hint("The colours have different weights. Take the plain mean here.", id="weighted-grey"),
                ),
                (
                    1 - photo.max(axis=2) / 255,
                    Hint("That is the brightest of the three colours. Take their mean.", id="brightest-colour"),
                ),
                (
                    1 - photo.sum(axis=2, dtype=np.uint8) / 3 / 255,
                    Hint(
                        "The sum of three colours ran over: uint8 starts again at 0 after 255. Convert first.",
                        id="colours-overflow",
                    ),
                ),
                *(
                    (
                        stretched,
                        Hint(
                            "It is scaled by what is brightest in this photo. Divide by the largest that a pixel can"
                            " be.",
                            id="scaled-by-its-own",
                        ),
                    )
                    for stretched in (
                        1 - grey / grey.max(),
                        (grey.max() - grey) / (grey.max() - grey.min()),
                    )
                ),
                (
                    lambda found: found.ndim and set(np.unique(found)) <= {0.0, 1.0},
                    Hint("There is only black and white left. Keep the greys in between.", id="greys-lost"),
                ),
                (
                    1 - 3 * grey / 255,
                    Hint("You added up three colours. Divide by three as well.", id="colours-added-up"),
                ),
                (
                    1 - grey,
                    Hint("You turned it round before it was scaled. Divide first.", id="turned-before-scaling"),
                ),
                (
                    1 - grey / 255**2,
                    Hint("The pixels are divided two times. Leave one out.", id="scaled-twice"),
                ),
                (
                    -grey / 255,
                    Hint("It goes from -1 to 0. What must paper and ink become? Try both.", id="below-zero"),
                ),
                (
                    2 - grey / 255,
                    Hint("It goes from 1 to 2. What must paper and ink become? Try both.", id="above-one"),
                ),
                *(
                    (1 - grey / number, Hint("What is the largest value of a pixel? Divide by it.", id="not-by-255"))
                    for number in (256, 254, 100, 128, 127.5)
                ),
            ],
            hint="What should white paper become, and what black ink? Try a photo of one pixel.",
        )


def _photo(submission: Submission, purpose: str) -> tuple[tuple[np.ndarray], int, int]:
    """A photo (rows, columns, 3) of uint8, with its sides."""
    rng = submission.rng(purpose)
    rows, columns = int(rng.integers(4, 7)), int(rng.integers(8, 11))
    return (rng.integers(0, 256, (rows, columns, 3)).astype(np.uint8),), rows, columns


def _prepared(submission: Submission, photo: np.ndarray) -> np.ndarray:
    found = as_array(_ask(submission, "prepare", photo), _("what `prepare` returns"))
    if found.dtype.kind not in "f":
        raise fail(
            _("What `prepare` returns has dtype {dtype}, which has no room for fractions.", dtype=found.dtype.name),
            hint=Hint("Divide the pixels, and leave the result as it is.", id="no-fractions"),
        )
    return found


_CHOICES = {
    "moved": "allowed",
    "mirrored": "forbidden",
    "turned": "forbidden",
    "brighter": "allowed",
    "dense_shuffled": "equal",
    "convolution_shuffled": "lower",
}
# The text is the same for each of a kind, so that it does not tell which answer is wrong; the id counts which it was.
_STILL_THE_SAME = (
    "Draw a 2, a 4 and a 6, and do all four changes with them. Which is still the same digit for every reader?"
)
_WHAT_IT_SEES = "Think of one dense unit and of one kernel. What does each of them see before and after the shuffling?"
_WHY = {
    "moved": Hint(_STILL_THE_SAME, id="moving-refused"),
    "mirrored": Hint(_STILL_THE_SAME, id="mirror-allowed"),
    "turned": Hint(_STILL_THE_SAME, id="upside-down-allowed"),
    "brighter": Hint(_STILL_THE_SAME, id="brightness-refused"),
    "dense_shuffled": Hint(_WHAT_IT_SEES, id="order-matters-to-a-sum"),
    "convolution_shuffled": Hint(_WHAT_IT_SEES, id="neighbours-forgotten"),
}


class TestChosen:
    def test_says_what_may_change(self, submission: Submission) -> None:
        """What leaves a digit what it is, and which network minds shuffled pixels"""
        given = {}
        for name in _CHOICES:
            given[name] = submission.text(name).strip().lower()
            words = ("equal", "lower") if name.endswith("shuffled") else ("allowed", "forbidden")
            if given[name] not in words:
                raise fail(
                    _("`{name}` is neither of the two words that the task names.", name=name),
                    hint=Hint("Write one of these two words, in quotes.", id="neither-of-two-words"),
                )
        expect_group(
            given,
            _CHOICES,
            hint="Try each change on a digit, and read what you see.",
            mistakes=[(given[name] != right, _WHY[name]) for name, right in _CHOICES.items()],
        )


class TestSeeing:
    def test_slides_kernels(self, submission: Submission) -> None:
        """It looks with kernels, and pools"""
        model = submission.model("seeing")
        _takes_images(model)
        if not model.layers_of("Conv2D"):
            raise fail(
                "`seeing` has no convolution layer.",
                hint=Hint("Which layer of the lesson slides kernels over an image? Use it.", id="no-convolution"),
            )
        flattens_in_time(model)
        if not model.layers_of(*POOLING):
            raise fail(
                "`seeing` has no pooling layer.",
                hint=Hint("Put a layer that keeps the largest values after a convolution.", id="no-pooling"),
            )
        _convolutions_bend(model)

    def test_stays_in_its_budget(self, submission: Submission) -> None:
        """At most 6,000 parameters"""
        model = submission.model("seeing")
        _takes_images(model)
        if model.parameters <= BUDGET:
            return
        dense = sum(layer.parameters for layer in model.dense_layers)
        raise fail(
            _("`seeing` has {found:,} parameters, but {budget:,} are allowed.", found=model.parameters, budget=BUDGET),
            hint=Hint(
                "Most of them are in the dense layers. Make the maps smaller before you flatten: pool once more.",
                id="most-in-the-dense-layers",
            )
            if dense > model.parameters / 2
            else Hint("Most of them are in the convolutions. Take fewer kernels.", id="too-many-kernels"),
        )

    def test_answers_ten_classes(self, submission: Submission) -> None:
        """Ten probabilities, with a loss that fits"""
        model = compiled_model(submission, "seeing")
        expect(model.output_shape, "the output shape of `seeing`").to_be(
            (None, 10),
            because="there are ten digits",
            mistakes={
                (None, 1): Hint("One number cannot say which of ten. Use one unit for each class.", id="one-output"),
                (None, 3): Hint("That fits the clothes. How many digits are there?", id="three-outputs"),
                lambda shape: not model.dense_layers and not _all_pooled(model): Hint(
                    "It has no layer that says which digit it is. Add the last one of the lesson's network.",
                    id="no-output-layer",
                ),
                lambda shape: isinstance(shape, tuple) and len(shape) == 4: Hint(
                    "It was never flattened, so that the last layer answers at every place. Flatten first.",
                    id="not-flattened",
                ),
                lambda shape: isinstance(shape, tuple) and len(shape) == 2 and shape[1] != 10: Hint(
                    "The last layer has another number of units than there are digits. Count from 0 to 9.",
                    id="other-number-of-outputs",
                ),
            },
            hint="Does it flatten before its last layer, and has that a unit for each digit? Look at `summary`.",
            stated=True,
        )
        loss_fits_labels(model, 10, sparse_too=True)
        ends_in_probabilities(model, 10)
        loss_fits_output(model, 10)
        reports_accuracy(model)


def _all_pooled(model: ModelReport) -> bool:
    """Whether it ends in maps that are pooled as a whole, for which no dense layer is needed."""
    return bool(model.layers_of("GlobalMaxPooling2D", "GlobalAveragePooling2D"))


class TestLearned:
    def test_was_trained(self, submission: Submission) -> None:
        """It was trained, and learned something"""
        model = submission.model("seeing")
        _takes_images(model)
        _has_learned(submission)

    def test_reads_unseen_digits(self, submission: Submission) -> None:
        """It gets at least 80 % of unseen digits right"""
        _takes_images(submission.model("seeing"))
        _has_learned(submission)
        settings = submission.model("seeing").compiled
        expect(submission.accuracy("seeing", "mnist"), "the accuracy of `seeing`").to_reach(
            NEEDED,
            zero_at=NOTHING_BELOW,
            hint=[
                *([_TOO_FEW] if settings is not None and settings.iterations < FEW_STEPS else []),
                "Print the loss after each epoch. Does it still fall at the end, or did it never fall far?",
                "Look at the network once more. How many numbers are left for its last layer to judge by?",
            ],
        )


_TOO_FEW = Hint("It has begun to learn, in few steps so far. Train it for longer, and look again.", id="too-few-epochs")


def _has_learned(submission: Submission) -> None:
    """It reads far more digits than guessing does; if not, say why that may be."""
    model = submission.model("seeing")
    if not model.finite:
        raise fail("Some weights of `seeing` are NaN (not a number).", hint=_RAN_AWAY)
    accuracy = submission.accuracy("seeing", "mnist")
    if not model.untrained and accuracy.value < LEARNED and model.compiled is not None:
        rate_is_sensible(model)
    expect(accuracy).to_have_learned(
        model,
        guessing=0.1,
        at_least=LEARNED,
        hint=Hint(
            "It was trained, but hardly learned. Do images and labels belong together, in the same order?",
            id="hardly-learned",
        ),
    )


_RAN_AWAY = Hint("The training ran away. Is the learning rate very large? Leave it out.", id="ran-away")


def _takes_images(model: ModelReport) -> None:
    """It sees one image of 28 x 28 pixels with one channel."""
    if model.input_shape is None:
        raise fail(
            _("`{name}` has no shape yet.", name=model.name),
            hint=Hint("Begin with `keras.Input(...)`, and give it the shape of one image.", id="no-input"),
        )
    expect(model.input_shape, _("the input shape of `{name}`", name=model.name)).to_be(
        (None, 28, 28, 1),
        because="an image has rows, columns and one channel",
        mistakes={
            (None, 784): Hint(
                "A flat row has no neighbours above and below. Give the network the image itself.", id="flat-row"
            ),
            (None, 28, 28): Hint("The axis of the channel is missing. Add it at the end.", id="no-channel"),
            (None, 28, 28, 3): Hint("That is a colour image. How many channels has a grey one?", id="three-channels"),
            (None, 1, 28, 28): Hint("Keras wants the channel last. Move it to the end.", id="channels-in-front"),
            lambda shape: len(shape) == 4 and shape[3] == 1 and shape[1:3] != (28, 28): Hint(
                "That is an image of another size. Print the shape of one image: how many rows, how many columns?",
                id="other-image-size",
            ),
            lambda shape: len(shape) == 4 and shape[1:3] == (28, 28) and shape[3] != 1: Hint(
                "The last number counts the channels. How many has a grey image?", id="other-number-of-channels"
            ),
            lambda shape: len(shape) == 5: Hint(
                "The number of images is not part of the input shape. Give the shape of one image.",
                id="images-in-input-shape",
            ),
        },
        hint="Print the shape of one image. Leave out the number of images.",
        stated=True,
    )


def _convolutions_bend(model: ModelReport) -> None:
    """Behind each convolution stands an activation, before the next layer with weights."""
    weighted = [i for i, layer in enumerate(model.layers) if layer.units or layer.config.get("filters")]
    for index, following in pairwise(weighted):
        layer = model.layers[index]
        functions = {part.activation for part in model.layers[index:following]} - {None, "linear"}
        if layer.class_name == "Conv2D" and any(str(function).startswith("softmax") for function in functions):
            raise fail(
                _("The convolution `{layer}` of `{name}` ends in softmax.", layer=layer.name, name=model.name),
                hint=Hint(
                    "Softmax makes the maps of each place add up to 1: right for the answer at the end, too tight in"
                    " between. Use the function of the lesson.",
                    id="softmax-in-hidden-layer",
                ),
            )
        if layer.class_name == "Conv2D" and not functions:
            raise fail(
                _("The convolution `{layer}` of `{name}` is linear.", layer=layer.name, name=model.name),
                hint=Hint(
                    "Without an activation, two layers do no more than one. Give it the one of the lesson.",
                    id="linear-convolution",
                ),
            )
