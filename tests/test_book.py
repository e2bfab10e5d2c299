"""The built book: complete, alone on its own, readable by everybody, and free of solutions."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import nbformat
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Request, ViewportSize, expect
from test_passages import every_passage
from test_take_away import NOTEBOOKS, code_cells, taken_away

ROOT = Path(__file__).resolve().parents[1]
AXE = ROOT / "book" / "node_modules" / "axe-core" / "axe.min.js"
#: Pages that Sphinx makes by itself.
GENERATED = {"genindex.html", "search.html"}
#: Makes a page dark, and waits for colours that fade.
DARK = """async () => {
    document.documentElement.dataset.theme = 'dark';
    const fading = document.getAnimations().filter((one) => one instanceof CSSTransition);
    await Promise.allSettled(fading.map((one) => one.finished));
}"""
WIDE: ViewportSize = {"width": 1200, "height": 900}

pytestmark = pytest.mark.slow


def pages(book: Path) -> list[str]:
    """Every page of the book, as a path below its folder."""
    found = [path.relative_to(book).as_posix() for path in sorted(book.rglob("*.html"))]
    # The entrance leads on to another page at once.
    return [page for page in found if not page.startswith("_static/") and page != "index.html"]


def open_page(browser: Browser, book: Path, name: str) -> Page:
    """Open a page in a window of its own."""
    page = new_window(browser)
    page.goto((book / name).as_uri(), wait_until="load")
    return page


def new_window(browser: Browser) -> Page:
    """A window that shows each page in light."""
    page = browser.new_page(viewport=WIDE)
    page.add_init_script("localStorage.setItem('mode', 'light'); localStorage.setItem('theme', 'light')")
    return page


@dataclass(frozen=True)
class Visit:
    """What Chromium saw on one page."""

    troubles: list[str]
    """Requests that left the book, addresses that were not found, errors of scripts."""
    serious: list[str]
    """What axe-core calls serious or critical, in light, and for colours in dark."""
    wide_on_a_phone: int
    """The page's width in pixels in a window of 320."""
    headings: list[int]
    """The levels of the headings, in order."""
    skip_links: int


def serious(page: Page, theme: str, only: str = "") -> list[str]:
    """What axe-core finds in one theme; ``only`` names a single rule."""
    options: dict[str, Any] = {"resultTypes": ["violations"], "preload": False}
    if only:
        options["runOnly"] = [only]
    result: dict[str, Any] = page.evaluate("options => axe.run(document, options)", options)
    found = []
    for violation in result["violations"]:
        if violation["impact"] in ("serious", "critical"):
            where = [node["html"][:160] for node in violation["nodes"][:3]]
            found.append(f"{theme}: {violation['id']} {len(violation['nodes'])}x {where}")
    return found


class Visitor:
    """Opens one page after another in one window: for Chromium a new one is more work than most pages are."""

    def __init__(self, browser: Browser, book: Path) -> None:
        self._book = book
        self.page = page = new_window(browser)
        self._of_this_page: set[Request] = set()
        self._troubles: list[str] = []
        page.on("request", self._asked)
        page.on("requestfailed", self._failed)
        page.on("pageerror", lambda error: self._troubles.append(str(error)))
        page.on("console", lambda told: self._troubles.append(told.text) if told.type == "error" else None)

    def _asked(self, request: Request) -> None:
        self._of_this_page.add(request)
        if outside(request.url):
            self._troubles.append(request.url)

    def _failed(self, request: Request) -> None:
        if request in self._of_this_page:  # what the page before still waited for ends when it is left
            self._troubles.append(f"not found: {request.url}")

    def visit(self, name: str) -> Visit:
        """Open a page once, and look at everything that needs a browser."""
        page = self.page
        page.goto("about:blank")
        page.set_viewport_size(WIDE)
        self._of_this_page.clear()
        self._troubles.clear()
        page.goto((self._book / name).as_uri(), wait_until="load")
        page.wait_for_timeout(200)  # the scripts' own requests
        headings = page.eval_on_selector_all(
            ".bd-article :is(h1, h2, h3, h4, h5, h6)", "all => all.map(heading => Number(heading.tagName[1]))"
        )
        skip_links = page.eval_on_selector_all("a[href='#main-content']", "all => all.length")
        troubles = list(self._troubles)  # axe-core's own requests come later
        page.add_script_tag(path=AXE)
        found = serious(page, "light")
        # The dark page has the same structure: its colours alone can differ.
        page.evaluate(DARK)
        found += serious(page, "dark", only="color-contrast")
        page.set_viewport_size({"width": 320, "height": 900})
        width = page.evaluate("document.documentElement.scrollWidth")
        return Visit(troubles, found, width, headings, skip_links)


@pytest.fixture(scope="module")
def visits(book: Path, browser: Browser) -> dict[str, Visit]:
    """Every page, visited once."""
    visitor = Visitor(browser, book)
    seen = {name: visitor.visit(name) for name in pages(book)}
    visitor.page.close()
    return seen


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


def test_each_passage_that_a_hint_leads_to_opens_there(book: Path) -> None:
    """The address that a check gives is that of a heading on a page of the book, with the words that it gives."""
    passages = [passage for _, _, passage in every_passage()]
    assert len(passages) > 700
    pages = {file: (book / "lessons" / f"{file}.html").read_text("utf-8") for file in {p.file for p in passages}}
    for passage in set(passages):
        address = passage.address("")
        assert address == f"lessons/{passage.file}.html#{passage.anchor}"
        _, found, after = pages[passage.file].partition(f' id="{passage.anchor}"')
        assert found, address
        heading = re.search(r"<h[1-3]>(.*?)<a ", after, re.DOTALL)
        assert heading is not None
        words = unescape(re.sub("<.*?>", "", heading[1])).strip()
        assert words == passage.section.replace("`", ""), address


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
    assert secrets, "there are solutions"
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


def test_no_page_shows_a_raw_warning(book: Path) -> None:
    # Of a library, not of ours: what absl, TensorFlow, JAX and Python's own module of warnings write.
    raw = re.compile(r"\b[WE]0000\b|\bWARNING:|\b\w*Warning: |oneDNN|/site-packages/|\bTraceback \(most recent")
    shown, looked_at = [], 0
    for name in pages(book):
        for output in re.findall(r'<div class="output[^"]*">.*?</pre>', (book / name).read_text("utf-8"), re.S):
            looked_at += 1
            if raw.search(unescape(re.sub(r"<[^>]+>", "", output))):
                shown.append(f"{name}: {output[:300]}")
    assert not shown
    assert looked_at > 100


def test_an_unchanged_book_is_built_in_seconds(book: Path) -> None:
    answer = subprocess.run(
        [sys.executable, str(ROOT / "book" / "build.py")], capture_output=True, text=True, timeout=120
    )
    assert answer.returncode == 0
    assert "updating environment: 0 added, 0 changed" in re.sub(r"\x1b\[[\d;]*m", "", answer.stdout).replace(
        "[new config] ", ""
    )


@pytest.mark.browser
def test_no_request_leaves_a_page(visits: dict[str, Visit]) -> None:
    assert not {name: seen.troubles for name, seen in visits.items() if seen.troubles}


@pytest.mark.browser
def test_axe_finds_nothing_serious(visits: dict[str, Visit]) -> None:
    assert not {name: seen.serious for name, seen in visits.items() if seen.serious}


@pytest.mark.browser
def test_nothing_scrolls_sideways_on_a_phone(visits: dict[str, Visit]) -> None:
    assert not {name: seen.wide_on_a_phone for name, seen in visits.items() if seen.wide_on_a_phone > 320}


@pytest.mark.browser
def test_headings_are_in_order_and_there_is_a_skip_link(visits: dict[str, Visit]) -> None:
    wrong = []
    for name in visits.keys() - GENERATED:
        levels = visits[name].headings
        if levels.count(1) != 1 or levels[0] != 1 or any(b > a + 1 for a, b in pairwise(levels)):
            wrong.append(f"{name}: headings {levels}")
        if not visits[name].skip_links:
            wrong.append(f"{name}: no skip link")
    assert not wrong


@pytest.mark.browser
def test_figures_stay_readable_on_a_phone(book: Path, browser: Browser) -> None:
    page = open_page(browser, book, "lessons/05-overfitting.html")
    page.set_viewport_size({"width": 320, "height": 900})
    heights = page.eval_on_selector_all(
        ".figure-svg text",
        "all => all.map(words => parseFloat(getComputedStyle(words).fontSize)"
        " * words.ownerSVGElement.getScreenCTM().a)",
    )
    page.close()
    assert len(heights) > 20
    assert min(heights) >= 8, "a label is smaller than 8 pixels"


@pytest.mark.browser
def test_a_question_answers_the_keyboard(book: Path, browser: Browser) -> None:
    page = open_page(browser, book, "lessons/03-dense-networks.html")
    quiz = page.locator(".quiz").first
    assert page.locator(".waits-for-answer").count() > 0, "a prediction hides the output that would spoil it"
    quiz.locator("input").first.focus()
    page.keyboard.press("Space")
    expect(quiz.get_by_role("status")).to_have_text(re.compile("^Not so."))
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(quiz.get_by_role("status")).to_have_text(re.compile("^Right."))
    page.close()


@pytest.mark.browser
def test_notes_for_instructors_are_switched_on_and_remembered(book: Path, browser: Browser) -> None:
    page = open_page(browser, book, "lessons/03-dense-networks.html")
    note = page.locator(".instructor-note").first
    expect(note).to_be_hidden()
    page.get_by_role("button", name="Show the notes for instructors").click()
    expect(note).to_be_visible()
    page.reload()
    expect(note).to_be_visible()
    page.close()


def notebooks(book: Path) -> list[Path]:
    """The lessons as notebooks to take away."""
    return sorted((book / "notebooks").glob("*.ipynb"))


def test_a_lesson_comes_as_a_notebook_without_solutions(book: Path) -> None:
    lessons = [path for path in notebooks(book) if path.name[0].isdigit()]
    assert len(lessons) == 7
    for path in lessons:
        notebook = nbformat.read(path, 4)  # type: ignore[no-untyped-call]
        nbformat.validate(notebook)
        text = "\n".join(cell.source for cell in notebook.cells)
        assert "Challenge: " in text
        for leftover in ("{solution", "{exercise", ":::", "glue", "{term}", "{cite}", "- right:", "For instructors"):
            assert leftover not in text, f"{path.name}: {leftover}"


def test_an_exercise_comes_as_learners_get_it(book: Path) -> None:
    handed_out = {path.name: path.read_bytes() for path in (ROOT / "exercises").glob("*/*.ipynb")}
    assert {path.name: path.read_bytes() for path in (book / "notebooks" / "exercises").iterdir()} == handed_out


def test_the_first_page_asks_the_network_that_a_lesson_trained(book: Path) -> None:
    written = re.compile(r'<script type="application/json" data-widget-data="digits">.*?</script>', re.S)
    first, lesson = ((book / page).read_text("utf-8") for page in ("book/intro.html", "lessons/04-softmax.html"))
    assert written.findall(first) == written.findall(lesson)
    assert len(written.findall(first)) == 1


def test_no_notebook_needs_a_cell_that_stayed_in_the_book(book: Path, tmp_path: Path) -> None:
    # What a cell of the book alone defines is missing outside: ruff finds every name that nobody defines.
    for path in notebooks(book):
        code = "\n".join(cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "code")  # type: ignore[no-untyped-call]
        (tmp_path / f"{path.stem}.py").write_text(code, "utf-8")
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "E9,F821", str(tmp_path)]
    answer = subprocess.run(ruff, capture_output=True, text=True)
    assert len(list(tmp_path.glob("*.py"))) == 8
    assert answer.returncode == 0, answer.stdout


def test_the_notebooks_hold_the_code_that_runs_outside_the_book(book: Path) -> None:
    # `test_take_away` runs it, without waiting for the book.
    assert {path.stem for path in notebooks(book)} == set(NOTEBOOKS)
    for path in notebooks(book):
        built = nbformat.read(path, 4)  # type: ignore[no-untyped-call]
        assert code_cells(built) == code_cells(taken_away(path.stem)), path.name


def test_no_held_out_label_is_in_the_book(book: Path) -> None:
    # As bytes, as base64 and as printed numbers; 40 labels in a row stand nowhere by chance.
    secrets: set[bytes] = set()
    for path in (ROOT / "data" / "held_out").rglob("*.npz"):
        with np.load(path) as arrays:
            for name in arrays.files:
                if "label" in name or name.startswith("y"):
                    labels = arrays[name].astype("uint8").ravel()[:48]
                    secrets |= {labels.tobytes()[:40], base64.b64encode(labels.tobytes())[:52]}
                    secrets |= {joiner.join(map(str, labels[:40])).encode() for joiner in (", ", ",", " ", "")}
    assert secrets, "there are held-out sets"
    texts = [path for path in book.rglob("*") if path.suffix in (".html", ".js", ".json", ".ipynb", ".txt", ".inv")]
    leaked = [path.name for path in texts for secret in secrets if secret in path.read_bytes()]
    assert not leaked
