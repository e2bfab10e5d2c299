"""What a class's results say: plain figures, before anybody draws them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median, quantiles

from autograder.exercise.outcome import CheckResult, Outcome, Status, TestResult, hint_id, model_measured
from autograder.exercise.submission import STOPPED
from autograder.grading.timing import Odd, slowest, strangest
from autograder.language import _
from autograder.report.by_hand import Reason, reasons
from autograder.report.class_results import ClassResults, Entry, TaskInfo

# How a task can have gone, best first, and what the page calls it.
MARKS = {
    "passed": _("passed"),
    "partly": _("partly"),
    "failed": _("failed"),
    "not attempted": _("not attempted"),
    "ours": _("ours"),
}


@dataclass(frozen=True)
class Spread:
    """Five numbers about many."""

    count: int
    lowest: float
    quarter: float
    median: float
    three_quarters: float
    highest: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread | None:
        """The spread of `values`; None if there are none."""
        found = sorted(values)
        if not found:
            return None
        low, middle, high = quantiles(found, n=4, method="inclusive") if len(found) > 1 else found * 3
        return cls(len(found), found[0], low, middle, high, found[-1])


@dataclass(frozen=True)
class TaskRates:
    """How a task went: students by mark."""

    task: TaskInfo
    students: dict[str, int]

    @property
    def pass_rate(self) -> float:
        """Share of those whose answer was checked: without those where one of our checks broke."""
        checked = sum(n for mark, n in self.students.items() if mark != "ours")
        return self.students["passed"] / checked if checked else 0.0


@dataclass(frozen=True)
class Misunderstanding:
    """One thing that several students got wrong in the same way."""

    task: TaskInfo
    hint: str  # what the students were told, or what was found if there is no hint
    message: str  # what was found in the example
    example: str  # the student with the best score among them: little else is wrong there
    students: tuple[str, ...]
    hint_id: str  # the hint's name, '' if it has none
    stopped: bool  # their cell stopped with an error: a symptom rather than a misunderstanding

    @property
    def count(self) -> int:
        return len(self.students)

    @property
    def about(self) -> str:
        return self.task.objective or self.task.name


@dataclass(frozen=True)
class Timing:
    """Seconds, by stage and by student."""

    stages: dict[str, Spread]
    slowest: list[tuple[str, float]]
    strangest: list[Odd]


@dataclass(frozen=True)
class Curve:
    """One history, of all students who have it: by metric, the students' values and the class's median."""

    name: str
    lines: dict[str, list[list[float]]]

    def median(self, metric: str) -> list[float]:
        """The median for each epoch that at least half of the students trained for."""
        lines = self.lines[metric]
        epochs = max(map(len, lines), default=0)
        columns = [[line[epoch] for line in lines if len(line) > epoch] for epoch in range(epochs)]
        return [median(column) for column in columns if 2 * len(column) >= len(lines)]


@dataclass(frozen=True)
class Findings:
    """All that a report tells."""

    results: ClassResults
    scores: Spread | None
    max_score: float
    scored: tuple[Entry, ...]
    tasks: list[TaskRates]
    misunderstandings: list[Misunderstanding]  # commonest first
    explain_again: list[Misunderstanding]  # at most two, about different things
    accuracy: dict[str, list[float]]  # by what was measured
    timing: Timing
    curves: list[Curve]
    by_hand: list[Reason]

    @property
    def sandboxes(self) -> list[str]:
        return sorted({e.result.sandbox for e in self.results.entries if e.result.sandbox})


def find(results: ClassResults) -> Findings:
    """Work out everything that a report tells."""
    scored = tuple(e for e in results.entries if e.scored)
    common = _misunderstandings(results)
    return Findings(
        results=results,
        scores=Spread.of(e.result.score for e in scored),
        max_score=sum(t.points for t in results.tasks),
        scored=scored,
        tasks=[_rates(task, results.entries) for task in results.tasks],
        misunderstandings=common,
        explain_again=_explain_again(common),
        accuracy=_accuracy(results),
        timing=_timing(results),
        curves=_curves(results),
        by_hand=reasons(results),
    )


def mark_of(check: CheckResult | None) -> str:
    """One of `MARKS`."""
    if check is None or check.outcome is Outcome.ERROR:
        return "ours"
    if check.outcome is Outcome.FAILED:
        return "partly" if check.points > 0 else "failed"
    return str(check.outcome)


def _rates(task: TaskInfo, entries: tuple[Entry, ...]) -> TaskRates:
    students = dict.fromkeys(MARKS, 0)
    for entry in entries:
        check = next((c for c in entry.result.checks if c.name == task.name), None)
        students[mark_of(check)] += 1
    return TaskRates(task, students)


def _misunderstandings(results: ClassResults) -> list[Misunderstanding]:
    """Failures with the same hint in the same task, counted once for a student and a task."""
    tasks = {task.name: task for task in results.tasks}
    found: dict[tuple[str, str], list[tuple[Entry, TestResult]]] = defaultdict(list)
    for entry in results.entries:
        if entry.result.status in (Status.MISSING, Status.UNREADABLE, Status.ERROR):
            continue
        for check in entry.result.checks:
            problem = check.first_problem
            if problem is None or problem.outcome is not Outcome.FAILED or check.name not in tasks:
                continue
            if entry.result.message and problem.message == entry.result.message:
                continue  # stopped before this task: nothing is known about it
            found[check.name, _same(problem)].append((entry, problem))
    common = []
    for (name, _same_hint), cases in found.items():
        entry, problem = max(cases, key=lambda case: case[0].result.score)
        hint = problem.hints[0] if problem.hints else problem.message
        common.append(
            Misunderstanding(
                task=tasks[name],
                hint=hint,
                message=problem.message,
                example=entry.student,
                students=tuple(e.student for e, _problem in cases),
                hint_id=hint_id(hint),
                stopped=problem.stopped
                or STOPPED in problem.message  # in results that do not say it by themselves
                or hint_id(hint).startswith(("surroundings", "rests-on")),
            )
        )
    order = list(tasks)
    return sorted(common, key=lambda m: (-m.count, order.index(m.task.name), m.hint))


def _same(problem: TestResult) -> str:
    """What failures must have in common to count as one.

    That is the hint's name, else its words, else the message whatever its numbers are.
    """
    if problem.hints:
        return hint_id(problem.hints[0]) or problem.hints[0]
    return re.sub(r"\d[\d.,]*", "#", problem.message)


def _explain_again(common: list[Misunderstanding]) -> list[Misunderstanding]:
    """The two commonest that are about different things and concern more than one student."""
    worth = [m for m in common if m.count > 1 and not m.stopped]
    first = worth[:1]
    different = [m for m in worth if m.about != first[0].about]
    return first + (different or worth[1:])[:1]


def _accuracy(results: ClassResults) -> dict[str, list[float]]:
    values: dict[str, list[float]] = defaultdict(list)
    for entry in results.entries:
        for name, value in entry.result.measures.items():
            if model_measured(name) and 0 <= value <= 1:
                values[name].append(value)
    return dict(values)


def _timing(results: ClassResults) -> Timing:
    times = {e.student: e.result.seconds for e in results.entries if e.result.seconds}
    stages = dict.fromkeys(stage for seconds in times.values() for stage in seconds)
    spreads = {s: Spread.of(seconds[s] for seconds in times.values() if s in seconds) for s in stages}
    slow = slowest(times)
    strange = strangest(times, besides=[student for student, _ in slow])
    return Timing({s: spread for s, spread in spreads.items() if spread}, slow, strange)


def _curves(results: ClassResults) -> list[Curve]:
    lines: dict[str, dict[str, list[list[float]]]] = defaultdict(lambda: defaultdict(list))
    for entry in results.entries:
        for name, metrics in entry.result.curves.items():
            for metric, values in metrics.items():
                if values:
                    lines[name][metric].append(values)
    return [Curve(name, dict(metrics)) for name, metrics in lines.items()]
