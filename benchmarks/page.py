"""The exercise in a page: from the click to the first check's answer, the weight, and training beside TensorFlow's.

Chromium, driven by Playwright; the page's files come from a server on this machine, so that the network takes no
time. A cold start has an empty browser; a warm one has what the first visit kept.
"""

from __future__ import annotations

import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from chromium import browser_in  # noqa: E402
from page_learner import PATIENCE, Learner, build_site, fetch_pyodide, solutions_of  # noqa: E402
from web import Quiet, Server  # noqa: E402

from autograder.exercise.definition import exercise_names  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

EXERCISE = "03-dense-networks"
RIGHT = "x_train, x_test = [(d.reshape(-1, 784) / 255).astype('float32') for d in (train_data, test_data)]"
STARTS = 3  # warm ones; the median counts
CHECKS = 9
TIMED = """async (answers) => {
    const app = window.jupyterapp, notebook = app.shell.currentWidget.content, cells = notebook.model.cells;
    const seconds = {};
    for (let i = 0; i < cells.length; i++) {
        const cell = cells.get(i), name = cell.getMetadata("nbgrader")?.grade_id;
        if (cell.type !== "code") continue;
        if (name in answers) cell.sharedModel.setSource(answers[name]);
        notebook.activeCellIndex = i;
        notebook.deselectAll();
        const began = performance.now();
        await app.commands.execute("notebook:run-cell");
        seconds[name ?? `cell ${i}`] = (performance.now() - began) / 1000;
        const wrong = cell.toJSON().outputs.find((output) => output.output_type === "error");
        if (wrong) throw new Error(`${name}: ${wrong.evalue}`);
    }
    return seconds;
}"""
ONE_CELL = """async ([at, source]) => {
    const app = window.jupyterapp, notebook = app.shell.currentWidget.content;
    const place = notebook.widgets.filter((widget) => widget.model.type === "code")[at];
    if (source) place.model.sharedModel.setSource(source);
    notebook.activeCellIndex = notebook.widgets.indexOf(place);
    notebook.deselectAll();
    const began = performance.now();
    await app.commands.execute("notebook:run-cell");
    return [(performance.now() - began) / 1000, JSON.stringify(place.model.toJSON().outputs)];
}"""
# The same cells with TensorFlow, each one's seconds as JSON on the last line.
WITH_TENSORFLOW = """
import json, sys, time
cells, seconds = json.load(sys.stdin), {}
space = {"__name__": "__main__"}
for name, source in cells:
    began = time.perf_counter()
    exec(source, space)
    seconds[name] = time.perf_counter() - began
print(json.dumps(seconds))
"""


class Counted(Server):
    """Knows how many bytes of files it has sent."""

    sent = 0


class Counting(Quiet):
    """Counts what is sent."""

    def send_header(self, keyword: str, value: str) -> None:
        """Send a header, and count the bytes that it announces."""
        if keyword.lower() == "content-length" and isinstance(self.server, Counted):
            self.server.sent += int(value)
        super().send_header(keyword, value)


@contextmanager
def _counted(folder: Path) -> Iterator[Counted]:
    with Counted(("127.0.0.1", 0), functools.partial(Counting, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()


@contextmanager
def _in_chromium(scratch: Path) -> Iterator[tuple[BrowserContext, Counted, str]]:
    """The built site in an empty browser: its context, the server, and where the site is.

    Raises:
        RuntimeError: there is no browser, or Pyodide's distribution cannot be had.
    """
    from playwright.sync_api import sync_playwright

    browser_there = browser_in()
    if browser_there is None:
        raise RuntimeError("There is no Chromium and no Chrome here.")
    pyodide = Path(os.environ["PYODIDE"]) if os.environ.get("PYODIDE") else fetch_pyodide(scratch)
    if pyodide is None:
        raise RuntimeError("Pyodide's distribution cannot be had: name its folder in PYODIDE.")
    build_site(pyodide, scratch / "site")
    with _counted(scratch / "site") as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_there, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1300, "height": 1000})
        context.set_default_timeout(PATIENCE)
        yield context, server, f"http://127.0.0.1:{server.server_port}"
        browser.close()


def measured(scratch: Path) -> dict[str, Any]:
    """All figures, in seconds and megabytes.

    Raises:
        RuntimeError: Pyodide's distribution cannot be had.
    """
    with _in_chromium(scratch) as (context, server, address):
        cold = _first_answer(context, address)
        megabytes = server.sent / 1e6
        print(f"   cold {cold['answer']:.1f} s, {megabytes:.1f} MB", flush=True)
        starts = [_first_answer(context, address) for _ in range(STARTS)]
        warm = {step: statistics.median(start[step] for start in starts) for step in cold}
        print(f"   warm {warm['answer']:.1f} s", flush=True)
        training = {name: _training(context, address, name) for name in exercise_names()}
    return {
        "page_cold_seconds": cold,
        "page_warm_seconds": warm,
        "page_megabytes": megabytes,
        "page_check_seconds": warm["next answer"],
        "page_training_seconds": {name: found for name, found in training.items() if found},
        "page_training_ratio": max(found["ratio"] for found in training.values() if found),
    }


def _first_answer(context: BrowserContext, address: str) -> dict[str, float]:
    """Seconds from the click on an exercise until Python is ready, and until the first check has answered."""
    page = context.new_page()
    page.goto(f"{address}/exercises/")
    began = time.perf_counter()
    page.locator(f'a[href="{EXERCISE}.html"]').click()
    learner = Learner(page)
    ready = time.perf_counter() - began
    for number, source in ((0, ""), (1, RIGHT), (2, "")):
        _, shown = learner.frame.evaluate(ONE_CELL, [number, source])
    answer = time.perf_counter() - began
    assert "2 of 2 points" in shown, shown
    again = [learner.frame.evaluate(ONE_CELL, [2, ""])[0] for _ in range(CHECKS)]
    page.close()
    return {"ready": ready, "answer": answer, "next answer": statistics.median(again)}


def _training(context: BrowserContext, address: str, exercise: str) -> dict[str, float]:
    """Seconds of the reference solution's cells that train, in the page and with TensorFlow; empty if none does."""
    answers = solutions_of(exercise)
    cells = json.loads((ROOT / "exercises" / exercise / f"{exercise}.ipynb").read_text("utf-8"))["cells"]
    sources = []
    for number, cell in enumerate(cells):
        name = cell["metadata"].get("nbgrader", {}).get("grade_id") or f"cell {number}"
        if cell["cell_type"] == "code":
            sources.append((name, answers.get(name, "".join(cell["source"]))))
    trains = [name for name, source in sources if ".fit(" in source]
    if not trains:
        return {}
    page = context.new_page()
    page.goto(f"{address}/exercises/{exercise}.html")
    here = Learner(page).frame.evaluate(TIMED, answers)
    page.close()
    with tempfile.TemporaryDirectory() as folder:  # one solution saves its model
        done = subprocess.run(
            [sys.executable, "-c", WITH_TENSORFLOW],
            input=json.dumps(sources),
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"MPLBACKEND": "Agg"},
            cwd=folder,
        )
    there = json.loads(done.stdout.splitlines()[-1])
    seconds = {"page": sum(here[name] for name in trains), "tensorflow": sum(there[name] for name in trains)}
    found = {**seconds, "ratio": seconds["page"] / seconds["tensorflow"]}
    ratio = f"ratio {found['ratio']:.2f}"
    print(f"   {exercise}: training {found['page']:.1f} s, TensorFlow {found['tensorflow']:.1f} s, {ratio}", flush=True)
    return found


if __name__ == "__main__":  # python -m benchmarks.page EXERCISE ...: their training alone, and nothing is written down
    with tempfile.TemporaryDirectory() as folder, _in_chromium(Path(folder)) as (browser_context, _, place):
        for chosen in sys.argv[1:] or exercise_names():
            _training(browser_context, place, chosen)
