"""`autograder probe`: the answers that it makes, what is declared, and what it finds in an exercise's checks."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from catalogue import SOLUTIONS, reference, try_answers
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.cli import main
from autograder.errors import BadSetting, UnknownExercise, UsageError
from autograder.exercise.definition import exercise_names
from autograder.exercise.outcome import Outcome
from autograder.probe import declared, plan
from autograder.probe.edits import Cell, NotPython
from autograder.probe.equivalents import equivalents_of
from autograder.probe.hints import hints_in, sentences_in
from autograder.probe.mutants import Around, Mutant, mutants_of, operators
from autograder.probe.run import Place
from autograder.probe.source import Solution

AROUND = Around(frozenset({"np", "keras", "layers", "x_train", "x_test", "y_train", "y_test"}), ("earlier",), {})


def made(source: str, operator: str = "") -> list[str]:
    return [m.source for m in mutants_of(source, AROUND) if operator in ("", m.operator)]


# -- wrong answers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "operator", "mutant"),
    [
        ("p = np.mean(x, axis=1)", "axis-dropped", "p = np.mean(x)"),
        ("p = np.mean(x, axis=1)", "axis-swapped", "p = np.mean(x, axis=0)"),
        ("p = x.sum(axis=-1)", "axis-swapped", "p = x.sum(axis=0)"),
        ("p = x.sum(axis=(2, 3))", "axis-swapped", "p = x.sum(axis=(3,))"),
        ("p = np.sum(x, 1)", "axis-dropped", "p = np.sum(x)"),
        ("p = x.argmax(1)", "axis-swapped", "p = x.argmax(0)"),
        ("p = np.argmax(x)", "other-function", "p = np.max(x)"),
        ("n = 3", "off-by-one", "n = 4"),
        ("x = images / 255", "not-scaled", "x = images"),
        ("x = images / 255", "scaled-twice", "x = images / 255 / 255"),
        ("x = images / 255", "other-arithmetic", "x = images // 255"),
        ("a = x @ W + b", "part-forgotten", "a = x @ W"),
        ("n = x.argmax(axis=1)", "shifted", "n = x.argmax(axis=1) + 1"),
        ("order = rng.permutation(n)", "sorted-split", "order = np.arange(n)"),
        ("rng = np.random.default_rng(seed)", "seed-dropped", "rng = np.random.default_rng()"),
        ('l = Dense(3, activation="softmax")', "argument-left-out", "l = Dense(3)"),
        ('l = Dense(3, activation="softmax")', "other-activation", "l = Dense(3, activation='sigmoid')"),
        (
            'm.compile(loss="categorical_crossentropy")',
            "other-loss",
            "m.compile(loss='sparse_categorical_crossentropy')",
        ),
        ('m.compile(metrics=["accuracy"])', "argument-left-out", "m.compile()"),
        ("m.fit(x_train, y_train)", "other-set", "m.fit(x_test, y_test)"),
        ("m.fit(x_train, y_train)", "then-the-test-set", "m.fit(x_train, y_train)\nm.fit(x_test, y_test)"),
        ("m.fit(x, y)", "first-weights", "m.fit(x, y)\nm = keras.models.clone_model(m)"),
        ("m.fit(x, y, epochs=9)", "one-epoch", "m.fit(x, y, epochs=1)"),
        ("e = np.argmin(losses)", "last-for-best", "e = (len(losses) - 1)"),
        ("e = losses[-1]", "last-for-best", "e = losses[0]"),
        ("c = a < b", "comparison-turned", "c = a <= b"),
        ("t = m[a, b]", "indices-swapped", "t = m[b, a]"),
        ("t = x[:n]", "slice-turned", "t = x[n:]"),
        ("s = (4, 5)", "other-shape", "s = (5, 4)"),
        ("n = f(a, b)", "arguments-swapped", "n = f(b, a)"),
        ("y = x.astype('float32')", "other-dtype", "y = x.astype('float64')"),
        ("n = 3", "not-a-number", "n = '3'"),
        ("m = keras.Sequential(a)", "an-earlier-one", "m = earlier"),
        ("def f(x):\n    return x + 1", "returns-nothing", "def f(x):\n    x + 1"),
        ("def f(x):\n    return x + 1", "prints-it", "def f(x):\n    print(x + 1)"),
        ("def f(x):\n    return abs(x)", "argument-returned", "def f(x):\n    return x"),
        ("def f(x):\n    return x + 1", "constant-returned", "def f(x):\n    return 0"),
        (
            "def f(x):\n    if x < 0:\n        raise ValueError",
            "other-error",
            "def f(x):\n    if x < 0:\n        return None",
        ),
        ("def f(n):\n    return list(range(n))", "ignores-argument", "def f(n):\n    n = 3\n    return list(range(n))"),
    ],
)
def test_each_mistake_is_made(source: str, operator: str, mutant: str) -> None:
    assert mutant in made(source, operator), made(source, operator)


def test_only_the_solution_is_changed() -> None:
    source = (
        'def f(x):\n    """Of 3 (N,)."""\n    y = 3\n    ### BEGIN SOLUTION\n    return x + y\n    ### END SOLUTION\n'
    )
    found = made(source)
    assert found
    assert all("y = 3\n    ### BEGIN" in one and '"""Of 3 (N,)."""' in one for one in found)


def test_what_is_free_to_choose_is_no_mistake() -> None:
    assert not made("model.fit(x, y, batch_size=32, verbose=0)", "off-by-one")
    assert not made("raise_it = f'{x} of 3'", "off-by-one")


def test_magics_and_umlauts_keep_their_places() -> None:
    source = '%matplotlib inline\ngrüße = "ä"; n = 3\n'
    assert '%matplotlib inline\ngrüße = "ä"; n = 4\n' in made(source)


def test_a_cell_that_is_no_python_is_left_alone() -> None:
    assert made("this is no python") == []
    with pytest.raises(NotPython):
        Cell("a b")


# Small programs of the kinds of lines that answers consist of.
_names = st.sampled_from(["x", "y", "W", "b", "x_train", "größe"])
_numbers = st.one_of(st.integers(0, 300), st.floats(0, 10, allow_nan=False).map(lambda v: round(v, 3)))
_atoms = st.one_of(_names, _numbers.map(str), st.just("(2, 3)"), st.just('"accuracy"'), st.just("[1, 2]"))


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators_ = st.sampled_from(["+", "-", "*", "/", "//", "@", "**", "<", "==", "and", "or"])
    return st.one_of(
        st.tuples(inner, operators_, inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(st.sampled_from(["mean", "argmax", "sum"]), inner).map(lambda t: f"np.{t[0]}({t[1]}, axis=1)"),
        st.tuples(_names, inner, inner).map(lambda t: f"{t[0]}[{t[1]}, {t[2]}]"),
        st.tuples(_names, inner).map(lambda t: f"{t[0]}[:{t[1]}]"),
        st.tuples(inner, inner).map(lambda t: f"model.fit({t[0]}, {t[1]}, epochs=3)"),
        inner.map(lambda one: f"-{one}"),
    )


_expressions = st.recursive(_atoms, _larger, max_leaves=5)
_statements = st.one_of(
    st.tuples(_names, _expressions).map(lambda t: f"{t[0]} = {t[1]}"),
    _expressions,
    st.tuples(_names, _expressions).map(lambda t: f"def f({t[0]}):\n    y = 2\n    return {t[1]}"),
    st.tuples(_expressions, _expressions).map(lambda t: f"if {t[0]}:\n    z = {t[1]}  # ä"),
)
_programs = st.lists(_statements, min_size=1, max_size=3).map("\n".join)


@settings(max_examples=25, deadline=None)
@given(_programs)
def test_every_wrong_answer_compiles_and_is_another(program: str) -> None:
    found = mutants_of(program, AROUND)
    trees = [ast.dump(ast.parse(one.source)) for one in found]  # raises if one is no Python
    assert ast.dump(ast.parse(program)) not in trees
    assert len(set(trees)) == len(trees)
    assert found == mutants_of(program, AROUND)
    assert {one.operator for one in found} <= operators().keys()
    assert all(one.line for one in found)


@settings(max_examples=25, deadline=None)
@given(_programs)
def test_every_right_answer_compiles_and_is_another(program: str) -> None:
    for one in equivalents_of({"a": program}, {}):
        ast.parse(one.answers["a"])
        assert one.answers["a"] != program


# -- right answers ---------------------------------------------------------------------------------------------------


def test_networks_are_built_in_other_ways() -> None:
    source = 'm = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="relu"), layers.Dense(2)])'
    found = {one.name: one.answers["a"] for one in equivalents_of({"a": source}, {})}
    assert found["functional"].endswith("m = keras.Model(given, flow)")
    assert "m.add(layers.Dense(2))" in found["layer-by-layer"]
    assert "tf.keras.layers.Dense(2)" in found["tf-keras"]
    assert "keras.layers.Activation('relu')" in found["activation-layers"]
    assert "activation=keras.activations.relu" in found["activation-functions"]
    assert "activation=tf.nn.relu" in found["activations-of-tensorflow"]


@pytest.mark.parametrize(
    ("source", "name", "other"),
    [
        ("a = np.array([f(v) for v in x])", "loops", "collected = []\nfor v in x:\n    collected.append(f(v))\n..."),
        ("a = []\nfor v in x:\n    a.append(f(v))", "comprehensions", "a = [f(v) for v in x]"),
        ("for i in range(2, n):\n    a(i)", "while-for-for", "i = (2)\nwhile i < (n):\n    a(i)\n    i += 1"),
        ("def f(x):\n    return x + 1", "walrus", "def f(x):\n    return (my_result := x + 1)"),
        ('def f(x):\n    """One more."""\n    return x + 1', "lambdas", "f = lambda x: x + 1"),
        ("def f(x):\n    return x, 1", "lists-returned", "def f(x):\n    return [x, 1]"),
        ("m = np.mean(x, axis=1)", "axis-by-place", "m = np.mean(x, 1)"),
        ("def f(a, b):\n    return a\nc = f(1, 2)", "arguments-by-name", "...\nc = f(a=1, b=2)"),
        ("h = np.maximum(x, 0)", "where", "h = np.where(x > 0, x, 0)"),
        ("z = x @ W", "tensordot", "z = np.tensordot(x, W, 1)"),
        ("z = x.T @ W", "matmul", "z = np.matmul(np.transpose(x), W)"),
        (
            "n = p.argmax(axis=1)",
            "sorted-for-argmax",
            "n = np.argsort(-np.asarray(p), axis=1, kind='stable')[..., 0]",
        ),
        ("e = np.exp(z)", "operations-of-keras", "import keras\n\ne = np.asarray(keras.ops.exp(z))"),
        ("a = x[..., None].copy()", "new-axes", "a = np.copy(x[..., None])"),
        ("n = x.shape[0]", "new-axes", "n = len(x)"),
        ("d = layers.Dense(3)", "imported-names", "from keras.layers import Dense\n\nd = Dense(3)"),
        ("d = layers.Dense(3)", "named-layers", "d = layers.Dense(3, name='my_layer_1')"),
        ("d = layers.Dense(3)", "layers-by-keyword", "d = layers.Dense(units=3)"),
        ('d = layers.Dense(3, activation="relu")', "activation-by-place", "d = layers.Dense(3, 'relu')"),
        ("m = keras.Sequential([a, b])", "list-of-layers", "my_layers = [a, b]\nm = keras.models.Sequential()\n..."),
        ("m.compile(loss=a, optimizer=b)", "compile-by-place", "m.compile(b, a)"),
        ('m.compile(loss="mean_squared_error")', "compile-in-capitals", "m.compile(loss='MeanSquaredError')"),
        ("m.fit(x, y, epochs=2)", "fit-by-keyword", "m.fit(x=x, y=y, epochs=2)"),
        (
            "m.fit(x, y, validation_split=0.2)",
            "validation-data",
            "m.fit(x[:int(len(x) * (1 - 0.2))], y[:int(len(x) * (1 - 0.2))], validation_data=(x[int(len(x) *...",
        ),
    ],
)
def test_each_other_way_is_found(source: str, name: str, other: str) -> None:
    """`other` may begin or end in dots, for what is not looked at."""
    found = {one.name: one.answers["a"] for one in equivalents_of({"a": source}, {})}[name]
    assert found.startswith(other.removesuffix("...")) or found.endswith(other.removeprefix("..."))


def test_what_the_text_asks_for_is_not_said_in_another_way() -> None:
    source = 'y = x.astype("float32")'
    assert "float64" in {one.name for one in equivalents_of({"a": source}, {"a": "scaled rows"})}
    assert "float64" not in {one.name for one in equivalents_of({"a": source}, {"a": "of dtype `float32`"})}


@pytest.mark.slow
@pytest.mark.parametrize("exercise", ["01-image-classification", "02-one-hot-encoding"])
def test_right_answers_lose_nothing(exercise: str) -> None:
    """Those of the exercises that train nothing, as a learner's own notebook checks them."""
    solution = Solution.read(SOLUTIONS / exercise / f"{exercise}.ipynb")
    lost = [
        f"{one.name}: {result.name}: {result.message}"
        for one in equivalents_of(solution.answers, solution.texts)
        for result in try_answers(exercise, one.answers)
        if result.outcome is not Outcome.PASSED
    ]
    assert lost == []


# -- notebooks cut down ----------------------------------------------------------------------------------------------


def answers_in(notebook: str) -> dict[str, str]:
    return {
        cell["metadata"]["nbgrader"]["grade_id"]: "".join(cell["source"])
        for cell in json.loads(notebook)["cells"]
        if (cell["metadata"].get("nbgrader") or {}).get("solution")
    }


def test_only_what_a_task_needs_is_left() -> None:
    solution = Solution.read(SOLUTIONS / "03-dense-networks" / "03-dense-networks.ipynb")
    left = {name for name, source in answers_in(solution.only_for("trained", {})).items() if source}
    assert left == {"flattened-answer", "architecture-answer", "compiled-answer", "trained-answer"}
    assert {name for name, source in answers_in(solution.only_for("deeper", {})).items() if source} == {
        "flattened-answer",
        "deeper-answer",
    }


@pytest.mark.parametrize("exercise", exercise_names())
def test_there_is_much_to_try(exercise: str) -> None:
    """Of each task; the same every time; and a sample that reaches as many tasks as it can."""
    solution = Solution.read(SOLUTIONS / exercise / f"{exercise}.ipynb")
    found = reference(exercise)
    small = plan.plan(found, solution, limit=2 * len(found.tasks), seed=4)
    assert small == plan.plan(found, solution, limit=2 * len(found.tasks), seed=4)
    assert small.made > 120
    assert len(small.of("wrong")) == 2 * len(found.tasks)
    assert len({case.task for case in small.of("wrong")}) >= len(found.tasks) / 2
    assert len({case.student for case in small.cases}) == len(small.cases)
    assert small != plan.plan(found, solution, limit=2 * len(found.tasks), seed=5)


# -- what is declared ------------------------------------------------------------------------------------------------


def test_a_declaration_means_a_line_or_all_of_an_operator() -> None:
    mutant = Mutant("off-by-one", "", "", "n = 4")
    assert declared.Declared("task", "off-by-one", "n = 4", "why").means("task", mutant)
    assert declared.Declared("task", "off-by-one", "", "why").means("task", mutant)
    assert not declared.Declared("task", "off-by-one", "n = 2", "why").means("task", mutant)
    assert not declared.Declared("other", "off-by-one", "", "why").means("task", mutant)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "is not JSON"),
        ("[]", 'a list called "equivalent"'),
        ('{"equivalent": [], "more": 1}', '"more" is not known'),
        ('{"equivalent": [1]}', "equivalent[0] should be an object"),
        ('{"equivalent": [{"task": "a", "operator": "off-by-one"}]}', '"reason" should be text'),
        ('{"equivalent": [{"task": "a", "operator": "off-by-one", "reason": " "}]}', '"reason" should be text'),
        ('{"equivalent": [{"task": "b", "operator": "off-by-one", "reason": "x"}]}', 'there is no task "b"'),
        ('{"equivalent": [{"task": "a", "operator": "of-by-one", "reason": "x"}]}', "Did you mean 'off-by-one'?"),
        ('{"equivalent": [{"task": "a", "operator": "off-by-one", "reson": "x"}]}', "Did you mean 'reason'?"),
    ],
)
def test_a_bad_declaration_is_named_in_one_line(content: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "test_x.equivalent.json").write_text(content)
    with pytest.raises(BadSetting) as caught:
        declared.read(declared.file_of(tmp_path / "test_x.py"), ["a"])
    message = str(caught.value)
    assert says in message
    assert str(tmp_path) in message
    assert "\n" not in message


def test_nothing_need_be_declared(tmp_path: Path) -> None:
    assert declared.read(tmp_path / "none.json", ["a"]) == ()


@pytest.mark.parametrize("exercise", exercise_names())
def test_what_our_exercises_declare_is_there(exercise: str) -> None:
    found, solution = reference(exercise), Solution.read(SOLUTIONS / exercise / f"{exercise}.ipynb")
    entries = declared.read(declared.file_of(found.checks), solution.tasks)
    assert [str(one) for one in plan.plan(found, solution, entries).unmatched] == []


# -- hints -----------------------------------------------------------------------------------------------------------


def test_last_resorts_are_told_from_names(tmp_path: Path) -> None:
    (tmp_path / "test_x.py").write_text(
        "class TestA:\n"
        "    def test_it(self, submission):\n"
        "        expect(1).to_be(2, mistakes={3: Hint('three', id='three')}, hint=[Hint('look', id='look')])\n"
        "        raise fail('no', hint=Hint('own', id='own'))\n"
    )
    found = {hint.id: (hint.last_resort, hint.test_class, hint.text) for hint in hints_in(tmp_path / "test_x.py")}
    assert found == {
        "three": (False, "TestA", "three"),
        "look": (True, "TestA", "look"),
        "own": (False, "TestA", "own"),
    }


# -- the command -----------------------------------------------------------------------------------------------------

_CHECKS = '''
import numpy as np
from autograder.exercise.expect import Hint, expect

ROWS = np.array([[1.0, 5.0, 3.0, 9.0], [4.0, 2.0, 0.0, 1.0], [0.0, 1.0, 7.0, 2.0]])

class TestLargest:
    def test_it(self, submission):
        """The place of the largest"""
        expect(submission.function("largest")(ROWS), "`largest(rows)`").to_be_close_to(
            [3, 0, 2],
            mistakes=[
                ([4, 1, 3], Hint("All are one too large.", id="counts-from-one")),
                ([9.0, 4.0, 7.0], Hint("Those are the values.", id="value-for-place")),
            ],
            hint=Hint("Which axis?", id="which-axis"),
        )

class TestCount:
    def test_it(self, submission):
        """How many"""
        assert isinstance(submission.number("count"), int), "`count` should be a whole number. Type 6."
        expect(submission.number("count"), "`count`").to_be_between(5, 7, hint="Six.")
'''


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder with an exercise of two tasks, whose checks have gaps."""
    from nbformat import v4, writes

    def marks(name: str, points: int | None = None, solution: bool = False) -> dict[str, Any]:
        grading = {"schema_version": 3, "grade_id": name, "locked": not solution, "solution": solution, "task": False}
        grading["grade"] = points is not None
        return {"nbgrader": grading | ({} if points is None else {"points": points})}

    begin, end = "### BEGIN SOLUTION", "### END SOLUTION"
    cells = [
        v4.new_code_cell("import numpy as np\ncheck = print", metadata=marks("setup")),
        v4.new_code_cell(
            f"def largest(rows):\n    {begin}\n    return np.argmax(rows, axis=1)\n    {end}",
            metadata=marks("largest-answer", solution=True),
        ),
        v4.new_code_cell('check("largest")', metadata=marks("largest", 2)),
        v4.new_code_cell(f"{begin}\ncount = 6\n{end}", metadata=marks("count-answer", solution=True)),
        v4.new_code_cell('check("count")', metadata=marks("count", 1)),
    ]
    for cell in cells:
        cell.id = cell.metadata.nbgrader.grade_id
    (tmp_path / "source" / "own").mkdir(parents=True)
    notebook = v4.new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    (tmp_path / "source" / "own" / "own.ipynb").write_text(writes(notebook))
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "test_own.py").write_text(_CHECKS)
    return tmp_path


def test_a_plain_sentence_in_mistakes_is_known(tmp_path: Path) -> None:
    checks = tmp_path / "test_own.py"
    checks.write_text(
        'expect(a, "a").to_be(1, mistakes={2: "Two.", 3: Hint("Three.", id="three")}, hint="Look.")\n'
        'expect(b, "b").to_be_close_to(1, mistakes=[(4, "Four."), (5, other)])\n'
    )
    assert sentences_in(checks) == {"Two.", "Four."}


@pytest.mark.slow
@pytest.mark.sandbox
def test_gaps_are_found_and_a_second_run_knows_the_first(own: Path) -> None:
    (own / "checks" / "test_own.equivalent.json").write_text(
        json.dumps(
            {
                "equivalent": [
                    {"task": "count", "operator": "off-by-one", "line": "count = 7", "reason": "seven will do"},
                    {"task": "count", "operator": "off-by-one", "line": "count = 8", "reason": "it was once made"},
                ]
            }
        )
    )
    command = [sys.executable, "-m", "autograder", "probe", "own", "--workers", "1", "--json", "found.json"]
    first = subprocess.run(command, cwd=own, capture_output=True, text=True, timeout=300, check=False)
    assert first.returncode == 0, first.stderr
    found = json.loads((own / "found.json").read_text())
    verdicts = {(a["task"], a["line"]): a["verdict"] for a in found["answers"]}
    assert verdicts["largest", "return np.argmax(rows, axis=1) + 1"] == "named"
    assert verdicts["largest", "return np.max(rows, axis=1)"] == "named"
    assert verdicts["largest", "return np.argmin(rows, axis=1)"] == "generic"
    assert verdicts["largest", "np.argmax(rows, axis=1)"] == "named"  # as in any task
    assert verdicts["count", "count = 5"] == "passes"
    assert verdicts["count", "count = 7"] == "equivalent"
    assert [one["line"] for one in found["answers"] if one["verdict"] == "passes" and one["task"] == "count"]
    # A right answer that the check does not take, and a task that says its answer.
    assert {(loss["name"], loss["task"]) for loss in found["lost"]} >= {("numpy-numbers", "count")}
    assert {task["task"]: task["parrot"] for task in found["tasks"]} == {"largest": 0, "count": 1}
    assert found["declared_without_a_match"] == ["count, off-by-one, `count = 8`"]
    page = (own / "probe" / "own" / "own.html").read_text()
    assert "count = 5" in page
    assert "<script" not in page
    # Better checks: no answer is run again.
    better = _CHECKS.replace("to_be_between(5, 7, ", "to_be(6, ")
    (own / "checks" / "test_own.py").write_text(better)
    second = subprocess.run(command, cwd=own, capture_output=True, text=True, timeout=300, check=False)
    assert second.returncode == 0, second.stderr
    again = {(a["task"], a["line"]): a["verdict"] for a in json.loads((own / "found.json").read_text())["answers"]}
    assert again["count", "count = 5"] == "named"  # one off, as in any task
    observed = list((own / "probe" / "own" / ".autograder" / "own" / "observed").iterdir())
    assert observed


def test_bad_usage_is_one_line(own: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(own)
    with pytest.raises(UnknownExercise, match="own"):
        Place(own / "into", "none")
    (own / "full").mkdir()
    (own / "full" / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="not made by"):
        Place(own / "full", "own")
    assert (own / "full" / "mine.txt").read_text() == "mine"
    (own / "source" / "own" / "own.ipynb").write_text('{"cells": []}')
    with pytest.raises(UsageError, match="answer cells"):
        Place(own / "into", "own")
    (own / "source" / "own" / "own.ipynb").write_text("no notebook")
    assert main(["probe", "own", "--sandbox", "off"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "own.ipynb" in said
