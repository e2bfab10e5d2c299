"""How much memory and processor time a submission uses, all its processes together, and its end when that is too much.

`RLIMIT_DATA` and `RLIMIT_CPU` bind each process alone; the first knows nothing of shared memory or files in a tmpfs,
the second nothing of a hundred processes that share the work. Here the whole tree below the fork server is measured
ten times a second: by its control group where one can be had, else by what /proc shows.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from autograder.language import _
from autograder.sandbox import machine
from autograder.sandbox.control_group import ControlGroup
from autograder.sandbox.limits import Limits
from autograder.sandbox.processes import ProcessTree, resident

_INTERVAL = 0.1  # seconds between two looks
OWN_GROWTH = 1_500_000_000  # bytes that the trusted process itself may grow by while a fork is there


class Resource(StrEnum):
    """What a submission can use too much of, all its processes together."""

    MEMORY = _("memory")
    OUTPUT = _("output")
    PROCESSOR = _("processor time")


@dataclass(frozen=True)
class Excess:
    """What was used too much of; `says` follows the word "it"."""

    resource: Resource
    says: str


class Watch:
    """Watches the tree below one fork server. `too_much` is called, from a thread, with what was too much."""

    def __init__(self, process: int, sandboxed: bool, too_much: Callable[[Excess], None]) -> None:
        self._tree = ProcessTree(process, sandboxed)
        self._group = ControlGroup.make(process, self._tree.host_processes)
        self._too_much = too_much
        self._memory_limit = 0
        self._memory_before = 0
        self._beside_before = 0
        self._measuring = 0.0  # seconds that the last look took for memory
        self._due = 0.0  # when memory is to be measured next
        self._free = 0  # bytes that the machine had left when it was measured
        self._killed_before = 0
        self._cpu_limit = 0.0
        self._cpu_before = 0.0
        self._own = 0
        self.cpu_seconds = 0.0  # processor time since `begin`, as of the last look
        self._active = threading.Event()
        self._ended = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._look, daemon=True, name="watch")
        self._thread.start()

    @property
    def how(self) -> str:
        """How memory is measured here: "control group" or "by process"."""
        return "control group" if self._group else "by process"

    def begin(self, limits: Limits) -> None:
        """Watch from now on; what the limits allow comes on top of what is there already."""
        memory = limits.memory_mb * 10**6
        with self._lock:
            self._memory_before = self._group.bytes() if self._group else self._tree.resident()
            self._beside_before = 0 if self._group else self._tree.beside()
            self._memory_limit, self._own, self._due = memory, resident("self"), 0.0
            self._cpu_before, self._cpu_limit, self.cpu_seconds = self._processor(), limits.cpu_seconds, 0.0
            if self._group:
                self._group.limit(self._memory_before + memory + memory // 4)  # the kernel's own end of it, later
                self._killed_before = self._group.killed()
        self._active.set()

    def killed_by_the_kernel(self) -> Excess | None:
        """What was used too much of, if memory filled so fast that the kernel was there first."""
        killed = self._group is not None and self._group.killed() > self._killed_before
        return self.memory_excess() if killed else None

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
            with self._lock, contextlib.suppress(OSError, ValueError, LookupError):  # something has just ended
                if self._active.is_set() and not self._ended:
                    self._measuring = 0.0
                    self._judge()
            time.sleep(max(_INTERVAL, 5 * (time.monotonic() - began - self._measuring)))

    def _judge(self) -> None:
        excess = self._excess()
        if excess is not None:
            self._active.clear()
            self._too_much(excess)

    def _excess(self) -> Excess | None:
        self.cpu_seconds = self._processor() - self._cpu_before
        if self.cpu_seconds > self._cpu_limit:
            return Excess(
                Resource.PROCESSOR, _("used more than {seconds:g} s of processor time in all", seconds=self._cpu_limit)
            )
        if self._memory_is_due():
            began = time.monotonic()
            used = self._uses()
            now = time.monotonic()
            self._measuring, self._due, self._free = now - began, now + 5 * (now - began), machine.free_bytes()
            if used > self._memory_limit:
                return self.memory_excess()
        if resident("self") - self._own > OWN_GROWTH:
            return Excess(Resource.OUTPUT, _("produced more output than can be kept"))
        return None

    def _memory_is_due(self) -> bool:
        """Many processes take long to measure, so they have a longer rest, unless the machine's memory shrinks."""
        return time.monotonic() >= self._due or machine.free_bytes() < self._free - self._memory_limit // 8

    def _uses(self) -> int:
        """Bytes of memory in use; not all of them, if it is clear without the rest that they are too many, or not."""
        if self._group:
            return self._group.bytes() - self._memory_before
        beside = self._tree.beside(self._beside_before + self._memory_limit) - self._beside_before
        if beside > self._memory_limit or beside + self._tree.resident_at_most() <= self._memory_limit:
            return beside
        return beside + self._tree.resident() - self._memory_before

    def memory_excess(self) -> Excess:
        """What is said of whoever uses more memory than the limit."""
        return Excess(
            Resource.MEMORY, _("used more than {megabytes} MB of memory", megabytes=self._memory_limit // 10**6)
        )

    def _processor(self) -> float:
        seconds = self._group.cpu_seconds() if self._group else None
        return self._tree.cpu_seconds() if seconds is None else seconds
