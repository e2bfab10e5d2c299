"""Station 1: whatever was handed in becomes a notebook that can be graded, or a reason why not.

The template is the exercise as it was released. Its locked cells are put back as they were; the student's
cells keep their source and their order. Nothing here can fail on a student's bytes: `repair` either returns
a notebook or raises `Unreadable` with a sentence for the student.
"""

from __future__ import annotations

import copy
import json
import re
from dataclasses import dataclass
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell

from autograder.course.submissions import MAX_NOTEBOOK_BYTES
from autograder.grading.order import Piece, in_order, readings

MAX_CELLS = 2_000
MAX_REPAIRS = 12  # that are told one by one
_NO_NAME = re.compile(r"[^A-Za-z0-9_-]")
_SOLUTION_KEYS = ("solution", "task")


class Unreadable(ValueError):
    """No notebook can be made of it; the message is a sentence for the student."""


@dataclass(frozen=True)
class Repaired:
    """A gradable notebook, and what had to be done to it (sentences for student and instructor)."""

    notebook: nbformat.NotebookNode
    repairs: tuple[str, ...]


def read_notebook(raw: bytes) -> tuple[nbformat.NotebookNode, list[str]]:
    """Read any version of the notebook format, leniently.

    Returns:
        A version 4 notebook of nothing but well-formed cells without outputs, and what was mended.

    Raises:
        Unreadable: empty, too large, not JSON, or no notebook.
    """
    repairs: list[str] = []
    if len(raw) > MAX_NOTEBOOK_BYTES:
        raise Unreadable(
            f"The notebook is {len(raw) // 10**6} MB; {MAX_NOTEBOOK_BYTES // 10**6} MB is the limit. Clear its outputs,"
            " save it, and hand it in again."
        )
    text = _decode(raw, repairs)
    if not text.strip():
        raise Unreadable("The file is empty. Save the notebook, and hand it in again.")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise Unreadable(
            "The file is not a notebook: it is damaged or was cut short. Open it in Jupyter; if that fails, fetch the"
            " exercise again and copy your answers into it."
        ) from None
    if not isinstance(document, dict):
        raise Unreadable("The file is not a notebook. Hand in the .ipynb file that you worked in.")
    return _well_formed(document, repairs), repairs


def repair(raw: bytes, template: nbformat.NotebookNode) -> Repaired:
    """Put the locked cells of `template` back into a submission.

    Raises:
        Unreadable: see `read_notebook`; or nothing in it belongs to this exercise.
    """
    submitted, repairs = read_notebook(raw)
    wanted = {_grade_id(cell) for cell in template.cells} - {""}
    if not any(_grade_id(cell) in wanted for cell in submitted.cells):
        if not any(cell.cell_type == "code" and cell.source.strip() for cell in submitted.cells):
            raise Unreadable("The notebook holds no code. Hand in the notebook that you worked in.")
        repairs.append("No cell of the exercise is marked as such any more; the code is graded where it stands.")
    cells = _place(_tidy(submitted.cells, template.cells, repairs), template.cells, repairs)
    notebook = copy.deepcopy(template)
    notebook.cells = cells
    if len(repairs) > MAX_REPAIRS:
        repairs[MAX_REPAIRS:] = [f"{len(repairs) - MAX_REPAIRS} more things were mended."]
    return Repaired(notebook, tuple(repairs))


def _decode(raw: bytes, repairs: list[str]) -> str:
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if raw.startswith(mark):
            repairs.append(f"The file was saved as {encoding}; read as such.")
            return raw.decode(encoding, errors="replace")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        repairs.append("Some bytes were not UTF-8 text and were replaced.")
        return raw.decode("utf-8", errors="replace")


def _well_formed(document: dict[str, Any], repairs: list[str]) -> nbformat.NotebookNode:
    version = document.get("nbformat")
    cells = document.get("cells")
    if cells is None and isinstance(document.get("worksheets"), list):  # version 3 and 2
        cells = [c for sheet in document["worksheets"] if isinstance(sheet, dict) for c in sheet.get("cells") or []]
    if not isinstance(cells, list):
        raise Unreadable(
            "The file is JSON, but not a notebook: it has no cells. Hand in the .ipynb file you worked in."
        )
    if version != 4:
        shown_version = str(version) if isinstance(version, int) and 0 <= version < 100 else "unknown"
        repairs.append(f"The notebook was saved in format {shown_version}; read as format 4.")
    if len(cells) > MAX_CELLS:
        raise Unreadable(f"The notebook has {len(cells)} cells; {MAX_CELLS} is the limit.")
    good = [made for cell in cells if (made := _well_formed_cell(cell)) is not None]
    if len(good) < len(cells):
        repairs.append(f"{len(cells) - len(good)} damaged cells were left out.")
    return new_notebook(cells=good)


def _well_formed_cell(cell: Any) -> nbformat.NotebookNode | None:
    if not isinstance(cell, dict):
        return None
    source = cell.get("source", cell.get("input", ""))  # `input` is version 3's word
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    if not isinstance(source, str):
        return None
    source = source.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace").decode("utf-8")
    make = {"code": new_code_cell, "raw": new_raw_cell}.get(str(cell.get("cell_type")), new_markdown_cell)
    made = make(source)
    metadata = cell.get("metadata")
    grading = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    grade_id = grading.get("grade_id") if isinstance(grading, dict) else None
    if isinstance(grade_id, str) and grade_id:
        grade_id = _NO_NAME.sub("?", grade_id[:100])  # it is shown in sentences, pages and the gradebook
        made.metadata["nbgrader"] = {"grade_id": grade_id}  # the rest of it comes from the template
    return made


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
            what = "copied" if original is not None else "unknown"
            repairs.append(f"A {what} cell '{grade_id[:60]}' counts as a cell of your own.")
        if original is None:
            like = next((known[r] for r in (readings(cell, longest) if lost else ()) if r in known), None)
            pieces.append(Piece(cell) if like is None else Piece(_fresh(release[like]), like, True, False, cell))
        elif _is_locked(original):
            same = not set(readings(cell)).isdisjoint(readings(original))
            if not same and grade_id not in seen:
                repairs.append(f"The locked cell '{grade_id}' was changed; it was put back.")
            pieces.append(Piece(_fresh(original), rank[grade_id], True, True, _copy_of(cell, original, same)))
        elif grade_id in seen:
            pieces.append(Piece(cell))
        else:
            if cell.cell_type != original.cell_type:
                repairs.append(
                    f"The answer cell '{grade_id}' was a {cell.cell_type} cell; it was made {original.cell_type}."
                )
            answer = _fresh(original)
            answer.source = cell.source
            pieces.append(Piece(answer, rank[grade_id]))
        seen.add(grade_id)
    if recognised := sum(not piece.marked for piece in pieces):
        repairs.append(f"The marks of {recognised} cells of the exercise were lost; they were known by their text.")
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
        repairs.append(f"Missing cells were put back: {', '.join(code) or 'instructions'}.")
    if ordered.moved:
        repairs.append("Locked cells were out of order; they were put back in order.")
    there = {piece.rank for piece in pieces}
    gone = [_grade_id(c) for i, c in enumerate(release) if _is_answer(c) and i not in there]
    if gone:
        repairs.append(f"Answer cells are gone: {', '.join(gone)}. Code in cells of your own counts in their place.")
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
