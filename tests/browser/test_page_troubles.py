"""Where the page breaks, it says why: each kind of trouble is made for real, in Chromium, and its sentence is read."""

from __future__ import annotations

import functools
import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from page_learner import PATIENCE
from web import Quiet, Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.slow, pytest.mark.browser]
CHROMIUM = "/usr/bin/chromium"
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


def test_no_webassembly(site: Path, browser: Browser) -> None:
    context = browser.new_context()
    context.add_init_script("delete globalThis.WebAssembly")  # as where it is switched off
    with troubled(site) as (address, _):
        page = context.new_page()
        page.goto(f"{address}/{EXERCISE}")
        says(page, "^This browser cannot run Python: WebAssembly is missing or switched off. Use a current")
    context.close()


def test_too_little_memory(site: Path, browser: Browser) -> None:
    # 64 KiB a page: enough for Python itself, not for Keras.
    small = browser.browser_type.launch(
        executable_path=CHROMIUM, args=["--no-sandbox", "--js-flags=--wasm-max-mem-pages=600"]
    )
    with troubled(site) as (address, _):
        page = small.new_page()
        page.goto(f"{address}/{EXERCISE}")
        says(page, "^This device has too little free memory for Python. Close other tabs and load the page again")
    small.close()


def test_a_window_that_keeps_nothing_says_so_and_works(site: Path, browser: Browser, tmp_path: Path) -> None:
    # As a browser that blocks all cookies: it refuses IndexedDB, caches and service workers, too.
    (tmp_path / "Default").mkdir()
    settings = {"profile": {"default_content_setting_values": {"cookies": 2}}}
    (tmp_path / "Default" / "Preferences").write_text(json.dumps(settings), "utf-8")
    context = browser.browser_type.launch_persistent_context(tmp_path, executable_path=CHROMIUM, args=["--no-sandbox"])
    with troubled(site) as (address, _):
        page = context.new_page()
        page.goto(f"{address}/{EXERCISE}")
        says(
            page,
            "^This window keeps nothing, perhaps because it is a private one: what you write is lost when you close",
        )
    context.close()
