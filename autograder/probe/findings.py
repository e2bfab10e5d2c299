"""What the graded class says of the checks: plain figures, before anybody shows them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from autograder.exercise.definition import Exercise
from autograder.exercise.outcome import Outcome
from autograder.exercise.submission import MEND_FIRST, STOPPED
from autograder.probe.hints import Written, hints_in, sentences_in
from autograder.probe.parrot import Earned
from autograder.probe.plan import Case, Plan, difference
from autograder.probe.source import Solution

FORM = 1  # of the JSON


class Verdict(StrEnum):
    """What became of a wrong answer."""

    PASSES = "passes"  # full marks
    NAMED = "named"  # a hint of its own says what is wrong
    ERROR = "error"  # it stopped with an error of Python's or Keras's, which the learner is shown
    MISSING = "missing"  # there was nothing to check
    GENERIC = "generic"  # only what everybody gets whose answer is not right
    EQUIVALENT = "equivalent"  # declared to be no mistake
    UNCHECKED = "unchecked"  # ours: the check broke, or the notebook was not graded


@dataclass(frozen=True)
class Tried:
    """A wrong answer, and what the checks said."""

    case: Case
    verdict: Verdict
    points: float
    max_points: float
    message: str
    hint: str
    hint_id: str
    difference: str

    def to_json(self) -> dict[str, Any]:
        case = self.case
        content = {
            "task": case.task,
            "operator": case.name,
            "mistake": case.words,
            "line": case.line,
            "verdict": str(self.verdict),
            "points": self.points,
            "max_points": self.max_points,
            "message": self.message,
            "hint": self.hint,
            "hint_id": self.hint_id,
            "diff": self.difference,
            "submission": case.student,
        }
        return content | ({"reason": case.declared} if case.declared else {})

    def declaration(self) -> dict[str, str]:
        """The entry that would declare it equivalent, but for the reason."""
        return {"task": self.case.task, "operator": self.case.name, "line": self.case.line, "reason": ""}


@dataclass(frozen=True)
class Lost:
    """Points that a right answer has lost in a task."""

    case: Case
    task: str
    points: float
    max_points: float
    message: str
    hint: str
    difference: str

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.case.name,
            "what": self.case.words,
            "task": self.task,
            "points": self.points,
            "max_points": self.max_points,
            "message": self.message,
            "hint": self.hint,
            "diff": self.difference,
            "submission": self.case.student,
        }


@dataclass(frozen=True)
class TaskFindings:
    """One task's wrong answers, counted by what became of them."""

    task: str
    points: float
    counts: Mapping[Verdict, int]
    parrot: float  # points beyond what typing anything earns
    solved: bool  # whether the solution itself earns full marks

    @property
    def judged(self) -> int:
        """Wrong answers that are wrong."""
        return sum(n for verdict, n in self.counts.items() if verdict not in (Verdict.EQUIVALENT, Verdict.UNCHECKED))


@dataclass(frozen=True)
class Findings:
    """All that a probe has found."""

    exercise: str
    seed: int
    limit: int | None
    made: int  # wrong answers that could have been tried
    tasks: tuple[TaskFindings, ...]
    tried: tuple[Tried, ...]
    right: int  # right answers tried
    lost: tuple[Lost, ...]
    never_earned: tuple[Written, ...]
    unmatched: tuple[str, ...]  # declared, without there being such a wrong answer
    earned: Mapping[str, int]  # hint ids, and how many wrong answers each was given

    def of(self, verdict: Verdict) -> list[Tried]:
        return [one for one in self.tried if one.verdict is verdict]

    def count(self, *verdicts: Verdict) -> int:
        return sum(task.counts.get(verdict, 0) for task in self.tasks for verdict in verdicts)

    @property
    def judged(self) -> int:
        return sum(task.judged for task in self.tasks)

    @property
    def failing(self) -> float | None:
        """The share of the wrong answers that lose points; None if there were none."""
        return 1 - self.count(Verdict.PASSES) / self.judged if self.judged else None

    @property
    def named(self) -> float | None:
        """Of those that could be named, because no error stopped them, the share that were."""
        named, generic = self.count(Verdict.NAMED), self.count(Verdict.GENERIC)
        return named / (named + generic) if named + generic else None

    @property
    def parrots(self) -> list[TaskFindings]:
        return [task for task in self.tasks if task.parrot > 0]

    def to_json(self) -> dict[str, Any]:
        return {
            "form": FORM,
            "exercise": self.exercise,
            "seed": self.seed,
            "limit": self.limit,
            "wrong_answers": self.made,
            "tried": len(self.tried),
            "failing": self.failing,
            "named": self.named,
            "tasks": [
                {"task": t.task, "points": t.points, "solved": t.solved, "parrot": t.parrot}
                | {str(verdict): t.counts.get(verdict, 0) for verdict in Verdict}
                for t in self.tasks
            ],
            "answers": [one.to_json() for one in self.tried],
            "right_answers": self.right,
            "lost": [one.to_json() for one in self.lost],
            "hints_never_earned": [{"id": hint.id, "hint": hint.text} for hint in self.never_earned],
            "hints_earned": dict(self.earned),
            "declared_without_a_match": list(self.unmatched),
        }


def find(
    exercise: Exercise,
    solution: Solution,
    planned: Plan,
    results: Mapping[str, Mapping[str, Any]],
    heard: Sequence[Earned],
    seed: int,
    limit: int | None,
) -> Findings:
    """Work out everything that a report tells.

    Args:
        results: of the graded class, by student, as `SubmissionResult.to_json` makes them.
        heard: what the parrot earned in each task.
    """
    written = hints_in(exercise.checks)
    last_resorts = {hint.id for hint in written if hint.last_resort} - {h.id for h in written if not h.last_resort}
    plain = sentences_in(exercise.checks)
    tried = tuple(_tried(case, results[case.student], last_resorts, plain, solution) for case in planned.of("wrong"))
    whole = results["solution"]
    solved = {task.grade_id: _check(whole, task.grade_id)["outcome"] == Outcome.PASSED for task in exercise.tasks}
    earned = Counter(_hint_ids(results.values()))
    by_parrot = {one.task: max(0.0, round(one.parrot - one.blind, 4)) for one in heard}
    tasks = tuple(
        TaskFindings(
            task.grade_id,
            task.points,
            Counter(one.verdict for one in tried if one.case.task == task.grade_id),
            by_parrot.get(task.grade_id, 0.0),
            solved[task.grade_id],
        )
        for task in exercise.tasks
    )
    rights = planned.of("right")
    lost = [loss for case in rights for loss in _lost(case, results[case.student], solved, solution)]
    return Findings(
        exercise=exercise.name,
        seed=seed,
        limit=limit,
        made=planned.made,
        tasks=tasks,
        tried=tried,
        right=len(rights),
        lost=tuple(lost),
        never_earned=tuple({h.id: h for h in written if h.id not in earned}.values()),
        unmatched=tuple(map(str, planned.unmatched)),
        earned=dict(sorted(earned.items())),
    )


def _tried(
    case: Case, result: Mapping[str, Any], last_resorts: set[str], plain: frozenset[str], solution: Solution
) -> Tried:
    check = _check(result, case.task)
    return Tried(
        case,
        _verdict(case, check, last_resorts, plain),
        float(check["points"]),
        float(check["max_points"]),
        str(check["message"]),
        str(check["hint"]),
        str(check["hint_id"]),
        difference(solution, case),
    )


def _verdict(case: Case, check: Mapping[str, Any], last_resorts: set[str], plain: frozenset[str]) -> Verdict:
    if case.declared:
        return Verdict.EQUIVALENT
    if check["outcome"] == Outcome.ERROR:
        return Verdict.UNCHECKED
    if check["points"] >= check["max_points"]:
        return Verdict.PASSES
    if check["outcome"] == Outcome.NOT_ATTEMPTED:
        return Verdict.MISSING
    if check["hint_id"] and check["hint_id"] not in last_resorts and check["hint_id"] != MEND_FIRST.id:
        return Verdict.NAMED
    if check["hint"] in plain:
        return Verdict.NAMED
    return Verdict.ERROR if STOPPED in check["message"] or "` stopped with " in check["message"] else Verdict.GENERIC


def _lost(case: Case, result: Mapping[str, Any], solved: Mapping[str, bool], solution: Solution) -> Iterable[Lost]:
    for check in result["checks"]:
        if check["points"] < check["max_points"] and solved.get(check["name"]):
            mine = {a: s for a, s in case.answers.items() if solution.task_of_answer.get(a) == check["name"]}
            only = Case(case.student, case.kind, check["name"], case.name, case.words, mine or case.answers, "")
            yield Lost(
                case,
                str(check["name"]),
                float(check["points"]),
                float(check["max_points"]),
                str(check["message"]),
                str(check["hint"]),
                difference(solution, only),
            )


def _check(result: Mapping[str, Any], task: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next(check for check in result["checks"] if check["name"] == task)
    return found


def _hint_ids(results: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for result in results:
        for check in result["checks"]:
            yield from {test["hint_id"] for test in check.get("tests", ()) if test.get("hint_id")}
