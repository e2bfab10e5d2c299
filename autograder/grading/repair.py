"""Station 1: whatever was handed in becomes a notebook that can be graded, or a reason why not.

The template is the exercise as it was released. Its locked cells are put back as they were; the student's
cells keep their source and their order. Nothing here can fail on a student's bytes: `repair` either returns
a notebook or raises `Unreadable` with a sentence for the student.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import nbformat

from autograder.course.reading import Unreadable, exercises_named, read_notebook
from autograder.grading.order import Piece, in_order, readings
from autograder.language import _, plural

MAX_REPAIRS = 12  # that are told one by one
_SOLUTION_KEYS = ("solution", "task")
__all__ = ["MAX_REPAIRS", "Repaired", "Unreadable", "read_notebook", "repair"]


@dataclass(frozen=True)
class Repaired:
    """A gradable notebook, and what had to be done to it (sentences for student and instructor)."""

    notebook: nbformat.NotebookNode
    repairs: tuple[str, ...]


def repair(raw: bytes, template: nbformat.NotebookNode) -> Repaired:
    """Put the locked cells of `template` back into a submission.

    Raises:
        Unreadable: see `read_notebook`; or it is another exercise's notebook, or holds no code.
    """
    submitted, repairs = read_notebook(raw)
    _refuse_another(raw, submitted.cells, template)
    wanted = {_grade_id(cell) for cell in template.cells} - {""}
    if not any(_grade_id(cell) in wanted for cell in submitted.cells):
        if not any(cell.cell_type == "code" and cell.source.strip() for cell in submitted.cells):
            raise Unreadable(_("The notebook holds no code. Hand in the notebook that you worked in."))
        repairs.append(
            _("All of the exercise's cells have lost their nbgrader labels, so the code is graded where it is.")
        )
    cells = _place(_tidy(submitted.cells, template.cells, repairs), template.cells, repairs)
    notebook = copy.deepcopy(template)
    notebook.cells = cells
    if len(repairs) > MAX_REPAIRS:
        more = len(repairs) - MAX_REPAIRS
        repairs[MAX_REPAIRS:] = [plural("{n} more thing was repaired.", "{n} more things were repaired.", more)]
    return Repaired(notebook, tuple(repairs))


def _refuse_another(raw: bytes, cells: list[nbformat.NotebookNode], template: nbformat.NotebookNode) -> None:
    """Raises `Unreadable` for the notebook of another exercise."""
    this = (template.metadata.get("autograder") or {}).get("exercise")
    named = exercises_named(raw)
    if not this or not named or this in named:
        return
    ours = {reading for cell in template.cells if _is_locked(cell) for reading in readings(cell)}
    if 2 * sum(not ours.isdisjoint(readings(cell)) for cell in cells) < sum(map(_is_locked, template.cells)):
        raise Unreadable(
            _(
                "This is the notebook of exercise '{other}', not of '{this}'. Hand in the notebook for '{this}'.",
                other=min(named),
                this=this,
            )
        )


def _tidy(cells: list[nbformat.NotebookNode], release: list[nbformat.NotebookNode], repairs: list[str]) -> list[Piece]:
    """Give every cell of the exercise its own type and metadata back; copies become the student's own cells."""
    rank = {grade_id: i for i, cell in enumerate(release) if (grade_id := _grade_id(cell))}
    marked = {_grade_id(cell) for cell in cells}
    lost = [i for i, cell in enumerate(release) if _is_locked(cell) and _grade_id(cell) not in marked]
    known = {reading: i for i in reversed(lost) for reading in readings(release[i])}
    longest = 100 + 2 * max((len(release[i].source) for i in lost), default=0)
    seen: set[str] = set()
    pieces = []
    for cell in cells:
        grade_id = _grade_id(cell)
        cell.metadata.pop("nbgrader", None)
        original = release[rank[grade_id]] if grade_id in rank else None
        if grade_id and (original is None or grade_id in seen):
            repairs.append(
                _(
                    "A copied cell '{cell}' counts as one of your own cells."
                    if original is not None
                    else "An unknown cell '{cell}' counts as one of your own cells.",
                    cell=grade_id[:60],
                )
            )
        if original is None:
            like = next((known[r] for r in (readings(cell, longest) if lost else ()) if r in known), None)
            pieces.append(Piece(cell) if like is None else Piece(_fresh(release[like]), like, True, False, cell))
        elif _is_locked(original):
            same = not set(readings(cell)).isdisjoint(readings(original))
            if not same and grade_id not in seen:
                repairs.append(_("The locked cell '{cell}' had been changed; it was restored.", cell=grade_id))
            pieces.append(Piece(_fresh(original), rank[grade_id], True, True, _copy_of(cell, original, same)))
        elif grade_id in seen:
            pieces.append(Piece(cell))
        else:
            if cell.cell_type != original.cell_type:
                repairs.append(
                    _(
                        "The answer cell '{cell}' was a {kind} cell; it was made {right}.",
                        cell=grade_id,
                        kind=cell.cell_type,
                        right=original.cell_type,
                    )
                )
            answer = _fresh(original)
            answer.source = cell.source
            pieces.append(Piece(answer, rank[grade_id]))
        seen.add(grade_id)
    if recognised := sum(not piece.marked for piece in pieces):
        repairs.append(
            plural(
                "{n} of the exercise's cells had lost its nbgrader label; it was recognised by its text.",
                "{n} of the exercise's cells had lost their nbgrader labels; they were recognised by their text.",
                recognised,
            )
        )
    return pieces


def _copy_of(cell: nbformat.NotebookNode, original: nbformat.NotebookNode, same: bool) -> nbformat.NotebookNode | None:
    """What stands where a second copy of a locked cell stood: nothing, unless running it may do something."""
    if cell.cell_type != "code" or (same and original.metadata["nbgrader"].get("grade")):
        return None
    return cell


def _place(
    pieces: list[Piece], release: list[nbformat.NotebookNode], repairs: list[str]
) -> list[nbformat.NotebookNode]:
    """Put locked cells that are missing or out of order where they belong (see `order`)."""
    locked = [_is_locked(cell) for cell in release]
    ordered = in_order(pieces, [_fresh(cell) for cell in release], locked)
    if ordered.added:
        code = [_grade_id(release[rank]) for rank in ordered.added if release[rank].cell_type == "code"]
        repairs.append(_("Missing cells were put back: {cells}.", cells=", ".join(code) or _("instructions")))
    if ordered.moved:
        repairs.append(_("Locked cells were out of order; their order was restored."))
    there = {piece.rank for piece in pieces}
    gone = [_grade_id(c) for i, c in enumerate(release) if _is_answer(c) and i not in there]
    if gone:
        repairs.append(
            _("Answer cells are gone: {cells}. Code in your own cells counts instead.", cells=", ".join(gone))
        )
    return _unique_ids(ordered.cells)


def _unique_ids(cells: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    seen: set[str] = set()
    for number, cell in enumerate(cells):
        if cell.id in seen:
            cell.id = f"cell-{number}"
        seen.add(cell.id)
    return cells


def _fresh(cell: nbformat.NotebookNode) -> nbformat.NotebookNode:
    made = copy.deepcopy(cell)
    if made.cell_type == "code":
        made.outputs, made.execution_count = [], None
    return made


def _grade_id(cell: nbformat.NotebookNode) -> str:
    grading = cell.metadata.get("nbgrader") or {}
    return str(grading.get("grade_id", ""))


def _is_answer(cell: nbformat.NotebookNode) -> bool:
    return bool(_grade_id(cell)) and cell.cell_type == "code" and not _is_locked(cell)


def _is_locked(cell: nbformat.NotebookNode) -> bool:
    grading = cell.metadata.get("nbgrader") or {}
    return bool(grading) and not any(grading.get(key) for key in _SOLUTION_KEYS)
