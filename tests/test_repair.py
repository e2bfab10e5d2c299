"""Repair: any bytes in, a gradable notebook or a reason out."""

from __future__ import annotations

import json
from typing import Any

import nbformat
import pytest
from hostile import RELEASED, code_cell, filled_in
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autograder.course import reading
from autograder.exercise.definition import task_of
from autograder.grading.repair import MAX_REPAIRS, Unreadable, read_notebook, repair

TEMPLATE = nbformat.read(RELEASED, as_version=4)
TASKS = [t.grade_id for c in TEMPLATE.cells if (t := task_of(c))]
_names = st.sampled_from([*TASKS, *(f"{t}-answer" for t in TASKS), "setup", "unknown", "\ud800<b>", ""])
_anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
_cells = st.fixed_dictionaries(
    {},
    optional={
        "cell_type": st.sampled_from(["code", "markdown", "raw", "heading"]) | _anything,
        "source": st.text(max_size=20) | st.lists(st.text(max_size=9) | st.integers(), max_size=3) | _anything,
        "input": st.text(max_size=9),
        "metadata": st.fixed_dictionaries(
            {}, optional={"nbgrader": st.fixed_dictionaries({"grade_id": _names | _anything}) | _anything}
        )
        | _anything,
        "outputs": _anything,
    },
)
_notebooks = st.fixed_dictionaries(
    {"cells": st.lists(_cells | _anything, max_size=12)}, optional={"nbformat": _anything, "metadata": _anything}
)


def _check(raw: bytes) -> None:
    try:
        repaired = repair(raw, TEMPLATE)
    except Unreadable as reason:
        if not str(reason).endswith("."):
            raise
        return
    notebook = repaired.notebook
    nbformat.validate(notebook)
    nbformat.writes(notebook).encode("utf-8")
    assert [t.grade_id for c in notebook.cells if (t := task_of(c))] == TASKS
    assert [t.points for c in notebook.cells if (t := task_of(c))] == [
        t.points for c in TEMPLATE.cells if (t := task_of(c))
    ]
    assert _locked(notebook) == _locked(TEMPLATE)
    assert len(repaired.repairs) <= MAX_REPAIRS + 1
    for line in repaired.repairs:
        line.encode("utf-8")
        assert "<" not in line


def _locked(notebook: Any) -> list[tuple[str, str]]:
    locked = [c for c in notebook.cells if (c.metadata.get("nbgrader") or {}).get("locked")]
    return [(c.cell_type, c.source) for c in locked]


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes(raw: bytes) -> None:
    _check(raw)


@settings(max_examples=200, deadline=None)
@given(_notebooks)
def test_any_notebook(document: dict[str, Any]) -> None:
    _check(json.dumps(document).encode())


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_cells_moved_copied_lost_and_retyped(data: st.DataObject) -> None:
    notebook = filled_in({})
    cells = data.draw(st.lists(st.sampled_from(notebook["cells"]), max_size=30))
    notebook["cells"] = [
        cell | {"cell_type": data.draw(st.sampled_from(["code", "markdown", "raw"]))}
        if data.draw(st.booleans())
        else cell
        for cell in cells
    ]
    _check(json.dumps(notebook).encode())


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**6), st.binary(min_size=1, max_size=4))
def test_any_damage_to_a_file(position: int, damage: bytes) -> None:
    raw = bytearray(json.dumps(filled_in({})).encode())
    position %= len(raw)
    raw[position : position + len(damage)] = damage
    _check(bytes(raw))


def test_answers_and_own_cells_stay_as_they_were() -> None:
    notebook = filled_in({"by_hand-answer": "mine = 1"})
    notebook["cells"].insert(6, code_cell("helper = 2"))
    repaired = repair(json.dumps(notebook).encode(), TEMPLATE)
    sources = [cell.source for cell in repaired.notebook.cells]
    assert "mine = 1" in sources
    assert "helper = 2" in sources
    assert repaired.repairs == ()


def test_a_copied_answer_stops_nobody() -> None:
    """What stops nbgrader's whole batch: Jupyter copies a cell with its metadata."""
    notebook = filled_in({"by_hand-answer": "mine = 1"})
    copied = next(c for c in notebook["cells"] if c["source"] == "mine = 1")
    notebook["cells"].append(copied | {"metadata": {"nbgrader": {}}})
    notebook["cells"].append(copied)
    repaired = repair(json.dumps(notebook).encode(), TEMPLATE)
    assert [cell.source for cell in repaired.notebook.cells].count("mine = 1") == 3
    assert any("copied" in line for line in repaired.repairs)


def test_a_name_with_markup_is_not_repeated() -> None:
    notebook = filled_in({})
    notebook["cells"].append(code_cell("1", nbgrader={"grade_id": "<img src=x onerror=alert(1)>"}))
    (line,) = repair(json.dumps(notebook).encode(), TEMPLATE).repairs
    assert "<" not in line


@pytest.mark.parametrize("depth", [100, 900, 5000])
def test_depth_is_no_error_of_ours(depth: int) -> None:
    for raw in (b'{"cells": [], "nbformat": ' + b"[" * depth + b"]" * depth + b"}", b"[" * depth + b"]" * depth):
        with pytest.raises(Unreadable):
            read_notebook(raw) and repair(raw, TEMPLATE)


_sheets = st.fixed_dictionaries({"cells": st.lists(_cells | _anything, max_size=3) | _anything})
_shapes = st.fixed_dictionaries(
    {},
    optional={
        "worksheets": st.lists(_sheets | _anything, max_size=3) | _anything,
        "cells": _anything,
        "metadata": _anything,
        "nbformat": _anything,
    },
)


@settings(max_examples=200, deadline=None)
@example({"worksheets": [{"cells": 5}]})
@example({"worksheets": [{"cells": {"source": "1"}}]})
@given(_shapes)
def test_any_shape_is_read_or_refused(document: Any) -> None:
    """One that raised anything else would end the look at everybody's files."""
    try:
        notebook, _ = read_notebook(json.dumps(document).encode())
    except Unreadable:
        return
    assert all(isinstance(cell.source, str) for cell in notebook.cells)


def test_of_worksheets_what_is_none_is_left_out() -> None:
    sheets = [{"cells": 5}, 7, {"cells": [{"cell_type": "code", "input": "mine = 1"}]}, {"cells": None}]
    notebook, _ = read_notebook(json.dumps({"nbformat": 3, "worksheets": sheets}).encode())
    assert [cell.source for cell in notebook.cells] == ["mine = 1"]


def test_a_shape_nobody_thought_of_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def stumbles(*_: object) -> None:
        raise TypeError("'int' object is not iterable")

    monkeypatch.setattr(reading, "_well_formed", stumbles)
    with pytest.raises(Unreadable, match="The file is not a notebook") as refused:
        read_notebook(b'{"cells": []}')
    assert "\n" not in str(refused.value)


def test_code_that_python_parses_and_cannot_print_is_repaired() -> None:
    notebook = filled_in({})
    locked = next(c for c in notebook["cells"] if "start(" in "".join(c["source"]))
    locked["source"] = "a" + ".b" * 1100
    repaired = repair(json.dumps(notebook).encode(), TEMPLATE)
    assert any("start(" in cell.source for cell in repaired.notebook.cells)


def test_another_exercises_notebook_is_called_that() -> None:
    other = RELEASED.parent.parent / "04-softmax" / "04-softmax.ipynb"
    with pytest.raises(Unreadable, match="This is the notebook of exercise '04-softmax', not of '03-dense-networks'"):
        repair(other.read_bytes(), TEMPLATE)


def test_a_mistyped_first_cell_makes_no_other_exercise() -> None:
    notebook = filled_in({})
    notebook["metadata"] = {}
    first = next(c for c in notebook["cells"] if "start(" in "".join(c["source"]))
    first["source"] = "".join(first["source"]).replace("03-dense-networks", "04-softmax")
    repaired = repair(json.dumps(notebook).encode(), TEMPLATE)
    assert any("had been changed" in line for line in repaired.repairs)
