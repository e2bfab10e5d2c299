"""The processes below a fork server, and what they use, as /proc shows it.

Memory is what each process holds for its part (PSS), what lies in its scratch folders, and what `memory` finds beyond
that. Processor time is never said to be more than it was, and may be less: processes that begin and end between two
looks, and whose parent does not wait for them, are not seen.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from autograder.sandbox import memory, proc_stat
from autograder.sandbox.memory import Mappings

_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")  # a second
_MAPPINGS_SECONDS = 0.3  # for so long a process's mappings are taken to be as they were: reading them costs 1.5 ms


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
        self._mapped: dict[tuple[int, int], tuple[float, Mappings]] = {}  # by id and start; with when it was read

    def beside(self, enough: int | None = None) -> int:
        """Bytes that the submissions use beside what is resident; at least `enough`, if it is that much."""
        proc, server, processes = self._look()
        children = _children(processes)
        theirs = _theirs(server, children)
        used = self._in_scratch(proc, server, children)
        # Without a sandbox the network is everybody's.
        used += memory.in_sockets(proc / str(server)) if self._sandboxed else _in_open_sockets(proc, theirs)
        if enough is not None and used > enough:
            return used
        known = [one for pid in theirs if (one := memory.status(proc / str(pid))) is not None]
        used += sum(one.of_the_kernel for one in known) + memory.in_pipes(sum(one.descriptors for one in known))
        pieces: set[str] = set()
        for pid, ancestors in _ancestors(theirs, processes, children).items():
            if enough is not None and used > enough:
                return used
            mapped = self._mappings(proc, pid, processes[pid].began)
            used += memory.of_mappings(mapped.count, ancestors)
            pieces |= mapped.shared
        return used + len(pieces) * memory.SHARED_PIECE

    def resident_at_most(self) -> int:
        """Resident bytes of the submissions; quick, and far too many if they share much."""
        proc, server, processes = self._look()
        found = (memory.status(proc / str(pid)) for pid in _theirs(server, _children(processes)))
        return sum(one.resident + one.swapped for one in found if one is not None)

    def resident(self) -> int:
        """Resident bytes of the fork server and all below it, pages that they share counted once."""
        proc, server, processes = self._look()
        return sum(_held(proc / str(pid)) for pid in (server, *_below(server, _children(processes))))

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

    def _mappings(self, proc: Path, pid: int, began: int) -> Mappings:
        now, key = time.monotonic(), (pid, began)
        if key not in self._mapped or now - self._mapped[key][0] > _MAPPINGS_SECONDS:
            self._mapped = {key: known for key, known in self._mapped.items() if now - known[0] < 60}
            self._mapped[key] = now, memory.mappings(proc / str(pid))
        return self._mapped[key][1]

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
            with contextlib.suppress(OSError, IndexError):
                fields = proc_stat.fields(proc / name)
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


def _theirs(server: int, children: dict[int, list[int]]) -> list[int]:
    """The submissions' own processes: below the guards, and the init that each guard has."""
    guards = children.get(server, [])
    ours = {*guards, *(init for guard in guards for init in children.get(guard, []))}
    return [pid for pid in _below(server, children) if pid not in ours]


def _ancestors(theirs: list[int], processes: dict[int, _Process], children: dict[int, list[int]]) -> dict[int, int]:
    """For each process, from how many it may have inherited memory, itself included.

    Whose parent has ended is a child of its init, as the first process is. It may come from any of the others.
    """
    found: dict[int, int] = {}
    mine = set(theirs)
    firsts: set[int] = set()  # the oldest child of each init
    for init in {processes[pid].parent for pid in theirs} - mine:
        firsts.add(min(children[init], key=lambda pid: (processes[pid].began, pid)))
    for pid in theirs:  # parents come before children
        parent = processes[pid].parent
        if parent in mine:
            found[pid] = min(found[parent] + 1, len(theirs))
        else:
            found[pid] = 1 if pid in firsts else len(theirs)
    return found


def resident(pid: str, proc: Path = Path("/proc")) -> int:
    try:
        return int((proc / pid / "statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError, ValueError):
        return 0  # it has just ended


def _held(process: Path) -> int:
    """A process's part of what is resident; all of it, if it cannot be asked what it shares."""
    part = memory.proportional(process)
    if part is not None:
        return part
    known = memory.status(process)
    return known.resident + known.swapped if known is not None else 0


def _in_open_sockets(proc: Path, pids: Iterable[int]) -> int:
    """Bytes that may lie unread in the sockets that these processes have open; who hides them has as many as fit."""
    found, hidden = set(), 0
    for pid in pids:
        folder = proc / str(pid) / "fd"
        try:
            for number in os.listdir(folder):
                with contextlib.suppress(OSError):
                    found.add(os.readlink(folder / number))
        except PermissionError:
            known = memory.status(proc / str(pid))
            hidden += known.descriptors if known is not None else 0
        except OSError:
            pass  # it has ended
    return memory.sockets_hold(sum(target.startswith("socket:") for target in found) + hidden)
