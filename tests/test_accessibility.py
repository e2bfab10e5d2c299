"""What people see outside the book, asked by axe-core in a real browser, and read as a screen reader reads it.

The book has tests of its own (`test_book.py`). A text that a screen reader gets is in `golden/`, to be read by people;
``AUTOGRADER_GOLDEN=write`` writes it anew.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from kit import EXERCISES, PATIENCE, ROOT
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from our_pages import THEMES, WIDTHS, called_otherwise, grading_page, look, make, small_targets, too_wide, violations
from playwright.sync_api import Browser, Page
from web import served

from autograder.exercise.outcome import Status, SubmissionResult
from autograder.grading.feedback import feedback_page
from autograder.language import FOLDERS, speaking

sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "book" / "_ext")]

import languages  # noqa: E402

GOLDEN = Path(__file__).parent / "golden"

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What there is to see, as files."""
    return make(tmp_path_factory.mktemp("pages"))


@pytest.fixture(scope="module")
def window(browser: Browser) -> Iterator[Page]:
    """One for all files: for Chromium a new window is more work than another page in an old one."""
    page = browser.new_page()
    yield page
    page.close()


@pytest.fixture
def visit(window: Page) -> Any:
    """Open a file in a window of some width and theme."""

    def open_file(file: Path, width: int = 1300, theme: Any = "light") -> Page:
        window.set_viewport_size({"width": width, "height": 900})
        window.emulate_media(color_scheme=theme)
        window.goto(file.as_uri())
        return window

    return open_file


def test_axe_finds_nothing_and_no_page_is_wider_than_its_window(pages: dict[str, Path], visit: Any) -> None:
    found = []
    for name, file in pages.items():
        for window, width in WIDTHS.items():
            for theme in THEMES:
                # (300 students: axe-core takes its time. The others are of one make; the command looks at all.)
                both_ends = (window, theme) in (("wide", "light"), ("a phone", "dark"))
                if not name.startswith(("feedback", "answers")) and not both_ends:
                    continue
                page = visit(file, width, theme)
                found += [f"{name}, {window}, {theme}: {one}" for one in look(page, width)]
                if window == "a phone":
                    found += [f"{name}, {window}: small: {one}" for one in small_targets(page)]
    assert found == []


def test_the_page_for_grading_on_a_hub(browser: Browser, tmp_path: Path) -> None:
    path = grading_page(tmp_path)
    with served(tmp_path) as address:
        for width in (1300, 320):
            page = browser.new_page(viewport={"width": width, "height": 900})
            page.goto(f"{address}/{path}")
            page.get_by_role("table").wait_for()
            assert look(page, width) == []
            page.close()


def test_a_wide_table_scrolls_on_a_phone_and_breaks_no_word(pages: dict[str, Path], visit: Any) -> None:
    page = visit(pages["feedback"], 320)
    table = page.locator(".output_html[tabindex]")
    assert table.evaluate("one => one.scrollWidth > one.clientWidth + 100")
    lines = table.locator("th").first.evaluate("one => one.getBoundingClientRect().height / 24")
    assert lines < 6.5, "each of its six words on a line at most"


def test_pages_hold_the_longer_words_of_another_language(
    tmp_path: Path, visit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A made-up one. What a link shows is a part of what it is called, too, whatever the words are."""
    languages.make_pseudo(languages.all_texts(), tmp_path / "languages")
    monkeypatch.setenv(FOLDERS, str(tmp_path / "languages"))
    (tmp_path / "pages").mkdir()
    found = []
    with speaking(languages.PSEUDO):
        for name, file in make(tmp_path / "pages").items():
            page = visit(file, 320)
            found += [f"{name}: {one}" for one in too_wide(page, 320)]
            found += [f"{name}: {one}" for one in called_otherwise(page)]
    assert found == []


def test_axe_would_find_something(visit: Any, tmp_path: Path) -> None:
    file = tmp_path / "bad.html"
    file.write_text("<p style='color:#bbb'>pale <img src='data:,'></p>", "utf-8")
    assert len(violations(visit(file))) >= 3


def test_what_is_too_wide_too_small_or_called_otherwise_would_be_found(visit: Any, tmp_path: Path) -> None:
    file = tmp_path / "bad.html"
    words = "<span style='white-space: nowrap; font: 10px monospace'>thirty words of a line that fits</span>"
    button = "<button style='height: 20px' aria-label='Tiny'>small</button>"
    file.write_text(f"{words}<p>{button} <a href='#' aria-label='On with it'>On</a></p>", "utf-8")
    assert too_wide(visit(file, 240), 240) == ["wider than its window when its text is spaced out"]
    assert len(too_wide(visit(file, 100), 100)) == 2
    assert len(small_targets(visit(file, 320))) == 2
    assert called_otherwise(visit(file)) == ["'small' is called 'Tiny'"]


@pytest.mark.parametrize("name", ["feedback", "answers, light"])
def test_what_a_screen_reader_gets(pages: dict[str, Path], visit: Any, name: str) -> None:
    tree = visit(pages[name]).locator("main").aria_snapshot() + "\n"
    golden = GOLDEN / f"{name.replace(', ', '-')}.txt"
    if os.environ.get("AUTOGRADER_GOLDEN") == "write":
        GOLDEN.mkdir(exist_ok=True)
        golden.write_text(tree, "utf-8")
    assert tree == golden.read_text("utf-8"), "read it aloud; AUTOGRADER_GOLDEN=write keeps it"


@pytest.mark.parametrize("name", EXERCISES)
def test_an_exercises_formulas_are_read_without_a_script(visit: Any, tmp_path: Path, name: str) -> None:
    notebook = nbformat.read(ROOT / "exercises" / name / f"{name}.ipynb", 4)
    formulas = sum(cell.source.count("$") for cell in notebook.cells if cell.cell_type == "markdown")
    file = tmp_path / "page.html"
    file.write_text(feedback_page(notebook, SubmissionResult("ada", name, Status.GRADED, (), "", ())), "utf-8")
    page = visit(file)
    assert (page.locator("math").count() > 0) == (formulas > 0)
    assert "$" not in page.locator("main").inner_text()
    assert violations(page) == []
    assert too_wide(visit(file, 320), 320) == []


def test_nothing_in_a_feedback_page_leads_out_of_it(pages: dict[str, Path]) -> None:
    """JupyterLab opens a page below its own address, where a link to a part of the page leads elsewhere."""
    text = pages["feedback"].read_text("utf-8")
    assert 'href="#' not in text
    assert "<script" not in text


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """JupyterLab with one notebook, as a learner has it; its address with the token."""
    root = tmp_path_factory.mktemp("lab")
    cells = [
        "from autograder import start\ncheck, hint = start('03-dense-networks')",
        "hidden_parameters, output_parameters, all_parameters = 7840, 33, 7883",
        "check('counted')",
        "check('flattened')",
    ]
    notebook = new_notebook(cells=[new_markdown_cell("# Exercise"), *map(new_code_cell, cells)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, root / "exercise.ipynb")
    places = {
        f"JUPYTER{name}": str(root / name.lower().strip("_"))
        for name in ("_CONFIG_DIR", "_DATA_DIR", "_RUNTIME_DIR", "LAB_SETTINGS_DIR", "LAB_WORKSPACES_DIR")
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--expose-app-in-browser"]
    options = ["--port=0", "--IdentityProvider.token=t", f"--ServerApp.root_dir={root}"]
    log = root / "log.txt"
    with open(log, "w") as out:
        server = subprocess.Popen(
            [*command, *options], stdout=out, stderr=out, env=os.environ | places, start_new_session=True
        )
    try:
        end = time.monotonic() + PATIENCE / 1000
        while not (found := re.search(r"http://127\.0\.0\.1:\d+", log.read_text("utf-8"))):
            assert server.poll() is None, log.read_text("utf-8")
            assert time.monotonic() < end, log.read_text("utf-8")
            time.sleep(0.2)
        yield f"{found[0]}/lab/tree/exercise.ipynb?token=t"
    finally:
        os.killpg(server.pid, signal.SIGTERM)  # its kernels, too; asked in a friendly way it may wait for them for long
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(timeout=10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def test_an_answer_in_jupyterlab(lab: str, browser: Browser) -> None:
    """Light and dark: words first, in a live region, and no number that only nbgrader wants."""
    page = browser.new_page(viewport={"width": 1300, "height": 900})
    page.goto(lab)
    page.locator(".jp-Notebook .jp-CodeCell").first.wait_for(timeout=PATIENCE)
    last = page.locator("[role=status]", has_text="flattened: not begun yet")
    # JupyterLab forgets what it was asked to run before the connection to the kernel is open.
    page.wait_for_function(
        """() => {
            const kernel = window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel;
            return kernel?.connectionStatus === "connected" && kernel.status === "idle";
        }""",
        timeout=PATIENCE,
    )
    # (In braces, so that nothing is waited for: a command's promise may never end.)
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells') }")
    last.wait_for(timeout=PATIENCE)
    answer = page.locator(".jp-OutputArea", has=page.locator("[role=status]", has_text="counted"))
    assert answer.first.inner_text().startswith("counted: 2 of 3 right, 2 of 3 points.")
    assert not re.search(r"^\s*2\.0\s*$", answer.first.inner_text(), re.MULTILINE)
    for theme in ("JupyterLab Light", "JupyterLab Dark"):
        page.evaluate(f"() => {{ window.jupyterapp.commands.execute('apputils:change-theme', {{theme: '{theme}'}}) }}")
        page.locator(f"body[data-jp-theme-name='{theme}']").wait_for(state="attached", timeout=PATIENCE)
        assert violations(page, {"include": [[".jp-OutputArea"], [".jp-RenderedMarkdown"]]}) == []
    page.close()
