"""Each widget in Chromium: by mouse, keyboard and finger, light and dark, on paper, without scripts, equal to Keras."""

from __future__ import annotations

import base64
import io
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from handwriting import STYLES, Line, drawn, plain
from kit import PATIENCE
from PIL import Image
from playwright.sync_api import Locator, Page, expect
from web import answers_of

from autograder.data import load_mnist

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "book" / "node_modules" / "axe-core" / "axe.min.js"
NAMES = [
    "calibration-explorer",
    "confusion-explorer",
    "draw-a-digit",
    "kernel-explorer",
    "one-hot-explorer",
    "overfitting-explorer",
    "shapes-explorer",
    "softmax-explorer",
    "threshold-explorer",
    "train-in-the-page",
]

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Opener = Callable[..., Page]


def host(page: Page, name: str) -> Locator:
    """A widget's place on the page."""
    return page.locator(f'.widget[data-widget="{name}"]')


def status(widget: Locator) -> Locator:
    """What the widget tells a screen reader."""
    return widget.get_by_role("status").first


def test_the_page_holds_every_widget(open_page: Opener) -> None:
    page = open_page()
    assert sorted(w.get_attribute("data-widget") or "" for w in page.locator(".widget").all()) == NAMES


def test_a_page_opened_from_a_disk_works_as_well(open_page: Opener, page_folder: Path) -> None:
    page = open_page((page_folder / "index.html").as_uri())
    assert page.locator(".widget[data-state=ready]").count() == len(NAMES)


def test_without_scripts_the_page_says_so_and_shows_stills(open_page: Opener) -> None:
    page = open_page(java_script_enabled=False)
    for name in NAMES:
        widget = host(page, name)
        assert "needs JavaScript" in widget.inner_text()
        assert "what a reader sees without scripts" in widget.inner_text()
        assert widget.locator("img").is_visible()


# --- Draw a digit ---


def drag(page: Page, pad: Locator, line: Line) -> None:
    """Draw a line with the mouse. Points are in a square of 280 x 280."""
    pad.scroll_into_view_if_needed()
    frame = pad.bounding_box()
    assert frame
    at = [(frame["x"] + x * frame["width"] / 280, frame["y"] + y * frame["height"] / 280) for x, y in line]
    page.mouse.move(*at[0])
    page.mouse.down()
    for point in at[1:]:
        page.mouse.move(*point)
    page.mouse.up()


@pytest.fixture
def pad_page(open_page: Opener) -> tuple[Page, Locator, Locator]:
    """The page, the widget and its drawing area."""
    page = open_page()
    widget = host(page, "draw-a-digit")
    return page, widget, widget.get_by_role("application")


#: What the network answers to what is on the pad now. It usually waits for the next frame to answer.
ANSWER = """() => {
    const stage = document.querySelector('[data-widget=draw-a-digit] .widget-stage');
    stage.update();
    return Number(stage.querySelector('.widget-winner th').textContent);
}"""


def test_a_line_takes_the_place_of_the_example(pad_page: tuple[Page, Locator, Locator]) -> None:
    page, widget, pad = pad_page
    assert page.evaluate(ANSWER) == 0, "the page begins with a test image"
    for line in plain(7):
        drag(page, pad, line)
    assert page.evaluate(ANSWER) == 7
    box = widget.locator(".widget-steps figcaption").first
    expect(box).to_contain_text(re.compile(r"a box of \d+ × \d+ in 280 × 280"))
    widget.get_by_role("button", name="Take back").click()
    expect(box).to_contain_text("there is none yet")


def test_ten_digits_drawn_with_the_mouse_are_mostly_right(pad_page: tuple[Page, Locator, Locator]) -> None:
    page, widget, pad = pad_page
    right = 0
    for digit in range(10):
        widget.get_by_role("button", name="Clear").click()
        for line in plain(digit):
            drag(page, pad, line)
        right += page.evaluate(ANSWER) == digit
    assert right >= 8


#: Draws, answers at once, returns the answers.
ANSWERS = """drawings => {
    const stage = document.querySelector('[data-widget=draw-a-digit] .widget-stage');
    return drawings.map((lines) => {
        stage.pad.draw(lines.map((line) => line.map(([x, y]) => ({ x, y }))));
        stage.update();
        return Number(stage.querySelector('.widget-winner th').textContent);
    });
}"""


def test_drawn_digits_in_many_hands(pad_page: tuple[Page, Locator, Locator], record_property: Any) -> None:
    page, widget, _ = pad_page
    dice = random.Random(0)
    truth = [digit for _ in range(20) for digit in range(10)]
    drawings = [drawn(digit, dice) for digit in truth]
    for number, least in ((0, 0.9), (1, 0.9)):
        widget.locator(".widget-choice label").nth(number).click()
        accuracy = float(np.mean(np.array(page.evaluate(ANSWERS, drawings)) == truth))
        record_property(f"drawn-{number}", accuracy)
        print(f"network {number}: {accuracy:.3f} of {len(truth)} drawn digits")
        assert accuracy >= least
    styles = [(digit, style) for digit in STYLES for style in range(len(STYLES[digit]))]
    answers = page.evaluate(ANSWERS, [plain(*style) for style in styles])
    assert np.mean([digit == answer for (digit, _), answer in zip(styles, answers)]) >= 0.9


def test_test_images_keep_their_answer_when_prepared_again(
    pad_page: tuple[Page, Locator, Locator], models: dict[str, Any]
) -> None:
    """MNIST's images, put on the pad ten times as large, come out of the preparation nearly as they went in."""
    page, _, _ = pad_page
    _, (images, labels) = load_mnist()
    images, labels = images[:300], labels[:300]
    before = np.asarray(models["one layer"](images.astype("float32") / 255)).argmax(axis=1)
    answers = page.evaluate(
        """async ([text, count]) => {
            const { paintGrey } = await import('./_static/widgets/pixel-pictures.js');
            const { bytesOf } = await import('./_static/widgets/dense-network.js');
            const bytes = bytesOf(text), answers = [], canvas = document.createElement('canvas');
            const stage = document.querySelector('[data-widget=draw-a-digit] .widget-stage');
            for (let n = 0; n < count; n += 1) {
                paintGrey(canvas, { width: 28, height: 28, pixels: bytes.slice(784 * n, 784 * (n + 1)) });
                stage.pad.put(canvas);
                stage.update();
                answers.push(Number(stage.querySelector('.widget-winner th').textContent));
            }
            return answers;
        }""",
        [base64.b64encode(images.tobytes()).decode(), len(images)],
    )
    accuracy, accuracy_before = np.mean(answers == labels), np.mean(before == labels)
    same = np.mean(answers == before)
    print(f"as they are {accuracy_before:.3f}, prepared again {accuracy:.3f}, same answer {same:.3f}")
    assert accuracy >= accuracy_before - 0.03


def test_scores_equal_those_of_keras(open_page: Opener, models: dict[str, Any]) -> None:
    """On 200 images, both networks, in the browser's own arithmetic: scores and probabilities to 1e-4."""
    import keras

    page = open_page()
    _, (images, _) = load_mnist()
    inputs = images[:200].astype("float32") / 255
    for number, model in enumerate(models.values()):
        probabilities = np.asarray(model(inputs))
        last = model.layers[-1]
        before = keras.Model(model.inputs[0], last.input)  # up to the scores
        weights, bias = last.get_weights()
        scores = np.asarray(before(inputs)) @ weights + bias
        ours = answers_of(page, "./_static/widgets", images[:200], number)
        difference = np.abs(ours[:, 0] - scores).max()
        print(f"network {number}: scores {difference:.1e}, p {np.abs(ours[:, 1] - probabilities).max():.1e}")
        assert difference < 1e-4
        assert np.abs(ours[:, 1] - probabilities).max() < 1e-4
        assert (ours[:, 0].argmax(axis=1) == probabilities.argmax(axis=1)).all()


def test_drawing_with_the_keyboard(pad_page: tuple[Page, Locator, Locator]) -> None:
    page, widget, pad = pad_page
    widget.get_by_role("button", name="Clear").click()
    expect(status(widget)).to_contain_text("Nothing drawn")
    pad.focus()
    for key in ["ArrowUp"] * 8 + ["Space"] + ["ArrowDown"] * 16 + ["Space"]:
        page.keyboard.press(key)
    expect(status(widget)).to_contain_text(re.compile("It says [17],"))
    expect(widget.get_by_role("status").nth(1)).to_have_text("Pen up")
    page.keyboard.press("Backspace")
    expect(status(widget)).to_contain_text("Nothing drawn")


def test_drawing_with_a_finger_on_a_phone(open_page: Opener) -> None:
    page = open_page(viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True)
    widget = host(page, "draw-a-digit")
    widget.get_by_role("button", name="Clear").tap()
    pad = widget.get_by_role("application")
    pad.scroll_into_view_if_needed()
    frame = pad.bounding_box()
    assert frame
    scrolled = page.evaluate("scrollY")
    finger = page.context.new_cdp_session(page)
    for line in plain(7):
        at = [
            {"x": frame["x"] + x * frame["width"] / 280, "y": frame["y"] + y * frame["height"] / 280} for x, y in line
        ]
        finger.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": at[:1]})
        for point in at[1:]:
            finger.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
        finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(status(widget)).to_contain_text("It says 7,")
    assert page.evaluate("scrollY") == scrolled, "drawing must not move the page"


def test_a_test_image_and_a_reason_can_be_chosen(pad_page: tuple[Page, Locator, Locator]) -> None:
    _, widget, _ = pad_page
    widget.get_by_label("Or take a test image").select_option(label="a 7")
    expect(status(widget)).to_contain_text("It says 7,")
    widget.get_by_role("button", name="weights for 3").click()
    sentence = widget.locator(".widget-reasons .widget-says").inner_text()
    found = re.fullmatch(r"Score of 3: ([\d.]+) for − ([\d.]+) against ([+−]) ([\d.]+) bias = (−?[\d.]+)\.", sentence)
    assert found, sentence
    for_it, against, sign, bias, total = found.groups()
    sum_ = float(for_it) - float(against) + float(bias) * (1 if sign == "+" else -1)
    assert float(total.replace("−", "-")) == pytest.approx(sum_, abs=0.21)


# --- Softmax ---


def test_softmax_by_keyboard_until_the_naive_formula_breaks(open_page: Opener) -> None:
    page = open_page()
    widget = host(page, "softmax-explorer")
    good, naive = widget.locator("table").first, widget.locator("table").last
    before = good.locator("tbody tr").first.inner_text().split()[-1]
    constant = widget.get_by_label("add to every score")
    constant.focus()
    for _ in range(90):
        page.keyboard.press("ArrowRight")
    assert constant.input_value() == "90"
    assert good.locator("tbody tr").first.inner_text().split()[-1] == before
    assert "nan" in naive.inner_text()
    expect(widget.locator(".widget-verdict")).to_contain_text("Overflow")
    expect(status(widget)).to_contain_text("overflow")
    widget.get_by_role("button", name="Start again").press("Enter")
    assert "nan" not in naive.inner_text()
    assert constant.input_value() == "0"


def test_softmax_by_mouse(open_page: Opener) -> None:
    page = open_page()
    widget = host(page, "softmax-explorer")
    temperature = widget.get_by_label("temperature")
    temperature.scroll_into_view_if_needed()
    frame = temperature.bounding_box()
    assert frame
    page.mouse.click(frame["x"] + frame["width"] - 3, frame["y"] + frame["height"] / 2)
    assert temperature.get_attribute("aria-valuetext") == "10.00"
    shares = [float(row.inner_text().split()[-1]) for row in widget.locator("table").first.locator("tbody tr").all()]
    assert max(shares) - min(shares) < 0.12, "a high temperature makes nearly equal shares"


# --- One-hot ---


def test_classes_move_with_keyboard_and_focus_stays(open_page: Opener) -> None:
    page = open_page()
    widget = host(page, "one-hot-explorer")
    widget.get_by_role("button", name="Move dress up").focus()
    page.keyboard.press("Enter")
    expect(status(widget)).to_contain_text("dress is now number 1")
    expect(widget.get_by_role("button", name="Move dress up")).to_be_focused()
    page.keyboard.press("Enter")
    expect(status(widget)).to_contain_text("dress is now number 0")
    expect(widget.get_by_role("button", name="Move dress down")).to_be_focused()
    assert "[0.5 0.5 0 0 0]" in widget.locator(".widget-mixture").inner_text()


def test_shuffling_changes_integers_only(open_page: Opener) -> None:
    page = open_page()
    widget = host(page, "one-hot-explorer")
    integers, rows = widget.locator(".widget-matrix tbody").all()
    before = (integers.inner_text(), sorted(rows.inner_text().split()))
    names = widget.locator("tbody").first.inner_text()
    widget.get_by_role("button", name="Shuffle the classes").click()
    assert widget.locator("tbody").first.inner_text() != names
    assert sorted(rows.inner_text().split()) == before[1]
    assert integers.inner_text() != before[0]


# --- Shapes ---


def test_the_trap_of_dense_on_an_image(open_page: Opener) -> None:
    page = open_page()
    widget = host(page, "shapes-explorer")
    total = widget.locator("tfoot td")
    assert total.inner_text() == "7,883"
    box = widget.get_by_label("Flatten first")
    box.focus()
    page.keyboard.press("Space")
    assert total.inner_text() == "53"
    expect(widget.locator(".widget-verdict")).to_contain_text("The trap")
    expect(widget.locator(".widget-verdict")).to_contain_text("(None, 28, 28, 3)")
    assert widget.get_by_role("img", name="one unit looks at 1 of its 784 numbers").is_visible()
    widget.get_by_text("already a row of 784").click()
    assert total.inner_text() == "7,883"


# --- Confusion ---


def test_a_cell_shows_its_images_by_mouse_and_keyboard(open_page: Opener) -> None:
    page = open_page()
    widget = host(page, "confusion-explorer")
    cell = widget.get_by_role("button", name="true 4, answer 9:")
    cell.click()
    count = int(cell.inner_text())
    assert widget.locator(".widget-pictures li").count() == min(8, count)
    expect(status(widget)).to_contain_text("taken for 9")
    page.keyboard.press("ArrowDown")
    expect(widget.get_by_role("button", name="true 5, answer 9:")).to_be_focused()
    assert widget.get_by_label("Class").input_value() == "5"
    assert widget.locator(".widget-confusion button[tabindex='0']").count() == 1, "one stop for the tab key"
    found = re.search(r"Sensitivity.*?(\d+) / (\d+) = ([\d.]+)%", widget.inner_text(), re.S)
    assert found
    assert float(found[3]) == pytest.approx(100 * int(found[1]) / int(found[2]), abs=0.06)


def test_the_images_of_a_cell_are_those_of_mnist(open_page: Opener, models: dict[str, Any]) -> None:
    """The first image on the page is the test image with the surest of these answers."""
    page = open_page()
    widget = host(page, "confusion-explorer")
    widget.get_by_role("button", name="true 7, answer 7:").click()
    tile = widget.locator(".widget-tile").first
    tile.scroll_into_view_if_needed()
    shown = np.asarray(Image.open(io.BytesIO(tile.screenshot())).convert("L").resize((28, 28), Image.Resampling.BOX))
    _, (images, labels) = load_mnist()
    answers = np.asarray(models["one layer"](images.astype("float32") / 255))
    sureness = np.where((labels == 7) & (answers.argmax(axis=1) == 7), answers.max(axis=1), 0)
    surest = np.argsort(-sureness, kind="stable")[:40]  # many answers are 1.000 to three places
    # Not by a fixed difference: where the tile lies between the screen's pixels, its screenshot is a little blurred.
    nearest, second = np.argsort(np.abs(images.astype(int) - shown).mean(axis=(1, 2)))[:2]
    assert nearest in surest
    assert np.abs(images[nearest] - shown.astype(int)).mean() < 0.8 * np.abs(images[second] - shown.astype(int)).mean()


# --- Overfitting ---


def test_curves_follow_the_controls(open_page: Opener) -> None:
    page = open_page()
    widget = host(page, "overfitting-explorer")

    def gap() -> float:
        return float(
            widget.get_by_role("row", name="gap between them").locator("td").first.inner_text().replace("−", "-")
        )

    few = gap()
    widget.get_by_text("3,000", exact=True).click()
    assert gap() < few
    curve = widget.locator(".widget-plot").first.locator(".widget-training").last
    long = curve.get_attribute("d") or ""
    widget.get_by_label("epochs", exact=True).focus()
    page.keyboard.press("Home")
    assert len(curve.get_attribute("d") or "") < len(long)
    page.keyboard.press("End")
    assert curve.get_attribute("d") == long
    widget.get_by_label("keep these curves").check()
    widget.get_by_text("60%", exact=True).click()
    assert (widget.locator(".widget-old").first.get_attribute("d") or "") == long


# --- Threshold ---


def test_a_threshold_lets_through_what_the_network_says(open_page: Opener, models: dict[str, Any]) -> None:
    """The four outcomes on the page are those of the network's probabilities, at two thresholds, moved by keyboard."""
    page = open_page()
    widget = host(page, "threshold-explorer")
    _, (images, labels) = load_mnist()
    answers = np.asarray(models["one layer"](images.astype("float32") / 255), dtype=np.float64)
    widget.get_by_label("Class", exact=True).select_option("3")
    threshold = widget.get_by_label("threshold", exact=True)
    found = []
    for key, at in (("Home", 0.01), ("End", 0.99)):
        threshold.press(key)
        said_yes, is_three = answers[:, 3] >= at, labels == 3
        counts = [(a & b).sum() for a, b in ((is_three, said_yes), (is_three, ~said_yes), (~is_three, said_yes))]
        cells = [int(cell.inner_text().split()[0].replace(",", "")) for cell in widget.locator("tbody td").all()]
        assert cells[:3] == counts
        assert sum(cells) == len(labels)
        expect(status(widget)).to_contain_text(
            f"From {at} on it counts as 3: {counts[0]:,} found, {counts[1]:,} missed"
        )
        found.append(counts)
    (few_missed, many_missed) = (missed for _, missed, _ in found)
    assert few_missed < many_missed


# --- Calibration ---


def test_bars_of_the_calibration_plot_are_the_networks(open_page: Opener, models: dict[str, Any]) -> None:
    """The last bar at two temperatures: what is said on average, of how many images, and how many are right."""
    page = open_page()
    widget = host(page, "calibration-explorer")
    _, (images, labels) = load_mnist()
    answers = np.asarray(models["one layer"](images.astype("float32") / 255), dtype=np.float64)
    right = answers.argmax(axis=1) == labels
    temperature = widget.get_by_label("temperature")
    for key, value in ((None, 1.0), ("Home", 0.25)):
        if key:
            temperature.press(key)
        powers = answers ** (1 / value)
        said = powers.max(axis=1) / powers.sum(axis=1)
        last = said >= 0.9
        expect(status(widget)).to_contain_text(
            f"Temperature {value:g}: where it says 0.90 to 1.00, {said[last].mean():.3f} on average, "
            f"{100 * right[last].mean():.1f}% of {last.sum():,} answers are right"
        )
    expect(status(widget)).to_contain_text("It claims more than it keeps")
    bars = widget.locator("svg rect").count()
    widget.get_by_text("20", exact=True).click()
    assert widget.locator("svg rect").count() > bars
    assert widget.locator("tbody tr").count() == widget.locator("svg rect").count(), "each bar has its line of numbers"


# --- A kernel over an image ---


def test_a_kernel_moves_by_mouse_and_keyboard_and_its_map_is_keras_s(open_page: Opener) -> None:
    import keras

    page = open_page()
    widget = host(page, "kernel-explorer")
    data = page.evaluate("JSON.parse(document.querySelector('[data-widget-data=kernels]').textContent)")
    widget.get_by_label("Kernel", exact=True).select_option(label=data["kernels"][1]["name"])
    picture = widget.get_by_role("application")
    picture.scroll_into_view_if_needed()
    frame = picture.bounding_box()
    assert frame
    page.mouse.move(frame["x"] + 2, frame["y"] + 2)
    page.mouse.down()
    page.mouse.move(frame["x"] + frame["width"] * 13.5 / 28, frame["y"] + frame["height"] * 10.5 / 28)
    page.mouse.up()
    expect(status(widget)).to_contain_text("image[9:12, 12:15]")
    picture.press("ArrowRight")
    picture.press("ArrowDown")

    layer = keras.layers.Conv2D(4, 3)
    layer.build((1, 28, 28, 1))
    chosen = data["kernels"][1]
    weights = np.repeat(np.reshape(chosen["weights"], (3, 3, 1, 1)), 4, axis=3)
    layer.set_weights([weights, np.full(4, chosen["bias"])])
    pixels = np.frombuffer(base64.b64decode(data["images"][0]["pixels"]), np.uint8).reshape(1, 28, 28, 1) / 255
    by_keras = np.asarray(layer(pixels.astype("float32")))[0, :, :, 0]
    expect(status(widget)).to_have_text(f"image[10:13, 13:16]: {by_keras[10, 13]:.2f} in the map.".replace("-", "−"))
    map_ = widget.get_by_role("img", name=f"from {by_keras.min():.2f} to {by_keras.max():.2f}".replace("-", "−"))
    assert map_.is_visible()

    for place in range(9):
        widget.get_by_label(f"kernel, row {place // 3}, column {place % 3}").fill("1")
    widget.get_by_label("bias", exact=True).fill("-20")
    expect(widget.locator(".widget-total")).to_contain_text("− 20.00 bias")
    widget.get_by_label("cut off below zero").check()
    expect(status(widget)).to_have_text("image[10:13, 13:16]: 0.00 in the map.")


# --- For everybody ---


def test_every_widget_answers_a_finger(open_page: Opener) -> None:
    """The drawing area has a test of its own."""
    page = open_page(viewport={"width": 360, "height": 800}, has_touch=True, is_mobile=True)
    softmax = host(page, "softmax-explorer")
    constant = softmax.get_by_label("add to every score")
    constant.scroll_into_view_if_needed()
    frame = constant.bounding_box()
    assert frame
    page.touchscreen.tap(frame["x"] + frame["width"] - 4, frame["y"] + frame["height"] / 2)
    expect(softmax.locator(".widget-verdict")).to_contain_text("Overflow")
    labels = host(page, "one-hot-explorer")
    labels.get_by_role("button", name="Move dress up").tap()
    expect(status(labels)).to_contain_text("dress is now number 1")
    shapes = host(page, "shapes-explorer")
    shapes.get_by_text("Flatten first").tap()
    expect(shapes.locator(".widget-verdict")).to_contain_text("The trap")
    confusion = host(page, "confusion-explorer")
    confusion.get_by_role("button", name="true 3, answer 5:").tap()
    expect(status(confusion)).to_contain_text("taken for 5")
    kernel = host(page, "kernel-explorer")
    kernel.get_by_role("application").tap(position={"x": 5, "y": 5})
    expect(status(kernel)).to_contain_text("image[0:3, 0:3]")
    curves = host(page, "overfitting-explorer")
    before = curves.locator(".widget-training").last.get_attribute("d")
    curves.get_by_text("60%", exact=True).tap()
    assert curves.locator(".widget-training").last.get_attribute("d") != before


def test_the_tab_key_leads_through_every_widget_and_out_of_it(open_page: Opener) -> None:
    page = open_page()
    for name in NAMES:
        widget = host(page, name)
        widget.locator("button:visible:not([disabled]), select:visible, input, canvas[tabindex], summary").first.focus()
        inside = "element => element.contains(document.activeElement)"
        for _ in range(40):
            page.keyboard.press("Tab")
            if not widget.evaluate(inside):
                break
        assert not widget.evaluate(inside), f"{name} does not let go of the keyboard"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 360])
def test_axe_finds_no_barrier(open_page: Opener, theme: str, width: int) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: build the book once")
    page = open_page(viewport={"width": width, "height": 900})
    page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
    page.wait_for_timeout(300)
    page.add_script_tag(path=AXE)
    found = page.evaluate("axe.run('.widget').then((result) => result.violations)")
    assert not [(v["id"], v["nodes"][0]["html"][:200], v["nodes"][0]["failureSummary"]) for v in found]
    for name in NAMES:
        wide = host(page, name).evaluate("element => element.scrollWidth - element.clientWidth")
        assert wide <= 0, f"{name} is wider than the page"


def test_every_control_shows_its_focus(open_page: Opener) -> None:
    page = open_page()
    for name in NAMES:
        controls = host(page, name).locator("button:visible:not([disabled]), select:visible, input, summary:visible")
        first = controls.first
        first.focus()
        page.keyboard.press("Shift")  # the keyboard is in use, so that focus is shown
        outlines = first.evaluate(
            "e => [e, e.nextElementSibling].filter(Boolean).map((part) => getComputedStyle(part).outlineStyle)"
        )
        assert "solid" in outlines or "auto" in outlines, name


def test_on_paper_widgets_are_light_and_still(open_page: Opener) -> None:
    page = open_page()
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.emulate_media(media="print")
    widget = host(page, "draw-a-digit")
    assert widget.evaluate("element => getComputedStyle(element).backgroundColor") == "rgb(255, 255, 255)"
    assert not widget.get_by_role("button", name="Clear").is_visible()
    page.wait_for_function(  # weights are painted again, in the colours of paper
        """() => {
            const pen = document.querySelector('.widget-weights canvas').getContext('2d');
            return Math.min(...pen.getImageData(0, 0, 1, 1).data) > 200;
        }"""
    )
    assert len(page.pdf()) > 50_000


# --- Train in the page ---


def trained(widget: Locator, epochs: int) -> float:
    """The loss that the widget tells after so many epochs."""
    expect(status(widget)).to_contain_text(f"After {epochs} epochs", timeout=PATIENCE)
    found = re.search(r"the loss is (\d+\.\d+)", status(widget).inner_text())
    assert found
    return float(found[1])


def test_a_network_trains_while_one_watches(open_page: Opener) -> None:
    page = open_page()
    widget = host(page, "train-in-the-page")
    expect(status(widget)).to_contain_text("Not trained yet")
    canvas = widget.locator("canvas").first
    noise = canvas.evaluate("canvas => canvas.toDataURL()")
    widget.get_by_role("button", name="Train").press("Enter")
    widget.get_by_role("button", name="Pause").wait_for()
    assert trained(widget, 10) < 0.5
    widget.get_by_role("button", name="Pause").press("Enter")
    assert canvas.evaluate("canvas => canvas.toDataURL()") != noise, "templates form"
    assert "from 1." in (widget.locator("svg").get_attribute("aria-label") or "")
    widget.get_by_role("button", name="Start over").click()
    expect(status(widget)).to_contain_text("Not trained yet")


#: Trains, begins anew and trains at once. Returns how many frames were asked for while five passed.
FRAMES_ASKED = """() => new Promise((done) => {
    const usual = window.requestAnimationFrame.bind(window);
    let asked = 0;
    window.requestAnimationFrame = (callback) => { asked += 1; return usual(callback); };
    const [train, anew] = document.querySelectorAll('[data-widget=train-in-the-page] .widget-button');
    for (const button of [train, anew, train]) button.click();
    const wait = (frames) => (frames ? usual(() => wait(frames - 1)) : done(asked));
    wait(5);
})"""


def test_a_network_begun_anew_trains_no_faster(open_page: Opener) -> None:
    """The frame that the first training had asked for does not go on beside those of the second."""
    page = open_page()
    host(page, "train-in-the-page").scroll_into_view_if_needed()
    assert page.evaluate(FRAMES_ASKED) <= 8, "two clicks and one for each frame"


def test_without_motion_ten_epochs_come_at_once(open_page: Opener) -> None:
    page = open_page(reduced_motion="reduce")
    widget = host(page, "train-in-the-page")
    widget.get_by_role("button", name="Train").click()
    right = trained(widget, 10)
    widget.get_by_role("radio", name="shuffled").check(force=True)
    expect(status(widget)).to_contain_text("Not trained yet")
    widget.get_by_role("button", name="Train").click()
    assert trained(widget, 10) > 2 * right, "there is nothing to find in labels that were shuffled"
    widget.get_by_role("radio", name="right").check(force=True)
    widget.get_by_label("learning rate").press("Home")
    widget.get_by_role("button", name="Train").click()
    assert trained(widget, 10) > 2 * right, "the smallest rate crawls"
