"""A control group for one fork server and all below it: the kernel itself adds up what they use."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path


class ControlGroup:
    """A control group of its own for one fork server and everything below it (version 1 or 2).

    Version 1 counts processor time in a hierarchy of its own, so there it takes a second group, `clock`.
    """

    def __init__(self, folder: Path, version: int) -> None:
        self._folder = folder
        self._version = version
        self._clock: Path | None = None

    @staticmethod
    def make(process: int, processes: Callable[[], list[int]]) -> ControlGroup | None:
        """Make a group and move the `processes` into it; None where that is not allowed."""
        for parent, version in _parents():
            _remove_leftovers(parent)
            folder = parent / f"autograder-{process}"
            try:
                folder.mkdir()
            except OSError:
                continue
            group = ControlGroup(folder, version)
            try:
                group.bytes()
                _move(processes(), folder)
            except OSError:
                group.remove()
                continue
            group._find_clock(process, processes)
            return group
        return None

    def _find_clock(self, process: int, processes: Callable[[], list[int]]) -> None:
        if self._version == 2:
            self._clock = self._folder
            return
        for parent in _clocks():
            _remove_leftovers(parent)
            folder = parent / f"autograder-{process}"
            with contextlib.suppress(OSError):
                folder.mkdir()
                self._clock = folder
                _move(processes(), folder)
                return

    def cpu_seconds(self) -> float | None:
        """Processor time of all that ever was in the group, those that have ended included; None if unknown."""
        if self._clock is None:
            return None
        if self._version == 1:
            return int((self._clock / "cpuacct.usage").read_text()) / 1e9
        for line in (self._clock / "cpu.stat").read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == "usage_usec":
                return int(value) / 1e6
        return None

    def bytes(self) -> int:
        """Bytes in use, files that are merely cached left out."""
        name = "memory.current" if self._version == 2 else "memory.usage_in_bytes"
        used = int((self._folder / name).read_text())
        prefix = "" if self._version == 2 else "total_"
        for line in (self._folder / "memory.stat").read_text().splitlines():
            key, _, value = line.partition(" ")
            if key in (f"{prefix}inactive_file", f"{prefix}active_file"):
                used -= int(value)
        return used

    def killed(self) -> int:
        """How many processes of the group the kernel has ended for memory; 0 if it does not say."""
        name = "memory.events" if self._version == 2 else "memory.oom_control"
        with contextlib.suppress(OSError, ValueError):
            for line in (self._folder / name).read_text().splitlines():
                key, _, value = line.partition(" ")
                if key == "oom_kill":
                    return int(value)
        return 0

    def limit(self, bytes_: int) -> None:
        """Let the kernel end processes beyond this."""
        with contextlib.suppress(OSError):
            name = "memory.max" if self._version == 2 else "memory.limit_in_bytes"
            (self._folder / name).write_text(str(bytes_))

    def remove(self) -> None:
        """Remove it; the processes must have ended."""
        for folder in {self._folder, self._clock or self._folder}:
            for _ in range(50):
                try:
                    folder.rmdir()
                    break
                except FileNotFoundError:
                    break
                except OSError:  # the last process is not quite gone
                    time.sleep(0.02)


def _move(processes: list[int], folder: Path) -> None:
    for pid in processes:
        with contextlib.suppress(ProcessLookupError):
            (folder / "cgroup.procs").write_text(str(pid))


def _remove_leftovers(parent: Path) -> None:
    """Remove groups of fork servers whose owners were killed; one that is in use cannot be removed."""
    for folder in parent.glob("autograder-[0-9]*"):
        if not Path("/proc", folder.name.removeprefix("autograder-")).exists():
            with contextlib.suppress(OSError):
                folder.rmdir()


def _parents() -> Iterator[tuple[Path, int]]:
    """Groups below which one may be made: this process's own, under version 2 or 1."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "memory":
            yield Path("/sys/fs/cgroup/memory" + path), 1
        elif controllers == "":
            own = Path("/sys/fs/cgroup" + path)
            with contextlib.suppress(OSError):
                if "memory" in (own / "cgroup.subtree_control").read_text().split():
                    yield own, 2


def _clocks() -> Iterator[Path]:
    """The group of version 1 that counts this process's processor time, below which one may be made."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if "cpuacct" in controllers.split(","):
                yield Path("/sys/fs/cgroup") / controllers / path.lstrip("/")
                yield Path("/sys/fs/cgroup/cpuacct") / path.lstrip("/")
