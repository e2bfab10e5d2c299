"""Checks of exercise 1, image classification. One class per graded cell, in the field's words."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

from autograder.data import FASHION_CLASSES, load_fashion
from autograder.exercise.drawing import Answers, told_apart
from autograder.exercise.expect import (
    Hint,
    depends_on_arguments,
    expect,
    expect_group,
    fail,
    near,
    show,
    unless_it_ignores,
)
from autograder.exercise.outcome import Mismatch
from autograder.exercise.submission import Accuracy, Submission, as_array
from autograder.language import _

NEEDED = 0.80  # the means of all 600 images reach 0.867 on the held-out images, of any 480 of them 0.85 to 0.88
NOTHING_BELOW = 0.50
LESS_THAN_AN_IMAGE = 0.0045  # of the 100 test images; their accuracy has two digits


class TestShapes:
    def test_rank_of_a_photo(self, submission: Submission) -> None:
        """The rank of one photograph"""
        expect(submission.number("photo_rank"), "`photo_rank`").to_be(
            3,
            because="there is an axis for rows, one for columns and one for channels",
            mistakes=[
                (
                    2,
                    Hint(
                        "A grey picture has two axes, rows and columns. What else does a colour picture have?",
                        id="rank-of-a-grey-picture",
                    ),
                ),
                (
                    4,
                    Hint(
                        "Four axes belong to a set of photographs. This is one photograph. Count its axes.",
                        id="rank-of-a-set",
                    ),
                ),
                (
                    1,
                    Hint(
                        "A row of numbers has one axis. A photograph has rows, columns and channels. Count them.",
                        id="rank-of-a-row",
                    ),
                ),
                (
                    0,
                    Hint(
                        "Rank 0 belongs to a single number. How many indices lead to one number of the photograph?",
                        id="rank-of-a-single-number",
                    ),
                ),
                (
                    lambda v: v > 20,
                    Hint(
                        "That is how many numbers there are. The rank is how many axes. Count the axes.",
                        id="rank-mistaken-for-size",
                    ),
                ),
                (
                    lambda v: v > 4,
                    Hint(
                        "Not even a set of photographs has so many axes. Go through yours: what does each count?",
                        id="axes-that-count-nothing",
                    ),
                ),
            ],
            hint=Hint(
                "The rank is the number of axes: how many indices name a single number?", id="rank-not-understood"
            ),
        )

    def test_shape_of_a_photo(self, submission: Submission) -> None:
        """The shape of one photograph"""
        expect(_shape(submission, "photo_shape"), "`photo_shape`").to_be(
            (32, 48, 3),
            mistakes={
                (
                    48,
                    32,
                    3,
                ): Hint(
                    "Rows come first: the height, then the width. Turn yours round.",
                    id="width-first-colour-forgotten",
                ),
                (32, 48): Hint(
                    "A colour photograph also has an axis for its channels: red, green, blue. Add it.",
                    id="colour-forgotten",
                ),
                (48, 32): Hint(
                    "Rows come first, and a colour photograph has an axis for its channels. Try again with both"
                    " in mind.",
                    id="width-before-height",
                ),
                (32, 48, 1): Hint(
                    "One channel is a grey picture. Which channels does colour need?", id="one-channel-for-colour"
                ),
                (3, 32, 48): Hint("The channels come last here. Move them.", id="channels-first"),
                (1, 32, 48, 3): Hint(
                    "That is a set of one photograph. A single one needs no axis to count images. Leave it out.",
                    id="set-of-one-for-one",
                ),
                (4608,): Hint(
                    "That is the photograph as one row. As an image it has rows, columns and channels. Write all"
                    " its axes.",
                    id="photograph-as-one-row",
                ),
                **_slips_in_a_shape((32, 48, 3)),
            },
            hint=Hint(
                "Write the rows first, then the columns. What comes last?", id="shape-of-a-photograph-not-understood"
            ),
        )

    def test_numbers_in_a_photo(self, submission: Submission) -> None:
        """How many numbers it holds"""
        expect(submission.number("photo_numbers"), "`photo_numbers`").to_be(
            4608,
            mistakes={
                1536: Hint(
                    "Those are the pixels. Each pixel of a colour photograph holds a number for each channel."
                    " How many channels are there?",
                    id="pixels-counted-not-numbers",
                ),
                83: Hint("The lengths of the axes are not added. Multiply them.", id="all-lengths-added"),
                80: Hint(
                    "The lengths of the axes are not added. Multiply them, including the channels.",
                    id="lengths-added",
                ),
                3: Hint(
                    "That is how many numbers one pixel holds. How many pixels are there?", id="channels-for-numbers"
                ),
                96: _LENGTH_LEFT_OUT,
                144: _LENGTH_LEFT_OUT,
                6144: Hint(
                    "Four numbers for each pixel would be those of a picture that can be seen through. Which channels"
                    " does plain colour need?",
                    id="four-channels",
                ),
                32 / 48 * 3: _DIVIDED,
                32 * 48 / 3: _DIVIDED,
            },
            hint=Hint("Multiply the lengths of all axes.", id="numbers-miscounted"),
        )

    def test_shape_of_a_set(self, submission: Submission) -> None:
        """The shape of a set of 20"""
        expect(_shape(submission, "set_shape"), "`set_shape`").to_be(
            (20, 32, 48, 3),
            mistakes={
                (32, 48, 3, 20): Hint("The axis that counts the images comes first. Move it.", id="batch-axis-last"),
                (20, 48, 32, 3): Hint(
                    "Rows come before columns: the height, then the width. Which is which here?",
                    id="width-before-height-in-a-set",
                ),
                (20, 32, 48): Hint("The channel axis is missing. Add it.", id="channel-axis-missing"),
                (640, 48, 3): Hint(
                    "A set has an axis of its own that counts the images; they are not joined together. Add that axis.",
                    id="images-stuck-together",
                ),
                (20, 4608): Hint(
                    "Those are 20 rows of numbers. As images they keep rows, columns and channels. Write all"
                    " their axes.",
                    id="set-as-flat-rows",
                ),
                (32, 48, 60): Hint(
                    "A set has an axis of its own that counts the images. Where does it go?", id="set-without-its-axis"
                ),
                (32, 48, 3): Hint(
                    "That is the shape of one photograph. Which axis counts the photographs of a set?",
                    id="one-photograph-for-a-set",
                ),
                **_slips_in_a_shape((20, 32, 48, 3)),
            },
            hint=Hint(
                "It has one more axis than a single photograph. Which axis comes first?",
                id="shape-of-a-set-not-understood",
            ),
        )


_LENGTH_LEFT_OUT = Hint(
    "One of the lengths is left out of the product. Which axis does it belong to?", id="length-left-out"
)
_DIVIDED = Hint("You divide by one of the lengths. Every axis makes it more numbers: multiply.", id="lengths-divided")


class TestPicked:
    def test_first_image(self, submission: Submission) -> None:
        """`first_image` is one image, with its channel"""
        _is_picked(
            submission.array("first_image"),
            "`first_image`",
            _images()[0],
            {
                (1, 28, 28, 1): Hint(
                    "That is a set of one image. Use an index, not a slice: it takes that axis away.",
                    id="batch-axis-where-one-image-asked",
                ),
                (28, 28): Hint(
                    "The channel axis is gone. One index alone leaves all other axes as they are. Use a single index.",
                    id="channel-lost-with-the-batch-axis",
                ),
                (
                    600,
                    28,
                    1,
                ): Hint(
                    "That is the first *row of pixels* of every image. The images are counted by the first axis."
                    " Put your index there.",
                    id="index-on-the-row-axis",
                ),
                (600, 28, 28): Hint(
                    "That is the first channel of every image. The images are counted by the first axis. Put"
                    " your index there.",
                    id="index-on-the-channel-axis",
                ),
            },
        )

    def test_set_of_one(self, submission: Submission) -> None:
        """`set_of_one` keeps the axis that counts images"""
        _is_picked(
            submission.array("set_of_one"),
            "`set_of_one`",
            _images()[:1],
            {
                (
                    28,
                    28,
                    1,
                ): Hint(
                    "The axis that counts images is gone, because an index takes it away. Use a slice: it keeps"
                    " the axis.",
                    id="batch-axis-lost-by-index",
                ),
                (28, 28, 1, 1): Hint(
                    "The new axis comes last. The axis that counts images is the first. Move it.", id="new-axis-at-end"
                ),
                (28, 1, 28, 1): Hint(
                    "The new axis is in the middle. The axis that counts images is the first. Move it.",
                    id="new-axis-in-the-middle",
                ),
                (1, 28, 28): Hint("The channel axis is gone. Keep it.", id="channel-axis-gone"),
                (600, 28, 28, 1): Hint("Those are all the images. Take the first one with a slice.", id="all-images"),
            },
        )

    def test_five_images(self, submission: Submission) -> None:
        """`five_images` are the images 10 to 14"""
        _is_picked(
            submission.array("five_images"),
            "`five_images`",
            _images()[10:15],
            {
                (4, 28, 28, 1): Hint(
                    "One is missing. A slice ends *before* its second number: which one do you need?",
                    id="slice-ends-too-early",
                ),
                (6, 28, 28, 1): Hint(
                    "There is one too many. A slice ends before its second number: which one do you need?",
                    id="one-too-many-slice",
                ),
                (28, 28, 1): Hint("That is one image. Take a slice.", id="one-image"),
                (
                    600,
                    5,
                    28,
                    1,
                ): Hint(
                    "Those are five rows of pixels of every image. The images are counted by the first axis. Put"
                    " your slice there.",
                    id="slice-on-the-row-axis",
                ),
            },
        )

    def test_picture(self, submission: Submission) -> None:
        """`picture` has rows and columns only"""
        _is_picked(
            submission.array("picture"),
            "`picture`",
            _images()[0, :, :, 0],
            {
                (28, 28, 1): Hint(
                    "The channel axis is still there: its length is 1. Take index 0 of the *last* axis.",
                    id="channel-axis-kept",
                ),
                (28, 1): Hint(
                    "That is one row of pixels. Take index 0 of the last axis, not of the first.",
                    id="channel-index-on-wrong-axis",
                ),
                (600, 28, 28): Hint(
                    "Those are all the images without their channel. Take the first one.",
                    id="channel-dropped-from-all-images",
                ),
                (1, 28, 28): Hint(
                    "The axis that counts images is still there. Take the first image.", id="batch-axis-kept"
                ),
                (784,): Hint(
                    "The pixels are right, but rows and columns are gone. Keep them: take away only the last axis.",
                    id="pixels-flattened",
                ),
            },
        )


class TestArithmetic:
    def test_sum(self, submission: Submission) -> None:
        """250 + 10 in uint8"""
        expect(submission.number("pixel_sum"), "`pixel_sum`").to_be(
            4,
            because="260 does not fit into a uint8",
            mistakes={
                260: Hint(
                    "A uint8 ends at 255. The sum of two such arrays is again such an array. What comes after 255?",
                    id="no-overflow",
                ),
                255: Hint("Image editors stop at 255, but NumPy starts again. Count on past 255.", id="stops-at-white"),
                5: Hint("Close. After 255 comes 0, and not 1: count on from there.", id="overflow-begins-at-1"),
                0: Hint("It starts again at 0, but goes on counting from there. How far?", id="overflow-stops-at-0"),
                lambda v: 0 < v < 20 and v != 4: Hint(
                    "It does start again after 255, but not all of the steps are counted right. Write them down one by"
                    " one: 251, 252, ...",
                    id="steps-miscounted",
                ),
            },
            hint=Hint("It is like a clock: after 255 comes 0. Count on from 250.", id="overflow-not-understood"),
        )

    def test_quotient(self, submission: Submission) -> None:
        """250 // 255"""
        expect(submission.number("pixel_quotient"), "`pixel_quotient`").to_be(
            0,
            because="255 goes into 250 not even once",
            mistakes=[
                (
                    lambda v: 0.97 < v < 0.99,
                    Hint(
                        "That is `/`. What does NumPy leave out when there are two slashes?",
                        id="floor-division-taken-for-division",
                    ),
                ),
                (
                    lambda v: v == 1,
                    Hint(
                        "`//` does not round to the nearest number, but cuts the fraction off. What is left?",
                        id="floor-division-rounds",
                    ),
                ),
                (
                    lambda v: v == 250,
                    Hint("That is the remainder, `%`. How many times does 255 go into 250?", id="remainder"),
                ),
            ],
            hint=Hint(
                "`//` divides and throws the remainder away. What is left of 250 divided by 255?",
                id="floor-division-not-understood",
            ),
        )

    def test_dtypes(self, submission: Submission) -> None:
        """The dtypes of a + b, a // 255 and a / 255"""
        given = {name: _dtype_name(submission, name) for name in _DTYPES}
        kinds = {name: np.dtype(dtype).kind for name, dtype in given.items()}
        mistakes = [
            (
                kinds["quotient_dtype"] in "iu",
                Hint(
                    "A uint8 has no place for a fraction. Which of the three results have one, and which do not?",
                    id="dtype-stays",
                ),
            ),
            (
                any(dtype in ("float32", "float16") for dtype in given.values()),
                Hint(
                    "You have to ask for few digits. How many does NumPy take when nobody asks?", id="float32-by-itself"
                ),
            ),
            (
                any(dtype in ("int64", "int32", "int16", "uint16") for dtype in given.values()),
                Hint(
                    "Does an array make room for larger numbers by itself? Look again at 250 + 10.",
                    id="whole-numbers-grow",
                ),
            ),
            (
                "f" in (kinds["sum_dtype"], kinds["floor_dtype"]),
                Hint(
                    "Which of the three results can have a fraction at all? Try small numbers.", id="float-everywhere"
                ),
            ),
        ]
        expect_group(
            given,
            _DTYPES,
            hint="Make the array `a` in a cell of your own, and print the dtypes of all three.",
            mistakes=mistakes,
        )


_DTYPES = {"sum_dtype": "uint8", "floor_dtype": "uint8", "quotient_dtype": "float64"}


def _dtype_name(submission: Submission, name: str) -> str:
    """NumPy's name of the dtype that the learner wrote, in whatever way NumPy takes it."""
    text = submission.text(name).strip().lower().removeprefix("numpy.").removeprefix("np.")[:40]
    if text in ("float", "int", "uint"):
        raise fail(
            _("`{name}` is {value}, which leaves open how many bits it has.", name=name, value=show(text)),
            hint=Hint("How many bits does it have? Add the number that comes after the name.", id="float-of-no-size"),
        )
    try:
        return np.dtype(text).name
    except (TypeError, ValueError, SyntaxError):
        raise fail(
            _("`{name}` is {value}, which is not the name of a dtype.", name=name, value=show(text)),
            hint=Hint(
                "Make the array `a` in a cell of your own, and print the dtype of `a`: such a name is asked for.",
                id="dtype-of-a-quotient-not-understood",
            ),
        ) from None


class TestScaled:
    def test_values(self, submission: Submission) -> None:
        """`scale` turns 0..255 into 0..1"""
        pixels = _dim_pixels(submission)
        right = pixels / 255
        function = submission.function("scale", _IF_SCALE_STOPS)
        found = as_array(function(pixels), "`scale(images)`")
        with unless_it_ignores(function, "scale", (pixels,), (255 - pixels,)):
            _is_scaled(found, pixels, right)

    def test_dtype(self, submission: Submission) -> None:
        """`scale` returns float32"""
        found = as_array(submission.function("scale", _IF_SCALE_STOPS)(_dim_pixels(submission)), "`scale(images)`")
        expect(found, "`scale(images)`").to_have_dtype(
            "float32",
            mistakes={
                "float64": Hint(
                    "Dividing whole numbers gives float64, twice the memory of float32. Convert first.",
                    id="float64-kept",
                ),
                "uint8": Hint(
                    "uint8 holds only whole numbers, and there are none between 0 and 1. Convert first.",
                    id="uint8-for-fractions",
                ),
                "float16": Hint("float16 has only three digits. Take float32.", id="float16-for-pixels"),
            },
            hint=Hint("Look at `astype`: it changes the dtype.", id="dtype-not-converted"),
            stated=True,
        )

    @pytest.mark.parametrize("name", ["x_train", "x_test"])
    def test_sets(self, submission: Submission, name: str) -> None:
        """`x_train` and `x_test` are scaled with it"""
        raw, other = (_images(), _test_images()) if name == "x_train" else (_test_images(), _images())
        found = submission.array(name)
        mistakes = [
            (raw, Hint("These are the images as loaded. Pass them to `scale`.", id="not-passed-to-scale")),
            (
                other / 255,
                Hint(
                    "Training and test images are mixed up. Look at which set goes into which name.",
                    id="training-and-test-swapped",
                ),
            ),
            (raw / 255 / 255, Hint("Scaled twice. Start again from the images as loaded.", id="scaled-again")),
            (
                np.zeros(raw.shape),
                Hint(
                    "Every pixel became 0: `//` cuts the fraction off. Look for `/` and `//`.",
                    id="floor-division-for-division",
                ),
            ),
            (
                raw // 255,
                Hint(
                    "Nearly every pixel became 0: `//` cuts the fraction off. Look for `/` and `//`.",
                    id="floor-division-taken-for-rounding",
                ),
            ),
        ]
        expect(found, f"`{name}`").to_be_close_to(
            raw / 255,
            tolerance=1e-4,
            mistakes=mistakes,
            hint="Give the images as loaded to `scale`, and keep what it returns.",
        )


def _is_scaled(found: np.ndarray, pixels: np.ndarray, right: np.ndarray) -> None:
    expect(found, "`scale(images)`").to_be_close_to(
        right,
        tolerance=1e-4,
        mistakes=[
            (
                pixels.astype(float),
                Hint(
                    "Nothing is scaled yet: the pixels still go up to 255. Divide them.",
                    id="not-scaled-only-converted",
                ),
            ),
            (pixels / pixels.max(), _SAME_NUMBER),
            ((pixels - pixels.min()) / np.ptp(pixels), _SAME_NUMBER),
            (
                (pixels - pixels.mean()) / pixels.std(),
                Hint("That scales every set of images differently. Divide by 255.", id="standardised"),
            ),
            (
                np.zeros(pixels.shape),
                Hint(
                    "Every pixel became 0: `//`, or a whole-number dtype, cuts the fraction off. Look at"
                    " what you divide, and how.",
                    id="whole-number-dtype-for-fractions",
                ),
            ),
            (right / 255, Hint("Divided twice. Divide once.", id="scaled-twice")),
            (
                pixels / 256,
                Hint(
                    "The largest pixel is 255, and it should become 1: divide by 255.",
                    id="wrong-divisor-for-pixels",
                ),
            ),
            (
                lambda v: 200 < _divided_by(v, pixels) < 300 and not np.allclose(v, right, 1e-4),
                Hint(
                    "You divide by a number near the right one. Print the largest value that a pixel can have.",
                    id="divided-by-another-number",
                ),
            ),
            (
                1 - right,
                Hint(
                    "Black and white are swapped: 0 should stay 0. Compare a dark pixel before and after.",
                    id="black-and-white-swapped",
                ),
            ),
            (
                2 * right - 1,
                Hint("That is a scale from -1 to 1. Here it is 0 to 1. Divide only.", id="scaled-from-minus-one"),
            ),
            (
                pixels.reshape(len(pixels), -1) / 255,
                Hint(
                    "The shape should stay as it is: only the values change. Leave out what changes it.",
                    id="shape-changed-by-scaling",
                ),
            ),
            (
                np.rint(right),
                Hint(
                    "Rounding leaves only black and white. Keep the values in between.", id="rounded-to-black-and-white"
                ),
            ),
            (
                lambda v: _is_multiple(v, right),
                Hint("You divide by another number. What is the largest value of a pixel?", id="another-divisor"),
            ),
        ],
        given=(pixels,),
        hint=["255 should become 1, and 0 stay 0. What do you divide by?", "Change the dtype first, then divide."],
    )


def _divided_by(values: Any, pixels: np.ndarray) -> float:
    """What all pixels were divided by; 0 if it was not one number."""
    if not isinstance(values, np.ndarray) or values.shape != pixels.shape or not np.all(values > 0):
        return 0.0
    by = pixels / values.astype(float)
    return float(by.mean()) if np.ptp(by) < 0.01 else 0.0


_IF_SCALE_STOPS = Hint(
    "An array of uint8 cannot be divided in place. Make a new array of another dtype first: look at `astype`.",
    id="divided-in-place",
)
_SAME_NUMBER = Hint(
    "You use the largest pixel of *these* images. Another set has a different largest pixel, and there the"
    " same pixel would get a different number. Use 255.",
    id="divided-by-largest-of-the-set",
)


class TestCounted:
    def test_counts(self, submission: Submission) -> None:
        """It counts each class"""
        _counts(submission, "counts", 4, _some_numbers, _counted)

    def test_counts_an_absent_class(self, submission: Submission) -> None:
        """A class that does not occur counts 0"""
        _counts(submission, "absent", 5, _numbers_with_gaps, _counted_with_gaps)


def _some_numbers(rng: np.random.Generator) -> tuple[np.ndarray]:
    """Ten class numbers (10,) of four classes, of which none is absent."""
    return (rng.permutation(np.concatenate([np.arange(4), rng.integers(0, 4, 6)])),)


def _numbers_with_gaps(rng: np.random.Generator) -> tuple[np.ndarray]:
    """Five class numbers (5,) of five classes, of which the first, the last and the middle one are absent."""
    return (rng.permutation(np.concatenate([[1, 3], rng.choice([1, 3], 3)])),)


def _counted(numbers: np.ndarray) -> Answers:
    right = np.bincount(numbers, minlength=4)
    sorted_ = Hint("The counts are sorted. Keep them in the order of the classes.", id="counts-sorted")
    return right, [
        (
            right / len(numbers),
            Hint(
                "Those are shares. The task asks for numbers of images. Leave out the division.",
                id="shares-for-counts",
            ),
        ),
        (right[::-1], Hint("The order is reversed: class 0 comes first. Turn it round.", id="counts-reversed")),
        (np.sort(right), sorted_),
        (np.sort(right)[::-1], sorted_),
        (np.append(right[1:], 0), _FROM_ONE),
        (
            np.arange(4),
            Hint("Those are the classes that occur. How often does each one occur?", id="classes-for-counts"),
        ),
        (
            np.array(len(numbers)),
            Hint(
                "That is how many there are altogether. Count each class separately: one number for each.",
                id="total-for-counts",
            ),
        ),
    ]


def _counted_with_gaps(numbers: np.ndarray) -> Answers:
    right = np.bincount(numbers, minlength=5)
    return right, [
        (
            right[right > 0],
            Hint(
                "Only classes that occur are counted. Class 0 is absent here, and should count 0. Use `classes`.",
                id="absent-class-dropped",
            ),
        ),
        (
            right[:4],
            Hint(
                "The last class is absent here, so it was forgotten. There are `classes` classes. Use that number.",
                id="last-class-forgotten",
            ),
        ),
        (np.append(right[1:], 0), _FROM_ONE),
        (
            np.append(right, 0),
            Hint("One class too many: they run from 0 to `classes - 1`. Count them.", id="one-class-too-many"),
        ),
    ]


_FROM_ONE = Hint("Everything is off by one: class numbers start at 0. Count again from there.", id="counted-from-one")


class TestSplit:
    def test_sizes(self, submission: Submission) -> None:
        """Its four parts have the right sizes"""
        right = ((60, 2, 2, 1), (60,), (30, 2, 2, 1), (30,))
        mistakes: list[tuple[Any, str]] = [
            (((0, 2, 2, 1), (0,), (90, 2, 2, 1), (90,)), _EMPTY),
            (((90, 2, 2, 1), (90,), (0, 2, 2, 1), (0,)), _EMPTY),
            (
                ((30, 2, 2, 1), (30,), (60, 2, 2, 1), (60,)),
                Hint("The parts are swapped: the training set comes first. Turn them round.", id="part-sizes-swapped"),
            ),
            (
                lambda shapes: shapes != right and sorted(shapes) == sorted(right),
                Hint(
                    "The order is different. Return images and numbers of the training set first, then those of"
                    " the validation set.",
                    id="parts-in-another-order",
                ),
            ),
            (
                ((90, 2, 2, 1), (90,), (30, 2, 2, 1), (30,)),
                Hint(
                    "The validation images are still in the training set. Take them out there.",
                    id="validation-kept-in-training",
                ),
            ),
            (
                lambda shapes: shapes[0] == shapes[2] and shapes[0] in (right[0], right[2]),
                Hint(
                    "Both sets are cut from the same end, so one of them is made twice. Which part is left for the"
                    " other?",
                    id="same-part-twice",
                ),
            ),
        ]

        def sizes(size: int, images: int = 90) -> tuple[tuple[int, ...], ...]:
            return tuple(part.shape for part in _split(submission, size=size, images=images))

        with unless_it_ignores(sizes, "split", (30, 90), (30, 60)):
            expect(sizes(30), "what `split` returns").to_be(
                right,
                because="30 of 90 images are asked for; images before numbers, training before validation",
                mistakes=mistakes,
                hint=Hint(
                    "The images that do not go to validation are left to train with. How many is that?",
                    id="part-sizes-wrong",
                ),
            )
        depends_on_arguments(sizes, "split", (30, 90), (40, 90))

    def test_no_image_in_both(self, submission: Submission) -> None:
        """Each image is in one of the two sets, once"""
        training, _numbers, validation, _others = _split(submission)
        fit, held = _which(training), _which(validation)
        both = sorted(set(fit) & set(held))
        if both:
            raise fail(
                _("{count} of the images are in the training set and in the validation set.", count=len(both)),
                hint=[
                    Hint(
                        "An image the classifier has learned from says nothing about new ones: choose each image once.",
                        id="image-in-both-sets",
                    ),
                    "Shuffle all indices once, with `permutation`, and cut the result in two.",
                ],
            )
        if sorted(fit + held) != list(range(90)):
            raise fail(
                _(
                    "Of the 90 images, {count} are in the two sets; each should be, exactly once.",
                    count=len(set(fit) | set(held)),
                ),
                hint=Hint(
                    "Some were drawn twice, because `choice` puts back what it has drawn. Look at `permutation`.",
                    id="drawn-with-replacement",
                ),
            )

    def test_labels_stay_with_images(self, submission: Submission) -> None:
        """Each image keeps its class number"""
        parts = _split(submission)
        for images, numbers, what in ((parts[0], parts[1], _("training")), (parts[2], parts[3], _("validation"))):
            true_numbers = [image // 18 for image in _which(images)]
            if not np.array_equal(true_numbers, _flat_numbers(numbers)):
                raise fail(
                    _("In the {what} set, images and class numbers no longer match.", what=what),
                    hint=Hint(
                        "Use the same shuffled indices for images and for class numbers.",
                        id="images-and-numbers-shuffled-apart",
                    ),
                )

    def test_is_random(self, submission: Submission) -> None:
        """It chooses at random, and the same again for the same seed"""
        held = _which(_split(submission)[2])
        if sorted(held) in (list(range(30)), list(range(60, 90))):
            raise fail(
                "The validation set is the first 30 images."
                if min(held, default=0) == 0
                else "The validation set is the last 30 images.",
                hint=Hint(
                    "The images here are sorted by class: cut like this, the set holds only one class. What"
                    " comes before the cut?",
                    id="not-shuffled",
                ),
            )
        if held != _which(_split(submission)[2]):
            raise fail(
                "The same seed gave two different splits.",
                hint=Hint(
                    "Use `np.random.default_rng(seed)`, made inside the function, for everything random.",
                    id="shuffled-without-a-seed",
                ),
            )
        if sorted(held) == sorted(_which(_split(submission, seed=8)[2])):
            raise fail(
                "Two different seeds gave the same split.",
                hint=Hint(
                    "Is `seed` used? Give it to `np.random.default_rng`.",
                    id="seed-ignored",
                ),
            )


class TestMajority:
    def test_takes_the_majority_of_the_training_set(self, submission: Submission) -> None:
        """The answer is the most frequent class of the training set"""
        _majority(submission, "majority", _TRAINING_COUNTS, _NEW_COUNTS)

    def test_is_a_share_of_the_new_images(self, submission: Submission) -> None:
        """The accuracy is measured on the new images"""
        _majority(submission, "share", _NEW_COUNTS, (1, 2, 3, 4, 6, 9))


class TestMeans:
    def test_means(self, submission: Submission) -> None:
        """`class_means` takes the mean of each class"""
        rng = submission.rng("means")
        images, numbers = rng.uniform(0, 1, (14, 3, 4, 1)), rng.permutation([0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3])
        right = np.array([images[numbers == k].mean(axis=0) for k in range(4)])
        function = submission.function("class_means", _IF_MEANS_STOP)
        found = as_array(function(images, numbers, 4), "`class_means(...)`")
        others = (images[::-1], numbers, 4), (images, 3 - numbers, 4), (images, numbers, 5)
        with unless_it_ignores(function, "class_means", (images, numbers, 4), *others):
            _are_means(found, images, numbers, right)

    def test_shape(self, submission: Submission) -> None:
        """`means` are three images"""
        found = submission.array("means")
        if found.shape in ((3, 28, 28), (3, 784)):
            return
        expect(found, "`means`").to_have_shape(
            (3, 28, 28, 1),
            because="there are three classes, and each mean is an image",
            mistakes={
                (28, 28, 1): Hint(
                    "That is a single mean. There should be one for each class. Make one for each class.",
                    id="one-mean-for-all-classes",
                ),
                (3,): Hint(
                    "That is one number per class: how bright it is. Take the mean over the images only.",
                    id="one-brightness-for-each-class",
                ),
                (3, 1): Hint("Take the mean over the images only, not over rows and columns.", id="mean-over-pixels"),
                (600, 28, 28, 1): Hint(
                    "Those are the images themselves. Take the mean of each class.", id="images-for-means"
                ),
                lambda shape: shape[1:] == (28, 28, 1): Hint(
                    "That is a mean for each of another number of classes. Count the kinds of clothes, and give that"
                    " number to `class_means`.",
                    id="means-of-other-classes",
                ),
            },
            hint=Hint(
                "Call `class_means` with the scaled training images, their numbers and the number of classes.",
                id="class-means-not-called",
            ),
            stated=True,
        )

    def test_tell_classes_apart(self, submission: Submission) -> None:
        """The nearest of your `means` gets at least 80 % of unseen images right"""
        means = _three_means(submission)
        _made_of_training_images(means)
        measured = _accuracy_of_means(submission, means)
        if measured.value < NEEDED:
            _explain_poor_means(means)
        expect(measured, "the accuracy with your `means`").to_reach(
            NEEDED,
            zero_at=NOTHING_BELOW,
            hint=Hint(
                "Are they the means of all images of each class, in the order 0, 1, 2?", id="means-not-of-each-class"
            ),
        )


class TestNearest:
    def test_finds_the_nearest(self, submission: Submission) -> None:
        """It answers with the nearest mean"""
        (images, means), right, mistakes = told_apart(submission.rng("nearest"), _means_to_compare, _answers_to_means)
        function = submission.function("nearest_mean", _IF_NEAREST_STOPS)
        found = as_array(function(images, means), "`nearest_mean(...)`")
        with unless_it_ignores(function, "nearest_mean", (images, means), (images[:1], means), (images, means[::-1])):
            expect(found, "`nearest_mean(images, means)`").to_be_close_to(
                right,
                mistakes=[
                    *mistakes,
                    (
                        lambda v: np.shape(v) == (len(images), len(means)),
                        Hint(
                            "There is an answer for each image *and* each mean. Of those for one image, which mean is"
                            " nearest? Keep that one.",
                            id="all-means-kept",
                        ),
                    ),
                ],
                given=(images, means),
                hint=[
                    "For each image and each mean: subtract, square, add up over the pixels.",
                    "For each image, which mean has the smallest sum? Look at `argmin`.",
                ],
            )

    def test_takes_one_image(self, submission: Submission) -> None:
        """It also works for a set of one image"""
        (images, means), *__ = told_apart(submission.rng("nearest"), _means_to_compare, _answers_to_means)
        for image in images[:7]:
            found = submission.function("nearest_mean", _IF_NEAREST_STOPS)(image[np.newaxis], means)
            expect(as_array(found, "`nearest_mean(...)`"), "`nearest_mean` of a set of one image").to_be_close_to(
                ((image - means) ** 2).sum(axis=(1, 2, 3)).argmin(keepdims=True),
                hint=Hint(
                    "Write down the shape of each result on the way: which axis counts the images, which the means?",
                    id="shapes-not-followed",
                ),
            )


class TestMeasured:
    def test_accuracy(self, submission: Submission) -> None:
        """`test_accuracy` is the share of test images that are right"""
        found = submission.number("test_accuracy")
        means = _three_means(submission)
        truth = _test_numbers()
        right = float((_nearest(_test_images(), means) == truth).mean())
        if abs(found - right) <= LESS_THAN_AN_IMAGE:
            return
        training = float((_nearest(_images(), means) == _train_numbers()).mean())
        unscaled = float((_nearest(_test_images() * 255.0, means) == truth).mean())
        expect(found, "`test_accuracy`").to_be_about(
            right,
            LESS_THAN_AN_IMAGE,
            because="for that share of the 100 test images, the nearest mean is the right one",
            mistakes=[
                (
                    near(training, 1e-3),
                    Hint(
                        "That is the accuracy on the training images, from which the means were made. Measure"
                        " on the test images.",
                        id="measured-on-training-images",
                    ),
                ),
                (
                    near(100 * right, 0.5),
                    Hint(
                        "That is per cent, or a number of images. The task asks for a share, 0 to 1. Which number"
                        " between 0 and 1 is it?",
                        id="count-for-share",
                    ),
                ),
                (
                    near(1 - right, 1e-3),
                    Hint("That is the share of wrong answers. What share is right?", id="share-of-errors"),
                ),
                (
                    near(unscaled, 1e-3),
                    Hint("Are the test images scaled? Use `x_test`, scaled like the means.", id="test-images-unscaled"),
                ),
            ],
            hint=Hint(
                "Compare your answers with `test_numbers`. What is the mean of True and False?",
                id="accuracy-not-understood",
            ),
        )

    def test_recognised(self, submission: Submission) -> None:
        """`recognised` holds the share of each class that is right"""
        _shares_recognised(submission)

    def test_most_missed(self, submission: Submission) -> None:
        """`most_missed` is the class that is recognised least"""
        found = submission.text("most_missed").strip().lower()
        try:
            recognised = _shares_recognised(submission)
        except Mismatch:
            raise fail(
                "`most_missed` is not looked at before `recognised` is right.",
                hint=Hint(
                    "One of three names is soon guessed, but why is it that one? Work out the three shares first.",
                    id="worst-class-guessed",
                ),
            ) from None
        least = [name for name, share in zip(FASHION_CLASSES, recognised, strict=True) if share == min(recognised)]
        best = FASHION_CLASSES[int(np.argmax(recognised))]
        expect(found, "`most_missed`").to_be_one_of(
            least,
            mistakes=[
                (
                    best,
                    Hint("That is the class that is recognised best. Which one is recognised least?", id="best-class"),
                ),
                (
                    lambda v: v not in FASHION_CLASSES,
                    Hint("Write one of the three names that the task gives.", id="name-of-no-class"),
                ),
                (
                    lambda v: v in FASHION_CLASSES and v not in least,
                    Hint(
                        "That is neither the best nor the least. Count from class 0: at which place is the smallest"
                        " share?",
                        id="neither-best-nor-least",
                    ),
                ),
            ],
            hint="Which class does the smallest share belong to? The first share is that of class 0: count from there.",
        )


def _shares_recognised(submission: Submission) -> np.ndarray:
    """The shares of each class that the learner's means get right, if those in `recognised` are the same."""
    answers, truth = _nearest(_test_images(), _three_means(submission)), _test_numbers()
    hits = np.array([np.sum((answers == number) & (truth == number)) for number in range(3)])
    of_class, of_answer = (np.bincount(numbers, minlength=3) for numbers in (truth, answers))
    right: np.ndarray = hits / of_class
    expect(submission.array("recognised"), "`recognised`").to_be_close_to(
        right,
        tolerance=1e-3,  # two of the shares differ by 0.006
        mistakes=[
            (
                hits,
                Hint(
                    "Those are numbers of images. The classes differ in size: what share of its class is each?",
                    id="numbers-for-shares",
                ),
            ),
            (100 * right, Hint("That is per cent. Write shares between 0 and 1.", id="shares-in-per-cent")),
            *(
                (
                    np.round(right, digits),
                    Hint("These shares are rounded. Leave them as they are.", id="shares-rounded"),
                )
                for digits in (1, 2)
                if not np.allclose(np.round(right, digits), right, atol=1e-3)
            ),
            (
                1 - right,
                Hint("Those are the shares that are missed. Turn them round.", id="shares-missed"),
            ),
            (
                hits / len(truth),
                Hint(
                    "You divide by the number of all images. Divide by the number of images of that class.",
                    id="shares-of-all-images",
                ),
            ),
            (
                hits / np.maximum(of_answer, 1),
                Hint(
                    "You look at the images that got this answer. Look at those that are of this class.",
                    id="shares-of-answers",
                ),
            ),
            (
                right[::-1],
                Hint("The shares are in the wrong order. Begin with class 0.", id="shares-turned-round"),
            ),
            (
                np.array([np.mean(answers[truth != number] == number) for number in range(3)]),
                Hint(
                    "You look at the images that are *not* of the class. Look at those that are.",
                    id="shares-of-the-others",
                ),
            ),
            (
                lambda v: np.ndim(v) == 1 and len(v) != 3,
                Hint(
                    "Every class has a share, and no other number has one. Count your shares, and the classes.",
                    id="not-a-share-for-each-class",
                ),
            ),
        ],
        hint="Take the test images of one class alone. What share of their answers is right? Do this for each class.",
    )
    return right


@cache
def _fashion() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    return load_fashion()


def _images() -> np.ndarray:
    return _fashion()[0][0]


def _train_numbers() -> np.ndarray:
    numbers: np.ndarray = _fashion()[0][1].argmax(axis=1)
    return numbers


def _test_images() -> np.ndarray:
    return _fashion()[1][0]


def _test_numbers() -> np.ndarray:
    numbers: np.ndarray = _fashion()[1][1].argmax(axis=1)
    return numbers


def _shape(submission: Submission, name: str) -> tuple[Any, ...]:
    """A shape that the learner wrote down: a tuple or a list of whole numbers."""
    value = submission.value(name)
    if isinstance(value, np.ndarray) and value.ndim == 1:
        value = value.tolist()
    if not isinstance(value, (tuple, list)):
        raise fail(
            _("`{name}` should be a shape, such as `(5, 2)`.", name=name),
            hint=Hint("Write numbers in round brackets, with commas between them.", id="shape-as-text"),
        )
    if not all(isinstance(n, int) for n in value):
        raise fail(
            _("`{name}` should hold only whole numbers.", name=name),
            hint=Hint("Write the lengths of the axes, such as `(5, 2)`.", id="shape-not-as-lengths"),
        )
    return tuple(value)


def _is_picked(found: np.ndarray, name: str, right: np.ndarray, shapes: dict[tuple[int, ...], str]) -> None:
    others: Any = [
        (
            lambda shape: len(shape) == 4 and shape[1:] == right.shape[1:] and shape[0] == 0,
            Hint("There is no image in it: the slice ends where it begins. Where should it end?", id="empty-slice"),
        ),
        (
            lambda shape: len(shape) == 4 and shape[1:] == right.shape[1:],
            Hint(
                "It holds another number of images. A slice begins with its first number and ends before its second:"
                " write down which indices yours takes.",
                id="slice-of-another-length",
            ),
        ),
    ]
    expect(found, name).to_have_shape(
        right.shape,
        mistakes=[*shapes.items(), *others],
        hint=Hint("Print the shape: which axis is which?", id="first-axis-taken-for-rows"),
    )
    if np.array_equal(found, right):
        return
    if np.allclose(found, right / 255, atol=1e-6):
        raise fail(
            _("{name} is scaled already.", name=name),
            hint=Hint("Scaling comes later. Leave the pixels as they are for now.", id="picked-after-scaling"),
        )
    hints: list[str] = [_("Indices start at 0, so the first image has index 0."), _("Take it from `train_data`.")]
    if right.ndim == 4 and len(right) > 1 and np.array_equal(found, _images()[: len(right)]):
        hints.insert(
            0, Hint("Those are the first images. Which indices does the task name? Begin there.", id="first-images")
        )
    if any(np.array_equal(found, np.reshape(some, right.shape)) for some in _test_counterparts(right)):
        hints.insert(0, Hint("These are test images. Take yours from the training images.", id="test-images-picked"))
    last = _images()[-len(right) :] if right.ndim == 4 else _images()[-1].reshape(right.shape)
    if np.array_equal(found, _images()[11:16]) or np.array_equal(found, _images()[9:14]):
        hints.insert(0, Hint("The images are off by one. Where does NumPy begin to count?", id="counting-from-one"))
    if np.array_equal(found, np.reshape(_images()[1], (28, 28, 1)[: right.ndim])) or np.array_equal(
        found, _images()[1:2]
    ):
        hints.insert(
            0,
            Hint(
                "That is the image with index 1, the second one. Where does NumPy begin to count?",
                id="first-image-number-one",
            ),
        )
    if np.array_equal(found, last):
        hints.insert(
            0,
            Hint(
                "That is the last image, since -1 counts from the end. Which index has the first?",
                id="last-image-for-first",
            ),
        )
    if right.shape[-2:] == (28, 28) and np.array_equal(found, right.T):
        hints.insert(
            0, Hint("Rows and columns are swapped. Look at the order of your axes.", id="rows-and-columns-swapped")
        )
    raise fail(_("{name} has the right shape, but the wrong pixels.", name=name), hint=hints)


def _test_counterparts(right: np.ndarray) -> list[np.ndarray]:
    """The first test images, and those with the indices 10 to 14, where these are as many numbers as `right`."""
    return [some for some in (_test_images()[0], _test_images()[10:15]) if some.size == right.size]


def _slips_in_a_shape(right: tuple[int, ...]) -> dict[Any, str]:
    """What may be wrong with a shape that a learner wrote down, whichever it is."""
    return {
        lambda v: v != right and sorted(v) == sorted(right): Hint(
            "The lengths are right, but not their order. What does each axis count, from the first on?",
            id="lengths-in-another-order",
        ),
        lambda v: len(v) < len(right): Hint(
            "An axis is missing. Write down what each axis counts: which one is not there?", id="axis-missing"
        ),
        lambda v: len(v) > len(right): Hint(
            "There is an axis too many. Write down what each axis counts: which one counts nothing?",
            id="axis-too-many",
        ),
        lambda v: len(set(v) - set(right)) > 0: Hint(
            "One of the lengths belongs to none of the axes. Compare each with the task's text.",
            id="length-of-no-axis",
        ),
        lambda v: v != right: Hint(
            "A length stands there twice, and another is missing. Compare each with the task's text.",
            id="length-twice",
        ),
    }


def _dim_pixels(submission: Submission) -> np.ndarray:
    """Pixels (2, 3, 3, 1) uint8 whose largest is far from 255 and smallest far from 0, none twice."""
    rng = submission.rng("pixels")
    return rng.permutation(np.arange(30, 180))[:18].reshape(2, 3, 3, 1).astype(np.uint8)


def _counts(
    submission: Submission,
    purpose: str,
    classes: int,
    draw: Callable[[np.random.Generator], tuple[np.ndarray]],
    answers: Callable[[np.ndarray], Answers],
) -> None:
    (numbers,), right, mistakes = told_apart(submission.rng(purpose), draw, answers)
    function = submission.function("count_classes", _("`np.bincount` counts; look at its argument `minlength`."))
    found = function(numbers, classes)
    if isinstance(found, dict):
        raise fail(
            "`count_classes` returns a dictionary, but it should return an array.",
            hint=Hint("Return an array: one count for each class, class 0 first.", id="dictionary"),
        )
    name = f"`count_classes({numbers.tolist()}, {classes})`"
    with unless_it_ignores(function, "count_classes", (numbers, classes), (np.append(numbers, 1), classes)):
        expect(as_array(found, "`count_classes(...)`"), name).to_be_close_to(
            right,
            mistakes=mistakes,
            given=(numbers,),
            hint=Hint(
                "Return one number for each class from 0 to `classes - 1`, in order.",
                id="counts-not-one-for-each-class",
            ),
        )


def _split(submission: Submission, seed: int = 5, size: int = 30, images: int = 90) -> list[np.ndarray]:
    """The four parts of 90 tiny images of five classes, sorted by class; all pixels of image i are i."""
    tiny = np.tile(np.arange(float(images)).reshape(images, 1, 1, 1), (1, 2, 2, 1))
    function = submission.function(
        "split", _("`images[chosen]` takes the images with these indices; `chosen` is an array of indices.")
    )
    try:
        parts = function(tiny, np.repeat(np.arange(5), images // 5), size, seed)
    except Mismatch as stopped:
        if "NoneType" in stopped.message:
            nothing = "`shuffle` changes its argument and returns nothing. Keep the array that you passed in."
            raise fail(stopped.message, hint=[Hint(nothing, id="shuffle-returns-nothing"), *stopped.hints]) from None
        raise
    if not isinstance(parts, (tuple, list)) or len(parts) != 4:
        raise fail(
            "`split` should return four arrays.",
            hint=Hint(
                "Return four arrays, with commas between them.",
                id="parts-not-all-returned",
            ),
        )
    return [as_array(part, _("a part of what `split` returns")) for part in parts]


_EMPTY = Hint(
    "One set is empty. `validation_size` is how many images go to validation, such as 30. Is that how you use it?",
    id="empty-set",
)


def _which(images: np.ndarray) -> list[int]:
    """Which of the 90 tiny images these are."""
    if not images.size:
        raise fail(
            "One of the two sets of images that `split` returns is empty.",
            hint=_EMPTY,
        )
    if images.ndim < 2 or images.dtype.kind not in "iuf" or not np.isfinite(images).all():
        raise fail(
            _(
                "The images that `split` returns have the shape {shape} and dtype {dtype}.",
                shape=images.shape,
                dtype=images.dtype,
            ),
            hint=Hint(
                "Look at the order of the four parts. Is it the one in the task?",
                id="parts-mixed-up",
            ),
        )
    return [int(n) for n in images.reshape(len(images), -1)[:, :1].ravel()]


def _flat_numbers(numbers: np.ndarray) -> np.ndarray:
    if numbers.ndim != 1 or numbers.dtype.kind not in "iuf":
        raise fail(
            _("The class numbers that `split` returns have the shape {shape}.", shape=numbers.shape),
            hint=Hint(
                "Look at the order of the four parts. Is it the one in the task?",
                id="parts-mixed-up",
            ),
        )
    return numbers


_TRAINING_COUNTS, _NEW_COUNTS = (1, 2, 3, 4, 5, 7), (1, 2, 3, 4, 5, 8)  # images of each class, in some order


def _two_sets(
    counts: tuple[int, ...], new_counts: tuple[int, ...]
) -> Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray]]:
    """Draws class numbers 0 to 5 of a training set and of new images, as often as the counts say, in random order."""

    def draw(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        while True:
            of_class, of_new = rng.permutation(counts), rng.permutation(new_counts)
            majority, new_majority = int(of_class.argmax()), int(of_new.argmax())
            nearest_mean = round(float(of_class @ np.arange(6)) / sum(counts))
            others = {0, 5, int(of_class.argmin()), majority + 1}
            if len({majority, new_majority, nearest_mean} - others) == 3:  # three classes, and none of the others
                break
        training, new = (rng.permutation(np.repeat(np.arange(6), times)) for times in (of_class, of_new))
        return training, new

    return draw


def _shares(training: np.ndarray, new: np.ndarray) -> Answers:
    """What the most frequent class gets right, and what misunderstandings make of that."""
    counts, new_counts = np.bincount(training, minlength=6), np.bincount(new, minlength=6)
    majority, hits = int(counts.argmax()), new_counts / len(new)

    def hits_of(number: float) -> float:
        return float((new == number).mean())

    right = hits_of(majority)
    return right, [
        (
            float(hits[new_counts.argmax()]),
            Hint(
                "That is the most frequent class of the *new* images. You must not look at those beforehand. Look only"
                " at the training set.",
                id="majority-of-the-new-images",
            ),
        ),
        (
            float(counts[majority] / len(training)),
            Hint("That is the share in the training set. Measure on the new images.", id="share-in-the-training-set"),
        ),
        (
            hits_of(round(float(training.mean()))),
            Hint(
                "That is the class nearest to the mean of the class numbers. Count how often each class occurs.",
                id="mean-label-for-majority",
            ),
        ),
        *((hits_of(number), _ANOTHER_CLASS) for number in (0, 5, int(counts.argmin()), majority + 1)),
        (
            float(new_counts[majority] / len(training)),
            Hint("Divide by the number of *new* images.", id="divided-by-training-count"),
        ),
        (
            int(new_counts[majority]),
            Hint(
                "That is how many are right. The task asks for a share, 0 to 1. Divide by how many there are.",
                id="hits-for-share",
            ),
        ),
        (
            majority,
            Hint("That is the class itself. What share of the new images is of that class?", id="class-for-its-share"),
        ),
        (
            100 * right,
            Hint("That is per cent. The task asks for a share, 0 to 1. Divide it by 100.", id="per-cent-for-share"),
        ),
        (1 - right, Hint("That is the share of wrong answers. What share is right?", id="share-of-errors")),
        (
            1,
            Hint(
                "All would be right then. A list in an `if` is true unless it is empty. Is your condition ever false?",
                id="condition-always-true",
            ),
        ),
        (
            0,
            Hint(
                "None at all would be right then. Is the share cut off to a whole number, or are the new numbers"
                " compared with something that is no class?",
                id="nothing-ever-right",
            ),
        ),
    ]


_ANOTHER_CLASS = Hint(
    "That is the share of another class than the most frequent one of the training set. Count how often each class"
    " occurs: where is the largest count?",
    id="another-class-than-the-majority",
)


def _majority(submission: Submission, purpose: str, counts: tuple[int, ...], new_counts: tuple[int, ...]) -> None:
    """Try the function with data in which the largest count is no class number."""
    (training, new), right, mistakes = told_apart(submission.rng(purpose), _two_sets(counts, new_counts), _shares)
    function = submission.function(
        "majority_accuracy", _("`np.bincount(numbers).argmax()` is the most frequent number.")
    )
    found = as_array(function(training, new), "`majority_accuracy(...)`")
    if found.ndim:
        raise fail(
            _(
                "`majority_accuracy` returns an array of shape {shape}, but it should return one number.",
                shape=found.shape,
            ),
            hint=Hint("You have a True or False for each image. What is their mean?", id="hits-not-averaged"),
        )
    name = f"`majority_accuracy({training.tolist()}, {new.tolist()})`"
    others = (training[::-1] * 0 + 1, new), (training, np.append(new, 6))
    with unless_it_ignores(function, "majority_accuracy", (training, new), *others):
        expect(found, name).to_be_about(
            right,
            1e-6,
            mistakes=[(near(wrong, 1e-6), says) for wrong, says in mistakes],
            hint=Hint(
                "Find the most frequent class first. Then: what share of the new ones is of that class?",
                id="majority-not-understood",
            ),
        )


def _are_means(found: np.ndarray, images: np.ndarray, numbers: np.ndarray, right: np.ndarray) -> None:
    expect(found, "`class_means(images, numbers, classes)`").to_be_close_to(
        right,
        mistakes=[
            (
                images.mean(axis=0),
                Hint(
                    "That is the mean of all images. Choose those of one class first, then take their mean.",
                    id="mean-of-all-images",
                ),
            ),
            (
                np.broadcast_to(images.mean(axis=0), right.shape),
                Hint(
                    "Each class has the mean of all images. A list in an `if` is true unless it is empty. Which images"
                    " does your condition leave out?",
                    id="condition-always-true",
                ),
            ),
            (
                np.array([images[(numbers == k).astype(int)].mean(axis=0) for k in range(4)]),
                Hint(
                    "As an index, 0 and 1 are the numbers of two images. Only True and False choose which images to"
                    " take: leave them as they are.",
                    id="mask-as-numbers",
                ),
            ),
            (
                right.mean(axis=(1, 2, 3)),
                Hint(
                    "That is one number per class. Take the mean over the images only: which axis is that?",
                    id="brightness-for-mean-image",
                ),
            ),
            (
                np.array([images[numbers == k].sum(axis=0) for k in range(4)]),
                Hint("Those are sums. Divide by the number of images.", id="sums-for-means"),
            ),
            (
                right[::-1],
                Hint("The order of the classes is reversed. Begin with class 0.", id="means-reversed"),
            ),
            (
                right[..., 0],
                Hint(
                    "The channel axis is gone. Take the mean along the first axis only, and keep the channels.",
                    id="mean-over-channels",
                ),
            ),
            (
                right.mean(axis=1),
                Hint(
                    "Take the mean along the first axis only, the one that counts images.",
                    id="mean-along-another-axis",
                ),
            ),
            (
                right.reshape(4, -1),
                Hint(
                    "The means should keep the form of an image. Only the first axis changes. Which axis do"
                    " you take the mean of?",
                    id="means-lost-their-form",
                ),
            ),
            (
                np.array([np.median(images[numbers == k], axis=0) for k in range(4)]),
                Hint("That is the median. Take the mean.", id="median"),
            ),
            (
                np.array([images[numbers == k][0] for k in range(4)]),
                Hint(
                    "That is one image of each class, not their mean. Take the mean over all of them.",
                    id="one-image-for-mean",
                ),
            ),
            (
                np.array([images[numbers == k].sum(axis=0) / len(images) for k in range(4)]),
                Hint("Divide by the number of images of that class, not of all.", id="divided-by-all-images"),
            ),
            (
                np.array([images[numbers != k].mean(axis=0) for k in range(4)]),
                Hint(
                    "Those are the means of all images that are *not* of the class. Take those that are.",
                    id="all-but-the-class",
                ),
            ),
            (
                right[:3],
                Hint(
                    "One class is missing. They run from 0 to `classes - 1`: use `classes`.",
                    id="three-classes-always",
                ),
            ),
        ],
        given=(images, numbers),
        hint=[
            "Look at `images[numbers == 0]`: which images are these?",
            "Take the mean along the axis that counts images, and do the same for every class.",
        ],
    )


_IF_MEANS_STOP = Hint(
    "Look at `images[numbers == k]` for one class `k`. What is the mean of these images?",
    id="one-hot-labels-for-class-numbers",
)


def _three_means(submission: Submission) -> np.ndarray:
    means = submission.array("means")
    if means.shape not in ((3, 28, 28, 1), (3, 28, 28), (3, 784)) or not np.isfinite(means).all():
        raise fail(
            _("`means` cannot be compared with images: its shape is {shape}.", shape=means.shape),
            hint=Hint(
                "`means` should hold three mean images without NaN. Print its shape.", id="means-not-three-images"
            ),
        )
    return means.reshape(3, 784).astype(np.float64)


def _nearest(pixels: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Class numbers for pixels 0 to 255, by the smallest sum of squared differences."""
    images = pixels.reshape(len(pixels), 784) / 255
    # |x - m|^2 without |x|^2, which is the same for every mean
    numbers: np.ndarray = ((means**2).sum(axis=1) - 2 * images @ means.T).argmin(axis=1)
    return numbers


def _accuracy_of_means(submission: Submission, means: np.ndarray) -> Accuracy:
    images = submission.images("fashion")
    share = float((_nearest(images.pixels, means) == images.labels).mean())
    return Accuracy(share, len(images.labels), images.where, 0.0)


def _made_of_training_images(means: np.ndarray) -> None:
    """The test images must not be in the means. Those of honest work lie nearer to the training images' means."""
    test = _means_of(_test_images(), _test_numbers())
    joined = _means_of(np.concatenate([_images(), _test_images()]), np.concatenate([_train_numbers(), _test_numbers()]))
    for other in (test, joined):
        if np.allclose(means, other, atol=1e-4):
            raise fail(
                "`means` are the means of the test images."
                if other is test
                else "`means` are the means of all images, including the test images.",
                hint=Hint(
                    "Test images are only for measuring. Take the means of `x_train`.", id="trained-on-test-images"
                ),
            )


def _means_of(pixels: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    return np.array([pixels[numbers == number].mean(axis=0) for number in range(3)]).reshape(3, 784) / 255


def _explain_poor_means(means: np.ndarray) -> None:
    if means.max() > 1.5:
        raise fail(
            _("The largest value in `means` is {largest:g}, but scaled images end at 1.", largest=means.max()),
            hint=Hint("Take the means of `x_train`, the scaled images.", id="means-of-unscaled-images"),
        )
    if np.allclose(means[0], means[1]) or np.allclose(means[1], means[2]):
        raise fail(
            "Two of the `means` are the same image.",
            hint=Hint(
                "Two classes got the same images. Look at how you choose those of one class.",
                id="same-images-for-two-classes",
            ),
        )


def _is_multiple(found: Any, right: np.ndarray) -> bool:
    """Whether these are the right values, all of them multiplied by one number."""
    if not isinstance(found, np.ndarray) or found.shape != right.shape or found.dtype.kind != "f" or not right.any():
        return False
    factor = float(found.flat[right.argmax()]) / float(right.max())
    return 0 < factor < 1e9 and abs(factor - 1) > 1e-3 and bool(np.allclose(found, factor * right, atol=1e-4 * factor))


def _means_to_compare(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Images (24, 3, 2, 1) and means (4, 3, 2, 1)."""
    return rng.uniform(0, 1, (24, 3, 2, 1)), rng.uniform(0, 1, (4, 3, 2, 1))


def _answers_to_means(images: np.ndarray, means: np.ndarray) -> Answers:
    """Which mean is nearest to each image, and what misunderstandings make of that."""
    differences = images[:, None] - means
    distances = (differences**2).sum(axis=(2, 3, 4))
    return distances.argmin(axis=1), [
        (
            distances,
            Hint(
                "Those are the distances. Which class has the smallest, for each image?",
                id="distances-for-classes",
            ),
        ),
        (
            distances.min(axis=1),
            Hint(
                "Those are the smallest distances. *Which* mean has the smallest: look at `argmin`.",
                id="distance-for-class",
            ),
        ),
        (
            distances.argmin(axis=0),
            Hint(
                "That is the nearest image for each mean. Turn it round: look along the other axis.",
                id="argmin-along-images",
            ),
        ),
        (
            distances.argmax(axis=1),
            Hint("That is the farthest mean. Look for the smallest distance.", id="farthest"),
        ),
        (differences.sum(axis=(2, 3, 4)).argmin(axis=1), _NO_SQUARE),
        (abs(differences.sum(axis=(2, 3, 4))).argmin(axis=1), _NO_SQUARE),
        (
            np.abs(differences).sum(axis=(2, 3, 4)).argmin(axis=1),
            Hint(
                "You add up absolute differences. The task asks for squared ones. Square them.",
                id="absolute-for-squared",
            ),
        ),
        (
            np.abs(differences).max(axis=(2, 3, 4)).argmin(axis=1),
            Hint("You look only at the largest difference. Add up all of them.", id="largest-difference-alone"),
        ),
        (
            (images[:, None] * means).sum(axis=(2, 3, 4)).argmax(axis=1),
            Hint("A product favours bright means. Take the difference.", id="product-for-distance"),
        ),
        (
            distances.argmin(axis=1) + 1,
            Hint("Off by one: class numbers start at 0. Count from there.", id="off-by-one-class"),
        ),
        (
            np.array(distances.argmin()),
            Hint(
                "That is one number. There is an answer for each image. Along which axis do you look for the smallest?",
                id="one-answer-for-all-images",
            ),
        ),
        (
            distances.argmin(axis=1)[:, None],
            Hint("The shape should be `(N,)`. Take away the second axis.", id="answers-with-a-second-axis"),
        ),
        (
            distances[:, :3].argmin(axis=1),
            Hint(
                "One class is never the answer. Does a loop end at a fixed number? Ask the array: how many means are"
                " there?",
                id="three-classes-always",
            ),
        ),
        ((differences**3).sum(axis=(2, 3, 4)).argmin(axis=1), _NO_SQUARE),
        (
            ((images[:, None] + means) ** 2).sum(axis=(2, 3, 4)).argmin(axis=1),
            Hint("You add image and mean. What tells how far apart two numbers are?", id="added-not-subtracted"),
        ),
        *(((differences**2).sum(axis=axes).argmin(axis=1), _SOME_PIXEL_AXES) for axes in ((3, 4), (2, 4), 2, 3)),
        (
            distances.argmin(axis=1)[::-1],
            Hint("The answers are in reverse order. Keep that of the images.", id="answers-reversed"),
        ),
    ]


_IF_NEAREST_STOPS = Hint(
    "Images and means have different first axes. Give the images a new second axis with `np.newaxis`, then subtract.",
    id="not-subtracted-from-every-image",
)
_SOME_PIXEL_AXES = Hint(
    "You add up over some of the pixels' axes only. Over which of them does one distance run?",
    id="some-pixel-axes",
)
_NO_SQUARE = Hint(
    "Without the square, differences above and below cancel. Square them before you add. Do that now.", id="not-squared"
)
