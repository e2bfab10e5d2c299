"""The book's Sphinx extension: Carpentries-style lessons, run and checked when the book is built.

Each module does one thing and can be read alone:

=================== ===========================================================================
``execution``       the execution cache's key, and how the lessons' kernels are set up
``katex_math``      formulas set by KaTeX while building, so that a page needs no script for them
``html_element``    the one node that the other modules write their HTML with
``front_matter``    questions, objectives, key points and minutes, read from a lesson's YAML
``lesson_boxes``    ``overview``, ``keypoints``, ``instructor-note``, ``callout``
``generated_pages`` ``lesson-list``, ``schedule``, ``lesson-sizes``, ``all-keypoints``, ``objectives-and-tasks``
``messages``        ``all-messages``: every sentence of the package that people see
``misconceptions``  ``misconceptions``, ``reported-misconceptions``, ``passage``: the hints by their ids
``challenges``      the titles of challenges and their solutions
``quiz``            ``quiz`` and ``predict``: questions that answer back
``glossary_hover``  a term's definition, wherever the term is used
``figures``         figures as inline SVG that follows the page's light or dark colours
``pictures``        ``picture``: neuron, layer, network, the way of an image, in one language
``measured``        ``measured``: what the bench measured, run by run
``about``           ``about-this-copy``: repository, feedback, authors
``notebooks``       each lesson as a notebook to take away, and the launch buttons
``accessibility``   repairs to what the theme writes, so that axe-core finds nothing serious
``slow_line``       what a page loads before its first text, made less
=================== ===========================================================================

The page *Writing for the book* shows how to use them.
"""

from __future__ import annotations

from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

MODULES = (
    "execution",
    "katex_math",
    "html_element",
    "lesson_boxes",
    "generated_pages",
    "messages",
    "misconceptions",
    "challenges",
    "quiz",
    "glossary_hover",
    "figures",
    "pictures",
    "measured",
    "about",
    "notebooks",
    "accessibility",
    "slow_line",
)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Load every module of the extension."""
    for module in MODULES:
        app.setup_extension(f"kitbook.{module}")
    return {"version": "1", "parallel_read_safe": False, "parallel_write_safe": False}
