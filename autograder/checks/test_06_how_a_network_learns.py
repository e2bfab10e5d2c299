"""Checks of exercise 6, how a network learns. One class per graded cell, in the field's words."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, lru_cache, partial
from itertools import combinations
from typing import Any

import numpy as np

from autograder.data import load_mnist
from autograder.exercise.drawing import Answers, told_apart
from autograder.exercise.expect import NEVER_TRAINED, Hint, expect, fail, show, unless_it_ignores
from autograder.exercise.models import ModelReport
from autograder.exercise.networks import (
    compiled_model,
    ends_in_probabilities,
    loss_fits_labels,
    loss_fits_output,
    probabilities,
)
from autograder.exercise.outcome import Mismatch, accuracy_of
from autograder.exercise.submission import Submission, as_array
from autograder.language import _

DIGITS = 1000  # the exercise's own training images
FEW = 200  # of them, on which learning rates are tried
STEPS = 20  # that a learning rate is tried with; the task's text names them
SLOW, SLOW_AT_LEAST = 2.29, 2.2  # where a crawling rate ends; the text names them
GOOD = 0.2  # where a good rate ends at most
LARGEST_RATE = 100.0
NEEDED, NOTHING_BELOW = 0.75, 0.50  # share of unseen digits; measured over seeds in benchmarks/seeds.md
RATE = 0.5  # of the one step that Keras takes
CLOSE = 0.02  # share of the largest weight by which Keras's may differ: some devices round early

_CHANGED = Hint(
    "`-=` and `[...] =` change the array that was handed in. Make a new one: look at `copy`, or write `w = w - ...`.",
    id="arguments-changed",
)
_ERRORS: Mapping[str, str] = {
    "read-only": _CHANGED,
    "matmul": Hint(
        "Two tables do not fit. Print both shapes: which of the two has to be turned, and which comes first?",
        id="tables-do-not-fit",
    ),
    "not aligned": Hint(
        "Two tables do not fit. Print both shapes: which of the two has to be turned, and which comes first?",
        id="tables-do-not-fit",
    ),
    "broadcast": Hint(
        "The shapes of two arrays do not fit. Print both before the line that stops.", id="shapes-do-not-fit"
    ),
}


class TestCurve:
    def test_tries_each_value(self, submission: Submission) -> None:
        """One loss for each value of the weight"""
        args, right, mistakes = told_apart(submission.rng("curve"), _curve_data, _curve_answers)
        others = (args[0] + 0.5, *args[1:])
        ask = partial(_call, submission, "losses_of_weight")
        with unless_it_ignores(ask, "losses_of_weight", args, others):
            expect(ask(*args), _("what `{name}` returns", name="losses_of_weight")).to_be_close_to(
                right,
                tolerance=1e-4,
                mistakes=mistakes,
                given=args,
                hint=[
                    "For each value: copy `W`, put the value into one place, and ask `loss_of`.",
                    "There is one loss for each value. Print the shape of what you return.",
                ],
            )

    def test_is_rise_over_run(self, submission: Submission) -> None:
        """It is the slope of the line through both neighbours"""
        rng = submission.rng("slope")
        args, right, mistakes = told_apart(rng, _slope_data, _slope_answers)
        others = (args[0], args[1] ** 2 + 0.1, args[2])
        ask = partial(_call, submission, "slope_at")
        with unless_it_ignores(ask, "slope_at", args, others):
            expect(_one_number(ask(*args)), "`slope_at(values, losses, i)`").to_be_close_to(
                np.array(right),
                tolerance=1e-4,
                mistakes=mistakes,
                hint=[
                    "Which entries stand to the left and to the right of entry `i`? Do it on paper first.",
                    "How much does the loss rise from the one to the other, and how far is it between them?",
                ],
            )


def _problem(rng: np.random.Generator, inputs: int, classes: int, images: int) -> tuple[np.ndarray, ...]:
    """Weights (D, K), biases (K,), images (N, D) and one-hot labels (N, K), of which each class occurs; read-only."""
    labels = rng.permutation(np.concatenate([np.arange(classes), rng.integers(0, classes, images - classes)]))
    return _locked(
        rng.integers(-15, 16, (inputs, classes)) / 10,
        rng.integers(-10, 11, classes) / 10,
        rng.integers(1, 10, (images, inputs)) / 10,
        np.eye(classes)[labels],
    )


def _locked(*arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    for array in arrays:
        array.setflags(write=False)
    return arrays


def _curve_data(rng: np.random.Generator) -> tuple[Any, ...]:
    """Four values, a problem with four inputs and three classes, and a weight in it off the diagonal."""
    W, b, x, y = _problem(rng, 4, 3, 5)
    pixel = int(rng.integers(0, 3))
    (values,) = _locked(np.sort(rng.permutation(np.arange(-20, 21))[:4]) / 10)
    return values, W, b, x, y, pixel, (pixel + 1) % 3


def _curve_answers(
    values: np.ndarray, W: np.ndarray, b: np.ndarray, x: np.ndarray, y: np.ndarray, pixel: int, digit: int
) -> Answers:
    def losses(place: Any, base: np.ndarray, add: bool = False) -> np.ndarray:
        found = []
        for value in values:
            tried = base.copy()
            tried[place] = tried[place] + value if add else value
            found.append(_loss(tried, b, x, y))
        return np.array(found)

    right = losses((pixel, digit), W)
    return right, [
        (
            losses((pixel, digit), W, add=True),
            Hint("The value was added to the weight. Put it in place of the weight.", id="value-added"),
        ),
        (
            np.array([_loss(_with(W, (pixel, digit), W[pixel, digit] + total), b, x, y) for total in values.cumsum()]),
            Hint(
                "Each value was added to the one before. Start over with a copy of `W` for each.", id="values-added-up"
            ),
        ),
        (
            np.array([_loss(W * value, b, x, y) for value in values]),
            Hint("All weights were multiplied by the value. Put it in place of one.", id="weights-multiplied"),
        ),
        (
            losses((digit, pixel), W),
            Hint("Row and column are swapped. Which axis of `W` counts the inputs?", id="row-and-column-swapped"),
        ),
        (
            losses(pixel, W),
            Hint("All weights of the input were changed. Change only the one to the class.", id="whole-row"),
        ),
        (
            losses((slice(None), digit), W),
            Hint("All weights of the class were changed. Change only that of one input.", id="whole-column"),
        ),
        (
            losses((pixel, digit), np.zeros(W.shape)),
            Hint("All other weights are zero. Keep them as they are: start from a copy of `W`.", id="others-zero"),
        ),
        (right * len(x), Hint("That is the sum over the images. Take their mean.", id="sum-for-mean")),
        (
            right / y.shape[1],
            Hint("The mean is taken over the classes as well. Take it over the images alone.", id="mean-over-classes"),
        ),
        (-right, Hint("The sign is turned. A loss is above 0: look at the minus.", id="sign-of-loss")),
        (
            np.full(len(values), _loss(W, b, x, y)),
            Hint(
                "The loss is the same for each value. Is it asked with one weight changed, and no other?",
                id="weight-unchanged",
            ),
        ),
        (
            np.full(len(values), right[-1]),
            Hint("Each entry is the loss of the last value. Ask for the loss inside the loop.", id="last-for-all"),
        ),
        (right[0], Hint("That is the loss of the first value. Where does the loop return?", id="returned-too-soon")),
        (right[-1], Hint("That is the loss of the last value. Keep one for each value.", id="last-only")),
        (float(right.min()), Hint("That is the smallest loss. Return all of them.", id="smallest-loss")),
        (
            values[right.argmin()],
            Hint("That is the value with the smallest loss. Return the losses of all values.", id="value-for-loss"),
        ),
    ]


def _with(W: np.ndarray, place: Any, value: float) -> np.ndarray:
    """A copy with another value in one place."""
    changed = W.copy()
    changed[place] = value
    return changed


def _slope_data(rng: np.random.Generator) -> tuple[Any, ...]:
    """Seven values at equal distances, of both signs, their losses, and a position that is not in the middle."""
    distance = float(rng.choice([0.2, 0.3, 0.4, 0.6, 0.7]))
    values, losses = _locked(
        np.round((np.arange(7) - 2.5) * distance, 6), np.round(rng.permutation(np.arange(12, 60))[:7] / 10, 1)
    )
    return values, losses, int(rng.choice([1, 2, 4]))


def _slope_answers(values: np.ndarray, losses: np.ndarray, i: int) -> Answers:
    rise, run = float(losses[i + 1] - losses[i - 1]), float(values[i + 1] - values[i - 1])
    ahead, behind = float(losses[i + 1] - losses[i]), float(losses[i] - losses[i - 1])
    one_side = Hint("That is the slope to one side only. Take the neighbour on each side.", id="one-side")
    one_loss = Hint(
        "There is one loss in it, and not the difference of two. How much does it rise?", id="one-loss-alone"
    )
    one_value = Hint("You divide by one value. Divide by how far two of them are apart.", id="one-value-alone")
    undivided = Hint(
        "That is how much the loss changes to one side. Take both neighbours, and divide by their distance.",
        id="one-side-undivided",
    )
    brackets = Hint("Division comes before minus, and from the left. What belongs in brackets?", id="brackets-missing")
    cut_off = Hint("The fraction is cut off. Look for `//`, and for `int`.", id="fractions-cut-off")

    def another_neighbour(found: Any) -> bool:
        """Two losses and two values, of which at least one is not a neighbour's."""
        pairs = [(a, c) for a in range(len(values)) for c in range(len(values)) if a != c]
        rises = {float(losses[a] - losses[c]) for a, c in pairs}
        runs = {round(float(values[a] - values[c]), 6) for a, c in pairs}
        return any(abs(float(found) - up / over) <= 1e-6 * (1 + abs(up / over)) for up in rises for over in runs)

    return rise / run, [
        (-rise / run, Hint("The sign is turned. Subtract the left from the right, twice.", id="sign-turned")),
        (
            2 * rise / run,
            Hint("From one neighbour to the other it is two places. What do you divide by?", id="half-the-distance"),
        ),
        (rise, Hint("That is how much the loss rises. Divide it by something.", id="rise-alone")),
        (rise / 2, Hint("The loss is divided by 2. Divide by how far the *values* are apart.", id="divided-by-two")),
        (run / rise, Hint("It is upside down. Which of the two is divided by the other?", id="upside-down")),
        (run, Hint("That is how far the values are apart. Where do the losses come in?", id="run-alone")),
        (rise * run, Hint("You multiplied. How is a slope made from the two?", id="rise-times-run")),
        (ahead, undivided),
        (behind, undivided),
        (rise / 2 * (run / 2), brackets),
        (float(losses[i + 1] - losses[i - 1] / values[i + 1] - values[i - 1]), brackets),
        (2 * ahead / run, one_side),
        (2 * behind / run, one_side),
        (float(losses[i]), Hint("That is the loss itself. How does it change around here?", id="loss-for-slope")),
        (
            float(losses[i] / values[i]),
            Hint("That divides the loss by the value. Take differences of both.", id="no-differences"),
        ),
        (
            float((losses[-1] - losses[0]) / (values[-1] - values[0])),
            Hint("That is the line from end to end. Take the neighbours of entry `i`.", id="end-to-end"),
        ),
        (
            np.gradient(np.asarray(losses), np.asarray(values)),
            Hint("Those are the slopes at all values. Return the one that is asked for.", id="all-slopes"),
        ),
        (
            np.gradient(np.asarray(losses)),
            Hint("Those are differences at all places. Return one, and divide by the distance.", id="all-differences"),
        ),
        (rise // run, cut_off),
        (float(int(rise / run)), cut_off),
        (
            rise / run / run,
            Hint("You divide by the distance two times. Leave one out.", id="distance-twice"),
        ),
        (
            float(losses[i + 1] + losses[i - 1]) / run,
            Hint("You add the two losses. How much does the one lie above the other?", id="losses-added"),
        ),
        (
            rise / float(values[i + 1] + values[i - 1]),
            Hint("You add the two values. How far are they apart?", id="values-added"),
        ),
        (float(losses[i + 1]) / run, one_loss),
        (float(losses[i - 1]) / run, one_loss),
        (rise / float(values[i + 1]), one_value),
        (rise / float(values[i - 1]), one_value),
        (
            lambda found: np.ndim(found) == 0 and found != rise / run and another_neighbour(found),
            Hint("Not all four entries are those of the neighbours. Print the place of each.", id="another-neighbour"),
        ),
    ]


class TestGradient:
    def test_weights(self, submission: Submission) -> None:
        """The slopes for the weights"""
        args, right, mistakes = told_apart(submission.rng("weights"), _gradient_data, _weight_slopes)
        W, b, x, y = args
        ask = partial(_part, submission, "gradient", ("dW", "db"), (W.shape, b.shape), 0)
        with unless_it_ignores(ask, "gradient", args, (W, b, x, y[::-1].copy())):
            expect(ask(*args), "`dW`").to_be_close_to(
                right,
                tolerance=1e-4,
                mistakes=mistakes,
                given=args,
                hint=[
                    "First the error at the scores, one row for each image. Which two things is it made of?",
                    "Then each input times each error, added up over the images. Which product of tables does that?",
                    "Is it a mean over the images?",
                ],
            )

    def test_biases(self, submission: Submission) -> None:
        """The slopes for the biases"""
        args, right, mistakes = told_apart(submission.rng("biases"), _gradient_data, _bias_slopes)
        W, b, *_ = args
        ask = partial(_part, submission, "gradient", ("dW", "db"), (W.shape, b.shape), 1)
        expect(ask(*args), "`db`").to_be_close_to(
            right,
            tolerance=1e-4,
            mistakes=mistakes,
            hint="A bias is a weight whose input is always 1. What is left of the formula then?",
        )


def _gradient_data(rng: np.random.Generator) -> tuple[Any, ...]:
    return _problem(rng, 4, 3, 6)


_UPHILL = Hint(
    "The sign is turned. Which of the two is subtracted: what was answered, or what is right?", id="gradient-turned"
)
_SUMMED = Hint("That is the sum over the images. Take the mean: divide by how many there are.", id="gradient-summed")
_DIVIDED_TWICE = Hint("It is divided by the number of images twice. Leave one out.", id="divided-twice")
_BY_CLASSES = Hint("It is divided by the classes as well. Divide by the images alone.", id="divided-by-classes")
_MULTIPLIED = Hint(
    "It is multiplied by the number of images. A mean divides by it: turn that round.", id="multiplied-by-images"
)
_LABELS_ADDED = Hint("The labels are added to the probabilities. Take the one from the other.", id="labels-added")
_PROBABILITIES_MISSING = Hint(
    "The probabilities have no part in it. From what are the labels subtracted?", id="probabilities-missing"
)
_BIAS_SUBTRACTED = Hint("A bias is subtracted on the way forward. Add it to the scores.", id="bias-subtracted")
_LARGEST_SLOPE = Hint("That is the largest of the images' slopes. Take their mean.", id="largest-slope")
_LABELS_MISSING = Hint("The labels have no part in it. What is subtracted from the probabilities?", id="labels-missing")
_SCORES = Hint("The labels are taken from the scores. Take them from the probabilities.", id="labels-from-scores")
_DIVIDED_BY_ITSELF = Hint(
    "The mean is divided once more, by the length of the slopes. It is a mean already: leave that out.",
    id="divided-by-length-of-slopes",
)
_SQUARED = Hint("The errors are squared. Take them as they are: a slope has a sign.", id="errors-squared")
_BENT = Hint(
    "There is a factor p (1 - p) too many. With the cross-entropy it cancels out: leave it out.", id="factor-too-many"
)


def _weight_slopes(W: np.ndarray, b: np.ndarray, x: np.ndarray, y: np.ndarray) -> Answers:
    p, n = _softmax(x @ W + b), len(x)
    error = p - y
    right = x.T @ error / n
    return right, [
        (-right, _UPHILL),
        (right * n, _SUMMED),
        (right / n, _DIVIDED_TWICE),
        (right / y.shape[1], _BY_CLASSES),
        (right * n / y.size, _BY_CLASSES),
        (right * n * n, _MULTIPLIED),
        (right / x.shape[1], _DIVIDED_BY_ITSELF),
        (
            right * n / x.shape[1],
            Hint("It is divided by the number of inputs. Over what is the mean taken?", id="divided-by-inputs"),
        ),
        (x.T @ error**2 / n, _SQUARED),
        (x.T @ p / n, _LABELS_MISSING),
        (x.T @ (p + y) / n, _LABELS_ADDED),
        (x.T @ y / n, _PROBABILITIES_MISSING),
        (x.T @ (x @ W + b - y) / n, _SCORES),
        (x.T @ (_softmax(x @ W - b) - y) / n, _BIAS_SUBTRACTED),
        (x.T @ (error * p * (1 - p)) / n, _BENT),
        (
            np.outer(x.mean(axis=0), error.mean(axis=0)),
            Hint("Both means were taken first. Multiply image by image, and then take the mean.", id="means-first"),
        ),
        (
            x.T @ (_softmax(x @ W) - y) / n,
            Hint("The biases are left out of the scores. Add them.", id="biases-forgotten"),
        ),
        (np.zeros(W.shape), Hint("All slopes are zero. Print the error: what is it made of?", id="all-zero")),
    ]


def _bias_slopes(W: np.ndarray, b: np.ndarray, x: np.ndarray, y: np.ndarray) -> Answers:
    p, n = _softmax(x @ W + b), len(x)
    error = p - y
    right = error.mean(axis=0)
    return right, [
        (-right, _UPHILL),
        ((error**2).mean(axis=0), _SQUARED),
        (right * n, _SUMMED),
        (right / n, _DIVIDED_TWICE),
        (right / y.shape[1], _BY_CLASSES),
        (
            right * n / y.shape[1],
            Hint("It is divided by the number of classes. Over what is the mean taken?", id="classes-for-images"),
        ),
        (p.mean(axis=0), _LABELS_MISSING),
        ((p + y).mean(axis=0), _LABELS_ADDED),
        (y.mean(axis=0), _PROBABILITIES_MISSING),
        ((_softmax(x @ W - b) - y).mean(axis=0), _BIAS_SUBTRACTED),
        (error.max(axis=0), _LARGEST_SLOPE),
        ((x @ W + b - y).mean(axis=0), _SCORES),
        ((error * p * (1 - p)).mean(axis=0), _BENT),
        (np.zeros(b.shape), Hint("All slopes are zero. Print the error: what is it made of?", id="all-zero")),
        (
            (_softmax(x @ W) - y).mean(axis=0),
            Hint("The biases are left out of the scores. Add them.", id="biases-forgotten"),
        ),
        (
            (x.T @ error / n).mean(axis=0),
            Hint("The inputs have no part in a bias's slope. Take the error alone.", id="inputs-in-bias"),
        ),
        (
            (x.T @ error / n).sum(axis=0),
            Hint("The inputs have no part in a bias's slope. Take the error alone.", id="inputs-in-bias"),
        ),
        (b, Hint("Those are the biases themselves. Return their slopes.", id="biases-for-slopes")),
    ]


class TestStep:
    def test_goes_downhill(self, submission: Submission) -> None:
        """The weights take a step downhill"""
        args, right, mistakes = told_apart(submission.rng("step"), _step_data, partial(_steps, 0))
        self._expect(submission, args, 0, right, mistakes)

    def test_moves_biases(self, submission: Submission) -> None:
        """The biases take the same step"""
        args, right, mistakes = told_apart(submission.rng("step-of-biases"), _step_data, partial(_steps, 1))
        self._expect(submission, args, 1, right, mistakes)

    def _expect(
        self, submission: Submission, args: tuple[Any, ...], which: int, right: Any, mistakes: Sequence[tuple[Any, str]]
    ) -> None:
        W, b, dW, db, rate = args
        ask = partial(_part, submission, "step", ("W", "b"), (W.shape, b.shape), which)
        with unless_it_ignores(ask, "step", args, (W, b, -dW, -db, rate)):
            expect(ask(*args), _("the new `{name}`", name="Wb"[which])).to_be_close_to(
                right,
                mistakes=mistakes,
                given=args,
                hint=[
                    "The gradient says which way is up. Which way do you go, and how far?",
                    "Write the step for one weight on paper, with numbers.",
                ],
            )


def _step_data(rng: np.random.Generator) -> tuple[Any, ...]:
    W, b, _, _ = _problem(rng, 3, 2, 4)
    dW, db = _locked(*(rng.choice([-1, 1], s) * rng.integers(5, 30, s) / 10 for s in ((3, 2), 2)))
    return W, b, dW, db, float(rng.choice([0.2, 0.3, 0.4]))


def _steps(which: int, W: np.ndarray, b: np.ndarray, dW: np.ndarray, db: np.ndarray, rate: float) -> Answers:
    w, slope = ((W, dW), (b, db))[which]
    return w - rate * slope, [
        (w + rate * slope, Hint("That is a step uphill: the loss would grow. Turn the sign.", id="steps-uphill")),
        (w - slope, Hint("The whole gradient was taken off. Where does the rate come in?", id="rate-forgotten")),
        (w + slope, Hint("That is uphill, and without the rate. Look at the formula.", id="uphill-without-rate")),
        (
            w - slope / rate,
            Hint("You divided by the rate. A larger rate is a larger step: multiply.", id="divided-by-rate"),
        ),
        (
            w - rate / slope,
            Hint("You divided by the slope. A steeper slope is a larger step: multiply.", id="divided-by-slope"),
        ),
        (-rate * slope, Hint("That is the change alone. Add it to what was there.", id="change-alone")),
        (rate * slope, Hint("That is the change alone, turned round. Take it off what was there.", id="change-turned")),
        (
            slope - rate * w,
            Hint("Weights and slopes are swapped. Which of the two is changed?", id="weights-and-slopes-swapped"),
        ),
        (
            rate * (w - slope),
            Hint("The rate shrinks the weight as well. Multiply the slope alone.", id="rate-for-both"),
        ),
        (w - rate * w, Hint("That shrinks the weight by itself. Where is the slope?", id="slope-missing")),
        (w - rate, Hint("Every weight goes the same way. Multiply the rate by the slope.", id="rate-alone")),
        (
            w - rate * np.sign(slope),
            Hint("Only the sign of the slope is used. A steep slope asks for a larger step: keep it.", id="sign-only"),
        ),
        (
            w - rate * slope / len(slope),
            Hint("The slopes are divided by their length. They are means already: leave it out.", id="slopes-divided"),
        ),
        (w, Hint("Nothing has moved. Is the new array returned, or the old one?", id="not-moved")),
        (
            w * (1 - rate * slope),
            Hint("The weight is multiplied. Subtract the step from it.", id="multiplied-weight"),
        ),
    ]


# The text is the same on both sides of a rate that does: who is told "too large" often enough has found the number
# without a look at the losses. The id says which it was.
_LOOK_AT_CRAWLING = (
    "Print what `losses_with` gives for it. Does the loss fall each time, and does it end where the task wants it?"
)
_LOOK_AT_GOOD = "Draw what `losses_with` gives for it. Does the curve turn up anywhere, and how far down does it end?"
_DOES_NOT_CRAWL = Hint(_LOOK_AT_CRAWLING, id="does-not-crawl")
_STANDS_STILL = Hint(_LOOK_AT_CRAWLING, id="stands-still")
_RISES = Hint(_LOOK_AT_GOOD, id="good-rate-rises")
_SLOW = Hint(_LOOK_AT_GOOD, id="good-rate-slow")


class TestRates:
    def test_crawls(self, submission: Submission) -> None:
        """`crawling_rate` goes the right way, but crawls"""
        losses = self._losses(submission, "crawling_rate")
        too_far = _rises(losses) or losses[-1] < SLOW_AT_LEAST
        if too_far or losses[-1] > SLOW:
            raise fail(
                "With your `crawling_rate` the loss does not crawl as the task describes it.",
                hint=_DOES_NOT_CRAWL if too_far else _STANDS_STILL,
            )

    def test_works(self, submission: Submission) -> None:
        """`good_rate` makes the loss fall fast, and in every step"""
        losses = self._losses(submission, "good_rate")
        if _rises(losses) or losses[-1] > GOOD:
            raise fail(
                "With your `good_rate` the loss does not fall as the task describes it.",
                hint=_RISES if _rises(losses) else _SLOW,
            )

    def test_jumps(self, submission: Submission) -> None:
        """`jumping_rate` throws the loss far up"""
        losses = self._losses(submission, "jumping_rate")
        if losses.max() <= 3 * losses[0]:
            raise fail(
                "With your `jumping_rate` the loss never gets as high as the task asks for.",
                hint=Hint(
                    "What makes a step so long that it lands high up on the other side? Draw the losses.",
                    id="does-not-jump",
                ),
            )

    def _losses(self, submission: Submission, name: str) -> np.ndarray:
        rate = submission.number(name)
        if not rate > 0:  # nan is not, either
            raise fail(
                _("`{name}` is no rate to step with.", name=name),
                hint=Hint("With it a step goes uphill or nowhere. Give a number above none.", id="rate-not-positive"),
            )
        if rate > LARGEST_RATE:
            raise fail(
                _("`{name}` is larger than the task allows.", name=name),
                hint=Hint("Look at the largest rate that the task names, and stay below.", id="rate-huge"),
            )
        return np.array(_losses_with(float(rate)))


class TestCounted:
    def test_one_epoch(self, submission: Submission) -> None:
        """Steps in an epoch"""
        expect(submission.number("steps_in_an_epoch"), "`steps_in_an_epoch`").to_be(
            141,
            mistakes={
                140: Hint("What is left over is a batch, too. Count it.", id="last-batch-left-out"),
                140.625: Hint("There is no part of a step. What becomes of what is left over?", id="part-of-a-step"),
                188: Hint("The validation images take no steps. Take them off first.", id="validation-not-taken-off"),
                187.5: Hint("The validation images take no steps. Take them off first.", id="validation-not-taken-off"),
                187: Hint("The validation images take no steps. Take them off first.", id="validation-not-taken-off"),
                47: Hint("Those are the validation images. Count the others.", id="validation-for-training"),
                46: Hint("Those are the validation images. Count the others.", id="validation-for-training"),
                9000: Hint("That is a step for each image. How many share a step?", id="step-for-each-image"),
                12000: Hint("That is a step for each image. How many share a step?", id="step-for-each-image"),
                64: Hint("That is how many images share a step. How many steps is that?", id="batch-size-for-steps"),
                1: Hint("That would be so if all images were one batch. How large is a batch?", id="one-step"),
                564: Hint("That is more than one epoch. Count the steps of a single one.", id="all-epochs"),
            },
            hint="How many images are left to train on, and how many batches do they fill?",
        )

    def test_last_batch(self, submission: Submission) -> None:
        """Images in the last batch"""
        expect(submission.number("rows_in_last_batch"), "`rows_in_last_batch`").to_be(
            40,
            mistakes={
                64: Hint("The last batch is not full. How many images are left for it?", id="last-batch-full"),
                32: Hint("That would be so with all images. Take the validation images off first.", id="of-all-images"),
                24: Hint("So many are missing from a full batch. How many are there?", id="missing-for-there"),
                0: Hint("Do the full batches use up all the images? Multiply, and see.", id="nothing-left"),
                0.625: Hint("That is a share of a batch. How many images is it?", id="share-of-a-batch"),
                56: Hint("Those are left of the validation images. Take the others.", id="left-of-validation"),
            },
            hint="How many images do the full batches use, and how many are left?",
        )

    def test_whole_call(self, submission: Submission) -> None:
        """Steps of the whole call"""
        expect(submission.number("steps_in_all"), "`steps_in_all`").to_be(
            564,
            mistakes={
                141: Hint("That is one epoch. How many does the call train?", id="one-epoch"),
                560: Hint("What is left over is a batch in every epoch. Count it.", id="last-batches-left-out"),
                561: Hint("What is left over is a batch in every epoch. Count it.", id="last-batches-left-out"),
                562.5: Hint(
                    "There is no part of a step. Work out one epoch first, and round there.", id="rounded-at-the-end"
                ),
                563: Hint("Each epoch begins anew. Round in each, then multiply.", id="rounded-at-the-end"),
                752: Hint("The validation images take no steps. Take them off first.", id="validation-not-taken-off"),
                750: Hint("The validation images take no steps. Take them off first.", id="validation-not-taken-off"),
                4: Hint("Those are the epochs. Each has many steps: multiply.", id="epochs-for-steps"),
                256: Hint("That is the batch size times the epochs. How many *steps* has an epoch?", id="wrong-factor"),
                36000: Hint("That is a step for each image. How many share a step?", id="step-for-each-image"),
            },
            hint="How many steps has one epoch, and how many epochs are there?",
        )

    def test_epochs(self, submission: Submission) -> None:
        """Epochs after a second call, and after `initial_epoch`"""
        expect(submission.number("epochs_after_both"), "`epochs_after_both`").to_be(
            34,
            mistakes={
                17: Hint("A second call does not begin anew. What does it begin with?", id="fit-starts-anew"),
                18: Hint("The second call trains as long as the first. Add up.", id="second-call-short"),
            },
            hint="Does `fit` put the weights back? Read the end of the lesson, and add up.",
        )
        expect(submission.number("epochs_of_this_call"), "`epochs_of_this_call`").to_be(
            26,
            mistakes={
                40: Hint("The count does not begin at the first epoch. Where does it begin?", id="counts-from-start"),
                54: Hint("`epochs` says where the count *ends*, not how many are added. Subtract.", id="epochs-added"),
                14: Hint("Those are counted as done. How many are left?", id="done-for-left"),
                27: Hint("One too many. Count with small numbers on your fingers.", id="off-by-one"),
                25: Hint("One too few. Count with small numbers on your fingers.", id="off-by-one"),
            },
            hint="Where does the count begin, and where does it end? Try it with small numbers.",
        )


class TestEpoch:
    def test_steps_through_all_batches(self, submission: Submission) -> None:
        """It takes a step for each batch, each from where the last one ended"""
        self._expect(submission, "epoch", 0)

    def test_biases_too(self, submission: Submission) -> None:
        """The biases take the same steps"""
        self._expect(submission, "biases-of-an-epoch", 1)

    def _expect(self, submission: Submission, purpose: str, which: int) -> None:
        args, right, mistakes = told_apart(submission.rng(purpose), _epoch_data, partial(_epochs, which))
        W, b, x, y, rate, size, order = args
        ask = partial(_part, submission, "epoch", ("W", "b"), (W.shape, b.shape), which)
        with unless_it_ignores(ask, "epoch", args, (W, b, x, y, rate / 2, size, order)):
            expect(ask(*args), _("the new `{name}`", name="Wb"[which])).to_be_close_to(
                right,
                tolerance=1e-4,
                mistakes=mistakes,
                given=args,
                hint=[
                    "Are `gradient` and `step` right? Then print the rows of each batch: are they those of `order`?",
                    "Each step begins where the last one ended. Which names hold the weights in your loop?",
                ],
            )


_EPOCH_ROWS = 7


def _epoch_data(rng: np.random.Generator) -> tuple[Any, ...]:
    """Seven images in an order of their own, in batches of three: the last has one, unless they are evened out."""
    W, b, x, y = _problem(rng, 3, 2, _EPOCH_ROWS)
    (order,) = _locked(rng.permutation(_EPOCH_ROWS))
    return W, b, x, y, float(rng.choice([0.7, 0.9, 1.1])), 3, order


def _epochs(
    which: int, W: np.ndarray, b: np.ndarray, x: np.ndarray, y: np.ndarray, rate: float, size: int, order: np.ndarray
) -> Answers:
    batches = [order[i : i + size] for i in range(0, len(order), size)]

    def run(
        batches: Sequence[np.ndarray],
        labels: Sequence[np.ndarray] | None = None,
        start: tuple[np.ndarray, np.ndarray] = (W, b),
        divisor: int = 0,
    ) -> np.ndarray:
        w, c = start
        for rows, rows_of_labels in zip(batches, labels or batches, strict=True):
            error = _softmax(x[rows] @ w + c) - y[rows_of_labels]
            n = divisor or len(rows)
            w, c = w - rate * x[rows].T @ error / n, c - rate * error.sum(axis=0) / n
        return (w, c)[which]

    plain = [np.arange(len(x))[i : i + size] for i in range(0, len(x), size)]
    steps = [run([rows]) - (W, b)[which] for rows in batches]
    same_start = Hint(
        "Each batch begins from the first weights again. Begin where the last step ended.", id="same-start"
    )
    right = run(batches)
    return right, [
        (run(plain), Hint("The rows come as they stand in `x`. Where is `order` used?", id="order-ignored")),
        (
            run(batches, plain),
            Hint("The images are in the new order, the labels are not. Take the same rows of both.", id="labels-stay"),
        ),
        (
            run(plain, batches),
            Hint("The labels are in the new order, the images are not. Take the same rows of both.", id="labels-stay"),
        ),
        (
            run([order[i : i + size] for i in range(1, len(order), size)]),
            Hint("The first row of `order` is left out. Where does the first batch begin?", id="first-row-left-out"),
        ),
        (
            run(np.array_split(order, len(batches))),
            Hint(
                "The batches are evened out. Fill each one, and only the last may be smaller.", id="batches-evened-out"
            ),
        ),
        (
            run([order[i : i + size] for i in range(len(order))]),
            Hint("The batches overlap. By how much does the first row move on?", id="batches-overlap"),
        ),
        (run(batches[:-1]), Hint("The last, smaller batch is left out. Use it, too.", id="last-batch-dropped")),
        (run(batches[:1]), Hint("Only the first batch was used. Where does the loop return?", id="first-batch-only")),
        (run([order]), Hint("All rows made one step. Cut them into batches first.", id="one-step-for-all")),
        ((W, b)[which] + sum(steps), same_start),
        ((W, b)[which] + steps[-1], same_start),
        (
            (W, b)[which] + sum(steps) / len(steps),
            Hint("The steps were averaged. Take one after the other.", id="steps-averaged"),
        ),
        (run(batches, divisor=size), Hint("The last batch is smaller. Divide by its own rows.", id="wrong-divisor")),
        (run(batches, divisor=len(x)), Hint("Divide by the rows of the batch, not by all of them.", id="by-all-rows")),
        (run(batches, divisor=1), Hint("Within a batch the slopes were added up. Take their mean.", id="batch-summed")),
        (
            run(batches, start=(np.zeros(W.shape), np.zeros(b.shape))),
            Hint("It begins from zero. Begin with the weights that were handed in.", id="begins-at-zero"),
        ),
        (
            run([order[i : i + 1] for i in range(len(order))]),
            Hint("Each image made a step of its own. How many rows has a batch?", id="batches-of-one"),
        ),
        (
            run(batches[::-1]),
            Hint("The batches come from the end. Begin at the front of `order`.", id="batches-backwards"),
        ),
        ((W, b)[which], Hint("Nothing has moved. Do you keep what `step` returns?", id="not-moved")),
        (
            partial(_in_another_order, run, right, size),
            Hint(
                "The rows come in an order of your own. Take them in the order that was handed in.",
                id="order-of-ones-own",
            ),
        ),
    ]


def _in_another_order(
    run: Callable[[Sequence[np.ndarray]], np.ndarray], right: np.ndarray, size: int, found: Any
) -> bool:
    """Whether it is what an epoch makes of the rows in another order. How a batch is ordered makes no difference."""
    if np.shape(found) != right.shape or np.allclose(found, right, atol=1e-4):
        return False
    return any(
        np.allclose(found, run([np.array(batch) for batch in batches]), atol=1e-6)
        for batches in _cut_into(frozenset(range(_EPOCH_ROWS)), size)
    )


def _cut_into(rows: frozenset[int], size: int) -> Iterator[list[tuple[int, ...]]]:
    """All ways to cut rows into batches of this size, the last of which may be smaller."""
    if len(rows) <= size:
        yield [tuple(sorted(rows))]
        return
    for batch in combinations(sorted(rows), size):
        for others in _cut_into(rows - set(batch), size):
            yield [batch, *others]


class TestTrained:
    def test_reads_unseen_digits(self, submission: Submission) -> None:
        """It reads digits that it has not seen"""
        W, b = _trained(submission)
        images = submission.images("mnist")
        right = (images.pixels.reshape(len(images.labels), -1) / 255 @ W + b).argmax(axis=1) == images.labels
        share = float(right.mean())
        submission.measures[accuracy_of("W_trained")] = share
        if share >= NEEDED:
            return
        known = [
            (not W.any(), NEVER_TRAINED),
            (
                share < 0.2,
                Hint("That is what guessing gets. Do the labels belong to the images?", id="as-good-as-guessing"),
            ),
        ]
        raise Mismatch(
            _(
                "Your network gets {share:.1%} of {count} {where} right; the task asks for more.",
                share=share,
                count=len(right),
                where=images.where,
            ),
            (
                *(hint for so, hint in known if so),
                Hint("Print the loss after each epoch. Does it fall, crawl or jump?", id="trained-too-little"),
            ),
            min(max((share - NOTHING_BELOW) / (NEEDED - NOTHING_BELOW), 0.0), 1.0),
        )

    def test_keeps_losses(self, submission: Submission) -> None:
        """`epoch_losses` has the loss on all images after each epoch"""
        W, b = _trained(submission)
        losses = submission.array("epoch_losses")
        if losses.ndim != 1 or not len(losses):
            raise fail(
                _("`epoch_losses` should be a list of numbers, but its shape is {shape}.", shape=show(losses.shape)),
                hint=Hint("Begin with an empty list, and append one loss in each epoch.", id="no-list"),
            )
        if not W.any():
            raise fail("All weights of `W_trained` are zero.", hint=NEVER_TRAINED)
        x, y, digits = _digits()
        ends = _loss(W, b, x, y)
        if abs(float(losses[-1]) - ends) <= 0.01 * max(ends, 0.1):
            return
        known = [
            (
                abs(float(losses[0]) - ends) <= 1e-3,
                Hint(
                    "The last loss stands first. Add each at the end of the list: look at `append`.", id="losses-turned"
                ),
            ),
            (
                abs(float(losses[-1]) - ends * DIGITS) <= 0.01 * ends * DIGITS,
                Hint("That is a sum over the images. Take `loss_of`, which is a mean.", id="losses-summed"),
            ),
            (
                abs(float(losses[-1]) - float(((x @ W + b).argmax(axis=1) == digits).mean())) <= 1e-3,
                Hint("Those are accuracies. Ask `loss_of` for the losses.", id="accuracy-for-loss"),
            ),
            (
                len(losses) > 60,
                Hint("That looks like a loss for each step. Keep one for each epoch.", id="loss-of-each-step"),
            ),
        ]
        raise fail(
            _(
                "The last of `epoch_losses` is {found:.4g}, which is not the loss of your network on all of `x`.",
                found=float(losses[-1]),
            ),
            hint=[
                *(hint for so, hint in known if so),
                Hint(
                    "Ask for the loss *after* the epoch, with the new weights, on all of `x`.", id="not-the-last-loss"
                ),
            ],
        )


def _trained(submission: Submission) -> tuple[np.ndarray, np.ndarray]:
    """`W_trained` (784, 10) and `b_trained` (10,), all of them finite."""
    arrays = []
    for name, shape in (("W_trained", (784, 10)), ("b_trained", (10,))):
        expect(submission.array(name), f"`{name}`").to_have_shape(
            shape,
            because="`x` has 784 columns and there are ten classes",
            mistakes={
                (10, 784): Hint("Rows and columns are swapped. Which axis counts the inputs?", id="weights-turned")
            },
            hint="It is what `epoch` returns. Print its shape before and after.",
            stated=True,
        )
        array = submission.array(name).astype(float)
        if not np.isfinite(array).all():
            raise fail(
                _("Not every value in `{name}` is a number.", name=name),
                hint=Hint("The training ran away. Try a smaller learning rate.", id="ran-away"),
            )
        arrays.append(array)
    return arrays[0], arrays[1]


class TestMomentum:
    def test_velocity(self, submission: Submission) -> None:
        """The new `v` keeps part of the old one"""
        self._expect(submission, "velocity", 1, _velocities)

    def test_moves(self, submission: Submission) -> None:
        """`w` moves by the new `v`"""
        self._expect(submission, "moved", 0, _moves)

    def _expect(self, submission: Submission, purpose: str, which: int, answers: Any) -> None:
        args, right, mistakes = told_apart(submission.rng(purpose), _momentum_data, answers)
        w, v, g, rate, keep = args
        ask = partial(_part, submission, "momentum_step", ("w", "v"), (w.shape, v.shape), which)
        with unless_it_ignores(ask, "momentum_step", args, (w, v, -g, rate, keep)):
            expect(ask(*args), _("the new `{name}`", name="wv"[which])).to_be_close_to(
                right,
                mistakes=mistakes,
                given=args,
                hint=[
                    "Two lines, one for each formula, in that order. Which comes first?",
                    "Try it on paper with one weight and round numbers.",
                ],
            )


def _momentum_data(rng: np.random.Generator) -> tuple[Any, ...]:
    w, v, g = _locked(*(rng.choice([-1, 1], 4) * rng.integers(5, 40, 4) / 10 for _ in range(3)))
    return w, v, g, float(rng.choice([0.2, 0.3])), float(rng.choice([0.6, 0.8, 0.9]))


_OTHER_CONVENTION = Hint(
    "Some books leave the rate out of `v` and put it in later. Here it is part of `v`: look at the formula.",
    id="other-convention",
)
_VELOCITY_TURNED = Hint("Your `v` points the other way. Look at both signs in the formula.", id="velocity-turned")
_TURNED = Hint("The two arrays came in the other order. Return `w` first.", id="returned-in-other-order")


def _velocities(w: np.ndarray, v: np.ndarray, g: np.ndarray, rate: float, keep: float) -> Answers:
    right = keep * v - rate * g
    return right, [
        (keep * v + rate * g, Hint("That is pushed uphill. Look at the sign of the gradient.", id="steps-uphill")),
        (keep * v - g, Hint("The rate is missing. What does the gradient get multiplied by?", id="rate-forgotten")),
        (keep * v + g, _OTHER_CONVENTION),
        (keep * v + (1 - keep) * g, _OTHER_CONVENTION),
        (v - rate * g, Hint("All of the last step was kept. Which part of it stays?", id="all-kept")),
        (-rate * g, Hint("Nothing of the last step was kept. Where does `v` come in?", id="nothing-kept")),
        (
            keep * (v - rate * g),
            Hint("The new push is cut as well. Multiply only the old `v` by `keep`.", id="keep-for-both"),
        ),
        (
            keep * v - (1 - keep) * rate * g,
            Hint("That is a mean of both. The push counts in full here: look at the formula.", id="mean-of-both"),
        ),
        (
            rate * v - keep * g,
            Hint("`rate` and `keep` are swapped. Look at the order of the arguments.", id="rate-and-keep-swapped"),
        ),
        (
            (1 - keep) * v - rate * g,
            Hint("`keep` is the part that stays, not the part that goes. Look at the formula.", id="part-that-goes"),
        ),
        (keep * v, Hint("The gradient has no part in it. Add its push.", id="gradient-missing")),
        (
            keep / v - rate * g,
            Hint("You divided by the last step. The formula keeps a part of it: multiply.", id="divided-by-last-step"),
        ),
        (
            keep * v - rate / g,
            Hint("You divided by the gradient. A steeper slope is a larger push: multiply.", id="divided-by-slope"),
        ),
        (keep - rate * g, Hint("The last step is missing. What is `keep` multiplied by?", id="last-step-missing")),
        (
            rate * g,
            Hint("Nothing of the last step was kept, and the push goes uphill. Look at the formula.", id="push-alone"),
        ),
        (v, Hint("`v` is as it was. Keep the new one, and return it.", id="velocity-not-changed")),
        (w + right, _TURNED),
        (keep * (keep * v + rate * g) - rate * g, _VELOCITY_TURNED),  # and turned back in the line that returns it
    ]


def _moves(w: np.ndarray, v: np.ndarray, g: np.ndarray, rate: float, keep: float) -> Answers:
    new = keep * v - rate * g
    return w + new, [
        (w + v, Hint("`w` moved by the *old* `v`. Work out the new one first.", id="old-velocity")),
        (w - new, Hint("The sign is in `v` already. Add it.", id="sign-twice")),
        (w - (keep * v + rate * g), _VELOCITY_TURNED),
        (w - rate * g, Hint("That is a plain step. Where does `v` come in?", id="plain-step")),
        (w + rate * new, Hint("The rate is in `v` already. Leave it out here.", id="rate-twice")),
        (
            w + keep * new - rate * g,
            Hint("That looks a step ahead (Nesterov). Take the simple formula of the task.", id="nesterov-look-ahead"),
        ),
        (w + keep * v + rate * g, Hint("That is pushed uphill. Look at the sign of the gradient.", id="steps-uphill")),
        (w - rate * (keep * v + g), _OTHER_CONVENTION),
        (w + keep * v - g, Hint("The rate is missing. Which part is multiplied by it?", id="rate-forgotten")),
        (w + v - rate * g, Hint("All of the last step was kept. Which part of it stays?", id="all-kept")),
        (
            keep * w + new,
            Hint("The weight itself was cut. Only the last step is cut: look at the formula.", id="weight-cut"),
        ),
        (w, Hint("`w` is as it was. Add the new `v`.", id="not-moved")),
        (new, _TURNED),
    ]


class TestBackpropagation:
    def test_second_layer(self, submission: Submission) -> None:
        """The slopes of the second layer"""
        self._expect(submission, "second", 2, _second_weights, "`dW2`")
        self._expect(submission, "second biases", 3, _second_biases, "`db2`")

    def test_first_layer_weights(self, submission: Submission) -> None:
        """The slopes of the first layer's weights"""
        self._expect(submission, "first", 0, _first_weights, "`dW1`")

    def test_first_layer_biases(self, submission: Submission) -> None:
        """The slopes of the first layer's biases"""
        self._expect(submission, "first biases", 1, _first_biases, "`db1`")

    def _expect(self, submission: Submission, purpose: str, which: int, answers: Any, name: str) -> None:
        args, right, mistakes = told_apart(submission.rng(purpose), _two_layers, answers)
        W1, b1, W2, b2, x, y = args
        shapes = (W1.shape, b1.shape, W2.shape, b2.shape)
        ask = partial(_part, submission, "two_layer_gradient", ("dW1", "db1", "dW2", "db2"), shapes, which)
        with unless_it_ignores(ask, "two_layer_gradient", args, (W1, b1, W2, b2, x, y[::-1].copy())):
            expect(ask(*args), name).to_be_close_to(
                right,
                tolerance=1e-4,
                mistakes=mistakes,
                given=args,
                hint=[
                    "Follow the five steps of the lesson, and print a shape after each.",
                    "Try one weight: change it by 0.001, and see how the loss changes. Is that the slope you have?",
                ],
            )


def _two_layers(rng: np.random.Generator) -> tuple[Any, ...]:
    """Four inputs, three hidden units and two classes; each unit puts out zeros and other values."""
    while True:
        W1, b1, x, _ = _problem(rng, 4, 3, 6)
        W2, b2, _, y = _problem(rng, 3, 2, 6)
        above = (x @ W1 + b1 > 0.05).mean(axis=0)
        if ((above > 0.1) & (above < 0.9)).all() and (np.abs(x @ W1 + b1) > 0.02).all():
            return W1, b1, W2, b2, x, y


Layers = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _forward(W1: np.ndarray, b1: np.ndarray, W2: np.ndarray, b2: np.ndarray, x: np.ndarray, y: np.ndarray) -> Layers:
    """Before relu, behind it, the probabilities, and the error at the scores."""
    before = x @ W1 + b1
    hidden = np.maximum(before, 0)
    p = _softmax(hidden @ W2 + b2)
    return before, hidden, p, p - y


def _other_ways_forward(
    W1: np.ndarray, b1: np.ndarray, W2: np.ndarray, b2: np.ndarray, x: np.ndarray, y: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray, str]]:
    """Wrong hidden values and the errors at the scores that they lead to, one row for each image, and what to say."""
    _, hidden, p, error = _forward(W1, b1, W2, b2, x, y)
    halves = Hint("You keep what relu throws away. Which values does it let through?", id="wrong-half-of-relu")
    no_bias = Hint("A bias is left out on the way forward. Add one in each layer.", id="biases-forgotten")

    def ahead(hidden: np.ndarray, bias: np.ndarray) -> np.ndarray:
        return np.asarray(_softmax(hidden @ W2 + bias) - y)

    ways = [
        (np.minimum(x @ W1 + b1, 0), b2, halves),
        (np.maximum(x @ W1 - b1, 0), b2, _BIAS_SUBTRACTED),
        (hidden, -b2, _BIAS_SUBTRACTED),
        (np.maximum(x @ W1, 0), b2, no_bias),
        (hidden, np.zeros(b2.shape), no_bias),
        (np.maximum(x @ W1, 0), np.zeros(b2.shape), no_bias),
    ]
    cut_off = Hint("The error is cut off to whole numbers. Look for `//`, and for `int`.", id="error-cut-off")
    return [
        *((units, ahead(units, bias), says) for units, bias, says in ways),
        (hidden, p + y, _LABELS_ADDED),
        (hidden, y, _PROBABILITIES_MISSING),
        (hidden, np.floor(error / len(y)) * len(y), cut_off),
    ]


def _alike(right: np.ndarray, n: int) -> list[tuple[Any, str]]:
    """What goes wrong with every slope in the same way."""
    return [
        (-right, _UPHILL),
        (right * n, _SUMMED),
        (right / n, _DIVIDED_TWICE),
        (right * n * n, _MULTIPLIED),
        (right / len(right), _DIVIDED_BY_ITSELF),
        (
            right * n / len(right),
            Hint(
                "It is divided by the length of the slopes. Over what is the mean taken?",
                id="length-of-slopes-for-images",
            ),
        ),
    ]


_BEFORE_RELU = Hint("The values before relu were taken. What does the second layer get?", id="before-relu")


def _second_weights(*args: np.ndarray) -> Answers:
    before, hidden, p, error = _forward(*args)
    n = len(error)
    right = hidden.T @ error / n
    return right, [
        *_alike(right, n),
        (before.T @ error / n, _BEFORE_RELU),
        (hidden.T @ p / n, _LABELS_MISSING),
        (
            (hidden > 0).T @ error / n,
            Hint("Whether relu let it through is not enough. How much?", id="mask-for-hidden"),
        ),
        (hidden.T @ (error * p * (1 - p)) / n, _BENT),
        (
            before.T @ (_softmax(before @ args[2] + args[3]) - args[5]) / n,
            Hint("The hidden layer has no relu. Put it in on the way forward.", id="relu-forgotten"),
        ),
        *((units.T @ wrong / n, says) for units, wrong, says in _other_ways_forward(*args)),
    ]


def _second_biases(*args: np.ndarray) -> Answers:
    _, _, p, error = _forward(*args)
    right = error.mean(axis=0)
    return right, [
        *_alike(right, len(error)),
        (p.mean(axis=0), _LABELS_MISSING),
        (error.max(axis=0), _LARGEST_SLOPE),
        (error.max(axis=0) / len(error), _LARGEST_SLOPE),
        *((wrong.mean(axis=0), says) for _, wrong, says in _other_ways_forward(*args)),
    ]


_NO_MASK = Hint("Where relu gave a zero, nothing goes back. Which values are to become 0?", id="mask-forgotten")
_MASK_TURNED = Hint("The error went back where relu gave a zero. Turn that round.", id="mask-turned")
_RELU_OF_ERROR = Hint(
    "You cut the error where *it* is below 0. Look at where the hidden unit was 0.", id="relu-of-error"
)
_HIDDEN_FOR_MASK = Hint(
    "You multiplied by the hidden values. The slope of relu is 0 or 1: make that of them.", id="hidden-for-mask"
)


def _backwards(*args: np.ndarray) -> list[tuple[np.ndarray, str]]:
    """Wrong errors at the hidden units, one row for each image."""
    before, hidden, p, error = _forward(*args)
    W2, b1 = args[2], args[1]
    no_bias = Hint(
        "Where relu gave a zero is worked out without the bias. Look at what comes out of relu.",
        id="mask-without-bias",
    )
    arriving = error @ W2.T
    mask = before > 0
    return [
        (arriving, _NO_MASK),
        (arriving * ~mask, _MASK_TURNED),
        (np.maximum(arriving, 0), _RELU_OF_ERROR),
        (arriving * hidden, _HIDDEN_FOR_MASK),
        (p @ W2.T * mask, _LABELS_MISSING),
        (arriving * (before - b1 > 0), no_bias),
    ]


def _first_weights(*args: np.ndarray) -> Answers:
    before, _, _, error = _forward(*args)
    x, n = args[4], len(error)
    right = x.T @ (error @ args[2].T * (before > 0)) / n
    return right, [
        *_alike(right, n),
        *((x.T @ wrong / n, hint) for wrong, hint in _backwards(*args)),
    ]


def _first_biases(*args: np.ndarray) -> Answers:
    before, _, _, error = _forward(*args)
    right = (error @ args[2].T * (before > 0)).mean(axis=0)
    return right, [
        *_alike(right, len(error)),
        *((wrong.mean(axis=0), hint) for wrong, hint in _backwards(*args)),
        ((error @ args[2].T * (before > 0)).max(axis=0), _LARGEST_SLOPE),
        ((error @ args[2].T * (before > 0)).max(axis=0) / len(error), _LARGEST_SLOPE),
        (args[1], Hint("Those are the biases themselves. Return their slopes.", id="biases-for-slopes")),
    ]


class TestKerasStep:
    def test_own_step(self, submission: Submission) -> None:
        """Your own step from zero"""
        steps = _steps_from_zero()
        for name, part in (("my_W", 0), ("my_b", 1)):
            right = steps[1][part]
            expect(submission.array(name), f"`{name}`").to_have_shape(
                right.shape,
                because="it belongs to 784 values and ten classes",
                mistakes={
                    steps[1][1 - part].shape: Hint(
                        "Weights and biases have changed places. In which order does `step` take them?",
                        id="weights-and-biases-swapped",
                    )
                },
                hint="Print the shapes that go into `step` and those that come out.",
                stated=True,
            )
            another_rate = partial(_is_multiple, right / np.abs(right).max())
            expect(
                submission.array(name) / np.abs(right).max(), _("`{name}`, divided by its largest value,", name=name)
            ).to_be_close_to(
                right / np.abs(right).max(),
                tolerance=1e-3,
                mistakes=[
                    (wrong[part] / np.abs(right).max(), says)
                    for wrong, says in (
                        (steps[0], Hint("Nothing has moved. Keep what `step` returns.", id="not-moved")),
                        (steps[2], Hint("Those are two steps. Begin from zero, and take one.", id="two-steps")),
                        (
                            tuple(a / RATE for a in steps[1]),
                            Hint("That is a step with rate 1. Which rate does the task name?", id="another-rate"),
                        ),
                        (tuple(-a for a in steps[1]), Hint("That is uphill. Is `step` right?", id="steps-uphill")),
                    )
                ]
                + [
                    (
                        another_rate,
                        Hint(
                            "It goes the right way, at another rate. Which rate does the task name?", id="another-rate"
                        ),
                    )
                ],
                hint="Weights of zero, one gradient on all of `x`, one step. Print a weight from the middle.",
            )

    def test_model(self, submission: Submission) -> None:
        """`model` is one dense layer with a loss that fits"""
        model = compiled_model(submission, "model")
        expect(model.input_shape, "the input shape of `model`").to_be(
            (None, 784),
            because="an image is a row of 784 values",
            mistakes={
                lambda shape: shape is None or shape[0] is not None: Hint(
                    "It took its shape from the images it was trained on. Begin with `keras.Input`, and give it the"
                    " shape of one row.",
                    id="no-input",
                ),
                lambda shape: len(shape) != 2 or shape[1] != 784: Hint(
                    "Give `keras.Input` the shape of one row of `x`.", id="input-of-a-row"
                ),
            },
            hint="Print the shape of one row of `x`.",
            stated=True,
        )
        expect(tuple(layer.units for layer in model.dense_layers), "the number of units in each dense layer").to_be(
            (10,),
            because="one layer gives ten probabilities",
            mistakes={
                lambda units: len(units) > 1: Hint(
                    "There is one dense layer, with a unit for each class. Remove the others.", id="one-layer-only"
                )
            },
            hint="How many classes are there? Give the one layer a unit for each.",
            stated=True,
        )
        ends_in_probabilities(model, 10)
        loss_fits_output(model, 10)
        loss_fits_labels(model, 10, sparse_too=True)

    def test_same_step(self, submission: Submission) -> None:
        """Keras took the same single step"""
        model = compiled_model(submission, "model")
        if model.input_shape != (None, 784) or model.output_shape != (None, 10):
            raise fail(
                "`model` does not go from 784 values to ten.", hint=Hint("Mend its layers first.", id="mend-layers")
            )
        found = _weights_seen(model)
        right = _centred(*_steps_from_zero()[1])
        limit = float(np.abs(right).max())
        if np.abs(found - right).max() <= CLOSE * limit:
            return
        raise fail(
            "`model` does not have the weights that one step from zero gives.",
            hint=[
                *_why_another_step(model, found, limit),
                "Go through `compile` and `fit` argument by argument: what has each to be for one plain step?",
            ],
        )


def _is_multiple(right: np.ndarray, found: Any) -> bool:
    """Whether an array is `right` times a number above 0."""
    found = np.asarray(found)
    if found.shape != right.shape or found.dtype.kind not in "fiu":
        return False
    times = float((found * right).sum() / (right * right).sum())
    return times > 0 and times != 1 and bool(np.allclose(found, times * right, 1e-3, 1e-3 * times))


def _why_another_step(model: ModelReport, found: np.ndarray, limit: float) -> list[str]:
    """The first thing that explains another step, or nothing."""
    settings = model.compiled
    assert settings is not None

    def is_(W: np.ndarray, b: np.ndarray) -> bool:
        return bool(np.abs(found - _centred(W, b)).max() <= CLOSE * limit)

    _, one, two = _steps_from_zero()
    kinds = [
        (bool(np.abs(found).max() <= 0.005 * limit), NEVER_TRAINED),
        (
            is_(*two),
            Hint("It took the step twice: was the cell run again? Build it anew before `fit`.", id="two-steps"),
        ),
        (
            settings.optimizer != "sgd",
            Hint("That optimizer does more than a plain step. Which one takes nothing else?", id="plain-optimizer"),
        ),
        (
            is_(*(a * 0.01 / RATE for a in one))
            or (settings.learning_rate is not None and settings.learning_rate != RATE),
            Hint("The optimizer has another learning rate. Give it the one of the task.", id="another-rate"),
        ),
        (
            settings.iterations > 1,
            Hint(
                "It took several steps. How many rows are in a batch if you do not say so, and how many epochs?",
                id="several-steps",
            ),
        ),
        (
            model.untrained,
            Hint("It was not trained since it was compiled. Call `fit` once.", id="fit-missing"),
        ),
        (
            True,
            Hint("Does it begin at zero? Look at what the layer fills its weights with.", id="not-from-zero"),
        ),
    ]
    return [hint for so, hint in kinds if so][:1]


_SEEN = np.arange(201, 784, 7)  # pixels whose weights are looked at


def _weights_seen(model: ModelReport) -> np.ndarray:
    """Weights and biases of a model of one layer with softmax, by what it answers: (pixels + 1, 10), each row centred.

    An image with a single pixel of 1 has the scores of that pixel's weights and the biases; a black one has the biases.
    """
    images = np.zeros((len(_SEEN) + 1, 784), np.float32)
    images[np.arange(len(_SEEN)), _SEEN] = 1
    logarithms = np.log(np.clip(probabilities(model, model.predict(images)), 1e-30, None))
    return np.asarray(logarithms - logarithms.mean(axis=1, keepdims=True))


def _centred(W: np.ndarray, b: np.ndarray) -> np.ndarray:
    """What `_weights_seen` should see."""
    scores = np.vstack([W[_SEEN] + b, b])
    return np.asarray(scores - scores.mean(axis=1, keepdims=True))


# -- asking ------------------------------------------------------------------------------------------------------------


def _call(submission: Submission, name: str, *args: Any) -> np.ndarray:
    """What the learner's function returns, as an array; a known error says what made it."""
    return as_array(_ask(submission, name, *args), _("what `{name}` returns", name=name))


def _ask(submission: Submission, name: str, *args: Any) -> Any:
    try:
        return submission.function(name)(*args)
    except Mismatch as error:
        for words, says in _ERRORS.items():
            if words in error.message:
                raise Mismatch(error.message, (says, *error.hints)) from None
        raise


def _part(
    submission: Submission,
    name: str,
    names: Sequence[str],
    shapes: Sequence[tuple[int, ...]],
    which: int,
    *args: Any,
) -> np.ndarray:
    """One of the several arrays that the learner's function returns, of the shape that it must have."""
    found = _ask(submission, name, *args)
    if not isinstance(found, (tuple, list)) or len(found) != len(names):
        raise fail(
            _(
                "`{name}` should return {count} arrays: {names}.",
                name=name,
                count=len(names),
                names=", ".join(f"`{n}`" for n in names),
            ),
            hint=Hint("Return all of them in one line, with commas between them.", id="not-all-returned"),
        )
    arrays = [
        as_array(one, _("the `{part}` that `{name}` returns", part=n, name=name))
        for one, n in zip(found, names, strict=True)
    ]
    array, shape = arrays[which], shapes[which]
    says = _about_shapes([a.shape for a in arrays], shapes, which)
    expect(array, _("the `{part}` that `{name}` returns", part=names[which], name=name)).to_have_shape(
        shape,
        mistakes={array.shape: says} if says else {},
        hint=_("Each slope belongs to a weight. Print the shapes of both."),
    )
    return array


def _about_shapes(found: Sequence[tuple[int, ...]], wanted: Sequence[tuple[int, ...]], which: int) -> str:
    """What a wrong shape of one of several arrays comes from; '' if that is not known."""
    one, shape = found[which], wanted[which]
    if one != shape and sorted(found) == sorted(wanted):
        return Hint("They come in another order. Look at the task: which one is returned first?", id="other-order")
    if one != shape and one in wanted:
        return Hint(
            "It has the shape of something else that is returned. Which slope belongs to which weight?",
            id="slope-of-another",
        )
    if len(shape) == 1 and one == (1, *shape):
        return Hint("It has one more axis, of length 1. What does `keepdims` do?", id="axis-kept")
    if len(shape) == 2 and one == shape[::-1]:
        return Hint("Rows and columns are swapped. Which axis counts the inputs?", id="slopes-turned")
    if len(shape) == 2 and len(one) == 2:
        return Hint(
            "One of its axes still counts the images. Which product of two tables adds up over them?",
            id="images-not-added-up",
        )
    if not one:
        return Hint("One number for all of them: along which axis do you add up?", id="no-axis")
    if len(shape) == 1 and len(one) == 1:
        return Hint("There is one number for each image. Add up over the images instead.", id="wrong-axis")
    if len(shape) == 1 and len(one) == 2:
        return Hint("There is still a row for each image. Add up over the images.", id="not-added-up")
    return ""


def _one_number(array: np.ndarray) -> np.ndarray:
    """An array of one value as that value; anything else as it is."""
    return array.reshape(()) if array.size == 1 else array


# -- what is right -----------------------------------------------------------------------------------------------------


def _softmax(rows: np.ndarray) -> np.ndarray:
    powers = np.exp(rows - rows.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _loss(W: np.ndarray, b: np.ndarray, x: np.ndarray, y: np.ndarray) -> float:
    return float(-np.mean(np.sum(y * np.log(_softmax(x @ W + b) + 1e-9), axis=1)))


def _rises(losses: np.ndarray) -> bool:
    return bool((np.diff(losses) > 0).any())


@cache
def _digits() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The exercise's `x` (1000, 784) and `y` (1000, 10), and the class numbers (1000,)."""
    (images, digits), _ = load_mnist()
    return images[:DIGITS].reshape(DIGITS, -1) / 255, np.eye(10)[digits[:DIGITS]], digits[:DIGITS]


@lru_cache(maxsize=500)
def _losses_with(rate: float) -> tuple[float, ...]:
    """As the exercise's `losses_with`: the losses of twenty steps from zero."""
    x, y = (part[:FEW] for part in _digits()[:2])
    W, b = np.zeros((784, 10)), np.zeros(10)
    losses = []
    for _step in range(STEPS + 1):
        p = _softmax(x @ W + b)
        losses.append(float(-np.mean(np.sum(y * np.log(p + 1e-9), axis=1))))
        W, b = W - rate * (x.T @ (p - y)) / len(x), b - rate * (p - y).mean(axis=0)
    return tuple(losses)


@cache
def _steps_from_zero() -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Weights and biases before and after each of two steps on all digits."""
    x, y, _ = _digits()
    W, b = np.zeros((784, 10)), np.zeros(10)
    found = [(W, b)]
    for _ in range(2):
        error = _softmax(x @ W + b) - y
        W, b = W - RATE * x.T @ error / len(x), b - RATE * error.mean(axis=0)
        found.append((W, b))
    return tuple(found)
