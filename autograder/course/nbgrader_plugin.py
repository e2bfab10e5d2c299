"""nbgrader's late submission plugin that takes off what the course's settings say.

In ``nbgrader_config.py``: ``c.AssignLatePenalties.plugin_class = "autograder.course.nbgrader_plugin.CourseDeadlines"``.
`nbgrader autograde` and the formgrader's own button then write into the gradebook what `autograder grade` does.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from nbgrader.plugins import BasePlugin

from autograder.course.directory import Course
from autograder.course.late import OURS


class CourseDeadlines(BasePlugin):  # type: ignore[misc]
    """Asks ``autograder.json`` in the course directory."""

    def late_submission_penalty(self, student_id: str, score: float, total_seconds_late: float) -> float | None:
        """The points that a submission loses, of `score`; None if it loses none.

        Raises:
            BadSetting: the settings cannot be used.
        """
        step: Any = self.parent  # nbgrader's AssignLatePenalties, which has the gradebook open
        submission = step.gradebook.find_submission(step.assignment_id, student_id)
        root = self.config.CourseDirectory.get("root") or os.getcwd()
        terms = Course(Path(str(root))).settings.of(step.assignment_id)
        longer = {} if submission.extension is None else {student_id: submission.extension}
        deadline = terms.deadline_beside(submission.assignment.duedate, longer)
        if deadline is None or submission.timestamp is None:
            return None
        return deadline.penalty(student_id, submission.timestamp, score) or None


assert f"{CourseDeadlines.__module__}.{CourseDeadlines.__name__}" == OURS
