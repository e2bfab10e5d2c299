"""Measure how smoothly *Train in the page* trains: `make book`, then `python book/widgets/measure_frames.py`.

For each width of the network it trains from the first epoch to the last while Chromium keeps a trace. Printed is the
processor time that the page's main thread spends on each frame (script, style, layout and paint), and how far frames
were apart on the clock. 60 frames a second leave 16.7 ms for each. The clock alone says little on a busy machine, where
frames come late however little there is to do.
"""

from __future__ import annotations

import json
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

from chromium import browser_in

LESSON = Path(__file__).resolve().parents[1] / "_build" / "html" / "lessons" / "06-how-a-network-learns.html"
CATEGORIES = ["devtools.timeline", "disabled-by-default-devtools.timeline"]
FRAME = 1000 / 60  # milliseconds


def share_of(values: list[float], share: float) -> float:
    """The value that this share of them does not exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def frames_of(trace: list[dict[str, Any]]) -> tuple[list[float], list[float], list[float]]:
    """Of each frame in a trace: milliseconds of script, of all work up to the next frame, and from clock to clock.

    The first two are processor time of the page's main thread, so that other programs do not count.
    """
    fired = [e for e in trace if e["name"] == "FireAnimationFrame"]
    main = {(e["pid"], e["tid"]) for e in fired}
    tasks = [e for e in trace if e["name"] == "RunTask" and e["ph"] == "X" and (e["pid"], e["tid"]) in main]
    fired, tasks = (sorted(events, key=lambda e: e["ts"]) for events in (fired, tasks))
    begins = [e["ts"] for e in fired]
    whole = [0.0] * len(fired)
    place = -1
    for task in tasks:
        while place + 1 < len(begins) and begins[place + 1] < task["ts"] + task["dur"]:
            place += 1
        if place >= 0:
            whole[place] += task.get("tdur", 0) / 1000
    script = [e.get("tdur", 0) / 1000 for e in fired]
    return script, whole, [(later - earlier) / 1000 for earlier, later in pairwise(begins)]


def measure(browser: Browser, page: Page) -> str:
    """Train once with what is chosen on the page. Returns the figures in words."""
    widget = page.locator("[data-widget=train-in-the-page]")
    browser.start_tracing(page=page, categories=CATEGORIES)
    widget.get_by_role("button", name="Train").click()
    widget.get_by_role("button", name="Train anew").wait_for(timeout=300_000)
    script, whole, apart = frames_of(json.loads(browser.stop_tracing())["traceEvents"])
    in_time = sum(duration <= FRAME for duration in whole) / len(whole)
    parts = [f"{len(whole)} frames"]
    for name, values, most in (("script", script, 0.99), ("all work", whole, 0.99), ("apart", apart, 0.95)):
        parts.append(f"{name} {share_of(values, 0.5):.1f} ms in half, {share_of(values, most):.1f} in {most:.0%}")
    return "; ".join([*parts, f"longest {max(whole):.1f} ms; {in_time:.1%} within 1/60 s"])


def main() -> None:
    """Measure each width."""
    address = Path(sys.argv[1]) if sys.argv[1:] else LESSON
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_in(), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1100, "height": 900})
        page.goto(address.resolve().as_uri())
        page.wait_for_selector("[data-widget=train-in-the-page][data-state=ready]")
        widget = page.locator("[data-widget=train-in-the-page]")
        widget.scroll_into_view_if_needed()
        for choice in widget.locator(".widget-choice").first.locator("label").all():
            choice.click()
            print(f"hidden units {choice.inner_text()}: {measure(browser, page)}")
        browser.close()


if __name__ == "__main__":
    main()
