"""The crossing: what goes in comes out, and whatever else arrives is refused, not believed."""

from __future__ import annotations

import contextlib
import io
import json
import math
import socket
import struct
import threading
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autograder.exercise import wire
from autograder.exercise.wire import (
    MAX_ARRAY_BYTES,
    MAX_JSON_BYTES,
    History,
    Message,
    NotPlain,
    Opaque,
    decode,
    encode,
    one_line,
    read_npy,
)
from autograder.sandbox.channel import Channel, ChannelClosed, ChannelTimeout

_scalars = st.none() | st.booleans() | st.integers(-(10**200), 10**200) | st.floats() | st.text(max_size=30)
_arrays = hnp.arrays(
    st.sampled_from(["u1", "i8", "f4", "f8", "?", ">f4", "<i2"]), hnp.array_shapes(min_dims=0, max_dims=4, max_side=4)
)
_values = st.recursive(
    _scalars | _arrays,
    lambda inner: (
        st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=12,
)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["t", "v", "tree", "arrays", "a"]) | st.text(max_size=3), inner, max_size=4)
        | st.fixed_dictionaries(
            {
                "t": st.sampled_from(["array", "list", "tuple", "dict", "history", "float", "int", "opaque", "no"]),
                "v": inner | st.text(max_size=6),
            }
        )
    ),
    max_leaves=15,
)


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray):
        return (
            isinstance(b, np.ndarray)
            and a.shape == b.shape
            and bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))
        )
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(_same(a[k], b[k]) for k in a)
    if isinstance(a, float) and math.isnan(a):
        return isinstance(b, float) and math.isnan(b)
    if isinstance(a, str):
        return a.encode("utf-8", "replace").decode() == b
    return type(a) is type(b) and a == b


@settings(deadline=None)
@given(_values)
def test_comes_out_as_it_went_in(value: Any) -> None:
    assert _same(value, decode(encode(value)))


@pytest.mark.parametrize(
    ("value", "arrives"),
    [(Fraction(6, 2), 3), (Fraction(1, 4), 0.25), (Decimal("0.5"), 0.5), ([Fraction(1, 2), Decimal(2)], [0.5, 2])],
)
def test_exact_numbers_arrive_as_plain_ones(value: Any, arrives: Any) -> None:
    assert _same(decode(encode(value)), arrives)


@settings(deadline=None)
@given(_json, st.lists(st.binary(max_size=40), max_size=3))
def test_any_tree_is_read_or_refused(tree: Any, arrays: list[bytes]) -> None:
    try:
        decode(Message(tree, arrays))
    except NotPlain as reason:
        assert str(reason)  # noqa: PT017 - either outcome is fine, a crash is not


@settings(max_examples=300, deadline=None)
@given(_arrays, st.data())
def test_mutated_arrays_are_read_or_refused(array: np.ndarray, data: st.DataObject) -> None:
    out = io.BytesIO()
    np.save(out, array)
    raw = bytearray(out.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        read = read_npy(bytes(raw))
    except NotPlain:
        return
    assert read.nbytes <= len(raw)
    assert read.dtype.kind in "biufU"
    str(read.tolist())


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000,)}",
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<U0', 'fortran_order': False, 'shape': (1000000000,)}",
        "{'descr': '<f4', 'fortran_order': True, 'shape': (0, 4611686018427387904, 4611686018427387904)}",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
        "__import__('os').system('true')",
        "(" * 900,
    ],
)
def test_refuses_arrays_that_lie(header: str) -> None:
    text = header.ljust(1000).encode() + b"\n"
    with pytest.raises(NotPlain):
        read_npy(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + b"\0\0\0\0")


def test_refuses_text_that_is_no_unicode() -> None:
    out = io.BytesIO()
    np.save(out, np.array(["ab"]))
    with pytest.raises(NotPlain, match="not text"):
        read_npy(out.getvalue()[:-4] + struct.pack("<I", 0x7FFFFFFF))


def test_one_array_cannot_be_named_twice() -> None:
    message = encode(np.zeros(10))
    message.tree = {"t": "list", "v": [message.tree] * 2}
    with pytest.raises(NotPlain, match="twice"):
        decode(message)


class _Kept:
    """What a notebook can make of `History` by itself."""

    def __init__(self, **history: Any) -> None:
        self.history = history


_Kept.__name__ = "History"


def test_a_history_does_not_grow_beyond_reach() -> None:
    """As a list, an array of single bytes takes 40 times its memory: 10 GB of the grader for 256 MB sent."""
    for kept in (
        {"loss": np.zeros(1_000_000, np.int8)},
        {f"metric{n}": np.zeros(100_000, np.int8) for n in range(5)},
    ):
        with pytest.raises(NotPlain, match="more than 200,000 parts"):
            decode(encode(_Kept(**kept)))
    # An empty array can have any number of rows, each a list of its own.
    assert decode(encode(_Kept(loss=np.zeros((1000, 0)), accuracy=np.ones(20_000)))) == History(
        {"accuracy": [1.0] * 20_000}
    )


def test_numbers_stay_within_reach() -> None:
    huge = decode(encode([10**350, -(10**350), 2**70]))
    assert huge == [math.inf, -math.inf, 2**70]
    assert decode(
        Message({"t": "history", "v": {"t": "dict", "v": [["a", {"t": "list", "v": [10**400]}]]}})
    ) == History({"a": [math.inf]})
    with pytest.raises(NotPlain):
        decode(Message({"t": "int", "v": "\u00b2"}))


def test_keys_that_all_have_one_hash_take_no_time() -> None:
    """Without their turning into text, 80,000 of them would keep a worker busy for more than a minute."""
    same = 2**61 - 1
    tree = {"t": "dict", "v": [[{"t": "int", "v": str(n * same)}, n] for n in range(1, 3_000)]}
    found = decode(Message(tree))
    assert len(found) == 2_999
    assert len({hash(key) for key in found}) > 2_900


def test_a_boolean_is_nothing_but_true_or_false() -> None:
    out = io.BytesIO()
    np.lib.format.write_array(out, np.array([2, 0, 7], np.uint8).view(bool))
    found = decode(Message({"t": "array", "v": 0}, [out.getvalue()]))
    assert found.view(np.uint8).tolist() == [1, 0, 1]


def test_text_fits_into_a_file() -> None:
    for tree in ("\ud800", {"t": "opaque", "v": "a\x1b[2J\ud800\n" * 50}):
        value = decode(Message(tree))
        text = value.type_name if isinstance(value, Opaque) else value
        text.encode("utf-8")
    assert one_line("a\x1b[2J\n\ud800b\u202e", 100) == "a [2J b"
    assert one_line(["no text"], 100) == ""


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_on_the_channel_are_refused(raw: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(raw)
        theirs.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ChannelClosed, NotPlain):
            Channel(ours).receive(1.0)


@settings(deadline=None)
@given(_json)
def test_any_head_on_the_channel_is_read_or_refused(head: Any) -> None:
    raw = json.dumps(head).encode()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(struct.pack(">I", len(raw)) + raw)
        theirs.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ChannelClosed, NotPlain):
            decode(Channel(ours).receive(1.0))


@pytest.mark.parametrize(
    "frame",
    [
        struct.pack(">I", MAX_JSON_BYTES + 1),
        struct.pack(">I", 40) + b'{"tree": 1, "arrays": [300000000]}      ',
        struct.pack(">I", 200_000) + b"[" * 200_000,
    ],
)
def test_too_much_is_refused_before_it_is_held(frame: bytes) -> None:
    ours, theirs = socket.socketpair()
    sender = threading.Thread(target=theirs.sendall, args=(frame,))
    with ours, theirs:
        sender.start()
        with pytest.raises(NotPlain):
            Channel(ours).receive(2.0)
        sender.join()
    assert MAX_ARRAY_BYTES < 300_000_000


def test_a_late_frame_is_still_one_frame() -> None:
    """An answer that came in halves, the second after we lost patience, does not shift those that follow."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        first, second = encode([1, np.arange(5)]).to_bytes(), encode("second").to_bytes()
        channel = Channel(ours)
        theirs.sendall(first[:30])
        with pytest.raises(ChannelTimeout):
            channel.receive(0.05)
        theirs.sendall(first[30:] + second)
        assert decode(channel.receive(1.0))[0] == 1
        assert decode(channel.receive(1.0)) == "second"


class Table:
    """As pandas' DataFrame looks from outside: a shape and plain values, but no dtype of its own."""

    shape = (2, 2)

    def __init__(self, values: Any) -> None:
        self.values = values

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.asarray(self.values, dtype)


IMAGES = np.arange(600 * 784, dtype=np.float32).reshape(600, 784)
FORMS = {
    "a list of lists": (IMAGES.tolist(), IMAGES),
    "a list of NumPy numbers in lists": ([list(row) for row in IMAGES], IMAGES),
    "a list of arrays": (list(IMAGES), IMAGES),
    "a tuple of lists": (tuple(IMAGES.tolist()), IMAGES),
    "a table": (Table([[1.0, 2], [3, 4]]), np.array([[1.0, 2], [3, 4]])),
    "a table of texts": (Table(np.array([["a", "b"], ["c", "d"]], object)), np.array([["a", "b"], ["c", "d"]])),
    "many texts": (["shirt", "dress"] * 2_000, np.array(["shirt", "dress"] * 2_000)),
    "many truths": ([True, False] * 2_000, np.array([True, False] * 2_000)),
    "a range": (range(3), [0, 1, 2]),
    "values of a dictionary": ({"a": 1}.values(), [1]),
}


@pytest.mark.parametrize("form", FORMS)
def test_numbers_arrive_in_whatever_form_they_are_kept(form: str) -> None:
    value, expected = FORMS[form]
    found = decode(encode(value))
    assert type(found) is type(expected)
    np.testing.assert_array_equal(found, expected)
    if isinstance(expected, np.ndarray):
        assert found.dtype.kind == expected.dtype.kind


@pytest.mark.parametrize(
    "made",  # here and not while tests are collected, which each worker does: 400 MB
    [
        lambda: [[{}] for _ in range(150_000)],  # within each cap but that of the whole
        lambda: ["x" * 50_000] * 200,
        lambda: [np.zeros((i % 7 + 1,)) for i in range(5_000)],
        lambda: [np.zeros(40_000_000, np.uint8) + i for i in range(8)],
        lambda: np.zeros(300_000_000, np.uint8),
        lambda: {i: [[1], [2, 3]] for i in range(100_000)},
        lambda: np.array(["x" * 2_000]),
    ],
    ids=["parts", "texts", "arrays", "bytes", "one array", "a dictionary", "long texts"],
)
def test_what_is_too_large_says_so_in_a_frame_that_fits(made: Callable[[], Any]) -> None:
    message = encode(made())
    found = decode(message)
    assert isinstance(found, Opaque)
    assert "too large to look at" in found.type_name
    assert len(message.to_bytes()) < 1_000


@pytest.mark.parametrize("value", [[1, "a"] * 2_000, [[1], [1, 2]] * 2_000, [None, 1] * 2_000, [[1.5, "b"]] * 2_000])
def test_many_values_of_several_kinds_stay_what_they_are(value: list[Any]) -> None:
    assert decode(encode(value)) == value


class Quits:
    """Ends whoever looks at it closely."""

    shape = (1,)

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        raise SystemExit


def test_a_value_that_quits_is_a_value_without_a_form() -> None:
    assert decode(encode([1, Quits()])) == [1, Opaque("Quits")]


def test_an_array_that_may_not_be_written_to_arrives_as_such() -> None:
    fixed, free = np.arange(3), np.arange(4)
    fixed.setflags(write=False)
    there = wire.decode(wire.encode({"args": (fixed, [free])}, keep_read_only=True))
    (one, (other,)) = there["args"]
    assert one.tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="read-only"):
        one[0] = 7
    other[0] = 7
    wire.decode(wire.encode(fixed))[0] = 7  # what comes from a student may always be worked with


def test_the_size_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").write_bytes(b"four")
    (tmp_path / "folder").mkdir()
    assert [wire.file_size(name) for name in ("here", "gone", "folder", "\0", "here/x")] == [4, None, None, None, None]
