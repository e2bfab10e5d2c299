"""Plain data: the only thing that crosses the sandbox boundary between a student's code and the checks.

A value is turned into a JSON tree plus a list of arrays in NumPy's ``.npy`` format, and back. Nothing is
pickled, nothing is evaluated. Whatever has no plain form (an open file, a model, a lambda) arrives as
`Opaque`, which knows only the name of its type. Both directions are capped: `encode` runs beside the
student's code and is merely polite; `decode` runs on the trusted side and believes nothing.
"""

from __future__ import annotations

import io
import json
import math
import os
import re
import stat
import struct
from collections import deque
from collections.abc import KeysView, ValuesView
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from autograder.exercise.sentences import across, arrived, printable
from autograder.language import _, as_sentence

MAX_JSON_BYTES = 4_000_000
MAX_ARRAY_BYTES = 256_000_000  # MNIST's training images as float32 are 188 MB
MAX_ARRAYS = 1_000
MAX_ITEMS = 200_000
MAX_DEPTH = 24
MAX_RANK = 8
MAX_TEXT = 100_000  # characters of one string
MAX_ITEM_BYTES = 4_000  # of one element of an array: a text of a thousand characters
_ONE_BY_ONE = 2_000  # numbers of a list that are sent as such; more are sent as one array
_ARRAYS_ONE_BY_ONE = 16
_ARRAY = _("NumPy array")
_WHOLE = re.compile(r"-?[0-9]+", re.ASCII)
_LAST_CHARACTER = 0x10FFFF
_KINDS = "biufU"  # bool, integers, floats, text; no objects, no records


class NotPlain(ValueError):
    """Data that broke a rule of the crossing. The message is a sentence for the student."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = as_sentence(why)


@dataclass(frozen=True)
class Opaque:
    """A value with no plain form: only the name of its type came across."""

    type_name: str

    def __repr__(self) -> str:
        return f"<{self.type_name}>"


@dataclass(frozen=True)
class History:
    """What ``model.fit`` returned: one list of floats per metric, one entry per epoch."""

    history: dict[str, list[float]]

    @property
    def epochs(self) -> int:
        """Number of epochs that were recorded."""
        return max((len(v) for v in self.history.values()), default=0)


@dataclass
class Message:
    """A JSON tree and the arrays it refers to by index."""

    tree: Any
    arrays: list[bytes] = field(default_factory=list)

    def parts(self) -> list[bytes]:
        """One frame in parts: length of the JSON, the JSON, then the arrays one after another."""
        head = json.dumps({"tree": self.tree, "arrays": [len(a) for a in self.arrays]}).encode()
        return [struct.pack(">I", len(head)), head, *self.arrays]

    def to_bytes(self) -> bytes:
        """One frame."""
        return b"".join(self.parts())

    @classmethod
    def from_bytes(cls, frame: bytes) -> Message:
        """The inverse of `to_bytes`, for a frame of our own, which may be of any size.

        Raises:
            NotPlain: it is not a frame.
        """
        begin = FRAME_BEGINS + head_size(frame)
        tree, sizes = read_head(frame[FRAME_BEGINS:begin])
        return cls(tree, arrays_in(frame, begin, sizes))


FRAME_BEGINS = 4  # bytes before the head of a frame, which hold its size


def head_size(frame: bytes | bytearray) -> int:
    """Bytes of a frame's head, from the frame's first `FRAME_BEGINS` bytes.

    Raises:
        NotPlain: there are not as many.
    """
    if len(frame) < FRAME_BEGINS:
        raise NotPlain("The value did not arrive in a form that can be read.")
    return int(struct.unpack(">I", frame[:FRAME_BEGINS])[0])


def read_head(head: bytes | bytearray) -> tuple[Any, list[int]]:
    """The tree of a frame, and the sizes of the arrays that follow.

    Raises:
        NotPlain: it is no such head.
    """
    try:
        read = json.loads(head)
        tree, sizes = read["tree"], read["arrays"]
    except (ValueError, RecursionError, TypeError, KeyError) as error:
        raise NotPlain("The value did not arrive in a form that can be read.") from error
    if not isinstance(sizes, list) or not all(type(n) is int and n >= 0 for n in sizes):
        raise NotPlain("The value did not arrive in a form that can be read.")
    return tree, sizes


def arrays_in(frame: bytes | bytearray, begin: int, sizes: list[int]) -> list[bytes]:
    """The arrays of a frame, which lie one after another from `begin` on."""
    ends = list(accumulate(sizes, initial=begin))
    return [bytes(memoryview(frame)[start:end]) for start, end in pairwise(ends)]


def encode(value: Any, keep_read_only: bool = False) -> Message:
    """Turn `value` into a message. Never raises for odd values: they become opaque, and so does what is too large.

    Args:
        keep_read_only: whether arrays that may not be written to arrive as such.
    """
    encoder = _Encoder(keep_read_only)
    try:
        tree = encoder.tree(value, 0)
    except _TooLargeError:
        return Message(_opaque(_("{kind} that is too large to look at", kind=_type_name(type(value)))))
    return Message(tree, encoder.arrays)


def decode(message: Message) -> Any:
    """Turn a message back into plain Python and NumPy values.

    Raises:
        NotPlain: the message is malformed, too deep, too large or holds a forbidden kind of array.
    """
    try:
        return _Decoder(message).tree(message.tree, 0)
    except NotPlain:
        raise
    except Exception as error:  # whatever else a hostile frame leads to
        raise NotPlain("The value did not arrive in a form that can be read.") from error


def file_size(name: str) -> int | None:
    """Bytes of a file in the present folder; None if there is no such file. Runs beside the student's code."""
    try:
        found = os.stat(name)
    except (OSError, ValueError):
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def one_line(text: Any, limit: int) -> str:
    """Text from the other side, fit to stand in a sentence: one line, printable, valid Unicode, not long."""
    if not isinstance(text, str):
        return ""
    return " ".join(printable(text[: 2 * limit]).split())[:limit]


def type_name(value: Any) -> str:
    """The name of a value's type as a learner knows it: ``list``, ``numpy.ndarray``, ``Sequential``."""
    if isinstance(value, Opaque):
        return value.type_name
    if isinstance(value, np.ndarray):
        return _ARRAY
    return _type_name(type(value))


def _type_name(kind: type) -> str:
    name = str(getattr(kind, "__name__", "object"))[:80]
    return _ARRAY if name == "ndarray" else name


def _opaque(kind: str) -> dict[str, Any]:
    """What arrives as an `Opaque` of this name."""
    return {"t": "opaque", "v": across(kind)}


class _TooLargeError(Exception):
    """The whole value is larger than a message may be."""


class _Encoder:
    """Walks a value once, and stops when it cannot fit any more."""

    def __init__(self, keep_read_only: bool = False) -> None:
        self.arrays: list[bytes] = []
        self._keep_read_only = keep_read_only
        self._letters = MAX_JSON_BYTES - 100_000  # of the JSON, that are left; the rest is for what is around it
        self._bytes = MAX_ARRAY_BYTES

    def tree(self, value: Any, depth: int) -> Any:
        try:
            node = self._known(value, depth)
        except (_TooLargeError, KeyboardInterrupt):
            raise
        except BaseException:  # a hostile or broken object: its __array__, __iter__ or __len__ may do anything
            node = {"t": "opaque", "v": _type_name(type(value))}
        self._use(len(json.dumps(node)) if isinstance(node, str) else 30)
        return node

    def _use(self, letters: int) -> None:
        self._letters -= letters
        if self._letters < 0:
            raise _TooLargeError

    def _known(self, value: Any, depth: int) -> Any:
        if depth > MAX_DEPTH:
            return _opaque(_("deeply nested {kind}", kind=_type_name(type(value))))
        if value is None or (isinstance(value, (bool, str)) and type(value) in (bool, str)):
            return value if not isinstance(value, str) else value[:MAX_TEXT]
        if isinstance(value, Opaque):  # came across before
            return _opaque(value.type_name)
        if isinstance(value, np.generic):
            return self._known(value.item(), depth)
        if isinstance(value, int):
            if abs(int(value)) < 2**53:
                return int(value)
            self._use(400)
            return {"t": "int", "v": str(int(value))[:400]}
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else {"t": "float", "v": repr(float(value))}
        if type(value) in (Fraction, Decimal):
            return self._known(int(value) if value == int(value) else float(value), depth)
        if isinstance(value, np.ndarray):
            return self._array(np.asarray(value))
        if isinstance(value, (range, deque, KeysView, ValuesView)):
            value = list(value)
        if isinstance(value, (list, tuple)):
            return self._items(value, depth)
        if isinstance(value, dict):
            if len(value) > MAX_ITEMS:
                return _opaque(_("{kind} of {count:,} items", kind="dict", count=len(value)))
            return {"t": "dict", "v": [[self.tree(k, depth + 1), self.tree(v, depth + 1)] for k, v in value.items()]}
        if type(value).__name__ == "History" and isinstance(getattr(value, "history", None), dict):
            return {"t": "history", "v": self.tree(value.history, depth + 1)}
        # A tensor of any backend, a table or a column of pandas.
        if hasattr(value, "shape") and (hasattr(value, "dtype") or hasattr(value, "__array__")):
            if hasattr(value, "detach"):  # torch: leave the graph and the device first
                value = value.detach().cpu()
            return self._array(np.asarray(value))
        return _opaque(_type_name(type(value)))

    def _items(self, value: list[Any] | tuple[Any, ...], depth: int) -> Any:
        """A list as what it is; one with many numbers as one array, if its rows are of one length."""
        if _many(value) and (rows := _as_rows(value)) is not None:
            return self._array(rows)
        if len(value) > MAX_ITEMS:
            return _opaque(_("{kind} of {count:,} items", kind=_type_name(type(value)), count=len(value)))
        kind = "tuple" if isinstance(value, tuple) else "list"
        return {"t": kind, "v": [self.tree(v, depth + 1) for v in value]}

    def _array(self, array: np.ndarray) -> Any:
        if array.dtype.name == "bfloat16":
            array = array.astype(np.float32)
        if array.dtype.kind in "OT":  # pandas keeps texts, and columns of several kinds, as objects
            rows = _as_rows(array.tolist()) if array.size <= MAX_ITEMS else None
            array = array if rows is None else rows
        if array.dtype.kind not in _KINDS:
            return _opaque(_("NumPy array of {dtype}", dtype=str(array.dtype)))
        if array.nbytes > MAX_ARRAY_BYTES or array.dtype.itemsize > MAX_ITEM_BYTES:
            size = array.nbytes // 10**6
            return _opaque(_("NumPy array that is too large to look at ({megabytes:,} MB)", megabytes=size))
        self._bytes -= array.nbytes
        if self._bytes < 0 or len(self.arrays) >= MAX_ARRAYS:
            raise _TooLargeError
        out = io.BytesIO()
        np.lib.format.write_array(out, np.ascontiguousarray(array).reshape(array.shape), allow_pickle=False)
        self.arrays.append(out.getvalue())
        read_only = self._keep_read_only and not array.flags.writeable
        return {"t": "read-only array" if read_only else "array", "v": len(self.arrays) - 1}


def _many(value: Any) -> bool:
    """Whether a list holds more numbers, or arrays, than are sent one by one."""
    if len(value) > _ONE_BY_ONE:
        return True
    first = value[0] if len(value) else None
    if isinstance(first, (list, tuple)):
        return len(first) > 0 and (len(value) * len(first) > _ONE_BY_ONE or _many(first))
    return len(value) > _ARRAYS_ONE_BY_ONE and hasattr(first, "shape")


def _as_rows(value: Any) -> np.ndarray | None:
    """Nested lists of numbers, or of texts, as one array; None if they are something else."""
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, OverflowError):  # rows of different lengths
        return None
    if array.dtype.kind == "U":  # numbers among texts would have become texts, too
        texts = value
        for _ in range(array.ndim - 1):
            texts = [text for row in texts for text in row]
        return array if all(isinstance(text, str) for text in texts) else None
    return array if array.dtype.kind in "biuf" else None


class _Decoder:
    """Walks a tree once, counting items, so that neither depth nor breadth can hurt."""

    def __init__(self, message: Message) -> None:
        self.arrays: list[bytes | None] = list(message.arrays)
        self.items = 0

    def tree(self, node: Any, depth: int) -> Any:
        self.count(1)
        if depth > MAX_DEPTH + 1:
            raise NotPlain(_("The value is nested more than {count} levels deep.", count=MAX_DEPTH))
        if node is None or isinstance(node, (bool, float)):
            return node
        if isinstance(node, int):
            return _in_range(node)
        if isinstance(node, str):
            return node[:MAX_TEXT].encode("utf-8", "replace").decode("utf-8")  # no lone surrogates
        if not isinstance(node, dict) or not isinstance(node.get("t"), str):
            raise NotPlain("The value did not arrive in a form that can be read.")
        return self.tagged(node["t"], node.get("v"), depth)

    def tagged(self, tag: str, body: Any, depth: int) -> Any:
        if tag in ("array", "read-only array") and isinstance(body, int) and 0 <= body < len(self.arrays):
            array, self.arrays[body] = self.arrays[body], None
            if array is None:  # one large array, named a hundred thousand times, would fill our memory
                raise NotPlain("The value names one array twice.")
            read = read_npy(array)
            read.setflags(write=tag == "array")
            return read
        if tag in ("list", "tuple") and isinstance(body, list):
            items = [self.tree(v, depth + 1) for v in body]
            return tuple(items) if tag == "tuple" else items
        if tag == "dict" and isinstance(body, list):
            return {self.key(p, depth): self.tree(p[1], depth + 1) for p in body if _is_pair(p)}
        if tag == "history":
            return History(self.history(self.tree(body, depth + 1)))
        if tag == "float" and body in ("nan", "inf", "-inf"):
            return float(body)
        if tag == "int" and isinstance(body, str) and len(body) <= 400 and _WHOLE.fullmatch(body):
            return _in_range(int(body))
        if tag == "opaque" and isinstance(body, str):
            return Opaque(one_line(body, 200))
        if tag == "opaque" and isinstance(body, list) and (name := arrived(body, 200)):
            return Opaque(name)
        raise NotPlain("The value did not arrive in a form that can be read.")

    def key(self, pair: Any, depth: int) -> Any:
        key = self.tree(pair[0], depth + 1)
        if isinstance(key, int) and abs(key) >= 2**53:
            # Multiples of 2**61 - 1 all have the hash 0: a dictionary of many such keys takes minutes to fill.
            return str(key)[:200]
        return key if isinstance(key, (str, int, float, bool, type(None))) else repr(key)[:200]

    def history(self, value: Any) -> dict[str, list[float]]:
        """Each metric as a list. Numbers of an array count as parts here: a list takes up to 40 times its memory."""
        out: dict[str, list[float]] = {}
        for key, numbers in value.items() if isinstance(value, dict) else ():
            if isinstance(numbers, np.ndarray) and numbers.ndim == 1:
                self.count(numbers.size)
                numbers = numbers.tolist()
            if isinstance(numbers, list) and all(isinstance(n, (int, float)) for n in numbers):
                out[str(key)] = [float(n) for n in numbers]
        return out

    def count(self, parts: int) -> None:
        self.items += parts
        if self.items > MAX_ITEMS * 2:
            raise NotPlain(_("The value has more than {count:,} parts.", count=MAX_ITEMS))


def _in_range(number: int) -> int | float:
    """A whole number that can be used in arithmetic; one too large for a float becomes infinite."""
    return number if abs(number) < 10**300 else (math.inf if number > 0 else -math.inf)


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2


def read_npy(data: bytes) -> np.ndarray:
    """Read one ``.npy`` array that somebody else wrote.

    The header is believed only if the bytes that follow are exactly as many as it announces, so a claimed
    shape of 10^9 costs nothing.

    Raises:
        NotPlain: not an ``.npy`` file, a forbidden dtype, a rank above `MAX_RANK`, or a wrong length.
    """
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(stream, max_header_size=2_000)
    except Exception as error:
        raise NotPlain("An array did not arrive in NumPy's .npy format.") from error
    if dtype.hasobject or dtype.kind not in _KINDS or not 0 < dtype.itemsize <= MAX_ITEM_BYTES:
        raise NotPlain(_("An array of {dtype} is not accepted; use numbers.", dtype=str(dtype)))
    if len(shape) > MAX_RANK or any(n < 0 for n in shape):
        raise NotPlain(
            _("An array with {count} axes is not accepted; {most} is the limit.", count=len(shape), most=MAX_RANK)
        )
    body = data[stream.tell() :]
    if math.prod(shape) * dtype.itemsize != len(body):
        raise NotPlain("An array's announced shape and its data do not agree.")
    try:
        array = np.frombuffer(body, dtype=dtype).reshape(shape, order="F" if fortran else "C")
        array = array.astype(dtype.newbyteorder("="), order="C", copy=True)
    except Exception as error:  # an empty array whose other axes are beyond counting
        raise NotPlain("An array's announced shape and its data do not agree.") from error
    if dtype.kind == "b":
        return np.asarray(array.view(np.uint8) != 0)  # a byte of 7 would be true here and 7 there
    if dtype.kind == "U" and array.size:
        points = array.reshape(-1).view(np.uint32)
        if (points > _LAST_CHARACTER).any() or ((points >= 0xD800) & (points < 0xE000)).any():
            raise NotPlain("An array of text holds something that is not text.")
    return array
