"""What a check can say: the records that every part of the kit passes on.

One graded cell gives one `CheckResult`; one notebook gives one `SubmissionResult`. `to_json` is the form
that ``--json`` writes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Self

from autograder.language import Sentence, _, as_sentence, number, said, say_plural

MAX_DETAIL = 4_000  # characters of a traceback that are kept

Curves = dict[str, dict[str, list[float]]]  # by history and metric: {"history": {"val_loss": [0.9, 0.5]}}


class Outcome(StrEnum):
    """How one check ended."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_ATTEMPTED = "not attempted"
    ERROR = "error"  # the check itself broke: ours, never the student's


class Status(StrEnum):
    """How the run of one submission ended. Only GRADED means that every cell had its turn."""

    GRADED = "graded"
    TIMED_OUT = "timed out"  # a cell or the notebook ran longer than it may
    CRASHED = "crashed"  # the student's process ended before the notebook did
    OUT_OF_MEMORY = "out of memory"
    UNREADABLE = "unreadable"  # no notebook could be made of the file
    MISSING = "missing"  # there is no notebook of this exercise
    ERROR = "error"  # ours


STATUS_WORDS = {
    Status.GRADED: _("graded"),
    Status.TIMED_OUT: _("timed out"),
    Status.CRASHED: _("crashed"),
    Status.OUT_OF_MEMORY: _("out of memory"),
    Status.UNREADABLE: _("unreadable"),
    Status.MISSING: _("missing"),
    Status.ERROR: _("error"),
}


class Hint(Sentence):
    """A hint with a name that stays when its words change, so that a report can count who was given it.

    A plain text does wherever a hint is asked for; it has no name and is counted by its words.

    Args:
        text: what the learner reads.
        id: the misunderstanding, in small letters and hyphens: "bias-forgotten".
    """

    __slots__ = ("id",)
    id: str

    def __new__(cls, text: str, id: str = "") -> Self:  # type: ignore[override]
        made = as_sentence(text)
        hint = super().__new__(cls, made.template, made.values, made.many)
        hint.id = id
        return hint

    def __reduce__(self) -> tuple[type[Hint], tuple[Sentence, str]]:
        return Hint, (Sentence(self.template, self.values, self.many), self.id)

    def in_reader_s_language(self) -> Hint:
        """The hint as a reader of the language in use is told it, under its own name."""
        return Hint(super().in_reader_s_language(), self.id)


def hint_id(hint: str) -> str:
    """The name of a hint; '' for a plain text."""
    return hint.id if isinstance(hint, Hint) else ""


class Mismatch(AssertionError):
    """A check found something other than it asked for.

    Args:
        message: one or two sentences: what was expected, what was found.
        hints: from general to particular; the first is shown with the message, `hint` gives the next.
        share: the part of the test that was earned all the same, 0 to 1 (a ramp near a threshold).
        unexplained: whether it was compared with known mistakes, and none of them makes what was found.
    """

    def __init__(
        self, message: str, hints: tuple[str, ...] = (), share: float = 0.0, unexplained: bool = False
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hints = hints
        self.share = share
        self.unexplained = unexplained


class NotAttempted(Exception):
    """There is nothing to check yet. `message` says what is still missing."""

    def __init__(self, message: str, hints: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hints = hints


@dataclass(frozen=True)
class TestResult:
    """One test function of a check."""

    __test__ = False  # not a test class of pytest's

    title: str
    outcome: Outcome
    message: str = ""
    hints: tuple[str, ...] = ()
    share: float = 0.0  # of this test, 0 to 1
    detail: str = ""  # a traceback, for the instructor, when outcome is ERROR
    stopped: bool = False  # an error of an earlier cell is the reason

    def to_json(self) -> dict[str, Any]:
        content: dict[str, Any] = {
            "title": self.title,
            "outcome": str(self.outcome),
            "message": self.message,
            "hint": str(self.hints[0]) if self.hints else "",
            "share": self.share,
        }
        if self.hints and (name := hint_id(self.hints[0])):
            content["hint_id"] = name
        if self.stopped:
            content["stopped"] = True
        return content | ({"detail": self.detail[-MAX_DETAIL:]} if self.detail else {})

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> TestResult:
        """The inverse of `to_json`, but for the hints after the first."""
        hints = (Hint(str(data["hint"]), str(data.get("hint_id", ""))),) if data.get("hint") else ()
        outcome, share = Outcome(data["outcome"]), float(data["share"])
        detail, stopped = str(data.get("detail", "")), data.get("stopped") is True
        return cls(str(data["title"]), outcome, str(data["message"]), hints, share, detail, stopped)


@dataclass(frozen=True)
class CheckResult:
    """One graded cell: its tests, and the points they earn."""

    name: str
    max_points: float
    tests: tuple[TestResult, ...]

    @property
    def points(self) -> float:
        """Share of the cell's tests that passed, times its points. Always a plain float in [0, max]."""
        if not self.tests:
            return 0.0
        # What is no share at all earns nothing, and no two of them stop the sum.
        shares = [min(max(t.share, 0.0), 1.0) if math.isfinite(t.share) else 0.0 for t in self.tests]
        return round(math.fsum(shares) / len(shares) * self.max_points, 4)

    @property
    def outcome(self) -> Outcome:
        """The worst of its tests; not attempted only when no test found anything to look at."""
        outcomes = [t.outcome for t in self.tests]
        if Outcome.ERROR in outcomes or not outcomes:
            return Outcome.ERROR
        if all(o is Outcome.PASSED for o in outcomes):
            return Outcome.PASSED
        if any(o is Outcome.FAILED for o in outcomes) or Outcome.PASSED in outcomes:
            return Outcome.FAILED
        return Outcome.NOT_ATTEMPTED

    @property
    def first_problem(self) -> TestResult | None:
        """The first test worth talking about: a failure before anything that was not attempted."""
        for outcome in (Outcome.ERROR, Outcome.FAILED, Outcome.NOT_ATTEMPTED):
            for test in self.tests:
                if test.outcome is outcome:
                    return test
        return None

    @property
    def message(self) -> str:
        problem = self.first_problem
        return problem.message if problem else ""

    @property
    def hints(self) -> tuple[str, ...]:
        problem = self.first_problem
        return problem.hints if problem else ()

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "outcome": str(self.outcome),
            "points": self.points,
            "max_points": self.max_points,
            "message": self.message,
            "hint": str(self.hints[0]) if self.hints else "",
            "hint_id": hint_id(self.hints[0]) if self.hints else "",
            "tests": [t.to_json() for t in self.tests],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> CheckResult:
        """The inverse of `to_json`. Raises KeyError, TypeError or ValueError if `data` is something else."""
        return cls(str(data["name"]), float(data["max_points"]), tuple(TestResult.from_json(t) for t in data["tests"]))


_ACCURACY_OF = "accuracy of "


def accuracy_of(model: str) -> str:
    """The key of a model's accuracy in `SubmissionResult.measures`, the same in every language."""
    return _ACCURACY_OF + model


def model_measured(key: str) -> str:
    """The model whose accuracy has this key; '' if it is the key of something else."""
    return key.removeprefix(_ACCURACY_OF) if key.startswith(_ACCURACY_OF) else ""


@dataclass(frozen=True)
class SubmissionResult:
    """One graded notebook."""

    student: str
    exercise: str
    status: Status
    checks: tuple[CheckResult, ...]
    message: str = ""  # why the status is what it is, a sentence for the student
    notes: tuple[str, ...] = ()  # repairs, warnings, things for the instructor to look at
    sandbox: str = ""  # which protections held: "bubblewrap", "limits only"
    seconds: dict[str, float] = field(default_factory=dict)  # wall time by stage
    measures: dict[str, float] = field(default_factory=dict)  # by `accuracy_of`, as measured here
    curves: Curves = field(default_factory=dict)  # training histories, as the student's notebook has them
    late_penalty: float = 0.0  # points taken off because it came late
    deadline: dict[str, Any] | None = None  # how it stands beside its due date; None if there is none
    by_hand: float = 0.0  # points that a person gave beyond those of the checks, or took away
    held_out: str = ""  # which images accuracy was measured on: "private", "published", "none"; '' if nothing was run
    surroundings: tuple[str, ...] = ()  # what the notebook expected and the grader lacks: "the package `seaborn`"

    @property
    def score(self) -> float:
        """The points of the checks and of people, less those that a late submission loses."""
        return max(0.0, round(math.fsum(c.points for c in self.checks) + self.by_hand - self.late_penalty, 4))

    @property
    def max_score(self) -> float:
        return round(math.fsum(c.max_points for c in self.checks), 4)

    def with_notes(self, *notes: str) -> SubmissionResult:
        return replace(self, notes=self.notes + notes)

    def to_json(self) -> dict[str, Any]:
        return {
            "student": self.student,
            "status": str(self.status),
            "score": self.score,
            "max_score": self.max_score,
            "message": self.message,
            "notes": list(self.notes),
            "sandbox": self.sandbox,
            "seconds": {k: round(v, 3) for k, v in self.seconds.items()},
            "measures": {k: round(v, 5) for k, v in self.measures.items()},
            "curves": self.curves,
            "late_penalty": self.late_penalty,
            "deadline": None if self.deadline is None else dict(self.deadline),
            **({"by_hand": self.by_hand} if self.by_hand else {}),
            "surroundings": list(self.surroundings),
            "held_out": self.held_out,
            "checks": [c.to_json() for c in self.checks],
        }

    @classmethod
    def from_json(cls, exercise: str, data: dict[str, Any]) -> SubmissionResult:
        """The inverse of `to_json`. Raises KeyError, TypeError or ValueError if `data` is something else."""
        return cls(
            student=str(data["student"]),
            exercise=exercise,
            status=Status(data["status"]),
            checks=tuple(CheckResult.from_json(c) for c in data["checks"]),
            message=str(data["message"]),
            notes=tuple(str(n) for n in data["notes"]),
            sandbox=str(data["sandbox"]),
            seconds={str(k): float(v) for k, v in data["seconds"].items()},
            measures={str(k): float(v) for k, v in data.get("measures", {}).items()},
            late_penalty=float(data.get("late_penalty", 0.0)),
            deadline=dict(data["deadline"]) if data.get("deadline") is not None else None,
            by_hand=float(data.get("by_hand", 0.0)),
            held_out=str(data.get("held_out", "")),
            curves={
                str(name): {str(metric): [float(v) for v in values] for metric, values in curve.items()}
                for name, curve in data.get("curves", {}).items()
            },
            surroundings=tuple(str(thing) for thing in data.get("surroundings", ())),
        )


def shown(points: float) -> str:
    """Points as people read them: two decimals at most."""
    return number(round(points, 2))


def of_points(earned: float, most: float) -> str:
    """What was earned of what there is: "2 of 3 points"."""
    return say_plural("{earned} of {n:g} point", "{earned} of {n:g} points", round(most, 2), earned=shown(earned))


def without_tests(name: str, max_points: float, message: str, outcome: Outcome = Outcome.FAILED) -> CheckResult:
    """A check that could not run at all; it earns nothing and says why."""
    return CheckResult(name, max_points, (TestResult(name, outcome, said(message)),))
