"""`autograder watch`: what arrives in a course is graded a few seconds later, by workers that stay ready.

Nothing is remembered but what `grade` remembers: a result's note, written after everything else. So a watch that is
killed anywhere loses nothing, and the next one takes up what has no result yet and leaves alone what has one.

It looks at the folder again and again rather than being told, because file systems of the network tell nobody. It
goes on looking while it grades, so that nobody waits for somebody else's endless loop as long as a worker is free.
"""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from autograder.course import nbgrader_config
from autograder.course.again import asked
from autograder.course.directory import Course
from autograder.course.inbox import Inbox
from autograder.course.receipts import Receipts
from autograder.course.settings import require_packages
from autograder.course.settings_file import FILE
from autograder.course.settling import SETTLED_SECONDS, Settling
from autograder.course.submissions import Submitted
from autograder.course.times import written
from autograder.errors import KitError, ReleaseFailed, SchedulerLost, UsageError
from autograder.exercise.outcome import Status, of_points, shown
from autograder.exercise.wire import one_line
from autograder.grading import batch
from autograder.grading.pool import Pools
from autograder.grading.record import Observations
from autograder.grading.works import work_of_course
from autograder.language import say, say_plural
from autograder.sandbox.bubblewrap import Sandbox

LOOK_SECONDS = 0.25  # between two looks, on a file system that answers fast
_SHARE, _MAX_PAUSE_SECONDS = 0.1, 5.0  # of the time, at most, goes into looking, unless looks are too far between
LATER_SECONDS = 30.0  # for so long, at most, a run goes on taking up others while somebody waits for its end
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
    pause: float = LOOK_SECONDS  # until the next look
    _before: dict[str, _Signature] | None = None  # what was there when it was ready; None: what the first look finds
    _seen: dict[str, _Signature] = field(default_factory=dict)  # at the last look, by student's folder
    _settling: Settling[_Signature] = field(default_factory=Settling)
    _done: dict[str, _Signature] = field(default_factory=dict)  # when it was graded
    _settings: _Signature | None = None
    _trouble: str = ""  # the last line about something that a person has to mend
    _try_again: float = 0.0
    _not_before: float = 0.0
    _given: dict[str, str] = field(default_factory=dict)  # what the workers know of each exercise, by its name
    _arrived: dict[tuple[str, str], float] = field(default_factory=dict)  # by exercise and student
    _folder_of: dict[str, str] = field(default_factory=dict)  # by student
    _failed: set[str] = field(default_factory=set)
    _observations: Observations | None = None  # counted once: only who holds the lock adds to them
    _began: float = 0.0

    def get_ready(self) -> None:
        """Make ready what takes seconds, before anybody waits for it: the exercises named, or released here before.

        Raises:
            BadSetting, CourseError, UnknownExercise, ReleaseFailed: see `Course.make_ready`.
        """
        course = Course(self.root)
        course.write_config()
        for name in self._names(course):
            if self.exercises or (course.nbgrader.release / name).is_dir():
                course.make_ready(name)
        with contextlib.suppress(UsageError):  # the first look says what is wrong
            self._before = _signatures(course.submitted)

    def look(self) -> int:
        """Grade what has arrived by now, and what arrives meanwhile; return how many results are new.

        Raises:
            GradingImpossible, ForkServerFailed: nothing can be graded here.
            OSError: the results cannot be written.
        """
        first, now = self._began == 0.0, self.clock()
        if now < self._not_before <= now + MEND_SECONDS:  # else a clock was set back
            return 0
        self._began = self._began or now
        settings, self._settings = self._settings, self._settings_now()
        if settings != self._settings:  # a due date that was moved concerns everybody
            self._done.clear()
        self._try_failed_again(set())
        try:
            course = Course(self.root)
            ripe = self._ripe(course, first)
        except UsageError as error:
            self._mend(str(error))
            return 0
        try:
            count = self._grade_again(course, self._seen)
            if ripe:
                count += self._grade_what_arrives(course, ripe, first)
        except (UsageError, ReleaseFailed, SchedulerLost) as error:
            # A slip in a file of the course, or a cluster that is away: what is there waits until that is mended.
            self._mend(error.what if isinstance(error, SchedulerLost) else str(error))
            return 0
        if self._not_before <= now:  # nothing had to be mended meanwhile
            self._trouble = ""
        self._done = {folder: s for folder, s in self._done.items() if folder in self._seen} | ripe
        return count

    def _ripe(self, course: Course, first: bool = False) -> dict[str, _Signature]:
        """The folders in which there is something to grade that is all there, and their state.

        Raises:
            UsageError: a folder cannot be read, or something lies in it that should not.
        """
        began, now = time.monotonic(), self.clock()
        if self.inbox is not None:
            self._take_in(course, self.inbox)
        self._seen = _signatures(course.submitted)
        self.pause = min(max(LOOK_SECONDS, (time.monotonic() - began) / _SHARE), _MAX_PAUSE_SECONDS)
        quiet = self._settling.look(self._seen, now)
        before = self._seen if self._before is None else self._before
        return {
            folder: state
            for folder, state in self._seen.items()
            if state != self._done.get(folder)
            and (quiet[folder] >= SETTLED_SECONDS or (first and before.get(folder) == state))
        }

    def _settings_now(self) -> _Signature:
        return tuple(map(_signature_of, (self.root / FILE, *nbgrader_config.files(self.root))))

    def _try_failed_again(self, but: Set[str]) -> set[str]:
        """Forget that what failed through our fault was graded, if its time has come. Returns those folders."""
        now = self.clock()
        if not self._failed or now < self._try_again <= now + AGAIN_SECONDS:  # else a clock was set back
            return set()
        again = self._failed - but
        for folder in again:
            self._done.pop(folder, None)
        self._failed -= again
        return again

    def _grade_again(self, course: Course, folders: Iterable[str]) -> int:
        """What `autograder grade --force` asked for meanwhile."""
        count = 0
        for wish in asked(course.state):
            if wish.exercise in set(self._names(course)):
                self.say(say("{exercise}: graded again, as `autograder grade --force` asked.", exercise=wish.exercise))
                if wish.students:
                    found = self._of_students(course, wish.exercise, wish.students)
                else:
                    found = self._handed_in(course, [wish.exercise], folders)
                count += self._grade(course, self._works(course, found), force=True)
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
                    "{message} Nothing is lost: what has arrived is graded once this is fixed.",
                    message=one_line(message, 1000),
                )
            )

    def _grade_what_arrives(self, course: Course, ripe: dict[str, _Signature], first: bool) -> int:
        """Grade these, and what is ripe while that runs; the latter is added to `ripe`.

        What a run rests on stays as it was when it began. So once that has changed, or somebody wants what is done
        again, it takes up nothing more; and an exercise that it does not know, or that has to be released anew, which
        changes the gradebook below it, waits for its end.
        """
        works = self._works(course, self._handed_in(course, self._names(course), ripe), first)
        if not works:
            return 0
        to_come = self._works_to_come(course, {work.exercise.name for work in works})
        rests_on = {work.exercise.name: work.basis.key for work in (*works, *to_come)}
        self._given |= rests_on
        next_look, ending = time.monotonic() + self.pause, False
        for_later: dict[str, _Signature] = {}
        until = math.inf

        def arriving(busy: Set[str], take_up: Callable[[Sequence[batch.Work]], None]) -> None:
            nonlocal next_look, ending, until
            if ending or time.monotonic() < next_look:
                return
            ending = time.monotonic() > until or bool(asked(course.state)) or self._settings_now() != self._settings
            if ending:
                return
            taken = {self._folder_of[student] for student in busy}
            for folder in self._try_failed_again(taken):
                ripe.pop(folder, None)
            try:
                more = {folder: s for folder, s in self._ripe(course).items() if folder not in taken}
                more = {f: s for f, s in more.items() if s not in (ripe.get(f), for_later.get(f))}
                found = self._handed_in(course, self._names(course), more) if more else {}
                known = {name: those for name, those in found.items() if name in rests_on}
                ending = not all(map(course.is_ready, known))
                if ending:
                    return
                works = self._works(course, known)
                ending = any(rests_on[work.exercise.name] != work.basis.key for work in works)
                if ending:
                    return
                if works:
                    take_up(works)
                for name in found.keys() - known.keys():
                    self._receive(course, name, found[name], False)
                    waiting = {one.students_folder for one in found[name]}
                    for_later.update({folder: state for folder, state in more.items() if folder in waiting})
                    until = min(until, time.monotonic() + LATER_SECONDS)
                ripe.update({folder: state for folder, state in more.items() if folder not in for_later})
                next_look = time.monotonic() + self.pause
            except (UsageError, ReleaseFailed) as error:  # this passes, or it is mended, or it is said again at the end
                self._mend(str(error))
                next_look = time.monotonic() + MEND_SECONDS

        return self._grade(course, works, first, arriving=arriving, to_come=to_come)

    def _handed_in(self, course: Course, names: Iterable[str], folders: Iterable[str]) -> dict[str, list[Submitted]]:
        """What there is of these exercises in these students' folders, by exercise."""
        those = list(folders)
        return self._there({name: course.in_folders(name, those) for name in names})

    def _of_students(self, course: Course, name: str, students: tuple[str, ...]) -> dict[str, list[Submitted]]:
        """What there is of an exercise of these students, by exercise; named as somebody asked for them."""
        try:
            found = course.submissions(name, list(students))
        except UsageError:  # somebody's folder was taken away meanwhile
            wanted = set(students)
            found = [one for one in course.submissions(name) if {one.students_folder, one.student} & wanted]
        return self._there({name: found})

    def _there(self, found: Mapping[str, list[Submitted]]) -> dict[str, list[Submitted]]:
        """Those in which there is something. When it came and where it lies is remembered."""
        there: dict[str, list[Submitted]] = {}
        for name, asked_for in found.items():
            those = [one for one in asked_for if one.path is not None or one.unread or one.folder.is_dir()]
            if those:
                there[name] = those
            self._arrived |= {(name, one.student): _arrival(one) for one in those}
            self._folder_of |= {one.student: one.students_folder for one in those}
        return there

    def _works(self, course: Course, found: Mapping[str, list[Submitted]], first: bool = False) -> list[batch.Work]:
        """What there is to grade, with receipts given."""
        require_packages(course.settings, course.root)
        works = []
        for name, those in found.items():
            works.append(work_of_course(course, name, self.sandbox, those))
            self._receive(course, name, those, first)
        return works

    def _works_to_come(self, course: Course, but: Set[str]) -> list[batch.Work]:
        """The other exercises of which something may arrive while a run goes on, as far as nothing is to be made."""
        works = []
        for name in self._names(course):
            with contextlib.suppress(KitError, OSError, ValueError):  # whoever hands it in is told
                if name not in but and course.is_ready(name):
                    work = work_of_course(course, name, self.sandbox, [])
                    if self._given.get(name) in (None, work.basis.key):
                        works.append(work)  # one that has changed would have the workers begin anew, for nobody yet
        return works

    def _grade(
        self,
        course: Course,
        works: list[batch.Work],
        first: bool = False,
        force: bool = False,
        arriving: batch.Arriving | None = None,
        to_come: Sequence[batch.Work] = (),
    ) -> int:
        before = self.graded

        def on_progress(progress: batch.Progress, result: dict[str, Any] | None) -> None:
            if result is None:
                if first and progress.skipped:
                    self.say(
                        say_plural(
                            "{n} had been graded before and stays as it is.",
                            "{n} had been graded before and stay as they are.",
                            progress.skipped,
                        )
                    )
                return
            self.graded += 1
            if result["status"] == str(Status.ERROR):
                self._failed.add(self._folder_of[result["student"]])
                self._try_again = self.clock() + AGAIN_SECONDS
            # How long ago something arrived says nothing about what is graded again.
            arrived = 0.0 if force else self._arrived[result["exercise"], result["student"]]
            self.say(self._line(result, arrived))

        if works:
            if self._observations is None or self._observations.full:  # somebody may have made room
                self._observations = Observations(course)
            batch.grade_as_the_only_run(
                course, works, self.workers, force, self.pools, on_progress, arriving, to_come, self._observations
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
            yield _signature_of(entry.path)


def _signature_of(path: str | Path) -> _Signature:
    try:
        about = os.lstat(path)
    except OSError as error:
        return str(path), error.errno
    return str(path), about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns
