"""A control group for one fork server and all below it: the kernel itself adds up what they use.

Under version 1 one is made below this process's own. Under version 2 a group that holds processes hands no controller
down, so there this process has to leave its own first, into a leaf: it becomes the keeper of its group, and the fork
servers' groups are made beside the leaf. It does so only in a group that was handed over to it, by
``systemd-run --user --scope -p Delegate=yes`` for instance, and that holds nobody else's processes.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from autograder.sandbox import proc_stat

HOW_TO_GET_ONE = "systemd-run --user --scope -p Delegate=yes"  # before the command that grades


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
        """Processor time of every process that was ever in the group, ended ones included; None if unknown."""
        if self._clock is None:
            return None
        if self._version == 1:
            return int((self._clock / "cpuacct.usage").read_text()) / 1e9
        used = numbers_in(self._clock / "cpu.stat").get("usage_usec")
        return None if used is None else used / 1e6

    def bytes(self) -> int:
        """Bytes in use, files that are merely cached left out."""
        name = "memory.current" if self._version == 2 else "memory.usage_in_bytes"
        used = int((self._folder / name).read_text())
        prefix = "" if self._version == 2 else "total_"
        cached = numbers_in(self._folder / "memory.stat")
        return used - sum(cached.get(f"{prefix}{name}", 0) for name in ("inactive_file", "active_file"))

    def killed(self) -> int:
        """How many processes of the group the kernel has ended for memory; 0 if it does not say."""
        name = "memory.events" if self._version == 2 else "memory.oom_control"
        with contextlib.suppress(OSError):
            return numbers_in(self._folder / name).get("oom_kill", 0)
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


def groups_of_this_process(root: Path = Path("/")) -> list[tuple[str, str]]:
    """The group of this process in each hierarchy: the hierarchy's controllers ('' for version 2), and its path."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    return [(controllers, path) for _, controllers, path in (line.split(":", 2) for line in lines)]


def numbers_in(file: Path) -> dict[str, int]:
    """The lines of a file such as ``memory.stat`` that hold a name and a number.

    Raises:
        OSError: it cannot be read.
    """
    pairs = (line.partition(" ") for line in file.read_text().splitlines())
    return {name: int(number) for name, _, number in pairs if number.isdecimal()}


def _parents() -> Iterator[tuple[Path, int]]:
    """Groups below which one may be made: this process's own, under version 2 or 1, or the one that it keeps."""
    for controllers, path in groups_of_this_process():
        if controllers == "memory":
            yield Path("/sys/fs/cgroup/memory" + path), 1
        elif controllers == "" and (kept := keep(Path("/sys/fs/cgroup" + path), "memory")) is not None:
            yield kept, 2


_LEAF = "keeper"


def keep(own: Path, controller: str) -> Path | None:
    """A group of version 2 that hands a controller down to groups that are made in it; None if there is none for us.

    Args:
        own: this process's.
    """
    group = own.parent if own.name == _LEAF else own
    if _hands_down(group, controller):
        return group
    if not _handed_over(group):
        return None
    leaf = group / _LEAF
    with contextlib.suppress(OSError):
        leaf.mkdir(exist_ok=True)
        for _ in range(20):  # a process may be born in it meanwhile; or another worker does the same
            if (there := _processes_in(group)) and not _are_ours(there):
                break
            _move(there, leaf)
            with contextlib.suppress(OSError):
                (group / "cgroup.subtree_control").write_text(f"+{controller}")
            if _hands_down(group, controller):
                return group
            time.sleep(0.02)
    return None


def _hands_down(group: Path, controller: str) -> bool:
    with contextlib.suppress(OSError):
        return controller in (group / "cgroup.subtree_control").read_text().split()
    return False


def _handed_over(group: Path) -> bool:
    """Whether the group is ours to divide. Root may write to any, so for root systemd's mark has to be on it."""
    if not os.access(group / "cgroup.subtree_control", os.W_OK) or not os.access(group / "cgroup.procs", os.W_OK):
        return False
    if os.getuid() != 0:
        return True
    if not (group / "cgroup.type").exists():  # the machine's root group, which is nobody's to divide
        return False
    for name in ("trusted.delegate", "user.delegate"):
        with contextlib.suppress(OSError):
            if os.getxattr(group, name) == b"1":
                return True
    return Path("/proc/self/cgroup").read_text().strip().endswith("::/")  # a container's


def _processes_in(group: Path) -> list[int]:
    return [int(line) for line in (group / "cgroup.procs").read_text().split()]


def _are_ours(there: list[int]) -> bool:
    """Whether all of these processes come from one that is this process, or is above it, and is among them."""
    parents: dict[int, int] = {}
    for pid in there:
        with contextlib.suppress(OSError, IndexError):
            parents[pid] = proc_stat.parent(f"/proc/{pid}")
    top = pid = os.getpid()
    while pid := parents.get(pid, 0):
        top = pid if pid in parents else top
    for pid in parents:
        while pid != top:
            if pid not in parents:
                return False
            pid = parents[pid]
    return True


def _clocks() -> Iterator[Path]:
    """The group of version 1 that counts this process's processor time, below which one may be made."""
    for controllers, path in groups_of_this_process():
        if "cpuacct" in controllers.split(","):
            yield Path("/sys/fs/cgroup") / controllers / path.lstrip("/")
            yield Path("/sys/fs/cgroup/cpuacct") / path.lstrip("/")
