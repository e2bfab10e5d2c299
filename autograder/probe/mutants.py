"""Wrong answers made from a right one: each operator is a mistake of this field, at one place of an answer cell."""

from __future__ import annotations

import ast
import copy
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from autograder.language import _
from autograder.probe.edits import Cell, Edit, NotPython, plain

LOSSES = ("categorical_crossentropy", "sparse_categorical_crossentropy", "binary_crossentropy", "mean_squared_error")
# Whose value may be any of many: one more or less of it is no mistake.
_FREE = frozenset(
    [
        "batch_size",
        "epochs",
        "patience",
        "seed",
        "verbose",
        "learning_rate",
        "validation_freq",
        "figsize",
        "random_state",
        "steps_per_epoch",
        "validation_batch_size",
        "validation_split",
        "start_from_epoch",
        "min_delta",
        "name",
        "rate",
    ]
)
_OTHER_FUNCTION = {
    "argmax": ("max", "argmin"),
    "argmin": ("min", "argmax"),
    "max": ("min", "mean"),
    "min": ("max",),
    "mean": ("sum", "median"),
    "sum": ("mean", "max"),
    "maximum": ("minimum", "add"),
    "minimum": ("maximum",),
    "exp": ("square", "exp2"),
    "log": ("log10", "log2"),
    "sqrt": ("square",),
    "abs": ("square", "negative"),
}
_SYMMETRICAL = frozenset(
    ["maximum", "minimum", "add", "multiply", "isclose", "allclose", "array_equal", "min", "max", "gcd"]
)
_OTHER_BINARY: dict[type[ast.operator], tuple[type[ast.operator], ...]] = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div,),
    ast.Div: (ast.FloorDiv, ast.Mult),
    ast.FloorDiv: (ast.Div,),
    ast.MatMult: (ast.Mult,),
    ast.Pow: (ast.Mult,),
    ast.Mod: (ast.FloorDiv,),
}
_TURNED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
_SETS = (("train", "test"), ("train", "val"), ("test", "train"), ("val", "train"), ("few", "val"))


@dataclass(frozen=True)
class Mutant:
    """An answer cell with one mistake in it."""

    operator: str
    words: str  # the mistake, in words
    source: str  # of the cell
    line: str  # the changed line as it stands now, without blanks around it


@dataclass(frozen=True)
class Around:
    """What an operator may know beside the place: the rest of the notebook."""

    globals: frozenset[str] = frozenset()  # names that the notebook's cells bind
    models: tuple[str, ...] = ()  # models of earlier answers
    calls: dict[str, str] = field(default_factory=dict)  # variables of earlier answers: the function each comes from


# What an operator makes of a place: something to stand there instead.
_Made = Iterator[ast.AST | str]
_Operator = Callable[[ast.AST, Cell, Around], _Made]
_OPERATORS: list[tuple[str, str, _Operator]] = []


def _operator(name: str, words: str) -> Callable[[_Operator], _Operator]:
    def add(function: _Operator) -> _Operator:
        _OPERATORS.append((name, words, function))
        return function

    return add


def operators() -> dict[str, str]:
    """What each operator does, in words, by its name."""
    return {name: words for name, words, _ in _OPERATORS}


def mutants_of(source: str, around: Around = Around()) -> list[Mutant]:
    """All wrong answers that the operators make of a cell; each can be compiled, and differs from all others.

    The order is that of the operators, and within one that of the source.
    """
    try:
        cell = Cell(source)
    except NotPython:
        return []
    known = {ast.dump(cell.tree)}
    found: list[Mutant] = []
    nodes = cell.nodes()
    for name, words, operator in _OPERATORS:
        for node in nodes:
            for new in operator(node, cell, around):
                edit = cell.replaced(node, new)
                mutant = edit.applied_to(source)
                if (tree := _compiled(mutant)) is not None and tree not in known:
                    known.add(tree)
                    found.append(Mutant(name, words, mutant, _line_of(edit, mutant)))
    return found


def _compiled(source: str) -> str | None:
    """The dump of the source's tree, or None if Python would not take it."""
    try:
        tree = ast.parse(plain(source))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a mistake that Python warns of is one all the same
            compile(tree, "mutant", "exec")
    except (SyntaxError, ValueError, RecursionError):
        return None
    return ast.dump(tree)


def _line_of(edit: Edit, source: str) -> str:
    begin = source.rfind("\n", 0, edit.start) + 1
    end = source.find("\n", edit.start + len(edit.text))
    return " ".join(source[begin : end if end >= 0 else None].split())


# -- axes and reductions ------------------------------------------------------------------------------------------


@_operator("axis-dropped", _("the axis is left out"))
def _axis_dropped(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if isinstance(node, ast.Call) and any(k.arg == "axis" for k in node.keywords):
        yield _with(node, keywords=[k for k in node.keywords if k.arg != "axis"])
    if _positional_axis(node):
        assert isinstance(node, ast.Call)
        yield _with(node, args=node.args[:-1])


@_operator("axis-swapped", "another axis")
def _axis_swapped(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if isinstance(node, ast.keyword) and node.arg == "axis":
        for other in _other_axes(node.value):
            yield ast.keyword("axis", other)
    if _positional_axis(node):
        assert isinstance(node, ast.Call)
        for other in _other_axes(node.args[-1]):
            yield _with(node, args=[*node.args[:-1], other])


def _positional_axis(node: ast.AST) -> bool:
    """Whether a reduction is told its axis without a name: `np.sum(x, 1)`, `x.sum(1)`."""
    if (
        not isinstance(node, ast.Call)
        or _called(node) not in _OTHER_FUNCTION
        or not isinstance(node.func, ast.Attribute)
    ):
        return False
    place = 1 if isinstance(node.func.value, ast.Name) and node.func.value.id in ("np", "numpy", "ops") else 0
    return len(node.args) == place + 1 and isinstance(_number(node.args[place]), int)


def _other_axes(axis: ast.expr) -> Iterator[ast.expr]:
    number = _number(axis)
    if isinstance(number, int):
        yield ast.Constant(1 if number == 0 else 0)
    elif isinstance(axis, ast.Tuple) and len(axis.elts) > 1:
        yield ast.Tuple(axis.elts[:-1], ast.Load())
        yield ast.Tuple(axis.elts[1:], ast.Load())


@_operator("other-function", _("`max` for `argmax`, `sum` for `mean` and the like"))
def _other_function(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        for other in _OTHER_FUNCTION.get(node.func.attr, ()):
            on_array = not (isinstance(node.func.value, ast.Name) and node.func.value.id in ("np", "numpy", "ops"))
            if not (on_array and other in ("median", "square", "exp2", "negative")):
                yield _with(node, func=_with(node.func, attr=other))


@_operator("last-for-best", _("the last, or the first, for the best"))
def _last_for_best(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if isinstance(node, ast.Call) and _called(node) in ("argmin", "argmax"):
        assert isinstance(node.func, ast.Attribute)
        of_numpy = isinstance(node.func.value, ast.Name) and node.func.value.id in ("np", "numpy")
        what = node.args[0] if of_numpy and node.args else node.func.value
        if not (of_numpy and not node.args):
            yield f"(len({cell.text_of(what)}) - 1)"
            yield "0"
    if isinstance(node, ast.Subscript) and _number(node.slice) == -1:
        yield _with(node, slice=ast.Constant(0))
        yield f"max({cell.text_of(node.value)})"


# -- numbers ------------------------------------------------------------------------------------------------------


@_operator("off-by-one", _("off by one"))
def _off_by_one(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if isinstance(node, ast.Constant) and type(node.value) is int and not _is_free(node, cell):
        of_many = _literal_around(node, cell)
        if of_many is not None and node is not next(n for n in ast.walk(of_many) if isinstance(n, ast.Constant)):
            return  # one slip in an answer of many numbers says as much as one in each of them
        yield ast.Constant(node.value + 1)
        if node.value > 0 and of_many is None:
            yield ast.Constant(node.value - 1)


@_operator("other-number", _("a number ten times too large or too small, or its complement"))
def _other_number(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if isinstance(node, ast.Constant) and type(node.value) is float and not _is_free(node, cell):
        yield ast.Constant(node.value * 10)
        yield ast.Constant(node.value / 10)
        if 0 < node.value < 1:
            yield ast.Constant(round(1 - node.value, 9))
        yield ast.Constant(0.0)
    if isinstance(node, ast.Constant) and type(node.value) is int and node.value > 1 and _is_answer(node, cell):
        yield ast.Constant(node.value * 2)
        yield ast.Constant(0)


@_operator("other-arithmetic", _("minus for plus, `//` for `/`, `*` for `@`"))
def _other_arithmetic(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if isinstance(node, ast.BinOp) and not _has_text(node):
        for other in _OTHER_BINARY.get(type(node.op), ()):
            yield _with(node, op=other())


@_operator("not-scaled", "not divided")
def _not_scaled(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Div, ast.FloorDiv)):
        yield node.left


@_operator("scaled-twice", "divided twice")
def _scaled_twice(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        yield ast.BinOp(ast.BinOp(node.left, ast.Div(), node.right), ast.Div(), node.right)


@_operator("part-forgotten", _("a term or a factor is forgotten"))
def _part_forgotten(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if isinstance(node, ast.BinOp) and not _has_text(node) and not isinstance(node.op, (ast.Div, ast.FloorDiv)):
        yield node.left
        yield node.right


@_operator("shifted", _("labels shifted by one"))
def _shifted(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if isinstance(node, ast.Call) and _called(node) in ("argmax", "argmin", "index"):
        yield ast.BinOp(node, ast.Add(), ast.Constant(1))


@_operator("minus-forgotten", _("the minus is forgotten"))
def _minus_forgotten(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.Not)):
        yield node.operand


# -- shapes, slices, orders ---------------------------------------------------------------------------------------


@_operator("other-shape", _("an axis too few, too many, or in another place"))
def _other_shape(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if isinstance(node, (ast.Tuple, ast.List)) and isinstance(node.ctx, ast.Load) and len(node.elts) > 1:
        if _names_axes(node, cell) or not all(_number(e) is not None for e in node.elts):
            return
        yield _with(node, elts=node.elts[1:])
        yield _with(node, elts=node.elts[:-1])
        yield _with(node, elts=[node.elts[1], node.elts[0], *node.elts[2:]])
        yield _with(node, elts=[*node.elts, ast.Constant(1)])


@_operator("other-order", _("results in another order"))
def _other_order(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if (
        isinstance(node, ast.Tuple)
        and isinstance(node.ctx, ast.Load)
        and isinstance(cell.parents.get(node), ast.Return)
    ):
        yield _with(node, elts=[node.elts[1], node.elts[0], *node.elts[2:]] if len(node.elts) > 1 else node.elts)
        yield _with(node, elts=node.elts[len(node.elts) // 2 :] + node.elts[: len(node.elts) // 2])
        yield _with(node, elts=node.elts[:-1])


@_operator("indices-swapped", _("row and column exchanged"))
def _indices_swapped(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple) and len(node.slice.elts) == 2:
        one, other = node.slice.elts
        yield f"{cell.text_of(node.value)}[{cell.text_of(other)}, {cell.text_of(one)}]"


@_operator("slice-turned", _("the other part of a slice"))
def _slice_turned(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if isinstance(node, ast.Slice) and (node.lower is None) != (node.upper is None):
        yield ast.Slice(node.upper, node.lower, node.step)


@_operator("range-short", _("the first or the last is left out"))
def _range_short(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if isinstance(node, ast.Call) and _called(node) == "range" and len(node.args) == 1:
        yield f"range(1, {cell.text_of(node.args[0])})"
        yield f"range({cell.text_of(node.args[0])} - 1)"


@_operator("sorted-split", "not shuffled")
def _sorted_split(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if isinstance(node, ast.Call) and _called(node) == "permutation" and node.args and "np" in around.globals:
        yield f"np.arange({cell.text_of(node.args[0])})"


@_operator("seed-dropped", _("the seed is left out, or always the same"))
def _seed_dropped(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if isinstance(node, ast.Call) and _called(node) in ("default_rng", "RandomState", "seed"):
        yield _with(node, args=[], keywords=[])
        yield _with(node, args=[ast.Constant(0)], keywords=[])


@_operator("arguments-swapped", _("two arguments exchanged"))
def _arguments_swapped(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if not isinstance(node, ast.Call) or len(node.args) < 2 or _called(node) in _SYMMETRICAL:
        return
    if not any(isinstance(argument, ast.Starred) for argument in node.args[:2]):
        yield _with(node, args=[node.args[1], node.args[0], *node.args[2:]])


@_operator("other-dtype", "another dtype")
def _other_dtype(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr != "astype":
        return
    yield node.func.value
    for dtype in ("float64", "int64", "uint8"):
        yield _with(node, args=[ast.Constant(dtype)], keywords=[])


# -- choices ------------------------------------------------------------------------------------------------------


@_operator("other-loss", _("the loss of the other form of labels, or of another task"))
def _other_loss(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if isinstance(node, ast.Constant) and node.value in LOSSES:
        for loss in LOSSES:
            if loss != node.value:
                yield ast.Constant(loss)


@_operator("other-choice", _("another of the choices"))
def _other_choice(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and _is_answer(node, cell):
        others = [
            n.value
            for n in cell.nodes()
            if isinstance(n, ast.Constant) and isinstance(n.value, str) and _is_answer(n, cell)
        ]
        for other in dict.fromkeys(others):
            if other != node.value and other not in LOSSES:
                yield ast.Constant(other)


@_operator("turned-round", _("True for False"))
def _turned_round(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if isinstance(node, ast.Constant) and isinstance(node.value, bool) and not _is_free(node, cell):
        yield ast.Constant(not node.value)


@_operator("comparison-turned", "another comparison")
def _comparison_turned(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        for other in _TURNED.get(type(node.ops[0]), ()):
            yield _with(node, ops=[other()])


@_operator("condition-forgotten", _("a condition is forgotten, or always holds"))
def _condition_forgotten(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if isinstance(node, ast.BoolOp):
        for number in range(len(node.values)):
            left = node.values[:number] + node.values[number + 1 :]
            yield left[0] if len(left) == 1 else _with(node, values=left)
        yield _with(node, op=ast.And() if isinstance(node.op, ast.Or) else ast.Or())
    if isinstance(cell.parents.get(node), ast.If) and node is getattr(cell.parents[node], "test", None):
        yield ast.Constant(False)
        yield ast.Constant(True)


@_operator("other-error", _("another error, or none"))
def _other_error(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if isinstance(node, ast.Raise) and node.exc is not None:
        yield "raise TypeError('no')" if _raises(node) != "TypeError" else "raise ValueError('no')"
        yield "assert False"
        yield "return None"
        yield "print('no')"


@_operator("argument-left-out", _("an argument is left out"))
def _argument_left_out(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if isinstance(node, ast.Call):
        for number, keyword in enumerate(node.keywords):
            if keyword.arg not in ("axis", "verbose", "name", "batch_size", "optimizer", None):
                yield _with(node, keywords=node.keywords[:number] + node.keywords[number + 1 :])


# -- networks -----------------------------------------------------------------------------------------------------


@_operator("other-activation", _("another activation, or none"))
def _other_activation(node: ast.AST, cell: Cell, around: Around) -> _Made:
    parent = cell.parents.get(node)
    if not isinstance(node, ast.Constant) or not isinstance(parent, (ast.keyword, ast.Call)):
        return
    for other in {"softmax": ("sigmoid", "relu"), "relu": ("softmax",), "sigmoid": ("softmax", "tanh")}.get(
        str(node.value), ()
    ):
        yield ast.Constant(other)


@_operator("layer-left-out", _("a layer is left out"))
def _layer_left_out(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if _is_layers(node):
        assert isinstance(node, ast.List)
        for number in range(len(node.elts)):
            yield _with(node, elts=node.elts[:number] + node.elts[number + 1 :])


@_operator("layer-too-many", _("softmax twice, softmax along the batch, dropout or a layer too many"))
def _layer_too_many(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if not _is_layers(node):
        return
    assert isinstance(node, ast.List)
    where = "layers" if "layers" in around.globals else "keras.layers"
    for more in (f"{where}.Softmax()", f"{where}.Dropout(0.5)", f"{where}.Softmax(axis=0)"):
        yield _with(node, elts=[*node.elts, _expression(more)])
    yield _with(node, elts=[*node.elts[:-1], _expression(f"{where}.Dense(7)"), node.elts[-1]])


@_operator("layers-swapped", _("two layers exchanged"))
def _layers_swapped(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if _is_layers(node):
        assert isinstance(node, ast.List)
        yield _with(node, elts=[*node.elts[:-2], node.elts[-1], node.elts[-2]])


@_operator("other-set", _("another set of images: testing on what was learned, or learning from the test"))
def _other_set(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if not isinstance(node, (ast.Assign, ast.Expr, ast.Return)) or node.value is None:
        return
    for one, other in _SETS:
        if (new := _in_other_words(node.value, one, other, around.globals)) is not None:
            yield _with(node, value=new)


@_operator("then-the-test-set", _("a second `fit` on the test images"))
def _then_the_test_set(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if isinstance(node, (ast.Assign, ast.Expr)) and (fit := _fit_in(node)) is not None:
        for one, other in _SETS[:2]:
            if (new := _in_other_words(fit, one, other, around.globals)) is not None:
                yield f"{cell.text_of(node)}\n{ast.unparse(new)}"


@_operator("one-epoch", _("trained for one epoch"))
def _one_epoch(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if isinstance(node, ast.keyword) and node.arg == "epochs" and _number(node.value) not in (None, 1):
        yield ast.keyword("epochs", ast.Constant(1))


@_operator("first-weights", _("the first weights again after training"))
def _first_weights(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if isinstance(node, (ast.Assign, ast.Expr)) and (fit := _fit_in(node)) is not None:
        assert isinstance(fit.func, ast.Attribute)
        name = ast.unparse(fit.func.value)
        yield f"{cell.text_of(node)}\n{name} = keras.models.clone_model({name})"


@_operator("other-labels", _("labels in the other form"))
def _other_labels(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if isinstance(node, ast.Call) and _called(node) in ("fit", "evaluate") and len(node.args) > 1:
        labels = node.args[1]
        yield _with(node, args=[node.args[0], _expression(f"({cell.text_of(labels)}).argmax(axis=-1)"), *node.args[2:]])
        yield _with(
            node,
            args=[node.args[0], _expression(f"keras.utils.to_categorical({cell.text_of(labels)})"), *node.args[2:]],
        )


@_operator("unscaled-images", _("trained or measured on pixels from 0 to 255"))
def _unscaled_images(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if isinstance(node, ast.Call) and _called(node) in ("fit", "evaluate", "predict") and node.args:
        yield _with(node, args=[ast.BinOp(node.args[0], ast.Mult(), ast.Constant(255)), *node.args[1:]])


@_operator("far-too-fast", _("a learning rate a thousand times too large"))
def _far_too_fast(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if isinstance(node, ast.keyword) and node.arg == "optimizer":
        yield ast.keyword("optimizer", _expression("keras.optimizers.Adam(10.0)"))


@_operator("an-earlier-one", _("what an earlier answer made, under another name"))
def _an_earlier_one(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
        called = _called(node.value)
        for name, function in around.calls.items():
            if function == called and name not in {
                n.id for t in node.targets for n in ast.walk(t) if isinstance(n, ast.Name)
            }:
                yield _with(node, value=ast.Name(name, ast.Load()))
        if called in ("load_model", "clone_model", "Sequential", "Model"):
            for name in around.models:
                yield _with(node, value=ast.Name(name, ast.Load()))
                if called == "load_model":
                    yield _with(node, value=_expression(f"keras.models.clone_model({name})"))


@_operator("step-left-out", _("a line is left out"))
def _step_left_out(node: ast.AST, cell: Cell, around: Around) -> _Made:
    shows = ("summary", "show", "print", "plot")
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and _called(node.value) not in shows:
        yield "pass"
    if isinstance(node, ast.AugAssign):
        yield "pass"
        yield ast.unparse(ast.Assign([node.target], node.value, lineno=0))


# -- what a function returns --------------------------------------------------------------------------------------


@_operator("returns-nothing", _("the `return` is forgotten"))
def _returns_nothing(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if (value := _returned(node, cell)) is not None:
        yield cell.text_of(value)


@_operator("prints-it", _("printed instead of returned"))
def _prints_it(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if (value := _returned(node, cell)) is not None:
        yield f"print({cell.text_of(value)})"


@_operator("constant-returned", _("a constant is returned"))
def _constant_returned(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if (value := _returned(node, cell)) is not None:
        yield "return 0"
        if not isinstance(value, ast.Tuple):
            yield f"return ({cell.text_of(value)}) * 0"


@_operator("argument-returned", _("the input is returned unchanged"))
def _argument_returned(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if _returned(node, cell) is not None:
        for name in _parameters(node, cell)[:1]:
            yield f"return {name}"


@_operator("text-returned", _("text is returned"))
def _text_returned(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if (value := _returned(node, cell)) is not None:
        yield f"return str({cell.text_of(value)})"


@_operator("list-for-array", _("a list for an array"))
def _list_for_array(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if (value := _returned(node, cell)) is not None and not isinstance(value, ast.Tuple) and "np" in around.globals:
        yield f"return [np.asarray({cell.text_of(value)}).tolist()]"


@_operator("cut-off", _("whole numbers for fractions"))
def _cut_off(node: ast.AST, cell: Cell, around: Around) -> _Made:
    value = _returned(node, cell)
    if value is None or isinstance(value, ast.Tuple) or _is_whole(value) or "np" not in around.globals:
        return
    yield f"return np.asarray({cell.text_of(value)}).astype(int)"


@_operator("backwards", _("in reverse order"))
def _backwards(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if (value := _returned(node, cell)) is not None and not isinstance(value, ast.Tuple) and not _is_scalar(value):
        yield f"return ({cell.text_of(value)})[::-1]"


@_operator("argument-changed", _("the array that was handed in is changed"))
def _argument_changed(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if (value := _returned(node, cell)) is not None:
        for name in _parameters(node, cell)[:2]:
            if _is_indexed_or_called_on(name, node, cell):
                spoilt = f"if hasattr({name}, 'flags'):\n    {name}[...] = 0"
                yield f"answer = {cell.text_of(value)}\n{spoilt}\nreturn answer"


@_operator("ignores-argument", _("a fixed value, or the notebook's variable, for an argument"))
def _ignores_argument(node: ast.AST, cell: Cell, around: Around) -> _Made:
    function = cell.parents.get(node)
    if not isinstance(function, ast.FunctionDef) or _solution_begin(function, cell) is not node:
        return  # where its solution begins: what was worked out before stays as it is
    for name in _parameters(node, cell):
        if _counts(name, function):
            yield f"{name} = 3\n{cell.text_of(node)}"
        for other in (f"train_{name}", f"test_{name}", "x_train", "train_data"):
            if other in around.globals and (other.endswith(name) or "image" in name):
                yield f"{name} = {other}\n{cell.text_of(node)}"
                break


@_operator("not-a-number", _("text, a list or nothing where a number is asked for"))
def _not_a_number(node: ast.AST, cell: Cell, around: Around) -> _Made:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float) and _is_answer(node, cell):
        yield ast.Constant(str(node.value))
        yield ast.List([node, node], ast.Load())


# -- what the operators ask of a place ----------------------------------------------------------------------------


def _with(node: ast.AST, **fields: object) -> ast.AST:
    """A copy of a node with other fields."""
    new = copy.copy(node)
    for name, value in fields.items():
        setattr(new, name, value)
    return new


def _expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _called(node: ast.AST) -> str:
    """The last name of what a call calls: "fit" of `model.fit(...)`."""
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _number(node: ast.AST) -> int | float | None:
    """The value of a number as it is written, with its sign."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = _number(node.operand)
        return None if value is None else -value
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return node.value  # type: ignore[return-value]
    return None


def _ancestors(node: ast.AST, cell: Cell) -> Iterator[ast.AST]:
    while (parent := cell.parents.get(node)) is not None:
        yield parent
        node = parent


def _is_free(node: ast.AST, cell: Cell) -> bool:
    """Whether a constant may be another one without making the answer wrong, or is changed by another operator."""
    for parent in _ancestors(node, cell):
        if isinstance(parent, ast.keyword) and parent.arg in (*_FREE, "axis"):
            return True
        if isinstance(parent, ast.Call) and _called(parent) in (
            "default_rng",
            "seed",
            "Adam",
            "SGD",
            "Dropout",
            "print",
        ):
            return True
        if isinstance(parent, (ast.Raise, ast.JoinedStr, ast.Assert)):
            return True
        if isinstance(parent, ast.UnaryOp) and isinstance(parent.op, ast.USub):
            return True
        if isinstance(parent, ast.stmt):
            break
    return _positional_axis(cell.parents[node]) and _is_last_argument(node, cell.parents[node])


def _is_last_argument(node: ast.AST, call: ast.AST) -> bool:
    return isinstance(call, ast.Call) and bool(call.args) and call.args[-1] is node


def _is_answer(node: ast.AST, cell: Cell) -> bool:
    """Whether a constant is the whole of what a variable of the cell is given."""
    parent = cell.parents.get(node)
    return isinstance(parent, ast.Assign) and parent.value is node and isinstance(cell.parents.get(parent), ast.Module)


def _literal_around(node: ast.AST, cell: Cell) -> ast.AST | None:
    """The whole of what a variable of the cell is given, if that is written out in several numbers."""
    whole = node
    while isinstance(cell.parents.get(whole), (ast.Tuple, ast.List, ast.BinOp)):
        whole = cell.parents[whole]
    written = (ast.Tuple, ast.List, ast.BinOp, ast.Constant, ast.operator, ast.expr_context)
    if whole is node or not _is_answer(whole, cell) or not all(isinstance(n, written) for n in ast.walk(whole)):
        return None
    return whole


def _names_axes(node: ast.AST, cell: Cell) -> bool:
    return isinstance(parent := cell.parents.get(node), ast.keyword) and parent.arg in ("axis", *_FREE)


def _has_text(node: ast.AST) -> bool:
    return any(isinstance(n, ast.Constant) and isinstance(n.value, str) for n in ast.walk(node))


def _raises(node: ast.Raise) -> str:
    made = node.exc
    return _called(made) if isinstance(made, ast.Call) else getattr(made, "id", "")


def _is_layers(node: ast.AST) -> bool:
    return isinstance(node, ast.List) and len(node.elts) > 1 and all(isinstance(e, ast.Call) for e in node.elts)


def _fit_in(statement: ast.AST) -> ast.Call | None:
    value = getattr(statement, "value", None)
    is_fit = isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "fit"
    return value if is_fit else None


def _in_other_words(node: ast.AST, one: str, other: str, known: Iterable[str]) -> ast.AST | None:
    """The same with the names of the other set; None if there are none to exchange, or the other set is not there."""
    names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load) and one in n.id}
    exchange = {}
    for name in names:
        candidates = [name.replace(one, other)]
        if one == "few":
            candidates = ["x_val"] if "image" in name else ["y_val"]
        candidates += [c.replace("images", "data") for c in candidates] + [
            c.replace("data", "images") for c in candidates
        ]
        found = next((c for c in candidates if c in known), None)
        if found is None:
            return None
        exchange[name] = found
    if not exchange:
        return None
    new = copy.deepcopy(node)
    for part in ast.walk(new):
        if isinstance(part, ast.Name) and part.id in exchange:
            part.id = exchange[part.id]
    return new


def _function_of(node: ast.AST, cell: Cell) -> ast.FunctionDef | None:
    for parent in _ancestors(node, cell):
        if isinstance(parent, (ast.Lambda, ast.ClassDef)):
            return None
        if isinstance(parent, ast.FunctionDef):
            return parent if isinstance(cell.parents.get(parent), ast.Module) else None
    return None


def _returned(node: ast.AST, cell: Cell) -> ast.expr | None:
    """What a `return` of a function of the cell returns."""
    if isinstance(node, ast.Return) and node.value is not None and _function_of(node, cell) is not None:
        return node.value
    return None


def _parameters(node: ast.AST, cell: Cell) -> list[str]:
    function = _function_of(node, cell)
    return [a.arg for a in (*function.args.posonlyargs, *function.args.args)] if function is not None else []


def _solution_begin(function: ast.FunctionDef, cell: Cell) -> ast.AST | None:
    """The first statement of a function's solution, of a cell's own function that returns something."""
    if not isinstance(cell.parents.get(function), ast.Module):
        return None
    if not any(isinstance(node, ast.Return) and node.value is not None for node in ast.walk(function)):
        return None
    inside = [node for node in cell.nodes() if cell.parents.get(node) is function and isinstance(node, ast.stmt)]
    described = function.body[0] if ast.get_docstring(function) is not None else None
    return next((statement for statement in inside if statement is not described), None)


def _counts(name: str, function: ast.FunctionDef) -> bool:
    """Whether a parameter is a number of things: of classes, of images."""
    for node in ast.walk(function):
        if _called(node) in ("range", "eye", "zeros", "arange", "identity"):
            assert isinstance(node, ast.Call)
            if any(_is_named(part, name) for argument in node.args for part in ast.walk(argument)):
                return not any(isinstance(argument, ast.Call) for argument in node.args)
        if isinstance(node, ast.keyword) and node.arg in ("minlength", "num_classes", "depth"):
            return _is_named(node.value, name)
    return False


def _is_named(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _is_indexed_or_called_on(name: str, node: ast.AST, cell: Cell) -> bool:
    """Whether a parameter is used like an array."""
    function = _function_of(node, cell)
    for use in ast.walk(function) if function is not None else ():
        if isinstance(use, (ast.Subscript, ast.Attribute)) and _is_named(use.value, name):
            return True
        if isinstance(use, ast.BinOp) and (_is_named(use.left, name) or _is_named(use.right, name)):
            return True
        of_a_module = isinstance(use, ast.Call) and isinstance(use.func, ast.Attribute)
        if of_a_module and any(_is_named(argument, name) for argument in use.args):  # type: ignore[attr-defined]
            return True
    return False


def _is_whole(value: ast.expr) -> bool:
    """Whether an expression is made of whole numbers: positions, counts."""
    return isinstance(value, ast.Call) and _called(value) in ("argmax", "argmin", "bincount", "int", "len", "argsort")


def _is_scalar(value: ast.expr) -> bool:
    if isinstance(value, ast.Call):
        known = any(k.arg == "axis" for k in value.keywords)
        return _called(value) in ("int", "float", "len") or (
            _called(value) in ("mean", "sum", "max", "min") and not known and len(value.args) < 2
        )
    return isinstance(value, ast.BinOp) and _is_scalar(value.left) and _is_scalar(value.right)
