"""Which device Keras computes on, and how much of its memory is in use. For a GPU that a class shares.

A learner calls `show_device()`; `autograder doctor` says the same for an operator. Loaded as an extension of IPython
(``c.IPKernelApp.extensions = ["autograder.learner.device"]``) it also caps what a kernel's TensorFlow may take of each
GPU, at ``$AUTOGRADER_GPU_MEMORY_MB``. That cap is TensorFlow's own promise: it keeps apart neighbours who do nothing
wrong. A limit that nobody can lift is made by MIG, or by MPS.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from autograder.backend.backends import called
from autograder.language import say, say_plural
from autograder.learner.first_import import AroundImport

LIMIT = "AUTOGRADER_GPU_MEMORY_MB"
"""Name of the environment variable with the cap, in MiB for each kernel and GPU."""
GROWTH = "TF_FORCE_GPU_ALLOW_GROWTH"
_SMI_SECONDS = 20.0
_MIB = 2**20


@dataclass(frozen=True)
class Gpu:
    """A GPU of this machine, as its driver tells. Memory in MiB; None where the driver does not say (MIG)."""

    name: str
    used: int | None
    total: int | None

    def __str__(self) -> str:
        if self.used is None or self.total is None:
            return say("{name}, memory unknown (divided by MIG, or no permission to ask)", name=self.name)
        return say(
            "{name}, {used:,} of {total:,} MiB in use by everybody", name=self.name, used=self.used, total=self.total
        )


def gpus() -> list[Gpu]:
    """The NVIDIA GPUs that this account sees, without importing a Keras backend; [] without a driver."""
    command = ["nvidia-smi", "--query-gpu=name,memory.used,memory.total", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", timeout=_SMI_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return []
    if done.returncode:
        return []
    rows = [[part.strip() for part in line.split(",")] for line in done.stdout.splitlines()]
    return [Gpu(row[0], _number(row[1]), _number(row[2])) for row in rows if len(row) == 3]


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() else None


def show_device() -> None:
    """Print where Keras computes here, and what of a GPU's memory this notebook and everybody have taken."""
    print("\n".join(device_lines()))


def device_lines() -> list[str]:
    """What `show_device` prints. Imports the Keras backend."""
    import keras

    backend = keras.config.backend()
    mine = called(backend).gpu_memory()
    if not mine:
        lines = [say("Keras is using {backend} on the CPU. That is all these lessons need.", backend=backend)]
        if there := gpus():
            lines.append(
                say("There is a GPU here that {backend} cannot see: {name}.", backend=backend, name=there[0].name)
            )
        return lines
    lines = [
        say_plural(
            "Keras is using {backend} on {n} GPU.",
            "Keras is using {backend} on {n} GPUs.",
            len(mine),
            backend=backend,
        )
    ]
    lines += [say("{name}: this notebook holds {value:,.0f} MiB.", name=name, value=held / _MIB) for name, held in mine]
    return lines + [f"{gpu}." for gpu in gpus()]


def load_ipython_extension(_shell: object) -> None:
    """Called by IPython when a kernel starts; does nothing where no cap is asked for."""
    limit = os.environ.get(LIMIT, "")
    if not limit:
        return
    if not limit.isdecimal() or int(limit) == 0:
        print(
            say("{setting}={value} is not a number of MiB, so nothing is capped.", setting=LIMIT, value=limit),
            file=sys.stderr,
        )
        return
    if "tensorflow" in sys.modules:
        cap_tensorflow(int(limit))
    else:
        sys.meta_path.insert(0, AroundImport("tensorflow", lambda: _capped(int(limit))))


@contextmanager
def _capped(limit: int) -> Iterator[None]:
    yield
    cap_tensorflow(limit)


def cap_tensorflow(limit: int) -> None:
    """Let TensorFlow take `limit` MiB of each GPU and no more; before its first computation.

    Memory grows up to there, since `GROWTH` is read from the environment whatever is set here.
    """
    tf: Any = importlib.import_module("tensorflow")
    for gpu in tf.config.list_physical_devices("GPU"):
        share = tf.config.LogicalDeviceConfiguration(memory_limit=limit)
        tf.config.set_logical_device_configuration(gpu, [share])
