"""Where the cells of an exercise belong among a student's own.

What a student wrote keeps its order, and stays between the cells of the exercise that it stood between. Only cells of
the exercise move, as few as possible, until three things hold: the locked cells are in the order of the release, a
check comes after the answer that it checks, and an answer after the locked cell whose names it uses.
"""

from __future__ import annotations

import ast
import math
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from nbformat import NotebookNode

MAX_PARSED = 4_000  # characters; of a longer cell the words are taken as they come
_WORD = re.compile(r"[^\W\d]\w*")
# What it costs to move a cell. An answer belongs to the student's program, whose order should stay as it is; where
# texts stand changes nothing.
_ANSWER, _LOCKED_CODE, _LOCKED_TEXT = 4.5, 2.0, 0.01
_RECOGNISED = 0.9  # of that, for a cell without a mark that reads like a locked one


@dataclass(frozen=True)
class Piece:
    """A cell of a submission, and which cell of the release it may be.

    `rank` is that cell's place in the release, None for a cell of the student's own. Several pieces may claim the
    place of one locked cell; `otherwise` stands where one of them stood that does not get it.
    """

    cell: NotebookNode
    rank: int | None = None
    locked: bool = False
    marked: bool = True
    otherwise: NotebookNode | None = None


@dataclass(frozen=True)
class Ordered:
    """Cells in their order, and what had to be done for it: ranks of cells in the release."""

    cells: list[NotebookNode]
    added: tuple[int, ...]  # locked cells that were missing
    moved: tuple[int, ...]  # cells that stood elsewhere


def in_order(pieces: Sequence[Piece], release: Sequence[NotebookNode], locked: Sequence[bool]) -> Ordered:
    """Put the locked cells of `release` in order among the cells of a submission.

    Args:
        release: the exercise's cells as they were released; `locked`: which of them are.
    """
    plan = _Plan(pieces, release, locked)
    claimed = {piece.rank for piece in pieces}
    kept = {piece.rank for i, piece in enumerate(pieces) if i in plan.kept and piece.locked}
    away = [rank for rank, is_locked in enumerate(locked) if is_locked and rank not in kept]
    late = [p.rank for i, p in enumerate(pieces) if p.rank is not None and not p.locked and i not in plan.kept]
    return Ordered(
        plan.cells(),
        tuple(rank for rank in away if rank not in claimed),
        tuple(sorted([rank for rank in away if rank in claimed] + late)),
    )


def readings(cell: NotebookNode, longest: int = MAX_PARSED) -> tuple[tuple[str, str], ...]:
    """What a cell says, for comparing: as it is, spaces at line ends aside, and as Python understands it.

    Two cells say the same if they have one of these in common.

    Args:
        longest: longer code is not looked at by Python.
    """
    as_it_is = (cell.cell_type, "\n".join(line.rstrip() for line in cell.source.splitlines()).strip())
    if cell.cell_type != "code" or len(cell.source) > longest or not cell.source.strip():
        return (as_it_is,)
    tree = _parsed(cell.source)
    if tree is None or not tree.body:
        return (as_it_is,)
    try:
        return as_it_is, ("meaning", ast.dump(tree))
    except (RecursionError, MemoryError):  # Python parses what is nested deeper than it can print
        return (as_it_is,)


class _Plan:
    """Which cells stay, and where the others go."""

    def __init__(self, pieces: Sequence[Piece], release: Sequence[NotebookNode], locked: Sequence[bool]) -> None:
        self._pieces, self._release, self._locked = pieces, release, locked
        graded = [bool((cell.metadata.get("nbgrader") or {}).get("grade")) for cell in release]
        self._checked_at = [  # by rank of an answer: the check that comes next
            next((r for r in range(rank, len(release)) if graded[r] and locked[r]), math.inf)
            for rank in range(len(release))
        ]
        self._defines = {
            rank: _names(cell.source)[1]
            for rank, cell in enumerate(release)
            if locked[rank] and cell.cell_type == "code" and not graded[rank]
        }
        self._needs = {id(p): self._needed(p) for p in pieces if p.rank is not None and not p.locked}
        self.kept = self._least_moving()

    def cells(self) -> list[NotebookNode]:
        """All cells, in their final order."""
        line, begins, moving = self._students()
        place = self._places(line, begins)
        ordered: list[NotebookNode] = []
        upto = 0
        for rank in range(len(self._release)):
            if not self._locked[rank]:
                continue
            ordered += [cell for _, cell in line[upto : place[rank]]]
            upto = place[rank]
            ordered += [cell for check, cells in moving if check == rank for cell in cells]
            ordered.append(self._release[rank])
        ordered += [cell for _, cell in line[upto:]]
        return ordered + [cell for check, cells in moving if check == math.inf for cell in cells]

    def _least_moving(self) -> set[int]:
        """Positions of the pieces that stay: the heaviest choice among which nothing is out of order.

        It is the longest increasing subsequence, with a weight for each cell and answers that need not be in the
        order of the release: all that holds for them is what comes before a check, and after a locked cell. What
        must not come any more is summed up in one number, the rank up to which all locked cells are past.
        """
        best: dict[float, tuple[float, tuple[object, int] | None]] = {-1: (0.0, None)}
        for position, piece in enumerate(self._pieces):
            if piece.rank is None:
                continue
            better: dict[float, tuple[float, tuple[object, int] | None]] = {}
            for past, (weight, path) in best.items():
                if piece.locked:
                    fits, then = piece.rank > past, float(piece.rank)
                else:
                    fits, then = past < self._checked_at[piece.rank], max(past, self._needs[id(piece)])
                total = weight + self._weight(piece)
                if fits and total > better.get(then, (0.0, None))[0]:
                    better[then] = total, (path, position)
            for past, choice in better.items():
                if choice[0] > best.get(past, (0.0, None))[0]:
                    best[past] = choice
        path = max(best.values(), key=lambda choice: choice[0])[1]
        kept = set()
        while path is not None:
            path, position = path  # type: ignore[assignment]
            kept.add(position)
        return kept

    def _weight(self, piece: Piece) -> float:
        if not piece.locked:
            return _ANSWER
        return (_LOCKED_CODE if piece.cell.cell_type == "code" else _LOCKED_TEXT) * (1 if piece.marked else _RECOGNISED)

    def _needed(self, piece: Piece) -> float:
        """Rank of the last locked cell before this answer that defines a name which the answer uses."""
        assert piece.rank is not None
        used = _names(piece.cell.source)[0]
        return max((rank for rank, names in self._defines.items() if rank < piece.rank and names & used), default=-1)

    def _students(
        self,
    ) -> tuple[list[tuple[Piece, NotebookNode]], dict[int, int], list[tuple[float, list[NotebookNode]]]]:
        """What the student wrote, in its order; where among it each kept locked cell stands; and what moves.

        An answer that moves goes before its check. If it moves down, the student's own cells that follow it go along.
        """
        line: list[tuple[Piece, NotebookNode]] = []
        begins: dict[int, int] = {}
        moving: list[tuple[float, int, list[NotebookNode]]] = []
        along = False
        highest = -1
        placed = {self._pieces[position].rank for position in self.kept}  # what else claims these places is a copy
        for position, piece in enumerate(self._pieces):
            if piece.rank is None:
                if along:
                    moving[-1][2].append(piece.cell)
                else:
                    line.append((piece, piece.cell))
                continue
            along = False
            if piece.locked:
                if position in self.kept:
                    begins[piece.rank] = len(line)
                    highest = piece.rank
                elif piece.rank in placed and piece.otherwise is not None:
                    line.append((Piece(piece.otherwise), piece.otherwise))
                placed.add(piece.rank)
            elif position in self.kept:
                line.append((piece, piece.cell))
            else:
                check = self._checked_at[piece.rank]
                moving.append((check, piece.rank, [piece.cell]))
                along = highest < check
        return line, begins, [(check, cells) for check, _, cells in sorted(moving, key=lambda one: one[:2])]

    def _places(self, line: list[tuple[Piece, NotebookNode]], begins: dict[int, int]) -> dict[int, int]:
        """How much of the student's line comes before each locked cell, by rank."""
        place = dict(begins)
        answers = [(i, piece) for i, (piece, _) in enumerate(line) if piece.rank is not None]
        code = [cell.source if cell.cell_type == "code" else "" for _, cell in line]
        upper = len(line)
        for rank in reversed(range(len(self._release))):
            if rank in begins:
                upper = begins[rank]
            elif self._locked[rank]:
                first = max(
                    [0]
                    + [begins[r] for r in begins if r < rank]
                    + [i + 1 for i, piece in answers if self._checked_at[piece.rank or 0] <= rank]
                )
                last = min([upper] + [i for i, piece in answers if self._needs[id(piece)] >= rank])
                place[rank] = upper = self._choice(rank, first, last, answers, code)
        return place

    def _choice(self, rank: int, first: int, last: int, answers: list[tuple[int, Piece]], code: list[str]) -> int:
        """The best place from `first` to `last`: late, but before the next answer, and before what needs it."""
        place = min([last] + [i for i, piece in answers if i >= first and (piece.rank or 0) > rank])
        if rank not in self._defines:
            return place
        known: set[str] = set()
        for i in range(first, place):
            used, made = _names(code[i])
            if self._defines[rank] & (used - known):
                return i
            known |= made
        return place


def _names(source: str) -> tuple[set[str], set[str]]:
    """Names that a cell uses and does not make itself, and names that it makes."""
    tree = _parsed(source)
    if tree is None:
        return set(_WORD.findall(source)), set()
    used: set[str] = set()
    made: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else made).add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            made.add(node.name)
        elif isinstance(node, ast.arg):
            made.add(node.arg)
        elif isinstance(node, ast.alias):
            made.add((node.asname or node.name).partition(".")[0])
    return used - made, made


def _parsed(source: str) -> ast.Module | None:
    """The tree of a cell; None if it is too long, or no plain Python. Nothing of it is ever run here."""
    if len(source) > MAX_PARSED:
        return None
    try:
        with warnings.catch_warnings(action="ignore"):  # of a backslash too few, say
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
