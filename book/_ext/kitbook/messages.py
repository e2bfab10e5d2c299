"""Every sentence of the package that a person may see, gathered from its source: to be read through in one sitting.

The checks' own are left out of the page.

``{all-messages}`` puts the table on a page. `messages_of` is also used by the tests, which look for words that the
project does not use.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from .lesson_boxes import parse_markdown

MIN_WORDS = 3  # fewer make no sentence
_CODE = ("import ", "from ", "<", "x=", "test_")  # what begins so is for a machine


@dataclass(frozen=True)
class Message:
    """One text, with what is filled in when it is shown in braces."""

    file: Path
    line: int
    text: str


def messages_of(file: Path) -> list[Message]:
    """The texts of one source file, in the order of its lines; docstrings and comments are none."""
    tree = ast.parse(file.read_text("utf-8"))
    found = [Message(file, node.lineno, text) for node, text in _texts(tree, frozenset(_docstrings(tree)))]
    return sorted(found, key=lambda message: message.line)


def _texts(node: ast.AST, left_out: frozenset[ast.AST]) -> Iterator[tuple[ast.expr, str]]:
    for child in ast.iter_child_nodes(node):
        if child in left_out:
            continue
        text = _text(child)
        if text is None:
            yield from _texts(child, left_out)
        elif isinstance(child, ast.expr) and _is_sentence(text):
            yield child, " ".join(text.split())


def _docstrings(tree: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        # The docstrings of checks' test functions are their titles, which learners read.
        titled = isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
        for statement in body[titled:] if isinstance(body, list) else ():
            # At the beginning it is a docstring; below a constant it describes that.
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                yield statement


def _text(node: ast.AST) -> str | None:
    """A literal's text, f-strings with their expressions in braces; None for anything that is not text."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = (v.value if isinstance(v, ast.Constant) else "{" + _inner(v) + "}" for v in node.values)
        return "".join(str(part) for part in parts)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _text(node.left), _text(node.right)
        return left + right if left is not None and right is not None else None
    return None


def _inner(value: ast.expr) -> str:
    return ast.unparse(value.value) if isinstance(value, ast.FormattedValue) else ast.unparse(value)


def _is_sentence(text: str) -> bool:
    if text.lstrip().startswith(_CODE):
        return False
    words = [word for word in text.split() if any(c.isalpha() for c in word)]
    return len(words) >= MIN_WORDS and sum(c.isalpha() or c.isspace() for c in text) > 0.6 * len(text)


class AllMessages(SphinxDirective):
    """``{all-messages}``: a table for each file of the package that has texts for people."""

    def run(self) -> list[nodes.Node]:
        """Build the tables."""
        root = Path(self.env.srcdir)
        rows: list[str] = []
        for file in sorted((root / "autograder").rglob("*.py")):
            if file.parent.name == "checks":  # a hint may come near to an answer, and learners read this book
                continue
            self.env.note_dependency(str(file))
            found = messages_of(file)
            if not found:
                continue
            rows += ["", f"**{file.relative_to(root / 'autograder').as_posix()}**", "", "| line | text |", "|---|---|"]
            rows += [f"| {message.line} | {as_cell(message.text)} |" for message in found]
        return [nodes.container("", *parse_markdown(self, rows), classes=["all-messages"])]


def as_cell(text: str) -> str:
    """Markdown that shows the text as it is, in one cell of a table."""
    marked = text.replace("\\", "\\\\")
    for sign in "|*_[]<>$`{}~":
        marked = marked.replace(sign, "\\" + sign)
    return marked


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    app.add_directive("all-messages", AllMessages)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
