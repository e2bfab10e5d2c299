"""One page with every widget, built by Sphinx with the book's directive, and Chromium to use it in."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kit import PATIENCE
from playwright.sync_api import Browser, BrowserContext, Page
from web import served

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "book" / "widgets"), str(ROOT / "book" / "_ext")]


@pytest.fixture(scope="session")
def chromium(chromium: str) -> str:
    """The same by a script: for each window that a test here opens, 1.3 s of processor time less."""
    return str(ROOT / "tests" / "chromium.sh")


@pytest.fixture(scope="session")
def models() -> dict[str, Any]:
    """The two networks for digits, trained briefly."""
    import try_page

    return {"one layer": try_page.train(0, 5), "a hidden layer of 32": try_page.train(32, 3)}


@pytest.fixture(scope="session")
def page_folder(models: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built page."""
    import try_page

    return try_page.build(tmp_path_factory.mktemp("widgets"), try_page.page_data(models))


@pytest.fixture(scope="session")
def address(page_folder: Path) -> Iterator[str]:
    """Where the page is served."""
    with served(page_folder) as root:
        yield f"{root}/index.html"


@pytest.fixture
def open_page(browser: Browser, address: str) -> Iterator[Callable[..., Page]]:
    """Opens the page, with any of Playwright's context options. At the end, an error in a console fails the test."""
    contexts: list[BrowserContext] = []
    troubles: list[str] = []

    def opened(where: str = address, **options: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1200, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        scripts = options.get("java_script_enabled", True)
        if scripts:  # else Chromium counts every script as a failed request
            page.on("requestfailed", lambda request: troubles.append(f"not found: {request.url}"))
        page.goto(where)
        if scripts:
            waiting = ".widget:not([data-state=ready])"
            page.wait_for_function(f"!document.querySelector({waiting!r})", timeout=PATIENCE)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not troubles
