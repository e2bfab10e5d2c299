"""A fork server without one of the tricks that make it fast. Imported in there, before anything else of the kit is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autograder.compat import assumptions


def _a_use(use: assumptions.Use) -> Callable[[], None]:
    """Leave out a whole use: it finds that what it relies on is not there."""

    def leave_out() -> None:
        _put(assumptions, "fallen", lambda asked: "left out" if asked is use else "")

    return leave_out


def _imports() -> None:
    from autograder.compat import ipython_kernel

    _put(ipython_kernel, "import_ahead", lambda: None)


def _loops() -> None:
    from autograder.compat import keras_training as training

    made = training._Run.__init__

    def without_loops(run: Any, *given: Any) -> None:
        made(run, *given)
        run.in_loops = False

    _put(training._Run, "__init__", without_loops)
    _put(training, "_are_ours_or_new", lambda model, trains: True)  # else only what has a loop would be known as ours


def _slices() -> None:
    from autograder.compat import keras_training as training

    _put(training, "_slices", lambda adapter: None)


def _one_order() -> None:
    from autograder.compat import keras_training as training

    _put(training, "_comes_in_one_order", lambda adapter, tree: False)


def _put(owner: Any, name: str, stand_in: Any) -> None:
    """`setattr`, for a name that is there.

    Raises:
        AttributeError: it is not; so what is left out here is no longer what makes it fast.
    """
    getattr(owner, name)
    setattr(owner, name, stand_in)


NOTHING = "nothing"
TRICKS: dict[str, Callable[[], None]] = {
    NOTHING: lambda: None,
    "faster training": _a_use(assumptions.FASTER_TRAINING),
    "of that: batches in loops": _loops,
    "of that: slices in place of Keras's pipeline": _slices,
    "of that: shuffling once for all epochs": _one_order,
    "texts of a figure measured once": _a_use(assumptions.FASTER_FIGURES),
    "a kernel's modules imported ahead": _imports,
}
