"""What the site is built from, without a browser: files that Keras saves in a page, lessons that can run, links."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from kit import ROOT

sys.path[:0] = [str(ROOT / "browser"), str(ROOT / "book" / "_ext")]
import pages  # noqa: E402
from keras_in_page import h5_files  # noqa: E402
from kitbook import in_the_page  # noqa: E402

NAMES = st.text(st.characters(categories=("L", "N"), include_characters="_ "), min_size=1, max_size=8)
ARRAYS = arrays.arrays(st.sampled_from(["float32", "float64", "int64", "uint8"]), arrays.array_shapes(min_dims=0))
FOLDERS = st.recursive(ARRAYS, lambda below: st.dictionaries(NAMES, below, max_size=3), max_leaves=6)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(NAMES, FOLDERS, max_size=4), st.dictionaries(NAMES, st.one_of(st.text(), st.binary()), max_size=3)
)
def test_what_is_saved_comes_back_to_the_bit(tree: dict, notes: dict) -> None:
    def put(group: h5_files.Group, below: dict) -> None:
        for name, value in below.items():
            if isinstance(value, dict):
                put(group.create_group(name), value)
            else:
                group[name] = value

    def same(group: h5_files.Group, below: dict) -> None:
        assert sorted(group) == sorted(below)
        for name, value in below.items():
            if isinstance(value, dict):
                same(group[name], value)
            else:
                assert group[name].dtype == value.dtype
                np.testing.assert_array_equal(np.asarray(group[name]), value)

    buffer = io.BytesIO()
    with h5_files.File(buffer, "w") as file:
        put(file, tree)
        file.attrs.update(notes)
    with h5_files.File(buffer, "r") as file:
        same(file, tree)
        assert file.attrs == notes


def test_a_path_reaches_into_groups_and_a_foreign_file_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.weights.h5"
    with h5_files.File(path, "w") as file:
        file.create_group("layers").create_dataset(b"dense/vars/0", (2, 3), dtype="float32")[:] = 7
    with h5_files.File(path) as file:
        assert "layers/dense/vars" in file
        assert "layers/dense/other" not in file
        assert file["layers/dense/vars/0"][1, 2] == 7
    path.write_bytes(b"\x89HDF\r\n\x1a\n and more")
    with pytest.raises(OSError, match="was not written in this page"):
        h5_files.File(path)
    with pytest.raises(FileNotFoundError):
        h5_files.File(tmp_path / "no" / "such" / "folder.h5", "w")


@pytest.mark.parametrize(
    ("cell", "runs"),
    [
        ("import keras\nfrom keras import layers\nimport numpy as np, os", True),
        ("from matplotlib import pyplot", True),
        ("import tensorflow as tf", False),
        ("def later():\n    from sklearn.metrics import confusion_matrix", False),
        ("%pip install something", False),
    ],
)
def test_a_lesson_is_offered_where_its_imports_are_in_the_page(cell: str, runs: bool, tmp_path: Path) -> None:
    notebook = tmp_path / "a.ipynb"
    notebook.write_text(json.dumps({"cells": [{"cell_type": "code", "source": cell.splitlines(keepends=True)}]}))
    assert (pages.imports_of(notebook) <= pages.IN_THE_PAGE) is runs


def test_links_stand_under_a_lessons_title_and_in_the_first_pages_list() -> None:
    lesson = '<h1>T</h1>\n<p class="lesson-actions"><a href="x.ipynb">Download</a></p>'
    linked = in_the_page.under_title(lesson, {"Do it": "../exercises/a.html"})
    assert linked.index("Do it") < linked.index("Download")
    with pytest.raises(LookupError):
        in_the_page.under_title("<h1>T</h1>", {"Do it": "a"})
    first = (
        '<nav><ul><li class="toc"><a href="../lessons/a.html">A</a></li></ul></nav><ol>'
        '<li><p><strong><a class="reference" href="../lessons/a.html"><span>A</span></a></strong> (5 min). Q?</p></li>'
        '<li><p><a href="../lessons/b.html">B</a></p></li></ol>'
    )
    linked = in_the_page.in_list(first, {"a": "../exercises/a.html"})
    entry = linked[linked.index("(5 min)") : linked.index("B</a>")]
    assert 'href="../exercises/a.html"' in entry
    assert linked.count("exercises/a.html") == 1
