"""What /proc/PID/stat says of a process. It imports next to nothing, since what runs in the sandbox uses it, too."""

from __future__ import annotations

from os import PathLike


def fields(process: str | PathLike[str]) -> list[bytes]:
    """What stands behind the command's name, whatever characters that has: the state, the parent, and so on.

    Args:
        process: its folder, such as ``/proc/self``.

    Raises:
        OSError: it has ended.
    """
    with open(f"{process}/stat", "rb") as file:
        return file.read().rpartition(b")")[2].split()


def parent(process: str | PathLike[str]) -> int:
    """The number of the process's parent, as that /proc counts. Raises OSError or IndexError if it has ended."""
    return int(fields(process)[1])
