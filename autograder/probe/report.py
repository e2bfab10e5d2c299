"""What a probe has found, for people: lines for a terminal, and one page without a script."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib.resources import files

import jinja2
from markupsafe import Markup, escape

from autograder import __version__
from autograder.exercise.outcome import shown
from autograder.probe.findings import Findings, Tried, Verdict

MOST_LINES = 12  # of a list on a terminal; the page has all


def lines(found: Findings) -> list[str]:
    """The findings as lines of text: a table, and below it what to look at."""
    head = (
        f"{'task':20} {'tried':>6} {'pass':>6} {'named':>6} {'error':>6} {'generic':>8} {'declared':>9} {'parrot':>7}"
    )
    rows = [
        f"{task.task[:20]:20} {task.judged:6} {_n(task.counts, Verdict.PASSES):6} {_n(task.counts, Verdict.NAMED):6}"
        f" {_n(task.counts, Verdict.ERROR, Verdict.MISSING):6} {_n(task.counts, Verdict.GENERIC):8}"
        f" {_n(task.counts, Verdict.EQUIVALENT):9} {shown(task.parrot) if task.parrot else '-':>7}"
        for task in found.tasks
    ]
    said = [head, *rows, *summary(found)]
    for task in found.tasks:
        if not task.solved:
            said.append(f"The solution itself does not earn full marks for {task.task}: look at that first.")
    said += _listed("Wrong answers with full marks:", (_place(one) for one in found.of(Verdict.PASSES)))
    said += _listed(
        "Right answers that lose points:",
        (f"{loss.task}: {loss.case.words} ({shown(loss.points)} of {shown(loss.max_points)})" for loss in found.lost),
    )
    said += _listed("Tasks that copying what the check says solves:", (task.task for task in found.parrots))
    said += _listed("A check broke, or was not run:", (_place(one) for one in found.of(Verdict.UNCHECKED)))
    said += _listed("Declared equivalent, but there is no such wrong answer:", found.unmatched)
    return said


def summary(found: Findings) -> list[str]:
    """The figures in sentences."""
    tried = found.judged + found.count(Verdict.EQUIVALENT, Verdict.UNCHECKED)
    of = f" of {found.made}" if tried < found.made else ""
    said = [f"{tried}{of} wrong answers tried, and {found.right} right ones."]
    if found.failing is not None:
        declared = found.count(Verdict.EQUIVALENT)
        without = f" (without {declared} that are declared equivalent)" if declared else ""
        said.append(f"{found.failing:.1%} of the wrong answers lose points{without}.")
    if found.named is not None:
        said.append(f"{found.named:.1%} of those that no error stopped get a hint of their own.")
    losing = len({loss.case.student for loss in found.lost})
    said.append(f"{losing or 'No'} right answer{'s lose' if losing > 1 else ' loses'} points.")
    if found.never_earned:
        said.append(f"{len(found.never_earned)} named hints were given to none of these answers.")
    return said


def page(found: Findings) -> str:
    """The whole page."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["prose"] = _prose
    environment.filters["points"] = shown
    template = environment.from_string(files(__package__).joinpath("page.html").read_text("utf-8"))
    return template.render(
        found=found,
        summary=summary(found),
        verdict=Verdict,
        number=_n,
        by_task=lambda tried: [(task.task, [t for t in tried if t.case.task == task.task]) for task in found.tasks],
        version=__version__,
    )


def _n(counts: Mapping[Verdict, int], *verdicts: Verdict) -> int:
    return sum(counts.get(verdict, 0) for verdict in verdicts)


def _place(tried: Tried) -> str:
    return f"{tried.case.task}: {tried.case.words}: {tried.case.line}"


def _listed(title: str, items: Iterable[str]) -> list[str]:
    listed = list(items)
    if not listed:
        return []
    more = [f"  and {len(listed) - MOST_LINES} more, on the page"] if len(listed) > MOST_LINES else []
    return [title, *(f"  {item}" for item in listed[:MOST_LINES]), *more]


def _prose(value: str) -> Markup:
    """A message or a hint: `text in backticks` is set as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(value))))
