"""What the theme and other extensions write that keeps some readers out, mended in the finished pages.

Each repair names what axe-core reports without it. Drop one when its source has been mended.
"""

from __future__ import annotations

import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

#: The theme's buttons and the folds of code cells have a label that hides the words they show
#: (label-content-name-mismatch). Their own words are label enough.
HIDING_LABELS = re.compile(
    r'(?P<start><summary|<button class="btn search-button-field[^>]*?) aria-label="(?:Toggle hidden content|Search)"'
)
#: Icons that carry a title become text of the button which holds them (label-content-name-mismatch).
ICON_TITLE = re.compile(r'(?P<start><i class="theme-switch [^>]*?) title="[^"]*"')
#: Rich colours the table of `model.summary()` for a dark terminal (color-contrast).
RICH_COLOUR = re.compile(r'<span style="color: #[0-9a-f]{6}; text-decoration-color: #[0-9a-f]{6}">')
#: Every challenge of a page gets the same id from sphinx-exercise, and so does every solution (duplicate-id).
REPEATED_ID = re.compile(r'<section id="(?:exercise|solution)-content">')
#: A chapter of the sidebar that unfolds is opened by an arrow without a name (summary-name).
NAMELESS_FOLD = re.compile(
    r'(?P<link><a class="[^"]*" href="[^"]*">(?P<title>[^<]*)</a><details[^>]*>)'
    r'<summary>(?=<span class="toctree-toggle")'
)
#: A list of citations has no list items (aria-required-children).
CITATION_LIST = '<div role="list" class="citation-list">'

#: The sidebar, with the book's name and the search, belongs to no part of the page that has a name (region).
NAMELESS_SIDEBAR = '<div id="pst-primary-sidebar" class="'


def mend(html: str) -> str:
    """Apply all repairs to one page; a second time changes nothing."""
    html = HIDING_LABELS.sub(lambda match: match["start"], html)
    html = ICON_TITLE.sub(lambda match: match["start"], html)
    html = RICH_COLOUR.sub("<span>", html)
    html = REPEATED_ID.sub("<section>", html)
    html = NAMELESS_FOLD.sub(r'\g<link><summary aria-label="Pages below: \g<title>">', html)
    html = html.replace(
        NAMELESS_SIDEBAR, NAMELESS_SIDEBAR.replace("<div ", '<div role="region" aria-label="The book" ')
    )
    return html.replace(CITATION_LIST, '<div class="citation-list">')


def mend_pages(app: Sphinx, error: Exception | None) -> None:
    """Mend every page of the finished book."""
    if error is not None or app.builder.format != "html":
        return
    for path in Path(app.outdir).rglob("*.html"):
        html = path.read_text("utf-8")
        mended = mend(html)
        if mended != html:
            path.write_text(mended, "utf-8")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Run when the book is finished."""
    app.connect("build-finished", mend_pages)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
