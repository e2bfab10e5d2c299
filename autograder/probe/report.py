"""What a probe has found, for people: lines for a terminal, and one page without a script."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.resources import files

from autograder import __version__, templates
from autograder.exercise.outcome import of_points, shown
from autograder.language import number, said, say, say_plural
from autograder.probe.findings import Findings, Tried, Verdict

MOST_LINES = 12  # of a list on a terminal; the page has all


def lines(found: Findings) -> list[str]:
    """The findings as lines of text: a table, and below it what to look at."""
    rows = [
        [
            task.task[:20],
            number(task.judged, ","),
            _count(task.counts, Verdict.PASSES),
            _count(task.counts, Verdict.NAMED),
            _count(task.counts, Verdict.ERROR, Verdict.MISSING),
            _count(task.counts, Verdict.GENERIC),
            _count(task.counts, Verdict.EQUIVALENT),
            shown(task.parrot) if task.parrot else "-",
        ]
        for task in found.tasks
    ]
    heads = _heads()
    said = [*_in_columns([[heads[0], *heads[2:]], *rows]), *summary(found)]
    for task in found.tasks:
        if not task.solved:
            said.append(
                say("The solution itself does not earn full marks for {task}: look at that first.", task=task.task)
            )
    said += _listed(say("Wrong answers with full marks:"), (_place(one) for one in found.of(Verdict.PASSES)))
    said += _listed(
        say("Right answers that lose points:"),
        (
            say(
                "{task}: {words} ({points} of {max_points})",
                task=loss.task,
                words=loss.case.words,
                points=shown(loss.points),
                max_points=shown(loss.max_points),
            )
            for loss in found.lost
        ),
    )
    said += _listed(
        say("Tasks that can be solved by copying what the check says:"), (task.task for task in found.parrots)
    )
    said += _listed(say("A check broke, or was not run:"), (_place(one) for one in found.of(Verdict.UNCHECKED)))
    said += _listed(say("Declared equivalent, but there is no such wrong answer:"), found.unmatched)
    return said


def summary(found: Findings) -> list[str]:
    """The figures in sentences."""
    tried = found.judged + found.count(Verdict.EQUIVALENT, Verdict.UNCHECKED)
    many = number(tried, ",")
    if tried < found.made:
        many = say("{tried:,} of {made:,}", tried=tried, made=found.made)
    right = say_plural("{n} right one", "{n} right ones", found.right)
    wrong = say_plural("{many} wrong answer", "{many} wrong answers", found.made, many=many)
    said = [say("{wrong} tried, and {right}.", wrong=wrong, right=right)]
    if found.failing is not None:
        declared = found.count(Verdict.EQUIVALENT)
        without = say(" (without {declared} that are declared equivalent)", declared=declared) if declared else ""
        said.append(
            say("{failing:.1%} of the wrong answers lose points{without}.", failing=found.failing, without=without)
        )
    if found.named is not None:
        said.append(
            say("Of those that no error stopped, {named:.1%} get a hint that names the mistake.", named=found.named)
        )
    losing = len({loss.case.student for loss in found.lost})
    said.append(
        say_plural("{n} right answer loses points.", "{n} right answers lose points.", losing)
        if losing
        else say("No right answer loses points.")
    )
    if found.never_earned:
        said.append(
            say_plural(
                "{n} named hint was never given for any of these answers.",
                "{n} named hints were never given for any of these answers.",
                len(found.never_earned),
            )
        )
    return said


def page(found: Findings) -> str:
    """The whole page, in the language of whoever asks."""
    environment = templates.environment("autograder.probe")
    environment.filters["points"] = shown
    environment.filters["said"] = said
    template = environment.from_string(files("autograder.probe").joinpath("page.html").read_text("utf-8"))
    return template.render(
        found=found,
        summary=summary(found),
        verdict=Verdict,
        heads=_heads(),
        count=_count,
        of_points=of_points,
        by_task=lambda tried: [(task.task, [t for t in tried if t.case.task == task.task]) for task in found.tasks],
        version=__version__,
    )


def _heads() -> list[str]:
    """The heads of the table's columns."""
    return [
        say("task"),
        say("points"),
        say("tried"),
        say("full marks"),
        say("named"),
        say("error shown"),
        say("generic"),
        say("declared"),
        say("parrot"),
    ]


def _in_columns(table: list[list[str]]) -> list[str]:
    """Rows as lines: the first column to the left, the others to the right, each as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join(cell.rjust(width) if at else cell.ljust(width) for at, (cell, width) in enumerate(zip(row, widths)))
        for row in table
    ]


def _count(counts: Mapping[Verdict, int], *verdicts: Verdict) -> str:
    return number(sum(counts.get(verdict, 0) for verdict in verdicts), ",")


def _place(tried: Tried) -> str:
    return f"{tried.case.task}: {said(tried.case.words)}: {tried.case.line}"


def _listed(title: str, items: Iterable[str]) -> list[str]:
    listed = list(items)
    if not listed:
        return []
    more = [say("  and {count} more, on the page", count=len(listed) - MOST_LINES)] if len(listed) > MOST_LINES else []
    return [title, *(f"  {item}" for item in listed[:MOST_LINES]), *more]
