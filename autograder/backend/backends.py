"""The backends that Keras may compute with here: what each is called, and what it knows of GPUs.

Nothing imports Keras or a backend unless a function of the table is called, so that the trusted side can read it.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

GpuMemory = list[tuple[str, int]]  # of each GPU that is in use: its name, and the bytes that this process holds of it


@dataclass(frozen=True)
class Backend:
    """One of Keras's backends."""

    name: str  # as `KERAS_BACKEND` has it
    distributions: tuple[str, ...] = ()  # of which one at least is installed; the first of them says the version
    modules: tuple[str, ...] = ()  # what it is imported as
    gpu_memory: Callable[[], GpuMemory] = list  # imports the backend
    part: str = ""  # of the kit, which brings it (`autograder/parts.py`); '' if none does


def _tensorflow() -> GpuMemory:
    tf: Any = importlib.import_module("tensorflow")
    devices = tf.config.list_logical_devices("GPU")
    return [(d.name, tf.config.experimental.get_memory_info(d.name.split("device:")[-1])["current"]) for d in devices]


def _torch() -> GpuMemory:
    torch: Any = importlib.import_module("torch")
    numbers = range(torch.cuda.device_count())
    return [(torch.cuda.get_device_name(n), torch.cuda.memory_reserved(n)) for n in numbers]


def _jax() -> GpuMemory:
    jax: Any = importlib.import_module("jax")
    devices = [d for d in jax.devices() if d.platform == "gpu"]
    return [(str(d), (d.memory_stats() or {}).get("bytes_in_use", 0)) for d in devices]


TENSORFLOW = Backend("tensorflow", ("tensorflow", "tensorflow-cpu"), ("tensorflow",), _tensorflow, part="cpu")
BACKENDS = {
    backend.name: backend
    for backend in (
        TENSORFLOW,
        Backend("torch", ("torch",), ("torch",), _torch),
        Backend("jax", ("jaxlib", "jax"), ("jax", "jaxlib"), _jax),
    )
}


def called(name: str) -> Backend:
    """The backend of this name; one of which nothing else is known, if it stands in no table."""
    return BACKENDS.get(name) or Backend(name, (name,))


def chosen() -> Backend:
    """The one that `KERAS_BACKEND` asks for; TensorFlow, where it asks for none."""
    return called(os.environ.get("KERAS_BACKEND", TENSORFLOW.name))
