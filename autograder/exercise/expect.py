"""A small vocabulary for checks that answers like a good tutor.

    expect(submission.number("hidden_parameters"), "`hidden_parameters`").to_be(
        7850,
        mistakes={7840: Hint("Those are only the weights. What else does each unit have?", id="bias-forgotten")},
        hint="Draw two inputs and three units. Count the arrows, then what each unit adds.",
    )

Every expectation raises `Mismatch` with a sentence that says what was found and what is wrong with it, and never what
is right: whoever reads it should think again and not copy. When what was found is exactly what a known
misunderstanding makes, that misunderstanding is the first hint. What the task's own text says may be repeated, and
the check's author has to say that it stands there: ``stated=True``. Then `because` is said, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from autograder.exercise.models import ModelReport
from autograder.exercise.outcome import Hint, Mismatch, NotAttempted, hint_id
from autograder.exercise.slips import of_a_count, of_a_number, of_an_array
from autograder.exercise.submission import Accuracy, a, as_array
from autograder.exercise.wire import type_name
from autograder.language import Sentence, _, as_sentence, beginning

__all__ = [
    "Expectation",
    "Hint",
    "Hints",
    "Mistakes",
    "depends_on_arguments",
    "expect",
    "expect_group",
    "fail",
    "not_attempted",
    "show",
    "unless_it_ignores",
]

Hints = str | Sequence[str]  # a plain text or a `Hint`, or several, from general to particular
NEVER_TRAINED: str = Hint(
    "It has never been trained: was it built or compiled again after `fit`? Run `fit` once more.", id="never-trained"
)
# What a misunderstanding makes (a value, or a predicate of the value), and what to say then.
Mistakes = Mapping[Any, str] | Iterable[tuple[Any, str]]
_NOT_RIGHT = _("which is not right")


def expect(value: Any, name: str = _("the value")) -> Expectation:
    """Begin a sentence about `value`. `name` is how the learner knows it, with backticks around code."""
    return Expectation(value, name)


def fail(message: str, hint: Hints = ()) -> Mismatch:
    """The exception for a check that has its own sentence: ``raise fail("...", hint="...")``."""
    return Mismatch(message, _hints(hint))


def not_attempted(message: str, hint: Hints = ()) -> NotAttempted:
    """The exception for a task that nobody has begun: ``raise not_attempted("...")``."""
    return NotAttempted(message, _hints(hint))


def expect_group(
    given: Mapping[str, Any],
    right: Mapping[str, Any],
    hint: Hints = (),
    mistakes: Sequence[tuple[bool, Hint]] = (),
) -> None:
    """See how many of several answers are right, and say no more than that.

    Whoever may try one choice of a few for itself has soon found it without a thought. So choices are asked for
    together, and the answer says only how many of them are right.

    Args:
        given: what stands in the notebook, by the name of the variable.
        right: what is right, by the same names: a value, or a predicate of the value.
        hint: what to say in any case, from general to particular.
        mistakes: whether a misunderstanding shows, and its hint. All of these are said behind the first `hint`,
            whichever shows, or they would tell which answers are wrong; what is counted is the first that shows.

    Raises:
        Mismatch: not all are right; its share is that of the right ones.
    """
    count = sum(bool(one(given[name])) if callable(one) else _same(given[name], one) for name, one in right.items())
    if count < len(right):
        hints = _hints(hint)
        if mistakes:
            first = Hint(hints[0])
            first.id = next((known.id for shows, known in mistakes if shows), hint_id(hints[0]))
            hints = (first, *dict.fromkeys(Hint(known) for _shows, known in mistakes), *hints[1:])
        raise Mismatch(
            _("{count} of the {right} are right.", count=count, right=len(right)), hints, share=count / len(right)
        )


def depends_on_arguments(
    function: Callable[..., Any], name: str, some: tuple[Any, ...], *others: tuple[Any, ...]
) -> None:
    """See that a learner's function looks at what it is given, and not at variables of the notebook.

    Args:
        function: as `Submission.function` returns it.
        name: how the learner knows it, without backticks: "dense_relu".
        some: arguments.
        others: other arguments, for each of which the right answer differs from that to `some`, in shape or in values.
            Where only one argument differs, a function that ignores this one is found.

    Raises:
        Mismatch: the function returned the same for both, or could do nothing with one of them.
    """
    one = function(*some)
    if any(_same_plain(one, function(*other)) for other in others):
        raise Mismatch(_("`{name}` returns the same value whatever it is given.", name=name), (_IGNORES,))


_IGNORES = Hint(
    "What it is given makes no difference. Does it return a fixed value, or use variables of the notebook instead of"
    " its own arguments? Look at each name in it.",
    id="ignores-its-arguments",
)

_BY_CHANCE = Hint(
    "Something in it is random, but the task needs the same result every time. Look for `random`, and use what the"
    " function is given instead.",
    id="left-to-chance",
)


@contextmanager
def unless_it_ignores(
    function: Callable[..., Any], name: str, some: tuple[Any, ...], *others: tuple[Any, ...]
) -> Iterator[None]:
    """Inside, a mismatch that no known mistake explains is looked at once more: does the function ignore its arguments?

    Or does it draw something at random, so that two calls with the same arguments differ?

    Args:
        as those of `depends_on_arguments`.

    Raises:
        Mismatch: what was raised inside, or that the function returns the same for both, or that it leaves to chance
            what it returns.
    """
    try:
        yield
    except Mismatch as error:
        if error.unexplained or not error.hints or not hint_id(error.hints[0]):
            depends_on_arguments(function, name, some, *others)
            if not _same_plain(function(*some), function(*some), equal_nan=True):
                raise Mismatch(
                    _("`{name}` returns a different value each time, even for the same arguments.", name=name),
                    (_BY_CHANCE,),
                ) from None
        raise


def _same_plain(one: Any, other: Any, equal_nan: bool = False) -> bool:
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(_same_plain(a_, b_, equal_nan) for a_, b_ in zip(one, other, strict=True))
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return bool(np.array_equal(one, other, equal_nan=equal_nan and {one.dtype.kind, other.dtype.kind} <= {"f"}))
    if equal_nan and isinstance(one, float) and isinstance(other, float) and one != one:
        return other != other
    return type(one) is type(other) and _same(one, other)


class Expectation:
    """A value with a name; its methods say what it should be.

    Args of every method:
        stated: whether the task's text says what is right. Only then does the answer repeat it.
        because: why it is right; said only with what is right.
        mistakes: what known misunderstandings make, and what to say about each.
        hint: what to say in any case, from general to particular.
    """

    def __init__(self, value: Any, name: str) -> None:
        self.value = value
        self.name: str = as_sentence(name)

    def to_be(
        self, expected: Any, because: str = "", mistakes: Mistakes = (), hint: Hints = (), stated: bool = False
    ) -> None:
        """Equal, as numbers, texts, shapes and lists are equal; 3 equals 3.0, but True does not equal 1."""
        if _same(self.value, expected):
            return
        known = list(_pairs(mistakes))
        if not stated and (slip := of_a_count(self.value, expected)):
            known.append((self.value, slip))  # the check's own mistakes come first: they know the task
        self._fail(_("but it should be {right}", right=show(expected)), because, known, hint, stated)

    def to_be_one_of(
        self,
        allowed: Sequence[Any],
        because: str = "",
        mistakes: Mistakes = (),
        hint: Hints = (),
        stated: bool = False,
    ) -> None:
        """Equal to one of several right answers."""
        if not any(_same(self.value, one) for one in allowed):
            right = one_of([show(one) for one in allowed])
            self._fail(_("but it should be {right}", right=right), because, mistakes, hint, stated)

    def to_be_between(
        self,
        low: float,
        high: float,
        because: str = "",
        mistakes: Mistakes = (),
        hint: Hints = (),
        stated: bool = False,
    ) -> None:
        """A number from `low` to `high`, both included. NaN is not between anything."""
        number = self._number()
        if not low <= number <= high:
            should = _("but it should be between {low:g} and {high:g}", low=low, high=high)
            self._fail(should, because, mistakes, hint, stated)

    def to_be_about(
        self,
        expected: float,
        within: float,
        because: str = "",
        mistakes: Mistakes = (),
        hint: Hints = (),
        stated: bool = False,
    ) -> None:
        """A number no further than `within` from `expected`.

        The answer does not say on which side it lies: who is told "too large" often enough has found the number.
        """
        number = self._number()
        if not abs(number - expected) <= within:
            self._fail(_("but it should be about {right:g}", right=expected), because, mistakes, hint, stated)

    def to_have_shape(
        self,
        shape: tuple[int, ...],
        because: str = "",
        mistakes: Mistakes = (),
        hint: Hints = (),
        stated: bool = False,
    ) -> Expectation:
        """An array of this shape. `mistakes` are shapes."""
        found = as_array(self.value, self.name).shape
        if found != tuple(shape):
            right = _("but it should be {right}", right=show(tuple(shape)))
            should = right if stated else _wrong_with_shape(found, tuple(shape))
            name = _("the shape of {name}", name=self.name)
            Expectation(found, name)._fail(should, because, mistakes, hint, stated, should)
        return self

    def to_have_dtype(
        self, *dtypes: str, because: str = "", mistakes: Mistakes = (), hint: Hints = (), stated: bool = False
    ) -> Expectation:
        """An array of one of these dtypes, by name; "integer" and "float" stand for any of their kind."""
        found = as_array(self.value, self.name).dtype
        kinds = {"integer": "iu", "float": "f", "bool": "b"}
        if not any(found.kind in kinds[d] if d in kinds else found.name == d for d in dtypes):
            Expectation(found.name, _("the dtype of {name}", name=self.name))._fail(
                _("but it should be {right}", right=one_of(dtypes)), because, mistakes, hint, stated
            )
        return self

    def to_be_close_to(
        self,
        expected: Any,
        tolerance: float = 1e-5,
        because: str = "",
        mistakes: Mistakes = (),
        hint: Hints = (),
        stated: bool = False,
        given: Sequence[Any] = (),
        counted: bool = True,
    ) -> Expectation:
        """An array equal to `expected` up to `tolerance` (absolute and relative); `mistakes` are arrays.

        `counted` says whether none, some or most of the values are right. Switch it off for a short list that is typed,
        which could be found by changing one entry after the other. `given` are the arguments of the function that
        returned it: it may have returned one of them unchanged. What is wrong with so many arrays in any task
        (`slips`) is said where none of the `mistakes` fits.
        """
        found, wanted = as_array(self.value, self.name), np.asarray(expected)
        if found.shape != wanted.shape:
            right = _("but it should be {right}", right=show(wanted.shape))
            wrong = right if stated else _wrong_with_shape(found.shape, wanted.shape)
            says = _("The shape of {name} is {value}, {but}", name=self.name, value=show(found.shape), but=wrong)
        elif not _close(found, wanted, tolerance):
            says = _wrong_with_values(beginning(self.name), found, wanted, tolerance, stated, counted)
        else:
            return self
        named = [text for mistake, text in _pairs(mistakes) if _matches(found, mistake, tolerance)]
        if not named and (slip := of_an_array(found, wanted, tolerance, given, _close)):
            named = [slip]
        text = _with_reason(says, because if stated else "")
        raise Mismatch(text, (*named[:1], *_hints(hint)), unexplained=not named)

    def to_reach(self, accuracy: float, zero_at: float, hint: Hints = (), because: str = "") -> None:
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
            says = _(
                "With pixels from 0 to 255 your network reaches {unscaled:.2f}: that is what it was"
                " trained on. Train it on the scaled images, values 0 to 1.",
                unscaled=found.unscaled,
            )
            hints = (Hint(says, id="not-scaled"), *hints)
        says = _(
            "{name} is {value:.3f} on {images} {where}; at least {needed:g} is needed",
            name=beginning(self.name),
            value=found.value,
            images=found.images,
            where=found.where,
            needed=accuracy,
        )
        raise Mismatch(_with_reason(says, because), hints, share)

    def to_have_learned(self, model: ModelReport, guessing: float, at_least: float, hint: Hints = ()) -> None:
        """An `Accuracy` well above that of `guessing`, on scaled or on unscaled pixels.

        What a history or a setting says of a training counts only with a network that has learned something:
        both are easily typed by hand.
        """
        found = self.value
        if not isinstance(found, Accuracy):
            raise TypeError("to_have_learned needs what submission.accuracy() returned")
        if max(found.value, found.unscaled) >= at_least:
            return
        says = _(
            "`{name}` gets {value:.0%} of the images right; guessing gets {guessing:.0%}.",
            name=model.name,
            value=found.value,
            guessing=guessing,
        )
        raise Mismatch(says, (NEVER_TRAINED,) if model.untrained else _hints(hint))

    def _number(self) -> float:
        value = self.value.item() if isinstance(self.value, np.ndarray) and self.value.size == 1 else self.value
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            kind = a(type_name(value))
            says = _("{name} should be one number, but it is {kind}.", name=beginning(self.name), kind=kind)
            raise Mismatch(says, (of_a_number(value),))
        return float(value)

    def _fail(
        self,
        should: str,
        because: str,
        mistakes: Mistakes,
        hint: Hints,
        stated: bool,
        otherwise: str = _NOT_RIGHT,
    ) -> None:
        """Say what was found; what is right only where it is `stated`, else `otherwise`."""
        says = _(
            "{name} is {value}, {but}",
            name=beginning(self.name),
            value=show(self.value),
            but=should if stated else otherwise,
        )
        text = _with_reason(says, because if stated else "")
        for mistake, names_it in _pairs(mistakes):
            if _matches(self.value, mistake, 0.0):
                raise Mismatch(text, (names_it, *_hints(hint)))
        raise Mismatch(text, _hints(hint), unexplained=True)


def near(number: float, within: float) -> Callable[[Any], bool]:
    """For `mistakes`: whether a number is less than `within` away from this one."""
    return lambda found: bool(abs(found - number) < within)


def one_of(texts: Sequence[str]) -> str:
    """Several possibilities in a sentence: "a, b or c"."""
    if len(texts) == 1:
        return texts[0]
    return _("{others} or {last}", others=", ".join(texts[:-1]), last=texts[-1])


def show(value: Any) -> str:
    """A value as it stands in a sentence: short, and in the learner's notation."""
    if isinstance(value, np.ndarray):
        if value.ndim == 0:
            return show(value.item())
        if value.size <= 12:
            return " ".join(np.array2string(value, precision=4, separator=", ").split())
        return _("an array of shape {shape}", shape=value.shape)
    if isinstance(value, np.generic):
        return show(value.item())
    if isinstance(value, float):
        return f"{value:.4g}"
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _hints(hint: Hints) -> tuple[str, ...]:
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


def _differences(found: np.ndarray, wanted: np.ndarray, tolerance: float) -> np.ndarray:
    """Where two arrays of one shape differ, as True and False."""
    if found.dtype.kind == "U" or wanted.dtype.kind == "U":
        return np.asarray(found.astype(str) != wanted.astype(str))
    return ~np.isclose(found.astype(np.float64), wanted.astype(np.float64), tolerance, tolerance)


def _wrong_with_shape(found: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    """What is wrong with a shape, without the lengths that are asked for."""
    if sorted(found) == sorted(wanted):
        return _("which are the right lengths in a different order")
    if int(np.prod(found)) == int(np.prod(wanted)):
        return _("which holds as many numbers as it should, but divided differently")
    if len(found) > len(wanted):
        return _("which has too many axes")
    if len(found) < len(wanted):
        return _("which has too few axes")
    wrong = [axis for axis, (one, other) in enumerate(zip(found, wanted, strict=True)) if one != other]
    if len(wrong) > 1:
        return _("which has the right number of axes, but not the right lengths")
    return _("where the length of axis {axis} is not right", axis=wrong[0])


def _wrong_with_values(
    name: str, found: np.ndarray, wanted: np.ndarray, tolerance: float, stated: bool, counted: bool
) -> Sentence:
    """What is wrong with an array that has the right shape: how much of it agrees, and the values only if `stated`."""
    different = _differences(found, wanted, tolerance)
    if stated:
        where = tuple(int(i) for i in np.argwhere(different)[0])
        value, right = show(found[where]), show(wanted[where])
        if not where:
            return _("{name} is {value}, but it should be {right}", name=name, value=value, right=right)
        at = list(where)
        return _("{name} is {value} at {at}, but it should be {right}", name=name, value=value, at=at, right=right)
    if wanted.ndim == 0:
        return _("{name} is {value}, {but}", name=name, value=show(found), but=_NOT_RIGHT)
    if not counted:
        return _("{name} has the right shape, but not the right values", name=name)
    share = 1 - different.mean()
    if share == 0:
        return _("{name} has the right shape, but none of its values is right", name=name)
    if share <= 0.5:
        return _("{name} has the right shape, but most of its values are not right", name=name)
    return _("{name} has the right shape, but some of its values are not right", name=name)


def _with_reason(text: str, because: str) -> str:
    if because:
        return _("{sentence}, because {reason}.", sentence=text, reason=as_sentence(because))
    return _("{sentence}.", sentence=text)
