"""How one check's result looks: a short table in a notebook, a few lines of text elsewhere."""

from __future__ import annotations

import html
import re

from autograder import data
from autograder.exercise.outcome import CheckResult, Outcome, SubmissionResult, shown

_MARKS = {Outcome.PASSED: "✔", Outcome.FAILED: "✘", Outcome.NOT_ATTEMPTED: "○", Outcome.ERROR: "!"}
_COLOURS = {  # readable on white and on JupyterLab's dark theme; the mark says the same without colour
    Outcome.PASSED: "#2a8a4a",
    Outcome.FAILED: "#d1495b",
    Outcome.NOT_ATTEMPTED: "#8a8a8a",
    Outcome.ERROR: "#c77700",
}


class CheckView:
    """Shows a `CheckResult`: title, points, one line per test, then the first hint."""

    def __init__(self, result: CheckResult) -> None:
        self.result = result

    def __repr__(self) -> str:
        lines = [f"{self.result.name}: {self._points()}"]
        for test in self.result.tests:
            lines.append(f"  {_MARKS[test.outcome]} {test.title}")
            if test.message:
                lines.append(f"      {test.message}")
        if self.result.hints:
            lines.append(f"  Hint: {self.result.hints[0]}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = []
        shown_already: set[str] = set()
        for test in self.result.tests:
            mark = f'<span style="color:{_COLOURS[test.outcome]}">{_MARKS[test.outcome]}</span>'
            message = "" if test.message in shown_already else f"<br>{_code(test.message)}" if test.message else ""
            shown_already.add(test.message)
            rows.append(
                f'<tr><td style="vertical-align:top" aria-label="{test.outcome}">{mark}</td>'
                f'<td style="text-align:left">{_code(test.title)}{message}</td></tr>'
            )
        hint = f"<p>💡 {_code(self.result.hints[0])}</p>" if self.result.hints else ""
        return (
            f"<div><strong>{html.escape(self.result.name)}</strong>: {self._points()}"
            f'<table role="presentation">{"".join(rows)}</table>{hint}</div>'
        )

    def _points(self) -> str:
        result = self.result
        label = "" if result.outcome in (Outcome.PASSED, Outcome.FAILED) else f" ({result.outcome})"
        return f"{shown(result.points)} of {shown(result.max_points)} points{label}"


def _code(text: str) -> str:
    """Escape for HTML; `text in backticks` becomes code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False))


def submission_lines(result: SubmissionResult) -> list[str]:
    """A whole submission as lines of text, for the command line."""
    lines = [f"{result.exercise}: {shown(result.score)} of {shown(result.max_score)} points ({result.status})"]
    lines += [line for line in (result.message, *result.notes) if line]
    if not all(check.message == result.message for check in result.checks):  # else it was said, and is all there is
        for check in result.checks:
            lines += repr(CheckView(check)).splitlines()
    if result.measures:
        lines.append(f"Accuracy: measured on {data.MEASURED_ON.get(result.held_out, 'unknown images')}")
    lines.append(f"Sandbox: {result.sandbox}")
    return ["".join(c if c.isprintable() else "?" for c in line) for line in lines]


_FULL_WIDTH = {ord(c): ord(c) + 0xFEE0 for c in "<[]$\\"}  # they look the same and mean nothing


def plain_markdown(text: str) -> str:
    """Markdown without HTML, links, pictures and formulas; headings, lists and emphasis remain.

    nbconvert lets ``javascript:`` links through and fetches pictures from anywhere when a page is opened; MathJax
    has several commands that make links or carry style. So whatever could begin one of them shows as text.
    """
    return text.translate(_FULL_WIDTH)
