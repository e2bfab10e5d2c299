"""Where the page breaks, it says why: each kind of trouble is made for real, in Chromium, and its sentence is read."""

from __future__ import annotations

import functools
import gzip
import hashlib
import json
import os
import re
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from page_learner import NO_PYTHON, PATIENCE, without_python
from playwright.sync_api import expect
from web import Quiet, Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Frame, Page

pytestmark = [pytest.mark.slow, pytest.mark.browser]
PYTHON = "pyodide.asm.wasm"
EXERCISE = "exercises/01-image-classification.html"


@contextmanager
def troubled(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Serve a folder as a network with troubles does.

    Yields the address, and a table to write into: "blocked", "missing" or "damaged" by the end of a file's path.
    """
    troubles: dict[str, str] = {}

    class Handler(Quiet):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            trouble = next((kind for end, kind in troubles.items() if path.endswith(end)), "")
            if trouble == "blocked":
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
            elif trouble == "missing":
                self.send_error(404)
            elif trouble == "damaged":
                content = bytearray((folder / path.lstrip("/")).read_bytes())
                content[len(content) // 2] ^= 1
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            else:
                super().do_GET()

        def end_headers(self) -> None:
            self.send_header("Access-Control-Allow-Origin", "*")
            self.send_header("Cache-Control", "no-cache")
            super().end_headers()

    with Server(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", troubles
        server.shutdown()


def says(page: Page, sentence: str) -> None:
    """Wait until the page tells this trouble, in one paragraph that a screen reader announces."""
    page.locator("#trouble[role=alert]", has_text=re.compile(sentence)).wait_for(timeout=PATIENCE)


@pytest.mark.parametrize(
    ("trouble", "sentence"),
    [
        ("blocked", r"^python_stdlib\.zip could not be fetched: 127\.0\.0\.1:\d+ does not answer, or a firewall"),
        ("missing", r"^python_stdlib\.zip is missing on 127\.0\.0\.1:\d+ \(answer 404\)"),
        ("damaged", r"^127\.0\.0\.1:\d+ sent something else in place of python_stdlib\.zip; often a firewall"),
    ],
)
def test_what_cannot_be_fetched_is_named_and_fetched_the_next_time(
    trouble: str, sentence: str, site: Path, browser: Browser
) -> None:
    context = browser.new_context()
    with troubled(site) as (address, troubles):
        page = context.new_page()
        troubles["/python_stdlib.zip.packed"] = trouble
        page.goto(f"{address}/{EXERCISE}")
        says(page, sentence)
        assert "Your work is safe" in page.locator("#trouble").inner_text()
        troubles.clear()
        page.reload()
        page.locator("#state", has_text="Opening the notebook").or_(
            page.locator("#state", has_text="Starting Python")
        ).or_(page.locator("#state", has_text="Python is")).first.wait_for(timeout=PATIENCE)
        assert page.locator("#trouble").inner_text() == ""
    context.close()


def with_python_elsewhere(site: Path, out: Path, host: str) -> None:
    """The site as `make site PYODIDE=HOST` leaves it: without Python itself, which that host has.

    (That build takes half a minute. What it leaves out and lists is another test's, `test_python_on_another_host`.)
    """
    shutil.copytree(site, out, copy_function=os.link)
    page, name = out / "exercises", f"static/pyodide/{PYTHON}"
    for left in (page / name, page / f"{name}.packed"):
        left.unlink()
    files = page / "files.js"
    head, table = files.read_text("utf-8").split("=", 1)
    known = json.loads(table.rstrip(";\n"))
    size, digest, _, kind = known["files"][name]
    known["files"][name] = [size, digest, 0, kind, f"{host}/{PYTHON}"]
    files.unlink()  # it is a link to the other site's
    files.write_text(f"{head}={json.dumps(known)};\n", "utf-8")


def test_python_on_another_host_is_taken_only_with_its_own_digest(
    pyodide: Path, site: Path, browser: Browser, tmp_path: Path
) -> None:
    context = browser.new_context()
    with troubled(pyodide) as (host, troubles):
        with_python_elsewhere(site, tmp_path / "site", host)
        with troubled(tmp_path / "site") as (address, _):
            page, name = context.new_page(), host.removeprefix("http://")
            troubles[f"/{PYTHON}"] = "damaged"
            page.goto(f"{address}/{EXERCISE}")
            says(page, rf"^{name} sent something else in place of {re.escape(PYTHON)}; often a firewall does that")
            troubles[f"/{PYTHON}"] = "blocked"
            page.reload()
            says(page, rf"^{re.escape(PYTHON)} could not be fetched: {name} does not answer, or a firewall blocks it")
            troubles.clear()
            page.reload()
            page.locator("#state", has_text="Python is ready").wait_for(timeout=PATIENCE)
            assert page.locator("#trouble").inner_text() == ""
    context.close()


def test_no_webassembly(site: Path, browser: Browser) -> None:
    context = browser.new_context()
    context.add_init_script("delete globalThis.WebAssembly")  # as where it is switched off
    with troubled(site) as (address, _):
        page = context.new_page()
        page.goto(f"{address}/{EXERCISE}")
        says(page, "^This browser cannot run Python: WebAssembly is missing or switched off. Use a current")
    context.close()


def test_too_little_memory(site: Path, browser: Browser, chromium: str) -> None:
    # 64 KiB a page: enough for Python itself, not for Keras.
    small = browser.browser_type.launch(
        executable_path=chromium, args=["--no-sandbox", "--js-flags=--wasm-max-mem-pages=600"]
    )
    with troubled(site) as (address, _):
        page = small.new_page()
        page.goto(f"{address}/{EXERCISE}")
        says(page, "^This device has too little free memory for Python. Close other tabs and load the page again")
    small.close()


def test_a_window_that_keeps_nothing_says_so_and_works(
    site: Path, browser: Browser, chromium: str, tmp_path: Path
) -> None:
    # As a browser that blocks all cookies: it refuses IndexedDB, caches and service workers, too.
    (tmp_path / "Default").mkdir()
    settings = {"profile": {"default_content_setting_values": {"cookies": 2}}}
    (tmp_path / "Default" / "Preferences").write_text(json.dumps(settings), "utf-8")
    context = browser.browser_type.launch_persistent_context(tmp_path, executable_path=chromium, args=["--no-sandbox"])
    with troubled(site) as (address, _):
        page = context.new_page()
        page.goto(f"{address}/{EXERCISE}")
        says(
            page,
            "^This window keeps nothing, perhaps because it is a private one: what you write is lost when you close",
        )
    context.close()


def release(page: Path, name: str, old: str, new: str) -> None:
    """Change a file of the site, as a new release does: itself, packed, and in the list of files."""
    text = (page / name).read_text("utf-8")
    assert old in text
    content = text.replace(old, new, 1).encode()
    packed = gzip.compress(content)
    files = page / "files.js"
    head, table = files.read_text("utf-8").split("=", 1)
    known = json.loads(table.rstrip(";\n"))
    known["files"][name][:3] = [len(content), hashlib.sha256(content).hexdigest(), len(packed)]
    contents = {name: content, f"{name}.packed": packed, "files.js": f"{head}={json.dumps(known)};\n".encode()}
    for changed, what in contents.items():
        (page / changed).unlink()  # it is a link to the other site's
        (page / changed).write_bytes(what)


def test_a_new_release_opens_where_an_older_one_was_kept(site: Path, browser: Browser, tmp_path: Path) -> None:
    shutil.copytree(site, tmp_path / "site", copy_function=os.link)
    context = browser.new_context()
    with troubled(tmp_path / "site") as (address, _):
        page = context.new_page()
        page.goto(f"{address}/{EXERCISE}")
        opened(page).evaluate(WRITE, "# before")
        is_kept(opened(page), "# before")
        for name in (EXERCISE.removeprefix("exercises/"), "notebooks/index.html"):
            release(tmp_path / "site" / "exercises", name, "<head>", '<head><meta name="release" content="2">')
        page.goto(f"{address}/{EXERCISE}")  # its page was not kept at the first visit, and is another one now
        frame = opened(page)
        assert frame.evaluate(WRITTEN) == "# before"
        for shown in (page.main_frame, frame):
            assert shown.evaluate("document.querySelector('meta[name=release]')?.content") == "2"
        assert page.locator("#trouble").inner_text() == ""
        # Chromium sometimes answers neither the page that registers a service worker which is there, nor the one that
        # waits for it because the site has a newer release.
        page.add_init_script("""if (window === top) {
            const silent = () => new Promise(() => {});
            ServiceWorkerContainer.prototype.register = silent;
            Object.defineProperty(ServiceWorkerContainer.prototype, "ready", { get: silent });
        }""")
        release(tmp_path / "site" / "exercises", "notebooks/index.html", 'content="2"', 'content="3"')
        page.reload()
        assert opened(page).evaluate(WRITTEN) == "# before"
    context.close()


WRITE = """(text) => {
    const model = window.jupyterapp.shell.currentWidget.content.model;
    model.cells.get(2).sharedModel.setSource(text);
}"""
WRITTEN = "() => window.jupyterapp.shell.currentWidget.content.model.cells.get(2).sharedModel.source"

KEPT = """async (text) => {
    const app = window.jupyterapp, { contents } = app.serviceManager;
    const kept = await contents.get(app.shell.currentWidget.context.path, { content: true });
    return [kept.content.cells[2].source].flat().join("") === text;
}"""


def opened(page: Page) -> Frame:
    """JupyterLite's own page, once the notebook is open in it."""
    expect(page.get_by_role("button", name="Hand in")).to_be_enabled(timeout=PATIENCE)
    return next(frame for frame in page.frames if "/notebooks/" in frame.url)


def is_kept(frame: Frame, text: str) -> None:
    """Wait until JupyterLite has kept this text."""
    deadline = time.monotonic() + PATIENCE / 1000
    while not frame.evaluate(KEPT, text):
        assert time.monotonic() < deadline, f"not kept: {text}"
        frame.wait_for_timeout(200)


def until(page: Page, script: str) -> None:
    """Wait until the page answers yes. Playwright's own waiting takes a promise itself for one."""
    deadline = time.monotonic() + PATIENCE / 1000
    while not page.evaluate(script):
        assert time.monotonic() < deadline, f"never true: {script}"
        page.wait_for_timeout(200)


def writes_until(page: Page, sentence: str, text: str, script: str = "true") -> None:
    """Go on writing until the page tells this trouble and answers yes to the script.

    Chromium believes for half a minute in room that it has seen.
    """
    deadline, n, frame = time.monotonic() + PATIENCE / 1000, 0, opened(page)
    while not (re.search(sentence, page.locator("#trouble").inner_text()) and page.evaluate(script)):
        assert time.monotonic() < deadline, f"never told: {sentence}, or never true: {script}"
        frame.evaluate(WRITE, f"{text} {(n := n + 1)}")
        page.wait_for_timeout(1500)
    frame.evaluate(WRITE, text)


def handed_in(page: Page) -> str:
    """The file that *Hand in* downloads."""
    with page.expect_download() as download:
        page.get_by_role("button", name="Hand in").click()
    return Path(download.value.path()).read_text("utf-8")


def test_a_full_disk_loses_no_work_and_says_so(site: Path, browser: Browser) -> None:
    context = browser.new_context(accept_downloads=True)
    with troubled(site) as (address, _):
        page = context.new_page()
        devtools = context.new_cdp_session(page)
        asked: list[str] = []
        page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))

        def room(**quota: int) -> None:
            devtools.send("Storage.overrideQuotaForOrigin", {"origin": address, **quota})

        def keep_python_from_starting() -> str:
            script = devtools.send("Page.addScriptToEvaluateOnNewDocument", {"source": NO_PYTHON})
            return str(script["identifier"])

        # Full from the first visit on: the notebook opens, and its work goes into a file.
        devtools.send("Page.enable")
        script = keep_python_from_starting()
        room(quotaSize=1000)
        page.goto(f"{address}/{EXERCISE}")
        says(page, "^Your browser has no room left to keep your work: what you write is lost when you close this page")
        opened(page).evaluate(WRITE, "# first")
        assert "# first" in handed_in(page)
        opened(page).evaluate(WRITE, "# more")
        page.locator("#state").click()  # a browser asks only whoever has touched the page
        page.reload()
        assert asked == ["beforeunload"]

        # There is room, and then no more: an older state is not all that is left.
        room()
        page.goto(f"{address}/{EXERCISE}")
        frame = opened(page)
        assert page.locator("#trouble").inner_text() == ""
        frame.evaluate(WRITE, "# kept")
        is_kept(frame, "# kept")
        room(quotaSize=1000)
        devtools.send("Page.removeScriptToEvaluateOnNewDocument", {"identifier": script})  # it would say what it keeps
        page.reload()
        frame = opened(page)
        assert frame.evaluate(WRITTEN) == "# kept"
        writes_until(page, '^Your browser has no room left to keep your work. Press "Hand in" now', "# on a full disk")
        assert "kept in this browser" not in page.locator("#state").inner_text()
        assert "# on a full disk" in handed_in(page)

        # Room is made: what was written is kept by itself.
        room()
        says(page, "^Your browser has little room left. Your work is kept, but the next visit fetches Python")
        is_kept(frame, "# on a full disk")
        keep_python_from_starting()
        page.reload()
        assert opened(page).evaluate(WRITTEN) == "# on a full disk"
    context.close()


def test_work_comes_before_what_can_be_fetched_again(site: Path, browser: Browser) -> None:
    context = browser.new_context()
    without_python(context)
    with troubled(site) as (address, _):
        page = context.new_page()
        page.goto(f"{address}/{EXERCISE}")
        opened(page)
        room = 4_000_000  # more than any notebook takes, and less than half of what the page keeps of itself
        until(page, f"navigator.storage.estimate().then((found) => found.usage > {2 * room})")
        page.reload()  # so that the page finds its own files here, which must not keep their room
        opened(page)
        devtools = context.new_cdp_session(page)
        devtools.send("Storage.overrideQuotaForOrigin", {"origin": address, "quotaSize": room})
        there_is = f"navigator.storage.estimate().then((found) => found.usage < {room})"
        little_room = "^Your browser has little room left. Your work is kept, but the next"
        writes_until(page, little_room, "# in spite of that", there_is)
        is_kept(opened(page), "# in spite of that")
        page.reload()
        assert opened(page).evaluate(WRITTEN) == "# in spite of that"
    context.close()


def test_the_same_notebook_in_two_tabs_is_written_in_one(site: Path, browser: Browser) -> None:
    context = browser.new_context(accept_downloads=True)
    without_python(context)
    with troubled(site) as (address, _):
        first, second = context.new_page(), context.new_page()
        first.goto(f"{address}/{EXERCISE}")
        opened(first).evaluate(WRITE, "# in the first")
        second.goto(f"{address}/{EXERCISE}")
        frame = opened(second)
        assert frame.evaluate(WRITTEN) == "# in the first"  # though a second had not passed
        says(first, "^You are working on this notebook in another tab or window")
        assert first.locator("#notebook").evaluate("(frame) => frame.inert")
        assert first.get_by_role("button", name="Start over").is_disabled()
        assert "# in the first" in handed_in(first)
        assert second.locator("#trouble").inner_text() == ""
        frame.evaluate(WRITE, "# in the second")
        is_kept(frame, "# in the second")
        opened(first).evaluate(WRITE, "# what Python still prints there")
        first.reload()
        assert opened(first).evaluate(WRITTEN) == "# in the second"
        assert first.locator("#trouble").inner_text() == ""
        says(second, "^You are working on this notebook in another tab")
    context.close()


def test_what_was_written_a_moment_before_leaving_is_kept(site: Path, browser: Browser) -> None:
    context = browser.new_context()
    without_python(context)
    with troubled(site) as (address, _):
        page = context.new_page()
        page.goto(f"{address}/exercises/")
        page.locator('a[href="01-image-classification.html"]').click()
        page.wait_for_timeout(500)
        page.go_back()  # while it starts
        page.go_forward()
        for way in ("# back", "# reload", "# a link", "# closed"):
            opened(page).evaluate(WRITE, way)
            if way == "# back":
                page.go_back()
                page.go_forward()
            elif way == "# reload":
                page.reload()
            elif way == "# a link":  # to another exercise, in the same tab
                page.get_by_role("link", name="All exercises").click()
                page.locator('a[href="02-one-hot-encoding.html"]').click()
                assert way not in opened(page).evaluate(WRITTEN)
                page.go_back()
                page.go_back()
            else:
                page.close(run_before_unload=True)
                page = context.new_page()
                page.goto(f"{address}/{EXERCISE}")
            assert opened(page).evaluate(WRITTEN) == way
        is_kept(opened(page), "# closed")
        # Of the other exercise, which was left while it was being opened, a copy may wait for its next visit.
        page.goto(f"{address}/exercises/02-one-hot-encoding.html")
        opened(page)
        left = "Object.keys(localStorage).filter((key) => key.endsWith('.ipynb'))"
        page.wait_for_function(f"() => {left}.length === 0", timeout=PATIENCE)
        assert page.evaluate(left) == []
    context.close()


def test_enlarged_the_notebook_fills_the_window(site: Path, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 320, "height": 256})  # a window of 1280 by 1024, enlarged to 400 %
    without_python(page)
    with troubled(site) as (address, _):
        page.goto(f"{address}/{EXERCISE}")
        assert page.evaluate("document.getElementById('notebook').getBoundingClientRect().height") >= 250
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()


def test_inside_another_site_it_says_what_is_not_kept_and_opens_in_a_window(
    site: Path, browser: Browser, tmp_path: Path
) -> None:
    context = browser.new_context(accept_downloads=True)  # Playwright's keep nothing inside another site
    without_python(context)
    with troubled(site) as (address, _), troubled(tmp_path) as (other, _):
        (tmp_path / "index.html").write_text(f'<h1>A course</h1><iframe src="{address}/{EXERCISE}">', "utf-8")
        page = context.new_page()
        page.goto(other.replace("127.0.0.1", "localhost"))  # to a browser those are two sites
        inside = page.frame_locator("iframe").first
        sentence = re.compile("^Another site shows this page inside its own, where your browser keeps nothing")
        inside.locator("#trouble", has_text=sentence).wait_for(timeout=PATIENCE)
        expect(inside.get_by_role("button", name="Hand in")).to_be_enabled(timeout=PATIENCE)
        with context.expect_page() as opened_page:
            inside.get_by_role("link", name="Open in a new window").click()
        opened(opened_page.value)
        assert opened_page.value.locator("#trouble").inner_text() == ""
        assert opened_page.value.get_by_role("link", name="Open in a new window").count() == 0
    context.close()


def test_a_clock_that_is_wrong_by_days_and_a_folder_with_umlauts(site: Path, browser: Browser, tmp_path: Path) -> None:
    folder = "Übungen für 7b/Bücher & Seiten"
    (tmp_path / folder).parent.mkdir()
    (tmp_path / folder).symlink_to(site)
    context = browser.new_context(accept_downloads=True)
    with troubled(tmp_path) as (address, _):
        for clock, before in (
            ("2026-12-20", None),
            ("2026-11-02", "# ä ö ü 2026-12-20"),
            ("2031-01-01", "# ä ö ü 2026-11-02"),
        ):
            page = context.new_page()
            without_python(page)
            page.clock.set_system_time(clock)
            page.goto(f"{address}/{folder}/{EXERCISE}")
            frame = opened(page)
            assert page.evaluate("new Date().toISOString()").startswith(clock)
            assert page.locator("#trouble").inner_text() == ""
            if before:
                assert frame.evaluate(WRITTEN) == before
            frame.evaluate(WRITE, f"# ä ö ü {clock}")
            assert f"# ä ö ü {clock}" in handed_in(page)
            is_kept(frame, f"# ä ö ü {clock}")
            page.close()
    page = context.new_page()  # the server is gone
    page.goto(f"{address}/{folder}/{EXERCISE}")
    assert opened(page).evaluate(WRITTEN) == "# ä ö ü 2031-01-01"
    page.locator("#state", has_text="Python is ready").wait_for(timeout=PATIENCE)
    assert page.locator("#trouble").inner_text() == ""
    context.close()
