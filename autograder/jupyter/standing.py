"""Where somebody, or the class, stands in each exercise: when it is due, what was handed in, what came of it.

Plain facts and sentences for the course's page on a Hub; nothing here changes anything or reads more than it has to.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from autograder.course import blind
from autograder.course.deadlines import Deadline, LatePolicy, as_utc, duration, shown
from autograder.course.directory import Course
from autograder.course.grades import entered_students, read_deadline, read_grades
from autograder.course.receipts import Receipts
from autograder.course.settings import BEST
from autograder.course.submissions import contents
from autograder.course.times import time_of
from autograder.errors import CourseError
from autograder.exercise.outcome import SubmissionResult, of_points
from autograder.exercise.outcome import shown as shown_points
from autograder.grading import versions
from autograder.grading.record import BEST_COUNTS, digest_in, note_file, read_note, versions_file
from autograder.language import say


@dataclass(frozen=True)
class Version:
    """One file that somebody handed in."""

    handed_in: str
    received: str  # the time of day; '' without a receipt
    number: str  # of the receipt
    says: str  # whether it counts, and whether it came in time
    counts: bool


@dataclass(frozen=True)
class Standing:
    """One learner and one exercise."""

    exercise: str
    due: tuple[str, ...]  # sentences
    versions: tuple[Version, ...]  # the latest first
    result: str  # '' where the course shows none here
    feedback: bool  # whether there is a page of it to be read here


@dataclass(frozen=True)
class ClassStanding:
    """The class and one exercise."""

    exercise: str
    due: tuple[str, ...]
    handed_in: int
    late: tuple[str, ...]  # who, and by how much
    extended: tuple[str, ...]  # who, and until when
    absent: tuple[str, ...]


def exercises(course: Course) -> list[str]:
    """Names of the exercises that learners have been given.

    Raises:
        BadSetting: the course's configuration cannot be used.
    """
    with contextlib.suppress(OSError):
        names = sorted(entry.name for entry in os.scandir(course.nbgrader.release) if entry.is_dir())
        return [name for name in names if course.released(name) is not None]
    return []


def deadline_of(course: Course, exercise: str) -> Deadline | None:
    """When an exercise is due, as the settings or else the gradebook say."""
    try:
        return read_deadline(course, exercise)
    except CourseError:  # the rest of the page says more than none
        return course.settings.of(exercise).deadline


def of_learner(course: Course, student: str, now: datetime) -> list[Standing]:
    """How a learner stands in each exercise.

    Args:
        now: aware.

    Raises:
        BadSetting, CourseError: the course cannot be read.
    """
    return [_of_learner(course, name, student, now) for name in exercises(course)]


def _of_learner(course: Course, exercise: str, student: str, now: datetime) -> Standing:
    deadline = deadline_of(course, exercise)
    handed_in = _versions(course, exercise, student, deadline)
    result, feedback = "", False
    if course.settings.results_at_once and handed_in:
        result, feedback = _result(course, exercise, student)
    due = due_sentences(deadline, student, now)
    if course.settings.of(exercise).counts == BEST:
        due += (BEST_COUNTS,)
    return Standing(exercise, due, handed_in, result, feedback)


def _versions(course: Course, exercise: str, student: str, deadline: Deadline | None) -> tuple[Version, ...]:
    settings = course.settings.of(exercise)
    zone = settings.zone if deadline is None else deadline.zone
    current = course.submission(exercise, student)
    best = _Best.of(course, exercise, current.student) if settings.counts == BEST else None
    stamp = current.timestamp if current.path is not None else ""
    found, has_receipt = [], False
    for receipt in Receipts(course.state, course.course_id).given(exercise, current.student):
        is_last = current.path is not None and (receipt.digest, receipt.handed_in) == (current.digest, stamp)
        has_receipt = has_receipt or is_last
        counts = is_last if best is None else best.counts(receipt.digest)
        handed_in, received = time_of(receipt.handed_in), time_of(receipt.received)
        found.append(
            Version(
                _when(handed_in or received, zone),
                "" if received is None else f"{as_utc(received).astimezone(zone):%H:%M:%S}",
                receipt.number,
                _says(is_last, deadline, student, handed_in)
                if best is None
                else best.says(receipt.digest, _lateness_says(deadline, student, handed_in)),
                counts,
            )
        )
    if current.path is not None and not has_receipt:
        when = time_of(stamp)
        says = _says(True, deadline, student, when)
        if best is not None:
            says = best.says(current.digest, _lateness_says(deadline, student, when))
        found.append(Version(_when(when, zone), "", "", says, best is None or best.counts(current.digest)))
    return tuple(reversed(found))


@dataclass(frozen=True)
class _Best:
    """What is known of a learner's versions where the best of them counts."""

    counted: str  # digest of the one that is recorded; '' if none is
    points: Mapping[str, str]  # as checked, by digest
    shows: bool  # whether learners see results here

    @classmethod
    def of(cls, course: Course, exercise: str, student: str) -> _Best:
        note = read_note(note_file(course, exercise, student))
        counted = digest_in(note)
        known = versions.read(versions_file(course, exercise, student)) | ({counted: note} if counted else {})
        points = {}
        for digest, one in known.items():
            with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):
                result = SubmissionResult.from_json(exercise, one["result"])
                checked = sum(check.points for check in result.checks)
                points[digest] = of_points(checked, result.max_score)
        return cls(counted, points, course.settings.results_at_once)

    def counts(self, digest: str) -> bool:
        """Whether it is known, and may be told, that this one counts."""
        return self.shows and bool(digest) and digest == self.counted

    def says(self, digest: str, lateness: str) -> str:
        """What became of a version."""
        if not self.shows:
            return "; ".join(part for part in (say("the best of yours counts"), lateness) if part)
        if digest not in self.points:
            return "; ".join(part for part in (say("not graded yet"), lateness) if part)
        which = say("this one counts") if self.counts(digest) else say("another one counts")
        return "; ".join(part for part in (which, self.points[digest], lateness) if part)


def _when(when: datetime | None, zone: Any) -> str:
    return say("at an unknown time") if when is None else shown(_whole(as_utc(when)).astimezone(zone), False)


def _whole(when: datetime) -> datetime:
    return when.replace(microsecond=0)


def _says(counts: bool, deadline: Deadline | None, student: str, when: datetime | None) -> str:
    if not counts:
        return say("replaced by a later one")
    lateness = _lateness_says(deadline, student, when)
    return say("this one counts; {lateness}", lateness=lateness) if lateness else say("this one counts")


def _lateness_says(deadline: Deadline | None, student: str, when: datetime | None) -> str:
    """Whether a version came in time, and what it loses otherwise; '' if nobody knows."""
    if deadline is None or when is None:
        return ""
    lateness = deadline.lateness(student, when)
    if not lateness.late:
        return say("on time")
    late = duration(lateness.seconds)
    if lateness.percent >= 100:
        return say("{time} late, so it earns no points", time=late)
    if lateness.percent > 0:
        return say("{time} late, which takes off {percent:g} % of its points", time=late, percent=lateness.percent)
    return say("{time} late", time=late)


def due_sentences(deadline: Deadline | None, student: str, now: datetime) -> tuple[str, ...]:
    """When something is due for somebody (or for the class, if `student` is ''), and what being late costs."""
    if deadline is None:
        return (say("No due date is set."),)
    due = deadline.due_for(student)
    left = (as_utc(due) - as_utc(now)).total_seconds()
    date, time = shown(due), duration(abs(left))
    if student in deadline.extensions:
        sentence = say("With your extension: due {date}, in {time}.", date=date, time=time)
        if left <= 0:
            sentence = say("With your extension: it was due {date}, {time} ago.", date=date, time=time)
    else:
        sentence = (
            say("Due {date}, in {time}.", date=date, time=time)
            if left > 0
            else say("It was due {date}, {time} ago.", date=date, time=time)
        )
    return (sentence, *_policy(deadline.policy))


def _policy(policy: LatePolicy) -> tuple[str, ...]:
    sentences = []
    if policy.grace_minutes:
        grace = duration(policy.grace_minutes * 60)
        sentences.append(say("Work handed in up to {time} later still counts as on time.", time=grace))
    if policy.no_credit_after_days == 0:
        sentences.append(say("Late work earns no points."))
    elif policy.percent_per_day:
        percent, most = policy.percent_per_day, policy.at_most_percent
        if most < 100:
            sentences.append(
                say(
                    "Late work loses {percent:g} % of the points it earns for each day or part of a day, up to"
                    " {most:g} %.",
                    percent=percent,
                    most=most,
                )
            )
        else:
            sentences.append(
                say(
                    "Late work loses {percent:g} % of the points it earns for each day or part of a day.",
                    percent=percent,
                )
            )
    if policy.no_credit_after_days:
        sentences.append(say("After {time} it earns no points.", time=duration(policy.no_credit_after_days * 86_400)))
    return tuple(sentences)


def _result(course: Course, exercise: str, student: str) -> tuple[str, bool]:
    """What the course says of the version that counts, and whether there is a page of it."""
    current = course.submission(exercise, student)
    note = read_note(note_file(course, exercise, current.student))
    graded = digest_in(note)
    if not graded or (graded != current.digest and course.settings.of(exercise).counts != BEST):
        return say("Not graded yet."), False
    grades = read_grades(course, exercise, current.student).get(current.student)
    if grades is None or not grades.tasks:
        return say("Not graded yet."), False
    page = course.feedback / current.student / exercise / f"{exercise}.html"
    has_page = page.is_file() and not page.is_symlink()
    if grades.waits:
        return say("Graded as far as the checks go. Your teacher still has to look at some of it."), has_page
    points = of_points(grades.score, grades.max_score)
    if grades.penalty:
        lost = shown_points(grades.penalty)
        return say("{points}, {lost} taken off for being late.", points=points, lost=lost), has_page
    return f"{points}.", has_page


def of_class(course: Course, now: datetime) -> list[ClassStanding]:
    """How the class stands in each exercise.

    Raises:
        BadSetting, CourseError: the course cannot be read.
    """
    found = []
    people = set(entered_students(course))
    for exercise in exercises(course):
        deadline = deadline_of(course, exercise)
        stamps = _stamps(course, exercise)
        called = (
            blind.of_class(course, exercise, stamps, people | set(deadline.extensions if deadline else ()))
            if course.settings.blind
            else {}
        )
        late: list[str] = []
        extended: list[str] = []
        if deadline is not None:
            for student, stamp in sorted(stamps.items()):
                lateness = deadline.lateness(student, time_of(stamp))
                if lateness.late:
                    who = called.get(student, student)
                    late.append(say("{student}, {time} late", student=who, time=duration(lateness.seconds)))
            extended = [
                say("{student}, until {date}", student=called.get(who, who), date=shown(deadline.due_for(who)))
                for who in deadline.extensions
            ]
        absent = tuple(sorted(called.get(student, student) for student in people - set(stamps)))
        due = due_sentences(deadline, "", now)
        found.append(ClassStanding(exercise, due, len(stamps), tuple(late), tuple(sorted(extended)), absent))
    return found


def _stamps(course: Course, exercise: str) -> dict[str, str]:
    """When everybody's work came, by student, as timestamp.txt has it; no notebook is read."""
    found = {}
    try:
        entries = list(os.scandir(course.submitted))
    except OSError:
        return {}
    for entry in entries:
        folder = course.submitted / entry.name / exercise
        if entry.name.startswith(".") or not entry.is_dir(follow_symlinks=False) or folder.is_symlink():
            continue
        if not folder.is_dir():
            continue
        try:
            found[entry.name] = contents(folder / "timestamp.txt", 200).decode("utf-8", "replace").strip()
        except OSError:
            found[entry.name] = ""
    return found


def now() -> datetime:
    """This moment, by this computer's clock."""
    return datetime.now(UTC)
