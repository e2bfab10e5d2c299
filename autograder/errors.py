"""Every error that can end a command, each with the exit status that it ends with.

The message is one line for the person who reads it: what happened, whose it is, what to do next. What a check says to
a learner is no error of a command: see `autograder.exercise.outcome`.
"""

from __future__ import annotations

from typing import ClassVar


class KitError(Exception):
    """We failed, not a student. The class says with which status a command ends: 1, or 2 for bad usage."""

    exit_status: ClassVar[int] = 1


class UsageError(KitError):
    """What was asked for cannot be done as asked: a wrong name, file, setting or place."""

    exit_status: ClassVar[int] = 2


# -- what was asked for -------------------------------------------------------------------------------------------


class UnknownExercise(UsageError, LookupError):
    """There is no such exercise here. The message lists those there are."""


class MissingPart(UsageError):
    """Something that a command needs is not installed; the message says how to get it."""


class NoNotebook(UsageError):
    """There is no such notebook file, or it cannot be read."""


class BadSetting(UsageError, ValueError):
    """A course's settings cannot be used; the message names the file and the key, and says why."""


class BadLimit(BadSetting):
    """A limit in a course's settings cannot be used."""


class CourseError(UsageError):
    """The course directory cannot be used; the message says why and whose it is."""


class BadRoster(UsageError):
    """The table of the class cannot be used; the message says why."""


class BadSource(UsageError):
    """What submissions should be collected from cannot be used; the message says why."""


class BadReceipt(UsageError):
    """The file is not a receipt, is not from this course, or was changed."""


class DataError(UsageError):
    """A data file is missing or unusable."""


class NoSandbox(UsageError):
    """`--sandbox require` was asked for and bubblewrap does not work here."""


class SchedulerRefused(UsageError):
    """The dask scheduler cannot be used; the message says why and what to do. The instructor's."""


# -- ours ---------------------------------------------------------------------------------------------------------


class CannotWrite(KitError):
    """Something that was to be written at the end cannot be; what was graded is kept."""


class GradebookFailed(KitError):
    """SQLite cannot read or write the gradebook in the middle of a run; what was graded is kept."""


class ForkServerFailed(KitError):
    """The fork server could not be started, or is gone. Ours, never the student's."""


class WorkerDied(KitError):
    """A worker died while it graded this submission, or was about to."""


class ChecksBroken(KitError):
    """The check module itself could not be used."""


class CheckingFailed(KitError):
    """pytest itself failed on this submission. Nothing suggests that it will fail on others."""


class GradingImpossible(KitError):
    """Nothing can be graded here; the message says why."""


class BrokenPlace(GradingImpossible):
    """Grading does not work here as the kit is installed, tried with a submission of our own. Nobody was graded."""


class SchedulerLost(KitError):
    """The scheduler or all its workers are gone in the middle of a run; `what` says which, without what to do."""

    def __init__(self, what: str, to_do: str = "") -> None:
        super().__init__(f"{what} {to_do}".rstrip())
        self.what = what


class ReleaseFailed(KitError):
    """nbgrader could not make a release of the source; the message says which and why. The instructor's."""


class NotReleased(KitError):
    """nbgrader could not put an exercise into the exchange; the message is nbgrader's own."""


class AlreadyRunning(KitError):
    """A class is graded by one run at a time; the message says which is under way."""


class LmsFailed(KitError):
    """The learning management system did not take, or did not give, what was asked; the message says what and why."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status  # of the HTTP answer; 0 if there was none


class NoReport(KitError):
    """There is no report to show; the message is what the command printed."""
