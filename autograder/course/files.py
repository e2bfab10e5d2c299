"""Writing a file of a course."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

# What a file system says that has none: FAT and some shares of Windows' or of other programs'.
_NO_HARD_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})


def write_atomically(path: Path, content: str | bytes, durable: bool = False) -> None:
    """Write a file so that it is there whole or not at all; if `durable`, also after a power cut."""
    with written_beside(path, content, durable) as put_in_place:
        put_in_place()


@contextlib.contextmanager
def written_beside(path: Path, content: str | bytes, durable: bool = False) -> Iterator[Callable[[], None]]:
    """Write a file under another name first; what is given puts it in its place, for which no more room is needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode("utf-8", "replace"))
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        yield lambda: os.replace(temporary, path)
        if durable:
            _sync_folder(path.parent)
    finally:
        Path(temporary).unlink(missing_ok=True)


def write_once(path: Path, make: Callable[[], bytes]) -> None:
    """Write a secret, for its owner alone, unless there is one: whole or not at all.

    What is there is in use, so no other one is ever put in its place; of two that are made at once, one stays.

    Raises:
        OSError: it cannot be written.
    """
    if os.path.lexists(path):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with _secret_beside(path, make()) as beside:
        try:
            os.link(beside, path)
        except FileExistsError:
            pass
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
            _create(path, beside.read_bytes())


def replace_empty(path: Path, make: Callable[[], bytes]) -> None:
    """Write a secret in the place of an empty file; one that another process puts there first stays.

    Raises:
        OSError: there is no file, or it cannot be written.
    """
    if os.stat(path).st_size:
        return
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)  # NFS locks only what may be written
    try:
        _lock(descriptor)
        if _lies_at(path, descriptor) and not os.fstat(descriptor).st_size:
            with _secret_beside(path, make()) as beside:
                os.replace(beside, path)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _secret_beside(path: Path, content: bytes) -> Iterator[Path]:
    """A file with this content beside another one, for its owner alone, and gone in the end."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        yield beside
    finally:
        beside.unlink(missing_ok=True)


def _create(path: Path, content: bytes) -> None:
    """Write a secret under its own name at once, unless there is one; whoever finds it empty waits for the lock."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    try:
        _lock(descriptor)
        try:
            with os.fdopen(descriptor, "wb", closefd=False) as file:
                file.write(content)
        except BaseException:
            if _lies_at(path, descriptor):
                path.unlink()
            raise
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    """Be the only one who has locked this file, until it is closed."""
    import fcntl  # only where there are courses

    with contextlib.suppress(OSError):  # a file system without locks
        fcntl.flock(descriptor, fcntl.LOCK_EX)


def _lies_at(path: Path, descriptor: int) -> bool:
    """Whether this open file is the one that lies there."""
    try:
        return os.path.samestat(os.lstat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _sync_folder(folder: Path) -> None:
    """Have what a folder's files are called on the disk, too."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems cannot
            raise
    finally:
        os.close(descriptor)


def files_in(folder: Path) -> dict[str, Path]:
    """All files in a folder and the folders in it, by their paths there, sorted; hidden ones and caches left out."""
    found = {file.relative_to(folder): file for file in sorted(folder.rglob("*"))}
    return {
        name.as_posix(): file
        for name, file in found.items()
        if not any(part.startswith(".") or part == "__pycache__" for part in name.parts) and file.is_file()
    }
