"""How much memory a submission uses, all its processes together, and the end of it when that is too much.

`RLIMIT_DATA` binds each process alone and knows nothing of shared memory or files in a tmpfs. Here the whole tree
below the warm process is measured ten times a second: by its control group where one can be had, else by summing
what each process holds for its part (PSS) and what lies in its scratch folders.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
_INTERVAL = 0.1  # seconds between two looks
OWN_GROWTH = 1_500_000_000  # bytes that the trusted process itself may grow by while a fork is there


class MemoryWatch:
    """Watches the tree below one warm process. `too_much` is called, from a thread, with what was too much."""

    def __init__(self, process: int, walled: bool, too_much: Callable[[str], None]) -> None:
        self._tree = ProcessTree(process, walled)
        self._group = MemoryGroup.make(process, self._tree)
        self._too_much = too_much
        self._limit = 0
        self._before = 0
        self._own = 0
        self._active = threading.Event()
        self._ended = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._look, daemon=True, name="memory watch")
        self._thread.start()

    @property
    def how(self) -> str:
        """How memory is measured here: "control group" or "by process"."""
        return "control group" if self._group else "by process"

    def begin(self, limit: int) -> None:
        """Watch from now on; `limit` is in bytes beyond what is held already."""
        with self._lock:
            self._before = self._group.bytes() if self._group else self._tree.total()
            self._limit, self._own = limit, _resident("self")
            if self._group:
                self._group.limit(self._before + limit + limit // 4)  # the kernel's own end of it, a little later
        self._active.set()

    def rest(self) -> None:
        """There is no fork at present."""
        self._active.clear()

    def close(self) -> None:
        """Stop watching, and remove the control group; the processes must have ended."""
        self._ended = True
        self._active.set()
        self._thread.join(2)
        if self._group:
            self._group.remove()

    def _look(self) -> None:
        while not self._ended:
            self._active.wait()
            began = time.monotonic()
            with self._lock, contextlib.suppress(OSError, ValueError):
                if self._active.is_set() and not self._ended:
                    self._judge()
            time.sleep(max(_INTERVAL, 5 * (time.monotonic() - began)))

    def _judge(self) -> None:
        if self._group:
            used = self._group.bytes() - self._before
        elif self._tree.at_most() < self._limit:
            used = 0
        else:
            used = self._tree.total() - self._before
        if used > self._limit:
            self._active.clear()
            self._too_much(f"more than {self._limit // 10**6} MB of memory")
        elif _resident("self") - self._own > OWN_GROWTH:
            self._active.clear()
            self._too_much("more output than can be held")


class ProcessTree:
    """The processes below a warm process, as this machine's /proc shows them."""

    def __init__(self, process: int, walled: bool) -> None:
        self._root = process
        self._walled = walled
        self._proc: Path | None = None

    def at_most(self) -> int:
        """Bytes that the submissions use at most; quick, and far too high if they share much."""
        proc, warm, children = self._read()
        ours = {warm, *children.get(warm, [])} | {c for g in children.get(warm, []) for c in children.get(g, [])}
        theirs = [pid for pid in _below(warm, children) if pid not in ours]
        return sum(_resident(str(pid), proc) for pid in theirs) + self._in_scratch(proc, warm, children)

    def total(self) -> int:
        """Bytes that the warm process and all below it use, pages that they share counted once."""
        proc, warm, children = self._read()
        held = sum(_proportional(proc / str(pid)) for pid in (warm, *_below(warm, children)))
        return held + self._in_scratch(proc, warm, children)

    def host_processes(self) -> list[int]:
        """All process ids below and including the one that was started, as the host counts."""
        children = _children(Path("/proc"))
        return [self._root, *_below(self._root, children)]

    def _read(self) -> tuple[Path, int, dict[int, list[int]]]:
        if self._proc is None:
            self._proc = self._inner_proc() if self._walled else Path("/proc")
        children = _children(self._proc)
        # Behind the wall pid 1 is bubblewrap and its only child the warm process.
        warm = children.get(1, [1])[0] if self._walled else self._root
        return self._proc, warm, children

    def _inner_proc(self) -> Path:
        """The sandbox's own /proc: a few entries instead of all of the machine's."""
        inner = _children(Path("/proc"))[self._root][0]
        return Path(f"/proc/{inner}/root/proc")

    def _in_scratch(self, proc: Path, warm: int, children: dict[int, list[int]]) -> int:
        if not self._walled:
            return 0
        used = 0
        for guard in children.get(warm, []):
            for folder in ("tmp", "dev/shm"):
                with contextlib.suppress(OSError):
                    found = os.statvfs(proc / str(guard) / "root" / folder)
                    used += (found.f_blocks - found.f_bfree) * found.f_frsize
        return used


class MemoryGroup:
    """A control group of its own for one warm process and everything below it (version 1 or 2)."""

    def __init__(self, folder: Path, version: int) -> None:
        self._folder = folder
        self._version = version

    @staticmethod
    def make(process: int, tree: ProcessTree) -> MemoryGroup | None:
        """Make a group and move the processes into it; None where that is not allowed."""
        for parent, version in _parents():
            _remove_leftovers(parent)
            folder = parent / f"autograder-{process}"
            try:
                folder.mkdir()
            except OSError:
                continue
            group = MemoryGroup(folder, version)
            try:
                group.bytes()
                for pid in tree.host_processes():
                    with contextlib.suppress(ProcessLookupError):
                        (folder / "cgroup.procs").write_text(str(pid))
                return group
            except OSError:
                group.remove()
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

    def limit(self, bytes_: int) -> None:
        """Let the kernel end processes beyond this."""
        with contextlib.suppress(OSError):
            name = "memory.max" if self._version == 2 else "memory.limit_in_bytes"
            (self._folder / name).write_text(str(bytes_))

    def remove(self) -> None:
        for _ in range(50):
            try:
                self._folder.rmdir()
                return
            except FileNotFoundError:
                return
            except OSError:  # the last process is not quite gone
                time.sleep(0.02)


def _remove_leftovers(parent: Path) -> None:
    """Remove groups of warm processes whose owners were killed; one that is in use cannot be removed."""
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


def _children(proc: Path) -> dict[int, list[int]]:
    children: dict[int, list[int]] = {}
    for name in os.listdir(proc):
        if name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError), open(proc / name / "stat", "rb") as file:
                parent = int(file.read().rpartition(b")")[2].split()[1])
                children.setdefault(parent, []).append(int(name))
    return children


def _below(pid: int, children: dict[int, list[int]]) -> list[int]:
    found = list(children.get(pid, []))
    for child in found:  # grows while it is walked
        found += children.get(child, [])
    return found


def _resident(pid: str, proc: Path = Path("/proc")) -> int:
    try:
        return int((proc / pid / "statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError, ValueError):
        return 0  # it has just ended


def _proportional(process: Path) -> int:
    try:
        for line in (process / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except (OSError, IndexError, ValueError):
        pass
    return 0
