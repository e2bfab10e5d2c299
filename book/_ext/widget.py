"""``widget``: a figure to play with, from an ES module in ``book/_static/widgets``.

.. code-block:: md

    ```{widget} softmax-explorer
    :title: Scores to probabilities
    :options: {"classes": ["cat", "dog"]}
    What stands here is what a reader sees whose browser runs no scripts.
    ```

The argument names the module. ``:data:`` names what a cell of the same page wrote with ``book.widget_data``, or, with
``:from: lessons/04-softmax``, a cell of that page. A page without a widget loads none of the scripts.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from kitbook.html_element import element, text
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

logger = logging.getLogger(__name__)

MODULES = Path(__file__).resolve().parents[1] / "_static" / "widgets"
STILLS = MODULES / "stills"
#: Plain scripts, not modules: how a page gets at the modules.
LOADERS = ("load.js", "from-disk.js")


def json_object(argument: str) -> str:
    """Check that an option is a JSON object. Returns it in its shortest form."""
    value = json.loads(argument)
    if not isinstance(value, dict):
        raise ValueError('options are a JSON object, such as {"classes": ["cat", "dog"]}')
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def widget_names() -> list[str]:
    """The modules that are widgets: those with a ``start`` of their own and no ``startAll``."""
    return sorted(path.stem for path in MODULES.glob("*.js") if "export function start(" in path.read_text("utf-8"))


class Widget(SphinxDirective):
    """``{widget} name``; its content is for readers without scripts."""

    has_content = True
    required_arguments = 1
    option_spec: ClassVar[dict[str, Callable[[str], str]]] = {
        "title": directives.unchanged_required,
        "data": directives.unchanged_required,
        "from": directives.unchanged_required,
        "options": json_object,
    }

    def run(self) -> list[nodes.Node]:
        """Build the widget's place on the page."""
        name = self.arguments[0]
        if name not in widget_names():
            raise self.error(f"no widget is called {name}; there are {', '.join(widget_names())}")
        if not self.content:
            raise self.error("say in the directive's content what the figure shows, for readers without scripts")
        title = self.options.get("title", name.replace("-", " ").capitalize())
        still = element("div", classes=("widget-still",))
        self.state.nested_parse(self.content, self.content_offset, still)
        still += self.without_scripts(name, title)
        attributes = {"data-widget": name, "role": "group", "aria-label": title}
        if "data" in self.options:
            attributes["data-source"] = self.options["data"]
        if "from" in self.options:
            if self.options["from"] not in self.env.found_docs:
                raise self.error(f"there is no page {self.options['from']} whose data the figure could take")
            attributes["data-from"] = self.options["from"]
            self.env.note_dependency(self.env.doc2path(self.options["from"]))
        if "options" in self.options:
            attributes["data-options"] = self.options["options"]
        host = element("div", text("p", title, classes=("widget-title",)), still, classes=("widget",))
        host["attrs"].update(attributes)
        return [host]

    def without_scripts(self, name: str, title: str) -> nodes.Element:
        """A sentence, and a picture of the widget where there is one. It is not fetched while scripts run."""
        block = element("noscript", text("p", "This figure needs JavaScript, which is switched off. It stands still."))
        if (STILLS / f"{name}.png").is_file():
            # Static files lie at the root of the built book; pages lie `depth` folders below it.
            root = "../" * self.env.docname.count("/")
            picture = f"{root}_static/widgets/stills/{name}.png"
            block += element("img", src=picture, alt=f"A picture of the figure: {title}")
        return block


def is_widget(node: nodes.Node) -> bool:
    """Whether a node is a widget's place."""
    return isinstance(node, nodes.Element) and "data-widget" in (node.get("attrs") or {})


def borrow_data(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Copy what another page's cell wrote to where a widget asks for it, so that it is computed once."""
    for widget in list(doctree.findall(is_widget)):
        assert isinstance(widget, nodes.Element)
        origin = widget["attrs"].pop("data-from", None)
        if origin is None or widget.parent is None:
            continue
        wanted = f'data-widget-data="{widget["attrs"].get("data-source")}"'
        written = [node for node in app.env.get_doctree(origin).findall(nodes.raw) if wanted in node.astext()]
        if written:
            widget.parent.insert(widget.parent.index(widget), written[0].deepcopy())


def check_data(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Warn of a widget whose data no cell of its page wrote."""
    written = "".join(node.astext() for node in doctree.findall(nodes.raw))
    for widget in doctree.findall(is_widget):
        assert isinstance(widget, nodes.Element)
        source = widget["attrs"].get("data-source")
        if source and f'data-widget-data="{source}"' not in written:
            message = "the widget %s wants the data %r, which no cell of this page writes"
            logger.warning(message, widget["attrs"]["data-widget"], source, location=widget)


def add_scripts(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Load style and scripts on pages with a widget, and on no other."""
    if doctree is None or next(iter(doctree.findall(is_widget)), None) is None:
        return
    app.add_css_file("widgets/widgets.css")
    app.add_js_file("widgets/load.js")


def write_sources(app: Sphinx, error: Exception | None) -> None:
    """Write all modules as text for pages opened from a disk."""
    if error is not None or app.builder.format != "html":
        return
    sources = {path.name: path.read_text("utf-8") for path in sorted(MODULES.glob("*.js")) if path.name not in LOADERS}
    target = Path(app.outdir) / "_static" / "widgets" / "sources.js"
    target.write_text(f"window.widgetSources = {json.dumps(sources)};\n", "utf-8")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive and what it needs on the page."""
    app.add_directive("widget", Widget)
    app.connect("doctree-resolved", borrow_data, priority=400)
    app.connect("doctree-resolved", check_data)
    app.connect("html-page-context", add_scripts)
    app.connect("build-finished", write_sources)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
