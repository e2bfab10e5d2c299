"""Slips that can be made in any task, told by what was found: a forgotten `return`, text for numbers, and more.

A check's own mistakes come first, because they know the task. What is said here names only what was found and how such
a thing comes about.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from autograder.exercise.outcome import Hint
from autograder.exercise.wire import Opaque
from autograder.language import _

RETURNS_NOTHING = Hint(
    "Without a `return`, a function gives back None; `print` only shows a value. Does every path through it end in a"
    " `return`?",
    id="returns-nothing",
)
_DICTIONARY = Hint(
    "A dictionary keeps a name with each value, and only the values are asked for. Put them into a list, in the order"
    " of the task.",
    id="dictionary-for-array",
)
TEXT_FOR_NUMBER = Hint(
    "In quotes, or made by `str`, a number is text, and you cannot calculate with it. Write numbers without quotes.",
    id="text-for-number",
)
_COMMA = Hint("A comma makes it two values: `1,234` is 1 and 234. Write 1234.", id="comma-in-a-number")
_SEVERAL = Hint(
    "It holds several numbers, and only one is asked for. Print it: which of them do you mean?",
    id="several-for-one-number",
)
_TEXT_FOR_ARRAY = Hint(
    "`str` or quotes make it text, and text is not an array. Keep the numbers themselves: `[1, 2, 3]`, or"
    " `np.array([1, 2, 3])`, without quotes.",
    id="text-for-array",
)
_NOTHING = Hint(
    "It is 0, as if there were nothing to count. Is the number never filled in, or cut off by `//` or `int`?",
    id="zero-for-a-number",
)
_ONE_OFF = Hint(
    "You are off by one. Count a small case on your fingers: does the first one count, and the last one?",
    id="one-off",
)
_TWICE = Hint("Something is counted twice. Go through what you add up or multiply.", id="counted-twice")
_HALF = Hint("A part of it is missing. Go through what you count: what did you leave out?", id="half-counted")
_NO_WHOLE_NUMBER = Hint(
    "There is no half of one. Where does the fraction come from: did you divide, or take a share?",
    id="fraction-for-a-count",
)
_BELOW_ZERO = Hint("It is below 0, but a count cannot be negative. What do you subtract from what?", id="below-zero")
_NOTEBOOKS_ARRAY = Hint(
    "An array in this error has the size of one in your notebook, and of nothing that the function was given. Which"
    " name in the function is not one of its arguments?",
    id="array-of-the-notebook",
)
_FIXED_LENGTH = Hint(
    "It runs past the end of an array or a list. Does your function use a fixed number that should come from what it"
    " is given? Look at each `range` and at `len`.",
    id="fixed-length",
)
_BEHIND_THE_END = re.compile(
    r"index (\d+) is out of bounds for axis \d+ with size \1\b|list (assignment )?index out of range"
)
_SHAPE = re.compile(r"\((\d[\d, ]*)\)")
_IMAGES = re.compile(r"\b28, ?28\b")
_LENGTHS = frozenset([400, 600, 784, 2000, 10_000, 12_000, 60_000])  # of the arrays that the notebooks load and make
_NOT_CALLED = Hint("A function has to be called: put brackets after its name.", id="function-not-called")

_ONE_FOR_MANY = Hint(
    "It is a single number, where several are asked for. Does each place of the result get its own?",
    id="one-number-for-many",
)
_BRACKETS = Hint(
    "There is one pair of brackets too many: the whole result is inside a list of its own. Remove the outer pair.",
    id="brackets-too-many",
)
_UNCHANGED = Hint(
    "That is what the function was given, unchanged. What should happen to it before you return it?",
    id="returned-unchanged",
)
_FIRST_LEFT_OUT = Hint(
    "The first one is missing. Does your loop or your slice begin at 0?",
    id="first-left-out",
)
_LAST_LEFT_OUT = Hint(
    "The last one is missing. A range and a slice end before their second number: where should yours end?",
    id="last-left-out",
)
_SWAPPED = Hint("Rows and columns are swapped. Turn the table round.", id="rows-and-columns-swapped")
_REVERSED = Hint(
    "The values are in reverse order: what should come first comes last. Turn them round.", id="reverse-order"
)
_NO_NUMBERS = Hint(
    "Some of the values are NaN or infinite, so they are not usable numbers. Is something divided by 0? Print each"
    " step.",
    id="nan-or-infinite",
)
_ALL_ZEROS = Hint(
    "Every value is 0. Was the result never filled, multiplied by 0, or cut off to whole numbers? Print each step.",
    id="all-zeros",
)
_CUT_OFF = Hint(
    "Only whole numbers are left: `//`, `int` or a whole-number dtype cuts the fraction off. Look for it.",
    id="fractions-cut-off",
)
_ALL_THE_SAME = Hint(
    "Every value is the same. Is each one worked out from its own part of the data? Print each step.",
    id="all-the-same",
)
_WRONG_SIGN = Hint("Every value has the opposite sign. Look at what you subtract from what.", id="opposite-sign")

Close = Callable[[Any, Any, float], bool]


def of_a_number(value: Any) -> str:
    """What to say of something that is not one number."""
    if isinstance(value, tuple):
        return _COMMA
    if isinstance(value, str):
        return TEXT_FOR_NUMBER
    if _is_function(value):
        return _NOT_CALLED
    if isinstance(value, (list, np.ndarray)):
        return _SEVERAL
    return _("Print it: what does it hold, and which one number of it is asked for?")


def of_a_stop(error: str, arguments: Iterable[Any]) -> tuple[str, ...]:
    """What to say of the error that a function stopped with, if it used an array or a length of the notebook.

    Args:
        error: its type and its text.
        arguments: what the function was called with.
    """
    shapes = [one.shape if isinstance(one, np.ndarray) else np.shape(one) for one in arguments if _has_a_shape(one)]
    given = {length for shape in shapes for length in shape}
    largest = max((int(np.prod(shape)) for shape in shapes), default=0)
    for shape in _SHAPE.findall(error):
        lengths = {int(length) for length in re.findall(r"\d{1,9}", shape)}
        if (_IMAGES.search(shape) and 28 not in given) or any(n > largest for n in lengths & _LENGTHS):
            return (_NOTEBOOKS_ARRAY,)
    return (_FIXED_LENGTH,) if _BEHIND_THE_END.search(error) else ()


def _has_a_shape(value: Any) -> bool:
    return isinstance(value, (np.ndarray, list)) and not any(isinstance(one, (list, str, dict)) for one in value)


def of_a_count(found: Any, right: Any) -> str:
    """What to say of a number where a count is asked for; '' if it matches no known mistake.

    Args:
        right: the number that is right; where it is not a whole one, nothing is said.
    """
    if not _is_number(found) or not isinstance(right, int) or isinstance(right, bool) or found != found:
        return ""
    slips = (
        (found == 0, _NOTHING),
        (abs(found - right) == 1, _ONE_OFF),
        (found < 0 <= right, _BELOW_ZERO),
        (found == 2 * right, _TWICE),
        (found == right / 2, _HALF),
        (found != int(found) if abs(found) < 1e15 else False, _NO_WHOLE_NUMBER),
    )
    return next((hint for holds, hint in slips if holds), "")


def of_no_array(value: Any) -> str:
    """What to say of something that is no array, nor can be made one."""
    if isinstance(value, str):
        return _TEXT_FOR_ARRAY
    if isinstance(value, dict):
        return _DICTIONARY
    if _is_function(value):
        return _NOT_CALLED
    return _("Print it: what does it hold, and is it what you meant to keep?")


def of_an_array(found: np.ndarray, wanted: np.ndarray, tolerance: float, given: Sequence[Any], close: Close) -> str:
    """What to say of an array that is not the right one; '' if it matches no known mistake.

    Args:
        given: what the function that returned it was called with.
        close: whether two values are equal up to a tolerance.
    """
    if any(isinstance(one, (list, np.ndarray)) and close(found, one, 0.0) for one in given):
        return _UNCHANGED
    if found.dtype.kind == "U":
        return TEXT_FOR_NUMBER if wanted.dtype.kind != "U" else ""
    if found.shape != wanted.shape:
        return _of_a_shape(found, wanted, tolerance, close)
    if found.ndim == 0 or wanted.dtype.kind == "U":
        return ""
    return _of_values(found, wanted, tolerance, close)


def _of_a_shape(found: np.ndarray, wanted: np.ndarray, tolerance: float, close: Close) -> str:
    if found.ndim == 0:
        return _ONE_FOR_MANY
    if found.ndim > wanted.ndim and found.shape == (1,) * (found.ndim - wanted.ndim) + wanted.shape:
        return _BRACKETS
    if close(found.T, wanted, tolerance):
        return _SWAPPED
    if wanted.ndim and len(wanted) > 1:
        if close(found, wanted[1:], tolerance):
            return _FIRST_LEFT_OUT
        if close(found, wanted[:-1], tolerance):
            return _LAST_LEFT_OUT
    return ""


def _of_values(found: np.ndarray, wanted: np.ndarray, tolerance: float, close: Close) -> str:
    number, right = found.astype(np.float64), wanted.astype(np.float64)
    if not np.isfinite(number).all() and np.isfinite(right).all():
        return _NO_NUMBERS
    slips = (
        (not number.any(), _ALL_ZEROS),
        (close(number, right[::-1], tolerance), _REVERSED),
        (close(number.T, right, tolerance), _SWAPPED),
        (not close(right, np.trunc(right), tolerance) and close(number, np.trunc(right), 0.0), _CUT_OFF),
        (number.size > 1 and bool((number == number.flat[0]).all()), _ALL_THE_SAME),
        (close(number, -right, tolerance), _WRONG_SIGN),
    )
    return next((hint for holds, hint in slips if holds), "")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_function(value: Any) -> bool:
    return isinstance(value, Opaque) and ("function" in value.type_name or "method" in value.type_name)
