"""Keras in a page: what it takes to import Keras and to train with it where there is no TensorFlow.

`install` is the whole seam. On the day that a backend which can train is to be had for WebAssembly, `install` selects
that one and the rest of this package goes.
"""

from __future__ import annotations

import os


def install() -> None:
    """Make ``import keras`` work here, on the NumPy backend, with `fit`. To be called before Keras is imported."""
    os.environ["KERAS_BACKEND"] = "numpy"
    from keras_in_page import stand_ins

    stand_ins.install()
    from keras_in_page import engine

    engine.install()
