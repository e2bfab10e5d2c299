"""The page "Add a widget in an hour": its files, taken from the page itself, make a widget that works."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import widget
from kit import missing
from playwright.sync_api import Browser, expect
from web import served

from autograder.data import load_mnist

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "book" / "contributing-widgets.md").read_text("utf-8")
NAME = "brightness-explorer"

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The parts of the repository that the page touches, after following it."""
    root = tmp_path_factory.mktemp("checkout")
    modules = root / "book" / "_static" / "widgets"
    shutil.copytree(ROOT / "book" / "_static", root / "book" / "_static")
    sum_, its_test, explorer = re.findall(r"^```js\n(.*?)^```", PAGE, re.S | re.M)
    (modules / "brightness.js").write_text(sum_, "utf-8")
    (modules / f"{NAME}.js").write_text(explorer, "utf-8")
    tests = root / "tests" / "widgets"
    tests.mkdir(parents=True)
    written = Path(__file__).with_name("maths.test.mjs").read_text("utf-8")
    (tests / "maths.test.mjs").write_text(f"{written}\n{its_test}", "utf-8")
    return root


def test_the_pages_sum_and_its_test_pass_in_node(checkout: Path) -> None:
    node = shutil.which("node") or missing("Node is not installed")
    answer = subprocess.run(
        [str(node), "--test", "--test-reporter=tap", "tests/widgets/maths.test.mjs"],
        cwd=checkout, capture_output=True, text=True,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stdout[-4000:]
    assert "ok 1 " in answer.stdout
    assert "brightness is cut off at both ends" in answer.stdout


def test_the_pages_widget_works_on_a_page(checkout: Path, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    static = checkout / "book" / "_static"
    monkeypatch.setattr(widget, "MODULES", static / "widgets")
    import try_page  # which imports Keras: not in each process that only collects tests

    monkeypatch.setattr(try_page, "BOOK", checkout / "book")
    monkeypatch.setattr(widget, "widget_names", lambda: [NAME])
    monkeypatch.setitem(try_page.DATA, NAME, "one-shoe")
    assert f'"{NAME}": "one-shoe"' in PAGE
    _, (x_test, _) = load_mnist()
    html = try_page.build(checkout / "try", {"one-shoe": {"pixels": x_test[0].ravel().tolist()}})
    with served(html) as root:
        page = browser.new_page()
        troubles: list[str] = []
        page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.goto(f"{root}/index.html")
        host = page.locator(f'.widget[data-widget="{NAME}"][data-state="ready"]')
        expect(host.get_by_role("status")).to_contain_text(f"Mean brightness {x_test[0].mean():.1f} of 255.")
        host.get_by_label("brightness").focus()
        page.keyboard.press("End")
        expect(host.get_by_role("status")).to_contain_text("Mean brightness 255.0 of 255.")
        page.close()
    assert not troubles
