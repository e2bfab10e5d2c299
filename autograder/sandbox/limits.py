"""Every limit on a submission, in one place, with its unit."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from autograder.errors import BadLimit

MB = 1_000_000


@dataclass(frozen=True)
class Limits:
    """What one submission may use. An exercise's own training takes a few seconds and about 500 MB."""

    cell_seconds: float = 60.0  # wall time of one cell
    notebook_seconds: float = 240.0  # wall time of all cells together
    # Processor time does not grow with the load of a machine as wall time does (`stretched`). What stops a busy loop
    # there is this: what two cores do in the wall time of an idle machine.
    cell_cpu_seconds: int = 120  # processor time of one cell, all its processes and threads together
    cpu_seconds: int = 480  # processor time of all cells, functions and models together
    answer_seconds: float = 15.0  # wall time to answer one question of a check
    memory_mb: int = 2_000  # beyond what the fork server already holds, all processes together
    processes: int = 512  # processes and threads
    open_files: int = 256
    file_mb: int = 200  # size of one file
    disk_mb: int = 400  # everything written to the scratch folder
    cell_output_kb: int = 1_000  # what one cell may print or show
    notebook_output_kb: int = 8_000
    model_seconds: float = 30.0  # rebuilding a model and predicting with it

    def with_settings(self, settings: dict[str, Any], source: str) -> Limits:
        """These limits with some of them changed.

        Raises:
            BadLimit: an unknown name, or something other than a positive number.
        """
        known = {f.name for f in fields(self)}
        for name, value in settings.items():
            if name not in known:
                raise BadLimit(f"{source}: there is no limit called '{name}'. Limits: {', '.join(sorted(known))}.")
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
                raise BadLimit(f"{source}: the limit '{name}' should be a positive number, not {value!r}.")
        return replace(self, **{n: type(getattr(self, n))(v) for n, v in settings.items()})

    def stretched(self, factor: float) -> Limits:
        """These limits with every wall time multiplied: on a busy machine honest work takes longer, too."""
        times = ("cell_seconds", "notebook_seconds", "answer_seconds", "model_seconds")
        return replace(self, **{name: round(getattr(self, name) * factor, 1) for name in times})

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def busyness() -> float:
    """How much longer things take here than on an idle machine, 1 to 6, by the load of the last minute.

    A load of two per core is what grading itself makes, with TensorFlow's threads.
    """
    cores = len(os.sched_getaffinity(0))
    return min(max(os.getloadavg()[0] / (2 * cores), 1.0), 6.0)
