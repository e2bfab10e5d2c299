"""Grades into a learning management system: first what would change, then, if asked, the change.

What is sent is worked out from what the system has now, so that a run that failed in the middle is taken up by running
it again. No grade is ever removed: a student without a grade here keeps the one in the LMS.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from autograder.course.collect import DELIVERED, delivered_as
from autograder.course.directory import Course
from autograder.course.grades import StudentGrades, read_grades
from autograder.course.lms_names import CANVAS
from autograder.errors import CourseError, LmsFailed, UsageError
from autograder.language import number, said, say, say_plural
from autograder.lms.systems import System, There

GIVE_UP_AFTER = 5  # students in a row who fail: then it is not about them
# What a server answers about one student, who has left its course for instance: no reason to try no other.
ABOUT_ONE = (400, 404, 409, 410, 422)


@dataclass(frozen=True)
class Change:
    """One grade that is another here than there."""

    student: str
    there: There
    points: float

    def __str__(self) -> str:
        there = self.there.grade
        lower = say(", lower than before") if there is not None and self.points < there else ""
        return f"{self.student}: {say('no grade') if there is None else number(there)} -> {number(self.points)}{lower}"


@dataclass(frozen=True)
class Plan:
    """What would be sent, and why the others are not."""

    changes: list[Change]
    same: int
    kept: list[str]  # one line for each who gets nothing sent
    worth: float  # points that the exercise has here

    def lines(self) -> list[str]:
        """What there is to say, a line each."""
        lines = [f"  {change}" for change in self.changes]
        lines.append(
            say(
                "To change: {changes}. There already: {same}. Not sent: {kept}.",
                changes=len(self.changes),
                same=self.same,
                kept=len(self.kept),
            )
        )
        return lines + [f"  {line}" for line in self.kept]


def plan(course: Course, exercise: str, system: System, scale: bool = False) -> Plan:
    """Compare the gradebook with the system.

    Args:
        scale: where the two count up to different points, convert; else that is an error.

    Raises:
        CourseError: nothing was graded yet.
        UsageError: the points do not agree.
        LmsFailed: the system did not answer.
    """
    grades = read_grades(course, exercise)
    worth = max((one.max_score for one in grades.values()), default=0.0)
    if not worth:
        raise CourseError(
            say(
                "Nothing of '{exercise}' has been graded in {root}. Grade it first.",
                exercise=exercise,
                root=course.root,
            )
        )
    there = system.max_points()
    factor = 1.0
    if there is not None and there > 0 and abs(there - worth) > 1e-6:
        if not scale:
            raise UsageError(
                say_plural(
                    "'{exercise}' has {n:g} point here and {there:g} there. Change one of them, or add --scale to"
                    " convert.",
                    "'{exercise}' has {n:g} points here and {there:g} there. Change one of them, or add --scale to"
                    " convert.",
                    worth,
                    exercise=exercise,
                    there=there,
                )
            )
        factor = there / worth
    delivered = delivered_as(course.state / exercise / DELIVERED)
    found = _matched(grades, system, delivered)
    changes, kept, same = [], [], 0
    for student, theirs in grades.items():
        who = found[student]
        points = round(theirs.score * factor, 2)
        if not theirs.handed_in:
            kept.append(say("{student}: handed in nothing", student=student))
        elif theirs.waits:
            kept.append(say("{student}: somebody has to look at their work first", student=student))
        elif isinstance(who, str):
            kept.append(f"{student}: {who}")
        elif who.grade is not None and abs(who.grade - points) < 0.005:
            same += 1
        else:
            changes.append(Change(student, who, points))
    return Plan(changes, same, kept, worth)


def send(plan: Plan, system: System) -> Iterator[tuple[Change, str]]:
    """Send each change; yields it with '' or with why it failed.

    Raises:
        LmsFailed: there is no place for the grades, or several in a row failed, so that going on makes no sense.
    """
    failed = 0
    if plan.changes:
        system.begin(plan.worth)
    for change in plan.changes:
        try:
            system.send(change.there, change.points)
        except LmsFailed as error:
            failed += error.status not in ABOUT_ONE
            yield change, str(error)
            if failed >= GIVE_UP_AFTER:
                raise LmsFailed(
                    say(
                        "{failed} in a row failed, so no more were tried. Run the same command again to go on.",
                        failed=failed,
                    )
                ) from error
        else:
            failed = 0
            yield change, ""


def _matched(
    grades: Mapping[str, StudentGrades], system: System, delivered: Mapping[str, Mapping[str, str]]
) -> dict[str, There | str]:
    """Who is who, or why nobody can say."""
    there = system.students()
    by_name: dict[str, set[int]] = defaultdict(set)
    for n, one in enumerate(there):
        for name in one.known_as:
            by_name[name].add(n)
    found: dict[str, There | str] = {}
    taken: dict[int, list[str]] = defaultdict(list)
    for student, theirs in grades.items():
        names = [theirs.lms_user_id, student, theirs.email]
        came = delivered.get(student, {})
        if came.get("source") == "Canvas" and (file := CANVAS.fullmatch(PurePosixPath(came["path"]).name)):
            names.insert(0, file["number"])
        meant = set[int]().union(*(by_name.get(name.strip().lower(), set()) for name in names if name.strip()))
        if len(meant) == 1:
            (n,) = meant
            found[student] = there[n]
            taken[n].append(student)
        else:
            found[student] = say("may be several people there") if meant else said(system.nobody)
    for students in taken.values():
        if len(students) > 1:
            for student in students:
                found[student] = say(
                    "is the same person there as {students}", students=", ".join(s for s in students if s != student)
                )
    return found
