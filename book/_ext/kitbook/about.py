"""``{about-this-copy}``: who wrote the book, where it comes from, and where to say that something is wrong in it."""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from .lesson_boxes import parse_markdown


def about(author: str, repository: str) -> list[str]:
    """Markdown. ``repository`` is the address that a publisher has set, or empty."""
    written = f"Written by {author}. Text and figures may be used under CC BY 4.0, code under the MIT licence."
    if not repository:
        # A copy that somebody built for themselves, or for a class.
        return [
            written,
            "",
            "Something is wrong, or hard to follow? Tell whoever gave you this copy; it names no repository.",
        ]
    address = repository.rstrip("/")
    return [
        f"{written} To cite it, see [CITATION.cff]({address}/blob/HEAD/CITATION.cff).",
        "",
        f"Something is wrong, or hard to follow? [Say so here]({address}/issues). Sources of the book, the exercises "
        f"and the autograder are in [the repository]({address}).",
    ]


class AboutThisCopy(SphinxDirective):
    """The paragraphs at the end of the first page."""

    def run(self) -> list[nodes.Node]:
        """Build them from `_config.yml`."""
        repository = self.config.kitbook_launch.get("repository", "")
        return parse_markdown(self, about(self.config.author, repository))


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    app.add_directive("about-this-copy", AboutThisCopy)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
