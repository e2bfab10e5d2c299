"""The same network built, compiled and trained otherwise."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable

from autograder.language import _
from autograder.probe.edits import Cell
from autograder.probe.rewriting import each, expression, rewrite

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


@rewrite("functional", _("a Functional model for a Sequential one"))
def _functional(source: str, text: str) -> str:
    def change(node: ast.AST, cell: Cell) -> str | None:
        if (found := _sequential(node)) is None or "Input" not in ast.unparse(found[1][0]):
            return None
        name, (first, *others) = found
        lines = [f"given = {cell.text_of(first)}", "flow = given"]
        lines += [f"flow = ({cell.text_of(layer)})(flow)" for layer in others]
        return "\n".join([*lines, f"{cell.text_of(name)} = keras.Model(given, flow)"])

    return each(source, change)


@rewrite("layer-by-layer", _("layers added one after another"))
def _layer_by_layer(source: str, text: str) -> str:
    def change(node: ast.AST, cell: Cell) -> str | None:
        if (found := _sequential(node)) is None:
            return None
        name = cell.text_of(found[0])
        return "\n".join([f"{name} = keras.Sequential()", *(f"{name}.add({cell.text_of(e)})" for e in found[1])])

    return each(source, change)


@rewrite("activation-layers", _("an activation as a layer of its own"))
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
            new += [bare, ast.Call(expression("keras.layers.Activation"), [activation], [])]
        return ast.List(new, ast.Load())

    return each(source, change)


def _activation(layer: ast.expr) -> ast.expr | None:
    keywords = layer.keywords if isinstance(layer, ast.Call) else []
    return next((k.value for k in keywords if k.arg == "activation"), None)


@rewrite("activation-functions", _("activations as functions"))
def _activation_functions(source: str, text: str) -> str:
    return _activations_as(source, "keras.activations.", "")


@rewrite("activations-of-tensorflow", _("activations as TensorFlow's functions"))
def _activations_of_tensorflow(source: str, text: str) -> str:
    return _activations_as(source, "tf.nn.", "import tensorflow as tf")


@rewrite("activations-of-ops", _("activations as operations of `keras.ops`"))
def _activations_of_ops(source: str, text: str) -> str:
    return _activations_as(source, "keras.ops.", "")


def _activations_as(source: str, prefix: str, more: str) -> str:
    def change(node: ast.AST, cell: Cell) -> ast.AST | None:
        parent = cell.parents.get(node)
        if isinstance(parent, ast.keyword) and parent.arg == "activation" and isinstance(node, ast.Constant):
            return expression(f"{prefix}{node.value!s}")
        return None

    new = each(source, change)
    return f"{more}\n\n{new}" if more and new != source else new


@rewrite("tf-keras", _("`tf.keras` for `keras`"))
def _tf_keras(source: str, text: str) -> str:
    def change(node: ast.AST, cell: Cell) -> ast.AST | None:
        parent = cell.parents.get(node)
        if isinstance(parent, ast.Attribute) and parent.attr == "saving":
            return None  # TensorFlow's `keras` has no such part
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in ("keras", "layers"):
            return expression("tf.keras" if node.id == "keras" else "tf.keras.layers")
        return None

    new = each(source, change)
    return source if new == source else "import tensorflow as tf\n\n" + new


_CLASSES = {
    "categorical_crossentropy": "CategoricalCrossentropy",
    "sparse_categorical_crossentropy": "SparseCategoricalCrossentropy",
    "binary_crossentropy": "BinaryCrossentropy",
    "mean_squared_error": "MeanSquaredError",
}


@rewrite("loss-objects", _("a loss as an object"))
def _loss_objects(source: str, text: str) -> str:
    return _keyword_as(source, "loss", lambda loss: f"keras.losses.{_CLASSES[loss]}()" if loss in _CLASSES else None)


@rewrite("loss-functions", _("a loss as a function"))
def _loss_functions(source: str, text: str) -> str:
    return _keyword_as(source, "loss", lambda loss: f"keras.losses.{loss}" if loss in _CLASSES else None)


@rewrite("optimizer-objects", _("an optimizer as an object"))
def _optimizer_objects(source: str, text: str) -> str:
    known = {"adam": "Adam()", "sgd": "SGD()", "rmsprop": "RMSprop()"}
    return _keyword_as(source, "optimizer", lambda name: f"keras.optimizers.{known[name]}" if name in known else None)


def _keyword_as(source: str, keyword: str, make: Callable[[str], str | None]) -> str:
    def change(node: ast.AST, cell: Cell) -> ast.AST | None:
        parent = cell.parents.get(node)
        if isinstance(parent, ast.keyword) and parent.arg == keyword and isinstance(node, ast.Constant):
            new = make(str(node.value))
            return None if new is None else expression(new)
        return None

    return each(source, change)


@rewrite("list-of-layers", _("layers in a list of their own, which the model is made of"))
def _list_of_layers(source: str, text: str) -> str:
    def change(node: ast.AST, cell: Cell) -> str | None:
        if (found := _sequential(node)) is None:
            return None
        listed = ", ".join(cell.text_of(layer) for layer in found[1])
        name = cell.text_of(found[0])
        return (
            f"my_layers = [{listed}]\n{name} = keras.models.Sequential()\nfor each in my_layers:\n    {name}.add(each)"
        )

    return each(source, change)


@rewrite("imported-names", _("`Dense` for `layers.Dense`, imported by its name"))
def _imported_names(source: str, text: str) -> str:
    names: list[str] = []

    def change(node: ast.AST, cell: Cell) -> ast.AST | None:
        called = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "layers"
        if not called or not node.attr[0].isupper():  # type: ignore[attr-defined]
            return None
        names.append(node.attr)  # type: ignore[attr-defined]
        return ast.Name(names[-1], ast.Load())

    new = each(source, change)
    if new == source:
        return source
    return f"from keras.layers import {', '.join(sorted(set(names)))}\n\n{new}"


@rewrite("named-layers", _("layers with names of their own"))
def _named_layers(source: str, text: str) -> str:
    count = 0

    def change(node: ast.AST, cell: Cell) -> ast.AST | None:
        nonlocal count
        made = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if not made or ast.unparse(node.func.value) not in ("layers", "keras.layers"):  # type: ignore[attr-defined]
            return None
        assert isinstance(node, ast.Call)
        if any(k.arg == "name" for k in node.keywords):
            return None
        count += 1
        return ast.Call(node.func, node.args, [*node.keywords, ast.keyword("name", ast.Constant(f"my_layer_{count}"))])

    return each(source, change)


@rewrite("layers-by-keyword", _("`Dense(units=3)` for `Dense(3)`, `keras.Input(shape=...)` for `keras.Input(...)`"))
def _layers_by_keyword(source: str, text: str) -> str:
    first = {"Dense": ("units",), "Input": ("shape",), "Conv2D": ("filters", "kernel_size"), "Dropout": ("rate",)}
    first |= dict.fromkeys(("MaxPooling2D", "AveragePooling2D"), ("pool_size",))

    def change(node: ast.AST, cell: Cell) -> ast.AST | None:
        if not isinstance(node, ast.Call) or not node.args:
            return None
        names = first.get(ast.unparse(node.func).rpartition(".")[2])
        if names is None or len(node.args) > len(names):
            return None
        named = [ast.keyword(name, a) for name, a in zip(names, node.args, strict=False)]
        return ast.Call(node.func, [], [*named, *node.keywords])

    return each(source, change)


@rewrite("activation-by-place", _('`Dense(3, "relu")` for `Dense(3, activation="relu")`'))
def _activation_by_place(source: str, text: str) -> str:
    def change(node: ast.AST, cell: Cell) -> ast.AST | None:
        if not isinstance(node, ast.Call) or not ast.unparse(node.func).endswith("Dense") or len(node.args) != 1:
            return None
        if (activation := _activation(node)) is None:
            return None
        return ast.Call(node.func, [*node.args, activation], [k for k in node.keywords if k.arg != "activation"])

    return each(source, change)


@rewrite("input-layers", _("an `InputLayer` for `keras.Input`"))
def _input_layers(source: str, text: str) -> str:
    def change(node: ast.AST, cell: Cell) -> ast.AST | None:
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("keras.Input", "layers.Input") and node.args:
            parent = cell.parents.get(node)
            if isinstance(parent, ast.List):
                return ast.Call(expression("keras.layers.InputLayer"), node.args, node.keywords)
        return None

    return source if "keras.Input" in text else each(source, change)


@rewrite("compile-in-capitals", _('`"Adam"` and `"CategoricalCrossentropy"`, classes by their names'))
def _compile_in_capitals(source: str, text: str) -> str:
    optimizers = {"adam": "Adam", "sgd": "SGD", "rmsprop": "RMSprop"}
    new = _keyword_as(source, "loss", lambda loss: repr(_CLASSES[loss]) if loss in _CLASSES else None)
    return _keyword_as(new, "optimizer", lambda name: repr(optimizers[name]) if name in optimizers else None)


@rewrite("compile-by-place", _("the arguments of `compile` by their places"))
def _compile_by_place(source: str, text: str) -> str:
    def change(node: ast.AST, cell: Cell) -> ast.AST | None:
        if not _is_method(node, "compile"):
            return None
        assert isinstance(node, ast.Call)
        given = {k.arg: k.value for k in node.keywords}
        if node.args or not {"optimizer", "loss"} <= given.keys() <= {"optimizer", "loss", "metrics"}:
            return None
        metrics = [ast.keyword("metrics", given["metrics"])] if "metrics" in given else []
        return ast.Call(node.func, [given["optimizer"], given["loss"]], metrics)

    return each(source, change)


@rewrite("metric-objects", _("accuracy as an object"))
def _metric_objects(source: str, text: str) -> str:
    return _metrics_as(source, lambda kind: f'keras.metrics.{kind}Accuracy(name="accuracy")')


@rewrite("metric-alias", _('`"acc"` for `"accuracy"`'))
def _metric_alias(source: str, text: str) -> str:
    if '["accuracy"]' in source.partition(".compile(")[0] or "history[" in source or "`accuracy`" in text:
        return source
    return _metrics_as(source, lambda kind: '"acc"')


def _metrics_as(source: str, make: Callable[[str], str]) -> str:
    def change(node: ast.AST, cell: Cell) -> ast.AST | None:
        if not _is_method(node, "compile"):
            return None
        assert isinstance(node, ast.Call)
        loss = next((ast.unparse(k.value) for k in node.keywords if k.arg == "loss"), "")
        kind = (
            "SparseCategorical" if "sparse" in loss.lower() else "Categorical" if "categorical" in loss.lower() else ""
        )
        if not kind or not any(k.arg == "metrics" and ast.unparse(k.value) == "['accuracy']" for k in node.keywords):
            return None
        kind = "SparseCategorical" if "sparse" in loss.lower() else "Categorical"
        metrics = ast.keyword("metrics", ast.List([expression(make(kind))], ast.Load()))
        return ast.Call(node.func, node.args, [metrics if k.arg == "metrics" else k for k in node.keywords])

    return each(source, change)


def _is_method(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name


@rewrite("fit-by-keyword", _("`fit(x=..., y=...)`"))
def _fit_by_keyword(source: str, text: str) -> str:
    return _fit_as(source, lambda call: ast.Call(call.func, [], [*_named(call), *call.keywords]))


@rewrite("fit-from-dataset", _("images and labels as a `tf.data.Dataset`"))
def _fit_from_dataset(source: str, text: str) -> str:
    def made(call: ast.Call) -> ast.Call | None:
        size = next((k.value for k in call.keywords if k.arg == "batch_size"), ast.Constant(32))
        if any(k.arg in ("validation_split", "sample_weight", "class_weight", "shuffle") for k in call.keywords):
            return None
        data = expression(f"tf.data.Dataset.from_tensor_slices(({', '.join(map(ast.unparse, call.args))}))")
        shuffled = ast.Call(ast.Attribute(data, "shuffle", ast.Load()), [ast.Constant(10_000)], [])
        batches = ast.Call(ast.Attribute(shuffled, "batch", ast.Load()), [size], [])
        return ast.Call(call.func, [batches], [k for k in call.keywords if k.arg != "batch_size"])

    new = _fit_as(source, made)
    return source if new == source else "import tensorflow as tf\n\n" + new


@rewrite("validation-data", _("`validation_data` for `validation_split`"))
def _validation_data(source: str, text: str) -> str:
    def made(call: ast.Call) -> ast.Call | None:
        share = next((k.value for k in call.keywords if k.arg == "validation_split"), None)
        if share is None or "validation_split" in text:
            return None
        first = f"int(len({ast.unparse(call.args[0])}) * (1 - {ast.unparse(share)}))"
        parts = [[expression(f"{ast.unparse(a)}[{cut}]") for a in call.args] for cut in (f":{first}", f"{first}:")]
        data = ast.keyword("validation_data", ast.Tuple(parts[1], ast.Load()))
        return ast.Call(call.func, parts[0], [*(k for k in call.keywords if k.value is not share), data])

    return _fit_as(source, made)


@rewrite("more-epochs", _("half as many epochs again, where the text leaves their number to the learner"))
def _more_epochs(source: str, text: str) -> str:
    def made(call: ast.Call) -> ast.Call | None:
        epochs = next((k.value for k in call.keywords if k.arg == "epochs"), None)
        number = epochs.value if isinstance(epochs, ast.Constant) else None
        free = "number of epochs" in text and not any(k.arg == "initial_epoch" for k in call.keywords)
        if not free or not isinstance(number, int) or number < 2:
            return None
        longer = ast.keyword("epochs", ast.Constant(number + number // 2))
        return ast.Call(call.func, call.args, [longer if k.arg == "epochs" else k for k in call.keywords])

    return _fit_as(source, made)


def _named(call: ast.Call) -> list[ast.keyword]:
    return [ast.keyword(name, a) for name, a in zip(("x", "y"), call.args, strict=False)]


def _fit_as(source: str, make: Callable[[ast.Call], ast.Call | None]) -> str:
    def change(node: ast.AST, cell: Cell) -> ast.AST | None:
        if not _is_method(node, "fit") or len(node.args) != 2:  # type: ignore[attr-defined]
            return None
        assert isinstance(node, ast.Call)
        return make(node)

    return each(source, change)
