"""The widgets where readers meet them: on the lessons' own pages, with what the lessons' own runs wrote."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kit import PATIENCE
from playwright.sync_api import Browser, Page
from web import answers_of, served

from autograder.data import load_mnist

#: Each lesson with its widgets, in their order.
LESSONS = {
    "02-one-hot-encoding": ["one-hot-explorer"],
    "03-dense-networks": ["shapes-explorer"],
    "04-softmax": [
        "softmax-explorer",
        "draw-a-digit",
        "confusion-explorer",
        "threshold-explorer",
        "calibration-explorer",
    ],
    "05-overfitting": ["overfitting-explorer"],
    "06-how-a-network-learns": ["train-in-the-page"],
    "07-networks-that-see": ["kernel-explorer"],
}
#: Over the wire, by what a web server compresses.
MOST_BYTES = 1_000_000
COMPRESSED = (".html", ".css", ".js", ".svg", ".json")

pytestmark = [pytest.mark.slow, pytest.mark.browser]


@pytest.fixture(scope="module")
def address(book: Path) -> Iterator[str]:
    """Where the book is served."""
    with served(book) as root:
        yield root


def open_lesson(browser: Browser, address: str, lesson: str) -> tuple[Page, list[str], dict[str, int]]:
    """Open a lesson. Returns the page, what its console complained of, and the bytes of each file it fetched."""
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    troubles: list[str] = []
    fetched: dict[str, int] = {}

    def weigh(response: Any) -> None:
        body = response.body()
        compressed = response.url.split("?")[0].endswith(COMPRESSED)
        fetched[response.url] = len(gzip.compress(body)) if compressed else len(body)

    responses: list[Any] = []
    page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("requestfailed", lambda request: troubles.append(f"not found: {request.url}"))
    page.on("response", lambda response: responses.append(response))
    page.goto(f"{address}/lessons/{lesson}.html")
    page.wait_for_function("!document.querySelector('.widget:not([data-state])')", timeout=PATIENCE)
    page.evaluate("document.querySelectorAll('img').forEach((image) => (image.loading = 'eager'))")
    page.wait_for_load_state("networkidle")
    for response in responses:
        if response.ok and not response.url.endswith("favicon.ico"):
            weigh(response)
    return page, troubles, fetched


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_lesson_starts_its_widgets_each_after_a_prediction(
    browser: Browser, address: str, lesson: str, record_property: Any
) -> None:
    page, troubles, fetched = open_lesson(browser, address, lesson)
    hosts = page.eval_on_selector_all(
        ".widget[data-widget]",
        """hosts => hosts.map((host) => {
            const before = [...document.querySelectorAll('.bd-article .quiz, .bd-article h2, .bd-article .widget')];
            return [host.dataset.widget, host.dataset.state, before[before.indexOf(host) - 1]?.className ?? 'nothing'];
        })""",
    )
    page.close()
    assert [name for name, _, _ in hosts] == LESSONS[lesson]
    assert not troubles
    for name, state, before in hosts:
        assert state == "ready", f"{name}: {state}"
        assert "quiz" in before, f"{name} should follow a prediction at once, not {before!r}"
    total = sum(fetched.values())
    record_property("bytes", total)
    print(f"{lesson}: {total / 1000:.0f} kB in {len(fetched)} files")
    assert total < MOST_BYTES, sorted(fetched.items(), key=lambda item: -item[1])[:5]


def test_the_digit_network_of_the_page_is_the_lessons_and_answers_as_keras_does(browser: Browser, address: str) -> None:
    """Keras, given the page's weights, is as accurate as in the lesson's run, and gives the page's scores."""
    import keras

    page, _, _ = open_lesson(browser, address, "04-softmax")
    data = json.loads(page.locator("script[data-widget-data=digits]").inner_text())
    counts = np.array(json.loads(page.locator("script[data-widget-data=confusion]").inner_text())["counts"])
    (layer,) = data["networks"][0]["layers"]
    weights, bias = (np.frombuffer(base64.b64decode(layer[name]), "<f4") for name in ("weights", "bias"))
    dense = keras.layers.Dense(layer["units"])
    dense.build((None, layer["inputs"]))
    dense.set_weights([weights.reshape(layer["inputs"], -1), bias])
    _, (images, labels) = load_mnist()
    images, labels = images[::2], labels[::2]  # the half that lesson 4 opens
    scores = np.asarray(dense(images.reshape(-1, 784).astype("float32") / 255))
    accuracy = float(np.mean(scores.argmax(axis=1) == labels))
    assert accuracy == pytest.approx(data["networks"][0]["accuracy"], abs=1e-4)
    assert accuracy == pytest.approx(counts.trace() / counts.sum(), abs=1e-4)

    ours = answers_of(page, "../_static/widgets", images[:200])
    page.close()
    probabilities = np.asarray(keras.ops.softmax(scores[:200]))
    differences = [
        float(np.abs(ours[:, place] - keras_s).max()) for place, keras_s in enumerate((scores[:200], probabilities))
    ]
    print(f"largest differences on 200 images: scores {differences[0]:.1e}, probabilities {differences[1]:.1e}")
    assert max(differences) < 1e-4
