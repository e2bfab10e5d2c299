"""The built book: complete, alone on its own, readable by everybody, and free of solutions."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
HTML = ROOT / "book" / "_build" / "html"
AXE = ROOT / "book" / "node_modules" / "axe-core" / "axe.min.js"
#: Pages that Sphinx makes by itself.
GENERATED = {"genindex.html", "search.html"}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def book() -> Path:
    """The book, built from the checkout as it is."""
    answer = subprocess.run([sys.executable, str(ROOT / "book" / "build.py")], capture_output=True, text=True)
    assert answer.returncode == 0, (answer.stdout + answer.stderr)[-4000:]
    return HTML


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield browser
        browser.close()


def pages(book: Path) -> list[str]:
    """Every page of the book, as a path below its folder."""
    found = [path.relative_to(book).as_posix() for path in sorted(book.rglob("*.html"))]
    # The entrance leads on to another page at once.
    return [page for page in found if not page.startswith("_static/") and page != "index.html"]


def open_page(
    browser: Browser, book: Path, name: str, theme: str = "light", width: int = 1200
) -> tuple[Page, list[str]]:
    """Open a page. Returns it, and a list that grows with each request that leaves the book and each error."""
    page = browser.new_page(viewport={"width": width, "height": 900})
    troubles: list[str] = []
    page.on("request", lambda request: troubles.append(request.url) if outside(request.url) else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("requestfailed", lambda request: troubles.append(f"not found: {request.url}"))
    page.add_init_script(f"localStorage.setItem('mode', '{theme}'); localStorage.setItem('theme', '{theme}')")
    page.goto((book / name).as_uri(), wait_until="load")
    return page, troubles


def outside(address: str) -> bool:
    """Whether an address lies outside the folder of the book."""
    return not address.startswith(("file:", "data:", "blob:"))


class Links(HTMLParser):
    """The addresses a page points at, and the ids it offers."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note links, sources and ids."""
        for name, value in attrs:
            if name == "id" and value:
                self.ids.add(value)
            elif name in ("href", "src") and value and tag in ("a", "img", "script", "link"):
                self.addresses.append(value)


@cache
def links(path: Path) -> Links:
    """What a page links to and offers."""
    parser = Links()
    parser.feed(path.read_text("utf-8"))
    return parser


def test_no_link_of_the_book_is_broken(book: Path) -> None:
    broken = []
    for name in pages(book):
        for address in links(book / name).addresses:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (book / name).parent / unquote(parts.path) if parts.path else book / name
            anchored = parts.fragment and target.suffix == ".html"
            if not target.exists() or (anchored and unquote(parts.fragment) not in links(target).ids):
                broken.append(f"{name}: {address}")
    assert not broken


def code_of(notebook: Path) -> str:
    """All cells of a notebook as one text."""
    return "\n".join("".join(cell["source"]) for cell in json.loads(notebook.read_text("utf-8"))["cells"])


def squeezed(text: str) -> str:
    """Text without white space, so that indentation and line ends do not matter."""
    return re.sub(r"\s+", "", text)


def canaries() -> set[str]:
    """Passages that stand in solutions only: whole solutions, and long lines that no lesson and no exercise shows."""
    shown = "".join(squeezed(code_of(path)) for path in (ROOT / "exercises").glob("*/*.ipynb"))
    taught = "".join(squeezed(path.read_text("utf-8")) for path in (ROOT / "lessons").glob("*.md"))
    found: set[str] = set()
    for path in (ROOT / "solutions").glob("*/*.ipynb"):
        for kind in ("SOLUTION", "HIDDEN TESTS"):
            for part in re.findall(rf"### BEGIN {kind}\n(.*?)### END {kind}", code_of(path), re.S):
                lines = [squeezed(line) for line in part.splitlines() if squeezed(line)]
                found |= {line for line in lines if len(line) > 30 and line not in taught}
                if len(lines) > 1:
                    found.add("".join(lines))
    return {passage for passage in found if len(passage) > 30 and passage not in shown}


def test_no_solution_of_an_exercise_is_in_the_book(book: Path) -> None:
    secrets = canaries()
    if not secrets:
        pytest.skip("there are no solutions yet")
    leaked = []
    for path in book.rglob("*"):
        if path.suffix in (".html", ".js", ".md", ".txt", ".ipynb", ".json"):
            text = path.read_text("utf-8", errors="replace")
            plain = squeezed(unescape(re.sub(r"<[^>]+>", "", text)))
            raw = squeezed(text.replace('\\"', '"').replace("\\n", "\n"))
            leaked += [f"{path.relative_to(book)}: {line}" for line in secrets if line in plain or line in raw]
    assert not leaked


def test_the_book_holds_no_sources(book: Path) -> None:
    assert not (book / "_sources").exists()


def test_no_page_names_a_delivery_network(book: Path) -> None:
    hosts = re.compile(r"(?:src|href)=\"(?:https?:)?//[^\"]*(?:cdn|unpkg|jsdelivr|googleapis|mathjax)", re.I)
    assert not [name for name in pages(book) if hosts.search((book / name).read_text("utf-8"))]


def test_an_unchanged_book_is_built_in_seconds(book: Path) -> None:
    answer = subprocess.run(
        [sys.executable, str(ROOT / "book" / "build.py")], capture_output=True, text=True, timeout=120
    )
    assert answer.returncode == 0
    assert "updating environment: 0 added, 0 changed" in re.sub(r"\x1b\[[\d;]*m", "", answer.stdout).replace(
        "[new config] ", ""
    )


@pytest.mark.browser
def test_no_request_leaves_a_page(book: Path, browser: Browser) -> None:
    left: dict[str, list[str]] = {}
    for name in pages(book):
        page, troubles = open_page(browser, book, name)
        page.wait_for_timeout(200)
        page.close()
        if troubles:
            left[name] = troubles
    assert not left


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious(book: Path, browser: Browser, theme: str) -> None:
    found = []
    for name in pages(book):
        page, _ = open_page(browser, book, name, theme)
        page.wait_for_timeout(200)
        page.add_script_tag(path=AXE)
        result: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        page.close()
        for violation in result["violations"]:
            if violation["impact"] in ("serious", "critical"):
                where = [node["html"][:160] for node in violation["nodes"][:3]]
                found.append(f"{name}: {violation['id']} {len(violation['nodes'])}x {where}")
    assert not found, "\n".join(found)


@pytest.mark.browser
def test_nothing_scrolls_sideways_on_a_phone(book: Path, browser: Browser) -> None:
    wide = {}
    for name in pages(book):
        page, _ = open_page(browser, book, name, width=320)
        width = page.evaluate("document.documentElement.scrollWidth")
        page.close()
        if width > 320:
            wide[name] = width
    assert not wide


@pytest.mark.browser
def test_headings_are_in_order_and_there_is_a_skip_link(book: Path, browser: Browser) -> None:
    wrong = []
    for name in pages(book):
        if name in GENERATED:
            continue
        page, _ = open_page(browser, book, name)
        levels = page.eval_on_selector_all(
            ".bd-article :is(h1, h2, h3, h4, h5, h6)", "all => all.map(heading => Number(heading.tagName[1]))"
        )
        skip = page.eval_on_selector_all("a[href='#main-content']", "all => all.length")
        page.close()
        if levels.count(1) != 1 or levels[0] != 1 or any(b > a + 1 for a, b in pairwise(levels)):
            wrong.append(f"{name}: headings {levels}")
        if not skip:
            wrong.append(f"{name}: no skip link")
    assert not wrong


@pytest.mark.browser
def test_a_question_answers_the_keyboard(book: Path, browser: Browser) -> None:
    page, _ = open_page(browser, book, "lessons/03-dense-networks.html")
    quiz = page.locator(".quiz").first
    assert page.locator(".waits-for-answer").count() > 0, "a prediction hides the output that would spoil it"
    quiz.locator("input").first.focus()
    page.keyboard.press("Space")
    assert quiz.get_by_role("status").inner_text().startswith("Not so.")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert quiz.get_by_role("status").inner_text().startswith("Right.")
    page.close()


@pytest.mark.browser
def test_notes_for_instructors_are_switched_on_and_remembered(book: Path, browser: Browser) -> None:
    page, _ = open_page(browser, book, "lessons/03-dense-networks.html")
    note = page.locator(".instructor-note").first
    assert not note.is_visible()
    page.get_by_role("button", name="Show the notes for instructors").click()
    assert note.is_visible()
    page.reload()
    assert note.is_visible()
    page.close()


def test_a_lesson_comes_as_a_notebook_without_solutions(book: Path) -> None:
    notebooks = sorted((book / "notebooks").glob("0*.ipynb"))
    assert len(notebooks) == 5
    for path in notebooks:
        notebook = nbformat.read(path, 4)  # type: ignore[no-untyped-call]
        nbformat.validate(notebook)
        text = "\n".join(cell.source for cell in notebook.cells)
        assert "Challenge: " in text
        for leftover in ("{solution", "{exercise", ":::", "glue", "{term}", "{cite}", "- right:", "For instructors"):
            assert leftover not in text, f"{path.name}: {leftover}"
