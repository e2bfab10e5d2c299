"""Formulas set while the book is built.

Sphinx's default is MathJax from a content delivery network. Here KaTeX writes the finished HTML, with MathML beside
it for screen readers, so a reader's browser loads a style sheet and fonts from the book itself and runs nothing.

sphinxcontrib-katex (0.9.11) sets formulas beforehand, too. It is not used because a formula that KaTeX does not
understand is red text in its page, where here it is a warning with its place, which fails the build; and because its
pages load the style sheet from a content delivery network and give long formulas nothing that a keyboard can scroll.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number
from sphinx.util.typing import ExtensionMetadata

logger = logging.getLogger(__name__)
BOOK = Path(__file__).resolve().parents[2]
KATEX = BOOK / "node_modules" / "katex" / "dist"


@cache
def renderer() -> subprocess.Popen[str]:
    """The one Node process that sets this build's formulas."""
    node = shutil.which("node")
    if node is None or not KATEX.is_dir():
        raise ExtensionError("formulas need Node and KaTeX: run `make book`, or `npm ci` in book/")
    return subprocess.Popen(
        [node, str(Path(__file__).with_name("katex_render.mjs")), str(BOOK)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@cache
def render(tex: str, display: bool) -> tuple[str, str]:
    """Set one formula. Returns its HTML and an error message, one of which is empty."""
    process = renderer()
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps({"tex": tex, "display": display}) + "\n")
    process.stdin.flush()
    answer = json.loads(process.stdout.readline())
    return answer.get("html", ""), answer.get("error", "")


def set_formula(node: nodes.Element, display: bool) -> str:
    """The HTML of a math node; a formula that KaTeX does not understand is a warning."""
    html, error = render(node.astext().strip(), display)
    if error:
        logger.warning("KaTeX: %s", error, location=node)
    return html


def visit_inline(translator: Any, node: nodes.math) -> None:
    """Write a formula that stands in a line of text."""
    translator.body.append(f'<span class="math">{set_formula(node, display=False)}</span>')
    raise nodes.SkipNode


def visit_block(translator: Any, node: nodes.math_block) -> None:
    """Write a formula that stands alone, with its number where it has one."""
    number = ""
    if node["number"]:
        number = f'<span class="eqno">({get_node_equation_number(translator, node)})</span>'
    # Focusable, because a long formula scrolls sideways on a narrow screen.
    opening = translator.starttag(
        node, "div", "", CLASS="math", tabindex="0", role="group", **{"aria-label": "formula"}
    )
    translator.body.append(f"{opening}{number}{set_formula(node, display=True)}</div>\n")
    raise nodes.SkipNode


def copy_katex(app: Sphinx, error: Exception | None) -> None:
    """Put KaTeX's style sheet, fonts and licence into the book."""
    if error is not None or app.builder.format != "html" or not KATEX.is_dir():
        return
    target = Path(app.outdir) / "_static" / "katex"
    (target / "fonts").mkdir(parents=True, exist_ok=True)
    shutil.copy2(KATEX / "katex.min.css", target)
    shutil.copy2(KATEX.parent / "LICENSE", target)
    for font in (KATEX / "fonts").glob("*.woff2"):
        shutil.copy2(font, target / "fonts")


def stop_renderer(app: Sphinx, error: Exception | None) -> None:
    """End the Node process."""
    if renderer.cache_info().currsize:
        process = renderer()
        if process.stdin is not None:
            process.stdin.close()
        process.wait(timeout=10)
        renderer.cache_clear()


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register KaTeX as the renderer `katex`."""
    app.add_html_math_renderer("katex", (visit_inline, None), (visit_block, None))
    app.add_css_file("katex/katex.min.css")
    app.connect("build-finished", copy_katex)
    app.connect("build-finished", stop_renderer)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": False}
