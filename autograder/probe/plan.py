"""Which notebooks an exercise's checks are tried with."""

from __future__ import annotations

import difflib
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from autograder.exercise.definition import Exercise
from autograder.language import _, say
from autograder.probe.declared import Declared
from autograder.probe.equivalents import equivalents_of
from autograder.probe.hints import strings_in
from autograder.probe.mutants import mutants_of
from autograder.probe.source import Solution

Kind = Literal["solution", "wrong", "right"]
MORE_CELLS = "more-cells", _("more cells than the notebook had")


@dataclass(frozen=True)
class Case:
    """One notebook, handed in under a name."""

    student: str
    kind: Kind
    task: str  # that it is about; '' for all
    name: str  # of the operator
    words: str
    answers: dict[str, str]  # the cells that are not the solution's
    notebook: str  # as JSON
    line: str = ""  # the changed line of a wrong answer
    declared: str = ""  # why it is not wrong after all


@dataclass(frozen=True)
class Plan:
    """All cases, and what was declared without there being such a case."""

    cases: tuple[Case, ...]
    unmatched: tuple[Declared, ...]
    made: int  # wrong answers before any were left out

    def of(self, kind: Kind) -> list[Case]:
        return [case for case in self.cases if case.kind == kind]


def plan(
    exercise: Exercise,
    solution: Solution,
    declared: Sequence[Declared] = (),
    limit: int | None = None,
    seed: int = 0,
) -> Plan:
    """The solution, the wrong answers that are made of it, and the right ones.

    Args:
        limit: of the wrong and of the right answers this many at most; which, depends on the seed alone.
    """
    wrong = _wrong(exercise, solution, declared)
    unmatched = tuple(one for one in declared if not any(case.declared == one.reason for case in wrong))
    right = _right(solution)
    chosen = [*_some(wrong, limit, seed), *_some(right, limit, seed)]
    tasks = dict.fromkeys(case.task for case in chosen if case.task)
    # The solution as it is, and cut down as the wrong answers are: what these lose must be their own doing.
    whole = Case("solution", "solution", "", "solution", "the solution", {}, solution.with_answers({}))
    cut = [
        Case(
            f"solution-{task}",
            "solution",
            task,
            "solution",
            say("the solution, for {task} alone", task=task),
            {},
            _cut(exercise, solution, task),
        )
        for task in tasks
    ]
    return Plan((whole, *cut, *chosen), unmatched, len(wrong))


def whole(solution: Solution, case: Case) -> str:
    """The notebook of a case with all its cells."""
    return solution.with_answers(case.answers)


def difference(solution: Solution, case: Case) -> str:
    """What a case changes, as a diff."""
    lines: list[str] = []
    for grade_id, source in case.answers.items():
        before, after = solution.answers[grade_id].split("\n"), source.split("\n")
        lines += [
            line for line in difflib.unified_diff(before, after, lineterm="", n=1) if line[:3] not in ("---", "+++")
        ]
    return "\n".join(line for line in lines if not line.startswith("@@"))


def _wrong(exercise: Exercise, solution: Solution, declared: Iterable[Declared]) -> list[Case]:
    cases = []
    count: dict[tuple[str, str], int] = defaultdict(int)
    for answer, source in solution.answers.items():
        task = solution.task_of_answer.get(answer)
        if task is None:
            continue  # no check follows it
        for mutant in mutants_of(source, solution.around(answer)):
            count[task, mutant.operator] += 1
            student = f"{task}-{mutant.operator}-{count[task, mutant.operator]}"
            reason = next((d.reason for d in declared if d.means(task, mutant)), "")
            answers = {answer: mutant.source}
            notebook = _cut(exercise, solution, task, answers)
            case = Case(student, "wrong", task, mutant.operator, mutant.words, answers, notebook, mutant.line, reason)
            cases.append(case)
    return cases


def _right(solution: Solution) -> list[Case]:
    cases = [
        Case(
            f"right-{one.name}", "right", "", one.name, one.words, dict(one.answers), solution.with_answers(one.answers)
        )
        for one in equivalents_of(solution.answers, solution.texts)
    ]
    name, words = MORE_CELLS
    return [*cases, Case(f"right-{name}", "right", "", name, words, {}, solution.with_more_cells())]


def _cut(exercise: Exercise, solution: Solution, task: str, answers: dict[str, str] | None = None) -> str:
    asked = strings_in(exercise.checks, exercise.task(task).test_class)
    return solution.only_for(task, answers or {}, asked)


def _some(cases: list[Case], limit: int | None, seed: int) -> list[Case]:
    """At most `limit` of the cases, from as many tasks and operators as there are; in the order that they had."""
    if limit is None or len(cases) <= limit:
        return cases
    chance = random.Random(seed)
    groups: dict[tuple[str, str], list[Case]] = defaultdict(list)
    for case in cases:
        groups[case.task, case.name].append(case)
    waiting = list(groups.values())
    for group in waiting:
        chance.shuffle(group)
    chance.shuffle(waiting)
    taken: set[str] = set()
    while len(taken) < limit:
        for group in waiting:
            if group and len(taken) < limit:
                taken.add(group.pop().student)
    return [case for case in cases if case.student in taken]
