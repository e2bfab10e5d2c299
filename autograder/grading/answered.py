"""A learner's notebook made from answers: for demonstrations, benchmarks and tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import nbformat

_ROOT = Path(__file__).resolve().parent.parent.parent


def answered(exercise: str, answers: Mapping[str, str] | None = None, root: Path = _ROOT) -> nbformat.NotebookNode:
    """The released notebook with answers filled in.

    Args:
        answers: source of the answer cells by grade_id, instead of the reference solution; None leaves the
            notebook as it was released.
        root: a clone of the kit, with exercises/ and solutions/.
    """
    notebook = nbformat.read(root / "exercises" / exercise / f"{exercise}.ipynb", 4)
    if answers is None:
        return notebook
    reference = nbformat.read(root / "solutions" / exercise / f"{exercise}.ipynb", 4)
    sources = {c.metadata.nbgrader.grade_id: c.source for c in reference.cells if "nbgrader" in c.metadata}
    unknown = set(answers) - set(sources)
    if unknown:
        raise KeyError(f"{exercise} has no answer cells {sorted(unknown)}")
    for cell in notebook.cells:
        grading = cell.metadata.get("nbgrader", {})
        if grading.get("solution"):
            cell.source = answers.get(grading.grade_id, sources[grading.grade_id])
    return notebook
