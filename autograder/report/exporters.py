"""Grades for Canvas and Moodle, as plugins of `nbgrader export`.

    nbgrader export --exporter=autograder.report.exporters.CanvasExporter --to canvas.csv
    nbgrader export --exporter=autograder.report.exporters.MoodleExporter --to moodle.csv

Both write one row for each student and one column for each exercise. A student who handed in nothing gets no grade, and
neither does work that still waits for a person, including work on which one of our checks broke: we export no zero
unless someone gave one. Points that somebody gave by hand are exported even where the work has been graded again since
then; those are named.
`missing_is_zero` writes zeros for what was not handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from nbgrader.api import Assignment, Gradebook, MissingEntry, Student
from nbgrader.plugins import ExportPlugin
from traitlets import Bool, Dict, Enum, Unicode

from autograder.report import spreadsheet
from autograder.report.spreadsheet import Cell

Scores = dict[tuple[str, str], float | None]  # by exercise and student; None is "no grade"


class GradesExporter(ExportPlugin):  # type: ignore[misc]
    """What the exporters have in common: who and what is exported, and the score of each."""

    default_file = "grades.csv"

    titles = Dict(
        help="What an exercise is called in the LMS, by its name here. Without an entry it keeps its name."
    ).tag(config=True)
    missing_is_zero = Bool(False, help="Write 0 for what was not handed in, instead of no grade.").tag(config=True)

    def export(self, gradebook: Gradebook) -> None:
        """Write the file named by ``--to``."""
        assignments = [a for a in gradebook.assignments if not self.assignment or a.name in map(str, self.assignment)]
        students = [s for s in gradebook.students if not self.student or s.id in map(str, self.student)]
        students.sort(key=lambda s: (s.last_name or "", s.first_name or "", s.id))
        scores: Scores = {}
        waiting: list[str] = []
        older: list[str] = []
        for assignment in assignments:
            for student in students:
                score, waits = self._score(gradebook, assignment.name, student.id)
                scores[assignment.name, student.id] = score
                if waits:
                    (waiting if score is None else older).append(f"{student.id!r} ({assignment.name})")
        target = Path(self.to or self.default_file)
        text = spreadsheet.table(self.rows(assignments, students, scores))
        target.write_text(text, "utf-8", errors="replace", newline="")
        self.log.info("Exported %d students and %d exercises to %s", len(students), len(assignments), target)
        if waiting:
            self.log.warning("Without a grade, because they are waiting to be graded by hand: %s", ", ".join(waiting))
        if older:
            self.log.warning("With points given by hand for earlier work, so look at them again: %s", ", ".join(older))
        changed = [s.id for s in students if spreadsheet.as_text(s.id) != s.id]
        if changed:
            self.log.warning(
                "Changed, because a spreadsheet would run them as formulas; they no longer match anybody: %s", changed
            )

    def rows(self, assignments: list[Assignment], students: list[Student], scores: Scores) -> Iterable[list[Cell]]:
        """The rows of the file, headings included."""
        raise NotImplementedError

    def title(self, assignment: Assignment) -> str:
        """What the exercise is called over there."""
        return str(self.titles.get(assignment.name, assignment.name))

    def _score(self, gradebook: Gradebook, assignment: str, student: str) -> tuple[float | None, bool]:
        """The score after any late penalty, and whether it still waits for a person."""
        try:
            submission = gradebook.find_submission(assignment, student)
        except MissingEntry:
            return (0.0 if self.missing_is_zero else None), False
        waits = submission.needs_manual_grade
        if waits and any(
            g.needs_manual_grade and g.manual_score is None for n in submission.notebooks for g in n.grades
        ):
            return None, True
        # Canvas shows and compares two decimals.
        return round(max(0.0, submission.score - (submission.late_submission_penalty or 0.0)), 2), waits


class CanvasExporter(GradesExporter):
    """A file for Canvas: Grades, Import.

    Columns: Student, ID, SIS User ID, SIS Login ID, Section, then one for an exercise; below the headings a row with
    the points possible. Canvas looks a student up by ID, then by SIS User ID, then by SIS Login ID, last by name. An
    empty cell is no grade; it takes away a grade that is there.

    What you have to fill in, once: what Canvas knows the students by. The student's id in the gradebook goes into the
    column that `student_id_is` names. `lms_user_id`, set by ``nbgrader db student add ID --lms-user-id=NUMBER``, is
    Canvas's own number for the student and goes into ID. Where neither is what Canvas has, export the gradebook from
    Canvas and copy its first five columns.

    A column that does not end with an assignment's number makes a new assignment. For one that is there, name it as
    in Canvas's own export: ``c.CanvasExporter.titles = {"03-dense-networks": "Dense networks (4711)"}``.

    Sources: Canvas Instructor Guide, "How do I import grades in the Gradebook?"; Canvas itself, which is free
    software: instructure/canvas-lms, ``lib/gradebook_importer.rb`` and ``lib/gradebook_exporter.rb``.
    """

    default_file = "canvas.csv"
    HEADINGS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")

    student_id_is = Enum(HEADINGS[2:4], "SIS Login ID", help="What a student's id in the gradebook is in Canvas.").tag(
        config=True
    )
    section = Unicode("", help="The section, if all students are in one. Canvas does not need it.").tag(config=True)

    def rows(self, assignments: list[Assignment], students: list[Student], scores: Scores) -> Iterable[list[Cell]]:
        yield [*self.HEADINGS, *(self.title(a) for a in assignments)]
        yield ["    Points Possible", None, None, None, None, *(a.max_score for a in assignments)]
        for student in students:
            ids = [student.id if heading == self.student_id_is else None for heading in self.HEADINGS[2:4]]
            about: list[Cell] = [_sortable_name(student), student.lms_user_id, *ids, self.section]
            yield [*about, *(scores[a.name, student.id] for a in assignments)]


class MoodleExporter(GradesExporter):
    """A file for Moodle: Grades, Import, CSV file. Separator comma, encoding UTF-8.

    Columns: First name, Last name, Username, ID number, Email address, then one for an exercise. "-" is no grade.
    Moodle asks which column says who a student is ("Map from") and what that is in Moodle ("Map to"): Username to
    username, ID number to ID number, or Email address to email. Then choose for each exercise its grade item, or a
    new one.

    What you have to fill in, once: Username is the student's id in the gradebook; ID number is `lms_user_id` and Email
    address is `email`, both set by ``nbgrader db student add``. Those two columns are left out unless every student
    has one: a row whose mapped cell is empty would give its grades to the student of the row before.

    One row that matches nobody makes Moodle refuse the whole file, and so does a grade above 100 unless the site
    allows it.

    Sources: Moodle documentation, "Grade import" (docs.moodle.org/en/Grade_import); Moodle itself, which is free
    software: moodle/moodle, ``grade/import/csv/classes/load_data.php``; headings as in ``grade/export/txt``.
    """

    default_file = "moodle.csv"

    def rows(self, assignments: list[Assignment], students: list[Student], scores: Scores) -> Iterable[list[Cell]]:
        columns: dict[str, Callable[[Student], Cell]] = {
            "First name": lambda s: s.first_name,
            "Last name": lambda s: s.last_name,
            "Username": lambda s: s.id,
            "ID number": lambda s: s.lms_user_id,
            "Email address": lambda s: s.email,
        }
        for heading in ("ID number", "Email address"):
            without = [s.id for s in students if not columns[heading](s)]
            if without:
                del columns[heading]
                # Where nobody has one, nobody expects the column.
                if len(without) < len(students):
                    self.log.warning(
                        "No column %s, because %d students have none: %s", heading, len(without), without[:5]
                    )
        yield [*columns, *(self.title(a) for a in assignments)]
        for student in students:
            grades = [scores[a.name, student.id] for a in assignments]
            yield [*(of(student) for of in columns.values()), *("-" if g is None else g for g in grades)]


def _sortable_name(student: Student) -> str:
    """``Lovelace, Ada``, as Canvas has it; the id where there is no name."""
    return ", ".join(part for part in (student.last_name, student.first_name) if part) or str(student.id)
