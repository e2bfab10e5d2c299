"""The report's figures as a table for a spreadsheet: one row for a student."""

from __future__ import annotations

from autograder.language import said
from autograder.report import spreadsheet
from autograder.report.findings import Findings, mark_of
from autograder.report.spreadsheet import Cell

_LATE = ("due", "handed_in", "seconds_late", "late_penalty")  # times with their distance from UTC


def table(findings: Findings) -> str:
    """The table as CSV. Points that are not known (our failure) are left empty."""
    tasks = [task.name for task in findings.results.tasks]
    measured = list(findings.accuracy)
    why = _why(findings)
    names = findings.results.names
    heading: list[Cell] = ["student", "status", "score", "max_score", "percent", *tasks, *measured]
    rows: list[list[Cell]] = [[*heading, *_LATE, "seconds", "first_problem", "first_hint", "look_at", "name"]]
    for entry in findings.results.entries:
        result = entry.result
        checks = {check.name: check for check in result.checks}
        counted = {task.name: task.points for task in entry.grades.tasks if task.by_hand} if entry.grades else {}
        points = [
            counted[name] if name in counted else None if mark_of(checks.get(name)) == "ours" else checks[name].points
            for name in tasks
        ]
        problem = next((c for c in result.checks if c.first_problem is not None), None)
        percent = round(100 * result.score / result.max_score, 1) if result.max_score else None
        row: list[Cell] = [entry.student, str(result.status), result.score, result.max_score, percent, *points]
        row += [result.measures.get(name) for name in measured]
        deadline = result.deadline or {}
        row += [deadline.get(name) for name in _LATE[:-1]]
        row += [result.late_penalty or None]
        row += [round(result.seconds["total"], 1) if "total" in result.seconds else None]
        row += [
            f"{problem.name}: {problem.message}" if problem else "",
            problem.hints[0] if problem and problem.hints else "",
        ]
        rows.append([*row, "; ".join(why.get(entry.student, [])), names.get(entry.student)])
    others = [(s, "not graded") for s in findings.results.waiting]
    others += [(s, "handed in nothing") for s in findings.results.absent]
    for student, status in others:
        row = [student, status] + [None] * (len(rows[0]) - 4)
        rows.append([*row, "; ".join(why.get(student, [])), names.get(student)])
    return spreadsheet.table(rows)


def _why(findings: Findings) -> dict[str, list[str]]:
    """Titles of the reasons to look at a submission, by student."""
    why: dict[str, list[str]] = {}
    for reason in findings.by_hand:
        for case in reason.cases:
            for student in case.students:
                why.setdefault(student, []).append(said(reason.title))
    return why
