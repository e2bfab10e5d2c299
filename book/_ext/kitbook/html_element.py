"""One docutils node for the HTML that the book's directives write.

Builders other than HTML show the element's children and nothing else.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata


class HtmlElement(nodes.General, nodes.Element):  # type: ignore[misc]
    """An HTML element: its ``tag``, its ``attrs``, and children of any kind."""


def element(tag: str, *children: nodes.Node, classes: tuple[str, ...] = (), **attrs: str) -> HtmlElement:
    """Build an element. ``aria_label`` becomes ``aria-label``, ``for_`` becomes ``for``."""
    named = {name.rstrip("_").replace("_", "-"): value for name, value in attrs.items()}
    identifier = named.pop("id", None)
    ids = [identifier] if identifier else []
    node = HtmlElement("", tag=tag, attrs=named, classes=list(classes), ids=ids)
    node.extend(children)
    return node


def text(tag: str, content: str, classes: tuple[str, ...] = (), **attrs: str) -> HtmlElement:
    """Build an element that holds plain text."""
    return element(tag, nodes.Text(content), classes=classes, **attrs)


def visit(translator: Any, node: HtmlElement) -> None:
    """Write the opening tag."""
    translator.body.append(translator.starttag(node, node["tag"], "", **node["attrs"]))


def depart(translator: Any, node: HtmlElement) -> None:
    """Write the closing tag."""
    translator.body.append(f"</{node['tag']}>\n")


def ignore(translator: Any, node: HtmlElement) -> None:
    """Write nothing."""


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the node."""
    others: Any = (ignore, ignore)
    app.add_node(HtmlElement, html=(visit, depart), latex=others, text=others)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
