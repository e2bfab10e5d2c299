"""The lessons' notebooks to take away run from start to end outside the book and without the kit, in plain kernels.

They are made from the lessons as the book makes them, without the numbers that its prose quotes: that the book's own
hold the same code is tested where the book is built (`test_book`). So these need not wait for it.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path

import nbformat
import pytest
from kit import ROOT
from nbclient import NotebookClient

sys.path.insert(0, str(ROOT / "book" / "_ext"))

from kitbook.front_matter import Lesson, read_lesson
from kitbook.notebooks import notebook_to_take_away

NOTEBOOKS = sorted(path.stem for path in (ROOT / "lessons").glob("*.md"))
# A place where the kit was never installed, and where what `keras.datasets` fetches has been fetched.
WITHOUT_THE_KIT = f"""
import sys
import keras
import numpy as np

sys.modules["autograder"] = None  # importing it is an error

def _mnist():
    with np.load({str(ROOT / "data" / "mnist.npz")!r}) as held:
        return tuple((held["x_" + part], held["y_" + part]) for part in ("train", "test"))

def _fashion():
    # Of the 70,000 those that the kit's own images were drawn from, with their original labels.
    with np.load({str(ROOT / "data" / "fashion.npz")!r}) as held:
        def pair(part):
            return held[part + "_data"][..., 0], np.array([0, 7, 3])[held[part + "_labels"].argmax(axis=1)]

        return pair("train"), pair("test")

keras.datasets.mnist.load_data, keras.datasets.fashion_mnist.load_data = _mnist, _fashion
"""
# What the cells find was asserted when the book was built, where they train to the end. Here the first training, whose
# curves are drawn, has four batches of its images and all its epochs; each other one has one batch and one epoch. So
# few steps are not worth tracing a function for.
FEW_BATCHES = """
_fit, fits = keras.Model.fit, []

def _with_little(self, x=None, y=None, **settings):
    if hasattr(x, "shape") and hasattr(y, "shape") and "sample_weight" not in settings:
        some = (1 if fits else 4) * settings.get("batch_size", 32)
        x, y = x[:some], y[:some]
    if fits:
        settings["epochs"] = settings.get("initial_epoch", 0) + 1
    self.run_eagerly = settings.get("epochs", 1) <= 20
    fits.append(self)
    return _fit(self, x, y, **settings)

keras.Model.fit = _with_little
"""
AFTERWARDS = "import json; print(json.dumps([len(fits), hasattr(sys.modules['autograder'], '__file__')]))"


def taken_away(name: str) -> nbformat.NotebookNode:
    """The notebook of a lesson, without the numbers that its prose quotes."""
    path = ROOT / "lessons" / f"{name}.md"
    lesson = read_lesson(path) or Lesson(path, "", 0, 0, (), {}, ())
    return notebook_to_take_away(path.read_text("utf-8"), lesson, defaultdict(float))


def code_cells(notebook: nbformat.NotebookNode) -> list[str]:
    """The sources of its code cells."""
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


@pytest.mark.slow
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs_from_start_to_end_outside_the_book(
    tmp_path: Path, name: str, kernel_forks: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for setting, value in kernel_forks.items():
        monkeypatch.setenv(setting, value)
    notebook = taken_away(name)
    trains = any(".fit(" in source for source in code_cells(notebook))
    notebook.cells.insert(0, nbformat.v4.new_code_cell(WITHOUT_THE_KIT + FEW_BATCHES))  # type: ignore[no-untyped-call]
    notebook.cells.append(nbformat.v4.new_code_cell(AFTERWARDS))  # type: ignore[no-untyped-call]
    # With the notebook alone in its folder: an error in a cell raises.
    NotebookClient(
        notebook, timeout=600, startup_timeout=600, resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in cells), "each cell was run"
    fits, kit = json.loads(cells[-1].outputs[0].text)
    assert (fits > 0) == trains
    assert not kit, "the kit took no part in it"
    outputs = [output for cell in cells for output in cell.outputs]
    assert any(output.output_type == "display_data" for output in outputs), "a figure was drawn"
