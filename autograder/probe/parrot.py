"""A learner who knows nothing, copies what stands there, and never gets tired.

It knows only what ``check`` and ``hint`` print. It types nonsense, reads the answer, and puts every number, shape,
text and list that it has read into every variable of the task, for as many rounds as that helps. It takes answers at
their word: told "one too many", "twice" or "the sign is turned" of a number, it types the number that this leads to.
Where an answer sounds different for small and for large numbers, it looks for the place in between; where it sounds
different after one entry of a list was changed, it keeps that entry. Where several answers are counted together, it
keeps whatever makes the count go up. A check whose words give an answer away pays this learner; one that keeps it
does not.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
import pytest

from autograder.exercise.checking import result_of
from autograder.exercise.definition import Exercise, Task
from autograder.exercise.models import ModelReport
from autograder.exercise.outcome import CheckResult, Outcome, TestResult
from autograder.exercise.submission import Missing, NoModel, Raised, Submission
from autograder.exercise.wire import Opaque

# What somebody types who has not read the task: one or more of every kind.
NONSENSE: tuple[Any, ...] = (
    0,
    1,
    -1,
    1e9,
    0.12345,
    True,
    "x",
    "",
    (),
    (7, 5),
    (7, 5, 6),
    [0, 0],
    [0.1, 0.2, 0.7],
    np.zeros((2, 3)),
    np.ones(4),
    np.full((5, 5, 5), 200, np.uint8),
    {"a": 1},
)
# Rungs from which it looks for the place where an answer sounds different. Whole numbers, because a fraction may be
# answered in a way of its own where something is counted, and none that an exercise is likely to ask for.
LADDER: tuple[float, ...] = (
    -999_983,
    -613,
    -7,
    0.0001,
    0.013,
    0.13,
    0.57,
    13,
    29,
    61,
    173,
    977,
    7_919,
    65_537,
    999_983,
)
HALVINGS = 50  # of the distance between two rungs; 20 do for a whole number below a million
ENTRIES = range(10)  # that are tried in each place of a list
LONGEST = 12  # list that is filled so
MOST_READ = 400  # values kept for one task
ROUNDS = 6


@dataclass(frozen=True)
class Earned:
    """What the parrot got for one task."""

    task: str
    blind: float  # with nonsense alone
    parrot: float  # after reading
    max_points: float
    answers: dict[str, Any]  # with which


class _Typed:
    """Answers that are whatever the parrot has typed."""

    def __init__(self, typed: dict[str, Any]) -> None:
        self._typed = typed
        self.asked: set[str] = set()
        self.called: set[str] = set()

    def value(self, name: str) -> Any:
        value = self._get(name)
        return Opaque("function") if callable(value) else value

    def call(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self.called.add(name)
        value = self._get(name)
        if not callable(value):
            raise Raised("TypeError", "object is not callable")
        return value(*args, **kwargs)

    def model(self, name: str) -> ModelReport:
        self._get(name)
        raise NoModel("it is a list, not a Keras model")

    def cause_of(self, name: str) -> str:
        return ""

    def file_size(self, name: str) -> int | None:
        return None

    def seed(self) -> int:
        return 7

    def stopped_with(self) -> str:
        return ""

    def held_out(self) -> None:
        return None

    def _get(self, name: str) -> Any:
        self.asked.add(name)
        if name not in self._typed:
            raise Missing(name)
        return self._typed[name]


@dataclass(frozen=True)
class _Always:
    """A function that returns this, whatever it is given."""

    value: Any

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.value


@dataclass
class Parrot:
    """One parrot at one task."""

    exercise: Exercise
    task: Task
    read: dict[str, Any] = field(default_factory=dict)  # by its repr, in the order of reading
    names: list[str] = field(default_factory=list)
    functions: set[str] = field(default_factory=set)
    _heard: dict[frozenset[tuple[str, str]], CheckResult] = field(default_factory=dict)  # by the repr of what was typed
    _texts: set[str] = field(default_factory=set)  # that were read

    def earn(self) -> Earned:
        """Try as long as it helps."""
        best: dict[str, Any] = {}
        blind = points = self._points(best)
        for round_ in range(ROUNDS):
            before = points, len(self.read), len(self.names)
            for name in itertools.chain(list(self.names), [None]):
                for value in [*NONSENSE, *LADDER, *(self.read.values() if round_ else ())]:
                    new = {**best, **{n: self._as_asked(n, value) for n in ([name] if name else self.names)}}
                    got = self._points(new, value)
                    if got > points:
                        best, points = new, got
                # What a function returns is asked for with data of the check's own, anew for each hand-in.
                if name and round_ == 1 and name not in self.functions:
                    best, points = self._searched(name, best, points)
                    best, points = self._filled_in(name, best, points)
            if round_ == 0:
                blind = points
            elif (points, len(self.read), len(self.names)) == before:
                break
        return Earned(self.task.grade_id, blind, points, self.task.points, best)

    def _as_asked(self, name: str, value: Any) -> Any:
        """The value, or a function that always returns it."""
        return _Always(value) if name in self.functions else value

    def _searched(self, name: str, best: dict[str, Any], points: float) -> tuple[dict[str, Any], float]:
        """Look for the numbers where the answer's sound changes, and try those there."""
        sounds = [self._sound({**best, name: self._as_asked(name, rung)}) for rung in LADDER]
        for at, (low, high) in enumerate(pairwise(LADDER)):
            if sounds[at] == sounds[at + 1]:
                continue
            # Between the two there may be a stretch of its own, so it is looked for from both sides.
            for number in (*self._change(name, best, low, high), *self._change(name, best, high, low)):
                new = {**best, name: self._as_asked(name, number)}
                if (got := self._points(new)) > points:
                    best, points = new, got
        return best, points

    def _change(self, name: str, best: dict[str, Any], here: float, there: float) -> list[float]:
        """Numbers at the first place, on the way from `here` to `there`, where the answer sounds different."""
        sound = self._sound({**best, name: self._as_asked(name, here)})
        whole = isinstance(here, int) and isinstance(there, int)
        for _ in range(HALVINGS):
            whole = whole and abs(there - here) > 1
            middle: float = (here + there) // 2 if whole else (here + there) / 2
            if self._sound({**best, name: self._as_asked(name, middle)}) == sound:
                here = middle
            else:
                there = middle
        return [here, there, round(here), round(there), here + 1, here - 1, there + 1, there - 1]

    def _filled_in(self, name: str, best: dict[str, Any], points: float) -> tuple[dict[str, Any], float]:
        """Fill a list entry by entry, keeping each entry that makes the answer sound different."""
        for length in range(2, LONGEST + 1):
            # Wrong everywhere, as what is counted or numbered is not below 0; and not all the same, which has an answer
            # of its own.
            found: list[Any] = list(range(-1, -length - 1, -1))
            sound = self._sound({**best, name: self._as_asked(name, found)})
            if "right shape" not in sound:
                continue
            base = list(found)
            for place, entry in itertools.product(range(length), ENTRIES):
                tried = [*base[:place], entry, *base[place + 1 :]]
                if self._sound({**best, name: self._as_asked(name, tried)}) != sound:
                    found[place] = entry
            new = {**best, name: self._as_asked(name, found)}
            if (got := self._points(new)) > points:
                best, points = new, got
        return best, points

    def _sound(self, typed: dict[str, Any]) -> str:
        return re.sub(r"-?\d+([.,]\d+)*(e[+-]?\d+)?", "#", _text(self._check(typed)))

    def _points(self, typed: dict[str, Any], value: Any = None) -> float:
        """What is given for it. `value` is what was typed last, which the words are likely to be about."""
        result = self._check(typed)
        if (text := _text(result)) not in self._texts:
            self._texts.add(text)
            self._listen(values_in(text))
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            self._listen(_led_to(value, "\n".join(line for t in result.tests for line in (t.message, *t.hints))))
        return result.points

    def _check(self, typed: dict[str, Any]) -> CheckResult:
        """What the check says. It is asked once: whoever types the same reads the same."""
        key = frozenset((name, repr(value)) for name, value in typed.items())
        if key not in self._heard:
            self._heard[key] = self._asked(typed)
        return self._heard[key]

    def _asked(self, typed: dict[str, Any]) -> CheckResult:
        answers = _Typed(typed)
        result = check_fast(self.exercise, self.task, Submission(answers))
        self.names += sorted(answers.asked - set(self.names))
        self.functions |= answers.called
        return result

    def _listen(self, values: Iterable[Any]) -> None:
        for value in values:
            if len(self.read) < MOST_READ:
                self.read.setdefault(repr(value), value)


def check_fast(exercise: Exercise, task: Task, submission: Submission) -> CheckResult:
    """The same as `run_checks` of one task, without pytest around it: thousands of times a second."""
    results = []
    for title, call in _tests(exercise.checks, task.test_class):
        try:
            call(submission)
            results.append(TestResult(title, Outcome.PASSED, share=1.0))
        except (Exception, pytest.fail.Exception, pytest.skip.Exception) as error:
            results.append(result_of(title, error))
    return CheckResult(task.grade_id, task.points, tuple(results))


@cache
def _module(checks: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"parrot_{checks.stem}", checks)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if hasattr(module, "told_apart"):
        module.told_apart = _drawn_once(module.told_apart)  # type: ignore[attr-defined]
    return module


def _drawn_once(told_apart: Callable[..., Any]) -> Callable[..., Any]:
    """The same, but what is drawn from the same numbers in the same way is drawn once: it takes longer than a check."""
    drawn: dict[Any, tuple[Any, Any]] = {}

    def once(rng: np.random.Generator, *how: Any) -> Any:
        key = str(rng.bit_generator.state), _same_function(how)
        try:
            known = drawn.get(key)
        except TypeError:  # it has to do with something that changes
            return told_apart(rng, *how)
        if known is None:
            found = told_apart(rng, *how)
            known = drawn[key] = found, rng.bit_generator.state
        (arguments, right, mistakes), rng.bit_generator.state = known
        return arguments, right, list(mistakes)

    return once


def _same_function(thing: Any) -> Any:
    """Equal for functions that do the same: of one text, with equal values around them."""
    if isinstance(thing, tuple):
        return tuple(map(_same_function, thing))
    if isinstance(thing, partial):
        return _same_function((thing.func, thing.args, *thing.keywords.items()))
    if isinstance(thing, FunctionType):
        around = (cell.cell_contents for cell in thing.__closure__ or ())
        return thing.__code__, _same_function(thing.__defaults__ or ()), _same_function(tuple(around))
    return type(thing), thing


@cache
def _tests(checks: Path, class_name: str) -> list[tuple[str, Callable[[Submission], None]]]:
    cls = getattr(_module(checks), class_name)
    tests: list[tuple[str, Callable[[Submission], None]]] = []
    for name, function in vars(cls).items():
        if not name.startswith("test_"):
            continue
        cases: list[dict[str, Any]] = [{}]
        for mark in getattr(function, "pytestmark", []):
            if mark.name != "parametrize":
                continue
            names = mark.args[0].split(",") if isinstance(mark.args[0], str) else list(mark.args[0])
            rows = [row if len(names) > 1 else (row,) for row in mark.args[1]]
            cases = [case | dict(zip(names, row, strict=True)) for case in cases for row in rows]
        title = (inspect.getdoc(function) or name).split("\n")[0]
        for case in cases:
            tests.append((title, partial(_call, cls, function, case)))
    return tests


def _call(cls: type, function: Callable[..., None], case: dict[str, Any], submission: Submission) -> None:
    function(cls(), submission, **case)


def _text(result: CheckResult) -> str:
    """All that the parrot can make `check` and `hint` print."""
    return "\n".join(line for test in result.tests for line in (test.title, test.message, *test.hints))


_WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]


def values_in(text: str) -> Iterator[Any]:
    """Every number, shape, list, product and word in a text, as values."""
    yield from (_WORDS.index(word) for word in re.findall(r"[a-z]+", text.lower()) if word in _WORDS)
    for number in re.findall(r"-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?%?", text):
        yield from _numbers(number)
    for part in re.findall(r"[(\[][^()\[\]`]*[)\]]|`([^`]*)`", text):
        yield from _literal(part)
    for part in re.findall(r"[(\[][^()\[\]`]*[)\]]", text):
        yield from _literal(part)
    for part in re.findall(r"\d+(?: ?[x*+/-] ?\d+)+", text):
        yield from _literal(part.replace("x", "*"))
    plain = [int(n) for n in re.findall(r"\b\d{1,6}\b", text)][:8]
    yield from itertools.permutations(plain, 2)
    for a_ in ("'", '"'):
        yield from re.findall(f"{a_}([^{a_}\n]+){a_}", text)
    yield from dict.fromkeys(re.findall(r"[A-Za-z_][\w-]*", text))


# What is said of a number, and the numbers that it leads to.
_SAID_OF_A_NUMBER: tuple[tuple[str, Callable[[float], tuple[float, ...]]], ...] = (
    (r"off by one|one (too|more|less|off|fewer)|counts? from 0|first one|last one", lambda v: (v - 1, v + 1)),
    (r"two times|twice|double|halve|half|both|a part of it", lambda v: (v / 2, v * 2)),
    (r"thrice|three times|third", lambda v: (v / 3, v * 3)),
    (r"ten times|tenth", lambda v: (v / 10, v * 10)),
    (r"per ?cent|share|%|hundred", lambda v: (v / 100, v * 100, 1 - v, 100 - v)),
    (r"sign|opposite|uphill|below 0|turned", lambda v: (-v,)),
    (r"upside down|divided by the other", lambda v: (1 / v if v else v,)),
    (r"fraction|cut off|whole number|round", lambda v: (int(v), round(v), int(v) + 1) if abs(v) < 1e9 else ()),
)


def _led_to(value: float, text: str) -> Iterator[float]:
    """The numbers that a text leads to which is about `value`: "one too many", "times 3"."""
    for words, numbers in _SAID_OF_A_NUMBER:
        if re.search(words, text, re.IGNORECASE):
            for number in numbers(value):
                yield int(number) if float(number).is_integer() else number


def _numbers(text: str) -> Iterator[Any]:
    plain = text.rstrip("%").replace(",", "")
    try:
        value = float(plain)
    except ValueError:
        return
    value = int(value) if value.is_integer() and abs(value) < 1e15 else value
    yield value
    if text.endswith("%"):
        yield value / 100


def _literal(text: str) -> Iterator[Any]:
    """The value of a literal or of plain arithmetic."""
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError):
        return
    allowed = (
        ast.Expression,
        ast.Constant,
        ast.Tuple,
        ast.List,
        ast.BinOp,
        ast.UnaryOp,
        ast.operator,
        ast.unaryop,
        ast.expr_context,
    )
    if len(text) > 200 or "**" in text or not all(isinstance(node, allowed) for node in ast.walk(tree)):
        return
    try:
        yield eval(compile(tree, "read", "eval"), {"__builtins__": {}})
    except Exception:
        return
