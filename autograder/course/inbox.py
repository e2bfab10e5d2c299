"""Taking in what is handed in while a course runs: stamped, put where it is graded, and given a receipt.

`receive` takes one file that somebody hands in, at the time of this computer's clock. `Inbox` looks at a folder, such
as nbgrader's exchange, again and again, and takes in what is new there.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograder.course.accounts import Accounts
from autograder.course.collect import ANOTHER, Collected, collect
from autograder.course.directory import Course
from autograder.course.kept import REPLACED
from autograder.course.reading import Unreadable, read_notebook
from autograder.course.receipts import Receipt, Receipts
from autograder.course.roster import Roster, fits_a_folder
from autograder.course.settling import SETTLED_FOR_GOOD_SECONDS, SETTLED_SECONDS, Settling
from autograder.course.sources import (
    MAX_ENTRIES,
    Delivery,
    Exchange,
    ExchangeByLearner,
    SubmissionSource,
    exercise_in_exchange,
    is_drop_box,
    open_source,
)
from autograder.course.submissions import Unused, hidden, may_be_one
from autograder.course.times import written
from autograder.errors import BadSource, CourseError
from autograder.language import say

MAX_KEPT_BYTES = 200_000_000  # of what one student handed in for one exercise, all versions together
MAX_HAND_INS = 200  # of one student for one exercise, because each view of the course's page reads all receipts
_DEPTH = 6  # folders below one that is looked at
_MOST = 1_000  # files and folders of one hand-in that are looked at
_AT_ONCE = 10  # hand-ins of one learner in the exchange that one look takes up, the latest first
_KNOWN = "taken-in.jsonl"  # in the folder .autograder of the course


@dataclass(frozen=True)
class Received:
    """What became of a hand-in: a receipt, or the reason why it was not taken, as a sentence for its maker."""

    receipt: Receipt | None
    why_not: str = ""
    known: bool = False  # this very file was here already


@dataclass
class _OneFile:
    """A source with one file in it."""

    delivery: Delivery
    title: str = "a hand-in"

    def deliveries(self, exercise: str) -> Iterator[Delivery | Unused]:
        yield self.delivery


def receive(course: Course, exercise: str, student: str, file: str, content: bytes, now: float) -> Received:
    """Take in a file that a student hands in now.

    Args:
        student: who it is, from whoever made sure of it.
        file: what the student calls the file.
        now: seconds since the epoch, by this computer's clock.

    Raises:
        CourseError, BadSetting, UnknownExercise: nothing can be taken in here.
    """
    course.require_exercise(exercise)
    if not fits_a_folder(student):
        return Received(None, say("Your user name cannot be used as a folder name here. Tell your teacher."))
    before = _Before.of(course, exercise, student)
    if before.times >= MAX_HAND_INS:
        return Received(
            None,
            say(
                "You have handed in {times} times for this exercise, which is the limit. Ask your teacher.",
                times=MAX_HAND_INS,
            ),
        )
    if before.size + len(content) > MAX_KEPT_BYTES:
        return Received(
            None,
            say(
                "You have handed in more than {megabytes} MB for this exercise. Ask your teacher.",
                megabytes=MAX_KEPT_BYTES // 10**6,
            ),
        )
    name = Path(file.replace("\\", "/")).name or f"{exercise}.ipynb"
    if may_be_one(name) and not name.casefold().endswith(".zip"):
        try:
            read_notebook(content)  # whoever sends it is still here to mend it
        except Unreadable as error:
            return Received(None, str(error))
    one = Delivery(student, "", Path(name), now, False, lambda: content, secret="")
    done = take_in(course, exercise, _OneFile(one), now)
    if done.receipts:
        return Received(done.receipts[0], known=bool(done.collected.count("the same")))
    if done.collected.taken:  # clocks went back, so an earlier hand-in seems later
        return Received(
            None, say("What you handed in before carries a later time, so it is still what counts. Tell your teacher.")
        )
    if done.collected.asking:
        return Received(None, say("Your teacher will read your request."))
    why = next((unused.why for unused in done.collected.unused), say("it cannot be read"))
    return Received(None, say("It was not accepted: {why}.", why=why))


@dataclass(frozen=True)
class TakenIn:
    """What came of looking at a source: what was collected, and the receipts, those given before too."""

    collected: Collected
    receipts: list[Receipt]


def take_in(
    course: Course,
    exercise: str,
    source: SubmissionSource,
    now: float,
    roster: Roster | None = None,
    among: bool = False,
) -> TakenIn:
    """Collect from a source, and give receipts. `among`: see `collect`.

    Raises:
        CourseError: the course cannot be written to.
    """
    kept = course.state / exercise / REPLACED
    collected = collect(source, exercise, course.submitted, kept, roster, course.released(exercise), among=among)
    receipts = []
    book = Receipts(course.state, course.course_id)
    for taken in collected.taken:
        if taken.what != "older":
            one = course.submission(exercise, taken.student)
            receipts.append(book.give(exercise, one.student, one.digest, one.timestamp, written(now)))
    return TakenIn(collected, receipts)


@dataclass(frozen=True)
class _Before:
    """What a student has handed in for an exercise so far; its limits keep the disk and the page free for others."""

    times: int = 0
    size: int = 0  # bytes of what was replaced

    @classmethod
    def of(cls, course: Course, exercise: str, student: str) -> _Before:
        times = size = 0
        try:
            for entry in os.scandir(course.state / exercise / REPLACED / student):
                size += entry.stat(follow_symlinks=False).st_size
                times += not entry.name.startswith(".")  # beside each notebook lies a file that says when it came
        except OSError:
            pass  # nothing was replaced yet
        return cls(times + (course.submitted / student / exercise).is_dir(), size)


_State = tuple[Any, ...]


@dataclass
class Inbox:
    """A folder into which hand-ins come while somebody looks.

    What has not changed for a moment has arrived, and is taken in once. nbgrader's exchange gets a new folder for each
    hand-in and keeps the old ones, tens of thousands in a term; so the names of those that were taken in are kept in
    the course. An exchange that was restored, with new times, then brings nothing back.
    """

    path: Path
    clock: Callable[[], float]
    by_learner: bool = False  # an exchange with a folder for each learner, as on Kubernetes
    exchange: bool = False  # nbgrader's, and never guessed to be anything else: learners decide what lies in it
    roster: Roster | None = None
    _settling: Settling[_State] = field(default_factory=Settling)
    _done: dict[str, _State] = field(default_factory=dict)
    _known: set[str] | None = None  # folders of the exchange that were taken in
    _known_then: tuple[Accounts | None, frozenset[str]] | None = None  # who is who, and exercises, at the last look
    _reported: set[str] = field(default_factory=set)

    @classmethod
    def at(cls, path: Path, course: Course, clock: Callable[[], float], roster: Roster | None = None) -> Inbox:
        """An inbox for a folder that somebody names; an exchange if learners write to it, whatever lies there."""
        own = _is_inbound(path, course)
        return cls(path, clock, own and course.inbound_by_learner, own or is_drop_box(path), roster)

    def look(self, course: Course, exercises: Collection[str]) -> tuple[list[Receipt], list[str]]:
        """Take in what has arrived since the last look.

        Returns:
            The receipts that are new, and a line for everything that cannot be used.

        Raises:
            BadSource: the folder cannot be read.
            CourseError: the course cannot be written to.
        """
        now = self.clock()
        known = course.accounts, frozenset(exercises)
        if known != self._known_then:  # what nobody could place then may have its place now
            self._known_then = known
            self._done.clear()
        receipts: list[Receipt] = []
        unused: dict[Path, dict[str, Unused]] = {}  # by exercise
        sources = list(self._sources(course, exercises))
        states = {prefix + name: state for prefix, _, own in sources for name, state in own.items()}
        states = {name: state for name, state in states.items() if _holds_a_file(state)}
        quiet = self._settling.look(states, now)
        for prefix, source, own in sources:
            here = {prefix + name for name in own} & states.keys()
            ripe = {n for n in here if quiet[n] >= _settled_after(n) and states[n] != self._done.get(n)}
            if not ripe:
                continue
            names = {name.removeprefix(prefix) for name in ripe}
            opened = source(names)
            only = _Only(opened, self.path / prefix, names, course)
            later, again = set(), set()
            for exercise in exercises:
                done = take_in(course, exercise, only, now, self.roster, among=len(exercises) > 1)
                receipts += [receipt for receipt in done.receipts if receipt.received == written(now)]
                for one in done.collected.unused:
                    entry = only.entry(one.path)
                    if one.for_now:
                        later.add(entry)
                    if one.failed:
                        again.add(prefix + entry)
                    its = exercises if _exercise_of(entry) == exercise else [exercise]  # no other looks at it then
                    unused.setdefault(one.path, {}).update(dict.fromkeys(its, one))
            self._done |= {name: states[name] for name in ripe - again}
            self._remember(course, [n for n in ripe if _exercise_of(n) and n.removeprefix(prefix) not in later])
        of_no_use = [_why_for_none(by.values()) for by in unused.values() if by.keys() >= set(exercises)]
        lines = [line for line in dict.fromkeys(of_no_use) if line and line not in self._reported]
        self._reported |= set(lines)
        return receipts, lines

    def _sources(
        self, course: Course, exercises: Collection[str]
    ) -> Iterator[tuple[str, Callable[[Collection[str]], SubmissionSource], dict[str, _State]]]:
        """What there is to look at: where it lies in the folder, how to open some entries of it, and the state of
        those that are new.
        """
        if self._known is None:
            self._known = _names_in(course.state / _KNOWN)
        if self.by_learner:
            for entry in _entries(self.path):
                if entry.is_dir(follow_symlinks=False):
                    place, prefix = self.path / entry.name, f"{entry.name}/"
                    opened = functools.partial(Exchange, place, entry.name)
                    yield prefix, opened, self._by_learners(place, prefix, exercises)
        elif self.exchange:
            opened = functools.partial(Exchange, self.path, "", accounts=course.accounts)
            yield "", opened, self._by_learners(self.path, "", exercises)
        else:
            yield "", lambda _: open_source(self.path, course.accounts), self._states(exercises)

    def _states(self, exercises: Collection[str]) -> dict[str, _State]:
        """The state of a folder that only those who run the course fill; a folder in it may hold a whole class."""
        return {
            entry.name: tuple(_state(entry.path, _MOST if _exercise_of(entry.name) else MAX_ENTRIES))
            for entry in self._new(self.path, "", exercises)
        }

    def _by_learners(self, folder: Path, prefix: str, exercises: Collection[str]) -> dict[str, _State]:
        """The state of an exchange. Learners decide how much there is to look at, and must not hold up the others."""
        states: dict[str, _State] = {}
        theirs: dict[int, list[tuple[int, os.DirEntry[str]]]] = {}
        for entry in self._new(folder, prefix, exercises):
            if prefix + entry.name in self._done:
                continue
            if not _exercise_of(entry.name):  # of no use, whatever is in it; we report it once
                states[entry.name] = ((entry.path, 0),)  # as a file's, and always the same
                continue
            with contextlib.suppress(OSError):
                about = entry.stat(follow_symlinks=False)
                theirs.setdefault(about.st_uid, []).append((about.st_ctime_ns, entry))
        for owner, entries in theirs.items():
            copied = owner == os.geteuid() and not prefix  # copied from elsewhere, perhaps the whole class's work
            entries.sort(key=lambda one: one[0], reverse=True)
            for _, entry in entries if copied else entries[:_AT_ONCE]:
                states[entry.name] = tuple(_state(entry.path, _MOST))
        return states

    def _new(self, folder: Path, prefix: str, exercises: Collection[str]) -> Iterator[os.DirEntry[str]]:
        """Entries not taken in yet whose names give one of these exercises, or no exercise at all."""
        assert self._known is not None
        for entry in _entries(folder):
            if prefix + entry.name not in self._known and (_exercise_of(entry.name) or "") in {"", *exercises}:
                yield entry

    def _remember(self, course: Course, names: list[str]) -> None:
        assert self._known is not None
        self._known |= set(names)
        lines = "".join(json.dumps(name) + "\n" for name in names)
        try:
            course.state.mkdir(parents=True, exist_ok=True)
            with (course.state / _KNOWN).open("a", encoding="utf-8") as file:
                file.write(lines)
        except OSError as error:
            raise CourseError(
                say("{state} cannot be written: {why}.", state=course.state / _KNOWN, why=error.strerror)
            ) from error


def source_at(path: Path, course: Course) -> SubmissionSource:
    """The source that somebody names to collect from. If learners write to it, its contents do not decide what it is.

    Raises:
        BadSource: there is nothing, or nothing that can be read.
    """
    if _is_inbound(path, course):
        return ExchangeByLearner(path) if course.inbound_by_learner else Exchange(path, accounts=course.accounts)
    return open_source(path, course.accounts)


def _is_inbound(path: Path, course: Course) -> bool:
    try:
        return os.path.samefile(path, course.inbound)
    except OSError:
        return False  # one of them is not there


def _why_for_none(unused: Iterable[Unused]) -> str:
    """Why something is of no use for any exercise, as one line; '' if a later file takes its place."""
    several = list(unused)
    own = [one for one in several if not one.elsewhere] or several
    return "" if any(one.why.startswith(ANOTHER) for one in own) else str(own[0])


def _settled_after(name: str) -> float:
    """Seconds. A folder of the exchange gets its time after its notebook, and is never looked at again."""
    return SETTLED_FOR_GOOD_SECONDS if _exercise_of(name) else SETTLED_SECONDS


def _exercise_of(name: str) -> str:
    """Which exercise an entry of nbgrader's exchange says that it is of; '' if it is none."""
    return exercise_in_exchange(name.rpartition("/")[2])


def _names_in(path: Path) -> set[str]:
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError:
        return set()
    names = set()
    for line in lines:
        with contextlib.suppress(ValueError):  # the last one, where the disk was full
            names.add(str(json.loads(line)))
    return names


@dataclass
class _Only:
    """Of a source, what lies in some of its folder's entries, as far as there is room for it."""

    source: SubmissionSource
    folder: Path
    names: Collection[str]
    course: Course
    title: str = "an inbox"

    def deliveries(self, exercise: str) -> Iterator[Delivery | Unused]:
        for one in self.source.deliveries(exercise):
            if self.entry(one.path) not in self.names:
                continue
            why = self._no_room(one, exercise) if isinstance(one, Delivery) else ""
            yield Unused(one.path, why, for_now=True) if why else one

    def entry(self, path: Path) -> str:
        """The name of the folder's entry in which a path lies."""
        try:
            return next(iter(path.relative_to(self.folder).parts), "")
        except ValueError:
            return path.name

    def _no_room(self, one: Delivery, exercise: str) -> str:
        if not fits_a_folder(one.name):
            return ""  # collecting says what is wrong with it
        try:
            size = os.lstat(one.path).st_size
        except OSError:
            size = 0
        before = _Before.of(self.course, exercise, one.name)
        if before.times >= MAX_HAND_INS:
            return say("{name} has handed in {times} times, which is the limit", name=one.name, times=MAX_HAND_INS)
        if before.size + size > MAX_KEPT_BYTES:
            return say(
                "{name} has handed in more than {megabytes} MB", name=one.name, megabytes=MAX_KEPT_BYTES // 10**6
            )
        return ""


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        return [entry for entry in os.scandir(folder) if not hidden(entry.name)]
    except FileNotFoundError:
        return []  # nobody has handed in anything
    except OSError as error:
        raise BadSource(say("{folder} cannot be read: {why}.", folder=folder, why=error.strerror)) from error


def _own_state(path: str) -> _State:
    try:
        about = os.lstat(path)
    except OSError as error:
        return path, error.errno, 0
    return path, about.st_mode, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns


def _holds_a_file(state: _State) -> bool:
    return any(not stat.S_ISDIR(one[1]) for one in state)


def _state(path: str, left: int) -> Iterator[_State]:
    """What shows that something changed in a hand-in; of a huge one, `left` entries: it stalls nobody's look."""
    ahead = [(path, _DEPTH)]
    while ahead:
        path, depth = ahead.pop()
        own = _own_state(path)
        yield own
        if not (depth and left and stat.S_ISDIR(own[1] or 0)):
            continue
        try:
            with os.scandir(path) as entries:
                inside = sorted(entry.path for entry in itertools.islice(entries, left))
        except OSError as error:
            yield path, error.errno, 0
            continue
        left -= len(inside)
        ahead += [(one, depth - 1) for one in reversed(inside)]
