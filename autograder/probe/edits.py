"""Changing one place of a cell's source, and nothing else: what a reader sees in a diff is the change."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

# In pieces: a wheel for learners is searched for the markers as they stand in a notebook with solutions.
_BEGIN, _END = (f"### {word} SOLUTION" for word in ("BEGIN", "END"))
# Below these a compound expression needs brackets of its own.
_TIGHT = (ast.BinOp, ast.UnaryOp, ast.Compare, ast.BoolOp, ast.Attribute, ast.Subscript, ast.Starred, ast.Await)
_LOOSE = (ast.BinOp, ast.UnaryOp, ast.Compare, ast.BoolOp, ast.Lambda, ast.IfExp, ast.NamedExpr)


class NotPython(ValueError):
    """A cell that cannot be parsed; the message says why."""


@dataclass(frozen=True)
class Edit:
    """Characters `start` to `end` of a source become `text`."""

    start: int
    end: int
    text: str

    def applied_to(self, source: str) -> str:
        return source[: self.start] + self.text + source[self.end :]


class Cell:
    """The source of an answer cell as a tree whose places are known."""

    def __init__(self, source: str) -> None:
        """Raises `NotPython`."""
        self.source = source
        try:
            self.tree = ast.parse(plain(source))
        except (SyntaxError, ValueError, RecursionError) as error:
            raise NotPython(str(error)) from error
        self._lines = re.findall(r"[^\n]*\n|[^\n]+", source) or [""]  # no other line ends: Python knows none
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))
        self.parents: dict[ast.AST, ast.AST] = {
            child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)
        }
        self._solution = _solution_lines(source)

    def nodes(self) -> list[ast.AST]:
        """All nodes that stand in the solution, in the order of the source."""
        found = [node for node in ast.walk(self.tree) if hasattr(node, "lineno") and self._is_solution(node)]
        return sorted(found, key=self._span)

    def replaced(self, node: ast.AST, new: ast.AST | str) -> Edit:
        """The edit that puts `new` in the place of `node`."""
        start, end = self._span(node)
        text = new if isinstance(new, str) else self._text(node, new)
        if isinstance(node, ast.stmt):
            indent = " " * node.col_offset
            text = text.replace("\n", "\n" + indent)
        return Edit(start, end, text)

    def text_of(self, node: ast.AST) -> str:
        """The source of a node as it stands."""
        start, end = self._span(node)
        return self.source[start:end]

    def _text(self, node: ast.AST, new: ast.AST) -> str:
        text = ast.unparse(ast.fix_missing_locations(new))
        parent = self.parents.get(node)
        if isinstance(new, ast.Tuple) or (isinstance(new, _LOOSE) and self._is_tight(node, parent)):
            return text if text.startswith("(") and isinstance(new, ast.Tuple) else f"({text})"
        return text

    @staticmethod
    def _is_tight(node: ast.AST, parent: ast.AST | None) -> bool:
        if isinstance(parent, ast.Subscript):
            return parent.value is node
        if isinstance(parent, ast.Call):
            return parent.func is node
        return isinstance(parent, _TIGHT)

    def _is_solution(self, node: ast.AST) -> bool:
        return self._solution is None or (
            node.lineno in self._solution and (node.end_lineno or node.lineno) in self._solution  # type: ignore[attr-defined]
        )

    def _span(self, node: ast.AST) -> tuple[int, int]:
        return (
            self._offset(node.lineno, node.col_offset),  # type: ignore[attr-defined]
            self._offset(node.end_lineno, node.end_col_offset),  # type: ignore[attr-defined]
        )

    def _offset(self, line: int, column: int) -> int:
        # Python counts columns in bytes of UTF-8.
        return self._starts[line - 1] + len(self._lines[line - 1].encode()[:column].decode("utf-8", "replace"))


def plain(source: str) -> str:
    """The source with lines of IPython's own as comments; every place stays where it is."""
    return re.sub(r"(?m)^[%!?]", "#", source)


def _solution_lines(source: str) -> set[int] | None:
    """The lines between the marks, counted from 1; None if there are no marks."""
    if _BEGIN not in source:
        return None
    inside, found = False, set()
    for number, line in enumerate(source.split("\n"), 1):
        if _BEGIN in line or _END in line:
            inside = _BEGIN in line
        elif inside:
            found.add(number)
    return found
