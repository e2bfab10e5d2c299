"""The bench's history as a picture and a table: ``{measured}``, from benchmarks/history.jsonl."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

WIDTH, LEFT, RIGHT, ROW = 560, 150, 120, 26


class Measured(SphinxDirective):
    """``{measured} figure`` with ``:label:`` for its axis and, if there is one, ``:goal:``."""

    required_arguments = 1
    option_spec: ClassVar = {"label": directives.unchanged_required, "goal": float}

    def run(self) -> list[nodes.Node]:
        """Draw each run that measured the figure, one below the other."""
        figure = self.arguments[0]
        root = Path(self.env.srcdir)
        history = next(
            folder for folder in (root, *root.parents) if (folder / "benchmarks" / "history.jsonl").is_file()
        )
        path = history / "benchmarks" / "history.jsonl"
        self.env.note_dependency(str(path))
        runs = [run for line in path.read_text("utf-8").splitlines() if figure in (run := json.loads(line))]
        if not runs:
            raise self.error(f"no run in benchmarks/history.jsonl measured {figure}")
        drawn = picture(figure, runs, self.options.get("label", figure), self.options.get("goal"))
        return [nodes.raw("", drawn, format="html")]


def picture(figure: str, runs: Sequence[Mapping[str, Any]], label: str, goal: float | None) -> str:
    """An SVG with a point for each run, the oldest above; every value stands beside its point."""
    values = [float(run[figure]) for run in runs]
    most = 1.15 * max([*values, goal or 0.0])

    def x(value: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT - 30) * value / most, 1)

    bottom = 14 + ROW * len(runs)
    axis = f'<path d="M{LEFT} 8V{bottom}H{WIDTH - RIGHT}" fill="none" stroke="currentColor"/>'
    parts = [axis, f'<text x="{LEFT}" y="{bottom + 30}" font-size="12">{escape(label)}</text>']
    step = next(step for step in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if most / step <= 7)
    for number in range(int(most / step) + 1):
        parts.append(f'<text x="{x(number * step)}" y="{bottom + 14}" font-size="11" text-anchor="middle">')
        parts.append(f"{number * step:g}</text>")
    if goal is not None:
        parts.append(f'<path d="M{x(goal)} 8V{bottom}" stroke="currentColor" stroke-dasharray="4 3"/>')
        parts.append(f'<text x="{WIDTH - RIGHT}" y="{bottom + 46}" font-size="12" text-anchor="end">')
        parts.append(f"dashed: the goal, {goal:g}</text>")
    for number, (run, value) in enumerate(zip(runs, values, strict=True)):
        y = 8 + ROW * (number + 0.5)
        cpu = str(run["machine"]["cpu"]).replace("(R)", "").replace(" Processor", "")
        parts.append(f'<text x="0" y="{y + 4}" font-size="12">{escape(run["date"])}, {escape(cpu)}</text>')
        parts.append(f'<circle cx="{x(value)}" cy="{y}" r="5" fill="var(--pst-color-primary, currentColor)"/>')
        size = f" ({run['class_submissions']} submissions)" if "class_submissions" in run else ""
        parts.append(f'<text x="{x(value) + 9}" y="{y + 4}" font-size="12">{value:.2f}{size}</text>')
    alt = f"{label}, by run: " + "; ".join(
        f"{run['date']} {value:.2f}" for run, value in zip(runs, values, strict=True)
    )
    return (
        f'<svg role="img" aria-label="{escape(alt)}" viewBox="0 0 {WIDTH} {bottom + 54}" fill="currentColor"'
        f' style="max-width: {WIDTH}px; width: 100%">{"".join(parts)}</svg>'
    )


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    app.add_directive("measured", Measured)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
