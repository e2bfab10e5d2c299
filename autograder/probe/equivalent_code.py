"""The same code written otherwise, and the same values of another kind."""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Callable, Iterator
from itertools import pairwise

from autograder.language import _
from autograder.probe.edits import Cell, Edit
from autograder.probe.rewriting import each, expression, is_number, rewrite

# -- the same code, written otherwise -----------------------------------------------------------------------------


@rewrite("comments", _("comments and empty lines"))
def _comments(source: str, text: str) -> str:
    return "# My answer.\n\n" + source + "\n\n# the end\n"


@rewrite("helper", _("the work is done in a function of one's own"))
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


@rewrite("other-names", _("other names for what is only used inside a function"))
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
    """`each` for names alone: they never nest."""
    return each(source, change)


def _parents(node: ast.AST, cell: Cell) -> Iterator[ast.AST]:
    while (parent := cell.parents.get(node)) is not None:
        yield parent
        node = parent


@rewrite("other-order", _("lines that do not need each other, in another order"))
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


@rewrite("all-at-once", _("several values given in one line"))
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


@rewrite("numpy-by-its-name", _("`numpy.` for `np.`"))
def _numpy_by_its_name(source: str, text: str) -> str:
    def change(node: ast.AST, cell: Cell) -> ast.AST | None:
        return ast.Name("numpy", node.ctx) if isinstance(node, ast.Name) and node.id == "np" else None

    new = each(source, change)
    return source if new == source else "import numpy\n\n" + new


@rewrite("methods-and-functions", _("`x.mean()` for `np.mean(x)`, and the other way round"))
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
            return ast.Call(expression("np.reshape"), [owner, *shape], node.keywords)
        if node.func.attr == "max" and isinstance(owner, ast.Name) and owner.id in ("keras", "tf"):
            return None
        return ast.Call(expression(f"np.{node.func.attr}"), [owner, *node.args], node.keywords)

    return each(source, change)


def _may_be_a_list(node: ast.expr) -> bool:
    return not isinstance(node, (ast.BinOp, ast.Call)) or isinstance(node, ast.ListComp)


@rewrite("other-arithmetic", "`np.dot` for `@`, `x * x` for `x ** 2`, `/ 255.0` for `/ 255`")
def _other_arithmetic(source: str, text: str) -> str:
    def change(node: ast.AST, cell: Cell) -> ast.AST | None:
        if not isinstance(node, ast.BinOp):
            return None
        if isinstance(node.op, ast.MatMult):
            return ast.Call(expression("np.dot"), [node.left, node.right], [])
        whole = isinstance(node.right, ast.Constant) and type(node.right.value) is int
        if isinstance(node.op, ast.Pow) and whole and node.right.value == 2:  # type: ignore[attr-defined]
            return ast.Call(expression("np.square"), [node.left], [])
        if isinstance(node.op, ast.Div) and whole and not isinstance(node.left, ast.Constant):
            return ast.BinOp(node.left, ast.Div(), ast.Constant(float(node.right.value)))  # type: ignore[attr-defined]
        return None

    return each(source, change)


@rewrite("other-converting", _("`np.asarray(x, dtype=...)` for `x.astype(...)`"))
def _other_converting(source: str, text: str) -> str:
    def change(node: ast.AST, cell: Cell) -> ast.AST | None:
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr != "astype":
            return None
        if len(node.args) != 1 or node.keywords:
            return None
        return ast.Call(expression("np.asarray"), [node.func.value], [ast.keyword("dtype", node.args[0])])

    return each(source, change)


@rewrite("comparison-from-behind", _("`b > a` for `a < b`"))
def _comparison_from_behind(source: str, text: str) -> str:
    turned = {ast.Lt: ast.Gt, ast.Gt: ast.Lt, ast.LtE: ast.GtE, ast.GtE: ast.LtE, ast.Eq: ast.Eq}

    def change(node: ast.AST, cell: Cell) -> ast.AST | None:
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in turned:
            return ast.Compare(node.comparators[0], [turned[type(node.ops[0])]()], [node.left])
        return None

    return each(source, change)


# -- habits of people who write Python ----------------------------------------------------------------------------


@rewrite("loops", _("a loop that appends, for a list comprehension"))
def _loops(source: str, text: str) -> str:
    def change(node: ast.AST, cell: Cell) -> str | None:
        if not isinstance(node, (ast.Assign, ast.Return)) or node.value is None:
            return None
        found = _outermost(node.value, ast.ListComp)
        if len(found) != 1 or len(found[0].generators) != 1 or _is_lazy(found[0], node, cell):
            return None
        (loop,) = found[0].generators
        lines = ["collected = []", f"for {ast.unparse(loop.target)} in {cell.text_of(loop.iter)}:"]
        lines += [f"    if {' and '.join(f'({ast.unparse(c)})' for c in loop.ifs)}:"] if loop.ifs else []
        lines += [f"{'        ' if loop.ifs else '    '}collected.append({ast.unparse(found[0].elt)})"]
        whole, part = cell.text_of(node), cell.text_of(found[0])
        return "\n".join([*lines, whole.replace(part, "collected", 1)])

    return each(source, change)


def _outermost(node: ast.AST, kind: type[ast.ListComp]) -> list[ast.ListComp]:
    if isinstance(node, kind):
        return [node]
    return [found for child in ast.iter_child_nodes(node) for found in _outermost(child, kind)]


def _is_lazy(node: ast.AST, statement: ast.AST, cell: Cell) -> bool:
    """Whether it is not always worked out when the statement is."""
    lazy = (ast.Lambda, ast.IfExp, ast.BoolOp, ast.GeneratorExp, ast.DictComp, ast.SetComp)
    parents = list(_parents(node, cell))
    return any(isinstance(parent, lazy) for parent in parents[: parents.index(statement)])


@rewrite("comprehensions", _("a list comprehension for a loop that appends"))
def _comprehensions(source: str, text: str) -> str:
    cell = Cell(source)
    for one, other in pairwise(n for n in cell.nodes() if isinstance(n, ast.stmt)):
        if not isinstance(one, ast.Assign) or not isinstance(one.value, ast.List) or one.value.elts:
            continue
        name = cell.text_of(one.targets[0])
        body = other.body[0] if isinstance(other, ast.For) and len(other.body) == 1 and not other.orelse else None
        call = body.value if isinstance(body, ast.Expr) else None
        if not isinstance(other, ast.For) or not isinstance(call, ast.Call) or len(call.args) != 1:
            continue
        if cell.text_of(call.func) == f"{name}.append" and name not in _names(call.args[0], ast.Load):
            target, over = cell.text_of(other.target), cell.text_of(other.iter)
            listed = f"{name} = [{cell.text_of(call.args[0])} for {target} in {over}]"
            return Edit(cell.replaced(one, "").start, cell.replaced(other, "").end, listed).applied_to(source)
    return source


@rewrite("while-for-for", _("`while` and a counter for `for` and a range"))
def _while_for_for(source: str, text: str) -> str:
    def change(node: ast.AST, cell: Cell) -> str | None:
        if not isinstance(node, ast.For) or not isinstance(node.target, ast.Name) or node.orelse:
            return None
        over, inside = node.iter, [n for statement in node.body for n in ast.walk(statement)]
        if not isinstance(over, ast.Call) or ast.unparse(over.func) != "range" or over.keywords:
            return None
        if any(isinstance(n, ast.Continue) for n in inside) or any(isinstance(n, ast.For) for n in inside):
            return None
        counter = node.target.id if node.target.id != "_" else "counter"
        if any(counter in _names(statement, ast.Store) for statement in node.body):
            return None
        first, last, step = {1: ("0", "{0}", "1"), 2: ("{0}", "{1}", "1"), 3: ("{0}", "{1}", "{2}")}[len(over.args)]
        parts = [f"({ast.unparse(a)})" for a in over.args]
        body = [line for statement in node.body for line in ast.unparse(statement).split("\n")]
        return "\n".join(
            [
                f"{counter} = {first.format(*parts)}",
                f"while {counter} < {last.format(*parts)}:",
                *(f"    {line}" for line in body),
                f"    {counter} += {step.format(*parts)}",
            ]
        )

    return each(source, change)


@rewrite("walrus", _("the result is given a name while it is returned"))
def _walrus(source: str, text: str) -> str:
    return _returns(source, lambda value: f"return (my_result := {value})")


@rewrite("lists-returned", _("a list of two results for a pair"))
def _lists_returned(source: str, text: str) -> str:
    def change(node: ast.AST, cell: Cell) -> ast.AST | None:
        parent = cell.parents.get(node)
        if isinstance(node, ast.Tuple) and isinstance(parent, ast.Return) and "tuple" not in text:
            return ast.List(node.elts, ast.Load())
        return None

    return each(source, change)


def _returns(source: str, make: Callable[[str], str]) -> str:
    def change(node: ast.AST, cell: Cell) -> str | None:
        if not isinstance(node, ast.Return) or node.value is None or isinstance(node.value, (ast.Name, ast.Constant)):
            return None
        value = cell.text_of(node.value)
        return make(f"({value})" if isinstance(node.value, ast.Tuple) and not value.startswith("(") else value)

    return each(source, change)


@rewrite("lambdas", _("a lambda for a function of one line"))
def _lambdas(source: str, text: str) -> str:
    cell = Cell(source)
    edits = []
    for node in cell.tree.body:
        body = [n for n in node.body if not _is_docstring(n)] if isinstance(node, ast.FunctionDef) else []
        if isinstance(node, ast.FunctionDef) and len(body) == 1 and isinstance(body[0], ast.Return) and body[0].value:
            plain_arguments = ast.unparse(_without_notes(node.args))
            edits.append(cell.replaced(node, f"{node.name} = lambda {plain_arguments}: {ast.unparse(body[0].value)}"))
    for edit in reversed(edits):
        source = edit.applied_to(source)
    return source


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _without_notes(arguments: ast.arguments) -> ast.arguments:
    arguments = copy.deepcopy(arguments)
    for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        one.annotation = None
    return arguments


@rewrite("annotated", _("types written beside names"))
def _annotated(source: str, text: str) -> str:
    def change(node: ast.AST, cell: Cell) -> str | None:
        simple = isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name)
        if not simple or not isinstance(cell.parents.get(node), ast.Module):
            return None
        assert isinstance(node, ast.Assign)
        return f"{cell.text_of(node.targets[0])}: object = {cell.text_of(node.value)}"

    return each(source, change)


@rewrite("prints", _("something is printed on the way"))
def _prints(source: str, text: str) -> str:
    return _returns(source, lambda value: f"my_result = {value}\nprint('of type', type(my_result))\nreturn my_result")


@rewrite("axis-by-place", _("`np.mean(x, 0)` for `np.mean(x, axis=0)`"))
def _axis_by_place(source: str, text: str) -> str:
    first = ("mean", "sum", "max", "min", "argmax", "argmin", "std", "any", "all")

    def change(node: ast.AST, cell: Cell) -> ast.AST | None:
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr not in first:
            return None
        axis = next((k for k in node.keywords if k.arg == "axis"), None)
        of_numpy = isinstance(node.func.value, ast.Name) and node.func.value.id == "np"
        if axis is None or len(node.args) != of_numpy:
            return None
        return ast.Call(node.func, [*node.args, axis.value], [k for k in node.keywords if k is not axis])

    return each(source, change)


@rewrite("arguments-by-name", _("`step(W=W, b=b)` for `step(W, b)`, for functions of the answer's own"))
def _arguments_by_name(source: str, text: str) -> str:
    cell = Cell(source)
    own = {n.name: [a.arg for a in n.args.args] for n in cell.tree.body if isinstance(n, ast.FunctionDef)}

    def change(node: ast.AST, cell: Cell) -> ast.AST | None:
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id not in own:
            return None
        if any(isinstance(a, ast.Starred) for a in node.args) or not node.args:
            return None
        named = [ast.keyword(name, a) for name, a in zip(own[node.func.id], node.args, strict=False)]
        return ast.Call(node.func, [], [*named, *node.keywords])

    return each(source, change)


# -- the same with other functions --------------------------------------------------------------------------------


@rewrite("where", _("`np.where` for `np.maximum` and `np.minimum`"))
def _where(source: str, text: str) -> str:
    signs: dict[str, ast.cmpop] = {"np.maximum": ast.Gt(), "np.minimum": ast.Lt()}

    def change(node: ast.AST, cell: Cell) -> ast.AST | None:
        if not isinstance(node, ast.Call) or (sign := signs.get(ast.unparse(node.func))) is None:
            return None
        if len(node.args) != 2 or node.keywords:
            return None
        one, other = node.args
        return ast.Call(expression("np.where"), [ast.Compare(one, [sign], [other]), one, other], [])

    return each(source, change)


@rewrite("tensordot", _("`np.tensordot` for `@`"))
def _tensordot(source: str, text: str) -> str:
    return _products(source, lambda a, b: ast.Call(expression("np.tensordot"), [a, b, ast.Constant(1)], []))


@rewrite("matmul", _("`np.matmul` for `@`, `np.transpose(x)` for `x.T`, `np.divide(a, b)` for `a / b`"))
def _matmul(source: str, text: str) -> str:
    def transposed(node: ast.AST, cell: Cell) -> ast.AST | None:
        if isinstance(node, ast.Attribute) and node.attr == "T":
            return ast.Call(expression("np.transpose"), [node.value], [])
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and not is_number(node):
            return ast.Call(expression("np.divide"), [node.left, node.right], [])
        return None

    return each(_products(source, lambda a, b: ast.Call(expression("np.matmul"), [a, b], [])), transposed)


def _products(source: str, make: Callable[[ast.expr, ast.expr], ast.expr]) -> str:
    def change(node: ast.AST, cell: Cell) -> ast.AST | None:
        is_product = isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult)
        return make(node.left, node.right) if is_product else None  # type: ignore[attr-defined]

    return each(source, change)


@rewrite("sorted-for-argmax", _("the last of `np.argsort` for `np.argmax`, the first for `np.argmin`"))
def _sorted_for_argmax(source: str, text: str) -> str:
    places = {"argmax": "-1", "argmin": "0"}

    def change(node: ast.AST, cell: Cell) -> ast.AST | str | None:
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr not in places:
            return None
        of_numpy = isinstance(node.func.value, ast.Name) and node.func.value.id in ("np", "keras", "tf")
        what = [cell.text_of(a) for a in node.args] if of_numpy else [cell.text_of(node.func.value)]
        axes = [cell.text_of(k.value) for k in node.keywords if k.arg == "axis"]
        if len(what) != 1 or len(node.args) != of_numpy or axes not in (["1"], ["-1"]):
            return None
        # The first of several that are largest, as `argmax` has it: of equal values a stable sort keeps the order.
        sign = "-" if node.func.attr == "argmax" else ""
        return f"np.argsort({sign}np.asarray({what[0]}), axis={axes[0]}, kind='stable')[..., 0]"

    return each(source, change)


@rewrite("operations-of-keras", _("operations of `keras.ops` for NumPy's functions"))
def _operations_of_keras(source: str, text: str) -> str:
    known = ("exp", "log", "sum", "mean", "max", "argmax", "maximum", "minimum", "sqrt", "abs", "square", "matmul")
    if "without Keras" in text:
        return source

    def change(node: ast.AST, cell: Cell) -> ast.AST | None:
        is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if not is_call or not isinstance(node.func.value, ast.Name):  # type: ignore[attr-defined]
            return None
        assert isinstance(node, ast.Call)
        assert isinstance(node.func, ast.Attribute)
        if ast.unparse(node.func.value) != "np" or node.func.attr not in known or _parent_is_method(node, cell):
            return None
        operation = ast.Attribute(expression("keras.ops"), node.func.attr, ast.Load())
        # An array again: what follows in the notebook may ask it for methods that a tensor does not have.
        return ast.Call(expression("np.asarray"), [ast.Call(operation, node.args, node.keywords)], [])

    new = each(source, change)
    return source if new == source else "import keras\n\n" + new


def _parent_is_method(node: ast.AST, cell: Cell) -> bool:
    """Whether a method of an array is called on it, which a tensor may not have."""
    return isinstance(cell.parents.get(node), ast.Attribute)


@rewrite("new-axes", _("`np.newaxis` for `None`, `np.copy(x)` for `x.copy()`, `len(x)` for `x.shape[0]`"))
def _new_axes(source: str, text: str) -> str:
    def change(node: ast.AST, cell: Cell) -> ast.AST | None:
        parent = cell.parents.get(node)
        inside = isinstance(parent, ast.Tuple) and isinstance(cell.parents.get(parent), ast.Subscript)
        if isinstance(node, ast.Constant) and node.value is None and (inside or isinstance(parent, ast.Subscript)):
            return expression("np.newaxis")
        copied = isinstance(node, ast.Call) and not node.args and not node.keywords
        if copied and isinstance(node.func, ast.Attribute) and node.func.attr == "copy":  # type: ignore[attr-defined]
            return ast.Call(expression("np.copy"), [node.func.value], [])  # type: ignore[attr-defined]
        first = isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute)
        if first and node.value.attr == "shape" and ast.unparse(node.slice) == "0":  # type: ignore[attr-defined]
            return ast.Call(expression("len"), [node.value.value], [])  # type: ignore[attr-defined]
        return None

    return each(source, change)


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
        return make(cell.text_of(node)) if is_number(node) else None

    new = each(source, change)
    return source if new == source else f"{more}\n\n{new}"


@rewrite("numpy-numbers", _("NumPy's numbers for Python's"))
def _numpy_numbers(source: str, text: str) -> str:
    return _numbers_as(source, lambda number: f"np.float64({number})", "import numpy as np")


@rewrite("arrays-of-one", _("an array without axes for a number"))
def _arrays_of_one(source: str, text: str) -> str:
    return _numbers_as(source, lambda number: f"np.array({number})", "import numpy as np")


@rewrite("fractions", _("a `Fraction` for a number"))
def _fractions(source: str, text: str) -> str:
    return _numbers_as(source, lambda number: f"Fraction({number})", "from fractions import Fraction")


@rewrite("lists-for-tuples", _("a list for a tuple that a variable is given"))
def _lists_for_tuples(source: str, text: str) -> str:
    def change(node: ast.AST, cell: Cell) -> ast.AST | None:
        if not isinstance(node, (ast.Tuple, ast.List)) or not isinstance(cell.parents.get(node), ast.Assign):
            return None
        if isinstance(node.ctx, ast.Store) or not node.elts or not all(map(is_number, node.elts)):
            return None
        return (ast.List if isinstance(node, ast.Tuple) else ast.Tuple)(node.elts, ast.Load())

    return each(source, change)


@rewrite("float64", _("float64 where no dtype is asked for"))
def _float64(source: str, text: str) -> str:
    above, marked, _below = source.partition("### BEGIN")
    if re.search(r"float|dtype|uint8", text + (above if marked else "")):
        return source

    def change(node: ast.AST, cell: Cell) -> ast.AST | None:
        if isinstance(node, ast.Constant) and node.value == "float32":
            return ast.Constant("float64")
        return None

    return each(source, change)
