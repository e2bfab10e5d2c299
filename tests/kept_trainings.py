"""Trainings of the reference solution that are done once, and whose result is then put where they would be repeated.

An entry of a catalogue changes a cell or two; the other cells keep the solution, and each network that they train
takes seconds. This module lies beside the notebook of an entry. While a cell runs that keeps the solution,
`keras.Model.fit` is either watched, and what came of it is kept in the variable `KEPT`, or it gives the model the
weights, the optimizer's state and the history that came of the same training before.

It is the same training if the same text of the cell calls `fit` with the same arguments (arrays by their digests), of
a model that is built and compiled alike and was never trained. A model that was there before the cell, and so was made
by another's text, has to begin with the same weights as well. Every other training is done. What is shared, then, is
luck alone: the random numbers that a network begins with.
"""

from __future__ import annotations

import hashlib
import inspect
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np

KEPT = "kept_trainings"
FILE = "kept_trainings.npz"  # beside the notebook, where there are any


def cell_with(source: str, grade_id: str) -> str:
    """The text of a cell that keeps the solution."""
    return f"__import__({__name__!r}).begin({grade_id!r})\n{source}"


def begin(grade_id: str) -> None:
    """Called by the cell before anything else in it; at the cell's end `fit` is Keras's own again."""
    import keras
    from IPython import get_ipython

    shell = get_ipython()  # type: ignore[no-untyped-call]
    kept = from_bytes(Path(FILE).read_bytes()) if Path(FILE).is_file() else None
    made_before = {id(value) for value in shell.user_ns.values() if isinstance(value, keras.Model)}
    plain = keras.Model.fit

    def fit(model: Any, *args: Any, **kwargs: Any) -> Any:
        given = inspect.signature(plain).bind(model, *args, **kwargs)
        given.apply_defaults()
        key = _digest([grade_id, _state(model, id(model) in made_before), dict(given.arguments, self=None)])
        if kept is not None and key in kept:
            return _give(model, kept[key])
        del keras.Model.fit  # whoever looks at the model has to find Keras's own
        try:
            history = plain(model, *args, **kwargs)
        finally:
            keras.Model.fit = fit
        if kept is None:
            shell.user_ns.setdefault(KEPT, {})[key] = _taken(model, history)
        return history

    def end(_: Any) -> None:
        shell.events.unregister("post_run_cell", end)
        del keras.Model.fit  # it is inherited

    shell.events.register("post_run_cell", end)
    keras.Model.fit = fit


def to_bytes(kept: dict[str, Any]) -> bytes:
    """What the variable `KEPT` holds, as a file."""
    arrays: dict[str, Any] = {}
    for key, training in kept.items():
        for part in ("variables", "optimizer"):
            arrays |= {f"{key}/{part}/{number}": array for number, array in enumerate(training[part])}
        arrays[f"{key}/run"] = json.dumps(training["run"])
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def from_bytes(content: bytes) -> dict[str, Any]:
    """The inverse of `to_bytes`."""
    kept: dict[str, Any] = {}
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        for name in arrays.files:  # in the order in which they were written
            key, part, *_ = name.split("/")
            training = kept.setdefault(key, {"variables": [], "optimizer": []})
            if part == "run":
                training["run"] = json.loads(str(arrays[name]))
            else:
                training[part].append(arrays[name])
    return kept


def _taken(model: Any, history: Any) -> dict[str, Any]:
    return {
        "variables": [variable.numpy() for variable in model.variables],
        "optimizer": [variable.numpy() for variable in model.optimizer.variables],
        "run": {"epoch": history.epoch, "history": history.history, "params": history.params},
    }


def _give(model: Any, training: dict[str, Any]) -> Any:
    import keras

    model.optimizer.build(model.trainable_variables)
    for part, variables in (("variables", model.variables), ("optimizer", model.optimizer.variables)):
        for variable, value in zip(variables, training[part], strict=True):
            variable.assign(value)
    history = keras.callbacks.History()
    history.set_model(model)
    history.set_params(training["run"]["params"])
    history.epoch, history.history = training["run"]["epoch"], training["run"]["history"]
    model.history = history
    return history


def _state(model: Any, made_before: bool) -> list[Any]:
    # Keras numbers the names that nobody has given, through all models of a process.
    config = re.sub(r'_\d+"', '"', model.to_json())
    return [config, int(model.optimizer.iterations), model.get_weights() if made_before else None]


def _digest(value: Any) -> str:
    """The same for the same values; what is not known here is never the same twice."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        text = f"{value.dtype}{value.shape}".encode() + value.tobytes()
    elif value is None or type(value) in (bool, int, float, str):
        text = repr(value).encode()
    elif type(value) in (list, tuple):
        text = "".join(map(_digest, value)).encode() + b"list"
    elif type(value) is dict:
        text = _digest([[_digest(name), _digest(value[name])] for name in value]).encode() + b"dict"
    elif type(value).__module__.startswith("keras."):  # a callback
        text = _digest([type(value).__name__, {k: v for k, v in vars(value).items() if _is_setting(v)}]).encode()
    else:
        text = f"{type(value)} {id(value)}".encode()
    return hashlib.sha256(text).hexdigest()


def _is_setting(value: Any) -> bool:
    return value is None or type(value) in (bool, int, float, str)
