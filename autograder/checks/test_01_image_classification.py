"""Checks of exercise 1, image classification. One class per graded cell, in the field's words."""

from functools import cache
from typing import Any

import numpy as np
import pytest

from autograder.data import FASHION_CLASSES, load_fashion
from autograder.exercise.expect import expect, fail
from autograder.exercise.submission import Accuracy, Submission, as_array

NEEDED = 0.80  # the means of all 600 images reach 0.867 on the held-out images, of any 480 of them 0.85 to 0.88
NOTHING_BELOW = 0.50
LESS_THAN_AN_IMAGE = 0.0045  # of the 100 test images; their accuracy has two digits


class TestShapes:
    def test_rank_of_a_photo(self, submission: Submission) -> None:
        """The rank of one photograph"""
        expect(submission.number("photo_rank"), "`photo_rank`").to_be(
            3,
            because="there is an axis for rows, one for columns and one for channels",
            mistakes={
                2: "A grey picture has two axes. A colour picture has one more, for red, green and blue.",
                4: "Four axes are those of a set of photographs. This is one photograph.",
                32 * 48 * 3: "That is how many numbers there are. The rank is how many axes.",
                1: "A row of numbers has one axis. A photograph has rows, columns and channels.",
            },
            hint="The rank is the number of axes: how many indices name a single number?",
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
                ): "Rows come first: the height, then the width. That is the other way round from how we say it.",
                (32, 48): "A colour photograph has an axis for its channels, too: red, green, blue.",
                (48, 32): "Rows come first, and a colour photograph has an axis for its channels.",
                (32, 48, 1): "One channel is a grey picture. Which channels does colour need?",
                (3, 32, 48): "The channels come last here.",
                (1, 32, 48, 3): "That is a set of one photograph. A single one has no axis that counts images.",
                (4608,): "That is the photograph as one row. As an image it has rows, columns and channels.",
            },
            hint="Rows, columns, channels.",
        )

    def test_numbers_in_a_photo(self, submission: Submission) -> None:
        """How many numbers it holds"""
        expect(submission.number("photo_numbers"), "`photo_numbers`").to_be(
            4608,
            mistakes={
                1536: "Those are the pixels. Each pixel of a colour photograph holds a number for each channel.",
                83: "The lengths of the axes are multiplied, not added.",
                80: "The lengths of the axes are multiplied, not added. The channels are an axis, too.",
                3: "That is how many numbers one pixel holds. How many pixels are there?",
            },
            hint="Multiply the lengths of all axes.",
        )

    def test_shape_of_a_set(self, submission: Submission) -> None:
        """The shape of a set of 20"""
        expect(_shape(submission, "set_shape"), "`set_shape`").to_be(
            (20, 32, 48, 3),
            mistakes={
                (32, 48, 3, 20): "The axis that counts the images comes first.",
                (20, 48, 32, 3): "Rows come before columns: the height, then the width.",
                (20, 32, 48): "The channel axis is missing.",
                (640, 48, 3): "A set has an axis of its own that counts the images; they are not stuck together.",
                (20, 4608): "Those are 20 rows of numbers. As images they keep rows, columns and channels.",
                (32, 48, 60): "A set has an axis of its own that counts the images.",
            },
            hint="One axis more than a single photograph, and it stands first.",
        )


class TestPicked:
    def test_first_image(self, submission: Submission) -> None:
        """`first_image` is one image, with its channel"""
        _is_picked(
            submission.array("first_image"),
            "`first_image`",
            _images()[0],
            {
                (1, 28, 28, 1): "That is a set of one image. An index, `[0]`, takes that axis away.",
                (28, 28): "The channel axis is gone. One index alone leaves all other axes as they are.",
                (
                    600,
                    28,
                    1,
                ): "That is the first *row of pixels* of every image. The images are counted by the first axis.",
                (600, 28, 28): "That is the first channel of every image. The images are counted by the first axis.",
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
                ): "The axis that counts images is gone: an index takes it away, a slice such as `[:1]` keeps it.",
                (28, 28, 1, 1): "The new axis stands last. The axis that counts images is the first.",
                (28, 1, 28, 1): "The new axis stands in the middle. The axis that counts images is the first.",
                (1, 28, 28): "The channel axis is gone.",
                (600, 28, 28, 1): "Those are all images.",
            },
        )

    def test_five_images(self, submission: Submission) -> None:
        """`five_images` are the images 10 to 14"""
        _is_picked(
            submission.array("five_images"),
            "`five_images`",
            _images()[10:15],
            {
                (4, 28, 28, 1): "One is missing: a slice ends *before* its second number.",
                (6, 28, 28, 1): "One too many: a slice ends before its second number, so 14 is the last of `[10:15]`.",
                (28, 28, 1): "That is one image.",
                (
                    600,
                    5,
                    28,
                    1,
                ): "Those are five rows of pixels of every image. The images are counted by the first axis.",
            },
        )

    def test_picture(self, submission: Submission) -> None:
        """`picture` has rows and columns only"""
        _is_picked(
            submission.array("picture"),
            "`picture`",
            _images()[0, :, :, 0],
            {
                (28, 28, 1): "The channel axis is still there: its length is 1. Take index 0 of the *last* axis.",
                (28, 1): "That is one row of pixels. Take index 0 of the last axis, not of the first.",
                (600, 28, 28): "Those are all images without their channel. Take the first one.",
                (1, 28, 28): "The axis that counts images is still there. Take the first image.",
                (784,): "The pixels are right, but rows and columns are gone.",
            },
        )


class TestArithmetic:
    def test_sum(self, submission: Submission) -> None:
        """250 + 10 in uint8"""
        expect(submission.number("pixel_sum"), "`pixel_sum`").to_be(
            4,
            because="260 does not fit into a uint8",
            mistakes={
                260: "A uint8 ends at 255. The sum of two such arrays is such an array again.",
                255: "Image editors stop at 255. NumPy does not: after 255 it starts again at 0.",
                5: "Close: after 255 comes 0, not 1. Count on: 250, ..., 255, 0, 1, ...",
                0: "It starts again at 0, but goes on counting from there.",
            },
            hint="Like a clock: after 255 comes 0.",
        )

    def test_quotient(self, submission: Submission) -> None:
        """250 // 255"""
        expect(submission.number("pixel_quotient"), "`pixel_quotient`").to_be(
            0,
            because="255 goes into 250 not even once",
            mistakes=[
                (lambda v: 0.97 < v < 0.99, "That is `/`. With two strokes NumPy divides without remainder."),
                (lambda v: v == 1, "`//` does not round to the nearest number: it cuts the fraction off."),
                (lambda v: v == 250, "That is the remainder, `%`."),
            ],
            hint="`//` divides and throws the remainder away.",
        )

    def test_dtype_of_a_quotient(self, submission: Submission) -> None:
        """The dtype of a / 255"""
        expect(submission.text("quotient_dtype").strip().lower(), "`quotient_dtype`").to_be_one_of(
            ["float64", "np.float64", "numpy.float64"],
            because="NumPy divides whole numbers in its most exact type",
            mistakes={
                "uint8": "A uint8 has no place for a fraction: `/` never stays among whole numbers.",
                "float32": "You have to ask for float32. What does NumPy take when nobody asks?",
                "float": "float of which size? It has a number behind it.",
                "int64": "`/` gives a fraction, so whole numbers cannot be enough.",
                "float16": "NumPy takes more digits than that.",
            },
            hint="`(a / 255).dtype`",
        )


class TestScaled:
    def test_values(self, submission: Submission) -> None:
        """`scale` turns 0..255 into 0..1"""
        pixels = _dim_pixels()
        right = pixels / 255
        found = as_array(submission.function("scale", _IF_SCALE_STOPS)(pixels), "`scale(images)`")
        expect(found, "`scale(images)`").to_be_close_to(
            right,
            tolerance=1e-4,
            mistakes=[
                (pixels.astype(float), "Nothing is scaled yet: the pixels still go up to 255."),
                (pixels / pixels.max(), _SAME_NUMBER),
                ((pixels - pixels.min()) / np.ptp(pixels), _SAME_NUMBER),
                (
                    (pixels - pixels.mean()) / pixels.std(),
                    "That gives every set of images numbers of its own. Divide by 255.",
                ),
                (np.zeros(pixels.shape), "Every pixel became 0: `//`, or a whole-number dtype, cuts the fraction off."),
                (right / 255, "Divided twice."),
                (pixels / 256, "The largest pixel is 255, and it should become 1: divide by 255."),
                (1 - right, "Black and white are exchanged: 0 should stay 0."),
                (2 * right - 1, "That is a scale from -1 to 1. Here it is 0 to 1."),
                (pixels.reshape(len(pixels), -1) / 255, "The shape should stay as it is: only the values change."),
            ],
            hint=["255 should become 1, and 0 stay 0.", "First `astype`, then divide."],
        )

    def test_dtype(self, submission: Submission) -> None:
        """`scale` returns float32"""
        found = as_array(submission.function("scale", _IF_SCALE_STOPS)(_dim_pixels()), "`scale(images)`")
        expect(found, "`scale(images)`").to_have_dtype(
            "float32",
            mistakes={
                "float64": "Dividing whole numbers gives float64, twice the memory of float32. Convert first.",
                "uint8": "uint8 holds whole numbers only; between 0 and 1 there is nothing.",
                "float16": "float16 has only three digits.",
            },
            hint="`astype` changes the dtype.",
            stated=True,
        )

    @pytest.mark.parametrize("name", ["x_train", "x_test"])
    def test_sets(self, submission: Submission, name: str) -> None:
        """`x_train` and `x_test` are scaled with it"""
        raw, other = (_images(), _test_images()) if name == "x_train" else (_test_images(), _images())
        found = submission.array(name)
        mistakes = [
            (raw, "These are the images as they were. Give them to `scale`."),
            (other / 255, "Training and test images are mixed up."),
            (raw / 255 / 255, "Scaled twice. Start again from the images as loaded."),
            (np.zeros(raw.shape), "Every pixel became 0: `//` cuts the fraction off."),
            (raw // 255, "Nearly every pixel became 0: `//` cuts the fraction off."),
        ]
        expect(found, f"`{name}`").to_be_close_to(
            raw / 255, tolerance=1e-4, mistakes=mistakes, hint=f"`{name} = scale({name[2:]}_data)`"
        )


_IF_SCALE_STOPS = "`astype` makes a new array of another dtype; an array of uint8 cannot be divided in place."
_SAME_NUMBER = (
    "You use the largest pixel of *these* images. Another set has another largest pixel, and the same pixel would get"
    " another number there. Use 255."
)


class TestCounted:
    def test_counts(self, submission: Submission) -> None:
        """It counts each class"""
        numbers = np.array([2, 0, 2, 1, 2, 0, 3, 3, 3, 3])
        right = np.array([2, 1, 3, 4])
        _counts(
            submission,
            numbers,
            4,
            right,
            [
                (right / 10, "Those are shares. Asked for are numbers of images."),
                (right[::-1], "The order is reversed: class 0 comes first."),
                (np.sort(right), "The counts are sorted. Keep them in the order of the classes."),
                (np.sort(right)[::-1], "The counts are sorted. Keep them in the order of the classes."),
                (np.array([1, 3, 4, 0]), "Everything is off by one: class numbers start at 0."),
                (np.array([0, 1, 2, 3]), "Those are the classes that occur. How often does each?"),
                (np.array(10), "That is how many there are together. One number for each class."),
            ],
        )

    def test_counts_an_absent_class(self, submission: Submission) -> None:
        """A class that does not occur counts 0"""
        numbers = np.array([3, 1, 3, 3, 1])
        _counts(
            submission,
            numbers,
            5,
            np.array([0, 2, 0, 3, 0]),
            [
                (np.array([2, 3]), "Only classes that occur are counted. Class 0 is absent here, and should count 0."),
                (
                    np.array([0, 2, 0, 3]),
                    "The last class is absent here, so it was forgotten. There are `classes` classes.",
                ),
                (np.array([2, 0, 3, 0, 0]), "Everything is off by one: class numbers start at 0."),
                (np.array([0, 2, 0, 3, 0, 0]), "One class too many: they run from 0 to `classes - 1`."),
            ],
        )


class TestSplit:
    def test_sizes(self, submission: Submission) -> None:
        """Its four parts have the right sizes"""
        parts = _split(submission)
        shapes = tuple(part.shape for part in parts)
        expect(shapes, "what `split` returns").to_be(
            ((60, 2, 2, 1), (60,), (30, 2, 2, 1), (30,)),
            because="30 of 90 images are asked for; images before numbers, training before validation",
            mistakes={
                ((30, 2, 2, 1), (30,), (60, 2, 2, 1), (60,)): "The parts are exchanged: the training set comes first.",
                (
                    (60, 2, 2, 1),
                    (30, 2, 2, 1),
                    (60,),
                    (30,),
                ): "The order is another: images and numbers of the training set, then of the validation set.",
                ((90, 2, 2, 1), (90,), (30, 2, 2, 1), (30,)): "The validation images are still in the training set.",
            },
            hint="With 90 images and `validation_size=30` there are 60 left to train with.",
        )

    def test_no_image_in_both(self, submission: Submission) -> None:
        """Each image is in one of the two sets, once"""
        training, _, validation, _ = _split(submission)
        fit, held = _which(training), _which(validation)
        both = sorted(set(fit) & set(held))
        if both:
            raise fail(
                f"{len(both)} of the images are in the training set and in the validation set.",
                hint=[
                    "An image the classifier has learned from says nothing about new ones: choose each image once.",
                    "Shuffle all indices once, with `permutation`, and cut the result in two.",
                ],
            )
        if sorted(fit + held) != list(range(90)):
            raise fail(
                f"Of 90 images {len(set(fit) | set(held))} are in the two sets; every one should be, once.",
                hint="Some were drawn twice: `choice` puts back what it has drawn, `permutation` does not.",
            )

    def test_labels_stay_with_images(self, submission: Submission) -> None:
        """Each image keeps its class number"""
        parts = _split(submission)
        for images, numbers, what in ((parts[0], parts[1], "training"), (parts[2], parts[3], "validation")):
            true_numbers = [image // 30 for image in _which(images)]
            if not np.array_equal(true_numbers, _flat_numbers(numbers)):
                raise fail(
                    f"In the {what} set images and class numbers do not belong together any more.",
                    hint="Use the same shuffled indices for both: `images[chosen]` and `numbers[chosen]`.",
                )

    def test_is_random(self, submission: Submission) -> None:
        """It chooses at random, and the same again for the same seed"""
        held = _which(_split(submission)[2])
        if sorted(held) in (list(range(30)), list(range(60, 90))):
            raise fail(
                "The validation set is the " + ("first" if min(held, default=0) == 0 else "last") + " 30 images.",
                hint="The images here are sorted by class: cut like this, the set holds one class only. Shuffle.",
            )
        if held != _which(_split(submission)[2]):
            raise fail(
                "The same seed gave two different splits.",
                hint="Use `np.random.default_rng(seed)`, made inside the function, for everything random.",
            )
        if sorted(held) == sorted(_which(_split(submission, seed=8)[2])):
            raise fail(
                "Two different seeds gave the same split.",
                hint="Is `seed` used? `np.random.default_rng(seed)`, not a number that is always the same.",
            )


class TestMajority:
    def test_takes_the_majority_of_the_training_set(self, submission: Submission) -> None:
        """The answer is the most frequent class of the training set"""
        training = np.array([3, 0, 3, 1, 3, 1, 4, 0])
        new = np.array([0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4])
        _majority(
            submission,
            training,
            new,
            0.2,
            [
                (
                    0.3,
                    "That is the most frequent class of the *new* images. Those you must not look at beforehand.",
                ),
                (0.375, "That is the share in the training set. Measure on the new images."),
                (0.1, "That is the class nearest to the mean of the class numbers. Count how often each class occurs."),
                (0.15, "That is class 0, whatever the training set holds. Which class is its most frequent one?"),
                (4, "That is how many are right. Asked for is a share, 0 to 1."),
                (3, "That is the class itself. Which share of the new images is of that class?"),
                (20, "That is per cent. Asked for is a share, 0 to 1."),
                (0.8, "That is the share of wrong answers."),
            ],
        )

    def test_is_a_share_of_the_new_images(self, submission: Submission) -> None:
        """The accuracy is measured on the new images"""
        training = np.array([2, 2, 0, 0, 2, 1, 2])
        new = np.array([2, 0, 0, 1, 0, 1, 0, 2, 0])
        _majority(
            submission,
            training,
            new,
            2 / 9,
            [
                (4 / 7, "That is the share in the training set. Measure on the new images."),
                (5 / 9, "That is the most frequent class of the *new* images. Take that of the training set."),
                (2 / 7, "Divide by the number of *new* images."),
                (2, "That is how many are right, or the class itself. Asked for is a share, 0 to 1."),
                (200 / 9, "That is per cent. Asked for is a share, 0 to 1."),
                (7 / 9, "That is the share of wrong answers."),
                (1 / 3, "A third is what guessing gets with three equal classes. Count here."),
            ],
        )


class TestMeans:
    def test_means(self, submission: Submission) -> None:
        """`class_means` takes the mean of each class"""
        rng = np.random.default_rng(41)
        images, numbers = rng.uniform(0, 1, (12, 3, 4, 1)), np.array([2, 0, 1, 2, 3, 0, 1, 2, 3, 2, 1, 2])
        right = np.array([images[numbers == k].mean(axis=0) for k in range(4)])
        found = submission.function("class_means", _IF_MEANS_STOP)(images, numbers, 4)
        expect(as_array(found, "`class_means(...)`"), "`class_means(images, numbers, classes)`").to_be_close_to(
            right,
            mistakes=[
                (
                    images.mean(axis=0),
                    "That is the mean of all images. Choose those of one class first: `images[numbers == k]`.",
                ),
                (
                    right.mean(axis=(1, 2, 3)),
                    "That is one number per class. Take the mean over the images only: `axis=0`.",
                ),
                (
                    np.array([images[numbers == k].sum(axis=0) for k in range(4)]),
                    "Those are sums. Divide by the number of images.",
                ),
                (right[::-1], "The order of the classes is reversed."),
                (right[..., 0], "The channel axis is gone. Take the mean along the first axis only."),
                (right.mean(axis=1), "Take the mean along the first axis only, the one that counts images."),
                (right.reshape(4, -1), "The means should keep the form of an image. Only the first axis changes."),
                (np.array([np.median(images[numbers == k], axis=0) for k in range(4)]), "That is the median."),
                (
                    np.array([images[numbers == k][0] for k in range(4)]),
                    "That is one image of each class, not their mean.",
                ),
                (
                    np.array([images[numbers == k].sum(axis=0) / len(images) for k in range(4)]),
                    "Divide by the number of images of that class, not of all.",
                ),
                (right[:3], "One class is missing: they run from 0 to `classes - 1`, and there are not always three."),
            ],
            hint=[
                "`images[numbers == 0]` are the images of class 0.",
                "Then `.mean(axis=0)`, and the same for every class.",
            ],
        )

    def test_shape(self, submission: Submission) -> None:
        """`means` are three images"""
        found = submission.array("means")
        if found.shape in ((3, 28, 28), (3, 784)):
            return
        expect(found, "`means`").to_have_shape(
            (3, 28, 28, 1),
            because="there are three classes, and each mean is an image",
            mistakes={
                (28, 28, 1): "That is a single mean. There should be one for each class.",
                (3,): "That is one number per class: how bright it is. Take the mean over the images only.",
                (3, 1): "Take the mean over the images only, not over rows and columns.",
                (10, 28, 28, 1): "There are three classes here, not ten.",
                (600, 28, 28, 1): "Those are the images themselves.",
            },
            hint="`means = class_means(x_train, train_numbers, 3)`",
            stated=True,
        )

    def test_tell_classes_apart(self, submission: Submission) -> None:
        """The nearest of your `means` gets at least 80 % of unseen images right"""
        means = _three_means(submission)
        measured = _accuracy_of_means(submission, means)
        if measured.value < NEEDED:
            _explain_poor_means(means)
        expect(measured, "the accuracy with your `means`").to_reach(
            NEEDED, zero_at=NOTHING_BELOW, hint="Are they the means of all images of each class, in the order 0, 1, 2?"
        )


class TestNearest:
    def test_finds_the_nearest(self, submission: Submission) -> None:
        """It answers with the nearest mean"""
        images, means = _means_to_compare()
        differences = images[:, None] - means
        distances = (differences**2).sum(axis=(2, 3, 4))
        found = submission.function("nearest_mean", _IF_NEAREST_STOPS)(images, means)
        expect(as_array(found, "`nearest_mean(...)`"), "`nearest_mean(images, means)`").to_be_close_to(
            distances.argmin(axis=1),
            mistakes=[
                (distances, "Those are the distances. Which class has the smallest, for each image? `argmin`."),
                (distances.min(axis=1), "Those are the smallest distances. Asked for is *which* mean it is: `argmin`."),
                (distances.argmin(axis=0), "That is the nearest image for each mean. Turn it round: `axis=1`."),
                (distances.argmax(axis=1), "That is the farthest mean."),
                (differences.sum(axis=(2, 3, 4)).argmin(axis=1), _NO_SQUARE),
                (abs(differences.sum(axis=(2, 3, 4))).argmin(axis=1), _NO_SQUARE),
                (
                    np.abs(differences).sum(axis=(2, 3, 4)).argmin(axis=1),
                    "You add up absolute differences. Asked for are squared ones.",
                ),
                (
                    np.abs(differences).max(axis=(2, 3, 4)).argmin(axis=1),
                    "You look at the largest difference alone. Add up all of them.",
                ),
                (
                    (images[:, None] * means).sum(axis=(2, 3, 4)).argmax(axis=1),
                    "A product favours bright means. Take the difference.",
                ),
                (distances.argmin(axis=1) + 1, "Off by one: class numbers start at 0."),
                (np.array(distances.argmin()), "That is one number. There is an answer for each image."),
                (distances.argmin(axis=1)[:, None], "The shape should be `(N,)`."),
            ],
            hint=[
                "For each image and each mean: subtract, square, add up over the pixels.",
                "Then `argmin` over the means.",
            ],
        )

    def test_takes_one_image(self, submission: Submission) -> None:
        """It works for a set of one image, too"""
        images, means = _means_to_compare()
        for image in images:
            found = submission.function("nearest_mean", _IF_NEAREST_STOPS)(image[np.newaxis], means)
            expect(as_array(found, "`nearest_mean(...)`"), "`nearest_mean` of a set of one image").to_be_close_to(
                ((image - means) ** 2).sum(axis=(1, 2, 3)).argmin(keepdims=True),
                hint="Write down the shape of each result on the way: which axis counts the images, which the means?",
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
            because="so many of the 100 test images have the right mean nearest",
            mistakes=[
                (
                    lambda v: abs(v - training) < 1e-3,
                    "That is the accuracy on the training images, which the means were made of.",
                ),
                (
                    lambda v: abs(v - 100 * right) < 0.5,
                    "That is per cent, or a number of images. Asked for is a share, 0 to 1.",
                ),
                (lambda v: abs(v - (1 - right)) < 1e-3, "That is the share of wrong answers."),
                (
                    lambda v: abs(v - unscaled) < 1e-3,
                    "Are the test images scaled? Use `x_test`, scaled like the means.",
                ),
            ],
            hint="Compare your answers with `test_numbers`; the mean of True and False is the share of True.",
        )

    def test_most_missed(self, submission: Submission) -> None:
        """`most_missed` is the class that is recognised least"""
        found = submission.text("most_missed").strip().lower()
        answers, truth = _nearest(_test_images(), _three_means(submission)), _test_numbers()
        recognised = [float((answers[truth == number] == number).mean()) for number in range(3)]
        least = [name for name, share in zip(FASHION_CLASSES, recognised, strict=True) if share == min(recognised)]
        best = FASHION_CLASSES[int(np.argmax(recognised))]
        expect(found, "`most_missed`").to_be_one_of(
            least,
            mistakes=[
                (best, "That is the class that is recognised best."),
                (lambda v: v not in FASHION_CLASSES, 'One of the names `"t-shirt"`, `"shoe"`, `"dress"` is asked for.'),
            ],
            hint=[
                "For each class: of its test images, which share has the right answer?",
                "`(answers == number)[test_numbers == number].mean()`",
            ],
        )


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
            f"`{name}` should be a shape, such as `(5, 2)`.", hint="Numbers in round brackets, with commas between."
        )
    if not all(isinstance(n, int) for n in value):
        raise fail(f"`{name}` should hold whole numbers only.", hint="The lengths of the axes, such as `(5, 2)`.")
    return tuple(value)


def _is_picked(found: np.ndarray, name: str, right: np.ndarray, shapes: dict[tuple[int, ...], str]) -> None:
    expect(found, name).to_have_shape(right.shape, mistakes=shapes, hint="Print the shape: which axis is which?")
    if np.array_equal(found, right):
        return
    if np.allclose(found, right / 255, atol=1e-6):
        raise fail(f"{name} is scaled already.", hint="Leave the pixels as they are; scaling comes later.")
    hints = ["Indices start at 0, so the first image has index 0.", "Take it from `train_data`."]
    last = _images()[-len(right) :] if right.ndim == 4 else _images()[-1].reshape(right.shape)
    if np.array_equal(found, _images()[11:16]) or np.array_equal(found, _images()[9:14]):
        hints.insert(0, "The images are off by one.")
    if np.array_equal(found, np.reshape(_images()[1], (28, 28, 1)[: right.ndim])) or np.array_equal(
        found, _images()[1:2]
    ):
        hints.insert(0, "That is the image with index 1, the second one.")
    if np.array_equal(found, last):
        hints.insert(0, "That is the last image; -1 counts from the end.")
    if right.shape[-2:] == (28, 28) and np.array_equal(found, right.T):
        hints.insert(0, "Rows and columns are exchanged.")
    raise fail(f"{name} has the right shape, but other pixels.", hint=hints)


def _dim_pixels() -> np.ndarray:
    """Pixels (2, 3, 3, 1) uint8 whose largest is far from 255 and smallest far from 0."""
    return np.random.default_rng(7).integers(30, 180, (2, 3, 3, 1)).astype(np.uint8)


def _counts(submission: Submission, numbers: np.ndarray, classes: int, right: np.ndarray, mistakes: Any) -> None:
    found = submission.function("count_classes", "`np.bincount` counts; look at its argument `minlength`.")(
        numbers, classes
    )
    if isinstance(found, dict):
        raise fail(
            "`count_classes` returns a dictionary, but it should return an array.",
            hint="One count for each class, in order; class 0 first.",
        )
    expect(as_array(found, "`count_classes(...)`"), f"`count_classes({numbers.tolist()}, {classes})`").to_be_close_to(
        right, mistakes=mistakes, hint="One number for each class from 0 to `classes - 1`, in order."
    )


def _split(submission: Submission, seed: int = 5) -> list[np.ndarray]:
    """The four parts of 90 tiny images, sorted by class; all pixels of image i are i."""
    images = np.tile(np.arange(90.0).reshape(90, 1, 1, 1), (1, 2, 2, 1))
    function = submission.function(
        "split", "`images[chosen]` takes the images with these indices; `chosen` is an array of indices."
    )
    parts = function(images, np.repeat(np.arange(3), 30), 30, seed)
    if not isinstance(parts, (tuple, list)) or len(parts) != 4:
        raise fail(
            "`split` should return four arrays.",
            hint="`return training_images, training_numbers, validation_images, validation_numbers`",
        )
    return [as_array(part, "a part of what `split` returns") for part in parts]


def _which(images: np.ndarray) -> list[int]:
    """Which of the 90 tiny images these are."""
    if images.ndim < 2 or images.dtype.kind not in "iuf" or not np.isfinite(images).all():
        raise fail(
            f"The images that `split` returns have the shape {images.shape} and dtype {images.dtype}.",
            hint="Training images, training numbers, validation images, validation numbers: is that your order?",
        )
    return [int(n) for n in images.reshape(len(images), -1)[:, :1].ravel()]


def _flat_numbers(numbers: np.ndarray) -> np.ndarray:
    if numbers.ndim != 1 or numbers.dtype.kind not in "iuf":
        raise fail(
            f"The class numbers that `split` returns have the shape {numbers.shape}.",
            hint="Training images, training numbers, validation images, validation numbers: is that your order?",
        )
    return numbers


def _majority(submission: Submission, training: np.ndarray, new: np.ndarray, right: float, mistakes: Any) -> None:
    function = submission.function("majority_accuracy", "`np.bincount(numbers).argmax()` is the most frequent number.")
    found = as_array(function(training, new), "`majority_accuracy(...)`")
    if found.ndim:
        raise fail(
            f"`majority_accuracy` returns an array of shape {found.shape}, but it should return one number.",
            hint="The mean of True and False is the share of True.",
        )
    name = f"`majority_accuracy({training.tolist()}, {new.tolist()})`"
    close = [(lambda v, wrong=wrong: abs(v - wrong) < 1e-6, says) for wrong, says in mistakes]
    expect(found, name).to_be_about(
        right,
        1e-6,
        mistakes=close,
        hint="Find the most frequent class first. Then: which share of the new ones is of it?",
    )


_IF_MEANS_STOP = "`images[numbers == k]` are the images of class `k`. `.mean(axis=0)` takes their mean."


def _three_means(submission: Submission) -> np.ndarray:
    means = submission.array("means")
    if means.shape not in ((3, 28, 28, 1), (3, 28, 28), (3, 784)) or not np.isfinite(means).all():
        raise fail(
            f"`means` cannot be compared with images: its shape is {means.shape}.",
            hint="It should hold three mean images, shape (3, 28, 28, 1), without NaN.",
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


def _explain_poor_means(means: np.ndarray) -> None:
    if means.max() > 1.5:
        raise fail(
            f"The largest value in `means` is {means.max():g}, but scaled images end at 1.",
            hint="Take the means of `x_train`, the scaled images.",
        )
    if np.allclose(means[0], means[1]) or np.allclose(means[1], means[2]):
        raise fail(
            "Two of the `means` are the same image.", hint="Choose the images of one class: `images[numbers == k]`."
        )


def _means_to_compare() -> tuple[np.ndarray, np.ndarray]:
    """Images (7, 3, 2, 1) and means (4, 3, 2, 1) for which every mistake gives other answers."""
    rng = np.random.default_rng(0)
    return rng.uniform(0, 1, (7, 3, 2, 1)), rng.uniform(0, 1, (4, 3, 2, 1))


_IF_NEAREST_STOPS = (
    "Images and means have different first axes. `images[:, np.newaxis] - means` subtracts every mean from every image."
)
_NO_SQUARE = "Without the square, differences above and below cancel. Square them before you add."
