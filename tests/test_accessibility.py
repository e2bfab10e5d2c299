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

import class_of_300
import nbformat
import pytest
from kit import EXERCISES, PATIENCE, ROOT
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from playwright.sync_api import Browser, Page, TimeoutError

from autograder.course.directory import Course
from autograder.exercise.display import CheckView
from autograder.exercise.outcome import CheckResult, Outcome, Status, SubmissionResult, TestResult
from autograder.grading.feedback import feedback_page
from autograder.grading.outputs import make_safe, show_result
from autograder.jupyter.live import Common, ExerciseLive, TaskLine
from autograder.jupyter.standing import ClassStanding, Standing, Version
from autograder.jupyter.work import Pages
from autograder.report import write_report

AXE = ROOT / "book" / "node_modules" / "axe-core" / "axe.min.js"
GOLDEN = Path(__file__).parent / "golden"
NAME = "04-softmax"
WIDTHS = {"wide": 1300, "at 200 %": 640, "a phone": 320}
RIGHT = CheckResult("softmax", 3.0, (TestResult("The probabilities add up to 1", Outcome.PASSED, share=1.0),) * 2)
WRONG = CheckResult(
    "softmax_rows",
    3.0,
    (
        TestResult("It returns one row for each image", Outcome.PASSED, share=1.0),
        TestResult(
            "Each row adds up to 1",
            Outcome.FAILED,
            "The columns of `softmax_rows(z)` add up to 1, not the rows.",
            ("Which axis of `z` counts the classes?",),
        ),
    ),
)
OTHERS = (
    CheckResult("hot_limit", 1.0, (TestResult("The limit", Outcome.NOT_ATTEMPTED, "There is no `hot_limit` yet."),)),
    CheckResult("cross_entropy", 3.0, (TestResult("The mean", Outcome.ERROR, "This check broke. That is our fault."),)),
)

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What there is to see, as files."""
    folder = tmp_path_factory.mktemp("pages")
    made = {"feedback": _feedback(), "feedback of nothing": _feedback(Status.CRASHED, "It crashed Python (signal 11).")}
    for theme, colours in (("light", "#000;background:#fff"), ("dark", "#e0e0e0;background:#111111")):  # JupyterLab's
        answers = "".join(CheckView(check)._repr_html_() for check in (RIGHT, WRONG, *OTHERS))
        body = f"<body style='color:{colours}'><main><h1>Notebook</h1>{answers}</main>"
        made[f"answers, {theme}"] = f"<!DOCTYPE html><html lang='en'><title>Notebook</title>{body}</html>"
    made |= _work_pages()
    files = {}
    for name, text in made.items():
        files[name] = folder / f"{name}.html"
        files[name].write_text(text, "utf-8")
    class_of_300.write_class(folder / "school")
    files["report"] = write_report(Course(folder / "school"), class_of_300.NAME).page
    return files


def _work_pages() -> dict[str, str]:
    """The course's page on a Hub, as a learner and as an instructor have it."""
    due = ("Due Fri 20 Nov 2026, 23:59 (Europe/Vienna), in 2 days 3 hours.", "Late work earns no points.")
    versions = (
        Version("Wed 18 Nov 2026, 14:03:20", "14:03:22", "K7QF-2ABC", "this one counts; in time", True),
        Version("Tue 17 Nov 2026, 09:12:40", "", "", "replaced by a later one", False),
    )
    standings = [Standing(NAME, due, versions, "21 of 25 points.", True), Standing("05", due, (), "", False)]
    about: dict[str, Any] = {"course": "keras", "base": "/services/keras-work/"}
    learner = {"told": "Received.", "trouble": "Nothing was handed in: choose a file first.", "xsrf": "", "who": "ada"}
    those = [ClassStanding(NAME, due, 2, ("ada, 2 hours late",), ("bo, until Mon",), ("cy",))]
    teacher = {"title": "the class", "standings": those, "grading": "/services/keras/", "results_at_once": False}
    tasks, common = (TaskLine("counted", 3, 1),), (Common("counted", "Those are only the weights.", 2),)
    seen = [ExerciseLive(NAME, 4, 1, ("ada",), tasks, common, ("ada, at counted: 5 checks in 9 minutes",))]
    watched: dict[str, Any] = {"on": True, "names": True, "at": "14:03:22", "nonce": "n", "xsrf": "x"}
    pages = Pages()
    return {
        "work, live": pages.made("live", title="live", seen=seen, **watched, **about),
        "work, learner": pages.made("learner", title="your work", standings=standings, **learner, **about),
        "work, class": pages.made("class", **teacher, **about),
        "work, refused": pages.made("refused", title="Not possible", why="This page is for people.", **about),
    }


def _feedback(status: Status = Status.GRADED, message: str = "") -> str:
    """The page of a notebook with a table, a picture, an error and much text in one line."""
    notebook = new_notebook()
    checks = (RIGHT, WRONG, *OTHERS)
    head = "".join(f"<th>column {n} of a wide table</th>" for n in range(8))
    table = f"<table><tr>{head}</tr><tr>{'<td>1</td>' * 8}</tr></table>"
    pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    outputs = [
        new_output("display_data", {"text/html": table}),
        new_output("display_data", {"image/png": pixel}),
        new_output("stream", name="stdout", text="x" * 400 + "\n\x1b[31mred\x1b[0m \x1b[32mgreen\x1b[0m\n"),
        new_output("error", ename="ValueError", evalue="no", traceback=["\x1b[0;31mValueError\x1b[0m: no"]),
    ]
    notebook.cells = [
        _locked(new_markdown_cell("# Softmax\n\nScores $z$ become\n\n$$p_k = \\frac{e^{z_k}}{\\sum_j e^{z_j}}$$")),
        _locked(new_markdown_cell("## Task 1\n\nWrite `softmax`.")),
        new_code_cell("def softmax(z):  # mine\n    return 'x' + 1.5", metadata={"nbgrader": {"solution": True}}),
        new_markdown_cell("I cost $5.", metadata={"nbgrader": {"solution": True, "grade": True, "grade_id": "why"}}),
        *(new_code_cell(f'check("{check.name}")') for check in checks),
    ]
    notebook.cells[2].outputs = outputs
    make_safe(notebook)
    for cell, check in zip(notebook.cells[4:], checks, strict=True):
        show_result(_locked(cell), check, 1)
    return feedback_page(notebook, SubmissionResult("ada", NAME, status, checks, message, ("It came late.",)))


def _locked(cell: nbformat.NotebookNode) -> nbformat.NotebookNode:
    cell.metadata["nbgrader"] = {"locked": True}
    return cell


def violations(page: Page, where: Any = None) -> list[str]:
    """What axe-core finds that is more than minor, on the page or in a part of it (axe-core's context)."""
    page.evaluate(AXE.read_text("utf-8"))  # not as a script of the page's, which allows itself none
    options = "{resultTypes: ['violations'], preload: false}"
    found: dict[str, Any] = page.evaluate(f"where => axe.run(where || document, {options})", where)
    return [
        f"{v['id']} ({v['impact']}): {v['nodes'][0]['html'][:160]}"
        for v in found["violations"]
        if v["impact"] != "minor"
    ]


@pytest.fixture
def visit(browser: Browser) -> Iterator[Any]:
    """Open a file in a window of some width and theme."""
    opened: list[Page] = []

    def open_file(file: Path, width: int = 1300, theme: Any = "light") -> Page:
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
        opened.append(page)
        page.goto(file.as_uri())
        return page

    yield open_file
    for page in opened:
        page.close()


def test_axe_finds_nothing_and_no_page_is_wider_than_its_window(pages: dict[str, Path], visit: Any) -> None:
    found = []
    for name, file in pages.items():
        for window, width in WIDTHS.items():
            for theme in ("light", "dark"):
                # (300 students: axe-core takes its time. The pages on a Hub are of one make.)
                both_ends = (window, theme) in (("wide", "light"), ("a phone", "dark"))
                if (name == "report" or name.startswith("work")) and not both_ends:
                    continue
                page = visit(file, width, theme)
                found += [f"{name}, {window}, {theme}: {one}" for one in violations(page)]
                if page.evaluate("document.documentElement.scrollWidth") > width:
                    found.append(f"{name}, {window}: wider than its window")
    assert found == []


def test_axe_would_find_something(visit: Any, tmp_path: Path) -> None:
    file = tmp_path / "bad.html"
    file.write_text("<p style='color:#bbb'>pale <img src='data:,'></p>", "utf-8")
    assert len(violations(visit(file))) >= 3


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
    # (In braces, so that nothing is waited for: a command's promise may never end.)
    for attempt in range(8):  # JupyterLab forgets what it was asked to run before the kernel's connection is open
        page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells') }")
        with contextlib.suppress(TimeoutError if attempt < 7 else ()):
            last.wait_for(timeout=PATIENCE / 3)
            break
    answer = page.locator(".jp-OutputArea", has=page.locator("[role=status]", has_text="counted"))
    assert answer.first.inner_text().startswith("counted: 2 of 3 right, 2 of 3 points.")
    assert not re.search(r"^\s*2\.0\s*$", answer.first.inner_text(), re.MULTILINE)
    for theme in ("JupyterLab Light", "JupyterLab Dark"):
        page.evaluate(f"() => {{ window.jupyterapp.commands.execute('apputils:change-theme', {{theme: '{theme}'}}) }}")
        page.locator(f"body[data-jp-theme-name='{theme}']").wait_for(state="attached", timeout=PATIENCE)
        assert violations(page, {"include": [[".jp-OutputArea"], [".jp-RenderedMarkdown"]]}) == []
    page.close()
