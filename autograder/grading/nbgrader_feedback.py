"""`nbgrader generate_feedback` makes the page that `autograder grade` makes.

nbgrader's template cannot be read by everybody: it names no language, prints grey on grey, links to parts of itself,
and leaves formulas to a script from elsewhere. In ``nbgrader_config.py``::

    c.GenerateFeedback.exporter_class = "autograder.grading.nbgrader_feedback.FeedbackPages"

What stands on it comes from the gradebook, as nbgrader reads it, so points and comments that people gave are there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat

from autograder.course.directory import Course
from autograder.course.marks import Mark, in_order
from autograder.course.nbgrader_config import FEEDBACK_PAGES
from autograder.errors import KitError
from autograder.exercise.outcome import of_points
from autograder.grading.feedback import Pages, page_of_points, template_config, with_marks
from autograder.grading.outputs import make_safe
from autograder.language import language, speaking


class FeedbackPages(Pages):
    """nbgrader's exporter for feedback, with our template. nbgrader's own settings for its page do not reach it."""

    def __init__(self, config: Any = None, parent: Any = None, **traits: Any) -> None:
        super().__init__(config=template_config(), **traits)
        folder = getattr(getattr(parent, "coursedir", None), "root", "")
        self._root = Path(str(folder or "."))
        self._complete = False

    def from_notebook_node(self, nb: nbformat.NotebookNode, resources: Any = None, **kw: Any) -> tuple[str, Any]:
        if not self._complete:  # by now nbgrader has registered its own steps, which put points into the cells
            self.register_preprocessor(_of_the_page)
            self._complete = True
        with speaking(self._language()):
            page, resources = super().from_notebook_node(nb, resources, **kw)
            about = resources["nbgrader"]
            return with_marks(page, about["score"], in_order(about["marks"])), resources

    def _language(self) -> str:
        try:
            return Course(self._root).settings.language or language()
        except KitError:
            return language()


def _of_the_page(page: nbformat.NotebookNode, resources: Any) -> tuple[nbformat.NotebookNode, Any]:
    """Put what our template shows into nbgrader's resources: points, tasks, comments."""
    tasks, marks = [], []
    for cell in page.cells:
        grading = cell.metadata.get("nbgrader") or {}
        name = str(grading.get("grade_id", ""))
        if grading.get("grade") or grading.get("task"):
            tasks.append((name, _points(float(grading.get("score") or 0.0), float(grading.get("points") or 0.0))))
        if comment := grading.get("comment"):
            marks.append(Mark(name, comment=str(comment)))
    make_safe(page)
    about = resources["nbgrader"]
    score, most = float(about.get("score") or 0.0), float(about.get("max_score") or 0.0)
    late = float(about.get("late_penalty") or 0.0)
    about.update(page_of_points(page, str(about["notebook"]), (score, most), late, tasks))
    about["marks"] = marks
    return page, resources


def _points(earned: float, points: float) -> str:
    return of_points(earned, points)


assert f"{FeedbackPages.__module__}.{FeedbackPages.__name__}" == FEEDBACK_PAGES
