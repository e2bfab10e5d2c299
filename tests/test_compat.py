"""Internals of other packages: when one has another name, grading is slower, never different and never down."""

from __future__ import annotations

import ast
import contextlib
import importlib
import importlib.util
import io
import json
import os
import pkgutil
import re
import subprocess
import sys
import types
from itertools import zip_longest
from pathlib import Path
from typing import Any

import nbformat
import pytest

import autograder
from autograder import doctor
from autograder.backend import observe
from autograder.compat import assumptions, findings, ipython_kernel, keras_callbacks
from autograder.compat.assumptions import TABLE, Assumption, Use, fallen, line
from autograder.language import Sentence

NAMES = [name for name, value in vars(assumptions).items() if isinstance(value, Use)]
ROOT = Path(__file__).resolve().parents[1]
HERE = ROOT / "tests"
# Ours, though they begin with an underscore and belong to no `self`.
OURS = {"_as_imported", "_answers", "_namespaces", "_read_template", "_root", "_Run", "_START"}
PUBLIC = {"_repr_html_"}  # IPython's documented name for it
# Not renamed. What is documented, so that the notebook that is graded, or the package itself, writes it in texts too:
NOT_RENAMED = {"compile", "metrics", "run_eagerly", "set_model", "Callback", "TensorBoard", "Functional"}
NOT_RENAMED |= {"BaseConverter", "FormatChecker", "assignments"}
NOT_RENAMED |= {
    "pipe",
    "timeout",
    "invocation_params",
}  # parameters; what happens without the first has a test of its own
NOT_RENAMED |= {"OutStream", "close", "flush"}  # so has this: `test_a_kernel_starts_though…`
# Python's own, and a way without it is there, or only those who check types read it.
PYTHONS = {"_SubParsersAction", "_base_executable", "_exit", "_getframe", "_processes"}


def names_of(assumption: Assumption) -> list[str]:
    """The names that it needs: its own last one and its attributes, or a module's."""
    module, _, path = assumption.name.partition(":")
    return [path.split(".")[-1] or module, *assumption.attributes.split()]


def parts_of(assumption: Assumption) -> list[str]:
    """What of it is renamed, as `renamed_parts.py` writes it."""
    own, *attributes = names_of(assumption)
    if assumption.name.startswith("nbgrader.api:"):
        attributes = []  # nobody can take a column from a table
    private = own.startswith("_") and not own.startswith("__")
    stays = own.startswith("__") or own in NOT_RENAMED or (assumption.digest and not private)
    return [f"{assumption.name}/"] * (not stays) + [
        f"{assumption.name}/{a}" for a in attributes if a not in NOT_RENAMED
    ]


def in_groups() -> list[list[str]]:
    """What is renamed in one grading.

    Where one name of a use is missing, the use is off, which `doctor` is asked for each name alone; what then still
    needs a name breaks, however many others are missing. Only code that looks for one name and then uses another that
    stands beside it could hide from that, so those of one function are renamed in different gradings; and so are those
    of two uses of the same package, as one may keep the other's code from being reached.
    """
    packages: dict[str, list[list[str]]] = {}
    for use in TABLE:
        if not use.needed:
            turns = zip_longest(*map(parts_of, use.assumptions))
            groups = packages.setdefault({"ipython": "ipykernel"}.get(use.package, use.package), [])
            groups += [found for turn in turns if (found := [part for part in turn if part])]
    return [[part for group in turn for part in group or []] for turn in zip_longest(*packages.values())]


GROUPS = in_groups()
RENAMED = [part for group in GROUPS for part in group]
NEEDED = {use.name: [part for one in use.assumptions for part in parts_of(one)] for use in TABLE if use.needed}
STOPS = NEEDED.pop(assumptions.PROVISIONER.name)
ASKED = [part for parts in NEEDED.values() for part in parts]  # of the Hub, the book, a gradebook: nothing grades there
ANEW = [f"{one.name}/" for use in TABLE for one in use.assumptions if one.digest]
ANEW = [name for name in ANEW if name not in (*RENAMED, *STOPS, *ASKED)]


def test_what_a_teacher_is_told_of_a_use_has_a_place_in_the_catalogue() -> None:
    assert all(isinstance(text, Sentence) for use in TABLE for text in (use.name, use.otherwise))
    assert isinstance(fallen(Use("", "keras", "", "", "", (Assumption("json:no"),))), Sentence)


@pytest.mark.slow
def test_nothing_is_off_with_what_is_installed_here() -> None:
    """Should this fail with a new release: look at what changed, then add its version and digest, or leave it off."""
    assert findings() == []


@pytest.mark.parametrize("name", NAMES)
def test_a_use_is_made_where_the_table_says_and_asked_for_first(name: str) -> None:
    """Or the table says why not."""
    use: Use = getattr(assumptions, name)
    (path,) = [one for one in (ROOT / use.where, ROOT / "autograder" / use.where) if one.is_file()]
    text = path.read_text("utf-8")
    assert re.search(rf"\b{name}\b", text), f"{path.name} does not mention {name}"
    assert bool(use.unasked) != bool(re.search(rf"fallen\({name}\)", text)), path.name


def test_doctor_says_in_one_line_what_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    use = Use(
        "the faster training", "keras", "1", "grading is slower, grades are the same", "", (Assumption("json:no"),)
    )
    told = line(use, fallen(use))
    assert told.startswith("Keras 3.")
    assert told.endswith("is off: no is missing; grading is slower, grades are the same")
    monkeypatch.setattr(doctor.compat, "findings", lambda: [(told, False)])
    assert doctor.lines(doctor._compat()) == [f"ok      other packages' internals: {told}"]
    monkeypatch.setattr(doctor.compat, "findings", lambda: [(told, True)])
    assert doctor.lines(doctor._compat()) == [f"MISSING other packages' internals: {told}"]


@pytest.mark.parametrize(
    ("assumption", "says"),
    [
        (Assumption("no.such.module:x"), "x is missing"),
        (Assumption("no.such.module"), "no.such.module is missing"),
        (Assumption("json.decoder"), ""),
        (Assumption("json:JSONDecoder", attributes="decode encode"), "JSONDecoder has no encode"),
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


@pytest.mark.parametrize(
    ("name", "module", "is_kerass"),
    [
        ("TrueDivide", "keras.src.ops.numpy", True),
        ("TrueDivide", "keras.src.quite.another.place", True),
        ("Cast", "keras.ops", True),
        ("TrueDivide", "__main__", False),
        ("TrueDivide", "kerastricks.src.ops.numpy", False),
        ("Lambda", "keras.src.ops.numpy", False),
        ("Map", "keras.src.ops.core", False),
        ("Sum", "keras.metrics", False),
        ("Mean", "keras.src.metrics.reduction_metrics", False),
        ("Mean", "keras.losses", False),
    ],
)
def test_an_operation_is_kerass_wherever_keras_keeps_it(name: str, module: str, is_kerass: bool) -> None:
    """Else `x / 255` in a Functional model would cost its points with the next Keras."""
    config = json.dumps({"name": "a", "layers": [{"module": module, "class_name": name, "registered_name": name}]})
    refused = contextlib.nullcontext() if is_kerass else pytest.raises(observe.NotRebuildable)
    with refused:
        observe.refuse("Functional", "keras", config)


def test_operations_are_named_as_keras_s_public_functions_are() -> None:
    (keras,) = importlib.util.find_spec("keras").submodule_search_locations  # type: ignore[union-attr, misc]
    written = ast.parse((Path(keras) / "ops" / "__init__.py").read_text("utf-8"))
    public = {one.name.replace("_", "") for n in written.body if isinstance(n, ast.ImportFrom) for one in n.names}
    assert {name for name in observe._OPERATIONS if name.lower() not in public} == set()


DECLARED = {name for use in TABLE for assumption in use.assumptions for name in names_of(assumption)}
ASSUMED = {assumption.name for use in TABLE for assumption in use.assumptions}
# What of a package is private though its name says nothing of it.
PRIVATE_PACKAGES = ("keras.src", "tensorflow.python")
BY_NAME = {"getattr", "setattr", "hasattr", "delattr", "find_spec", "import_module", "__import__"}
# Whose parts stand in the table; `_pytest` is a package of its own.
PACKAGES = {re.split("[.:]", name)[0] for name in ASSUMED} | {"keras", "tensorflow", "numpy"}
PATH = re.compile(r"\w+([.:]\w+)+[.:]?")


def is_private(name: str) -> bool:
    """Of an attribute, a module's path, or a path and a name after a colon."""
    parts = name.replace(":", ".").split(".")
    return any(part.startswith("_") and not part.startswith("__") for part in parts) or any(
        name == package or name.startswith((package + ".", package + ":")) for package in PRIVATE_PACKAGES
    )


def used_in(tree: ast.Module, in_compat: bool = False) -> dict[str, int]:
    """The private names that a module uses and that are not its own, and a line where it does so."""
    stored = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)}
    own = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute) and _is_of_self(n)} & stored
    own |= {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}
    own |= {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    used: dict[str, int] = {}
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Attribute):
            if node.attr not in own or (in_compat and not _is_of_self(node)):
                names = [node.attr]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            if node.module.split(".")[0] not in ("autograder", "kitbook"):
                names = [f"{node.module}:{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in BY_NAME:
                names = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and PATH.fullmatch(node.value):
            names = [node.value] if re.split("[.:]", node.value)[0] in PACKAGES else []
        used |= {name.rpartition(":")[2] if ":_" in name else name: node.lineno for name in names if is_private(name)}
    return used


# Not looked at: what others wrote, and the page's engine, which goes with one version of Keras, whose file comes along.
LEFT_OUT = {"node_modules", "_build", "keras_in_page"}


@pytest.mark.parametrize("room", ["autograder", "benchmarks", "book", "browser", "data", "demo", "deploy", "tools"])
def test_every_private_name_that_is_used_stands_in_the_table(room: str) -> None:
    left = {}
    for path in sorted(path for path in (ROOT / room).rglob("*.py") if not LEFT_OUT & {*path.parts}):
        used = used_in(ast.parse(path.read_text("utf-8")), path.parent.name == "compat")
        # The last is set on a function of TensorFlow's if it is there; nothing is read.
        known = DECLARED | OURS | PUBLIC | PYTHONS | {"_omit_frequent_tracing_warning"}
        if path.parent.name == "compat":  # names what it imports in full, as the table does
            known |= {
                name
                for name in used
                if any(one.replace(":", ".").startswith(name.replace(":", ".")) for one in ASSUMED)
            }
        left |= {name: f"{path.relative_to(ROOT)}:{line}" for name, line in used.items() if name not in known}
    assert left == {}


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("model._functional.call", {"_functional"}),
        ("getattr(model, '_functional', None)", {"_functional"}),
        ("from keras.ops import _nn", {"_nn"}),
        ("from keras.src import tree", {"keras.src:tree"}),
        ("import tensorflow.python.eager.context", {"tensorflow.python.eager.context"}),
        ("from IPython.core._private import thing", {"IPython.core._private:thing"}),
        ("importlib.import_module('keras.src.tree')", {"keras.src.tree"}),
        ("_HARMLESS = {'keras.src.ops.nn': 1}", {"keras.src.ops.nn"}),
        ("sys.modules['tensorflow.python.eager']", {"tensorflow.python.eager"}),
        ("kind.__module__.startswith('keras.src.')", {"keras.src."}),
        ("Thing('jsonschema._format:FormatChecker')", {"jsonschema._format:FormatChecker"}),
        ("'keras.layers', 'my._file', 'a sentence about keras.src.', 'keras.src is private'", set()),
        ("from autograder.doctor import _compat", set()),
        ("class A:\n  def __init__(self):\n    self._x = 1\n  def y(self): return self._x", set()),
        ("model.__class__, model.layers", set()),
    ],
)
def test_private_names_are_found(code: str, found: set[str]) -> None:
    assert set(used_in(ast.parse(code))) == found


@pytest.mark.slow
def test_no_private_method_of_a_foreign_class_is_written_over_unnoticed() -> None:
    over = set()
    for module in pkgutil.walk_packages(autograder.__path__, "autograder."):
        if ".checks." in module.name or module.name.endswith("__main__"):
            continue
        for cls in vars(importlib.import_module(module.name)).values():
            if not isinstance(cls, type) or cls.__module__ != module.name:
                continue
            foreign = [base for base in cls.__mro__[1:] if base.__module__.split(".")[0] not in ("autograder", "enum")]
            for name, value in vars(cls).items():
                if isinstance(value, types.FunctionType) and name.startswith("_") and not name.startswith("__"):
                    over |= {f"{cls.__name__}.{name}" for base in foreign if name in vars(base)}
    assert {name for name in over if name.partition(".")[2] not in DECLARED} == set()


def test_without_the_parameter_a_kernel_keeps_its_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    from ipykernel.iostream import IOPubThread

    given: list[Any] = []

    def theirs(self: Any, socket: Any, pipe: Any = False, session: Any = False) -> None:
        given.append(pipe)

    def renamed(self: Any, socket: Any, tube: Any = False, session: Any = False) -> None:
        given.append(tube)

    for made, left in ((theirs, False), (renamed, True)):
        monkeypatch.setattr(IOPubThread, "__init__", made)
        ipython_kernel._fallen.cache_clear()
        ipython_kernel.open_no_pipe()
        IOPubThread(None, True)
        assert given.pop() is left
    ipython_kernel._fallen.cache_clear()


def test_a_callback_for_tensorboard_may_have_a_method_that_others_have_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """The patch of it is made in every kernel; should it fail, nobody is graded."""

    class Callback:
        def set_model(self, model: Any) -> str:
            return "nothing"

    class TensorBoard(Callback):
        def set_model(self, model: Any) -> str:
            raise ModuleNotFoundError("tensorboard")

        def on_new_occasion(self, logs: Any) -> None:
            raise ModuleNotFoundError("tensorboard")

    theirs = types.SimpleNamespace(Callback=Callback, TensorBoard=TensorBoard)
    monkeypatch.setitem(sys.modules, "keras.callbacks", theirs)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    keras_callbacks.without_tensorboard()
    assert TensorBoard().set_model(None) == "nothing"
    assert TensorBoard().on_new_occasion(None) is None  # type: ignore[func-returns-value]
    monkeypatch.delattr(theirs, "TensorBoard")
    keras_callbacks.without_tensorboard()


def test_a_kernel_starts_though_nothing_of_it_takes_what_we_put_there(monkeypatch: pytest.MonkeyPatch) -> None:
    class Sealed:
        __slots__ = ("written",)

        def close(self) -> None:
            raise AssertionError("the kernel has nothing to print to")

        def flush(self) -> None:
            self.written = True

    stream = Sealed()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    kept = ipython_kernel.keep_streams_open()
    assert kept == {"stdout": sys.stdout, "stderr": sys.stderr}
    for one in kept.values():
        one.close()
    assert (stream.written, sys.stderr.closed) == (True, False)


@pytest.mark.parametrize(("gone", "left_out"), [("", True), ("debugger is missing", False)])
def test_the_debugger_is_left_out_where_ipykernel_can_do_without(
    monkeypatch: pytest.MonkeyPatch, gone: str, left_out: bool
) -> None:
    monkeypatch.setitem(sys.modules, "debugpy", types.ModuleType("debugpy"))
    monkeypatch.setattr(ipython_kernel, "_fallen", lambda use: gone)
    ipython_kernel.leave_out_debugger()
    assert ("debugpy" in sys.modules) is left_out


def _is_of_self(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")


# Endless, but not deep: IPython looks up the source of each frame, where it is not kept from that.
RECURSION = """
import sys
usual = sys.getrecursionlimit()
sys.setrecursionlimit(400)
def f(): f()
try:
    f()
finally:
    sys.setrecursionlimit(usual)
"""


@pytest.fixture(scope="module")
def renamed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, dict[str, dict[str, Any]]]:
    """A small submission's points with nothing renamed; by name, what happened with it renamed (`renamed_parts.py`)."""
    notebook = nbformat.read(ROOT / "solutions" / "03-dense-networks" / "03-dense-networks.ipynb", 4)
    for cell in notebook.cells:
        cell.source = cell.source.replace("epochs=12", "epochs=1")
        if cell.metadata.get("nbgrader", {}).get("grade_id") == "deeper-answer":  # a second model shows nothing new
            cell.source = ""
    notebook.cells.insert(0, nbformat.v4.new_code_cell("exit()"))
    notebook.cells.append(nbformat.v4.new_code_cell(RECURSION))
    path = tmp_path_factory.mktemp("renamed") / "small.ipynb"
    nbformat.write(notebook, path)
    settings = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)}
    settings |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "MPLBACKEND": "agg"}
    command = [sys.executable, str(HERE / "renamed_parts.py"), "03-dense-networks", str(path)]
    command += [json.dumps({"graded": GROUPS, "stops": STOPS, "asked": ASKED, "anew": ANEW})]
    done = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    plain, *found = [json.loads(line) for line in done.stdout.splitlines()]
    assert not (broken := [one for one in (plain, *found) if "broken" in one]), broken
    return plain["points"], {one["name"]: one for one in found}


@pytest.mark.slow
def test_with_any_private_name_renamed_grades_are_the_same(renamed: tuple[Any, dict[str, dict[str, Any]]]) -> None:
    """Throughout the code that uses it, before a submission is graded by all stations."""
    plain, found = renamed
    assert sum(points for _, points, _ in plain) > 10, plain
    rows = [found[name] for name in RENAMED]
    print(f"{len(rows)} private names, renamed:")
    for one in rows:
        print(f"{one['name'].partition(':')[2]:70} {'same grades' if one['points'] == plain else 'OTHER'}")
        print("    " + "; ".join(one["doctor"]))
    assert {one["name"] for one in rows if one["points"] != plain} == set()
    assert [one["together"] for one in rows if "together" in one] == [], "each alone does no harm, but together they do"
    assert {one["name"] for one in rows if not one["doctor"]} == set()
    assert {one["name"]: one["doctor"] for one in rows if len(one["doctor"]) > 1 and ":" in one["name"]} == {}


@pytest.mark.slow
def test_without_what_is_needed_doctor_says_so_in_one_line(
    renamed: tuple[Any, dict[str, dict[str, Any]]],
) -> None:
    """And grading, if it is what needs it, stops with that line, and not with anybody's points."""
    rows = {name: renamed[1][name] for name in (*STOPS, *ASKED)}
    assert {name: one["doctor"] for name, one in rows.items() if len(one["doctor"]) != 1} == {}
    assert {use for use in NEEDED for one in rows.values() if use in one["doctor"][0]} == {*NEEDED}
    for name in STOPS:
        assert "points" not in rows[name]
        assert "kernels that are forks is off" in rows[name]["stopped"]
        assert "kernels that are forks is off" in rows[name]["doctor"][0]


@pytest.mark.slow
def test_with_other_code_in_a_public_name_the_use_is_off(renamed: tuple[Any, dict[str, dict[str, Any]]]) -> None:
    assert len(ANEW) > 20
    for name in ANEW:
        says = renamed[1][name]["doctor"]
        assert len(says) >= 1, name
        assert "has changed" in says[0]


def test_names_of_one_function_are_renamed_in_different_gradings() -> None:
    """And so are those of two uses of one package; else the lack of a name could hide what that of another does."""
    uses = {part: use for use in TABLE for one in use.assumptions for part in parts_of(one)}
    assert sorted(RENAMED) == sorted(part for part, use in uses.items() if not use.needed)
    for group in GROUPS:
        functions = [name.partition("/")[0] for name in group]
        assert len(functions) == len(set(functions)), group
        made = {uses[part].name: uses[part].package for part in group}
        assert len({*made.values()}) == len(made), group
