"""Small real notebooks for the two corpora, made from exercise 3 as it was released.

Every notebook starts from the same modest, honest work: two tasks and a half solved, nothing trained. An entry
adds or changes cells, or the file itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from autograder import data
from autograder.exercise.definition import Exercise, find_exercise
from autograder.sandbox.limits import Limits

EXERCISE = "03-dense-networks"
RELEASED = Path(__file__).resolve().parent.parent / "exercises" / EXERCISE / f"{EXERCISE}.ipynb"
_RELEASED_TEXT = RELEASED.read_text("utf-8")

# What the honest student wrote. Everything else is left as released.
HONEST = {
    "flattened-answer": """
x_train = train_data.reshape(600, 784).astype("float32") / 255
x_test = test_data.reshape(100, 784).astype("float32") / 255
""",
    "architecture-answer": """
model = keras.Sequential([
    keras.Input((784,)), layers.Dense(10, activation="relu"), layers.Dense(3, activation="softmax"),
])
""",
    "compiled-answer": 'model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])',
}
EARNED = {"flattened": 2.0, "architecture": 4.0, "compiled": 3.0}  # by the honest work, out of 25

# Little for a test to use up. The times are generous, because a slow machine may be busy as well.
LIMITS = Limits(
    cell_seconds=30.0,
    notebook_seconds=120.0,
    cell_cpu_seconds=12,
    cpu_seconds=60,
    answer_seconds=15.0,
    memory_mb=900,
    processes=128,
    file_mb=50,
    disk_mb=100,
    cell_output_kb=200,
    notebook_output_kb=600,
    model_seconds=60.0,
)
SHORT = replace(LIMITS, cell_seconds=6.0, notebook_seconds=25.0, answer_seconds=3.0)  # for what never ends by itself

Notebook = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """One hostile or unlucky submission."""

    name: str
    answers: Mapping[str, str] = field(default_factory=dict)  # over the honest ones
    first: str = ""  # a cell of the student's own, right after the first
    last: str = ""  # and one at the end
    change: Callable[[Notebook], Any] | None = None  # of the notebook, in place; or returns the file's bytes
    limits: Limits = LIMITS

    def raw(self) -> bytes:
        """The file that is handed in."""
        notebook = filled_in(self.answers)
        if self.first:
            notebook["cells"].insert(2, code_cell(self.first))
        if self.last:
            notebook["cells"].append(code_cell(self.last))
        if self.change is not None:
            made = self.change(notebook)
            if isinstance(made, bytes):
                return made
        return json.dumps(notebook).encode()


def exercise_in(folder: Path) -> Exercise:
    """The exercise, as a worker unpacks it: its two files in a folder of their own."""
    found = find_exercise(EXERCISE)
    notebook, checks = folder / RELEASED.name, folder / found.checks.name
    notebook.write_text(_RELEASED_TEXT, "utf-8")
    checks.write_bytes(found.checks.read_bytes())
    return Exercise.read(EXERCISE, notebook, checks)


def private_images() -> data.HeldOut:
    """Images that nobody has: the published test images, one pixel to the left."""
    _, (images, labels) = data.load_fashion()
    moved = images.copy()
    moved[:, :, :-1] = images[:, :, 1:]
    moved[:, :, -1] = 0
    return data.HeldOut(moved, labels.argmax(axis=1), "fashion", "private")


def filled_in(answers: Mapping[str, str]) -> Notebook:
    """The released notebook with the honest answers and these."""
    notebook: Notebook = json.loads(_RELEASED_TEXT)
    left = {**HONEST, **answers}
    for cell in notebook["cells"]:
        if grade_id(cell) in left:
            cell["source"] = left.pop(grade_id(cell))
    # The pictures at the end need a trained model; they are not what is tried here.
    notebook["cells"] = [c for c in notebook["cells"] if c["cell_type"] != "code" or grade_id(c)]
    assert not left, f"no such answer cell: {left}"
    return notebook


def code_cell(source: str, **metadata: Any) -> Notebook:
    return {"cell_type": "code", "source": source, "metadata": metadata, "outputs": [], "execution_count": None}


def grade_id(cell: Notebook) -> str:
    return str((cell["metadata"].get("nbgrader") or {}).get("grade_id", ""))


def cell(notebook: Notebook, name: str) -> Notebook:
    """The cell with this grade_id."""
    return next(c for c in notebook["cells"] if grade_id(c) == name)
