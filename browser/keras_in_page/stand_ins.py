"""Stand-ins for what Keras imports and a page has not: optree, ml_dtypes, h5py (`h5_files`), parts of JAX and SciPy.

SciPy does exist for WebAssembly, but weighs more than all the rest together.

`install` puts them where ``import`` looks first, unless the real package is there. Each does what Keras's NumPy backend
asks of it, and no more; whatever is missing says so when it is used.
"""

from __future__ import annotations

import concurrent.futures
import concurrent.futures.thread
import importlib.util
import itertools
import math
import sys
from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterable
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from keras_in_page import h5_files


class InPlace(concurrent.futures.Executor):
    """An executor that does each task at once: a page has no threads."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> concurrent.futures.Future[Any]:
        """Do it, and return a future that is done."""
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        try:
            future.set_result(function(*args, **kwargs))
        except BaseException as error:  # whatever it is, whoever asks for the result gets it
            future.set_exception(error)
        return future


def install() -> list[str]:
    """Install a stand-in for each package that is not here; return the names of those that were."""
    if sys.platform == "emscripten":
        concurrent.futures.ThreadPoolExecutor = InPlace  # type: ignore[assignment,misc]
        concurrent.futures.thread.ThreadPoolExecutor = InPlace  # type: ignore[assignment,misc]
    makers = {
        "optree": _optree, "ml_dtypes": _ml_dtypes, "jax": _jax, "scipy": _scipy, "h5py": h5_files.modules,
    }  # fmt: skip
    missing = [name for name in makers if name not in sys.modules and importlib.util.find_spec(name) is None]
    for name in missing:
        for module in makers[name]():
            _put(module)
    if sys.platform == "emscripten":
        _put(ModuleType("keras._tf_keras"))  # the same names a second time, for old programs: Keras asks for it first
    return missing


def _put(module: ModuleType) -> None:
    module.__spec__ = importlib.util.spec_from_loader(module.__name__, None)
    sys.modules[module.__name__] = module


# -- optree -------------------------------------------------------------------------------------------------------


class Spec:
    """The structure of a tree: how many leaves it has, and how to make it again from them."""

    def __init__(self, make: Callable[[list[Any]], Any] | None, children: list[Spec], leaves: int) -> None:
        self._make, self._children = make, children
        self.num_leaves = leaves
        self.num_nodes = 1 + sum(child.num_nodes for child in children)

    def build(self, leaves: Iterable[Any]) -> Any:
        """The tree with these leaves."""
        if self._make is None:
            return next(iter(leaves)) if self.num_leaves else None
        source = iter(leaves)
        return self._make([child.build([next(source) for _ in range(child.num_leaves)]) for child in self._children])


_Node = tuple[list[Any], list[Any], Callable[[list[Any]], Any]]  # keys, children, how to make it from children
_LEAVES = {np.ndarray, np.float32, float, int, bool, str}  # what most are, told at once
_registered: dict[type, tuple[Callable[[Any], Any], Callable[[Any, Any], Any]]] = {}


def _node(tree: Any, none_is_leaf: bool) -> _Node | None:
    """The node that `tree` is, or None if it is a leaf."""
    kind = type(tree)
    if kind in _LEAVES:
        return None
    if kind in _registered:
        flatten, unflatten = _registered[kind]
        children, about, *_ = flatten(tree)
        return list(range(len(children))), list(children), lambda made: unflatten(about, tuple(made))
    if tree is None:
        return None if none_is_leaf else ([], [], lambda made: None)
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return list(tree._fields), list(tree), lambda made: kind(*made)
    if kind in (list, tuple):
        return list(range(len(tree))), list(tree), kind
    if kind is deque:
        return list(range(len(tree))), list(tree), lambda made: deque(made, tree.maxlen)
    if kind in (dict, OrderedDict, defaultdict):
        keys = list(tree)
        if kind is not OrderedDict:
            try:
                keys.sort()
            except TypeError:
                keys.sort(key=lambda key: (str(type(key)), str(key)))
        order = list(tree)

        def make(made: list[Any]) -> Any:
            by_key = dict(zip(keys, made))
            again = defaultdict(tree.default_factory) if isinstance(tree, defaultdict) else kind()
            again.update((key, by_key[key]) for key in order)
            return again

        return keys, [tree[key] for key in keys], make
    return None


def _flatten(
    tree: Any, is_leaf: Callable[[Any], bool] | None, none_is_leaf: bool, path: tuple[Any, ...] = ()
) -> tuple[list[tuple[tuple[Any, ...], Any]], Spec]:
    node = None if is_leaf is not None and is_leaf(tree) else _node(tree, none_is_leaf)
    if node is None:
        return [(path, tree)], Spec(None, [], 1)
    keys, children, make = node
    leaves: list[tuple[tuple[Any, ...], Any]] = []
    specs = []
    for key, child in zip(keys, children):
        below, spec = _flatten(child, is_leaf, none_is_leaf, (*path, key))
        leaves += below
        specs.append(spec)
    return leaves, Spec(make, specs, len(leaves))


def _map(function: Callable[..., Any], trees: tuple[Any, ...], is_leaf: Any, none_is_leaf: bool) -> Any:
    """`function` of the leaves of the first tree and of whatever stands there in the others."""
    first = trees[0]
    node = None if is_leaf is not None and is_leaf(first) else _node(first, none_is_leaf)
    if node is None:
        return function(*trees)
    keys, children, make = node
    columns: list[list[Any]] = [children]
    for other in trees[1:]:
        there = _node(other, none_is_leaf)
        if there is None or there[0] != keys:
            raise ValueError(f"The structures differ: {type(first).__name__} and {type(other).__name__}.")
        columns.append(there[1])
    return make([_map(function, row, is_leaf, none_is_leaf) for row in zip(*columns)])


def _optree() -> list[ModuleType]:
    optree, utils = ModuleType("optree"), ModuleType("optree.utils")

    def tree_flatten(tree: Any, is_leaf: Any = None, *, none_is_leaf: bool = False, namespace: str = "") -> Any:
        leaves, spec = _flatten(tree, is_leaf, none_is_leaf)
        return [leaf for _, leaf in leaves], spec

    def tree_flatten_with_path(
        tree: Any, is_leaf: Any = None, *, none_is_leaf: bool = False, namespace: str = ""
    ) -> Any:
        leaves, spec = _flatten(tree, is_leaf, none_is_leaf)
        return [path for path, _ in leaves], [leaf for _, leaf in leaves], spec

    def tree_paths(tree: Any, is_leaf: Any = None, *, none_is_leaf: bool = False, namespace: str = "") -> Any:
        return [path for path, _ in _flatten(tree, is_leaf, none_is_leaf)[0]]

    def tree_map(
        function: Any, tree: Any, *others: Any, is_leaf: Any = None, none_is_leaf: bool = False, namespace: str = ""
    ) -> Any:
        return _map(function, (tree, *others), is_leaf, none_is_leaf)

    def tree_is_leaf(tree: Any, is_leaf: Any = None, *, none_is_leaf: bool = False, namespace: str = "") -> bool:
        return (is_leaf is not None and is_leaf(tree)) or _node(tree, none_is_leaf) is None

    def register_pytree_node(kind: Any, flatten: Any, unflatten: Any, *, namespace: str = "") -> Any:
        _registered[kind] = (flatten, unflatten)
        return kind

    def register_pytree_node_class(kind: Any = None, *, namespace: str = "") -> Any:
        if kind is None or isinstance(kind, str):
            return lambda later: register_pytree_node_class(later, namespace=namespace)
        return register_pytree_node(kind, lambda tree: tree.tree_flatten(), kind.tree_unflatten)

    optree.__dict__.update(
        tree_flatten=tree_flatten,
        tree_flatten_with_path=tree_flatten_with_path,
        tree_paths=tree_paths,
        tree_map=tree_map,
        tree_is_leaf=tree_is_leaf,
        tree_unflatten=lambda spec, leaves: spec.build(leaves),
        register_pytree_node=register_pytree_node,
        register_pytree_node_class=register_pytree_node_class,
        utils=utils,
    )
    return [optree, utils]


# -- ml_dtypes ----------------------------------------------------------------------------------------------------


def _ml_dtypes() -> list[ModuleType]:
    """NumPy's own types, with float32 for the narrow ones: no lesson computes with those."""
    module = ModuleType("ml_dtypes")
    names = ("bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e4m3", "int4", "uint4")
    module.__dict__.update(dict.fromkeys(names, np.float32), finfo=np.finfo, iinfo=np.iinfo)
    return [module]


# -- JAX ----------------------------------------------------------------------------------------------------------

ConvDimensionNumbers = namedtuple("ConvDimensionNumbers", ("lhs_spec", "rhs_spec", "out_spec"))


def _not_here(*_: Any, **__: Any) -> Any:
    from autograder.language import say

    raise NotImplementedError(
        say("This operation does not work in the page. It works in Jupyter with Keras installed.")
    )


def windows(
    images: np.ndarray, size: tuple[int, ...], strides: tuple[int, ...], dilation: tuple[int, ...]
) -> np.ndarray:
    """A view of all windows of images (N, H, W, C): shape (N, H', W', h, w, C)."""
    h, w = ((size[i] - 1) * dilation[i] + 1 for i in (0, 1))
    view = np.lib.stride_tricks.sliding_window_view(images, (h, w), axis=(1, 2))  # N, H-h+1, W-w+1, C, h, w
    view = view[:, :: strides[0], :: strides[1], :, :: dilation[0], :: dilation[1]]
    return view.transpose(0, 1, 2, 4, 5, 3)


def padding_for(
    shape: tuple[int, ...], size: tuple[int, ...], strides: tuple[int, ...], dilation: tuple[int, ...], padding: str
) -> list[tuple[int, int]]:
    """What "same" or "valid" adds before and after each axis of images (N, H, W, C)."""
    pads = [(0, 0)]
    for i in (0, 1):
        reach = (size[i] - 1) * dilation[i] + 1
        total = 0
        if padding.lower() == "same":
            total = max((-(-shape[1 + i] // strides[i]) - 1) * strides[i] + reach - shape[1 + i], 0)
        pads.append((total // 2, total - total // 2))
    return [*pads, (0, 0)]


def _conv(
    images: Any, kernel: Any, strides: Any, padding: str, *, rhs_dilation: Any, dimension_numbers: Any,
    feature_group_count: int = 1,
) -> np.ndarray:  # fmt: skip
    """A convolution of images (N, H, W, C) with a kernel (h, w, C, K), as Keras's Conv2D asks for it."""
    if images.ndim != 4 or feature_group_count != 1 or dimension_numbers.lhs_spec[1] != 3:
        _not_here()
    images, kernel = np.asarray(images), np.asarray(kernel)
    size, strides, dilation = kernel.shape[:2], tuple(strides), tuple(rhs_dilation)
    padded = np.pad(images, padding_for(images.shape, size, strides, dilation, padding))
    return np.tensordot(windows(padded, size, strides, dilation), kernel, axes=3)


def _reduce_window(inputs: Any, start: Any, reduce: Any, size: Any, strides: Any, padding: str) -> np.ndarray:
    """Pooling of images (N, H, W, C): the largest or the sum of each window."""
    if np.ndim(inputs) != 4 or tuple(size[::3]) != (1, 1):
        _not_here()
    if len(strides) == 6:  # where strides are left out, the NumPy backend adds the outer axes to the window's twice
        strides = strides[1:-1]
    size, strides = tuple(size[1:3]), tuple(strides[1:3])
    inputs = np.asarray(inputs)
    pads = padding_for(inputs.shape, size, strides, (1, 1), padding)
    found = windows(np.pad(inputs, pads, constant_values=start), size, strides, (1, 1))
    return found.max(axis=(3, 4)) if reduce == "max" else found.sum(axis=(3, 4), dtype=inputs.dtype)


def _jax() -> list[ModuleType]:
    jax, lax = ModuleType("jax"), ModuleType("jax.lax")
    lax.__dict__.update(
        conv_general_dilated=_conv,
        conv_transpose=_not_here,
        reduce_window=_reduce_window,
        ConvDimensionNumbers=ConvDimensionNumbers,
        max="max",
        add="add",
    )
    monitoring = SimpleNamespace(record_scalar=None)  # a callback looks whether it is there
    jax.__dict__.update(lax=lax, monitoring=monitoring)
    # The NumPy backend takes two functions from Keras's JAX backend; the rest of that needs JAX itself.
    backend, maths = ModuleType("keras.src.backend.jax"), ModuleType("keras.src.backend.jax.math")
    maths.__dict__.update(fft=_not_here, fft2=_not_here)
    backend.__dict__.update(math=maths, __path__=[])
    return [jax, lax, backend, maths]


# -- SciPy --------------------------------------------------------------------------------------------------------


def _logsumexp(values: Any, axis: Any = None, keepdims: bool = False) -> np.ndarray:
    values = np.asarray(values)
    largest = values.max(axis=axis, keepdims=True)
    total = np.log(np.exp(values - largest).sum(axis=axis, keepdims=True)) + largest
    return total if keepdims else np.squeeze(total, axis=axis)


def _map_coordinates(values: Any, coordinates: Any, order: int = 1, **_: Any) -> np.ndarray:
    """What an array has at places between its pixels: the nearest one's value (order 0), or a mean by distance (1).

    Keras has padded the array before, so that no place lies outside, whatever is to be there.
    """
    values = np.asarray(values)
    if order == 0:
        return np.asarray(values[tuple(np.floor(np.asarray(c) + 0.5).astype(int) for c in coordinates)])
    found: Any = 0.0
    below = [np.floor(c).astype(int) for c in coordinates]
    parts = [np.asarray(c) - b for c, b in zip(coordinates, below)]
    steps = [(0, 1) if part.any() else (0,) for part in parts]  # along the channels there is nothing in between
    for corner in itertools.product(*steps):
        weight: Any = 1.0
        for step, part in zip(corner, parts):
            weight = weight * (part if step else 1 - part)
        found = found + weight * values[tuple(b + step for b, step in zip(below, corner))]
    return np.asarray(found)


def _scipy() -> list[ModuleType]:
    scipy, linalg, special = (ModuleType(name) for name in ("scipy", "scipy.linalg", "scipy.special"))
    signal, ndimage = ModuleType("scipy.signal"), ModuleType("scipy.ndimage")
    linalg.__dict__.update(lu_factor=_not_here, solve_triangular=_not_here)
    special.__dict__.update(
        erf=np.vectorize(math.erf, otypes=[float]),
        erfc=np.vectorize(math.erfc, otypes=[float]),
        erfinv=_not_here,
        logsumexp=_logsumexp,
    )
    signal.__dict__.update(get_window=_not_here, stft=_not_here, istft=_not_here, convolve2d=_not_here)
    ndimage.__dict__.update(map_coordinates=_map_coordinates)
    scipy.__dict__.update(linalg=linalg, special=special, signal=signal, ndimage=ndimage, __path__=[])
    return [scipy, linalg, special, signal, ndimage]
