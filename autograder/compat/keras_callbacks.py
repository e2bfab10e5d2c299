"""Keras's callback for TensorBoard, where that is not installed.

What this assumes of Keras is `assumptions.NO_TENSORBOARD`.
"""

from __future__ import annotations

import importlib.util
from types import FunctionType
from typing import Any


def without_tensorboard() -> None:
    """Let the callback do nothing where TensorBoard is not installed; it would end the training."""
    if importlib.util.find_spec("tensorboard") is not None:
        return
    try:
        from keras.callbacks import Callback, TensorBoard
    except ImportError:  # then a notebook has no such callback either
        return
    for name, method in list(vars(TensorBoard).items()):
        if isinstance(method, FunctionType) and not name.startswith("__"):
            if hasattr(Callback, name):
                setattr(TensorBoard, name, getattr(Callback, name))
            elif name.startswith("on_"):  # one that Keras calls only where it is there
                setattr(TensorBoard, name, _do_nothing)


def _do_nothing(*_: Any, **__: Any) -> None:
    pass
