"""The report in five lines, for the terminal."""

from __future__ import annotations

from autograder.exercise.outcome import Status
from autograder.exercise.sentences import printable
from autograder.language import said, say, say_plural
from autograder.report.findings import Findings


def summary(findings: Findings) -> list[str]:
    """Five lines of text without control characters."""
    lines = [_who(findings), _scores(findings), _explain(findings), _tasks(findings), _by_hand(findings)]
    return [printable(line, "?") for line in lines]


def _who(findings: Findings) -> str:
    results = findings.results
    graded = sum(e.result.status is Status.GRADED for e in results.entries)
    if results.waiting:
        return say_plural(
            "{exercise}: {n} submission, {graded} of them fully graded, {waiting} waiting to be graded.",
            "{exercise}: {n} submissions, {graded} of them fully graded, {waiting} waiting to be graded.",
            len(results.entries),
            exercise=results.exercise,
            graded=graded,
            waiting=len(results.waiting),
        )
    return say_plural(
        "{exercise}: {n} submission, {graded} of them fully graded.",
        "{exercise}: {n} submissions, {graded} of them fully graded.",
        len(results.entries),
        exercise=results.exercise,
        graded=graded,
    )


def _scores(findings: Findings) -> str:
    scores = findings.scores
    if scores is None:
        return say("Scores: none yet.")
    return say(
        "Scores: median {median:.3g} of {most:g}, the middle half from {quarter:.3g} to {three_quarters:.3g}; full"
        " marks"
        " for {full}.",
        median=scores.median,
        most=findings.max_score,
        quarter=scores.quarter,
        three_quarters=scores.three_quarters,
        full=sum(e.result.score >= findings.max_score for e in findings.scored),
    )


def _explain(findings: Findings) -> str:
    if not findings.explain_again:
        return say("Explain again: nothing; no two students share a misunderstanding.")
    parts = [
        say_plural(
            "{hint} ({task}, {n} student)", "{hint} ({task}, {n} students)", m.count, hint=m.hint, task=m.task.name
        )
        for m in findings.explain_again
    ]
    return say("Explain again: {what}", what=" / ".join(parts))


def _tasks(findings: Findings) -> str:
    tasks = sorted(findings.tasks, key=lambda t: t.pass_rate)
    if not tasks:
        return say("Tasks: none.")
    hardest, easiest = tasks[0], tasks[-1]
    return say(
        "Tasks: hardest {hardest} ({low:.0%} passed), easiest {easiest} ({high:.0%}).",
        hardest=hardest.task.name,
        low=hardest.pass_rate,
        easiest=easiest.task.name,
        high=easiest.pass_rate,
    )


def _by_hand(findings: Findings) -> str:
    if not findings.by_hand:
        return say("Look at by hand: nothing.")
    # A semicolon between them, and titles as they are: in some languages a noun keeps its capital letter.
    parts = [f"{said(r.title)} ({say('all') if r.everyone else r.count})" for r in findings.by_hand]
    return say("Look at by hand: {what}.", what="; ".join(parts))
