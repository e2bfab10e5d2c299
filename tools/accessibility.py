"""What axe-core finds on the kit's pages: a table of page, theme, width and violations.

    python tools/accessibility.py             all pages that are not the book's
    python tools/accessibility.py --book      the book's, too, which has to be built before
    python tools/accessibility.py --keep DIR  and a picture of each, to be looked at
    python tools/accessibility.py --language qps --keep DIR      in another language

Counted is what axe-core calls moderate, serious or critical. Ends with 1 if there is anything. The book's page
*Accessibility* says what the table says.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from chromium import browser_in  # noqa: E402
from our_pages import AXE, THEMES, WIDTHS, grading_page, look, make, small_targets  # noqa: E402
from web import served  # noqa: E402

from autograder.language import speaking  # noqa: E402

BOOK = ROOT / "book" / "_build" / "html"


@contextlib.contextmanager
def addresses(folder: Path, book: bool) -> Iterator[dict[str, str]]:
    """Where each page is, by name."""
    files = make(folder)
    path = grading_page(folder)
    with served(folder) as ours, served(BOOK) as theirs:
        found = {name: f"{ours}/{file.relative_to(folder).as_posix()}" for name, file in files.items()}
        found["grading"] = f"{ours}/{path}"
        for file in sorted(BOOK.rglob("*.html")) if book else ():
            name = file.relative_to(BOOK).as_posix()
            if not name.startswith("_") and "/_" not in name:
                found[f"book, {name.removesuffix('.html')}"] = f"{theirs}/{name}"
        yield found


def rows(browser: Browser, pages: dict[str, str], keep: Path | None) -> Iterator[tuple[str, str, int, list[str]]]:
    """Page, theme, width and what keeps somebody out."""
    for name, address in pages.items():
        for theme in THEMES:
            for width in WIDTHS.values():
                window = {"width": width, "height": 900}
                page = browser.new_page(viewport=window, color_scheme=theme)
                page.goto(address, wait_until="networkidle")
                found = look(page, width)
                if width == min(WIDTHS.values()) and not name.startswith("book"):
                    found += [f"small: {one}" for one in small_targets(page)]
                if keep is not None:
                    page.screenshot(path=str(keep / f"{name.replace('/', '-')}-{theme}-{width}.png"), full_page=True)
                page.close()
                yield name, theme, width, found


def main() -> int:
    """Look at all pages and print the table."""
    parser = argparse.ArgumentParser(description="What axe-core finds on the kit's pages.")
    parser.add_argument("--book", action="store_true", help="the book's pages, too")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep a picture of each")
    parser.add_argument("--language", default="", help="in which language, as in qps")
    options = parser.parse_args()
    if not AXE.exists():
        sys.exit("axe-core is not installed. Run `npm ci` in the folder book.")
    if options.keep is not None:
        options.keep.mkdir(parents=True, exist_ok=True)
    total = 0
    print("| page | theme | width | violations |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder, speaking(options.language), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_in(), args=["--no-sandbox"])
        with addresses(Path(folder), options.book) as pages:
            for name, theme, width, found in rows(browser, pages, options.keep):
                total += len(found)
                print(f"| {name} | {theme} | {width} | {'; '.join(found) or 0} |", flush=True)
        browser.close()
    print(f"\n{total} violations.")
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main())
