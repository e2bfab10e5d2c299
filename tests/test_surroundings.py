"""What is not there where exercises are graded is passed over, line by line, and nothing else is.

Whole notebooks with such lines are among the faults (`tests/faults`).
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from typing import Any

import pytest

from autograder.sandbox.surroundings import HELPER, KINDS, Absent, AbsentError, Surroundings, described


@pytest.fixture
def namespace() -> dict[str, Any]:
    return {"__name__": "__main__"}


@pytest.fixture
def surroundings(namespace: dict[str, Any]) -> Iterator[Surroundings]:
    made = Surroundings(namespace)
    setattr(builtins, HELPER, made)
    yield made
    delattr(builtins, HELPER)


def run(surroundings: Surroundings, namespace: dict[str, Any], *cells: str) -> None:
    for cell in cells:
        exec(compile(surroundings.visit(ast.parse(cell)), "cell", "exec"), namespace)


@pytest.mark.parametrize(
    ("cells", "missing"),
    [
        (["import nosuchthing as n, json\nn.do()\nx = json"], ("package", "nosuchthing")),
        (["from nosuchthing.deep import a, b as c\na()\nc[0]\nx = 1"], ("package", "nosuchthing")),
        (["from nosuchthing import *\nx = 1"], ("package", "nosuchthing")),
        (["import nosuchthing", "y = nosuchthing.make()", "z = y + 1\nz.show()\nx = 1"], ("package", "nosuchthing")),
        (["import nosuchthing", "def f(): return nosuchthing.make()", "y = f()\ny.z\nx = 1\nnosuchthing"], None),
        (["data = open('numbers.csv').read()\nprint(data[0])\nx = 1"], ("file", "numbers.csv")),
        (["for line in open('/data/numbers'):\n    pass\nx = 1"], ("file", "/data/numbers")),
        (["open('a.txt')", "x = 1"], ("file", "a.txt")),
    ],
)
def test_the_rest_of_the_cell_runs(
    surroundings: Surroundings, namespace: dict[str, Any], cells: list[str], missing: tuple[str, str] | None
) -> None:
    if missing is None:  # a use inside a function shows where it is called, and stops that cell
        with pytest.raises(AbsentError):
            run(surroundings, namespace, *cells)
        return
    run(surroundings, namespace, *cells)
    assert namespace["x"]
    assert list(surroundings.missing) == [missing]
    assert described(*missing)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("import nump", ModuleNotFoundError),
        ("import kears", ModuleNotFoundError),
        ("import json.nosuchpart", ModuleNotFoundError),
        ("from json import nosuchname", ImportError),
        ("if True:\n    import nosuchthing", ModuleNotFoundError),
        ("open('numbers.csv', nosuchargument=1)", TypeError),
        ("int('numbers.csv')", ValueError),
        ("gpus = []\ngpus[0]", IndexError),
        ("'numbers.csv'.nosuchmethod()", AttributeError),
        ("x = [1][5], 'a.txt'", IndexError),
        ("raise KeyboardInterrupt('a.txt')", KeyboardInterrupt),
    ],
)
def test_mistakes_stay_mistakes(
    surroundings: Surroundings, namespace: dict[str, Any], code: str, error: type[BaseException]
) -> None:
    with pytest.raises(error) as raised:
        run(surroundings, namespace, code)
    assert not isinstance(raised.value, AbsentError)
    assert not surroundings.missing


def test_what_a_statement_had_bound_before_stays(surroundings: Surroundings, namespace: dict[str, Any]) -> None:
    run(surroundings, namespace, "x = 1\nx = open('numbers.csv').read()\ny = open('numbers.csv').read()")
    assert namespace["x"] == 1
    assert isinstance(namespace["y"], Absent)


def test_the_last_line_still_shows_its_value(surroundings: Surroundings, namespace: dict[str, Any]) -> None:
    tree = surroundings.visit(ast.parse("'a.txt'.upper()"))
    assert isinstance(tree.body[-1], ast.Expr)
    exec(compile(ast.Module(tree.body[:-1], []), "cell", "exec"), namespace)
    assert eval(compile(ast.Expression(tree.body[-1].value), "cell", "eval"), namespace) == "A.TXT"


def test_every_use_of_a_stand_in_says_so() -> None:
    it = Absent(("package", "seaborn", "`seaborn` is not installed"))
    uses = [
        lambda: it(),
        lambda: it.x,
        lambda: it[0],
        lambda: it + 1,
        lambda: 1 * it,
        lambda: bool(it),
        lambda: list(it),
        lambda: len(it),
        lambda: it < 1,
        lambda: setattr(it, "x", 1),
        lambda: exec("class Own(it): pass", {"it": it}),
    ]
    for use in uses:
        with pytest.raises(AbsentError, match="seaborn"):
            use()
    assert repr(it) == "the package `seaborn`"
    assert "package" in KINDS
