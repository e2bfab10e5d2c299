"""What each student of a class wrote of an exercise: the cells that are theirs, and the fingerprints of these."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass

import nbformat

from autograder.course.reading import Unreadable, read_notebook
from autograder.course.submissions import Submitted, Unread
from autograder.language import _
from autograder.similar import tokens

ELSEWHERE = _("cells of their own")  # beside those of the exercise
LOOKS = _("lines that only look at something")  # of all tasks


@dataclass(frozen=True)
class Work:
    """One student's own code by task, and which lines of it each fingerprint stands on."""

    code: Mapping[str, str]
    prints: Mapping[str, Mapping[int, set[int]]]

    @property
    def fingerprints(self) -> dict[str, frozenset[int]]:
        """By task, those that there are."""
        return {task: frozenset(prints) for task, prints in self.prints.items() if prints}


class Given:
    """What of an exercise everybody was given."""

    def __init__(self, released: bytes) -> None:
        """Read the exercise as released.

        Raises:
            Unreadable: it is not a notebook.
        """
        cells = read_notebook(released)[0].cells
        self._texts = {cell.source.strip() for cell in cells}
        self._words = tokens.words_of(cell.source for cell in cells)
        self._released: set[int] = set()
        for cell in cells:
            if cell.cell_type == "code":
                self._released |= tokens.all_fingerprints(cell.source)
        self._graded = _names(cells)

    def work(self, cells: Iterable[nbformat.NotebookNode]) -> Work:
        """What is somebody's own among these cells."""
        code: dict[str, list[str]] = {}
        left = tokens.MAX_NOTEBOOK
        for cell in cells:
            text = cell.source[: min(tokens.MAX_CELL, left)]
            if cell.cell_type != "code" or text.strip() in self._texts or not text:
                continue
            left -= len(text)
            name = _name(cell)
            code.setdefault(name if name in self._graded else ELSEWHERE, []).append(text)
        return work_of({task: "\n".join(texts) for task, texts in code.items()}, self._words, self._released)


def work_of(code: Mapping[str, str], words: frozenset[str], released: Set[int]) -> Work:
    """Somebody's work, of their code by task.

    Args:
        words: those of the exercise itself, which are nobody's own.
        released: fingerprints of what everybody was given.
    """
    own = tokens.own_names(code.values(), words)
    found = {task: tokens.fingerprints(text, own) for task, text in code.items()}
    together, found[LOOKS] = tokens.looks(code.values(), own)
    prints = {task: {p: lines for p, lines in one.items() if p not in released} for task, one in found.items()}
    return Work({**code, LOOKS: together}, prints)


def read_class(submissions: Iterable[Submitted], given: Given) -> tuple[dict[str, Work], dict[str, str]]:
    """The work of each student, and why that of others is left out."""
    works: dict[str, Work] = {}
    left_out: dict[str, str] = {}
    for one in submissions:
        try:
            raw = one.raw
            if raw is None:
                left_out[one.student] = one.problem or _("there is no notebook of this exercise")
                continue
            works[one.student] = given.work(read_notebook(raw)[0].cells)
        except (Unreadable, Unread) as error:
            left_out[one.student] = str(error)
    return works, left_out


def _names(cells: Iterable[nbformat.NotebookNode]) -> set[str]:
    return {name for cell in cells if cell.cell_type == "code" and (name := _name(cell))}


def _name(cell: nbformat.NotebookNode) -> str:
    return str((cell.metadata.get("nbgrader") or {}).get("grade_id", ""))
