"""Take the pictures that readers without scripts see: `python book/widgets/take_stills.py FOLDER/html`.

FOLDER is what was given to try_page.py.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

STILLS = Path(__file__).resolve().parents[1] / "_static" / "widgets" / "stills"


def main() -> None:
    """Write one small picture for each widget of the page."""
    STILLS.mkdir(exist_ok=True)
    page_address = (Path(sys.argv[1]) / "index.html").resolve().as_uri()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1100, "height": 900}, color_scheme="light")
        page.goto(page_address)
        for host in page.locator(".widget[data-widget]").all():
            name = host.get_attribute("data-widget")
            page.wait_for_selector(f'.widget[data-widget="{name}"][data-state="ready"]')
            # What floats above the page would stand in the picture.
            page.add_style_tag(
                content=".bd-header-article, #pst-skip-link, #pst-back-to-top { display: none !important }"
            )
            picture = Image.open(io.BytesIO(host.screenshot()))
            target = STILLS / f"{name}.png"
            picture.convert("RGB").quantize(48).save(target, optimize=True)
            print(f"{target.name}: {target.stat().st_size / 1024:.0f} KB")
        browser.close()


if __name__ == "__main__":
    main()
