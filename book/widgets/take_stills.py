"""Take the pictures that readers without scripts see: `make book`, then `python book/widgets/take_stills.py`.

They come from the lessons' own pages, so that they show the lessons' own networks. The next `make book` takes them in.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

from chromium import browser_in

BOOK = Path(__file__).resolve().parents[1]
LESSONS = BOOK / "_build" / "html" / "lessons"
STILLS = BOOK / "_static" / "widgets" / "stills"


def main() -> None:
    """Write one small picture for each widget of the built book."""
    STILLS.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_in(), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 1500}, color_scheme="light")
        for lesson in sorted(LESSONS.glob("*.html")):
            if 'class="widget"' not in lesson.read_text("utf-8"):
                continue
            page.goto(lesson.as_uri())
            page.wait_for_function("!document.querySelector('.widget:not([data-state=ready])')")
            # What floats above the page would stand in the picture.
            page.add_style_tag(
                content=".bd-header-article, #pst-skip-link, #pst-back-to-top { display: none !important }"
            )
            for host in page.locator(".widget[data-widget]").all():
                if host.get_attribute("data-widget") == "train-in-the-page":  # before it trains there is only noise
                    host.get_by_role("button", name="Train", exact=True).click()
                    host.get_by_role("button", name="Train anew").wait_for(timeout=120_000)
                target = STILLS / f"{host.get_attribute('data-widget')}.png"
                picture = Image.open(io.BytesIO(host.screenshot()))
                picture.convert("RGB").quantize(48).save(target, optimize=True)
                print(f"{target.name}: {target.stat().st_size / 1024:.0f} KB")
        browser.close()


if __name__ == "__main__":
    main()
