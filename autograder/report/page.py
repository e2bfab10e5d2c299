"""The report as one HTML file: no script, nothing from elsewhere, and nothing of a student's but text.

Names, messages and notes come from students or hold their words. The template (``page.html``) escapes all that is
put into it, and the page forbids scripts by its content security policy besides.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from statistics import median
from typing import Any
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from autograder import __version__, templates
from autograder.exercise.outcome import STATUS_WORDS, Status, model_measured
from autograder.language import _, beginning, said, say
from autograder.report import svg
from autograder.report.class_results import Entry
from autograder.report.findings import MARKS, Curve, Findings, Spread, mark_of

# What is shown before the rest is folded away: cases of a reason, names of a case, misunderstandings.
FEW, NAMES, MANY = 12, 40, 15
STAGES = {
    "repair": _("making the notebook gradable"),
    "kernel": _("starting a kernel"),
    "cells": _("the student's own cells"),
    "models": _("looking at models"),
    "checks": _("the checks"),
    "notebook": _("writing the graded notebook"),
    "total": _("all of it"),
}
_SIGNS = {"passed": "✔", "partly": "◐", "failed": "✘", "not attempted": "○", "ours": "!"}


@dataclass(frozen=True)
class Links:
    """Where a student's feedback and graded notebook lie, from the report; '' where there is none."""

    feedback: str = ""
    notebook: str = ""


def page(findings: Findings, to_feedback: str, to_graded: str) -> str:
    """The whole page.

    Args:
        to_feedback, to_graded: relative paths from the page's folder to those of the students' feedback and graded
            notebooks, with forward slashes.
    """
    results = findings.results
    entries = {entry.student: entry for entry in results.entries}

    def links_of(student: str) -> Links:
        entry = entries.get(student)
        if entry is None or results.blind:  # an address would name them
            return Links()
        return _links(entry, results.exercise, to_feedback, to_graded)

    def marks_of(entry: Entry) -> list[str]:
        checks = {check.name: check for check in entry.result.checks}
        return [mark_of(checks.get(task.name)) for task in results.tasks]

    marks = [m for m in MARKS if m != "ours" or any(t.students[m] for t in findings.tasks)]
    shared = sum(m.count > 1 for m in findings.misunderstandings)
    return _template().render(
        found=findings,
        results=results,
        graded=sum(e.result.status is Status.GRADED for e in results.entries),
        marks=marks,
        words=MARKS,
        status_words=STATUS_WORDS,
        headings=[said(beginning(MARKS[mark])) for mark in marks],
        shown=max(min(shared, MANY), 5),
        few=FEW,
        names=NAMES,
        scores=_scores(findings),
        accuracy=_accuracy(findings),
        curves=_curves(findings.curves),
        curve_ends=_curve_ends(findings.curves),
        seconds=_seconds(findings),
        stages=STAGES,
        signs=_SIGNS,
        links_of=links_of,
        marks_of=marks_of,
        version=__version__,
    )


def _template() -> jinja2.Template:
    environment = templates.environment("autograder.report")
    environment.globals["patterns"] = Markup(svg.PATTERNS)
    environment.globals["stacked_bar"] = lambda title, students: Markup(svg.stacked_bar(title, students))
    return environment.from_string(files("autograder.report").joinpath("page.html").read_text("utf-8"))


def _links(entry: Entry, exercise: str, to_feedback: str, to_graded: str) -> Links:
    def link(folder: str, ending: str) -> str:
        parts = (*folder.split("/"), entry.student, exercise, f"{exercise}.{ending}")
        return "/".join(quote(os.fsencode(part), safe="") for part in parts)

    if entry.result.status in (Status.MISSING, Status.UNREADABLE, Status.ERROR):
        return Links(link(to_feedback, "html"))
    return Links(link(to_feedback, "html"), link(to_graded, "ipynb"))


def _scores(findings: Findings) -> dict[str, Any]:
    scores, top = [e.result.score for e in findings.scored], findings.max_score
    if not scores or not top:
        return {}
    edges = [round(top * n / 10, 4) for n in range(11)]
    counts = [sum(svg.bin_of(s, edges) == n for s in scores) for n in range(10)]
    return {
        "picture": Markup(svg.histogram(say("Scores"), scores, edges, say("points of {most:g}", most=top))),
        "bins": [(svg.between(edges[n], edges[n + 1]), count) for n, count in enumerate(counts)],
        "full": sum(s >= top for s in scores),
        "none": sum(s <= 0 for s in scores),
    }


def _accuracy(findings: Findings) -> list[dict[str, Any]]:
    """A picture for each model, all on one scale."""
    lowest = min((v for values in findings.accuracy.values() for v in values), default=0.0)
    first = math.floor(10 * min(lowest, 0.9)) / 10
    edges = [round(first + (1 - first) * n / 20, 4) for n in range(21)]
    return [
        {
            "name": measured(name),
            "spread": Spread.of(values),
            "picture": Markup(
                svg.histogram(
                    say("The {what}", what=measured(name)), values, edges, say("images right"), 150, as_percent=True
                )
            ),
        }
        for name, values in findings.accuracy.items()
    ]


def measured(name: str) -> str:
    """What people read for the key of a measure."""
    model = model_measured(name)
    return say("accuracy of {model}", model=model) if model else name


def _curves(curves: Sequence[Curve]) -> list[dict[str, Any]]:
    drawn = [(curve, metric, svg.curves(curve, metric)) for curve in curves for metric in ("loss", "accuracy")]
    return [{"name": curve.name, "metric": metric, "picture": Markup(image)} for curve, metric, image in drawn if image]


def _curve_ends(curves: Sequence[Curve]) -> list[dict[str, Any]]:
    return [
        {
            "name": f"{curve.name}: {metric}",
            "last": Spread.of(line[-1] for line in lines),
            "epochs": Spread.of(len(line) for line in lines),
        }
        for curve in curves
        for metric, lines in curve.lines.items()
    ]


def _seconds(findings: Findings) -> Markup:
    totals = sorted(e.result.seconds["total"] for e in findings.results.entries if "total" in e.result.seconds)
    if not totals:
        return Markup()
    end = min(4 * median(totals), totals[-1]) or 1.0  # an endless loop would push all others into one bar
    return Markup(
        svg.histogram(say("Seconds for a submission"), totals, [end * n / 16 for n in range(17)], say("seconds"))
    )
