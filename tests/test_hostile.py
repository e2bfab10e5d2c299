"""The names of the kit's that attacks and faults reach for are there: what reaches for nothing proves nothing."""

from __future__ import annotations

import ast
import re
from pkgutil import resolve_name

import pytest
from attacks.corpus import ATTACKS, Attack
from faults.corpus import FAULTS, Fault
from hostile import Entry


def _code(entry: Entry) -> str:
    return "\n".join([entry.first, *entry.answers.values(), entry.last])


OURS = [entry for entry in (*ATTACKS, *FAULTS) if "autograder" in _code(entry)]


@pytest.mark.parametrize("entry", OURS, ids=lambda e: e.name)
def test_what_it_reaches_for_is_there(entry: Attack | Fault) -> None:
    used, named = _names(ast.parse(_code(entry)))
    for name in used | named:
        _find(name)
    if any(name.count(".") > 1 for name in used):
        assert entry.reached if isinstance(entry, Attack) else entry.says, "what shows that it has got there?"


def test_a_name_that_is_gone_is_noticed() -> None:
    used, named = _names(
        ast.parse(
            "import autograder.exercise.wire as w\nfrom autograder.sandbox.channel import Channel, Gone\n"
            "w.encode = w.lost = __import__('autograder.grading.nowhere')"
        )
    )
    assert used == {
        "autograder.exercise.wire",
        "autograder.exercise.wire.encode",
        "autograder.exercise.wire.lost",
        "autograder.sandbox.channel.Channel",
        "autograder.sandbox.channel.Gone",
    }
    gone = ("autograder.exercise.wire.lost", "autograder.sandbox.channel.Gone", *named)
    for name in gone:
        with pytest.raises((AttributeError, ImportError)):
            _find(name)
    for name in used - {*gone}:
        _find(name)
    _find("autograder.exercise.outcome.CheckResult.points")  # of a dataclass, without a default


def _names(code: ast.Module) -> tuple[set[str], set[str]]:
    """The kit's modules and what is in them: as code uses them, and as texts name them."""
    known: dict[str, str] = {}  # what a name stands for
    used: set[str] = set()
    for node in ast.walk(code):
        if isinstance(node, ast.Import):
            for each in node.names:
                bound = each.name if each.asname else each.name.partition(".")[0]
                known[each.asname or bound] = bound
                used.add(each.name)
        elif isinstance(node, ast.ImportFrom):
            for each in node.names:
                known[each.asname or each.name] = f"{node.module}.{each.name}"
                used.add(f"{node.module}.{each.name}")
    named = set()
    for node in ast.walk(code):
        if isinstance(node, ast.Attribute):
            root, _, rest = ast.unparse(node).partition(".")
            if root in known and rest.replace(".", "_").isidentifier():
                used.add(f"{known[root]}.{rest}")
        elif isinstance(node, ast.Constant) and re.fullmatch(r"autograder(\.\w+)+", str(node.value)):
            named.add(str(node.value))
    return {name for name in used if name.partition(".")[0] == "autograder"}, named


def _find(name: str) -> None:
    """Raises ImportError or AttributeError if there is no such thing."""
    owner, _, last = name.rpartition(".")
    if last not in getattr(resolve_name(owner or name), "__dataclass_fields__", {}):
        resolve_name(name)
