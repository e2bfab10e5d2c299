"""What says a right answer in another way: a list of functions that each make one source of another."""

from __future__ import annotations

import ast
from collections.abc import Callable

from autograder.probe.edits import Cell, Edit

# Makes of a cell's source another one; the same where there is nothing to say in another way. The second argument is
# the text of the task: what it asks for stays as it is.
Rewrite = Callable[[str, str], str]
REWRITES: list[tuple[str, str, Rewrite]] = []


def rewrite(name: str, words: str) -> Callable[[Rewrite], Rewrite]:
    """Register a function as a way to say an answer otherwise."""

    def add(function: Rewrite) -> Rewrite:
        REWRITES.append((name, words, function))
        return function

    return add


def each(source: str, change: Callable[[ast.AST, Cell], ast.AST | str | None]) -> str:
    """The source with every place changed for which `change` has something; of nested places the outermost."""
    cell = Cell(source)
    edits: list[Edit] = []
    for node in cell.nodes():
        new = change(node, cell)
        if new is not None:
            edit = cell.replaced(node, new)
            if not edits or edit.start >= edits[-1].end:
                edits.append(edit)
    for edit in reversed(edits):
        source = edit.applied_to(source)
    return source


def expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def is_number(node: ast.AST) -> bool:
    """Whether a node is a number, or arithmetic of numbers."""
    if isinstance(node, ast.BinOp):
        return is_number(node.left) and is_number(node.right)
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)
