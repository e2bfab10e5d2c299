"""What there is to report on: the results recorded for one exercise, and the tasks they are about."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from autograder.course import blind
from autograder.course.directory import Course
from autograder.course.grades import StudentGrades, as_it_counts, read_grades
from autograder.course.settings import BEST
from autograder.course.submissions import Submitted
from autograder.errors import CourseError
from autograder.exercise.definition import task_of
from autograder.exercise.outcome import Outcome, Status, SubmissionResult
from autograder.grading import versions
from autograder.grading.record import digest_in, versions_file
from autograder.language import say

_LESSONS = Path(__file__).resolve().parent.parent.parent / "lessons"
MIN_ANSWER_CHARACTERS = 200  # shorter answers are alike by themselves
MIN_ANSWER_CELLS = 3


@dataclass(frozen=True)
class TaskInfo:
    """What a teacher knows a task by."""

    name: str  # grade_id
    title: str  # heading in the exercise: "Task 3: count before you build"
    objective: str  # what it practises, in the lesson's words; the lesson's id for it, or '', where there is no lesson
    points: float


@dataclass(frozen=True)
class Entry:
    """One student's recorded result."""

    result: SubmissionResult
    digest: str  # of the file that was graded
    answers: str = ""  # digest of the answers; '' if they are few, untouched or not known
    untouched: bool = False  # every answer cell is as it was released
    changed: bool = False  # another file was handed in since
    grades: StudentGrades | None = None  # as the gradebook has them; None if it does not know this student

    @property
    def student(self) -> str:
        return self.result.student

    @property
    def ours(self) -> bool:
        """One of our checks broke, so the score is not the student's to answer for."""
        return self.result.status is Status.ERROR or any(c.outcome is Outcome.ERROR for c in self.result.checks)

    @property
    def scored(self) -> bool:
        """Its score says something about the student."""
        return self.result.status not in (Status.MISSING, Status.ERROR)


@dataclass(frozen=True)
class ClassResults:
    """One exercise's results, sorted by student."""

    exercise: str
    tasks: tuple[TaskInfo, ...]
    entries: tuple[Entry, ...]
    waiting: tuple[str, ...]  # handed in, but there is no result: not run yet, or our failure
    absent: tuple[str, ...] = ()  # in the gradebook, and handed in nothing
    names: Mapping[str, str] = field(default_factory=dict)  # of those whose names the gradebook has
    blind: bool = False  # students are called by the numbers that marking by hand has for their works


def _notes(folder: Path) -> list[Path]:
    """What is recorded there. A folder that may not be read is no empty one, as `Path.glob` has it since Python 3.13.

    Raises:
        OSError: it cannot be read.
    """
    try:
        return sorted(folder / name for name in os.listdir(folder) if name.endswith(".json"))
    except (FileNotFoundError, NotADirectoryError):
        return []


def read_class_results(course: Course, exercise: str) -> ClassResults:
    """Read what `autograder grade` recorded.

    Raises:
        UnknownExercise: there is no such exercise.
        CourseError: there is nothing recorded for this exercise.
    """
    folder = course.state / exercise / "done"
    notes = _notes(folder) if Path(exercise).name == exercise else []
    if not notes:
        course.require_exercise(exercise)
        graded = sorted(f.parent.name for f in course.state.glob("*/done") if _notes(f))
        raise CourseError(
            say(
                "Nothing of '{exercise}' has been graded in {course}. Run `autograder grade {exercise} --course"
                " {course}`"
                " first.",
                exercise=exercise,
                course=course.root,
            )
            + (" " + say("Graded so far: {names}.", names=", ".join(graded)) if graded else "")
        )
    release = _cells(course.nbgrader.release / exercise / f"{exercise}.ipynb")
    blank = _answers(release)
    entries, grades = [], read_grades(course, exercise)
    handed_in = _handed_in(course, exercise)
    for note in notes:
        entry = _entry(course, exercise, note, blank, grades, handed_in)
        if entry is not None:
            entries.append(entry)
    known = {entry.student for entry in entries}
    waiting = tuple(one.student for one in handed_in.values() if not known & {one.student, one.students_folder})
    absent = tuple(s for s, theirs in grades.items() if not theirs.handed_in and s not in known | set(waiting))
    names = {student: theirs.name for student, theirs in grades.items() if theirs.name}
    tasks = _tasks(exercise, release, entries)
    if course.settings.blind:
        return _without_names(course, ClassResults(exercise, tasks, tuple(entries), waiting, absent, blind=True))
    return ClassResults(exercise, tasks, tuple(entries), waiting, absent, names)


def _without_names(course: Course, results: ClassResults) -> ClassResults:
    """The same results, called as marking by hand calls the works, and in that order."""
    entries = results.entries
    works = (*(entry.student for entry in entries), *results.waiting)
    called = blind.of_class(course, results.exercise, works, results.absent)
    order = {name: number for number, name in enumerate(called.values())}
    nameless = [
        replace(
            entry,
            result=replace(entry.result, student=called[entry.student]),
            grades=None if entry.grades is None else StudentGrades(called[entry.student], entry.grades.tasks),
        )
        for entry in entries
    ]
    return replace(
        results,
        entries=tuple(sorted(nameless, key=lambda entry: order[entry.student])),
        waiting=tuple(name for student, name in called.items() if student in results.waiting),
        absent=tuple(name for student, name in called.items() if student in results.absent),
    )


def _entry(
    course: Course,
    exercise: str,
    path: Path,
    blank: dict[str, str],
    grades: dict[str, StudentGrades],
    handed_in: dict[str, Submitted],
) -> Entry | None:
    try:
        note = json.loads(path.read_text("utf-8"))
        result = SubmissionResult.from_json(exercise, note["result"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # damaged: it counts as not graded, which the next `grade` mends
    digest = digest_in(note)
    result = as_it_counts(result, grades.get(result.student))
    submitted, graded = handed_in.get(result.student) or course.submission(exercise, result.student), {digest}
    if course.settings.of(exercise).counts == BEST:
        graded |= set(versions.read(versions_file(course, exercise, result.student)))
    answers = _answers(_cells(course.autograded / result.student / exercise / f"{exercise}.ipynb"))
    own = {name: source for name, source in answers.items() if source != blank.get(name)}
    long_enough = len(own) >= MIN_ANSWER_CELLS and sum(map(len, own.values())) >= MIN_ANSWER_CHARACTERS
    return Entry(
        result,
        digest,
        answers=hashlib.sha256(json.dumps(answers, sort_keys=True).encode()).hexdigest() if long_enough else "",
        untouched=bool(answers) and not own,
        changed=submitted.path is not None and submitted.digest not in graded,
        grades=grades.get(result.student),
    )


def _handed_in(course: Course, exercise: str) -> dict[str, Submitted]:
    """What was handed in, by student as entered in the gradebook."""
    if not course.submitted.is_dir():
        return {}
    return {submission.student: submission for submission in course.submissions(exercise)}


def _cells(path: Path) -> list[dict[str, Any]]:
    """A notebook's cells; none if it cannot be read."""
    try:
        cells = json.loads(path.read_text("utf-8"))["cells"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []
    return [cell for cell in cells if isinstance(cell, dict)]


def _grading(cell: dict[str, Any]) -> dict[str, Any]:
    return (cell.get("metadata") or {}).get("nbgrader") or {}


def _source(cell: dict[str, Any]) -> str:
    source = cell.get("source", "")
    return "".join(source) if isinstance(source, list) else str(source)


def _answers(cells: list[dict[str, Any]]) -> dict[str, str]:
    """The answer cells by name, without white space: layout is no difference."""
    return {
        str(_grading(cell).get("grade_id")): "".join(_source(cell).split())
        for cell in cells
        if _grading(cell).get("solution")
    }


def _tasks(exercise: str, release: list[dict[str, Any]], entries: list[Entry]) -> tuple[TaskInfo, ...]:
    """The release's tasks; without a release, those that the results name."""
    objectives, heading = _objectives(exercise), ""
    tasks = []
    for cell in release:
        if cell.get("cell_type") == "markdown":
            found = re.search(r"^#+\s*(.+)$", _source(cell), re.MULTILINE)
            heading = found.group(1).strip() if found else heading
        task = task_of(cell)
        if task is not None:
            objective = objectives.get(task.objective, task.objective)
            tasks.append(TaskInfo(task.grade_id, heading or task.grade_id, objective, task.points))
    if not tasks:
        checks = max((e.result.checks for e in entries), key=len, default=())
        tasks = [TaskInfo(c.name, c.name, "", c.max_points) for c in checks]
    return tuple(tasks)


def _objectives(exercise: str) -> dict[str, str]:
    """The lesson's objectives by id; none where the lessons are not at hand."""
    import yaml  # type: ignore[import-untyped]

    try:
        _, head, _ = (_LESSONS / f"{exercise}.md").read_text("utf-8").split("---\n", 2)
        objectives = yaml.safe_load(head)["lesson"]["objectives"]
        return {str(k): str(v).replace("$", "") for k, v in objectives.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError):
        return {}
