"""The site that the page's tests share: exercises, and one lesson of a book that is no more than its notebook."""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

import nbformat
import pytest
from kit import ROOT, missing
from page_learner import build_site, fetch_pyodide

sys.path.insert(0, str(ROOT / "book" / "_ext"))
from kitbook.front_matter import read_lesson
from kitbook.in_the_page import ACTIONS
from kitbook.notebooks import notebook_to_take_away

LESSON = "02-one-hot-encoding"


@pytest.fixture(scope="session")
def pyodide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pyodide's distribution, unpacked."""
    if (found := fetch_pyodide(tmp_path_factory.mktemp("pyodide"))) is None:
        missing("Pyodide's distribution, which the page's tests take from a package")
    assert found
    return found


@pytest.fixture(scope="session")
def site(pyodide: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    book = tmp_path_factory.mktemp("book")
    for folder in ("notebooks", "lessons", "book"):
        (book / folder).mkdir()
    (book / "index.html").write_text('<a href="book/intro.html">A book</a>', "utf-8")
    (book / "book" / "intro.html").write_text(f'<ol><li><a href="../lessons/{LESSON}.html">L</a></li></ol>', "utf-8")
    (book / "lessons" / f"{LESSON}.html").write_text(f"<h1>A lesson</h1>\n{ACTIONS}</p>", "utf-8")
    path = ROOT / "lessons" / f"{LESSON}.md"
    lesson = read_lesson(path)
    assert lesson
    notebook = notebook_to_take_away(path.read_text("utf-8"), lesson, defaultdict(float))
    nbformat.write(notebook, book / "notebooks" / f"{LESSON}.ipynb")  # type: ignore[no-untyped-call]
    out = tmp_path_factory.mktemp("site")
    build_site(pyodide, out, book)
    return out
