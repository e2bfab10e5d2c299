"""A graded notebook as the HTML page that nbgrader's generate_feedback would make of it.

The same exporter and template, filled from the result instead of the gradebook, so that pages can be made
in parallel and without the database.
"""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
import nbgrader
from nbconvert.exporters import HTMLExporter
from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
from traitlets.config import Config

from autograder.grading.outputs import plain_markdown
from autograder.outcome import SubmissionResult


def feedback_page(notebook: nbformat.NotebookNode, result: SubmissionResult) -> str:
    """The page for one student. `notebook` holds the results in its graded cells (`outputs.show_result`)."""
    page = copy.deepcopy(notebook)
    points = {check.name: check for check in result.checks}
    for cell in page.cells:
        grading = cell.metadata.get("nbgrader")
        if grading and grading.get("grade") and grading["grade_id"] in points:
            grading["score"] = points[grading["grade_id"]].points
            grading["points"] = points[grading["grade_id"]].max_points
        if grading and grading.get("solution"):
            grading["comment"] = None
    if result.message or result.notes:
        said = "\n".join(f"> {plain_markdown(line)}\n>" for line in (result.message, *result.notes) if line)
        page.cells.insert(0, nbformat.v4.new_markdown_cell(said))
    resources = {
        "nbgrader": {
            "notebook": result.exercise,
            "assignment": result.exercise,
            "student": result.student,
            "score": result.score,
            "max_score": result.max_score,
            "late_penalty": 0,
        },
        "metadata": {"name": result.exercise},
    }
    html, _ = _exporter().from_notebook_node(page, resources=resources)
    return str(html)


@cache
def _exporter() -> Any:
    package = Path(nbgrader.__file__).parent / "server_extensions" / "formgrader"
    config = Config()
    config.HTMLExporter.template_name = "feedback"
    config.HTMLExporter.extra_template_basedirs = [str(package / "templates")]
    config.HTMLExporter.extra_template_paths = [str(package / "static/node_modules/bootstrap/dist/css")]
    config.HTMLExporter.preprocessors = [CSSHTMLHeaderPreprocessor]
    return HTMLExporter(config=config)
