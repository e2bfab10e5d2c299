"""Right answers made from a right one: the same said in another way, in all answer cells at once."""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from autograder.language import _
from autograder.probe.edits import Cell, Edit, NotPython, plain


@dataclass(frozen=True)
class Equivalent:
    """All answers, said in another way."""

    name: str
    words: str
    answers: Mapping[str, str]  # source by grade_id of the answer cell; those that are not here stay as they are


# Makes of a cell's source another one; the same where there is nothing to say in another way.
_Rewrite = Callable[[str, str], str]
_REWRITES: list[tuple[str, str, _Rewrite]] = []


def _rewrite(name: str, words: str) -> Callable[[_Rewrite], _Rewrite]:
    def add(function: _Rewrite) -> _Rewrite:
        _REWRITES.append((name, words, function))
        return function

    return add


def equivalents_of(answers: Mapping[str, str], texts: Mapping[str, str]) -> Iterator[Equivalent]:
    """The right answers that can be made of these.

    Args:
        answers: sources of the answer cells, by grade_id.
        texts: what the task of each answer cell asks for; what it asks for is not said in another way.
    """
    for name, words, rewrite in _REWRITES:
        if rewrite is _activations_of_tensorflow and any("load_model(" in source for source in answers.values()):
            continue  # Keras does not load a model whose functions are not its own
        changed = {}
        for grade_id, source in answers.items():
            try:
                new = rewrite(source, texts.get(grade_id, ""))
                compile(plain(new), "equivalent", "exec")
            except (NotPython, SyntaxError, ValueError, RecursionError):
                continue
            if new != source:
                changed[grade_id] = new
        if changed:
            yield Equivalent(name, words, changed)


def _each(source: str, change: Callable[[ast.AST, Cell], ast.AST | str | None]) -> str:
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


# -- the same code, written otherwise -----------------------------------------------------------------------------


@_rewrite("comments", _("comments and empty lines"))
def _comments(source: str, text: str) -> str:
    return "# My answer.\n\n" + source + "\n\n# That is all.\n"


@_rewrite("helper", _("the work is done in a function of one's own"))
def _helper(source: str, text: str) -> str:
    cell = Cell(source)
    functions = [n for n in cell.tree.body if isinstance(n, ast.FunctionDef)]
    for function in reversed(functions):
        lines = source.split("\n")
        last = function.end_lineno or function.lineno
        # Up to the end mark, which stands behind the last statement.
        while last < len(lines) and lines[last].startswith((" ", "\t")):
            last += 1
        head = lines[function.lineno - 1].replace(f"def {function.name}(", f"def {function.name}_helper(", 1)
        arguments = ", ".join(a.arg for a in (*function.args.posonlyargs, *function.args.args))
        outer = [lines[function.lineno - 1], f"    return {function.name}_helper({arguments})", ""]
        if head == lines[function.lineno - 1] or function.body[0].lineno == function.lineno:
            continue
        lines[function.lineno - 1 : last] = [head, *lines[function.lineno : last], "", *outer]
        source = "\n".join(lines)
    return source


@_rewrite("other-names", _("other names for what is only used inside a function"))
def _other_names(source: str, text: str) -> str:
    cell = Cell(source)
    inside: set[str] = set()
    outside: set[str] = set()
    for node in ast.walk(cell.tree):
        if isinstance(node, ast.Name):
            function = next((p for p in _parents(node, cell) if isinstance(p, ast.FunctionDef)), None)
            (
                inside
                if function is not None and isinstance(node.ctx, ast.Store)
                else outside
                if function is None
                else set()
            ).add(node.id)
        elif isinstance(node, (ast.arg, ast.alias)):
            outside.add(getattr(node, "arg", "") or getattr(node, "name", ""))
    local = inside - outside

    def change(node: ast.AST, cell: Cell) -> ast.AST | None:
        return ast.Name(f"my_{node.id}", node.ctx) if isinstance(node, ast.Name) and node.id in local else None

    return _names_changed(source, change)


def _names_changed(source: str, change: Callable[[ast.AST, Cell], ast.AST | None]) -> str:
    """`_each` for names alone: they never nest."""
    return _each(source, change)


def _parents(node: ast.AST, cell: Cell) -> Iterator[ast.AST]:
    while (parent := cell.parents.get(node)) is not None:
        yield parent
        node = parent


@_rewrite("other-order", _("lines that do not need each other, in another order"))
def _other_order(source: str, text: str) -> str:
    cell = Cell(source)
    for one, other in pairwise(cell.tree.body):
        if not (_is_solution(one, cell) and _is_solution(other, cell)):
            continue
        simple = isinstance(one, ast.Assign) and isinstance(other, ast.Assign)
        if simple and not _needs(other, one) and not _needs(one, other) and not _makes(one, other):
            first, second = cell.replaced(one, cell.text_of(other)), cell.replaced(other, cell.text_of(one))
            return first.applied_to(second.applied_to(source))
    return source


def _is_solution(node: ast.AST, cell: Cell) -> bool:
    return any(n is node for n in cell.nodes())


def _names(node: ast.AST, context: type[ast.expr_context]) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, context)}


def _needs(one: ast.AST, other: ast.AST) -> bool:
    return bool(_names(one, ast.Load) & _names(other, ast.Store))


def _makes(one: ast.AST, other: ast.AST) -> bool:
    """Whether both do something to the same object, or to the state of the world: then their order may matter."""
    calls = [n for node in (one, other) for n in ast.walk(node) if isinstance(n, ast.Call)]
    return any(isinstance(c.func, ast.Attribute) and c.func.attr in ("fit", "compile", "save", "add") for c in calls)


@_rewrite("all-at-once", _("several values given in one line"))
def _all_at_once(source: str, text: str) -> str:
    cell = Cell(source)
    lines = [n for n in cell.tree.body if isinstance(n, ast.Assign) and _is_solution(n, cell)]
    if len(lines) < 2 or any(b.lineno != (a.end_lineno or 0) + 1 for a, b in pairwise(lines)):
        return source
    if any(_needs(b, a) for i, a in enumerate(lines) for b in lines[i + 1 :]):
        return source
    targets = ", ".join(cell.text_of(n.targets[0]) for n in lines if isinstance(n.targets[0], ast.Name))
    values = ", ".join(f"({cell.text_of(n.value)})" for n in lines)
    if targets.count(",") != len(lines) - 1:
        return source
    start, end = cell.replaced(lines[0], "").start, cell.replaced(lines[-1], "").end
    return Edit(start, end, f"{targets} = {values}").applied_to(source)


@_rewrite("numpy-by-its-name", _("`numpy.` for `np.`"))
def _numpy_by_its_name(source: str, text: str) -> str:
    def change(node: ast.AST, cell: Cell) -> ast.AST | None:
        return ast.Name("numpy", node.ctx) if isinstance(node, ast.Name) and node.id == "np" else None

    new = _each(source, change)
    return source if new == source else "import numpy\n\n" + new


@_rewrite("methods-and-functions", _("`x.mean()` for `np.mean(x)`, and the other way round"))
def _methods_and_functions(source: str, text: str) -> str:
    both = ("mean", "sum", "max", "min", "argmax", "argmin", "reshape", "std")

    def change(node: ast.AST, cell: Cell) -> ast.AST | None:
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr not in both:
            return None
        owner = node.func.value
        if isinstance(owner, ast.Name) and owner.id == "np":
            if node.func.attr == "reshape" or not node.args or _may_be_a_list(node.args[0]):
                return None
            what = ast.Attribute(node.args[0], node.func.attr, ast.Load())
            return ast.Call(what, node.args[1:], node.keywords)
        if node.func.attr == "reshape":
            shape: list[ast.expr] = [ast.Tuple(node.args, ast.Load())] if len(node.args) > 1 else node.args
            return ast.Call(_expression("np.reshape"), [owner, *shape], node.keywords)
        if node.func.attr == "max" and isinstance(owner, ast.Name) and owner.id in ("keras", "tf"):
            return None
        return ast.Call(_expression(f"np.{node.func.attr}"), [owner, *node.args], node.keywords)

    return _each(source, change)


def _may_be_a_list(node: ast.expr) -> bool:
    return not isinstance(node, (ast.BinOp, ast.Call)) or isinstance(node, ast.ListComp)


@_rewrite("other-arithmetic", "`np.dot` for `@`, `x * x` for `x ** 2`, `/ 255.0` for `/ 255`")
def _other_arithmetic(source: str, text: str) -> str:
    def change(node: ast.AST, cell: Cell) -> ast.AST | None:
        if not isinstance(node, ast.BinOp):
            return None
        if isinstance(node.op, ast.MatMult):
            return ast.Call(_expression("np.dot"), [node.left, node.right], [])
        whole = isinstance(node.right, ast.Constant) and type(node.right.value) is int
        if isinstance(node.op, ast.Pow) and whole and node.right.value == 2:  # type: ignore[attr-defined]
            return ast.Call(_expression("np.square"), [node.left], [])
        if isinstance(node.op, ast.Div) and whole and not isinstance(node.left, ast.Constant):
            return ast.BinOp(node.left, ast.Div(), ast.Constant(float(node.right.value)))  # type: ignore[attr-defined]
        return None

    return _each(source, change)


@_rewrite("other-converting", _("`np.asarray(x, dtype=...)` for `x.astype(...)`"))
def _other_converting(source: str, text: str) -> str:
    def change(node: ast.AST, cell: Cell) -> ast.AST | None:
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr != "astype":
            return None
        if len(node.args) != 1 or node.keywords:
            return None
        return ast.Call(_expression("np.asarray"), [node.func.value], [ast.keyword("dtype", node.args[0])])

    return _each(source, change)


@_rewrite("comparison-from-behind", _("`b > a` for `a < b`"))
def _comparison_from_behind(source: str, text: str) -> str:
    turned = {ast.Lt: ast.Gt, ast.Gt: ast.Lt, ast.LtE: ast.GtE, ast.GtE: ast.LtE, ast.Eq: ast.Eq}

    def change(node: ast.AST, cell: Cell) -> ast.AST | None:
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in turned:
            return ast.Compare(node.comparators[0], [turned[type(node.ops[0])]()], [node.left])
        return None

    return _each(source, change)


# -- the same values, of another kind -----------------------------------------------------------------------------


def _numbers_as(source: str, make: Callable[[str], str], more: str) -> str:
    """The source with each number that a variable is given made by `make`."""

    def change(node: ast.AST, cell: Cell) -> str | None:
        parent = cell.parents.get(node)
        if (
            not isinstance(parent, ast.Assign)
            or parent.value is not node
            or not isinstance(cell.parents.get(parent), ast.Module)
        ):
            return None
        return make(cell.text_of(node)) if _is_number(node) else None

    new = _each(source, change)
    return source if new == source else f"{more}\n\n{new}"


def _is_number(node: ast.AST) -> bool:
    if isinstance(node, ast.BinOp):
        return _is_number(node.left) and _is_number(node.right)
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)


@_rewrite("numpy-numbers", _("NumPy's numbers for Python's"))
def _numpy_numbers(source: str, text: str) -> str:
    return _numbers_as(source, lambda number: f"np.float64({number})", "import numpy as np")


@_rewrite("arrays-of-one", _("an array without axes for a number"))
def _arrays_of_one(source: str, text: str) -> str:
    return _numbers_as(source, lambda number: f"np.array({number})", "import numpy as np")


@_rewrite("fractions", _("a `Fraction` for a number"))
def _fractions(source: str, text: str) -> str:
    return _numbers_as(source, lambda number: f"Fraction({number})", "from fractions import Fraction")


@_rewrite("lists-for-tuples", _("a list for a tuple that a variable is given"))
def _lists_for_tuples(source: str, text: str) -> str:
    def change(node: ast.AST, cell: Cell) -> ast.AST | None:
        if not isinstance(node, (ast.Tuple, ast.List)) or not isinstance(cell.parents.get(node), ast.Assign):
            return None
        if isinstance(node.ctx, ast.Store) or not node.elts or not all(map(_is_number, node.elts)):
            return None
        return (ast.List if isinstance(node, ast.Tuple) else ast.Tuple)(node.elts, ast.Load())

    return _each(source, change)


@_rewrite("float64", _("float64 where no dtype is asked for"))
def _float64(source: str, text: str) -> str:
    above, marked, _below = source.partition("### BEGIN")
    if re.search(r"float|dtype|uint8", text + (above if marked else "")):
        return source

    def change(node: ast.AST, cell: Cell) -> ast.AST | None:
        if isinstance(node, ast.Constant) and node.value == "float32":
            return ast.Constant("float64")
        return None

    return _each(source, change)


# -- the same network, built otherwise ----------------------------------------------------------------------------


def _sequential(node: ast.AST) -> tuple[ast.expr, list[ast.expr]] | None:
    """The name that a Sequential model of layers is given, and the layers."""
    if not isinstance(node, ast.Assign) or len(node.targets) != 1 or not isinstance(node.value, ast.Call):
        return None
    called, args = node.value.func, node.value.args
    if (
        getattr(called, "attr", getattr(called, "id", "")) != "Sequential"
        or len(args) != 1
        or not isinstance(args[0], ast.List)
    ):
        return None
    return node.targets[0], args[0].elts


@_rewrite("functional", _("a Functional model for a Sequential one"))
def _functional(source: str, text: str) -> str:
    def change(node: ast.AST, cell: Cell) -> str | None:
        if (found := _sequential(node)) is None or "Input" not in ast.unparse(found[1][0]):
            return None
        name, (first, *others) = found
        lines = [f"given = {cell.text_of(first)}", "flow = given"]
        lines += [f"flow = ({cell.text_of(layer)})(flow)" for layer in others]
        return "\n".join([*lines, f"{cell.text_of(name)} = keras.Model(given, flow)"])

    return _each(source, change)


@_rewrite("layer-by-layer", _("layers added one after another"))
def _layer_by_layer(source: str, text: str) -> str:
    def change(node: ast.AST, cell: Cell) -> str | None:
        if (found := _sequential(node)) is None:
            return None
        name = cell.text_of(found[0])
        return "\n".join([f"{name} = keras.Sequential()", *(f"{name}.add({cell.text_of(e)})" for e in found[1])])

    return _each(source, change)


@_rewrite("activation-layers", _("an activation as a layer of its own"))
def _activation_layers(source: str, text: str) -> str:
    def change(node: ast.AST, cell: Cell) -> ast.AST | None:
        if not isinstance(node, ast.List) or not any(_activation(e) for e in node.elts):
            return None
        new: list[ast.expr] = []
        for layer in node.elts:
            activation = _activation(layer)
            if activation is None:
                new.append(layer)
                continue
            assert isinstance(layer, ast.Call)
            bare = copy.copy(layer)
            bare.keywords = [k for k in layer.keywords if k.arg != "activation"]
            new += [bare, ast.Call(_expression("keras.layers.Activation"), [activation], [])]
        return ast.List(new, ast.Load())

    return _each(source, change)


def _activation(layer: ast.expr) -> ast.expr | None:
    keywords = layer.keywords if isinstance(layer, ast.Call) else []
    return next((k.value for k in keywords if k.arg == "activation"), None)


@_rewrite("activation-functions", _("activations as functions"))
def _activation_functions(source: str, text: str) -> str:
    return _activations_as(source, "keras.activations.", "")


@_rewrite("activations-of-tensorflow", _("activations as TensorFlow's functions"))
def _activations_of_tensorflow(source: str, text: str) -> str:
    return _activations_as(source, "tf.nn.", "import tensorflow as tf")


@_rewrite("activations-of-ops", _("activations as operations of `keras.ops`"))
def _activations_of_ops(source: str, text: str) -> str:
    return _activations_as(source, "keras.ops.", "")


def _activations_as(source: str, prefix: str, more: str) -> str:
    def change(node: ast.AST, cell: Cell) -> ast.AST | None:
        parent = cell.parents.get(node)
        if isinstance(parent, ast.keyword) and parent.arg == "activation" and isinstance(node, ast.Constant):
            return _expression(f"{prefix}{node.value!s}")
        return None

    new = _each(source, change)
    return f"{more}\n\n{new}" if more and new != source else new


@_rewrite("tf-keras", _("`tf.keras` for `keras`"))
def _tf_keras(source: str, text: str) -> str:
    def change(node: ast.AST, cell: Cell) -> ast.AST | None:
        parent = cell.parents.get(node)
        if isinstance(parent, ast.Attribute) and parent.attr == "saving":
            return None  # TensorFlow's `keras` has no such part
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in ("keras", "layers"):
            return _expression("tf.keras" if node.id == "keras" else "tf.keras.layers")
        return None

    new = _each(source, change)
    return source if new == source else "import tensorflow as tf\n\n" + new


_CLASSES = {
    "categorical_crossentropy": "CategoricalCrossentropy",
    "sparse_categorical_crossentropy": "SparseCategoricalCrossentropy",
    "binary_crossentropy": "BinaryCrossentropy",
    "mean_squared_error": "MeanSquaredError",
}


@_rewrite("loss-objects", _("a loss as an object"))
def _loss_objects(source: str, text: str) -> str:
    return _keyword_as(source, "loss", lambda loss: f"keras.losses.{_CLASSES[loss]}()" if loss in _CLASSES else None)


@_rewrite("loss-functions", _("a loss as a function"))
def _loss_functions(source: str, text: str) -> str:
    return _keyword_as(source, "loss", lambda loss: f"keras.losses.{loss}" if loss in _CLASSES else None)


@_rewrite("optimizer-objects", _("an optimizer as an object"))
def _optimizer_objects(source: str, text: str) -> str:
    known = {"adam": "Adam()", "sgd": "SGD()", "rmsprop": "RMSprop()"}
    return _keyword_as(source, "optimizer", lambda name: f"keras.optimizers.{known[name]}" if name in known else None)


def _keyword_as(source: str, keyword: str, make: Callable[[str], str | None]) -> str:
    def change(node: ast.AST, cell: Cell) -> ast.AST | None:
        parent = cell.parents.get(node)
        if isinstance(parent, ast.keyword) and parent.arg == keyword and isinstance(node, ast.Constant):
            new = make(str(node.value))
            return None if new is None else _expression(new)
        return None

    return _each(source, change)


def _expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body
