"""What can be found out before an hour of grading is found out before: places that cannot be written, full disks."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

from autograder import terminal
from autograder.errors import CannotWrite, UsageError
from autograder.language import say

TEMPORARY_BYTES = 20_000_000  # what grading needs in the folder for temporary files
COURSE_BYTES = 20_000_000  # what a class leaves in the course directory, at the least


class Target:
    """Where ``--json`` or ``--events`` writes to: '-' is standard output."""

    def __init__(self, option: str, target: str) -> None:
        """Find out whether that can be written, changing nothing.

        Raises:
            UsageError: it cannot.
        """
        self.option, self.target = option, target
        self.is_stdout = target == "-"
        path = Path(os.path.realpath(target))
        self._path = path
        if self.is_stdout:
            return
        try:
            if target.endswith("/") or path.is_dir():
                raise UsageError(say("{option} {target} is a folder. Name a file.", option=option, target=target))
            if not path.parent.is_dir():
                raise UsageError(
                    say(
                        "{option} {target} cannot be written: there is no folder {parent}.",
                        option=option,
                        target=target,
                        parent=path.parent,
                    )
                )
            if path.exists() and not path.is_file():  # a device; a pipe is waited for when there is something to write
                if not stat.S_ISFIFO(path.stat().st_mode):
                    _probe_device(path)
                return
            if path.exists() and not os.access(path, os.W_OK):
                raise UsageError(
                    say(
                        "{option} {target} cannot be written: you only have permission to read it.",
                        option=option,
                        target=target,
                    )
                )
            probe(path.parent)
        except OSError as error:
            raise UsageError(
                say("{option} {target} cannot be written: {why}.", option=option, target=target, why=error.strerror)
            ) from error

    def write(self, text: str) -> None:
        """Write all of it as UTF-8; a file is there whole or as it was.

        Raises:
            CannotWrite: the disk is full by now, or the place is gone.
        """
        content = text.encode("utf-8", "replace")
        if self.is_stdout:
            terminal.write_bytes(content)
            return
        try:
            if self._path.exists() and not self._path.is_file():
                self._path.write_bytes(content)
                return
            self._replace(content)
        except OSError as error:
            raise self._failure(error) from error

    @contextlib.contextmanager
    def opened(self) -> Iterator[TextIO]:
        """A stream to write to line by line.

        Raises:
            CannotWrite: it cannot be opened any more.
        """
        if self.is_stdout:
            yield sys.stdout
            return
        try:
            stream = self._path.open("w", encoding="utf-8")
        except OSError as error:
            raise self._failure(error) from error
        with stream:
            yield stream

    def _failure(self, error: OSError) -> CannotWrite:
        return CannotWrite(
            say(
                "{option} {target} could not be written: {why}.",
                option=self.option,
                target=self.target,
                why=error.strerror,
            )
        )

    def _replace(self, content: bytes) -> None:
        new = self._path.with_name(f".{self._path.name[:100]}.{os.getpid()}")
        try:
            new.write_bytes(content)
            if self._path.exists():
                shutil.copymode(self._path, new)
            new.replace(self._path)
        except BaseException:
            with contextlib.suppress(OSError):
                new.unlink(missing_ok=True)
            raise


def probe(folder: Path) -> None:
    """Write and remove a file in a folder. Raises `OSError` if that fails: permissions alone do not say it."""
    with tempfile.TemporaryFile(dir=folder, prefix=".autograder-") as file:
        file.write(b"\0" * 4096)
        file.flush()


def _probe_device(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        os.write(descriptor, b"")  # a full device says so even to nothing
    finally:
        os.close(descriptor)


def require_course(root: Path, folders: Iterable[Path]) -> None:
    """Make sure that results can be written into a course: into each of these folders, or where it will be made.

    Raises:
        UsageError: they cannot; the message says where and why.
    """
    for folder in dict.fromkeys(map(_existing, [root, *folders])):
        try:
            probe(folder)
            free = shutil.disk_usage(folder).free
        except OSError as error:
            raise UsageError(
                say(
                    "Nothing can be written in {folder}: {why}. Grading writes its results there.",
                    folder=folder,
                    why=error.strerror,
                )
            ) from error
        if free < COURSE_BYTES:
            raise UsageError(
                say(
                    "The disk that {folder} is on is full: {free:.0f} MB are free, and a class needs at least"
                    " {needed:.0f} MB. Make room, and run this again.",
                    folder=folder,
                    free=free / 1e6,
                    needed=COURSE_BYTES / 1e6,
                )
            )


def _existing(folder: Path) -> Path:
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    return folder


def require_temporary() -> None:
    """Make sure that there is room for temporary files.

    Raises:
        UsageError: there is none; the message says where.
    """
    chosen = os.environ.get("TMPDIR")
    try:
        folder = Path(chosen) if chosen else Path(tempfile.gettempdir())
        if chosen and not folder.is_dir():
            raise UsageError(
                say("TMPDIR names {chosen}, which is not a folder. Correct it, or unset it.", chosen=chosen)
            )
        probe(folder)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        where = say("TMPDIR names {chosen}, which", chosen=chosen) if chosen else say("The folder for temporary files")
        raise UsageError(
            say("{where} cannot be written to: {why}.", where=where, why=error.strerror or error)
        ) from error
    if free < TEMPORARY_BYTES:
        raise UsageError(
            say(
                "The folder for temporary files, {folder}, is full: {free:.0f} MB are free, and grading"
                " needs {needed:.0f} MB. Make room, or set TMPDIR to another folder.",
                folder=folder,
                free=free / 1e6,
                needed=TEMPORARY_BYTES / 1e6,
            )
        )
