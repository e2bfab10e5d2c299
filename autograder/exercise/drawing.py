"""Data for checks that tell mistakes from answers.

On the wrong data two misunderstandings give the same number, or one of them gives the right one. So the arguments that
a learner's function is tried with are drawn until all that is known about the task can be told apart.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Mistake = tuple[Any, str]  # what a misunderstanding makes (a value, or a predicate of the value), and what to say
Answers = tuple[Any, Sequence[Mistake]]  # the right answer, and the mistakes
_TRIES = 5_000


def told_apart(
    rng: np.random.Generator,
    draw: Callable[[np.random.Generator], tuple[Any, ...]],
    answers: Callable[..., Answers],
    tolerance: float = 1e-3,
) -> tuple[tuple[Any, ...], Any, Sequence[Mistake]]:
    """Draw arguments until the right answer and all mistakes differ, each from each.

    Args:
        rng: from `Submission.rng`, so that every submission has data of its own, and always the same.
        draw: makes arguments; it may return different ones each time.
        answers: the right answer to such arguments and what each misunderstanding makes of them. Two mistakes with
            the same hint may agree. Predicates are left to themselves.
        tolerance: how far two numbers are apart at least, absolute and relative.

    Returns:
        The arguments, the right answer and the mistakes.

    Raises:
        RuntimeError: there are no such data, or hardly any: two of the mistakes are one.
    """
    for _ in range(_TRIES):
        arguments = tuple(_whole_numbers_of_this_machine(argument) for argument in draw(rng))
        right, mistakes = answers(*arguments)
        if alike(right, mistakes, tolerance) is None:
            return arguments, right, mistakes
    raise RuntimeError(f"no data tell these apart: {alike(right, mistakes, tolerance)}")


def _whole_numbers_of_this_machine(argument: Any) -> Any:
    """A generator draws 64 bits everywhere; NumPy in a browser's page counts and indexes with 32 and refuses others."""
    if isinstance(argument, np.ndarray) and argument.dtype == np.int64:
        return argument.astype(np.intp, copy=False)
    return argument


def alike(right: Any, mistakes: Sequence[Mistake], tolerance: float = 1e-3) -> tuple[str, str] | None:
    """Two hints whose mistakes are the same value, or "the answer" and the hint of a mistake that equals it."""
    known = [(right, "the answer"), *((value, hint) for value, hint in mistakes if not callable(value))]
    ready = [(value if isinstance(value, (int, float)) else _as_array(value), says) for value, says in known]
    for (one, says), (other, says_other) in itertools.combinations(ready, 2):
        if says != says_other and _close(one, other, tolerance):
            return says, says_other
    return None


def _as_array(value: Any) -> np.ndarray:
    """Numbers as float64; everything else as it is."""
    array = np.asarray(value)
    return array.astype(float, copy=False) if array.dtype.kind in "biuf" else array


def _close(one: Any, other: Any, tolerance: float) -> bool:
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):  # without NumPy: there are many pairs
        return abs(one - other) <= tolerance * (1 + abs(other)) or (one != one and other != other)
    some, others = _as_array(one), _as_array(other)
    if some.shape != others.shape:
        return False
    if some.dtype.kind != "f" or others.dtype.kind != "f":
        return bool(np.array_equal(some, others))
    # There are many pairs, and `np.allclose` takes fifty times as long as a look at the first number of each.
    if some.size and abs(some.item(0) - others.item(0)) > 2 * tolerance * (1 + abs(others.item(0))):
        return False
    return bool(np.allclose(some, others, tolerance, tolerance, equal_nan=True))
