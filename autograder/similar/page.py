"""Similar work as one HTML page: groups, and pairs side by side. No script, and nothing of a student's but text."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from autograder import templates
from autograder.similar.compare import Pair, Shared
from autograder.similar.work import Work

MANY = 100  # pairs that are shown side by side


def page(content: dict[str, Any], found: list[Pair], works: dict[str, Work]) -> str:
    """The whole page.

    Args:
        content: what the JSON file has.
    """
    environment = templates.environment("autograder.similar")
    template = environment.from_string(files("autograder.similar").joinpath("page.html").read_text("utf-8"))
    shown = [
        {
            "students": pair.students,
            "bits": pair.bits,
            "tasks": [{"shared": s, "sides": [_lines(works[name], s) for name in pair.students]} for s in pair.shared],
        }
        for pair in found[:MANY]
    ]
    return template.render(content=content, pairs=shown, more=len(found) - len(shown))


def _lines(work: Work, shared: Shared) -> list[tuple[str, bool]]:
    """A cell's lines, and whether each belongs to what is shared."""
    marked = set[int]().union(*(work.prints[shared.task].get(p, set()) for p in shared.fingerprints))
    return [(line, number in marked) for number, line in enumerate(work.code[shared.task].split("\n"))]
