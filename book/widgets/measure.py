"""Measure the digit widget: `make book`, then `python book/widgets/measure.py`, or name another page that has it.

How many drawn digits are right, by digit, how many printed ones, and how long an answer takes in Chromium on this
machine.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

TESTS = Path(__file__).resolve().parents[2] / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "widgets")]

from chromium import browser_in  # noqa: E402
from handwriting import drawn  # noqa: E402

LESSON = Path(__file__).resolve().parents[1] / "_build" / "html" / "lessons" / "04-softmax.html"
TIMES_EACH = 50

STAGE = "const stage = document.querySelector('[data-widget=draw-a-digit] .widget-stage');"
ANSWER = "const answer = () => Number(stage.querySelector('.widget-winner th').textContent);"
DRAW = f"""drawings => {{ {STAGE} {ANSWER}
    return drawings.map((lines) => {{
        stage.pad.draw(lines.map((line) => line.map(([x, y]) => ({{ x, y }}))));
        const started = performance.now();
        stage.update();
        return [answer(), performance.now() - started];
    }});
}}"""
PRINT = f"""fonts => {{ {STAGE} {ANSWER}
    const canvas = Object.assign(document.createElement('canvas'), {{ width: 280, height: 280 }});
    const pen = canvas.getContext('2d');
    return fonts.flatMap((font) => [...'0123456789'].map((digit) => {{
        Object.assign(pen, {{ fillStyle: 'black', font, textAlign: 'center' }});
        pen.fillRect(0, 0, 280, 280);
        pen.fillStyle = 'white';
        pen.fillText(digit, 140, 215);
        stage.pad.put(canvas);
        stage.update();
        return answer() === Number(digit);
    }}));
}}"""
FONTS = (
    "220px 'DejaVu Sans'",
    "220px 'DejaVu Serif'",
    "220px 'DejaVu Sans Mono'",
    "220px 'Liberation Sans'",
    "220px 'Liberation Serif'",
    "italic 220px 'Liberation Serif'",
    "220px 'Liberation Mono'",
)


def measure(page: Page) -> None:
    """Print the figures of the network that is chosen on the page."""
    dice = random.Random(0)
    truth = [digit for _ in range(TIMES_EACH) for digit in range(10)]
    results = page.evaluate(DRAW, [drawn(digit, dice) for digit in truth])
    right = [
        sum(answer == digit for asked, (answer, _) in zip(truth, results) if asked == digit) for digit in range(10)
    ]
    times = sorted(time for _, time in results)
    printed = page.evaluate(PRINT, list(FONTS))
    by_digit = ", ".join(f"{digit}: {count}" for digit, count in enumerate(right))
    print(f"drawn: {sum(right)} of {len(truth)} right (of {TIMES_EACH} each: {by_digit})")
    print(f"printed: {sum(printed)} of {len(printed)}")
    half, most = times[len(times) // 2], times[len(times) * 99 // 100]
    print(f"script for an answer: {half:.1f} ms in half of them, at most {most:.1f} ms in 99 of 100")


def main() -> None:
    """Measure every network of the page."""
    address = Path(sys.argv[1]) if sys.argv[1:] else LESSON
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_in(), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1100, "height": 900})
        page.goto(address.resolve().as_uri())
        page.wait_for_selector("[data-widget=draw-a-digit][data-state=ready]")
        choices = page.locator("[data-widget=draw-a-digit] .widget-choice label").all()
        if not choices:
            measure(page)
        for network in choices:
            print(network.inner_text())
            network.click()
            measure(page)
        browser.close()


if __name__ == "__main__":
    main()
