"""A page of the book shows its text before what it does not need for that, and looks as it did."""

from __future__ import annotations

import re
import sys
from importlib.util import find_spec
from pathlib import Path

from kit import ROOT

sys.path.insert(0, str(ROOT / "book" / "_ext"))

from kitbook import slow_line

HEAD = """<link rel="stylesheet" href="a.css"/><script src="_static/documentation_options.js?v=1"></script>
<script>DOCUMENTATION_OPTIONS.pagename = 'x';</script><script src="_static/doctools.js"></script>
<script defer="defer" src="book.js"></script>"""
SEARCH = """
    <script src="../_static/searchtools.js"></script>
    <script src="../_static/language_data.js"></script>
    <script src="../searchindex.js"></script>"""


def _theme() -> Path:
    spec = find_spec("pydata_sphinx_theme")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "theme" / "pydata_sphinx_theme"


def test_no_script_but_the_one_that_others_read_at_once_keeps_a_page_waiting() -> None:
    page = slow_line.without_waiting(f"<head>{HEAD}{SEARCH}</head><body><script src='x.js'></script></body>")
    assert re.findall(r'<script src="([^"]*)"', page) == ["_static/documentation_options.js?v=1"]
    assert '<script defer src="_static/doctools.js">' in page
    assert "search" not in page
    assert slow_line.without_waiting(page) == page


def test_the_page_of_the_search_has_its_scripts_in_their_order() -> None:
    page = slow_line.without_waiting(f'<head>{SEARCH}</head><body><div id="search-results"></div></body>')
    order = re.findall(r'<script defer src="[^"]*?(\w+)\.js"', page)
    assert order == ["searchtools", "language_data", "searchindex"]


def test_the_theme_loads_its_search_as_it_is_looked_for() -> None:
    """Should a new release write it in another way, every page would wait for the search's index again."""
    layout = (_theme() / "layout.html").read_text("utf-8")
    written = re.sub(r"\{\{ pathto\('([^']+)'[^}]*\}\}", r"\1", layout)
    assert len(slow_line._SEARCH.findall(written)) == 3


def test_the_style_sheet_keeps_all_but_icons_that_nobody_names() -> None:
    css = (_theme() / "static" / "styles" / "pydata-sphinx-theme.css").read_text("utf-8")
    pages = ['<i class="fa-solid fa-bars"></i>', 'button.className = "fas fa-moon"']
    lighter = slow_line.with_icons(css, slow_line.icons_used(pages))
    assert len(css) - len(lighter) > 80_000
    assert re.search(r"\.fa-bars:before", lighter)
    assert re.search(r"\.fa-moon:before", lighter)
    assert not re.search(r"\.fa-school:before", lighter)
    left_out = set(re.findall(r"\.fa-[a-z0-9-]+:before", css)) - set(re.findall(r"\.fa-[a-z0-9-]+:before", lighter))
    assert len(left_out) > 1_500
    rules = re.findall(r"[^{}]*\{[^{}]*\}", css)
    kept = set(re.findall(r"[^{}]*\{[^{}]*\}", lighter))
    assert all(re.match(r"\s*\.fa-", rule) for rule in rules if rule not in kept), "nothing but icons went"
    assert slow_line.with_icons(lighter, {"fa-bars", "fa-moon"}) == lighter
