"""`autograder watch`: what arrives in a course is graded a few seconds later, by workers that stay ready.

Nothing is remembered but what `grade` remembers: a result's note, written after everything else. So a watch that is
killed anywhere loses nothing, and the next one takes up what has no result yet and leaves alone what has one.

It looks at the folder once a second rather than being told, because file systems of the network tell nobody.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from autograder.course.again import asked
from autograder.course.directory import Course
from autograder.course.inbox import Inbox
from autograder.course.receipts import Receipts
from autograder.course.settings import FILE, require_packages
from autograder.course.submissions import Submitted
from autograder.course.times import written
from autograder.errors import UsageError
from autograder.exercise.outcome import Status, of_points, shown
from autograder.exercise.wire import one_line
from autograder.grading import batch
from autograder.grading.pool import Pools
from autograder.language import say, say_plural
from autograder.sandbox.bubblewrap import Sandbox

LOOK_SECONDS = 1.0  # between two looks; what has not changed in between has arrived
MEND_SECONDS = 5.0  # until one looks again after somebody has to mend something
AGAIN_SECONDS = 120.0  # until we try again what failed through our fault
_DEPTH = 4  # folders below a student's

_Signature = tuple[Any, ...]


@dataclass
class Watcher:
    """Looks at one course again and again. The process holds the course's lock (`lock.only_run`).

    Args:
        exercises: those to grade; all of the course, if none is named.
        pools: workers that stay, see `pool.StandingPool`.
        say: is told one line for each thing that happens.
    """

    root: Path
    exercises: tuple[str, ...]
    workers: int
    sandbox: Sandbox
    pools: Pools
    say: Callable[[str], None]
    inbox: Inbox | None = None  # a folder from which hand-ins are taken first
    clock: Callable[[], float] = time.time
    graded: int = 0
    _seen: dict[str, _Signature] = field(default_factory=dict)  # at the last look, by student's folder
    _done: dict[str, _Signature] = field(default_factory=dict)  # when it was graded
    _settings: _Signature | None = None
    _trouble: str = ""  # the last line about something that a person has to mend
    _try_again: float = 0.0
    _not_before: float = 0.0
    _failed: set[str] = field(default_factory=set)
    _began: float = 0.0

    def get_ready(self) -> None:
        """Make ready what takes seconds, before anybody waits for it: the exercises named, or released here before.

        Raises:
            BadSetting, CourseError, UnknownExercise, ReleaseFailed: see `Course.make_ready`.
        """
        course = Course(self.root)
        for name in self._names(course):
            if self.exercises or (course.nbgrader.release / name).is_dir():
                course.make_ready(name)

    def look(self) -> int:
        """Grade what has arrived by now; return how many results there are that were not there before.

        Raises:
            GradingImpossible, ForkServerFailed: nothing can be graded here.
            OSError: the results cannot be written.
        """
        first, now = self._began == 0.0, self.clock()
        if now < self._not_before:
            return 0
        self._began = self._began or now
        try:
            course = Course(self.root)
            if self.inbox is not None:
                self._take_in(course, self.inbox)
            seen = _signatures(course.submitted)
        except UsageError as error:
            self._mend(str(error))
            return 0
        settings = _signature_of(self.root / FILE)
        if settings != self._settings:  # a due date that was moved concerns everybody
            self._settings = settings
            self._done.clear()
        if self._failed and now >= self._try_again:
            for folder in self._failed:
                self._done.pop(folder, None)
            self._failed.clear()
        ripe = {
            folder: signature
            for folder, signature in seen.items()
            if signature != self._done.get(folder) and (first or signature == self._seen.get(folder))
        }
        self._seen = seen
        try:
            count = self._grade_again(course, seen)
            if ripe:
                count += self._grade(course, sorted(ripe), first)
        except UsageError as error:  # a slip in a file of the course: what is there waits until it is mended
            self._mend(str(error))
            return 0
        self._trouble = ""
        self._done = {folder: s for folder, s in self._done.items() if folder in seen} | ripe
        return count

    def _grade_again(self, course: Course, folders: Iterable[str]) -> int:
        """What `autograder grade --force` asked for meanwhile."""
        count = 0
        for wish in asked(course.state):
            if wish.exercise in set(self._names(course)):
                self.say(say("{exercise}: graded again, as `autograder grade --force` asked.", exercise=wish.exercise))
                count += self._grade(course, list(wish.students) or sorted(folders), False, (wish.exercise,), True)
            else:
                self.say(say("{exercise} is not watched here, so it is not graded again.", exercise=wish.exercise))
            wish.done()
        return count

    def _take_in(self, course: Course, inbox: Inbox) -> None:
        receipts, unused = inbox.look(course, list(self._names(course)))
        for receipt in receipts:
            self.say(
                say(
                    "{student}  {exercise}: received, receipt {number}.",
                    student=one_line(receipt.student, 100),
                    exercise=receipt.exercise,
                    number=receipt.number,
                )
            )
        for line in unused:
            self.say(say("Not used: {line}", line=line))

    def _mend(self, message: str) -> None:
        self._not_before = self.clock() + MEND_SECONDS
        if message != self._trouble:
            self._trouble = message
            self.say(
                say(
                    "{message} Nothing is lost: what has arrived is graded once this is mended.",
                    message=one_line(message, 1000),
                )
            )

    def _grade(
        self, course: Course, folders: list[str], first: bool, names: Iterable[str] | None = None, force: bool = False
    ) -> int:
        works = []
        require_packages(course.settings, course.root)
        for name in self._names(course) if names is None else names:
            try:
                found = course.handed_in(name, folders)
            except UsageError:  # somebody's folder was taken away meanwhile
                found = course.handed_in(name)
            those = [one for one in found.submissions if one.path is not None or one.unread or one.folder.is_dir()]
            if those:
                works.append(batch.Work.of_course(course, name, self.sandbox, those))
                self._receive(course, name, those, first)
        if not works:
            return 0
        # How long ago something arrived says nothing about what is graded again.
        arrived = {(w.exercise.name, s.student): 0.0 if force else _arrival(s) for w in works for s in w.submissions}
        folder_of = {s.student: s.folder.parent.name for w in works for s in w.submissions}
        before = self.graded

        def on_progress(progress: batch.Progress, result: dict[str, Any] | None) -> None:
            if result is None:
                return
            self.graded += 1
            if result["status"] == str(Status.ERROR):
                self._failed.add(folder_of[result["student"]])
                self._try_again = self.clock() + AGAIN_SECONDS
            self.say(self._line(result, arrived[result["exercise"], result["student"]]))

        done = batch.grade_as_the_only_run(course, works, self.workers, force, self.pools, on_progress)
        if first and (skipped := sum(one.skipped for one in done)):
            self.say(
                say_plural(
                    "{n} had been graded before and stays as it is.",
                    "{n} had been graded before and stay as they are.",
                    skipped,
                )
            )
        return self.graded - before

    def _names(self, course: Course) -> Iterable[str]:
        if self.exercises:
            return self.exercises
        names = []
        for name in course.exercise_names():
            try:
                course.require_exercise(name)
            except UsageError:  # one that is still being written
                continue
            names.append(name)
        return names

    def _receive(self, course: Course, name: str, those: list[Submitted], first: bool) -> None:
        receipts, now = Receipts(course.state, course.course_id), written(self.clock())
        for one in those:
            if one.path is not None and not one.unread:
                receipt = receipts.give(name, one.student, one.digest, one.timestamp, now)
                if receipt.received == now and not first:
                    self.say(
                        say(
                            "{student}  {name}: received, receipt {number}.",
                            student=one_line(one.student, 100),
                            name=name,
                            number=receipt.number,
                        )
                    )

    def _line(self, result: dict[str, Any], arrived: float) -> str:
        took = self.clock() - arrived
        # What was there before we began has waited for us, which says nothing about how fast we are.
        after = say(", {took:.1f} s after it arrived", took=max(took, 0)) if arrived >= self._began else ""
        says = result["message"] if result["status"] != str(Status.GRADED) else ""
        late = (
            say_plural(", late, {n:g} point less", ", late, {n:g} points less", round(result["late_penalty"], 2))
            if result.get("late_penalty")
            else ""
        )
        best = result.get("best", result["score"])
        counts = say("; another hand-in counts, with {best}", best=shown(best)) if best != result["score"] else ""
        return say(
            "{student}  {exercise}: {points}{late}{counts}{after}.{hint}",
            student=one_line(result["student"], 100),
            exercise=result["exercise"],
            points=of_points(result["score"], result["max_score"]),
            late=late,
            counts=counts,
            after=after,
            hint=" " + one_line(says, 300) if says else "",
        )


def at(line: str) -> str:
    """A line with the time of day before it."""
    return f"{datetime.now():%H:%M:%S}  {line}"


def _arrival(submitted: Submitted) -> float:
    """When a file came here: the last change of its inode, which nobody can set."""
    try:
        return os.lstat(submitted.path or submitted.folder).st_ctime
    except OSError:
        return 0.0


def _signatures(submitted: Path) -> dict[str, _Signature]:
    """What tells one state of each student's folder from another; nothing is read."""
    try:
        entries = list(os.scandir(submitted))
    except FileNotFoundError:
        return {}  # nothing was handed in yet
    except OSError as error:
        raise UsageError(say("{submitted} cannot be read: {why}.", submitted=submitted, why=error.strerror)) from error
    return {e.name: tuple(_states(e.path, _DEPTH)) for e in entries if not e.name.startswith(".") and _is_folder(e)}


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _states(folder: str, depth: int) -> Iterable[_Signature]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        yield folder, error.errno
        return
    for entry in entries[:1_000]:
        if entry.name.startswith("."):
            continue
        if _is_folder(entry):
            if depth > 1:
                yield from _states(entry.path, depth - 1)
        else:
            yield _signature_of(Path(entry.path))


def _signature_of(path: Path) -> _Signature:
    try:
        about = os.lstat(path)
    except OSError as error:
        return str(path), error.errno
    return str(path), about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns
