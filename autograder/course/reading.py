"""Reading a notebook file that somebody else wrote: any bytes in, well-formed cells or a reason out.

Also what a file tells about itself: which exercise it belongs to, and whether anybody has worked in it.
"""

from __future__ import annotations

import json
import re
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell

from autograder.language import _, plural

MAX_NOTEBOOK_BYTES = 20_000_000  # of one notebook handed in
MAX_CELLS = 2_000
_NO_NAME = re.compile(r"[^A-Za-z0-9_-]")
_STARTS = re.compile(
    r"""\bstart\(\s*\\?["']([A-Za-z0-9_-]{1,100})\\?["']"""
)  # the exercise's first cell, in JSON or not
_SAYS = re.compile(r'"autograder"\s*:\s*\{\s*"exercise"\s*:\s*"([A-Za-z0-9_-]{1,100})"')


class Unreadable(ValueError):
    """No notebook can be made of it; the message is a sentence for the student."""


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
            _(
                "The notebook is {size} MB; {most} MB is the limit. Clear its outputs, save it, and hand it in again.",
                size=len(raw) // 10**6,
                most=MAX_NOTEBOOK_BYTES // 10**6,
            )
        )
    text = _decode(raw, repairs)
    if not text.strip():
        raise Unreadable(_("The file is empty. Save the notebook, and hand it in again."))
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise Unreadable(
            _(
                "The file is not a notebook: it is damaged or was cut short. Open it in Jupyter; if that fails, fetch"
                " the exercise again and copy your answers into it."
            )
        ) from None
    if not isinstance(document, dict):
        raise Unreadable(_("The file is not a notebook. Hand in the .ipynb file that you worked in."))
    try:
        return _well_formed(document, repairs), repairs
    except Unreadable:
        raise
    except Exception:  # a shape that nobody thought of must not end a look at everybody's
        raise Unreadable(_("The file is not a notebook. Hand in the .ipynb file that you worked in.")) from None


def _decode(raw: bytes, repairs: list[str]) -> str:
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if raw.startswith(mark):
            repairs.append(_("The file was saved as {encoding}, and was read as such.", encoding=encoding))
            return raw.decode(encoding, errors="replace")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        repairs.append(_("Some bytes were not UTF-8 text and were replaced."))
        return raw.decode("utf-8", errors="replace")


def _well_formed(document: dict[str, Any], repairs: list[str]) -> nbformat.NotebookNode:
    version = document.get("nbformat")
    cells = document.get("cells")
    if cells is None and isinstance(document.get("worksheets"), list):  # version 3 and 2
        sheets = [sheet.get("cells") for sheet in document["worksheets"] if isinstance(sheet, dict)]
        cells = [cell for listed in sheets if isinstance(listed, list) for cell in listed]
    if not isinstance(cells, list):
        raise Unreadable(
            _("The file is JSON, but not a notebook: it has no cells. Hand in the .ipynb file you worked in.")
        )
    if version != 4:
        shown_version = str(version) if isinstance(version, int) and 0 <= version < 100 else "unknown"
        repairs.append(_("The notebook was saved in format {version}; read as format 4.", version=shown_version))
    if len(cells) > MAX_CELLS:
        raise Unreadable(_("The notebook has {count} cells; {most} is the limit.", count=len(cells), most=MAX_CELLS))
    good = [made for cell in cells if (made := _well_formed_cell(cell)) is not None]
    if len(good) < len(cells):
        repairs.append(
            plural("{n} damaged cell was left out.", "{n} damaged cells were left out.", len(cells) - len(good))
        )
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


def exercises_named(raw: bytes) -> set[str]:
    """Which exercises a file says that it belongs to: in its metadata, and in its first cell. Most say one.

    Looks at the text alone, so that it costs next to nothing and fails on nothing.
    """
    text = raw[: MAX_NOTEBOOK_BYTES + 1].decode(
        "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8", "replace"
    )
    return {*_STARTS.findall(text), *_SAYS.findall(text)}


def belongs_to(raw: bytes, exercise: str) -> bool | None:
    """Whether a file is a notebook of this exercise; None if it does not say. One that says several is of each."""
    named = exercises_named(raw)
    return exercise in named if named else None


def worked_in(raw: bytes, released: bytes) -> bool:
    """Whether a file holds a notebook in which somebody wrote something, compared with the exercise as released.

    Args:
        released: b"" if it is not known; then any notebook will do.
    """
    try:
        cells, blank = read_notebook(raw)[0].cells, read_notebook(released)[0].cells if released else []
    except Unreadable:
        return False
    known = {_text(cell) for cell in blank}
    return any(_text(cell) not in known for cell in cells if cell.source.strip())


def _text(cell: nbformat.NotebookNode) -> tuple[str, str]:
    return cell.cell_type, cell.source.strip()
