"""Repair keeps the place of what was written: however the same program is spread over cells, it scores the same."""

from __future__ import annotations

import ast
import copy
import json
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import Any

import nbformat
import pytest
from catalogue import grade_id, source, source_notebook
from hypothesis import given, settings
from hypothesis import strategies as st
from kit import EXERCISES, ROOT

from autograder import data
from autograder.exercise.definition import find_exercise
from autograder.grading.grade import grade
from autograder.grading.repair import repair
from autograder.sandbox.client import ForkServer
from autograder.sandbox.limits import Limits

Cell = dict[str, Any]
Program = list[tuple[str, str]]
NOISE = ("", "# my own notes", "'''to do'''", "noise_of_mine = 1\nnoise_of_mine", "import noise_of_mine")


@cache
def _release(exercise: str) -> Any:
    return nbformat.read(ROOT / "exercises" / exercise / f"{exercise}.ipynb", 4)


@cache
def _solved(exercise: str) -> tuple[Cell, ...]:
    return tuple(source_notebook(exercise)["cells"])


def _cells(exercise: str) -> list[Cell]:
    return [copy.deepcopy(cell) | {"source": source(cell)} for cell in _solved(exercise)]


def _is_answer(cell: Cell) -> bool:
    return bool((cell["metadata"].get("nbgrader") or {}).get("solution"))


def _is_own(cell: Cell) -> bool:
    return not grade_id(cell)


def _is_locked(cell: Cell) -> bool:
    return not _is_own(cell) and not _is_answer(cell)


def _own(text: str, cell_type: str = "code") -> Cell:
    more: Cell = {"outputs": [], "execution_count": None} if cell_type == "code" else {}
    return {"cell_type": cell_type, "source": text, "metadata": {}, **more}


def _program(cells: list[Any]) -> Program:
    """What is run, statement by statement, whatever cells it stands in; and when each task is checked."""
    found: Program = []
    for cell in cells:
        name = grade_id(cell)
        if cell["cell_type"] != "code":
            continue
        if name and not (cell["metadata"]["nbgrader"] or {}).get("solution"):
            found.append(("locked", name))
        else:
            statements = [ast.unparse(node) for node in ast.parse(source(cell)).body]
            found += [("wrote", text) for text in statements if "noise_of_mine" not in text and "to do" not in text]
    return found


def _repaired(exercise: str, cells: list[Cell]) -> Program:
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}
    return _program(repair(json.dumps(notebook).encode(), _release(exercise)).notebook.cells)


def _parts(text: str, draw: Callable[[Any], Any]) -> list[str]:
    """A cell's text cut between statements."""
    nodes, lines = ast.parse(text).body, text.splitlines()
    starts = [min([n.lineno, *(d.lineno for d in getattr(n, "decorator_list", []))]) - 1 for n in nodes[1:]]
    cuts = sorted({0, *(start for start in starts if draw(st.booleans())), len(lines)})
    return ["\n".join(lines[a:b]) for a, b in pairwise(cuts)] or [text]


def _respread(cells: list[Cell], draw: Callable[[Any], Any]) -> list[Cell]:
    """The same program in other cells: answers retyped and split, own cells inserted, moved and merged."""
    changed: list[Cell] = []
    for cell in cells:
        what = (
            draw(st.sampled_from(("as it is", "retyped", "split", "retyped and split"))) if not _is_locked(cell) else ""
        )
        parts = _parts(cell["source"], draw) if "split" in what and cell["cell_type"] == "code" else [cell["source"]]
        if "retyped" in what:
            changed += [_own(part, cell["cell_type"]) for part in parts]
        else:
            # Jupyter gives both halves of a split cell the metadata; other programs only the first.
            marks = draw(st.booleans())
            changed += [cell | {"source": part} if i == 0 or marks else _own(part) for i, part in enumerate(parts)]
    for _ in range(draw(st.integers(0, 4))):
        noise = _own(draw(st.sampled_from(NOISE)), draw(st.sampled_from(("code", "markdown", "raw"))))
        changed.insert(draw(st.integers(0, len(changed))), noise)
    for _ in range(draw(st.integers(0, 4))):  # past a text, no line of the program changes its place
        i = draw(st.integers(0, len(changed) - 2))
        two = changed[i : i + 2]
        if {cell["cell_type"] for cell in two} == {"code", "markdown"} and any(map(_is_own, two)):
            changed[i : i + 2] = reversed(two)
    merged: list[Cell] = []
    for cell in changed:
        before = merged[-1] if merged else None
        if (
            before is not None
            and cell["cell_type"] == before["cell_type"] == "code"
            and _is_own(cell)
            and not _is_locked(before)
            and draw(st.booleans())
        ):
            merged[-1] = before | {"source": before["source"] + "\n\n" + cell["source"]}
        else:
            merged.append(cell)
    return merged


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(EXERCISES), st.data())
def test_the_same_program_in_other_cells_is_the_same_program(exercise: str, data: st.DataObject) -> None:
    cells = _cells(exercise)
    expected = _program(cells)
    assert _repaired(exercise, _respread(cells, data.draw)) == expected


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(EXERCISES), st.data())
def test_whatever_becomes_of_one_locked_cell_the_program_stays(exercise: str, data: st.DataObject) -> None:
    """Deleted, moved to any place, copied to any place, changed, or robbed of its mark."""
    cells = _cells(exercise)
    expected = _program(cells)
    position = data.draw(st.sampled_from([i for i, cell in enumerate(cells) if _is_locked(cell)]))
    cell = cells[position]
    what = data.draw(st.sampled_from(("deleted", "moved", "copied", "changed", "unmarked", "unmarked and copied")))
    is_check = (cell["metadata"]["nbgrader"] or {}).get("grade")
    if what == "changed":
        cells[position] = cell | {"source": cell["source"] + "\n# mine"}
    elif what.startswith("unmarked"):
        cells[position] = _own(cell["source"], cell["cell_type"])
        if what.endswith("copied") and cell["cell_type"] != "code":
            cells.insert(data.draw(st.integers(0, len(cells))), copy.deepcopy(cells[position]))
    elif what == "copied":
        if is_check or cell["cell_type"] != "code":  # a copy of other code does something, so it is run
            cells.insert(data.draw(st.integers(0, len(cells))), copy.deepcopy(cell))
    else:
        del cells[position]
        if what == "moved":
            cells.insert(data.draw(st.integers(0, len(cells))), cell)
    program = _repaired(exercise, cells)
    if what == "moved":  # a check that was put below the next answer may stay there, if only a text is out of order
        for kind in ("wrote", "locked"):
            assert [one for one in program if one[0] == kind] == [one for one in expected if one[0] == kind]
        for wrote, check in _answers_and_checks(exercise):
            assert set(wrote) <= set(program[: program.index(("locked", check))])
    else:
        assert program == expected


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(EXERCISES), st.data())
def test_without_any_mark_the_program_is_the_same(exercise: str, data: st.DataObject) -> None:
    """As a notebook comes back from a program that keeps no metadata: known by its text."""
    cells = _cells(exercise)
    expected = _program(cells)
    kept = [cell for cell in cells if not (cell["cell_type"] == "markdown" and data.draw(st.booleans()))]
    assert _repaired(exercise, [_own(cell["source"], cell["cell_type"]) for cell in kept]) == expected


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(EXERCISES), st.data())
def test_cells_in_any_order_keep_the_order_of_what_was_written_or_mend_it(exercise: str, data: st.DataObject) -> None:
    """A check comes after its answer, whatever the order; where no answer moved, the student's order is kept."""
    cells = data.draw(st.permutations(_cells(exercise)))
    program = _repaired(exercise, cells)
    release = _release(exercise).cells
    assert [name for kind, name in program if kind == "locked"] == [
        grade_id(cell) for cell in release if cell["cell_type"] == "code" and _is_locked(cell)
    ]
    wrote = sorted(text for kind, text in program if kind == "wrote")
    assert wrote == sorted(text for kind, text in _program(_cells(exercise)) if kind == "wrote")
    for answer, check in _answers_and_checks(exercise):
        upto = program.index(("locked", check))
        assert set(answer) <= set(program[:upto])


def _answers_and_checks(exercise: str) -> list[tuple[Program, str]]:
    pairs: list[tuple[Program, str]] = []
    answer: Program = []
    for cell in _cells(exercise):
        if _is_answer(cell):
            answer = _program([cell])
        elif (cell["metadata"].get("nbgrader") or {}).get("grade"):
            pairs.append((answer, grade_id(cell)))
    return pairs


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(EXERCISES), st.data())
def test_a_moved_answer_is_run_before_its_check(exercise: str, data: st.DataObject) -> None:
    """An answer that was put too low is checked all the same; one that others use early stays early."""
    cells = _cells(exercise)
    first = next(i for i, cell in enumerate(cells) if grade_id(cell) == "setup") + 1
    position = data.draw(st.sampled_from([i for i, cell in enumerate(cells) if _is_answer(cell)]))
    answer = cells.pop(position)
    to = data.draw(st.integers(first, len(cells)))
    cells.insert(to, answer)
    program = _repaired(exercise, cells)
    mine = _program([answer])
    rest = [one for one in _program([cell for cell in cells if cell is not answer]) if one not in mine]
    for kind in ("wrote", "locked"):
        assert [one for one in program if one[0] == kind and one not in mine] == [o for o in rest if o[0] == kind]
    for wrote, check in _answers_and_checks(exercise):
        assert set(wrote) <= set(program[: program.index(("locked", check))])


@pytest.mark.sandbox
@pytest.mark.parametrize(
    ("exercise", "retyped"),
    [
        ("02-one-hot-encoding", "predicted-answer"),
        ("02-one-hot-encoding", ""),
        pytest.param("03-dense-networks", "flattened-answer", marks=pytest.mark.slow),
        pytest.param("03-dense-networks", "", marks=pytest.mark.slow),
        pytest.param("04-softmax", "temperature-answer", marks=pytest.mark.slow),
    ],
)
def test_retyped_answers_earn_what_they_earned(exercise: str, retyped: str, fork_server: ForkServer) -> None:
    """For real: in the sandbox, checked where the checks stand. ('' retypes them all.)"""
    cells = [
        _own(cell["source"]) if _is_answer(cell) and retyped in (grade_id(cell), "") else cell
        for cell in _cells(exercise)
    ]
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}
    found = find_exercise(exercise)
    held_out = data.load_held_out(exercise)
    result = grade(json.dumps(notebook).encode(), found, fork_server, Limits(), "ada", held_out).result
    assert result.score == found.max_score, [(c.name, c.points, c.message) for c in result.checks]
