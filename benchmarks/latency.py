"""How long a learner waits for `check` in a notebook, Keras loaded, after the first time."""

from __future__ import annotations

import contextlib
import io
import json
import statistics
import time
from typing import Any

from autograder.exercise import find_exercise, task_of
from autograder.grading.answered import answered
from autograder.notebook import Desk

TIMES = 9


def latencies(exercises: tuple[str, ...] = ("03-dense-networks", "04-softmax")) -> dict[str, float]:
    """Median seconds of each task's check, by "exercise task"."""
    return {f"{name} {task}": seconds for name in exercises for task, seconds in _of(name).items()}


def _of(name: str) -> dict[str, float]:
    namespace: dict[str, Any] = {}
    desk = Desk(find_exercise(name), namespace)
    medians = {}
    for cell in json.loads(json.dumps(answered(name, {}))).get("cells", []):
        task = task_of(cell)
        with contextlib.redirect_stdout(io.StringIO()):
            if task is None and cell["cell_type"] == "code" and cell["id"] != "look":
                exec("".join(cell["source"]), namespace)  # our own reference solution
            elif task is not None:
                medians[task.grade_id] = statistics.median(_seconds(desk, task.grade_id) for _ in range(TIMES))
    return medians


def _seconds(desk: Desk, task: str) -> float:
    began = time.perf_counter()
    desk.check(task)
    return time.perf_counter() - began
