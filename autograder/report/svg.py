"""Pictures as inline SVG. Drawn 360 units wide, so that their text stays readable on a phone.

Colours come from the page's style sheet by class, so that they follow light, dark and print. Every picture has a
title and a description, and stands beside a table that says the same.

Not Matplotlib's: its SVG has fixed colours and letters drawn as outlines, which neither follow the page's style sheet
nor can be read aloud or made larger; and importing it would take longer than the rest of the report.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from statistics import median

from autograder.language import number, said, say, say_plural
from autograder.report.findings import MARKS, Curve

WIDTH, LEFT, RIGHT = 360, 34, 18
MAX_POINTS = 60  # of one line; more cannot be told apart at this size

PATTERNS = """<svg class="patterns" width="0" height="0" aria-hidden="true" focusable="false"><defs>
<pattern id="partly" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
<rect class="partly-back" width="5" height="5"/><rect class="partly-line" width="2" height="5"/></pattern>
<pattern id="ours" width="6" height="6" patternUnits="userSpaceOnUse">
<rect class="ours-back" width="6" height="6"/><circle class="ours-dot" cx="3" cy="3" r="1.5"/></pattern>
</defs></svg>"""


def picture(title: str, description: str, height: float, inside: str) -> str:
    """An SVG with a name and a description for those who cannot see it."""
    return (
        f'<svg role="img" viewBox="0 0 {WIDTH} {height:g}" aria-label="{html.escape(title)}">'
        f"<title>{html.escape(title)}</title><desc>{html.escape(description)}</desc>{inside}</svg>"
    )


def stacked_bar(title: str, students: Mapping[str, int]) -> str:
    """One bar in parts, by `MARKS`; it takes whatever width there is."""
    total = sum(students.values()) or 1
    parts, x = [], 0.0
    for mark in MARKS:
        width = 100 * students[mark] / total
        if width:
            parts.append(f'<rect class="{mark.replace(" ", "-")}" x="{x:.2f}" width="{width:.2f}" height="10"/>')
        x += width
    description = ", ".join(f"{students[mark]} {said(word)}" for mark, word in MARKS.items() if students[mark])
    name, description = html.escape(title), html.escape(description)
    return (
        '<svg role="img" class="stack" viewBox="0 0 100 10" preserveAspectRatio="none"'
        f' aria-label="{name}: {description}">'
        f"<title>{name}</title><desc>{description}</desc>{''.join(parts)}</svg>"
    )


def histogram(
    title: str, values: Sequence[float], edges: Sequence[float], unit: str, height: int = 190, as_percent: bool = False
) -> str:
    """How many of `values` lie between each two `edges`; the last bin has both its ends.

    A line marks the median. Values outside the edges count in the first or the last bin.
    """
    counts = [0] * (len(edges) - 1)
    for value in values:
        counts[bin_of(value, edges)] += 1
    top, bottom = 34, height - 36
    most = max(counts, default=0) or 1
    width = (WIDTH - LEFT - RIGHT) / len(counts)
    labelled = width > 14
    inside, labels = [], []
    for place, count in enumerate(counts):
        x, tall = LEFT + place * width, (bottom - top) * count / most
        if count:
            box = f'x="{x + 1:.1f}" y="{bottom - tall:.1f}" width="{width - 2:.1f}" height="{tall:.1f}"'
            inside.append(f'<rect class="bar" {box}/>')
            if labelled:
                labels.append(_label(x + width / 2, bottom - tall - 3, str(count), "middle", "count"))
    span = (edges[-1] - edges[0]) or 1.0
    for value in _ticks(edges[0], edges[-1]):
        x = LEFT + (WIDTH - LEFT - RIGHT) * (value - edges[0]) / span
        inside.append(f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{bottom}" y2="{bottom + 4}"/>')
        inside.append(_label(x, bottom + 16, _number(value, as_percent), "middle"))
    middle = median(values) if values else edges[0]
    x = LEFT + (WIDTH - LEFT - RIGHT) * min(max((middle - edges[0]) / span, 0), 1)
    description = number(middle, ".1%" if as_percent else ".3g")
    anchor = "start" if x < WIDTH / 2 else "end"
    inside += [
        f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{bottom}" y2="{bottom}"/>',
        f'<line class="median" x1="{x:.1f}" x2="{x:.1f}" y1="12" y2="{bottom}"/>',
        _label(x + (4 if anchor == "start" else -4), 12, say("median {value}", value=description), anchor, "strong"),
        _label((LEFT + WIDTH - RIGHT) / 2, height - 4, unit, "middle"),
        *(labels if labelled else [_label(LEFT - 4, top + 4, str(most), "end")]),
    ]
    filled = [f"{between(edges[n], edges[n + 1], as_percent)}: {count}" for n, count in enumerate(counts) if count]
    told = say("Students by {unit}. Median {value}.", unit=unit, value=description)
    return picture(title, f"{told} {'; '.join(filled)}", height, "".join(inside))


def curves(curve: Curve, metric: str, height: int = 210) -> str:
    """All students' lines of one metric, with the medians of training and validation in front.

    The thin lines are the validation values where most students have them, else the training values.
    """
    training, validation = curve.lines.get(metric, []), curve.lines.get(f"val_{metric}", [])
    behind = validation if 2 * len(validation) >= len(training) else training
    if not behind:
        return ""
    epochs = max(map(len, behind + training))
    lowest, highest = _range([v for line in behind + training for v in line], metric)
    top, bottom = 12, height - 36

    def points(values: Sequence[float]) -> str:
        """Coordinates of a line, thinned out, cut off at the frame."""
        step = max(1, math.ceil(len(values) / MAX_POINTS))
        chosen = sorted({*range(0, len(values), step), len(values) - 1})
        pairs = []
        for epoch in chosen:
            x = LEFT + (WIDTH - LEFT - RIGHT) * (epoch / (epochs - 1) if epochs > 1 else 0.5)
            share = min(max((values[epoch] - lowest) / ((highest - lowest) or 1), 0), 1)
            pairs.append(f"{x:.0f},{bottom - (bottom - top) * share:.1f}")
        return " ".join(pairs)

    opacity = max(0.08, min(0.5, 30 / len(behind)))
    inside = [f'<g class="lines" stroke-opacity="{opacity:.2f}">']
    inside += [f'<polyline points="{points(line)}"/>' for line in behind]
    inside.append("</g>")
    for value in _ticks(lowest, highest, 4):
        y = bottom - (bottom - top) * (value - lowest) / ((highest - lowest) or 1)
        inside.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        inside.append(_label(LEFT - 4, y + 4, number(value), "end"))
    for value in _ticks(1, epochs, 5):
        if value == int(value):
            x = LEFT + (WIDTH - LEFT - RIGHT) * ((value - 1) / (epochs - 1) if epochs > 1 else 0.5)
            inside.append(_label(x, bottom + 15, number(value), "middle"))
    inside.append(_label((LEFT + WIDTH - RIGHT) / 2, height - 4, say("epoch"), "middle"))
    description = []
    kinds = (("training", metric, training), ("validation", f"val_{metric}", validation))
    for kind, name, lines in kinds:
        middle = curve.median(name) if lines else []
        if middle:
            inside.append(f'<polyline class="median-{kind}" points="{points(middle)}"/>')
            first, last = middle[0], middle[-1]
            description.append(
                say(
                    "The median of training {metric} goes from {first:.3g} to {last:.3g}.",
                    metric=metric,
                    first=first,
                    last=last,
                )
                if kind == "training"
                else say(
                    "The median of validation {metric} goes from {first:.3g} to {last:.3g}.",
                    metric=metric,
                    first=first,
                    last=last,
                )
            )
    thin = (
        say("One thin line for each student's validation {metric}.", metric=metric)
        if behind is validation
        else say("One thin line for each student's training {metric}.", metric=metric)
    )
    title = say_plural(
        "{curve}: {metric} of {n} student",
        "{curve}: {metric} of {n} students",
        len(behind),
        curve=curve.name,
        metric=metric,
    )
    return picture(title, " ".join([thin, *description]), height, "".join(inside))


def _range(values: list[float], metric: str) -> tuple[float, float]:
    """What the axis shows: all of it, but for the wildest 2 % of a loss."""
    ordered = sorted(values)
    highest = ordered[min(len(ordered) - 1, int(0.98 * len(ordered)))] if metric == "loss" else min(ordered[-1], 1.0)
    lowest = 0.0 if metric == "loss" else math.floor(10 * ordered[0]) / 10
    return lowest, highest if highest > lowest else lowest + 1.0


def bin_of(value: float, edges: Sequence[float]) -> int:
    """Number of the bin that `value` falls into."""
    for place in range(len(edges) - 2):
        if value < edges[place + 1]:
            return place
    return len(edges) - 2


def _ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """About so many round numbers from `low` to `high`."""
    if high <= low:
        return [low]
    rough = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(s * power for s in (1, 2, 5, 10) if s * power >= rough)
    first = math.ceil(low / step - 1e-9)
    return [round(n * step, 10) for n in range(first, math.floor(high / step + 1e-9) + 1)]


def between(low: float, high: float, as_percent: bool = False) -> str:
    """A range of numbers: "0 to 2.5"."""
    return say("{low} to {high}", low=_number(low, as_percent), high=_number(high, as_percent))


def _number(value: float, as_percent: bool) -> str:
    return number(value, ".0%" if as_percent else "g")


def _label(x: float, y: float, text: str, anchor: str, kind: str = "") -> str:
    name = f' class="{kind}"' if kind else ""
    return f'<text{name} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(text)}</text>'
