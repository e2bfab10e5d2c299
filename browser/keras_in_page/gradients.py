"""The backward pass: for each layer, what a small change of its output says about its input and its weights.

A rule computes a layer forward, keeps what it needs, and later turns the gradient at the output into the gradient at
the inputs and at the variables. Shapes: N images, then the layer's own axes; a gradient has the shape of what it
belongs to. Sources: the chain rule, and for batch normalisation equation 4 of Ioffe and Szegedy (2015).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from autograder.language import say
from keras_in_page.stand_ins import padding_for

Array = np.ndarray
Inputs = tuple[Array, ...]
Call = Callable[..., Any]  # the layer's own way to compute its output


class CannotTrain(NotImplementedError):
    """The page has no gradient for this; the message says for what, and where it works."""


def cannot(what: str) -> CannotTrain:
    """The error for something that has no gradient here."""
    return CannotTrain(
        say("The page cannot train {what}. It works in Jupyter with Keras and TensorFlow installed.", what=what)
    )


# -- activations --------------------------------------------------------------------------------------------------


def _sigmoid(z: Array) -> Array:
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-z))


def _softmax_back(z: Array, a: Array, g: Array) -> Array:
    return a * (g - (g * a).sum(axis=-1, keepdims=True))


def _gelu_back(z: Array, a: Array, g: Array) -> Array:
    erf = np.vectorize(math.erf, otypes=[float])
    return g * (0.5 * (1 + erf(z / math.sqrt(2))) + z * np.exp(-z * z / 2) / math.sqrt(2 * math.pi))


def _silu_back(z: Array, a: Array, g: Array) -> Array:
    s = _sigmoid(z)
    return g * (s + z * s * (1 - s))


_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
# Gradient at the scores `z` from the gradient `g` at the activation `a`, by Keras's name of the function.
ACTIVATIONS: dict[str, Callable[[Array, Array, Array], Array]] = {
    "linear": lambda z, a, g: g,
    "relu": lambda z, a, g: g * (z > 0),
    "relu6": lambda z, a, g: g * ((z > 0) & (z < 6)),
    "leaky_relu": lambda z, a, g: g * np.where(z > 0, 1, 0.2),
    "elu": lambda z, a, g: g * np.where(z > 0, 1, a + 1),
    "selu": lambda z, a, g: g * np.where(z > 0, _SELU_SCALE, a + _SELU_SCALE * _SELU_ALPHA),
    "sigmoid": lambda z, a, g: g * a * (1 - a),
    "tanh": lambda z, a, g: g * (1 - a * a),
    "softmax": _softmax_back,
    "log_softmax": lambda z, a, g: g - np.exp(a) * g.sum(axis=-1, keepdims=True),
    "softplus": lambda z, a, g: g * _sigmoid(z),
    "softsign": lambda z, a, g: g / (1 + np.abs(z)) ** 2,
    "exponential": lambda z, a, g: g * a,
    "silu": _silu_back,
    "gelu": _gelu_back,
    "hard_sigmoid": lambda z, a, g: g * ((z > -3) & (z < 3)) / 6,
}

_NAMES: dict[Any, str] = {getattr(keras.activations, name): name for name in ACTIVATIONS} | {None: "linear"}


def activation_name(function: Any) -> str:
    """Keras's name of an activation function; '' for one of the learner's own."""
    try:
        if function in _NAMES:
            return _NAMES[function]
    except TypeError:  # it cannot be hashed
        pass
    try:
        name = keras.activations.serialize(function)
    except Exception:  # a function of their own, which Keras cannot write down
        return ""
    return name if isinstance(name, str) and name in ACTIVATIONS else ""


def activate(function: Any, z: Array) -> Array:
    """The activation of the scores `z`."""
    if function is None:
        return z
    return np.asarray(function(z))


def activation_back(function: Any, z: Array, a: Array, g: Array) -> Array:
    """The gradient at the scores, from `g` at the activation."""
    name = activation_name(function)
    if name:
        return np.asarray(ACTIVATIONS[name](z, a, g))
    return _elementwise_back(function, z, g)


def _elementwise_back(function: Any, z: Array, g: Array) -> Array:
    """For a function of the learner's own that works on each number by itself: its slope by a small difference."""
    step = 1e-3
    wide = z.astype("float64")
    ahead, behind = (np.asarray(function(wide + s)).astype("float64") for s in (step, -step))
    half = wide.copy().reshape(-1)
    half[::2] += step
    mixed = np.asarray(function(half.reshape(z.shape))).reshape(-1)
    if ahead.shape != z.shape or not np.allclose(mixed[::2], ahead.reshape(-1)[::2], atol=1e-5):
        raise cannot(say("the activation `{name}`", name=getattr(function, "__name__", function)))
    return (g * (ahead - behind) / (2 * step)).astype(z.dtype)


# -- layers -------------------------------------------------------------------------------------------------------


@dataclass
class Record:
    """One call of a layer, and what its backward pass needs."""

    layer: Any
    inputs: tuple[Array, ...]
    output: Array
    kept: Any = None
    at_scores: Array | None = field(default=None)  # a gradient that a loss gave at the scores, past the activation
    needs_input: bool = True  # whether anything before this call is trained


Variables = list[tuple[Any, Array]]


class Rule:
    """How one kind of layer is computed and differentiated."""

    asks_layer = True  # whether `forward` calls the layer itself, which then checks what it is given

    def forward(
        self, layer: Any, inputs: tuple[Array, ...], training: bool, call: Callable[..., Any]
    ) -> tuple[Array, Any]:
        """Output and what to keep. `call` is the layer's own way to compute it."""
        return call(), None

    def scores(self, record: Record) -> Array | None:
        """What a final softmax or sigmoid was computed from; None if this layer has none."""
        return None

    def backward(self, record: Record, g: Array) -> tuple[Sequence[Array | None], Variables]:
        """Gradients at the inputs, and at variables, from the gradient at the output."""
        raise NotImplementedError


class _Activated(Rule):
    """A layer that ends in an activation. What it keeps is (scores, what else)."""

    asks_layer = False
    makes_scores = True  # whether `linear` gives a new array, which nobody else has

    def linear(self, layer: Any, x: Array) -> tuple[Array, Any]:
        raise NotImplementedError

    def linear_back(self, record: Record, g: Array, kept: Any) -> tuple[Sequence[Array | None], Variables]:
        raise NotImplementedError

    def forward(
        self, layer: Any, inputs: tuple[Array, ...], training: bool, call: Callable[..., Any]
    ) -> tuple[Array, Any]:
        z, more = self.linear(layer, inputs[0])
        function = self.function(layer)
        name = activation_name(function)
        if name == "relu" and self.makes_scores:
            np.maximum(z, 0, out=z)  # in place: the way back asks only which were above 0, and those are the same
            return z, (z, more)
        return (z if name == "linear" else activate(function, z)), (z, more)

    def function(self, layer: Any) -> Any:
        return layer.activation

    def scores(self, record: Record) -> Array | None:
        return record.kept[0] if activation_name(self.function(record.layer)) in ("softmax", "sigmoid") else None

    def backward(self, record: Record, g: Array) -> tuple[Sequence[Array | None], Variables]:
        z, more = record.kept
        at_z = activation_back(self.function(record.layer), z, record.output, g) if g is not None else 0
        if record.at_scores is not None:
            at_z = at_z + record.at_scores
        return self.linear_back(record, np.asarray(at_z), more)


class _Dense(_Activated):
    def linear(self, layer: Any, x: Array) -> tuple[Array, Any]:
        z = x @ layer.kernel.value
        if layer.bias is not None:
            z += layer.bias.value
        return z, None

    def linear_back(self, record: Record, g: Array, kept: Any) -> tuple[Sequence[Array | None], Variables]:
        layer, x = record.layer, record.inputs[0]
        rows, at_rows = x.reshape(-1, x.shape[-1]), g.reshape(-1, g.shape[-1])
        found: Variables = [(layer.kernel, rows.T @ at_rows)]
        if layer.bias is not None:
            found.append((layer.bias, at_rows.sum(axis=0)))
        return [g @ layer.kernel.value.T if record.needs_input else None], found


# Images in the order channels, rows, columns, images: what lies side by side in memory is then a long row of the same
# pixel in all images of a batch, and NumPy's loops, which are slow to begin in a page, are few and long. Between the
# layers such an array passes as what Keras expects, images first, by a view; so no layer need know of it.


def _images_last(x: Array) -> Array:
    """Images (N, H, W, C) as (C, H, W, N), side by side in memory; a copy only where they are not yet."""
    return np.ascontiguousarray(x.transpose(3, 1, 2, 0))


def _images_first(x: Array) -> Array:
    """The view (N, H, W, C) of (C, H, W, N)."""
    return x.transpose(3, 1, 2, 0)


class _Windows:
    """Where the windows of a convolution or a pooling lie: at each place of the window, a part of the padded image."""

    def __init__(self, x: Array, size: Sequence[int], strides: Sequence[int], dilation: Sequence[int], padding: str):
        """For images `x` (N, H, W, C)."""
        _, self._rows, self._columns, _ = padding_for(x.shape, tuple(size), tuple(strides), tuple(dilation), padding)
        self._strides, self._dilation = strides, dilation
        self.size = size
        self.height, self.width = (
            (x.shape[1 + i] + sum(pad) - (size[i] - 1) * dilation[i] - 1) // strides[i] + 1
            for i, pad in enumerate((self._rows, self._columns))
        )
        self.overlap = any(size[i] > 1 and strides[i] < (size[i] - 1) * dilation[i] + 1 for i in (0, 1))

    def padded(self, x: Array, fill: float = 0.0) -> Array:
        """Images (C, H, W, N) with what the padding adds around them."""
        if not any((*self._rows, *self._columns)):
            return x
        return np.pad(x, ((0, 0), self._rows, self._columns, (0, 0)), constant_values=fill)

    def inside(self, padded: Array) -> Array:
        """The view of the images in a padded array."""
        rows, columns = (slice(b, size - a) for size, (b, a) in zip(padded.shape[1:3], (self._rows, self._columns)))
        return padded[:, rows, columns]

    def seen(self, padded: Array, i: int, j: int) -> Array:
        """The view of the pixels that all windows have at their place (i, j): (C, H', W', N)."""
        return self.columns(self.rows(padded, i), j)

    def rows(self, padded: Array, i: int) -> Array:
        """The view of the rows that all windows have as their row `i`."""
        begin, step = i * self._dilation[0], self._strides[0]
        return padded[:, begin : begin + (self.height - 1) * step + 1 : step]

    def columns(self, padded: Array, j: int) -> Array:
        """The view of the columns that all windows have as their column `j`."""
        begin, step = j * self._dilation[1], self._strides[1]
        return padded[:, :, begin : begin + (self.width - 1) * step + 1 : step]

    def places(self) -> Iterator[tuple[int, int]]:
        """All places of a window, row by row."""
        return ((i, j) for i in range(self.size[0]) for j in range(self.size[1]))


class _Conv2D(_Activated):
    # Pyodide's NumPy has no BLAS. What it has for `@` takes up to three times as long as `einsum`, whose inner loops
    # here run along all pixels of all images.

    def linear(self, layer: Any, x: Array) -> tuple[Array, Any]:
        if layer.data_format != "channels_last" or layer.groups != 1:
            raise cannot(say("a convolution in groups or with channels first"))
        kernel = layer.kernel.value
        where = _Windows(x, kernel.shape[:2], layer.strides, layer.dilation_rate, layer.padding)
        padded = where.padded(_images_last(x))
        seen = np.empty((*kernel.shape[:3], where.height, where.width, len(x)), x.dtype)
        for i, j in where.places():
            seen[i, j] = where.seen(padded, i, j)
        seen = seen.reshape(kernel[..., 0].size, -1)  # one column for each window
        z = np.einsum("pk,pm->km", kernel.reshape(-1, kernel.shape[-1]), seen)
        if layer.bias is not None:
            z += layer.bias.value[:, None]
        return _images_first(z.reshape(-1, where.height, where.width, len(x))), (seen, where, padded.shape)

    def backward(self, record: Record, g: Array) -> tuple[Sequence[Array | None], Variables]:
        return super().backward(record, _images_first(_images_last(g)))

    def linear_back(self, record: Record, g: Array, kept: Any) -> tuple[Sequence[Array | None], Variables]:
        layer = record.layer
        seen, where, shape = kept
        kernel = layer.kernel.value
        at_columns = _images_last(g).reshape(kernel.shape[-1], -1)
        found: Variables = [(layer.kernel, np.einsum("pm,km->pk", seen, at_columns).reshape(kernel.shape))]
        if layer.bias is not None:
            found.append((layer.bias, at_columns.sum(axis=1)))
        if not record.needs_input:
            return [None], found
        # Back to the image: each place of the kernel hands its part to the pixels that it saw.
        parts = np.einsum("pk,km->pm", kernel.reshape(-1, kernel.shape[-1]), at_columns)
        parts = parts.reshape(*kernel.shape[:3], where.height, where.width, -1)
        padded = np.zeros(shape, g.dtype)
        for i, j in where.places():
            pixels = where.seen(padded, i, j)
            pixels += parts[i, j]
        return [_images_first(where.inside(padded))], found


class _Pooling(Rule):
    asks_layer = False

    def __init__(self, largest: bool) -> None:
        self._largest = largest

    def forward(
        self, layer: Any, inputs: tuple[Array, ...], training: bool, call: Callable[..., Any]
    ) -> tuple[Array, Any]:
        if layer.data_format != "channels_last":
            raise cannot(say("pooling with channels first"))
        x = inputs[0]
        where = _Windows(x, layer.pool_size, layer.strides, (1, 1), layer.padding)
        padded = where.padded(_images_last(x), -np.inf if self._largest else 0.0)
        join = np.maximum if self._largest else np.add
        rows = _joined(join, [where.rows(padded, i) for i in range(where.size[0])])
        output = _joined(join, [where.columns(rows, j) for j in range(where.size[1])])
        if self._largest:
            return _images_first(output), (where, padded, output)
        ones = where.padded(np.ones((1, *x.shape[1:3], 1), x.dtype))
        count = sum(where.seen(ones, i, j) for i, j in where.places())
        return _images_first(output / count), (where, padded, count)

    def backward(self, record: Record, g: Array) -> tuple[Sequence[Array | None], Variables]:
        if not record.needs_input:
            return [None], []
        where, padded, about = record.kept
        left = _images_last(g) if self._largest else _images_last(g) / about
        back = np.zeros(padded.shape, g.dtype)
        for i, j in where.places():
            pixels = where.seen(back, i, j)
            part = left
            if self._largest:  # the first of several that are the largest gets it all
                part = left * (where.seen(padded, i, j) == about)
                left = left - part
            if where.overlap:
                pixels += part
            else:
                pixels[...] = part
        return [_images_first(where.inside(back))], []


def _joined(join: np.ufunc, parts: Sequence[Array]) -> Array:
    """All parts, joined by a function of two."""
    if len(parts) == 1:
        return parts[0]
    total = join(parts[0], parts[1])
    for part in parts[2:]:
        join(total, part, out=total)
    return np.asarray(total)


class _Activation(_Activated):
    """Layers that are nothing but an activation."""

    makes_scores = False

    def __init__(self, function: Callable[[Any], Any] | None = None) -> None:
        self._function = function

    def function(self, layer: Any) -> Any:
        return layer.activation if self._function is None else self._function(layer)

    def linear(self, layer: Any, x: Array) -> tuple[Array, Any]:
        return x, None

    def linear_back(self, record: Record, g: Array, kept: Any) -> tuple[Sequence[Array | None], Variables]:
        return [g], []


class _Softmax(_Activation):
    """The layer Softmax, along any one axis. Keras takes a loss from its scores whatever the axis, and so does this."""

    def __init__(self) -> None:
        super().__init__(lambda layer: keras.activations.softmax)

    @staticmethod
    def _axis(layer: Any, z: Array) -> int:
        axes = np.atleast_1d(layer.axis)
        if len(axes) != 1:
            raise cannot(say("a softmax along several axes at once"))
        return int(axes[0]) % z.ndim

    def forward(
        self, layer: Any, inputs: tuple[Array, ...], training: bool, call: Callable[..., Any]
    ) -> tuple[Array, Any]:
        z = inputs[0]
        if (axis := self._axis(layer, z)) == z.ndim - 1:
            return super().forward(layer, inputs, training, call)
        powers = np.exp(z - z.max(axis=axis, keepdims=True))
        return powers / powers.sum(axis=axis, keepdims=True), (z, None)

    def backward(self, record: Record, g: Array) -> tuple[Sequence[Array | None], Variables]:
        z, p = record.kept[0], record.output
        if (axis := self._axis(record.layer, z)) == z.ndim - 1:
            return super().backward(record, g)
        at_z = 0 if g is None else p * (g - (g * p).sum(axis=axis, keepdims=True))
        return [np.asarray(at_z if record.at_scores is None else at_z + record.at_scores)], []


class _ReLU(Rule):
    def backward(self, record: Record, g: Array) -> tuple[Sequence[Array | None], Variables]:
        layer, z = record.layer, record.inputs[0]
        top = np.inf if layer.max_value is None else layer.max_value
        return [(g * np.where(z > layer.threshold, z < top, layer.negative_slope)).astype(g.dtype)], []


class _Shaped(Rule):
    """Layers that only give the numbers another shape."""

    def backward(self, record: Record, g: Array) -> tuple[Sequence[Array | None], Variables]:
        return [g.reshape(record.inputs[0].shape)], []


class _Flatten(_Shaped):
    asks_layer = False

    def forward(
        self, layer: Any, inputs: tuple[Array, ...], training: bool, call: Callable[..., Any]
    ) -> tuple[Array, Any]:
        x = inputs[0]
        if layer.data_format != "channels_last":
            return call(), None
        return x.reshape(len(x), math.prod(x.shape[1:])), None


class _Permute(Rule):
    def backward(self, record: Record, g: Array) -> tuple[Sequence[Array | None], Variables]:
        order = (0, *record.layer.dims)
        return [g.transpose(np.argsort(order))], []


class _Dropout(Rule):
    def forward(
        self, layer: Any, inputs: tuple[Array, ...], training: bool, call: Callable[..., Any]
    ) -> tuple[Array, Any]:
        if not training or layer.rate == 0:
            return inputs[0], None
        kept = call(np.ones_like(inputs[0]))  # 0 where a number is dropped, else what it is multiplied with
        return inputs[0] * kept, kept

    def backward(self, record: Record, g: Array) -> tuple[Sequence[Array | None], Variables]:
        return [g if record.kept is None else g * record.kept], []


class _Scaled(Rule):
    """Layers that multiply by something and add something."""

    def __init__(self, scale: Callable[[Any], Any]) -> None:
        self._scale = scale

    def backward(self, record: Record, g: Array) -> tuple[Sequence[Array | None], Variables]:
        return [(g * self._scale(record.layer)).astype(g.dtype)], []


def _normalization_scale(layer: Any) -> Any:
    if layer.invert:
        raise cannot(say("a `Normalization` layer with `invert=True`"))
    return 1 / np.maximum(np.sqrt(np.asarray(layer.variance)), keras.backend.epsilon())


class _BatchNormalization(Rule):
    def forward(
        self, layer: Any, inputs: tuple[Array, ...], training: bool, call: Callable[..., Any]
    ) -> tuple[Array, Any]:
        return call(), training and layer.trainable

    def backward(self, record: Record, g: Array) -> tuple[Sequence[Array | None], Variables]:
        layer, x = record.layer, record.inputs[0].astype("float64")
        axes = tuple(i for i in range(x.ndim) if i != layer.axis % x.ndim)
        shape = [1] * x.ndim
        shape[layer.axis] = x.shape[layer.axis]
        if record.kept:
            mean, variance = x.mean(axis=axes, keepdims=True), x.var(axis=axes, keepdims=True)
        else:
            mean, variance = layer.moving_mean.value.reshape(shape), layer.moving_variance.value.reshape(shape)
        spread = np.sqrt(variance + layer.epsilon)
        normal = (x - mean) / spread
        found: Variables = []
        at_normal = g
        if layer.scale:
            found.append((layer.gamma, (g * normal).sum(axis=axes)))
            at_normal = g * layer.gamma.value.reshape(shape)
        if layer.center:
            found.append((layer.beta, g.sum(axis=axes)))
        at_x = at_normal / spread
        if record.kept:
            means = at_normal.mean(axis=axes, keepdims=True), (at_normal * normal).mean(axis=axes, keepdims=True)
            at_x = (at_normal - means[0] - normal * means[1]) / spread
        return [at_x.astype(g.dtype)], found


class _UnitNormalization(Rule):
    def backward(self, record: Record, g: Array) -> tuple[Sequence[Array | None], Variables]:
        x = record.inputs[0]
        axes = tuple(np.atleast_1d(record.layer.axis))
        squares = (x * x).sum(axis=axes, keepdims=True)
        factor = np.minimum(1 / np.sqrt(np.maximum(squares, 1e-30)), 1e12)  # as `keras.ops.normalize` limits it
        changes = np.where(squares > 1e-24, factor**3, 0) * (g * x).sum(axis=axes, keepdims=True)
        return [(g * factor - x * changes).astype(g.dtype)], []


class _Merge(Rule):
    """Layers of several inputs, element by element. `back(inputs, output, gradient)` gives one gradient each."""

    def __init__(self, back: Callable[[tuple[Array, ...], Array, Array], list[Array]]) -> None:
        self._back = back

    def backward(self, record: Record, g: Array) -> tuple[Sequence[Array | None], Variables]:
        found = self._back(record.inputs, record.output, g)
        return [unbroadcast(part, x.shape) for part, x in zip(found, record.inputs)], []


class _Concatenate(Rule):
    def backward(self, record: Record, g: Array) -> tuple[Sequence[Array | None], Variables]:
        axis = record.layer.axis
        return np.split(g, np.cumsum([x.shape[axis] for x in record.inputs])[:-1], axis=axis), []


class _GlobalAverage(Rule):
    def backward(self, record: Record, g: Array) -> tuple[Sequence[Array | None], Variables]:
        x = record.inputs[0]
        return [np.broadcast_to(g.reshape(len(x), 1, 1, -1) / (x.shape[1] * x.shape[2]), x.shape)], []


class _GlobalLargest(Rule):
    def backward(self, record: Record, g: Array) -> tuple[Sequence[Array | None], Variables]:
        x = record.inputs[0]
        if record.layer.data_format != "channels_last":
            raise cannot(say("pooling with channels first"))
        largest = x == record.output.reshape(len(x), 1, 1, -1)
        shared = g.reshape(len(x), 1, 1, -1) / largest.sum(axis=(1, 2), keepdims=True)  # pixels alike get the same
        return [(largest * shared).astype(g.dtype)], []


class _Operation(Rule):
    """What ``keras.ops`` does between the layers of a Functional model."""

    def __init__(self, back: Callable[[Any, tuple[Any, ...], Array, Array], Sequence[Any]]) -> None:
        self._back = back

    def backward(self, record: Record, g: Array) -> tuple[Sequence[Array | None], Variables]:
        parts = self._back(record.layer, record.inputs, record.output, g)
        if record.at_scores is not None:
            parts = [parts[0] + record.at_scores]
        return [unbroadcast(np.asarray(p), np.shape(x)) for p, x in zip(parts, record.inputs)], []


def unbroadcast(g: Array, shape: tuple[int, ...]) -> Array:
    """Sum a gradient over the axes along which NumPy repeated an array of this shape."""
    g = g.sum(axis=tuple(range(g.ndim - len(shape)))) if g.ndim > len(shape) else g
    repeated = tuple(i for i, size in enumerate(shape) if size == 1 and g.shape[i] != 1)
    return g.sum(axis=repeated, keepdims=True) if repeated else g


def _times_others(inputs: tuple[Array, ...], output: Array, g: Array) -> list[Array]:
    return [g * np.prod([x for j, x in enumerate(inputs) if j != i], axis=0) for i in range(len(inputs))]


def _to_the_chosen(inputs: tuple[Array, ...], output: Array, g: Array) -> list[Array]:
    """For maximum and minimum: to the first of the inputs that is the output."""
    left, found = np.ones_like(output), []
    for x in inputs:
        mine = left * (x == output)
        left = left - mine
        found.append(g * mine)
    return found


L = keras.layers
RULES: dict[type, Rule] = {
    L.Dense: _Dense(),
    L.Conv2D: _Conv2D(),
    L.MaxPooling2D: _Pooling(largest=True),
    L.AveragePooling2D: _Pooling(largest=False),
    L.GlobalAveragePooling2D: _GlobalAverage(),
    L.GlobalMaxPooling2D: _GlobalLargest(),
    L.Activation: _Activation(),
    L.Softmax: _Softmax(),
    L.ReLU: _ReLU(),
    L.LeakyReLU: _Activation(lambda layer: lambda z: keras.activations.leaky_relu(z, layer.negative_slope)),
    L.ELU: _Activation(lambda layer: lambda z: keras.activations.elu(z, layer.alpha)),
    L.Flatten: _Flatten(),
    L.Reshape: _Shaped(),
    L.Identity: _Shaped(),
    L.Permute: _Permute(),
    L.Dropout: _Dropout(),
    L.SpatialDropout2D: _Dropout(),
    L.GaussianNoise: _Scaled(lambda layer: 1.0),
    L.Rescaling: _Scaled(lambda layer: layer.scale),
    L.Normalization: _Scaled(_normalization_scale),
    L.BatchNormalization: _BatchNormalization(),
    L.UnitNormalization: _UnitNormalization(),
    L.Add: _Merge(lambda inputs, output, g: [g] * len(inputs)),
    L.Subtract: _Merge(lambda inputs, output, g: [g, -g]),
    L.Multiply: _Merge(_times_others),
    L.Average: _Merge(lambda inputs, output, g: [g / len(inputs)] * len(inputs)),
    L.Maximum: _Merge(_to_the_chosen),
    L.Minimum: _Merge(_to_the_chosen),
    L.Concatenate: _Concatenate(),
}
# By the class's name: the classes of operations have no public place.
OPERATIONS: dict[str, Rule] = {
    "Add": _Operation(lambda op, x, y, g: [g, g]),
    "Subtract": _Operation(lambda op, x, y, g: [g, -g]),
    "Multiply": _Operation(lambda op, x, y, g: [g * x[1], g * x[0]]),
    "TrueDivide": _Operation(lambda op, x, y, g: [g / x[1], -g * y / x[1]]),
    "Divide": _Operation(lambda op, x, y, g: [g / x[1], -g * y / x[1]]),
    "Negative": _Operation(lambda op, x, y, g: [-g]),
    "Exp": _Operation(lambda op, x, y, g: [g * y]),
    "Log": _Operation(lambda op, x, y, g: [g / x[0]]),
    "Square": _Operation(lambda op, x, y, g: [2 * g * x[0]]),
    "Sqrt": _Operation(lambda op, x, y, g: [g / (2 * y)]),
    "Cast": _Operation(lambda op, x, y, g: [g]),
    "Reshape": _Operation(lambda op, x, y, g: [g.reshape(x[0].shape)]),
}


def _activation_operation(name: str) -> Rule:
    return _Operation(lambda op, x, y, g: [ACTIVATIONS[name](x[0], y, g)])


OPERATIONS |= {
    name: _activation_operation(name.lower())
    for name in ("Relu", "Sigmoid", "Tanh", "Softmax", "Softplus", "Elu", "Silu", "Gelu", "Selu")
}


def rule_for(layer: Any) -> Rule | None:
    """The rule for a layer or an operation; None if there is none. A class of the learner's own has none."""
    rule = RULES.get(type(layer))
    if rule is None and not isinstance(layer, keras.Layer) and type(layer).__module__.startswith("keras."):
        rule = OPERATIONS.get(type(layer).__name__)
    return rule
