"""What an error in one cell means for what comes after it, so that the first failure is the one that is named.

Runs beside the student's code, in a learner's kernel and in the sandbox alike: parsing a student's text may take long
or end a process. What it says only chooses words, never points.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from autograder.exercise.sentences import clause

_UNDEFINED = re.compile(r"NameError: name '(\w{1,80})' is not defined")
# Methods that make something else of what they belong to. That a model could not be shown is no reason for anything.
_CHANGING = frozenset(
    [
        "add",
        "build",
        "compile",
        "fit",
        "fit_generator",
        "load_weights",
        "pop",
        "set_weights",
        "train_on_batch",
        "append",
        "extend",
        "insert",
        "update",
        "sort",
    ]
)
MAX_FAILURES = 200  # that are kept
MAX_SOURCE = 50_000  # characters of a cell that are looked at


class _Effects:
    """Names that statements bind, and methods that they call and that change something: ("model", "fit")."""

    def __init__(self) -> None:
        self._binds: set[str] = set()
        self._calls: set[tuple[str, str]] = set()

    @property
    def names(self) -> set[str]:
        return self._binds | {name for name, _ in self._calls}

    def forget(self, others: _Effects) -> None:
        self._binds -= others._binds
        self._calls = {call for call in self._calls - others._calls if call[0] not in others._binds}

    def gather(self, statement: ast.stmt) -> None:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            self._binds.add(statement.name)  # what stands in it is another matter
            return
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                self._binds.add(node.id)
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                self._binds |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner, method = node.func.value, node.func.attr
                if isinstance(owner, ast.Name) and method in _CHANGING:
                    self._calls.add((owner.id, method))


@dataclass
class Failure:
    """A cell that stopped, and what it did not come to."""

    error: str
    left: _Effects


class Failures:
    """The cells that stopped with an error and have not been made good since."""

    def __init__(self) -> None:
        self._failures: list[Failure] = []

    def ran(self, source: str, error: str = "", line: int = 0) -> None:
        """A cell has run.

        Args:
            error: what it stopped with, or '' if it went to its end.
            line: that it stopped in, from 1; 0 if none of it ran.
        """
        done, left = _Effects(), _Effects()
        for statement in _statements(source):
            gone_by = not error or (statement.end_lineno or 0) < line
            (done if gone_by else left).gather(statement)
        for failure in self._failures:  # what it should have done is done now
            failure.left.forget(done)
        self._failures = [failure for failure in self._failures if failure.left.names]
        if error and len(self._failures) < MAX_FAILURES:
            self._failures.append(Failure(error, left))

    def cause_of(self, name: str) -> str:
        """The first error that keeps `name` from being what it should be; '' if there is none."""
        return self._cause(name, len(self._failures))

    def _cause(self, name: str, before: int) -> str:
        for position in range(before - 1, -1, -1):
            failure = self._failures[position]
            if name in failure.left.names:
                undefined = _UNDEFINED.search(failure.error)
                earlier = self._cause(undefined[1], position) if undefined else ""
                return earlier or failure.error
        return ""


def remember(failures: Failures, result: Any) -> None:
    """Take in what IPython says of a cell that has run (the argument of its event ``post_run_cell``)."""
    source = str(getattr(getattr(result, "info", None), "raw_cell", "") or "")
    before, error = getattr(result, "error_before_exec", None), getattr(result, "error_in_exec", None)
    if before is not None:
        failures.ran(source, described(before))
    elif error is not None:
        failures.ran(source, described(error), 0 if isinstance(error, SyntaxError) else _line(error))
    else:
        failures.ran(source)


def described(error: BaseException) -> str:
    """An error's type and text, in a line: "NameError: name 'x' is not defined"."""
    return clause(f"{type(error).__name__}: {_text_of(error)}")


def type_and_text(error: BaseException) -> tuple[str, str]:
    """An error's type and what it says: "ValueError", "no such name".

    An error of a class that the learner made counts as one of the class it was made from, and its text begins with the
    class's own name: "ValueError", "UnknownName: no such name".
    """
    kind, text = type_of(error), _text_of(error)
    try:
        own = type(error).__name__[:100]
    except BaseException:
        return kind, text
    return kind, text if own == kind else f"{own}: {text}".removesuffix(": ")


def type_of(error: BaseException) -> str:
    """The type of an error ("ValueError"): of a class that the learner made, that of the class it was made from."""
    try:
        return next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ != "__main__")[:100]
    except BaseException:  # the class may be the student's, and so what it says of itself
        return "an error"


def _text_of(error: BaseException) -> str:
    try:
        return str(error)[:2_000]
    except BaseException:  # its `__str__` is the student's
        return ""


def _line(error: BaseException) -> int:
    """The line of the cell that an error came from: that of the first frame that is a cell's."""
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_globals.get("__name__") == "__main__" and trace.tb_frame.f_code.co_name.startswith("<"):
            return trace.tb_lineno
        trace = trace.tb_next
    return 1


def _statements(source: str) -> Iterator[ast.stmt]:
    try:
        # Lines of IPython's own are no Python; what is around them is.
        plain = "\n".join("pass" if line[:1] in ("%", "!", "?") else line for line in source[:MAX_SOURCE].split("\n"))
        yield from ast.parse(plain).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        yield from _assignments(source)


def _assignments(source: str) -> Iterator[ast.stmt]:
    """What a cell that cannot be parsed seems to bind."""
    for number, line in enumerate(source[:MAX_SOURCE].split("\n"), 1):
        if found := re.match(r"(?:def |class )?([A-Za-z_]\w{0,80})\s?(?:=|\()", line):
            target = ast.Name(found[1], ast.Store())
            yield ast.Assign([target], ast.Constant(None), lineno=number, end_lineno=number)
