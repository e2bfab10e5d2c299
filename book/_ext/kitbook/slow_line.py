"""What a page of the finished book waits for before its first text, on a slow line: as little as can be.

The theme sends the search's index and its scripts ahead of every page, for a search that shows results while one types,
which this book does not have, and with its style sheet the places of 1,900 icons, of which the book uses some twenty.
Here, after the book is built:

* only the page of the search loads the search;
* scripts that add to a page no longer keep its text waiting (``defer``: the same order, once the page is there);
* the style sheet keeps the icons that some page or script of the book names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

STYLES = Path("_static") / "styles" / "pydata-sphinx-theme.css"
#: Scripts of the page's head that a page may wait for; but what others of its head read at once has to be there.
_WAITED_FOR = re.compile(r'<script src=(?!"[^"]*documentation_options)')
#: What the theme loads for its search while one types (`layout.html`), which stands in no page of the search.
_SEARCH = re.compile(r'\s*<script src="[^"]*(?:_static/searchtools|_static/language_data|searchindex)\.js"></script>')
#: Rules that say nothing but which sign of the font an icon is: one or more names, then its code.
_ICON = re.compile(r'(?:\.fa-[a-z0-9-]+::?before,?\s*)+\{\s*content:\s*"[^"]*";?\s*\}')
_NAME = re.compile(r"fa-[a-z0-9-]+")


def without_waiting(html: str) -> str:
    """A page that shows its text before its scripts are there. A second time changes nothing."""
    head, end, body = html.partition("</head>")
    if len(_SEARCH.findall(head)) == 3 and 'id="search-results"' not in body:
        head = _SEARCH.sub("", head)
    return _WAITED_FOR.sub("<script defer src=", head) + end + body


def icons_used(texts: Iterable[str]) -> set[str]:
    """The names of icons that pages and scripts name."""
    return {name for text in texts for name in _NAME.findall(text)}


def with_icons(css: str, used: set[str]) -> str:
    """A style sheet without the icons that nobody uses."""
    return _ICON.sub(lambda rule: rule[0] if used & set(_NAME.findall(rule[0])) else "", css)


def lighten(folder: Path) -> None:
    """Do both for a finished book."""
    used: set[str] = set()
    for path in sorted(folder.rglob("*.html")):
        html = path.read_text("utf-8")
        used |= icons_used([html])
        if (lighter := without_waiting(html)) != html:
            path.write_text(lighter, "utf-8")
    for path in sorted((folder / "_static").rglob("*.js")):
        used |= icons_used([path.read_text("utf-8", "replace")])
    sheet = folder / STYLES
    css = sheet.read_text("utf-8")
    if (lighter := with_icons(css, used)) != css:
        sheet.write_text(lighter, "utf-8")


def _lighten(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        lighten(Path(app.outdir))


def setup(app: Sphinx) -> ExtensionMetadata:
    """Run when the book is finished."""
    app.connect("build-finished", _lighten)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
