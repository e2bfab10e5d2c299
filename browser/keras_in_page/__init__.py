"""Keras in a page: what it takes to import Keras and to train with it where there is no TensorFlow.

`install` is the whole seam. On the day that a backend which can train is to be had for WebAssembly, `install` selects
that one and the rest of this package goes.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import os
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


def install() -> None:
    """Make ``import keras`` work here, on the NumPy backend, with `fit`. To be called before Keras is imported."""
    _prepare()
    from keras_in_page import engine

    engine.install()


def at_start() -> None:
    """What a page's Python does first: `install` happens when Keras is imported, and images come when asked for."""
    from keras_in_page import late, notebook

    notebook.install()
    late.install(notebook.LATE)
    if not any(isinstance(finder, _AsAsked) for finder in sys.meta_path):
        sys.meta_path.insert(0, _AsAsked())


def _prepare() -> None:
    os.environ["KERAS_BACKEND"] = "numpy"
    from keras_in_page import stand_ins

    stand_ins.install()


class _AsAsked(importlib.abc.MetaPathFinder):
    """Does something around the first import of Keras, of the kit's images, and of Matplotlib."""

    def __init__(self) -> None:
        self._left = {"keras", "autograder.data", "matplotlib.artist"}

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name not in self._left:
            return None
        self._left.discard(name)
        if name == "keras":
            _prepare()
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def and_then(module: ModuleType) -> None:
            execute(module)
            if name == "keras":
                install()
            elif name == "matplotlib.artist":
                from keras_in_page import notebook

                notebook.without_lists_of_properties(module)
            else:
                from keras_in_page import images

                images.install()

        spec.loader.exec_module = and_then  # type: ignore[method-assign]
        return spec
