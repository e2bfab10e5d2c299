"""A small vocabulary for checks that answers like a good tutor.

    expect(model.output_shape, "the output shape of `model`").to_be(
        (None, 3),
        because="there are three kinds of clothes",
        mistakes={(None, 1): "You passed `train_data.shape[-1]`, the number of channels. Flatten first."},
        hint="How many numbers should the network say about one image?",
    )

Every expectation raises `Mismatch` with a sentence that says what was found and what was expected. When
what was found is exactly what a known misunderstanding makes, that misunderstanding is the first hint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from autograder.exercise.models import ModelReport
from autograder.exercise.outcome import Mismatch, NotAttempted
from autograder.exercise.submission import Accuracy, a, as_array
from autograder.exercise.wire import type_name

Hint = str | Sequence[str]
NEVER_TRAINED = "It has never been trained: was it built or compiled again after `fit`? Run `fit` once more."
# What a misunderstanding makes (a value, or a predicate of the value), and what to say then.
Mistakes = Mapping[Any, str] | Iterable[tuple[Any, str]]


def expect(value: Any, name: str = "the value") -> Expectation:
    """Begin a sentence about `value`. `name` is how the learner knows it, with backticks around code."""
    return Expectation(value, name)


def fail(message: str, hint: Hint = ()) -> Mismatch:
    """The exception for a check that has its own sentence: ``raise fail("...", hint="...")``."""
    return Mismatch(message, _hints(hint))


def not_attempted(message: str, hint: Hint = ()) -> NotAttempted:
    """The exception for a task that nobody has begun: ``raise not_attempted("...")``."""
    return NotAttempted(message, _hints(hint))


class Expectation:
    """A value with a name; its methods say what it should be."""

    def __init__(self, value: Any, name: str) -> None:
        self.value = value
        self.name = name

    def to_be(self, expected: Any, because: str = "", mistakes: Mistakes = (), hint: Hint = ()) -> None:
        """Equal, as numbers, texts, shapes and lists are equal; 3 equals 3.0, but True does not equal 1."""
        if not _same(self.value, expected):
            self._fail(f"it should be {show(expected)}", because, mistakes, hint)

    def to_be_one_of(self, allowed: Sequence[Any], because: str = "", mistakes: Mistakes = (), hint: Hint = ()) -> None:
        """Equal to one of several right answers."""
        if not any(_same(self.value, one) for one in allowed):
            shown = ", ".join(show(one) for one in allowed[:-1]) + " or " + show(allowed[-1])
            self._fail(f"it should be {shown.removeprefix(' or ')}", because, mistakes, hint)

    def to_be_between(
        self, low: float, high: float, because: str = "", mistakes: Mistakes = (), hint: Hint = ()
    ) -> None:
        """A number from `low` to `high`, both included. NaN is not between anything."""
        number = self._number()
        if not low <= number <= high:
            self._fail(f"it should be between {low:g} and {high:g}", because, mistakes, hint)

    def to_be_about(
        self, expected: float, within: float, because: str = "", mistakes: Mistakes = (), hint: Hint = ()
    ) -> None:
        """A number no further than `within` from `expected`."""
        number = self._number()
        if not abs(number - expected) <= within:
            self._fail(f"it should be about {expected:g}", because, mistakes, hint)

    def to_have_shape(
        self, shape: tuple[int, ...], because: str = "", mistakes: Mistakes = (), hint: Hint = ()
    ) -> Expectation:
        """An array of this shape. `mistakes` are shapes."""
        found = as_array(self.value, self.name).shape
        if found != tuple(shape):
            Expectation(found, f"the shape of {self.name}")._fail(
                f"it should be {show(tuple(shape))}", because, mistakes, hint
            )
        return self

    def to_have_dtype(self, *dtypes: str, because: str = "", mistakes: Mistakes = (), hint: Hint = ()) -> Expectation:
        """An array of one of these dtypes, by name; "integer" and "float" stand for any of their kind."""
        found = as_array(self.value, self.name).dtype
        kinds = {"integer": "iu", "float": "f", "bool": "b"}
        if not any(found.kind in kinds[d] if d in kinds else found.name == d for d in dtypes):
            Expectation(found.name, f"the dtype of {self.name}")._fail(
                f"it should be {' or '.join(dtypes)}", because, mistakes, hint
            )
        return self

    def to_be_close_to(
        self,
        expected: Any,
        tolerance: float = 1e-5,
        because: str = "",
        mistakes: Mistakes = (),
        hint: Hint = (),
    ) -> Expectation:
        """An array equal to `expected` up to `tolerance` (absolute and relative); `mistakes` are arrays."""
        found, wanted = as_array(self.value, self.name), np.asarray(expected)
        if found.shape != wanted.shape:
            says = f"The shape of {self.name} is {show(found.shape)}, but it should be {show(wanted.shape)}"
        elif not _close(found, wanted, tolerance):
            where = _first_difference(found, wanted, tolerance)
            at = f" at {list(where)}" if where else ""
            says = f"{_sentence(self.name)} is {show(found[where])}{at}, but it should be {show(wanted[where])}"
        else:
            return self
        named = [text for mistake, text in _pairs(mistakes) if _matches(found, mistake, tolerance)]
        raise Mismatch(_with_reason(says, because), (*named[:1], *_hints(hint)))

    def to_reach(self, accuracy: float, zero_at: float, hint: Hint = (), because: str = "") -> None:
        """An `Accuracy` of at least `accuracy`. Below that, credit falls evenly to nothing at `zero_at`."""
        found = self.value
        if not isinstance(found, Accuracy):
            raise TypeError("to_reach needs what submission.accuracy() returned")
        if found.value >= accuracy:
            return
        share = min(max((found.value - zero_at) / (accuracy - zero_at), 0.0), 1.0)
        hints = _hints(hint)
        # A network that has hardly learned may do a little better on larger numbers, too.
        if found.unscaled >= accuracy and found.unscaled - found.value >= 0.15:
            hints = (
                f"With pixels from 0 to 255 your network reaches {found.unscaled:.2f}: that is what it was"
                " trained on. Train it on the scaled images, values 0 to 1.",
                *hints,
            )
        says = (
            f"{_sentence(self.name)} is {found.value:.3f} on {found.images} {found.where}; at least {accuracy:g}"
            " is needed"
        )
        raise Mismatch(_with_reason(says, because), hints, share)

    def to_have_learned(self, model: ModelReport, guessing: float, at_least: float, hint: Hint = ()) -> None:
        """An `Accuracy` well above that of `guessing`, on scaled or on unscaled pixels.

        What a history or a setting says of a training counts only with a network that has learned something:
        both are easily typed by hand.
        """
        found = self.value
        if not isinstance(found, Accuracy):
            raise TypeError("to_have_learned needs what submission.accuracy() returned")
        if max(found.value, found.unscaled) >= at_least:
            return
        says = f"`{model.name}` gets {found.value:.0%} of the images right; guessing gets {guessing:.0%}."
        raise Mismatch(says, (NEVER_TRAINED,) if model.untrained else _hints(hint))

    def to_satisfy(
        self,
        condition: Callable[[Any], bool],
        says: str,
        because: str = "",
        mistakes: Mistakes = (),
        hint: Hint = (),
    ) -> None:
        """`condition` holds; `says` completes the sentence "... but it should ..."."""
        if not condition(self.value):
            self._fail(f"it should {says}", because, mistakes, hint)

    def _number(self) -> float:
        value = self.value.item() if isinstance(self.value, np.ndarray) and self.value.size == 1 else self.value
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise Mismatch(f"{_sentence(self.name)} should be one number, but it is {a(type_name(value))}.")
        return float(value)

    def _fail(self, should: str, because: str, mistakes: Mistakes, hint: Hint) -> None:
        text = _with_reason(f"{_sentence(self.name)} is {show(self.value)}, but {should}", because)
        for mistake, says in _pairs(mistakes):
            if _matches(self.value, mistake, 0.0):
                raise Mismatch(text, (says, *_hints(hint)))
        raise Mismatch(text, _hints(hint))


def show(value: Any) -> str:
    """A value as it stands in a sentence: short, and in the learner's notation."""
    if isinstance(value, np.ndarray):
        if value.ndim == 0:
            return show(value.item())
        if value.size <= 12:
            return " ".join(np.array2string(value, precision=4, separator=", ").split())
        return f"an array of shape {value.shape}"
    if isinstance(value, np.generic):
        return show(value.item())
    if isinstance(value, float):
        return f"{value:.4g}"
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _hints(hint: Hint) -> tuple[str, ...]:
    return (hint,) if isinstance(hint, str) else tuple(hint)


def _pairs(mistakes: Mistakes) -> Iterable[tuple[Any, str]]:
    return mistakes.items() if isinstance(mistakes, Mapping) else mistakes


def _matches(value: Any, mistake: Any, tolerance: float) -> bool:
    if callable(mistake):
        return bool(mistake(value))
    if isinstance(mistake, np.ndarray) or isinstance(value, np.ndarray):
        return _close(value, mistake, max(tolerance, 1e-6))
    return _same(value, mistake)


def _same(found: Any, expected: Any) -> bool:
    if isinstance(found, np.ndarray) and found.ndim == 0:
        found = found.item()
    if isinstance(found, np.ndarray) or isinstance(expected, np.ndarray):
        return _close(found, expected, 0.0)
    if isinstance(found, bool) != isinstance(expected, bool):
        return False
    try:
        return bool(found == expected)
    except ValueError:  # arrays somewhere inside lists
        return False


def _close(found: Any, wanted: Any, tolerance: float) -> bool:
    one, other = _numbers(found), _numbers(wanted)
    if one is None or other is None or one.shape != other.shape or one.dtype.kind != other.dtype.kind:
        return False
    if one.dtype.kind == "U":
        return bool((one == other).all())
    return bool(np.allclose(one, other, tolerance, tolerance))


def _numbers(value: Any) -> np.ndarray | None:
    """`value` as an array of float64, or of text; None if it is neither."""
    try:
        array = np.asarray(value)
        return array if array.dtype.kind == "U" else array.astype(np.float64)
    except (ValueError, TypeError, OverflowError):
        return None


def _first_difference(found: np.ndarray, wanted: np.ndarray, tolerance: float) -> tuple[int, ...]:
    if found.dtype.kind == "U" or wanted.dtype.kind == "U":
        different = found.astype(str) != wanted.astype(str)
    else:
        different = ~np.isclose(found.astype(np.float64), wanted.astype(np.float64), tolerance, tolerance)
    return tuple(int(i) for i in np.argwhere(different)[0])


def _sentence(name: str) -> str:
    return name[:1].upper() + name[1:]


def _with_reason(text: str, because: str) -> str:
    return f"{text}, because {because}." if because else f"{text}."
