"""Other people's private parts: when one has another name, grading is slower, never different and never down."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from autograder import doctor
from autograder.backend import observe
from autograder.compat import findings
from autograder.compat.assumptions import TABLE, Assumption, Use, fallen, line

ROOT = Path(__file__).resolve().parents[1]
HERE = ROOT / "tests"
# Ours, though they begin with an underscore and belong to no `self`.
OURS = {"_as_imported"}
PUBLIC = {"_repr_html_"}  # IPython's documented name for it
# Python's own, and a way without it is there.
PYTHONS = {"_exit", "_getframe", "_processes"}


def private_names(assumption: Assumption) -> list[str]:
    """What of it has no promise: the last name, or its attributes."""
    last = assumption.name.partition(":")[2].split(".")[-1]
    names = assumption.attributes.split() or [last]
    return [name for name in names if name.startswith("_") and not name.startswith("__")] + [
        name for name in names if assumption.name.startswith("tensorflow.python") and not name.startswith("_")
    ]


def with_part(use: Use, assumption: Assumption, attribute: str) -> str:
    return f"{assumption.name}/{attribute if assumption.attributes else ''}"


RENAMED = [
    with_part(use, assumption, name)
    for use in TABLE
    for assumption in use.assumptions
    for name in private_names(assumption)
]


@pytest.mark.slow
def test_nothing_is_off_with_what_is_installed_here() -> None:
    """Should this fail with a new release: look at what changed, then add its version and digest, or leave it off."""
    assert findings() == []


def test_doctor_says_in_one_line_what_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    use = Use(
        "the faster training", "keras", "1", "grading is slower, grades are the same", "", (Assumption("json:no"),)
    )
    told = line(use, fallen(use))
    assert told.startswith("Keras 3.")
    assert told.endswith("is off: no is missing; grading is slower, grades are the same")
    monkeypatch.setattr(doctor.compat, "findings", lambda: [told])
    assert doctor.lines(doctor._compat()) == [f"ok      other packages' internals: {told}"]


@pytest.mark.parametrize(
    ("assumption", "says"),
    [
        (Assumption("no.such.module:x"), "x is missing"),
        (Assumption("json:loads", digest="0" * 16), "loads has changed"),
        (
            Assumption("json.decoder:JSONDecoder.__init__", attributes="object_hook _gone"),
            "JSONDecoder.__init__ has no _gone",
        ),
        (Assumption("json.decoder:JSONDecoder.__init__", attributes="object_hook"), ""),
    ],
)
def test_an_assumption_is_tested(assumption: Assumption, says: str) -> None:
    assert fallen(Use("", "keras", "", "", "", (assumption,))) == says


@pytest.mark.parametrize(
    ("name", "module", "is_kerass"),
    [
        ("Sequential", "keras.src.models.sequential", True),
        ("Functional", "keras.src.quite.another.place", True),
        ("Model", "keras", True),
        ("Sequential", "__main__", False),
        ("Functional", "kerastricks", False),
        ("MyModel", "keras.src.models.model", False),
        (["Sequential"], None, False),
    ],
)
def test_a_model_is_kerass_wherever_keras_keeps_it(name: Any, module: Any, is_kerass: bool) -> None:
    assert observe._is_kerass(name, module) is is_kerass


def test_every_private_name_that_is_used_stands_in_the_table() -> None:
    declared = {name for use in TABLE for assumption in use.assumptions for name in private_names(assumption)}
    used: dict[str, str] = {}
    for path in sorted((ROOT / "autograder").rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        own = {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and _is_of_self(node) and isinstance(node.ctx, ast.Store)
        }
        own |= {node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}
        own |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
                if node.attr not in own or (path.parent.name == "compat" and not _is_of_self(node)):
                    used[node.attr] = f"{path.relative_to(ROOT)}:{node.lineno}"
            elif isinstance(node, ast.ImportFrom) and node.module and not node.module.startswith("autograder"):
                for name in [alias.name for alias in node.names if alias.name.startswith("_")]:
                    used[name] = f"{path.relative_to(ROOT)}:{node.lineno}"
    # Set on a function of TensorFlow's if it is there; nothing is read.
    left = used.keys() - declared - OURS - PUBLIC - PYTHONS - {"_omit_frequent_tracing_warning"}
    assert {name: used[name] for name in left} == {}


def _is_of_self(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")


def run_renamed(path: Path | str, names: list[str]) -> list[dict[str, Any]]:
    settings = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)}
    settings |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "MPLBACKEND": "agg"}
    command = [sys.executable, str(HERE / "renamed_parts.py"), "03-dense-networks", str(path), *names]
    done = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["name"] for one in found] == names
    assert not (broken := [f"{one['name']}: {one['broken']}" for one in found if "broken" in one]), "\n".join(broken)
    return found


@pytest.mark.slow
def test_with_any_private_name_renamed_grades_are_the_same(tmp_path: Path) -> None:
    """Each is renamed in turn, throughout the code that uses it, before a submission is graded by all stations."""
    notebook = nbformat.read(ROOT / "solutions" / "03-dense-networks" / "03-dense-networks.ipynb", 4)
    for cell in notebook.cells:
        cell.source = cell.source.replace("epochs=12", "epochs=1").replace(
            "deeper_model.fit(", "0 and deeper_model.fit("
        )
    notebook.cells.append(nbformat.v4.new_code_cell("def f(): f()\nf()"))
    nbformat.write(notebook, tmp_path / "small.ipynb")
    plain, *found = run_renamed(tmp_path / "small.ipynb", ["", *RENAMED])
    assert plain["doctor"] == []
    assert sum(points for _, points, _ in plain["points"]) > 10, plain
    print(f"{len(found)} private names, renamed in turn:")
    for one in found:
        print(f"{one['name'].partition(':')[2]:70} {'same grades' if one['points'] == plain['points'] else 'OTHER'}")
        print("    " + "; ".join(one["doctor"]))
    assert {one["name"] for one in found if one["points"] != plain["points"]} == set()
    assert {one["name"]: len(one["doctor"]) for one in found if not one["doctor"]} == {}
    assert all(len(one["doctor"]) == 1 for one in found if "keras" in one["name"])


@pytest.mark.slow
def test_with_other_code_in_a_public_name_the_use_is_off() -> None:
    public = [f"{one.name}/{one.attributes}" for use in TABLE for one in use.assumptions if one.digest]
    public = [name for name in public if name not in RENAMED]
    for one in run_renamed("", public):
        assert len(one["doctor"]) >= 1, one
        assert "has changed" in one["doctor"][0]
