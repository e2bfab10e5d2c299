"""The processes below a fork server, and what they use, as /proc shows it.

Memory is what each process holds for its part (PSS), what lies in its scratch folders, and what may lie in its
sockets: how full they are the kernel does not tell. Processor time is never said to be more than it was, and may be
less: processes that begin and end between two looks, and whose parent does not wait for them, are not seen.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")  # a second
_FREE_SOCKETS = 100  # a kernel has about thirty


def _buffer() -> int:
    """Bytes that may lie in a socket; the filter of system calls lets nobody have more than this system's default."""
    with contextlib.suppress(OSError, ValueError):
        return int(Path("/proc/sys/net/core/wmem_default").read_text())
    return 212_992


class _Spent:
    """Processor time of one fork in clock ticks, out of two counts that are each too low at times.

    What is seen of every process misses those that begin and end between two looks. What processes know of the
    children they waited for misses those nobody waits for.
    """

    def __init__(self) -> None:
        self.ticks = 0
        self._own: dict[tuple[int, int], int] = {}
        self._ended = 0

    def look(self, there: dict[tuple[int, int], _Process]) -> None:
        """Take in the processes that are there now, by their ids and starts."""
        self._ended += sum(ticks for key, ticks in self._own.items() if key not in there)
        self._own = {key: process.own for key, process in there.items()}
        one_by_one = self._ended + sum(self._own.values())
        waited_for = sum(process.own + process.waited for process in there.values())
        self.ticks = max(self.ticks, one_by_one, waited_for)


class ProcessTree:
    """The processes below a fork server, as this machine's /proc shows them."""

    def __init__(self, process: int, sandboxed: bool) -> None:
        self._root = process
        self._sandboxed = sandboxed
        self._proc: Path | None = None
        self._forks: dict[tuple[int, int], _Spent] = {}  # by the guard's id and start
        self._gone = 0  # clock ticks of forks that have ended

    def at_most(self) -> int:
        """Bytes that the submissions use at most; quick, and far too high if they share much."""
        proc, server, children = self._read()
        ours = {server, *children.get(server, [])} | {c for g in children.get(server, []) for c in children.get(g, [])}
        theirs = [pid for pid in _below(server, children) if pid not in ours]
        held = sum(resident(str(pid), proc) for pid in theirs) + _in_sockets(proc, theirs)
        return held + self._in_scratch(proc, server, children)

    def total(self) -> int:
        """Bytes that the fork server and all below it use, pages that they share counted once."""
        proc, server, children = self._read()
        everybody = (server, *_below(server, children))
        held = sum(_proportional(proc / str(pid)) for pid in everybody) + _in_sockets(proc, everybody)
        return held + self._in_scratch(proc, server, children)

    def cpu_seconds(self) -> float:
        """Processor time of all forks that were seen so far, those that have ended included; it never goes back."""
        _, server, processes = self._look()
        children = _children(processes)
        seen = {}
        for guard in children.get(server, []):
            there = {(pid, processes[pid].began): processes[pid] for pid in (guard, *_below(guard, children))}
            key = guard, processes[guard].began
            seen[key] = self._forks.pop(key, _Spent())
            seen[key].look(there)
        self._gone += sum(fork.ticks for fork in self._forks.values())
        self._forks = seen
        return (self._gone + sum(fork.ticks for fork in seen.values())) / _TICKS

    def host_processes(self) -> list[int]:
        """All process ids below and including the one that was started, as the host counts."""
        children = _children(_all_in(Path("/proc")))
        return [self._root, *_below(self._root, children)]

    def _read(self) -> tuple[Path, int, dict[int, list[int]]]:
        proc, server, processes = self._look()
        return proc, server, _children(processes)

    def _look(self) -> tuple[Path, int, dict[int, _Process]]:
        if self._proc is None:
            self._proc = self._inner_proc() if self._sandboxed else Path("/proc")
        processes = _all_in(self._proc)
        # In the sandbox pid 1 is bubblewrap and its only child the fork server.
        server = next((pid for pid, p in processes.items() if p.parent == 1), 1) if self._sandboxed else self._root
        return self._proc, server, processes

    def _inner_proc(self) -> Path:
        """The sandbox's own /proc: a few entries instead of all of the machine's."""
        inner = _children(_all_in(Path("/proc")))[self._root][0]
        return Path(f"/proc/{inner}/root/proc")

    def _in_scratch(self, proc: Path, server: int, children: dict[int, list[int]]) -> int:
        if not self._sandboxed:
            return 0
        used = 0
        for guard in children.get(server, []):
            for folder in ("tmp", "dev/shm"):
                with contextlib.suppress(OSError):
                    found = os.statvfs(proc / str(guard) / "root" / folder)
                    used += (found.f_blocks - found.f_bfree) * found.f_frsize
        return used


class _Process(NamedTuple):
    """What /proc/PID/stat says; times in clock ticks."""

    parent: int
    began: int
    own: int  # processor time of this process
    waited: int  # and of those below it that have ended and that it, or one of them, has waited for


def _all_in(proc: Path) -> dict[int, _Process]:
    found = {}
    for name in os.listdir(proc):
        if name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError), open(proc / name / "stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
                own, waited = int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])
                found[int(name)] = _Process(int(fields[1]), int(fields[19]), own, waited)
    return found


def _children(processes: dict[int, _Process]) -> dict[int, list[int]]:
    children: dict[int, list[int]] = {}
    for pid, process in processes.items():
        children.setdefault(process.parent, []).append(pid)
    return children


def _below(pid: int, children: dict[int, list[int]]) -> list[int]:
    found = list(children.get(pid, []))
    for child in found:  # grows while it is walked
        found += children.get(child, [])
    return found


def resident(pid: str, proc: Path = Path("/proc")) -> int:
    try:
        return int((proc / pid / "statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError, ValueError):
        return 0  # it has just ended


def _in_sockets(proc: Path, pids: Iterable[int]) -> int:
    """Bytes that may lie in these processes' sockets, unread; the few that everybody has are left out."""
    found = set()
    for pid in pids:
        folder = proc / str(pid) / "fd"
        with contextlib.suppress(OSError):
            for number in os.listdir(folder):
                with contextlib.suppress(OSError):
                    found.add(os.readlink(folder / number))
    sockets = sum(target.startswith("socket:") for target in found)
    return max(0, sockets - _FREE_SOCKETS) * _buffer()


def _proportional(process: Path) -> int:
    try:
        for line in (process / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except (OSError, IndexError, ValueError):
        pass
    return 0
