"""Pictures of networks, all in one language: ``{picture} name``.

.. code-block:: md

    :::{picture} way-of-an-image
    :alt: An image of a 7 becomes 784 numbers, these ten scores, and these ten probabilities.
    :::

Squares are numbers, the fuller the larger; circles are units; lines are weights; bars are probabilities. Blue is
what the words around a picture speak of; all else has the page's own text colour, in light and in dark. No picture is
wider than 440, so that its words can be read on a phone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from html import escape
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

#: A seven, ten rows of ten, 0 to 9 for the ink in each pixel.
SEVEN = (
    "0000000000",
    "0269999620",
    "0357779950",
    "0000003940",
    "0000008900",
    "0000049400",
    "0000098000",
    "0000594000",
    "0000980000",
    "0000630000",
)
#: What the network of lesson 4 might answer: nearly all for the seven.
ANSWER = (0.01, 0.0, 0.01, 0.03, 0.01, 0.01, 0.0, 0.88, 0.01, 0.04)


class Drawing:
    """An SVG that grows by what is drawn into it. Lengths are in pixels at full size; y grows downwards."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._parts: list[str] = []

    def square(self, x: float, y: float, side: float, fill: float, chosen: bool = False) -> None:
        """A number from 0 to 1 as a square that is filled as much."""
        self._parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{side:g}" height="{side:g}" class="{_which(chosen)}" '
            f'fill-opacity="{fill:.2f}" stroke-opacity=".35" stroke-width=".6"/>'
        )

    def unit(self, x: float, y: float, radius: float, chosen: bool = False) -> None:
        """A unit as a circle around a point."""
        self._parts.append(
            f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" class="{_which(chosen)}" '
            f'fill-opacity="{0.9 if chosen else 0.12}" stroke-width="1.2"/>'
        )

    def weight(self, start: tuple[float, float], end: tuple[float, float], chosen: bool = False) -> None:
        """A weight as a line between two points."""
        self._parts.append(
            f'<line x1="{start[0]:g}" y1="{start[1]:g}" x2="{end[0]:g}" y2="{end[1]:g}" class="{_which(chosen)}" '
            f'stroke-width="{1.1 if chosen else 0.6}" stroke-opacity="{0.95 if chosen else 0.22}"/>'
        )

    def bar(self, x: float, y: float, length: float, thickness: float, chosen: bool = False) -> None:
        """A probability as a bar that begins at a point."""
        self._parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{length:g}" height="{thickness:g}" class="{_which(chosen)}" '
            f'fill-opacity="{0.9 if chosen else 0.45}" stroke-width="0"/>'
        )

    def arrow(self, x: float, y: float, length: float) -> None:
        """An arrow to the right: what becomes of what."""
        end = x + length
        self._parts.append(
            f'<path d="M{x:g} {y:g}H{end:g}m-5 -4l5 4l-5 4" fill="none" stroke="currentColor" stroke-width="1.4"/>'
        )

    def words(self, x: float, y: float, words: str, size: float = 14, anchor: str = "middle") -> None:
        """Words whose line stands at ``y``."""
        self._parts.append(
            f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" text-anchor="{anchor}" fill="currentColor">'
            f"{escape(words)}</text>"
        )

    def svg(self, alternative: str) -> str:
        """The picture as part of a page."""
        return (
            f'<div class="figure-frame"><svg viewBox="0 0 {self.width} {self.height}" role="img" '
            f'aria-label="{escape(alternative, quote=True)}" class="figure-svg network-picture" '
            f'style="max-width: {round(self.width * 1.5)}px">{"".join(self._parts)}</svg></div>'
        )


def _which(chosen: bool) -> str:
    return "followed" if chosen else "plain"


def _column(count: int, top: float, bottom: float) -> list[float]:
    """The heights of ``count`` things, evenly spread."""
    return [top + (bottom - top) * place / (count - 1) for place in range(count)]


def _image(drawing: Drawing, x: float, y: float, side: float, rows: Iterable[str] = SEVEN) -> None:
    """An image as squares; ``side`` is that of a pixel."""
    for row, digits in enumerate(rows):
        for column, digit in enumerate(digits):
            drawing.square(x + column * side, y + row * side, side, int(digit) / 9)


def way_of_an_image() -> Drawing:
    """An image, its 784 numbers, ten units with a weight for each number, ten probabilities."""
    drawing = Drawing(440, 214)
    _image(drawing, 4, 44, 10)
    drawing.arrow(112, 94, 26)
    rows = _column(13, 14, 174)
    numbers = [int(digit) / 9 for digit in "0269903948090"]
    for place, (y, fill) in enumerate(zip(rows, numbers, strict=True)):
        if place == 6:
            drawing.words(155, y + 3, "⋮", 15)
        else:
            drawing.square(149, y - 6, 12, fill)
    units = _column(10, 12, 176)
    for chosen in (False, True):  # the followed weights lie on top
        for unit, y in enumerate(units):
            if (unit == 7) is chosen:
                for place, start in enumerate(rows):
                    if place != 6:
                        drawing.weight((161, start), (249, y), chosen)
    for unit, y in enumerate(units):
        drawing.unit(257, y, 7.5, unit == 7)
        drawing.words(330, y + 4.5, str(unit))
        drawing.bar(341, y - 5, max(2.0, 92 * ANSWER[unit]), 10, unit == 7)
    drawing.arrow(276, 94, 34)
    for x, words in ((54, "an image"), (155, "784 numbers"), (257, "10 units"), (385, "10 probabilities")):
        drawing.words(x, 207, words)
    return drawing


def neuron() -> Drawing:
    """One unit: inputs, a weight for each, their sum with the bias, the activation."""
    drawing = Drawing(440, 180)
    inputs = (("x₁", "w₁", 18, 0.1), ("x₂", "w₂", 54, 0.8), ("x₃", "w₃", 90, 0.5), ("x₇₈₄", "w₇₈₄", 142, 0.2))
    for name, weight, y, fill in inputs:
        drawing.square(50, y - 8, 16, fill)
        drawing.words(42, y + 4.5, name, 14, "end")
        drawing.weight((66, y), (187, 80), chosen=True)
        # Above its line, or below where the line rises to the unit.
        drawing.words(88, y + (80 - y) * 0.2 - 5, weight) if y < 120 else drawing.words(106, y + 4, weight)
    drawing.words(58, 122, "⋮", 14)
    drawing.unit(214, 80, 27)
    drawing.words(214, 85, "Σ + b", 15)
    drawing.arrow(245, 80, 34)
    drawing.words(261, 70, "z", 14)
    drawing.unit(310, 80, 27)
    drawing.words(310, 85, "f(z)", 15)
    drawing.arrow(341, 80, 30)
    drawing.words(406, 85, "output", 14)
    for x, words in ((58, "inputs"), (204, "weighted sum"), (318, "activation")):
        drawing.words(x, 174, words)
    return drawing


def _layers(sizes: tuple[tuple[int, str], ...], followed: tuple[int, ...]) -> Drawing:
    """Dense layers side by side, each unit joined to all of the layer before it."""
    drawing = Drawing(440, 200)
    places = [60 + 320 * number / (len(sizes) - 1) for number in range(len(sizes))]
    columns = []
    for count, _ in sizes:
        middle, gap = 86, min(26.0, 160 / max(1, count - 1))
        columns.append([middle + gap * (place - (count - 1) / 2) for place in range(count)])
    for number in range(1, len(sizes)):
        for chosen in (False, True):
            for unit, end in enumerate(columns[number]):
                if (unit == followed[number]) is chosen:
                    for start in columns[number - 1]:
                        drawing.weight((places[number - 1] + 8, start), (places[number] - 8, end), chosen)
    for number, column in enumerate(columns):
        for unit, y in enumerate(column):
            if number == 0:
                drawing.square(places[0] - 7, y - 7, 14, (unit * 7 % 10) / 10)
            else:
                drawing.unit(places[number], y, 8, unit == followed[number])
        drawing.words(places[number], 195, sizes[number][1])
    return drawing


def layer() -> Drawing:
    """One dense layer: every unit sees every number."""
    return _layers(((7, "784 numbers"), (3, "layer of 3 units")), (-1, 1))


def network() -> Drawing:
    """Two dense layers, one behind the other."""
    return _layers(((7, "784 numbers"), (5, "hidden layer"), (3, "output layer")), (-1, 1, 2))


PICTURES: dict[str, Callable[[], Drawing]] = {
    "way-of-an-image": way_of_an_image,
    "neuron": neuron,
    "layer": layer,
    "network": network,
}


class Picture(SphinxDirective):
    """``{picture} name`` with ``:alt:``, what one should see."""

    required_arguments = 1
    option_spec: ClassVar = {"alt": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        """Draw it."""
        draw = PICTURES.get(self.arguments[0])
        if draw is None:
            raise self.error(f"no picture is called {self.arguments[0]}; there are {', '.join(PICTURES)}")
        if not self.options.get("alt"):
            raise self.error("say in `:alt:` what one should see")
        return [nodes.raw("", draw().svg(self.options["alt"]), format="html")]


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    app.add_directive("picture", Picture)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
