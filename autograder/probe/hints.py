"""The hints that stand in a module of checks, read from its source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
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
    resorts = {
        part.id
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        for part in _last_resorts(call)
        if isinstance(part, ast.Name)
    }
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or getattr(node.func, "id", "") != "Hint":
            continue
        name = next((k.value for k in node.keywords if k.arg == "id"), node.args[1] if len(node.args) > 1 else None)
        if not isinstance(name, ast.Constant) or not isinstance(name.value, str) or not node.args:
            continue
        last, test_class = False, ""
        parent = parents.get(node)
        while parent is not None:
            last = last or (isinstance(parent, ast.Call) and any(node is part for part in _last_resorts(parent)))
            if isinstance(parent, ast.Assign) and parent.value is node:
                last = last or any(isinstance(name, ast.Name) and name.id in resorts for name in parent.targets)
            if isinstance(parent, ast.ClassDef):
                test_class = parent.name
            parent = parents.get(parent)
        found.append((node.lineno, node.col_offset, Written(name.value, _text(node.args[0]), test_class, last)))
    return tuple(hint for _, _, hint in sorted(found, key=lambda one: one[:2]))


@cache
def sentences_in(checks: Path) -> frozenset[str]:
    """The plain texts in a module's `mistakes`: they name a mistake, too, though no id counts it."""
    tree = ast.parse(checks.read_text("utf-8"))
    given = [
        keyword.value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        for keyword in call.keywords
        if keyword.arg == "mistakes"
    ]
    said: list[ast.expr] = []
    for mistakes in given:
        if isinstance(mistakes, ast.Dict):
            said += mistakes.values
        elif isinstance(mistakes, (ast.List, ast.Tuple)):
            said += [pair.elts[1] for pair in mistakes.elts if isinstance(pair, ast.Tuple) and len(pair.elts) == 2]
    return frozenset(part.value for part in said if isinstance(part, ast.Constant) and isinstance(part.value, str))


def _last_resorts(call: ast.Call) -> Iterator[ast.expr]:
    """What a call is given to say whatever is wrong: as `hint` of an expectation, or where a function stops."""
    called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    given: list[ast.expr] = []
    if isinstance(call.func, ast.Attribute) and called.startswith("to_"):
        given = [keyword.value for keyword in call.keywords if keyword.arg == "hint"]
    elif called.lstrip("_") == "function":
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
    for value in given:
        yield from value.elts if isinstance(value, (ast.List, ast.Tuple)) else [value]


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
