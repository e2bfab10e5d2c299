"""Checks of exercise 4, softmax. One class per graded cell, in the field's words."""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np

from autograder.data import load_mnist
from autograder.exercise.drawing import Answers, told_apart
from autograder.exercise.expect import Hint, expect, expect_group, fail, show, unless_it_ignores
from autograder.exercise.models import ModelReport
from autograder.exercise.networks import (
    compiled_model,
    cross_entropies,
    ends_in_probabilities,
    loss_fits_labels,
    loss_fits_output,
    probabilities,
    rate_is_sensible,
    reports_accuracy,
)
from autograder.exercise.outcome import Mismatch, NotAttempted
from autograder.exercise.submission import Submission, as_array
from autograder.exercise.traces import images_of_an_epoch
from autograder.language import _, plural

NEEDED = 0.85  # share of unseen digits; measured over seeds in benchmarks/seeds.md
NOTHING_BELOW = 0.50
LEARNED = 0.30  # no untrained network gets so many right; the slowest honest training is far above
TEST_IMAGES = 2000
SMALLEST = 1e-7  # probability that a cross-entropy reckons with; the task's text names it


class TestSoftmax:
    def test_makes_probabilities(self, submission: Submission) -> None:
        """It makes probabilities of scores"""
        (z,), right, mistakes = told_apart(submission.rng("softmax"), _scores, _softmaxes)
        function = _function(submission, "softmax")
        with unless_it_ignores(function, "softmax", (z,), (z[::-1].copy(),)):
            expect(function(z), f"`softmax({show(z)})`").to_be_close_to(
                right,
                mistakes=[
                    *mistakes,
                    (
                        _never_finite,
                        Hint(
                            "The result is not a number. Print each step for this row: where does a 0 come in, or a"
                            " negative number?",
                            id="not-a-number",
                        ),
                    ),
                ],
                hint=[
                    "There are two steps. First take the power of every score. What do you divide by then?",
                    "`np.exp` takes a whole array. Print what comes out, and add it up.",
                ],
            )

    def test_survives_large_scores(self, submission: Submission) -> None:
        """It survives large scores"""
        (z,), right, mistakes = told_apart(submission.rng("large"), _large_scores, _large_softmaxes)
        expect(_function(submission, "softmax")(z), f"`softmax({show(z)})`").to_be_close_to(
            right,
            mistakes=[
                (
                    _not_finite,
                    Hint(
                        "The power of a large score is too large for a computer and became `inf`. Which number do you"
                        " subtract from all scores, so that no power is above 1?",
                        id="overflow",
                    ),
                ),
                *mistakes,
            ],
            hint="The same number may be subtracted from all scores. Which one keeps every power at 1 or below?",
        )

    def test_survives_very_negative_scores(self, submission: Submission) -> None:
        """It survives very negative scores"""
        (z,), right, mistakes = told_apart(submission.rng("negative"), _negative_scores, _negative_softmaxes)
        expect(_function(submission, "softmax")(z), f"`softmax({show(z)})`").to_be_close_to(
            right,
            mistakes=[(_not_finite, _ALL_ZERO), *mistakes],
            hint="Which score do you subtract? Try one that is in the row, not a fixed number.",
        )


_ALL_ZERO = Hint(
    "All powers became 0 or too large. Which score do you subtract? Do not take a fixed number, nor the largest"
    " without its sign. Print the powers.",
    id="underflow",
)


def _scores(rng: np.random.Generator) -> tuple[np.ndarray]:
    """Five scores (5,) of one decimal, of both signs, none twice."""
    while True:
        z = rng.integers(-25, 26, 5) / 10
        if len(set(z)) == 5 and abs(z.sum()) > 0.5 and z.min() < 0 < z.max() and z.argmax() not in (0, 4):
            return (z,)


_MULTIPLIED = Hint("You multiplied by the sum of the powers. Add up the result: is it 1?", id="multiplied-by-sum")
_DIVIDED_TWICE = Hint("You divided by the sum of the powers two times. Leave one out.", id="divided-twice")


def _softmaxes(z: np.ndarray) -> Answers:
    powers = np.exp(z)
    right = powers / powers.sum()
    return right, [
        (
            z / z.sum(),
            Hint(
                "The scores are divided by their sum, but the exponential is missing. Put it first.",
                id="exponential-missing",
            ),
        ),
        (
            np.abs(z) / np.abs(z).sum(),
            Hint("An absolute value is no exponential. Take the power of e instead.", id="absolute-for-exponential"),
        ),
        (
            powers,
            Hint("Those are the powers. They do not add up to 1 yet: what do you divide them by?", id="not-divided"),
        ),
        (
            powers / powers.max(),
            Hint(
                "You divided by the largest power. Add up the result: is it 1? Divide by something else.",
                id="divided-by-largest",
            ),
        ),
        (
            powers / powers.mean(),
            Hint("You divided by the mean of the powers. What do they add up to?", id="divided-by-mean"),
        ),
        (
            powers / np.sqrt((powers**2).sum()),
            Hint("You divided by the length of a vector. What do the powers add up to?", id="divided-by-length"),
        ),
        (
            np.log1p(powers) / np.log1p(powers).sum(),
            Hint("A logarithm is too much. Only the power of each score is asked for: leave it out.", id="softplus"),
        ),
        (
            np.exp(z / 1000) / np.exp(z / 1000).sum(),
            Hint(
                "You divide the scores first, and that makes them even. Subtract something instead.",
                id="divided-scores",
            ),
        ),
        (
            np.round(right, 1),
            Hint("Rounded values do not add up to 1 any more. Leave them as they are.", id="rounded"),
        ),
        (
            np.round(right, 2),
            Hint("Rounded values do not add up to 1 any more. Leave them as they are.", id="rounded"),
        ),
        (
            powers / len(z),
            Hint("You divided by how many there are. What do the powers add up to?", id="divided-by-count"),
        ),
        (
            powers / z.sum(),
            Hint("You divided by the sum of the scores. Divide by that of their powers.", id="divided-by-scores"),
        ),
        (
            (z == z.max()) * 1.0,
            Hint("This only marks the largest score. Softmax is soft: give every class a share.", id="only-largest"),
        ),
        (
            1 / powers / (1 / powers).sum(),
            Hint("The largest score got the smallest share. Look at the sign in the power.", id="sign-of-power"),
        ),
        (
            1 / (1 + 1 / powers),
            Hint(
                "That is the sigmoid: an answer for each score by itself. Make them add up to 1.",
                id="sigmoid-for-softmax",
            ),
        ),
        (
            np.log(right),
            Hint("A logarithm was taken at the end. Leave it out.", id="log-softmax"),
        ),
        (
            2.0**z / (2.0**z).sum(),
            Hint("Those are powers of 2. Softmax takes powers of e: look at `np.exp`.", id="powers-of-another-base"),
        ),
        (
            10.0**z / (10.0**z).sum(),
            Hint("Those are powers of 10. Softmax takes powers of e: look at `np.exp`.", id="powers-of-another-base"),
        ),
        (
            z**2 / (z**2).sum(),
            Hint("Those are squares of the scores. Take powers of e: look at `np.exp`.", id="squares"),
        ),
        (
            (z - z.max()) ** 2 / ((z - z.max()) ** 2).sum(),
            Hint("Those are squares of the scores. Take powers of e: look at `np.exp`.", id="squares"),
        ),
        *(
            (wrong, says)
            for some in (powers, np.exp(z - z.max()))
            for wrong, says in ((some * some.sum(), _MULTIPLIED), (some / some.sum() ** 2, _DIVIDED_TWICE))
        ),
        (
            (z - z.min()) / (z.max() - z.min()),
            Hint("That stretches the scores to 0..1. Softmax takes powers first: look at the formula.", id="stretched"),
        ),
        (
            (z - z.min()) / (z - z.min()).sum(),
            Hint("The scores are moved and divided, but no power is taken. Look at the formula.", id="moved-only"),
        ),
        (z, Hint("Those are the scores as they were. Look at the formula: what comes first?", id="scores-unchanged")),
        (
            np.exp(right) / np.exp(right).sum(),
            Hint("Softmax was applied twice. Remove it in one of the two places.", id="softmax-of-softmax"),
        ),
    ]


def _large_scores(rng: np.random.Generator) -> tuple[np.ndarray]:
    """Six scores: two close to each other and far too large for a power, the largest neither first nor last."""
    top = float(rng.integers(2000, 3000))
    others = [rng.integers(-20, 20), -rng.integers(500, 1500), rng.integers(600, 1200), rng.integers(100, 500)]
    middle = rng.permutation([top, top - rng.integers(5, 16) / 10, float(others[0]), float(others[1])])
    return (np.array([float(others[2]), *middle, float(others[3])]),)


def _large_softmaxes(z: np.ndarray) -> Answers:
    return _softmax(z), [
        (
            _softmax(np.clip(z, -500, 500)),
            Hint(
                "Cutting large scores off makes different scores equal. Subtract instead: which number?",
                id="scores-cut-off",
            ),
        ),
        (
            np.zeros(z.shape),
            Hint("To put 0 for `nan` hides the trouble. Keep the powers small from the start.", id="nan-hidden"),
        ),
        (
            (z == z.max()) * 1.0,
            Hint("The second largest is only a little smaller. Does it keep a share?", id="second-largest-lost"),
        ),
        (
            np.full(z.shape, 1 / len(z)),
            Hint("All classes got the same share. Print the powers: what became of them?", id="all-the-same"),
        ),
    ]


def _negative_scores(rng: np.random.Generator) -> tuple[np.ndarray]:
    """Five scores far below 0, two of them close to each other, the largest neither first nor last."""
    top = -float(rng.integers(1000, 1500))
    lower = top - 1500.0 - rng.integers(0, 300)
    middle = rng.permutation([top, top - rng.integers(5, 16) / 10, top - 900.0])
    return (np.array([lower, *middle, lower - 100.0]),)


def _negative_softmaxes(z: np.ndarray) -> Answers:
    return _softmax(z), [
        (np.zeros(z.shape), _ALL_ZERO),
        (np.full(z.shape, 1 / len(z)), _ALL_ZERO),
        (
            (z == z.max()) * 1.0,
            Hint("The second largest is only a little smaller. Does it keep a share?", id="second-largest-lost"),
        ),
    ]


class TestSoftmaxRows:
    def test_works_on_each_row(self, submission: Submission) -> None:
        """Each row adds up to 1"""
        (z,), right, mistakes = told_apart(submission.rng("rows"), _score_rows, _row_softmaxes)
        function = _function(submission, "softmax_rows", _ROW_ERRORS)
        with unless_it_ignores(function, "softmax_rows", (z,), (z[:, ::-1].copy(),)):
            expect(function(z), f"`softmax_rows({show(z)})`").to_be_close_to(
                right,
                mistakes=mistakes,
                hint=[
                    "What holds for one image holds for each row. Along which axis do you add up?",
                    "A sum along an axis takes that axis away. Look at `keepdims`.",
                ],
            )

    def test_rows_stand_alone(self, submission: Submission) -> None:
        """Large scores in one row do not harm the others"""
        rng = submission.rng("alone")
        z = np.array([_large_scores(rng)[0][:5], _scores(rng)[0], _negative_scores(rng)[0]])
        large, _, negative = (_softmax(row) for row in z)

        def one_for_all(value: np.ndarray) -> bool:
            return value.shape == z.shape and np.allclose(value[0], large) and not np.allclose(value[2], negative)

        expect(_function(submission, "softmax_rows", _ROW_ERRORS)(z), "`softmax_rows(z)`").to_be_close_to(
            np.array([_softmax(row) for row in z]),
            mistakes=[
                (
                    one_for_all,
                    Hint(
                        "You subtracted the largest score of the whole batch, so all powers of a low row became 0. Give"
                        " each row its own.",
                        id="largest-of-the-batch",
                    ),
                ),
                (
                    _not_finite,
                    Hint(
                        "A power became `inf`, or all powers of a row 0. Which number do you subtract from each row?",
                        id="rows-not-shifted",
                    ),
                ),
            ],
            hint="One row is far above 0 and one far below. Look at `np.max`: which axis, and does the axis stay?",
        )


_ROW_ERRORS = {
    "broadcast": Hint(
        "The sum has one number for each row, but NumPy lays it along the columns. Keep the axis: look at `keepdims`.",
        id="keepdims-forgotten",
    ),
    "truth value": Hint("Python's `max` cannot compare rows. Look at `np.max` and its axis.", id="python-max"),
    "scalar": Hint(
        "`math.exp` takes one number, and a batch holds many. Look for the function of NumPy.", id="math-exp"
    ),
}


def _score_rows(rng: np.random.Generator) -> tuple[np.ndarray]:
    return (np.array([_scores(rng)[0] for _ in range(4)]),)  # as many as there are no classes of any notebook


_FIRST_ROWS = Hint(
    "Only the first rows are worked out. Does a loop end at a fixed number? Ask the array how many rows it has.",
    id="first-rows-alone",
)


def _row_softmaxes(z: np.ndarray) -> Answers:
    powers = np.exp(z)
    right = powers / powers.sum(axis=1, keepdims=True)
    shifted, of_columns = np.exp(z - z.max(axis=1, keepdims=True)), np.exp(z - z.max(axis=0))
    return right, [
        (
            np.tile(right[0], (len(right), 1)),
            Hint("Every row is that of the first image. Does your loop use each row in turn?", id="first-row-for-all"),
        ),
        *((some, _FIRST_ROWS) for some in (right[:3], right * (np.arange(4)[:, None] < 3))),
        (
            powers / powers[:, :3].sum(axis=1, keepdims=True),
            Hint(
                "You add up the first three powers of each row only. How many scores are there? Ask the array.",
                id="three-classes-always",
            ),
        ),
        (
            powers / powers.sum(axis=0),
            Hint(
                "Each column adds up to 1, but an image is a row. Which axis runs over the classes?",
                id="along-the-images",
            ),
        ),
        (
            powers / powers.sum(),
            Hint(
                "The whole batch adds up to 1, but every image should by itself. Give the sum an axis.",
                id="whole-batch",
            ),
        ),
        (
            shifted / shifted.sum(axis=0),
            Hint(
                "Each column adds up to 1, but an image is a row. Which axis runs over the classes?",
                id="along-the-images",
            ),
        ),
        (
            shifted / shifted.sum(),
            Hint(
                "The whole batch adds up to 1, but every image should by itself. Give the sum an axis.",
                id="whole-batch",
            ),
        ),
        (
            of_columns / of_columns.sum(axis=1, keepdims=True),
            Hint(
                "Within a row, every score was shifted by another number. Which axis does your `max` run along?",
                id="largest-of-the-column",
            ),
        ),
        *((some * some.sum(axis=1, keepdims=True), _MULTIPLIED) for some in (powers, shifted)),
        *((some / some.sum(axis=1, keepdims=True) ** 2, _DIVIDED_TWICE) for some in (powers, shifted)),
        (
            powers / powers.mean(axis=1, keepdims=True),
            Hint("You divided by the mean of the powers of a row. What do they add up to?", id="divided-by-mean"),
        ),
        (
            2.0**z / (2.0**z).sum(axis=1, keepdims=True),
            Hint("Those are powers of 2. Softmax takes powers of e: look at `np.exp`.", id="powers-of-another-base"),
        ),
        *(
            (
                squares / squares.sum(axis=1, keepdims=True),
                Hint("Those are squares of the scores. Take powers of e: look at `np.exp`.", id="squares"),
            )
            for squares in (z**2, (z - z.max(axis=1, keepdims=True)) ** 2)
        ),
        (powers, Hint("Those are the powers. Divide each row by something: by what?", id="not-divided")),
        (
            powers / powers.max(axis=1, keepdims=True),
            Hint("You divided by the largest power of each row. Add up a row: is it 1?", id="divided-by-largest"),
        ),
        (
            z / z.sum(axis=1, keepdims=True),
            Hint("The rows are divided by their sum, but no power is taken. Put that first.", id="exponential-missing"),
        ),
        (right.T, Hint("Rows and columns are swapped. Return one row for each image, as in `z`.", id="transposed")),
        (right[0], Hint("That is the first row only. Do the same for every row.", id="first-row")),
        (
            np.eye(z.shape[1])[z.argmax(axis=1)],
            Hint("This only marks the largest score of each row. Give every class a share.", id="only-largest"),
        ),
        (right.sum(axis=1), Hint("Those are the sums of the rows. Return the rows themselves.", id="sums-of-rows")),
        (right.ravel(), Hint("All rows are in one long row. Return the shape of `z`.", id="one-long-row")),
        (right.mean(axis=0), Hint("That is the mean of all rows. Return a row for each image.", id="mean-of-rows")),
        (
            1 / (1 + 1 / powers),
            Hint(
                "That is the sigmoid: an answer for each score by itself. Make each row add up to 1.",
                id="sigmoid-for-softmax",
            ),
        ),
        (np.log(right), Hint("A logarithm was taken at the end. Leave it out.", id="log-softmax")),
        (z, Hint("Those are the scores as they were. What did you do for one image?", id="scores-unchanged")),
    ]


class TestTemperature:
    def test_makes_the_top_ninety_per_cent(self, submission: Submission) -> None:
        """At this temperature the largest probability is 0.9"""
        found = submission.number("temperature")
        if not 0 < found < np.inf:
            raise fail(
                _("`temperature` is {found:.4g}, but a temperature is a number above 0.", found=found),
                hint=Hint(
                    "To divide by a number below 0 turns the order of the scores round. Try only numbers above 0.",
                    id="temperature-not-positive",
                ),
            )
        if 0.895 <= _top_probability(found) <= 0.905:
            return
        hints: list[str] = []
        if 0.895 <= _top_probability(1 / found) <= 0.905:
            hints.append(
                Hint(
                    "You multiplied the scores by it. Divide by it instead, and search again.",
                    id="multiplied-by-temperature",
                )
            )
        elif found == 1:
            hints.append(
                Hint("To divide by 1 changes nothing. Which way do the probabilities have to go?", id="temperature-one")
            )
        elif abs(found - 0.9) < 0.01:
            hints.append(
                Hint(
                    "0.9 is the probability that you want, not the temperature. Which number gives it?",
                    id="probability-for-temperature",
                )
            )
        # On which side it lies is not said: whoever hears that often enough has found it without a thought.
        raise fail(
            "With your `temperature` the largest probability is not 0.9.",
            hint=[
                *hints,
                Hint(
                    "Compute the largest probability for many temperatures in a loop. Which one comes nearest?",
                    id="another-temperature",
                ),
                "Plot the largest probability against the temperature. Where does the curve cross?",
            ],
        )

    def test_knows_the_limit(self, submission: Submission) -> None:
        """Very hot probabilities are all alike"""
        expect(submission.number("hot_limit"), "`hot_limit`").to_be_about(
            0.25,
            0.005,
            mistakes=[
                (
                    _near(0.0),
                    Hint("They cannot all go to 0. What do they add up to, at every temperature?", id="limit-zero"),
                ),
                (
                    _near(1.0),
                    Hint(
                        "That is the limit for a very *low* temperature. What does a large one do to the scores?",
                        id="hot-and-cold-confused",
                    ),
                ),
                (_near(0.1), Hint("That belongs to ten classes. Count the scores here.", id="limit-of-other-classes")),
                (_near(0.5), Hint("That belongs to two classes. Count the scores here.", id="limit-of-other-classes")),
                (
                    _near(1 / 3),
                    Hint("That belongs to three classes. Count the scores here.", id="limit-of-other-classes"),
                ),
                (_near(25.0), _PER_CENT),
                (
                    _near(4.0),
                    Hint("That is how many scores there are. What share does each get?", id="scores-for-share"),
                ),
                (_near(1 / 16), Hint("You divided twice. What share does each of the scores get?", id="share-divided")),
            ],
            hint="What becomes of the scores when you divide them by a million? What does softmax make of that?",
        )


_PER_CENT = Hint("That is in per cent. Divide it, so that it lies between 0 and 1.", id="per-cent")


class TestCrossEntropy:
    def test_predicts_the_uniform_loss(self, submission: Submission) -> None:
        """The cross-entropy of a network that knows nothing"""
        expect(submission.number("uniform_loss"), "`uniform_loss`").to_be_about(
            float(np.log(10)),
            0.005,
            mistakes=[
                (
                    _near(1.0),
                    Hint(
                        "That is the logarithm to base 10. Take the natural one: look at `np.log`.",
                        id="logarithm-to-another-base",
                    ),
                ),
                (_near(float(np.log2(10))), _BASE_TWO),
                (
                    _near(-float(np.log(10))),
                    Hint("A loss is never below 0. Look at the sign of the logarithm.", id="sign-missing"),
                ),
                (
                    _near(0.1),
                    Hint(
                        "That is how sure the network is. What does it cost to be so unsure? Take `np.log`.",
                        id="probability-itself",
                    ),
                ),
                (
                    _near(float(np.log(10)) / 10),
                    Hint("You took the mean over the ten classes. How many of them count?", id="mean-over-classes-too"),
                ),
                (
                    _near(10 * float(np.log(10)), 0.05),
                    Hint("You added up all ten classes. How many of them count?", id="all-classes-count"),
                ),
                (
                    _near(0.0),
                    Hint(
                        "That is the loss of a network that is sure and right. What does this one say?",
                        id="loss-of-a-perfect-one",
                    ),
                ),
                (
                    _near(10.0),
                    Hint("That is how many classes there are. Which probability does each get?", id="classes-for-loss"),
                ),
                *(
                    (
                        _near(float(np.log(classes))),
                        Hint(
                            "That belongs to another number of classes. Count from 0 to 9.", id="loss-of-other-classes"
                        ),
                    )
                    for classes in (2, 3, 9, 11)
                ),
            ],
            hint="Which probability does the right class get? Take its natural logarithm, and look at the sign.",
        )

    def test_takes_the_right_class(self, submission: Submission) -> None:
        """It is the mean negative logarithm for the right class"""
        (p, y), right, mistakes = told_apart(submission.rng("entropy"), _answered, _cross_entropies)
        function = _function(submission, "cross_entropy")
        with unless_it_ignores(function, "cross_entropy", (p, y), (p, np.roll(y, 1, axis=1))):
            expect(_one_number(function(p, y)), "`cross_entropy(p, y)`").to_be_close_to(
                np.array(right),
                tolerance=1e-4,
                mistakes=[
                    *mistakes,
                    (
                        _not_finite,
                        Hint(
                            "The logarithm of 0 was taken. Which of the two holds zeros, `p` or `y`?",
                            id="log-of-labels",
                        ),
                    ),
                ],
                hint=[
                    "A label has a 1 in one place and a 0 everywhere else. What is left if you multiply by it?",
                    "One axis runs over the classes, one over the images. Add up the one, and take the mean of the"
                    " other.",
                ],
            )

    def test_survives_a_zero(self, submission: Submission) -> None:
        """A probability of 0 costs as much as the smallest one that counts"""
        (p, y), right, mistakes = told_apart(submission.rng("zero"), _with_a_zero, _cross_entropies_of_zero, 1e-2)
        found = _one_number(_function(submission, "cross_entropy")(p, y))
        name = _("With a probability of 0 for the right class, `cross_entropy(p, y)`")
        if found.size == 1 and found.dtype.kind == "f" and np.isnan(found).all():
            raise fail(
                _("{name} is nan (not a number).", name=name),
                hint=Hint(
                    "0 times `inf` is nan. Raise what is too small before you take the logarithm.", id="zero-is-nan"
                ),
            )
        if found.size == 1 and found.dtype.kind == "f" and np.isinf(found).all():
            raise fail(
                _("{name} is infinite.", name=name),
                hint=Hint(
                    "The logarithm of 0 has no end. Raise what is too small before you take it.",
                    id="zero-is-infinite",
                ),
            )
        expect(found, name).to_be_close_to(
            np.array(right),
            tolerance=1e-3,
            mistakes=[
                *mistakes,
                (
                    lambda v: v.shape == () and v.dtype.kind == "f" and 0 < float(v) < 1e3 and abs(v - right) > 0.01,
                    Hint(
                        "You raise what is too small to another number than the task's text names. Look it up.",
                        id="another-smallest",
                    ),
                ),
            ],
            hint="Raise each probability that is too small, and leave all others. Look at `np.maximum`.",
        )


_BASE_TWO = Hint(
    "That is the logarithm to base 2. Take the natural one: look at `np.log`.", id="logarithm-to-another-base"
)


def _answered(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (4, 3) of two digits and one-hot labels (4, 3); not all are right, and all classes occur."""
    while True:
        p = np.round(rng.dirichlet(np.ones(3), 4), 2)
        p[:, 2] = np.round(1 - p[:, 0] - p[:, 1], 2)
        digits = rng.integers(0, 3, 4)
        if p.min() > 0.04 and len(set(digits)) == 3 and 0 < (p.argmax(axis=1) == digits).sum() < 4:
            return p, np.eye(3)[digits]


def _cross_entropies(p: np.ndarray, y: np.ndarray) -> Answers:
    each = -np.sum(y * np.log(p), axis=1)
    right = float(each.mean())
    of_wrong = -np.sum((1 - y) * np.log(1 - p), axis=1)
    swapped = -np.sum(p * np.log(np.maximum(y, SMALLEST)), axis=1)
    hit = (p * y).sum(axis=1)
    all_count = Hint("All classes count here. Which one should? Look at `y`.", id="all-classes-count")
    no_logarithm = Hint("No logarithm is taken here. Look at the task's first line.", id="logarithm-missing")
    exchanged = Hint("Labels and probabilities are swapped. Which one is the logarithm of?", id="labels-swapped")
    return right, [
        (-right, Hint("A loss is never below 0. Look at the sign of the logarithm.", id="sign-missing")),
        *(
            (
                float(-np.log(hit + small).mean()),
                Hint(
                    "You add something to every probability. Change only those that are too small.",
                    id="small-number-added",
                ),
            )
            for small in (1e-2, 1e-3)
        ),
        (each, Hint("That is one number for each image. Take the mean of them.", id="one-for-each-image")),
        (each.sum(), Hint("That is the sum over the images. Take the mean, so that a batch may grow.", id="sum")),
        (
            each.sum() / p.size,
            Hint(
                "The mean runs over the classes, too. Add up over them first, then average the images.",
                id="mean-over-classes-too",
            ),
        ),
        (
            right / np.log(10),
            Hint("That is the logarithm to base 10. Take the natural one.", id="logarithm-to-another-base"),
        ),
        (right / np.log(2), _BASE_TWO),
        (float(np.mean(-np.log(p).sum(axis=1))), all_count),
        (float(np.mean(-np.log(p))), all_count),
        (
            float(np.mean(-np.log(p.max(axis=1)))),
            Hint("You took the largest probability. Take that of the right class.", id="largest-for-right-class"),
        ),
        (
            float(np.mean(each + of_wrong)),
            Hint("That counts the wrong classes as well. Leave them out.", id="binary-cross-entropy"),
        ),
        (
            float(np.mean(of_wrong)),
            Hint("That counts the wrong classes. Which class should count?", id="wrong-classes"),
        ),
        (
            float(-np.log(hit.mean())),
            Hint("You average first and take the logarithm then. Turn that round.", id="logarithm-of-the-mean"),
        ),
        (
            float(np.mean(-np.log(hit / 3))),
            Hint("Take the logarithm of one probability, not of a mean.", id="row-mean"),
        ),
        (float(np.mean(1 - hit)), no_logarithm),
        (float(np.mean(hit)), no_logarithm),
        (
            float(np.mean((p - y) ** 2)),
            Hint("That is the squared error. Take the logarithm instead.", id="squared-error"),
        ),
        (
            float(np.mean(((p - y) ** 2).sum(axis=1))),
            Hint("That is the squared error. Take the logarithm instead.", id="squared-error"),
        ),
        (float(np.mean(swapped)), exchanged),
        (float(swapped.sum()), exchanged),
        (
            float(np.mean(-np.sum(p * np.log(p), axis=1))),
            Hint("That never looks at the labels. Where does `y` come in?", id="labels-ignored"),
        ),
        (float(each[0]), Hint("That is the first image alone. Take the mean of all.", id="first-image")),
        (float(np.median(each)), Hint("That is the median. Take the mean.", id="median")),
        (
            float(each.sum() / y.shape[1]),
            Hint(
                "You added up over the images and took the mean over the classes. Turn that round: look at `axis`.",
                id="axes-turned-round",
            ),
        ),
        (
            float(np.mean(-np.sum(y / np.log(p), axis=1))),
            Hint(
                "You divide by the logarithm. What does the label do to it in the formula?", id="divided-by-logarithm"
            ),
        ),
        (
            float(int(right)),
            Hint("The fraction is cut off. Look for `//`, and for `int`.", id="fractions-cut-off"),
        ),
    ]


def _with_a_zero(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Three images, three classes: the right class has the probability 0, a very small one, and an ordinary one."""
    first, second = rng.integers(20, 80, 2) / 100
    small = 10 ** -rng.uniform(4.5, 5.5)
    rows = [[0.0, first, 1 - first], [small, 1 - small, 0.0], [second, 0.0, 1 - second]]
    orders = [rng.permutation(3) for _ in rows]
    p = np.array([np.array(row)[order] for row, order in zip(rows, orders, strict=True)])
    y = np.array([(order == 0) * 1.0 for order in orders])
    shuffled = rng.permutation(3)
    return p[shuffled], y[shuffled]


def _cross_entropies_of_zero(p: np.ndarray, y: np.ndarray) -> Answers:
    hit = (p * y).sum(axis=1)
    each = -np.log(np.maximum(hit, SMALLEST))
    left_out = Hint(
        "The image that the network got completely wrong costs nothing here. Raise its probability instead of leaving"
        " it out.",
        id="zero-left-out",
    )
    return float(each.mean()), [
        (float(each[hit > 0].sum() / 3), left_out),
        (float(each[hit > 0].mean()), left_out),
        (
            float(np.mean(-np.log(np.maximum(hit, 1e-4)))),
            Hint("A small probability became a large one. To which number do you raise it?", id="smallest-too-large"),
        ),
        (
            float(np.mean(-np.log(np.maximum(hit, 1e-2)))),
            Hint("A small probability became a large one. To which number do you raise it?", id="smallest-too-large"),
        ),
    ]


_NAMES = ("binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy", "mean_squared_error")
_LOSSES = {
    "loss_a": "categorical_crossentropy",
    "loss_b": "sparse_categorical_crossentropy",
    "loss_c": "binary_crossentropy",
    "loss_d": "mean_squared_error",
}


class TestLosses:
    def test_belong_to_their_outputs(self, submission: Submission) -> None:
        """Each network has the loss that fits it"""
        given: dict[str, Any] = {name: _loss_name(submission, name) for name in _LOSSES}
        given["from_logits_e"] = submission.value("from_logits_e")
        if not isinstance(given["from_logits_e"], bool):
            raise fail(
                "`from_logits_e` should be `True` or `False`.",
                hint=Hint("Python's own two words stand without quotes. Remove them.", id="true-in-quotes"),
            )
        mistakes = [
            (
                "sparse" in given["loss_a"] or given["loss_b"] == "categorical_crossentropy",
                Hint(
                    "Two losses differ only in the form of the label, a row or a number. Look at the form in each row"
                    " of the table.",
                    id="form-of-the-label",
                ),
            ),
            (
                "binary_crossentropy" in (given["loss_a"], given["loss_b"]),
                Hint(
                    "*Binary* is for a single question of yes or no. In which rows of the table is one of ten right?",
                    id="binary-for-ten-classes",
                ),
            ),
            (
                given["loss_c"].endswith("categorical_crossentropy"),
                Hint(
                    "One network has a single output, a probability. Nothing is one-hot there. Which loss asks for"
                    " that?",
                    id="categorical-for-one-output",
                ),
            ),
            (
                given["loss_d"].endswith("crossentropy"),
                Hint("A price is no probability. Which of the losses measures a distance?", id="entropy-for-a-price"),
            ),
            (
                "mean_squared_error" in (given["loss_a"], given["loss_b"], given["loss_c"]),
                Hint(
                    "Squared error is for amounts. In which rows of the table is the label a class?", id="squared-error"
                ),
            ),
            (
                not given["from_logits_e"],
                Hint(
                    "Logits are scores before the softmax. What does a layer without an activation give?",
                    id="logits-denied",
                ),
            ),
        ]
        which = _("Each loss is used once. Ask about each network: what comes out of it, and what is its label?")
        expect_group(given, {**_LOSSES, "from_logits_e": True}, hint=which, mistakes=mistakes)


def _loss_name(submission: Submission, variable: str) -> str:
    """A loss as Keras writes it, whichever of its names for it the learner took."""
    text = submission.text(variable).strip()[:200]
    plain = text.removeprefix("tf.").removeprefix("keras.").removeprefix("losses.").removesuffix("()")
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|[\s-]+", "_", plain).lower()
    name = {"mse": "mean_squared_error", "bce": "binary_crossentropy"}.get(words, words)
    if name not in _NAMES:
        raise fail(
            _("`{variable}` is {found!r}, which is not one of the four names.", variable=variable, found=text[:60]),
            hint=Hint("Copy one of the four names from the task, with its underscores.", id="no-such-loss"),
        )
    return name


class TestModel:
    def test_takes_an_image(self, submission: Submission) -> None:
        """It takes the 784 values of an image"""
        _takes_an_image(submission.model("model"))

    def test_is_one_layer(self, submission: Submission) -> None:
        """It is one dense layer with ten outputs"""
        model = submission.model("model")
        not_flat = Hint(
            "The image was never flattened, so the dense layer worked only on its last axis. Flatten it first.",
            id="not-flat",
        )
        expect(model.output_shape, "the output shape of `model`").to_be(
            (None, 10),
            because="there are ten digits",
            mistakes={
                (None, 3): Hint("Three classes are those of the clothes. Count the digits.", id="three-outputs"),
                (None, 1): Hint("One unit cannot say which of ten. Use one for each class.", id="one-output"),
                (None, 9): Hint("The digits begin with 0. Count them again.", id="nine-outputs"),
                (None, 784): Hint(
                    "784 is the number of inputs. Give the output layer one unit for each class.",
                    id="inputs-as-outputs",
                ),
                (None, 28, 10): not_flat,
                (None, 28, 28, 10): not_flat,
                None: Hint("It does not know its shapes yet. Begin with `keras.Input`.", id="no-input"),
            },
            hint="The dense layer needs as many units as there are digits.  Look at `model.summary()`.",
            stated=True,
        )
        weighted = [layer for layer in model.layers if layer.parameters and layer.class_name not in _NO_HIDDEN_LAYERS]
        if len(model.dense_layers) != 1 or len(weighted) > 1:
            others = ", ".join(layer.class_name for layer in weighted[:-1]) or _("none")
            raise fail(
                plural(
                    "`model` has {n} dense layer, and before the last one with weights: {others}.",
                    "`model` has {n} dense layers, and before the last one with weights: {others}.",
                    len(model.dense_layers),
                    others=others,
                ),
                hint=Hint("This task wants the output layer alone. Remove the hidden layers.", id="a-hidden-layer"),
            )
        before = model.layers[: model.layers.index(model.dense_layers[0])]
        if any(layer.class_name == "Softmax" or layer.activation == "softmax" for layer in before):
            raise fail(
                "`model` has a softmax in front of its dense layer.",
                hint=Hint(
                    "There it changes the pixels. Move it after the dense layer, so that it gets the scores.",
                    id="softmax-of-pixels",
                ),
            )
        dense = model.dense_layers[0]
        inputs = dense.parameters // 10 - bool(dense.config.get("use_bias", True))
        if inputs != 784:
            raise fail(
                plural(
                    "The dense layer of `model` sees {n} value, but an image has 784.",
                    "The dense layer of `model` sees {n} values, but an image has 784.",
                    inputs,
                ),
                hint=Hint("A layer before it makes fewer or more values of the image. Remove it.", id="not-all-pixels"),
            )

    def test_loss_fits_the_output(self, submission: Submission) -> None:
        """Output layer and loss belong together"""
        model = compiled_model(submission, "model")
        loss_fits_labels(model, 10, sparse_too=True)
        ends_in_probabilities(model, 10)
        loss_fits_output(model, 10)

    def test_reports_accuracy(self, submission: Submission) -> None:
        """It has an optimizer that can learn, and reports accuracy"""
        model = compiled_model(submission, "model")
        reports_accuracy(model)
        rate_is_sensible(model)


# They have weights, but make nothing new of the pixels.
_NO_HIDDEN_LAYERS = ("Normalization", "BatchNormalization", "LayerNormalization", "RMSNormalization")


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
                hint=Hint("`fit` returns the history. Give it the name from the task.", id="history-not-kept"),
            ) from None
        except Mismatch as error:
            raise _labels_that_do_not_fit(submission, error) from None
        if history.epochs < 2:
            raise fail(
                _("`history` has {epochs} epoch, but two or more are needed.", epochs=history.epochs),
                hint=Hint(
                    "An epoch is one pass over the training images. Look at the argument `epochs` of `fit`.",
                    id="one-epoch",
                ),
            )
        _has_learned(submission)

    def test_saw_scaled_pixels(self, submission: Submission) -> None:
        """It was trained on scaled pixels, of the training images"""
        model, losses = submission.model("model"), submission.history("history").history.get("loss") or []
        first = losses[0] if losses else None
        if not isinstance(first, (int, float)) or not 0 < first < 1e9:
            raise fail(
                "`history` has no training loss that is a positive number.",
                hint=Hint(
                    "If the loss is nan, the training diverged. Scale the pixels, and look at the learning rate.",
                    id="ran-away",
                ),
            )
        rate_is_sensible(model)  # an absurd rate has all the signs of unscaled pixels
        _has_learned(submission)
        if (says := _prepared_otherwise(submission)) is not None:
            raise says
        _test_images_took_no_part(submission)

    def test_is_good_enough(self, submission: Submission) -> None:
        """It gets at least 85 % of unseen digits right"""
        _has_learned(submission)
        accuracy = submission.accuracy("model", "mnist")
        if accuracy.value >= NEEDED:
            return
        model = submission.model("model")
        hints: list[str] = [_POORLY_TRAINED]
        try:
            rate_is_sensible(model)
        except Mismatch as error:
            hints = [*error.hints]
        if (says := _prepared_otherwise(submission)) is not None:
            hints = [*says.hints, *hints]
        elif hints == [_POORLY_TRAINED] and accuracy.value > 0.3:
            hints.insert(0, Hint("It has begun to learn. Give it more epochs, and look again.", id="too-few-epochs"))
        expect(accuracy, "the accuracy of `model`").to_reach(NEEDED, zero_at=NOTHING_BELOW, hint=hints)


_POORLY_TRAINED = Hint(
    "It was trained, but hardly learned. Do images and labels belong together, in the same order?", id="hardly-learned"
)


def _has_learned(submission: Submission) -> None:
    accuracy = expect(submission.accuracy("model", "mnist"))
    accuracy.to_have_learned(submission.model("model"), guessing=0.1, at_least=LEARNED, hint=_POORLY_TRAINED)


# The logarithm of the loss on the exercise's 2,000 test images, less that on the training images and on images that
# nobody has seen. The 2,000 happen to be hard: honest networks have at least 0.15 and 0.12 (four optimizers, 2 to 12
# epochs). Trained on the 2,000 alone, they have at most 0.03 and 0.02 after 4 epochs.
_TOO_GOOD_FOR_TRAINING = 0.0
_TOO_GOOD_FOR_UNSEEN = 0.03


# All 14,000 images, or what is left of them after a tenth is held back for validation.
_JOINED = (14_000, 12_600)


def _test_images_took_no_part(submission: Submission) -> None:
    """Look for the traces that training on the test images leaves in a network, or in its history."""
    count = images_of_an_epoch(submission.history("history"), 14_000)
    if count in _JOINED:
        raise fail(
            _("In each epoch `model` saw {count:,} of the images, but only 12,000 are for training.", count=count),
            hint=Hint(
                "Were the test images among them? Give `fit` the training images and their labels.",
                id="trained-on-test-images",
            ),
        )
    model, unseen = submission.model("model"), submission.images("mnist")
    new = slice(TEST_IMAGES, None) if len(unseen.labels) == 10 * TEST_IMAGES // 2 else slice(None)
    sets = (_test_set(), _training_set(), (unseen.pixels[new], unseen.labels[new]))
    test, train, other = (
        float(np.log(cross_entropies(model, submission.predictions("model", images, "mnist"), digits).mean() + 1e-4))
        for images, digits in sets
    )
    if test - train < _TOO_GOOD_FOR_TRAINING and test - other < _TOO_GOOD_FOR_UNSEEN:
        raise fail(
            "`model` fits the test images better than a network that has never seen them can.",
            hint=Hint(
                "Was it trained on the test images? Give `fit` the training images and their labels.",
                id="trained-on-test-images",
            ),
        )


_UNSCALED = Hint("It was trained on pixels from 0 to 255. What do you divide them by, and where?", id="not-scaled")
_CUT_OFF = Hint("It was trained on pixels without their fraction. Look for `//`, and for the dtype.", id="cut-off")
_STANDARDISED = Hint(
    "It was trained on pixels that were moved and stretched. Divide them, and nothing else.",
    id="standardised",
)
_SCALED_TWICE = Hint(
    "It was trained on pixels that are nearly 0. Were they divided twice? Run the cell again from the start.",
    id="scaled-twice",
)
_INVERTED = Hint(
    "It was trained on pictures with black and white swapped. Divide the pixels, and nothing else.", id="inverted"
)
_NORMALIZED = Hint(
    "It was trained on rows that were made equally long (`normalize`). Divide all pixels by the same number instead.",
    id="normalized-rows",
)
# What a pixel may have become, and what to say of a network that was trained on it. The first three are told by a
# network that does better on such pixels than on those of 0 to 1.
_PREPARED: tuple[tuple[str, Callable[[np.ndarray], np.ndarray]], ...] = (
    (_STANDARDISED, lambda x: (x - 33.3) / 78.6),
    (_STANDARDISED, lambda x: x / 127.5 - 1),
    (_INVERTED, lambda x: 1 - x / 255),
    (_CUT_OFF, lambda x: x // 255),
    (_SCALED_TWICE, lambda x: x / 255 / 255),
    (_NORMALIZED, lambda x: x / np.maximum(np.sqrt((x**2).sum(axis=(1, 2), keepdims=True)), 1e-9)),
)


def _prepared_otherwise(submission: Submission) -> Mismatch | None:
    """What to say if the network was trained on other pixels than those of 0 to 1, as far as that can be told."""
    model, losses = submission.model("model"), submission.history("history").history.get("loss") or []
    if model.layers_of("Rescaling", "Normalization", "TrueDivide", "Multiply", "BatchNormalization") or not losses:
        return None
    if model.output_shape != (None, 10) or not all(isinstance(v, (int, float)) and 0 < v < 1e9 for v in losses):
        return None
    images, digits = _training_set()
    shape = tuple(n or 1 for n in (model.input_shape or (None, 784))[1:])

    def measured(pixels: np.ndarray) -> tuple[float, float]:
        outputs = model.predict(pixels.reshape(len(pixels), *shape).astype(np.float32))
        if outputs.ndim != 2 or not np.isfinite(outputs).all():
            return float("inf"), 0.0
        loss = float(cross_entropies(model, outputs, digits).mean()) + 1e-9
        return loss, float(np.mean(outputs.argmax(axis=1) == digits))

    raw = images.astype(np.float64)
    loss, share = measured(raw / 255)
    first, last = losses[0], losses[-1]
    if first > 2 * np.log(10) and measured(raw)[0] < 2 * loss:
        says = _(
            "In the first epoch the loss was {first:.1f}; even a network that knows nothing has less.", first=first
        )
        return fail(says, hint=_UNSCALED)
    if abs(np.log(loss / last)) < 0.2:  # the history tells of such pixels
        return None
    for position, (hint, prepare) in enumerate(_PREPARED):
        loss_then, share_then = measured(prepare(raw))
        better = share_then > share + 0.02 and loss_then < 0.8 * loss
        as_told = abs(np.log(loss_then / last)) < (0.3 if position < 3 else 0.08)
        if as_told and (better or position >= 3):
            return fail("`model` was trained on other pixels than those of 0 to 1.", hint=hint)
    return None


class TestPredicted:
    def test_gives_probabilities(self, submission: Submission) -> None:
        """`probabilities` is what the network says about the test images"""
        found = submission.array("probabilities")
        expect(found, "`probabilities`").to_have_shape(
            (TEST_IMAGES, 10),
            because="there are 2,000 test images and ten digits",
            mistakes={
                (12000, 10): Hint(
                    "Those are the training images. Show the network `test_images`.", id="training-images"
                ),
                (TEST_IMAGES,): Hint(
                    "One number for each image is left. Keep all ten probabilities.", id="decided-already"
                ),
                (10, TEST_IMAGES): Hint("Rows and columns are swapped. Make one row for each image.", id="transposed"),
                (10000, 10): Hint(
                    "Those are all test images of MNIST. Take the ones in `test_images`.", id="all-test-images"
                ),
                (1, 10): Hint("That is a single image. Give `predict` the whole array.", id="one-image"),
            },
            hint="Give `predict` the scaled test images, in the shape that your model takes.",
            stated=True,
        )
        if found.dtype.kind != "f" and np.isin(found, (0, 1)).all():
            raise fail("`probabilities` holds only zeros and ones.", hint=_DECIDED)
        if not _finite(found):
            raise fail(
                "`probabilities` holds nan (not a number).",
                hint=Hint("Look at the scores: did the training diverge?", id="ran-away"),
            )
        if found.min() < -1e-6 or not np.allclose(found.sum(axis=1), 1, atol=1e-3):
            raise fail(
                "The rows of `probabilities` do not add up to 1.",
                hint=Hint("Those are raw scores (logits). Put them through your `softmax_rows`.", id="raw-scores")
                if found.min() < 0
                else Hint("Add up one row. Does your model end in softmax?", id="no-probabilities"),
            )
        if np.isin(found, (0, 1)).all():
            raise fail("`probabilities` holds only zeros and ones.", hint=_DECIDED)
        outputs = submission.predictions("model", _test_set()[0], "mnist")
        ours = probabilities(submission.model("model"), outputs)
        if ours.shape == found.shape and np.abs(ours - found).max() <= 0.01:
            return
        hints: list[str] = []
        if ours.shape == found.shape and np.abs(_softmax_of_rows(ours) - found).max() <= 0.01:
            hints.append(
                Hint("Softmax was applied twice. Your model ends in it already: remove yours.", id="softmax-twice")
            )
        raise fail(
            "`probabilities` does not agree with what `model` says about the scaled test images.",
            hint=[
                *hints,
                Hint(
                    "Are the test images scaled like the training images? Print their largest value.",
                    id="test-unscaled",
                ),
                "Was `model` trained again after `predict`? Run this cell once more.",
            ],
        )

    def test_picks_the_largest(self, submission: Submission) -> None:
        """`predicted` is the digit with the largest probability"""
        given, found = submission.array("probabilities"), submission.array("predicted")
        if given.shape != (TEST_IMAGES, 10):
            raise fail(
                "`predicted` comes from `probabilities`, which has another shape than the task asks for.",
                hint=Hint("Mend `probabilities` first.", id="mend-probabilities"),
            )
        expect(found, "`predicted`").to_have_shape(
            (TEST_IMAGES,),
            because="there is one digit for each image",
            mistakes={
                (10,): Hint(
                    "You looked along axis 0, over the images. Which axis runs over the digits?", id="along-the-images"
                ),
                (): Hint("Without an axis you get one place in the whole array. Give `argmax` an axis.", id="no-axis"),
                (TEST_IMAGES, 10): Hint(
                    "There are still ten numbers for each image. Which place holds the largest?", id="still-ten"
                ),
                (TEST_IMAGES, 1): Hint("A second axis of length 1 is left over. Remove it.", id="axis-left-over"),
            },
            hint="Look at `np.argmax`: what does its argument `axis` do?",
            stated=True,
        )
        right = given.argmax(axis=1)
        expect(found, "`predicted`").to_be_close_to(
            right,
            mistakes=[
                (
                    lambda v: _close(v, given.max(axis=1)),
                    Hint("Those are the largest probabilities themselves. *Where* do they stand?", id="max-for-argmax"),
                ),
                (right + 1, Hint("All are off by one. Which digit has the first column?", id="off-by-one")),
                (given.argmin(axis=1), Hint("You took the smallest probability. Turn it round.", id="smallest")),
                (_test_set()[1], Hint("Those are the true digits. Ask the network.", id="true-digits")),
                (lambda v: v.max() <= 1, Hint("That is 0 or 1 for every image. Which digits are they?", id="rounded")),
                (
                    (given > 0.5).argmax(axis=1),
                    Hint(
                        "Do you look for a probability above one half? The largest may be smaller. Take the largest.",
                        id="threshold-for-argmax",
                    ),
                ),
            ],
            hint="For each row of `probabilities`: in which column stands the largest value?",
        )

    def test_measures_the_accuracy(self, submission: Submission) -> None:
        """`test_accuracy` is the share of them that are right"""
        found, predicted = submission.number("test_accuracy"), submission.array("predicted")
        if predicted.shape != (TEST_IMAGES,):
            raise fail(
                "`test_accuracy` comes from `predicted`, which has another shape than the task asks for.",
                hint=Hint("Mend `predicted` first.", id="mend-predicted"),
            )
        share = float(np.mean(predicted == _test_set()[1]))
        expect(found, "`test_accuracy`").to_be_about(
            share,
            0.0006,  # a little more than one image
            mistakes=[
                (_near(share * 100, 0.5), Hint("That is in per cent. Divide it by 100.", id="per-cent")),
                (
                    _near(share * TEST_IMAGES, 10),
                    Hint("That is how many are right. Divide by the number of images.", id="number-right"),
                ),
                (_near(1 - share), Hint("That is the share of mistakes. What share is right?", id="share-of-mistakes")),
                (
                    lambda v: any(abs(v - round(share, digits)) < 1e-9 for digits in (1, 2)),
                    Hint("It is rounded too much. Leave the number as it is.", id="accuracy-rounded"),
                ),
                (
                    lambda v: any(abs(v - told) < 1e-9 for told in _accuracies_told(submission)),
                    Hint(
                        "That is from `history`, which knows nothing about the test images. Count on those.",
                        id="accuracy-from-history",
                    ),
                ),
                (
                    _near(0.0, 1e-9),
                    Hint("Is nothing at all right? Look at what you compare with.", id="compared-with-another"),
                ),
            ],
            hint="Compare `predicted` with `test_digits`. What is the mean of True and False?",
        )


_DECIDED = Hint("The decision is made already. Keep what `predict` returns.", id="one-hot-rows")


def _accuracies_told(submission: Submission) -> list[float]:
    try:
        history = submission.history("history").history
    except (Mismatch, NotAttempted):
        return []
    return [v for name, values in history.items() if "acc" in name for v in values if isinstance(v, float)]


class TestConfusion:
    def test_counts_pairs(self, submission: Submission) -> None:
        """It counts, rows for true and columns for predicted classes"""
        (true, predicted), right, mistakes = told_apart(submission.rng("pairs"), _pairs, _counts_of_pairs)
        function = _function(submission, "confusion_matrix", _CONFUSION_ERRORS)
        with unless_it_ignores(function, "confusion_matrix", (true, predicted, 4), (predicted, true, 4)):
            expect(
                function(true, predicted, 4), f"`confusion_matrix({show(true)}, {show(predicted)}, 4)`"
            ).to_be_close_to(
                right,
                mistakes=[
                    *mistakes,
                    (
                        lambda v: v.shape == (),
                        Hint("One number cannot say which class was taken for which. Count pairs.", id="one-number"),
                    ),
                    (
                        lambda v: v.shape == (10, 10),
                        Hint(
                            "Here there are not ten classes. How many rows and columns does `classes` ask for?",
                            id="ten-classes-always",
                        ),
                    ),
                    (
                        lambda v: v.shape == (3, 3),
                        Hint(
                            "Here there are not three classes. How many rows and columns does `classes` ask for?",
                            id="three-classes-always",
                        ),
                    ),
                ],
                given=(true, predicted),
                hint=[
                    "Begin with a table of zeros. Which cell does one image belong to?",
                    "Go through `true` and `predicted` together: look at `zip`.",
                ],
            )

    def test_has_room_for_every_class(self, submission: Submission) -> None:
        """A class that does not occur has a row and a column all the same"""
        rng = submission.rng("room")
        while True:
            true, predicted = rng.permutation([0, 1, 1, 3, 3]), rng.choice([0, 1, 3], 5)
            right = _confusion(true, predicted, 6)
            if predicted.max() == 3 and not np.array_equal(right, right.T):
                break
        explain = {
            **_CONFUSION_ERRORS,
            "out of bounds": Hint("A class has no row. How many rows does `classes` ask for?", id="classes-ignored"),
        }
        expect(
            _function(submission, "confusion_matrix", explain)(true, predicted, 6),
            f"`confusion_matrix({show(true)}, {show(predicted)}, 6)`",
        ).to_have_shape(
            (6, 6),
            because="`classes` is 6",
            mistakes={
                (4, 4): Hint(
                    "You counted the classes as largest label + 1. The last ones may be absent: use `classes`.",
                    id="classes-as-largest",
                ),
                (3, 3): Hint(
                    "You counted the classes that occur. A class may be absent from these images: use `classes`.",
                    id="classes-that-occur",
                ),
            },
            hint="Look at `classes`: it says how many rows and columns there are.",
            stated=True,
        ).to_be_close_to(
            right,
            mistakes=[(right.T, _TRANSPOSED)],
            hint="Which row has class 3, whether or not class 2 occurs?",
        )


_TRANSPOSED = Hint("It is transposed. Put the *true* classes in the rows.", id="transposed")
_CONFUSION_ERRORS = {
    "out of bounds": Hint("Rows and columns count from 0. Where is the last class?", id="counted-from-one"),
    "truth value": Hint(
        "`and` needs one yes or no on each side, and a comparison of arrays gives many. Look at `&`, with brackets"
        " around both sides.",
        id="and-between-arrays",
    ),
    "sklearn": Hint("That package is not here. Count the pairs yourself, in a loop.", id="sklearn"),
    "positional argument": Hint("The function takes three arguments. Look at the task: which?", id="three-arguments"),
}


def _pairs(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Twelve images of four classes: true and predicted class numbers, about half of them the same."""
    true = np.append(rng.integers(0, 4, 8), [0, 1, 2, 3])
    predicted = np.where(rng.uniform(size=12) < 0.5, true, rng.integers(0, 4, 12))
    order = rng.permutation(12)
    return true[order], np.asarray(predicted[order])


def _counts_of_pairs(true: np.ndarray, predicted: np.ndarray) -> Answers:
    right = _confusion(true, predicted, 4)
    diagonal = np.diag(np.diag(right))
    with np.errstate(divide="ignore", invalid="ignore"):
        of_column = np.nan_to_num(right / right.sum(axis=0))
    return right, [
        (right.T, _TRANSPOSED),
        (
            np.minimum(right, 1),
            Hint(
                "No cell is above 1. An index with arrays adds only once for a pair that occurs often: count in a"
                " loop.",
                id="pairs-counted-once",
            ),
        ),
        (
            right / right.sum(axis=1, keepdims=True),
            Hint("Those are shares of a row. Leave the division out: count.", id="shares-of-rows"),
        ),
        (right / right.sum(), Hint("Those are shares of all images. Leave the division out.", id="shares-of-all")),
        (of_column, Hint("Those are shares of a column. Leave the division out: count.", id="shares-of-columns")),
        (diagonal, Hint("Only right answers are counted. Count the mistakes, too.", id="only-right-answers")),
        (right - diagonal, Hint("Only mistakes are counted. Count the right answers, too.", id="only-mistakes")),
        (np.diag(right), Hint("That is the diagonal alone. Return the whole matrix.", id="diagonal-alone")),
        (
            np.zeros((4, 4)),
            Hint("Nothing was counted. Go through `true` and `predicted` together: look at `zip`.", id="nothing"),
        ),
        (right[::-1, ::-1], Hint("The classes run backwards. Put class 0 first.", id="backwards")),
        (np.roll(right, (1, 1), (0, 1)), Hint("All is off by one. Where is class 0?", id="off-by-one")),
    ]


# The task's table: rows are the true classes t-shirt, shoe, dress; columns the predicted ones.
_TABLE = np.array([[38, 2, 10], [1, 44, 5], [13, 4, 33]])


class TestSensitivity:
    def test_counts_the_dresses(self, submission: Submission) -> None:
        """Dresses that were recognised, and dresses that were missed"""
        whole_diagonal = Hint("That is the whole diagonal. Take the dresses called dresses alone.", id="whole-diagonal")
        expect(submission.number("true_positives"), "`true_positives`").to_be(
            33,
            mistakes={
                115: whole_diagonal,
                50: Hint("That is how many dresses there are. How many were called dresses?", id="all-dresses"),
                48: Hint(
                    "That is how many were called dresses. How many of them are dresses?", id="all-called-dresses"
                ),
                38: Hint("That is the number for t-shirts. Find the dresses.", id="t-shirts-counted"),
                44: Hint("That is the number for shoes. Find the dresses.", id="shoes-counted"),
                0.66: Hint("That is the sensitivity. First, write the count.", id="share-for-count"),
            },
            hint="Find the cell in which a dress was called a dress.",
        )
        one_class = Hint("Dresses were taken for two other classes. Add up both.", id="one-other-class")
        expect(submission.number("false_negatives"), "`false_negatives`").to_be(
            17,
            mistakes={
                15: Hint(
                    "Those are other things that were called dresses. A false *negative* is a dress: look again.",
                    id="positives-and-negatives-swapped",
                ),
                13: one_class,
                4: one_class,
                50: Hint("That is the whole row. Leave out the dresses that were recognised.", id="whole-row"),
            },
            hint="They are dresses, so look along the row of the dresses.",
        )

    def test_counts_the_others(self, submission: Submission) -> None:
        """What was taken for a dress, and what was not"""
        one_class = Hint("Two other classes were taken for dresses. Add up both.", id="one-other-class")
        expect(submission.number("false_positives"), "`false_positives`").to_be(
            15,
            mistakes={
                17: Hint(
                    "Those are dresses that were missed. A false *positive* was called a dress: look again.",
                    id="positives-and-negatives-swapped",
                ),
                10: one_class,
                5: one_class,
                48: Hint("That is the whole column. Leave out the dresses in it.", id="whole-column"),
            },
            hint="They were called dresses, so look down the column of the dresses.",
        )
        expect(submission.number("true_negatives"), "`true_negatives`").to_be(
            85,
            mistakes={
                82: Hint(
                    "A t-shirt that was called a shoe is no dress, and nobody said so. Count it, too.",
                    id="only-the-diagonal",
                ),
                100: Hint("Some of these were called dresses. Take them off.", id="false-positives-counted"),
                102: Hint("Some of these are dresses that were missed. Take them off.", id="false-negatives-counted"),
                115: Hint("That is the whole diagonal. Leave out the dresses.", id="whole-diagonal"),
                117: Hint("That is all but the dresses that were recognised. Leave out more.", id="all-but-one-cell"),
            },
            hint="Cross out the row and the column of the dresses. What is left?",
        )

    def test_is_the_share_recognised(self, submission: Submission) -> None:
        """Sensitivity is the share of a class that is recognised"""
        rng = submission.rng("sensitivity")
        function = _function(submission, "sensitivity")
        for k in (2, 3):
            (matrix,), right, mistakes = told_apart(rng, _some_matrix, lambda m, k=k: _shares_of(m, k))
            others = matrix.copy()
            others[k, k] += 40
            with unless_it_ignores(function, "sensitivity", (matrix, k), (others, k)):
                found = _one_number(function(matrix, k))
                expect(found, f"`sensitivity({show(matrix.tolist())}, {k})`").to_be_close_to(
                    np.array(right),
                    tolerance=1e-4,
                    mistakes=mistakes,
                    given=(matrix,),
                    hint="How many images really are of this class? How many of them were recognised?",
                )

    def test_finds_the_hardest_digit(self, submission: Submission) -> None:
        """The digit that the network misses most often, with its sensitivity"""
        digit, found = submission.number("hardest_digit"), submission.number("hardest_sensitivity")
        predicted = submission.array("predicted")
        if predicted.shape != (TEST_IMAGES,):
            raise fail(
                "`hardest_digit` comes from `predicted`, which has another shape than task 8 asks for.",
                hint=Hint("Mend `predicted` first.", id="mend-predicted"),
            )
        true = _test_set()[1]
        # What was predicted may be anything; only digits can be counted.
        known = np.isin(predicted, np.arange(10))
        matrix = _confusion(true[known], predicted[known].astype(int), 10)
        share = matrix.diagonal() / np.bincount(true, minlength=10)
        precision = matrix.diagonal() / np.maximum(matrix.sum(axis=0), 1)
        smallest_count = int(matrix.diagonal().argmin())
        easiest = Hint("That digit is recognised best. Which one least?", id="easiest-digit")
        lowest_precision = Hint("That digit has the lowest precision. Look along the row instead.", id="precision")
        count_for_share = Hint(
            "That has the smallest count, but there are fewer of it. Compare the shares.", id="count-for-share"
        )
        own = _("Compute the sensitivity of each digit from your own confusion matrix. Which is the smallest?")
        # Ten digits are soon tried one by one. So the digit counts with a number that only its row of the matrix gives.
        least = float(share.min())
        expect(found, "`hardest_sensitivity`").to_be_between(
            least - 6e-4,
            least + 6e-4,
            mistakes=[
                (
                    lambda v: v == digit and float(v).is_integer() and 1 <= v <= 9,
                    Hint("That is the digit once more. What does `sensitivity` give for it?", id="digit-for-share"),
                ),
                (
                    _near(100 * least, 0.06),
                    Hint(
                        "That is in per cent. `sensitivity` gives a share: leave it as it is.", id="share-in-per-cent"
                    ),
                ),
                (
                    _near(1 - least, 6e-4),
                    Hint("That is the share that was missed. Which share was recognised?", id="missed-for-recognised"),
                ),
                (_near(float(share.max()), 1e-4), easiest),
                (_near(float(precision.min()), 1e-4), lowest_precision),
                (_near(float(precision[share.argmin()]), 1e-4), lowest_precision),
                (_near(float(share[smallest_count]), 1e-4), count_for_share),
                (
                    lambda v: v in matrix.diagonal(),
                    Hint("That is a count. Divide it by all images of that digit.", id="count-for-sensitivity"),
                ),
                (
                    _near(float(share.mean()), 1e-4),
                    Hint("That is the mean over the digits. Which of them is the smallest?", id="mean-of-digits"),
                ),
                (
                    _near(float(matrix.diagonal().sum() / len(true)), 1e-4),
                    Hint("That is the accuracy over all digits. Take one row at a time.", id="accuracy-for-digit"),
                ),
                (
                    lambda v: bool((np.abs(share - v) < 1e-4).any()),
                    Hint(
                        "That is the sensitivity of another digit. Print all ten: which is smallest?", id="other-digit"
                    ),
                ),
            ],
            hint=own,
        )
        expect(digit, "`hardest_digit`").to_be_one_of(
            [int(k) for k in np.flatnonzero(share <= share.min() + 1e-9)],
            mistakes=[
                (int(share.argmax()), easiest),
                (int(precision.argmin()), lowest_precision),
                (smallest_count, count_for_share),
                (
                    _near(least, 6e-4),
                    Hint("That is the sensitivity itself. Which digit does it belong to?", id="share-for-digit"),
                ),
            ],
            hint=own,
        )


def _some_matrix(rng: np.random.Generator) -> tuple[np.ndarray]:
    """A confusion matrix (4, 4) of counts, with most of them on the diagonal."""
    return (rng.integers(1, 10, (4, 4)) + np.diag(rng.integers(15, 40, 4)),)


def _shares_of(matrix: np.ndarray, k: int) -> Answers:
    total, hit = int(matrix.sum()), int(matrix[k, k])
    row, column = int(matrix[k].sum()), int(matrix[:, k].sum())
    return hit / row, [
        (
            hit / column,
            Hint(
                "That is the precision: of what was *called* the class. Divide by the true ones: look at the row.",
                id="precision",
            ),
        ),
        (
            float(np.trace(matrix)) / total,
            Hint("That is the accuracy over all classes. Count the images of class `k` alone.", id="accuracy"),
        ),
        (hit / total, Hint("You divided by all images. Divide by the images of class `k`.", id="share-of-all")),
        (1 - hit / row, Hint("That is the share that was missed. Which share was recognised?", id="share-missed")),
        (100 * hit / row, Hint("That is in per cent. A share lies between 0 and 1: divide it.", id="per-cent")),
        (hit, Hint("That is the count. Divide by the number of images of the class.", id="count")),
        (
            (total - row - column + hit) / (total - row),
            Hint("That is the specificity, which is about the other classes. Look at the row.", id="specificity"),
        ),
        (
            2 * hit / (row + column),
            Hint("That mixes sensitivity and precision (the F1 score). Look at the row alone.", id="f1"),
        ),
        (
            hit / row / row,
            Hint("You divided twice. Divide the recognised ones by all of the class once.", id="divided-twice"),
        ),
        (hit / (row - hit), Hint("You divided by the missed ones. Divide by all of the class.", id="odds")),
        (
            hit / (row + column - hit),
            Hint("You divided by row and column together. Look at the row alone.", id="row-and-column"),
        ),
        (
            np.diag(matrix) / matrix.sum(axis=1),
            Hint("Those are the sensitivities of all classes. Return that of `k`.", id="all-classes"),
        ),
        (
            float(matrix[0, 0] / matrix[0].sum()),
            Hint("That is class 0, whatever `k` is. Where does `k` come in?", id="class-zero"),
        ),
        (
            float(matrix[k - 1, k - 1] / matrix[k - 1].sum()),
            Hint("That is the class before `k`. Where do rows begin to count?", id="class-before"),
        ),
        (0, Hint("Whole-number division cut the fraction off. Look for `//`.", id="fraction-cut-off")),
        (1, Hint("Every class is called fully recognised. Print the row: what do you divide?", id="one")),
    ]


_CHANGED = Hint(
    "`-=`, `/=` and `[...] =` change the array that was handed in. Make a new one: look at `copy`, or write"
    " `z = z - ...`.",
    id="arguments-changed",
)


def _function(submission: Submission, name: str, explain: Mapping[str, str] | None = None) -> Callable[..., np.ndarray]:
    """The learner's function, which returns an array here.

    If it stops with an error that a known misunderstanding makes, the hint says which: `explain` has words of
    the error and what to say.
    """
    function = submission.function(name)

    def ask(*args: Any) -> np.ndarray:
        for one in args:
            if isinstance(one, np.ndarray):
                one.setflags(write=False)
        try:
            return as_array(function(*args), _("what `{name}` returns", name=name))
        except Mismatch as error:
            for words, says in ({"read-only": _CHANGED} | dict(explain or {})).items():
                if words in error.message:
                    raise Mismatch(error.message, (says, *error.hints)) from None
            raise

    return ask


def _one_number(array: np.ndarray) -> np.ndarray:
    """An array of one value as that value; anything else as it is."""
    return array.reshape(()) if array.size == 1 else array


def _finite(value: np.ndarray) -> bool:
    return bool(value.dtype.kind in "iub" or (value.dtype.kind == "f" and np.isfinite(value).all()))


def _not_finite(value: np.ndarray) -> bool:
    """Floats, and one of them is nan or infinite."""
    return bool(value.dtype.kind == "f" and value.size and not np.isfinite(value).all())


def _never_finite(value: np.ndarray) -> bool:
    """Floats, and none of them is a number."""
    return bool(value.dtype.kind == "f" and value.size and not np.isfinite(value).any())


def _near(expected: float, within: float = 0.005) -> Callable[[Any], bool]:
    """Whether a number is about the one that a misunderstanding gives."""

    def matches(value: Any) -> bool:
        return isinstance(value, (int, float)) and -1e9 < value < 1e9 and abs(value - expected) <= within

    return matches


def _close(value: np.ndarray, expected: np.ndarray) -> bool:
    return value.shape == expected.shape and value.dtype.kind in "fiu" and np.allclose(value, expected, atol=1e-4)


def _softmax(z: np.ndarray) -> np.ndarray:
    powers = np.exp(z - z.max())
    return np.asarray(powers / powers.sum())


def _softmax_of_rows(rows: np.ndarray) -> np.ndarray:
    powers = np.exp(rows - rows.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _top_probability(temperature: float) -> float:
    """Largest probability for the scores of Task 3."""
    powers = np.exp((np.array([3.0, 1.5, 0.5, 0.0]) - 3.0) / temperature)
    return float(powers.max() / powers.sum())


def _confusion(true: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    matrix = np.zeros((classes, classes), dtype=int)
    np.add.at(matrix, (true, predicted), 1)
    return matrix


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


def _takes_an_image(model: ModelReport) -> None:
    if model.input_shape is None:
        raise fail(
            "`model` does not know its input yet, so it has no weights.",
            hint=Hint(
                "Begin with `keras.Input(...)`, and give it the shape of one image as your model receives it.",
                id="no-input",
            ),
        )
    if model.layers_of("Flatten", "Reshape", "Ravel") and model.input_shape[1:] in ((28, 28), (28, 28, 1)):
        return
    square = Hint("A dense layer works only on the last axis. Flatten the image first, or take rows.", id="not-flat")
    images = Hint(
        "The number of images is not part of the input shape. Give the shape of one image.", id="images-in-input-shape"
    )
    expect(model.input_shape, "the input shape of `model`").to_be(
        (None, 784),
        because="an image has 28 x 28 values",
        mistakes={
            (None, 28): Hint("28 is one row of pixels. Give the network all the rows.", id="28-values"),
            (None, 28, 28): square,
            (None, 28, 28, 1): square,
            (None, 12000): images,
            (None, 12000, 784): images,
            (None, 10): Hint("10 is the number of outputs. What goes in?", id="outputs-as-inputs"),
        },
        hint="The input shape is that of one image as your model receives it. Print the shape of a row.",
        stated=True,
    )


def _labels_that_do_not_fit(submission: Submission, error: Mismatch) -> Mismatch:
    """`fit` stopped: most often because labels and loss do not belong together."""
    stopped = submission.stopped_with()
    if "ValueError" not in stopped or not ("shape" in stopped or "rank" in stopped):
        return error
    if "compatible" in stopped or "784" in stopped:
        says = Hint("The images do not have the shape that `model` takes. Look at `reshape`.", id="images-not-rows")
    else:
        says = Hint(
            "Labels and loss do not belong together. One loss needs one-hot rows, the other class numbers. Which ones"
            " does `train_digits` hold?",
            id="labels-and-loss",
        )
    return Mismatch(error.message, (says, *error.hints))
