"""What this machine, or the part of it that a control group leaves to us, has to offer: cores and memory.

In a container or a pod /proc shows the whole node. What may be used there is said by the control groups that this
process is in, of version 2 or 1; the tightest of them counts.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from autograder.learner.ahead import memory_of_the_machine
from autograder.sandbox.control_group import groups_of_this_process, numbers_in

WORKER_BYTES = 1_200_000_000  # what a fork server and a submission take together
_UNLIMITED = 1 << 60  # version 1 says so with a number that is no multiple of anything


@dataclass(frozen=True)
class Machine:
    """What there is to use, as it was when it was looked at."""

    cores: int
    free_bytes: int  # memory that can be had without taking it from anybody
    limit_bytes: int | None = None  # what the control groups allow in all, if they limit it

    @property
    def workers(self) -> int:
        """One per core, or as many as memory allows, and at least one."""
        return max(1, min(self.cores, self.free_bytes // WORKER_BYTES))


def examine(root: Path = Path("/")) -> Machine:
    """Look at this machine; `root` is another place for /proc and /sys, for tests."""
    free, cores = free_bytes(root), float(len(os.sched_getaffinity(0)))
    limit = None
    for groups, version in _groups(root):
        for group in groups:
            if (allowed := _memory(group, version)) is not None:
                limit = min(allowed, limit or allowed)
                free = min(free, allowed - _used(group, version))
            if (share := _cores(group, version)) is not None:
                cores = min(cores, share)
    return Machine(max(1, int(cores)), max(0, free), limit)


def free_bytes(root: Path = Path("/")) -> int:
    """Memory that this machine has left, whatever a control group allows; 0 if it does not say."""
    return memory_of_the_machine(root / "proc")


def _groups(root: Path) -> Iterator[tuple[list[Path], int]]:
    """For each hierarchy that limits memory or cores: the group of this process and those above it.

    Where a container has no namespace for its groups, /proc names the node's path and /sys shows the container's
    group at the top, so what is not there is passed over.
    """
    mounted = root / "sys/fs/cgroup"
    for controllers, name in groups_of_this_process(root):
        relative = Path(name.lstrip("/"))
        inside = [relative, *relative.parents] if name.strip("/") else [relative]
        if controllers == "":
            yield [mounted / one for one in inside], 2
        elif {"memory", "cpu"} & set(controllers.split(",")):
            yield [mounted / controllers / one for one in inside], 1


def _memory(group: Path, version: int) -> int | None:
    limit = _number(group / ("memory.max" if version == 2 else "memory.limit_in_bytes"))
    return None if limit is None or limit >= _UNLIMITED else limit


def _used(group: Path, version: int) -> int:
    """Memory in use, files that are merely cached and were not read again left out."""
    used = _number(group / ("memory.current" if version == 2 else "memory.usage_in_bytes")) or 0
    cached = "inactive_file" if version == 2 else "total_inactive_file"
    with suppress(OSError):
        used -= numbers_in(group / "memory.stat").get(cached, 0)
    return max(0, used)


def _cores(group: Path, version: int) -> float | None:
    if version == 2:
        with suppress(OSError, ValueError):
            quota, period = (group / "cpu.max").read_text().split()
            return int(quota) / int(period)
        return None
    allowed, every = _number(group / "cpu.cfs_quota_us"), _number(group / "cpu.cfs_period_us")
    return allowed / every if allowed and every and allowed > 0 else None


def _number(path: Path) -> int | None:
    """The number in a file; None if there is no such file, or if it says "max"."""
    with suppress(OSError, ValueError):
        return int(path.read_text())
    return None
