"""Outputs are hostile: nothing of a student's runs or reaches out in the browser of whoever looks at them."""

from __future__ import annotations

import base64
import copy
import io
import re
import struct
import sys
import time
import zlib
from pathlib import Path
from typing import Any

import nbformat
import pytest
from bs4 import BeautifulSoup
from hypothesis import given, settings
from hypothesis import strategies as st
from kit import PATIENCE
from nbconvert.exporters import HTMLExporter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, new_raw_cell

from autograder.course.marks import Mark
from autograder.exercise.display import as_typed, plain_markdown
from autograder.exercise.outcome import CheckResult, Mismatch, Outcome, Status, SubmissionResult, TestResult
from autograder.grading import feedback, pages
from autograder.grading.cells import as_a_terminal_leaves_it, join_streams
from autograder.grading.feedback import feedback_page
from autograder.grading.outputs import MAX_HTML_IN_ALL, make_safe, show_result

EVIL = "http://evil.invalid/"
SCRIPT = "window.forged = 1"
MARKUP = (
    f"<script>{SCRIPT}</script>",
    f"<img src=x onerror='{SCRIPT}'>",
    f"<img src='{EVIL}pixel.png'>",
    f"<svg onload='{SCRIPT}'><a xlink:href='javascript:{SCRIPT}'><text>x</text></a></svg>",
    f"<iframe src='{EVIL}'></iframe><iframe srcdoc='<script>parent.{SCRIPT}</script>'></iframe>",
    f"<style>@import '{EVIL}a.css'; body {{ background: url({EVIL}b.png) }}</style>",
    f"<div style='background:url({EVIL}c.png)' onmouseover='{SCRIPT}'>x</div>",
    f"<meta http-equiv=refresh content='0;url={EVIL}'><base href='{EVIL}'>",
    f"<link rel=stylesheet href='{EVIL}d.css'><object data='{EVIL}e'></object><embed src='{EVIL}f'>",
    f"<form action='{EVIL}'><input autofocus onfocus='{SCRIPT}'><button formaction='javascript:{SCRIPT}'>x</button></form>",  # noqa: E501
    f"<a href='javascript:{SCRIPT}'>click</a><a href='JaVaScRiPt&#58;{SCRIPT}'>click</a>",
    f"<math><mtext><table><mglyph><style><img src=x onerror='{SCRIPT}'></style></mglyph></table></mtext></math>",
    f"</pre></div></body><script>{SCRIPT}</script>",
    f"<details open ontoggle='{SCRIPT}'>x</details><video src=x onerror='{SCRIPT}'></video>",
    f"$\\href{{javascript:{SCRIPT}}}{{click}}$ $$\\style{{background:url({EVIL}g)}}{{x}}$$ \\(\\unicode[{EVIL}]{{x}}\\)",  # noqa: E501
    f"$\\mmlToken{{mi}}[href='javascript:{SCRIPT}']{{x}}$ $\\bbox[background:url({EVIL}h)]{{x}}$",
    f"\x1b[31m<script>{SCRIPT}</script>\x1b[0m \x1b]8;;{EVIL}\x07link\x1b]8;;\x07",
)
MARKDOWN = (
    *MARKUP,
    f"[click](javascript:{SCRIPT}) [click](JAVASCRIPT:{SCRIPT}) [click](java&#115;cript:{SCRIPT})",
    f"![pixel]({EVIL}pixel.png) ![pixel][ref]\n\n[ref]: {EVIL}ref.png",
    f"[click](data:text/html,<script>{SCRIPT}</script>) <javascript:{SCRIPT}>",
    f"![x](attachment:evil.svg) ![x](x 'a\" onerror=\"{SCRIPT}')",
    f"&lt;script&gt;{SCRIPT}&lt;/script&gt; &#60;script&#62;{SCRIPT}&#60;/script&#62;",
    f"`<script>{SCRIPT}</script>`\n\n```html\n<script>{SCRIPT}</script>\n```",
)


def _png(width: int = 2, height: int = 2) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = b"".join(b"\0" + b"\xff\0\0" * 2 for _ in range(2))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def hostile_notebook() -> nbformat.NotebookNode:
    """Everything that an output or a cell can carry, with a script or an address in it."""
    outputs: list[Any] = []
    for text in MARKUP:
        outputs += [
            {"output_type": "stream", "name": text, "text": text},
            {"output_type": "error", "ename": text, "evalue": text, "traceback": [text]},
            {"output_type": "display_data", "metadata": {text: text}, "data": {"text/html": text, "text/plain": text}},
            {"output_type": "display_data", "metadata": {}, "data": {"text/markdown": text, "text/latex": text}},
            {"output_type": "display_data", "metadata": {}, "data": {"image/svg+xml": text, text: text}},
            {"output_type": "display_data", "metadata": {}, "data": {"application/javascript": SCRIPT}},
            {"output_type": "display_data", "metadata": {}, "data": {"application/vnd.jupyter.widget-view+json": {}}},
            {"output_type": "execute_result", "execution_count": text, "data": {"image/png": text, "image/jpeg": text}},
        ]
    picture = base64.b64encode(_png()).decode()
    outputs.append(
        {
            "output_type": "display_data",
            "data": {"image/png": picture},
            "metadata": {"image/png": {"width": "x onerror=1"}},
        }
    )
    cells = [new_code_cell(f"print('{MARKUP[0]}')")]
    cells[0].outputs = [nbformat.from_dict(o) for o in outputs[:150]]
    cells += [new_code_cell("x")]
    cells[1].outputs = [nbformat.from_dict(o) for o in outputs[150:]]
    cells += [make(text) for text in MARKDOWN for make in (new_markdown_cell, new_raw_cell)]
    grading = {"grade": True, "grade_id": "task", "locked": True, "points": 2, "schema_version": 3, "solution": False}
    cells.append(new_code_cell("check('task')", metadata={"nbgrader": grading | {"task": False}}))
    return unchecked(cells)


def unchecked(cells: list[Any]) -> nbformat.NotebookNode:
    """A notebook that need not be valid, as it comes from a hostile kernel."""
    notebook = new_notebook()
    notebook.cells = cells
    return notebook


def hostile_result(text: str) -> SubmissionResult:
    tests = (TestResult(text, Outcome.FAILED, text, (text,)),)
    return SubmissionResult(text, "exercise", Status.CRASHED, (CheckResult("task", 2.0, tests),), text, (text,))


def hostile_page() -> tuple[nbformat.NotebookNode, SubmissionResult]:
    """What there is to make a page of."""
    notebook = hostile_notebook()
    result = hostile_result(" ".join(MARKUP))
    make_safe(notebook)
    show_result(notebook.cells[-1], result.checks[0], 1)
    return notebook, result


def test_plots_and_tables_still_show() -> None:
    cell = new_code_cell("x")
    table = "<table border='1' class='dataframe'><tr><th>a</th></tr><tr><td>1</td></tr></table>"
    picture = base64.b64encode(_png()).decode()
    cell.outputs = [
        new_output("display_data", {"text/html": table}),
        new_output("display_data", {"image/png": picture}),
        new_output("stream", name="stdout", text="hello\n"),
    ]
    make_safe(new_notebook(cells=[cell]))
    assert "<td>1</td>" in cell.outputs[0].data["text/html"]
    assert cell.outputs[1].data["image/png"] == picture
    assert cell.outputs[2].text == "hello\n"


def test_a_page_is_the_one_that_nbconvert_would_make(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own exporter parses the page and writes it once more; nothing else is different."""
    shown = hostile_page()
    ours, exporter = feedback_page(*shown), feedback._exporter()
    plain = HTMLExporter(config=exporter.config)
    monkeypatch.setattr(feedback, "_exporter", lambda: plain)
    assert ours.count("<img") == ours.count(f'alt="{feedback._ALT}"') == 1
    assert str(BeautifulSoup(ours, "html.parser")) == feedback_page(*shown)


@pytest.mark.parametrize(
    "raw",
    [_png(100_000, 100_000), _png(0, 5), b"<svg onload=alert(1)>", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b""],
)
def test_pictures_that_are_none_or_too_many_pixels_are_left_out(raw: bytes) -> None:
    cell = new_code_cell("x")
    for kind in ("image/png", "image/jpeg"):
        cell.outputs = [new_output("display_data", {kind: base64.b64encode(raw).decode()})]
        make_safe(new_notebook(cells=[cell]))
        assert not cell.outputs[0].data


def test_a_real_jpeg_is_kept() -> None:
    image = pytest.importorskip("PIL.Image")
    out = io.BytesIO()
    image.new("RGB", (30, 20)).save(out, "JPEG")
    cell = new_code_cell(
        "x", outputs=[new_output("display_data", {"image/jpeg": base64.b64encode(out.getvalue()).decode()})]
    )
    make_safe(new_notebook(cells=[cell]))
    assert "image/jpeg" in cell.outputs[0].data


SLOW = {  # each took more than five seconds, or for ever
    "brackets": new_code_cell("(" * 1_000_000),
    "attributes": new_code_cell("a." * 300_000),
    "strings": new_code_cell("f'{" * 200_000),
    "questions": new_code_cell("?" * 300_000),
    "a wide table": new_markdown_cell("\n".join(["|a" * 5_000, "|-" * 5_000, *["|a" * 5_000] * 20])),
    "colours": new_code_cell("x", outputs=[new_output("stream", name="stdout", text="\x1b[31ma" * 30_000)]),
    "tags in tags": new_code_cell("x", outputs=[new_output("display_data", {"text/html": "<div>" * 40_000})]),
}


@pytest.mark.parametrize("name", SLOW)
def test_no_text_makes_its_page_take_long(name: str) -> None:
    """No limit of the sandbox holds where pages are made."""
    result = SubmissionResult("s", "exercise", Status.GRADED, (), "", ())
    notebook = new_notebook(cells=[SLOW[name]])
    began = time.process_time()
    make_safe(notebook)
    page = feedback_page(notebook, result)
    assert time.process_time() - began < 5
    assert len(page) < 1_000_000


def test_no_more_tables_are_cleaned_than_a_notebook_needs() -> None:
    table = f"<table><tr><td>{'x' * 40_000}</td></tr></table>"
    shown = [new_output("display_data", {"text/html": table, "text/plain": "x"}) for _ in range(100)]
    notebook = new_notebook(cells=[new_code_cell("x", outputs=shown[:50]), new_code_cell("y", outputs=shown[50:])])
    make_safe(notebook)
    kept = [o for cell in notebook.cells for o in cell.outputs if "text/html" in o.data]
    assert len(kept) == MAX_HTML_IN_ALL // len(table)


# Kept a page for 20 to 60 seconds each, by the square or the cube of their length.
WORSE = {
    "blanks and line ends": new_code_cell(" \n" * 10_000),
    "tabs and line ends": new_code_cell("\t\n" * 10_000),
    "four blanks": new_code_cell("    \n" * 4_000),
    "emphasis": new_markdown_cell("*a **a " * 2_500),
    "quotes in quotes": new_markdown_cell("> " * 9_000),
}


@pytest.fixture(scope="module")
def worst() -> tuple[nbformat.NotebookNode, str]:
    """A notebook with all of these and an honest cell, and its page as a worker has it made."""
    locked = {"locked": True, "grade": False, "solution": False, "grade_id": "text", "schema_version": 3}
    ours = new_code_cell("import keras  # ours", metadata={"nbgrader": locked | {"task": False}})
    notebook = new_notebook(cells=[new_code_cell("import honest"), *map(copy.deepcopy, WORSE.values()), ours])
    make_safe(notebook)
    return notebook, pages.page_of(nbformat.writes(notebook), SubmissionResult("s", "e", Status.GRADED, (), "", ()))


def test_parts_that_take_too_long_are_shown_without_colours(worst: tuple[nbformat.NotebookNode, str]) -> None:
    _, page = worst
    assert '<span class="kn">import</span>' in page
    assert page.count('<span class="nn">honest</span>') == page.count('<span class="nn">keras</span>') == 1
    assert "**a *a" in page or "*a **a" in page  # the text is there all the same
    assert not page.startswith("<!DOCTYPE html><html lang='en'>")


def test_the_worker_waits_for_no_text() -> None:
    """Each part has its second, all of them four, in a process beside the worker's; only its clock is believed."""
    before, began = time.process_time(), time.monotonic()
    notebook = new_notebook(cells=[new_code_cell(" \n" * 9_000 + str(n)) for n in range(8)])
    pages.page_of(nbformat.writes(notebook), SubmissionResult("s", "e", Status.GRADED, (), "", ()))
    assert time.process_time() - before < 2
    assert time.monotonic() - began < pages.WAIT_SECONDS


def test_a_process_that_cannot_be_interrupted_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then there is a page without colours; and if even that cannot be made, one of the results alone."""
    started: list[int] = []
    real = pages._start

    def start() -> Any:
        process = real()
        started.append(process.pid)
        if len(started) in broken:
            process.kill()
        return process

    monkeypatch.setattr(pages, "_start", start)
    maker = pages._Maker()
    notebook = nbformat.writes(new_notebook(cells=[new_code_cell("import honest")]))
    result = SubmissionResult("s", "e", Status.GRADED, (CheckResult("task", 2.0, ()),), "it <was> so", ())
    broken = {1}
    assert "import honest" in maker.page(notebook, result)
    broken = {2, 3, 4}
    maker.close()
    page = maker.page(notebook, result)
    assert "it &lt;was&gt; so" in page
    assert "Score: 0 / 2" in page
    maker.close()


def test_a_page_that_cannot_be_made_is_made_of_the_exercises_own_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = new_notebook(cells=[new_markdown_cell("mine"), new_markdown_cell("theirs")])
    notebook.cells[1].metadata["nbgrader"] = {"locked": True, "grade": False, "solution": False, "grade_id": "text"}
    real = feedback._page

    def choke(page: nbformat.NotebookNode, result: SubmissionResult) -> str:
        if any(cell.source == "mine" for cell in page.cells):
            raise RecursionError
        return real(page, result)

    monkeypatch.setattr(feedback, "_page", choke)
    page = feedback_page(notebook, SubmissionResult("s", "exercise", Status.GRADED, (), "", ()))
    assert "theirs" in page
    assert "mine" not in page


def test_a_page_says_how_to_ask_for_another_look_where_points_are_missing() -> None:
    def page_of(*points: float, late: float = 0.0) -> tuple[SubmissionResult, str]:
        checks = tuple(
            CheckResult(f"task{n}", 2.0, (TestResult("It adds", Outcome.PASSED, share=share / 2.0),))
            for n, share in enumerate(points)
        )
        notebook = new_notebook(cells=[new_markdown_cell('<p class="another-look">mine</p>')])
        make_safe(notebook)
        result = SubmissionResult("s", "exercise", Status.GRADED, checks, "", ("A note.",), late_penalty=late)
        return result, feedback_page(notebook, result)

    def asking(page: str) -> list[str]:
        said = BeautifulSoup(page, "html.parser").find_all("p", "another-look")
        return [one.get_text() for one in said if one.find("code")]

    whole, full = page_of(2.0, 2.0)
    part, some = page_of(2.0, 1.0)
    assert (whole.score, part.score) == (4.0, 3.0)
    assert asking(full) == []
    (line,) = asking(some)
    assert line.startswith("If you think that something here is wrong, hand in a text file called another-look.txt ")
    assert asking(page_of(2.0, 2.0, late=0.5)[1]) == [line]
    # After people, or the clock, changed the points of a finished page, and once more after they took that back.
    given = feedback.with_marks(some, 4.0, [Mark("task1", points=2.0)])
    assert asking(given) == []
    assert asking(feedback.with_marks(given, 3.0, [])) == [line]
    late = feedback.with_late_penalty(full, 0.5)
    assert asking(late) == [line] == asking(feedback.with_late_penalty(late, 1.0))
    assert asking(feedback.with_late_penalty(late, 0.0)) == []
    assert full.count("mine") == given.count("mine") == late.count("mine") == 1
    assert [len(asking(feedback.page_without_notebook(one))) for one in (whole, part)] == [0, 1]


_anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_mimes = st.sampled_from(["text/plain", "text/html", "image/png", "image/jpeg", "text/latex"])


@settings(deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {"output_type": st.sampled_from(["stream", "error", "display_data", "execute_result", "x"]) | _anything},
            optional={
                "data": st.dictionaries(_mimes, _anything, max_size=3) | _anything,
                "text": _anything,
                "name": _anything,
                "traceback": _anything,
                "ename": _anything,
                "evalue": _anything,
            },
        ),
        max_size=4,
    )
)
def test_outputs_of_any_form_become_well_formed(outputs: list[dict[str, Any]]) -> None:
    cell = new_code_cell("x")
    cell.outputs = [nbformat.from_dict(o) for o in outputs]
    notebook = unchecked([cell])
    make_safe(notebook)
    cell.execution_count = 1
    nbformat.validate(notebook)
    nbformat.writes(notebook).encode("utf-8")


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("<>[]()!$\\`&;#:ab \n"), max_size=60))
def test_markdown_of_a_students_makes_no_link_picture_or_tag(text: str) -> None:
    from nbconvert.filters import markdown2html

    html = markdown2html(plain_markdown(text))
    html = re.sub(r'<a class="anchor-link" href="#[^"<>]*">&#182;</a>', "", html)  # nbconvert's own, at headings
    for word in ("<a ", "<img", "<script", "href=", "src="):
        assert word not in html
    assert not {"$", "\\"} & set(html)
    # In a page of ours, where no script makes formulas: what was typed, and still nothing but text.
    shown = as_typed(html)
    assert not {"$", "\\"} & set(shown)
    page = BeautifulSoup(shown, "html.parser")
    assert page.find_all(["a", "img", "script"]) == []
    assert not {chr(ord(sign) + 0xFEE0) for sign in "<[]$\\"} & set(page.get_text())


def test_a_message_that_quotes_a_student_stays_text() -> None:
    result = CheckResult("task", 1.0, (TestResult("t", Outcome.FAILED, str(Mismatch("<b>$x$")), ("<i>",)),))
    cell = new_code_cell("check('task')")
    show_result(cell, result, 3)
    html = cell.outputs[0].data["text/html"]
    assert "tex2jax_ignore" in html
    assert "<b>$" not in html
    assert cell.outputs[1].data["text/plain"] == "0.0"


@pytest.mark.browser
@pytest.mark.slow
def test_a_page_of_hostile_outputs_does_nothing_in_a_real_browser(chromium: str, tmp_path: Path) -> None:
    """Every script would set `forged`, every address is evil.invalid; links are pressed as well."""
    playwright = pytest.importorskip("playwright.sync_api")
    file = tmp_path / "feedback.html"
    file.write_text(feedback_page(*hostile_page()), "utf-8", errors="replace")
    asked: list[str] = []
    with playwright.sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("dialog", lambda dialog: dialog.dismiss())
        page.on("request", lambda request: asked.append(request.url))
        page.route("http*://**", lambda route: route.abort())
        page.goto(file.as_uri())
        page.wait_for_timeout(1500)
        assert page.evaluate("window.forged") is None
        for selector in ("iframe", "object", "embed", "form", "svg", "base", "video", "input"):
            assert page.locator(f"body {selector}").count() == 0
        links = page.eval_on_selector_all("body a", "all => all.map(a => a.getAttribute('href') || '')")
        assert not [link for link in links if "script" in link.lower() or link.startswith("data:")]
        scripts = page.eval_on_selector_all("body script", "all => all.map(s => s.textContent)")
        assert not [s for s in scripts if "forged" in s]
        handlers = page.evaluate(
            "[...document.querySelectorAll('body *')]"
            ".filter(e => [...e.attributes].some(a => a.name.startsWith('on'))).length"
        )
        assert handlers == 0
        assert page.locator("img[src^='data:image/png']").count() == 1
        # The page has no MathJax; for one around it: no formula outside what that passes over.
        formulas = page.evaluate(
            r"""(() => {
                const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
                while (walk.nextNode())
                    if (/\\(href|style|unicode|mmlToken|bbox)|[$]/.test(walk.currentNode.data)) {
                        const over = "pre, code, script, style, .tex2jax_ignore";
                        found.push([walk.currentNode.data, !walk.currentNode.parentElement.closest(over)]);
                    }
                return found;
            })()"""
        )
        assert len(formulas) > 10, "they are there"
        assert [text for text, is_read in formulas if is_read] == []
        browser.close()
    assert not [url for url in asked if "evil" in url]


@settings(deadline=None)
@given(st.text("ab\r\n\b", max_size=60))
def test_what_is_printed_looks_as_in_a_terminal(text: str) -> None:
    shown = as_a_terminal_leaves_it(text)
    assert "\b" not in shown
    assert "\r" not in shown.replace("\r\n", "")
    assert shown.count("\n") == text.count("\n")


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("1/3\r2/3\r3/3\n", "3/3\n"),
        ("1/3\b\b\b2/3\b\b\b3/3\n", "3/3\n"),
        ("a\r\nb\r\n", "a\nb\n"),
        ("50%\r", "50%"),
        ("left alone\n\n", "left alone\n\n"),
    ],
)
def test_a_progress_bar_leaves_its_last_state(printed: str, shown: str) -> None:
    assert as_a_terminal_leaves_it(printed) == shown


def test_streams_are_joined_in_the_order_that_people_expect() -> None:
    parts = [("stderr", "w"), ("stdout", "a"), ("stdout", "b\r"), ("stderr", "x"), ("stdout", "c")]
    cell = new_code_cell("x", outputs=[new_output("stream", name=name, text=text) for name, text in parts])
    join_streams(cell)
    assert [(o.name, o.text) for o in cell.outputs] == [("stdout", "c"), ("stderr", "wx")]


def test_joining_takes_time_in_proportion() -> None:
    """Steps of the interpreter, which no load of the machine changes: four times the text, four times the steps."""

    def steps(length: int) -> int:
        count = 0

        def trace(*_: Any) -> Any:
            nonlocal count
            count += 1
            return trace

        text = "[0, 0, 0], " * length + "\r" * length + "x\b" * length
        cell = new_code_cell("x", outputs=[new_output("stream", name="stdout", text=t) for t in (text, text)])
        before = sys.gettrace()
        sys.settrace(trace)
        try:
            join_streams(cell)
        finally:
            sys.settrace(before)
        return count

    assert steps(4_000) < 5 * steps(1_000)
