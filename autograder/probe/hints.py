"""The hints that stand in a module of checks, read from its source."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Written:
    """A hint with a name, as it stands in the source."""

    id: str
    text: str  # with ... for what is worked out
    test_class: str  # '' if it stands outside of all
    last_resort: bool  # said whatever is wrong, if nothing better is known


def hints_in(checks: Path) -> tuple[Written, ...]:
    """The named hints of a module, in the order of the source; a name that is given twice comes twice."""
    tree = ast.parse(checks.read_text("utf-8"))
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or getattr(node.func, "id", "") != "Hint":
            continue
        name = next((k.value for k in node.keywords if k.arg == "id"), node.args[1] if len(node.args) > 1 else None)
        if not isinstance(name, ast.Constant) or not isinstance(name.value, str) or not node.args:
            continue
        last, test_class = False, ""
        child: ast.AST = node
        parent = parents.get(node)
        while parent is not None:
            if isinstance(parent, ast.Call) and isinstance(child, ast.keyword):
                function = parent.func
                asks = isinstance(function, ast.Attribute) and function.attr.startswith("to_")
                last = last or (asks and child.arg == "hint")
            if isinstance(parent, ast.ClassDef):
                test_class = parent.name
            child, parent = parent, parents.get(parent)
        found.append((node.lineno, node.col_offset, Written(name.value, _text(node.args[0]), test_class, last)))
    return tuple(hint for _, _, hint in sorted(found, key=lambda one: one[:2]))


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "..." for part in node.values)
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_" and node.args:
        return re.sub(r"\{\w+[^{}]*\}", "...", _text(node.args[0]))  # `autograder.language`
    return "..."


@cache
def strings_in(checks: Path, test_class: str) -> frozenset[str]:
    """All texts in a class of a module that could be names of variables."""
    tree = ast.parse(checks.read_text("utf-8"))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == test_class]
    return frozenset(
        node.value
        for cls in classes
        for node in ast.walk(cls)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier()
    )
