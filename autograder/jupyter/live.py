"""What a class finds while it works: counted from `check`, for the teacher's page, and for nothing else.

Whoever works on the Hub sends anything they like in their own name, so nothing of it counts for a grade, nothing that
was sent is ever shown (names of tasks and wordings of hints are the course's own), and each person can change only
their own line. It lies in the course's folder and goes with it.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from autograder.course.directory import Course
from autograder.course.files import write_atomically
from autograder.errors import UnknownExercise
from autograder.exercise import definition
from autograder.exercise.definition import Exercise
from autograder.exercise.outcome import Outcome
from autograder.jupyter import standing
from autograder.language import said, say_plural
from autograder.probe.hints import hints_in

FILE = "live.json"  # in the folder .autograder of the course
MAX_BODY = 1_000  # bytes that one check may send
AT_MOST_EACH = 20  # checks of one person in a minute; more are not counted
WINDOW = 600.0  # seconds: the last ten minutes
STUCK_CHECKS = 4  # of one task, failed since it last went better
STUCK_SECONDS = 300.0
COMMONEST = 3
MAX_PEOPLE = 5_000


@dataclass
class TaskState:
    """One person and one task."""

    outcome: str
    hint: str = ""
    since: float = 0.0  # when it began to be as it is
    last: float = 0.0
    failed: int = 0  # checks since then that were not passed


@dataclass(frozen=True)
class TaskLine:
    """One task on the page."""

    name: str
    passed: int
    trying: int


@dataclass(frozen=True)
class Common:
    """One misunderstanding on the page."""

    task: str
    wording: str
    people: int


@dataclass(frozen=True)
class ExerciseLive:
    """One exercise on the page."""

    exercise: str
    begun: int
    finished: int
    people: tuple[str, ...]  # who has begun, if the course shows names
    tasks: tuple[TaskLine, ...]
    common: tuple[Common, ...]
    stuck: tuple[str, ...]  # sentences


class Live:
    """The counts of one course. Used by one thread."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path, self._clock = path, clock
        self._people: dict[str, dict[str, dict[str, TaskState]]] = {}  # by exercise, person and task
        self._recent: dict[str, deque[float]] = {}
        self._changed = False
        self._read()

    def note(self, course: Course, person: str, sent: Any) -> bool:
        """Count one check; False if it is none that this course knows, or one too many."""
        if not isinstance(sent, dict):
            return False
        name, task, outcome, hint = (sent.get(key) for key in ("exercise", "task", "outcome", "hint"))
        if not all(isinstance(one, str) for one in (name, task, outcome, hint)) or outcome not in _OUTCOMES:
            return False
        known = known_to(course, str(name))
        if known is None or task not in known.tasks:
            return False
        now = self._clock()
        if self._too_many(person, now):
            return False
        people = self._people.setdefault(str(name), {})
        if person not in people and len(people) >= MAX_PEOPLE:
            return False
        hint = str(hint) if hint in known.wordings and outcome != Outcome.PASSED else ""
        tasks = people.setdefault(person, {})
        before = tasks.get(str(task))
        if before is None or before.outcome != outcome:
            before = tasks[str(task)] = TaskState(str(outcome), since=now)
        before.hint, before.last = hint, now
        before.failed += outcome == Outcome.FAILED
        self._changed = True
        return True

    def _too_many(self, person: str, now: float) -> bool:
        if len(self._recent) > MAX_PEOPLE:
            self._recent.clear()
        recent = self._recent.setdefault(person, deque(maxlen=AT_MOST_EACH))
        if len(recent) == AT_MOST_EACH and now - recent[0] < 60:
            return True
        recent.append(now)
        return False

    def seen(self, course: Course, names: bool) -> list[ExerciseLive]:
        """What the page shows, of exercises that somebody checked within a day; the latest first.

        Args:
            names: whether people are named.
        """
        now, found = self._clock(), []
        for exercise, people in self._people.items():
            known = known_to(course, exercise)
            lasts = {person: max(task.last for task in tasks.values()) for person, tasks in people.items() if tasks}
            today = {person: people[person] for person, last in lasts.items() if now - last < 86_400}
            if known is None or not today:
                continue
            found.append((max(lasts.values()), self._of(exercise, known, today, now, names)))
        return [one for _, one in sorted(found, key=lambda pair: -pair[0])]

    @staticmethod
    def _of(
        exercise: str, known: Known, people: Mapping[str, Mapping[str, TaskState]], now: float, names: bool
    ) -> ExerciseLive:
        passed = {t: sum(_is(tasks.get(t), Outcome.PASSED) for tasks in people.values()) for t in known.tasks}
        trying = {t: sum(_is(tasks.get(t), Outcome.FAILED) for tasks in people.values()) for t in known.tasks}
        hints: Counter[tuple[str, str]] = Counter()
        stuck: Counter[str] = Counter()
        named = []
        for person, tasks in sorted(people.items()):
            for name, task in tasks.items():
                if task.hint and now - task.last <= WINDOW and task.hint in known.wordings:
                    hints[name, task.hint] += 1
                if (
                    task.outcome == Outcome.FAILED
                    and task.failed >= STUCK_CHECKS
                    and task.last - task.since >= STUCK_SECONDS
                    and now - task.last <= 2 * WINDOW
                ):
                    stuck[name] += 1
                    minutes = int((now - task.since) // 60)
                    named.append(
                        say_plural(
                            "{person}, at {task}: {failed} checks in {n} minute",
                            "{person}, at {task}: {failed} checks in {n} minutes",
                            minutes,
                            person=person,
                            task=name,
                            failed=task.failed,
                        )
                    )
        counts = [say_plural("{n} person at {task}", "{n} people at {task}", n, task=t) for t, n in stuck.most_common()]
        finished = sum(all(_is(tasks.get(t), Outcome.PASSED) for t in known.tasks) for tasks in people.values())
        return ExerciseLive(
            exercise,
            len(people),
            finished,
            tuple(sorted(people)) if names else (),
            tuple(TaskLine(t, passed[t], trying[t]) for t in known.tasks),
            tuple(Common(t, said(known.wordings[hint]), n) for (t, hint), n in hints.most_common(COMMONEST)),
            tuple(named) if names else tuple(counts),
        )

    def keep(self) -> None:
        """Write the counts to the course's disk, if they have changed. Raises `OSError`."""
        if self._changed and self._path.parent.parent.is_dir():  # a course that is gone stays gone
            content = {
                exercise: {person: {t: vars(state) for t, state in tasks.items()} for person, tasks in people.items()}
                for exercise, people in self._people.items()
            }
            write_atomically(self._path, json.dumps(content))
            self._changed = False

    def forget(self) -> None:
        """Delete all of it. Raises `OSError`."""
        self._people.clear()
        self._changed = False
        self._path.unlink(missing_ok=True)

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
            for exercise, people in json.loads(self._path.read_text("utf-8")).items():
                self._people[exercise] = {
                    person: {t: TaskState(**state) for t, state in tasks.items()} for person, tasks in people.items()
                }


_OUTCOMES = frozenset(map(str, (Outcome.PASSED, Outcome.FAILED, Outcome.NOT_ATTEMPTED)))


def _is(task: TaskState | None, outcome: Outcome) -> bool:
    return task is not None and task.outcome == outcome


@dataclass(frozen=True)
class Known:
    """What the course itself knows of an exercise; of what learners send, only that is counted."""

    tasks: tuple[str, ...]
    wordings: Mapping[str, str] = field(default_factory=dict)  # by id of a hint


def known_to(course: Course, exercise: str) -> Known | None:
    """The exercise's tasks and hints; None if learners have no such exercise."""
    if exercise not in standing.exercises(course):
        return None
    released = course.released(exercise)
    if released is None:
        return None
    try:
        checks = course.checks(exercise)
    except UnknownExercise:
        return None
    return _known(exercise, released, checks, (released.stat().st_mtime_ns, checks.stat().st_mtime_ns))


@cache
def _known(exercise: str, released: Path, checks: Path, _versions: tuple[int, int]) -> Known:
    tasks = tuple(task.grade_id for task in Exercise.read(exercise, released, checks).tasks)
    modules = (*sorted(Path(definition.__file__).parent.glob("*.py")), checks)  # those of all exercises, then its own
    hints = [hint for module in modules for hint in hints_in(module)]
    # A hint that is worked out as a whole is shown by its name.
    return Known(tasks, {hint.id: hint.text if hint.text != "..." else hint.id.replace("-", " ") for hint in hints})
