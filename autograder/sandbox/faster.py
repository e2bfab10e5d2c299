"""Training in fewer, longer steps, with the same result to the last bit.

Keras asks Python for every batch. With ``steps_per_execution`` it does several inside one call of the
compiled function: the same operations in the same order, so the same weights, without Python in between.
A grading kernel sets it where the student did not, and where nobody looks at single batches.
"""

from __future__ import annotations

import os
from typing import Any

STEPS = 16  # measured: 16 and 48 are alike, 128 is slower
WORTH_IT = 300  # batches; the loop takes 0.25 s longer to trace and saves about 1.5 ms a batch (measured)


def install() -> None:
    """Make `fit` of built-in models train in longer steps. Called once, in the warm process."""
    import keras

    if keras.backend.backend() != "tensorflow" or os.environ.get("AUTOGRADER_PLAIN_STEPS"):
        return
    original = keras.Model.fit

    def fit(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not _may(self, keras, args, kwargs):
            return original(self, *args, **kwargs)
        before = self.steps_per_execution
        self.steps_per_execution = STEPS
        try:
            return original(self, *args, **kwargs)
        finally:
            self.steps_per_execution = before
            self.train_function = None  # it was traced for longer steps
            self.test_function = None

    fit.__doc__, fit.__name__, fit.__qualname__ = original.__doc__, "fit", original.__qualname__
    keras.Model.fit = fit


def _may(model: Any, keras: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether it pays, and nobody could tell the difference: no step, setting or batch callback of the student's."""
    try:
        kind = type(model)
        if kind.__name__ not in ("Sequential", "Functional") or not kind.__module__.startswith("keras.src.models."):
            return False
        if not model.compiled or model.run_eagerly or model.steps_per_execution != 1:
            return False
        callbacks = kwargs.get("callbacks", args[5] if len(args) > 5 else None)
        return _batches(args, kwargs) >= WORTH_IT and not any(_looks_at_batches(c, keras) for c in _listed(callbacks))
    except Exception:  # whatever is odd here is the student's to see from the real `fit`
        return False


def _batches(args: tuple[Any, ...], kwargs: dict[str, Any]) -> float:
    """How many batches this call of `fit` trains on, at most."""
    given = dict(zip(("x", "y", "batch_size", "epochs"), args, strict=False)) | kwargs
    return float(len(given["x"]) / (given.get("batch_size") or 32) * given.get("epochs", 1))


def _listed(callbacks: Any) -> list[Any]:
    if callbacks is None:
        return []
    return list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks]


def _looks_at_batches(callback: Any, keras: Any) -> bool:
    base = keras.callbacks.Callback
    kinds = ("train_batch", "test_batch", "batch")
    names = [f"on_{kind}_{when}" for kind in kinds for when in ("begin", "end")]
    return not isinstance(callback, base) or any(getattr(type(callback), n) is not getattr(base, n) for n in names)
