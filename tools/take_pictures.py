"""Take the two pictures of the README: what a learner sees after a wrong answer, and what a teacher gets of a class.

    .venv/bin/python tools/take_pictures.py COURSE      a course with a graded exercise 3, such as demo/course

The first is exercise 3 with a wrong answer in it, run in a kernel and shown as JupyterLab shows it; the second is the
class report. Both are taken in Chromium and kept small. They are in `book/pictures`; look at them.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from playwright.sync_api import sync_playwright

from autograder.course.directory import Course
from autograder.report import write_report

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from chromium import browser_in  # noqa: E402

PICTURES = ROOT / "book" / "pictures"
EXERCISE = "03-dense-networks"
ANSWERS = {"counted-answer": "hidden_parameters = 7840\noutput_parameters = 33\nall_parameters = 7883"}
SHOWN = ("counted-text", "counted-answer", "counted")  # these cells, once all are run
LARGEST = 150_000  # bytes of a picture


def main(course: Path) -> int:
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_in(), args=["--no-sandbox"])
        _learner(browser, Path(scratch))
        _teacher(browser, Path(scratch), course)
        browser.close()
    for picture in sorted(PICTURES.glob("*.png")):
        size = picture.stat().st_size
        print(f"{size:>9,} bytes  {picture.relative_to(ROOT)}")
        if size > LARGEST:
            print(f"That is more than {LARGEST:,} bytes.", file=sys.stderr)
            return 1
    return 0


def _learner(browser: Any, scratch: Path) -> None:
    notebook = nbformat.read(ROOT / "exercises" / EXERCISE / f"{EXERCISE}.ipynb", 4)
    cells = {cell.metadata.get("nbgrader", {}).get("grade_id"): cell for cell in notebook.cells}
    for name, answer in ANSWERS.items():
        cells[name].source = answer
    notebook.cells = [cells["setup"], *(cells[name] for name in SHOWN)]
    NotebookClient(notebook, kernel_name="python3", timeout=300).execute()
    notebook.cells = [cells[name] for name in SHOWN]
    cells["counted"].outputs = [o for o in cells["counted"].outputs if o.output_type != "execute_result"]
    page = scratch / "notebook.html"
    page.write_text(HTMLExporter(template_name="lab").from_notebook_node(notebook)[0], "utf-8")
    _take(browser, page, PICTURES / "learner.png", "main", 760)


def _teacher(browser: Any, scratch: Path, course: Path) -> None:
    report = write_report(Course(course), EXERCISE, scratch)
    _take(browser, report.page, PICTURES / "report.png", None, 900, height=900)


def _take(browser: Any, page: Path, target: Path, part: str | None, width: int, height: int = 1000) -> None:
    tab = browser.new_page(viewport={"width": width, "height": height}, device_scale_factor=1.5)
    tab.goto(page.as_uri())
    tab.wait_for_timeout(500)
    shot = tab.locator(part).screenshot() if part else tab.screenshot()
    target.write_bytes(_fewer_colours(shot))
    tab.close()


def _fewer_colours(png: bytes) -> bytes:
    """The same picture with a palette, a third of the size."""
    import io

    from PIL import Image  # comes with Matplotlib

    small = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return small.getvalue()


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        sys.exit(f"Usage: {sys.argv[0]} COURSE")
    sys.exit(main(Path(sys.argv[1])))
