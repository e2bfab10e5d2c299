"""Figures drawn with less around it: the same pictures, to the last bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import matplotlib
import numpy as np
import pytest
from IPython.core.pylabtools import print_figure
from matplotlib.figure import Figure
from matplotlib.text import Text

from autograder.compat import matplotlib_figures


def pictures_and_names() -> Figure:
    figure = Figure(figsize=(8, 3))
    for axis, name in zip(figure.subplots(2, 4).flat, "abcdabcd", strict=True):
        axis.imshow(np.arange(9).reshape(3, 3), cmap="gray")
        axis.set_title(f"it says {name},\nand is not", fontsize=8)
        axis.axis("off")
    return figure


def a_matrix_with_numbers() -> Figure:
    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = np.asarray(figure.subfigures(1, 2))
    axis = left.subplots()
    shown = axis.imshow(np.eye(6))
    left.colorbar(shown, label="how many")
    for place in range(36):
        axis.text(place // 6, place % 6, place, ha="center", va="center", color="w" if place % 7 else "k")
    axis.set(xticks=range(6), yticks=range(6), xlabel="predicted", ylabel="true", title="Mistakes")
    right.subplots(2, 2)
    return figure


def curves() -> Figure:
    figure = Figure(figsize=(9, 3), layout="constrained")
    for axis in figure.subplots(1, 3, sharey=True):
        axis.plot([1.0, 0.5, 0.3], label="training")
        axis.plot([1.1, 0.7, 0.8], "--", label="validation, $\\frac{a}{b}$")
        axis.set(title="$x_1$ costs 5 \\$", xlabel="epoch")
        axis.legend()
    return figure


def every_way_to_set_a_text() -> Figure:
    """Texts that differ in one thing only, and some odd ones."""
    figure = Figure(figsize=(9, 5))
    axis = figure.subplots()
    settings: dict[str, tuple[Any, ...]] = {
        "rotation": (0, 30, 90),
        "linespacing": (1.0, 1.5, "normal"),
        "multialignment": ("left", "center", "right"),
        "va": ("top", "bottom", "baseline"),
        "ha": ("left", "center", "right"),
        "fontsize": (8, 10, 12),
        "family": ("serif", "monospace", "sans-serif"),
        "parse_math": (True, False, True),
        "wrap": (False, True, False),
    }
    for column, (name, values) in enumerate(settings.items()):
        for row, value in enumerate(values):
            axis.text(column / 9, row / 4, "it is\nlong $a$", {"ha": "right"} | {name: value})
    for row, mode in enumerate(("default", "anchor", "xtick")):
        axis.text(row / 4, 0.8, "turned", rotation=30, rotation_mode=mode)
    axis.text(0.2, 0.9, "along", rotation=45, transform_rotates_text=True, transform=axis.transData)
    axis.annotate("here", (0.5, 0.5), (0.6, 0.8), arrowprops={"arrowstyle": "->"}, bbox={"boxstyle": "round"})
    axis.tick_params(axis="x", labelrotation=60)
    axis.table([["1", "2"], ["3", "4"]], loc="top")
    return figure


FIGURES = [pictures_and_names, a_matrix_with_numbers, curves, every_way_to_set_a_text]


@pytest.fixture(autouse=True)
def as_matplotlib_draws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test starts, and leaves, with Matplotlib as it is."""
    monkeypatch.setattr(Text, "_get_layout", Text._get_layout)  # type: ignore[attr-defined]
    with matplotlib.rc_context({"savefig.bbox": "tight"}):
        yield


@pytest.mark.parametrize("make", FIGURES)
def test_the_picture_is_the_same(make: Callable[[], Figure]) -> None:
    before = print_figure(make(), "png")
    matplotlib_figures.install()
    after = make()
    assert print_figure(after, "png") == before
    for text in after.findobj(Text):
        assert isinstance(text, Text)
        text.set_fontsize(float(text.get_fontsize()) + 3)
    changed = print_figure(after, "png")
    assert changed != before, "a text that changed is measured anew"


def test_a_text_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = []
    prepare = Text._preprocess_math  # type: ignore[attr-defined]

    def count(self: Text, line: str) -> Any:
        measured.append(line)
        return prepare(self, line)

    monkeypatch.setattr(Text, "_preprocess_math", count)
    print_figure(a_matrix_with_numbers(), "png")
    often = len(measured)
    matplotlib_figures.install()
    measured.clear()
    print_figure(a_matrix_with_numbers(), "png")
    assert len(measured) < often / 4


def test_another_matplotlib_draws_as_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    def _get_layout(self: Text, renderer: Any) -> Any: ...

    monkeypatch.setattr(Text, "_get_layout", _get_layout)
    matplotlib_figures.install()
    assert Text._get_layout is _get_layout  # type: ignore[attr-defined]


def test_this_matplotlib_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Text._get_layout  # type: ignore[attr-defined]
    matplotlib_figures.install()
    assert Text._get_layout is not before, "look at what its layout depends on now, then add its digest"  # type: ignore[attr-defined]
