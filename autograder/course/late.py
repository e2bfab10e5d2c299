"""What a late submission loses, by nbgrader's plugin as the course's configuration names it."""

from __future__ import annotations

import contextlib
import logging
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from autograder.course.nbgrader_config import NbgraderConfig
from autograder.errors import BadSetting
from autograder.language import say

_SECTION = "AssignLatePenalties"
OURS = "autograder.course.nbgrader_plugin.CourseDeadlines"  # the plugin by which nbgrader asks our settings


class LatePenalties:
    """Asks nbgrader's late submission plugin."""

    def __init__(self, nbgrader: NbgraderConfig, root: Path) -> None:
        """Load the plugin; a module of the course directory may hold it.

        Raises:
            BadSetting: there is no such plugin, or its settings are not what it takes.
        """
        self._where = nbgrader.where
        config = nbgrader.config
        self._plugin: Any = None
        if not (config.get(_SECTION) or config.get("LateSubmissionPlugin")):
            return  # nobody set anything, so nobody loses anything
        if config.get(_SECTION, {}).get("plugin_class") == OURS:
            return
        from nbgrader.preprocessors import AssignLatePenalties

        try:
            with _importing_from(root):
                assign = AssignLatePenalties(config=config)
                assign.init_plugin()
        except Exception as error:  # whatever a plugin's module or its settings raise
            trait = "plugin_class" if "plugin_class" in config.get(_SECTION, {}) else ""
            key = nbgrader.where(_SECTION, trait) if trait else nbgrader.where("LateSubmissionPlugin", "penalty_method")
            raise BadSetting(say("{key} cannot be used: {error}.", key=key, error=_first_line(error))) from error
        if assign.enabled:
            self._plugin = assign.plugin_inst
            self._plugin.log = logging.Logger("nbgrader")  # it would say something for each student

    def require_no_other(self, rules: str) -> None:
        """Make sure that nobody loses points by two rules.

        Args:
            rules: where the other one stands, a file and its key.

        Raises:
            BadSetting: there is a plugin, and it is not ours.
        """
        if self._plugin is not None and getattr(self._plugin, "penalty_method", "") != "none":
            raise BadSetting(
                say(
                    "{rules} says what late work loses, and so does {where} ({name}). Keep one of the two.",
                    rules=rules,
                    where=self._where(_SECTION, "plugin_class"),
                    name=type(self._plugin).__name__,
                )
            )

    def of(self, student: str, score: float, seconds_late: float) -> float:
        """The points that a submission loses, 0 to its score.

        Raises:
            BadSetting: the plugin failed, or did not answer with a number.
        """
        if self._plugin is None or seconds_late <= 0:
            return 0.0
        try:
            points = self._plugin.late_submission_penalty(student, score, seconds_late)
            lost = 0.0 if points is None else float(points)
            if not math.isfinite(lost):
                raise ValueError(say("it returned {points}", points=points))
        except Exception as error:  # the course's own code
            key = self._where(_SECTION, "plugin_class")
            raise BadSetting(
                say(
                    "{key}: {name} failed on {student}: {error}. What was graded is kept.",
                    key=key,
                    name=type(self._plugin).__name__,
                    student=student,
                    error=_first_line(error),
                )
            ) from error
        return min(max(lost, 0.0), score)  # as nbgrader does


@contextlib.contextmanager
def _importing_from(root: Path) -> Iterator[None]:
    """nbgrader's commands run in the course directory and import from it."""
    sys.path.insert(0, str(root))
    try:
        yield
    finally:
        sys.path.remove(str(root))


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0][:200] if lines else type(error).__name__).rstrip(".")
