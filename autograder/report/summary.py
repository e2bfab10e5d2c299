"""The report in five lines, for the terminal."""

from __future__ import annotations

from autograder.exercise.outcome import Status
from autograder.exercise.sentences import printable
from autograder.report.findings import Findings


def summary(findings: Findings) -> list[str]:
    """Five lines of text without control characters."""
    lines = [_who(findings), _scores(findings), _explain(findings), _tasks(findings), _by_hand(findings)]
    return [printable(line, "?") for line in lines]


def _who(findings: Findings) -> str:
    classroom = findings.classroom
    graded = sum(e.result.status is Status.GRADED for e in classroom.entries)
    waiting = f", {len(classroom.waiting)} waiting to be graded" if classroom.waiting else ""
    return f"{classroom.exercise}: {len(classroom.entries)} submissions, {graded} of them fully graded{waiting}."


def _scores(findings: Findings) -> str:
    scores = findings.scores
    if scores is None:
        return "Scores: none yet."
    full = sum(e.result.score >= findings.max_score for e in findings.scored)
    return (
        f"Scores: median {scores.median:.3g} of {findings.max_score:g}, the middle half from {scores.quarter:.3g} to"
        f" {scores.three_quarters:.3g}; full marks for {full}."
    )


def _explain(findings: Findings) -> str:
    if not findings.explain_again:
        return "Explain again: nothing; no two students share a misunderstanding."
    parts = [f"{m.hint} ({m.task.name}, {m.count} students)" for m in findings.explain_again]
    return "Explain again: " + " / ".join(parts)


def _tasks(findings: Findings) -> str:
    tasks = sorted(findings.tasks, key=lambda t: t.pass_rate)
    if not tasks:
        return "Tasks: none."
    hardest, easiest = tasks[0], tasks[-1]
    return (
        f"Tasks: hardest {hardest.task.name} ({hardest.pass_rate:.0%} passed), easiest {easiest.task.name}"
        f" ({easiest.pass_rate:.0%})."
    )


def _by_hand(findings: Findings) -> str:
    parts = [f"{r.title.lower()} {'all' if r.everyone else r.count}" for r in findings.by_hand]
    return "Look at by hand: " + ("; ".join(parts) + "." if parts else "nothing.")
