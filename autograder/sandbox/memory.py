"""What processes hold of memory, as /proc shows it to whoever started them, root or not.

Resident pages are the smaller part of the question. In nobody's resident set, and used all the same, are: page tables,
the mappings themselves, what lies unread in sockets and pipes, and shared memory that its processes have let go of and
could map again. Where the kernel counts such a thing, its number is taken; where it does not, the most that can be
there is, and `syscalls` keeps that small: sockets and pipes keep their size, pages cannot be handed to a pipe or
a socket, anonymous memory that processes share comes in pieces of `SHARED_PIECE` at most.

Nothing here needs a right that an ordinary user lacks. `/proc/PID/fd` of a process that is not dumpable does: sockets
are counted by their network namespace, which also knows those that lie in a queue and those that are closed with
something unread.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

SHARED_PIECE = 16 << 20  # bytes of anonymous memory that processes may share, in one piece
_PAGE = os.sysconf("SC_PAGE_SIZE")
_FREE_SOCKETS = 100  # a kernel has about thirty
_FREE_STREAMS = 4  # of TCP; a kernel has one, and a child that prints opens two for a moment
_PROCESS = 32_768  # bytes of the kernel's for a process
_THREAD = 24_576  # and for a thread, its stack above all
_MAPPING = 450  # bytes of the kernel's for a mapping; tried: 344
_LINK = 64  # and for each process above that it was inherited from
_MANY_MAPPINGS = 10_000  # a kernel with Keras has a thousand; who has so many is taken to have as many as there can be


class Status(NamedTuple):
    """What /proc/PID/status says; bytes, and numbers of threads and of places for file descriptors."""

    resident: int
    swapped: int
    tables: int
    threads: int
    descriptors: int

    @property
    def of_the_kernel(self) -> int:
        """Bytes that the kernel holds for the process, mappings left out."""
        return self.tables + _PROCESS + self.threads * _THREAD


@dataclass(frozen=True)
class Mappings:
    """How many mappings a process has, and which pieces of anonymous shared memory are among them."""

    count: int
    shared: frozenset[str]


def status(process: Path) -> Status | None:
    """Of a process's folder in /proc; None if it has ended."""
    found = {}
    try:
        with open(process / "status", "rb") as file:
            for line in file:
                key, _, value = line.partition(b":")
                found[key] = value
        resident, swapped, tables = (
            int(found.get(key, b"0").split()[0]) * 1024 for key in (b"VmRSS", b"VmSwap", b"VmPTE")
        )
        return Status(resident, swapped, tables, int(found[b"Threads"]), int(found[b"FDSize"]))
    except (OSError, KeyError, ValueError, IndexError):
        return None


def proportional(process: Path) -> int | None:
    """Resident and swapped bytes of a process, shared pages divided among those who share them.

    Pages of files on disk are left out, such as those of TensorFlow's library: the kernel can drop them at any time,
    and a process's part of them grows by hundreds of megabytes when somebody else's that had them mapped ends.
    None if nobody may look: the process has ended, or it hides itself.
    """
    try:
        found = 0
        for line in (process / "smaps_rollup").read_text().splitlines():
            if line.startswith(("Pss:", "SwapPss:")):
                found += int(line.split()[1]) * 1024
            elif line.startswith("Pss_File:"):  # files in memory are Pss_Shmem
                found -= int(line.split()[1]) * 1024
        return found
    except (OSError, IndexError, ValueError):
        return None


def mappings(process: Path) -> Mappings:
    """Of a process's folder in /proc. Who cannot be looked at is taken to have as many as there can be."""
    count, shared = 0, set()
    try:
        with open(process / "maps", "rb") as file:
            for line in file:
                count += 1
                if line.endswith(b"/dev/zero (deleted)\n"):  # the kernel's name for it
                    shared.add(line.split()[4].decode())
                if count > _MANY_MAPPINGS:
                    return Mappings(_most_mappings(), frozenset(shared))
    except (FileNotFoundError, ProcessLookupError):
        return Mappings(0, frozenset())  # it has ended
    except OSError:
        return Mappings(_most_mappings(), frozenset())
    return Mappings(count, frozenset(shared))


def of_mappings(count: int, ancestors: int) -> int:
    """Bytes of the kernel's for so many mappings in a process that may have inherited from so many others.

    Memory that a process may write is linked to every process above that had it before and is still there.
    """
    return count * (_MAPPING + _LINK * max(0, ancestors - 1))


def in_sockets(process: Path) -> int:
    """Bytes that may lie unread in the sockets of the process's network namespace, a few left out.

    A socket counts as long as something that it sent is unread, whether or not a process still has it open.
    """
    sockets, streams = _number(process / "net/sockstat", "sockets:", "used"), 0
    for name, line in (("sockstat", "TCP:"), ("sockstat6", "TCP6:")):
        streams += _number(process / "net" / name, line, "inuse")
    return sockets_hold(sockets) + max(0, streams - _FREE_STREAMS) * _stream_buffers()


def sockets_hold(number: int) -> int:
    """Bytes that may lie in so many sockets other than TCP's, a few left out."""
    return max(0, number - _FREE_SOCKETS) * _buffer()


def in_pipes(descriptors: int) -> int:
    """Bytes that may lie in pipes, if each of these descriptors is one end of one.

    The kernel gives a user's pipes 64 kB each until all his together have that of 16,384 pages, and then two pages.
    """
    pipes = max(0, descriptors - _FREE_SOCKETS) // 2
    return min(pipes * 16 * _PAGE, 16_384 * _PAGE + pipes * 2 * _PAGE)


def _number(file: Path, line: str, word: str) -> int:
    """The number behind a word in one line of a file."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for found in file.read_text().splitlines():
            words = found.split()
            if words[:1] == [line]:
                return int(words[words.index(word) + 1])
    return 0


@cache
def _buffer() -> int:
    """Bytes that may lie in a socket; the filter of system calls lets nobody have more than this system's default."""
    return max(_setting("net/core/wmem_default", 212_992), _setting("net/core/rmem_default", 212_992))


@cache
def _stream_buffers() -> int:
    """Bytes that may lie in a connection of TCP, which grows by itself."""
    return _setting("net/ipv4/tcp_rmem", 6 << 20) + _setting("net/ipv4/tcp_wmem", 4 << 20)


@cache
def _most_mappings() -> int:
    return min(_setting("vm/max_map_count", 65_530), 1 << 20)


def _setting(name: str, otherwise: int) -> int:
    """The last number of one of the kernel's settings; none of them is another in the sandbox."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path("/proc/sys", name).read_text().split()[-1])
    return otherwise
