"""Figures as part of the page.

The lessons draw with plain Matplotlib. Here the SVG that a cell drew moves from a file into the page, its text
colour becomes the page's text colour, and it gets its alternative text. So one drawing serves light pages, dark pages
and print, and its labels are text.

A figure without alternative text is a warning, which fails the build. Give it in the cell:

.. code-block:: md

    ```{code-cell} python
    :mystnb: {image: {alt: "Ten t-shirts in a row."}}
    ```
"""

from __future__ import annotations

import re
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.typing import ExtensionMetadata

logger = logging.getLogger(__name__)

#: How far a figure may shrink: labels of 11 points, which are 14.7 pixels, are then still 10.3 pixels high.
SMALLEST_SHARE = 0.7
#: What `matplotlibrc` writes where the page's text colour belongs.
TEXT_COLOUR = "#0a0b0c"


def adapt_svg(svg: str, prefix: str, alternative: str) -> str:
    """Make Matplotlib's SVG part of an HTML page.

    ``prefix`` goes before every id, since two figures of one page use the same ones.
    """
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = svg.replace(TEXT_COLOUR, "currentColor")
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    svg = re.sub(r"url\(#", f"url(#{prefix}-", svg)
    svg = re.sub(r'href="#', f'href="#{prefix}-', svg)
    svg = re.sub(r"font(?:-family)?: ?(?:\d+px )?'DejaVu Sans'[^;\"]*", _keep_size, svg)
    width = re.search(r'<svg[^>]*?\bwidth="([\d.]+)pt"', svg)
    pixels = round(float(width.group(1)) * 4 / 3) if width else 600
    opening = re.match(r"<svg[^>]*>", svg)
    assert opening is not None
    box = re.search(r'viewBox="[^"]*"', opening.group())
    # On a narrow screen a wide figure keeps a size at which its labels can be read, and scrolls in its own frame.
    smallest = min(pixels, max(288, round(pixels * SMALLEST_SHARE)))
    tag = (
        f'<svg xmlns:xlink="http://www.w3.org/1999/xlink" {box.group() if box else ""} role="img" '
        f'aria-label="{_escape(alternative)}" class="figure-svg" '
        f'style="max-width: {pixels}px; min-width: {smallest}px">'
    )
    return f'<div class="figure-frame">{tag}{svg[opening.end() :]}</div>'


def _keep_size(match: re.Match[str]) -> str:
    """Keep a label's size and leave its typeface to the page."""
    size = re.search(r"\d+px", match.group())
    return f"font-size: {size.group()}" if size else "font-family: inherit"


def _escape(words: str) -> str:
    """Make words fit for an attribute."""
    return words.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")


class InlineFigures(SphinxPostTransform):
    """Replaces each drawn SVG by the drawing itself."""

    default_priority = 400
    formats = ("html",)

    def run(self, **kwargs: object) -> None:
        """Go through the page's images."""
        for number, image in enumerate(list(self.document.findall(nodes.image))):
            alternative = image.get("alt", "")
            if not alternative:
                logger.warning("an image without alternative text: %s", image["uri"], location=image)
            path = Path(self.app.srcdir) / image["uri"].lstrip("/")
            if "jupyter_execute" not in path.parts or path.suffix != ".svg":
                continue
            drawn = adapt_svg(path.read_text("utf-8"), f"fig{number}", alternative)
            image.replace_self(nodes.raw("", drawn, format="html"))


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the transform."""
    app.add_post_transform(InlineFigures)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
