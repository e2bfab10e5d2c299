"""The lessons as notebooks, for the launch links: the built book's, or made from the sources where it is not built."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import nbformat

ROOT = Path(__file__).resolve().parent.parent.parent


class _NotMeasured:
    """Stands where the prose quotes a number of the book's run."""

    def __format__(self, _form: str) -> str:
        return "…"

    __str__ = __repr__ = lambda self: "…"


class _NoNumbers(dict[str, Any]):
    def __missing__(self, _name: str) -> _NotMeasured:
        return _NotMeasured()


def write(target: Path) -> list[str]:
    """Write every lesson's notebook into `target`; return their names."""
    target.mkdir(parents=True, exist_ok=True)
    lessons = sorted((ROOT / "lessons").glob("*.md"))
    sys.path.insert(0, str(ROOT / "book" / "_ext"))
    from kitbook.front_matter import read_lesson
    from kitbook.notebooks import is_notebook, notebook_to_take_away

    names = []
    for path in lessons:
        built = ROOT / "book" / "_build" / "html" / "notebooks" / f"{path.stem}.ipynb"
        source = path.read_text("utf-8")
        lesson = read_lesson(path)
        if built.is_file():
            shutil.copyfile(built, target / built.name)
        elif lesson is not None and is_notebook(source):
            notebook = notebook_to_take_away(source, lesson, _NoNumbers())
            nbformat.write(notebook, target / f"{path.stem}.ipynb")
        else:
            continue
        names.append(path.stem)
    return names
