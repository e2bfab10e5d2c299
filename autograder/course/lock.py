"""One run at a time in a course: two that write results would undo each other's work."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from autograder.errors import AlreadyRunning, CourseError
from autograder.language import say

WATCHING = "autograder watch"


@contextmanager
def only_run(state: Path, by: str = "") -> Iterator[None]:
    """Hold the lock of the course whose state is kept in this folder.

    The operating system holds it for this process and lets go when the process ends, however it ends, so that nothing
    is left behind by a run that was killed.

    Args:
        by: what runs, if it is no run that ends by itself.

    Raises:
        AlreadyRunning: another process holds it.
        CourseError: the folder cannot be written to.
    """
    try:
        state.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(state / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise CourseError(say("{state} cannot be written to: {why}.", state=state, why=error.strerror)) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 200).decode("utf-8", "replace").strip()
            raise AlreadyRunning(_refusal(holder)) from None
        except OSError:
            pass  # a file system without locks: then as it always was
        os.ftruncate(descriptor, 0)
        whose = f"{by}, " if by else ""
        os.pwrite(descriptor, f"{whose}process {os.getpid()}, since {datetime.now():%H:%M:%S}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def is_watched(state: Path) -> bool:
    """Whether `autograder watch` grades what arrives in this course now, on this machine.

    The lock itself is left alone: whoever tries it, even for a moment, could keep a run from starting.
    """
    try:
        holder = (state / "lock").read_text("utf-8", "replace")
        number = holder.removeprefix(f"{WATCHING}, process ").partition(",")[0]
        if not holder.startswith(WATCHING) or not number.isdigit():
            return False
        return b"watch" in Path("/proc", number, "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False


def refuse_beside_another(state: Path) -> None:
    """Find out early, before workers start, that `only_run` would be refused. Makes nothing in a new course.

    Raises:
        AlreadyRunning: another process holds the lock.
        CourseError: the folder cannot be written to.
    """
    if (state / "lock").exists():
        with only_run(state):
            pass


def _refusal(holder: str) -> str:
    if holder.startswith(f"{WATCHING}, "):
        return say(
            "This course is already being graded by `{watching}` ({holder}), which grades new work as it arrives. To"
            " grade it yourself, stop that first.",
            watching=WATCHING,
            holder=_who(holder.removeprefix(f"{WATCHING}, ")),
        )
    return say(
        "This course is already being graded{by}. Wait until that run has ended, or stop it, and run this again.",
        by=f" ({_who(holder)})" if holder else "",
    )


def _who(holder: str) -> str:
    """What a run wrote into the lock, for a person."""
    found = re.fullmatch(r"process (\d+), since (\S+)", holder)
    return say("process {number}, since {clock}", number=found[1], clock=found[2]) if found else holder
