"""Build one page with every widget, to try them without building the book: `python book/widgets/try_page.py FOLDER`.

It trains the two networks that the digit widgets need, which takes about half a minute, then runs Sphinx with the
book's own theme, style and directive. `python -m http.server --directory FOLDER` shows it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book"
sys.path[:0] = [str(ROOT), str(BOOK / "_ext")]

import widget  # noqa: E402
from sphinx.application import Sphinx  # noqa: E402
from sphinx.util.docutils import docutils_namespace  # noqa: E402

from autograder.data import FASHION_CLASSES, load_fashion, load_mnist  # noqa: E402
from book.widget_data import (  # noqa: E402
    as_script,
    calibration,
    confusion,
    kernels,
    labelled_images,
    network_data,
    probabilities,
    thresholds,
)

CONFIGURATION = """
project = "Widgets"
extensions = ["myst_parser", "kitbook.html_element", "widget"]
myst_enable_extensions = ["colon_fence"]
html_theme = "sphinx_book_theme"
html_static_path = [{static!r}]
html_css_files = ["book.css"]
html_copy_source = False
html_context = {{"default_mode": "auto"}}
"""
#: The widgets that want data, and the name under which the page holds them.
DATA = {
    "calibration-explorer": "calibration",
    "confusion-explorer": "confusion",
    "draw-a-digit": "digits",
    "kernel-explorer": "kernels",
    "threshold-explorer": "thresholds",
    "train-in-the-page": "clothes",
}


def train(hidden: int, epochs: int) -> Any:
    """A network for digits; without a hidden layer where ``hidden`` is 0."""
    import keras

    (x, y), _ = load_mnist()
    keras.utils.set_random_seed(0)
    layers = [keras.Input(shape=(28, 28)), keras.layers.Flatten()]
    if hidden:
        layers.append(keras.layers.Dense(hidden, activation="relu"))
    model = keras.Sequential([*layers, keras.layers.Dense(10, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], steps_per_execution=64)
    model.fit(x.astype("float32") / 255, y, batch_size=64, epochs=epochs, verbose=0)
    return model


def convolution() -> Any:
    """A layer of four kernels that nobody has trained: to try the widget they need not mean anything."""
    import keras

    layer = keras.layers.Conv2D(4, 3, bias_initializer="random_normal")
    layer.build((1, 28, 28, 1))
    return layer


def page_data(models: dict[str, Any]) -> dict[str, Any]:
    """What a lesson's cells would write into the page, by name."""
    _, (x_test, y_test) = load_mnist()
    first = next(iter(models.values()))
    (clothes, rows), _test = load_fashion()
    answers, names = probabilities(first, x_test), [str(digit) for digit in range(10)]
    return {
        "calibration": calibration(y_test, answers),
        "confusion": confusion(x_test, y_test, answers, names),
        "digits": network_data(models, x_test, y_test),
        "kernels": kernels({"a 4": x_test[4], "a shoe": clothes[rows[:, 1] == 1][0, :, :, 0]}, convolution()),
        "thresholds": thresholds(y_test, answers, names),
        "clothes": labelled_images(clothes, rows.argmax(axis=1), FASHION_CLASSES),
    }


def page_source(data: dict[str, Any]) -> str:
    """The page's Markdown."""
    parts = ["# Widgets"]
    for name in widget.widget_names():
        source = DATA.get(name)
        option = f":data: {source}\n" if source else ""
        parts.append(f"## {name}\n\n```{{widget}} {name}\n{option}\nHere is what a reader sees without scripts.\n```")
    parts += [f"```{{raw}} html\n{as_script(name, content)}\n```" for name, content in data.items()]
    return "\n\n".join(parts) + "\n"


def build(folder: Path, data: dict[str, Any]) -> Path:
    """Build the page with Sphinx. Returns the folder to serve.

    Raises:
        RuntimeError: Sphinx warned of something.
    """
    source = folder / "source"
    source.mkdir(parents=True, exist_ok=True)
    (source / "conf.py").write_text(CONFIGURATION.format(static=str(BOOK / "_static")), "utf-8")
    (source / "index.md").write_text(page_source(data), "utf-8")
    html = folder / "html"
    with docutils_namespace():  # what Sphinx registers would be in the way of a second page in this process
        app = Sphinx(source, source, html, folder / "doctrees", "html", status=None, freshenv=True, warningiserror=True)
        app.build(force_all=True)
    if app.statuscode:
        raise RuntimeError("Sphinx warned; its words are above")
    return html


def main() -> None:
    """Train, build, say where."""
    folder = Path(sys.argv[1])
    models = {"one layer": train(0, 10), "a hidden layer of 32": train(32, 10)}
    print(f"python -m http.server --directory {build(folder, page_data(models))}")


if __name__ == "__main__":
    main()
