"""How one check's result looks: a short list in a notebook, a few lines of text elsewhere."""

from __future__ import annotations

import html
import re

from autograder import data
from autograder.exercise.outcome import (
    STATUS_WORDS,
    CheckResult,
    Outcome,
    SubmissionResult,
    TestResult,
    of_points,
)
from autograder.exercise.passages import Reading
from autograder.exercise.sentences import printable
from autograder.language import _, said, say, say_plural

_MARKS = {Outcome.PASSED: "✔", Outcome.FAILED: "✘", Outcome.NOT_ATTEMPTED: "○", Outcome.ERROR: "!"}
_WORDS = {
    Outcome.PASSED: _("Right"),
    Outcome.FAILED: _("Not yet"),
    Outcome.NOT_ATTEMPTED: _("Not begun"),
    Outcome.ERROR: _("Our fault"),
}
_COLOURS = {  # at least 3 to 1 on white and on JupyterLab's dark theme; a word says the same
    Outcome.PASSED: "#2a8a4a",
    Outcome.FAILED: "#d1495b",
    Outcome.NOT_ATTEMPTED: "#8a8a8a",
    Outcome.ERROR: "#c77700",
}


class CheckView:
    """Shows a `CheckResult`: what came out in words, what is not right yet, what is, then the first hint.

    The marks repeat what the words say, so nothing is lost without colour, without the sign's font, or read aloud.

    Args:
        reading: where the book says more about what a hint names; without it only the hint is shown.
    """

    def __init__(self, result: CheckResult, reading: Reading | None = None) -> None:
        self.result = result
        self._reading = reading

    def __repr__(self) -> str:
        lines = [f"{self.result.name}: {self.summary()}"]
        for test, message in self._tests():
            lines.append(f"  {_MARKS[test.outcome]} {said(_WORDS[test.outcome])}: {test.title}")
            if message:
                lines.append(f"      {message}")
        if self.result.hints:
            lines.append(f"  {say('Hint:')} {self.result.hints[0]}")
            if self._reading and (read := self._reading.line(self.result.name, self.result.hints[0])):
                lines.append(f"  {read}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        # A live region: a screen reader says it when it appears, where the notebook's program lets it.
        return self.html(' role="status"')

    def html(self, attributes: str = "") -> str:
        """As part of a page; `attributes` are the outer element's."""
        items = []
        for test, message in self._tests():
            mark = f'<span aria-hidden="true" style="color:{_COLOURS[test.outcome]}">{_MARKS[test.outcome]}</span>'
            text = f"{mark} {said(_WORDS[test.outcome])}: {with_code(test.title)}"
            # (Read aloud, a title without its full stop runs on into the message.)
            stop = "" if test.title.endswith((".", "?", "!")) else "."
            items.append(f"<li>{text}{f'{stop}<br>{with_code(message)}' if message else ''}</li>")
        # (`list-style: none` would take the list away from VoiceOver, so its role is said.)
        tests = f'<ul role="list" style="list-style:none;padding-left:0">{"".join(items)}</ul>' if items else ""
        hint = ""
        if self.result.hints:
            label = html.escape(say("Hint:"))
            hint = f"<p><strong>{label}</strong> {with_code(self.result.hints[0])}</p>{self._read()}"
        name = html.escape(self.result.name)
        return f"<div{attributes}><p><strong>{name}</strong>: {self.summary()}</p>{tests}{hint}</div>"

    def summary(self) -> str:
        """One line: how much is right, and what it earns."""
        result = self.result
        right, tests = sum(test.outcome is Outcome.PASSED for test in result.tests), len(result.tests)
        if result.outcome is Outcome.ERROR:
            how = say("not checked, and that is our fault")
        elif result.outcome is Outcome.NOT_ATTEMPTED:
            how = say("not begun yet")
        elif result.outcome is not Outcome.PASSED:
            how = say_plural("{right} of {n} right", "{right} of {n} right", tests, right=right)
        elif tests == 1:
            how = say("right")
        else:
            how = say("both right") if tests == 2 else say_plural("all {n} right", "all {n} right", tests)
        return say("{how}, {points}.", how=how, points=of_points(result.points, result.max_points))

    def _read(self) -> str:
        """What to read again, as a paragraph; with a link, which opens beside the notebook, if the book's place is
        known; '' if there is nothing."""
        reading = self._reading
        passage = reading.passage(self.result.name, self.result.hints[0]) if reading else None
        if reading is None or passage is None:
            return ""
        words = with_code(passage.words())
        if reading.book:
            address = html.escape(passage.address(reading.book))
            words = f'<a href="{address}" target="_blank" rel="noopener">{words}</a>'
        return f"<p>{html.escape(say('Read:'))} {words}</p>"

    def _tests(self) -> list[tuple[TestResult, str]]:
        """What is not right yet comes first; each message once."""
        shown_before: set[str] = set()
        tests = []
        for test in sorted(self.result.tests, key=lambda test: test.outcome is Outcome.PASSED):
            tests.append((test, "" if test.message in shown_before else test.message))
            shown_before.add(test.message)
        return tests


class Points(float):
    """The points of a check as nbgrader reads them from a cell's output: a number, which a notebook does not show."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return ""


def with_code(text: str) -> str:
    """Escape for HTML; `text in backticks` becomes code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False))


def submission_lines(result: SubmissionResult) -> list[str]:
    """A whole submission as lines of text, for the command line."""
    points = of_points(result.score, result.max_score)
    lines = [f"{result.exercise}: {points} ({said(STATUS_WORDS[result.status])})"]
    lines += [line for line in (result.message, *result.notes) if line]
    if not all(check.message == result.message for check in result.checks):  # else it was said, and is all there is
        for check in result.checks:
            lines += repr(CheckView(check, Reading(result.exercise))).splitlines()
    if result.measures:
        images = say(data.MEASURED_ON.get(result.held_out, "unknown images"))
        lines.append(say("Accuracy: measured on {images}", images=images))
    lines.append(say("Sandbox: {sandbox}", sandbox=result.sandbox))
    return [printable(line, "?") for line in lines]


_FULL_WIDTH = {ord(c): ord(c) + 0xFEE0 for c in "<[]$\\"}  # they look the same and mean nothing
_ESCAPED = {full: f"&#{plain};" for plain, full in _FULL_WIDTH.items()}


def as_typed(page: str) -> str:
    """HTML that was made of `plain_markdown`, with what the writer typed, which every font has; still it means nothing.

    For pages in which no script makes formulas of it, within an element that MathJax passes over.
    """
    for full, plain in _ESCAPED.items():
        page = page.replace(chr(full), plain).replace(f"&#{full};", plain)  # headings have them as numbers
    return page


def plain_markdown(text: str) -> str:
    """Markdown without HTML, links, pictures and formulas; headings, lists and emphasis remain.

    nbconvert lets ``javascript:`` links through and fetches pictures from anywhere when a page is opened; MathJax
    has several commands that make links or carry style. So whatever could begin one of them shows as text.
    """
    return text.translate(_FULL_WIDTH)
