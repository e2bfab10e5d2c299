"""Submissions that a person should look at, and why. Grouped by reason, the most pressing first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from autograder.course.deadlines import duration
from autograder.exercise.outcome import STATUS_WORDS, Outcome, Status, hint_id
from autograder.grading.grade import says_limits_only
from autograder.language import _, said, say, say_plural
from autograder.report.class_results import ClassResults, Entry
from autograder.sandbox.bubblewrap import Sandbox

# Names of the hints by which checks say that the test images were learned from.
TEST_SET = frozenset({"trained-on-test-images", "validated-on-test-images"})

_STATUS = {
    Status.TIMED_OUT: _(
        "The submission ran longer than it was allowed to, and what was lost with it could not be checked."
    ),
    Status.CRASHED: _("The submission ended Python itself, and what was lost with it could not be checked."),
    Status.OUT_OF_MEMORY: _(
        "The submission needed more memory than it was allowed, and what was lost with it could not be checked."
    ),
    Status.UNREADABLE: _("The submission could not be read as a notebook. Ask for the file again."),
    Status.MISSING: _("The submission has no notebook of this exercise in it. Ask for the file."),
    Status.ERROR: _("The submission could not be graded, which is our fault. Grade it again."),
}


@dataclass(frozen=True)
class Case:
    """One submission, or several of which the same is to be details."""

    students: tuple[str, ...]
    detail: str


@dataclass(frozen=True)
class Reason:
    """Why these are worth a look."""

    title: str
    advice: str
    cases: tuple[Case, ...]
    everyone: bool = False  # it concerns all of the class, so naming them helps nobody

    @property
    def count(self) -> int:
        """Submissions concerned."""
        return len({student for case in self.cases for student in case.students})


def reasons(results: ClassResults) -> list[Reason]:
    """All reasons that concern somebody."""
    entries = results.entries
    found = [
        Reason(
            _("Not graded"),
            _(
                "Handed in, but there is no result: not run yet, or grading failed through no fault of theirs. Run"
                " `autograder grade` again; it grades only what is missing."
            ),
            (Case(results.waiting, say("Waiting:")),) if results.waiting else (),
        ),
        _each(
            _("One of our checks broke"),
            _("Not the student's fault. Their points for it are missing: enter them by hand in the formgrader."),
            entries,
            _broken,
        ),
        _each(
            _("Changed by hand, and graded again since"),
            _(
                "The points given by hand still count, but the work or the checks' points have changed since they were"
                " given."
            ),
            entries,
            _looked_at_before,
        ),
        Reason(
            _("Handed in nothing"),
            _("They are in the gradebook but have handed in nothing."),
            (Case(results.absent, say("Nothing from:")),) if results.absent else (),
        ),
        _each(_("Handed in again"), _("The file changed after it was graded. Grade again."), entries, _changed),
        *(
            _each(_("Status: {status}", status=STATUS_WORDS[s]), why, entries, _with_status(s))
            for s, why in _STATUS.items()
        ),
        Reason(
            _("The same work"),
            _(
                "Identical files, or answers that are identical except for white space. It may be a pair who worked"
                " together, or one hand-in under two names: a reason to ask, but no proof."
            ),
            tuple(_alike(entries)),
        ),
        _each(
            _("May have learned from the test images"),
            _("The check found traces of it and gave no points for that test. Look at how the model was fitted."),
            entries,
            _test_set,
        ),
        _each(
            _("Expected something that is not there"),
            _(
                "Not the student's fault. It costs nothing in tasks that do not need it; look at those that do."
                " Install a"
                " package in the environment that grades; name a file in the course's `autograder.json`, under `files`"
                " of"
                " the exercise. Then grade again."
            ),
            entries,
            lambda e: f"{', '.join(e.result.surroundings)}:" if e.result.surroundings else "",
        ),
        _each(
            _("Handed in late"),
            _(
                "Measured against each student's own deadline, including extensions. The penalty is already in their"
                " score, and is listed separately in the gradebook. Extensions are set in the course's"
                " `autograder.json`."
            ),
            entries,
            _late,
        ),
        _each(
            _("Graded without a sandbox"),
            _("The code ran with your rights on this computer. Look at what it did, or grade again behind bubblewrap."),
            entries,
            lambda e: say("Only time and memory were limited.") if e.result.sandbox == str(Sandbox.LIMITS_ONLY) else "",
        ),
        _each(
            _("Repaired, or odd in some other way"),
            _("They were graded anyway. Check whether this is more than a slip."),
            entries,
            lambda e: " ".join(n for n in e.result.notes if not says_limits_only(n)),
        ),
    ]
    return [reason for reason in found if reason.cases]


def _each(title: str, advice: str, entries: tuple[Entry, ...], why: Callable[[Entry], str]) -> Reason:
    """A reason for those entries about which `why` has something to say; what it says of most comes first."""
    details: dict[str, list[str]] = defaultdict(list)
    for entry in entries:
        if detail := why(entry):
            details[detail].append(entry.student)
    cases = [Case(tuple(students), detail) for detail, students in details.items()]
    everyone = len(cases) == 1 and len(cases[0].students) == len(entries) > 3
    return Reason(title, advice, tuple(sorted(cases, key=lambda case: -len(case.students))), everyone)


def _late(entry: Entry) -> str:
    deadline = entry.result.deadline
    if not deadline or not deadline["seconds_late"]:
        return ""
    late, lost = duration(deadline["seconds_late"]), entry.result.late_penalty
    if lost:
        return say_plural(
            "{time} late, which took off {n:g} point.",
            "{time} late, which took off {n:g} points.",
            round(lost, 2),
            time=late,
        )
    return say("{time} late.", time=late)


def _broken(entry: Entry) -> str:
    if entry.result.status is Status.ERROR:
        return ""
    tests = [(c.name, t) for c in entry.result.checks for t in c.tests if t.outcome is Outcome.ERROR]
    return " ".join(f"{name}: {test.title}. {_last_line(test.detail)}" for name, test in tests).strip()


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2]


def _looked_at_before(entry: Entry) -> str:
    tasks = entry.grades.tasks if entry.grades is not None else ()
    names = [task.name for task in tasks if task.needs_look and task.manual is not None]
    return f"{', '.join(names)}:" if names else ""


def _changed(entry: Entry) -> str:
    return say("There is a newer file from:") if entry.changed else ""


def _with_status(status: Status) -> Callable[[Entry], str]:
    return lambda entry: entry.result.message or said(STATUS_WORDS[status]) if entry.result.status is status else ""


def _test_set(entry: Entry) -> str:
    for check in entry.result.checks:
        for test in check.tests:
            if test.outcome is Outcome.FAILED and TEST_SET & set(map(hint_id, test.hints)):
                return f"{check.name}: {test.message}"
    return ""


def _alike(entries: tuple[Entry, ...]) -> list[Case]:
    """Groups of equal work, but for the exercise handed in as it was released."""
    groups: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if not entry.untouched and entry.result.status not in (Status.MISSING, Status.UNREADABLE):
            groups[entry.answers or entry.digest].append(entry)
    cases = []
    for group in groups.values():
        if len(group) > 1:
            same_file = len({e.digest for e in group}) == 1
            what = say("The same file:") if same_file else say("The same answers:")
            cases.append(Case(tuple(e.student for e in group), what))
    return cases
